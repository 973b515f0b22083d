"""What coming back costs after a long life: the changelog as the broker has it after millions of events, and a worker that takes it over.

    python -m load_tests.bench_lived --households 12000 50000 200000 --events 20000000

Synthetic homes live on for so many events in one engine, which takes a checkpoint every ten seconds of the log, as a worker
does whose log runs as fast as the clock. Its rows go to the changelog of one Apache Kafka node, stamped with the time of their log, the last of them with
the moment at which the run began, so that the broker closes segments and compacts as it would have done meanwhile. When the log's cleaner has nothing
left to do, a worker takes over, is killed by kill -9 while ticks go on, and another is started at once. The inputs hold
empty messages up to where they had been judged. All is one partition.
"""

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer

from infra.kafka_node import KafkaNode
from infra.topics import admin_of, create_topics
from load_tests.bench_engine import run_until
from load_tests.bench_recovery import Killed, kill_and_wait
from load_tests.bench_scale import SEEDS, STREAMS, copied, copy_homes, offsets_at
from load_tests.bench_steady import STREAM_HOURS, placed
from load_tests.bench_stream import HOUR_MS, START_MS, Stream, Wanted, stream_of
from schemas.topics import EVENT_TOPICS, ORDER_OF, ORDERED_NAMES, changelog_of, changelog_topic
from streams.engine.partition import Partition
from streams.wallclock import now_ms as wall_ms

WARM_H: Final = 24
EVERY_S: Final = 10
BATCH_BYTES: Final = 900_000
QUIET_S: Final = 60.0
"""For so long a changelog keeps its size before the cleaner is taken to be done; it looks every 15 s."""


class Filled(msgspec.Struct):
    """What was written."""

    clock_ms: int
    households: int
    events: int
    hours: int
    checkpoints: int
    rows: int
    written: int
    """Bytes of keys and values of those rows."""
    left: int
    """Bytes of the last row of each key: what compaction of everything would leave."""


