"""Check-in calls: how often this person answers, and how many in a row nobody answered."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from sys import intern
from typing import Any, ClassVar, Final, NamedTuple

from detectors.contract import Law
from detectors.digest import digest
from detectors.fading import Fadings
from schemas.events import Event

MOST: Final = 256
"""Outcomes remembered one by one; older ones are folded into the row."""
PARTS_OF_DAY: Final = 4
HALF_LIFE_CALLS: Final = 30.0
PEOPLE_ANSWER: Final = 0.8
PEOPLE_WEIGHT: Final = 4.0
LEAST_RATE: Final = 0.05
MOST_RATE: Final = 0.95
UNANSWERED: Final = ("checkin_no_answer", "checkin_busy", "checkin_dead_number")
REACHED: Final = ("checkin_answered", "checkin_refused")
LEARNED_FROM: Final = ("checkin_no_answer", *REACHED)


class Outcome(NamedTuple):
    """One outcome of a call. The order of the fields is the order of time, and ties are the same on every run."""

    at_ms: int
    kind: str
    id: int
    """Digests, of the ids of the event and of the request (0: none): only whether they are equal matters."""
    request: int


class Row(NamedTuple):
    """Unanswered calls since the person was last reached."""

    calls: int
    first_ms: int
    last_ms: int
    unproven: int
    """Those of them after the last sign of life by any channel."""


NO_ROW: Final = Row(0, 0, 0, 0)


class Calls:
    """Outcomes of calls, exact within the learning horizon, in a bounded sorted list: repeats and order do not matter.

    `learn_before` folds what is older into the row and into river's exponentially weighted answer rates, one for each
    quarter of the day. `score_one(hour)` is what one unanswered call adds to a silence, nats: -log(1 - p_answer).
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset()

    __slots__ = ("_base", "_outcomes", "_rates", "settled_ms")

    def __init__(self) -> None:
        self._outcomes: tuple[Outcome, ...] = ()
        self._rates = b""
        """Numbers of `Fadings`, a place for each quarter of the day."""
        self._base: tuple[Outcome, ...] = ()
        self.settled_ms = 0
        """Calls up to here were dealt with by a responder: they begin no new row."""

    def learn_one(self, event: Event) -> bool:
        """Remember one outcome, and tell whether it is new."""
        if event.kind not in UNANSWERED and event.kind not in REACHED:
            return False
        if event.data.channel not in (None, "checkin_call"):
            return False  # how often a message is answered says nothing of calls
        request = digest(event.data.request) if event.data.request else 0
        outcome = Outcome(event.at_ms, event.kind, digest(event.id), request)
        i = bisect_left(self._outcomes, outcome)
        if i < len(self._outcomes) and self._outcomes[i] == outcome:
            return False
        self._outcomes = (*self._outcomes[:i], outcome, *self._outcomes[i:])
        if len(self._outcomes) > MOST:
            self._fold(self._outcomes[0])
            self._outcomes = self._outcomes[1:]
        return True

    @property
    def last(self) -> Outcome | None:
        """The last call, of the last days or of the open row of unanswered ones before; None where that reached somebody."""
        return self._outcomes[-1] if self._outcomes else self._base[-1] if self._base else None

    @property
    def has_called(self) -> bool:
        """Whether any call is known of."""
        if self._outcomes or self._base:
            return True
        if not self._rates:
            return False
        known = self._known()
        for part in range(PARTS_OF_DAY):  # noqa: SIM110 - a loop makes no generator: it is asked each time a home is judged
            if known.count(part):
                return True
        return False

    def score_one(self, hour: int) -> float:
        """Return what an unanswered call in this local hour adds to a silence, nats."""
        return -math.log(1.0 - self.answer_rate(hour))

    def answer_rate(self, hour: int) -> float:
        """Return the probability that this person answers in this local hour."""
        rate, _ = self._known().shrunk(hour * PARTS_OF_DAY // 24, PEOPLE_ANSWER, 0.0, PEOPLE_WEIGHT, 1.0)
        return min(MOST_RATE, max(LEAST_RATE, rate))

    def is_known(self, hour: int) -> bool:
        """Tell whether anything was learned of how this person answers in this local hour."""
        return self._known().count(hour * PARTS_OF_DAY // 24) > 0

    def unanswered_since(self, at_ms: int) -> list[int]:
        """Return the moments of unanswered calls after a moment; a dead number and an engaged line say nothing here."""
        return [one.at_ms for one in self._outcomes if one.at_ms > at_ms and one.kind == "checkin_no_answer"]

    def row(self, life_ms: int, paused: Sequence[tuple[int, int]]) -> Row:
        """Return the unanswered calls in a row.

        Several tries of one request count once. Calls made in a declared absence (`paused`) do not count.
        """
        last = self.last
        if last is None or last.kind in REACHED:  # nearly always
            return NO_ROW
        open_: list[Outcome] = []
        for one in [*self._base, *self._outcomes]:
            if one.kind in REACHED:
                open_ = []
            elif one.at_ms > self.settled_ms and not any(a <= one.at_ms < b for a, b in paused):
                if one.request and any(one.request == other.request for other in open_):
                    continue
                open_.append(one)
        if not open_:
            return NO_ROW
        return Row(len(open_), open_[0].at_ms, open_[-1].at_ms, sum(one.at_ms > life_ms for one in open_))

    def learn_before(self, at_ms: int, hour_of: Any, paused: Sequence[tuple[int, int]]) -> None:
        """Learn the answer rates from outcomes older than `at_ms`, and forget them but for the row they left open."""
        while self._outcomes and self._outcomes[0].at_ms < at_ms:
            one = self._outcomes[0]
            self._outcomes = self._outcomes[1:]
            if not any(a <= one.at_ms < b for a, b in paused) and one.kind in LEARNED_FROM:
                answered = 1.0 if one.kind in REACHED else 0.0
                known = self._known()
                known.learn(hour_of(one.at_ms) * PARTS_OF_DAY // 24, answered)
                self._rates = known.numbers
            self._fold(one)

    def _known(self) -> Fadings:
        return Fadings(HALF_LIFE_CALLS, PARTS_OF_DAY, self._rates)

    def _fold(self, one: Outcome) -> None:
        if one.kind in REACHED:
            self._base = ()
        else:
            self._base = (*self._base, one)[-16:]

    def state(self) -> list[Any]:
        """Return plain numbers and ids: what is remembered exactly."""
        return [[list(one) for one in self._outcomes], [list(one) for one in self._base], self.settled_ms]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self._outcomes = tuple([Outcome(at_ms, intern(kind), *ids) for at_ms, kind, *ids in state[0]])
        self._base = tuple([Outcome(at_ms, intern(kind), *ids) for at_ms, kind, *ids in state[1]])
        self.settled_ms = state[2]

    def rates_state(self) -> list[Any]:
        """Return the answer rates as plain numbers."""
        return self._known().state()

    def restore_rates(self, state: list[Any]) -> None:
        """Take the numbers of a `rates_state()`."""
        known = self._known()
        known.restore(state)
        self._rates = known.numbers
