"""Any bytes whatever give records or faults; good readings are never lost to bad neighbours."""

import copy
import json
import pickle
import tracemalloc
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import decode as decode_module
from schemas.actions import ResponderAction
from schemas.alerts import PublicAlert
from schemas.build import cloud_event, encode_events
from schemas.decode import decode
from schemas.district import DistrictCounts, DistrictState
from schemas.encode import encode
from schemas.envelope import Envelope
from schemas.events import (
    MAX_DEPTH,
    MAX_MESSAGE_BYTES,
    MAX_READINGS,
    TICK_KEY,
    CloudEvent,
    Data,
    Event,
    Fault,
    Reason,
    Tick,
)
from schemas.examples import AT_MS, EVENTS, HOUSEHOLD, RECORDS, wire_examples
from schemas.households import HouseholdRecord, Removal
from schemas.profiles import Profile
from schemas.refusals import nests_too_deep, split_array
from schemas.times import EARLIEST_MS, LATEST_MS
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from schemas.vocabulary import BY_NAME, KINDS, CareTopic, DisasterAnswer, Distress, Form, Level

KEY = HOUSEHOLD.encode()
RECORD_TYPES = (
    Event,
    HouseholdRecord,
    Removal,
    ResponderAction,
    PublicAlert,
    DistrictCounts,
    DistrictState,
    Profile,
    Tick,
    Fault,
)
MOTION = cloud_event(EVENTS["motion"])
TOPIC_OF = {
    "household": "households",
    "responder_action": "responder.actions",
    "public_alert": "public.alerts",
    "district_counts": "district.counts",
    "district_state": "district.state",
    "profile": "profile",
}


def said(thing: Any, topic: str = "home.sensors", key: bytes | None = KEY) -> list[Any]:
    return decode(topic, key, thing if isinstance(thing, bytes | None) else orjson.dumps(thing))


def only(thing: Any, topic: str = "home.sensors", key: bytes | None = KEY) -> Any:
    found = said(thing, topic, key)
    assert len(found) == 1
    return found[0]


def without(thing: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if key != name}


def raw(**fields: bytes) -> bytes:
    """The motion event with some fields replaced by raw bytes."""
    whole = {name: orjson.dumps(value) for name, value in MOTION.items()} | fields
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in whole.items()) + b"}"


# What is sound is decoded.


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_an_event_of_every_kind_comes_back_as_it_was(kind: str) -> None:
    event = EVENTS[kind]
    assert said(encode_events([event]), BY_NAME[kind].topic) == [event]


@pytest.mark.parametrize("name", sorted(TOPIC_OF))
def test_every_record_beside_events_comes_back_as_it_was(name: str) -> None:
    assert said(encode(RECORDS[name]), TOPIC_OF[name]) == [RECORDS[name]]


@pytest.mark.parametrize("topic", ORDERED_NAMES)
def test_a_tick_is_a_tick_on_every_input(topic: str) -> None:
    assert decode(topic, TICK_KEY, encode(RECORDS["tick"])) == [Tick(AT_MS)]
    assert only({"tick": EARLIEST_MS - 1}, topic, TICK_KEY) == Fault(Reason.IMPOSSIBLE_TIME, 0, "tick")
    assert only({"tick": True}, topic, TICK_KEY) == Fault(Reason.WRONG_TYPE, 0, "tick")
    assert only(None, topic, TICK_KEY) == Fault(Reason.MISSING_FIELD, 0, "value")


def test_an_array_gives_its_events_in_their_order() -> None:
    events = [EVENTS["motion"], EVENTS["door"], EVENTS["gas"]]
    assert said(encode_events(events)) == events


def test_an_empty_array_names_no_source_and_gives_nothing() -> None:
    assert said(b"[]") == []
    assert said(b" [ ]\n") == []


def test_a_null_household_message_is_a_removal() -> None:
    assert decode("households", KEY, None) == [Removal(HOUSEHOLD)]
    assert only(None, "households", b"not a pseudonym") == Fault(Reason.WRONG_KEY, 0, "key")
    assert only(None, "households", None) == Fault(Reason.WRONG_KEY, 0, "key")


