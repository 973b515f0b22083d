"""What coming back costs with more households: bytes of the snapshot, seconds to rebuild, and the time to work after kill -9.

    python -m load_tests.bench_recovery --households 1000 10000 50000
    python -m load_tests.bench_recovery --kill 200000

A thousand synthetic households live three days; their state is then copied under other names until there are enough, with
their real rows: hot, rhythm, record. The first form is the pure engine. The second writes those rows into the changelog of
a group on one Apache Kafka node, lets a worker take them over, kills it while ticks go on, and starts another at once.
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.kafka_node import KafkaNode
from infra.ports import free_ports
from infra.processes import Child, start_command
from infra.topics import create_topics
from load_tests.bench_engine import run_until
from load_tests.bench_scale import SEEDS, STREAMS, copy_homes, offsets_at
from load_tests.bench_stream import HOUR_MS, START_MS, Stream, Wanted, stream_of
from schemas.encode import encode
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.topics import ORDERED_NAMES, changelog_of
from streams.engine.partition import Partition
from streams.engine.snapshot import HOT, RECORD, RHYTHMS, Changelog, Recovered
from streams.growing import grown, rows_of
from streams.publish import Publisher
from streams.settings import Settings
from streams.worker.collecting import Collecting

PARTITIONS: Final = 4
STREAM_HOURS: Final = 168
TICK_S: Final = 1.0


class Curve(msgspec.Struct):
    """One size: what its whole changelog holds when compacted, and what rebuilding from it takes."""

    households: int
    hot_bytes: float
    rhythm_bytes: float
    record_bytes: float
    """Key and value of one row, mean."""
    total_mb: float
    take_s: float
    """CPU seconds to check and choose the rows."""
    build_s: float
    """CPU seconds to make an engine of them."""


def lived(stream: Stream, households: int, aged_h: int) -> Partition:
    """Let a thousand homes live, and copy them until there are so many."""
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40)
    run_until(stream, engine, blake2b(), offsets_at(stream, START_MS + aged_h * HOUR_MS))
    for copy in range(1, households // SEEDS):
        copy_homes(engine, copy)
    return engine


def rows_of_all(engine: Partition) -> list[tuple[bytes, bytes | None]]:
    """Every row of every household, and a position row, as a compacted changelog holds them."""
    for name in engine.names():
        one: Any = engine.household(name)
        one.rhythm_kept, one.record_dirty = -1, True
        engine._roster.touch(one)  # noqa: SLF001 - a probe
    return engine.checkpoint().rows


def measure(stream: Stream, households: int, aged_h: int) -> Curve:
    """Measure one size in this process."""
    rows = rows_of_all(lived(stream, households, aged_h))
    gc.collect()
    with Collecting(list).building():  # as a worker does
        before_s = time.process_time()
        found = recovered_from(rows)
        took_s = time.process_time() - before_s
        before_s = time.process_time()
        engine = Partition(0, 1, engine="bench", recovered=found, owner=2)
        built_s = time.process_time() - before_s
    sizes = {kind: [len(k) + len(v or b"") for k, v in rows if k[:2] == kind] for kind in (HOT, *RHYTHMS, RECORD)}
    rhythms = [size for kind in RHYTHMS for size in sizes[kind]]
    return Curve(
        len(engine.names()),
        _mean(sizes[HOT]),
        _mean(rhythms),
        _mean(sizes[RECORD]),
        sum(len(k) + len(v or b"") for k, v in rows) / 1e6,
        took_s,
        built_s,
    )


def recovered_from(rows: list[tuple[bytes, bytes | None]]) -> Recovered:
    """Return what a changelog of these rows holds."""
    changelog = Changelog()
    for key, value in rows:
        changelog.take(key, value)
    return changelog.result()


def _mean(sizes: list[int]) -> float:
    return sum(sizes) / max(1, len(sizes))


# With a worker on Apache Kafka.


class Killed(msgspec.Struct):
    """One worker killed and another started at once."""

    households: int
    first_ready_s: float
    """From the first worker's start to all its partitions being ready."""
    first_cpu_s: float
    """CPU seconds of that worker until then."""
    back_s: float
    """From the kill to the next worker having judged everything that came meanwhile."""
    session_s: float
    worker_mb: float

    @property
    def told(self) -> str:
        """All but the households, for people."""
        return (
            f"ready {self.first_ready_s:.1f} s after its start ({self.first_cpu_s:.1f} CPU s); back at work"
            f" {self.back_s:.1f} s after kill -9, of which the session timeout is {self.session_s:g} s;"
            f" {self.worker_mb:,.0f} MB resident; load {os.getloadavg()[0]:.1f}"
        )


