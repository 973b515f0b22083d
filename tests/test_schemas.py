"""What is written: generated documents, golden files, times, partitions, dead letters, checks."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import jsonschema
import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.partitioner import murmur2 as kafka_murmur2
from msgspec.structs import replace

from schemas import generate, times
from schemas.asyncapi import document
from schemas.build import cloud_event, encode_events
from schemas.checks import (
    check_action,
    check_alert,
    check_counts,
    check_district,
    check_household,
    check_profile,
    is_time_zone,
)
from schemas.deadletters import dead_letter, flood_summary, masked
from schemas.decode import decode
from schemas.district import Counted, Heard, Lesson
from schemas.encode import encode
from schemas.events import DeadLetter, Fault, Reason
from schemas.examples import AT_MS, EVENTS, HOUSEHOLD, RECORDS, wire_examples
from schemas.households import Absence, HouseholdRecord, Rung, Source
from schemas.jsonschemas import TYPES, references, schemas
from schemas.partitions import murmur2, partition_of
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import (
    EARLIEST_MS,
    EPOCH,
    LATEST_MS,
    ImpossibleTimeError,
    LastMinute,
    by_digits,
    from_rfc3339,
    to_rfc3339,
)
from schemas.topics import ALL, ORDERED
from schemas.vocabulary import BY_NAME, KINDS, Form

ROOT = Path(__file__).resolve().parents[1]
GOLDENS = ROOT / "tests" / "goldens"
REGENERATE = os.environ.get("ANBU_REGENERATE") == "1"
SCHEMAS = schemas()


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=jsonschema.FormatChecker())


# Generated documents.


def test_what_is_checked_in_is_what_the_types_say() -> None:
    assert generate.drifted() == [], "run: python -m schemas.generate"


def test_a_changed_a_missing_and_a_left_over_file_are_each_found(tmp_path: Path) -> None:
    for path, data in generate.files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert generate.drifted(tmp_path) == []
    folder = Path("schemas/json")
    (tmp_path / folder / "tick.json").write_bytes(b"{}")
    (tmp_path / folder / "event.json").unlink()
    (tmp_path / folder / "old.json").write_bytes(b"{}")
    page = tmp_path / generate.EVENTS_PAGE
    page.write_text(page.read_text(encoding="utf-8").replace("`anbu.gas.v1`", "`anbu.gas.v0`"), encoding="utf-8")
    names = ["event.json", "tick.json", "old.json"]
    assert sorted(generate.drifted(tmp_path)) == sorted([*(folder / name for name in names), generate.EVENTS_PAGE])


def test_the_check_is_a_command() -> None:
    command = [sys.executable, "-m", "schemas.generate", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    own = {f"#/$defs/{kind}" for kind in SCHEMAS[name]["$defs"]}
    assert set(references(SCHEMAS[name])) <= own


def test_every_kind_has_an_example_that_fits_the_schema_and_decodes() -> None:
    assert list(EVENTS) == [kind.name for kind in KINDS]
    for name, event in EVENTS.items():
        wire = cloud_event(event)
        validator("event").validate(wire)
        validator("message").validate(wire)
        validator("message").validate([wire, wire])
        assert decode(BY_NAME[name].topic, HOUSEHOLD.encode(), encode_events([event])) == [event]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_other_type_has_an_example_that_fits_its_schema(name: str) -> None:
    validator(name).validate(wire_examples()[name])
    assert msgspec.json.decode(encode(RECORDS[name]), type=TYPES[name]) == RECORDS[name]


def test_the_schema_refuses_what_the_decoder_refuses() -> None:
    motion, door = cloud_event(EVENTS["motion"]), cloud_event(EVENTS["door"])
    bad: list[dict[str, Any]] = [
        {name: value for name, value in motion.items() if name != "subject"},
        motion | {"type": "anbu.motion.v2"},
        motion | {"source": "gw-1"},
        motion | {"subject": "two words"},
        motion | {"id": ""},
        motion | {"id": "x" * 129},
        motion | {"data": {"state": "open"}},
        motion | {"data": {"value": 1e13}},
        motion | {"data": {"count": 1.5}},
        door | {"data": {}},
        door | {"data": {"state": None}},
        {name: value for name, value in door.items() if name != "data"},
    ]
    for event in bad:
        assert not validator("event").is_valid(event)
        assert isinstance(decode("home.sensors", HOUSEHOLD.encode(), encode(event))[0], Fault)
    extended = motion | {"vendor": 1}
    assert validator("event").is_valid(extended)
    assert decode("home.sensors", HOUSEHOLD.encode(), encode(extended)) == [EVENTS["motion"]]


def test_the_asyncapi_document_names_every_topic_and_its_references_resolve() -> None:
    found = document()
    assert found["asyncapi"] == "3.0.0"
    assert set(found["channels"]) == {topic.name for topic in ALL}
    channels = [operation["channel"]["$ref"] for operation in found["operations"].values()]
    assert sorted(channels) == sorted(f"#/channels/{topic.name}" for topic in ALL)
    for reference in references(found):
        target: Any = found
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert isinstance(target, dict)
    for topic in ALL:
        channel = found["channels"][topic.name]
        kafka = channel["bindings"]["kafka"]["topicConfiguration"]
        assert kafka.get("retention.ms", 0) == topic.retention_ms
        assert ("tick" in channel["messages"]) == (topic in ORDERED)
    used = {name for channel in found["channels"].values() for name in channel["messages"]}
    assert used == set(found["components"]["messages"])


def test_every_example_of_the_asyncapi_document_fits_its_message() -> None:
    found = document()
    for message in found["components"]["messages"].values():
        schema = {"components": found["components"], **message["payload"]}
        for shown in message.get("examples", []):
            jsonschema.Draft202012Validator(schema).validate(shown["payload"])


def test_the_page_about_events_names_every_kind_and_every_reason() -> None:
    page = (ROOT / generate.EVENTS_PAGE).read_text(encoding="utf-8")
    assert all(f"`{kind.type}`" in page for kind in KINDS)
    assert all(f"| `{reason}` |" in page for reason in Reason)


# Golden files: the exact bytes on the wire.

WIRE = {name: encode(thing) for name, thing in wire_examples().items()}


@pytest.mark.parametrize("name", sorted(WIRE))
def test_the_bytes_on_the_wire_are_those_of_the_golden_file(name: str) -> None:
    golden = GOLDENS / f"{name}.json"
    if REGENERATE:
        GOLDENS.mkdir(exist_ok=True)
        golden.write_bytes(WIRE[name])
    assert golden.read_bytes() == WIRE[name], "after an intended change: ANBU_REGENERATE=1 make test"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDENS.glob("*.json")} == set(WIRE)


# Times.


@given(st.integers(EARLIEST_MS, LATEST_MS - 1))
def test_a_time_written_is_read_as_it_was(at_ms: int) -> None:
    assert from_rfc3339(to_rfc3339(at_ms)) == at_ms


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)),  # noqa: DTZ001 - the offset comes from the other strategy
    st.integers(-1439, 1439),
    st.integers(0, 9),
    st.sampled_from("Tt "),
)
def test_a_time_with_any_offset_and_any_digits_is_the_moment_it_names(
    local: datetime, offset_min: int, digits: int, separator: str
) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    sign = "-" if offset_min < 0 else "+"
    offset = f"{sign}{abs(offset_min) // 60:02d}:{abs(offset_min) % 60:02d}"
    fraction = f".{local.microsecond:06d}999"[: digits + 1] if digits else ""
    text = f"{local:%Y-%m-%d}{separator}{local:%H:%M:%S}{fraction}{offset}"
    whole_ms = (moment.replace(microsecond=0) - EPOCH) // timedelta(milliseconds=1)
    wanted = whole_ms + int(f"{local.microsecond:06d}"[: min(digits, 3)].ljust(3, "0"))
    assert from_rfc3339(text) == wanted
    assert from_rfc3339(text) == wanted, "and from memory"


def test_a_finer_time_is_cut_never_rounded() -> None:
    second_ms = from_rfc3339("2026-11-24T00:13:54Z")
    assert from_rfc3339("2026-11-24T00:13:54.1239999999Z") == second_ms + 123
    assert from_rfc3339("2026-11-24T00:13:54.9999999+00:00") == second_ms + 999
    assert from_rfc3339("2026-11-24t00:13:54.5z") == second_ms + 500
    assert from_rfc3339("2026-11-24T00:13:54.5-00:00") == second_ms + 500


@given(st.text(alphabet="0123456789-:.TtZz+ ", max_size=32) | st.text(max_size=32))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        at_ms = from_rfc3339(text)
    except ValueError:
        return
    assert EARLIEST_MS <= at_ms < LATEST_MS


_NEARLY: Final = st.builds(
    "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}{}".format,
    st.sampled_from([1999, 2000, 2023, 2024, 2099, 2100]),
    st.integers(0, 13),
    st.sampled_from([0, 1, 28, 29, 30, 31, 32]),
    st.sampled_from("Tt x"),
    st.sampled_from([0, 12, 23, 24]),
    st.sampled_from([0, 59, 60]),
    st.sampled_from([0, 59, 60]),
    st.just("") | st.text("0123456789", max_size=10).map(lambda digits: f".{digits}"),
    st.sampled_from(["Z", "z", "+09:00", "-23:59", "+24:00", "+00:60", "+0900", "", "Z "]),
)
"""Texts of which every part may lie just beyond what a time may hold."""


def _by_calendar(text: str) -> int:
    """What the long way reads: by a pattern and the calendar; -1 where it refuses."""
    try:
        return times._read(text)
    except ValueError:
        return -1


@settings(max_examples=1000)
@given(
    _NEARLY
    | st.builds(
        lambda text, at, letter: text[:at] + letter + text[at + 1 :], _NEARLY, st.integers(0, 30), st.characters()
    )
)
def test_the_digits_of_a_time_name_the_moment_that_the_calendar_names(text: str) -> None:
    """The compiled engine reckons them one by one: it must neither take what is no time nor name another moment."""
    wanted = _by_calendar(text)
    assert by_digits(text) == (wanted if text.startswith("20") else -1)


@settings(max_examples=1000)
@given(
    st.lists(
        _NEARLY
        | st.builds(
            "2026-11-24T00:{:02}:{}.{}{}".format,
            st.integers(0, 2),
            st.sampled_from(["00", "09", "59", "60", "5x", "x9"]),
            st.sampled_from(["000", "123", "999", "12x", "x23", "1x3"]),
            st.sampled_from("ZzX"),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_a_time_is_read_as_by_its_digits_whatever_minute_was_read_before(texts: list[str]) -> None:
    last = LastMinute()
    for text in texts:
        assert last.read(text) == by_digits(text)


def test_the_minute_that_was_read_last_is_used() -> None:
    """Control: a minute remembered wrongly moves the next time, or the test above would compare `by_digits` with itself."""
    last = LastMinute()
    last.read("2026-11-24T00:13:54.123Z")
    last.begins_ms += 7
    assert last.read("2026-11-24T00:13:09.001Z") == by_digits("2026-11-24T00:13:09.001Z") + 7
    assert last.read("2026-11-24T00:14:09.001Z") == by_digits("2026-11-24T00:14:09.001Z")


def test_each_day_of_the_century_is_that_of_the_calendar() -> None:
    """Control of leap years: 2000 is one, and no other hundredth year is reckoned by digits."""
    day = EPOCH + timedelta(milliseconds=EARLIEST_MS)
    while day.year < 2100:
        assert by_digits(f"{day:%Y-%m-%d}T00:00:00Z") == (day - EPOCH) // timedelta(milliseconds=1)
        day += timedelta(days=1)
    assert by_digits("2100-01-01T00:00:00Z") == by_digits("2025-02-29T00:00:00Z") == -1


@pytest.mark.parametrize(
    "text", ["2026-11-24T00:13:54.12Z999", "2026-11-24T00:13:54.Z", "2026-11-24T00:13:54", "2026-11-24T00:13Z", "20261124T001354Z", "2026-11-24T00:13:54,5Z", "2026-11-24T00:13:54+0900", "2026-11-24T00:13:54.123456", "", "Z"]
)  # fmt: skip
def test_what_is_no_rfc_3339_time_with_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        from_rfc3339(text)


def test_offsets_do_not_carry_a_time_past_the_bounds() -> None:
    assert from_rfc3339("2099-12-31T23:59:59.999Z") == LATEST_MS - 1
    assert from_rfc3339("2000-01-01T00:00:00Z") == EARLIEST_MS
    for _ in range(2):  # the second time from memory
        for text in ("2099-12-31T23:30:00-01:00", "2000-01-01T00:30:00+01:00", "1999-12-31T23:59:59Z"):
            with pytest.raises(ImpossibleTimeError):
                from_rfc3339(text)


def test_the_memory_of_times_is_bounded() -> None:
    for second in range(0, 40_000_000, 1999):
        from_rfc3339(
            to_rfc3339(AT_MS + second * 1000 + second % 1000).replace("Z", f"+{second % 24:02d}:{second % 60:02d}")
        )
    assert max(map(len, (times._hours, times._minutes, times._tails))) <= times._REMEMBERED


def test_a_time_written_is_the_one_of_the_calendar() -> None:
    for at_ms in (0, EARLIEST_MS, AT_MS, AT_MS + 1, LATEST_MS, -1, 951_782_399_999):
        moment = EPOCH + timedelta(milliseconds=at_ms)
        assert to_rfc3339(at_ms) == moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Partitions.


@given(st.binary(max_size=80))
def test_a_household_lives_where_kafka_python_puts_it(key: bytes) -> None:
    assert murmur2(key) == kafka_murmur2(key) & 0xFFFFFFFF
    assert partition_of(key, 12) == (kafka_murmur2(key) & 0x7FFFFFFF) % 12


# Dead letters.


def test_a_dead_letter_says_where_and_why_and_nothing_of_the_person() -> None:
    value = '{"name":"김영희","tel":"010-1234-5678","née":"Ðåña"}'.encode()
    letter = dead_letter("home.sensors", 3, 17, Fault(Reason.BAD_TIME, 2, "time"), value, AT_MS)
    assert letter == DeadLetter(
        topic="home.sensors",
        partition=3,
        offset=17,
        index=2,
        reason=Reason.BAD_TIME,
        detail="time",
        length=len(value),
        sha256=hashlib.sha256(value).hexdigest(),
        head='{"aaaa":"aaa","aaa":"999-9999-9999","aaa":"aaaa"}',
        at="2026-11-24T00:13:54.000Z",
    )


def test_the_head_is_64_bytes_even_in_the_middle_of_a_character() -> None:
    letter = dead_letter("home.sensors", 0, 0, Fault(Reason.NOT_JSON), "가".encode() * 100, AT_MS)
    assert letter.head == "a" * 21 + "\ufffd"
    assert dead_letter("home.sensors", 0, 0, Fault(Reason.MISSING_FIELD), None, AT_MS).length == 0


@given(st.binary(max_size=64))
def test_a_masked_head_holds_no_letter_but_a_and_no_digit_but_9(head: bytes) -> None:
    text = masked(head)
    assert all(char in "a9\ufffd" or (char.isascii() and char.isprintable() and not char.isalnum()) for char in text)
    encode(text)


@pytest.mark.parametrize("text", ["김", "é", "e\u0301", "ﾊ", "जि", "🙂", "Ⅷ", "٣", "ß", "\\uae40", "\x1b", "\u200d"])
def test_no_alphabet_shows_through_the_mask(text: str) -> None:
    assert text not in masked(text.encode())
    assert set(masked(text.encode())) <= set("a9.")


def test_a_flood_is_one_letter_with_its_range() -> None:
    first = dead_letter("home.sensors", 3, 100, Fault(Reason.NOT_JSON), b"x", AT_MS)
    summary = flood_summary(first, count=5000, last_offset=9000, at_ms=AT_MS + 60_000)
    assert (summary.offset, summary.last_offset, summary.count, summary.reason) == (100, 9000, 5000, Reason.NOT_JSON)
    assert summary.at == "2026-11-24T00:14:54.000Z"
    assert orjson.loads(encode(summary))["count"] == 5000
    assert "count" not in orjson.loads(encode(first))


# Checks of what types cannot say.

GOOD = RECORDS["household"]
assert isinstance(GOOD, HouseholdRecord)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"sensitivity": 0.2}, "sensitivity"),
        ({"sensitivity": 4.1}, "sensitivity"),
        ({"latest_silence_h": 0.0}, "latest_silence_h"),
        ({"latest_silence_h": 1e300}, "latest_silence_h"),
        ({"time_zone": "Asia/Soul"}, "time_zone"),
        ({"time_zone": "Asia"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "\0"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"language": "k"}, "language"),
        ({"district": "x" * 129}, "district"),
        ({"area_code": "\n"}, "area_code"),
        ({"sources": [Source("gw-1")]}, "sources[0].source"),
        ({"sources": [Source("/sensors/a"), Source("/sensors/b", -1)]}, "sources[1].expect_every_s"),
        ({"ladder": [Rung("sms", quiet_from="25:00")]}, "ladder[0].quiet_from"),
        ({"ladder": [Rung("sms", "x" * 200)]}, "ladder[0].contact"),
    ],
)
def test_a_registry_record_out_of_range_is_a_fault(change: dict[str, Any], where: str) -> None:
    assert check_household(GOOD) is None
    assert check_household(replace(GOOD, **change)) == Fault(Reason.WRONG_TYPE, 0, where)


def test_absences_are_times_that_begin_before_they_end() -> None:
    start, end = "2026-12-24T00:00:00Z", "2026-12-24T08:00:00+09:00"
    for absence, reason in [
        (Absence(start, "tomorrow"), Reason.BAD_TIME),
        (Absence("2026-02-30T00:00:00Z", start), Reason.IMPOSSIBLE_TIME),
        (Absence(start, end), Reason.IMPOSSIBLE_TIME),
        (Absence(start, start), Reason.IMPOSSIBLE_TIME),
    ]:
        fault = check_household(replace(GOOD, absences=[absence]))
        assert fault is not None
        assert fault.reason == reason
    assert check_household(replace(GOOD, absences=[Absence(end, start)])) is None


def test_a_time_zone_is_one_of_the_database() -> None:
    assert all(map(is_time_zone, ("Asia/Seoul", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+9")))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": ""}, "id"),
        ({"silence_budget": -0.1}, "silence_budget"),
        ({"other_budget": 1e300}, "other_budget"),
        ({"unanswered_in_a_row": 0}, "unanswered_in_a_row"),
        ({"silence": replace(DEFAULT_PROFILE.silence, half_life_days=0.0)}, "silence.half_life_days"),
        ({"silence": replace(DEFAULT_PROFILE.silence, k1_h=-1.0)}, "silence.k1_h"),
    ],
)
def test_a_profile_that_could_break_the_arithmetic_is_a_fault(change: dict[str, Any], where: str) -> None:
    assert check_profile(DEFAULT_PROFILE) is None
    assert check_profile(replace(DEFAULT_PROFILE, **change)) == Fault(Reason.WRONG_TYPE, 0, where)


def test_what_is_applied_when_nobody_knows_is_a_bad_time() -> None:
    assert check_profile(replace(DEFAULT_PROFILE, applied_at="now")) == Fault(Reason.BAD_TIME, 0, "applied_at")


@pytest.mark.parametrize(
    ("check", "name", "change", "fault"),
    [
        (check_action, "responder_action", {"who": ""}, Fault(Reason.WRONG_TYPE, 0, "who")),
        (check_action, "responder_action", {"revision": -1}, Fault(Reason.WRONG_TYPE, 0, "revision")),
        (check_action, "responder_action", {"at": "now"}, Fault(Reason.BAD_TIME, 0, "at")),
        (check_action, "responder_action", {"household": "a b"}, Fault(Reason.NO_HOUSEHOLD, 0, "household")),
        (check_alert, "public_alert", {"area_codes": [""]}, Fault(Reason.WRONG_TYPE, 0, "area_codes")),
        (check_alert, "public_alert", {"expires": "1970-01-01T00:00:00Z"}, Fault(Reason.IMPOSSIBLE_TIME, 0, "expires")),
        (
            check_counts,
            "district_counts",
            {"districts": [Counted(district="d", home=Heard(homes=3, heard=4))]},
            Fault(Reason.WRONG_TYPE, 0, "districts[0].home"),
        ),
        (
            check_counts,
            "district_counts",
            {"districts": [Counted(district="")]},
            Fault(Reason.WRONG_TYPE, 0, "districts[0].district"),
        ),
        (check_counts, "district_counts", {"lessons": [Lesson(x=[], y=2)]}, Fault(Reason.WRONG_TYPE, 0, "lessons[0]")),
        (check_district, "district_state", {"at": "now"}, Fault(Reason.BAD_TIME, 0, "at")),
        (check_district, "district_state", {"lessons": -1}, Fault(Reason.WRONG_TYPE, 0, "lessons")),
        (check_district, "district_state", {"district": ""}, Fault(Reason.WRONG_TYPE, 0, "outages")),
    ],
)
def test_records_beside_events_are_checked_too(check: Any, name: str, change: dict[str, Any], fault: Fault) -> None:
    assert check(RECORDS[name]) is None
    assert check(replace(RECORDS[name], **change)) == fault


def test_every_form_asks_for_what_its_kinds_need() -> None:
    """A new form would pass the decoder unchecked."""
    assert set(Form) == {Form.SWITCH, Form.PULSE, Form.NUMBER, Form.UNTIL, Form.CALL}
