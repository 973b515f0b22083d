"""Whether memory stays flat over millions of events, and what share of the CPU time checkpoints take. Pure engine, no broker.

    python -m load_tests.bench_steady --households 10000 --hours 144

Synthetic homes live on, hour after hour of the log, as fast as the machine allows. After every ten seconds of CPU time a
checkpoint is taken, as a worker with `ANBU_CHECKPOINT_EVERY_S=10` that has one core to itself would. A line every twelve
hours of the log: events so far, resident memory, CPU time an event, and the share of checkpoints in it; at the end what the
changelog came to: bytes written, and bytes that are left of it when compacted.
"""

import argparse
import gc
import os
import sys
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from load_tests.bench_engine import run_until
from load_tests.bench_scale import SEEDS, STREAMS, copied, copy_homes, offsets_at, resident_bytes
from load_tests.bench_stream import HOUR_MS, START_MS, Wanted, stream_of
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition

EVERY_S: Final = 10.0
STREAM_HOURS: Final = 168


@dataclass(slots=True)
class Kept:
    """What checkpoints cost and wrote."""

    number: int = 0
    spent_s: float = 0.0
    rows: int = 0
    written: int = 0
    last: dict[bytes, int] = field(default_factory=dict)
    """Bytes of the last row of each key: what compaction leaves."""

    def checkpoint(self, engine: Partition) -> None:
        """Take one."""
        before_s = time.process_time()
        rows = engine.checkpoint().rows
        self.spent_s += time.process_time() - before_s
        self.number += 1
        self.rows += len(rows)
        for key, value in rows:
            size = len(key) + len(value or b"")
            self.written += size
            self.last[key] = size


def main(arguments: list[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.bench_steady", description=__doc__)
    parser.add_argument("--households", type=int, default=10_000, help="below a thousand, or in thousands")
    parser.add_argument("--hours", type=int, default=144, help="of log time, after a day of getting warm")
    asked = parser.parse_args(arguments)
    stream = stream_of(Wanted(min(SEEDS, asked.households), STREAM_HOURS, 0), STREAMS)
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40)
    at = offsets_at(stream, START_MS + 24 * HOUR_MS)
    run_until(stream, engine, blake2b(), at)
    copies = max(1, asked.households // SEEDS)
    for copy in range(1, copies):
        copy_homes(engine, copy)
    engine.checkpoint()
    gc.collect()
    kept, spent_s, events, since_s = Kept(), 0.0, 0, 0.0
    sys.stdout.write("hours      events  MB resident  CPU us an event  checkpoints  their share\n")
    for hour in range(1, asked.hours + 1):
        ends = offsets_at(stream, START_MS + (24 + hour) * HOUR_MS)
        chunks = list(copied(stream, at, ends, copies))
        at = ends
        read = sum(map(sum, engine.counts.readings))
        before_s = time.process_time()
        for topic, chunk in chunks:
            engine.offer(topic, placed(chunk, engine.order.expected(topic)))
        while True:
            engine.pump(2_000)
            now_s = time.process_time()
            if since_s + now_s - before_s >= EVERY_S:
                kept.checkpoint(engine)
                spent_s, since_s, before_s = spent_s + time.process_time() - before_s, 0.0, time.process_time()
            if engine.pumped < 2_000:
                break
        took_s = time.process_time() - before_s
        spent_s, since_s = spent_s + took_s, since_s + took_s
        events += sum(map(sum, engine.counts.readings)) - read
        if hour % 12 == 0 or hour == asked.hours:
            sys.stdout.write(
                f"{hour:5} {events:11,} {resident_bytes() / 1e6:12,.0f} {spent_s / events * 1e6:16.1f} {kept.number:12}"
                f" {kept.spent_s / spent_s:12.1%}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(
        f"{kept.rows:,} rows, {kept.written / 1e6:,.0f} MB written, {kept.written / events:.0f} bytes an event; compacted"
        f" {sum(kept.last.values()) / 1e6:,.1f} MB in {len(kept.last):,} rows; load {os.getloadavg()[0]:.1f}\n"
    )
    return 0


def placed(chunk: Chunk, start: int) -> Chunk:
    """Return the same records where the engine expects them."""
    return Chunk(
        start,
        start + len(chunk),
        list(range(start, start + len(chunk))),
        chunk.keys,
        chunk.values,
        chunk.timestamps,
    )


if __name__ == "__main__":
    sys.exit(main())
