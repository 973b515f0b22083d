"""The benchmark's probes stand beside the engine: they count what it did, and it does what it does without them, compiled or not."""

import asyncio

import pytest

from detectors.household import Household
from load_tests.bench_engine import run_until
from load_tests.bench_live.counted import Counting
from load_tests.bench_live.deadlines import _moves
from load_tests.bench_memory import reached
from load_tests.bench_peers.anbu import Trivial
from load_tests.bench_stream import HOUR_MS, START_MS, Stream, Wanted, stream_of
from load_tests.peers.meter import Meter
from schemas.events import TICK_KEY
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.counts import Counts
from streams.engine.outputs import Output
from streams.engine.partition import Partition
from streams.engine.roster import Roster
from streams.worker.owned import Owned

HOURS = 3


class Told:
    """Takes what is said, and keeps nothing."""

    def update(self, _said: bytes) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return stream_of(Wanted(10, HOURS, 0), tmp_path_factory.mktemp("streams"))


def ends_of(stream: Stream) -> list[int]:
    return [len(log.keys) for log in stream.logs]


def test_what_a_pump_applies_is_counted_and_said_as_without_counting(stream: Stream) -> None:
    counted: list[int] = []
    sent: list[Output] = []
    engines = [Partition(0, 1, engine="bench", buffer_records=1 << 40) for _ in range(2)]
    for engine in engines:
        for topic, end in enumerate(ends_of(stream)):
            engine.offer(topic, stream.chunk(topic, 0, end=end))

    async def pump() -> None:
        async def send(_owned: Owned, said: list[Output]) -> bool:
            sent.extend(said)
            return True

        async def seek(_owned: Owned, _topic: int) -> None:
            raise AssertionError("nothing is missing")

        Counting.take = counted.append
        pumping = Counting(send, seek)
        owned = Owned(0, "bench", None)
        while not (counted and engines[0].is_done):
            await pumping._pump(owned, engines[0], at_most=50)
            engines[0].counts = Counts()  # as the metrics do

    asyncio.run(pump())
    said = engines[1].pump()
    assert sum(counted) == stream.events == sum(map(sum, engines[1].counts.readings))
    assert len(counted) > 1
    assert sent == said


def test_the_trivial_model_takes_every_event_once_and_stands_where_the_engine_would(stream: Stream) -> None:
    meter = Trivial.meter = Meter(str(1 << 40))
    trivial, engine = Trivial(0, 1, engine="bench"), Partition(0, 1, engine="bench")
    told = Told()
    for one in (trivial, engine):
        run_until(stream, one, told, ends_of(stream))  # type: ignore[arg-type] # what stands in the engine's place
    assert meter.count == stream.events
    assert trivial.order.positions == engine.order.positions
    assert trivial.households == 0
    steps = trivial.checkpoint_steps()
    rows = []
    try:
        while True:
            next(steps)
    except StopIteration as end:
        rows = end.value.rows
    reporting = {
        key
        for name, log in zip(ORDERED_NAMES, stream.logs, strict=True)
        if name in EVENT_TOPICS
        for key in log.keys
        if key != TICK_KEY
    }
    assert {key.removeprefix(b"n:") for key, _ in rows if key.startswith(b"n:")} == reporting


def test_deadlines_are_read_before_the_move_that_finds_them_due(stream: Stream) -> None:
    """Those of a home are the ones that a look at the roster, asked between two moves, would find due."""
    engine = Partition(0, 1, engine="bench", buffer_records=1 << 40)
    reports = [(list(log.keys), list(log.values)) for log in stream.logs]
    homes = sorted({key.decode() for log in stream.logs for key in log.keys if key != TICK_KEY})
    clocks, woken = [], 0
    for _, due_ms in _moves(engine, reports, homes):
        clocks.append(engine.clock_ms)
        woken += len(due_ms)
        assert all(0 < due <= engine.clock_ms for due in due_ms.values())
    assert clocks == [START_MS + minute * 60_000 for minute in range(HOURS * 60 + 1)]
    assert clocks[-1] == START_MS + HOURS * HOUR_MS
    roster: Roster = engine._roster
    assert not roster.due(engine.clock_ms)
    assert woken > 0


def test_what_the_memory_of_a_home_goes_to_is_named_by_the_parts_of_its_state() -> None:
    """Numbers that lie within a compiled object are no objects of their own: made for whoever asks, they would be others each time."""
    home = Household("home-1", start_ms=START_MS)
    found = reached(home)
    assert {"rhythm", "devices", "calls"} <= {part for _, part in found.values()}
    assert reached(home).keys() == found.keys()
