"""Messages that came again: counted, for metrics. Nothing is decided by it, so nothing of it is kept."""

from array import array
from typing import Final

REMEMBERED: Final = 65_536
"""Places for a message each, a power of two."""


class Repeats:
    """Remembers the last messages of a partition by a hash of their bytes, each at a place that the hash names.

    That a repeat changes nothing does not rest on this: signs of life, doses, calls and emergencies are the same however
    often they are taken. Here repeats are only counted, as far back as a bounded memory reaches: a message is forgotten
    when another one takes its place, on average after as many as there are places.
    """

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks = array("q", [-1]) * REMEMBERED  # no hash is -1

    def has(self, value: bytes | None) -> bool:
        """Tell whether these bytes came a while ago, and remember them."""
        mark = hash(value)
        place = mark & (REMEMBERED - 1)
        if self._marks[place] == mark:
            return True
        self._marks[place] = mark
        return False
