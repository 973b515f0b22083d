"""What a worker reads when it takes over a partition: the changelog to its end, and what salvage needs."""

import asyncio
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.incidents import Incident
from schemas.topics import ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.snapshot import Changelog
from streams.incident_fold import OPEN, IncidentFold
from streams.tail import reading
from streams.wallclock import monotonic_s
from streams.worker.delivery import CHUNKED, as_chunk

FETCH_BYTES: Final = 4_194_304
STALLS_AFTER_S: Final = 30.0
ANSWERS_WITHIN_S: Final = 10.0
"""Below the time after which a broker counts as away, or that would be noticed at the second answer missed only."""


class CannotRebuildError(Exception):
    """The changelog cannot be read to its end; one line that says why."""


class Rebuilder:
    """Reads without a group, beside the worker's own consumer. One for all partitions; one reading at a time."""

    def __init__(self, bootstrap: str, changelog: str) -> None:
        """Choose the broker and the changelog topic."""
        self._bootstrap = bootstrap
        self._changelog = changelog
        self._consumer: Any = None
        self._turn = asyncio.Lock()
        CHUNKED.add(changelog)

    async def start(self) -> None:
        """Connect."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=100,
            request_timeout_ms=int(ANSWERS_WITHIN_S * 1000),
        )
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def read(self, partition: int, from_offset: int, into: Changelog) -> int:
        """Take every row of a changelog partition from an offset on; return the offset after the last.

        The end is taken from fetch answers, never from ListOffsets: the embedded broker answers that too low, and the
        last rows would be missed.

        Raises:
            CannotRebuildError: the end was not reached and nothing came for 30 s.

        """
        at = TopicPartition(self._changelog, partition)
        async with self._turn:
            try:
                self._consumer.assign([at])
                if from_offset:
                    self._consumer.seek(at, from_offset)
                else:
                    await self._consumer.seek_to_beginning(at)
                return await self._read_to_end(at, into)
            except KafkaError as error:
                raise CannotRebuildError(f"{self._changelog}/{partition}: {type(error).__name__}") from error
            finally:
                self._consumer.unsubscribe()

    async def _read_to_end(self, at: Any, into: Changelog) -> int:
        heard_s = monotonic_s()
        position = 0
        while True:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                chunk = records if isinstance(records, Chunk) else as_chunk(records)
                for key, value in zip(chunk.keys, chunk.values, strict=True):
                    into.take(key, value)
                heard_s = monotonic_s()
                await asyncio.sleep(0)
            position = int(await self._consumer.position(at))
            end = self._consumer.highwater(at)
            if end is not None and position >= end:
                return position
            if monotonic_s() - heard_s > STALLS_AFTER_S:
                raise CannotRebuildError(f"{self._changelog}/{at.partition}: nothing came for {STALLS_AFTER_S:g} s")

    async def bounds(self, partition: int) -> tuple[list[int], list[int]]:
        """First offset of each ordered topic of a partition, and an offset not beyond its end.

        Raises:
            KafkaError: the broker does not answer.

        """
        places = [TopicPartition(topic, partition) for topic in ORDERED_NAMES]
        first = await self._consumer.beginning_offsets(places)
        end = await self._consumer.end_offsets(places)
        return [first[place] for place in places], [end[place] for place in places]


def read_for_salvage(
    bootstrap: str, partition: int, households: set[str]
) -> dict[str, tuple[bytes | None, list[Incident]]]:
    """Read the registry record and the open incidents of households whose rows cannot be used.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    records: dict[str, bytes | None] = {}
    fold = IncidentFold(partition + 1)
    names = {name.encode(): name for name in households}
    with reading(bootstrap) as reader:
        for one in reader.read_whole("households", partition):
            if one.key in names:
                records[names[one.key]] = one.value
        for one in reader.read_whole(OPEN, partition):
            fold.apply(OPEN, one.key, one.value, one.arrived_ms)
    open_ones = fold.incidents()
    return {name: (records.get(name), [one for one in open_ones if one.household == name]) for name in households}