def test_unknown_fields_are_ignored_in_the_event_and_in_its_data() -> None:
    event = MOTION | {"traceparent": "00-1", "deep": {"a": [{}]}, "datacontenttype": "application/json"}
    event["data"] = event["data"] | {"firmware": {"v": [1, 2]}, "rssi": -71}
    assert said(event) == [EVENTS["motion"]]
    assert type(only(event).data) is Data


def test_of_a_field_that_stands_twice_the_last_counts() -> None:
    assert only(raw()[:-1] + b',"id":"second"}').id == "second"


def test_white_space_around_a_message_is_no_fault() -> None:
    assert said(b" \n\t" + encode_events([EVENTS["motion"]]) + b"\r\n") == [EVENTS["motion"]]


def test_events_of_a_household_share_their_strings() -> None:
    first, second = said([MOTION, MOTION | {"id": "other"}])
    assert first.household is second.household
    assert first.source is second.source


# What is not sound is a fault with its reason.

SURROGATE = rb'"a\ud800b"'
FAULTS: list[tuple[str, Any, Reason, str]] = [
    ("bytes that are not UTF-8", raw(id=b'"\xff"'), Reason.NOT_UTF8, ""),
    ("a surrogate in UTF-8", raw(id=b'"\xed\xa0\x80"'), Reason.NOT_UTF8, ""),
    ("bytes that are not UTF-8 in an unknown field", raw(x=b'"\xc3("'), Reason.NOT_UTF8, ""),
    ("nothing", b"", Reason.NOT_JSON, ""),
    ("white space", b" \n ", Reason.NOT_JSON, ""),
    ("a word", b"hello", Reason.NOT_JSON, ""),
    ("an object cut off", raw()[:-3], Reason.NOT_JSON, ""),
    ("rubbish after an object", raw() + b"x", Reason.NOT_JSON, ""),
    ("a second object", raw() + raw(), Reason.NOT_JSON, ""),
    ("an array cut off", b"[" + raw() + b",", Reason.NOT_JSON, "array"),
    ("rubbish after an array", b"[" + raw() + b"] x", Reason.NOT_JSON, "array"),
    ("an array closed by a brace", b"[" + raw() + b"}", Reason.NOT_JSON, "array"),
    ("a byte order mark", b"\xef\xbb\xbf" + raw(), Reason.NOT_JSON, ""),
    ("a NUL byte", raw(id=b'"a\x00"'), Reason.NOT_JSON, ""),
    ("NUL bytes alone", b"\x00" * 10, Reason.NOT_JSON, ""),
    ("a leading zero", raw(data=b'{"value":01}'), Reason.NOT_JSON, ""),
    ("a lone surrogate", raw(id=SURROGATE), Reason.LONE_SURROGATE, ""),
    ("a lone second half", raw(id=rb'"\udc00"'), Reason.LONE_SURROGATE, ""),
    ("a lone surrogate in data", raw(data=b'{"device":%s}' % SURROGATE), Reason.LONE_SURROGATE, ""),
    ("a lone surrogate in a key", raw()[:-1] + b",%s:1}" % SURROGATE, Reason.LONE_SURROGATE, ""),
    ("a message too large", raw(x=b'"%s"' % (b"x" * MAX_MESSAGE_BYTES)), Reason.TOO_LARGE, ""),
    ("a string of a megabyte", b'"%s"' % (b"x" * 1_000_000), Reason.TOO_LARGE, ""),
    ("too many readings", b"[" + b"1," * 5000 + b"1]", Reason.TOO_LARGE, "readings"),
    ("100,000 brackets", raw(x=b"[" * 100_000 + b"]" * 100_000), Reason.TOO_DEEP, ""),
    ("100,000 braces", b'{"a":' * 40_000 + b"1" + b"}" * 40_000, Reason.TOO_DEEP, ""),
    ("unclosed braces", b'{"a":' * 50_000, Reason.TOO_DEEP, ""),
    ("one level too many", raw(x=b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), Reason.TOO_DEEP, ""),
    ("no id", without(MOTION, "id"), Reason.MISSING_FIELD, "id"),
    ("no type", without(MOTION, "type"), Reason.MISSING_FIELD, "type"),
    ("no version", without(MOTION, "specversion"), Reason.MISSING_FIELD, "specversion"),
    ("no time", without(MOTION, "time"), Reason.MISSING_FIELD, "time"),
    ("a null message", None, Reason.MISSING_FIELD, "value"),
    ("a switch without state", MOTION | {"type": "anbu.door.v1", "data": {}}, Reason.MISSING_FIELD, "data.state"),
    ("a number without value", MOTION | {"type": "anbu.water.v1", "data": {}}, Reason.MISSING_FIELD, "data.value"),
    (
        "a number with null",
        MOTION | {"type": "anbu.water.v1", "data": {"value": None}},
        Reason.MISSING_FIELD,
        "data.value",
    ),
    ("no object", b"42", Reason.WRONG_TYPE, "event"),
    ("null in JSON", b"null", Reason.WRONG_TYPE, "event"),
    ("an id that is a number", MOTION | {"id": 7}, Reason.WRONG_TYPE, "id"),
    ("an empty id", MOTION | {"id": ""}, Reason.WRONG_TYPE, "id"),
    ("an id of 129", MOTION | {"id": "x" * 129}, Reason.WRONG_TYPE, "id"),
    ("an id with a control character", MOTION | {"id": "a\x1b[31m"}, Reason.WRONG_TYPE, "id"),
    ("an id with an escaped NUL", MOTION | {"id": "a\0"}, Reason.WRONG_TYPE, "id"),
    ("a device with a line break", MOTION | {"data": {"device": "a\nb"}}, Reason.WRONG_TYPE, "data.device"),
    ("data that is null", MOTION | {"data": None}, Reason.WRONG_TYPE, "data"),
    ("true for a number", MOTION | {"data": {"value": True}}, Reason.WRONG_TYPE, "data.value"),
    ("text for a number", MOTION | {"data": {"value": "21.5"}}, Reason.WRONG_TYPE, "data.value"),
    ("a measurement beyond sense", MOTION | {"data": {"value": 1e300}}, Reason.WRONG_TYPE, "data.value"),
    ("a huge whole number", raw(data=b'{"count":%s}' % (b"9" * 60)), Reason.WRONG_TYPE, "data.count"),
    ("a state of its own", MOTION | {"data": {"state": "open"}}, Reason.WRONG_TYPE, "data.state"),
    ("a source without channel", MOTION | {"source": "gw-1"}, Reason.WRONG_TYPE, "source"),
    ("a source of no channel", MOTION | {"source": "/camera/1"}, Reason.WRONG_TYPE, "source"),
    ("a source without name", MOTION | {"source": "/sensors/"}, Reason.WRONG_TYPE, "source"),
    ("a source with a line break", MOTION | {"source": "/sensors/gw\n"}, Reason.WRONG_TYPE, "source"),
    ("a source with a long name", MOTION | {"source": "/sensors/" + "x" * 65}, Reason.WRONG_TYPE, "source"),
    ("NaN", raw(data=b'{"value":NaN}'), Reason.NON_FINITE, ""),
    ("Infinity", raw(data=b'{"value":-Infinity}'), Reason.NON_FINITE, ""),
    ("1e999", raw(data=b'{"value":1e999}'), Reason.NON_FINITE, ""),
    ("a whole number of 5,000 digits", raw(data=b'{"value":%s}' % (b"9" * 5000)), Reason.NON_FINITE, ""),
    ("a word for a time", MOTION | {"time": "yesterday"}, Reason.BAD_TIME, "time"),
    ("a time without offset", MOTION | {"time": "2026-11-24T00:13:54"}, Reason.BAD_TIME, "time"),
    ("a week date", MOTION | {"time": "2026-W48-2T00:13:54Z"}, Reason.BAD_TIME, "time"),
    ("other digits", MOTION | {"time": "２０２６-11-24T00:13:54Z"}, Reason.BAD_TIME, "time"),
    ("a time of 100,000 letters", MOTION | {"time": "2026-11-24T00:13:54." + "1" * 100_000}, Reason.BAD_TIME, "time"),
    ("the 30th of February", MOTION | {"time": "2026-02-30T00:00:00Z"}, Reason.IMPOSSIBLE_TIME, "time"),
    ("the 61st minute", MOTION | {"time": "2026-02-03T00:61:00Z"}, Reason.IMPOSSIBLE_TIME, "time"),
    ("an offset of 99 hours", MOTION | {"time": "2026-02-03T00:01:00+99:00"}, Reason.IMPOSSIBLE_TIME, "time"),
    ("1970", MOTION | {"time": "1970-01-01T00:00:00Z"}, Reason.IMPOSSIBLE_TIME, "time"),
    ("the year 0", MOTION | {"time": "0000-01-01T00:00:00Z"}, Reason.IMPOSSIBLE_TIME, "time"),
    ("2100", MOTION | {"time": "2100-01-01T00:00:00Z"}, Reason.IMPOSSIBLE_TIME, "time"),
    ("another household", MOTION | {"subject": "h-000124"}, Reason.WRONG_KEY, "subject"),
    ("a type nobody knows", MOTION | {"type": "anbu.moron.v1"}, Reason.UNKNOWN_TYPE, "type"),
    ("a version to come, with other data", MOTION | {"type": "anbu.motion.v2", "data": 7}, Reason.UNKNOWN_TYPE, "type"),
    ("a kind of another topic", MOTION | {"type": "anbu.unlock.v1"}, Reason.UNKNOWN_TYPE, "topic"),
    ("another CloudEvents", MOTION | {"specversion": "0.3"}, Reason.UNKNOWN_TYPE, "specversion"),
    ("no household", without(MOTION, "subject"), Reason.NO_HOUSEHOLD, "subject"),
    ("a household that is null", MOTION | {"subject": None}, Reason.NO_HOUSEHOLD, "subject"),
    ("a name for a household", MOTION | {"subject": "Kim Young-hee"}, Reason.NO_HOUSEHOLD, "subject"),
]


