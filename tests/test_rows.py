"""Bytes to rows: golden rows, and no bytes whatever that stop the writer."""

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.encode import encode
from schemas.examples import RECORDS
from schemas.incidents import Incident, Status
from schemas.rows import (
    BY_NAME,
    DEAD_LETTERS,
    INCIDENTS,
    ROWS,
    STATUSES,
    TABLES,
    BadReason,
    BadRow,
    Row,
    last_of_each_hour,
    to_row,
)
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import BY_NAME as TOPICS

GOLDEN: dict[str, tuple[str, dict[str, Any]]] = {
    "incident": (
        "incidents",
        {
            "household": "h-000123",
            "incident": "3f0c9a417be2d581",
            "revision": 2,
            "case_id": "case-5d1e",
            "msg_type": "Update",
            "references": ["3f0c9a417be2d581/1"],
            "state": "updated",
            "kind": "silence",
            "severity": "Severe",
            "urgency": "Immediate",
            "certainty": "Likely",
            "score": 14.2,
            "threshold": 12.5,
            "shares": {"phone": 0.25, "sensors": 0.75},
            "opened_at": from_rfc3339("2026-11-24T00:03:00Z"),
            "at": from_rfc3339("2026-11-24T00:13:54Z"),
            "event_from": from_rfc3339("2026-11-23T13:40:00Z"),
            "event_until": from_rfc3339("2026-11-24T00:13:54Z"),
            "last_sign_of_life": from_rfc3339("2026-11-23T13:40:00Z"),
            "deadline": from_rfc3339("2026-11-24T00:03:00Z"),
            "would_change": "life",
            "next_step": "asking",
            "owner": "",
            "district": "dong-27",
            "target_group": "elder_living_alone",
            "cleared": False,
            "cause": "",
            "profile": "default-1",
            "engine": "0.1.0",
            "sentence_ko": "10시간 34분째 생활 반응이 없습니다.",
            "sentence_en": "No signs of life for 10 h 34 min.",
            "log_partition": 3,
            "log_offset": 17,
            "status": "Actual",
            "ladder": [
                (
                    "checkin_call",
                    "ask-20261124-0006",
                    from_rfc3339("2026-11-24T00:03:00Z"),
                    from_rfc3339("2026-11-24T00:18:00Z"),
                    "no_answer",
                    from_rfc3339("2026-11-24T00:05:10Z"),
                    "",
                ),
                (
                    "guardian",
                    "ask-20261124-0009",
                    from_rfc3339("2026-11-24T00:06:00Z"),
                    from_rfc3339("2026-11-24T00:36:00Z"),
                    "",
                    None,
                    "",
                ),
            ],
            "acknowledged_by": "",
            "level": 0,
            "step_until": from_rfc3339("2026-11-24T00:36:00Z"),
            "visited_at": None,
            "snoozed_until": None,
            "chance": 0.9981,
            "chance_by": {"usual": 6.56, "silence": -0.31},
            "certainty_by": "calibrated",
        },
    ),
    "status": (
        "incidents",
        {
            "log_partition": 3,
            "hour": from_rfc3339("2026-11-24T00:00:00Z"),
            "clock": from_rfc3339("2026-11-24T00:13:54Z"),
            "households": 412,
            "blind": 5,
            "open": 2,
            "lag": 0,
            "engine": "0.1.0",
            "budget": None,
        },
    ),
    "dead_letter": (
        "dead.letters",
        {
            "topic": "home.sensors",
            "log_partition": 3,
            "log_offset": 184467,
            "log_index": 1,
            "reason": "bad_time",
            "detail": "time",
            "length": 93,
            "sha256": "1d9be300995dbb9cf4709a106dbe159d320654ecb22ebd7c6a58cb33f7bb4923",
            "head": '[{"aaaaaaaaaaa":"9.9","aaaa":"aaaa.aaaaaa.a9","aaaaaa":"/aaaaaaa',
            "records": 1,
            "last_offset": None,
            "at": from_rfc3339("2026-11-24T00:13:54Z"),
        },
    ),
}
"""Schema example: the topic it comes on, and its row at partition 3, offset 17."""

INCIDENT: Incident = RECORDS["incident"]  # type: ignore[assignment]
STATUS: Status = RECORDS["status"]  # type: ignore[assignment]


def row_of(topic: str, value: bytes) -> Row:
    row = to_row(topic, 3, 17, value)
    assert isinstance(row, Row)
    return row


def changed(record: msgspec.Struct, **fields: Any) -> bytes:
    return orjson.dumps(msgspec.to_builtins(record) | fields)


@pytest.mark.parametrize("example", GOLDEN)
def test_each_example_gives_its_golden_row(example: str) -> None:
    topic, golden = GOLDEN[example]
    row = row_of(topic, encode(RECORDS[example]))
    assert dict(zip(row.table.names, row.values, strict=True)) == golden


def test_every_table_has_a_golden_row_and_every_source_is_a_topic() -> None:
    assert {row_of(topic, encode(RECORDS[name])).table.name for name, (topic, _) in GOLDEN.items()} == set(BY_NAME)
    assert set(ROWS) <= set(TOPICS)


