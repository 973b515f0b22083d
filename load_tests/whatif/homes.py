"""Whom a past holds: what figures are told apart by."""

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from detectors.life import channel_of
from load_tests.whatif.spool import Spooled
from schemas.households import HouseholdRecord

NOT_SAID: Final = "not said"


class Home(msgspec.Struct, frozen=True, gc=False):
    """A household and how long it was watched."""

    household: str
    district: str
    target_group: str
    source_mix: str
    """Kinds of its sources, such as `calls + home + phone`."""
    time_zone: str
    watched_ms: int


def homes_of(spooled: Spooled) -> list[Home]:
    """Return the households of a spool, without the copies of cuts."""
    return [home_of(record, spooled.watched_ms(record.household)) for record in spooled.households]


def home_of(record: HouseholdRecord, watched_ms: int) -> Home:
    """Return a registered household."""
    return Home(
        record.household,
        record.district or NOT_SAID,
        record.target_group.value,
        mix_of(source.source for source in record.sources if source.consent),
        record.time_zone,
        watched_ms,
    )


def mix_of(sources: Iterable[str]) -> str:
    """Return the kinds of sources in one word each."""
    return " + ".join(sorted({channel_of(source) for source in sources})) or NOT_SAID


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; Seoul's for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("Asia/Seoul")
