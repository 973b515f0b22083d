"""Whether a household that is watched by what it carries has shown that its scores may be believed: the rhythm clock's trust.

A step counter that was recorded for a month says little of the next: it is laid aside for an afternoon that nothing foretold, and the
rhythm clock, which waits for a score, spent its false alarms there. So it stays out until this household's own scores have kept
for weeks to a tail that describes them, and leaves at once when one does not.
"""

import struct
from collections.abc import Sequence
from typing import ClassVar, Final

from detectors.contract import Law
from detectors.peaks import Peaks

UNUSUAL: Final = 0.1
"""A day's highest score that one day in ten household-months exceeds says that the tail is not this household's any more: the days are
counted anew."""
LEAST_DAYS: Final = 35.0
"""So many days without one are needed: more than any recording of a carried device has had."""
DOUBTED_DAYS: Final = 28.0
"""The clock has 1 - so many days / days of the budget: a fifth at first,"""
LARGEST_SHARE: Final = 0.5
"""and this after eight weeks."""


class Steady(Peaks):
    """The tail of a day's highest score, nats, and since when nothing has contradicted it.

    People are those of recorded step counters, whose mean excess is twice that of a score which is told right, with the weight of a single
    peak: whoever takes it for theirs must show it.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.ANY_ORDER, Law.REPEATS})

    FORM: ClassVar[struct.Struct] = struct.Struct("<4d")
    WEEKLY: ClassVar[float] = 5.0
    EXCESS: ClassVar[float] = 2.0
    EXCESS_WEIGHT: ClassVar[float] = 1.0
    LEAST: ClassVar[float] = 1.0
    LARGEST_EXCESS: ClassVar[float] = 60.0
    MOST_DAYS: ClassVar[float] = 3650.0

    __slots__ = ("days",)

    def __init__(self, numbers: bytes = b"") -> None:
        """`numbers` are what another has kept."""
        self.days = 0.0
        super().__init__(numbers)

    def learn_one(self, highest: float) -> None:
        """Learn the highest score of a day's silences, nats; a day without one says nothing."""
        if not highest > 0.0:
            return
        self.days = min(self.days + 1.0, self.MOST_DAYS) if highest < self.score_one(UNUSUAL) else 0.0
        self.take(highest)

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

    def state(self) -> list[float]:
        """Return plain numbers."""
        return [*super().state(), self.days]

    def restore(self, state: Sequence[float]) -> None:
        """Take the numbers of a `state()`.

        Raises:
            ValueError: as `Peaks.restore`.

        """
        *tail, self.days = state
        super().restore(tail)
