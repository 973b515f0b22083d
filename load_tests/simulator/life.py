"""One ordinary day of one person, from waking to waking: sleep, naps, outings, meals, bouts of activity, nights."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from load_tests.simulator.people import Person

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Spans = list[tuple[float, float]]

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0

LEAVE, COME, MEAL, AWAKE, NIGHT = range(5)
"""Why a bout happens; decides in which room."""


@dataclass(frozen=True, slots=True)
class Life:
    """What the person does; seconds since local midnight of the day, beyond 86,400 for the night after it."""

    wake_s: float
    bed_s: float
    next_wake_s: float
    outings: Spans
    naps: Spans
    visits: Floats
    restless: Floats
    starts: Floats
    lengths: Floats
    why: Ints
    sick: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the date does to everybody: `number` days since the start, `weekday` 0 Monday, season -1 (winter) to 1."""

    number: int
    weekday: int
    season: float

    @property
    def weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.weekday >= 5


def wake_time(person: Person, calendar: Calendar, rng: np.random.Generator) -> float:
    """Draw when the person wakes on that day, seconds since its midnight; at least 03:00."""
    hour = person.wake_h + person.drift_h_month * calendar.number / 30 - 0.25 * calendar.season
    hour += person.weekend_h if calendar.weekend else 0.0
    return float(max(3.0, hour + rng.normal(0, person.wake_sd_h)) * HOUR_S)


def _outings(
    person: Person, calendar: Calendar, rng: np.random.Generator, awake: tuple[float, float], stays_at: float | None
) -> Spans:
    wake, bed = awake
    out: Spans = []
    if person.works and not calendar.weekend and rng.random() < 0.93:
        leave = wake + rng.uniform(0.8, 1.6) * HOUR_S
        out.append((leave, min(leave + rng.normal(9.5, 0.8) * HOUR_S, bed - HOUR_S)))
    rate = person.outings * (1 + 0.15 * calendar.season) * (0.4 if out else 1.0)
    for _ in range(int(rng.poisson(rate))):
        leave = rng.uniform(wake + 1.5 * HOUR_S, max(wake + 2 * HOUR_S, bed - 3 * HOUR_S))
        length = float(np.clip(rng.lognormal(np.log(1.8), 0.7), 0.15, 9.0)) * HOUR_S
        out.append((leave, min(leave + length, bed - 0.7 * HOUR_S)))
    out.sort()
    kept: Spans = []
    for leave, back in out:
        if back - leave < 600 or (kept and leave < kept[-1][1] + 1200):
            continue
        if stays_at is not None and leave - 1800 <= stays_at <= back + 600:
            continue
        kept.append((leave, back))
    return kept


def _rests(person: Person, rng: np.random.Generator, bed: float) -> Spans:
    """Hours in a chair: before the television in the evening, with a book or a screen in the afternoon."""
    dice = rng.random(2)
    evening, afternoon = bed - rng.uniform(1.8, 4.5) * HOUR_S, rng.uniform(12.8, 17.0) * HOUR_S
    out: Spans = []
    if dice[0] < person.rests:
        out.append((evening, min(evening + rng.uniform(1.0, 2.6) * HOUR_S, bed - 600)))
    if dice[1] < person.rests * 0.7:
        out.append((afternoon, afternoon + rng.uniform(0.8, 2.2) * HOUR_S))
    return out


def _free(wake: float, bed: float, busy: Spans) -> Spans:
    out: Spans = []
    at = wake
    for start, end in sorted(busy):
        if start > at:
            out.append((at, start))
        at = max(at, end)
    if bed > at:
        out.append((at, bed))
    return out


