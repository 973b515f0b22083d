"""What a city, a metropolis and a nation need: a simulated neighbourhood's load, multiplied by what was measured.

    python -m load_tests.sizing --docs

The load comes from the simulator: events, bytes and messages a household sends, how uneven the hours of the day are, and
how many rows checkpoints write. How unevenly murmur2 fills partitions comes from hashing made-up pseudonyms. What an event
and a household cost comes from `load_tests.bench_scale` and is given here as it was measured.
"""

import argparse
import math
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import simulate
from schemas.generate import between_markers
from schemas.partitions import partition_of

PAGE: Final = Path("docs/scale.md")
START_MS: Final = 1_788_188_400_000
HOUR_MS: Final = 3_600_000
CHECKPOINT_MS: Final = 5_000

EVENT_US: Final = 11.9
HOME_KB: Final = 12.8
HOT_ROW_BYTES: Final = 1_780
"""CPU time an event, memory a household, bytes of a checkpoint's rows: `python -m load_tests.bench_scale`, 1,000 to 200,000
households a worker, compiled, 2026-11-27; the highest of the sizes. Memory is that of homes after three days, 7.6 KB, and the 5.2 by which the state of
one grows until the 60th (`python -m load_tests.bench_memory`). In plain Python an event costs twice as much."""

WORKER_GB: Final = 8.0
"""Memory given to one worker; an assumption of the plan."""
BUSY: Final = 0.5
"""Share of a core that a worker may use in the busiest hour: the rest is for catching up after a death."""
PLACES: Final = (("city", 100_000), ("metropolis", 1_000_000), ("nation", 8_000_000))
DENSE: Final = 83.0
"""Events a household sends in an hour where every sensor tells every movement; an assumption, for the last row."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one household sends, mean over a simulated neighbourhood."""

    homes: int
    hours: int
    events: float
    messages: float
    wire_bytes: float
    """Each an hour."""
    busiest: float
    """Events of the busiest hour of a day over the mean."""
    rows: float
    """Rows that checkpoints every five seconds write, an hour."""


def load_of(homes: int, days: int, seed: int) -> Load:
    """Simulate, and count."""
    events = messages = size = 0
    by_hour: Counter[int] = Counter()
    touched: set[tuple[str, int]] = set()
    played = simulate(homes, days, seed, start_ms=START_MS)
    for message in played.messages():
        wire = wire_of(message)
        messages += 1
        events += wire.events
        size += len(wire.key) + len(wire.value)
        by_hour[(wire.sent_ms - START_MS) // HOUR_MS % 24] += wire.events
        touched.add((wire.key, wire.sent_ms // CHECKPOINT_MS))
    each = homes * days * 24
    return Load(
        homes,
        days * 24,
        events / each,
        messages / each,
        size / each,
        max(by_hour.values()) * 24 / events,
        len(touched) / each,
    )


def fullest(homes: int, partitions: int) -> float:
    """Households of the fullest partition over the mean, for pseudonyms as a registry would number them."""
    counts = Counter(partition_of(f"home-{number:08}", partitions) for number in range(homes))
    return max(counts.values()) * partitions / homes


@dataclass(frozen=True, slots=True)
class Need:
    """What one place needs."""

    name: str
    homes: int
    events_s: float
    busiest_s: float
    workers: int
    partitions: int
    memory_gb: float
    in_mb_s: float
    inputs_gb: float
    """Thirty days of inputs on the broker, one copy."""
    changelog_gb: float
    """Compacted rows, and an hour of rows that compaction leaves alone."""
    archive_rows_day: float


def need_of(name: str, homes: int, load: Load, denser: float = 1.0) -> Need:
    """Multiply; `denser` times as many events and bytes as simulated."""
    load = replace(load, events=load.events * denser, wire_bytes=load.wire_bytes * denser)
    events_s = homes * load.events / 3600
    busiest_s = events_s * load.busiest
    memory_gb = homes * HOME_KB * 1024 / 1e9
    workers = max(math.ceil(busiest_s * EVENT_US / 1e6 / BUSY), math.ceil(memory_gb / WORKER_GB)) + 1
    return Need(
        name,
        homes,
        events_s,
        busiest_s,
        workers,
        max(16, 1 << (4 * workers - 1).bit_length()),
        memory_gb,
        homes * load.wire_bytes / 3600 / 1e6,
        homes * load.wire_bytes * 24 * 30 / 1e9,
        homes * (2 * HOT_ROW_BYTES + load.rows * load.busiest * HOT_ROW_BYTES) / 1e9,
        homes * load.events * 24 / 1e6,
    )


def table(load: Load, needs: list[Need], spread: list[tuple[int, int, float]]) -> str:
    """Return what stands on the page."""
    simulated = (
        f"Of {load.homes} simulated households over {load.hours} hours: {load.events:.1f} events in {load.messages:.1f} messages and"
        f" {load.wire_bytes / 1024:.1f} KB an hour each; the busiest hour of the day has {load.busiest:.1f} times the mean;"
        f" checkpoints every 5 s write {load.rows:.1f} rows an hour each."
    )
    head = (
        "| | households | events/s, mean and busiest hour | workers, one core each | partitions | memory of all workers |"
        " broker: in, 30 days of inputs, changelog, one copy | archive rows a day |"
    )
    lines = [
        simulated,
        "",
        head,
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.homes:,} | {one.events_s:,.0f}, {one.busiest_s:,.0f} | {one.workers:,} | {one.partitions:,} |"
        f" {one.memory_gb:,.1f} GB | {one.in_mb_s:,.1f} MB/s, {one.inputs_gb:,.0f} GB, {one.changelog_gb:,.1f} GB |"
        f" {one.archive_rows_day:,.1f} million |"
        for one in needs
    ]
    lines += ["", "| households | partitions | fullest over mean |", "|---|---|---|"]
    lines += [f"| {homes:,} | {partitions} | {over:.3f} |" for homes, partitions, over in spread]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table, and with `--docs` write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.sizing", description=__doc__)
    parser.add_argument("--homes", type=int, default=200)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help="write docs/scale.md")
    asked = parser.parse_args(arguments)
    load = load_of(asked.homes, asked.days, asked.seed)
    needs = [need_of(name, homes, load) for name, homes in PLACES]
    needs.append(need_of(f"nation, {DENSE:.0f} events an hour each", PLACES[-1][1], load, DENSE / load.events))
    spread = [(homes, partitions, fullest(homes, partitions)) for homes, partitions in ((100_000, 16), (400_000, 64))]
    text = table(load, needs, spread)
    sys.stdout.write(text + "\n")
    if asked.docs:
        PAGE.write_text(between_markers(PAGE.read_text(encoding="utf-8"), "sizing", text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
