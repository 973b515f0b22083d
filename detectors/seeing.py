"""Whether Anbu can see at all: which sources report, since when they are dark, and what a dark one has last seen."""

import itertools
from collections.abc import Iterable
from typing import Any, Final

from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS, HOUR_MS
from detectors.life import SEEING, channel_of
from schemas.profiles import Profile

MOST_SOURCES: Final = 32
MOST_HOURS: Final = 24 * 14
LONGEST_GAP_H: Final = 12.0
"""What is believed of a source nothing is known of: its longest gap of a day, hours."""
LONGEST_GAP_FADE: Final = 0.5 ** (1 / 14)
GAPS: Final = 3.0
"""A source without a declared cadence is healthy until this many of its learned longest gaps."""
OFF_GAPS: Final = 1.5
"""A phone switched off by its owner, perhaps each night, is waited for this many longest gaps."""
FORGOTTEN_MS: Final = 30 * DAY_MS


class Source:
    """One source: when it last reported, and in which hours.

    `hours` is a set of bits, one an hour since `Seeing.base_h`: setting a bit twice, or in another order, is the same.
    """

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
        "off_ms",
        "seen_ms",
        "until_hours",
        "until_ms",
    )

    def __init__(self, kind: str, first_ms: int) -> None:
        self.kind = kind
        self.first_ms = first_ms
        self.seen_ms = 0
        self.until_ms = 0
        self.off_ms = 0
        self.cadence_ms = 0
        self.enrolled = False
        self.longest_h = LONGEST_GAP_H
        self.hours = 0
        self.until_hours = 0
        self.before_h = 0
        self.last_h = -1
        self.dark = False
        """Told dark at the last look: its next report asks for another look."""

    @property
    def is_off(self) -> bool:
        """Switched off, and nothing came since."""
        return self.off_ms > self.seen_ms

    @property
    def reported_ms(self) -> int:
        """The last moment this source has told of."""
        return max(self.seen_ms, self.until_ms, self.first_ms)

    def limit_ms(self, profile: Profile) -> int:
        """Return how long after its last report it counts as healthy."""
        blind_ms = int(profile.blind_after_h * HOUR_MS)
        if self.cadence_ms:
            return max(3 * self.cadence_ms, blind_ms)
        return max(int(GAPS * self.longest_h * HOUR_MS), blind_ms)

    def dark_at(self, profile: Profile) -> int:
        """Return when it counts as dark if nothing further comes."""
        if self.is_off:
            gap_h = 0.0 if self.cadence_ms else OFF_GAPS * self.longest_h
            return self.off_ms + int(max(gap_h, profile.blind_after_h) * HOUR_MS)
        return self.reported_ms + self.limit_ms(profile)

    def seen_until(self, profile: Profile, clock_ms: int) -> int:
        """Return up to when it saw what it can see; `NEVER_MS` while it is healthy and reports as things happen."""
        if self.is_off:
            return self.off_ms
        if self.until_ms:
            return self.until_ms
        return self.reported_ms if clock_ms >= self.dark_at(profile) else NEVER_MS


