"""The registry record of a household: whom Anbu watches, how closely, and what it may ask."""

from enum import StrEnum
from typing import Literal

import msgspec

from schemas.times import Rfc3339
from schemas.vocabulary import Ask


class TargetGroup(StrEnum):
    """Why a household is watched."""

    ELDER = "elder_living_alone"
    DISABLED = "severely_disabled"
    MIDDLE_AGED = "middle_aged_single"
    RECLUSIVE = "reclusive"
    YOUNG = "young_single"
    OTHER = "other"


class RiskGrade(StrEnum):
    """Set by an officer, never by Anbu. It decides the household's share of its district's budgets: `Profile.grade_shares`."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Need(StrEnum):
    """What a caller must know."""

    HEARING = "hearing"
    SPEECH = "speech"
    DEMENTIA = "dementia"
    MOBILITY = "mobility"
    VISION = "vision"


class Source(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An enrolled source. `expect_every_s`: it reports at least this often even when nobody moves (0: it does not)."""

    source: str
    expect_every_s: int = 0
    consent: bool = True


class Rung(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One step of who and what may be asked, in the order of the list; contacts are opaque ids."""

    ask: Ask
    contact: str = ""
    quiet_from: str = ""
    quiet_until: str = ""


class Absence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A declared absence, RFC 3339 times: silence is paused from start to end, and wakes at its end."""

    start: Rfc3339
    end: Rfc3339
    cause: Literal["trip", "hospital", "visit", "other"] = "other"


class HouseholdRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The full record of a household: the publisher repeats it once a day. A null message ends the watching."""

    household: str
    target_group: TargetGroup = TargetGroup.OTHER
    risk_grade: RiskGrade = RiskGrade.MEDIUM
    sensitivity: float = 1.0
    """Factor on the household's share of its district's budgets beside its risk grade's, 0.25 to 4: above 1 alarms earlier."""
    latest_silence_h: float | None = None
    """A silence this long always alarms, whatever the rhythm says; hours."""
    needs: list[Need] = []
    language: str = "ko"
    district: str = ""
    area_code: str = ""
    time_zone: str = "Asia/Seoul"
    sources: list[Source] = []
    ladder: list[Rung] = []
    absences: list[Absence] = []


class Removal(msgspec.Struct, frozen=True, gc=False):
    """A null message on `households`: the watching of this household ends."""

    household: str
