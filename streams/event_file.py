"""Events from files and pipes: what is good becomes messages, what is not is told with its line and reason."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.decode import decode
from schemas.encode import encode
from schemas.events import FUTURE_TOLERANCE_MS, Event, Fault, Reason
from schemas.refusals import split_array
from schemas.vocabulary import BY_TYPE, SENSORS_TOPIC

MESSAGE_BYTES: Final = 200_000
"""An array is split beyond this; well below what the engine refuses as too large, and below its count of readings."""


@dataclass(frozen=True, slots=True)
class Good:
    """A message ready for the log: events of one household for one topic, all of which decode."""

    line: int
    topic: str
    household: str
    value: bytes
    events: int


@dataclass(frozen=True, slots=True)
class Bad:
    """One event that does not: its line (or its place in a JSON array over several lines), its place in that line."""

    line: int
    index: int
    reason: Reason
    detail: str

    def __str__(self) -> str:
        """`line 3, event 2: missing_field (time)`."""
        where = f"line {self.line}" + (f", event {self.index + 1}" if self.index else "")
        return f"{where}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


def read_messages(lines: Iterable[bytes], now_ms: int) -> Iterator[Good | Bad]:
    """Read JSON lines, each an event or an array of events; or one JSON array or event written over several lines.

    An event further ahead of `now_ms` than the engine tolerates is refused here too, as it would be there.
    """
    for line, text in _items(lines):
        yield from _read(line, text, now_ms)


def _items(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    numbered = ((n, text.strip()) for n, text in enumerate(lines, 1))
    filled = ((n, text) for n, text in numbered if text)
    first = next(filled, None)
    if first is None:
        return
    if first[1][-1:] in {b"}", b"]"}:
        yield from itertools.chain([first], filled)
        return
    # A line that ends in the middle: the file is one JSON text, as an editor or jq writes it.
    held = [first, *filled]
    try:
        whole = orjson.loads(b"\n".join(text for _, text in held))
    except orjson.JSONDecodeError:
        yield from held
        return
    yield from ((n, orjson.dumps(item)) for n, item in enumerate(whole if isinstance(whole, list) else [whole], 1))


def _read(line: int, text: bytes, now_ms: int) -> Iterator[Good | Bad]:
    groups: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for index, (event, part) in enumerate(_events(text)):
        place = _place(event)
        if place is None:
            yield _refusal(line, index, event, part)
        else:
            groups.setdefault(place, []).append((index, event))
    for (topic, household), group in groups.items():
        yield from _message(line, topic, household, group, now_ms)


def _events(text: bytes) -> list[tuple[Any, bytes]]:
    """Each event of a line with its bytes; None for one that is not JSON, which leaves the others what they are."""
    parts = split_array(text)
    return [(_parsed(part), part) for part in (parts if isinstance(parts, list) else [text])]


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _place(event: Any) -> tuple[str, str] | None:
    """Topic and household of an event, None when it does not say them."""
    if not isinstance(event, dict):
        return None
    kind, household = (event.get(name) for name in ("type", "subject"))
    if not isinstance(kind, str) or kind not in BY_TYPE or not isinstance(household, str) or not household:
        return None
    return BY_TYPE[kind].topic, household


def _refusal(line: int, index: int, event: Any, text: bytes) -> Bad:
    kind = event.get("type") if isinstance(event, dict) else None
    topic = BY_TYPE[kind].topic if isinstance(kind, str) and kind in BY_TYPE else SENSORS_TOPIC
    faults = faults_of(topic, b"", text)
    fault = faults[0] if faults else Fault(Reason.NO_HOUSEHOLD)
    return Bad(line, index, fault.reason, fault.detail)


def _message(line: int, topic: str, household: str, group: list[tuple[int, Any]], now_ms: int) -> Iterator[Good | Bad]:
    """Keep the good ones of a household's events together, as they came together, in messages that are not too large."""
    held: list[bytes] = []
    for index, event in group:
        text = encode(event)
        faults = faults_of(topic, household.encode(errors="replace"), text, now_ms)
        if faults:
            yield Bad(line, index, faults[0].reason, faults[0].detail)
            continue
        if held and sum(map(len, held)) + len(held) + len(text) > MESSAGE_BYTES:
            yield _good(line, topic, household, held)
            held = []
        held.append(text)
    if held:
        yield _good(line, topic, household, held)


def _good(line: int, topic: str, household: str, events: list[bytes]) -> Good:
    value = events[0] if len(events) == 1 else b"[" + b",".join(events) + b"]"
    return Good(line, topic, household, value, len(events))


def faults_of(topic: str, key: bytes | None, value: bytes | None, now_ms: int | None = None) -> list[Fault]:
    """Everything that would make a dead letter of this record; with `now_ms`, also events too far ahead of it."""
    faults = []
    for one in decode(topic, key, value):
        if isinstance(one, Fault):
            faults.append(one)
        elif now_ms is not None and isinstance(one, Event) and one.at_ms > now_ms + FUTURE_TOLERANCE_MS:
            faults.append(Fault(Reason.FUTURE_TIME, detail="time"))
    return faults
