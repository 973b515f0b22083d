"""Questions that Anbu asks for: a call, a prompt, a message, or a word with somebody who knows the person."""

from typing import Literal

import msgspec

from schemas.alerts import Hazard
from schemas.exercise import CapStatus
from schemas.times import Rfc3339
from schemas.vocabulary import Ask, CareTopic, Level

Purpose = Literal["wellbeing", "follow_up", "medication", "disaster"]


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A worry remembered from an earlier call or dialogue, to be asked about again."""

    topic: CareTopic
    level: Level
    since: Rfc3339
    state: Literal["open", "resolved"] = "open"


class CheckinRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question Anbu asks a provider to put; what came of it returns on `care.calls` with this id as `request`.

    Whoever is asked in the resident's place (`guardian`, `neighbour`) gets `sentence` and nothing else of the
    person, and answers only whether they reached them.
    """

    id: str
    household: str
    ask: Ask = "checkin_call"
    contact: str = ""
    """The registry's opaque id of whom to ask; empty: the resident, as the provider knows them."""
    purpose: Purpose
    language: str
    requested_at: Rfc3339
    deadline: Rfc3339
    """An answer after this still counts, but the next question has been asked."""
    incident: str | None = None
    sentence: str = ""
    """What a guardian or neighbour is told, in the household's language. Empty for everybody else."""
    hazard: Hazard | None = None
    guidance: str = ""
    """To be read out: what to do about the hazard, in the household's language."""
    alert: str = ""
    """`sender,id` of the public alert it is asked for."""
    concerns: list[Concern] = []
    """To be asked about again: remembered from earlier calls and dialogues."""
    status: CapStatus = "Actual"
    """`Exercise`: nobody is called; the provider plays its part or leaves it."""
