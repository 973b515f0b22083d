"""Chunk delivery: Faust hands its agents one event per fetched chunk instead of one per message.

Group membership, rebalance and flow control stay Faust's; state is recovered beside it (`streams/worker/rebuild.py`). Two things
differ from stock Faust: the fetcher's result is unpacked into columns, and `getmany` yields a chunk. Nearly all of stock
Faust's cost per event is asyncio work per message, and this is where it goes away. Reaches into faust-streaming 0.15.3 and aiokafka 0.14.0, which
pyproject pins exactly; the kill and restart tests are its guard.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiokafka.consumer.fetcher as aiokafka_fetcher
import faust
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from streams.engine.chunk import Chunk
from streams.wallclock import monotonic_s
from streams.worker.resting import Resting

CHUNKED: Final[set[str]] = set()
"""Topics of this process that are delivered in chunks."""

_LOG_APPEND_TIME: Final = 1


def unpack(records: Any) -> Chunk:
    """Read the rest of an aiokafka `PartitionRecords` into columns, with its own checks on checksums and transactions.

    Raises:
        CorruptRecordException: a batch's checksum is wrong.

    """
    start = records.next_fetch_offset
    chunk = Chunk(start, start)
    add_offset, add_key, add_value = chunk.offsets.append, chunk.keys.append, chunk.values.append
    add_timestamp = chunk.timestamps.append
    committed_only = records._isolation_level == aiokafka_fetcher.READ_COMMITTED
    batches = records._records
    expected = start
    while batches.has_next():
        batch = batches.next_batch()
        if records._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {records._tp}")
        if committed_only and batch.producer_id is not None:
            records._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and records._contains_abort_marker(batch):
                records._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in records._aborted_producers:
                expected = batch.next_offset
                continue
        if batch.is_control_batch:
            expected = batch.next_offset
            continue
        is_stamped = chunk.broker_stamped = batch.timestamp_type == _LOG_APPEND_TIME
        # A fetch answers with whole batches: their beginning may have been read before.
        is_cut = getattr(batch, "base_offset", -1) < expected
        for record in [record for record in batch if record.offset >= expected] if is_cut else batch:
            add_offset(record.offset)
            add_key(record.key)
            add_value(record.value)
            if not is_stamped:
                add_timestamp(record.timestamp)
        if unstamped := len(chunk.offsets) - len(chunk.timestamps):
            # The broker stamps a batch as a whole: one number for all its records.
            chunk.timestamps += [record.timestamp] * unstamped
        expected = batch.next_offset
    records.next_fetch_offset = expected
    chunk.next = expected
    return chunk


_stock_getall = aiokafka_fetcher.FetchResult.getall


def _getall(self: Any, max_records: int | None = None) -> Any:
    tp = self._topic_partition
    if tp.topic not in CHUNKED:
        return _stock_getall(self, max_records)
    if not self.check_assignment(tp) or not self.has_more():
        return []
    chunk = unpack(self._partition_records)
    self._update_position()
    # It and its generator, which nobody asks here, hold each other and the broker's whole answer: only the collector freed them,
    # and while a partition is rebuilt it rests.
    self._partition_records._records_iterator = None
    self._partition_records = None
    return chunk


aiokafka_fetcher.FetchResult.getall = _getall


def as_chunk(records: list[Any]) -> Chunk:
    """Columns of plain records, where the fetcher gave some all the same."""
    return Chunk(
        records[0].offset,
        records[-1].offset + 1,
        [one.offset for one in records],
        [one.key for one in records],
        [one.value for one in records],
        [one.timestamp for one in records],
        records[0].timestamp_type == _LOG_APPEND_TIME,
    )


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, which notes when the group last confirmed that this worker is a member."""

    confirmed_s: float = 0.0

    async def on_start(self) -> None:
        """Start the consumer, and listen to its heartbeats."""
        await super().on_start()
        consumer: Any = self._consumer
        app = self.consumer.app
        if isinstance(app, ChunkApp):
            Resting(consumer._fetcher, app.gather_s, app.held_off)
        coordinator = consumer._coordinator
        beat = getattr(coordinator, "_do_heartbeat", None)
        if beat is None:
            return  # no group

        async def noted_beat() -> Any:
            began_s = monotonic_s()
            answer = await beat()
            if answer:
                self.confirmed_s = began_s
            return answer

        coordinator._do_heartbeat = noted_beat


