"""Rows of text into columns: what was read before is looked up, and only the rest is read with care."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from load_tests.columns.sayings import REMEMBERED, Columns, Saying, Sayings

Read = tuple[Saying, int]
"""What a row says, and when, UTC milliseconds."""
_MINUTE: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_TAIL: Final = re.compile(r"(?:\.(\d{3})\d{0,3})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_SECONDS: Final = {"": 0, **{f":{second:02}": second * 1000 for second in range(60)}}


def without_quotes(row: str) -> str | None:
    """Return a row of six cells without the quotes around them; None where they hold more than a cell's own bounds."""
    cells = row.split(",")
    if len(cells) != 6:
        return None
    for cell in cells:
        marks = cell.count('"')
        if marks and (marks != 2 or len(cell) < 2 or cell[0] != '"' or cell[-1] != '"'):
            return None
    return row.replace('"', "")


class OneFile:
    """Takes the rows of one file. Of each household it is seen whether rows stand behind later ones."""

    def __init__(self, sayings: Sayings, number: int, early: Callable[[int], None]) -> None:
        """Choose the number of the file; `early` is told each line that stands behind a later one of its household."""
        self._sayings = sayings
        self._number = number
        self._early = early
        self._prefix = f'"{number}-line-' if number else '"line-'
        """Two files may hold one household: a line number alone would make the second's rows repeats of the first's."""
        self._by_name: dict[str, dict[str, Saying]] = {}
        self._kept = 0
        self._minutes: dict[str, int] = {}
        self._minutes_apart: dict[str, int] = {}
        """Of times that say their offset: the same digits are another moment there."""
        self._tails: dict[str, int] = {}
        self._tails_apart: dict[str, int] = {}

    def add(self, into: Columns, saying: Saying, at_ms: int, number: str, line: int) -> None:
        """Take an event; `number` is its id in quotes."""
        home = saying.home
        if home.file != self._number:
            home.file = self._number
            home.latest_ms = 0
        if at_ms < home.latest_ms:
            self._early(line)
        else:
            home.latest_ms = at_ms
        into.add(saying, at_ms, number)

    def take(self, into: Columns, saying: Saying, at_ms: int, line: int) -> None:
        """Take what a row says; its line is its id."""
        self.add(into, saying, at_ms, f'{self._prefix}{line}"', line)

    def take_all(
        self, into: Columns, rows: Sequence[str | None], first: int, read: Callable[[int, str | None], Read | None]
    ) -> None:
        """Take rows of six columns without quotes, None for one that is no text; `first` is the line of the first.

        `read` reads with care what is not known by sight, and gives None for what says nothing or was refused.
        """
        by_name, minutes, tails = self._by_name, self._minutes, self._tails
        line = first - 1
        last = ""
        sayings: dict[str, Saying] = {}
        for row in rows:
            line += 1
            if row is None:
                read(line, None)
                continue
            if not row:
                continue
            cells = row.split(",", 2)
            if len(cells) == 3:
                name, when, what = cells[0], cells[1], cells[2]
                if name != last:
                    sayings = by_name.setdefault(name, {})
                    last = name
                saying = sayings.get(what)
                if saying is not None:
                    second_ms = _SECONDS.get(when[16:19])
                    tail_ms = tails.get(when[19:])
                    if tail_ms is not None:
                        minute_ms = minutes.get(when[:16])
                    else:
                        tail_ms = self._tails_apart.get(when[19:])
                        minute_ms = self._minutes_apart.get(when[:16])
                    if second_ms is not None and tail_ms is not None and minute_ms is not None:
                        self.take(into, saying, minute_ms + second_ms + tail_ms, line)
                        continue
                found = read(line, row)
                if found is None:
                    continue
                self.take(into, found[0], found[1], line)
                self._remember_time(when, found[1])
                if saying is not None:
                    continue
                if self._kept >= REMEMBERED:
                    by_name.clear()
                    self._kept = 0
                    sayings = by_name.setdefault(name, {})
                sayings[what] = found[0]
                self._kept += 1
            else:
                read(line, row)

    def _remember_time(self, when: str, at_ms: int) -> None:
        """Keep the parts of a time that has been read: minute and second come again, the whole does not."""
        second_ms = _SECONDS.get(when[16:19])
        found = _TAIL.fullmatch(when[19:])
        if second_ms is None or found is None or _MINUTE.fullmatch(when[:16]) is None:
            return
        fraction, offset = found[1], found[2]
        tail_ms = int(fraction or 0)
        minutes, tails = self._minutes, self._tails
        if offset is not None:
            minutes, tails = self._minutes_apart, self._tails_apart
            if offset != "Z":
                ahead_ms = (int(offset[1:3]) * 60 + int(offset[4:6])) * 60_000
                tail_ms -= ahead_ms if offset[0] == "+" else -ahead_ms
        for known in (minutes, tails):
            if len(known) >= REMEMBERED:
                known.clear()
        minutes[when[:16]] = at_ms - second_ms - tail_ms
        tails[when[19:]] = tail_ms
