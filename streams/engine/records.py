"""Registry records as a worker holds them: what many homes have the same, they share. Pure."""

import zlib
from sys import intern
from typing import Final, get_args

import msgspec
from msgspec.structs import force_setattr

from schemas.households import Absence, HouseholdRecord, Need, RiskGrade, Rung, Source, TargetGroup
from schemas.vocabulary import Ask

_READ: Final = msgspec.json.Decoder(HouseholdRecord)
_SOURCES: Final[dict[tuple[Source, ...], list[Source]]] = {}
"""Lists of sources there are; gateways of one make have the same names in every home."""
_NEEDS: Final[dict[tuple[Need, ...], list[Need]]] = {}
"""Lists of needs there are."""
_NONE_ABSENT: Final[list[Absence]] = []
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
    if len(_NEEDS) >= MOST_LISTS:
        _NEEDS.clear()
    force_setattr(record, "needs", _NEEDS.setdefault(tuple(record.needs), record.needs))
    force_setattr(record, "ladder", record.ladder[:])  # without the room that reading leaves for more
    if not record.absences:
        force_setattr(record, "absences", _NONE_ABSENT)
    return record


def _words() -> bytes:
    """Return what many records say, the most usual last: what `packed` need not say again."""
    every = HouseholdRecord(
        household="",
        target_group=TargetGroup.RECLUSIVE,
        risk_grade=RiskGrade.LOW,
        sensitivity=0.5,
        latest_silence_h=12.0,
        needs=list(Need),
        language="en",
        absences=[Absence("2026-01-01T09:00:00+09:00", "2026-01-02T09:00:00+09:00", "hospital")],
        ladder=[Rung(ask, "c-") for ask in get_args(Ask)],
    )
    usual = HouseholdRecord(
        household="",
        target_group=TargetGroup.ELDER,
        risk_grade=RiskGrade.HIGH,
        district="d",
        area_code="11",
        sources=[Source(name, 3600) for name in ("/robot/", "/worn/", "/phone/", "/sensors/")] + [Source("/calls/")],
        ladder=[Rung("checkin_call", "c-", "21:00", "08:00"), Rung("guardian", "c-")],
    )
    return b"".join(map(msgspec.json.encode, (every, usual)))[-_WINDOW:]


_BITS: Final = 11
_WINDOW: Final = 1 << _BITS
"""Bytes that are looked back over: what a packer sets up for more would cost many times what packing does."""
_WORDS: Final = _words()


def packed(raw: bytes) -> bytes:
    """Return a record as it was published in about a fifth of its bytes: it is asked for once a day, and kept exactly."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -_BITS, 2, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return packer.compress(raw) + packer.flush()


def unpacked(raw: bytes) -> bytes:
    """Return the record of a `packed`."""
    return zlib.decompressobj(-_BITS, _WORDS).decompress(raw)
