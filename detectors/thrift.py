"""How strictly the kinds besides silence are judged in one home, so that together they keep the profile's other budget.

Every kind that is concluded and asks a human to act has a part of `Profile.other_budget`. Where a test's limit should lie for
it among people was measured (docs/detection.md); in each home it is moved by what the home itself does: one step stricter
with every incident told, one step back where a responder says that it was right, and back by the kind's part of the budget as
time goes by. A home that is told of a kind more often than budgeted is judged more and more strictly; it comes to rest where the
incidents that helped nobody are as many as the budget has. (A stochastic approximation, H. Robbins and S. Monro, 1951.)
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from detectors.contract import Law
from detectors.hours import DAY_MS
from schemas.incidents import CloseCause, IncidentKind
from schemas.profiles import DEFAULT_PROFILE

MONTH_MS: Final = 30 * DAY_MS
PARTS: Final[dict[IncidentKind, float]] = {
    IncidentKind.SLOW_DECLINE: 0.15,
    IncidentKind.WITHDRAWAL: 0.10,
    IncidentKind.LOW_MOOD: 0.05,
    IncidentKind.FALLING_ANSWERS: 0.05,
    IncidentKind.SHORTER_TALKS: 0.05,
    IncidentKind.LASTING_CONCERN: 0.05,
    IncidentKind.NIGHT_WANDERING: 0.05,
    IncidentKind.DAY_NIGHT_REVERSAL: 0.05,
    IncidentKind.MISSED_MEALS: 0.15,
    IncidentKind.OUT_AT_NIGHT: 0.10,
    IncidentKind.COLD_ROOM: 0.05,
    IncidentKind.HOT_ROOM: 0.05,
    IncidentKind.DOOR_OPEN: 0.05,
    IncidentKind.DEVICE_OFFLINE: 0.05,
}
"""Parts of the other budget, one in all. Emergencies and a leak of water stand apart; silence has its own. What the profile
counts itself (unanswered calls, missed doses, a home nobody sees) and what a device says of itself (a battery, a phone
switched off) is told as it is."""
RIGHT: Final = frozenset(
    {CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL, CloseCause.DEVICE_FAULT, CloseCause.SOURCE_OUTAGE}
)
"""Close causes that say that the incident was right."""
TRUE: Final = frozenset({CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL})
UNTRUE: Final = frozenset(
    {
        CloseCause.SAFE_AT_HOME,
        CloseCause.SAFE_AWAY,
        CloseCause.WRONG_CONTACT,
        CloseCause.DEVICE_FAULT,
        CloseCause.SOURCE_OUTAGE,
    }
)
"""Close causes that say whether what was concluded of the person was so: a device at fault keeps no limit strict, and yet the
person is as before."""
MOST_CLOSINGS: Final = 8.0
"""Closings of a kind that are remembered; with more, all count less."""
A_STEP: Final = 0.2
"""By so much of itself a limit grows with each step."""
A_NAT: Final = 0.12
"""By so much of itself it grows for each nat by which the budget is smaller than the one it was measured at."""
MOST_STEPS: Final = 15.0
LEAST: Final = 0.6
MOST: Final = 4.0
"""A limit is never moved by more than this, whatever the budget."""


_NO_STEPS: Final[Mapping[IncidentKind, float]] = {}
_NONE_CLOSED: Final[Mapping[IncidentKind, tuple[float, float]]] = {}
"""Nothing is ever written into them: most homes share them."""


class Thrift:
    """Steps by which each kind is stricter than among people, 0 or more, and how often incidents of it were true or not."""

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_at_ms", "_closed", "_steps")

    def __init__(self) -> None:
        self._steps = _NO_STEPS
        self._closed = _NONE_CLOSED
        self._at_ms = 0

    def learn_one(self, kind: IncidentKind, clock_ms: int, cause: CloseCause | None = None) -> None:
        """Take that an incident was told, or, with a cause, how it was closed."""
        if kind in PARTS and cause in TRUE | UNTRUE:
            true, untrue = self._closed.get(kind, (0.0, 0.0))
            share = min(1.0, (MOST_CLOSINGS - 1.0) / (true + untrue)) if true + untrue else 1.0
            counts = (true * share + (cause in TRUE), untrue * share + (cause in UNTRUE))
            self._closed = {**self._closed, kind: counts}
        if kind not in PARTS or (cause is not None and cause not in RIGHT):
            return
        steps = min(max(self._steps.get(kind, 0.0) + (1.0 if cause is None else -1.0), 0.0), MOST_STEPS)
        others = {one: known for one, known in self._steps.items() if one is not kind or steps}
        self._steps = (others | {kind: steps} if steps else others) or _NO_STEPS
        self._at_ms = self._at_ms or clock_ms

    def pass_time(self, clock_ms: int, budget: float) -> None:
        """Give back what the budget has come to since the last time, false alarms a household-month."""
        if not self._steps:
            self._at_ms = 0
            return
        months = max(0, clock_ms - self._at_ms) / MONTH_MS
        left = {kind: steps - budget * PARTS[kind] * months for kind, steps in self._steps.items()}
        self._steps = {kind: steps for kind, steps in left.items() if steps > 0} or _NO_STEPS
        self._at_ms = max(self._at_ms, clock_ms)

    def factor(self, kind: IncidentKind, budget: float) -> float:
        """Return by how much a kind's limit is moved in this home at a budget; 1 in a new home at the default one."""
        nats = math.log(DEFAULT_PROFILE.other_budget / max(budget, 1e-6))
        return min(MOST, max(LEAST, 1.0 + A_STEP * self._steps.get(kind, 0.0) + A_NAT * nats))

    def share(self, kind: IncidentKind, budget: float) -> float:
        """Return how many false alarms a household-month a kind may have in this home now."""
        return max(budget * PARTS[kind] * math.exp(-self._steps.get(kind, 0.0)), 1e-9)

    def record(self, kind: IncidentKind) -> tuple[float, float]:
        """Return how many incidents of a kind were closed here as true, and how many as not."""
        return self._closed.get(kind, (0.0, 0.0))

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [
            self._at_ms,
            [[kind.value, steps] for kind, steps in sorted(self._steps.items())],
            [[kind.value, *counts] for kind, counts in sorted(self._closed.items())],
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`.

        Raises:
            ValueError: no such lists, or of kinds that have no part of the budget.

        """
        self._at_ms = state[0]
        self._steps = {IncidentKind(kind): steps for kind, steps in state[1]} or _NO_STEPS
        closed = state[2] if len(state) > 2 else []  # rows of an earlier version do not say
        self._closed = {IncidentKind(kind): (true, untrue) for kind, true, untrue in closed} or _NONE_CLOSED
        if not self._steps.keys() <= PARTS.keys():
            raise ValueError("steps of a kind without a part of the budget")
