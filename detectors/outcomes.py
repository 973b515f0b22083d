"""What responders found in this home, and what it makes of its silence budget.

A closing that says "all was well" is a false alarm of this home; one that says that somebody needed help is a real one.
Both are counted as rates are with little to go by, each drawn to what is usual (gamma prior, Poisson counts; Gelman et al.,
Bayesian Data Analysis, 2.6): with F false and R real ones the home's rates are (A + F) / A' and (A + R) / A' of the usual.
An alarm is worth what its danger is against its falsehood, so the budget, false alarms a household-month, is multiplied by

    factor = (A + R) / (A + F), between 1/2 and 2

The exposures A' leave the formula, for they are nearly equal: a month holds 0.03 collapses by the prior of
`streams.cases.ranking` and 0.05 false alarms by the default profile. Where the homes' own rates do follow the prior, a factor
without real ones multiplies the population's false alarms by A / (A + b t) with t the faded months watched: never above
1, so the budget of all homes together stays kept. Real ones are rare and the factor ends at 2.

Counts fade by half in half a year (forward decay, Cormode et al. 2009). A closing is learned with the day on which its
incident opened, 30 hours after that day's end; each day counts one false and one real one at most, however many incidents
told of it.
"""

from typing import Any, Final

from schemas.incidents import EMERGENCIES, CloseCause, IncidentKind

WEIGHT: Final = 2.0
"""A: closings with which the usual weighs against the home's own. Assumed: two of one sort halve or double."""
LEAST: Final = 0.5
MOST: Final = 2.0
HALF_LIFE_DAYS: Final = 182.0
MOST_WAITING: Final = 32

FALSE: Final = frozenset({CloseCause.SAFE_AT_HOME, CloseCause.SAFE_AWAY, CloseCause.WRONG_CONTACT})
REAL: Final = frozenset({CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL})
DANGERS: Final = frozenset({*EMERGENCIES, IncidentKind.SILENCE, IncidentKind.UNANSWERED_CALLS})
"""Kinds of which a real one says that this person is in danger more often than others."""
_FALSE, _REAL, _FAULT = 0, 1, 2


class Outcomes:
    """Closings of one home: those that wait for their day to be learned, and faded counts of those that were."""

    __slots__ = ("false", "real", "waiting")

    def __init__(self) -> None:
        self.waiting: tuple[tuple[int, int], ...] = ()
        """(when its incident opened, what it was), in this order: which was heard first makes no difference."""
        self.false = 0.0
        self.real = 0.0

    def hear(self, kind: IncidentKind, cause: CloseCause, opened_ms: int) -> None:
        """Take a closing. Nothing is learned from it yet."""
        silence = kind is IncidentKind.SILENCE
        what = (
            _FALSE
            if silence and cause in FALSE
            else _REAL
            if kind in DANGERS and cause in REAL
            else _FAULT
            if silence and cause is CloseCause.DEVICE_FAULT
            else None
        )
        if what is not None:
            self.waiting = tuple(sorted({*self.waiting, (opened_ms, what)})[-MOST_WAITING:])

    @property
    def faults(self) -> list[int]:
        """When silences were raised that were a device's fault, those that wait."""
        return [opened_ms for opened_ms, what in self.waiting if what == _FAULT]

    def learn_before(self, end_ms: int, days: float) -> None:
        """Learn what opened before a moment: the end of a day (or several, where days were skipped)."""
        keep = 0.5 ** (days / HALF_LIFE_DAYS)
        due = {what for opened_ms, what in self.waiting if opened_ms < end_ms}
        self.false = self.false * keep + (_FALSE in due)
        self.real = self.real * keep + (_REAL in due)
        self.waiting = tuple([one for one in self.waiting if one[0] >= end_ms])

    @property
    def factor(self) -> float:
        """What the home's silence budget is multiplied by."""
        return min(MOST, max(LEAST, (WEIGHT + self.real) / (WEIGHT + self.false)))

    def state(self) -> list[Any]:
        """Return the counts as plain numbers."""
        return [self.false, self.real]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        false, real = state
        self.false, self.real = false or 0.0, real or 0.0  # nearly all homes share that one
