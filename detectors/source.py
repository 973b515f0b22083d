"""One source that sees a household live: when it last reported, and in which hours."""

import math
from itertools import pairwise
from typing import Any, ClassVar, Final

from detectors.contract import Law
from detectors.episodes import Episodes
from detectors.hazard import NEVER_MS
from detectors.hours import HOUR_MS
from detectors.life import PHONE
from schemas.profiles import Profile

MOST_HOURS: Final = 24 * 14
LONGEST_GAP_H: Final = 12.0
"""What is believed of a source nothing is known of: its longest gap of a day, hours."""
LONGEST_GAP_FADE: Final = 0.5 ** (1 / 14)
GAPS: Final = 3.0
"""A source without a declared cadence is healthy until this many of its learned longest gaps."""
OFF_GAPS: Final = 1.5
"""A phone switched off by its owner, perhaps each night, is waited for this many longest gaps."""
NIGHT_OFF_H: Final = 12.0
"""The same for a phone whose records come at a declared cadence whether it is on or off."""
OVERDUE: Final = 2
"""After so many missed reports, a source with a declared cadence is not believed to see any more."""
SLACK_MS: Final = 900_000
"""Reports take this long to arrive."""
LEAST_HOLE_H: Final = 2
"""A hole in the reports cannot be told from their rhythm below so many whole hours without one."""


