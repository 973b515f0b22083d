"""From events to the bytes of a message: the inverse of `schemas.decode`, for whoever sends."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.encode import encode
from schemas.events import Event
from schemas.times import to_rfc3339
from schemas.vocabulary import BY_NAME


def cloud_event(event: Event) -> dict[str, Any]:
    """CloudEvent of an event as plain data; `data` is left out when there is nothing to say.

    Raises:
        KeyError: the vocabulary has no such kind.

    """
    out: dict[str, Any] = {
        "specversion": "1.0",
        "type": BY_NAME[event.kind].type,
        "source": event.source,
        "id": event.id,
        "time": to_rfc3339(event.at_ms),
        "subject": event.household,
    }
    data = msgspec.to_builtins(event.data)
    if event.until_ms and "until" not in data:
        data["until"] = to_rfc3339(event.until_ms)
    if data:
        out["data"] = data
    return out


def encode_events(events: Sequence[Event]) -> bytes:
    """Bytes of one message: a single event as an object, any other number as an array.

    Raises:
        KeyError: the vocabulary has no such kind.
        ValueError: events of several households, which no key could carry.

    """
    if len({event.household for event in events}) > 1:
        raise ValueError("a message carries events of one household")
    found = [cloud_event(event) for event in events]
    return encode(found[0] if len(found) == 1 else found)
