"""Health: alive is not enough, and whatever is asked of it, the process goes on with its work."""

import contextlib
import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from streams.health import CONNECTIONS, Answer, Health, HealthError, HealthServer, PartitionHealth
from streams.metrics import WorkerMetrics, new_registry

CLOCK = 1_795_000_000_000


def partition(number: int, **changes: Any) -> PartitionHealth:
    plain = {"recovered": True, "applied": 90, "end": 100, "clock_ms": CLOCK, "stands_s": 3.21, "stalled": False}
    return PartitionHealth(number, **{**plain, **changes})


def working(*partitions: PartitionHealth) -> Health:
    health = Health(0.0)
    health.heartbeat(100.0)
    health.partitions(partitions)
    return health


# What is judged.


def test_ready_means_partitions_owned_all_recovered_and_none_stalled() -> None:
    answer = working(partition(0), partition(1)).ready(101.0)
    assert answer.ok
    assert answer.body["why"] == []


@pytest.mark.parametrize(
    ("partitions", "why"),
    [
        ([], ["owns no partition"]),
        ([partition(0), partition(3, recovered=False)], ["partition 3 is recovering"]),
        ([partition(2, stalled=True), partition(0)], ["partition 2 makes no progress"]),
    ],
)
def test_a_worker_that_does_not_do_its_work_is_live_and_not_ready_and_says_why(
    partitions: list[PartitionHealth], why: list[str]
) -> None:
    health = working(*partitions)
    assert health.live(101.0).ok
    answer = health.ready(101.0)
    assert not answer.ok
    assert answer.body["why"] == why


def test_a_loop_that_goes_round_no_more_is_neither_live_nor_ready() -> None:
    health = working(partition(0))
    assert health.live(109.9).ok
    answer = health.live(110.0)
    assert not answer.ok
    assert answer.body["why"] == ["no round was done for 10 s"]
    assert not health.ready(110.0).ok


def test_a_worker_that_starts_has_a_minute_until_its_first_round() -> None:
    health = Health(50.0)
    assert health.live(110.0).ok
    assert not health.ready(110.0).ok
    assert not health.live(110.1).ok
    health.heartbeat(111.0)
    assert health.live(111.0).ok


def test_a_clock_that_stands_is_told_and_leaves_the_worker_ready() -> None:
    answer = working(partition(0, stands_s=900.04)).ready(101.0)
    assert answer.ok
    assert answer.body["partitions"][0]["clock_stands_s"] == 900.0


def test_every_partition_has_its_entry_in_order() -> None:
    for answer in (working(partition(2), partition(1)).ready(101.0), working(partition(2), partition(1)).live(101.0)):
        first, second = answer.body["partitions"]
        assert (first["partition"], second["partition"]) == (1, 2)
        assert first == {
            "partition": 1,
            "recovered": True,
            "stalled": False,
            "applied": 90,
            "end": 100,
            "behind": 10,
            "clock": "2026-11-18T11:06:40.000Z",
            "clock_stands_s": 3.2,
        }


@pytest.mark.parametrize("clock_ms", [0, 10**30])
def test_a_clock_without_a_date_is_none(clock_ms: int) -> None:
    assert working(partition(0, clock_ms=clock_ms)).ready(101.0).body["partitions"][0]["clock"] is None


# How it is asked.


class Told:
    """A judge that says what a test wants."""

    def __init__(self) -> None:
        self.answer = Answer(True, {"why": []})
        self.error: Exception | None = None

    def live(self, at_s: float) -> Answer:
        if self.error is not None:
            raise self.error
        return self.answer

    ready = live


class Broken(Collector):
    def collect(self) -> Any:
        raise RuntimeError("h-secret")


@pytest.fixture
def judge() -> Told:
    return Told()


@pytest.fixture
def registry() -> CollectorRegistry:
    return new_registry()


@pytest.fixture
def server(judge: Told, registry: CollectorRegistry) -> Iterator[HealthServer]:
    with HealthServer(judge, registry, "127.0.0.1", 0) as running:
        yield running


class Got:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.kind = answer.headers.get("Content-Type", "")
        self.headers = answer.headers
        self.text = answer.read().decode()


def get(server: HealthServer, path: str, accept: str = "", method: str = "GET") -> Got:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)) as connection:
        connection.request(method, path, headers={"Accept": accept} if accept else {})
        return Got(connection.getresponse())


def test_a_free_port_is_taken_and_told(server: HealthServer) -> None:
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert get(server, "/live").status == 200


def test_no_is_503_with_its_reason_as_json(server: HealthServer, judge: Told) -> None:
    judge.answer = Answer(False, {"ready": False, "why": ["owns no partition"]})
    got = get(server, "/ready")
    assert (got.status, got.kind) == (503, "application/json")
    assert json.loads(got.text) == {"ready": False, "why": ["owns no partition"]}


def test_the_clock_it_is_judged_by_goes_on(registry: CollectorRegistry) -> None:
    at_s = [5.0]
    health = Health(0.0)
    health.heartbeat(5.0)
    with HealthServer(health, registry, "127.0.0.1", 0, clock=lambda: at_s[0]) as server:
        assert get(server, "/live").status == 200
        at_s[0] = 15.0
        assert get(server, "/live").status == 503


