"""Small counts by day, week or month in one string of bytes: a hundred of them cost what a few Python lists would."""

import struct
from bisect import bisect_left
from functools import cache
from typing import Final

MOST: Final = 65_535
"""A count stops here."""
_ALL: Final = 255
_UPPER: Final = bytes(_ALL) + bytes([_ALL])
"""The upper byte of a count below 255, or of `MOST`, by its lower one."""


_FULL: Final = bytes([_ALL])
_WHOLE, _HALVED = b"\0", b"\1"


class Tally:
    """Rows of counts, each under a number that grows with time; the oldest go when there are too many."""

    __slots__ = ("_form", "_is_halved", "_kept", "_most")

    def __init__(self, width: int, most: int, kept: bytes = b"") -> None:
        """`kept` is what another has kept: whoever keeps that alone saves the object."""
        self._form = _form(width)
        self._most = most
        self._kept = kept[:-1]
        self._is_halved = kept[-1:] == _HALVED
        """Whether what is kept is `_halved` rows, as nearly always."""

    @property
    def kept(self) -> bytes:
        """The rows as they are kept in memory: empty where there are none."""
        return self._kept + (_HALVED if self._is_halved else _WHOLE) if self._kept else b""

    @property
    def rows(self) -> bytes:
        """Each row: its number, then its counts, 16 bits each."""
        return _whole(self._kept, self._form.size) if self._is_halved else self._kept

    @rows.setter
    def rows(self, rows: bytes) -> None:
        halved = _halved(rows, self._form.size)
        self._kept, self._is_halved = rows if halved is None else halved, halved is not None

    def add(self, number: int, places: dict[int, int]) -> None:
        """Add to the counts at some places of a row. One that is older than all there are, and too many, is let go."""
        if self._kept and (self._add_last(number, places) if self._is_halved else self._add_last_whole(number, places)):
            return
        size, rows = self._form.size, self.rows
        numbers = self.numbers()
        i = bisect_left(numbers, number)
        if i == len(numbers) or numbers[i] != number:
            empty = self._form.pack(number, *[0] * (size // 2 - 1))
            rows = rows[: i * size] + empty + rows[i * size :]
            if len(numbers) == self._most:
                rows = rows[size:]
                i -= 1
        if i < 0:
            return
        row = list(self._form.unpack_from(rows, i * size))
        for place, count in places.items():
            row[place + 1] = min(MOST, row[place + 1] + count)
        self.rows = rows[: i * size] + self._form.pack(*row) + rows[(i + 1) * size :]

    def _add_last(self, number: int, places: dict[int, int]) -> bool:
        """Add to the last row or to one after it, as nearly always, without unfolding the others; tell whether that could be done."""
        kept, size = self._kept, self._form.size // 2 + 1
        at = len(kept) - size
        last = kept[at] | kept[-1] << 8
        if number < last or number > MOST:
            return False
        if number > last:
            row = bytearray(size)
            row[0], row[-1] = number & _ALL, number >> 8
            at += size
        else:
            row = bytearray(kept[at:])
        for place, count in places.items():
            before = row[place + 1]
            total = min(MOST, (MOST if before == _ALL else before) + count)
            if _ALL <= total < MOST:
                return False
            row[place + 1] = _ALL if total == MOST else total
        first = size if number > last and at == self._most * size else 0
        self._kept = kept[first:at] + bytes(row)
        return True

    def _add_last_whole(self, number: int, places: dict[int, int]) -> bool:
        """Add to the last row where rows are not halved, and cannot be afterwards; tell whether that is so."""
        kept, form = self._kept, self._form
        at = len(kept) - form.size
        if kept[at] | kept[at + 1] << 8 != number:
            return False
        row = list(form.unpack_from(kept, at))
        for place, count in places.items():
            row[place + 1] = min(MOST, row[place + 1] + count)
        for count in row[1:]:
            if _ALL <= count < MOST:
                self._kept = kept[:at] + form.pack(*row)
                return True
        return False

    def numbers(self) -> list[int]:
        """Return the numbers of the rows, the oldest first."""
        rows = self.rows
        return [int.from_bytes(rows[i : i + 2], "little") for i in range(0, len(rows), self._form.size)]

    def all(self) -> list[tuple[int, list[int]]]:
        """Return (number, counts) of each row, the oldest first."""
        return [(number, counts) for number, counts, _ in self.all_whole()]

    def all_whole(self) -> list[tuple[int, list[int], bool]]:
        """Return (number, counts, whether none of them is `MOST`) of each row, the oldest first."""
        out: list[tuple[int, list[int], bool]] = []
        if not self._is_halved:
            for row in self._form.iter_unpack(self._kept):
                counts = list(row[1:])
                out.append((row[0], counts, MOST not in counts))
            return out
        kept, size = self._kept, self._form.size // 2 + 1
        for at in range(0, len(kept), size):
            lower = kept[at + 1 : at + size - 1]
            counts = list(lower)
            whole = lower.find(_FULL) < 0
            if not whole:
                counts = [MOST if count == _ALL else count for count in counts]
            out.append((kept[at] | kept[at + size - 1] << 8, counts, whole))
        return out

    def plus(self, found: dict[int, dict[int, int]]) -> list[tuple[int, list[int]]]:
        """Return what `all` would, had more counts been added, by number and place."""
        rows = self.all()
        for number, places in found.items():
            row = self.row_among(rows, number)
            for place, count in places.items():
                row[place] = min(MOST, row[place] + count)
        return rows

    def row_among(self, rows: list[tuple[int, list[int]]], number: int) -> list[int]:
        """Return the counts of a number among those of `all`, to be added to: new ones if need be, and then the oldest are let go."""
        i = len(rows)  # nearly always the last
        while i and rows[i - 1][0] > number:
            i -= 1
        if i and rows[i - 1][0] == number:
            return rows[i - 1][1]
        row = [0] * (self._form.size // 2 - 1)
        rows.insert(i, (number, row))
        if len(rows) > self._most:
            del rows[0]
        return row

    def restore(self, rows: bytes) -> None:
        """Take the bytes of `rows`.

        Raises:
            ValueError: they are not whole rows, or too many.

        """
        if len(rows) % self._form.size or len(rows) > self._most * self._form.size:
            raise ValueError("not whole rows of counts")
        self.rows = rows


def _halved(rows: bytes, size: int) -> bytes | None:
    """Return of each row the lower bytes and the upper one of its number, where the other upper ones follow; else None.

    Nearly all counts are below 255, and `MOST` is said instead of one.
    """
    lower, upper = rows[0::2], rows[1::2]
    size //= 2
    expected = bytearray(lower.translate(_UPPER))
    expected[::size] = upper[::size]
    if expected != upper:
        return None
    return b"".join([lower[at : at + size] + upper[at : at + 1] for at in range(0, len(lower), size)])


def _whole(kept: bytes, size: int) -> bytes:
    """Return the rows of a `_halved`."""
    size //= 2
    lower = b"".join([kept[at : at + size] for at in range(0, len(kept), size + 1)])
    upper = bytearray(lower.translate(_UPPER))
    upper[::size] = kept[size :: size + 1]
    rows = bytearray(2 * len(lower))
    rows[0::2], rows[1::2] = lower, upper
    return bytes(rows)


@cache
def _form(width: int) -> struct.Struct:
    """Return the form of a row of so many counts: one for all homes."""
    return struct.Struct(f"<{width + 1}H")
