"""Recorded homes and phones from CSV: rows `household,timestamp_iso,source,device,kind,value` become events.

Nothing is invented and nothing stops the reading: a row that says nothing known is counted with its reason and line.
The mapping is written out in docs/recordings.md.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import TextIOWrapper
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from load_tests.columns.days import BATCH_S, MAX_BATCH
from load_tests.messages import Gathered, Message, Span
from load_tests.recordings.words import Refused, Said, say
from schemas.events import PSEUDONYM, Data, Event
from schemas.households import HouseholdRecord, Source
from schemas.times import EPOCH, from_rfc3339, to_rfc3339
from schemas.vocabulary import BY_NAME
from streams.unpacked import DAMAGED, opened

COLUMNS: Final = ("household", "timestamp_iso", "source", "device", "kind", "value")
DEFAULT_TZ: Final = "Asia/Seoul"
MAX_REFUSALS: Final = 1000
"""So many refused rows are kept with their lines; all are counted."""
MAX_MEANINGS: Final = 65_536
"""Of so many different rows what they mean is remembered: homes say few different things, many times."""
WEEK_MS: Final = 7 * 86_400_000


_Batch = tuple[int, str, str]
_EPOCH_DAY: Final = EPOCH.toordinal()


class CsvError(ValueError):
    """The file as a whole is not in the CSV form, or the time zone is unknown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that became no event. `column` names what was wrong with it, never its content."""

    line: int
    reason: str
    column: str


@dataclass(slots=True)
class Report:
    """What became of the rows. Complete once the events have been read to the end."""

    rows: int = 0
    events: Counter[str] = field(default_factory=Counter)
    """Events by kind of the vocabulary."""
    without_meaning: Counter[str] = field(default_factory=Counter)
    """Rows known to say nothing of the person, by kind and value, such as a screen that lights up locked."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rows refused, by reason."""
    refusals: list[Refusal] = field(default_factory=list)
    """The first thousand refused rows, with their lines."""
    repeated_hour: int = 0
    """Naive times that occur twice when the clock is set back: read as the first."""
    skipped_hour: int = 0
    """Naive times that never occur because the clock is set forward: read as if it had not been, an hour on the wall later."""
    renamed: list[str] = field(default_factory=list)
    """Pseudonyms given to names that could not be Kafka keys. The names are not kept: `pseudonym_of` makes them again."""
    households: Counter[str] = field(default_factory=Counter)
    """Events by household."""
    tell: Callable[[int, str, str], None] | None = None
    """Called with line, reason and column of each refused row."""

    def refuse(self, line: int, reason: str, column: str) -> None:
        """Count a refused row and keep its place."""
        if self.tell is not None:
            self.tell(line, reason, column)
        self.refused[reason] += 1
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(Refusal(line, reason, column))


@dataclass(frozen=True, slots=True)
class Imported:
    """Events in the order of the file, made as they are read, and the report that fills meanwhile."""

    events: Iterator[Event]
    report: Report


_CHANNELS: Final = {
    "sensor": "sensors",
    "sensors": "sensors",
    "phone": "phone",
    "worn": "worn",
    "call": "calls",
    "calls": "calls",
    "robot": "robot",
}


class _Times:
    """Reads times; naive ones in one time zone, each local hour looked up once."""

    def __init__(self, tz: str, report: Report) -> None:
        try:
            self.zone = ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise CsvError(f"no such time zone: {tz}") from None
        self.report = report
        self.offsets: dict[int, tuple[int, str]] = {}

    def read(self, text: str) -> int:
        """UTC milliseconds.

        Raises:
            Refused: no time, or one outside 2000..2100.

        """
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refused("no time", "timestamp_iso") from None
        if not 2000 <= moment.year < 2100:
            raise Refused("a time outside 2000..2100", "timestamp_iso")
        if moment.tzinfo is not None:
            return (moment - EPOCH) // timedelta(milliseconds=1)
        day, minute = moment.toordinal() - _EPOCH_DAY, moment.hour * 60 + moment.minute
        # Clocks are changed on whole ten minutes everywhere, so ten minutes of local time share an offset.
        key = day * 1440 + minute // 10
        known = self.offsets.get(key)
        if known is None:
            known = self.offsets[key] = self._offset(moment)
        offset_s, special = known
        if special == "repeated":
            self.report.repeated_hour += 1
        elif special == "skipped":
            self.report.skipped_hour += 1
        minutes_s = (day * 1440 + minute) * 60
        return (minutes_s + moment.second - offset_s) * 1000 + moment.microsecond // 1000

    def _offset(self, moment: datetime) -> tuple[int, str]:
        first = moment.replace(tzinfo=self.zone, fold=0).utcoffset() or timedelta()
        second = moment.replace(tzinfo=self.zone, fold=1).utcoffset() or timedelta()
        special = "repeated" if first > second else "skipped" if first < second else ""
        return int(first.total_seconds()), special


