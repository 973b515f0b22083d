"""Records of `incidents` and `incidents.open` folded into what stands now: pure, so that it can be tested by hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from schemas.incidents import DisasterCounts, Incident, Severity, Status
from schemas.partitions import partition_of
from schemas.times import from_rfc3339

INCIDENTS: Final = "incidents"
OPEN: Final = "incidents.open"

STALE_AFTER_MS: Final = 180_000
"""A status comes every minute of log time; three missing in a row are a call-out."""

STANDS_AFTER_MS: Final = 120_000
"""A status is due every minute of log time. One that is a minute overdue: the clock has stood for that minute."""

RECORDED_FROM_MS: Final = 86_400_000
"""A clock further than this from its record's arrival is a recording's: staleness then goes by arrival."""


class _Peek(msgspec.Struct):
    type: Literal["incident", "status"]


_PEEK: Final = msgspec.json.Decoder(_Peek)
_INCIDENT: Final = msgspec.json.Decoder(Incident)
_STATUS: Final = msgspec.json.Decoder(Status)


@dataclass(frozen=True, slots=True)
class Case:
    """What responders see as one line: a household's incidents that belong together, the gravest first."""

    id: str
    household: str
    incidents: tuple[Incident, ...]
    """Those still open; in an ended case, all of them."""
    ended: bool
    over: tuple[Incident, ...] = ()
    """Of an open case, those that ended lately, the newest first: what was closed must not vanish beside what goes on."""

    @property
    def gravest(self) -> Incident:
        """The incident the line speaks of."""
        return self.incidents[0]

    @property
    def severity(self) -> Severity:
        """Severity of the gravest incident."""
        return self.gravest.severity

    @property
    def opened_ms(self) -> int:
        """When the first of its incidents opened, UTC milliseconds."""
        return min(from_rfc3339(incident.opened_at) for incident in self.incidents)


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether anybody is watching. `stale` partitions are not watched, and their households are not in `homes`."""

    homes: int
    blind: int
    """Of the homes, those of which no source is healthy."""
    data_until_ms: int | None
    """Up to when everything has been judged, UTC milliseconds of the log's clock; None before any status."""
    stale: tuple[int, ...]
    """Partitions without a status record, or whose last is over 3 minutes old."""
    unwatched: int = 0
    """Households that the stale partitions last spoke of."""
    unregistered: int = 0
    """Of the homes, those without a registry record."""
    slow: int = 0
    """Of the homes, those whose sources make a collapse be found late."""
    exercise: int = 0
    """Households of an exercise that is being played; not among the homes."""
    disaster: DisasterCounts | None = None
    """What came of asking the homes that public alerts in force cover; None where there are none."""
    recorded: bool = False
    """The log's clock is not near now: a recording, a simulation or a long backlog."""

    @property
    def calm(self) -> bool:
        """True when every partition is watched."""
        return not self.stale


@dataclass(frozen=True, slots=True)
class _Heard:
    clock_ms: int
    arrived_ms: int
    status: Status


