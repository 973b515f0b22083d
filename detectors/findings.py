"""What a detector says: findings that become incidents, and questions worth asking first."""

from typing import Literal, NamedTuple

import msgspec

from schemas.checkins import Concern
from schemas.households import Rung
from schemas.incidents import Certainty, IncidentKind, Severity, Urgency

Fact = str | int | float


class Lasting(NamedTuple):
    """Something that holds until it is over: since when, UTC milliseconds, and the facts of its sentence."""

    since_ms: int
    facts: dict[str, Fact]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a detector found about a household, or a change to what it found before.

    `change` is `raise` (something new, or more of what is open), `update` (shares, deadline or severity moved),
    `clear` (the hazard's device said off, or life was seen again: told, never closing), or `withdraw` (late evidence
    shows that it should never have been raised). Times are UTC milliseconds.
    """

    kind: IncidentKind
    change: Literal["raise", "update", "clear", "withdraw"] = "raise"
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    score: float | None = None
    threshold: float | None = None
    chance: float | None = None
    """How likely somebody needs help, where the detector knows."""
    calibrated: bool = False
    """Whether the certainty of something else than a silence is that of a chance; a silence's `chance` says so itself."""
    shares: dict[str, float] = {}
    event_from_ms: int
    event_until_ms: int
    last_life_ms: int | None = None
    deadline_ms: int | None = None
    would_change: Literal["", "life", "answer", "heartbeat", "late_data", "clear"] = ""
    source: str = ""
    device: str = ""
    event_id: str = ""
    """`source`, `device` and `event_id` name the event of an emergency; empty for everything else."""
    facts: dict[str, Fact] = {}
    """Numbers and codes the sentence is made of, such as `silent_h` or `usual_per_h`."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the resident, mostly a call, worth putting before anybody is alarmed."""

    purpose: Literal["wellbeing", "follow_up"] = "wellbeing"
    at_ms: int
    until_ms: int
    rung: Rung = Rung("checkin_call")
    concerns: tuple[Concern, ...] = ()


Output = Finding | Ask
