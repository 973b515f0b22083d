"""The score at which silence alarms: a false-alarm budget turned into nats for this household."""

import itertools
import math
from functools import lru_cache
from typing import Any, ClassVar, Final

from detectors.contract import Law

POPULATION: Final[tuple[tuple[float, float], ...]] = (
    (30.4, 4.4),
    (4.35, 6.2),
    (3.0, 6.5),
    (1.0, 7.5),
    (0.3, 8.65),
    (0.1, 9.8),
    (0.033, 10.9),
    (0.01, 12.0),
)
"""(silences a household-month that reach it, score in nats): the population's tail, measured on recorded homes."""
WEEKLY: Final = 6.2
"""The population's once-a-week quantile."""
EXCESS: Final = 1.15
"""The population's mean excess over it."""
EXCESS_WEIGHT: Final = 12.0
STEP: Final = 0.1
PER_DAY: Final = 1 / 7
FURTHEST: Final = 50.0
"""No rate is told beyond e to this."""
FADE: Final = 0.995
LARGEST_EXCESS: Final = 60.0
DAY_MS: Final = 86_400_000


@lru_cache(maxsize=256)
def population_threshold(budget: float) -> float:
    """Return the score that the population's silences exceed `budget` times a household-month; beyond the ends, the end's."""
    x = -math.log(budget)
    points = [(-math.log(rate), score) for rate, score in POPULATION]
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def _population_rate(score: float) -> float:
    """Return how often a household-month the population's silences exceed a score; beyond the ends it falls as at the end."""
    points = [(-math.log(rate), score) for rate, score in POPULATION]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if score <= y1 or (x1, y1) == points[-1]:
            return math.exp(min(FURTHEST, -(x0 + (x1 - x0) * (score - y0) / (y1 - y0))))
    return 0.0


class Threshold:
    """Peaks over threshold with the population as prior.

    Tracks the score that this home's own silences exceed once a week (a stochastic quantile: up 10 % of itself at each
    exceedance, down as much a week) and their mean excess over it; the population's tail beyond its own weekly quantile
    is scaled by the ratio of the excesses. `learn_one` takes the score of one ended silence at home.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_at_ms", "_excess", "_peaks", "weekly")

    def __init__(self) -> None:
        self.weekly = WEEKLY
        self._excess = 0.0
        self._peaks = 0.0
        self._at_ms = 0

    def learn_one(self, score: float, at_ms: int) -> None:
        """Learn the score, nats, of a silence that ended at `at_ms`."""
        self.pass_time(at_ms)
        if score > self.weekly:
            self._excess = self._excess * FADE + min(score - self.weekly, LARGEST_EXCESS)
            self._peaks = self._peaks * FADE + 1.0
            self.weekly += STEP * self.weekly

    def pass_time(self, at_ms: int) -> None:
        """Let the quantile sink for the time without an exceedance."""
        if self._at_ms and at_ms > self._at_ms:
            days = (at_ms - self._at_ms) / DAY_MS
            self.weekly = max(0.5, self.weekly * math.exp(-STEP * PER_DAY * days))
        self._at_ms = max(self._at_ms, at_ms)

    def score_one(self, budget: float) -> float:
        """Return the threshold, nats, for a budget in false alarms a household-month."""
        return max(1.0, self.weekly + (population_threshold(budget) - WEEKLY) * self.scale)

    def budget_at(self, score: float) -> float:
        """Return the budget whose threshold a score reaches: how many silences a household-month are expected to score so high."""
        return _population_rate(WEEKLY + (score - self.weekly) / self.scale)

    @property
    def scale(self) -> float:
        """The home's mean excess over its weekly quantile, as a share of the population's."""
        return (self._excess + EXCESS_WEIGHT * EXCESS) / (self._peaks + EXCESS_WEIGHT) / EXCESS

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [self.weekly, self._excess, self._peaks, self._at_ms]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        self.weekly, self._excess, self._peaks, self._at_ms = state
