"""Registry records as a worker holds them: what many homes have the same, they share. Pure."""

from sys import intern
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from schemas.households import HouseholdRecord, Source

_READ: Final = msgspec.json.Decoder(HouseholdRecord)
_SOURCES: Final[dict[tuple[Source, ...], list[Source]]] = {}
"""Lists of sources there are; gateways of one make have the same names in every home."""
MOST_LISTS: Final = 4096
_TEXTS: Final = ("language", "district", "area_code", "time_zone")
_HOURS: Final = ("quiet_from", "quiet_until")


def record_of(raw: bytes, name: str) -> HouseholdRecord | None:
    """Return a household's record as it was published; None for an empty one.

    Raises:
        msgspec.DecodeError: it cannot be read.

    """
    return sharing(_READ.decode(raw), name) if raw else None


def sharing(record: HouseholdRecord, name: str) -> HouseholdRecord:
    """Let a record that was just read share with others what they have the same: it takes half as much then.

    Nobody changes a record or its lists: whoever needs another makes one.
    """
    if record.household == name:
        force_setattr(record, "household", name)
    for field in _TEXTS:
        force_setattr(record, field, intern(getattr(record, field)))
    for rung in record.ladder:
        for field in _HOURS:
            force_setattr(rung, field, intern(getattr(rung, field)))
    if record.sources:
        if len(_SOURCES) >= MOST_LISTS:
            _SOURCES.clear()
        force_setattr(record, "sources", _SOURCES.setdefault(tuple(record.sources), record.sources))
    return record
