"""Missed medication: doses in a row that the care robot saw missed."""

from bisect import bisect_left
from collections.abc import Sequence
from sys import intern
from typing import Any, ClassVar, Final, NamedTuple

from detectors.contract import Law
from detectors.digest import digest
from schemas.events import Event

MOST: Final = 256
MISSED: Final = "medication_missed"
TAKEN: Final = "medication_taken"


A_MONTH: Final = 60
"""Doses of a month."""
IRREGULAR: Final = 0.1
"""Who misses more of the doses than this is told of one miss later."""
PART: Final = 0.3
"""What chance may bring of single doses, as a part of the other budget: beside the parts of `detectors.thrift`, as a row of
the profile's own number is."""


def in_a_row(taken: float, ordinary: int, budget: float) -> int:
    """Return how many doses must be missed in a row to be told, by the share of doses that this person usually takes.

    A single one where the person is so regular that chance would bring it no more often than the budget allows; one more than the
    profile's number where every tenth dose is missed.
    """
    missed = min(max(1.0 - taken, 1e-6), 1.0)
    if A_MONTH * missed <= PART * budget:
        return 1
    return ordinary + (missed > IRREGULAR)


class Dose(NamedTuple):
    """What a robot said of one dose."""

    at_ms: int
    kind: str
    id: int
    """A digest: only whether two are equal matters."""


class MissedRow(NamedTuple):
    """Doses missed since the last one taken."""

    doses: int
    first_ms: int
    last_ms: int


_NO_ROW: Final = MissedRow(0, 0, 0)


class Medication:
    """Doses, exact within the learning horizon: repeats and order of arrival do not matter.

    River's contract: `learn_one(event)`, `score_one()` in doses missed in a row.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset()

    __slots__ = ("_base", "_doses", "settled_ms")

    def __init__(self) -> None:
        self._doses: tuple[Dose, ...] = ()
        self._base = _NO_ROW
        self.settled_ms = 0

    def learn_one(self, event: Event) -> bool:
        """Remember a dose taken or missed, and tell whether it is new."""
        if event.kind not in (MISSED, TAKEN) or event.data.state == "off":
            return False
        dose = Dose(event.at_ms, event.kind, digest(event.id))
        i = bisect_left(self._doses, dose)
        if i < len(self._doses) and self._doses[i] == dose:
            return False
        self._doses = (*self._doses[:i], dose, *self._doses[i:])
        if len(self._doses) > MOST:
            self._base = self._after(self._base, self._doses[0], [])
            self._doses = self._doses[1:]
        return True

    def score_one(self, paused: Sequence[tuple[int, int]] = ()) -> int:
        """Return the doses missed in a row."""
        return self.row(paused).doses

    def row(self, paused: Sequence[tuple[int, int]]) -> MissedRow:
        """Return the doses missed in a row; those of a declared absence (`paused`) do not count."""
        if self._doses and self._doses[-1].kind == TAKEN:  # nearly always
            return _NO_ROW
        row = self._base
        for dose in self._doses:
            row = self._after(row, dose, paused)
        return _NO_ROW if row.last_ms <= self.settled_ms else row

    def learn_before(self, at_ms: int, paused: Sequence[tuple[int, int]]) -> None:
        """Fold doses older than `at_ms` into the row."""
        while self._doses and self._doses[0].at_ms < at_ms:
            self._base = self._after(self._base, self._doses[0], paused)
            self._doses = self._doses[1:]

    def _after(self, row: MissedRow, dose: Dose, paused: Sequence[tuple[int, int]]) -> MissedRow:
        if dose.kind == TAKEN:
            return _NO_ROW
        if dose.at_ms <= self.settled_ms or any(a <= dose.at_ms < b for a, b in paused):
            return row
        if row.last_ms <= self.settled_ms:
            row = _NO_ROW
        return MissedRow(row.doses + 1, row.first_ms or dose.at_ms, dose.at_ms)

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [[list(dose) for dose in self._doses], list(self._base), self.settled_ms]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self._doses = tuple([Dose(at_ms, intern(kind), number) for at_ms, kind, number in state[0]])
        row = MissedRow(*state[1])
        self._base = row if row.doses else _NO_ROW
        self.settled_ms = state[2]
