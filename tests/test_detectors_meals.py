"""Missed meals, shorter talks, devices offline and the budget of the kinds besides silence: by the home's own regularity."""

from typing import Any

import pytest
from test_views import at, event

from detectors.findings import Finding
from detectors.hours import LocalHours
from detectors.household import Household
from detectors.meals import HERE, OUT, Meals
from detectors.medication import in_a_row
from detectors.thrift import MONTH_MS, PARTS, Thrift
from detectors.weeks import day_of
from schemas.events import Event
from schemas.households import HouseholdRecord, Source
from schemas.incidents import CloseCause, IncidentKind, NextStep, Urgency
from schemas.profiles import DEFAULT_PROFILE
from schemas.vocabulary import CareTopic, Level
from streams.cases.revisions import Teller, cleared, next_step, opened

RECORD = HouseholdRecord(household="h-1", sources=[Source("/sensors/gw-1"), Source("/phone/app")])
MEALS, TALKS = IncidentKind.MISSED_MEALS, IncidentKind.SHORTER_TALKS


def phone(kind: str, at_ms: int) -> Event:
    return event(kind, at_ms).with_(source="/phone/app")


class Home:
    """Ordinary days: motion every half hour from seven to ten at night, and a fridge opened at three meals."""

    def __init__(self) -> None:
        self.model = Household("h-1", DEFAULT_PROFILE, RECORD, start_ms=at(0, 0))
        self.found: list[Finding] = []
        self.day = 0

    def live(self, days: int, *, meals: tuple[float, ...] = (8, 12, 18), sensors: bool = True, **more: Any) -> "Home":
        for day in range(self.day, self.day + days):
            events: list[Event] = []
            if sensors:
                for half in range(14, 44):
                    events += [
                        event("motion", at(day, half / 2 + 0.02 * n), state="on", device=f"m{n}") for n in range(2)
                    ]
                events += [event("door", at(day, hour + 0.2), state="on", device="fridge") for hour in meals]
                events += [event("battery", at(day, 11), value=80.0, device="m0")]
                if more.get("battery", True):
                    events += [event("battery", at(day, 11.1), value=80.0, device="m1")]
            if more.get("phone"):
                events += [phone("unlock", at(day, hour)) for hour in range(8, 22)]
            if seconds := more.get("talk_s"):
                told = {"topics": {CareTopic.HEALTH: Level.OK}, "duration_s": seconds}
                events += [event("checkin_answered", at(day, 10), **told)]
            for one in sorted(events, key=lambda e: e.at_ms):
                self.wait(one.at_ms)
                self.model.learn_one(one)
            self.wait(at(day, 23.9))
        self.day += days
        return self

    def wait(self, until_ms: int) -> "Home":
        while self.model.wake_ms <= until_ms:
            step_ms = max(self.model.wake_ms, self.model.clock_ms + 1)
            self.found += [one for one in self.model.advance(step_ms) if isinstance(one, Finding)]
        return self

    def said(self, kind: IncidentKind) -> list[str]:
        return [one.change for one in self.found if one.kind is kind]

    def first(self, kind: IncidentKind) -> Finding:
        return next(one for one in self.found if one.kind is kind)


def test_meals_missed_in_a_row_by_somebody_regular_are_told_next_day_and_eating_again_clears_them() -> None:
    home = Home().live(30)
    assert not home.said(MEALS)
    home.live(1, meals=()).live(1)
    assert home.said(MEALS)[:1] == ["raise"]
    one = home.first(MEALS)
    assert one.facts["missed"] == 3
    assert next_step(one.kind, one.severity, "h-1") is NextStep.CALL_RESIDENT
    incident = opened(Teller("e", "p", RECORD), "h-1", one, "i-1", "c-1", at(31))
    assert (
        incident.sentence_ko == "평소 끼니때면 거의 빠짐없이 식사하신 흔적이 있으나, 댁에 계시는데도 3번 연속 없습니다."
    )
    assert (
        incident.sentence_en
        == "At home, but no sign of a meal 3 times in a row; usually there is one at nearly every mealtime."
    )
    home.live(2)
    assert home.said(MEALS) == ["raise", "clear"]


def test_whoever_goes_on_without_meals_after_a_closing_is_told_of_again() -> None:
    home = Home().live(30).live(2, meals=())
    one = home.first(MEALS)
    home.model.settle(MEALS, CloseCause.WRONG_CONTACT, int(one.facts["raised_ms"]), at(home.day))
    home.live(4, meals=())
    assert home.said(MEALS) == ["raise", "raise"]


def test_missed_meals_are_not_over_because_they_were_told() -> None:
    home = Home().live(15).live(1, meals=()).live(1, sensors=False).live(2, sensors=False)
    assert home.said(MEALS) == ["raise"], "nobody was seen to eat since"


def test_one_missed_meal_or_meals_of_somebody_irregular_or_out_are_not_told() -> None:
    assert not Home().live(30).live(1, meals=(8, 18)).live(3).said(MEALS)
    uneven = Home()
    for day in range(40):
        uneven.live(1, meals=((8, 12, 18), (12,), (8,), (18,))[day % 4])
    assert not uneven.live(1, meals=()).live(2).said(MEALS)
    unseen = Home().live(30).live(2, sensors=False).live(2)
    assert not unseen.said(MEALS), "nobody was seen at home: no sign of a meal is none that they did not eat"


def _missed(*days: tuple[int, int, int]) -> int:
    """How many meals in a row count as missed after days without a sign of any, by where the person was in their stretches."""
    meals, seoul = Meals(), LocalHours("Asia/Seoul")
    first = day_of(at(0, 12), seoul)
    for n in range(40 + len(days)):
        for hour in (8, 12, 18) if n < 40 else ():
            meals.learn_one(event("door", at(n, hour), state="on", device="fridge"), seoul)
        meals.learn_day(first + n, at(n, 4), (HERE, HERE, HERE) if n < 40 else days[n - 40])
    meals.look([], (0, 0), 0.0)
    return 0 if meals.found is None else int(meals.found.facts["missed"])


