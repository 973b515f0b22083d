"""Small counts by day, week or month in one string of bytes: a hundred of them cost what a few Python lists would."""

import struct
from bisect import bisect_left
from functools import cache
from typing import Final

MOST: Final = 65_535
"""A count stops here."""


class Tally:
    """Rows of counts, each under a number that grows with time; the oldest go when there are too many."""

    __slots__ = ("_form", "_most", "rows")

    def __init__(self, width: int, most: int) -> None:
        self._form = _form(width)
        self._most = most
        self.rows = b""
        """Each row: its number, then its counts, 16 bits each."""

    def add(self, number: int, places: dict[int, int]) -> None:
        """Add to the counts at some places of a row. One that is older than all there are, and too many, is let go."""
        size = self._form.size
        numbers = self.numbers()
        i = bisect_left(numbers, number)
        if i == len(numbers) or numbers[i] != number:
            empty = self._form.pack(number, *[0] * (size // 2 - 1))
            self.rows = self.rows[: i * size] + empty + self.rows[i * size :]
            if len(numbers) == self._most:
                self.rows = self.rows[size:]
                i -= 1
        if i < 0:
            return
        row = list(self._form.unpack_from(self.rows, i * size))
        for place, count in places.items():
            row[place + 1] = min(MOST, row[place + 1] + count)
        self.rows = self.rows[: i * size] + self._form.pack(*row) + self.rows[(i + 1) * size :]

    def numbers(self) -> list[int]:
        """Return the numbers of the rows, the oldest first."""
        size = self._form.size
        return [int.from_bytes(self.rows[i : i + 2], "little") for i in range(0, len(self.rows), size)]

    def all(self) -> list[tuple[int, list[int]]]:
        """Return (number, counts) of each row, the oldest first."""
        return [(row[0], list(row[1:])) for row in self._form.iter_unpack(self.rows)]

    def plus(self, found: dict[int, dict[int, int]]) -> list[tuple[int, list[int]]]:
        """Return what `all` would, had more counts been added, by number and place."""
        rows = self.all()
        for number, places in found.items():
            row = next((counts for known, counts in reversed(rows) if known == number), None)
            if row is None:
                row = [0] * (self._form.size // 2 - 1)
                rows.insert(bisect_left(rows, (number,)), (number, row))
                if len(rows) > self._most:
                    del rows[0]
            for place, count in places.items():
                row[place] = min(MOST, row[place] + count)
        return rows

    def restore(self, rows: bytes) -> None:
        """Take the bytes of `rows`.

        Raises:
            ValueError: they are not whole rows, or too many.

        """
        if len(rows) % self._form.size or len(rows) > self._most * self._form.size:
            raise ValueError("not whole rows of counts")
        self.rows = rows


@cache
def _form(width: int) -> struct.Struct:
    """Return the form of a row of so many counts: one for all homes."""
    return struct.Struct(f"<{width + 1}H")
