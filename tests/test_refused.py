"""What is refused is told: each one where it lies, a flood as a summary that misses none, and nothing of what it said."""

import hashlib
import re
from collections import Counter
from random import Random

import msgspec
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from street import MINUTE_MS, START_MS, Street

from schemas.build import cloud_event
from schemas.encode import encode
from schemas.events import DeadLetter, Fault, Reason
from schemas.topics import ORDER_OF, ORDERED_NAMES
from streams.engine.refused import EACH_AT_MOST, Refused


def test_the_first_of_a_minute_are_told_one_by_one_and_the_rest_in_one_summary() -> None:
    refused = Refused(3)
    letters = [
        refused.take("home.sensors", n, Fault(Reason.NOT_JSON), b"secret %d" % n, START_MS) for n in range(10_000)
    ]
    assert [letter is not None for letter in letters] == [n < EACH_AT_MOST for n in range(10_000)]
    assert refused.flush(START_MS + 1000) == []  # the minute is not over
    (summary,) = refused.flush(START_MS + MINUTE_MS)
    assert (summary.offset, summary.last_offset, summary.count) == (EACH_AT_MOST, 9_999, 10_000 - EACH_AT_MOST)
    assert summary.partition == 3
    assert refused.flush(START_MS + 2 * MINUTE_MS) == []
    assert refused.take("home.sensors", 10_000, Fault(Reason.NOT_JSON), b"", START_MS + 2 * MINUTE_MS) is not None


def test_a_flood_of_one_topic_and_reason_hides_no_letter_of_another() -> None:
    refused = Refused(0)
    for n in range(1_000):
        refused.take("home.sensors", n, Fault(Reason.NOT_JSON), b"", START_MS)
    assert refused.take("home.sensors", 1, Fault(Reason.TOO_DEEP), b"", START_MS) is not None
    assert refused.take("phone.usage", 1, Fault(Reason.NOT_JSON), b"", START_MS) is not None


def _flood(refused: Refused, rnd: Random, clock_ms: int, records: int) -> tuple[list[DeadLetter], Counter[str]]:
    letters, taken = [], Counter[str]()
    for offset in range(records):
        topic, reason = rnd.choice(ORDERED_NAMES), rnd.choice([*Reason])
        if rnd.random() < 0.7:
            topic, reason = "home.sensors", Reason.NOT_JSON
        taken[f"{topic} {reason}"] += 1
        letter = refused.take(topic, offset, Fault(reason), b"x", clock_ms)
        letters += [] if letter is None else [letter]
    return letters, taken


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_every_refusal_is_told_or_counted_and_a_restart_forgets_none(seed: int) -> None:
    rnd = Random(seed)
    refused, clock_ms = Refused(0), START_MS
    told: list[DeadLetter] = []
    taken: Counter[str] = Counter()
    for _ in range(12):
        letters, more = _flood(refused, rnd, clock_ms, rnd.randrange(60))
        told += letters
        taken += more
        if rnd.random() < 0.4:
            packed = msgspec.msgpack.encode(refused.state())
            assert len(packed) < 100_000
            refused = Refused(0)
            refused.restore(msgspec.msgpack.decode(packed))
        if rnd.random() < 0.6:
            clock_ms += rnd.randrange(2 * MINUTE_MS)
            told += refused.flush(clock_ms)
    told += refused.flush(clock_ms + MINUTE_MS)
    counted: Counter[str] = Counter()
    for one in told:
        counted[f"{one.topic} {one.reason}"] += one.count
    assert counted == taken


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_letter_says_where_it_lies_and_how_long_it_is_and_nothing_of_what_it_said(value: bytes) -> None:
    letter = Refused(0).take("home.sensors", 7, Fault(Reason.NOT_JSON), value, START_MS)
    assert letter is not None
    assert (letter.offset, letter.length, letter.sha256) == (7, len(value), hashlib.sha256(value).hexdigest())
    assert len(letter.head) <= 64
    assert not set(re.findall(r"\w", letter.head)) - {"a", "9", "_"}
    encode(letter)


def test_each_reading_of_a_batch_stands_alone_and_is_counted() -> None:
    street = Street()
    street.register()
    street.tick()
    good = cloud_event(street.event("door", state="on"))
    bad = {**good, "id": "x", "time": "never"}
    street.put("home.sensors", b"h-1", encode([good, bad, {**good, "id": "y"}, bad, {"type": 1}]))
    street.tick()
    assert [(one.index, one.reason) for one in street.letters()] == [
        (1, Reason.BAD_TIME),
        (3, Reason.BAD_TIME),
        (4, Reason.MISSING_FIELD),
    ]
    assert street.readings()["applied"] == 2
    assert street.readings()["dead_letter"] == 3


def test_bad_data_on_every_topic_stops_nothing_and_the_letter_carries_the_key() -> None:
    street = Street()
    street.register()
    street.tick()
    for topic in ORDERED_NAMES:
        street.put(topic, b"h-\xff", b"{").put(topic, None, b"").put(topic, b"", None)
    street.happen("door", state="on")
    out = street.tick()
    assert street.readings()["applied"] == 1
    keys = {one.key for one in out if one.topic == "dead.letters"}
    assert keys == {b"h-\xff", b""}
    assert {letter.topic for letter in street.letters()} == {*ORDERED_NAMES}


def test_a_household_in_the_wrong_partition_is_refused_on_every_topic_that_is_keyed_by_it() -> None:
    street = Street(partitions=2)
    mine, other = (_name_in(street, here=here) for here in (True, False))
    for name in (mine, other):
        street.register(name)
        street.remove(name).register(name)
        street.send(street.event("door", name, state="on"), street.event("door", name, state="on"))
        street.put("responder.actions", name.encode(), _action(name))
    street.tick()
    reasons = Counter((one.topic, one.reason) for one in street.letters())
    assert reasons == {
        ("households", Reason.WRONG_KEY): 3,
        ("home.sensors", Reason.WRONG_KEY): 2,
        ("responder.actions", Reason.WRONG_KEY): 1,
    }
    assert street.partition.names() == [mine]


def _name_in(street: Street, *, here: bool) -> str:
    return next(name for n in range(99) if street.partition._roster.is_mine(name := f"h-{n}") is here)


def _action(household: str) -> bytes:
    words = {"id": "a", "incident": "i", "action": "note", "revision": 1, "who": "o", "at": "2026-09-01T00:00:00Z"}
    return orjson.dumps({"household": household, **words})


def test_a_flood_of_rubbish_leaves_the_state_small_and_one_summary_a_minute() -> None:
    street = Street()
    street.register()
    street.tick()
    for _ in range(3):
        for n in range(2_000):
            street.put("home.sensors", b"h-%d" % n, b"{" * 2_000)
        out = street.tick()
        assert sum(one.topic == "dead.letters" for one in out) == EACH_AT_MOST + 1
    (position,) = [value for key, value in street.keep() if key.startswith(b"!position")]
    assert position is not None
    assert len(position) < 3_000
    assert street.partition.households == 1
    assert street.partition.counts.refused["home.sensors", "too_deep"] == 6_000
    assert street.partition.counts.records[ORDER_OF["home.sensors"]] == 6_000
