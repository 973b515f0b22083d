"""The synthetic stream as one row of messages in the order in which they are sent, for one partition or several."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from load_tests.bench_stream import Stream
from schemas.events import TICK_KEY
from schemas.topics import EVENT_TOPICS, ORDER_OF, ORDERED_NAMES

TICKS: Final = -1
_EVENT_PLACES: Final = frozenset(ORDER_OF[name] for name in EVENT_TOPICS)


class Step(NamedTuple):
    """One message, or a tick in every topic (`topic` is `TICKS`)."""

    topic: int
    key: bytes
    value: bytes
    events: int


def steps(stream: Stream, copies: int = 1) -> Iterator[Step]:
    """Return the messages between two ticks, topics by turns as their share is, then the tick; every home so many times."""
    at = [0] * len(stream.logs)
    while at[0] < len(stream.logs[0].keys):
        row: list[tuple[float, Step]] = []
        tick = b""
        for topic, log in enumerate(stream.logs):
            first = at[topic]
            end = log.keys.index(TICK_KEY, first)
            at[topic], tick = end + 1, log.values[end]
            many = copies if topic in _EVENT_PLACES or ORDERED_NAMES[topic] == "households" else 1
            for i in range(first, end):
                key, value = log.keys[i], log.values[i]
                events = value.count(b'},{"data"') + 1 if topic in _EVENT_PLACES else 0
                for copy in range(many):
                    name = named(key, copy)
                    one = Step(topic, name, value.replace(key, name) if copy else value, events)
                    row.append(((i - first) / (end - first), one))
        row.sort(key=lambda one: one[0])
        yield from (one for _, one in row)
        yield Step(TICKS, TICK_KEY, tick, 0)


def named(key: bytes, copy: int) -> bytes:
    """Return the name of a home's copy: as long as its own."""
    return b"c%02x-%b" % (copy, key[4:]) if copy else key


def take(script: Iterator[Step], events: int) -> list[Step]:
    """Return the next steps, up to so many events."""
    out: list[Step] = []
    left = events
    for one in script:
        out.append(one)
        left -= one.events
        if left <= 0:
            break
    return out
