"""Workers that come, die and take over find the same district outages as one stage in memory over the same logs."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from worker_logs import START_MS, read_inputs, read_logs, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.embedded import EmbeddedBroker
from infra.topics import create_topics
from schemas.district import DistrictCounts, DistrictState
from schemas.encode import encode
from schemas.households import HouseholdRecord, Source
from schemas.partitions import partition_of
from schemas.times import from_rfc3339, to_rfc3339
from streams.districts.stage import Stage
from streams.engine.partition import Partition
from streams.publish import Publisher
from streams.worker.run import ENGINE

pytestmark = pytest.mark.slow

STEP_MS = 14 * 60_000
"""Ticks are so far apart that a home heard of between two is heard of in the last quarter of an hour."""
OUT = range(326, 346)
LAST = 370
"""Steps, three and a half days."""
AT_ONCE = 47
"""So many are written at a time: no partition may be twelve hours behind another one."""
HOMES = [f"h-{n}" for n in range(24)]
STATES = msgspec.json.Decoder(DistrictState)


@pytest.fixture
def alone() -> Iterator[EmbeddedBroker]:
    """An empty broker; the embedded one in either run, for what is tested here is no broker."""
    with EmbeddedBroker() as running:
        yield running


def write(pen: Publisher, steps: range) -> None:
    """Every home is heard of at each step; but for two, which live in another district, not during the outage."""
    for step in steps:
        for home in HOMES if step not in OUT else HOMES[:2]:
            write_event(pen, home, "heartbeat", START_MS + step * STEP_MS - 1000)
        write_ticks(pen, START_MS + step * STEP_MS, 2)


def told(run: Run) -> list[set[bytes]]:
    """What stands in each partition of `district.state`, ticks left out."""
    logs = read_logs(run.settings.bootstrap, {("district.state", p): 0 for p in range(2)})
    return [{_known(value) for value in log.values if value and b"district" in value} for log in logs.values()]


def _known(value: bytes) -> bytes:
    return encode(STATES.decode(value))


def in_memory(broker: EmbeddedBroker) -> list[DistrictState]:
    """What one stage makes of the counts of both partitions, mark by mark."""
    counts: list[DistrictCounts] = []
    for number, logs in enumerate(read_inputs(broker.bootstrap, 2)):
        engine = Partition(number, 2, engine=ENGINE, buffer_records=1 << 40)
        for topic, log in enumerate(logs):
            engine.offer(topic, log)
        counts += [one.what for one in engine.pump() if isinstance(one.what, DistrictCounts)]
    stage = Stage(2)
    found = sorted(counts, key=lambda one: (from_rfc3339(one.at), one.partition))
    return [state for one in found for state in stage.take(one)]


def test_one_worker_then_two_then_the_other_alone_tell_every_partition_of_the_same_outage(
    alone: EmbeddedBroker, tmp_path: Path
) -> None:
    assert max(Counter(partition_of(home, 2) for home in HOMES[2:]).values()) < 20, (
        "no partition alone has enough homes"
    )
    create_topics(alone.bootstrap, 2)
    with a_run(Town(alone, 2), tmp_path) as run, Publisher(alone.bootstrap, 2) as pen:
        write_ticks(pen, START_MS, 2)
        for n, home in enumerate(HOMES):
            record = HouseholdRecord(
                household=home, district="d0" if n > 1 else "d1", sources=[Source("/sensors/gw-1", 900)]
            )
            pen.send("households", home, encode(record))
        first = run.start()
        for portion in itertools.count():
            steps = range(1 + portion * AT_ONCE, min(LAST, 1 + (portion + 1) * AT_ONCE))
            if not steps:
                break
            write(pen, steps)
            pen.flush()
            if portion == 2:
                run.start()
            if portion == 5:
                first.child.kill()
            clock = to_rfc3339(START_MS + (steps.stop - 1) * STEP_MS)
            wait_until(lambda clock=clock: _clocks(run) == [clock] * 2, 60, "both partitions")
        wanted = in_memory(alone)
        wait_until(lambda: all(len(one) >= len(wanted) for one in told(run)), 30, "the end of the counts")
        assert [(one.district, len(one.outages)) for one in wanted] == [("d0", 1), ("d0", 1), ("d0", 0)], (
            "and at midnight"
        )
        assert 0 < from_rfc3339(wanted[0].at) - START_MS - OUT.start * STEP_MS <= 2 * STEP_MS
        assert told(run) == [{encode(one) for one in wanted}] * 2
        run.workers[-1].child.stop(20)


def _clocks(run: Run) -> list[str | None]:
    found = {
        number: one["clock"]
        for worker in run.workers
        if worker.child.alive
        for number, one in worker.partitions().items()
    }
    return [found[number] for number in sorted(found)]