def test_metrics_are_prometheus_text_and_openmetrics_for_who_asks(
    server: HealthServer, registry: CollectorRegistry
) -> None:
    WorkerMetrics(registry, engine="test").records_applied.labels("home.sensors").inc(3)
    plain = get(server, "/metrics?x=1")
    assert plain.kind.startswith("text/plain; version=0.0.4")
    assert 'anbu_records_applied_total{topic="home.sensors"} 3.0' in plain.text
    assert "process_resident_memory_bytes" in plain.text
    assert "_created" not in plain.text
    asked = get(server, "/metrics", "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.1")
    assert asked.kind.startswith("application/openmetrics-text; version=1.0.0")
    assert asked.text.endswith("# EOF\n")


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=one", ";;;", "text/plain;version=x", "\xff"])
def test_whoever_asks_strangely_gets_plain_text_or_a_form_he_named(server: HealthServer, accept: str) -> None:
    got = get(server, "/metrics", accept)
    assert got.status == 200
    assert "process_" in got.text


def test_other_paths_are_told_what_is_there(server: HealthServer) -> None:
    got = get(server, "/")
    assert got.status == 404
    assert "/ready" in got.text
    assert get(server, "/live/").status == 200
    assert get(server, "/live", method="POST").status == 501


def test_a_head_has_no_body(server: HealthServer) -> None:
    got = get(server, "/metrics", method="HEAD")
    assert (got.status, got.text) == (200, "")


def test_the_answer_tells_no_version_of_python(server: HealthServer) -> None:
    assert get(server, "/live").headers["Server"].strip() == "anbu"


def test_a_metric_that_cannot_be_read_is_told_and_the_next_question_is_answered(
    server: HealthServer, registry: CollectorRegistry, judge: Told, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken()
    registry._collector_to_names[broken] = []
    with caplog.at_level(logging.ERROR, "anbu.health"):
        got = get(server, "/metrics")
    assert (got.status, got.text) == (500, "see the log\n")
    assert "/metrics could not be answered" in caplog.text
    registry.unregister(broken)
    assert get(server, "/metrics").status == 200
    judge.error = RuntimeError("no")
    assert get(server, "/live").status == 500
    judge.error = None
    assert get(server, "/live").status == 200


def test_clients_that_say_nothing_neither_block_the_others_nor_gather_without_bound(server: HealthServer) -> None:
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CONNECTIONS - 1)]
    try:
        assert get(server, "/live").status == 200
        silent += [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2 * CONNECTIONS)]
        # The last ones are closed at once: nothing can be read from them.
        silent[-1].settimeout(10)
        with contextlib.suppress(ConnectionError):
            assert silent[-1].recv(1) == b""
        assert threading.active_count() <= before + CONNECTIONS
    finally:
        for one in silent:
            one.close()
    for _ in range(100):
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(server, "/live").status == 200:
                return
    raise AssertionError("it answers no more")


def test_a_client_that_leaves_in_the_middle_is_no_news(server: HealthServer, capfd: pytest.CaptureFixture[str]) -> None:
    for sent in (b"", b"GET /metr", b"\x00\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
        with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))) as client:
            client.sendall(sent)
    assert get(server, "/live").status == 200
    assert capfd.readouterr().err == ""


def test_series_may_come_and_go_while_they_are_read(server: HealthServer, registry: CollectorRegistry) -> None:
    metrics, stop = WorkerMetrics(registry), threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 50
            metrics.lag_records.labels(number).set(number)
            metrics.emergency_seconds.observe(0.1)
            metrics.forget_partition((number + 25) % 50)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert {get(server, "/metrics").status for _ in range(20)} == {200}
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("setting", "variable"),
    [("metrics_port", "ANBU_METRICS_PORT"), ("writer_metrics_port", "ANBU_WRITER_METRICS_PORT")],
)
def test_a_port_that_is_taken_is_one_line_that_names_the_variable(
    server: HealthServer, setting: str, variable: str
) -> None:
    with pytest.raises(HealthError) as error:
        HealthServer(Health(0.0), CollectorRegistry(), "127.0.0.1", server.port, port_setting=setting)
    said = str(error.value)
    assert said.startswith(f"{variable}={server.port}: port {server.port} of 127.0.0.1 cannot be had (Address already")
    assert said.endswith("choose another, or 0 for a free one")
    assert "\n" not in said


@pytest.mark.parametrize("host", ["256.0.0.1", "anbu.invalid", "not a host"])
def test_a_host_that_is_none_is_one_line_too(host: str) -> None:
    with pytest.raises(HealthError, match=f"ANBU_METRICS_HOST={host} is no address"):
        HealthServer(Health(0.0), CollectorRegistry(), host, 0)


def test_an_address_of_another_machine_cannot_be_had() -> None:
    with pytest.raises(HealthError, match="ANBU_METRICS_PORT=0"):
        HealthServer(Health(0.0), CollectorRegistry(), "192.0.2.1", 0)


def test_when_it_is_closed_its_port_is_free_again(registry: CollectorRegistry, judge: Told) -> None:
    with HealthServer(judge, registry, "127.0.0.1", 0) as first:
        assert get(first, "/live").status == 200
    with HealthServer(judge, registry, "127.0.0.1", first.port) as second:
        assert get(second, "/live").status == 200


def test_it_listens_on_loopback_of_the_new_kind_too(registry: CollectorRegistry, judge: Told) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with HealthServer(judge, registry, "::1", 0) as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert get(server, "/live").status == 200