def pseudonym_of(name: str) -> str:
    """Return the name itself where it can be a Kafka key, else a pseudonym that is the same each time."""
    if re.fullmatch(PSEUDONYM, name):
        return name
    return "h-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read_csv(path: Path, tz: str = DEFAULT_TZ) -> Imported:
    """Read rows into events, in the order of the file; `.gz` is unpacked.

    Naive times are read in `tz`. Ids are made of the line number, so reading the file again repeats them.

    Raises:
        CsvError: the file cannot be opened, its header is not the documented one, or the time zone is unknown.

    """
    report = Report()
    rows = Rows(tz, report)
    try:
        file = _open(path)
        header = next(csv.reader(file), [])
    except (*DAMAGED, csv.Error, UnicodeDecodeError) as error:
        raise CsvError(f"{path}: cannot be read: {error}") from error
    if tuple(h.strip().lower() for h in header) != COLUMNS:
        file.close()
        raise CsvError(f"{path}: the first line must be {','.join(COLUMNS)}")
    return Imported(_events(file, rows, report), report)


def _open(path: Path) -> TextIO:
    return TextIOWrapper(opened(path), encoding="utf-8-sig", errors="replace", newline="")


def _rows(file: TextIO, report: Report) -> Iterator[tuple[int, list[str]]]:
    """Rows with their line numbers. A broken row costs itself, a broken file its rest."""
    reader = csv.reader(file)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            report.rows += 1
            report.refuse(reader.line_num + 1, "no CSV", "row")
            continue
        except DAMAGED:
            report.refuse(reader.line_num + 2, "the file is damaged from here on", "row")
            return
        if row:
            report.rows += 1
            yield reader.line_num + 1, row


class _Meaning(NamedTuple):
    """What the last four cells of a row mean, whatever home and time: its channel, and what is said or why it is refused."""

    channel: str
    """Empty: the source is not known."""
    said: Said | None
    refused: Refused | None
    without: str
    """Kind and value, for the count of rows without meaning."""


def _meaning(source: str, device: str, kind: str, value: str) -> _Meaning:
    channel = _CHANNELS.get(source.strip().lower(), "")
    device, kind, value = device.strip(), kind.strip().lower(), value.strip()
    said: Said | None = None
    refused: Refused | None = None
    if not device.isprintable():
        return _Meaning(channel, None, Refused("unprintable", "device"), "")
    try:
        said = say(channel, device, kind, value) if channel else None
        if said is not None:
            # What the engine would refuse is refused here, where its line is known.
            msgspec.convert(msgspec.to_builtins(said[1]), Data)
            if said[0] == "steps" and channel == "sensors":
                channel = "worn"
    except Refused as error:
        refused = error
    except msgspec.ValidationError as error:
        refused = Refused("too long or too large", "device" if "device" in str(error) else "value")
    return _Meaning(channel, said, refused, f"{kind} {value.lower()}")


class Rows:
    """Reads rows of the six columns one by one; what the last four mean is remembered."""

    def __init__(self, tz: str, report: Report) -> None:
        """Choose the zone of times that name none; `report` fills meanwhile.

        Raises:
            CsvError: the time zone is unknown.

        """
        self._report = report
        self._times = _Times(tz, report)
        self._pseudonyms: dict[str, str] = {}
        self._meanings: dict[tuple[str, str, str, str], _Meaning] = {}

    def read(self, line: int, row: list[str]) -> Event | None:
        """Return the event of a row; None where it says nothing or is refused, which is counted."""
        report = self._report
        try:
            name, at_ms, (channel, said, _, without) = self._read(row)
        except Refused as refused:
            report.refuse(line, refused.reason, refused.column)
            return None
        if said is None:
            report.without_meaning[without] += 1
            return None
        household = self._pseudonyms.get(name)
        if household is None:
            household = self._pseudonyms[name] = pseudonym_of(name)
            if household != name:
                report.renamed.append(household)
        word, data = said
        report.events[word] += 1
        report.households[household] += 1
        until_ms = from_rfc3339(data.until) if data.until else 0
        return Event(household, word, f"/{channel}/recorded", f"line-{line}", at_ms, data, until_ms)

    def _read(self, row: list[str]) -> tuple[str, int, _Meaning]:
        """Name, time and meaning of a row."""
        if len(row) != len(COLUMNS):
            raise Refused("not six columns", "row")
        name, moment, source, device, kind, value = row
        name = name.strip()
        if not name:
            raise Refused("no household", "household")
        meaning = self._meanings.get((source, device, kind, value))
        if meaning is None:
            meaning = _meaning(source, device, kind, value)
            if len(self._meanings) < MAX_MEANINGS:
                self._meanings[source, device, kind, value] = meaning
        if not meaning.channel:
            raise Refused("unknown source", "source")
        at_ms = self._times.read(moment.strip())
        if meaning.refused is not None:
            raise Refused(meaning.refused.reason, meaning.refused.column)
        return name, at_ms, meaning


