"""What a rebalance costs, and who tells that nobody watches any more."""

import re
from pathlib import Path

import pytest
from worker_logs import START_MS, wait_until, write_event, write_ticks
from worker_runs import Run, Runner, Town, a_run

from infra.broker import Broker
from infra.topics import create_topics
from streams.incident_fold import STALE_AFTER_MS
from streams.publish import Publisher
from streams.subscriber import IncidentSubscriber

pytestmark = pytest.mark.slow

KEPT = re.compile(r"partition (\d): kept over the rebalance, (\d+) rows read again")
REBUILT = re.compile(r"partition (\d): \d+ households from \d+ rows")


def log_of(run: Run) -> str:
    """What all its workers said."""
    return (run.folder / "worker.log").read_text()


def shared(first: Runner, second: Runner, partitions: int) -> bool:
    """Whether both have some, and each partition is had once."""
    here, there = first.partitions(), second.partitions()
    return bool(here and there and first.ready and second.ready and sorted([*here, *there]) == list(range(partitions)))


@pytest.mark.integration
def test_a_rebalance_reads_nothing_again_that_this_worker_wrote(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path, session_timeout_s=3.0) as run:
        first = run.start()
        wait_until(lambda: run.share() == 1, 90, "the end of the logs")
        assert len(run.kept()) > 3 * town.partitions
        second = run.start()
        wait_until(lambda: shared(first, second, town.partitions), 60, "a share for each")
        here, there = set(first.partitions()), set(second.partitions())
        assert second.child.stop(20) == 0
        wait_until(lambda: len(first.partitions()) == town.partitions and first.ready, 60, "everything again")
        found = log_of(run)
        kept = KEPT.findall(found)
        assert {int(number) for number, _ in kept} >= here
        assert {rows for _, rows in kept} == {"0"}
        # Once each at the start, by the second worker, and again only what that one had meanwhile.
        assert len(REBUILT.findall(found)) <= town.partitions + 2 * len(there)
        run.finish()
        run.check()


def test_a_worker_that_died_is_called_out_after_three_minutes(any_broker: Broker, tmp_path: Path) -> None:
    create_topics(any_broker.bootstrap, 2)
    now_ms = START_MS
    with a_run(Town(any_broker, 2), tmp_path) as run:
        worker = run.start()
        with Publisher(any_broker.bootstrap, 2) as pen:
            for minute in range(3):
                write_ticks(pen, START_MS + minute * 60_000, 2)
            write_event(pen, "h-1", "motion", START_MS + 61_000)
            write_ticks(pen, START_MS + 3 * 60_000, 2)
        with IncidentSubscriber(any_broker.bootstrap, clock=lambda: now_ms) as subscriber:
            subscriber.catch_up()
            wait_until(lambda: subscriber.poll(0.1) is not None and _until(subscriber) == 3, 60, "the third minute")
            now_ms = START_MS + 3 * 60_000
            assert subscriber.watching().calm
            assert subscriber.watching().homes == 1
            worker.child.kill()
            now_ms += STALE_AFTER_MS
            subscriber.poll(0.5)
            assert subscriber.watching().calm
            now_ms += 1
            subscriber.poll(0.5)
            watching = subscriber.watching()
            assert watching.stale == (0, 1)
            assert (watching.homes, watching.unwatched) == (0, 1)
            # And calm again once somebody has taken over and gone on.
            with Publisher(any_broker.bootstrap, 2) as pen:
                for minute in range(4, 8):
                    write_ticks(pen, START_MS + minute * 60_000, 2)
            run.start()
            wait_until(lambda: subscriber.poll(0.1) is not None and subscriber.watching().calm, 60, "a successor")
            assert subscriber.watching().homes == 1


def _until(subscriber: IncidentSubscriber) -> int | None:
    until_ms = subscriber.watching().data_until_ms
    both = len(subscriber.fold.statuses()) == 2
    return (until_ms - START_MS) // 60_000 if until_ms is not None and both else None
