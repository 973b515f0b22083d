"""A household's row may be ahead of the last whole checkpoint once compaction took its older one: real workers, no luck needed.

The worker dies between the rows of its second checkpoint and that one's position row, and of each key only the newest row
is left. Whoever takes over applies the records behind the position again: to all, but not to who has them already.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from worker_logs import START_MS, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.broker import Broker
from infra.topics import create_topics, describe
from schemas.encode import encode
from schemas.households import HouseholdRecord, Source
from schemas.topics import changelog_of
from streams.engine.snapshot import HOT, unpack
from streams.publish import Publisher

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
HOME = "h-1"
"""All that is told of it is synthetic."""


@pytest.fixture
def site(own_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    """One partition and one household, and checkpoints that have more than a moment between them."""
    create_topics(own_broker.bootstrap, 1)
    with a_run(Town(own_broker, 1), tmp_path, checkpoint_every_s=3.0) as run:
        yield run


def live_on(run: Run, hours: range) -> None:
    """Write so many hours of somebody who is up sixteen of a day's."""
    with Publisher(run.settings.bootstrap, 1) as pen:
        if not hours.start:
            pen.send("households", HOME, encode(HouseholdRecord(household=HOME, sources=[Source("/sensors/gw-1")])))
        for hour in hours:
            for minute in (5, 30, 55) if hour % 24 < 16 else ():
                write_event(pen, HOME, "motion", START_MS + (hour - 1) * HOUR_MS + minute * 60_000)
            write_ticks(pen, START_MS + hour * HOUR_MS)
    run.town.look()


def newest(run: Run) -> dict[bytes, bytes | None]:
    """The newest row of each key, in the order of the log: what compaction leaves."""
    (log,) = run.changelog()
    rows: dict[bytes, bytes | None] = {}
    for key, value in zip(log.keys, log.values, strict=True):
        if key is not None:
            rows.pop(key, None)
            rows[key] = value
    return rows


def is_ahead(run: Run) -> bool:
    """Whether the household's newest row has most of the records behind it that no position row has."""
    value, kept = newest(run).get(HOT + HOME.encode()), run.kept()[-1][1]
    return value is not None and sum(unpack(value)[1][0][0]) - kept > (run.town.records - kept) // 2


def leave_only_the_newest(run: Run) -> None:
    """Make the changelog anew with what compaction would have left of it."""
    rows = newest(run)
    topic, bootstrap = changelog_of(run.settings.group), run.settings.bootstrap
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
    wait_until(lambda: topic not in describe(bootstrap), 30, "a changelog that is gone")
    create_topics(bootstrap, 1, group=run.settings.group)
    run.append(0, list(rows.items()))


@pytest.mark.parametrize("guard", [True, False])
def test_a_row_ahead_of_its_checkpoint_is_not_given_its_records_again(site: Run, guard: bool) -> None:
    live_on(site, range(3))
    first = site.start()
    wait_until(lambda: site.is_done() and site.kept() and site.kept()[-1][1] == site.town.records, 60, "a checkpoint")
    first.child.kill()
    site.workers.clear()
    # Far more than a home remembers one by one (78 h): a repeat among those changes nothing by itself.
    live_on(site, range(3, 8 * 24))
    for _ in range(5):
        # Not ahead where the checkpoint came before most of it was applied: then once more.
        dying = site.start({"dies": ["position", 1]})
        assert dying.child.wait(60) == -signal.SIGKILL
        site.workers.clear()
        if is_ahead(site):
            break
    assert is_ahead(site)
    leave_only_the_newest(site)
    site.start({"controls": {"offset_guard": guard}})
    site.finish()
    (found,) = site.differences(loosely=True)
    # Without the guard the household is what it is after living through these days twice.
    assert (found.states == [HOME]) is not guard
    assert not found.lost
    assert not found.twice
