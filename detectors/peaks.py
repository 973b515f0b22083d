"""Peaks over threshold of one number a day: how far it reaches once in so many household-months."""

import math
import struct
from collections.abc import Sequence
from typing import ClassVar, Final

MONTH_DAYS: Final = 30.4
WEEK_DAYS: Final = 7.0
FURTHEST: Final = 50.0
"""No rate is told beyond e to this."""


class Peaks:
    """A home's own tail: a stochastic quantile follows what one day in a week exceeds, and the mean excess over it is an exponential tail.

    Population and steps are those of the class that says what the number is; it learns by `take`.
    """

    FORM: ClassVar[struct.Struct] = struct.Struct("<3d")
    WEEKLY: ClassVar[float] = 0.0
    """What one day in a week exceeds where nothing is known,"""
    EXCESS: ClassVar[float] = 0.0
    """the mean excess over it,"""
    EXCESS_WEIGHT: ClassVar[float] = 0.0
    """and the peaks with which that weighs against the household's own."""
    LEAST: ClassVar[float] = 0.0
    """The quantile never sinks below this."""
    STEP: ClassVar[float] = 0.04
    FADE: ClassVar[float] = 0.995
    LARGEST_EXCESS: ClassVar[float] = 0.0

    __slots__ = ("excess", "peaks", "weekly")

    def __init__(self, numbers: bytes = b"") -> None:
        """`numbers` are what another has kept."""
        self.weekly, self.excess, self.peaks = self.WEEKLY, 0.0, 0.0
        if numbers:
            self.restore(self.FORM.unpack(numbers))

    def take(self, number: float) -> None:
        """Learn a day's number."""
        if number > self.weekly:
            self.excess = self.excess * self.FADE + min(number - self.weekly, self.LARGEST_EXCESS)
            self.peaks = self.peaks * self.FADE + 1.0
            self.weekly += self.STEP * (WEEK_DAYS - 1.0)
        else:
            self.weekly = max(self.LEAST, self.weekly - self.STEP)

    @property
    def scale(self) -> float:
        """The mean excess, drawn towards people's."""
        return (self.excess + self.EXCESS_WEIGHT * self.EXCESS) / (self.peaks + self.EXCESS_WEIGHT)

    def score_one(self, budget: float) -> float:
        """Return the number that a day's exceeds `budget` times a household-month."""
        return self.weekly + self.scale * math.log(MONTH_DAYS / WEEK_DAYS / budget)

    def budget_at(self, number: float) -> float:
        """Return how many days a household-month are expected to exceed a number."""
        return MONTH_DAYS / WEEK_DAYS * math.exp(max(-FURTHEST, min(FURTHEST, (self.weekly - number) / self.scale)))

    @property
    def numbers(self) -> bytes:
        """What is to be kept."""
        return self.FORM.pack(*self.state())

    def state(self) -> list[float]:
        """Return plain numbers."""
        return [self.weekly, self.excess, self.peaks]

    def restore(self, state: Sequence[float]) -> None:
        """Take the numbers of a `state()`.

        Raises:
            ValueError: they are not so many, as a damaged row's may be.

        """
        self.weekly, self.excess, self.peaks = state