def test_what_is_absent_is_empty_text_or_null_and_never_a_word() -> None:
    bare = msgspec.structs.replace(
        INCIDENT,
        case=None,
        score=None,
        threshold=None,
        shares={},
        last_sign_of_life=None,
        deadline=None,
        district=None,
        target_group=None,
        profile=None,
        references=[],
    )
    values = dict(zip(INCIDENTS.names, row_of("incidents", encode(bare)).values, strict=True))
    assert values["case_id"] == values["district"] == values["target_group"] == values["profile"] == ""
    assert [values[name] for name in ("score", "threshold", "last_sign_of_life", "deadline")] == [None] * 4
    assert values["shares"] == {}
    assert values["references"] == []


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        ("incidents", None, BadReason.EMPTY),
        ("incidents", b"", BadReason.NOT_READABLE),
        ("incidents", b"\xff\xfe", BadReason.NOT_READABLE),
        ("incidents", b"[" * 100_000, BadReason.NOT_READABLE),
        ("incidents", b'{"type":"incident","x":' + b"[" * 100_000, BadReason.NOT_READABLE),
        ("incidents", b'{"type":"rumour"}', BadReason.NOT_READABLE),
        ("incidents", changed(INCIDENT, severity="Terrible"), BadReason.NOT_READABLE),
        ("incidents", changed(INCIDENT, opened_at="yesterday"), BadReason.BAD_TIME),
        ("incidents", changed(INCIDENT, deadline="2026-02-30T00:00:00Z"), BadReason.BAD_TIME),
        ("incidents", changed(INCIDENT, revision=-1), BadReason.OUT_OF_RANGE),
        ("incidents", changed(INCIDENT, revision=2**32), BadReason.OUT_OF_RANGE),
        ("incidents", changed(INCIDENT, shares={"phone": 1e300}), BadReason.OUT_OF_RANGE),
        ("incidents", changed(STATUS, partition=2**31), BadReason.OUT_OF_RANGE),
        ("incidents", encode(INCIDENT).replace(b"dong-27", rb"\ud800"), BadReason.NOT_READABLE),
        ("dead.letters", changed(RECORDS["dead_letter"], offset=-1), BadReason.OUT_OF_RANGE),
        ("dead.letters", encode(INCIDENT), BadReason.NOT_READABLE),
    ],
)
def test_what_gives_no_row_says_why(topic: str, value: bytes | None, reason: BadReason) -> None:
    assert to_row(topic, 0, 0, value) == BadRow(reason)


def test_fields_that_a_newer_worker_adds_are_ignored() -> None:
    assert to_row("incidents", 3, 17, changed(INCIDENT, added={"later": [1]})) == row_of("incidents", encode(INCIDENT))


@given(st.sampled_from(sorted(ROWS)), st.binary(max_size=400))
def test_any_bytes_give_a_row_or_a_reason(topic: str, value: bytes) -> None:
    assert isinstance(to_row(topic, 0, 0, value), Row | BadRow)


@given(st.sampled_from(["incident", "status", "dead_letter"]), st.integers(0), st.binary(max_size=3), st.data())
def test_damaged_bytes_give_a_row_or_a_reason(example: str, at: int, put: bytes, data: st.DataObject) -> None:
    topic, _ = GOLDEN[example]
    value = encode(RECORDS[example])
    cut = at % len(value)
    removed = data.draw(st.integers(0, 40))
    damaged = value[:cut] + put + value[cut + removed :]
    row = to_row(topic, 0, 0, damaged)
    assert isinstance(row, Row | BadRow)
    if isinstance(row, Row):
        assert len(row.values) == len(row.table.columns)


def test_a_row_is_as_long_as_its_table_is_wide() -> None:
    assert [table.name for table in TABLES] == ["incidents", "statuses", "dead_letters"]
    for topic, golden in GOLDEN.values():
        assert golden.keys() in [table.columns.keys() for table in (INCIDENTS, STATUSES, DEAD_LETTERS)], topic


def statuses(minutes: list[tuple[int, int]]) -> list[tuple[Any, ...]]:
    return [
        row_of("incidents", encode(msgspec.structs.replace(STATUS, partition=p, clock=to_rfc3339(m * 60_000)))).values
        for p, m in minutes
    ]


MINUTES = st.lists(st.tuples(st.integers(0, 2), st.integers(20_000_000, 20_000_300)), max_size=60)


@given(MINUTES, st.randoms(use_true_random=False))
def test_of_each_partition_and_hour_the_latest_status_is_kept_in_whatever_order_they_come(
    minutes: list[tuple[int, int]], random: Any
) -> None:
    kept = {row[:3] for row in last_of_each_hour(statuses(minutes))}
    shuffled = list(minutes)
    random.shuffle(shuffled)
    assert {row[:3] for row in last_of_each_hour(statuses(shuffled))} == kept
    expected = {(p, m // 60): max(n for q, n in minutes if (q, n // 60) == (p, m // 60)) for p, m in minutes}
    assert {(p, clock // 60_000) for p, _, clock in kept} == {(p, m) for (p, _), m in expected.items()}
