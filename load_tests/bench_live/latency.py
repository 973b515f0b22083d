"""Latency of an emergency at several rates, the capacity that two of them are shares of, and what a calm worker uses."""

import asyncio
import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from load_tests.bench_live.figures import Live
from load_tests.bench_live.place import CHECKPOINT_EVERY_S, NotMeasuredError, Probe, a_broker, cores, until
from load_tests.bench_live.play import Player
from load_tests.bench_live.script import Step, steps, take
from load_tests.bench_live.shown import line_of
from load_tests.bench_live.writing import a_producer
from load_tests.bench_stream import Stream
from streams.settings import Settings

HOMES: Final = 1000
COPIES: Final = 10
WARM_EVENTS: Final = 150_000
TRIED: Final = (0.95, 0.85, 0.75, 0.65, 0.55, 0.45, 0.35)
"""Of what a backlog is drained at: rates tried until the worker keeps up."""
FOUND_S: Final = 10.0
"""How long each is tried."""
GROUP: Final = "bench-latency"


def measure(live: Live, stream: Stream, rounds: int, each_s: float, save: Callable[[], None]) -> None:
    """Measure round after round; each has a broker, a worker and the stream's beginning of its own."""
    made = Settings()
    live.settings = {
        "checkpoint_every_s": f"{CHECKPOINT_EVERY_S:g}",
        "gather_ms": f"{getattr(made, 'gather_ms', 0):g}",
        "partitions": "1",
        "households": f"{HOMES * COPIES}",
    }
    # Asked once: a process that has pinned itself knows of one core only, and a second round would put everything on it.
    brokers, workers = cores()
    for number in range(rounds):
        with a_broker(1, GROUP) as node, tempfile.TemporaryDirectory(prefix="bench-latency-") as folder:
            probe = Probe(node.bootstrap, GROUP, 1, workers, Path(folder))
            os.sched_setaffinity(0, {brokers})
            try:
                asyncio.run(_round(live, stream, node.bootstrap, node.pid, probe, number, each_s, save))
            finally:
                os.sched_setaffinity(0, {brokers, workers})
                probe.end()


async def _round(
    live: Live,
    stream: Stream,
    bootstrap: str,
    broker_pid: int,
    probe: Probe,
    number: int,
    each_s: float,
    save: Callable[[], None],
) -> None:
    producer = a_producer(bootstrap)
    await producer.start()
    player = Player(producer, probe, broker_pid, HOMES, COPIES, number)
    listening = asyncio.create_task(player.listen(bootstrap))
    try:
        script = steps(stream, COPIES)
        live.drained_per_s.append(await _warm(player, probe, script))
        live.engines["latency"] = probe.engine
        if live.capacity_per_s is None:
            await _find_capacity(live, player, script)
            save()
        else:
            # As in the round in which it was found: a broker's JVM is cold before, and it would be another hour of the log.
            await player.play(script, live.capacity_per_s, FOUND_S)
            await player.drained(30)
        capacity = live.capacity_per_s
        rates = {"200/s": 200.0, "2,000/s": 2000.0}
        if capacity is not None:
            rates |= {"50 %": capacity / 2, "80 %": capacity * 0.8}
        for name, per_s in rates.items():
            gc.collect()
            found = await player.play(script, per_s, each_s)
            live.latency.setdefault(name, []).append(found)
            sys.stderr.write(f"round {number + 1} latency at {name}: {line_of(found)}\n")
            save()
            await player.drained(30)
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await producer.stop()


async def _warm(player: Player, probe: Probe, script: Iterator[Step]) -> float:
    """Let the worker drain a backlog; what it applies a second, the first third left out."""
    await player.backlog(take(script, WARM_EVENTS))
    await asyncio.to_thread(until, lambda: probe.look().events > WARM_EVENTS * 0.9, 120, "the first events")
    await player.drained(30)
    first = next(at for at in probe.said if at.events > WARM_EVENTS / 3)
    last = next(at for at in probe.said if at.events > WARM_EVENTS * 0.9)
    if last.at_s <= first.at_s:
        raise NotMeasuredError("too few events to tell how fast they are applied")
    return (last.events - first.events) / (last.at_s - first.at_s)


async def _find_capacity(live: Live, player: Player, script: Iterator[Step]) -> None:
    for share in TRIED:
        per_s = round(live.drained_per_s[0] * share, -2)
        found = await player.play(script, per_s, FOUND_S)
        sys.stderr.write(f"capacity, {per_s:,.0f} events/s: {line_of(found)}\n")
        await player.drained(30)
        if found.is_flat and found.sent_per_s > 0.98 * per_s:
            live.capacity_per_s, live.capacity = per_s, found
            return
    live.not_measured["capacity"] = "the worker kept up with none of the rates tried"
