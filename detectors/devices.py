"""Devices that report by themselves and have stopped, in a home that is otherwise seen; and how long it took until they were back.

A device of a gateway has no heartbeat of its own. What it says without anybody's doing (its battery, a temperature) is noted
by the day; it is offline when it has said nothing for longer than three of its longest gaps, three days at least.
"""

from itertools import pairwise
from typing import Any, ClassVar, Final
from zlib import crc32

from detectors.contract import Law
from detectors.hours import DAY_MS
from detectors.pairs import count, items, number_of, pairs_of, with_pair, without
from schemas.events import Event

TELEMETRY: Final = frozenset({"battery", "temperature"})
MOST: Final = 64
WINDOW: Final = 28
"""Days remembered of each device."""
FEWEST: Final = 7
"""Days on which it must have reported to be missed."""
GAPS: Final = 3
LEAST_DAYS: Final = 3
_MASK: Final = (1 << WINDOW) - 1


class Devices:
    """The days on which each device of a household reported by itself: the newest, and a bit for each day before it.

    Setting a bit again is the same, so repeats and any order of arrival leave the same.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("_days", "since_ms")

    def __init__(self) -> None:
        self._days = b""
        """By device (`detectors.pairs`) its newest day, and below it a bit for each day before that."""
        self.since_ms = 0
        """Since when a device is offline, by the last look, once a day; 0 when none is."""

    def learn_one(self, event: Event) -> bool:
        """Note the day of a report; tell whether it is new."""
        key, day = crc32(event.data.device.encode()), event.at_ms // DAY_MS
        newest, bits = _read(number_of(self._days, key, day << WINDOW))
        if day > newest:
            bits, newest = (bits << min(day - newest, WINDOW)) & _MASK, day
        bit = 1 << newest - day
        if bit > _MASK or bits & bit:
            return False
        self._days = with_pair(self._days, key, newest << WINDOW | bits | bit)
        if count(self._days) > MOST:
            self._days = without(self._days, max(items(self._days))[0])
        return True

    @property
    def usual_ms(self) -> int:
        """The longest gap between reports of the device that is offline longest; 0 when none is."""
        gaps = [_gap(bits) for newest, bits in self._read_days() if (newest + 1) * DAY_MS == self.since_ms]
        return max(gaps, default=0) * DAY_MS

    def look(self, clock_ms: int) -> None:
        """Note since when a device is offline."""
        self.since_ms = min(self.offline(clock_ms), default=0)

    def offline(self, clock_ms: int) -> list[int]:
        """Return since when devices are offline at a moment, ascending (UTC ms: the end of the last day on which they reported)."""
        today = clock_ms // DAY_MS
        out = []
        for newest, bits in self._read_days():
            silent = today - newest
            if silent > LEAST_DAYS and bits.bit_count() >= FEWEST and silent > GAPS * _gap(bits):
                out.append((newest + 1) * DAY_MS)
        return sorted(out)

    def forget_before(self, at_ms: int) -> None:
        """Forget what has not reported since long before a moment: it was taken away."""
        first = at_ms // DAY_MS - 2 * WINDOW
        known = items(self._days)
        kept = [(key, one) for key, one in known if one >> WINDOW >= first]
        if len(kept) < len(known):
            self._days = pairs_of(kept)

    def _read_days(self) -> list[tuple[int, int]]:
        return [_read(one) for _, one in items(self._days)]

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [self.since_ms, [[key, *_read(one)] for key, one in sorted(items(self._days))]]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self.since_ms = state[0]
        self._days = pairs_of({key: newest << WINDOW | bits & _MASK for key, newest, bits in state[1]}.items())


def _read(one: int) -> tuple[int, int]:
    return one >> WINDOW, one & _MASK


def _gap(bits: int) -> int:
    """Return the longest gap between days on which a device reported, days; 0 of a single one."""
    days = [place for place in range(WINDOW) if bits >> place & 1]
    return max((after - before for before, after in pairwise(days)), default=0)
