"""Emergencies are found in whatever is fetched, in whatever order, however they are spelled, and told with their true age."""

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import TOPICS
from street import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Street, told

from detectors.emergency import emergencies
from schemas.build import cloud_event, encode_events
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, Event, Tick, TickMode
from schemas.incidents import IncidentKind, Urgency
from schemas.topics import EVENT_TOPICS, ORDER_OF, ORDERED_NAMES
from schemas.vocabulary import KINDS, CareTopic, DisasterAnswer, Distress, Form, Kind, Level
from streams.engine.chunk import Chunk
from streams.engine.order import Positions
from streams.engine.partition import Partition
from streams.engine.scan import Scanner

SENSORS = ORDER_OF["home.sensors"]
PRESS = Event("h-1", "emergency_button", "/sensors/gw", "e-1", START_MS, Data(device="pendant"))


def chunk_of(*values: bytes | None, start: int = 0, key: bytes = b"h-1") -> Chunk:
    count = len(values)
    offsets = list(range(start, start + count))
    return Chunk(start, start + count, offsets, [key] * count, list(values), [0] * count)


def ticks(*marks: Tick, stamp_ms: int = 0, broker_stamped: bool = False) -> Chunk:
    values: list[bytes | None] = [encode(mark) for mark in marks]
    keys: list[bytes | None] = [TICK_KEY] * len(marks)
    offsets = list(range(len(marks)))
    return Chunk(0, len(marks), offsets, keys, values, [stamp_ms] * len(marks), broker_stamped)


def found(*values: bytes | None, topic: int = SENSORS, key: bytes = b"h-1") -> list[IncidentKind]:
    return [incident.kind for incident, _ in Scanner("test", TOPICS).look(topic, chunk_of(*values, key=key))]


def escaped(value: bytes, rnd: Random) -> bytes:
    """The same JSON, its `type` spelled with escapes that JSON allows."""
    tree = orjson.loads(value)
    spelled = "".join(f"\\u{ord(char):04x}" if rnd.random() < 0.5 else char for char in tree["type"])
    tree["type"] = "@"
    return bytes(orjson.dumps(tree).replace(b'"@"', f'"{spelled}"'.encode()))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_an_emergency_spelled_with_json_escapes_is_found(seed: int) -> None:
    rnd = Random(seed)
    assert found(escaped(encode_events([PRESS]), rnd)) == [IncidentKind.EMERGENCY_BUTTON]
    # Negative control: what is no emergency is none, however it is spelled.
    motion = Event("h-1", "motion", "/sensors/gw", "e-1", START_MS, Data(device="hall"))
    assert found(escaped(encode_events([motion]), rnd)) == []


