"""Messages that came again: counted, for metrics. Nothing is decided by it, so nothing of it is kept."""

from typing import Final

REMEMBERED: Final = 32_768
"""Messages remembered at the least; at most twice as many."""


class Repeats:
    """Remembers the last messages of a partition by a hash of their bytes.

    That a repeat changes nothing does not rest on this: signs of life, doses, calls and emergencies are the same however
    often they are taken. Here repeats are only counted, as far back as a bounded memory reaches.
    """

    __slots__ = ("_now", "_past")

    def __init__(self) -> None:
        self._now: set[int] = set()
        self._past: set[int] = set()

    def has(self, value: bytes | None) -> bool:
        """Tell whether these bytes came a while ago, and remember them."""
        mark = hash(value)
        known = mark in self._now or mark in self._past
        self._now.add(mark)
        if len(self._now) >= REMEMBERED:
            self._past, self._now = self._now, set()
        return known
