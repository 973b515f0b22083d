"""What an exercise is made of: records to write, words to wait for, lines of its report. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.exercise import MARK_EN, MARK_KO
from schemas.incidents import Incident, NextStep

Told = Incident | CheckinRequest | ActionResult
"""What may be told of a household."""


class Message(NamedTuple):
    """One record to write: to the partition of its key, or `to_all` of them."""

    topic: str
    key: str
    value: bytes | None
    to_all: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """Something that must be told within so many seconds of what causes it."""

    what: str
    household: str
    """Whom it is told of; "" for any home of the exercise."""
    within_s: float
    is_it: Callable[[Any], bool]
    then: "Callable[[Any], Answer]" = field(default=lambda _told: Answer())
    is_line: bool = True
    """It is a line of the report; one that is not is told only when it fails."""


class Answer(NamedTuple):
    """What is done next, and what must come of it."""

    send: tuple[Message, ...] = ()
    expect: tuple[Expected, ...] = ()


class Outcome(NamedTuple):
    """One line of the report. `after_s` is None for what never came."""

    what: str
    ok: bool
    within_s: float
    after_s: float | None
    why: str = ""


class Limits(NamedTuple):
    """How long each kind of word may take, seconds."""

    arrival_s: float = 5.0
    """Told on arrival: an emergency."""
    turn_s: float = 60.0
    """Told when its turn in the order has come."""
    silence_s: float = 0.0
    """A silence that is played to its end: so long until it is due; 0 leaves it out."""
    a_minute: float = 30.0
    """Homes of a partition that a disaster alert asks each minute, by the profile in force."""


def missing_mark(told: Told) -> str:
    """Say which mark of an exercise is missing; "" when none is. Answers to actions carry none."""
    if isinstance(told, ActionResult):
        return ""
    if told.status != "Exercise":
        return f"{type(told).__name__} with status {told.status}"
    if isinstance(told, Incident):
        if not (told.sentence_ko.startswith(MARK_KO) and told.sentence_en.startswith(MARK_EN)):
            return f"a sentence of {told.kind.value} without its mark"
        if told.next_step is NextStep.CALL_119:
            return f"{told.kind.value} asks somebody to call 119"
    return ""
