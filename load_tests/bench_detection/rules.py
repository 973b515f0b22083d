"""The rules that Anbu is measured against, given the same proofs of life: each says, after every proof, when it would alarm.

None looks ahead of a proof, but for the oracle, whose point it is.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.fading import Fading
from detectors.hazard import EDGES_MS, DayRates, HazardTable
from detectors.hours import DAY_BEGINS_H, DAY_MS, HOUR_MS, LocalHours, hours_of
from detectors.life import HOME
from detectors.silence import Lane, reach, score
from load_tests.bench_detection.homes import LONGEST_ORDINARY_MS, ZONE, Home
from load_tests.bench_detection.lines import (
    CUDDIHY_FACTORS,
    FLOECK_HOURS,
    MOSHTAGHI_ALPHAS,
    WILHELM_FACTORS,
    cuddihy,
    floeck,
    moshtaghi,
    wilhelm,
)
from load_tests.bench_detection.river import GAUSSIAN_Z, TREES_SCORES, gaussian, trees

Deadlines = NDArray[np.float64]
"""UTC milliseconds, one a proof; infinite for never."""

FIXED_H: Final = (*(half / 2 for half in range(16, 49)), 50.0)
"""8 to 24 hours; the services in use wait 12, 16, 24 or 50."""
LONGEST_K: Final = tuple(quarter / 4 for quarter in range(2, 29))
POISSON_NATS: Final = (3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200)
HALF_LIFE_DAYS: Final = 30.0
LEAST_PER_H: Final = 0.02
LOOK_AHEAD_DAYS: Final = 5
BIN_MS: Final = 300_000


PUBLISHED: Final[tuple[tuple[str, str, tuple[float, ...], Callable[..., Iterable[Deadlines]]], ...]] = (
    ("cuddihy", "factor", CUDDIHY_FACTORS, cuddihy),
    ("floeck", "hours", FLOECK_HOURS, floeck),
    ("moshtaghi", "alpha", MOSHTAGHI_ALPHAS, moshtaghi),
    ("wilhelm", "factor", WILHELM_FACTORS, wilhelm),
    ("gaussian", "deviations", GAUSSIAN_Z, gaussian),
    ("trees", "score", TREES_SCORES, trees),
)
"""Family, what is swept, its values, and the rule."""


class Rule(NamedTuple):
    """One operating point of a rule."""

    family: str
    setting: str
    deadlines: Deadlines


def rules_for(home: Home) -> Iterator[Rule]:
    """Yield every operating point of every rule on a home."""
    for hours in FIXED_H:
        yield Rule("fixed", f"{hours:g} h", (home.proofs + hours * HOUR_MS).astype(np.float64))
    for k, deadlines in zip(LONGEST_K, longest(home, LONGEST_K), strict=True):
        yield Rule("longest", f"k {k:g}", deadlines)
    for nats, deadlines in zip(POISSON_NATS, poisson(home, POISSON_NATS), strict=True):
        yield Rule("poisson", f"{nats} nats", deadlines)
    for family, name, settings, rule in PUBLISHED:
        for setting, deadlines in zip(settings, rule(home, settings), strict=True):
            yield Rule(family, f"{name} {setting:g}", deadlines)
    yield Rule("oracle", "in sample", oracle(home))


def longest(home: Home, ks: Sequence[float]) -> list[Deadlines]:
    """Alarm after the shrunk mean and k shrunk deviations of each day's longest silence (over 20 h left out), home or away."""
    days = Fading(HALF_LIFE_DAYS)
    usual = np.empty((2, len(home.proofs)))
    day, most_h, before_ms = -1, 0.0, 0
    mean, variance = days.shrunk(9.0, 2.5**2, 4.0, 8.0)
    for i, at_ms in enumerate(home.proofs.tolist()):
        if before_ms and at_ms - before_ms < LONGEST_ORDINARY_MS:
            most_h = max(most_h, (at_ms - before_ms) / HOUR_MS)
        today = (at_ms + home.offset_ms - DAY_BEGINS_H * HOUR_MS) // DAY_MS
        if today != day:
            if day >= 0 and most_h > 0:
                days.learn_one(most_h)
                mean, variance = days.shrunk(9.0, 2.5**2, 4.0, 8.0)
            day, most_h = today, 0.0
        usual[:, i] = mean, max(variance, 0.25) ** 0.5
        before_ms = at_ms
    return [home.proofs + (usual[0] + k * usual[1]) * HOUR_MS for k in ks]


def poisson(home: Home, levels: Sequence[float]) -> list[Deadlines]:
    """Alarm when so many active five-minute bins were to be expected in the silence, by the hour of the day alone."""
    local = home.proofs + home.offset_ms
    first_day = int(local[0]) // DAY_MS
    day_of = local // DAY_MS - first_day
    active = np.unique(local // BIN_MS) * BIN_MS
    counts = np.zeros((int(day_of[-1]) + 1, 24))
    np.add.at(counts, (active // DAY_MS - first_day, active % DAY_MS // HOUR_MS), 1.0)
    keep = 0.5 ** (1 / HALF_LIFE_DAYS)
    learned, days = np.zeros(24), 0.0
    out = [np.empty(len(local)) for _ in levels]
    grid = np.arange(24 * LOOK_AHEAD_DAYS + 1) * float(HOUR_MS)
    for day, count in enumerate(counts):
        today = day_of == day
        rates = np.maximum((learned + 2.0) / (days + 1.0), LEAST_PER_H)
        rising = np.concatenate([[0.0], np.cumsum(np.tile(rates, LOOK_AHEAD_DAYS))])
        start_ms = (first_day + day) * DAY_MS
        now = np.interp(local[today] - start_ms, grid, rising)
        for level, due in zip(levels, out, strict=True):
            due[today] = np.interp(now + level, rising, grid, right=np.inf) + start_ms - home.offset_ms
        learned, days = learned * keep + count, days * keep + 1.0
    return out


def oracle(home: Home) -> Deadlines:
    """Return-hazard table of the whole recording; alarms just above the highest score of any ordinary silence in it.

    It knows the future: what a table of this kind could reach without a false alarm if it knew the person already.
    """
    hours = hours_of(ZONE)
    table = HazardTable(HOME)
    gaps = list(itertools.pairwise(home.proofs.tolist()))
    for (start_ms, end_ms), away in zip(gaps, home.leaves.tolist(), strict=False):
        table.learn_one(hours, start_ms, end_ms, away=away)
    rates = [table.rates(away=away, k0_h=1.0, k1_h=1.0, floor_per_h=0.05) for away in (False, True)]
    highest = max(
        (
            score(hours, start_ms, end_ms, [Lane(HOME, rates[int(away)], start_ms)])[0]
            for (start_ms, end_ms), away in zip(gaps, home.leaves.tolist(), strict=False)
            if start_ms >= home.warm_ms and EDGES_MS[0] < end_ms - start_ms < LONGEST_ORDINARY_MS
        ),
        default=1.0,
    )
    return np.array(
        [
            _reached(hours, at_ms, rates[int(away)], highest + 1e-6)
            for at_ms, away in zip(home.proofs.tolist(), home.leaves.tolist(), strict=True)
        ]
    )


def _reached(hours: LocalHours, at_ms: int, rates: DayRates, level: float) -> float:
    return float(reach(hours, at_ms, at_ms + LOOK_AHEAD_DAYS * DAY_MS, [Lane(HOME, rates, at_ms)], [], [level])[0])