class _Pen:
    """Batches of records with times of our own."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._under_way: list[asyncio.Future[Any]] = []

    async def write(self, topic: str, at_ms: int, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        batch = self._producer.create_batch()
        for key, value in rows:
            if batch.append(key=key, value=value, timestamp=at_ms) is None:
                await self._send(batch, topic)
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=at_ms)
        if batch.record_count():
            await self._send(batch, topic)

    async def _send(self, batch: Any, topic: str) -> None:
        batch.close()
        self._under_way.append(await self._producer.send_batch(batch, topic, partition=0))
        if len(self._under_way) >= 8:
            await self.flush()

    async def flush(self) -> None:
        await asyncio.gather(*self._under_way)
        self._under_way = []


async def fill(households: int, events: int, bootstrap: str) -> Filled:
    """Let homes live for so many events, and write what a worker of theirs would have written.

    Raises:
        ValueError: the thousand homes of the stream do not live for so long.

    """
    stream = stream_of(Wanted(SEEDS, STREAM_HOURS, 0), STREAMS)
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40)
    at = offsets_at(stream, START_MS + WARM_H * HOUR_MS)
    run_until(stream, engine, blake2b(), at)
    for copy in range(1, households // SEEDS):
        copy_homes(engine, copy)
    read = sum(map(sum, engine.counts.readings))
    hours = _hours_of(stream, at, events * _of_events(at) // (read * (households // SEEDS)))
    ends_ms, now_ms = START_MS + (WARM_H + hours) * HOUR_MS, wall_ms()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES, max_request_size=1 << 20)
    await producer.start()
    pen, topic = _Pen(producer), changelog_of("anbu")
    last: dict[bytes, int] = {}
    number = rows = written = 0
    for hour in range(1, hours + 1):
        ends = offsets_at(stream, START_MS + (WARM_H + hour) * HOUR_MS)
        chunks = list(copied(stream, at, ends, households // SEEDS))
        at = ends
        for place, chunk in chunks:
            engine.offer(place, placed(chunk, engine.order.expected(place)))
        each = sum(len(chunk) for _, chunk in chunks) * EVERY_S // 3600 + 1
        del chunks
        while True:
            engine.pump(each)
            kept = engine.checkpoint()
            await pen.write(topic, now_ms - (ends_ms - engine.clock_ms), kept.rows)
            number, rows = number + 1, rows + len(kept.rows)
            for key, value in kept.rows:
                size = len(key) + len(value or b"")
                written += size
                last[key] = size
            if engine.pumped < each:
                break
        gc.collect()
    for place, name in enumerate(ORDERED_NAMES):
        await pen.write(name, now_ms, ((b"", b"") for _ in range(engine.order.expected(place))))
    await pen.flush()
    await producer.stop()
    done = sum(map(sum, engine.counts.readings)) - read
    return Filled(engine.clock_ms, len(engine.names()), done, hours, number, rows, written, sum(last.values()))


def _of_events(offsets: list[int]) -> int:
    """Count the records of events before these offsets."""
    return sum(offsets[ORDER_OF[name]] for name in EVENT_TOPICS)


def _hours_of(stream: Stream, at: list[int], records: int) -> int:
    """Count the hours after which so many records of events have come.

    Raises:
        ValueError: the stream ends before.

    """
    for hours in range(1, STREAM_HOURS - WARM_H + 1):
        ends = offsets_at(stream, START_MS + (WARM_H + hours) * HOUR_MS)
        if _of_events(ends) - _of_events(at) >= records:
            return hours
    raise ValueError(
        f"so many events take more than the {STREAM_HOURS - WARM_H} hours that the stream has: take more homes"
    )


def size_of(node: KafkaNode, topic: str) -> int:
    """Bytes of a topic's records on the broker's disk."""
    return sum(file.stat().st_size for file in (node.folder / "data").glob(f"{topic}-*/*.log"))


def cleaned(node: KafkaNode, topic: str) -> int:
    """Wait until a topic has kept its size for a while; that size."""
    size, since_s = size_of(node, topic), time.monotonic()
    while time.monotonic() - since_s < QUIET_S:
        time.sleep(1.0)
        if (now := size_of(node, topic)) != size:
            size, since_s = now, time.monotonic()
    return size


def measure(households: int, events: int, folder: Path) -> tuple[Filled, int, int, Killed]:
    """Fill a changelog, in a process whose memory is free again before a worker begins, and take it over."""
    with KafkaNode(folder=folder / "kafka") as node:
        # The topic as it ships, but that its records bear the times we give them.
        shipped = changelog_topic("anbu")
        config = {**shipped.config, "message.timestamp.type": "CreateTime"}
        with admin_of(node.bootstrap) as admin:
            admin.create_topics({shipped.name: {"num_partitions": 1, "replication_factor": 1, "configs": config}})
        create_topics(node.bootstrap, 1)
        command = [sys.executable, "-m", "load_tests.bench_lived", "--fill", node.bootstrap]
        command += ["--households", str(households), "--events", str(events)]
        said = subprocess.run(command, check=False, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        if said.returncode:
            sys.exit(said.returncode)  # it has said why
        filled = msgspec.json.decode(said.stdout, type=Filled)
        before, after = size_of(node, changelog_of("anbu")), cleaned(node, changelog_of("anbu"))
        sys.stderr.write(f"{households:,} households: the changelog is written and cleaned\n")
        return filled, before, after, kill_and_wait(node, folder, filled.clock_ms, filled.households, 1)


def main(arguments: list[str] | None = None) -> int:
    """Measure each size on a broker of its own, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.bench_lived", description=__doc__)
    parser.add_argument("--households", type=int, nargs="*", default=[12_000, 50_000, 200_000], help="in thousands")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--fill", default="", metavar="BROKER", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if any(households < SEEDS for households in asked.households):
        parser.error(f"--households: {SEEDS:,} at least, and in thousands")
    if asked.fill:
        try:
            filled = asyncio.run(fill(asked.households[0], asked.events, asked.fill))
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(msgspec.json.encode(filled).decode() + "\n")
        return 0
    for households in asked.households:
        with tempfile.TemporaryDirectory(prefix="bench-lived-") as name:
            filled, before, after, killed = measure(households, asked.events, Path(name))
        sys.stdout.write(
            f"{filled.households:,} households, {filled.events:,} events in {filled.hours} h of the log: {filled.checkpoints:,} checkpoints,"
            f" {filled.rows:,} rows, {filled.written / 1e6:,.0f} MB; of each key the last {filled.left / 1e6:,.0f} MB; on the"
            f" broker {before / 1e6:,.0f} MB, cleaned {after / 1e6:,.0f} MB. Taken over: {killed.told}\n"
        )
        sys.stdout.flush()
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
