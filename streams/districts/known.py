"""What all partitions together know of the districts, as one partition has been told: which channels are out where. Pure."""

from typing import Any, Final, NamedTuple

from schemas.district import CHANNELS, SHARED, DistrictState, name_of
from schemas.times import from_rfc3339
from streams.districts.hearing import MINUTE_MS, Last

GRACE_MS: Final = 3_600_000
"""After an outage homes have so long to report again before each is missed by itself."""
QUIET_MS: Final = 12 * 3_600_000
"""A home of which nothing was heard for so long before an outage was silent by itself, longer than over a night. Were it
explained, whoever lay there already would be looked for only when the network is back."""
EXPLAINS_MS: Final = 24 * 3_600_000
"""An outage explains a home for so long. After that somebody must look after each of them, as by the services' own fixed
hours: three days unnoticed would be too long, whatever the network does."""
UNHEARD_MS: Final = 30 * 3_600_000
"""What was told of an outage holds so long: it is said again each day while it lasts."""


class _Known(NamedTuple):
    """A district, as it was last told of."""

    at_ms: int
    since_ms: tuple[int, ...]
    """Since when each channel is out; 0 for one that is not."""
    ended_ms: int = 0
    """When the last outage ended, and"""
    ended: tuple[int, ...] = ()
    """what `since_ms` was then."""


class Districts:
    """The districts of which a partition was told."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self.weights: list[float] = []
        """Of the shared model; empty before anything was learned."""
        self._weights_ms = 0

    def __bool__(self) -> bool:
        """Say whether an outage of any district is known, or was."""
        return bool(self._known)

    def take(self, state: DistrictState) -> bool:
        """Take a record; tell whether it changes which homes an outage explains. One that is not later than the last is a repeat."""
        at_ms = from_rfc3339(state.at)
        if state.district == SHARED:
            if at_ms > self._weights_ms:
                self._weights_ms, self.weights = at_ms, list(state.weights)
            return False
        known = self._known.get(state.district)
        if known is not None and at_ms <= known.at_ms:
            return False
        out = {one.channel: from_rfc3339(one.since) for one in state.outages}
        since_ms = tuple(out.get(channel, 0) for channel in CHANNELS)
        if known is None and not any(since_ms):
            return False
        before = known.since_ms if known is not None else (0,) * len(CHANNELS)
        if any(since_ms):
            self._known[state.district] = _Known(at_ms, since_ms)
        elif any(before):
            self._known[state.district] = _Known(at_ms, since_ms, at_ms, before)
        elif known is not None:
            self._known[state.district] = known._replace(at_ms=at_ms)
        return any(since_ms) or any(before)

    def code_of(self, name: str) -> str | None:
        """Return the district of a pseudonym of `schemas.district.name_of`; None of one that is not known."""
        return next((district for district in self._known if name_of(district) == name), None)

    def outages(self, clock_ms: int) -> int:
        """Count the districts in which a channel is out."""
        return sum(any(one.since_ms) and clock_ms < one.at_ms + UNHEARD_MS for one in self._known.values())

    def dark_until(self, district: str | None, last: Last) -> int:
        """Return until when an outage explains that nothing reports from a home, UTC milliseconds; 0 where none does.

        Every channel by which the home has ever reported must be out, and the home not heard of since: one that is heard
        by another way is judged as ever. So is one that had been silent for `QUIET_MS` when the first of them failed.
        """
        known = self._known.get(district or "") if self._known else None
        if known is None or not any(last):
            return 0
        lasts = any(known.since_ms)
        since_ms = known.since_ms if lasts else known.ended
        until_ms = known.at_ms + UNHEARD_MS if lasts else known.ended_ms + GRACE_MS
        for minute, out_ms in zip(last, since_ms, strict=True):
            if minute and (not out_ms or minute * MINUTE_MS > out_ms):
                return 0
        began_ms = min(out_ms for minute, out_ms in zip(last, since_ms, strict=True) if minute)
        return min(until_ms, began_ms + EXPLAINS_MS) if max(last) * MINUTE_MS > began_ms - QUIET_MS else 0

    def state(self) -> list[Any]:
        """Return plain data."""
        known = [[name, *one] for name, one in sorted(self._known.items())]
        return [known, self._weights_ms, self.weights] if known or self._weights_ms else []

    def restore(self, state: list[Any]) -> None:
        """Take the data of a `state()`.

        Raises:
            ValueError, TypeError: it is none.

        """
        if not state:
            return
        known, self._weights_ms, self.weights = state
        self._known = {
            name: _Known(at_ms, tuple(since_ms), ended_ms, tuple(ended))
            for name, at_ms, since_ms, ended_ms, ended in known
        }
