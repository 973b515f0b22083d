"""A message as bytes: apart from the other forms of one, that a compiler of typed Python can make it."""

from typing import Any, Final, final

from schemas.compiled import mypyc_attr

ENVELOPE: Final = b'"specversion"'
"""Quotes inside JSON strings are escaped, so each of these is an event's own."""


@mypyc_attr(acyclic=True, free_list_len=1)
@final
class Wire:
    """A message as bytes, ready for the broker. Nobody changes it."""

    __slots__ = ("events", "key", "sent_ms", "topic", "value")

    def __init__(self, topic: str, key: str, sent_ms: int, value: bytes, events: int = 1) -> None:
        """Take what is sent, and when, UTC milliseconds."""
        self.topic = topic
        self.key = key
        self.sent_ms = sent_ms
        self.value = value
        self.events = events
        """How many events the bytes hold."""

    def sent_at(self, sent_ms: int) -> "Wire":
        """Return the same message, sent at another moment."""
        return Wire(self.topic, self.key, sent_ms, self.value, self.events)

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same message."""
        return isinstance(other, Wire) and self._fields() == other._fields()

    def __hash__(self) -> int:
        """Return a hash of what tells messages apart."""
        return hash(self._fields())

    def __repr__(self) -> str:
        """Return all of it, for whoever looks at a failed test."""
        return f"Wire{self._fields()!r}"

    def __reduce__(self) -> tuple[Any, tuple[str, str, int, bytes, int]]:
        """Tell how another process makes the same: a compiled class cannot be made without its fields."""
        return Wire, self._fields()

    def _fields(self) -> tuple[str, str, int, bytes, int]:
        return self.topic, self.key, self.sent_ms, self.value, self.events


def wires_of(lines: list[Any]) -> list[Wire]:
    """Return lines of a recording, each with `topic`, `key`, `sent_ms` and a raw `value`, as messages."""
    wires: list[Wire] = []
    for line in lines:
        value = bytes(line.value)
        wires.append(Wire(line.topic, line.key, line.sent_ms, value, value.count(ENVELOPE)))
    return wires
