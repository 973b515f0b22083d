"""Homes whose days are simple enough to know by heart, for the tests of what detectors decide."""

from collections.abc import Iterable
from typing import Any, Final

from detector_cases import feed
from detector_streams import START_MS, event

from detectors.findings import Ask, Finding, Output
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from schemas.events import Event
from schemas.households import HouseholdRecord, Source
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE, Profile

MINUTE_MS: Final = 60_000
GATEWAY: Final = Source("/sensors/gw", 3600)
PHONE: Final = Source("/phone/app", 3600)
TELECOM: Final = Source("/phone/telecom", 86_400)
CALLS: Final = Source("/calls/p")
ROBOT: Final = Source("/robot/r", 3600)
BAND: Final = Source("/worn/band", 3600)


def at(day: int, hour: float) -> int:
    """Local hour (Korea) of a day; day 0 is Thursday, 2026-01-01, when the watching begins at 04:00."""
    return START_MS + day * DAY_MS + int((hour - 4) * HOUR_MS)


def record(*sources: Source, **fields: Any) -> HouseholdRecord:
    return HouseholdRecord(household="h", sources=list(sources), **fields)


class Home:
    """A household's model under a clock of minutes, and what it has said."""

    def __init__(
        self, *sources: Source, profile: Profile = DEFAULT_PROFILE, start_ms: int = START_MS, **fields: Any
    ) -> None:
        self.sources = sources or (GATEWAY,)
        self.record = record(*self.sources, **fields)
        self.model = Household("h", profile, self.record, start_ms=start_ms)
        self.said: list[Output] = []

    # What happens.

    def tell(self, kind: str, at_ms: int, source: str = "/sensors/gw", *, late_ms: int = 0, **data: Any) -> None:
        """One event, arriving at once or later."""
        self.take([event(kind, at_ms, source, **data)], late_ms=late_ms)

    def take(self, events: Iterable[Event], *, late_ms: int = 0) -> None:
        for one in sorted(events, key=_time):
            self.said += feed(self.model, (one, one.at_ms + late_ms))

    def pass_time(self, until_ms: int, *, step_ms: int = MINUTE_MS, reports: bool = False) -> list[Output]:
        """Let time pass in steps, with hourly reports or in the silence of a cut wire; returns what was said."""
        before = len(self.said)
        if reports:
            self.take(self.reports(self.model.clock_ms + 1, until_ms + 1))
        clock_ms = self.model.clock_ms
        while clock_ms < until_ms:
            clock_ms = min(until_ms, clock_ms + step_ms)
            self.said += self.model.advance(clock_ms)
        return self.said[before:]

    def reports(self, from_ms: int, until_ms: int) -> list[Event]:
        """What the sources say by themselves, at every full hour."""
        first = -(-from_ms // HOUR_MS)
        out = []
        for hour in range(first, -(-until_ms // HOUR_MS)):
            for source in self.sources:
                if source.source.startswith(("/phone", "/worn")) and source.expect_every_s == 3600:
                    out.append(event("complete_until", hour * HOUR_MS, source.source, until_ms=hour * HOUR_MS))
                elif source.expect_every_s == 3600:
                    out.append(event("heartbeat", hour * HOUR_MS, source.source))
        return out

    def live(self, days: int, *, from_day: int = 0, per_hour: int = 3, until_hour: int = 22) -> None:
        """Ordinary days: awake from 7 to 22, every so many minutes in a room, its door or the phone in hand.

        `until_hour` ends the last day earlier, in the middle of ordinary life.
        """
        events: list[Event] = []
        for day in range(from_day, from_day + days):
            last = until_hour if day == from_day + days - 1 else 22
            events += self.reports(at(day, 4), at(day, 28 if last == 22 else last))
            for hour in range(7, last):
                events += [
                    one
                    for i in range(per_hour)
                    for one in self.moves(at(day, hour) + (i * 60 // per_hour + day % 5) * MINUTE_MS)
                ]
        self.take(events)

    def moves(self, at_ms: int) -> list[Event]:
        """A sure sign of life by each source that can give one."""
        out = []
        for source in self.sources:
            if source.source.startswith("/sensors"):
                out += [event("door", at_ms, source.source, device="fridge", state="on")]
            elif source.source.startswith("/phone"):
                out += [event("unlock", at_ms + 30_000, source.source)]
        return out

    # What was said.

    def findings(self, kind: IncidentKind, change: str = "") -> list[Finding]:
        return [
            one
            for one in self.said
            if isinstance(one, Finding) and one.kind is kind and (not change or one.change == change)
        ]

    def asks(self) -> list[Ask]:
        return [one for one in self.said if isinstance(one, Ask)]

    def raised(self, kind: IncidentKind = IncidentKind.SILENCE) -> list[int]:
        """When incidents of a kind were raised."""
        return [int(one.facts["raised_ms"]) for one in self.findings(kind, "raise")]

    def due(self) -> int:
        """When silence would be raised if the sources go on reporting."""
        return self.model.due()[IncidentKind.SILENCE]


def _time(one: Event) -> int:
    return one.at_ms
