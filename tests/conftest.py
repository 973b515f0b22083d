"""Fixtures of every test: brokers, recordings, and errors that background work swallowed."""

import contextlib
import gc
import logging
import os

# Before anything of Anbu is loaded: many tests put probes into the engine, which a compiled one would never call.
os.environ.setdefault("ANBU_PURE", "1")

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from xdist.scheduler import LoadScopeScheduling

from infra.broker import Broker, BrokerError
from infra.embedded import EmbeddedBroker
from infra.kafka_node import KafkaNode
from infra.topics import describe
from schemas.compiled import is_compiled
from streams.engine.shared import Output, Shared

if TYPE_CHECKING:
    from worker_day import Day
    from worker_runs import Town

# The same examples in every run, so that a run says something of the change and not of its luck. ANBU_RANDOM=1 looks further.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("default" if os.environ.get("ANBU_RANDOM") == "1" else "repeatable")

ROOT = Path(__file__).resolve().parents[1]
INTEGRATION = os.environ.get("ANBU_INTEGRATION") == "1"
"""Set by `make integration`: Apache Kafka is there or the run fails."""
ON_KAFKA = os.environ.get("ANBU_TEST_BROKER", "embedded") == "kafka"
"""Set by `make integration`: the end-to-end tests run on Apache Kafka instead of the embedded broker."""


TOWNS: Final = {
    "controls": "town 1",
    "kills": "town 1",
    "faults": "town 2",
    "rebalance": "town 1",
    "recovery": "town 2",
}
"""Files whose tests share a town, `test_worker_NAME.py`: two towns, or one process would end long after the others."""
LONG: Final = ("town 1", "town 2", "test_replay_proof", "test_board_engine")
"""What takes longest comes first, for the same reason."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever will start Apache Kafka, so that no test does so in `make test` by being unmarked.

    On the compiled engine (`ANBU_PURE=0`) tests that replace parts of it are left out: it calls its own all the same.
    """
    if is_compiled():
        items[:] = [item for item in items if "monkeypatch" not in getattr(item, "fixturenames", ())]
    for item in items:
        asked = {*getattr(item, "fixturenames", ())}
        if asked & {"kafka", "whole_day"} or (ON_KAFKA and asked & {"any_broker", "town"}):
            item.add_marker(pytest.mark.integration)
    items.sort(key=lambda item: LONG.index(shared) if (shared := _shared(item.nodeid)) in LONG else len(LONG))


def _shared(nodeid: str) -> str:
    file = nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    return TOWNS.get(file.removeprefix("test_worker_"), file)


class _ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc]
    """A file stays in one process, and so do all tests of a town, or what they share would be made again for each.

    (The groups of pytest-xdist 3.8 have no effect with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return _shared(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByWhatIsShared:
    """Give the tests to the processes (see Makefile)."""
    return _ByWhatIsShared(config, log)


@pytest.fixture(autouse=True)
def _no_mistake_is_swallowed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A mistake in judging a home costs that home alone, and would cost a test nothing: here it fails whatever met it."""
    if is_compiled() or request.node.get_closest_marker("mistakes"):
        yield
        return
    note, met = Shared.note, list[Exception]()

    def noted(shared: Shared, error: Exception) -> list[Output]:
        met.append(error)
        return note(shared, error)

    setattr(Shared, "note", noted)  # noqa: B010 - not by the fixture for it: the compiled engine leaves out what asks for that
    try:
        yield
    finally:
        setattr(Shared, "note", note)  # noqa: B010
    if met:
        raise AssertionError(f"{len(met)} mistakes in judging homes were swallowed") from met[0]


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """The embedded broker, one for all tests of the run: use topic and group names of your own."""
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaNode]:
    """Apache Kafka, one node for all tests of the run. Sessions of 1 s are allowed, so that restarts are quick."""
    if not INTEGRATION:
        pytest.skip("needs Apache Kafka: make integration")
    with _kafka_node() as running:
        yield running


