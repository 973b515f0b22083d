"""The logs of a partition read back from the broker, as they stood when the replay began."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.publish import BrokerAwayError
from streams.replay.run import Reader
from streams.wallclock import monotonic_s
from streams.worker.delivery import CHUNKED, as_chunk

FETCH_BYTES: Final = 1_048_576
SILENT_S: Final = 20.0


class TopicSource:
    """Reads one partition of every ordered topic, always the topic whose turn it is: nothing need wait in memory.

    Raises, while reading:
        BrokerAwayError: the broker does not answer.

    """

    def __init__(self, bootstrap: str, partition: int, ends: list[int], starts: list[int] | None = None) -> None:
        """Choose the partition; of each topic the offset at which to stop, and the one at which to begin."""
        self._bootstrap = bootstrap
        self._partition = partition
        self._ends = ends
        self._starts = starts or [0] * len(ORDERED_NAMES)
        self.first: list[int] = [0] * len(ORDERED_NAMES)
        """First offset that each topic still has: above 0, what came before is not replayed."""

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        """Give chunks as the engine needs them."""
        loop = asyncio.new_event_loop()
        try:
            yield from self._chunks(engine, loop)
        except KafkaError as error:
            raise BrokerAwayError(
                f"the broker at {self._bootstrap} stopped answering ({type(error).__name__})"
            ) from error
        finally:
            loop.close()

    def _chunks(self, engine: Reader, loop: asyncio.AbstractEventLoop) -> Iterator[tuple[int, Chunk]]:
        CHUNKED.update(ORDERED_NAMES)
        places = [TopicPartition(topic, self._partition) for topic in ORDERED_NAMES]
        consumer, self.first = loop.run_until_complete(_opened(self._bootstrap, places))
        try:
            while True:
                topic = engine.order.next_topic
                position = max(engine.order.positions.offsets[topic], self.first[topic], self._starts[topic])
                if position >= self._ends[topic]:
                    return
                chunk = loop.run_until_complete(_next(consumer, places, topic, position))
                yield topic, _cut(chunk, self._ends[topic])
        finally:
            loop.run_until_complete(consumer.stop())


async def _opened(bootstrap: str, places: list[Any]) -> tuple[Any, list[int]]:
    """Open a consumer for these places, and say where each begins."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,  # the embedded broker heeds this bound alone
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    consumer.assign(places)
    first = await consumer.beginning_offsets(places)
    return consumer, [first[place] for place in places]


async def _next(consumer: Any, places: list[Any], topic: int, position: int) -> Chunk:
    """Fetch the chunk of one topic that begins at a position; the others rest meanwhile."""
    place = places[topic]
    consumer.pause(*[other for other in places if other is not place])
    consumer.resume(place)
    if await consumer.position(place) != position:
        consumer.seek(place, position)
    began_s = monotonic_s()
    while True:
        found = (await consumer.getmany(place, timeout_ms=500)).get(place)
        if found:
            return found if isinstance(found, Chunk) else as_chunk(found)
        if monotonic_s() - began_s > SILENT_S:
            raise BrokerAwayError(f"the broker brings nothing of {place.topic}/{place.partition}")


def _cut(chunk: Chunk, end: int) -> Chunk:
    """Leave out what was written after the replay began."""
    if chunk.next <= end:
        return chunk
    count = sum(1 for offset in chunk.offsets if offset < end)
    return Chunk(
        chunk.start,
        end,
        chunk.offsets[:count],
        chunk.keys[:count],
        chunk.values[:count],
        chunk.timestamps[:count],
        chunk.broker_stamped,
    )
