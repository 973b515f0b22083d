"""Whether a household that is watched by what it carries has shown that its scores may be believed: the rhythm clock's trust.

A step counter that was recorded for a month says little of the next: it is laid aside for an afternoon that nothing foretold, and the
rhythm clock, which waits for a score, spent its false alarms there. So it stays out until this household's own scores have kept
for weeks to a tail that describes them, and leaves at once when one does not.
"""

import math
import struct
from typing import ClassVar, Final

from detectors.contract import Law
from detectors.longest import FURTHEST, MONTH_DAYS, WEEK_DAYS

UNUSUAL: Final = 0.1
"""A day's highest score that one day in ten household-months exceeds says that the tail is not this household's any more: the days are
counted anew."""
LEAST_DAYS: Final = 35.0
"""So many days without one are needed: more than any recording of a carried device has had."""
DOUBTED_DAYS: Final = 28.0
"""The clock has 1 - so many days / days of the budget: a fifth at first,"""
LARGEST_SHARE: Final = 0.5
"""and this after eight weeks."""


class Steady:
    """The tail of a day's highest score, nats, and since when nothing has contradicted it.

    Peaks over threshold, as `detectors.longest.Tail`: a stochastic quantile follows what one day in a week exceeds, and the mean excess over it is
    an exponential tail. People are those of recorded step counters, whose mean excess is twice that of a score which is told right, with
    the weight of a single peak: whoever takes it for theirs must show it.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.ANY_ORDER, Law.REPEATS})

    FORM: ClassVar[struct.Struct] = struct.Struct("<4d")
    WEEKLY: ClassVar[float] = 5.0
    EXCESS: ClassVar[float] = 2.0
    EXCESS_WEIGHT: ClassVar[float] = 1.0
    STEP: ClassVar[float] = 0.04
    FADE: ClassVar[float] = 0.995
    LARGEST_EXCESS: ClassVar[float] = 60.0
    MOST_DAYS: ClassVar[float] = 3650.0

    __slots__ = ("days", "excess", "peaks", "weekly")

    def __init__(self, numbers: bytes = b"") -> None:
        """`numbers` are what another has kept."""
        known: tuple[float, float, float, float] = (
            self.FORM.unpack(numbers) if numbers else (self.WEEKLY, 0.0, 0.0, 0.0)
        )
        self.weekly, self.excess, self.peaks, self.days = known

    def learn_one(self, highest: float) -> None:
        """Learn the highest score of a day's silences, nats; a day without one says nothing."""
        if not highest > 0.0:
            return
        self.days = min(self.days + 1.0, self.MOST_DAYS) if highest < self.score_one(UNUSUAL) else 0.0
        if highest > self.weekly:
            self.excess = self.excess * self.FADE + min(highest - self.weekly, self.LARGEST_EXCESS)
            self.peaks = self.peaks * self.FADE + 1.0
            self.weekly += self.STEP * (WEEK_DAYS - 1.0)
        else:
            self.weekly = max(1.0, self.weekly - self.STEP)

    def doubt(self) -> None:
        """Count the days anew: what the scores are made of has changed."""
        self.days = 0.0

    @property
    def share(self) -> float:
        """What the rhythm clock has of the silence budget; 0 while it is not trusted.

        Nor is it where the excess is more than people's: the table does not describe this household.
        """
        if self.days < LEAST_DAYS or self.scale > self.EXCESS:
            return 0.0
        return min(LARGEST_SHARE, 1.0 - DOUBTED_DAYS / self.days)

    @property
    def scale(self) -> float:
        """The mean excess, nats, drawn towards people's."""
        return (self.excess + self.EXCESS_WEIGHT * self.EXCESS) / (self.peaks + self.EXCESS_WEIGHT)

    def score_one(self, budget: float) -> float:
        """Return the score, nats, that a day's highest exceeds `budget` times a household-month."""
        return self.weekly + self.scale * math.log(MONTH_DAYS / WEEK_DAYS / budget)

    def budget_at(self, nats: float) -> float:
        """Return how many days a household-month are expected to exceed a score."""
        return MONTH_DAYS / WEEK_DAYS * math.exp(max(-FURTHEST, min(FURTHEST, (self.weekly - nats) / self.scale)))

    @property
    def numbers(self) -> bytes:
        """What is to be kept."""
        return self.FORM.pack(self.weekly, self.excess, self.peaks, self.days)

    def state(self) -> list[float]:
        """Return plain numbers."""
        return [self.weekly, self.excess, self.peaks, self.days]

    def restore(self, state: list[float]) -> None:
        """Take the numbers of a `state()`.

        Raises:
            ValueError: they are not four, as a damaged row's may be.

        """
        self.weekly, self.excess, self.peaks, self.days = state