class Seeing:
    """The sources of a household that see it live; check-in calls are not among them.

    `learn_one(source, at)` takes a report; `score_one(clock)` is the share of sources that are healthy, None without any.
    """

    __slots__ = ("base_h", "sources")

    def __init__(self, base_ms: int) -> None:
        self.base_h = base_ms // HOUR_MS
        self.sources: dict[str, Source] = {}

    def meet(self, name: str, at_ms: int) -> Source | None:
        """Return a source, new if need be; None for a source of calls."""
        kind = channel_of(name)
        if kind not in SEEING:
            return None
        source = self.sources.get(name)
        if source is None:
            source = self.sources[name] = Source(kind, at_ms)
            if len(self.sources) > MOST_SOURCES:
                self._drop_one(name)
        return source

    def learn_one(self, source: Source, at_ms: int, *, off: bool = False, until_ms: int = 0) -> None:
        """Take one report: anything a source says shows that it works, but for "switched off" and "offline"."""
        if off:
            source.off_ms = max(source.off_ms, at_ms)
            return
        source.seen_ms = max(source.seen_ms, at_ms)
        hour = at_ms // HOUR_MS
        if hour != source.last_h:
            source.last_h = hour
            if 0 <= hour - self.base_h < MOST_HOURS:
                source.hours |= 1 << (hour - self.base_h)
        if until_ms:
            source.until_ms = max(source.until_ms, until_ms)
            hour = until_ms // HOUR_MS
            if 0 <= hour - self.base_h < MOST_HOURS:
                source.until_hours |= 1 << (hour - self.base_h)

    def score_one(self, clock_ms: int, profile: Profile) -> float | None:
        """Return the share of sources that are healthy at a moment; None when there is none to see with."""
        if not self.sources:
            return None
        return sum(s.dark_at(profile) > clock_ms for s in self.sources.values()) / len(self.sources)

    def blind_at(self, profile: Profile) -> int:
        """Return when the last source goes dark if nothing further comes; never for a household of calls alone."""
        return max((s.dark_at(profile) for s in self.sources.values()), default=NEVER_MS)

    def look(self, profile: Profile, clock_ms: int) -> int:
        """Note which sources are dark and return when the next one will be."""
        next_ms = NEVER_MS
        for source in self.sources.values():
            dark_ms = source.dark_at(profile)
            source.dark = dark_ms <= clock_ms or source.is_off
            if dark_ms > clock_ms:
                next_ms = min(next_ms, dark_ms)
        return next_ms

    def kinds(self) -> list[str]:
        """Return the kinds of channel there are, in a fixed order."""
        have = {source.kind for source in self.sources.values()}
        return [kind for kind in SEEING if kind in have]

    def weight(self, kind: str, profile: Profile, clock_ms: int, *, reports_continue: bool) -> tuple[float, int]:
        """Return (health 0 to 1, seen until) of a kind of channel.

        When all its sources are dark the weight is that of what they saw before, up to "seen until".
        """
        mine = [source for source in self.sources.values() if source.kind == kind]
        healthy = [s for s in mine if not s.is_off and s.dark_at(profile) > clock_ms]
        share = len(healthy) / len(mine) if healthy else 1.0
        if reports_continue:
            return share, NEVER_MS
        return share, max(s.seen_until(profile, clock_ms) for s in (healthy or mine))

    def dark_spans(self, kind: str, start_ms: int, end_ms: int, profile: Profile) -> list[tuple[int, int]]:
        """Return when, in a day older than the horizon, no source of this kind reported."""
        spans: list[tuple[int, int]] | None = None
        for source in self.sources.values():
            if source.kind != kind:
                continue
            mine = list(self._dark_spans(source, end_ms, profile))
            spans = mine if spans is None else _both(spans, mine)
        return [(max(a, start_ms - 7 * DAY_MS), b) for a, b in spans or [] if b > start_ms]

    def learn_before(self, end_ms: int, profile: Profile) -> None:
        """Learn the longest gap of each source in hours older than `end_ms`, and forget those hours."""
        end_h = end_ms // HOUR_MS
        for source in self.sources.values():
            marks = self._marks(source, end_h)
            gaps = [b - a for a, b in itertools.pairwise(marks) if b >= self.base_h]
            if gaps:
                limit_h = source.limit_ms(profile) / HOUR_MS
                # a gap that was told as blindness teaches only half the limit, or one outage would hide the next
                source.longest_h = max(source.longest_h * LONGEST_GAP_FADE, min(float(max(gaps)), limit_h / 2), 1.0)
            if marks:
                source.before_h = marks[-1]
            if end_h > self.base_h:
                source.hours >>= end_h - self.base_h
                source.until_hours >>= end_h - self.base_h
        self.base_h = max(self.base_h, end_h)
        names = [name for name, s in self.sources.items() if not s.enrolled and end_ms - s.reported_ms > FORGOTTEN_MS]
        if len(names) < len(self.sources):  # the last ones are kept: they are why the household is blind
            for name in names:
                del self.sources[name]

    def _marks(self, source: Source, end_h: int) -> list[int]:
        """Return the hours before `end_h` in which a source reported, oldest first."""
        bits = source.until_hours if source.until_ms else source.hours
        marks = [source.before_h] if source.before_h else []
        return marks + [
            self.base_h + i for i in range(min(bits.bit_length(), max(end_h - self.base_h, 0))) if bits >> i & 1
        ]

    def _dark_spans(self, source: Source, end_ms: int, profile: Profile) -> Iterable[tuple[int, int]]:
        limit_ms = source.limit_ms(profile)
        marks = self._marks(source, end_ms // HOUR_MS)
        ends = [*(mark * HOUR_MS for mark in marks[1:]), end_ms]
        starts = [(mark + 1) * HOUR_MS for mark in marks]
        if not marks:
            starts = [source.first_ms]
        return [(a, b) for a, b in zip(starts, ends, strict=True) if b - a > limit_ms]

    def _drop_one(self, but: str) -> None:
        """Forget the source that was silent longest: an endless list of names must not fill the state."""
        name = min(
            (name for name in self.sources if name != but),
            key=lambda n: (self.sources[n].enrolled, self.sources[n].reported_ms, n),
        )
        del self.sources[name]

    def state(self) -> list[Any]:
        """Return plain numbers and names, sorted by name."""
        return [
            self.base_h,
            [
                [
                    name,
                    s.first_ms,
                    s.seen_ms,
                    s.until_ms,
                    s.off_ms,
                    s.cadence_ms,
                    s.enrolled,
                    _bits(s.hours),
                    _bits(s.until_hours),
                    s.before_h,
                    s.dark,
                ]
                for name, s in sorted(self.sources.items())
            ],
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self.base_h = state[0]
        self.sources = {}
        for name, first, seen, until, off, cadence, enrolled, hours, until_hours, before, dark in state[1]:
            source = self.sources[name] = Source(channel_of(name), first)
            source.seen_ms, source.until_ms, source.off_ms = seen, until, off
            source.cadence_ms, source.enrolled, source.before_h, source.dark = cadence, enrolled, before, dark
            source.hours = int.from_bytes(hours, "little")
            source.until_hours = int.from_bytes(until_hours, "little")

    def gaps_state(self) -> list[Any]:
        """Return what was learned of each source: its longest gap, hours."""
        return [[name, s.longest_h] for name, s in sorted(self.sources.items())]

    def restore_gaps(self, state: list[Any]) -> None:
        """Take the numbers of a `gaps_state()`."""
        for name, longest_h in state:
            if name in self.sources:
                self.sources[name].longest_h = longest_h


def _bits(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def _both(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return [(a, b) for a, b in spans if a < b]
