"""A household's weeks as people read them: topics by what was told and measured, the contact index, concerns, referrals."""

from typing import Final, Literal

from detectors.contact import MOVED, contact
from detectors.decimals import rounded
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


class Measure:
    """How a topic is measured: a count over another one, or over both of two. `least` of the latter make a week, `usual` of it a habit."""

    __slots__ = ("above", "below", "besides", "least", "usual")

    def __init__(self, above: int, below: int, least: int, usual: int, besides: int = -1) -> None:
        self.above = above
        self.below = below
        self.besides = besides
        self.least = least
        self.usual = usual

    def below_of(self, row: Row) -> int:
        """Return what it is measured over, of one row."""
        return row[self.below] if self.besides < 0 else row[self.below] + row[self.besides]


_MEASURES: Final[dict[CareTopic, Measure]] = {
    CareTopic.SLEEP: Measure(STIRS, DAYS, LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.EXERCISE: Measure(STRETCHES, DAYS, LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.OUTINGS: Measure(OUTINGS, DAYS, LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.MEDICATION: Measure(TAKEN, TAKEN, LEAST_DOSES, 2 * LEAST_USUAL_DAYS, MISSED),
}
_PLACES: Final = tuple(
    (COUNTS + place * len(LEVELS), topic, _MEASURES.get(topic)) for place, topic in enumerate(TOPICS)
)
"""Where the counts of each topic begin, and how it is measured."""
_MEASURED: Final = tuple([one for one in _PLACES if one[2] is not None])
"""The same of those that are measured: of the others a week says nothing in which nobody spoke of anything."""
_UNTOLD: Final = [0] * len(LEVELS)


def weeks(rows: list[tuple[int, Row]], *, goes_out: bool) -> list[WeekView]:
    """Return the weeks, oldest first, of their counts: `Weeks.weeks`."""
    sums = [0] * COUNTS
    for _, row in rows:
        for place in range(COUNTS):
            sums[place] += row[place]
    return [_week(monday, row, sums, goes_out=goes_out) for monday, row in rows]


def _week(monday: int, row: Row, sums: Row, *, goes_out: bool) -> WeekView:
    topics: dict[CareTopic, TopicWeek] = {}
    is_told = False
    for place in range(COUNTS, len(row)):
        if row[place]:
            is_told = True
            break
    for first, topic, how in _PLACES if is_told else _MEASURED:
        measured: float | None = None
        usual: float | None = None
        if how is not None and (goes_out or how.above != OUTINGS):
            below = how.below_of(row)
            if below >= how.least:
                above = row[how.above]
                measured = above / below
                besides = how.below_of(sums) - below
                if besides >= how.usual:
                    usual = (sums[how.above] - above) / besides
        told = row[first : first + len(LEVELS)] if is_told else _UNTOLD
        if measured is not None or told[0] or told[1] or told[2]:  # else nobody spoke of it and nothing measured it
            topics[topic] = _topic(topic, told, measured, usual)
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


def _topic(topic: CareTopic, told: Row, measured: float | None, usual: float | None) -> TopicWeek:
    worst = 2 if told[2] else 1 if told[1] else 0
    worst = max(worst, _measured_level(topic, measured, usual))
    return TopicWeek(
        ok=told[0],
        concern=told[1],
        alarm=told[2],
        measured=None if measured is None else rounded(measured, 2),
        usual=None if usual is None or measured is None else rounded(usual, 2),
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
    state: State, clock_ms: int, rows: list[tuple[int, Row]], by_month: list[tuple[int, Row]], *, goes_out: bool
) -> ContactView | None:
    """Return the contact index by month and over the last four weeks; None while nothing of it can be seen.

    `rows` and `by_month` are the counts of the weeks and of the months: `Weeks.counts`.
    """
    robot = state.has_robot
    monday = monday_of(day_of(clock_ms, state.hours))

    first = monday - FOUR_WEEKS + 7
    now = _index(rows, first, goes_out=goes_out, robot=robot)
    before = _index(rows, first - FOUR_WEEKS, goes_out=goes_out, robot=robot)
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


def _index(rows: list[tuple[int, Row]], first: int, *, goes_out: bool, robot: bool) -> float | None:
    """Return the index of the four weeks from a Monday on."""
    span = [row for number, row in rows if first <= number < first + FOUR_WEEKS]
    return contact(span, goes_out=goes_out, robot=robot).overall if span else None


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