class ChunkConsumer(driver.Consumer):
    """Faust's consumer, whose `getmany` yields a chunk as one message: offset of its last record, value the chunk."""

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    @property
    def confirmed_s(self) -> float:
        """When the group last confirmed this worker's membership, seconds of the clock that never steps back."""
        return float(getattr(self._thread, "confirmed_s", 0.0))

    async def seek_to(self, tp: TP, offset: int) -> bool:
        """Fetch from an offset on. Gives False where the partition was given away meanwhile.

        Done in the consumer's own thread: woken from another one, its fetcher may sleep on.
        """
        thread: Any = self._thread

        async def seek() -> None:
            thread._consumer.seek(driver.ensure_aiokafka_TP(tp), offset)

        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(seek(), thread.thread_loop))
        except IllegalStateError:
            return False
        self._read_offset[tp] = None
        return True

    async def commit_positions(self, offsets: Mapping[TP, int]) -> bool:
        """Commit next offsets to the group, for whoever displays lag; the changelog's position row is the truth.

        Gives False where the broker does not take them: no reason to end a worker whose checkpoint is whole.
        """
        thread: Any = self._thread
        known = {driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        try:
            await thread.call_thread(thread._consumer.commit, known)
        except (KafkaError, IllegalStateError) as error:
            self.log.info("positions were not committed to the group: %s", type(error).__name__)
            return False
        return True

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield what was fetched within `timeout` seconds."""
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop:
            return
        if not self.flow_active:
            try:
                await self.perform_seek()
            except Exception as error:  # noqa: BLE001 - as stock Faust: the next rebalance seeks again
                self.log.warning("seek while the flow is off failed: %s", type(error).__name__)
            return
        rest: dict[TP, Any] = {}
        for tp, records in fetched.items():
            if tp.topic not in CHUNKED:
                rest[tp] = records
                continue
            chunk = records if isinstance(records, Chunk) else as_chunk(records)
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                own = TP(tp.topic, tp.partition)
                self.app.monitor.track_tp_end_offset(own, self.highwater(tp))
                # With a read offset Faust silently drops what it takes for old; the engine checks contiguity itself.
                self._read_offset[own] = None
                yield own, self._message(own, chunk, generation)
        for tp, record in self.scheduler.iterate(rest):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._to_message(tp, record)

    @staticmethod
    def _message(tp: TP, chunk: Chunk, generation: int) -> ConsumerMessage:
        value: Any = chunk
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            chunk.next - 1,
            0.0,
            0,
            None,
            None,
            value,
            None,
            -1,
            -1,
            tp,
            generation_id=generation,
        )


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with the chunk consumer."""

    Consumer = ChunkConsumer


class ChunkSchema(faust.Schema[Any, Any]):
    """Leaves keys and values alone: a chunk is decoded by the engine."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> None:
        """Give no key: a chunk has many."""

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        """Give the chunk."""
        return message.value


class ChunkApp(faust.App):
    """A Faust app that reads the topics it is told to in chunks."""

    gather_s: float = 0.0
    """Longest rest after a fetch that brought little: `streams.worker.resting`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.held_off: dict[TopicPartition, float] = {}
        """What is not fetched before which moment, for it is far ahead of the rest; read by the consumer's thread."""
        super().__init__(*args, **options)

    def _new_transport(self) -> Any:
        return ChunkTransport(self.conf.broker_consumer, self)

    def chunk_topic(self, *names: str) -> Any:
        """Declare topics to be delivered in chunks. `acks=False`: the engine commits its own positions."""
        CHUNKED.update(names)
        return self.topic(*names, acks=False, schema=raw_schema())


def raw_schema() -> ChunkSchema:
    """Make the schema of chunked topics."""
    return ChunkSchema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