class Source:
    """One source. All of it is the same in whatever order its reports arrive, and however often.

    `hours` and `until_hours` are sets of bits, one an hour since a common base: setting a bit twice is the same.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = (
        "before_h",
        "cadence_ms",
        "dark",
        "enrolled",
        "first_ms",
        "hours",
        "kind",
        "last_h",
        "longest_h",
        "name",
        "off_ms",
        "on_ms",
        "ring",
        "seen_ms",
        "until_hours",
        "until_ms",
    )

    def __init__(self, kind: str, first_ms: int, name: str = "") -> None:
        self.name = name
        self.kind = kind
        self.first_ms = first_ms
        self.seen_ms = 0
        self.on_ms = 0
        """Last report that shows that it is switched on: a telecom's records go on without the phone."""
        self.until_ms = 0
        self.off_ms = 0
        self.cadence_ms = 0
        self.enrolled = False
        self.longest_h = LONGEST_GAP_H
        self.hours = 0
        self.until_hours = 0
        self.before_h = 0
        self.last_h = -1
        self.ring: Episodes | None = None
        """Where what it sees is learned, once it may be used; None until its next event has asked."""
        self.dark = False
        """Told dark, off or overdue at the last look: its next report asks for another look."""

    def learn_one(self, at_ms: int, base_h: int, *, off: bool = False, until_ms: int = 0) -> bool:
        """Take one report and tell whether it changed anything: a repeat does not.

        Whatever a source says shows that it works, but for "switched off" and "offline".
        """
        if off:
            changed = at_ms > self.off_ms
            self.off_ms = max(self.off_ms, at_ms)
            return changed
        changed = False
        if at_ms > self.seen_ms:
            self.seen_ms, changed = at_ms, True
            if at_ms // HOUR_MS == self.last_h and not until_ms:  # nearly every report: another one of the same hour
                self.on_ms = max(self.on_ms, at_ms)
                return True
        elif at_ms < self.first_ms:
            self.first_ms, changed = at_ms, True
        hour = at_ms // HOUR_MS
        if hour != self.last_h and 0 <= hour - base_h < MOST_HOURS:
            self.last_h = hour
            changed |= not self.hours >> (hour - base_h) & 1
            self.hours |= 1 << (hour - base_h)
        if not until_ms:
            if at_ms > self.on_ms:
                self.on_ms, changed = at_ms, True
            return changed
        if until_ms > self.until_ms:
            self.until_ms, changed = until_ms, True
        hour = until_ms // HOUR_MS
        if 0 <= hour - base_h < MOST_HOURS:
            changed |= not self.until_hours >> (hour - base_h) & 1
            self.until_hours |= 1 << (hour - base_h)
        return changed

    @property
    def is_off(self) -> bool:
        """Switched off, and nothing has shown it switched on since."""
        return self.off_ms > self.on_ms

    @property
    def reported_ms(self) -> int:
        """The last moment this source has told of."""
        return max(self.seen_ms, self.until_ms, self.first_ms)

    @property
    def told_ms(self) -> int:
        """The last moment of which it has told what it can see."""
        return self.off_ms if self.is_off else self.until_ms or self.reported_ms

    def limit_ms(self, profile: Profile) -> int:
        """Return how long after its last report it counts as healthy."""
        blind_ms = int(profile.blind_after_h * HOUR_MS)
        if self.cadence_ms:
            return max(3 * self.cadence_ms, blind_ms)
        return max(int(GAPS * self.longest_h * HOUR_MS), blind_ms)

    def dark_at(self, profile: Profile) -> int:
        """Return when it counts as dark if nothing further comes."""
        if self.off_ms <= self.on_ms:
            reported_ms = max(self.until_ms, self.seen_ms)
            return (max(self.first_ms, reported_ms)) + self.limit_ms(profile)
        gap_h = OFF_GAPS * self.longest_h
        if self.cadence_ms:
            gap_h = NIGHT_OFF_H if self.kind == PHONE else 0.0
        return self.off_ms + int(max(gap_h, profile.blind_after_h) * HOUR_MS)

    def overdue_at(self, profile: Profile, dark_ms: int | None = None) -> int:
        """Return when it is no longer believed to see if nothing further comes: sooner than it is told dark.

        `dark_ms` is when that is, where it is known already.
        """
        if dark_ms is None:
            dark_ms = self.dark_at(profile)
        if not self.cadence_ms:
            return dark_ms
        return min(self.reported_ms + OVERDUE * self.cadence_ms + SLACK_MS, dark_ms)

    def unseen(
        self, base_h: int, profile: Profile, clock_ms: int, *, reports_continue: bool = False
    ) -> list[tuple[int, int]]:
        """Return when it saw nothing, as far back as its hours are kept; the last span may have no end (`NEVER_MS`).

        A source that reports in batches has seen up to the moment it has reported for. `reports_continue` supposes
        that the next report comes now, and that the rest come in time.
        """
        limit_h = self._hole_h(profile)
        holes = _holes(self.marks(base_h), limit_h) if self._has_hole(base_h, limit_h) else []
        if self.is_off:
            return [*((a, b) for a, b in holes if b <= self.off_ms), (self.off_ms, NEVER_MS)]
        if clock_ms >= self.overdue_at(profile):
            return [*holes, (self.told_ms, clock_ms if reports_continue else NEVER_MS)]
        if self.until_ms and not reports_continue:
            return [*holes, (self.told_ms, NEVER_MS)]
        return holes

    def has_hole(self, base_h: int, profile: Profile) -> bool:
        """Tell whether it saw nothing for a while, and sees again."""
        return self._has_hole(base_h, self._hole_h(profile))

    def unseen_before(self, base_h: int, end_ms: int, profile: Profile) -> list[tuple[int, int]]:
        """Return when it saw nothing before a moment, whatever it has reported of the time after it."""
        end_h = end_ms // HOUR_MS
        limit_h = self._hole_h(profile)
        if not self._has_hole(base_h, limit_h, end_h):
            return []
        marks = [hour for hour in self.marks(base_h) if hour < end_h]
        return _holes([*marks, end_h], limit_h)

    def _hole_h(self, profile: Profile) -> float:
        """Return from how many whole hours without a report on nothing was seen."""
        if self.cadence_ms:
            return max(OVERDUE * self.cadence_ms / HOUR_MS, LEAST_HOLE_H)
        return self.limit_ms(profile) / HOUR_MS

    def _has_hole(self, base_h: int, limit_h: float, end_h: int | None = None) -> bool:
        """Tell whether so many hours in a row lie between two marks: asked at each look, and nearly always not.

        `end_h`: only marks before that hour count, and it is one itself.
        """
        first_h = self._first_h - base_h
        bits = self.until_hours if self.until_ms else self.hours
        bits = (bits >> first_h if first_h >= 0 else bits << -first_h) | 1
        if end_h is not None:
            if end_h <= self._first_h:
                return False
            end = 1 << (end_h - self._first_h)
            bits = bits & (end - 1) | end
        empty = bits ^ (1 << bits.bit_length()) - 1
        found, wanted = 1, max(1, math.ceil(limit_h))
        while empty and found < wanted:
            step = min(found, wanted - found)
            empty &= empty >> step  # what is left begins a run of `found + step` empty hours
            found += step
        return empty != 0

    def marks(self, base_h: int) -> list[int]:
        """Return the hours in which it reported (in batches: up to which), oldest first, from its beginning or the base."""
        first_h = self._first_h
        return [first_h, *(hour for hour in self._reported(base_h) if hour > first_h)]

    @property
    def _first_h(self) -> int:
        return self.before_h or self.first_ms // HOUR_MS

    def _reported(self, base_h: int) -> list[int]:
        bits = self.until_hours if self.until_ms else self.hours
        return [base_h + i for i in range(bits.bit_length()) if bits >> i & 1]

    def learn_before(self, base_h: int, end_h: int, profile: Profile) -> None:
        """Learn the longest gap in hours older than `end_h`, and forget those hours."""
        hours = [self.before_h] if self.before_h else []
        hours += [hour for hour in self._reported(base_h) if hour < end_h]
        gaps = [after - before for before, after in pairwise(hours)]
        if gaps:
            limit_h = self.limit_ms(profile) / HOUR_MS
            # a gap that was told as blindness teaches only half the limit, or one outage would hide the next
            self.longest_h = max(self.longest_h * LONGEST_GAP_FADE, min(float(max(gaps)), limit_h / 2), 1.0)
        if hours:
            self.before_h = hours[-1]
        if end_h > base_h:
            self.hours >>= end_h - base_h
            self.until_hours >>= end_h - base_h

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [
            self.first_ms,
            self.seen_ms,
            self.on_ms,
            self.until_ms,
            self.off_ms,
            self.cadence_ms,
            self.enrolled,
            _bytes(self.hours),
            _bytes(self.until_hours),
            self.before_h,
            self.dark,
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        self.first_ms, self.seen_ms, self.on_ms, self.until_ms, self.off_ms, self.cadence_ms = state[:6]
        self.enrolled, self.before_h, self.dark = state[6], state[9], state[10]
        self.hours = int.from_bytes(state[7], "little")
        self.until_hours = int.from_bytes(state[8], "little")


def _holes(marks: list[int], limit_h: float) -> list[tuple[int, int]]:
    return [
        ((before + 1) * HOUR_MS, after * HOUR_MS) for before, after in pairwise(marks) if after - before - 1 >= limit_h
    ]


def _bytes(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
