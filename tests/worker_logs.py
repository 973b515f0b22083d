"""What stands in a broker's logs: read back partition by partition, written by hand, judged by an oracle in memory."""

import asyncio
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from crashing import Told, states

from schemas.actions import ActionResult
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.district import DistrictCounts
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, DeadLetter, Event, Tick, TickMode
from schemas.incidents import Incident, Status
from schemas.topics import ORDERED_NAMES
from schemas.views import HouseholdView
from streams.engine.chunk import Chunk
from streams.engine.partition import Output, Partition
from streams.publish import Publisher
from streams.tail import Place
from streams.worker.delivery import CHUNKED
from streams.worker.run import ENGINE

START_MS = 1_788_188_400_000
GATEWAY = "/sensors/gw-1"
TOLD: dict[str, Any] = {
    "incidents": Incident,
    "incidents.open": Incident,
    "checkin.requests": CheckinRequest,
    "responder.results": ActionResult,
    "dead.letters": DeadLetter,
    "households.view": HouseholdView,
    "district.counts": DistrictCounts,
}
"""Topics that workers write, and what stands on them; statuses stand among the incidents."""


def wait_until(found: Callable[[], Any], within_s: float, what: str) -> Any:
    """Ask until there is something, and give it."""
    until_s = time.monotonic() + within_s
    while not (answer := found()):
        assert time.monotonic() < until_s, f"{what}: not within {within_s:g} s"
        time.sleep(0.05)
    return answer


def read_logs(bootstrap: str, starts: dict[Place, int]) -> dict[Place, Chunk]:
    """Each place from an offset to its end, as one chunk."""

    async def read() -> dict[Place, Chunk]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1 << 22,
            fetch_max_wait_ms=50,
        )
        await consumer.start()
        try:
            where = [TopicPartition(*place) for place in starts]
            first = await consumer.beginning_offsets(where)
            logs = {
                place: Chunk(max(start, first[at]), max(start, first[at]))
                for at, (place, start) in zip(where, starts.items(), strict=True)
            }
            consumer.assign(where)
            for at, log in zip(where, logs.values(), strict=True):
                consumer.seek(at, log.start)
            left = set(where)
            while left:
                for at, chunk in (await consumer.getmany(*left, timeout_ms=100)).items():
                    _append(logs[at.topic, at.partition], chunk)
                left = {
                    at
                    for at in left
                    if (end := consumer.highwater(at)) is None or logs[at.topic, at.partition].next < end
                }
        finally:
            await consumer.stop()
        return logs

    names = {topic for topic, _ in starts} - CHUNKED
    CHUNKED.update(names)
    try:
        return asyncio.run(read())
    finally:
        CHUNKED.difference_update(names)


def _append(log: Chunk, chunk: Chunk) -> None:
    log.offsets += chunk.offsets
    log.keys += chunk.keys
    log.values += chunk.values
    log.timestamps += chunk.timestamps
    log.next, log.broker_stamped = chunk.next, chunk.broker_stamped


def said(topic: str, log: Chunk) -> list[Output]:
    """What stands on an output topic. A status without its lag: that one word is no function of the logs."""
    decode, status = msgspec.json.Decoder(TOLD[topic]).decode, msgspec.json.Decoder(Status).decode
    out: list[Output] = []
    for key, value in zip(log.keys, log.values, strict=True):
        what: Any = None
        if value is not None:
            is_status = topic == "incidents" and not key
            what = msgspec.structs.replace(status(value), lag=None) if is_status else decode(value)
        out.append(Output(topic, key or b"", what))
    return out


@dataclass(frozen=True, slots=True)
class Judged:
    """A partition at the end of its logs: what was told of it, and every household bit for bit."""

    told: Told
    state: dict[str, Any]


def judge(logs: Sequence[Chunk], number: int, partitions: int) -> Judged:
    """The oracle: one engine in memory, never stopped, over the logs of one partition."""
    partition, told = Partition(number, partitions, engine=ENGINE, buffer_records=1 << 40), Told()
    for topic, log in enumerate(logs):
        partition.pass_gap(topic, log.start)
        told.take(partition.offer(topic, log)[0])
    told.take(partition.pump())
    return Judged(told, states(partition))


def read_inputs(bootstrap: str, partitions: int) -> list[list[Chunk]]:
    """The ordered topics of each partition."""
    found = read_logs(bootstrap, {(topic, p): 0 for topic in ORDERED_NAMES for p in range(partitions)})
    return [[found[topic, p] for topic in ORDERED_NAMES] for p in range(partitions)]


# Written by hand.


def write_ticks(pen: Publisher, at_ms: int, partitions: int = 1, *, but: Container[str] = ()) -> None:
    """Write the tick of a moment into every ordered topic, some excepted."""
    value = encode(Tick(at_ms, TickMode.SIMULATED))
    for topic in ORDERED_NAMES:
        for partition in range(partitions if topic not in but else 0):
            pen.send(topic, TICK_KEY, value, partition=partition)


def write_event(pen: Publisher, household: str, kind: str, at_ms: int, topic: str = "home.sensors") -> str:
    """Write one event of a household's gateway; its id."""
    name = f"{kind}-{at_ms}"
    event = Event(household, kind, GATEWAY, name, at_ms, Data(device=f"{kind}-1", state="on"))
    pen.send(topic, household, encode_events([event]))
    return name
