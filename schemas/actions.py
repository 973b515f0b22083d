"""What responders send, and what passes between partitions."""

from typing import Final, Literal

import msgspec

from schemas.checkins import Purpose
from schemas.incidents import CloseCause
from schemas.times import Rfc3339

ActionKind = Literal["acknowledge", "note", "visit", "close", "snooze", "request_check", "declare_absence", "refer"]
ABOUT_AN_INCIDENT: Final[frozenset[ActionKind]] = frozenset({"acknowledge", "note", "visit", "close", "snooze"})
"""Actions that need an incident; the others may concern a household with none."""

AbsenceCause = Literal["trip", "hospital", "visit", "other"]
Referral = Literal["counselling", "meals", "neighbour_visit", "health"]


class ResponderAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a responder did about an incident or a household; idempotent by `id`. Nothing in it is free text."""

    id: str
    household: str
    incident: str = ""
    """Empty where the action concerns the household: `request_check`, `declare_absence`, `refer`."""
    action: ActionKind
    revision: int = 0
    """The revision the responder saw; 0 without an incident."""
    who: str
    at: Rfc3339
    cause: CloseCause | None = None
    """Why it is closed."""
    start: Rfc3339 | None = None
    """When a declared absence begins; absent: now."""
    until: Rfc3339 | None = None
    """When a snooze or a declared absence ends."""
    absence: AbsenceCause | None = None
    """Why nobody is at home; absent: `other`."""
    referral: Referral | None = None
    """The service to which the person is referred."""
    purpose: Purpose | None = None
    """What is to be asked; absent: `wellbeing`."""


class ActionResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a responder action."""

    action: str
    household: str
    incident: str
    """Empty where the action concerned the household."""
    ok: bool
    reason: Literal[
        "",
        "changed_since",
        "no_contact_does_not_close",
        "already_ended",
        "kept_for_later",
        "cause_needed",
        "until_needed",
        "referral_needed",
        "too_long",
        "over_already",
        "emergency",
        "too_many",
        "not_watched",
        "not_known",
        "nobody_to_ask",
    ] = ""
    at: Rfc3339
