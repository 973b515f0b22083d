"""River's own anomaly detectors, one model a home: what a generic detector makes of silences."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from river.anomaly import GaussianScorer, HalfSpaceTrees

from detectors.hours import DAY_MS, HOUR_MS
from load_tests.bench_detection.homes import LONGEST_ORDINARY_MS, Home
from load_tests.bench_detection.lines import AHEAD_DAYS, LEAST_MS, SLOTS, Deadlines, silences_of

GAUSSIAN_Z: Final = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0)
TREES_SCORES: Final = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
LEAST_LEARNED: Final = 20
"""Fewer silences of an hour say nothing: the model of all hours stands in."""
LONGEST_H: Final = 48
TREES_EVERY_DAYS: Final = 7
"""The trees are asked about every hour and every hour of silence this often, or the run would take an hour."""
SEED: Final = 42


def gaussian(home: Home, zs: Sequence[float]) -> list[Deadlines]:
    """river.anomaly.GaussianScorer of the logarithm of a silence's length, one for each hour at which it began.

    Its score is the probability mass nearer to the mean, |2 F(y) - 1|: over a score of 2 Phi(z) - 1 means over mean +
    z deviations, which can be said ahead. A day's silences are learned when the day is over.
    """
    # River's scorers are not typed.
    scorers: list[Any] = [GaussianScorer(window_size=None, grace_period=0) for _ in range(25)]  # type: ignore[no-untyped-call]
    learned = [0] * 24
    local = home.proofs + home.offset_ms
    hour_of = (local % DAY_MS // HOUR_MS).tolist()
    usual = np.full((2, 24), np.nan)
    mean, deviation = np.full(len(local), np.nan), np.full(len(local), np.nan)
    waiting: list[tuple[int, float]] = []
    day = -1
    before_ms = 0
    for i, at_ms in enumerate(local.tolist()):
        gap_ms = at_ms - before_ms
        if before_ms and LEAST_MS < gap_ms < LONGEST_ORDINARY_MS:
            waiting.append((hour_of[i - 1], float(np.log(gap_ms / HOUR_MS))))
        if at_ms // DAY_MS != day:
            for hour, y in waiting:
                scorers[hour].learn_one(None, y)
                scorers[24].learn_one(None, y)
                learned[hour] += 1
            waiting, day = [], at_ms // DAY_MS
            for hour in range(24):
                known = scorers[hour if learned[hour] >= LEAST_LEARNED else 24].gaussian
                usual[:, hour] = known.mu, max(known.sigma, 0.1)
        mean[i], deviation[i] = usual[:, hour_of[i]]
        before_ms = at_ms
    return [home.proofs + np.exp(np.minimum(mean + z * deviation, 6.0)) * HOUR_MS for z in zs]


def trees(home: Home, scores: Sequence[float]) -> Iterator[Deadlines]:
    """river.anomaly.HalfSpaceTrees over (hours silent, hour of the day), learned every half hour, asked on the full hour.

    25 trees of height 8, windows of a week. Once a week the score of every hour of the day and of silence up to 48 hours
    is tabulated from what was learned by then; an alarm at the first full hour whose score is high enough.
    """
    seen = silences_of(home)
    days = len(seen.weekend)
    model: Any = HalfSpaceTrees(
        n_trees=25, height=8, window_size=7 * SLOTS, limits={"silent": (0, LONGEST_H), "hour": (0, 24)}, seed=SEED
    )
    tables: list[NDArray[np.float64]] = []
    table = np.zeros((24, LONGEST_H + 1))
    for day in range(days):
        if day % TREES_EVERY_DAYS == 0 and day >= 2 * TREES_EVERY_DAYS:
            table = np.array(
                [
                    [model.score_one({"silent": float(silent), "hour": float(hour)}) for silent in range(LONGEST_H + 1)]
                    for hour in range(24)
                ]
            )
        tables.append(table)
        for slot, silent in enumerate(seen.at_end_h[day].tolist()):
            if not np.isnan(silent):
                model.learn_one({"silent": min(silent, float(LONGEST_H)), "hour": (slot + 1) / 2 % 24})
    local = home.proofs + home.offset_ms
    first = int(local[0]) // DAY_MS
    day_of = local // DAY_MS - first
    hours = np.arange(24 * AHEAD_DAYS)
    for least in scores:
        out = np.full(len(local), np.inf)
        for day in np.unique(day_of).tolist():
            mine = np.flatnonzero(day_of == day)
            at_ms = (first + day) * DAY_MS + hours.astype(np.int64) * HOUR_MS
            silent = (at_ms[None, :] - local[mine][:, None]) // HOUR_MS
            high = tables[day][hours % 24, np.clip(silent, 0, LONGEST_H)] >= least
            high &= silent >= 1
            found = high.any(axis=1)
            out[mine[found]] = at_ms[high.argmax(axis=1)[found]] - home.offset_ms
        yield out
