"""How much memory homes may take in this process: a worker has tens of thousands of them, a replay a few and no time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

OF_MANY: Final = 64
OF_FEW: Final = 2_000


class Room:
    """What is kept ready at the price of memory; what is told and kept in rows is the same either way."""

    def __init__(self) -> None:
        self.rates = OF_MANY
        """So many rates of hazard tables are remembered, some 8 KB each: in a worker enough for a home that asks several times in
        a row as it learns a day, for of ten thousand homes no more would be hit."""
        self.packs = True
        """Whether what is read once a day is packed until then."""
        self.tables = 0
        """So many hazard tables may be kept whole, 11 KB each,"""
        self.whole: list[Any] = []
        """and these are."""

    def close(self) -> None:
        """Keep of every table what it holds alone."""
        for table in self.whole:
            table.close()
        self.whole.clear()


room: Final = Room()


@contextmanager
def of_few_homes() -> Iterator[None]:
    """Take the room that few homes need not save: rates for the whole day on which nothing is learned, tables whole, and nothing packed."""
    room.rates, room.packs, room.tables = OF_FEW, False, OF_FEW
    try:
        yield
    finally:
        room.rates, room.packs, room.tables = OF_MANY, True, 0
        room.close()
