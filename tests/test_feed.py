import asyncio
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition

from infra.embedded import EmbeddedBroker
from infra.topics import create_topics
from load_tests.columns.wire import Wire
from load_tests.feed import FeedProgress, _interleave, feed
from load_tests.messages import Gathered, Message
from load_tests.recordings import recording
from load_tests.simulator.neighbourhood import Neighbourhood, simulate
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.households import HouseholdRecord
from schemas.partitions import partition_of
from schemas.topics import DAY_MS, ORDERED_NAMES
from streams.wallclock import monotonic_s

START_MS = 1_761_922_800_000
PARTITIONS = 2

Log = dict[tuple[str, int], list[tuple[bytes, bytes]]]


@given(
    st.lists(st.integers(0, 50), max_size=40).map(sorted),
    st.lists(st.integers(0, 50), max_size=20, unique=True).map(sorted),
)
def test_everything_sent_before_a_tick_is_written_before_it_and_nothing_else(sent: list[int], ticks: list[int]) -> None:
    records = [(at, (b"h", str(at).encode())) for at in sent]
    written = _interleave(records, [(t, (TICK_KEY, str(t).encode())) for t in ticks])
    moments = [(key, int(value or b"")) for key, value in written]
    assert [at for key, at in moments if key == b"h"] == sent
    assert [at for key, at in moments if key == TICK_KEY] == ticks
    for i, (key, tick) in enumerate(moments):
        if key == TICK_KEY:
            before = [at for k, at in moments[:i] if k == b"h"]
            assert before == [at for at in sent if at < tick]


