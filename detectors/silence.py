"""The score of a silence over all channels, and the moment at which it will reach a threshold.

Time that a channel has not seen is no silence: it adds nothing.
"""

import itertools
import math
from typing import Final, NamedTuple

from detectors.hazard import NEVER_MS, NO_RATES, DayRates, FewRates, bucket, bucket_ends, row_of
from detectors.hours import HOUR_MS, LocalHours, is_weekend

LOOK_AHEAD_MS: Final = 14 * 24 * HOUR_MS
"""No score is followed further: any threshold is long passed, and the walk stays bounded."""


class Sight(NamedTuple):
    """The share of a channel's sources that see, 0 to 1, from a moment on."""

    from_ms: int
    share: float


ALWAYS: Final = (Sight(0, 1.0),)
Spans = list[tuple[int, int]]


class Lane(NamedTuple):
    """One channel's part in a silence."""

    name: str
    rates: DayRates | FewRates
    since_ms: int
    """This channel's own last sign of life: its elapsed time runs from here, while it sees."""
    seen: tuple[Sight, ...] = ALWAYS
    """How well it sees, in order of time; the first holds from the beginning of the silence."""


class Step(NamedTuple):
    """An unanswered call: the score rises at once."""

    at_ms: int
    nats: float


class Segments:
    """Cuts (start, end) at local hours, at the lanes' buckets and where a lane's sight changes: in between every rate is constant.

    A lane's bucket is that of the silence it has seen. After an outage nobody can tell how long the person was silent: a
    bucket of the whole time, in which hardly anybody stirs any more, would hide what the source now sees.

    Half of a verdict is spent here, and a generator's tuples were half of that.
    """

    __slots__ = (
        "_end_ms",
        "_hour",
        "_hour_ends",
        "_hours",
        "_number",
        "_row",
        "_steady_ms",
        "_walks",
        "_weekend",
        "from_ms",
        "rate",
        "rates",
        "until_ms",
    )

    def __init__(self, hours: LocalHours, start_ms: int, end_ms: int, lanes: list[Lane]) -> None:
        self.from_ms: int = start_ms
        self.until_ms: int = start_ms
        self.rates: list[float] = [0.0] * len(lanes)
        """Of each lane its weighted rate in the stretch, events an hour."""
        self.rate: float = 0.0
        """Their sum."""
        self._hours = hours
        self._end_ms: int = end_ms
        self._walks = [
            (i, _Walk(lane, start_ms)) for i, lane in enumerate(lanes) if not is_dark_from(lane.seen, start_ms)
        ]
        self._hour_ends: int = start_ms
        self._steady_ms: int = 0
        self._number: int = 0
        self._weekend: int = 0
        self._hour: int = 0
        self._row: int = 0

    def step(self) -> bool:
        """Go on to the next stretch; False where there is none."""
        t = self.until_ms
        end_ms = self._end_ms
        if t >= end_ms:
            return False
        self.from_ms = t
        hour_ends = self._hour_ends
        new_hour = t >= hour_ends
        if new_hour:
            if t < self._steady_ms:
                hour_ends += HOUR_MS
                number = self._number + 1
                self._number = number
                self._hour = number % 24
                if not self._hour:
                    self._weekend = is_weekend(number // 24)
            else:
                self._weekend, self._hour, hour_ends = self._hours.cell(t)
                self._steady_ms = self._hours.steady_until(t)
                self._number = (t + self._hours.offset_ms(t)) // HOUR_MS
            self._hour_ends = hour_ends
            self._row = row_of(self._weekend, self._hour)
        row = self._row
        rates = self.rates
        turned = False
        stop = hour_ends if hour_ends < end_ms else end_ms  # noqa: FURB136 - each call would cost more than the rest
        for i, walk in self._walks:
            turns_ms = walk.turns_ms
            if t >= turns_ms:
                turns_ms = walk.turn(t)
                rates[i] = walk.share * walk.rate(row + walk.k) if walk.k >= 0 else 0.0
                turned = True
            elif new_hour:
                rates[i] = walk.share * walk.rate(row + walk.k) if walk.k >= 0 else 0.0
                turned = True
            if turns_ms < stop:  # noqa: PLR1730
                stop = turns_ms
        if turned:
            if len(rates) == 1:
                self.rate = rates[0]
            elif len(rates) == 2:
                self.rate = rates[0] + rates[1]  # as `fsum` has it: of two, a sum is rounded once
            else:
                self.rate = math.fsum(rates)
        self.until_ms = stop
        return True


def is_dark_from(seen: tuple[Sight, ...], at_ms: int) -> bool:
    """Tell whether a channel sees nothing from a moment on: it adds nothing then, whatever its rates."""
    last = seen[-1]
    return last.share <= 0.0 and last.from_ms <= at_ms


class _Walk:
    """Where a walk along a silence stands in one lane."""

    __slots__ = ("_dark_ms", "_few", "_place", "_rates", "_seen", "_sees_on", "_since_ms", "k", "share", "turns_ms")

    def __init__(self, lane: Lane, start_ms: int) -> None:
        rates = lane.rates
        self._few: FewRates | None = None
        self._rates: DayRates = NO_RATES
        if isinstance(rates, FewRates):
            self._few = rates
        else:
            self._rates = rates
        self.share = 0.0
        self.k = 0
        """The bucket of the silence that the lane has seen."""
        self.turns_ms = start_ms
        """When its bucket or its sight changes next."""
        self._seen = lane.seen
        self._place = 0
        self._since_ms = lane.since_ms + (_unseen(lane, start_ms) if len(lane.seen) > 1 else 0)
        """Its last sign of life, later by all that it has not seen since."""
        self._dark_ms = -1
        """Since when it sees nothing; -1 while it sees."""
        self._sees_on = False
        """It sees to the end: from one turn to the next it goes on by one bucket."""

    def rate(self, place: int) -> float:
        """Return the rate at a place, before its share."""
        few = self._few
        return self._rates[place] if few is None else few.at(place)

    def turn(self, t: int) -> int:
        """Go on to the bucket and the sight that hold from `t` on; return when they turn next."""
        if self._sees_on:
            self.k = k = self.k + 1
            self.turns_ms = turns_ms = self._since_ms + bucket_ends(k)
            return turns_ms
        seen, place = self._seen, self._place
        while place + 1 < len(seen) and seen[place + 1].from_ms <= t:
            place += 1
        self._place = place
        turns_ms = seen[place + 1].from_ms if place + 1 < len(seen) else NEVER_MS
        if self._dark_ms >= 0:
            self._since_ms += t - self._dark_ms
        self.share = seen[place].share
        self.k = k = bucket(t - self._since_ms)
        if self.share > 0:
            self._dark_ms = -1
            self._sees_on = place + 1 == len(seen)
            ends_ms = self._since_ms + bucket_ends(k)
            turns_ms = min(turns_ms, ends_ms)
        else:
            self._dark_ms = t
        self.turns_ms = turns_ms
        return turns_ms


def _unseen(lane: Lane, until_ms: int) -> int:
    """Return how much of the time from a lane's last sign of life to a moment it did not see, milliseconds."""
    ends = [sight.from_ms for sight in lane.seen[1:]]
    return sum(
        max(0, min(end_ms, until_ms) - max(sight.from_ms, lane.since_ms))
        for sight, end_ms in zip(lane.seen, [*ends, NEVER_MS], strict=True)
        if sight.share <= 0
    )


def blind_spans(lanes: list[Lane]) -> Spans:
    """Return when no lane saw anything; the last span may have no end (`NEVER_MS`)."""
    if any(len(lane.seen) == 1 and lane.seen[0].share > 0 for lane in lanes):
        return []
    moments = sorted({sight.from_ms for lane in lanes for sight in lane.seen})
    spans: Spans = []
    for at_ms, next_ms in itertools.pairwise([*moments, NEVER_MS]):
        if any(_share(lane, at_ms) > 0 for lane in lanes):
            continue
        if spans and spans[-1][1] == at_ms:
            spans[-1] = (spans[-1][0], next_ms)
        else:
            spans.append((at_ms, next_ms))
    return spans


def _share(lane: Lane, at_ms: int) -> float:
    share = lane.seen[0].share
    for sight in lane.seen:
        if sight.from_ms > at_ms:
            break
        share = sight.share
    return share


def seen_for(since_ms: int, span_ms: int, blind: Spans) -> int:
    """Return when a silence will have been seen for `span_ms`; `NEVER_MS` when nothing sees any more before that."""
    at_ms = since_ms + span_ms
    for start_ms, end_ms in blind:
        if start_ms >= at_ms:
            break
        if end_ms > since_ms:
            at_ms += end_ms - max(start_ms, since_ms)
    return min(at_ms, NEVER_MS)


def score(hours: LocalHours, start_ms: int, end_ms: int, lanes: list[Lane]) -> list[float]:
    """Return each lane's cumulative hazard over a silence, nats: -log P(a living person stays silent this long)."""
    sums = [0.0] * len(lanes)
    along = Segments(hours, start_ms, min(end_ms, start_ms + LOOK_AHEAD_MS), lanes)
    while along.step():
        span_h = (along.until_ms - along.from_ms) / HOUR_MS
        for i, rate in enumerate(along.rates):
            sums[i] += rate * span_h
    return sums


def reach(
    hours: LocalHours,
    start_ms: int,
    end_ms: int,
    lanes: list[Lane],
    steps: list[Step],
    levels: list[float],
    per_hour: float = 0.0,
) -> list[int]:
    """Return when the score of a silence that began at `start_ms` reaches each level (ascending); else `NEVER_MS`.

    `steps` are added at their moments. `per_hour`: so many nats more for each hour that any lane sees. Nothing after `end_ms`
    is looked at.
    """
    found: list[int] = []
    end_ms = min(end_ms, start_ms + LOOK_AHEAD_MS)
    total = 0.0
    waiting = sorted(steps, reverse=True)
    along = Segments(hours, start_ms, end_ms, lanes)
    while along.step():
        from_ms, until_ms, rate = along.from_ms, along.until_ms, along.rate
        if rate > 0:
            rate += per_hour
        if not waiting:  # nearly always
            rise = rate * (until_ms - from_ms) / HOUR_MS
            if total + rise < levels[len(found)]:
                total += rise
                continue
        t = from_ms
        while True:
            stop = min(until_ms, waiting[-1].at_ms) if waiting else until_ms
            stop = max(stop, t)
            rise = rate * (stop - t) / HOUR_MS
            while len(found) < len(levels) and total + rise >= levels[len(found)]:
                lacking = levels[len(found)] - total
                found.append(t if lacking <= 0 else min(stop, t + math.ceil(lacking / rate * HOUR_MS)))
            total += rise
            t = stop
            if waiting and waiting[-1].at_ms <= t:
                total += waiting.pop().nats
                continue
            if t >= until_ms:
                break
        if len(found) == len(levels):
            break
    return found + [NEVER_MS] * (len(levels) - len(found))


def reach_first(
    hours: LocalHours,
    start_ms: int,
    end_ms: int,
    lanes: list[Lane],
    level: float,
    per_hour: float,
    ask_at: float | None,
) -> tuple[int, int]:
    """Return when the score reaches `ask_at`, if that is asked for and comes first, and when it reaches `level`; else `NEVER_MS`.

    `per_hour` counts towards `level` alone. One walk in place of two of `reach`, of which the first ended where the second did.
    """
    ask_ms = NEVER_MS
    end_ms = min(end_ms, start_ms + LOOK_AHEAD_MS)
    bare = total = 0.0
    along = Segments(hours, start_ms, end_ms, lanes)
    while along.step():
        from_ms, until_ms, rate = along.from_ms, along.until_ms, along.rate
        more = rate + per_hour if rate > 0 else rate
        rise = more * (until_ms - from_ms) / HOUR_MS
        stop = until_ms
        is_reached = total + rise >= level
        if is_reached:
            lacking = level - total
            stop = from_ms if lacking <= 0 else min(until_ms, from_ms + math.ceil(lacking / more * HOUR_MS))
        total += rise
        if ask_at is not None and stop > from_ms:
            rise = rate * (stop - from_ms) / HOUR_MS
            if bare + rise >= ask_at:
                lacking = ask_at - bare
                ask_ms = from_ms if lacking <= 0 else min(stop, from_ms + math.ceil(lacking / rate * HOUR_MS))
                ask_at = None
            bare += rise
        if is_reached:
            return ask_ms, stop
    return ask_ms, NEVER_MS