def _events(file: TextIO, rows: Rows, report: Report) -> Iterator[Event]:
    with file:
        for line, row in _rows(file, report):
            event = rows.read(line, row)
            if event is not None:
                yield event


def aligned(events: Iterable[Event], start_ms: int) -> list[Event]:
    """Move each household by whole weeks so that all begin in the week from `start_ms` on.

    Weekdays and hours stay, in a zone without summer time. Homes recorded in different years can then be fed together:
    a log needs a tick for every minute between its first and its last event.
    """
    out = list(events)
    first: dict[str, int] = {}
    for event in out:
        first[event.household] = min(event.at_ms, first.get(event.household, event.at_ms))
    shift = shifts(first, start_ms)
    return [shifted(event, shift[event.household]) for event in out]


def shifts(first: Mapping[str, int], start_ms: int) -> dict[str, int]:
    """Return by how many milliseconds each household moves, from the times of their first events."""
    return {name: -((at_ms - start_ms) // WEEK_MS) * WEEK_MS for name, at_ms in first.items()}


def shifted(event: Event, by_ms: int) -> Event:
    """Return an event moved in time."""
    data, until_ms = event.data, event.until_ms
    if until_ms:
        until_ms += by_ms
        data = Data(device=data.device, until=to_rfc3339(until_ms))
    return Event(event.household, event.kind, event.source, event.id, event.at_ms + by_ms, data, until_ms)


def gathered(events: Iterable[Event], *, batch_s: int = BATCH_S) -> Gathered:
    """Return events as a feed takes them: sorted, one message for each household, topic and `batch_s`, registry included.

    A row reaches the log at the end of its batch (a count: at the end of its five minutes too). A household is watched
    from its first event to its last: nothing is known of it before and after.

    Raises:
        ValueError: there is no event at all.

    """
    held = list(events)
    if not held:
        raise ValueError("no event to send")
    sources: dict[str, set[str]] = {}
    for event in held:
        sources.setdefault(event.household, set()).add(event.source)
    messages = batched(held, batch_s)
    first_ms, last_ms = min(event.at_ms for event in held), messages[-1].sent_ms
    records = [HouseholdRecord(household=h, sources=[Source(s) for s in sorted(sources[h])]) for h in sorted(sources)]
    spans: dict[str, Span] = {}
    for message in messages:
        begin_ms, end_ms = spans.get(message.household, (message.events[0].at_ms, 0))
        spans[message.household] = (min(begin_ms, message.events[0].at_ms), max(end_ms, message.sent_ms))
    return Gathered(first_ms, last_ms + 1, records, messages, spans=spans)


def together(event: Event, batch_s: int) -> int:
    """Return when the batch of an event reaches the log, UTC milliseconds."""
    known_ms = event.at_ms + int((event.data.over_s or 0) * 1000)
    return (known_ms // (batch_s * 1000) + 1) * batch_s * 1000


def batched(events: Iterable[Event], batch_s: int) -> list[Message]:
    """Return events as messages in order of sending, one for each household, topic and `batch_s`."""
    batches: dict[_Batch, list[Event]] = {}
    for event in sorted(events, key=attrgetter("at_ms", "household")):
        batch: _Batch = (together(event, batch_s), event.household, BY_NAME[event.kind].topic)
        batches.setdefault(batch, []).append(event)
    return [
        Message(topic, household, sent_ms, batches[sent_ms, household, topic][i : i + MAX_BATCH])
        for sent_ms, household, topic in sorted(batches)
        for i in range(0, len(batches[sent_ms, household, topic]), MAX_BATCH)
    ]