@pytest.mark.parametrize(("value", "reason", "detail"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_has_its_reason(value: Any, reason: Reason, detail: str) -> None:
    assert only(value) == Fault(reason, 0, detail)


def test_every_reason_but_the_engines_has_an_example() -> None:
    assert {row[2] for row in FAULTS} == set(Reason) - {Reason.FUTURE_TIME}


def test_without_its_defect_the_example_is_sound() -> None:
    assert isinstance(only(raw()), Event)
    assert isinstance(only(raw(x=b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))), Event)
    assert isinstance(only(raw(x=b'"%s"' % (b"[{" * 50))), Event), "brackets in a text are no depth"
    assert isinstance(only(raw(id=rb'"\ud83d\ude00"')), Event), "a pair of surrogates is a character"


@pytest.mark.parametrize("key", [None, b"", b"h-000124", b"\xff", b"h 1", b"h-000123\n", b"x" * 65])
def test_a_key_that_is_not_the_household_is_a_wrong_key(key: bytes | None) -> None:
    assert only(MOTION, key=key).reason == Reason.WRONG_KEY
    assert only(MOTION | {"subject": "?"}, key=key).reason == Reason.NO_HOUSEHOLD
    for name in ("household", "responder_action"):
        assert only(encode(RECORDS[name]), TOPIC_OF[name], key) == Fault(Reason.WRONG_KEY, 0, "key")


def test_complete_until_needs_a_moment() -> None:
    event = cloud_event(EVENTS["complete_until"])
    for until, reason in [
        (None, Reason.MISSING_FIELD),
        ("soon", Reason.BAD_TIME),
        ("1999-01-01T00:00:00Z", Reason.IMPOSSIBLE_TIME),
    ]:
        assert only(event | {"data": {"until": until}}, "phone.usage") == Fault(reason, 0, "data.until")


def test_a_fault_never_holds_a_value() -> None:
    name = "kimyounghee"
    for event in (
        MOTION | {"data": {"state": name}},
        MOTION | {"data": {"topics": {name: "ok"}}},
        MOTION | {"data": {"codes": [name]}},
        MOTION | {"specversion": name},
        MOTION | {"type": name},
        MOTION | {"source": name},
        MOTION | {"time": name},
        MOTION | {name: 1, "id": 7},
        [name],
    ):
        fault = only(event)
        assert isinstance(fault, Fault)
        assert name not in fault.detail


# In an array each reading stands alone.


def test_good_readings_of_an_array_apply_beside_bad_ones() -> None:
    good = encode_events([EVENTS["motion"]])
    bad = [b"nonsense", raw(id=b'"\xff"'), b"[]", raw(data=b'{"value":NaN}'), raw(x=b"[" * 50 + b"]" * 50), b""]
    bad.append(encode(MOTION | {"subject": "h-000124"}))
    wanted = [
        Reason.NOT_JSON,
        Reason.NOT_UTF8,
        Reason.WRONG_TYPE,
        Reason.NON_FINITE,
        Reason.TOO_DEEP,
        Reason.NOT_JSON,
        Reason.WRONG_KEY,
    ]
    for part, reason in zip(bad, wanted, strict=True):
        first, fault, last = said(b"[" + b" , ".join([good, part, good]) + b"]")
        assert (first, last) == (EVENTS["motion"], EVENTS["motion"])
        assert (fault.reason, fault.index) == (reason, 1)


def test_an_array_of_the_most_readings_is_read_and_one_more_is_not() -> None:
    assert len(said(b"[" + b",".join([b"1"] * MAX_READINGS) + b"]")) == MAX_READINGS
    assert only(b"[" + b",".join([b"1"] * (MAX_READINGS + 1)) + b"]").reason == Reason.TOO_LARGE


plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
trees = st.recursive(
    plain, lambda t: st.lists(t, max_size=3) | st.dictionaries(st.text(max_size=5), t, max_size=3), max_leaves=6
)
fields = st.sampled_from(
    [*MOTION, "data.state", "data.value", "data.device", "data.until", "data.topics", "data.codes", "data.count"]
)
words = st.sampled_from(
    [
        "on",
        "off",
        "1.0",
        *(kind.type for kind in KINDS[:12]),
        HOUSEHOLD,
        "2026-02-30T00:00:00Z",
        "2026-02-03T10:00:00+09:00",
    ]
)


@st.composite
def bent_events(draw: st.DrawFn) -> dict[str, Any]:
    """A sound event of some kind in which a few fields were put to something else, or taken away."""
    event = cloud_event(EVENTS[draw(st.sampled_from([kind.name for kind in KINDS if kind.topic == "home.sensors"]))])
    event = json.loads(json.dumps(event))
    for name in draw(st.lists(fields, max_size=2)):
        place, _, inner = name.partition(".")
        if inner and not isinstance(event.get("data", {}), dict):
            continue
        target = event.setdefault("data", {}) if inner else event
        if draw(st.booleans()):
            target.pop(inner or place, None)
        else:
            target[inner or place] = draw(words | trees)
    return event


@settings(max_examples=150)
@given(st.lists(bent_events(), min_size=1, max_size=4))
def test_a_reading_says_the_same_alone_and_in_an_array(events: list[dict[str, Any]]) -> None:
    together = said(json.dumps(events).encode())
    alone = [only(json.dumps(event).encode()) for event in events]
    assert together == [
        msgspec.structs.replace(found, index=i) if isinstance(found, Fault) else found for i, found in enumerate(alone)
    ]


@settings(max_examples=150)
@given(bent_events())
def test_an_unknown_field_changes_nothing(event: dict[str, Any]) -> None:
    assert said(json.dumps(event).encode()) == said(json.dumps(event | {"vendor": 1}).encode())


def test_the_two_ways_are_both_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law above would hold by accident if the fast way were never taken."""
    slow: list[bytes | None] = []
    real = decode_module._slowly

    def noting(topic: str, rows: Any, household: str, value: bytes | None) -> Any:
        slow.append(value)
        return real(topic, rows, household, value)

    monkeypatch.setattr(decode_module, "_slowly", noting)
    said(MOTION)
    said([MOTION, MOTION])
    assert slow == []
    said(MOTION | {"vendor": 1})
    assert len(slow) == 1


def test_the_fast_way_asks_for_what_the_form_of_an_event_asks_for() -> None:
    """Its fields stand there a second time, in another order: one that was forgotten would send every message the slow way."""
    of_form, of_fast = ({f.name: f.required for f in msgspec.structs.fields(one)} for one in (CloudEvent, Envelope))
    assert of_fast == of_form | {"datacontenttype": False, "dataschema": False}


def test_events_are_equal_when_all_that_they_say_is() -> None:
    event = EVENTS["door"]
    same = Event(*event.fields())
    assert same == event
    assert hash(same) == hash(event)
    changes = {"household": "h", "kind": "k", "source": "/s/1", "id": "i", "at_ms": 1, "data": Data(), "until_ms": 1}
    for name, value in changes.items():
        other = event.with_(**{name: value})
        assert other != event, name
        assert getattr(other, name) == value
    assert event == same, "the one that they were made from is as it was"


# Never an exception.

keys = st.none() | st.sampled_from([KEY, TICK_KEY, b""]) | st.binary(max_size=8)
topics = st.sampled_from([*ORDERED_NAMES, "no.such.topic"])


def check(topic: str, key: bytes | None, value: bytes | None) -> None:
    found = decode(topic, key, value)
    assert all(isinstance(record, RECORD_TYPES) for record in found)
    assert decode(topic, key, value) == found
    for record in found:
        if isinstance(record, Event):
            assert record.household.encode() == key
            assert EARLIEST_MS <= record.at_ms < LATEST_MS
            encode_events([record])  # whatever is kept can be written again
        else:
            encode(record)


@given(topics, keys, st.none() | st.binary(max_size=200))
def test_any_bytes_give_records_or_faults(topic: str, key: bytes | None, value: bytes | None) -> None:
    check(topic, key, value)


@given(topics, keys, trees)
def test_any_json_gives_records_or_faults(topic: str, key: bytes | None, tree: Any) -> None:
    check(topic, key, json.dumps(tree).encode())


SOUND = [
    (BY_NAME[kind].topic, encode_events([event, event][: 1 + i % 2])) for i, (kind, event) in enumerate(EVENTS.items())
]
SOUND += [(topic, encode(RECORDS[name])) for name, topic in TOPIC_OF.items()]
SCRAPS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"NaN",
    b"1e999",
    rb"\ud800",
    b"\xff",
    b"\0",
    b"-",
    b"9" * 50,
    b"true",
]


@settings(max_examples=300)
@given(
    st.sampled_from(SOUND),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 12), st.sampled_from(SCRAPS) | st.binary(max_size=4)), max_size=4
    ),
)
@example(("home.sensors", encode_events([EVENTS["motion"]])), [])
def test_a_sound_message_that_was_damaged_gives_records_or_faults(
    sound: tuple[str, bytes], damage: list[tuple[int, int, bytes]]
) -> None:
    topic, value = sound
    for at, length, scrap in damage:
        place = at % (len(value) + 1)
        value = value[:place] + scrap + value[place + length :]
    check(topic, KEY, value)


@pytest.mark.parametrize("name", sorted(TOPIC_OF))
@settings(max_examples=40)
@given(data=st.data())
def test_a_record_beside_events_with_a_bent_field_gives_a_record_or_a_fault(name: str, data: st.DataObject) -> None:
    tree = dict(wire_examples()[name])
    tree[data.draw(st.sampled_from(sorted(tree)))] = data.draw(trees)
    check(TOPIC_OF[name], KEY, json.dumps(tree).encode())


QUOTES = rb"\"" * 100_000
ADVERSARIAL = {
    "brackets": b"[" * MAX_MESSAGE_BYTES,
    "closed brackets": b"[" * 130_000 + b"]" * 130_000,
    "mixed": b'[{"a":' * 40_000,
    "closing only": b"]" * MAX_MESSAGE_BYTES,
    "commas": b"[" + b"," * 260_000 + b"]",
    "empty objects": b"[" + b"{}," * 80_000 + b"{}]",
    "an unterminated text of escaped quotes": b'["' + QUOTES,
    "escaped quotes and depth": b'{"a":"' + QUOTES + b'",' + b'"b":[[[[[[[[[[',
    "backslashes": b'["' + b"\\" * 200_000,
    "quotes": b"[" + b'"' * 200_001,
    "a long number": b"[" + b"9" * 250_000 + b"]",
    "keys": b"{" + b",".join(b'"k%d":1' % i for i in range(20_000)) + b"}",
    "the same key": b"{" + b",".join([b'"id":1'] * 30_000) + b"}",
    "nulls": b"\0" * MAX_MESSAGE_BYTES,
}


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_a_hostile_message_costs_bounded_memory(name: str) -> None:
    value = ADVERSARIAL[name]
    assert len(value) <= MAX_MESSAGE_BYTES
    tracemalloc.start()
    try:
        found = decode("home.sensors", KEY, value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found
    assert all(isinstance(record, Fault) for record in found)
    assert len(found) <= MAX_READINGS
    assert peak < 32_000_000


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",\\ab', max_size=60).map(str.encode))
def test_the_array_cutter_agrees_with_a_json_parser(value: bytes) -> None:
    try:
        tree = json.loads(value)
    except (ValueError, RecursionError):
        tree = None
    if isinstance(tree, list):
        parts = split_array(value)
        assert isinstance(parts, list)
        assert [json.loads(part) for part in parts] == tree
        assert nests_too_deep(value, _depth(tree) - 1)
        assert not nests_too_deep(value, _depth(tree))
    else:
        assert not isinstance(split_array(value), list) or tree is None


def _depth(tree: Any) -> int:
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


# Encoding and decoding are inverse.


@st.composite
def sound_events(draw: st.DrawFn) -> Event:
    """An event as a sender may make it: the fields of its form, and any others that fit."""
    kind = draw(st.sampled_from(KINDS))
    some = st.none() | st.floats(0, 1e9, allow_nan=False)
    until_ms = draw(st.integers(EARLIEST_MS, LATEST_MS - 1))
    until = json.loads(encode_events([Event("h", "complete_until", "/phone/p", "i", 0, until_ms=until_ms)]))["data"][
        "until"
    ]
    data = Data(
        device=draw(st.text(alphabet="abc-가나1 ", max_size=20)),
        state=draw(st.sampled_from(["on", "off"] if kind.form == Form.SWITCH else ["on", "off", None])),
        value=draw(st.floats(-1e12, 1e12)) if kind.form == Form.NUMBER else draw(some),
        count=draw(st.none() | st.integers(0, 1000)),
        over_s=draw(some),
        exit=draw(st.booleans()),
        until=until if kind.form == Form.UNTIL else None,
        topics=draw(st.none() | st.dictionaries(st.sampled_from(CareTopic), st.sampled_from(Level), max_size=7)),
        resolved=draw(st.none() | st.lists(st.sampled_from(CareTopic), max_size=3)),
        disaster=draw(st.none() | st.sampled_from(DisasterAnswer)),
        codes=draw(st.none() | st.lists(st.sampled_from(Distress), max_size=3)),
        duration_s=draw(some),
    )
    at_ms = draw(st.integers(EARLIEST_MS, LATEST_MS - 1))
    name = draw(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
    id_ = draw(
        st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=20).filter(
            str.isprintable
        )
    )
    return Event(
        name, kind.name, "/sensors/gw-1/zigbee.2", id_, at_ms, data, until_ms if kind.form == Form.UNTIL else 0
    )


@settings(max_examples=150)
@given(sound_events())
def test_what_is_encoded_is_decoded_to_the_same_event(event: Event) -> None:
    topic = BY_NAME[event.kind].topic
    assert topic in EVENT_TOPICS
    assert decode(topic, event.household.encode(), encode_events([event])) == [event]
    assert decode(topic, event.household.encode(), encode_events([event, event])) == [event, event]


def test_events_of_two_households_do_not_fit_into_a_message() -> None:
    other = EVENTS["motion"].with_(household="h-000124")
    with pytest.raises(ValueError, match="one household"):
        encode_events([EVENTS["motion"], other])


def test_an_event_reaches_another_process_as_it_is() -> None:
    """The benchmarks give homes to a pool of processes; a class that is compiled cannot be made without its fields."""
    event = EVENTS["motion"]
    assert isinstance(event, Event)
    through = pickle.loads(pickle.dumps(event))  # noqa: S301 - our own bytes
    for again in (through, copy.deepcopy(event)):
        assert again == event
        assert again is not event