def _bouts(person: Person, rng: np.random.Generator, free: Spans, pace: float) -> tuple[Floats, Floats]:
    """Renewal of stillness and activity along the free hours: starts and lengths in seconds."""
    sizes = np.array([b - a for a, b in free])
    total = float(sizes.sum())
    mean = person.still_min * np.exp(person.still_sigma**2 / 2) / pace + person.bout_min * 1.3
    n = int(total / 60 / mean * 1.5) + 25
    # The recorded homes never rest for more than a few hours of a day at home: longer still periods are cut.
    still = np.minimum(rng.lognormal(np.log(person.still_min * 60 / pace), person.still_sigma, n), 2.7 * HOUR_S)
    length = rng.lognormal(np.log(person.bout_min * 60), 0.7, n)
    starts = np.cumsum(still) + np.concatenate(([0.0], np.cumsum(length)[:-1]))
    keep = starts < total
    starts, length = starts[keep], length[keep]
    ends = np.cumsum(sizes)
    where = np.searchsorted(ends, starts, side="right")
    firsts = np.array([a for a, _ in free])
    lasts = np.array([b for _, b in free])
    at = firsts[where] + starts - (ends - sizes)[where]
    return at, np.minimum(length, np.maximum(lasts[where] - at, 20.0))


def live(
    person: Person,
    calendar: Calendar,
    rng: np.random.Generator,
    wake_s: float,
    next_wake_s: float,
    stays_at: float | None,
) -> Life:
    """Live one day. `stays_at`: a moment at which the person must be at home (a collapse follows)."""
    sick = bool(rng.random() < person.sick * (1.5 if calendar.season < 0 else 1.0))
    sleep_s = float(np.clip(person.sleep_h + rng.normal(0, 0.5), 4.5, 10.0)) * HOUR_S
    bed = max(next_wake_s - sleep_s, wake_s + 9 * HOUR_S)
    outings = [] if sick else _outings(person, calendar, rng, (wake_s, bed), stays_at)
    naps: Spans = []
    if rng.random() < (0.95 if sick else person.naps):
        start = wake_s + rng.uniform(5.0, 9.0) * HOUR_S
        nap = (start, start + rng.uniform(0.5, 2.8 if sick else 1.6) * HOUR_S)
        if nap[1] < bed - HOUR_S and all(nap[1] < a or b < nap[0] for a, b in outings):
            naps.append(nap)
    free = _free(wake_s, bed, outings + naps + _rests(person, rng, bed))
    pace = (
        person.pace
        * (1 + person.drift_activity_month * calendar.number / 30)
        * (0.5 if sick else rng.uniform(0.85, 1.2))
    )
    starts, lengths = _bouts(person, rng, free, max(pace, 0.3))
    edges = [(a, 1, COME) for a, _ in free] + [(b - 150.0, 1, LEAVE) for _, b in free]
    meals = [
        (wake_s + rng.uniform(0.3, 1.2) * HOUR_S, 5, MEAL),
        (rng.normal(12.4, 0.4) * HOUR_S, 5, MEAL),
        (rng.normal(18.3, 0.5) * HOUR_S, 6, MEAL),
    ]
    meals = [m for m in meals if any(a < m[0] < b - 900 for a, b in free)]
    visits = np.sort(
        rng.uniform(bed + 0.7 * HOUR_S, max(next_wake_s - 0.4 * HOUR_S, bed + HOUR_S), int(rng.poisson(person.visits)))
    )
    night = [(float(v), 1, NIGHT) for v in visits]
    extra = edges + meals + night
    minutes = np.array([m for _, m, _ in extra], float) * rng.uniform(1.5, 4.0, len(extra))
    return Life(
        wake_s=wake_s,
        bed_s=bed,
        next_wake_s=next_wake_s,
        outings=outings,
        naps=naps,
        visits=visits,
        restless=rng.uniform(bed, next_wake_s, int(rng.poisson(person.restless))),
        starts=np.concatenate((starts, np.array([s for s, _, _ in extra]))),
        lengths=np.concatenate((lengths, minutes * 60)),
        why=np.concatenate((np.full(len(starts), AWAKE), np.array([w for _, _, w in extra]))).astype(np.int64),
        sick=sick,
    )
