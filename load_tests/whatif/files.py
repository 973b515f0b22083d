"""Files of events in the forms in which people have them: CSV, JSON lines, Parquet, CASAS text; plain, gzip or zstd.

What cannot be read costs itself and is told with its file and line, never with its content.
"""

import csv
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Final, cast

import msgspec
import orjson
from backports import zstd

from load_tests.columns.lines import OneFile, without_quotes
from load_tests.columns.sayings import Columns, Saying, Sayings
from load_tests.recordings.recorded import COLUMNS, Report, Rows
from schemas.decode import decode
from schemas.events import Event
from streams.event_file import Bad as BadEvent
from streams.event_file import read_messages
from streams.unpacked import DAMAGED, opened

PACKED: Final = {".gz", ".zst"}
UNREADABLE: Final = (*DAMAGED, zstd.ZstdError)
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
PIECE: Final = 1 << 18
"""Bytes of a file that are read at once."""
ROWS_AT_ONCE: Final = 2_000
NO_TEXT: Final = "not UTF-8"
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


def each_columns(paths: Iterable[Path], tz: str, found: Found, sayings: Sayings) -> Iterator[Columns]:
    """Read files in the order of their names, some thousand events at a time; `found` and `sayings` fill meanwhile.

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
        disorder = _Disorder(path.name, found)
        yield from _read(path, form, _Taking(path, tz, found, OneFile(sayings, number, disorder.note), sayings))
        disorder.tell()


class _Disorder:
    """Events that stand behind later ones: they are sorted, but whoever wrote them may want to know."""

    def __init__(self, file: str, found: Found) -> None:
        self._file = file
        self._found = found
        self._early = 0
        self._first_line = 0

    def note(self, line: int) -> None:
        if self._found.strict:
            self._found.refuse(self._file, line, "an event that stands after a later one of its household")
        self._early += 1
        self._first_line = self._first_line or line

    def tell(self) -> None:
        if self._early:
            self._found.disorder += self._early
            self._found.notes.append(
                f"{self._file}, line {self._first_line}: the first of {self._early:,} events that stood after later ones"
                " of their household; they were sorted."
            )


class _Taking:
    """What the rows of one file become."""

    def __init__(self, path: Path, tz: str, found: Found, file: OneFile, sayings: Sayings) -> None:
        self.path = path
        self.found = found
        self.file = file
        self.sayings = sayings
        self._rows = Rows(tz, Report(tell=lambda line, reason, column: self.refuse(line, f"{reason} ({column})")))

    def refuse(self, line: int, reason: str) -> None:
        self.found.refuse(self.path.name, line, reason)

    def read(self, line: int, row: str | None) -> tuple[Saying, int] | None:
        """Read a row without quotes with care; None is a line that is no text."""
        if row is None:
            self.refuse(line, NO_TEXT)
            return None
        return self.cells(line, row.split(","))

    def cells(self, line: int, row: list[str]) -> tuple[Saying, int] | None:
        event = self._rows.read(line, row)
        return None if event is None else (self.sayings.of(event), event.at_ms)

    def with_care(self, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Columns]:
        """Take cells of rows one by one."""
        columns = Columns()
        # One after the other, never some ahead: what is wrong is told in the order of its lines.
        for line, row in rows:
            read = self.cells(line, row)
            if read is not None:
                self.file.take(columns, *read, line)
            if len(columns.said) >= ROWS_AT_ONCE:
                yield columns
                columns = Columns()
        yield columns


def _read(path: Path, form: str, taking: _Taking) -> Iterator[Columns]:
    try:
        with _opened(path, form, taking.found) as file:
            if form == "jsonl":
                yield from _of_json(file, taking)
            elif form == "casas":
                yield from _of_casas(file, taking)
            else:
                yield from _of_csv(file, taking)
    except OSError as error:
        taking.refuse(0, f"cannot be read: {error.strerror or type(error).__name__}")


@contextmanager
def _opened(path: Path, form: str, found: Found) -> Iterator[BufferedIOBase]:
    if form == "parquet":
        words = [sys.executable, "-m", "load_tests.whatif.parquet", str(path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:  # noqa: S603 - ours
            yield cast("BufferedIOBase", child.stdout)
            if child.wait():
                found.refuse(path.name, 0, "no Parquet file, or cut in half")
        return
    with zstd.open(path, "rb") if path.suffix == ".zst" else opened(path) as file:
        yield file


class _Rest:
    """A file of which some bytes were read before."""

    def __init__(self, before: bytes, file: BufferedIOBase) -> None:
        self._before = BytesIO(before)
        self._file = file

    def readline(self, longest: int) -> bytes:
        line = self._before.readline(longest)
        if line[-1:] != b"\n" and len(line) < longest:
            line += self._file.readline(longest - len(line))
        return line


def _lines(
    file: BufferedIOBase | _Rest, taking: _Taking, first: int = 1, longest: int = LONGEST_ROW
) -> Iterator[bytes]:
    """Give lines, an empty one for each that is too long; where the file is cut in half, those before the cut."""
    number = first - 1
    try:
        while line := file.readline(longest):
            number += 1
            if len(line) == longest and line[-1:] != b"\n":
                taking.refuse(number, f"a line of more than {longest >> 20} MB")
                while (line := file.readline(longest)) and line[-1:] != b"\n":
                    pass
                line = b"\n"
            yield line
    except UNREADABLE:
        taking.refuse(number + 1, "the file is damaged from here on")


def _texts(file: BufferedIOBase | _Rest, taking: _Taking, first: int = 1) -> Iterator[tuple[int, str]]:
    """Give lines as text with their numbers."""
    for number, line in enumerate(_lines(file, taking, first), first):
        text = _decoded(line, "utf-8" if number > 1 else "utf-8-sig")
        if text is None:
            taking.refuse(number, NO_TEXT)
        else:
            yield number, text


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


def _of_csv(file: BufferedIOBase, taking: _Taking) -> Iterator[Columns]:
    head = next(_lines(file, taking), b"")
    names = head.decode("utf-8-sig", "replace").replace('"', "").split(",")
    if tuple(name.strip().lower() for name in names) != COLUMNS:
        yield from taking.with_care(_by_names(_Rest(head, file), taking))
        return
    line, rest, is_damaged, is_more = 2, b"", False, True
    while is_more:
        try:
            piece = file.read1(PIECE)
        except UNREADABLE:
            piece, rest, is_damaged = b"", b"", True
        is_more = bool(piece)
        end = piece.rfind(b"\n") + 1
        whole, rest = (rest + piece[:end], piece[end:]) if end else (b"", rest + piece)
        if not is_more:
            whole, rest = rest, b""
        rows = _rows_in(whole) if len(rest) < LONGEST_ROW // 2 else None
        if rows is None:
            # Cells that go on over lines, or a line without end: from here on row by row.
            texts = _texts(_Rest(whole + rest, file), taking, line)
            yield from taking.with_care(_cells(texts, taking.refuse))
            return
        columns = Columns()
        taking.file.take_all(columns, rows, line, taking.read)
        line += len(rows)
        yield columns
    if is_damaged:
        taking.refuse(line, "the file is damaged from here on")


def _rows_in(whole: bytes) -> list[str | None] | None:
    """Return whole lines as rows without quotes, None for one that is no text; None where quotes hold more than a cell's bounds."""
    rows: list[str | None]
    try:
        text = whole.decode()
    except UnicodeDecodeError:
        rows = [_decoded(line) for line in whole.split(b"\n")]
    else:
        rows = list(text.split("\n"))
        if "\r" in text:
            rows = [row.rstrip("\r") for row in text.split("\n")]
    if rows[-1] == "":
        rows.pop()
    if b'"' in whole:
        for place, row in enumerate(rows):
            if row is not None and '"' in row:
                plain = without_quotes(row)
                if plain is None:
                    return None
                rows[place] = plain
    return rows


