"""Who answers for incidents by the hour, and how long each may take: a part of the profile. Owners are codes, never names."""

from typing import Final

import msgspec

from schemas.incidents import Severity


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on duty for a district, by the hour and the day."""

    district: str = ""
    """Empty: every district that has no desk of its own."""
    day: str
    """On working days from `day_from` to `day_until`."""
    night: str = ""
    """At all other hours. Empty: the same as by day."""
    holiday: str = ""
    """By day on Saturdays, Sundays and holidays. Empty: the same as at night."""
    emergency: str = ""
    """Emergencies reach this post at once and at any hour: a control room. Empty: whoever is on duty."""
    day_from: str = "09:00"
    day_until: str = "18:00"
    time_zone: str = "Asia/Seoul"
    then: list[str] = []
    """Whom it moves on to when time passes, one after the other: a supervisor, the control room."""
    cap_per_shift: int = 0
    """So many incidents a shift, emergencies not counted; what is more is asked by machine first. 0: no cap."""


class Minutes(msgspec.Struct, frozen=True, kw_only=True):
    """A time limit by severity, minutes."""

    minor: float
    moderate: float
    severe: float
    extreme: float

    def of_ms(self, severity: Severity) -> int:
        """Return the limit in milliseconds."""
        limits = (self.minor, self.moderate, self.severe, self.extreme)
        return int(limits[severity.rank] * 60_000)


ACKNOWLEDGE: Final = Minutes(minor=240.0, moderate=60.0, severe=15.0, extreme=5.0)
ACT: Final = Minutes(minor=2880.0, moderate=480.0, severe=120.0, extreme=45.0)


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """The duty roster and its time limits. Without a desk nobody is told who answers, and no time is limited."""

    desks: list[Desk] = []
    holidays: list[str] = []
    """Local dates such as 2026-12-25."""
    acknowledge_min: Minutes = ACKNOWLEDGE
    """Within this somebody must have taken it, or the next owner is told."""
    act_min: Minutes = ACT
    """Within this whoever took it must have closed it, gone there or put it off, or the next owner is told."""
