"""The second clock: how long this household's longest silence of a day ordinarily is."""

import math
from typing import Any, ClassVar, Final, NamedTuple

from detectors.contract import Law
from detectors.fading import Fadings
from detectors.life import HOME, PHONE, WORN
from detectors.peaks import FURTHEST, Peaks

HALF_LIFE_DAYS: Final = 30.0
LONGEST_ORDINARY_H: Final = 20.0
"""A longer silence is an absence or an outage that nobody recorded: it says nothing of an ordinary day."""
LEAST_VARIANCE: Final = 0.25
"""Hours squared."""
REFERENCE_BUDGET: Final = 0.1


class Population(NamedTuple):
    """The longest silence of a day where nothing is known of the household, and how far a household may differ from it."""

    mean_h: float
    deviation_h: float
    mean_weight: float = 4.0
    """Days with which the mean weighs against the household's own."""
    variance_weight: float = 8.0
    k_more: float = 0.0
    """Deviations by which the clock waits longer than the profile says."""
    k_per_log_budget: float = 0.5
    """Deviations more for each e-th part of the budget: the tail of a Gaussian asks 0.32, the recorded homes more."""


_CARRIED: Final = Population(9.0, 2.5, 10.0, 30.0, -0.4, 0.32)
"""A device lies on the table now and then: the deviation of a few quiet weeks says little of the longest silence of the next."""
AT_HOME: Final = {HOME: Population(8.0, 2.5), PHONE: _CARRIED, WORN: _CARRIED}
AWAY: Final = Population(10.0, 4.0)


SHIPPED_K: Final = 3.0
"""Deviations that a profile asks for unless somebody changed it: a tail that is a home's own moves as far as the profile does."""


class Tail(Peaks):
    """How far beyond the mean this home's own longest silences reach, in deviations, with carried devices' people as prior.

    What one day in a week exceeds is in deviations above the mean as it was before that day. The deviation is drawn towards people who
    leave a phone lying for an evening now and then, and stays so where somebody never does: such a home was waited for hours
    longer than it ever was silent.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.ANY_ORDER, Law.REPEATS})

    WEEKLY: ClassVar[float] = 1.4
    EXCESS: ClassVar[float] = 0.5
    EXCESS_WEIGHT: ClassVar[float] = 6.0
    LARGEST_EXCESS: ClassVar[float] = 6.0

    __slots__ = ()

    def learn_one(self, deviations: float) -> None:
        """Learn a day's longest silence, in deviations above the mean."""
        self.take(deviations)


class LongestSilence:
    """Shrunk mean and deviation of each day's longest silence, hours; at home and away apart, and the tail of a carried device's.

    River's contract: `learn_one(hours)` once a day, `score_one(hours)` in deviations above the mean.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_known", "_tail", "kind")

    def __init__(self, kind: str = HOME) -> None:
        self.kind = kind
        """The kind of channel whose population stands in until the household is known."""
        self._known = b""
        """Numbers of `Fadings`: at home, and away."""
        self._tail = b""
        """Numbers of `Tail`, of carried devices only."""

    def learn_one(self, hours: float, *, away: bool = False) -> None:
        """Learn one day's longest silence; one over 20 h is left out."""
        if 0 < hours < LONGEST_ORDINARY_H:
            if self.kind != HOME and not away:
                tail = Tail(self._tail)
                tail.learn_one(self.score_one(hours))
                self._tail = tail.numbers
            known = self._fadings()
            known.learn(int(away), hours)
            self._known = known.numbers

    def score_one(self, hours: float, *, away: bool = False) -> float:
        """Return how many deviations a silence lies above the ordinary longest."""
        mean, deviation = self.usual(away=away)
        return (hours - mean) / deviation

    def usual(self, *, away: bool = False) -> tuple[float, float]:
        """Return (mean, deviation) of a day's longest silence, hours, drawn towards the population."""
        people = self._people(away=away)
        mean, variance = self._fadings().shrunk(
            int(away), people.mean_h, people.deviation_h**2, people.mean_weight, people.variance_weight
        )
        return mean, math.sqrt(max(variance, LEAST_VARIANCE))

    def deadline_h(self, k: float, budget: float, *, away: bool = False) -> float:
        """Return the silence, hours, at which this clock alarms.

        `k` deviations at 0.1 false alarms a household-month; a smaller `budget` waits longer. Where a carried device's own
        tail is shorter, that counts: it brings the alarm forward and never puts it off.
        """
        mean, deviation = self.usual(away=away)
        people = self._people(away=away)
        far = k + people.k_more + people.k_per_log_budget * math.log(REFERENCE_BUDGET / budget)
        if self._tail and not away:
            far = min(far, k - SHIPPED_K + Tail(self._tail).score_one(budget))
        return mean + max(0.5, far) * deviation

    @property
    def k_per_log_budget(self) -> float:
        """Deviations more for each e-th part of the budget, at home."""
        return self._people(away=False).k_per_log_budget

    def budget_at(self, k: float, hours: float, *, away: bool = False) -> float:
        """Return the budget at which this clock alarms after a silence so long."""
        people = self._people(away=away)
        far = self.score_one(hours, away=away) - k
        budget = REFERENCE_BUDGET * math.exp(min(FURTHEST, -(far - people.k_more) / people.k_per_log_budget))
        if self._tail and not away:
            budget = min(budget, Tail(self._tail).budget_at(far + SHIPPED_K))
        return budget

    def _fadings(self) -> Fadings:
        return Fadings(HALF_LIFE_DAYS, 2, self._known)

    def _people(self, *, away: bool) -> Population:
        return AWAY if away else AT_HOME[self.kind]

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return self._fadings().state()

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        known = self._fadings()
        known.restore(state[:2])
        self._known = known.numbers

    def tail_state(self) -> list[float]:
        """Return the tail's plain numbers; none where nothing of one is known."""
        return Tail(self._tail).state() if self._tail else []

    def restore_tail(self, state: list[float]) -> None:
        """Take the numbers of a `tail_state()`.

        Raises:
            ValueError: as `Tail.restore`.

        """
        tail = Tail()
        if state:
            tail.restore(state)
        self._tail = tail.numbers if state else b""
