"""The ClickHouse writer with a real broker, in this process and as the command runs it: killed, handed over, left alone."""

import contextlib
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from clickhouse_front import Front
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from writer_doubles import KilledError, ListStore, incident_bytes

from infra.broker import Broker
from infra.embedded import EmbeddedBroker
from infra.migrations import migrate
from infra.topics import create_topics
from schemas.rows import Table, Values
from streams.clickhouse import connect
from streams.metrics import WriterPrometheus
from streams.publish import TopicsDifferError
from streams.settings import Settings
from streams.writer.job import OUTPUTS
from streams.writer.run import Writer, WriterTally
from streams.writer.source import KafkaSource


@pytest.fixture
def its_broker(any_broker: Broker) -> Broker:
    """A broker of this test alone, with the topics of two partitions."""
    create_topics(any_broker.bootstrap, 2)
    return any_broker


def produce(settings: Settings, names: Sequence[str], **changes: Any) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for number, name in enumerate(names):
        producer.send("incidents", incident_bytes(name, **changes), partition=number % 2)
    producer.flush()
    producer.close()


def committed(settings: Settings) -> int:
    """Sum of the offsets the writers' group has committed on `incidents`."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, group_id=OUTPUTS.group(settings.group))
    try:
        return sum(
            consumer.committed(TopicPartition("incidents", p), timeout_ms=5_000) or 0
            for p in range(settings.partitions)
        )
    finally:
        consumer.close()


def wait_until(true: Callable[[], Any], within_s: float = 60.0) -> None:
    until_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until_s, "it never came"
        time.sleep(0.05)


# In this process.


class Running:
    """A writer in a thread; `kill` ends it without a last write, a commit or a word to the group."""

    def __init__(self, settings: Settings, store: ListStore) -> None:
        self.tally = WriterTally()
        self._stop = threading.Event()
        self._killed = threading.Event()
        self._error: BaseException | None = None
        source = KafkaSource(settings)

        class Mortal(ListStore):
            def write(inner, table: Table, rows: Sequence[Values], token: str) -> None:  # noqa: N805
                if self._killed.is_set():
                    raise KilledError
                store.write(table, rows, token)
                if self._killed.is_set():
                    raise KilledError

        self._writer = Writer(settings, source=source, store=Mortal(), metrics=self.tally)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._writer.run(self._stop)
        except KilledError:
            pass
        except Exception as error:  # noqa: BLE001 - raised again by `stop`
            self._error = error

    def kill(self) -> None:
        self._killed.set()
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error


def test_a_topic_that_is_missing_is_told_and_not_made() -> None:
    with EmbeddedBroker() as other, pytest.raises(TopicsDifferError, match="incidents is missing; create it with"):
        Writer(Settings(kafka=other.url)).run(threading.Event())


@pytest.mark.slow
def test_writers_that_come_go_and_die_lose_nothing_between_them(its_broker: Broker) -> None:
    settings = Settings(kafka=its_broker.url, partitions=2, session_timeout_s=2.0)
    store, lock, names = ListStore(), threading.Lock(), [f"i-{number}" for number in range(1_000)]
    write = store.write

    def one_at_a_time(table: Table, rows: Sequence[Values], token: str) -> None:
        time.sleep(0.02)
        with lock:
            write(table, rows, token)

    store.write = one_at_a_time  # type: ignore[method-assign]
    pieces = iter([names[at : at + 200] for at in range(0, len(names), 200)])
    first = Running(settings, store)
    wait_until(lambda: first.tally.partitions == 4)
    for ends in ("stop", "kill"):
        produce(settings, next(pieces))
        second = Running(settings, store)
        wait_until(lambda: first.tally.partitions == second.tally.partitions == 2)  # noqa: B023 - called here and now
        produce(settings, next(pieces))
        getattr(first, ends)()
        first = second
    produce(settings, next(pieces))
    wait_until(lambda: set(names) == set(store.names))
    wait_until(lambda: committed(settings) == len(names))
    first.stop()


@pytest.mark.slow
def test_a_broker_that_is_gone_is_told_once_and_waited_for_and_its_new_records_are_written(
    its_broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The embedded broker even comes back empty: offsets begin again, and no record passes for an old one."""
    monkeypatch.setattr("streams.writer.source.SILENT_S", 1.0)
    settings = Settings(kafka=its_broker.url, partitions=2, session_timeout_s=2.0)
    store = ListStore()
    produce(settings, [f"old-{number}" for number in range(20)])
    writer = Running(settings, store)
    wait_until(lambda: len(set(store.names)) == 20)
    with caplog.at_level(logging.WARNING, "anbu.writer"):
        its_broker.stop(kill=True)
        wait_until(lambda: "waiting for it" in caplog.text)
        wait_until(lambda: writer.tally.partitions == 0)  # which is what its health is judged by
        time.sleep(3)
        its_broker.start()
        create_topics(settings.bootstrap, 2)
        produce(settings, [f"new-{number}" for number in range(6)])
        wait_until(lambda: {f"new-{number}" for number in range(6)} <= set(store.names))
        produce(settings, [f"later-{number}" for number in range(30)])
        wait_until(lambda: {f"later-{number}" for number in range(30)} <= set(store.names))
    told = [record.getMessage() for record in caplog.records if record.name == "anbu.writer"]
    assert sum("does not answer" in line for line in told) == 1
    writer.stop()


