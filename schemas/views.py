"""What is known of a household, as the board shows it: the value of a record on `households.view`."""

from typing import Final, Literal

import msgspec

from schemas.actions import Referral
from schemas.exercise import CapStatus
from schemas.households import Absence, Need, RiskGrade, TargetGroup
from schemas.incidents import IncidentKind, IncidentState, Severity
from schemas.times import Rfc3339
from schemas.vocabulary import CareTopic, Level

MOST_DAYS: Final = 14
MOST_WEEKS: Final = 9
MOST_MONTHS: Final = 7
MOST_SOURCES: Final = 32
MOST_ABSENCES: Final = 16
MOST_REFERRALS: Final = 16
MOST_INCIDENTS: Final = 16
MOST_BYTES: Final = 40_960
"""No view is larger; with a gateway, a phone and calls, one is some 2 KB."""


class HourlyDay(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One day of life, 04:00 to 04:00 local time."""

    date: str
    """Local date on which it began, `2026-11-24`."""
    begun: list[int | None]
    """Stretches of activity begun in each hour, 24 from 04:00 on; None for hours to come and from before the watching."""
    unseen: list[int] = []
    """Places in `begun` of the hours in which nothing could be seen, for part of the hour at least."""


class SourceView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A source, and whether it sees. `healthy_h`: how long after its last report it counts as healthy, hours."""

    source: str
    channel: Literal["sensors", "robot", "phone", "worn", "calls"]
    enrolled: bool = False
    consent: bool = True
    health: Literal["healthy", "dark", "off", "never", "asked"]
    """`never`: enrolled, and nothing has come yet. `asked`: calls, which see only when they are made."""
    reported_at: Rfc3339 | None = None
    healthy_h: float | None = None


class UnseenView(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The last time that nothing could be seen of a household."""

    since: Rfc3339
    until: Rfc3339 | None = None
    """When something reported again; absent while nothing does."""
    hours: float | None = None
    """How long it took until then."""


Slow = Literal["", "calls_only", "carried_only", "seldom_seen"]
"""Why a collapse would be found late: nothing but calls, or nothing but what the person carries, sees the household; or it
is at home and seldom seen, so that an incident is to be expected more than 12 hours after a collapse."""


class DelayView(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How long after a collapse at home an incident is to be expected at the household's budget, mean hours, by time of collapse.

    Of its own last weeks: every source is supposed to go on reporting, nobody to call.
    """

    day_h: float | None = None
    """Between 08:00 and 20:00."""
    night_h: float | None = None
    slow: Slow = ""


class TopicWeek(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """How a topic went in a week: how often it was told, by level, and what sensors and doses say."""

    ok: int = 0
    concern: int = 0
    alarm: int = 0
    """`ok`, `concern`, `alarm`: times that a call or a talk with a robot spoke of it so."""
    measured: float | None = None
    """Sleep: stretches of activity a night. Exercise: stretches a day. Outings: a day. Medication: share of doses taken."""
    usual: float | None = None
    """The same on this household's ordinary days; absent before some weeks are known."""
    level: Level
    """The worst of what was told and what was measured against the usual."""


class WeekView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What was said and done in a week of days of life, from Monday 04:00 local time."""

    monday: str
    topics: dict[CareTopic, TopicWeek] = {}
    """A topic that nobody spoke of and nothing measured is absent."""
    calls_answered: int = 0
    calls_unanswered: int = 0
    doses_taken: int = 0
    doses_missed: int = 0
    robot_talks: int = 0
    phone_contacts: int = 0
    """Calls made, calls answered and messages written on the phone."""
    phone_days: int = 0
    """Days in which the phone was seen throughout."""
    days_seen: int = 0
    """Days in which the home was seen throughout; the next three count these days alone, two days later."""
    outings: int = 0
    stretches: int = 0
    """Stretches of activity begun by day."""
    night_stirs: int = 0
    """Stretches of activity begun between midnight and 04:00."""


class ConcernView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A topic somebody was worried about, and what has become of it."""

    topic: CareTopic
    level: Level
    since: Rfc3339
    told_at: Rfc3339
    """When it was last told."""
    state: Literal["open", "resolved"] = "open"
    resolved_at: Rfc3339 | None = None


class ContactMonth(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """How much contact a person had in a calendar month, from what can be seen of it; parts that cannot be seen are absent.

    Each part lies between 0 and 1, and the index is their mean.
    """

    month: str
    """`2026-11`, on the household's wall clock; the last one has only begun."""
    index: float | None = None
    phone: float | None = None
    """Calls made, calls answered and messages written a day."""
    outings: float | None = None
    checkins: float | None = None
    """Share of check-in calls answered."""
    robot: float | None = None
    """Talks with a care robot a day."""


class ContactView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The contact index: 0 is a person who meets and speaks to nobody that Anbu knows of."""

    index: float | None = None
    """Over the last four weeks."""
    before: float | None = None
    """Over the four weeks before those."""
    trend: Literal["falling", "steady", "rising"] | None = None
    months: list[ContactMonth] = []
    """At most seven, the current one last."""


class ReferralView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A referral, and the contact index over the four weeks before it and the four weeks after it."""

    referral: Referral
    at: Rfc3339
    before: float | None = None
    after: float | None = None
    """Over the weeks since, until there are four."""


class GradeReason(msgspec.Struct, frozen=True, gc=False):
    """Why another risk grade is proposed. `number`: how many real ones, signs, concerns, doses, calls; the contact index; days."""

    reason: Literal[
        "needed_help",
        "worse_over_weeks",
        "contact_falling",
        "alarming_concern",
        "doses_missed",
        "calls_unanswered",
        "calm",
    ]
    number: float | None = None


class GradeProposal(msgspec.Struct, frozen=True, gc=False):
    """A risk grade that the home's record speaks for. Anbu never sets one: an officer does, in the registry."""

    grade: RiskGrade
    reasons: list[GradeReason]


class OpenIncidentView(msgspec.Struct, frozen=True, gc=False):
    """An open incident of the household; all of it stands on `incidents.open`."""

    id: str
    revision: int
    kind: IncidentKind
    severity: Severity
    state: IncidentState


class HouseholdView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A household as it stands, keyed by household: at most once an hour, when something has changed, and at each revision.

    A null message ends it. Numbers the models do not know are absent. No decision follows from a view.
    """

    household: str
    status: CapStatus = "Actual"
    at: Rfc3339
    """Clock of the partition."""
    registered: bool = False
    district: str = ""
    target_group: TargetGroup | None = None
    risk_grade: RiskGrade | None = None
    needs: list[Need] = []
    language: str = "ko"
    time_zone: str = "Asia/Seoul"
    warm: bool = False
    """The rhythm is known well enough to be judged by."""
    days_learned: float = 0.0
    usual: list[float] = []
    """Stretches of activity begun in each hour of an ordinary day, 24 from 04:00 on; empty before a day was learned."""
    days: list[HourlyDay] = []
    """The last days, at most 14, today the last."""
    last_sign_of_life: Rfc3339 | None = None
    away: bool = False
    """The last sign of life was a way out."""
    deadline: Rfc3339 | None = None
    """When an incident would be raised if nothing further came."""
    silence: float | None = None
    """How much of the way to that incident the silence has gone, 0 to 1."""
    delay: DelayView | None = None
    blind: bool = False
    unseen: UnseenView | None = None
    sources: list[SourceView] = []
    absences: list[Absence] = []
    in_hospital_since: Rfc3339 | None = None
    unanswered_in_a_row: int = 0
    missed_doses_in_a_row: int = 0
    weeks: list[WeekView] = []
    """At most nine, the current one last."""
    concerns: list[ConcernView] = []
    contact: ContactView | None = None
    """Absent while nothing of it can be seen."""
    referrals: list[ReferralView] = []
    """At most 16, the last one last."""
    grade_proposal: GradeProposal | None = None
    """Another risk grade than the registry's, with its reasons; absent while the record speaks for none."""
    incidents: list[OpenIncidentView] = []
    profile: str = ""
    engine: str