def kill(households: int, aged_h: int, folder: Path) -> Killed:
    """Fill a changelog, let a worker take over, kill it, and wait for the next."""
    with KafkaNode(folder=folder / "kafka") as node:
        create_topics(node.bootstrap, PARTITIONS)
        # In a process of its own, whose memory is free again when the worker begins.
        command = [sys.executable, "-m", "load_tests.bench_recovery", "--fill", node.bootstrap]
        command += ["--households", str(households), "--aged-hours", str(aged_h)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        clock_ms, count = msgspec.json.decode(said.stdout, type=tuple[int, int])
        return kill_and_wait(node, folder, clock_ms, count, PARTITIONS)


def kill_and_wait(node: KafkaNode, folder: Path, clock_ms: int, households: int, partitions: int) -> Killed:
    """Let a worker take over what a changelog holds, kill it while ticks go on, and wait for the next."""
    settings = Settings(kafka=node.url, partitions=partitions, datadir=folder, metrics_port=free_ports(1)[0])
    stop = threading.Event()
    first = start_command("worker", settings=settings, logs=folder)
    second: Child | None = None
    try:
        began_s = time.monotonic()
        _wait_ready(settings)
        ready_s, cpu_s = time.monotonic() - began_s, _cpu_s(first.pid)
        ticker = threading.Thread(target=_tick, args=(node.bootstrap, clock_ms, stop, partitions))
        ticker.start()
        time.sleep(15.0)
        used = int(Path(f"/proc/{first.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        first.kill()
        killed_s = time.monotonic()
        second = start_command("worker", settings=settings, logs=folder)
        _wait_ready(settings)
        back_s = time.monotonic() - killed_s
    finally:
        stop.set()
        first.kill()
        if second is not None:
            second.kill()
    return Killed(households, ready_s, cpu_s, back_s, settings.session_timeout_s, used)


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


def fill(stream: Stream, households: int, aged_h: int, bootstrap: str) -> tuple[int, int]:
    """Write the rows of so many households into the changelog; their clock, and how many they are."""
    engine = lived(stream, households, aged_h)
    found = engine.clock_ms, len(engine.names())
    rows = rows_of_all(engine)
    del engine
    states = grown([recovered_from(rows)], [[0] * len(ORDERED_NAMES)] * PARTITIONS)
    with Publisher(bootstrap, PARTITIONS, within_s=60.0) as pen:
        for number, state in enumerate(states):
            for kept in rows_of(state, number, PARTITIONS, engine="bench", owner=3):
                for key, value in kept.rows:
                    pen.send(changelog_of("anbu"), key, value, partition=number)
    return found


def _tick(bootstrap: str, from_ms: int, stop: threading.Event, partitions: int) -> None:
    with Publisher(bootstrap, partitions, within_s=60.0) as pen:
        at_ms = from_ms
        while not stop.wait(TICK_S):
            at_ms += int(TICK_S * 1000)
            value = encode(Tick(at_ms, TickMode.SIMULATED))
            for topic in ORDERED_NAMES:
                for partition in range(partitions):
                    pen.send(topic, TICK_KEY, value, partition=partition)
            pen.flush()


def _wait_ready(settings: Settings, within_s: float = 900.0) -> None:
    """Wait until a worker has all partitions ready and is no more than a moment behind."""
    until_s = time.monotonic() + within_s
    url = f"http://127.0.0.1:{settings.metrics_port}/ready"
    while time.monotonic() < until_s:
        time.sleep(0.1)
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                said = msgspec.json.decode(answer.read())
        except OSError:
            continue
        parts = said["partitions"]
        behind = sum(one["behind"] for one in parts)
        if said["ready"] and len(parts) == settings.partitions and behind <= 2 * len(parts) * len(ORDERED_NAMES):
            return
    raise TimeoutError("the worker was not ready in time")


def main(arguments: list[str] | None = None) -> int:
    """Measure each size in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.bench_recovery", description=__doc__)
    parser.add_argument("--households", type=int, nargs="*", default=[1000, 10_000, 50_000])
    parser.add_argument("--kill", type=int, default=0, metavar="HOUSEHOLDS", help="kill a worker that has so many")
    parser.add_argument("--aged-hours", type=int, default=72, help="how long the thousand lived before")
    parser.add_argument("--fill", default="", metavar="BROKER", help="only write the rows of the first size there")
    parser.add_argument("--json", action="store_true", help="the first size as JSON")
    asked = parser.parse_args(arguments)
    if not 0 < asked.aged_hours <= STREAM_HOURS:
        parser.error(f"--aged-hours: the thousand live {STREAM_HOURS} hours; bench_lived has homes that go on living")
    stream = stream_of(Wanted(SEEDS, STREAM_HOURS, 0), STREAMS)
    if asked.fill:
        found = fill(stream, asked.households[0], asked.aged_hours, asked.fill)
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return 0
    if asked.kill:
        del stream
        with tempfile.TemporaryDirectory(prefix="bench-recovery-") as folder:
            done = kill(asked.kill, asked.aged_hours, Path(folder))
        sys.stdout.write(f"{done.households:,} households in {PARTITIONS} partitions of one worker: {done.told}\n")
        return 0
    if asked.json:
        curve = measure(stream, asked.households[0], asked.aged_hours)
        sys.stdout.write(msgspec.json.encode(curve).decode() + "\n")
        return 0
    del stream
    sys.stdout.write("households   hot rhythm record bytes    MB in all   rows s  engine s\n")
    for size in asked.households:
        command = [sys.executable, "-m", "load_tests.bench_recovery", "--json", "--households", str(size)]
        command += ["--aged-hours", str(asked.aged_hours)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        one = msgspec.json.decode(said.stdout, type=Curve)
        sys.stdout.write(
            f"{one.households:10,} {one.hot_bytes:5.0f} {one.rhythm_bytes:6.0f} {one.record_bytes:6.0f}       "
            f"{one.total_mb:10.1f} {one.take_s:8.1f} {one.build_s:9.1f}\n"
        )
        sys.stdout.flush()
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
