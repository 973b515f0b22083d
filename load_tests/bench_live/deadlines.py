"""Deadlines of silence: what a look through all of them costs, and how late who falls silent is found. No broker.

A thousand synthetic homes live a day and a half; then all of them fall silent, while their devices go on reporting. The
roster holds 200,000 households: the others have a deadline too, but nothing is known of them, for a look never asks.
"""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Final

from load_tests.bench_engine import run_until
from load_tests.bench_live.figures import Live, Swept, percentile
from load_tests.bench_scale import SEEDS, offsets_at
from load_tests.bench_stream import HOUR_MS, START_MS, Stream
from schemas.build import encode_events
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.incidents import Incident, IncidentKind
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.engine.roster import Roster
from streams.engine.watched import Watched

TICK_MS: Final = 60_000
AGED_H: Final = 36
SILENT_H: Final = 24
REPORTS: Final = frozenset({"heartbeat", "complete_until", "temperature", "humidity", "battery"})
"""Kinds that say that a device works, and nothing of a person."""


def measure(live: Live, stream: Stream, households: int, rounds: int, save: Callable[[], None]) -> None:
    """Let the homes live, then fall silent, round after round."""
    reports = _reports(stream)
    for number in range(rounds):
        found = _round(stream, reports, households)
        live.deadlines.append(found)
        sys.stderr.write(
            f"round {number + 1} deadlines: {found.sweep_us:.0f} us a look at {found.households:,} households;"
            f" {found.found:,} homes found silent, {found.latest_ticks:.2f} ticks behind the deadline at most\n"
        )
        save()


def _reports(stream: Stream) -> list[tuple[list[bytes | None], list[bytes | None]]]:
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


def _round(stream: Stream, reports: list[tuple[list[bytes | None], list[bytes | None]]], households: int) -> Swept:
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40, views=False)
    run_until(stream, engine, blake2b(), offsets_at(stream, START_MS + AGED_H * HOUR_MS))
    roster = engine._roster  # noqa: SLF001 - a probe
    for number in range(households - SEEDS):
        roster.touch(roster.meet(f"other-{number:06}", engine.clock_ms))
    gc.collect()
    for topic, (keys, values) in enumerate(reports):
        start = engine.order.expected(topic)
        end = start + len(keys)
        engine.offer(topic, Chunk(start, end, list(range(start, end)), keys, values, [0] * len(keys)))
    woken = _woken(roster)
    spent_us: list[float] = []
    late_ticks: list[float] = []
    homes: set[str] = set()
    while True:
        woken.clear()
        said = engine.pump(1)
        if not engine.pumped:
            break
        for output in said:
            one = output.what
            if isinstance(one, Incident) and one.kind is IncidentKind.SILENCE and one.revision == 1:
                homes.add(one.household)
                # Who is found by a report that says that nothing happened was not due before it came.
                due_ms = woken.get(one.household, engine.clock_ms)
                late_ticks.append((engine.clock_ms - due_ms) / TICK_MS)
        if said:
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


def _woken(roster: Roster) -> dict[str, int]:
    """Return what is filled with the deadlines of those that a move of the clock wakes."""
    out: dict[str, int] = {}
    due = roster.due

    def noted(clock_ms: int) -> list[Watched]:
        found = due(clock_ms)
        out.update((one.name, one.wake_ms) for one in found)
        return found

    setattr(roster, "due", noted)  # noqa: B010 - a probe
    return out