@pytest.mark.slow
def test_what_a_broker_has_deleted_before_it_was_read_is_counted_and_the_rest_is_written(
    its_broker: Broker, kafka: Broker
) -> None:
    """On Apache Kafka only: the embedded broker deletes nothing."""
    settings = Settings(kafka=its_broker.url, partitions=2, session_timeout_s=2.0)
    store = ListStore()
    produce(settings, ["i-0", "i-1"])
    first = Running(settings, store)
    wait_until(lambda: committed(settings) == 2)
    first.stop()
    produce(settings, [f"i-{number}" for number in range(2, 22)])
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_records({TopicPartition("incidents", 0): 7})
    admin.close()
    second = Running(settings, store)
    wait_until(lambda: committed(settings) == 22)
    second.stop()
    assert second.tally.gone == 6
    assert set(store.names) == {f"i-{number}" for number in range(22)} - {f"i-{2 * offset}" for offset in range(1, 7)}


# As the command runs it.


@pytest.fixture
def start_writer() -> Iterator[Callable[..., Any]]:
    """Start `anbu writer`, or other code, as a process; none outlives the test."""
    with contextlib.ExitStack() as stack:

        def start(settings: Settings, code: str = "from streams.cli import main; main()", *args: str) -> Any:
            writer = stack.enter_context(_process(settings, code, args or ("writer",)))
            stack.callback(writer.kill)
            return writer

        yield start


def _process(settings: Settings, code: str, args: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env={**settings.to_env(), "PATH": ""},
        stderr=subprocess.PIPE,
        text=True,
    )


def end(writer: Any) -> str:
    """SIGTERM; what it said."""
    writer.send_signal(signal.SIGTERM)
    _, said = writer.communicate(timeout=60)
    assert writer.returncode == 0, said
    return str(said)


class Asked:
    """Health and metrics of a writer's process, found by the line it says first."""

    def __init__(self, writer: Any) -> None:
        found = re.search(r"http://\S+:\d+", writer.stderr.readline())
        assert found is not None
        self._url = found[0]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self._url + path, timeout=10) as answer:  # noqa: S310 - our own server
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


HOLDS_LITTLE = """
import streams.writer.run
from streams.writer.batches import Freezer, Limits
from streams.cli import main

streams.writer.run.Freezer = lambda _limits, rows_of: Freezer(Limits(batch_records=500, held_records=2_000), rows_of)
main()
"""
"""The command with room for few records, so that a test need not send 40,000."""


