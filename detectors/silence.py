"""The score of a silence over all channels, and the moment at which it will reach a threshold."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from detectors.hazard import NEVER_MS, DayRates, bucket, bucket_ends
from detectors.hours import HOUR_MS, LocalHours

LOOK_AHEAD_MS: Final = 14 * 24 * HOUR_MS
"""No score is followed further: any threshold is long passed, and the walk stays bounded."""


class Lane(NamedTuple):
    """One channel's part in a silence."""

    name: str
    rates: DayRates
    since_ms: int
    """This channel's own last sign of life: its elapsed time runs from here."""
    weight: float
    """Health, 0 to 1."""
    until_ms: int = NEVER_MS
    """How far the channel has seen: a phone that reports in batches knows nothing later, nor does a dark sensor."""


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
    """Cut (start, end) at local hours, at the lanes' buckets and where a lane stops seeing."""
    t = start_ms
    while t < end_ms:
        weekend, hour, stop = hours.cell(t)
        stop = min(stop, end_ms)
        rates = []
        for lane in lanes:
            k = bucket(t - lane.since_ms)
            stop = min(stop, lane.since_ms + bucket_ends(k))
            if t >= lane.until_ms:
                rates.append(0.0)
                continue
            stop = min(stop, lane.until_ms)
            rates.append(lane.weight * lane.rates[weekend][hour][k] if k >= 0 else 0.0)
        yield Segment(t, stop, rates)
        t = stop


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
