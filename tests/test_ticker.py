"""The ticker keeps to the grid, never speaks of the past, and outlives the broker."""

import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.topics import create_topics
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.topics import ORDERED_NAMES
from streams.publish import BrokerAwayError, TopicsDifferError
from streams.tail import reading
from streams.ticker import Ticker, next_tick_ms, run_ticker, this_tick_ms

EVERY = 5_000
START = 1_795_000_000_123


@given(st.integers(0, 4_102_444_800_000), st.integers(1, 3_600_000))
def test_the_next_tick_is_the_first_multiple_after_now(at_ms: int, every_ms: int) -> None:
    tick = next_tick_ms(at_ms, every_ms)
    assert tick % every_ms == 0
    assert 0 < tick - at_ms <= every_ms
    assert this_tick_ms(at_ms, every_ms) == tick - every_ms


class World:
    """A clock moved only by sleeping, and an outlet that can be away."""

    def __init__(self, at_ms: int = START) -> None:
        self.at_ms = at_ms
        self.away = False
        self.sent: list[tuple[int, str, bytes, int, Tick]] = []
        self.dropped: list[bool] = []
        self.slept_s: list[float] = []
        self.oversleep_ms = 0

    def clock(self) -> int:
        return self.at_ms

    def sleep_s(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.at_ms += round(seconds * 1000) + self.oversleep_ms
        self.oversleep_ms = 0

    def connect(self) -> "World":
        if self.away:
            raise BrokerAwayError("the broker at nowhere does not answer")
        return self

    def send(self, topic: str, key: Any, value: bytes | None, *, partition: int | None = None) -> None:
        assert partition is not None
        self.sent.append((self.at_ms, topic, key, partition, msgspec.json.decode(value or b"", type=Tick)))

    def flush(self) -> None:
        if self.away:
            raise BrokerAwayError("the broker at nowhere does not answer")

    def close(self, *, drop: bool = False) -> None:
        self.dropped.append(drop)

    def ticker(self, partitions: int = 2) -> Ticker:
        return Ticker(self.connect, partitions, EVERY, clock=self.clock, sleep_s=self.sleep_s)

    def moments(self) -> list[int]:
        return sorted({tick.tick for *_, tick in self.sent})


def test_every_partition_of_every_ordered_topic_gets_the_tick() -> None:
    world = World()
    world.ticker().run(1)
    assert [(topic, partition) for _, topic, _, partition, _ in world.sent] == [
        (topic, partition) for topic in ORDERED_NAMES for partition in range(2)
    ]
    assert {(key, tick.mode) for _, _, key, _, tick in world.sent} == {(TICK_KEY, TickMode.LIVE)}
    assert world.moments() == [next_tick_ms(START, EVERY)]


@given(st.lists(st.integers(0, 400_000), max_size=8))
def test_no_tick_is_of_the_past_or_future_whatever_pauses_come(pauses_ms: list[int]) -> None:
    world = World()
    ticker = world.ticker(1)
    for pause_ms in pauses_ms:
        world.oversleep_ms = pause_ms
        ticker.beat()
    assert all(0 <= at_ms - tick.tick < EVERY for at_ms, *_, tick in world.sent)
    assert world.moments() == sorted(set(world.moments()))
    assert len(world.sent) == len(world.moments()) * len(ORDERED_NAMES)


def test_a_pause_leaves_a_hole_and_no_burst() -> None:
    world = World()
    ticker = world.ticker(1)
    ticker.beat()
    world.oversleep_ms = 10 * 60_000
    ticker.beat()
    ticker.beat()
    first, after, then = world.moments()
    assert after - first > 10 * 60_000 - EVERY
    assert then - after == EVERY


def test_a_clock_set_back_does_not_repeat_ticks() -> None:
    world = World()
    ticker = world.ticker(1)
    ticker.beat()
    world.at_ms -= 60_000
    ticker.beat()
    assert len(world.moments()) == 1


def test_a_broker_that_goes_is_told_once_and_its_unsent_ticks_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    ticker = world.ticker(1)
    with caplog.at_level(logging.INFO, logger="anbu.ticker"):
        ticker.beat()
        world.away = True
        for _ in range(6):
            ticker.beat()
        world.away = False
        ticker.beat()
        ticker.beat()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert world.dropped == [True]
    # The waits grow while it is away and end when it is back.
    assert world.slept_s[2:14:2] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert world.slept_s[14] <= EVERY / 1000


def test_topics_cut_differently_end_the_ticker() -> None:
    def connect() -> World:
        raise TopicsDifferError("topic profile has 3 partitions")

    world = World()
    with pytest.raises(TopicsDifferError):
        Ticker(connect, 4, EVERY, clock=world.clock, sleep_s=world.sleep_s).run(1)


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        run_ticker("127.0.0.1:1", 4, 0.0)


def test_ticks_arrive_in_every_partition_of_a_real_broker_and_wrong_counts_are_refused(any_broker: Any) -> None:
    create_topics(any_broker.bootstrap, 3)
    run_ticker(any_broker.bootstrap, 3, 0.1, beats=3)
    with reading(any_broker.bootstrap) as reader:
        for topic in ORDERED_NAMES:
            ticks = [(r.partition, msgspec.json.decode(r.value or b"", type=Tick)) for r in reader.read_whole(topic)]
            assert {partition for partition, _ in ticks} == {0, 1, 2}
            assert all(tick.mode is TickMode.LIVE and tick.tick % 100 == 0 for _, tick in ticks)
    with pytest.raises(TopicsDifferError, match="has 3 partitions"):
        run_ticker(any_broker.bootstrap, 4, 0.1, beats=1)