def _kafka_node() -> KafkaNode:
    """Its cleaner looks for work at once, where a test asks for compaction: by default every 15 s."""
    return KafkaNode(jars=ROOT / "build" / "kafka" / "libs", properties={"log.cleaner.backoff.ms": "200"})


@pytest.fixture
def any_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """An empty broker of this test alone, for end-to-end tests: embedded, or Apache Kafka in `make integration`."""
    if not ON_KAFKA:
        with EmbeddedBroker() as running:
            yield running
        return
    node: KafkaNode = request.getfixturevalue("kafka")
    node.start()  # an earlier test may have stopped it
    _empty(node)
    yield node


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """An empty embedded broker of this test alone, for what does not hang on whose broker it is."""
    with EmbeddedBroker() as running:
        yield running


def _empty(node: Broker) -> None:
    """Delete every topic, and every group without a member: a killed worker's lingers until its session ends."""
    admin = KafkaAdminClient(bootstrap_servers=node.bootstrap)
    try:
        names = list(describe(node.bootstrap))
        if names:
            admin.delete_topics(names)
        for group in admin.list_groups():
            try:
                admin.delete_groups([group["group_id"]])
            except KafkaError:
                continue
    finally:
        admin.close()
    left = describe(node.bootstrap)
    if left:
        raise BrokerError(f"Apache Kafka still has {sorted(left)} after deleting them")


@pytest.fixture(scope="session")
def town() -> Iterator["Town"]:
    """A broker of its own with days of a synthetic neighbourhood in its logs, and what an oracle makes of them.

    Read by many runs of workers, each as a group of its own: nothing is added to its inputs.
    """
    from worker_town import build_town, town_messages  # noqa: PLC0415 - loads Faust and the simulator

    played, messages = town_messages()
    with _kafka_node() if ON_KAFKA else EmbeddedBroker() as running:
        yield build_town(running, played, 3, messages)


@pytest.fixture(scope="session")
def whole_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Day"]:
    """What is left of a day that was lived through once, on a broker of its own, with ClickHouse closed throughout."""
    from worker_day import live_through  # noqa: PLC0415 - loads Faust and ClickHouse

    with _kafka_node() if ON_KAFKA else EmbeddedBroker() as running:
        yield live_through(running, tmp_path_factory.mktemp("whole-day"))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    """An embedded ClickHouse of its own, with Anbu's tables and nothing in them."""
    from infra.migrations import migrate  # noqa: PLC0415 - loads ClickHouse
    from streams.clickhouse import connect  # noqa: PLC0415

    with contextlib.closing(connect(f"chdb://{tmp_path / 'clickhouse'}")) as engine:
        engine.command("CREATE DATABASE anbu")
        engine.database = "anbu"
        migrate(engine)
        yield engine


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings, `$ANBU_DATA` or `../shared/data` beside the repository."""
    folder = Path(os.environ.get("ANBU_DATA") or ROOT.parent / "shared" / "data")
    if not any(folder.glob("*.csv.gz")):
        pytest.skip("no recordings: set ANBU_DATA to a folder with *.csv.gz")
    return folder


class _Swallowed(logging.Handler):
    """Keeps what asyncio only logs: tasks and callbacks whose exception nobody asked for."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def nothing_is_swallowed() -> Iterator[None]:
    """Fail the test whose background task failed. (Threads and finalizers: pytest warns, and warnings are errors.)"""
    heard = _Swallowed()
    library = logging.getLogger("asyncio")
    library.addHandler(heard)
    try:
        yield
        # A task that failed is reported when it is freed; its traceback often holds it in a cycle.
        gc.collect(1)
    finally:
        library.removeHandler(heard)
    for record in heard.records:
        error = record.exc_info[1] if record.exc_info else None
        raise AssertionError(f"background work failed: {record.getMessage()}") from error
