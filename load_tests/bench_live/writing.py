"""Writes steps of the stream to a broker in batches, each record into the partition of its household."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from load_tests.bench_live.script import TICKS, Step
from schemas.partitions import partition_of
from schemas.topics import ORDERED_NAMES

BATCH_BYTES: Final = 900_000


def a_producer(bootstrap: str) -> Any:
    """Make the producer of the load."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        max_batch_size=BATCH_BYTES,
        max_request_size=1 << 26,
        linger_ms=0,
    )


class Pen:
    """Gathers records by topic and partition; `flush` hands them to the producer."""

    def __init__(self, producer: Any, partitions: int = 1) -> None:
        self._producer = producer
        self._partitions = partitions
        self._places: dict[bytes, int] = {}
        self._open: dict[tuple[int, int], Any] = {}
        self.futures: list[Any] = []

    async def write(self, many: Iterable[Step]) -> None:
        """Write steps in their order."""
        for one in many:
            if one.topic == TICKS:
                for topic in range(len(ORDERED_NAMES)):
                    for partition in range(self._partitions):
                        await self._put(topic, partition, one.key, one.value)
            else:
                await self._put(one.topic, self._place_of(one.key), one.key, one.value)

    def _place_of(self, key: bytes) -> int:
        if self._partitions == 1:
            return 0
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = partition_of(key.decode(), self._partitions)
        return place

    async def _put(self, topic: int, partition: int, key: bytes, value: bytes) -> None:
        place = topic, partition
        batch = self._open.get(place)
        if batch is None:
            batch = self._open[place] = self._producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None) is None:
            await self._send(place)
            batch = self._open[place] = self._producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)

    async def _send(self, place: tuple[int, int]) -> None:
        batch = self._open.pop(place)
        self.futures.append(await self._producer.send_batch(batch, ORDERED_NAMES[place[0]], partition=place[1]))

    async def flush(self) -> None:
        """Hand over all that was gathered."""
        for place in list(self._open):
            await self._send(place)

    async def wait(self, done: Callable[[], None] | None = None) -> None:
        """Wait until the broker has everything."""
        await self.flush()
        for future in self.futures:
            await future
        self.futures.clear()
        if done is not None:
            done()
