"""An exercise carried to the log and back: the shell around `streams.drill.script`."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.exercise import is_exercise
from schemas.incidents import Incident
from streams.drill.parts import Message, Outcome, Told
from streams.drill.script import Drill
from streams.publish import BrokerAwayError, Publisher
from streams.tail import LogReader, Record
from streams.wallclock import monotonic_s

TOPICS: Final[dict[str, Any]] = {
    "incidents": Incident,
    "checkin.requests": CheckinRequest,
    "responder.results": ActionResult,
}
"""Where the words are heard, and what stands there. A status, beside the incidents, is none of them."""
_DECODERS: Final = {topic: msgspec.json.Decoder(what) for topic, what in TOPICS.items()}
POLL_MS: Final = 100


def play(bootstrap: str, partitions: int, drill: Drill, tell: Callable[[Outcome], None]) -> None:
    """Play an exercise to its end and take it away again, also when it is interrupted; each line is told as it is known.

    Raises:
        BrokerAwayError, TopicsDifferError: it could not be played, or not taken away: `clean` does that later.

    """
    said = 0

    def tell_new() -> None:
        nonlocal said
        for outcome in drill.outcomes[said:]:
            tell(outcome)
        said = len(drill.outcomes)

    with Publisher(bootstrap, partitions) as pen, _following(bootstrap) as reader:
        try:
            _write(pen, drill.registers())
            _write(pen, drill.begin(monotonic_s()))
            while not drill.is_over:
                _listen(reader, pen, drill)
                tell_new()
        finally:
            began_s = monotonic_s()
            _write(pen, drill.ends())
            while drill.left_open and monotonic_s() - began_s < drill.limits.turn_s:
                _listen(reader, pen, drill)
            drill.cleaned(monotonic_s(), began_s)
            tell_new()


def clean(bootstrap: str, partitions: int) -> int:
    """End the watching of every household of an exercise that was cut off; return how many there were."""
    left: dict[bytes, bool] = {}
    reader = LogReader(bootstrap)
    try:
        for record in reader.read_whole("households"):
            if record.key is not None and is_exercise(record.key.decode(errors="replace")):
                left[record.key] = record.value is not None
    finally:
        reader.close()
    names = [name for name, is_watched in left.items() if is_watched]
    with Publisher(bootstrap, partitions) as pen:
        for name in names:
            pen.send("households", name, None)
    return len(names)


@contextlib.contextmanager
def _following(bootstrap: str) -> Iterator[LogReader]:
    reader = LogReader(bootstrap)
    try:
        places = [(topic, partition) for topic in TOPICS for partition in range(reader.partitions(topic))]
        reader.follow({place: end for place, (_, end) in reader.bounds(places).items()})
        yield reader
    finally:
        reader.close()


def _write(pen: Publisher, messages: Iterable[Message]) -> None:
    for one in messages:
        if one.to_all:
            assert one.value is not None  # noqa: S101 - for the type checker: a broadcast is never a tombstone
            pen.broadcast(one.topic, one.key, one.value)
        else:
            pen.send(one.topic, one.key, one.value)
    pen.flush()


def _listen(reader: LogReader, pen: Publisher, drill: Drill) -> None:
    try:
        records = reader.poll(POLL_MS)
    except BrokerAwayError:
        records = []  # what is waited for is told as missing when its time is over
    for record in records:
        if (told := _read(record)) is not None:
            _write(pen, drill.hear(told, monotonic_s()))
    drill.pass_time(monotonic_s())


def _read(record: Record) -> Told | None:
    """Return what a record tells; None for a status, and for what cannot be read."""
    if not record.value or not record.key or not is_exercise(record.key.decode(errors="replace")):
        return None
    try:
        told: Told = _DECODERS[record.topic].decode(record.value)
    except msgspec.MsgspecError:
        return None
    return told
