"""Two workers against one: events over summed CPU seconds, the same stretch of the same stream, rounds by turns."""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from infra.topics import create_topics
from load_tests.bench_live.figures import Live, Scaled
from load_tests.bench_live.place import At, NotMeasuredError, Probe, a_broker, cores, cpu_s_of, until
from load_tests.bench_live.script import Step, steps
from load_tests.bench_live.writing import Pen, a_producer
from load_tests.bench_stream import Stream

PARTITIONS: Final = 2
WARM_EVENTS: Final = 120_000
MEASURED_EVENTS: Final = 250_000
WITHIN_S: Final = 120.0


def measure(live: Live, stream: Stream, rounds: int, save: Callable[[], None]) -> None:
    """Measure round after round on one broker; each run is a group of its own and begins at the first record."""
    with a_broker(PARTITIONS, "bench") as node, tempfile.TemporaryDirectory(prefix="bench-scaling-") as folder:
        asyncio.run(_write(stream, node.bootstrap))
        for number in range(rounds):
            one = _run(live, node.bootstrap, node.pid, 1, Path(folder))
            two = _run(live, node.bootstrap, node.pid, 2, Path(folder))
            found = Scaled(one[0], two[0], one[1], two[1], os.getloadavg()[0])
            live.scaling.append(found)
            sys.stderr.write(f"round {number + 1} scaling: {found.one_us:.1f} and {found.two_us:.1f} us an event\n")
            save()


async def _write(stream: Stream, bootstrap: str) -> None:
    producer = a_producer(bootstrap)
    await producer.start()
    try:
        pen = Pen(producer, PARTITIONS)
        await pen.write(_up_to(steps(stream), WARM_EVENTS + MEASURED_EVENTS + 100_000))
        await pen.wait()
    finally:
        await producer.stop()


def _up_to(script: Iterator[Step], events: int) -> Iterator[Step]:
    left = events
    for one in script:
        left -= one.events
        yield one
        if left <= 0:
            return


def _run(live: Live, bootstrap: str, broker_pid: int, workers: int, folder: Path) -> tuple[float, float]:
    """Return CPU us an event of the workers together and of the broker."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    create_topics(bootstrap, PARTITIONS, group=group)
    probes: list[Probe] = []
    try:
        core = cores()[1]
        probes.extend(Probe(bootstrap, group, PARTITIONS, core, folder / f"{group}-{i}") for i in range(workers))
        until(lambda: all(probe.look().events > 5_000 for probe in probes), WITHIN_S, "a share of the work for each")
        until(lambda: _events(probes) > WARM_EVENTS, WITHIN_S, "the first events")
        began, broker_s = [probe.look() for probe in probes], cpu_s_of(broker_pid)
        _wait_for(probes, sum(at.events for at in began) + MEASURED_EVENTS)
        ended, broker_s = [probe.look() for probe in probes], cpu_s_of(broker_pid) - broker_s
    finally:
        for probe in probes:
            probe.end()
    live.engines["scaling"] = probes[0].engine
    return _each_us(began, ended, broker_s)


def _events(probes: list[Probe]) -> int:
    return sum(probe.look().events for probe in probes)


def _wait_for(probes: list[Probe], events: int) -> None:
    """Wait until so many are applied, or until one worker has no more to do: what it idles is no event's cost."""
    end_s = time.monotonic() + WITHIN_S
    while _events(probes) < events:
        stands = [probe for probe in probes if len(probe.said) > 8 and probe.said[-1].events == probe.said[-8].events]
        if stands or time.monotonic() > end_s:
            raise NotMeasuredError("a worker stood still")
        time.sleep(0.05)


def _each_us(began: list[At], ended: list[At], broker_s: float) -> tuple[float, float]:
    events = sum(end.events - begin.events for begin, end in zip(began, ended, strict=True))
    spent_s = sum(end.cpu_s - begin.cpu_s for begin, end in zip(began, ended, strict=True))
    with contextlib.suppress(ZeroDivisionError):
        return spent_s / events * 1e6, broker_s / events * 1e6
    raise NotMeasuredError("no event was applied")
