"""Deadlines of silence: what a look through all of them costs, and how late who falls silent is found. No broker.

A thousand synthetic homes live a day and a half; then all of them fall silent, while their devices go on reporting. The
roster holds 200,000 households: the others have a deadline too, but nothing is known of them, for a look never asks.
"""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from load_tests.bench_engine import run_until
from load_tests.bench_live.figures import Live, Swept, percentile
from load_tests.bench_scale import SEEDS, offsets_at
from load_tests.bench_stream import HOUR_MS, START_MS, Stream
from schemas.build import encode_events
from schemas.compiled import state
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.incidents import Incident, IncidentKind
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.partition import Output, Partition

TICK_MS: Final = 60_000
AGED_H: Final = 36
SILENT_H: Final = 24
REPORTS: Final = frozenset({"heartbeat", "complete_until", "temperature", "humidity", "battery"})
"""Kinds that say that a device works, and nothing of a person."""

Columns = tuple[list[bytes | None], list[bytes | None]]
"""Keys and values of one topic."""


def measure(live: Live, stream: Stream, households: int, rounds: int, save: Callable[[], None]) -> None:
    """Let the homes live, then fall silent, round after round."""
    live.engines["deadlines"] = state()
    reports = _reports(stream)
    for number in range(rounds):
        found = _round(stream, reports, households)
        live.deadlines.append(found)
        sys.stderr.write(
            f"round {number + 1} deadlines: {found.sweep_us:.0f} us a look at {found.households:,} households;"
            f" {found.found:,} homes found silent, {found.latest_ticks:.2f} ticks behind the deadline at most\n"
        )
        save()


def _reports(stream: Stream) -> list[Columns]:
    """Return each topic's records after the homes fell silent: ticks, and what devices report by themselves."""
    begin, end = (offsets_at(stream, START_MS + hour * HOUR_MS) for hour in (AGED_H, AGED_H + SILENT_H))
    out = []
    for name, log, first, last in zip(ORDERED_NAMES, stream.logs, begin, end, strict=True):
        kept = list(_kept(name, log.keys[first:last], log.values[first:last]))
        out.append(([key for key, _ in kept], [value for _, value in kept]))
    return out


def _kept(topic: str, keys: list[bytes], values: list[bytes]) -> Iterator[tuple[bytes | None, bytes | None]]:
    for key, value in zip(keys, values, strict=True):
        if key == TICK_KEY or topic not in EVENT_TOPICS:
            yield key, value
            continue
        events = [one for one in decode(topic, key, value) if isinstance(one, Event) and one.kind in REPORTS]
        if events:
            yield key, encode_events(events)


def _round(stream: Stream, reports: list[Columns], households: int) -> Swept:
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40, views=False)
    run_until(stream, engine, blake2b(), offsets_at(stream, START_MS + AGED_H * HOUR_MS))
    seeds = engine.names()
    roster = engine._roster  # noqa: SLF001 - a probe
    for number in range(households - SEEDS):
        roster.touch(roster.meet(f"other-{number:06}", engine.clock_ms))
    gc.collect()
    spent_us: list[float] = []
    late_ticks: list[float] = []
    homes: set[str] = set()
    for said, due_ms in _moves(engine, reports, seeds):
        for output in said:
            one = output.what
            if isinstance(one, Incident) and one.kind is IncidentKind.SILENCE and one.revision == 1:
                homes.add(one.household)
                # Who is found by a report that says that nothing happened was not due before it came.
                late_ticks.append((engine.clock_ms - due_ms.get(one.household, engine.clock_ms)) / TICK_MS)
        before_ns = time.perf_counter_ns()
        roster.due(engine.clock_ms)
        spent_us.append((time.perf_counter_ns() - before_ns) / 1000)
    return Swept(
        households=len(roster),
        sweep_us=statistics.median(spent_us),
        sweep_p99_us=percentile(spent_us, 0.99),
        found=len(homes),
        latest_ticks=max(late_ticks, default=float("nan")),
        load=os.getloadavg()[0],
    )


def _moves(
    engine: Partition, reports: Sequence[Columns], homes: Collection[str]
) -> Iterator[tuple[list[Output], dict[str, int]]]:
    """Give, move of the clock by move, what was said of it and the deadlines of homes that were due in it.

    The last topic comes up to its tick, and then the tick: all that stands before the move is applied when the deadlines are
    read. A probe within the engine would see them too, but a compiled one takes none.
    """
    *others, (keys, values) = reports
    for topic, columns in enumerate(others):
        _offer(engine, topic, *columns)
    first = 0
    for place in [place for place, key in enumerate(keys) if key == TICK_KEY]:
        _offer(engine, len(others), keys[first:place], values[first:place])
        said = engine.pump()
        deadlines = {name: home.wake_ms for name in homes if (home := engine.household(name)) is not None}
        _offer(engine, len(others), keys[place : place + 1], values[place : place + 1])
        said += engine.pump()
        yield said, {name: wake_ms for name, wake_ms in deadlines.items() if wake_ms <= engine.clock_ms}
        first = place + 1


def _offer(engine: Partition, topic: int, keys: list[bytes | None], values: list[bytes | None]) -> None:
    start = engine.order.expected(topic)
    end = start + len(keys)
    engine.offer(topic, Chunk(start, end, list(range(start, end)), keys, values, [0] * len(keys)))