@pytest.mark.slow
def test_while_clickhouse_is_away_memory_stays_flat_and_when_it_returns_every_row_is_there_once(
    its_broker: Broker, tmp_path: Path, start_writer: Callable[..., Any]
) -> None:
    count, more, long = 4_000, 4_000, "x" * 500
    with contextlib.closing(connect(f"chdb://{tmp_path}/db")) as engine, Front(engine) as front:
        settings = Settings(
            kafka=its_broker.url,
            clickhouse=front.url("away"),
            partitions=2,
            session_timeout_s=2.0,
            writer_metrics_port=0,
        )
        with contextlib.closing(connect(settings.clickhouse, create=True)) as client:
            migrate(client)
        front.is_away = True
        produce(settings, [f"i-{number}" for number in range(count)], sentence_en=long)
        writer = start_writer(settings, HOLDS_LITTLE)
        asked = Asked(writer)
        samples = [asked.metrics()]

        def full() -> bool:
            time.sleep(1)
            samples.append(asked.metrics())
            then, now = (sample["anbu_writer_held_records"] for sample in samples[-2:])
            return then == now >= 2_000

        wait_until(full)
        before = samples[-1]
        produce(settings, [f"i-{number}" for number in range(count, count + more)], sentence_en=long)
        time.sleep(2)
        after = asked.metrics()
        assert asked.get("/live")[0] == 200
        status, body = asked.get("/ready")
        assert (status, orjson.loads(body)["ready"]) == (503, False)
        assert before["anbu_writer_held_records"] < count
        assert after["anbu_writer_retries_total"] >= 3
        assert after["anbu_writer_held_records"] == before["anbu_writer_held_records"]
        grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
        assert grown < more * len(long) / 2
        assert after["anbu_writer_behind_seconds"] > 3

        front.is_away = False
        wait_until(lambda: committed(settings) == count + more)
        assert asked.get("/ready")[0] == 200
        done = asked.metrics()
        assert done["anbu_writer_rows_total incidents"] == count + more
        assert done["anbu_writer_held_records"] == 0
        known = {one.name for one in WriterPrometheus(CollectorRegistry()).named}
        assert {name.split()[0] for name in done if name.startswith("anbu_")} == known
        said = end(writer)
        # One line when it goes, one when it is back, and none of the libraries'.
        assert re.fullmatch(r".*nothing is lost, trying on\n.*ClickHouse is back after \d+ failed tries\n", said), said
        engine.database = "away"
        assert engine.command("SELECT count(), uniqExact(incident) FROM incidents FINAL") == [str(count + more)] * 2


@pytest.mark.slow
def test_a_server_that_hangs_ends_nobody_and_a_second_signal_waits_for_nobody(
    its_broker: Broker, start_writer: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        url = f"clickhouse://127.0.0.1:{silent.getsockname()[1]}/nowhere"
        settings = Settings(kafka=its_broker.url, clickhouse=url, partitions=2, writer_metrics_port=0)
        produce(settings, ["i-1"])
        writer = start_writer(settings)
        asked = Asked(writer)
        wait_until(lambda: asked.metrics()["anbu_writer_held_records"] >= 1)
        time.sleep(1.5)
        assert asked.get("/live")[0] == 200
        writer.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert writer.poll() is None  # it waits for the answer to its last write
        writer.send_signal(signal.SIGTERM)
        writer.communicate(timeout=10)
        assert writer.returncode == -signal.SIGTERM


def test_a_port_that_is_taken_is_one_line_and_code_2(its_broker: Broker, start_writer: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(kafka=its_broker.url, partitions=2, writer_metrics_port=port)
        _, said = start_writer(settings).communicate(timeout=30)
    assert re.fullmatch(rf"anbu: ANBU_WRITER_METRICS_PORT={port}: port {port} of 127\.0\.0\.1 cannot be had .*\n", said)


KILLS_ITSELF = """
import os, signal, sys
from streams.settings import Settings
from streams.writer.run import Writer, WriterError
from streams.writer.source import KafkaSource

class Dying(KafkaSource):
    left = int(sys.argv[1])
    def commit(self, place, offset):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().commit(place, offset)

settings = Settings.from_env(os.environ)
try:
    Writer(settings, source=Dying(settings)).run()
except WriterError as error:
    sys.exit(str(error))
"""
"""A writer that kills itself after so many commits, between an insert and the next commit; -1: never."""


@pytest.mark.slow
def test_killed_again_and_again_with_a_real_broker_and_engine_every_row_is_counted_once(
    its_broker: Broker, tmp_path: Path, start_writer: Callable[..., Any]
) -> None:
    settings = Settings(
        kafka=its_broker.url, clickhouse=f"chdb://{tmp_path}/db", partitions=2, session_timeout_s=2.0, datadir=tmp_path
    )
    done = subprocess.run(
        [sys.executable, "-c", "from streams.cli import main; main()", "migrate"],
        env={**settings.to_env(), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count = 0
    for commits in (0, 1, -1):
        produce(settings, [f"i-{number}" for number in range(count, count + 300)])
        count += 300
        writer = start_writer(settings, KILLS_ITSELF, str(commits))
        if commits >= 0:
            assert writer.wait(60) == -signal.SIGKILL
            writer.stderr.close()
    wait_until(lambda: committed(settings) == count)
    end(writer)
    counts = "SELECT count(), uniqExact(incident) FROM incidents FINAL"
    code = f"import sys; from streams.clickhouse import connect; c = connect(sys.argv[1]); print(c.command('{counts}'))"
    done = subprocess.run(
        [sys.executable, "-c", code, settings.clickhouse], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == str([str(count), str(count)]), done.stderr
