"""From the bytes of an output topic to a row of a ClickHouse table: pure functions, one a topic, in a registry.

`to_row` is total: any bytes whatever give a row or a `BadRow` with a reason from a closed set, never an exception. Every
value of a row fits its column, so that one record can never stop a batch. Times are UTC milliseconds, as
`DateTime64(3, 'UTC')` counts them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

import msgspec

from schemas.events import DeadLetter
from schemas.incidents import Incident, LadderStep, Status
from schemas.times import from_rfc3339

_HOUR_MS: Final = 3_600_000
_FLOAT32_MOST: Final = 3.4e38
_TEXT: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(3, 'UTC')"
_LADDER: Final = (
    "Array(Tuple(ask String, request String, asked_at DateTime64(3, 'UTC'), deadline Nullable(DateTime64(3, 'UTC')),"
    " outcome String, outcome_at Nullable(DateTime64(3, 'UTC')), why String))"
)
_TIME_OR_NULL: Final = "Nullable(DateTime64(3, 'UTC'))"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the writer fills it: its name and its columns with their ClickHouse types, in the order of a row."""

    name: str
    columns: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the order of a row."""
        return tuple(self.columns)

    @property
    def types(self) -> tuple[str, ...]:
        """ClickHouse types in the order of a row."""
        return tuple(self.columns.values())


INCIDENTS: Final = Table(
    "incidents",
    {
        "household": "String",
        "incident": "String",
        "revision": "UInt32",
        "case_id": "String",
        "msg_type": _TEXT,
        "references": "Array(String)",
        "state": _TEXT,
        "kind": _TEXT,
        "severity": _TEXT,
        "urgency": _TEXT,
        "certainty": _TEXT,
        "score": "Nullable(Float64)",
        "threshold": "Nullable(Float64)",
        "shares": "Map(String, Float32)",
        "opened_at": _TIME,
        "at": _TIME,
        "event_from": _TIME,
        "event_until": _TIME,
        "last_sign_of_life": _TIME_OR_NULL,
        "deadline": _TIME_OR_NULL,
        "would_change": _TEXT,
        "next_step": _TEXT,
        "owner": "String",
        "district": _TEXT,
        "target_group": _TEXT,
        "cleared": "Bool",
        "cause": _TEXT,
        "profile": _TEXT,
        "engine": _TEXT,
        "sentence_ko": "String",
        "sentence_en": "String",
        "log_partition": "Int32",
        "log_offset": "Int64",
        "status": _TEXT,
        "ladder": _LADDER,
        "acknowledged_by": "String",
        "level": "UInt32",
        "step_until": _TIME_OR_NULL,
        "visited_at": _TIME_OR_NULL,
        "snoozed_until": _TIME_OR_NULL,
        "chance": "Nullable(Float64)",
        "chance_by": "Map(String, Float32)",
        "certainty_by": _TEXT,
    },
)
"""Every revision of every incident. What is absent in an incident is '' in a text column, NULL in a number or time."""

STATUSES: Final = Table(
    "statuses",
    {
        "log_partition": "Int32",
        "hour": _TIME,
        "clock": _TIME,
        "households": "UInt64",
        "blind": "UInt64",
        "open": "UInt64",
        "lag": "Nullable(UInt64)",
        "budget": "Nullable(Float64)",
        "engine": _TEXT,
    },
)
"""The last status of each partition and hour of log time. One a minute is for readers of the topic; a month of them
would be 43,200 rows a partition that nobody asks for."""

DEAD_LETTERS: Final = Table(
    "dead_letters",
    {
        "topic": _TEXT,
        "log_partition": "Int32",
        "log_offset": "Int64",
        "log_index": "UInt32",
        "reason": _TEXT,
        "detail": "String",
        "length": "UInt64",
        "sha256": "String",
        "head": "String",
        "records": "UInt64",
        "last_offset": "Nullable(Int64)",
        "at": _TIME,
    },
)
"""What could not be used; `topic`, `log_partition` and `log_offset` say where the refused record lies."""

ARCHIVE: Final = Table(
    "archive",
    {
        "topic": _TEXT,
        "log_partition": "Int32",
        "log_offset": "Int64",
        "log_index": "UInt32",
        "readings": "UInt32",
        "appended_at": _TIME,
        "broker_stamped": "Bool",
        "form": _TEXT,
        "household": "String",
        "kind": _TEXT,
        "source": "String",
        "id": "String",
        "at": _TIME_OR_NULL,
        "data": "String",
        "reason": _TEXT,
        "detail": "String",
        "length": "UInt64",
        "sha256": "String",
        "head": "String",
    },
)
"""`form`: tick, event, record (whatever else is no event), removal (of a registry record), empty (an array of nothing),
refused, erased (it was a household's, and its watching or its consent ended)."""

SNAPSHOTS: Final = Table(
    "snapshots",
    {
        "log_partition": "Int32",
        "clock": _TIME,
        "number": "UInt64",
        "row": "UInt32",
        "rows": "UInt32",
        "partitions": "UInt32",
        "engine": _TEXT,
        "key": "String",
        "value": "String",
    },
)
"""A checkpoint of a partition's engine, whole: rows of the changelog as they stand there, the position row last."""

TABLES: Final[tuple[Table, ...]] = (INCIDENTS, STATUSES, DEAD_LETTERS)
"""Tables of the output topics."""
EVERY_TABLE: Final[tuple[Table, ...]] = (*TABLES, ARCHIVE, SNAPSHOTS)
BY_NAME: Final[dict[str, Table]] = {table.name: table for table in TABLES}

Values = tuple[Any, ...]


class Row(NamedTuple):
    """One row for one table; `values` in the order of the table's columns."""

    table: Table
    values: Values


class BadReason(StrEnum):
    """Why a record gives no row: a closed set."""

    EMPTY = "empty"
    NOT_READABLE = "not_readable"
    """Not JSON, not UTF-8, a field missing or of another type, or a word outside a closed set."""
    BAD_TIME = "bad_time"
    OUT_OF_RANGE = "out_of_range"


class BadRow(NamedTuple):
    """A record that gives no row. It says why, and nothing of what stood there."""

    reason: BadReason


class _RefusedError(Exception):
    def __init__(self, reason: BadReason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Peek(msgspec.Struct):
    type: Literal["incident", "status"]


_PEEK: Final = msgspec.json.Decoder(_Peek)
_INCIDENT: Final = msgspec.json.Decoder(Incident)
_STATUS: Final = msgspec.json.Decoder(Status)
_DEAD_LETTER: Final = msgspec.json.Decoder(DeadLetter)


def to_row(topic: str, partition: int, offset: int, value: bytes | None) -> Row | BadRow:
    """Row of one record, or why there is none.

    Raises:
        KeyError: the topic has no table; a mistake of the caller, not of the data.

    """
    read = ROWS[topic]
    if value is None:
        return BadRow(BadReason.EMPTY)
    try:
        return read(value, partition, offset)
    except _RefusedError as error:
        return BadRow(error.reason)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Deep nesting in an unknown field: msgspec gives up with the interpreter's own limit.
        return BadRow(BadReason.NOT_READABLE)


def _incident_or_status(value: bytes, partition: int, offset: int) -> Row:
    if _PEEK.decode(value).type == "status":
        return Row(STATUSES, _status(_STATUS.decode(value)))
    return Row(INCIDENTS, _incident(_INCIDENT.decode(value), partition, offset))


def _incident(i: Incident, partition: int, offset: int) -> Values:
    for share in (*i.shares.values(), *i.chance_by.values()):
        # Written as a 4-byte float: beyond its range the driver fails, and the batch with it.
        if abs(share) > _FLOAT32_MOST:
            raise _RefusedError(BadReason.OUT_OF_RANGE)
    return (
        i.household,
        i.id,
        _whole(i.revision, 32),
        i.case or "",
        i.msg_type,
        list(i.references),
        i.state.value,
        i.kind.value,
        i.severity.value,
        i.urgency.value,
        i.certainty.value,
        i.score,
        i.threshold,
        dict(i.shares),
        _ms(i.opened_at),
        _ms(i.at),
        _ms(i.event_from),
        _ms(i.event_until),
        _ms_or_none(i.last_sign_of_life),
        _ms_or_none(i.deadline),
        i.would_change,
        i.next_step.value,
        i.owner or "",
        i.district or "",
        i.target_group or "",
        i.cleared,
        i.cause.value if i.cause else "",
        i.profile or "",
        i.engine,
        i.sentence_ko,
        i.sentence_en,
        partition,
        offset,
        i.status,
        [_step(step) for step in i.ladder],
        i.acknowledged_by or "",
        _whole(i.level, 32),
        _ms_or_none(i.step_until),
        _ms_or_none(i.visited_at),
        _ms_or_none(i.snoozed_until),
        i.chance,
        dict(i.chance_by),
        i.certainty_by,
    )


def _step(s: LadderStep) -> Values:
    return (s.ask, s.request, _ms(s.asked_at), _ms_or_none(s.deadline), s.outcome, _ms_or_none(s.outcome_at), s.why)


def _status(s: Status) -> Values:
    clock_ms = _ms(s.clock)
    return (
        _whole(s.partition, 31),
        clock_ms - clock_ms % _HOUR_MS,
        clock_ms,
        _whole(s.households, 64),
        _whole(s.blind, 64),
        _whole(s.open, 64),
        _whole(s.lag, 64) if s.lag is not None else None,
        s.budget,
        s.engine,
    )


def _dead_letter(value: bytes, _partition: int, _offset: int) -> Row:
    d = _DEAD_LETTER.decode(value)
    return Row(
        DEAD_LETTERS,
        (
            d.topic,
            _whole(d.partition, 31),
            _whole(d.offset, 63),
            _whole(d.index, 32),
            d.reason.value,
            d.detail,
            _whole(d.length, 64),
            d.sha256,
            d.head,
            _whole(d.count, 64),
            _whole(d.last_offset, 63) if d.last_offset is not None else None,
            _ms(d.at),
        ),
    )


ROWS: Final[dict[str, Callable[[bytes, int, int], Row]]] = {
    "incidents": _incident_or_status,
    "dead.letters": _dead_letter,
}
"""Topic: what makes a row of its bytes, the partition and the offset."""


def last_of_each_hour(rows: list[Values]) -> list[Values]:
    """Status rows thinned to the one with the latest clock of each partition and hour, in the order first met."""
    last: dict[tuple[Any, Any], Values] = {}
    for row in rows:
        key = row[:2]
        if key not in last or last[key][2] <= row[2]:
            last[key] = row
    return list(last.values())


def _whole(number: int, bits: int) -> int:
    if not 0 <= number < 1 << bits:
        raise _RefusedError(BadReason.OUT_OF_RANGE)
    return number


def _ms(text: str) -> int:
    try:
        return from_rfc3339(text)
    except ValueError:
        raise _RefusedError(BadReason.BAD_TIME) from None


def _ms_or_none(text: str | None) -> int | None:
    return None if text is None else _ms(text)
