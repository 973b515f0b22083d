"""A household's weeks as people read them: topics by what was told and measured, the contact index, concerns, referrals."""

from typing import Final, Literal, NamedTuple

from detectors.contact import MOVED, contact
from detectors.hours import EPOCH, date_of
from detectors.state import State
from detectors.weeks import FOUR_WEEKS, day_of, monday_of
from detectors.words import (
    ANSWERED,
    COUNTS,
    DAYS,
    LEVELS,
    MISSED,
    OUTINGS,
    PHONE,
    PHONE_DAYS,
    STIRS,
    STRETCHES,
    TAKEN,
    TALKS,
    TOPICS,
    UNANSWERED,
)
from schemas.times import to_rfc3339
from schemas.views import ConcernView, ContactMonth, ContactView, ReferralView, TopicWeek, WeekView
from schemas.vocabulary import CareTopic

LEAST_DAYS: Final = 4
"""Days in sight below which a week measures nothing."""
LEAST_USUAL_DAYS: Final = 14
LEAST_DOSES: Final = 4
FEW: Final = 0.6
"""A week with less than this share of the usual is a concern."""
MANY: Final = 2.0
"""Activity in the night this many times the usual, and once a night more, is a concern."""
DOSES_TAKEN: Final = 0.8
DOSES_ALARM: Final = 0.5

Row = list[int]


class Measure(NamedTuple):
    """How a topic is measured: a count over another one. `least` of the latter make a week, `usual` of it a habit."""

    above: int
    below: tuple[int, ...]
    least: int
    usual: int

    def sums(self, rows: list[Row]) -> tuple[int, int]:
        """Return the sum of the count and that of what it is measured over."""
        return sum([row[self.above] for row in rows]), sum([row[place] for place in self.below for row in rows])


_MEASURES: Final[dict[CareTopic, Measure]] = {
    CareTopic.SLEEP: Measure(STIRS, (DAYS,), LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.EXERCISE: Measure(STRETCHES, (DAYS,), LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.OUTINGS: Measure(OUTINGS, (DAYS,), LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.MEDICATION: Measure(TAKEN, (TAKEN, MISSED), LEAST_DOSES, 2 * LEAST_USUAL_DAYS),
}


def weeks(state: State, rows: list[tuple[int, Row]]) -> list[WeekView]:
    """Return the weeks, oldest first, of their counts: `Weeks.weeks`."""
    goes_out = state.weeks.goes_out
    measures = {topic: how for topic, how in _MEASURES.items() if topic is not CareTopic.OUTINGS or goes_out}
    sums = {topic: how.sums([row for _, row in rows]) for topic, how in measures.items()}
    return [_week(monday, row, measures, sums) for monday, row in rows]


def _week(
    monday: int, row: Row, measures: dict[CareTopic, Measure], sums: dict[CareTopic, tuple[int, int]]
) -> WeekView:
    topics = {}
    for place, topic in enumerate(TOPICS):
        told = row[COUNTS + place * len(LEVELS) : COUNTS + (place + 1) * len(LEVELS)]
        measured = usual = None
        how = measures.get(topic)
        if how is not None:
            above, below = how.sums([row])
            measured = above / below if below >= how.least else None
            others, of = sums[topic]
            usual = (others - above) / (of - below) if of - below >= how.usual else None
        one = _topic(topic, told, measured, usual)
        if one is not None:
            topics[topic] = one
    return WeekView(
        monday=date_of(monday),
        topics=topics,
        calls_answered=row[ANSWERED],
        calls_unanswered=row[UNANSWERED],
        doses_taken=row[TAKEN],
        doses_missed=row[MISSED],
        robot_talks=row[TALKS],
        phone_contacts=row[PHONE],
        phone_days=row[PHONE_DAYS],
        days_seen=row[DAYS],
        outings=row[OUTINGS],
        stretches=row[STRETCHES],
        night_stirs=row[STIRS],
    )


def _topic(topic: CareTopic, told: list[int], measured: float | None, usual: float | None) -> TopicWeek | None:
    """Return a topic of a week; None when nobody spoke of it and nothing measured it."""
    if measured is None and not any(told):
        return None
    worst = max((level for level, count in enumerate(told) if count), default=0)
    worst = max(worst, _measured_level(topic, measured, usual))
    return TopicWeek(
        ok=told[0],
        concern=told[1],
        alarm=told[2],
        measured=None if measured is None else round(measured, 2),
        usual=None if usual is None or measured is None else round(usual, 2),
        level=LEVELS[worst],
    )


def _measured_level(topic: CareTopic, measured: float | None, usual: float | None) -> int:
    if measured is None:
        return 0
    if topic is CareTopic.MEDICATION:
        return 2 if measured < DOSES_ALARM else 1 if measured < DOSES_TAKEN else 0
    if usual is None:
        return 0
    if topic is CareTopic.SLEEP:
        return int(measured > MANY * usual and measured > usual + 1)
    return int(measured < FEW * usual)


def contact_view(
    state: State, clock_ms: int, rows: list[tuple[int, Row]], by_month: list[tuple[int, Row]]
) -> ContactView | None:
    """Return the contact index by month and over the last four weeks; None while nothing of it can be seen.

    `rows` and `by_month` are the counts of the weeks and of the months: `Weeks.counts`.
    """
    goes_out, robot = state.weeks.goes_out, state.has_robot
    monday = monday_of(day_of(clock_ms, state.hours))

    def index(first: int) -> float | None:
        span = [row for number, row in rows if first <= number < first + FOUR_WEEKS]
        return contact(span, goes_out=goes_out, robot=robot).overall

    now, before = index(monday - FOUR_WEEKS + 7), index(monday - 2 * FOUR_WEEKS + 7)
    months = []
    for number, row in by_month:
        one = contact([row], goes_out=goes_out, robot=robot)
        if one.overall is not None:
            months.append(
                ContactMonth(
                    month=f"{EPOCH.year + number // 12}-{number % 12 + 1:02d}",
                    index=one.overall,
                    phone=one.phone,
                    outings=one.outings,
                    checkins=one.checkins,
                    robot=one.robot,
                )
            )
    if now is None and not months:
        return None
    return ContactView(index=now, before=before, trend=_trend(now, before), months=months)


def _trend(now: float | None, before: float | None) -> Literal["falling", "steady", "rising"] | None:
    if now is None or before is None:
        return None
    return "falling" if now <= before - MOVED else "rising" if now >= before + MOVED else "steady"


def concerns(state: State) -> list[ConcernView]:
    """Return what is or was of concern."""
    return [
        ConcernView(
            topic=TOPICS[one.topic],
            level=LEVELS[one.level],
            since=to_rfc3339(one.since_ms),
            told_at=to_rfc3339(one.told_ms),
            state="resolved" if one.resolved_ms else "open",
            resolved_at=to_rfc3339(one.resolved_ms) if one.resolved_ms else None,
        )
        for one in state.weeks.concerns()
    ]


def referrals(state: State) -> list[ReferralView]:
    """Return the referrals and what came of them."""
    return [
        ReferralView(referral=one.service, at=to_rfc3339(one.at_ms), before=one.before, after=one.after)  # type: ignore[arg-type]  # only the services of the wire form are noted
        for one in state.weeks.referrals
    ]
