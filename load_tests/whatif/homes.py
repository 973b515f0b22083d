"""Whom a past holds: what figures are told apart by."""

from collections import Counter
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from detectors.life import channel_of
from load_tests.whatif.spool import Spooled
from schemas.exercise import is_exercise
from schemas.households import HouseholdRecord
from streams.engine.partition import Partition

NOT_SAID: Final = "not said"
LOOKED_EVERY_MS: Final = 3_600_000


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


class Seen:
    """Whom an engine watches while it replays a log, and how long: those who leave before its end among them."""

    def __init__(self, engine: Partition, copies: frozenset[str]) -> None:
        """Take an engine; copies of cuts are nobody's home."""
        self._engine = engine
        self._copies = copies
        self._looked_ms = 0
        self._since: dict[str, int] = {}
        self._watched_ms: Counter[str] = Counter()
        self._records: dict[str, HouseholdRecord] = {}

    def look(self) -> None:
        """Look who is there, once an hour of the log: a home's time is known to that."""
        clock_ms = self._engine.clock_ms
        if clock_ms < self._looked_ms + LOOKED_EVERY_MS:
            return
        self._looked_ms = clock_ms
        self._note(clock_ms)

    def _note(self, clock_ms: int) -> None:
        names = set(self._engine.names())
        for name in self._since.keys() - names:
            self._watched_ms[name] += clock_ms - self._since.pop(name)
        for name in names - self._since.keys() - self._copies:
            if is_exercise(name):
                continue
            self._since[name] = clock_ms
            self._remember(name)

    def _remember(self, name: str) -> None:
        watched = self._engine.household(name)
        if watched is not None and watched.record is not None:
            self._records[name] = watched.record

    def homes(self) -> list[Home]:
        """Return all of them, as the registry described them last."""
        clock_ms = self._engine.clock_ms
        self._note(clock_ms)
        for name, since_ms in self._since.items():
            self._watched_ms[name] += clock_ms - since_ms
            self._remember(name)
        return [
            home_of(self._records.get(name) or HouseholdRecord(household=name), ms)
            for name, ms in sorted(self._watched_ms.items())
        ]


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; Seoul's for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("Asia/Seoul")
