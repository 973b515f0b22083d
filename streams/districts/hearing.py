"""Of how many homes of each district a partition has heard lately, by channel: what a district's outage shows in. Pure.

Heard of is a home of which any record was applied: a heartbeat, or readings that come late, show that its channel works.
Counted are registered homes, those of exercises left out.
"""

from array import array
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.district import CHANNELS, Counted, Heard
from schemas.topics import ORDER_OF

MINUTE_MS: Final = 60_000
WINDOW: Final = 15
"""Minutes; a home that was heard of so lately counts as heard."""
HOME, PHONE = range(len(CHANNELS))
CHANNEL_OF: Final = {ORDER_OF["home.sensors"]: HOME, ORDER_OF["phone.usage"]: PHONE}
"""The channel of an ordered topic; calls are made by ourselves and show nothing."""
_NOWHERE: Final = -1
_NONE: Final = Heard()


class Last(NamedTuple):
    """Minutes since 1970 in which a home was last heard of, by channel; 0 for never."""

    home: int = 0
    phone: int = 0


NEVER: Final = Last()


class Hearing:
    """When each home of a partition was last heard of. A home is its place in the roster."""

    __slots__ = ("_codes", "_district", "_last", "told_ms")

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._district = array("i")
        self._last = (array("i"), array("i"))
        self.told_ms = 0
        """Counts up to this clock were told before: some homes know of what came after, and would be counted otherwise now."""

    def begin(self, place: int) -> None:
        """Begin with a home at a place, of which nothing was heard yet."""
        while len(self._district) <= place:
            self._district.append(_NOWHERE)
            for last in self._last:
                last.append(0)
        self._district[place] = _NOWHERE
        for last in self._last:
            last[place] = 0

    def settle(self, place: int, district: str | None) -> None:
        """Note in which district a home lies; it is counted from now on. None or "" for one that is not counted."""
        self._district[place] = self._codes.setdefault(district, len(self._codes)) if district else _NOWHERE

    def places(self, district: str) -> list[int]:
        """Return the places of the homes of a district."""
        code = self._codes.get(district)
        if code is None:
            return []
        return [int(place) for place in np.flatnonzero(np.array(self._district, np.int32) == code)]

    def hear(self, channel: int, place: int, clock_ms: int) -> None:
        """Note that a record of a home was applied."""
        self._last[channel][place] = clock_ms // MINUTE_MS

    def last(self, place: int) -> Last:
        """Return when a home was last heard of."""
        return Last(self._last[HOME][place], self._last[PHONE][place])

    def restore(self, place: int, last: Last) -> None:
        """Take what a `last` was."""
        for channel, minute in enumerate(last):
            self._last[channel][place] = minute

    def counts(self, clock_ms: int) -> list[Counted]:
        """Return the counts of each district that has homes here which report, by its code."""
        if not self._codes:
            return []
        # Views of the arrays must be gone before the next home comes, or these could not grow.
        districts = np.array(self._district, np.int32)
        minute = clock_ms // MINUTE_MS
        home, phone = (_counted(districts, np.array(last, np.int32), minute, len(self._codes)) for last in self._last)
        out = []
        for name, code in sorted(self._codes.items()):
            homes, phones = home[0][code], phone[0][code]
            if homes or phones:
                at_home = Heard(homes=homes, heard=home[1][code]) if homes else _NONE
                carried = Heard(homes=phones, heard=phone[1][code]) if phones else _NONE
                out.append(Counted(district=name, home=at_home, phone=carried))
        return out


def _counted(
    districts: NDArray[np.int32], last: NDArray[np.int32], minute: int, codes: int
) -> tuple[list[int], list[int]]:
    """Return how many homes report, and how many were heard of, by district."""
    reports = (districts != _NOWHERE) & (last > 0)
    heard = reports & (last > minute - WINDOW)
    of_reports, of_heard = (np.bincount(districts[those], minlength=codes) for those in (reports, heard))
    # Plain numbers once: taken one by one, each would be made an object of numpy and then another.
    return of_reports.tolist(), of_heard.tolist()