def _decoded(line: bytes, encoding: str = "utf-8") -> str | None:
    """Return a line as text, without what ends it; None where it is none."""
    try:
        return line.decode(encoding).rstrip("\r\n")
    except UnicodeDecodeError:
        return None


def _by_names(file: _Rest, taking: _Taking) -> Iterator[tuple[int, list[str]]]:
    """Rows of a file whose columns stand in another order or with others between them."""
    before = taking.found.bad_count
    cells = _cells(_texts(file, taking), taking.refuse)
    first, head = next(cells, (1, []))
    if not head:
        if taking.found.bad_count == before and taking.path.suffix != ".parquet":
            taking.refuse(1, "there is nothing in it")
        return
    names = [name.strip().lower() for name in head]
    if missing := [name for name in COLUMNS if name not in names]:
        taking.refuse(first, f"no column {', '.join(missing)}; the first line must be {','.join(COLUMNS)}")
        return
    places = [names.index(name) for name in COLUMNS]
    for extra in sorted({*range(len(names))} - {*places}):
        why = "has the name of another" if names[extra] in COLUMNS else "is not known"
        taking.refuse(first, f"column {extra + 1} {why} and was passed over")
    for number, row in cells:
        # Too short or too long: refused, whatever its cells mean.
        yield number, [row[i] for i in places] if len(row) == len(names) else row[:1]


