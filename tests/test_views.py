"""Views of households: what the board is told, how large it can be, and when it is told again."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from crashing import run_crashing, states
from logs import Logs, logs_of
from street import DAY_MS, HOUR_MS, MINUTE_MS, Street, told

from detectors.household import Household
from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.encode import encode
from schemas.events import Data, Event, TickMode
from schemas.households import Absence, Need, RiskGrade, TargetGroup
from schemas.incidents import CloseCause, IncidentKind, IncidentState, Severity
from schemas.times import to_rfc3339
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
from streams.engine.partition import Output

AT = "2026-11-24T00:10:00.000Z"
MIDNIGHT_MS = 1_788_102_000_000
"""2026-08-31 00:00 in Seoul, a Monday."""
PHONES = {"unlock", "call_out", "steps"}


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


# What a week says.


def at(day: int, hour: float = 11) -> int:
    """A moment of a day of the watching, by the household's wall clock."""
    return MIDNIGHT_MS + int((day * 24 + hour) * HOUR_MS)


def event(kind: str, at_ms: int, **data: Any) -> Event:
    source = "/calls/c-1" if kind.startswith("checkin") else "/phone/p-1" if kind in PHONES else "/sensors/gw-1"
    return Event(household="h-1", kind=kind, source=source, id=f"{kind}-{at_ms}", at_ms=at_ms, data=Data(**data))


def lived(
    days: int, *, calls_until: int = 1 << 30, outings_until: int = 1 << 30, model: Household | None = None
) -> Household:
    """A household with a gateway, a phone and daily calls; each of two habits ends on a day."""
    model = model or Household("h-1", start_ms=at(0, 0))
    for day in range(days):
        for hour in range(7, 22):
            model.learn_one(event("motion", at(day, hour), state="on", device="a"))
            model.learn_one(event("motion", at(day, hour + 0.05), state="on", device="b"))
            model.learn_one(event("unlock", at(day, hour + 0.1)))
        if day < outings_until:
            model.learn_one(event("door", at(day, 14.2), state="on", exit=True, device="front"))
        if day < calls_until:
            model.learn_one(event("call_out", at(day, 15)))
            model.learn_one(event("call_out", at(day, 19)))
        model.learn_one(event("checkin_answered", at(day), topics={CareTopic.MEALS: Level.OK}))
        model.advance(at(day + 1, 0))
    return model


def seen(model: Household) -> HouseholdView:
    return HouseholdView(household="h-1", at=AT, engine="e", **model.overview(model.clock_ms))


def test_a_view_shows_the_rhythm_the_last_days_by_hour_and_the_weeks_by_topic() -> None:
    view = seen(lived(21))
    assert len(view.days) == MOST_DAYS
    assert [day.begun[4] for day in view.days[:-1]] == [2] * (MOST_DAYS - 1)  # 08:00: the home's and the phone's
    assert view.usual[4] > 1.5
    assert view.usual[20] < 0.1
    week = view.weeks[-2]
    assert (week.calls_answered, week.phone_contacts, week.days_seen, week.outings) == (7, 14, 7, 7)
    assert week.topics[CareTopic.MEALS].ok == 7
    assert week.topics[CareTopic.OUTINGS].level is Level.OK
    assert msgspec.json.decode(encode(view), type=HouseholdView) == view


def test_outings_that_stop_make_a_concern_of_the_week_and_the_contact_index_falls() -> None:
    view, steady = seen(lived(56, calls_until=28, outings_until=28)), seen(lived(56))
    assert view.weeks[-2].topics[CareTopic.OUTINGS].level is Level.CONCERN
    assert view.contact is not None
    assert view.contact.trend == "falling"
    # Negative control: the same home whose habits go on.
    assert steady.weeks[-2].topics[CareTopic.OUTINGS].level is Level.OK
    assert steady.contact is not None
    assert steady.contact.trend == "steady"


def test_a_concern_is_remembered_until_it_is_told_to_be_over() -> None:
    model = lived(5)
    model.learn_one(event("checkin_answered", at(5), topics={CareTopic.SLEEP: Level.CONCERN}))
    assert [(one.topic, one.state) for one in seen(model).concerns] == [(CareTopic.SLEEP, "open")]
    model.learn_one(event("checkin_answered", at(9), topics={CareTopic.SLEEP: Level.OK}))
    [concern] = seen(model).concerns
    assert (concern.state, concern.since) == ("resolved", to_rfc3339(at(5)))


def test_a_referral_shows_what_came_of_it() -> None:
    model = lived(28, calls_until=0, outings_until=1)
    model.note_referrals([(at(28), "counselling")])
    model.note_referrals([(at(28), "counselling")])
    again = Household.restore(model.hot(), model.rhythm(), model.profile, None)
    for day in range(28, 70):
        for hour in range(7, 22):
            for kind in ("motion", "unlock"):
                again.learn_one(event(kind, at(day, hour), state="on", device="a"))
            again.learn_one(event("motion", at(day, hour + 0.05), state="on", device="b"))
        again.learn_one(event("door", at(day, 14.2), state="on", exit=True, device="front"))
        again.learn_one(event("call_out", at(day, 15)))
        again.advance(at(day + 1, 0))
    [one] = seen(again).referrals
    assert one.referral == "counselling"
    assert one.before is not None
    assert one.after is not None
    assert one.after > one.before


