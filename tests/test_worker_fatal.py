"""A worker that cannot go on ends non-zero and says why in one line; it never leaves silently, and never for want of ticks."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from worker_logs import START_MS, wait_until, write_event, write_ticks
from worker_runs import Run, Runner, Town, a_run

from infra.broker import Broker
from infra.embedded import EmbeddedBroker
from infra.topics import create_topics
from streams.publish import Publisher
from streams.settings import Settings

pytestmark = pytest.mark.slow

WITHIN_S = 60.0


def end_of(worker: Runner, within_s: float = WITHIN_S) -> str:
    """Why it ended, and that it ended with a code of its own: the last line it wrote."""
    assert worker.child.wait(within_s) == 1, worker.child.tail()
    return worker.child.tail(1)


@pytest.fixture
def site(own_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    create_topics(own_broker.bootstrap, 1)
    with a_run(Town(own_broker, 1), tmp_path) as run:
        yield run


def test_a_topic_that_is_missing_is_named_with_its_remedy(site: Run) -> None:
    admin = KafkaAdminClient(bootstrap_servers=site.settings.bootstrap)
    admin.delete_topics(["phone.usage"])
    admin.close()
    said = end_of(site.start())
    assert "topic phone.usage is missing; create it with: anbu topics create" in said


def test_another_partition_count_than_the_settings_say_is_told(site: Run) -> None:
    said = end_of(site.start(partitions=2))
    assert "has 1 partitions, the settings say 2" in said


def test_a_port_that_is_taken_is_told_with_the_variable_to_change(site: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        worker = Runner(site.settings, site.folder, port=port)
        site.workers.append(worker)
        assert f"ANBU_METRICS_PORT={port}" in end_of(worker)


def test_no_broker_is_told_at_the_start(tmp_path: Path) -> None:
    with EmbeddedBroker() as gone:
        settings = Settings(kafka=gone.url, datadir=tmp_path)
    said = end_of(Runner(settings, tmp_path))
    assert f"the broker at {settings.bootstrap} does not answer" in said


def test_faust_that_stops_by_itself_is_told(site: Run) -> None:
    assert "Faust stopped" in end_of(site.start({"faust_stops": True}))


def test_a_mistake_of_ours_while_judging_is_told_and_its_place_is_in_the_log(site: Run) -> None:
    with Publisher(site.settings.bootstrap, 1) as pen:
        write_ticks(pen, START_MS)
    worker = site.start({"raises": True})
    said = end_of(worker)
    assert said.startswith("anbu worker: ZeroDivisionError")
    assert said.endswith("the log has the place")
    assert "Traceback" in worker.child.tail(200)


def test_a_worker_that_is_told_to_stop_while_it_starts_ends_politely(site: Run) -> None:
    worker = site.start()
    wait_until(lambda: worker.ask("/ready") or not worker.child.alive, 60, "a worker that answers")
    assert worker.child.stop(20) == 0, worker.child.tail()
    assert "never awaited" not in worker.child.log.read_text("utf-8")


# What takes most of a minute happens all at once.


@dataclass
class Slow:
    """Three workers: one whose broker was killed, one that applies nothing, one whose clock has no ticks."""

    widowed: Runner
    killed_s: float
    stuck: Runner
    fed_s: float
    waiting: Runner


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    folder = tmp_path_factory.mktemp("slow")
    with EmbeddedBroker() as mortal, EmbeddedBroker() as broker:
        for one in (mortal, broker):
            create_topics(one.bootstrap, 1)
        with (
            a_run(Town(mortal, 1), folder) as widow,
            a_run(Town(broker, 1), folder) as stuck,
            a_run(Town(broker, 1), folder) as waiting,
        ):
            widowed = widow.start()
            runners = [stuck.start({"stands": 0}), waiting.start()]
            for worker in (widowed, *runners):
                wait_until(lambda worker=worker: worker.ready, 60, "a worker that is ready")
            mortal.stop(kill=True)
            killed_s = time.monotonic()
            with Publisher(broker.bootstrap, 1) as pen:
                for minute in range(2):
                    write_ticks(pen, START_MS + minute * 60_000)
                for minute in range(2, 5):
                    write_ticks(pen, START_MS + minute * 60_000, but={"public.alerts"})
                    write_event(pen, "h-1", "motion", START_MS + minute * 60_000 + 1)
            yield Slow(widowed, killed_s, runners[0], time.monotonic(), runners[1])


def test_a_broker_that_is_gone_ends_the_worker_within_a_minute(slow: Slow) -> None:
    said = end_of(slow.widowed)
    assert time.monotonic() - slow.killed_s < WITHIN_S
    assert said.startswith("anbu worker: ")
    assert "broker" in said


def test_a_partition_that_makes_no_progress_while_its_log_grows_ends_the_worker_within_a_minute(slow: Slow) -> None:
    said = end_of(slow.stuck)
    assert time.monotonic() - slow.fed_s < WITHIN_S
    assert said == "anbu worker: no progress in partition 0 while its log grows"


def test_a_clock_that_stands_for_want_of_ticks_is_told_and_ends_nothing(slow: Slow) -> None:
    slow.stuck.child.wait(WITHIN_S)  # so long a worker that makes no progress lives
    assert slow.waiting.child.alive
    assert slow.waiting.ready
    assert slow.waiting.metric("anbu_clock_standing_seconds", partition="0") > 30
    assert slow.waiting.partitions()[0]["behind"] > 0
