"""Views of households: what the board is told, how large it can be, and when it is told again."""

from schemas.encode import encode
from schemas.households import Absence, Need, RiskGrade, TargetGroup
from schemas.incidents import IncidentKind, IncidentState, Severity
from schemas.views import (
    MOST_ABSENCES,
    MOST_BYTES,
    MOST_DAYS,
    MOST_INCIDENTS,
    MOST_MONTHS,
    MOST_REFERRALS,
    MOST_SOURCES,
    MOST_WEEKS,
    ConcernView,
    ContactMonth,
    ContactView,
    DelayView,
    HourlyDay,
    HouseholdView,
    OpenIncidentView,
    ReferralView,
    SourceView,
    TopicWeek,
    WeekView,
)
from schemas.vocabulary import CareTopic, Level

AT = "2026-11-24T00:10:00.000Z"


def largest() -> HouseholdView:
    topic = TopicWeek(ok=99999, concern=99999, alarm=99999, measured=9999.99, usual=9999.99, level=Level.CONCERN)
    week = WeekView(
        monday="2026-11-23",
        topics=dict.fromkeys(CareTopic, topic),
        calls_answered=99999,
        calls_unanswered=99999,
        doses_taken=99999,
        doses_missed=99999,
        robot_talks=99999,
        phone_contacts=99999,
        phone_days=7,
        days_seen=7,
        outings=99999,
        stretches=99999,
        night_stirs=99999,
    )
    source = SourceView(
        source="/sensors" + ("/" + "x" * 64) * 4,
        channel="sensors",
        enrolled=True,
        consent=False,
        health="healthy",
        reported_at=AT,
        healthy_h=9999.9,
    )
    month = ContactMonth(month="2026-11", index=0.33, phone=0.33, outings=0.33, checkins=0.33, robot=0.33)
    concern = ConcernView(
        topic=CareTopic.MEDICATION, level=Level.CONCERN, since=AT, told_at=AT, state="resolved", resolved_at=AT
    )
    incident = OpenIncidentView("f" * 64, 9999, IncidentKind.MISSED_MEDICATION, Severity.SEVERE, IncidentState.OPENED)
    return HouseholdView(
        household="h" * 64,
        status="Exercise",
        at=AT,
        registered=True,
        district="d" * 128,
        target_group=TargetGroup.MIDDLE_AGED,
        risk_grade=RiskGrade.MEDIUM,
        needs=list(Need),
        language="x" * 35,
        time_zone="x" * 64,
        warm=True,
        days_learned=999.9,
        usual=[99.99] * 24,
        days=[HourlyDay("2026-11-24", [255] * 24, list(range(24)))] * MOST_DAYS,
        last_sign_of_life=AT,
        away=True,
        deadline=AT,
        silence=0.99,
        delay=DelayView(99.99, 99.99),
        blind=True,
        sources=[source] * MOST_SOURCES,
        absences=[Absence(AT, AT, "hospital")] * MOST_ABSENCES,
        in_hospital_since=AT,
        unanswered_in_a_row=9999,
        missed_doses_in_a_row=9999,
        weeks=[week] * MOST_WEEKS,
        concerns=[concern] * len(CareTopic),
        contact=ContactView(index=0.33, before=0.33, trend="falling", months=[month] * MOST_MONTHS),
        referrals=[ReferralView(referral="neighbour_visit", at=AT, before=0.33, after=0.33)] * MOST_REFERRALS,
        incidents=[incident] * MOST_INCIDENTS,
        profile="p" * 128,
        engine="e" * 64,
    )


def test_the_largest_view_keeps_its_stated_bound() -> None:
    size = len(encode(largest()))
    assert MOST_BYTES // 2 < size <= MOST_BYTES
