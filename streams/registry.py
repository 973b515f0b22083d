"""Registry records from the files that offices keep: JSON lines, or CSV with one household a row."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from schemas.checks import LEAST_SENSITIVITY, MOST_H, MOST_SENSITIVITY, check_household
from schemas.district import PREFIX, is_district
from schemas.exercise import EXERCISE_PREFIX, is_exercise
from schemas.households import HouseholdRecord
from schemas.vocabulary import Channel

CSV_COLUMNS: Final = (
    "household",
    "target_group",
    "risk_grade",
    "sensitivity",
    "latest_silence_h",
    "needs",
    "language",
    "district",
    "area_code",
    "time_zone",
    "sources",
)
"""`needs` separated by `;`, `sources` as `/sensors/gw-1=3600;/phone/p-9` (path, and seconds between reports if known)."""

_MUST: Final = {
    "household": "must be a pseudonym of 1 to 64 letters, digits, - or _",
    "sensitivity": f"must lie between {LEAST_SENSITIVITY:g} and {MOST_SENSITIVITY:g}",
    "latest_silence_h": f"must be above 0 and at most {MOST_H:g} hours",
    "time_zone": "must be a zone of the tz database, such as Asia/Seoul",
    "language": "must be a language code, such as ko",
    "sources.source": f"must look like /sensors/gw-1, beginning with one of {', '.join(Channel)}",
    "sources.expect_every_s": "must be a number of seconds, 0 if it does not report regularly",
    "ladder.quiet_from": "must be a time of day such as 22:00",
    "ladder.quiet_until": "must be a time of day such as 07:00",
    "absences.start": "must be an RFC 3339 time with an offset",
    "absences.end": "must be an RFC 3339 time with an offset, after the start",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: a record, or the reason why it is none."""

    number: int
    record: HouseholdRecord | None
    reason: str = ""


def read_json_lines(lines: Iterable[str]) -> Iterator[Line]:
    """One JSON object a line, with the fields of `HouseholdRecord`; empty lines are passed over."""
    for number, text in enumerate(lines, 1):
        if text.strip():
            yield _line(number, text)


def read_csv(lines: Iterable[str]) -> Iterator[Line]:
    """CSV with a heading row of `CSV_COLUMNS` in any order, `household` at least; an empty cell takes the default.

    Raises:
        ValueError: the heading has no `household`, or a column that is not known.

    """
    reader = csv.DictReader(lines)
    heading = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = heading
    if "household" not in heading:
        raise ValueError("the first row must name the columns, `household` among them")
    if unknown := sorted(set(heading) - set(CSV_COLUMNS)):
        raise ValueError(f"unknown columns: {', '.join(unknown)}; known: {', '.join(CSV_COLUMNS)}")
    for row in reader:
        if None in row:
            yield Line(reader.line_num, None, "more cells than columns")
            continue
        try:
            fields = _fields_of(row)
        except ValueError as error:
            yield Line(reader.line_num, None, str(error))
            continue
        yield _line(reader.line_num, json.dumps(fields))


def check_record(record: HouseholdRecord) -> None:
    """Refuse what the engine would refuse, in words for whoever keeps the file.

    Raises:
        ValueError: names the field.

    """
    if is_district(record.household):
        raise ValueError(f"household: {PREFIX} begins the pseudonyms of districts; nobody lives there")
    if is_exercise(record.household):
        raise ValueError(f"household: {EXERCISE_PREFIX} begins the pseudonyms of exercises; nobody real may have one")
    fault = check_household(record)
    if fault is not None:
        field = re.sub(r"\[\d+\]", "", fault.detail)
        raise ValueError(f"{fault.detail}: {_MUST.get(field, fault.reason)}")


def _fields_of(row: dict[str, str | None]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: text.strip() for name, text in row.items() if text and text.strip()}
    for name in ("sensitivity", "latest_silence_h"):
        if name in fields:
            try:
                fields[name] = float(fields[name])
            except ValueError:
                raise ValueError(f"{name}: must be a number") from None
    if "needs" in fields:
        fields["needs"] = _parts(fields["needs"])
    if "sources" in fields:
        fields["sources"] = [_source(part) for part in _parts(fields["sources"])]
    return fields


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _source(text: str) -> dict[str, Any]:
    path, _, every = text.partition("=")
    try:
        return {"source": path.strip(), "expect_every_s": int(every or 0)}
    except ValueError:
        raise ValueError("sources: after = comes a whole number of seconds") from None


def _line(number: int, text: str) -> Line:
    try:
        record = msgspec.json.decode(text.encode(), type=HouseholdRecord)
        check_record(record)
    except msgspec.ValidationError as error:
        return Line(number, None, str(error))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Line(number, None, "not JSON")
    except ValueError as error:
        return Line(number, None, str(error))
    return Line(number, record)
