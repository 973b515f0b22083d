"""How often each kind of question is answered in time in one home: a population's guess, drawn to what this home did. Pure.

A question counts once its incident has ended, and 30 hours later: nothing is learned from a home while its incident is
open. The chance is the mean of a beta distribution whose counts fade forward (Cormode et al. 2009, "Forward decay"): an
outcome weighs half after half a year. Everything is kept as it happened and counted when it is asked for, so that neither
the order of ends nor the moment of asking changes what is known.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from detectors.ladder import OFTEN, RESIDENT
from schemas.incidents import CloseCause, IncidentKind, LadderStep
from schemas.vocabulary import Ask
from streams.cases.ladder_steps import ALIVE

WAITS_MS: Final = 30 * 3_600_000
HALF_LIFE_MS: Final = 182 * 86_400_000
PRIOR_WEIGHT: Final = 4.0
"""The population's guess weighs as so many outcomes; it is assumed, not measured, as `detectors.ladder.OFTEN` is."""
MOST: Final = 64
COULD_NOT: Final = frozenset(
    {
        CloseCause.SAFE_AWAY,
        CloseCause.HOSPITAL,
        CloseCause.HELPED,
        CloseCause.EMERGENCY,
        CloseCause.DECEASED,
        CloseCause.WRONG_CONTACT,
        CloseCause.LEFT_SERVICE,
    }
)
"""Causes that explain why the person gave no answer: that says nothing of how they answer when they can."""


class Answer(NamedTuple):
    """What came of one question, and when the incident that it was about ended."""

    ended_ms: int
    request: str
    ask: Ask
    in_time: bool


class Answers:
    """What came of the questions of one home, the last ones."""

    __slots__ = ("_all",)

    def __init__(self) -> None:
        self._all: tuple[Answer, ...] = ()

    def learn(self, kind: IncidentKind, steps: Iterable[LadderStep], cause: CloseCause | None, ended_ms: int) -> None:
        """Take the questions of an incident that has ended; incidents that shared one count it once."""
        known = {one.request for one in self._all}
        for step in steps:
            in_time = step.outcome in ALIVE and step.why != "late"
            if not step.request or step.outcome in ("", "skipped") or step.request in known:
                continue
            if step.ask not in OFTEN or (step.ask in RESIDENT and not _tells(kind, cause, in_time=in_time)):
                continue
            self._all = (*self._all, Answer(ended_ms, step.request, step.ask, in_time))
        self._all = self._all[-MOST:]

    def chance(self, ask: Ask, since_ms: int) -> float:
        """Return how likely such a question is to be answered in time, for an incident that opened at `since_ms`."""
        weight, answered = PRIOR_WEIGHT, PRIOR_WEIGHT * OFTEN[ask]
        for one in self._all:
            if one.ask == ask and one.ended_ms <= since_ms - WAITS_MS:
                share = 0.5 ** ((since_ms - one.ended_ms) / HALF_LIFE_MS)
                weight += share
                answered += share * one.in_time
        return answered / weight

    def state(self) -> list[Any]:
        """Return plain data."""
        return [list(one) for one in self._all]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Answers":
        """Return the answers of a `state()`.

        Raises:
            ValueError, TypeError: not such a state.

        """
        answers = cls()
        answers._all = tuple([Answer(int(at_ms), str(request), ask, bool(yes)) for at_ms, request, ask, yes in state])
        return answers


def _tells(kind: IncidentKind, cause: CloseCause | None, *, in_time: bool) -> bool:
    """Tell whether the person's answer, or that there was none, says how they answer.

    Of an alert only the unanswered questions become an incident's: they would say that nobody ever answers. A silence that
    was withdrawn had a person who was out, or busy.
    """
    if kind is IncidentKind.DISASTER_NO_ANSWER:
        return False
    return in_time or (cause is not None and cause not in COULD_NOT)
