import asyncio
import gc
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.fetcher import PartitionRecords

from infra.topics import create_topics
from streams.engine.chunk import Chunk
from streams.worker.delivery import CHUNKED

TOPIC = "home.sensors"


async def _fetch(bootstrap: str, count: int) -> list[Any]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for n in range(count):
        await producer.send(TOPIC, key=b"hh-%d" % n, value=b"%d" % n, partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    got: list[Any] = []
    try:
        while sum(len(one) for one in got) < count:
            got += (await consumer.getmany(timeout_ms=2000)).values()
    finally:
        await consumer.stop()
    return got


def test_a_chunked_topic_is_fetched_as_contiguous_columns_and_another_is_not(any_broker: Any) -> None:
    create_topics(any_broker.bootstrap, 1)
    CHUNKED.add(TOPIC)
    try:
        chunks = asyncio.run(_fetch(any_broker.bootstrap, 500))
    finally:
        CHUNKED.discard(TOPIC)
    assert all(isinstance(one, Chunk) for one in chunks)
    assert [one.start for one in chunks] == [0, *(one.next for one in chunks[:-1])]
    assert [value for one in chunks for value in one.values] == [b"%d" % n for n in range(500)]
    assert [offset for one in chunks for offset in one.offsets] == list(range(500))
    plain = asyncio.run(_fetch(any_broker.bootstrap, 1))
    assert not any(isinstance(one, Chunk) for one in plain)


def test_what_was_fetched_is_let_go_without_the_collector(any_broker: Any) -> None:
    """A worker that took over had the whole changelog in memory until a full collection."""
    create_topics(any_broker.bootstrap, 1)
    CHUNKED.add(TOPIC)
    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(_fetch(any_broker.bootstrap, 50))
        kept = [one for one in gc.get_objects() if isinstance(one, PartitionRecords)]
        assert not kept
        one: Any = PartitionRecords.__new__(PartitionRecords)
        one._records_iterator = one._unpack_records()  # the fault this is about
        del one
        assert any(isinstance(one, PartitionRecords) for one in gc.get_objects())
    finally:
        gc.enable()
        CHUNKED.discard(TOPIC)
