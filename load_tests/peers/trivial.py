"""The model that all of them run: one count and one moving average a household."""

from typing import Any

import msgspec

SHARE = 0.1
NO_VALUE = 1.0


class Data(msgspec.Struct, gc=False):
    """What is read of an event's `data`."""

    value: float | None = None


class Event(msgspec.Struct, gc=False):
    """What is read of an event. A tick has no subject."""

    subject: str = ""
    data: Data | None = None


_one = msgspec.json.Decoder(Event).decode
_many = msgspec.json.Decoder(list[Event]).decode


def events_of(value: bytes) -> list[Event]:
    """Return the events of a message: one, a gateway's batch, or none of a tick."""
    if value[:1] == b"[":
        return _many(value)
    one = _one(value)
    return [one] if one.subject else []


def after(state: tuple[int, float] | None, value: float | None) -> tuple[int, float]:
    """Return (count, moving average) after one more event."""
    count, mean = state or (0, 0.0)
    return count + 1, mean + SHARE * ((NO_VALUE if value is None else value) - mean)


def after_plain(state: Any, found: Any) -> tuple[int, float]:
    """Return the same for an event that was read as a plain dictionary."""
    data = found.get("data")
    return after(state, data.get("value") if isinstance(data, dict) else None)