def _events_of(kind: Kind) -> list[Event]:
    datas = [
        Data(state="on", value=1.0, until="2026-09-01T00:00:00Z"),
        Data(state="off", value=1.0, until="2026-09-01T00:00:00Z"),
    ]
    if kind.form is Form.CALL or kind.name == "robot_distress":
        datas += [
            Data(codes=[Distress.WISH_TO_DIE, Distress.FALLEN]),
            Data(topics={CareTopic.HEALTH: Level.ALARM}),
            Data(topics={CareTopic.HEALTH: Level.CONCERN}),
            Data(disaster=DisasterAnswer.NEEDS_HELP),
        ]
    return [Event("h-1", kind.name, "/sensors/gw", f"e{i}", START_MS, data) for i, data in enumerate(datas)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_scan_finds_exactly_what_each_event_of_the_vocabulary_proves(kind: Kind) -> None:
    events = _events_of(kind)
    wanted = [one.kind for event in events for one in emergencies(event) if one.change == "raise"]
    topic = ORDER_OF[kind.topic]
    assert found(*(encode_events([event]) for event in events), topic=topic) == wanted
    assert found(encode_events(events), topic=topic) == wanted  # as one batch


def test_an_emergency_in_a_batch_with_rubbish_is_found_and_one_with_another_household_is_not() -> None:
    good = encode(cloud_event(PRESS))
    for batch in (b"[{]," + good + b"]", b"[" + good + b',{"x":1}]', b"[\xff," + good + b"]", b"[" + good + b",null]"):
        assert found(batch) == [IncidentKind.EMERGENCY_BUTTON]
    assert found(good, key=b"h-2") == []
    assert found(b"[" + good) == []  # cut: no array at all


@settings(max_examples=300, deadline=None)
@given(
    topic=st.integers(0, TOPICS - 1),
    records=st.lists(
        st.tuples(
            st.none() | st.binary(max_size=20) | st.sampled_from([TICK_KEY, b"h-1"]),
            st.none()
            | st.binary(max_size=60)
            | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
            | st.sampled_from([encode_events([PRESS]), b'{"tick":99999999999999999}', b"\\", b"anbu.gas.v1"]),
        ),
        max_size=6,
    ),
)
def test_any_bytes_on_any_topic_are_looked_through_without_an_error(
    topic: int, records: list[tuple[bytes | None, bytes | None]]
) -> None:
    keys, values = [key for key, _ in records], [value for _, value in records]
    count = len(records)
    for one, _ in Scanner("test", TOPICS).look(topic, Chunk(0, count, list(range(count)), keys, values, [0] * count)):
        assert one.kind is IncidentKind.EMERGENCY_BUTTON
        assert ORDERED_NAMES[topic] in EVENT_TOPICS


MOTION = Event("h-1", "motion", "/sensors/gw", "e-1", START_MS, Data(device="hall"))


@settings(max_examples=200, deadline=None)
@given(
    records=st.lists(
        st.integers(1, 9).map(lambda minute: (TICK_KEY, minute))
        | st.sampled_from([PRESS, MOTION]).map(lambda event: (b"h-1", encode_events([event])))
        | st.sampled_from(
            [(b"h-1", b"anbu.gas.v1"), (b"h-1", b"\\"), (b"h-1", None), (b"h-1", b"anbu.fall"), (TICK_KEY, b".")]
        ),
        max_size=30,
    )
)
def test_a_chunk_is_looked_through_as_its_records_one_by_one(records: list[tuple[bytes, Any]]) -> None:
    keys: list[bytes | None] = [key for key, _ in records]
    values: list[bytes | None] = []
    minute = 0
    for _, value in records:
        if isinstance(value, int):
            minute += value
            values.append(encode(Tick(START_MS + minute * MINUTE_MS, TickMode.SIMULATED)))
        else:
            values.append(value)
    count = len(records)
    whole, single = Scanner("test", TOPICS), Scanner("test", TOPICS)
    each = [
        one
        for i in range(count)
        for one in single.look(SENSORS, Chunk(i, i + 1, [i], [keys[i]], [values[i]], [1000 + i]))
    ]
    stamps = [1000 + i for i in range(count)]
    assert whole.look(SENSORS, Chunk(0, count, list(range(count)), keys, values, stamps)) == each
    assert len(each) == values.count(encode_events([PRESS]))


# Wherever the chunk comes from.


def _told(partition: Partition, chunk: Chunk) -> list[str]:
    outputs, _ = partition.offer(SENSORS, chunk)
    return [one.id for one in told(outputs)]


def test_an_emergency_in_an_overtaking_a_repeated_and_a_dropped_chunk_is_told() -> None:
    partition = Partition(0, 1, engine="test", buffer_records=3)
    press = encode_events([PRESS])
    ((wanted, _),) = Scanner("test", TOPICS).look(SENSORS, chunk_of(press))
    overtaking = chunk_of(press, start=100)
    assert partition.offer(SENSORS, overtaking)[1] == 0, "it is not the next one"
    assert _told(partition, overtaking) == [wanted.id]
    assert _told(partition, chunk_of(b"{}", b"{}", b"{}", b"{}")) == []
    dropped = chunk_of(press, start=4)
    assert _told(partition, dropped) == [wanted.id]
    assert partition.order.is_full(SENSORS)
    assert partition.order.counts.dropped_chunks == 1
    assert _told(partition, dropped) == [wanted.id]


def test_it_is_told_while_a_topic_has_no_ticks_and_joins_its_case_when_they_come() -> None:
    street = Street()
    street.register()
    street.tick()
    press = street.happen("emergency_button")
    for log in street.logs[1:]:
        log.tick(street.now_ms + HOUR_MS)  # every topic but the first goes on, so that no other has its turn
    (first,) = told(street.arrive())
    assert (first.revision, first.case) == (1, None)
    assert told(street.arrive()) == []
    street.now_ms += HOUR_MS
    for log in street.logs:
        log.tick(street.now_ms)
    (second,) = told(street.arrive())
    assert (second.id, second.revision) == (first.id, 2)
    assert second.case
    # One that has had its turn is not told once more when its chunk comes again.
    again, _ = street.partition.offer(SENSORS, chunk_of(encode_events([press])))
    assert told(again) == []


@pytest.mark.parametrize("consent", [True, False])
def test_emergencies_pass_without_a_record_and_without_consent(consent: bool) -> None:
    street = Street()
    street.register("h-registered", consent=consent)
    street.tick()
    for household in ("h-registered", "h-unregistered"):
        street.happen("smoke", household)
    street.tick()
    assert sorted(one.household for one in street.open()) == ["h-registered", "h-unregistered"]
    assert all(one.revision == 2 for one in street.open())


# Its age.


def test_an_emergency_of_hours_ago_is_told_as_past_on_arrival_and_one_of_now_as_immediate() -> None:
    street = Street()
    street.register()
    street.tick()
    street.happen("gas", at_ms=street.now_ms - 2 * HOUR_MS, device="a")
    street.happen("gas", at_ms=street.now_ms - MINUTE_MS, device="b")
    old, new = told(street.arrive())
    assert (old.urgency, new.urgency) == (Urgency.PAST, Urgency.IMMEDIATE)
    assert "2 h" in old.sentence_en


def test_after_a_restart_the_age_is_counted_from_where_the_partition_stands() -> None:
    press = chunk_of(encode_events([PRESS]))
    positions = Positions([0] * TOPICS, [START_MS + 5 * HOUR_MS] * TOPICS, START_MS + 5 * HOUR_MS)
    ((one, _),) = Scanner("test", TOPICS, positions).look(SENSORS, press)
    assert one.urgency is Urgency.PAST
    street = Street()
    street.tick()
    street.tick(5 * HOUR_MS)
    street.restart()
    street.send(PRESS)
    (told_on_arrival,) = told(street.arrive())[:1]
    assert told_on_arrival.urgency is Urgency.PAST
    # Negative control: without it, an alarm of five hours ago would be told as one of this minute.
    ((one, _),) = Scanner("test", TOPICS).look(SENSORS, press)
    assert one.urgency is Urgency.IMMEDIATE


FAR_MS = START_MS + 400 * DAY_MS


@pytest.mark.parametrize(
    ("refused", "aged"),
    [
        (ticks(Tick(FAR_MS, TickMode.SIMULATED)), False),
        (ticks(Tick(FAR_MS, TickMode.LIVE), stamp_ms=START_MS, broker_stamped=True), False),
        (ticks(Tick(1 << 60, TickMode.LIVE)), False),
        # Negative control: a tick that counts makes what follows look old.
        (ticks(Tick(FAR_MS, TickMode.LIVE), stamp_ms=FAR_MS, broker_stamped=True), True),
    ],
)
def test_a_tick_that_the_order_refuses_does_not_age_the_emergencies_behind_it(refused: Chunk, aged: bool) -> None:
    scanner = Scanner("test", TOPICS)
    scanner.look(SENSORS, ticks(Tick(START_MS, TickMode.LIVE)))
    scanner.look(SENSORS, refused)
    ((one, _),) = scanner.look(SENSORS, chunk_of(encode_events([PRESS])))
    assert (one.urgency is Urgency.PAST) is aged


def test_an_emergency_from_the_future_is_told_and_its_event_is_a_dead_letter() -> None:
    street = Street()
    street.register()
    street.tick()
    years: Any = 30 * 365 * DAY_MS
    street.happen("fall", at_ms=street.now_ms + years)
    out = street.tick()
    assert [one.revision for one in told(out)] == [1, 2]
    assert [letter.reason.value for letter in street.letters()] == ["future_time"]