def test_rows_of_a_version_that_counted_no_weeks_are_still_read() -> None:
    model = lived(6)
    hot, rhythm = msgspec.msgpack.decode(model.hot()), msgspec.msgpack.decode(model.rhythm())
    rows = msgspec.msgpack.encode(hot[:17]), msgspec.msgpack.encode(rhythm[:7])
    old = Household.restore(*rows, model.profile, None)
    assert old.due() == model.due()
    assert seen(old).weeks == []
    assert seen(model).weeks


# When it is told.


def eventful_logs() -> Logs:
    return logs_of(simulate(3, 4, 12, start_ms=MIDNIGHT_MS, rates=Rates(1.0, 1.5, 0.5)), tick_s=300, drop_ticks=0.1)


def views_of(out: Sequence[Output]) -> list[HouseholdView]:
    return [one.what for one in out if isinstance(one.what, HouseholdView)]


@pytest.mark.parametrize(("mode", "at_most"), [(TickMode.LIVE, 24), (TickMode.SIMULATED, 1)])
def test_a_view_is_told_at_most_hourly_and_in_a_recording_daily(mode: TickMode, at_most: int) -> None:
    street = Street()
    street.register()
    for step in range(24 * 6):
        if step < 100:
            street.happen("door", state="on")
        street.tick(10 * MINUTE_MS, mode)
    views = views_of(street.out)
    assert 1 <= len(views) <= at_most
    assert len(views) >= at_most - 8  # nothing happened in the last hours, and nothing new was told


def test_each_revision_of_an_incident_comes_with_a_view_that_shows_it() -> None:
    street = Street()
    street.register(district="dong-7")
    street.tick()
    street.happen("gas", state="on")
    [view] = views_of(street.tick())
    assert [one.kind for one in view.incidents] == [IncidentKind.GAS]
    assert view.district == "dong-7"
    street.act(street.open()[0])
    [view] = views_of(street.tick())
    assert [one.state for one in view.incidents] == [IncidentState.ACKNOWLEDGED]


def test_a_view_goes_when_the_watching_ends() -> None:
    street = Street()
    street.register()
    street.tick()
    street.remove()
    out = street.tick()
    assert [one.key for one in out if one.topic == "households.view" and one.what is None] == [b"h-1"]


def test_without_views_the_same_is_decided() -> None:
    streets = [Street(views=wanted) for wanted in (True, False)]
    for street in streets:
        street.register()
        for _ in range(48):
            street.happen("door", state="on")
            street.tick(HOUR_MS)
        street.pass_ms(30 * HOUR_MS)
    assert told(streets[0].out) == told(streets[1].out)
    assert told(streets[0].out)
    assert not views_of(streets[1].out)


def weeks_after_a_fall(street: Street) -> Street:
    """Three weeks of a home of grade low in which somebody fell, and was helped, at their beginning."""
    street.register(risk_grade=RiskGrade.LOW)
    street.happen("fall", state="on")
    street.tick()
    street.act(street.open()[0], "close", cause=CloseCause.HELPED)
    for _ in range(21 * 12):
        street.happen("door", state="on", device="front")
        street.tick(2 * HOUR_MS)
    return street


def test_a_grade_that_is_proposed_for_weeks_is_never_set_and_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    street = weeks_after_a_fall(Street())
    proposed = [view for view in views_of(street.out) if view.grade_proposal is not None]
    assert len(proposed) > 14
    assert {view.grade_proposal.grade for view in proposed if view.grade_proposal} == {RiskGrade.MEDIUM}
    assert {view.risk_grade for view in views_of(street.out)} == {RiskGrade.LOW}
    assert "households" not in {one.topic for one in street.out}, "nobody but an officer writes the registry"
    monkeypatch.setattr("detectors.overview.propose_grade", lambda *_: None)
    without = weeks_after_a_fall(Street())
    assert not any(view.grade_proposal for view in views_of(without.out)), "negative control"
    assert [one for one in without.out if one.topic != "households.view"] == [
        one for one in street.out if one.topic != "households.view"
    ]
    assert states(without.partition) == states(street.partition)
    # Negative control: an officer's word does change it, and what a home keeps.
    street.register(risk_grade=RiskGrade.MEDIUM)
    street.tick(2 * DAY_MS)
    assert views_of(street.out)[-1].risk_grade is RiskGrade.MEDIUM
    without.tick(2 * DAY_MS)
    assert states(without.partition) != states(street.partition)


def test_hourly_views_are_a_function_of_the_log_wherever_it_is_cut_and_in_whatever_order_it_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.engine.views.SIMULATED_MINUTES", 60)
    logs = eventful_logs()
    wanted, state, _ = run_crashing(logs, 1, crashes=0, faults=False)
    assert sum(key[0] == "households.view" for key in wanted.records) > 20
    for seed in range(4):
        heard, ended, _ = run_crashing(logs, seed, crashes=4)
        assert heard.records == wanted.records
        assert ended == state
