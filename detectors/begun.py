"""The third clock: how long silences ordinarily become that begin at this hour of the day.

Whoever falls silent at ten in the morning is missed sooner than whoever does at eleven at night. The table of the rhythm
knows this too, but needs months to know it of each cell; a day's longest silence begun around an hour is known in weeks.
"""

import math
import struct
from typing import Any, ClassVar, Final

from detectors.contract import Law
from detectors.hazard import are_amounts
from detectors.single import single

HOURS: Final = 24
AROUND: Final = 2
"""Silences begun this many hours before or after count for an hour too: nobody lives by the hour."""
HALF_LIFE_DAYS: Final = 30.0
_KEEP_SINGLE: Final = single(0.5 ** (1.0 / HALF_LIFE_DAYS))
PEOPLE_H: Final[tuple[float, ...]] = (
    *(4.8, 4.1, 3.1, 2.0, 1.6, 1.4, 1.2, 1.1, 1.2, 1.2, 1.2, 1.2),
    *(1.2, 1.2, 1.3, 1.3, 1.3, 1.4, 1.5, 1.7, 2.4, 3.7, 4.6, 4.9),
)
"""A day's longest silence begun within two hours of each hour, where nothing is known: medians of the tuning simulator."""
PEOPLE_WEIGHT: Final = 4.0
"""Days with which that mean weighs against the household's own,"""
SPREAD: Final = 0.3
"""and the deviation of people, as a share of the mean,"""
SPREAD_WEIGHT: Final = 16.0
"""with its days: the spread of a few weeks says little of the next."""
APART: Final = 0.8
"""How far the means of homes lie from each other, as a share of people's mean: a new home may be any of them."""
LEAST_DEVIATION_H: Final = 0.5
_ONE: Final = struct.Struct("<f")
_ALL: Final = struct.Struct(f"<{3 * HOURS}f")
K_PER_LOG_BUDGET: Final = 1.3
"""Deviations more for each e-th part of the budget: the tail is that of an exponential, not of a Gaussian."""
REFERENCE_BUDGET: Final = 0.1


class BegunAt:
    """Faded mean and deviation of each day's longest silence at home begun around each hour of the day, hours.

    `learn_one` takes a day's longest silence by the hour in which it began, 0 for none.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known = b""
        """Faded days, mean and mean square, by hour, float32, little-endian; empty while nothing was learned."""

    def learn_one(self, longest_h: list[float]) -> None:
        """Learn one day; an hour around which no silence began learns nothing."""
        known: list[float] = list(_ALL.unpack(self._known)) if self._known else [0.0] * (3 * HOURS)
        for hour in range(HOURS):
            near = 0.0
            for ahead in range(-AROUND, AROUND + 1):
                near = max(near, longest_h[(hour + ahead) % HOURS])
            near = single(near)
            if near > 0.0:
                days = single(single(known[hour] * _KEEP_SINGLE) + 1.0)
                share = single(1.0 / max(days, 1.0))
                mean, square = known[HOURS + hour], known[2 * HOURS + hour]
                known[hour] = days
                known[HOURS + hour] = single(mean + single(share * single(near - mean)))
                known[2 * HOURS + hour] = single(square + single(share * single(single(near * near) - square)))
        self._known = _ALL.pack(*known)

    def usual(self, hour: int) -> tuple[float, float]:
        """Return (mean, deviation) for silences begun in an hour, hours, drawn towards people's."""
        days = mean = square = 0.0
        if self._known:
            days, mean, square = (_ONE.unpack_from(self._known, 4 * (row * HOURS + hour))[0] for row in range(3))
        drawn = (days * mean + PEOPLE_WEIGHT * PEOPLE_H[hour]) / (days + PEOPLE_WEIGHT)
        own, people = max(0.0, square - mean * mean), (SPREAD * drawn) ** 2
        variance = (days * own + SPREAD_WEIGHT * people) / (days + SPREAD_WEIGHT)
        variance += (APART * PEOPLE_H[hour] * PEOPLE_WEIGHT / (days + PEOPLE_WEIGHT)) ** 2
        return drawn, max(LEAST_DEVIATION_H, math.sqrt(variance))

    def state(self) -> list[Any]:
        """Return the numbers as packed bytes; empty while nothing was learned."""
        return [self._known] if self._known else []

    def restore(self, state: list[Any]) -> None:
        """Take the bytes of a `state()`.

        Raises:
            ValueError: they are no three numbers an hour.

        """
        if state and (len(state[0]) != 3 * HOURS * _ONE.size or not are_amounts(state[0])):
            raise ValueError("no hours of silence")  # a deadline reckoned with it would never come
        self._known = bytes(state[0]) if state else b""
