"""The stream of the speed table on a broker: the ordered topics as Anbu and its peers read them, and single events for Pathway."""

import asyncio
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient

from infra.topics import create_topics
from load_tests.bench_stream import Log, Stream
from schemas.events import TICK_KEY
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES

SINGLE: Final = "bench.single"
BATCH_BYTES: Final = 900_000


def write(stream: Stream, bootstrap: str, *, single_events: int) -> None:
    """Create the topics with one partition each, and write the stream; the first events once more, unrolled."""
    create_topics(bootstrap, 1)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({SINGLE: {"num_partitions": 1, "replication_factor": 1, "configs": {}}})
    admin.close()
    asyncio.run(_write(stream, bootstrap, single_events))


async def _write(stream: Stream, bootstrap: str, single_events: int) -> None:
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_batch_size=BATCH_BYTES, max_request_size=1 << 26, linger_ms=0
    )
    await producer.start()
    try:
        for name, log in zip(ORDERED_NAMES, stream.logs, strict=True):
            await _put(producer, name, log)
        await _put(producer, SINGLE, _single(stream, single_events))
    finally:
        await producer.stop()


async def _put(producer: Any, topic: str, log: Log) -> None:
    """Write records in batches as large as the broker takes."""
    batch = producer.create_batch()
    for key, value in zip(log.keys, log.values, strict=True):
        if batch.append(key=key, value=value, timestamp=None) is None:
            await (await producer.send_batch(batch, topic, partition=0))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    if batch.record_count():
        await (await producer.send_batch(batch, topic, partition=0))


def _single(stream: Stream, most: int) -> Log:
    """Return the events of the batches one by one, topic by topic."""
    out = Log([], [])
    shares = [
        len(log.keys) if name in EVENT_TOPICS else 0 for name, log in zip(ORDERED_NAMES, stream.logs, strict=True)
    ]
    for log, share in zip(stream.logs, shares, strict=True):
        end = len(out.keys) + most * share // sum(shares)
        for key, value in zip(log.keys, log.values, strict=True):
            if len(out.keys) >= end:
                break
            if key == TICK_KEY:
                continue
            parts = value[1:-1].replace(b'},{"data"', b'}\n{"data"').split(b"\n") if value[:1] == b"[" else [value]
            for part in parts:
                out.put(key, part)
    return out
