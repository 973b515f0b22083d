"""What a receiver is sent about a revision: the incident as it stands on its topic, and a link. Pure."""

from typing import Any, Final

import msgspec

from schemas.encode import encode
from schemas.incidents import Incident

CONTENT_TYPE: Final = "application/json"


def delivery_id(incident: Incident) -> str:
    """Return the id of a revision's delivery: the same in every try, and after every restart."""
    return f"{incident.id}-{incident.revision}"


def type_of(incident: Incident) -> str:
    """Return `incident.opened` and so on; `exercise.opened` of what is played, for a receiver that reads no further."""
    return f"{'exercise' if incident.status == 'Exercise' else 'incident'}.{incident.state.value}"


def payload(incident: Incident, link: str | None = None) -> bytes:
    """Return the body of a delivery, as Standard Webhooks gives it shape: type, timestamp, data."""
    data: dict[str, Any] = msgspec.to_builtins(incident)
    if link is not None:
        data["link"] = link
    return encode({"type": type_of(incident), "timestamp": incident.at, "data": data})
