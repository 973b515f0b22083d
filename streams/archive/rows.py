"""The archive's form of an ordered input: a row for each reading, of known fields only, and the message made of rows again.

A message of bytes becomes rows (`archive_rows`), and rows become a message (`message_of`) from which `schemas.decode`
reads the very same records. So a replay of the archive takes the way of the live run, and nobody's unknown fields, broken
bytes or free text are stored for 400 days. Every record of the log gives at least one row: a missing offset is a gap.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from schemas.actions import ResponderAction
from schemas.alerts import PublicAlert
from schemas.deadletters import HEAD_BYTES, masked
from schemas.decode import decode
from schemas.district import DistrictState
from schemas.events import TICK_KEY, Event, Fault, Reason
from schemas.households import HouseholdRecord, Removal
from schemas.profiles import Profile
from schemas.rows import ARCHIVE, Row, Values
from schemas.times import LATEST_MS, to_rfc3339
from schemas.vocabulary import BY_NAME
from streams.engine.order import read_tick

ERASED: Final = "erased"
_REFUSED_BYTES: Final = b'{"specversion":"refused"}'
"""A message that `decode` refuses as well, and that holds nothing."""

_encode: Final = msgspec.json.Encoder().encode
_PLACES: Final = tuple(ARCHIVE.columns).index
# Places of a row, once: a name for each value of each row cost more than the rest of reading it.
_OFFSET: Final = _PLACES("log_offset")
_INDEX: Final = _PLACES("log_index")
_READINGS: Final = _PLACES("readings")
_APPENDED: Final = _PLACES("appended_at")
_STAMPED: Final = _PLACES("broker_stamped")
_FORM: Final = _PLACES("form")
_HOUSEHOLD: Final = _PLACES("household")
_KIND: Final = _PLACES("kind")
_SOURCE: Final = _PLACES("source")
_ID: Final = _PLACES("id")
_AT: Final = _PLACES("at")
_DATA: Final = _PLACES("data")
_SHA256: Final = _PLACES("sha256")


class Message(NamedTuple):
    """A record of the log as the archive gives it back."""

    offset: int
    key: bytes | None
    value: bytes | None
    appended_ms: int
    broker_stamped: bool


def archive_rows(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    appended_ms: int,
    *,
    broker_stamped: bool,
) -> list[Row]:
    """Rows of one record of an ordered input, at least one, whatever its bytes."""
    found = [_tick(value)] if key == TICK_KEY else [_told(one, key, value) for one in decode(topic, key, value)]
    place = (topic, partition, offset)
    stamp = (min(max(appended_ms, 0), LATEST_MS), broker_stamped)
    if not found:
        return [Row(ARCHIVE, (*place, 0, 0, *stamp, "empty", *_nothing()))]
    return [Row(ARCHIVE, (*place, i, len(found), *stamp, *one)) for i, one in enumerate(found)]


def _tick(value: bytes | None) -> Values:
    """Return the row of a tick, by the rules of the order, which are not those of the decoder."""
    tick = read_tick(value)
    if tick is None:
        return _refused(Fault(Reason.WRONG_TYPE, 0, "tick"), "tick", value)
    return ("tick", "", tick.whole.mode.value, "", "", tick.tick, _encode(tick.whole).decode(), "", "", 0, "", "")


def _refused(fault: Fault, kind: str, value: bytes | None) -> Values:
    body = value or b""
    digest = hashlib.sha256(body).hexdigest()
    head = masked(body[:HEAD_BYTES])
    return ("refused", "", kind, "", "", None, "", fault.reason.value, fault.detail, len(body), digest, head)


def _told(one: Any, key: bytes | None, value: bytes | None) -> Values:
    """Return what a row says of one reading, from `form` on."""
    if isinstance(one, Event):
        data = _encode(one.data).decode()
        return ("event", one.household, one.kind, one.source, one.id, one.at_ms, data, "", "", 0, "", "")
    if isinstance(one, Removal):
        return ("removal", one.household, "", "", "", None, "", "", "", 0, "", "")
    if isinstance(one, Fault):
        return _refused(one, "", value)
    household = one.household if isinstance(one, HouseholdRecord | ResponderAction) else ""
    data = _encode(one).decode()
    # Whether a record was published again as it was is asked of its bytes: their hash stands for them.
    digest = hashlib.sha256(value or b"").hexdigest() if isinstance(one, HouseholdRecord) else ""
    return (
        "record",
        household,
        type(one).__name__,
        "",
        _id_of(one, key),
        None,
        data,
        "",
        "",
        len(value or b""),
        digest,
        "",
    )


def _id_of(one: Any, key: bytes | None) -> str:
    match one:
        case ResponderAction() | PublicAlert() | Profile():
            return str(one.id)
        case DistrictState():
            return (key or b"").decode("utf-8", "replace")
        case _:
            return ""


def _nothing() -> Values:
    return ("", "", "", "", None, "", "", "", 0, "", "")


def message_of(rows: Sequence[Values]) -> Message:
    """Make the message of the rows of one record, in the order of their indexes.

    What was refused comes back as something refused; what was erased, as an array of nothing.

    Raises:
        ValueError: rows of the record are missing.

    """
    first = rows[0]
    count = first[_READINGS]
    if len(rows) != max(count, 1) or (
        first[_INDEX] if count <= 1 else any(row[_INDEX] != i for i, row in enumerate(rows))
    ):
        raise ValueError(f"offset {first[_OFFSET]}: {len(rows)} of {count} readings")
    key, value = _bytes_of(rows)
    return Message(int(first[_OFFSET]), key, value, int(first[_APPENDED]), bool(first[_STAMPED]))


def _bytes_of(rows: Sequence[Values]) -> tuple[bytes | None, bytes | None]:
    first = rows[0]
    form = first[_FORM]
    if form == "tick":  # most of the records of a quiet log
        return TICK_KEY, first[_DATA].encode()
    key = first[_HOUSEHOLD].encode()
    match form:
        case "removal":
            return key, None
        case "record" if first[_SHA256]:
            # An unknown field, which the decoder passes over: the same bytes once, the same bytes now.
            return key, b'%b,"archived":"%b"}' % (first[_DATA].encode()[:-1], first[_SHA256].encode())
        case "record":
            return key or first[_ID].encode(), first[_DATA].encode()
        case "empty":
            return key, b"[]"
        case "refused" if first[_KIND] == "tick":
            return TICK_KEY, _REFUSED_BYTES
    if len(rows) == 1 and form == "event":
        return key, b"[%b]" % _reading(first)
    known = next((row[_HOUSEHOLD].encode() for row in rows if row[_FORM] == "event"), b"")
    return known, b"[%b]" % b",".join([_reading(row) for row in rows if row[_FORM] != ERASED])


class _Reading(msgspec.Struct, gc=False):
    """An event as it is sent; its data are the text that `_told` has made of them."""

    specversion: str
    type: str
    source: str
    id: str
    time: str
    subject: str
    data: msgspec.Raw


def _reading(row: Values) -> bytes:
    if row[_FORM] != "event":
        return _REFUSED_BYTES
    return _encode(
        _Reading(
            "1.0",
            BY_NAME[row[_KIND]].type,
            row[_SOURCE],
            row[_ID],
            to_rfc3339(int(row[_AT])),
            row[_HOUSEHOLD],
            msgspec.Raw(row[_DATA].encode()),
        )
    )
