"""Files of events in the forms in which people have them: CSV, JSON lines, Parquet, CASAS text; plain, gzip or zstd.

What cannot be read costs itself and is told with its file and line, never with its content.
"""

import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec
from backports import zstd

from load_tests.recorded import COLUMNS, Report, events_of
from schemas.decode import decode
from schemas.events import Event
from streams.event_file import Bad as BadEvent
from streams.event_file import read_messages

PACKED: Final = {".gz", ".zst"}
FORMS: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "casas",
    ".data": "casas",
}
KEPT: Final = 1000
"""So many bad places are kept with their lines; all are counted."""
LATEST_MS: Final = 1 << 62
CASAS_KINDS: Final = (("MA", "motion"), ("M", "motion"), ("D", "door"), ("I", "item"))
CASAS_SILENT: Final = ("T", "LS", "L", "BA", "E", "P", "AD", "SS", "F", "A", "B", "G")
"""Temperature, light, battery and meters: they say nothing of the person."""


class Bad(msgspec.Struct, frozen=True):
    """A place of a source that was passed over."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """Say it in one line; never with the content."""
        return f"{self.file}, line {self.line}: {self.reason}"


class Found(msgspec.Struct):
    """What was wrong with files; complete once their events have been read to the end."""

    bad: list[Bad] = []
    bad_count: int = 0
    notes: list[str] = []
    disorder: int = 0
    """Events that stood after later ones of their household."""
    line: int = 0
    """Where in the present file reading is."""

    def refuse(self, file: str, line: int, reason: str) -> None:
        """Count a bad place and keep the first ones."""
        self.bad_count += 1
        if len(self.bad) < KEPT:
            self.bad.append(Bad(file, line, reason))


def form_of(path: Path) -> str:
    """Return `csv`, `jsonl`, `parquet` or `casas` by the file's name; empty for another one."""
    name = path.with_suffix("") if path.suffix in PACKED else path
    return FORMS.get(name.suffix.lower(), "")


def each_event(paths: Iterable[Path], tz: str, found: Found) -> Iterator[Event]:
    """Read files in the order of their names, event by event; `found` fills meanwhile."""
    for number, path in enumerate(paths):
        form = form_of(path)
        if not form:
            found.notes.append(f"{path.name} was passed over: its name says no known form.")
            continue
        yield from _noting_disorder(path, _read(path, form, tz, number, found), found)


def _read(path: Path, form: str, tz: str, number: int, found: Found) -> Iterator[Event]:
    try:
        with _open(path, form, found) as file:
            if form == "jsonl":
                yield from _of_json(path, file, found)
                return
            report = Report()
            rows = _of_casas(path, file, found) if form == "casas" else _of_csv(path, file, found)
            for event in events_of(rows, tz, report):
                # Two files may hold one household: a line number alone would make the second's rows repeats of the first's.
                yield msgspec.structs.replace(event, id=f"{number}-{event.id}") if number else event
            for one in report.refusals:
                found.refuse(path.name, one.line, f"{one.reason} ({one.column})")
            found.bad_count += report.refused.total() - len(report.refusals)
    except OSError as error:
        found.refuse(path.name, 0, f"cannot be read: {error.strerror or type(error).__name__}")


def _open(path: Path, form: str, found: Found) -> BinaryIO:
    if form == "parquet":
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "load_tests.whatif.parquet", str(path)], capture_output=True, check=False
        )
        if done.returncode:
            found.refuse(path.name, 0, "no Parquet file, or cut in half")
        return io.BytesIO(done.stdout)
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return cast("BinaryIO", zstd.open(path, "rb"))
    return path.open("rb")


def _lines(path: Path, file: BinaryIO, found: Found) -> Iterator[bytes]:
    """Give lines; where the file is cut in half, those before the cut."""
    number = 0
    try:
        for line in file:
            number += 1
            yield line
    except (EOFError, OSError, zstd.ZstdError):
        found.refuse(path.name, number + 1, "the file is damaged from here on")


def _of_csv(path: Path, file: BinaryIO, found: Found) -> Iterator[tuple[int, list[str]]]:
    texts = (
        line.decode("utf-8-sig" if not i else "utf-8", "replace") for i, line in enumerate(_lines(path, file, found))
    )
    reader = csv.reader(texts)
    names = [name.strip().lower() for name in next(reader, [])]
    if missing := [name for name in COLUMNS if name not in names]:
        if names:
            found.refuse(path.name, 1, f"no column {', '.join(missing)}; the first line must be {','.join(COLUMNS)}")
        return
    for extra in sorted(set(range(len(names))) - {names.index(name) for name in COLUMNS}):
        found.refuse(path.name, 1, f"column {extra + 1} is not known and was passed over")
    places = [names.index(name) for name in COLUMNS]
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            found.refuse(path.name, reader.line_num, "no CSV")
            continue
        if row:
            found.line = reader.line_num
            yield reader.line_num, [row[i] for i in places] if len(row) == len(names) else row[:1]


def _of_casas(path: Path, file: BinaryIO, found: Found) -> Iterator[tuple[int, list[str]]]:
    """Rows of `2010-11-04 00:03:50.209589 M003 ON`, tabs or blanks, perhaps with an activity behind; the home is the file's name."""
    home = path.name.split(".")[0]
    for number, line in enumerate(_lines(path, file, found), 1):
        words = line.decode("utf-8", "replace").split()
        if not words:
            continue
        if len(words) < 4:
            found.refuse(path.name, number, "no CASAS line: day, time, sensor, value")
            continue
        day, clock, device, value = words[:4]
        kind = next((kind for prefix, kind in CASAS_KINDS if _is_numbered(device, prefix)), "")
        if not kind and any(_is_numbered(device, prefix) for prefix in CASAS_SILENT):
            continue
        if not kind:
            kind = "door" if value.upper() in ("OPEN", "CLOSE") else "motion"
        found.line = number
        yield number, [home, f"{day}T{clock}", "sensor", device, kind, value]


def _is_numbered(device: str, prefix: str) -> bool:
    return device.startswith(prefix) and device[len(prefix) :].isdigit()


def _of_json(path: Path, file: BinaryIO, found: Found) -> Iterator[Event]:
    for one in read_messages(_lines(path, file, found), LATEST_MS):
        found.line = one.line
        if isinstance(one, BadEvent):
            found.refuse(path.name, one.line, f"{one.reason}" + (f" ({one.detail})" if one.detail else ""))
            continue
        for event in decode(one.topic, one.household.encode(), one.value):
            if isinstance(event, Event):
                yield event


def _noting_disorder(path: Path, events: Iterable[Event], found: Found) -> Iterator[Event]:
    """Pass events on, and say that some stood behind later ones: they are sorted, but whoever wrote them may want to know."""
    latest: dict[str, int] = {}
    early = first_line = 0
    for event in events:
        if event.at_ms < latest.get(event.household, 0):
            early += 1
            first_line = first_line or found.line
        else:
            latest[event.household] = event.at_ms
        yield event
    if early:
        found.disorder += early
        found.notes.append(
            f"{path.name}, line {first_line}: the first of {early:,} events that stood after later ones of their"
            " household; they were sorted."
        )
