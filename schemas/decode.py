"""From bytes to records: one pure function over every ordered input, total over any bytes whatever.

The fast way decodes straight into typed structs and is all that sound messages meet. The slow way begins only where that
failed: it screens the bytes, cuts an array into its readings, passes over unknown fields, and names the reason.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast, final

import msgspec

from schemas.actions import ResponderAction
from schemas.alerts import PublicAlert
from schemas.checks import (
    check_action,
    check_alert,
    check_counts,
    check_district,
    check_household,
    check_profile,
    check_tick,
    check_time,
)
from schemas.district import DistrictCounts, DistrictState
from schemas.envelope import Envelope
from schemas.events import (
    MAX_DEPTH,
    MAX_MESSAGE_BYTES,
    SOURCE,
    TICK_KEY,
    CloudEvent,
    Data,
    Event,
    Fault,
    Reason,
    Tick,
)
from schemas.households import HouseholdRecord, Removal
from schemas.profiles import Profile
from schemas.refusals import (
    household_fault,
    is_pseudonym,
    screen,
    split_array,
    type_fault,
    why_no_event,
    why_no_record,
)
from schemas.times import from_rfc3339
from schemas.topics import EVENT_TOPICS
from schemas.vocabulary import KINDS, Form

Record = (
    Event
    | HouseholdRecord
    | Removal
    | ResponderAction
    | PublicAlert
    | DistrictState
    | DistrictCounts
    | Profile
    | Tick
    | Fault
)
"""Whatever `decode` gives."""

T = TypeVar("T")


@final
class _Row:
    """What the vocabulary says of a type."""

    __slots__ = ("has_number", "has_switch", "has_until", "kind")

    def __init__(self, kind: str, form: Form) -> None:
        self.kind = kind
        self.has_number = form is Form.NUMBER
        self.has_switch = form is Form.SWITCH
        self.has_until = form is Form.UNTIL


_OBJECT: Final = ord("{")
_ARRAY: Final = ord("[")


_one: Final = msgspec.json.Decoder(Envelope).decode
_many: Final = msgspec.json.Decoder(list[Envelope]).decode


def _loose_event() -> Callable[[bytes], Any]:
    """Make the decoder of a CloudEvent that passes over unknown fields; its `data` has the fields of `Data` in their order."""
    data_fields = [(f.name, f.type, f.default) for f in msgspec.structs.fields(Data)]
    data = msgspec.defstruct("LooseData", data_fields)
    required = [(f.name, f.type) for f in msgspec.structs.fields(CloudEvent) if f.required]
    fields: list[Any] = [*required, ("data", data, msgspec.field(default_factory=data))]
    return msgspec.json.Decoder(msgspec.defstruct("LooseEvent", fields)).decode


_loose: Final = _loose_event()

_ROWS: Final[dict[str, dict[str, _Row]]] = {
    topic: {kind.type: _Row(kind.name, kind.form) for kind in KINDS if kind.topic == topic} for topic in EVENT_TOPICS
}
_SOURCE: Final = re.compile(SOURCE)
_is_printable: Final = str.isprintable

_Fields = tuple[Data, str | None, str | None, str, str, str, str, str, str]
"""Of an `Envelope`, in their order: data, datacontenttype, dataschema, id, source, specversion, subject, time, type."""
_fields_of: Final = msgspec.structs.astuple

# Texts that come again and again are checked once, and all events of a household share one string. Bounded, for a sender
# can make up keys and sources without end.
_REMEMBERED: Final = 65_536
_households: Final[dict[bytes, str]] = {}
_sources: Final[dict[str, str]] = {}
_devices: Final[set[str]] = set()


def decode(topic: str, key: bytes | None, value: bytes | None) -> list[Record]:
    """Turn one message of an ordered input into records, in the order of its readings; what cannot be used is a `Fault`.

    Never raises, whatever the bytes. An empty array names no source and gives no record. That a time lies in the future
    is for the engine to say: only the log knows what time it is.
    """
    if key == TICK_KEY:
        tick = _record(value, _TICK, check_tick)
        return [tick]
    rows = _ROWS.get(topic)
    if rows is None:
        return [_beside(topic, key, value)]
    household = _households.get(key) or _household(key) if key else ""
    if value and len(value) <= MAX_MESSAGE_BYTES:
        try:
            if value[0] == _OBJECT:
                return [_event(_one(value), 0, topic, rows, household)]
            if value[0] == _ARRAY:
                return [_event(found, i, topic, rows, household) for i, found in enumerate(_many(value))]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # the slow way finds out why
    return _slowly(topic, rows, household, value)


def _event(found: Envelope, index: int, topic: str, rows: dict[str, _Row], household: str) -> Event | Fault:
    """Check what types cannot say of one CloudEvent."""
    # All fields at once: each by its name is a look-up in the class, and there are a thousand events in a second's work.
    data, _, _, name, given, _, subject, time, kind = cast("_Fields", _fields_of(found))
    row = rows.get(kind)
    if row is None:
        return type_fault(kind, topic, index) or Fault(Reason.UNKNOWN_TYPE, index, "type")
    if subject != household or not household:
        return household_fault(subject, household, index) or Fault(Reason.WRONG_KEY, index, "key")
    source = _sources.get(given) or _source(given)
    if not source:
        return Fault(Reason.WRONG_TYPE, index, "source")
    if not _is_printable(name):
        return Fault(Reason.WRONG_TYPE, index, "id")
    device: str = data.device
    if device not in _devices and not _is_device(device):
        return Fault(Reason.WRONG_TYPE, index, "data.device")
    try:
        at_ms = from_rfc3339(time)
    except ValueError:
        return check_time(time, "time", index) or Fault(Reason.BAD_TIME, index, "time")
    until_ms = 0
    if row.has_number:
        if data.value is None:
            return Fault(Reason.MISSING_FIELD, index, "data.value")
    elif row.has_switch:
        if data.state is None:
            return Fault(Reason.MISSING_FIELD, index, "data.state")
    elif row.has_until:
        if data.until is None:
            return Fault(Reason.MISSING_FIELD, index, "data.until")
        if fault := check_time(data.until, "data.until", index):
            return fault
        until_ms = from_rfc3339(data.until)
    return Event(household, row.kind, source, name, at_ms, data, until_ms)


def _household(key: bytes) -> str:
    """Pseudonym in a key, "" when it is none."""
    try:
        household = key.decode("ascii")
    except UnicodeDecodeError:
        return ""
    if not is_pseudonym(household):
        return ""
    if len(_households) >= _REMEMBERED:
        _households.clear()
    _households[key] = household
    return household


def _source(text: str) -> str:
    """Return the source as given, "" when it is none."""
    if not _SOURCE.fullmatch(text):
        return ""
    if len(_sources) >= _REMEMBERED:
        _sources.clear()
    _sources[text] = text
    return text


def _is_device(name: str) -> bool:
    if not _is_printable(name):
        return False
    if len(_devices) >= _REMEMBERED:
        _devices.clear()
    _devices.add(name)
    return True


def _slowly(topic: str, rows: dict[str, _Row], household: str, value: bytes | None) -> list[Record]:
    if value is None:
        return [Fault(Reason.MISSING_FIELD, 0, "value")]
    if len(value) > MAX_MESSAGE_BYTES:
        return [Fault(Reason.TOO_LARGE)]
    parts = split_array(value)
    if isinstance(parts, Fault):
        return [parts]
    if parts is None:
        return [_reading(topic, rows, household, value, 0, MAX_DEPTH)]
    return [_reading(topic, rows, household, part, i, MAX_DEPTH - 1) for i, part in enumerate(parts)]


def _reading(
    topic: str, rows: dict[str, _Row], household: str, value: bytes, index: int, allowed: int
) -> Event | Fault:
    """One reading by itself, once more and with unknown fields passed over."""
    if fault := screen(value, index, allowed):
        return fault
    try:
        found = _loose(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return why_no_event(value, index, topic, household, error)
    data = Data(*msgspec.structs.astuple(found.data))
    envelope = Envelope(
        data=data,
        id=found.id,
        source=found.source,
        specversion=found.specversion,
        subject=found.subject,
        time=found.time,
        type=found.type,
    )
    return _event(envelope, index, topic, rows, household)


_TICK: Final = msgspec.json.Decoder(Tick)
_HOUSEHOLD: Final = msgspec.json.Decoder(HouseholdRecord)
_ACTION: Final = msgspec.json.Decoder(ResponderAction)
_ALERT: Final = msgspec.json.Decoder(PublicAlert)
_DISTRICT: Final = msgspec.json.Decoder(DistrictState)
_COUNTS: Final = msgspec.json.Decoder(DistrictCounts)
_PROFILE: Final = msgspec.json.Decoder(Profile)


def _beside(topic: str, key: bytes | None, value: bytes | None) -> Record:
    """One message of an input beside the events."""
    match topic:
        case "households" if value is None:
            household = _household(key or b"")
            return Removal(household) if household else Fault(Reason.WRONG_KEY, 0, "key")
        case "households":
            record = _record(value, _HOUSEHOLD, check_household, of_household=True)
            return record if isinstance(record, Fault) else _keyed(record, key)
        case "responder.actions":
            action = _record(value, _ACTION, check_action, of_household=True)
            return action if isinstance(action, Fault) else _keyed(action, key)
        case "public.alerts":
            return _record(value, _ALERT, check_alert)
        case "district.state":
            return _record(value, _DISTRICT, check_district)
        case "district.counts":
            return _record(value, _COUNTS, check_counts)
        case "profile":
            return _record(value, _PROFILE, check_profile)
        case _:
            return Fault(Reason.UNKNOWN_TYPE, 0, "topic")


def _keyed(record: HouseholdRecord | ResponderAction, key: bytes | None) -> Record:
    return record if record.household.encode() == key else Fault(Reason.WRONG_KEY, 0, "key")


def _record(
    value: bytes | None,
    decoder: msgspec.json.Decoder[T],
    check: Callable[[T], Fault | None],
    *,
    of_household: bool = False,
) -> T | Fault:
    """Decode and check one record that is no event."""
    if value is None:
        return Fault(Reason.MISSING_FIELD, 0, "value")
    if len(value) > MAX_MESSAGE_BYTES:
        return Fault(Reason.TOO_LARGE)
    if fault := screen(value):
        return fault
    try:
        record = decoder.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return why_no_record(value, error, of_household=of_household)
    return check(record) or record