def read_everything(bootstrap: str, counts: int, partitions: int = PARTITIONS) -> Log:
    """Every record of the ordered topics, by topic and partition; waits for `counts` of them."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    places = [TopicPartition(topic, p) for topic in ORDERED_NAMES for p in range(partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    log: Log = defaultdict(list)
    seen, until_s = 0, monotonic_s() + 30
    while seen < counts and monotonic_s() < until_s:
        for place, records in consumer.poll(500, max_records=10_000).items():
            log[place.topic, place.partition] += [(r.key, r.value) for r in records]
            seen += len(records)
    consumer.close()
    return log


@pytest.fixture(scope="module")
def fed() -> Iterator[tuple[Neighbourhood, FeedProgress, list[FeedProgress], Log]]:
    made = simulate(6, 2, 5, start_ms=START_MS + 17_000)
    seen: list[FeedProgress] = []
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, PARTITIONS)
        done = asyncio.run(feed(broker.bootstrap, made, partitions=PARTITIONS, progress=seen.append))
        yield made, done, seen, read_everything(broker.bootstrap, done.records)


Fed = tuple[Neighbourhood, FeedProgress, list[FeedProgress], Log]


def ticks_of(log: Log, place: tuple[str, int]) -> list[Tick]:
    return [msgspec.json.decode(value, type=Tick) for key, value in log[place] if key == TICK_KEY]


def test_every_partition_of_every_ordered_topic_holds_the_same_ticks_a_minute_apart(fed: Fed) -> None:
    made, done, _, log = fed
    expected = None
    for topic in ORDERED_NAMES:
        for partition in range(PARTITIONS):
            ticks = ticks_of(log, (topic, partition))
            expected = expected or ticks
            assert ticks == expected
    assert expected is not None
    assert {t.mode for t in expected} == {TickMode.SIMULATED}
    moments = [t.tick for t in expected]
    assert moments == list(range(moments[0], moments[-1] + 1, 60_000))
    assert made.from_ms <= moments[0] < made.from_ms + 60_000
    assert made.until_ms <= moments[-1] < made.until_ms + 60_000
    assert done.ticks == len(moments) * len(ORDERED_NAMES) * PARTITIONS


def test_what_was_sent_arrives_once_in_order_in_the_partition_of_its_household(fed: Fed) -> None:
    made, done, _, log = fed
    expected: Log = defaultdict(list)
    for message in made.messages():
        wire = recording.wire_of(message)
        expected[wire.topic, partition_of(wire.key, PARTITIONS)].append((wire.key.encode(), wire.value))
    got = {
        place: [pair for pair in pairs if pair[0] != TICK_KEY]
        for place, pairs in log.items()
        if place[0] != "households"
    }
    assert {place: pairs for place, pairs in got.items() if pairs} == dict(expected)
    assert done.messages == sum(len(pairs) for pairs in expected.values())
    assert done.events == sum(len(m.events) for m in made.messages())
    assert done.records == sum(len(pairs) for pairs in log.values())


def test_the_registry_comes_before_the_first_tick_and_again_each_day(fed: Fed) -> None:
    made, _, _, log = fed
    for partition in range(PARTITIONS):
        pairs = log["households", partition]
        mine = {r.household.encode() for r in made.records() if partition_of(r.household, PARTITIONS) == partition}
        first_tick = next(i for i, (key, _) in enumerate(pairs) if key == TICK_KEY)
        assert {key for key, _ in pairs[:first_tick]} == mine
        after_a_day = [k for k, _ in pairs[first_tick + DAY_MS // 60_000 - 1 :] if k != TICK_KEY]
        assert set(after_a_day) == mine


def test_progress_only_grows_and_ends_at_the_end(fed: Fed) -> None:
    _, done, seen, _ = fed
    assert seen[-1] == done
    assert done.share == 1.0
    for a, b in pairwise(seen):
        assert a.log_ms <= b.log_ms
        assert a.records <= b.records


def test_a_recording_feeds_the_same_counts_as_the_neighbourhood_it_was_made_of(tmp_path: Path, fed: Fed) -> None:
    made, done, _, _ = fed
    recording.write(tmp_path, made, made.truth)
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, PARTITIONS)
        again = asyncio.run(feed(broker.bootstrap, recording.read(tmp_path), partitions=PARTITIONS))
    assert (again.records, again.messages, again.events) == (done.records, done.messages, done.events)


def test_pace_is_asked_before_each_slice_and_a_message_to_a_broadcast_topic_is_refused() -> None:
    asked: list[int] = []

    async def pace(until_ms: int) -> None:
        asked.append(until_ms)

    wrong = Gathered(START_MS, START_MS + 3_600_000, [], [Message("profile", "h", START_MS + 90_000, [])])
    messages = iter([Wire("profile", "h", START_MS + 90_000, b"{}")])
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, PARTITIONS)
        with pytest.raises(ValueError, match="profile takes no messages"):
            asyncio.run(feed(broker.bootstrap, wrong, partitions=PARTITIONS, pace=pace, slice_s=60, messages=messages))
    assert asked == [START_MS, START_MS + 60_000, START_MS + 120_000]


def test_a_household_that_is_not_there_all_the_time_is_registered_as_it_begins_and_ends_with_a_null_record() -> None:
    hour_ms, here = 3_600_000, ["always", "later"]
    begins_ms, ends_ms = START_MS + 30 * hour_ms, START_MS + 60 * hour_ms
    played = Gathered(
        START_MS,
        START_MS + 80 * hour_ms,
        [HouseholdRecord(household=name) for name in here],
        [],
        spans={"later": (begins_ms, ends_ms)},
    )
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, 1)
        done = asyncio.run(feed(broker.bootstrap, played, partitions=1))
        log = read_everything(broker.bootstrap, done.records, partitions=1)
    clock_ms, said = 0, []
    for key, value in log["households", 0]:
        if key == TICK_KEY:
            clock_ms = msgspec.json.decode(value, type=Tick).tick
        else:
            said.append((key.decode(), (clock_ms - START_MS) // hour_ms if clock_ms else -1, value is not None))
    assert [one for one in said if one[0] == "always"] == [("always", at, True) for at in (-1, 23, 47, 71)]
    assert [one for one in said if one[0] == "later"] == [
        ("later", 29, True),
        ("later", 53, True),
        ("later", 60, False),
    ]


def test_live_slices_are_short_and_leave_the_ticks_to_the_ticker() -> None:
    asked: list[int] = []

    async def pace(until_ms: int) -> None:
        asked.append(until_ms)

    live_ms, end_ms = START_MS + 120_000, START_MS + 130_000
    sent = [Wire("home.sensors", "h", at_ms, b"{}") for at_ms in (START_MS + 61_000, live_ms + 1000, live_ms + 7000)]
    played = Gathered(START_MS, end_ms, [], [])
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, PARTITIONS)
        done = asyncio.run(
            feed(
                broker.bootstrap,
                played,
                partitions=PARTITIONS,
                until_ms=end_ms - 10_000 + 60_000,
                pace=pace,
                messages=iter(sent),
                slice_s=60,
                live_from_ms=live_ms,
            )
        )
        log = read_everything(broker.bootstrap, done.records)
    assert [t.tick for t in ticks_of(log, ("profile", 0))] == [START_MS, START_MS + 60_000, live_ms]
    assert done.messages == 3
    assert [b - a for a, b in pairwise(asked)] == [60_000, 60_000] + [2000] * 30