def test_a_stretch_out_of_the_house_says_nothing_of_the_meals_at_home_around_it() -> None:
    at_noon, gone = (HERE, OUT, HERE), (OUT, OUT, OUT)
    assert _missed(at_noon, at_noon) == 4
    assert _missed(gone, gone) == 0, "who is out may eat there"
    assert _missed(at_noon, at_noon, gone, gone, at_noon) == 2, "who lives elsewhere for days eats there: a new row"


def test_two_talks_in_a_row_that_name_meals_as_a_worry_are_told_where_no_kitchen_is_seen() -> None:
    home = Home().live(3, meals=())
    for level in (Level.CONCERN, Level.OK, Level.CONCERN):
        told = event("checkin_answered", at(home.day, 3), topics={CareTopic.MEALS: level})
        home.model.learn_one(told)
        home.live(2, meals=())
    assert not home.said(MEALS), "it was well between"
    worry = {CareTopic.MEALS: Level.CONCERN}
    home.model.learn_one(event("checkin_answered", at(home.day, 3), topics=worry))
    home.live(2, meals=())
    assert home.said(MEALS) == ["raise"]
    said = opened(Teller("e", "p", RECORD), "h-1", home.first(MEALS), "i-1", "c-1", at(40))
    assert said.sentence_en == "Meals were named as a worry in 2 talks in a row."


def test_talks_that_become_shorter_over_weeks_are_told_and_may_wait() -> None:
    home = Home().live(24, talk_s=180.0)
    assert not home.said(TALKS)
    for shorter in (150.0, 120.0, 90.0, 60.0):
        home.live(4, talk_s=shorter)
    assert home.said(TALKS) == ["raise"]
    one = home.first(TALKS)
    assert (one.urgency, next_step(one.kind, one.severity, "h-1")) == (Urgency.FUTURE, NextStep.FOLLOW_UP)
    home.model.settle(TALKS, CloseCause.HELPED, int(one.facts["raised_ms"]), at(home.day))
    assert home.live(10, talk_s=60.0).said(TALKS) == ["raise"]


def test_a_sensor_that_stopped_reporting_is_told_where_the_home_is_seen_and_its_repair_says_how_long_it_took() -> None:
    home = Home().live(12).live(6, battery=False)
    kind = IncidentKind.DEVICE_OFFLINE
    assert home.said(kind) == ["raise"]
    one = home.first(kind)
    incident = opened(Teller("e", "p", RECORD), "h-1", one, "i-1", "c-1", at(16))
    assert incident.sentence_en.startswith("A sensor at home has said nothing for ")
    assert next_step(one.kind, one.severity, "h-1") is NextStep.CHECK_DEVICE
    home.live(2)
    assert home.said(kind) == ["raise", "clear"]
    over = cleared(Teller("e", "p", RECORD), incident, home.found[-1], at(20))
    assert over.sentence_en.startswith("No device is offline any more, after ")
    assert "연결이 끊긴 기기가 더 이상 없습니다." in over.sentence_ko
    assert not Home().live(20).said(kind)


def test_a_phone_switched_off_is_told_where_the_home_is_seen_and_on_again_is_its_repair() -> None:
    home = Home().live(10, phone=True)
    home.model.learn_one(phone("power_off", at(home.day, 1)))
    home.live(2)
    assert home.said(IncidentKind.PHONE_OFF) == ["raise"]
    assert not home.said(IncidentKind.CANNOT_SEE)
    home.live(1, phone=True)
    assert home.said(IncidentKind.PHONE_OFF) == ["raise", "clear"]
    assert float(home.found[-1].facts["repaired_h"]) > 24


def test_a_home_nobody_sees_is_one_incident_and_its_end_says_how_long_it_lasted() -> None:
    home = Home().live(10, phone=True).live(4, sensors=False)
    assert home.said(IncidentKind.CANNOT_SEE) == ["raise"]
    home.live(1)
    over = [one for one in home.found if one.kind is IncidentKind.CANNOT_SEE][-1]
    assert over.change == "clear"
    assert float(over.facts["repaired_h"]) > 24


def test_the_parts_of_the_budget_are_one_and_a_home_told_of_too_much_is_judged_more_strictly() -> None:
    assert sum(PARTS.values()) == pytest.approx(1.0)
    thrift, budget = Thrift(), DEFAULT_PROFILE.other_budget
    assert thrift.factor(MEALS, budget) == 1.0 < thrift.factor(MEALS, budget / 10)
    for _ in range(3):
        thrift.learn_one(MEALS, at(1))
    assert thrift.factor(MEALS, budget) > thrift.factor(TALKS, budget) == 1.0
    thrift.learn_one(MEALS, at(1), CloseCause.SAFE_AT_HOME)
    strict = thrift.factor(MEALS, budget)
    thrift.learn_one(MEALS, at(1), CloseCause.HELPED)
    assert thrift.factor(MEALS, budget) < strict, "an incident that was right costs nothing"
    thrift.pass_time(at(1) + int(2.1 * MONTH_MS / (budget * PARTS[MEALS])), budget)
    assert thrift.factor(MEALS, budget) == 1.0, "as time passes without one, it is given back"


def test_doses_in_a_row_follow_the_home_s_own_regularity() -> None:
    assert in_a_row(0.95, 2, 0.05) == 2
    assert in_a_row(0.85, 2, 0.05) == 3
    assert in_a_row(0.9999, 2, 0.05) == 1
