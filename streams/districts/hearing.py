"""Of how many homes of each district a partition has heard lately, by channel: what a district's outage shows in. Pure.

Heard of is a home of which any record was applied: a heartbeat, or readings that come late, show that its channel works.
Counted are registered homes, those of exercises left out.
"""

from array import array
from typing import Final, NamedTuple

import numpy as np

from schemas.district import CHANNELS, Counted, Heard
from schemas.topics import ORDER_OF

MINUTE_MS: Final = 60_000
WINDOW: Final = 15
"""Minutes; a home that was heard of so lately counts as heard."""
HOME, PHONE = range(len(CHANNELS))
CHANNEL_OF: Final = {ORDER_OF["home.sensors"]: HOME, ORDER_OF["phone.usage"]: PHONE}
"""The channel of an ordered topic; calls are made by ourselves and show nothing."""
CHANNELS_EACH: Final = len(CHANNELS)
_NOWHERE: Final = array("i", range(CHANNELS_EACH))
_NOT_YET: Final = array("i", bytes(_NOWHERE.itemsize * CHANNELS_EACH))
_NONE: Final = Heard()
MOST_HEARDS: Final = 256
_heards: Final[dict[tuple[int, int], Heard]] = {}


class Last(NamedTuple):
    """Minutes since 1970 in which a home was last heard of, by channel; 0 for never."""

    home: int = 0
    phone: int = 0


NEVER: Final = Last()


class Hearing:
    """When each home of a partition was last heard of. A home is its place in the roster."""

    __slots__ = ("_codes", "_counted", "_heard", "_lanes", "_last", "_reporting", "_sorted", "told_ms")

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._sorted: list[tuple[str, int]] = []
        """The same, by name."""
        self._lanes = array("i")
        """Of each place and channel, by what it is counted: `_lane` of its district, or its channel alone where it is not."""
        self._last = array("i")
        """Of each place and channel, the minute in which it was last heard of."""
        self._reporting: list[int] | None = None
        """How many homes report, by lane; None where that may have changed since it was counted."""
        self._heard: list[int] = []
        """How many were heard of at the last count, by lane."""
        self._counted: list[Counted | None] = []
        """What was said of each district then, by its number; None of one whose homes that report have changed since."""
        self.told_ms = 0
        """Counts up to this clock were told before: some homes know of what came after, and would be counted otherwise now."""

    def begin(self, place: int) -> None:
        """Begin with a home at a place, of which nothing was heard yet."""
        while len(self._last) <= place * CHANNELS_EACH:
            self._lanes.extend(_NOWHERE)
            self._last.extend(_NOT_YET)
        self._reporting = None
        for channel in range(CHANNELS_EACH):
            self._lanes[place * CHANNELS_EACH + channel] = channel
            self._last[place * CHANNELS_EACH + channel] = 0

    def settle(self, place: int, district: str | None) -> None:
        """Note in which district a home lies; it is counted from now on. None or "" for one that is not counted."""
        lane = 0
        if district:
            code = self._codes.get(district)
            if code is None:
                code = self._codes[district] = len(self._codes)
                self._sorted = sorted(self._codes.items())
            lane = _lane(code)
        self._reporting = None
        for channel in range(CHANNELS_EACH):
            self._lanes[place * CHANNELS_EACH + channel] = lane + channel

    def places(self, district: str) -> list[int]:
        """Return the places of the homes of a district."""
        code = self._codes.get(district)
        if code is None:
            return []
        lanes = np.array(self._lanes, np.int32)[::CHANNELS_EACH]
        return [int(place) for place in np.flatnonzero(lanes == _lane(code))]

    def hear(self, channel: int, place: int, clock_ms: int) -> None:
        """Note that a record of a home was applied."""
        at, minute = place * CHANNELS_EACH + channel, clock_ms // MINUTE_MS
        before = self._last[at]
        if before != minute:
            self._last[at] = minute
            if not before:
                self._reporting = None

    def last(self, place: int) -> Last:
        """Return when a home was last heard of."""
        at = place * CHANNELS_EACH
        return Last(self._last[at + HOME], self._last[at + PHONE])

    def restore(self, place: int, last: Last) -> None:
        """Take what a `last` was."""
        self._reporting = None
        for channel, minute in enumerate(last):
            self._last[place * CHANNELS_EACH + channel] = minute

    def counts(self, clock_ms: int) -> list[Counted]:
        """Return the counts of each district that has homes here which report, by its code."""
        if not self._codes:
            return []
        if self._reporting is None:
            self._reporting = self._count(0)
            self._heard, self._counted = self._reporting, [None] * len(self._codes)
        reporting, counted = self._reporting, self._counted
        before, heard = self._heard, self._count(max(clock_ms // MINUTE_MS - WINDOW, 0))
        self._heard = heard
        out = []
        for name, code in self._sorted:
            home = _lane(code)
            phone = home + 1
            homes, phones = reporting[home], reporting[phone]
            if not homes and not phones:
                continue
            # What nothing has changed in is said again: of most districts, most of the time.
            known = counted[code]
            if known is None or heard[home] != before[home] or heard[phone] != before[phone]:
                at_home, carried = _heard(homes, heard[home]), _heard(phones, heard[phone])
                known = counted[code] = Counted(district=name, home=at_home, phone=carried)
            out.append(known)
        return out

    def _count(self, since: int) -> list[int]:
        """Return how many homes were heard of after a minute, by lane."""
        # Views of the arrays must be gone before the next home comes, or these could not grow.
        lanes = np.frombuffer(self._lanes, np.int32)[np.frombuffer(self._last, np.int32) > since]
        # Plain numbers once: taken one by one, each would be made an object of numpy and then another.
        counts: list[int] = np.bincount(lanes, minlength=_lane(len(self._codes))).tolist()
        return counts


def _heard(homes: int, heard: int) -> Heard:
    """Return a count; the small ones come again and again."""
    if not homes:
        return _NONE
    key = (homes, heard)
    known = _heards.get(key)
    if known is None:
        if len(_heards) >= MOST_HEARDS:
            _heards.clear()
        known = _heards[key] = Heard(homes=homes, heard=heard)
    return known


def _lane(code: int) -> int:
    """Return the first of the lanes of a district, one a channel; those before its first are of homes that are not counted."""
    return (code + 1) * CHANNELS_EACH
