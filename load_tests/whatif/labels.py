"""What is known to be true: a labels file, what was injected into synthetic homes, and responders' own outcomes."""

import csv
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from load_tests.recordings.recorded import pseudonym_of
from load_tests.truth import FOUND_WITHIN_MS, FOUND_WITHIN_SLOW_MS, Truth
from load_tests.whatif.fold import Opened
from schemas.incidents import CloseCause, IncidentKind
from schemas.times import from_rfc3339

COLUMNS: Final = ("household", "from", "until", "what")
NEEDED: Final = frozenset({"collapse", "death", "illness", *(kind.value for kind in IncidentKind)})
"""Words of a labels file for what somebody should have been told of."""
NOT_NEEDED: Final = frozenset({"ordinary", "absence", "outage", "visit"})
"""Words for stretches in which an alarm is false."""
NEEDED_CAUSES: Final = frozenset({CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL, CloseCause.DECEASED})
NOT_NEEDED_CAUSES: Final = frozenset(
    {
        CloseCause.SAFE_AT_HOME,
        CloseCause.SAFE_AWAY,
        CloseCause.DEVICE_FAULT,
        CloseCause.WRONG_CONTACT,
    }
)
"""Without `source_outage`: Anbu itself closes with it once a source reports again, and its own word is no label."""
Word = Literal["right", "false", "unlabelled"]


class Label(msgspec.Struct, frozen=True):
    """What is known of one household from one moment to another, UTC milliseconds."""

    household: str
    from_ms: int
    until_ms: int
    what: str
    is_needed: bool
    """Somebody should have been told: an incident that opens in it is right."""
    must_find: bool = True
    """Counts for recall."""
    kind: str = ""
    """Of the incident; empty: silence, cannot see and whatever else opens then."""
    origin: str = "file"

    def moved(self, by_ms: int) -> "Label":
        """Say the same of a home that was moved in time."""
        return msgspec.structs.replace(self, from_ms=self.from_ms + by_ms, until_ms=self.until_ms + by_ms)

    def covers(self, one: Opened) -> bool:
        """Tell whether it speaks of an incident."""
        return (
            one.household == self.household
            and self.from_ms <= one.opened_ms <= self.until_ms
            and self.kind in ("", one.kind)
        )


class LabelFault(msgspec.Struct, frozen=True):
    """A line of a labels file that could not be used."""

    line: int
    reason: str


def read_labels(path: Path, tz: str) -> tuple[list[Label], list[LabelFault]]:
    """Read `household,from,until,what`; a broken line costs itself.

    A need reaches 72 h beyond its end: an alarm that came late was still right.

    Raises:
        ValueError: the header is another one, or the file cannot be read.

    """
    labels: list[Label] = []
    faults: list[LabelFault] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            if tuple(cell.strip() for cell in next(rows, [])) != COLUMNS:
                raise ValueError(f"{path}: the first line must be {','.join(COLUMNS)}")
            for row in rows:
                try:
                    labels.append(_label(row, ZoneInfo(tz)))
                except ValueError as error:
                    faults.append(LabelFault(rows.line_num, str(error)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    return labels, faults


def _label(row: Sequence[str], zone: ZoneInfo) -> Label:
    if len(row) != len(COLUMNS):
        raise ValueError("not four columns")
    name, begin, end, what = (cell.strip() for cell in row)
    household = pseudonym_of(name)  # as its rows are: under another name it would be a label of nobody
    from_ms, until_ms = (_moment(text, zone) for text in (begin, end))
    if until_ms < from_ms:
        raise ValueError("it ends before it begins")
    if what in NEEDED:
        kind = what if what in set(IncidentKind) else ""
        return Label(household, from_ms, until_ms + FOUND_WITHIN_MS, what, is_needed=True, kind=kind)
    if what in NOT_NEEDED:
        return Label(household, from_ms, until_ms, what, is_needed=False, must_find=False)
    raise ValueError(f"unknown word; known: {', '.join(sorted({*NEEDED, *NOT_NEEDED}))}")


def _moment(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
        return from_rfc3339((moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat())
    except ValueError:
        raise ValueError("no time") from None


def of_truth(truth: Iterable[Truth]) -> list[Label]:
    """Turn what was injected into labels."""
    out = []
    for one in truth:
        end_ms = one.at_ms if one.must_find else max(one.at_ms, one.until_ms or one.at_ms)
        within_ms = FOUND_WITHIN_SLOW_MS if one.slow else FOUND_WITHIN_MS
        out.append(
            Label(
                one.household,
                one.at_ms,
                end_ms + within_ms,
                one.code,
                is_needed=True,
                must_find=one.must_find and not one.slow,
                kind=one.kind.value,
                origin="injected",
            )
        )
    return out


def of_outcomes(opened: Iterable[Opened]) -> list[Label]:
    """Turn what responders wrote when they closed incidents into labels of that time."""
    out = []
    for one in opened:
        cause = CloseCause(one.cause) if one.cause else None
        if one.closed_ms and cause in NEEDED_CAUSES | NOT_NEEDED_CAUSES:
            needed = cause in NEEDED_CAUSES
            out.append(
                Label(
                    one.household,
                    min(one.event_from_ms, one.opened_ms),
                    one.closed_ms,
                    str(cause),
                    is_needed=needed,
                    must_find=needed,
                    kind=one.kind,
                    origin="responder",
                )
            )
    return out


class Judged(msgspec.Struct):
    """A run's incidents held against labels."""

    words: dict[str, Word]
    """Of each incident, by id."""
    must_find: int
    delays_h: list[float]
    """Of each label that was found, hours from its beginning to the first incident."""


def judge(opened: Iterable[Opened], labels: Iterable[Label], *, is_complete: bool) -> Judged:
    """Hold incidents against labels. With complete labels whatever none of them explains is false, else unlabelled."""
    of: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        of[label.household].append(label)
    words: dict[str, Word] = {}
    opened_at: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in opened:
        said = [label for label in of.get(one.household, ()) if label.covers(one)]
        if any(label.is_needed for label in said):
            words[one.id] = "right"
        else:
            words[one.id] = "false" if said or is_complete else "unlabelled"
        if not one.withdrawn:
            opened_at[one.household, one.kind].append(one.opened_ms)
            opened_at[one.household, ""].append(one.opened_ms)
    for times in opened_at.values():
        times.sort()
    wanted = [label for mine in of.values() for label in mine if label.must_find]
    delays = []
    for label in wanted:
        times = opened_at.get((label.household, label.kind), [])
        at = bisect_left(times, label.from_ms)
        if at < len(times) and times[at] <= label.until_ms:
            delays.append((times[at] - label.from_ms) / 3_600_000)
    return Judged(words, len(wanted), sorted(delays))
