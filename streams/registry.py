"""Registry records from the files that offices keep: JSON lines, or CSV with one household a row."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.events import PSEUDONYM
from schemas.households import Absence, HouseholdRecord
from schemas.times import from_rfc3339
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

_PSEUDONYM: Final = re.compile(PSEUDONYM)
_SOURCE: Final = re.compile(rf"^/({'|'.join(Channel)})/[A-Za-z0-9._-]{{1,64}}(/[A-Za-z0-9._-]{{1,64}})*$")


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
    """Check what types cannot say.

    Raises:
        ValueError: names the field.

    """
    if not _PSEUDONYM.fullmatch(record.household):
        raise ValueError("household: must be a pseudonym of 1 to 64 letters, digits, - or _")
    if not 0.25 <= record.sensitivity <= 4:
        raise ValueError("sensitivity: must lie between 0.25 and 4")
    if record.latest_silence_h is not None and not 1 <= record.latest_silence_h <= 24 * 30:
        raise ValueError("latest_silence_h: must lie between 1 and 720 hours")
    try:
        ZoneInfo(record.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("time_zone: not a zone of the tz database, such as Asia/Seoul") from None
    if not all(_SOURCE.fullmatch(source.source) for source in record.sources):
        raise ValueError(f"sources: must look like /sensors/gw-1, beginning with one of {', '.join(Channel)}")
    if any(source.expect_every_s < 0 for source in record.sources):
        raise ValueError("sources: expect_every_s must not be negative")
    for absence in record.absences:
        check_absence(absence)


def check_absence(absence: Absence) -> None:
    """Refuse an absence that does not begin before it ends.

    Raises:
        ValueError: it does not, or a time is none.

    """
    try:
        start_ms, end_ms = from_rfc3339(absence.start), from_rfc3339(absence.end)
    except (ValueError, OverflowError):
        raise ValueError("absences: start and end must be RFC 3339 times with an offset") from None
    if start_ms >= end_ms:
        raise ValueError("absences: start must lie before end")


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
