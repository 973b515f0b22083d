"""How long after a collapse this household's incident is to be expected: what its sources and its budget make possible."""

import math
from bisect import bisect_left
from typing import Any, ClassVar, Final

from detectors.contract import Law
from detectors.fading import Fadings
from detectors.life import HOME
from schemas.views import Slow

HALF_LIFE: Final = 14.0
"""In moments asked."""
SLOW_H: Final = 12.0
"""A household that would wait longer than this, by day or by night, is told as slow."""

BANDS_H: Final[tuple[float, ...]] = (3.0, 6.0, 9.0, 12.0, 16.0, 20.0, 24.0)
"""Bounds between which households are counted; above the last is a band of its own."""
_DAY, _NIGHT = range(2)


class Delay:
    """Expected hours from a collapse at home to the incident, by day and by night."""

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_budget", "_known", "slow")

    def __init__(self) -> None:
        self._budget = 0.0
        self._known = b""
        """Numbers of `Fadings`: by day, and by night."""
        self.slow: Slow = ""
        """Why the household is slow; empty where it is not, or not known to be."""

    @property
    def day_h(self) -> float | None:
        """After a collapse between 08:00 and 20:00, hours; None while nothing is known."""
        return self._mean(_DAY)

    @property
    def night_h(self) -> float | None:
        """After a collapse between 20:00 and 08:00, hours; None while nothing is known."""
        return self._mean(_NIGHT)

    def _mean(self, place: int) -> float | None:
        known = self._fadings()
        return known.mean(place) if known.count(place) else None

    def learn_one(self, day_h: float | None, night_h: float | None, budget: float, kinds: list[str]) -> None:
        """Learn the delay of one moment of a day and of one of a night (None: not to be told), hours.

        What was learned at another budget is forgotten. `kinds` are the channels that see the household live.
        """
        if not math.isclose(budget, self._budget):
            self._budget = budget
            self._known = b""
        for place, hours in ((_DAY, day_h), (_NIGHT, night_h)):
            if hours is not None:
                known = self._fadings()
                known.learn(place, hours)
                self._known = known.numbers
        longest_h = max(self.day_h or 0.0, self.night_h or 0.0)
        if not kinds:
            self.slow = "calls_only"
        elif longest_h <= SLOW_H:
            self.slow = ""
        else:
            self.slow = "seldom_seen" if HOME in kinds else "carried_only"

    def _fadings(self) -> Fadings:
        return Fadings(HALF_LIFE, 2, self._known)

    @property
    def bands(self) -> tuple[int, int]:
        """Which of `BANDS_H` the delay by day and by night lies in; -1 while it is not known."""
        return _band(self.day_h), _band(self.night_h)

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [self._budget, *self._fadings().state(), self.slow]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        self._budget = state[0]
        known = self._fadings()
        known.restore(state[1:3])
        self._known = known.numbers
        self.slow = state[3]


def _band(hours: float | None) -> int:
    return -1 if hours is None else bisect_left(BANDS_H, hours)
