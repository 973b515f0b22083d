"""What responders send, and what passes between partitions."""

from typing import Literal

import msgspec

from schemas.incidents import CloseCause
from schemas.times import Rfc3339


class ResponderAction(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a responder did about an incident; idempotent by `id`."""

    id: str
    household: str
    incident: str
    action: Literal["acknowledge", "note", "close"]
    revision: int
    """The revision the responder saw."""
    who: str
    at: Rfc3339
    cause: CloseCause | None = None


class ActionResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a responder action."""

    action: str
    household: str
    incident: str
    ok: bool
    reason: Literal[
        "", "changed_since", "no_contact_does_not_close", "already_ended", "kept_for_later", "cause_needed"
    ] = ""
    at: Rfc3339


class DistrictState(msgspec.Struct, frozen=True, kw_only=True):
    """What all partitions together know of a district. Its maker comes with later work."""

    district: str
    outage: bool = False
    load: float = 0.0
