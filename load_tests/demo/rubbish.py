"""Synthetic rubbish among the synthetic messages: so that a newcomer sees what becomes of bad data."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, Final

from load_tests.columns.wire import Wire
from schemas.encode import encode
from schemas.events import MAX_DEPTH, MAX_MESSAGE_BYTES, Reason
from schemas.times import to_rfc3339
from schemas.vocabulary import BY_NAME

SENDER: Final = "synthetic-rubbish"
"""Household in whose name it is sent: nobody's, so that no judgement rests on it."""


def bad_messages(at_ms: int) -> list[tuple[Reason, str, bytes]]:
    """One message for each way to be wrong that bytes alone can show: its reason, topic and bytes. Sent at `at_ms`."""

    def event(**changed: Any) -> bytes:
        good = {
            "specversion": "1.0",
            "type": BY_NAME["motion"].type,
            "source": "/sensors/gw-rubbish",
            "id": f"rubbish-{at_ms}",
            "time": to_rfc3339(at_ms),
            "subject": SENDER,
            "data": {"device": "motion-hall", "state": "on"},
        }
        return encode({key: value for key, value in {**good, **changed}.items() if value is not None})

    return [
        (Reason.NOT_JSON, "home.sensors", b"motion in the hall, I think"),
        (Reason.NOT_UTF8, "phone.usage", b"\xfe\xff\x00m\x00o\x00t"),
        (Reason.LONE_SURROGATE, "home.sensors", event(id="-").replace(b'"-"', b'"\\ud83d"')),
        (Reason.MISSING_FIELD, "home.sensors", event(time=None)),
        (Reason.WRONG_TYPE, "home.sensors", event(data={"device": "motion-hall", "count": "three"})),
        (Reason.NON_FINITE, "home.sensors", event(data={"value": 0.5}).replace(b"0.5", b"1e999")),
        (Reason.BAD_TIME, "home.sensors", event(time="yesterday evening")),
        (Reason.IMPOSSIBLE_TIME, "home.sensors", event(time="1970-01-01T00:00:00.000Z")),
        (Reason.WRONG_KEY, "home.sensors", event(subject="somebody-else")),
        (Reason.UNKNOWN_TYPE, "care.calls", event(type="anbu.telepathy.v1")),
        (Reason.TOO_DEEP, "phone.usage", b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2)),
        (Reason.TOO_LARGE, "home.sensors", event(id="x" * (MAX_MESSAGE_BYTES + 1))),
    ]


def with_rubbish(messages: Iterable[Wire], from_ms: int, until_ms: int) -> Iterator[Wire]:
    """Return the messages in order of sending, with one of each kind of rubbish spread evenly over the span."""
    count = len(bad_messages(from_ms))
    step_ms = (until_ms - from_ms) // (count + 1)
    rubbish = []
    for i in range(count):
        at_ms = from_ms + (i + 1) * step_ms
        _, topic, value = bad_messages(at_ms)[i]
        rubbish.append(Wire(topic, SENDER, at_ms, value))
    return heapq.merge(messages, rubbish, key=lambda wire: wire.sent_ms)
