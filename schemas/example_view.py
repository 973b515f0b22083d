"""One synthetic example of a household's view."""

from typing import Final

from schemas.households import Absence, Need, RiskGrade, TargetGroup
from schemas.incidents import IncidentKind, IncidentState, Severity
from schemas.views import (
    ConcernView,
    ContactMonth,
    ContactView,
    DelayView,
    GradeProposal,
    GradeReason,
    HourlyDay,
    HouseholdView,
    OpenIncidentView,
    ReferralView,
    SourceView,
    TopicWeek,
    UnseenView,
    WeekView,
)
from schemas.vocabulary import CareTopic, Level

_USUAL: Final = "0.1 0.4 1.8 2.1 1.2 0.8 0.7 1.1 1.6 0.9 0.4 0.5 0.8 1.7 1.9 1.2 0.9 0.6 0.3 0.1 0 0 0.2 0"


def view_example(household: str, at: str, incident: str, engine: str) -> HouseholdView:
    """Return a view whose silence is open."""
    return HouseholdView(
        household=household,
        at=at,
        registered=True,
        district="dong-27",
        target_group=TargetGroup.ELDER,
        risk_grade=RiskGrade.MEDIUM,
        needs=[Need.HEARING],
        warm=True,
        days_learned=21.0,
        usual=[float(count) for count in _USUAL.split()],
        days=[
            HourlyDay("2026-11-23", [0, 0, 2, 3, 1, 0, 1, 1, 2, 1, *[0] * 14]),
            HourlyDay("2026-11-24", [0, 0, 2, 1, 1, *[None] * 19], [4]),
        ],
        last_sign_of_life="2026-11-23T13:40:00.000Z",
        deadline="2026-11-24T00:03:00.000Z",
        silence=1.0,
        delay=DelayView(day_h=5.2, night_h=9.6),
        sources=[
            SourceView(
                source="/sensors/gw-1",
                channel="sensors",
                enrolled=True,
                health="healthy",
                reported_at="2026-11-24T00:10:00.000Z",
                healthy_h=6.0,
            ),
        ],
        unseen=UnseenView("2026-11-19T02:10:00.000Z", "2026-11-19T07:30:00.000Z", 5.33),
        absences=[Absence("2026-12-24T00:00:00.000Z", "2026-12-27T03:00:00.000Z", "visit")],
        weeks=[
            WeekView(
                monday="2026-11-23",
                topics={
                    CareTopic.MEALS: TopicWeek(ok=1, concern=1, level=Level.CONCERN),
                    CareTopic.SLEEP: TopicWeek(ok=2, measured=0.5, usual=0.4, level=Level.OK),
                    CareTopic.OUTINGS: TopicWeek(measured=0.2, usual=1.1, level=Level.CONCERN),
                    CareTopic.MEDICATION: TopicWeek(measured=0.75, usual=0.97, level=Level.CONCERN),
                },
                calls_answered=2,
                doses_taken=3,
                doses_missed=1,
                phone_contacts=3,
                phone_days=1,
                days_seen=1,
                outings=1,
                stretches=14,
            )
        ],
        concerns=[
            ConcernView(
                topic=CareTopic.MEALS,
                level=Level.CONCERN,
                since="2026-11-20T01:00:00.000Z",
                told_at="2026-11-23T01:00:00.000Z",
            )
        ],
        contact=ContactView(
            index=0.31,
            before=0.47,
            trend="falling",
            months=[
                ContactMonth(month="2026-10", index=0.47, phone=0.4, outings=0.41, checkins=0.6),
                ContactMonth(month="2026-11", index=0.32, phone=0.3, outings=0.2, checkins=0.46),
            ],
        ),
        referrals=[ReferralView(referral="counselling", at="2026-11-18T02:00:00.000Z", before=0.36, after=0.31)],
        grade_proposal=GradeProposal(
            RiskGrade.HIGH, [GradeReason("worse_over_weeks", 2), GradeReason("contact_falling", 0.31)]
        ),
        incidents=[OpenIncidentView(incident, 2, IncidentKind.SILENCE, Severity.SEVERE, IncidentState.UPDATED)],
        profile="default-1",
        engine=engine,
    )
