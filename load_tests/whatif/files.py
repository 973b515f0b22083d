"""Files of events in the forms in which people have them: CSV, JSON lines, Parquet, CASAS text; plain, gzip or zstd.

What cannot be read costs itself and is told with its file and line, never with its content.
"""

import csv
import gzip
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec
from backports import zstd

from load_tests.recordings.recorded import COLUMNS, Report, events_of
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
LONGEST_ROW: Final = 1 << 20
LONGEST_JSON: Final = 1 << 26
"""Bytes of a line, of rows and of JSON; a longer one is passed over without being held."""
CELL_LINES: Final = 20
"""A cell goes on over so many lines at most: a quote that is never closed must not take the rest of the file along."""
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
        where = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{where}: {self.reason}"


class StrictError(ValueError):
    """Something cannot be read, and reading was to stop at the first such place."""


class Found(msgspec.Struct):
    """What was wrong with files; complete once their events have been read to the end."""

    bad: list[Bad] = []
    bad_count: int = 0
    notes: list[str] = []
    disorder: int = 0
    """Events that stood after later ones of their household."""
    line: int = 0
    """Where in the present file reading is."""
    strict: bool = False
    """Stop at the first bad place."""

    def refuse(self, file: str, line: int, reason: str) -> None:
        """Count a bad place and keep the first ones.

        Raises:
            StrictError: there may be none.

        """
        if self.strict:
            raise StrictError(f"{Bad(file, line, reason)}; nothing was replayed: --strict was asked for")
        self.bad_count += 1
        if len(self.bad) < KEPT:
            self.bad.append(Bad(file, line, reason))


def form_of(path: Path) -> str:
    """Return `csv`, `jsonl`, `parquet` or `casas` by the file's name; empty for another one."""
    name = path.with_suffix("") if path.suffix in PACKED else path
    return FORMS.get(name.suffix.lower(), "")


def each_event(paths: Iterable[Path], tz: str, found: Found) -> Iterator[Event]:
    """Read files in the order of their names, event by event; `found` fills meanwhile.

    Raises:
        StrictError: a place cannot be read and `found` is strict.
        CsvError: the time zone is unknown.

    """
    for number, path in enumerate(paths):
        form = form_of(path)
        if not form:
            found.notes.append(f"{path.name} was passed over: its name says no known form.")
            continue
        if not path.is_file():  # a pipe would be waited for without end
            found.refuse(path.name, 0, "no file, or a link that leads to none")
            continue
        yield from _noting_disorder(path, _read(path, form, tz, number, found), found)


def _read(path: Path, form: str, tz: str, number: int, found: Found) -> Iterator[Event]:
    report = Report(tell=lambda line, reason, column: found.refuse(path.name, line, f"{reason} ({column})"))
    try:
        with _opened(path, form, found) as file:
            if form == "jsonl":
                yield from _of_json(path, file, found)
                return
            rows = _of_casas(path, file, found) if form == "casas" else _of_csv(path, file, found)
            for event in events_of(rows, tz, report):
                # Two files may hold one household: a line number alone would make the second's rows repeats of the first's.
                yield msgspec.structs.replace(event, id=f"{number}-{event.id}") if number else event
    except OSError as error:
        found.refuse(path.name, 0, f"cannot be read: {error.strerror or type(error).__name__}")


@contextmanager
def _opened(path: Path, form: str, found: Found) -> Iterator[BinaryIO]:
    if form == "parquet":
        words = [sys.executable, "-m", "load_tests.whatif.parquet", str(path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:  # noqa: S603 - ours
            yield cast("BinaryIO", child.stdout)
            if child.wait():
                found.refuse(path.name, 0, "no Parquet file, or cut in half")
        return
    unpack = gzip.open if path.suffix == ".gz" else zstd.open if path.suffix == ".zst" else open
    with cast("BinaryIO", cast("Callable[..., object]", unpack)(path, "rb")) as file:
        yield file


def _lines(path: Path, file: BinaryIO, found: Found, longest: int = LONGEST_ROW) -> Iterator[bytes]:
    """Give lines, an empty one for each that is too long; where the file is cut in half, those before the cut."""
    number = 0
    try:
        while line := file.readline(longest):
            number += 1
            if len(line) == longest and line[-1:] != b"\n":
                found.refuse(path.name, number, f"a line of more than {longest >> 20} MB")
                while (line := file.readline(longest)) and line[-1:] != b"\n":
                    pass
                line = b"\n"
            yield line
    except (EOFError, OSError, zstd.ZstdError):
        found.refuse(path.name, number + 1, "the file is damaged from here on")


def _texts(path: Path, file: BinaryIO, found: Found) -> Iterator[tuple[int, str]]:
    """Give lines as text with their numbers, without what ends them."""
    for number, line in enumerate(_lines(path, file, found), 1):
        try:
            yield number, line.decode("utf-8" if number > 1 else "utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            found.refuse(path.name, number, "not UTF-8")


def _cells(texts: Iterator[tuple[int, str]], refuse: Callable[[int, str], None]) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each row with the number of its first line. Most have no quote, and need no more than a split."""
    back: deque[tuple[int, str]] = deque()
    while (one := back.popleft() if back else next(texts, None)) is not None:
        number, text = one
        if '"' not in text:
            if text:
                yield number, text.split(",")
            continue
        more: list[tuple[int, str]] = []
        whole = text
        while whole.count('"') % 2 and len(more) < CELL_LINES:
            following = back.popleft() if back else next(texts, None)
            if following is None:
                break
            more.append(following)
            whole += f"\n{following[1]}"
        if whole.count('"') % 2:
            refuse(number, "a quote that is not closed")
            back.extendleft(reversed(more))
            continue
        try:
            yield number, next(csv.reader([whole]))
        except csv.Error:
            refuse(number, "no CSV")


def _of_csv(path: Path, file: BinaryIO, found: Found) -> Iterator[tuple[int, list[str]]]:
    def refuse(line: int, reason: str) -> None:
        found.refuse(path.name, line, reason)

    before = found.bad_count
    cells = _cells(_texts(path, file, found), refuse)
    first, head = next(cells, (1, []))
    if not head:
        if found.bad_count == before and path.suffix != ".parquet":
            refuse(1, "there is nothing in it")
        return
    names = [name.strip().lower() for name in head]
    if missing := [name for name in COLUMNS if name not in names]:
        refuse(first, f"no column {', '.join(missing)}; the first line must be {','.join(COLUMNS)}")
        return
    places = [names.index(name) for name in COLUMNS]
    for extra in sorted({*range(len(names))} - {*places}):
        why = "has the name of another" if names[extra] in COLUMNS else "is not known"
        refuse(first, f"column {extra + 1} {why} and was passed over")
    is_plain = places == [*range(len(names))]
    for number, row in cells:
        found.line = number
        if len(row) != len(names):
            yield number, row[:1]  # too short or too long, whatever its cells mean
        else:
            yield number, row if is_plain else [row[i] for i in places]


def _of_casas(path: Path, file: BinaryIO, found: Found) -> Iterator[tuple[int, list[str]]]:
    """Rows of `2010-11-04 00:03:50.209589 M003 ON`, tabs or blanks, perhaps with an activity behind; the home is the file's name."""
    home = path.name.split(".")[0]
    for number, text in _texts(path, file, found):
        words = text.split()
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
    for one in read_messages(_lines(path, file, found, LONGEST_JSON), LATEST_MS):
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
            if found.strict:
                found.refuse(path.name, found.line, "an event that stands after a later one of its household")
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