def _of_casas(file: BufferedIOBase, taking: _Taking) -> Iterator[Columns]:
    """Rows of `2010-11-04 00:03:50.209589 M003 ON`, tabs or blanks, perhaps with an activity behind; the home is the file's name."""
    home = taking.path.name.split(".")[0]
    columns = Columns()
    for number, text in _texts(file, taking):
        row = _casas_row(home, text, number, taking)
        if "," not in text and "," not in home:
            taking.file.take_all(columns, [",".join(row)], number, taking.read)
        elif row and (read := taking.cells(number, row)) is not None:
            taking.file.take(columns, *read, number)
        if len(columns.said) >= ROWS_AT_ONCE:
            yield columns
            columns = Columns()
    yield columns


def _casas_row(home: str, text: str, number: int, taking: _Taking) -> list[str]:
    """Return a line as cells of our own form; none where it says nothing of the person or is no such line."""
    words = text.split()
    if not words:
        return []
    if len(words) < 4:
        taking.refuse(number, "no CASAS line: day, time, sensor, value")
        return []
    day, clock, device, value = words[:4]
    kind = next((kind for prefix, kind in CASAS_KINDS if _is_numbered(device, prefix)), "")
    if not kind and any(_is_numbered(device, prefix) for prefix in CASAS_SILENT):
        return []
    if not kind:
        kind = "door" if value.upper() in ("OPEN", "CLOSE") else "motion"
    return [home, f"{day}T{clock}", "sensor", device, kind, value]


def _is_numbered(device: str, prefix: str) -> bool:
    return device.startswith(prefix) and device[len(prefix) :].isdigit()


def _of_json(file: BufferedIOBase, taking: _Taking) -> Iterator[Columns]:
    columns = Columns()
    for one in read_messages(_lines(file, taking, longest=LONGEST_JSON), LATEST_MS):
        if isinstance(one, BadEvent):
            taking.refuse(one.line, f"{one.reason}" + (f" ({one.detail})" if one.detail else ""))
            continue
        for event in decode(one.topic, one.household.encode(), one.value):
            if isinstance(event, Event):
                number = orjson.dumps(event.id).decode()
                taking.file.add(columns, taking.sayings.of(event), event.at_ms, number, one.line)
        if len(columns.said) >= ROWS_AT_ONCE:
            yield columns
            columns = Columns()
    yield columns