class IncidentFold:
    """Records of `incidents` and `incidents.open` folded into what stands now. Pure: no Kafka, no clock.

    Any order and repetition of the same revisions ends in the same state. Memory: one number an incident ever seen,
    the last revision of each open or recently ended one, one status a partition.
    """

    def __init__(self, partitions: int, *, keep_ended: int = 1_000) -> None:
        self.partitions = partitions
        self.dropped = 0
        """Revisions not above the highest seen: repeats."""
        self.unread = 0
        """Records that are neither an incident nor a status nor a tombstone. Never a reason to stop."""
        self._keep_ended = keep_ended
        self._highest: dict[str, int] = {}
        self._open: dict[str, Incident] = {}
        self._ended: dict[str, Incident] = {}
        self._heard: dict[int, _Heard] = {}

    def grow(self, partitions: int) -> None:
        """Note that the set has more partitions now: each is unwatched until a status of it is heard."""
        self.partitions = max(self.partitions, partitions)

    def apply(
        self, topic: str, key: bytes | None, value: bytes | None, arrived_ms: int, partition: int | None = None
    ) -> Incident | None:
        """Take one record; return the incident when it tells something new.

        `arrived_ms` is when the record reached the log or the reader, UTC milliseconds. `partition` is where it stands.
        """
        if value is None:
            if topic == OPEN and key is not None:
                self._put_away(key.decode(errors="replace"), partition)
            return None
        try:
            if _PEEK.decode(value).type == "status":
                self._hear(_STATUS.decode(value), arrived_ms)
                return None
            incident = _INCIDENT.decode(value)
            from_rfc3339(incident.opened_at)
            from_rfc3339(incident.at)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            self.unread += 1
            return None
        return self._take(incident)

    def _take(self, incident: Incident) -> Incident | None:
        if incident.revision <= self._highest.get(incident.id, 0):
            self.dropped += 1
            return None
        self._highest[incident.id] = incident.revision
        self._open.pop(incident.id, None)
        self._ended.pop(incident.id, None)
        if incident.ended:
            self._ended[incident.id] = incident
            if len(self._ended) > self._keep_ended:
                del self._ended[next(iter(self._ended))]
        else:
            self._open[incident.id] = incident
        return incident

    def _put_away(self, incident: str, partition: int | None) -> None:
        """Take a tombstone: this incident ended a while ago. A later revision than any seen would still be shown.

        Where its household lives in another partition the set was grown: the incident only moved, and may still be open.
        """
        held = self._open.get(incident) or self._ended.get(incident)
        if held is not None and partition not in {None, partition_of(held.household, self.partitions)}:
            return
        self._open.pop(incident, None)
        self._ended.pop(incident, None)

    def _hear(self, status: Status, arrived_ms: int) -> None:
        clock_ms = from_rfc3339(status.clock)
        if not 0 <= status.partition < self.partitions:
            self.unread += 1
            return
        heard = _Heard(clock_ms, arrived_ms, status)
        before = self._heard.get(status.partition)
        if before is None or (clock_ms, arrived_ms) > (before.clock_ms, before.arrived_ms):
            self._heard[status.partition] = heard

    def incidents(self, *, ended: bool = False) -> list[Incident]:
        """Return the last revision of every open incident, with `ended` of the recently ended too; by id."""
        found = [*self._open.values(), *(self._ended.values() if ended else ())]
        return sorted(found, key=lambda incident: incident.id)

    def cases(self, *, ended: bool = False) -> list[Case]:
        """One entry a case, the gravest and then the newest first; with `ended`, recently ended cases after them.

        Revision 1 of an emergency has no case yet: it joins the household's open case, or stands for the household.
        """
        of_household = {i.household: i.case for i in self.incidents() if i.case is not None}
        gathered: dict[str, list[Incident]] = {}
        for incident in self.incidents(ended=ended):
            case = incident.case or of_household.get(incident.household) or f"{incident.household}:new"
            gathered.setdefault(case, []).append(incident)
        return sorted((_case(case, group) for case, group in gathered.items()), key=_by_gravity)

    def statuses(self) -> dict[int, Status]:
        """Return the last status of each partition that was heard of."""
        return {partition: heard.status for partition, heard in self._heard.items()}

    def standing(self, now: int) -> tuple[int, ...]:
        """Return the partitions whose clock has stood for over 60 s at wall clock `now`: owners do not move on there."""
        heard = self._heard
        return tuple(
            p for p in range(self.partitions) if p not in heard or now - _heard_until(heard[p]) > STANDS_AFTER_MS
        )

    def watching(self, now: int) -> Watching:
        """Who is watched, judged at wall clock `now` (UTC milliseconds)."""
        fresh = {p: h for p, h in self._heard.items() if not _is_stale(h, now)}
        clocks = [heard.clock_ms for heard in self._heard.values()]
        return Watching(
            homes=sum(heard.status.households for heard in fresh.values()),
            blind=sum(heard.status.blind for heard in fresh.values()),
            unregistered=sum(heard.status.unregistered for heard in fresh.values()),
            slow=sum(heard.status.slow for heard in fresh.values()),
            exercise=sum(heard.status.exercise for heard in fresh.values()),
            disaster=_together(heard.status.disaster for heard in fresh.values()),
            data_until_ms=min(clocks) if clocks else None,
            stale=tuple(p for p in range(self.partitions) if p not in fresh),
            unwatched=sum(h.status.households for p, h in self._heard.items() if p not in fresh),
            recorded=any(_is_recorded(heard) for heard in self._heard.values()),
        )


def _together(counts: Iterable[DisasterCounts | None]) -> DisasterCounts | None:
    found = [msgspec.to_builtins(one) for one in counts if one is not None]
    return DisasterCounts(**{name: sum(one[name] for one in found) for name in found[0]}) if found else None


def _is_recorded(heard: _Heard) -> bool:
    return abs(heard.arrived_ms - heard.clock_ms) > RECORDED_FROM_MS


def _is_stale(heard: _Heard, now: int) -> bool:
    return now - _heard_until(heard) > STALE_AFTER_MS


def _heard_until(heard: _Heard) -> int:
    return heard.arrived_ms if _is_recorded(heard) else heard.clock_ms


def _case(case: str, group: list[Incident]) -> Case:
    alive = [incident for incident in group if not incident.ended]
    shown = sorted(alive or group, key=lambda i: (-i.severity.rank, i.opened_at, i.id))
    over = sorted((i for i in group if i.ended), key=lambda i: (i.at, i.id), reverse=True) if alive else ()
    return Case(case, shown[0].household, tuple(shown), ended=not alive, over=tuple(over))


def _by_gravity(case: Case) -> tuple[bool, int, int, str]:
    return (case.ended, -case.severity.rank, -case.opened_ms, case.id)
