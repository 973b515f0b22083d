"""The score of a silence over all channels, and the moment at which it will reach a threshold.

Time that a channel has not seen is no silence: it adds nothing.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from detectors.hazard import NEVER_MS, DayRates, bucket, bucket_ends
from detectors.hours import HOUR_MS, LocalHours

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
    rates: DayRates
    since_ms: int
    """This channel's own last sign of life: its elapsed time runs from here, while it sees."""
    seen: tuple[Sight, ...] = ALWAYS
    """How well it sees, in order of time; the first holds from the beginning of the silence."""


class Step(NamedTuple):
    """An unanswered call: the score rises at once."""

    at_ms: int
    nats: float


class Segment(NamedTuple):
    """A stretch in which every rate is constant."""

    start_ms: int
    end_ms: int
    rates: list[float]
    """Weighted, of each lane, events an hour."""


def segments(hours: LocalHours, start_ms: int, end_ms: int, lanes: list[Lane]) -> Iterator[Segment]:
    """Cut (start, end) at local hours, at the lanes' buckets and where a lane's sight changes.

    A lane's bucket is that of the silence it has seen. After an outage nobody can tell how long the person was silent: a
    bucket of the whole time, in which hardly anybody stirs any more, would hide what the source now sees.
    """
    t = start_ms
    places = [0] * len(lanes)
    sinces = [lane.since_ms + _unseen(lane, start_ms) for lane in lanes]
    while t < end_ms:
        weekend, hour, stop = hours.cell(t)
        stop = min(stop, end_ms)
        shares = []
        for i, lane in enumerate(lanes):
            seen, place = lane.seen, places[i]
            while place + 1 < len(seen) and seen[place + 1].from_ms <= t:
                place += 1
            places[i] = place
            if place + 1 < len(seen):
                stop = min(stop, seen[place + 1].from_ms)
            share = seen[place].share
            shares.append(share)
            if share > 0:
                stop = min(stop, sinces[i] + bucket_ends(bucket(t - sinces[i])))
        rates = []
        for i, lane in enumerate(lanes):
            k = bucket(t - sinces[i])
            rates.append(shares[i] * lane.rates[weekend][hour][k] if k >= 0 else 0.0)
            if shares[i] <= 0:
                sinces[i] += stop - t
        yield Segment(t, stop, rates)
        t = stop


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
    for part in segments(hours, start_ms, min(end_ms, start_ms + LOOK_AHEAD_MS), lanes):
        span_h = (part.end_ms - part.start_ms) / HOUR_MS
        for i, rate in enumerate(part.rates):
            sums[i] += rate * span_h
    return sums


def reach(
    hours: LocalHours,
    start_ms: int,
    end_ms: int,
    lanes: list[Lane],
    steps: list[Step],
    levels: list[float],
) -> list[int]:
    """Return when the score of a silence that began at `start_ms` reaches each level (ascending); else `NEVER_MS`.

    `steps` are added at their moments. Nothing after `end_ms` is looked at.
    """
    found: list[int] = []
    end_ms = min(end_ms, start_ms + LOOK_AHEAD_MS)
    total = 0.0
    waiting = sorted(steps, reverse=True)
    for part in segments(hours, start_ms, end_ms, lanes):
        rate = math.fsum(part.rates)
        t = part.start_ms
        while True:
            stop = min(part.end_ms, waiting[-1].at_ms) if waiting else part.end_ms
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
            if t >= part.end_ms:
                break
        if len(found) == len(levels):
            break
    return found + [NEVER_MS] * (len(levels) - len(found))
