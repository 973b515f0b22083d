"""The rings of a household, one of each kind of channel: a dict of one or two takes twice as much."""

from typing import Final

from detectors.episodes import Episodes
from detectors.life import CALLS, HOME, PHONE, WORN

_KINDS: Final = (CALLS, HOME, PHONE, WORN)
"""In the order of rows."""


class Rings:
    """Episodes by kind of channel."""

    __slots__ = ("_calls", "_home", "_phone", "_worn")

    def __init__(self) -> None:
        self._calls: Episodes | None = None
        self._home: Episodes | None = None
        self._phone: Episodes | None = None
        self._worn: Episodes | None = None

    def get(self, kind: str) -> Episodes | None:
        """Return the ring of a kind; None where it has seen nothing yet."""
        if kind == HOME:
            return self._home
        if kind == PHONE:
            return self._phone
        return self._calls if kind == CALLS else self._worn

    def meet(self, kind: str) -> Episodes:
        """Return the ring of a kind, a new one if need be."""
        ring = self.get(kind)
        if ring is None:
            ring = Episodes()
            self.put(kind, ring)
        return ring

    def put(self, kind: str, ring: Episodes | None) -> None:
        """Let a ring be that of a kind; None: forget what it has seen."""
        if kind == HOME:
            self._home = ring
        elif kind == PHONE:
            self._phone = ring
        elif kind == CALLS:
            self._calls = ring
        else:
            self._worn = ring

    def items(self) -> list[tuple[str, Episodes]]:
        """Return the kinds that have seen anything, in the order of rows, with their rings."""
        both = [(kind, self.get(kind)) for kind in _KINDS]
        return [(kind, ring) for kind, ring in both if ring is not None]

    def values(self) -> list[Episodes]:
        """Return the rings there are, in the order of rows."""
        return [ring for ring in (self._calls, self._home, self._phone, self._worn) if ring is not None]
