"""What a partition costs with more households: CPU an event, memory a household, a sweep of deadlines, a checkpoint's row.

    python -m load_tests.bench_scale --households 1000 10000 50000

A thousand synthetic households live three days; their state is then copied until there are enough, under other names, and
one more hour comes for all of them. Pure engine, no broker.
"""

import argparse
import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from detectors.household import Household
from load_tests.bench_engine import run_until
from load_tests.bench_stream import HOUR_MS, START_MS, Stream, Wanted, stream_of
from schemas.events import TICK_KEY
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.engine.records import record_of
from streams.engine.sleep import ALL

SEEDS: Final = 1000
STREAMS: Final = Path("build/bench-streams")
SWEPT: Final = 200_000


class Size(msgspec.Struct):
    """One round at one size."""

    households: int
    events: int
    each_us: float
    household_bytes: float
    """Resident memory that one more household takes, its model, ledger and registry record included."""
    row_us: float
    """A checkpoint's CPU time a row, and how many bytes the row has."""
    row_bytes: float
    sweep_us: float
    """A look through the deadlines of 200,000 households when none is due: wall clock, median."""
    woken_share: float
    """Households woken, an event."""


def measure(stream: Stream, households: int, aged_h: int, awake: int) -> Size:
    """Let a thousand homes live, copy them, and measure one hour of all of them."""
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40, awake=awake)
    aged = offsets_at(stream, START_MS + aged_h * HOUR_MS)
    run_until(stream, engine, blake2b(), aged)
    engine.checkpoint()
    before = resident_bytes()
    for copy in range(1, households // SEEDS):
        copy_homes(engine, copy)
    gc.collect()
    grown = resident_bytes() - before
    engine.checkpoint()
    woken = engine.sleep.woken
    ends = offsets_at(stream, START_MS + (aged_h + 1) * HOUR_MS)
    chunks = list(copied(stream, aged, ends, households // SEEDS))
    read = sum(map(sum, engine.counts.readings))
    before_s = time.process_time()
    for topic, chunk in chunks:
        engine.offer(topic, chunk)
    engine.pump()
    spent_s = time.process_time() - before_s
    events = sum(map(sum, engine.counts.readings)) - read
    before_s = time.process_time()
    kept = engine.checkpoint()
    checkpoint_s = time.process_time() - before_s
    return Size(
        len(engine.names()),
        events,
        spent_s / events * 1e6,
        grown / max(1, households - SEEDS),
        checkpoint_s / len(kept.rows) * 1e6,
        sum(len(key) + len(value or b"") for key, value in kept.rows) / len(kept.rows),
        _sweep_us(),
        (engine.sleep.woken - woken) / events,
    )


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def offsets_at(stream: Stream, at_ms: int) -> list[int]:
    """Return where each log stands after the tick of a moment."""
    tick = b'"tick":%d}' % at_ms
    return [
        next(
            i
            for i, (key, value) in enumerate(zip(log.keys, log.values, strict=True))
            if key == TICK_KEY and tick in value
        )
        + 1
        for log in stream.logs
    ]


def copy_homes(engine: Partition, copy: int) -> None:
    """Add every home of the thousand once more, under another name, with a state of its own."""
    roster = engine._roster  # noqa: SLF001 - a probe
    for name in [f"sim-{number:05}" for number in range(SEEDS)]:
        one = roster.get(name)
        if one is None or one.model is None:
            continue
        made = roster.meet(_named(name, copy), engine.clock_ms)
        roster.register(made)
        made.record_bytes = bytes(bytearray(one.record_bytes))
        made.record = record_of(made.record_bytes, made.name)
        made.model = Household.restore(one.model.hot(), one.model.rhythm(), one.model.profile, made.in_force)
        made.model._state.pseudonym = made.name  # noqa: SLF001 - a probe; rows of another household are refused
        roster.touch(made)
        engine.sleep.settle()


def _named(name: str, copy: int) -> str:
    return f"c{copy:02x}-{name[4:]}" if copy else name


def copied(stream: Stream, start: list[int], ends: list[int], copies: int) -> Iterator[tuple[int, Chunk]]:
    """Return one chunk of each topic, every message of households once for each copy."""
    for topic, (log, first, end) in enumerate(zip(stream.logs, start, ends, strict=True)):
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        for key, value in zip(log.keys[first:end], log.values[first:end], strict=True):
            many = copies if ORDERED_NAMES[topic] in EVENT_TOPICS and key != TICK_KEY else 1
            for copy in range(many):
                name = _named(key.decode(), copy).encode() if many > 1 else key
                keys.append(name)
                values.append(value.replace(key, name) if copy else value)
        yield (
            topic,
            Chunk(first, first + len(keys), list(range(first, first + len(keys))), keys, values, [0] * len(keys)),
        )


def _sweep_us() -> float:
    wakes = np.full(SWEPT, 1 << 62, np.int64)
    spent = []
    for clock_ms in range(200):
        before_ns = time.perf_counter_ns()
        np.flatnonzero(wakes <= clock_ms)
        spent.append((time.perf_counter_ns() - before_ns) / 1000)
    return statistics.median(spent)


def main(arguments: list[str] | None = None) -> int:
    """Measure each size in a process of its own, round after round, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.bench_scale", description=__doc__)
    parser.add_argument("--households", type=int, nargs="*", default=[1000, 10_000, 50_000])
    parser.add_argument("--aged-hours", type=int, default=72, help="how long the thousand lived before")
    parser.add_argument("--awake", type=int, default=ALL, help="households that are objects at once (default: all)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the first size, one round, as JSON")
    asked = parser.parse_args(arguments)
    stream = stream_of(Wanted(SEEDS, 168, 0), STREAMS)
    if asked.json:
        sys.stdout.write(
            msgspec.json.encode(measure(stream, asked.households[0], asked.aged_hours, asked.awake)).decode() + "\n"
        )
        return 0
    del stream
    found: dict[int, list[Size]] = {size: [] for size in asked.households}
    for _ in range(asked.rounds):
        for size in asked.households:
            command = [sys.executable, "-m", "load_tests.bench_scale", "--json", "--households", str(size)]
            command += ["--aged-hours", str(asked.aged_hours), "--awake", str(asked.awake)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own program
            found[size].append(msgspec.json.decode(done.stdout, type=Size))
    sys.stdout.write(
        "households    events  CPU us an event         KB a household  CPU us a row  bytes a row  sweep us  woken an event\n"
    )
    for sizes in found.values():
        each = [one.each_us for one in sizes]
        mid = sizes[len(sizes) // 2]
        sys.stdout.write(
            f"{mid.households:10,} {mid.events:9,}  {statistics.median(each):6.2f} ({min(each):.2f} to {max(each):.2f})"
            f"  {statistics.median(one.household_bytes for one in sizes) / 1024:14.1f}"
            f"  {statistics.median(one.row_us for one in sizes):12.1f}  {mid.row_bytes:11.0f}"
            f"  {statistics.median(one.sweep_us for one in sizes):8.0f}"
            f"  {statistics.median(one.woken_share for one in sizes):14.2f}\n"
        )
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
