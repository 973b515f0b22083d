"""What responders send, what the authorities send, and what passes between partitions."""

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


class PublicAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A public alert in plain form. What Anbu does about it comes with later work; today it is ordered and kept."""

    id: str
    area_codes: list[str]
    kind: str
    severity: str
    expires: Rfc3339
    text_ko: str = ""


class DistrictState(msgspec.Struct, frozen=True, kw_only=True):
    """What all partitions together know of a district. Its maker comes with later work."""

    district: str
    outage: bool = False
    load: float = 0.0
