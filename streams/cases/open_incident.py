"""An open incident as its household's ledger knows it: what was told of it, what waits, and which devices alarm. Pure."""

from typing import Any, Final

import msgspec

from detectors.hazard import NEVER_MS
from schemas.incidents import EMERGENCIES, Incident
from schemas.times import from_rfc3339
from streams.cases.ladder_steps import is_climbing
from streams.cases.lessons import Told

MOST_ALARMS: Final = 16
"""Devices of one incident that are followed; with more of them it is never told as cleared."""
_OTHERS: Final = ("", "")


class Open:
    """An open incident: its last revision, and what is needed to know it again."""

    __slots__ = (
        "alarms",
        "ask_ms",
        "grave_since",
        "happened_ms",
        "incident",
        "owner_ms",
        "pending",
        "raised_ms",
        "told",
        "told_ms",
    )

    def __init__(self, incident: Incident, told_ms: int, *, raised_ms: int = 0) -> None:
        self.incident = incident
        self.told_ms = told_ms
        self.raised_ms = raised_ms
        """`raised_ms` of the detector's finding; 0 for an emergency."""
        self.happened_ms = 0
        """When the event of an emergency happened; 0 for anything else."""
        self.grave_since = incident.revision
        """Revision since which it has been as grave as it is: a close that saw an earlier one is refused."""
        self.ask_ms = NEVER_MS
        """When the check-in ladder wants to be looked at: an answer is overdue, or somebody's quiet hours end."""
        self.owner_ms = NEVER_MS
        """When its owner must be looked at: their time is over, their shift ends, or what they put off is due."""
        self.pending: Incident | None = None
        """A revision that waits until the last one is 10 minutes old."""
        self.alarms: dict[tuple[str, str], list[int]] = {}
        """Of an emergency: (source, device) -> [when it last alarmed, when it last said off]."""
        self.told: list[Told] = []
        """What it looked like to the shared model when it was told: its closing teaches one of them."""

    @classmethod
    def adopted(cls, incident: Incident, clock_ms: int) -> "Open":
        """Return an incident that was read back from its topic: which device alarmed is not known any more."""
        entry = cls(incident, clock_ms)
        entry.owner_ms = clock_ms
        if incident.kind in EMERGENCIES:
            entry.happened_ms = _moment(incident.event_from, clock_ms)
            entry.alarms[_OTHERS] = [entry.happened_ms, 0]
        else:
            entry.raised_ms = _moment(incident.opened_at, clock_ms)
            entry.ask_ms = clock_ms if is_climbing(incident) else NEVER_MS
        return entry

    @property
    def latest(self) -> Incident:
        """What is known of it, told or not: the next revision says all of it."""
        if self.pending is None:
            return self.incident
        return msgspec.structs.replace(self.pending, revision=self.incident.revision)

    @property
    def is_off(self) -> bool:
        """Every device that alarmed has said off since."""
        return all(on_ms <= off_ms for on_ms, off_ms in self.alarms.values())

    def alarm(self, source: str, device: str, at_ms: int) -> None:
        """Note that a device alarmed: one that merges into this incident must say off by itself."""
        key = (source, device)
        if key not in self.alarms and len(self.alarms) >= MOST_ALARMS:
            key = _OTHERS
        times = self.alarms.setdefault(key, [at_ms, 0])
        times[0] = max(times[0], at_ms)

    def say_off(self, source: str, device: str, at_ms: int) -> bool:
        """Note that a device said off, and tell whether it had done so before: then it chatters.

        One that comes late, from before its last alarm, says nothing.
        """
        times = self.alarms[source, device]
        chatters = times[1] > 0
        if at_ms >= times[0]:
            times[1] = max(times[1], at_ms)
        return chatters

    def state(self) -> list[Any]:
        """Return plain data."""
        return [
            msgspec.to_builtins(self.incident),
            self.told_ms,
            self.raised_ms,
            self.happened_ms,
            self.grave_since,
            msgspec.to_builtins(self.pending),
            [[*key, *times] for key, times in self.alarms.items()],
            self.ask_ms,
            self.owner_ms,
            [list(one) for one in self.told],
        ]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Open":
        """Return the entry of a `state()`.

        Raises:
            ValueError, TypeError: not such a state.

        """
        incident, told_ms, raised_ms, happened_ms, grave_since, pending, alarms, *rest = state
        entry = cls(msgspec.convert(incident, Incident), told_ms, raised_ms=raised_ms)
        entry.happened_ms, entry.grave_since = happened_ms, grave_since
        entry.ask_ms, entry.owner_ms = [*rest, NEVER_MS, NEVER_MS][:2]
        entry.told = [Told(*one) for one in (rest[2] if len(rest) > 2 else [])]
        entry.pending = None if pending is None else msgspec.convert(pending, Incident)
        entry.alarms = {(source, device): [on_ms, off_ms] for source, device, on_ms, off_ms in alarms}
        return entry


def _moment(text: str, or_else_ms: int) -> int:
    """UTC milliseconds of a time that was read back: whoever wrote it, it must not stop a recovery."""
    try:
        return from_rfc3339(text)
    except ValueError:
        return or_else_ms
