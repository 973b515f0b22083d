"""What devices say of the home, and nights: told once it has lasted, over when it is over, in whatever order it arrives."""

from random import Random

import msgspec
import pytest
from test_views import at, event

from detectors.conditions import KINDS, Conditions
from detectors.findings import Finding
from detectors.hours import hours_of
from detectors.household import Household
from schemas.events import Event
from schemas.households import HouseholdRecord, Source
from schemas.incidents import Certainty, CloseCause, IncidentKind, NextStep, Severity, Urgency
from schemas.profiles import DEFAULT_PROFILE
from streams.cases.revisions import Teller, next_step, opened

RECORD = HouseholdRecord(household="h-1", sources=[Source("/sensors/gw-1")])
SEOUL = hours_of("Asia/Seoul")
WINTER = 120
"""Days after the last of August: the end of December."""


class Home:
    """A home, told of time hour by hour."""

    def __init__(self) -> None:
        self.model = Household("h-1", DEFAULT_PROFILE, RECORD, start_ms=at(0, 0))
        self.found: list[Finding] = []

    def hear(self, *events: Event) -> "Home":
        for one in events:
            self.wait(one.at_ms)
            self.model.learn_one(one)
        return self

    def wait(self, until_ms: int) -> "Home":
        while self.model.wake_ms <= until_ms:
            step_ms = max(self.model.wake_ms, self.model.clock_ms)
            self.found += [one for one in self.model.advance(step_ms) if isinstance(one, Finding)]
        self.found += [one for one in self.model.advance(until_ms) if isinstance(one, Finding)]
        return self

    def said(self, kind: IncidentKind) -> list[str]:
        return [one.change for one in self.found if one.kind is kind]

    def live(self, first: int, days: int) -> "Home":
        """Ordinary days: motion from seven to ten at night."""
        for day in range(first, first + days):
            for hour in range(7, 22):
                self.hear(*(event("motion", at(day, hour + 0.03 * n), state="on", device=f"m{n}") for n in range(2)))
        return self


def warm(day: int, hour: float, value: float) -> Event:
    return event("temperature", at(day, hour), value=value, device="climate")


def door(day: int, hour: float, state: str) -> Event:
    return event("door", at(day, hour), state=state, device="front", exit=True)


def test_a_room_is_cold_once_it_has_been_for_six_hours_and_not_before() -> None:
    home = Home().hear(warm(WINTER, 0, 20.0), *(warm(WINTER, 1 + n, 14.0) for n in range(6)))
    assert not home.said(IncidentKind.COLD_ROOM)
    home.hear(warm(WINTER, 7, 13.5)).wait(at(WINTER, 7.1))
    [one] = [one for one in home.found if one.kind is IncidentKind.COLD_ROOM]
    assert (one.change, one.severity, one.urgency, one.certainty) == (
        "raise",
        Severity.MODERATE,
        Urgency.EXPECTED,
        Certainty.OBSERVED,
    )
    assert next_step(one.kind, one.severity, "h-1") is NextStep.CALL_RESIDENT
    told = opened(Teller("e", "p", RECORD), "h-1", one, "i-1", "c-1", at(WINTER, 7.1))
    assert told.sentence_ko == "실내가 6시간 넘게 추운 상태였습니다(당시 13.5도, 기준 16도)."
    assert told.sentence_en == "It has been too cold at home for over 6 h (13.5 °C then, the limit is 16 °C)."
    home.hear(warm(WINTER, 8, 19.0)).wait(at(WINTER, 8.1))
    assert home.said(IncidentKind.COLD_ROOM) == ["raise", "clear"]


def test_what_is_cold_in_winter_is_not_in_summer_and_a_heater_overheats_before_the_sun_does() -> None:
    summer = Home().hear(*(warm(5, n, 14.0) for n in range(12)), *(warm(6, n, 30.0) for n in range(12)))
    winter = Home().hear(*(warm(WINTER, n, 30.0) for n in range(12))).wait(at(WINTER, 13))
    assert not summer.wait(at(6, 13)).said(IncidentKind.COLD_ROOM)
    assert not summer.said(IncidentKind.HOT_ROOM)
    assert winter.said(IncidentKind.HOT_ROOM) == ["raise"]
    hot = Home().hear(*(warm(5, n, 33.0) for n in range(12))).wait(at(5, 13))
    assert hot.said(IncidentKind.HOT_ROOM) == ["raise"]


def test_a_front_door_is_open_an_hour_after_it_opened_though_it_says_so_again_and_again() -> None:
    home = Home().hear(door(3, 9, "on"), door(3, 9.01, "off"), door(3, 10, "on"), door(3, 10.5, "on"))
    assert not home.wait(at(3, 10.9)).said(IncidentKind.DOOR_OPEN)
    assert home.wait(at(3, 11.1)).said(IncidentKind.DOOR_OPEN) == ["raise"]
    home.hear(door(3, 12, "off")).wait(at(3, 12.1))
    assert home.said(IncidentKind.DOOR_OPEN) == ["raise", "clear"]
    cupboard = Home().hear(event("door", at(3, 9), state="on", device="fridge")).wait(at(3, 15))
    assert not cupboard.said(IncidentKind.DOOR_OPEN)


def test_a_leak_and_an_empty_battery_are_told_at_once_and_the_battery_can_wait() -> None:
    home = Home().hear(event("moisture", at(2, 9), state="on", device="sink"))
    home.hear(event("battery", at(2, 10), value=7.0, device="front")).wait(at(2, 10.1))
    assert home.said(IncidentKind.WATER_LEAK) == home.said(IncidentKind.WEAK_BATTERY) == ["raise"]
    [one] = [one for one in home.found if one.kind is IncidentKind.WEAK_BATTERY]
    assert one.urgency is Urgency.FUTURE
    assert next_step(one.kind, one.severity, "h-1") is NextStep.CHECK_DEVICE
    home.hear(event("battery", at(2, 12), value=15.0, device="front")).wait(at(2, 12.1))
    assert home.said(IncidentKind.WEAK_BATTERY) == ["raise"]
    home.hear(event("battery", at(2, 13), value=100.0, device="front")).wait(at(2, 13.1))
    assert home.said(IncidentKind.WEAK_BATTERY) == ["raise", "clear"]


def test_what_a_responder_has_closed_is_quiet_for_a_while_and_then_told_again_if_it_still_holds() -> None:
    home = Home().hear(event("battery", at(2, 10), value=7.0, device="front")).wait(at(2, 10.1))
    [one] = [one for one in home.found if one.kind is IncidentKind.WEAK_BATTERY]
    home.model.settle(one.kind, CloseCause.DEVICE_FAULT, int(one.facts["raised_ms"]), at(2, 11))
    assert home.wait(at(8, 0)).said(IncidentKind.WEAK_BATTERY) == ["raise"]
    assert home.wait(at(10, 0)).said(IncidentKind.WEAK_BATTERY) == ["raise", "raise"]


@pytest.mark.parametrize("seed", range(8))
def test_any_order_and_any_repeats_leave_the_same(seed: int) -> None:
    rnd = Random(seed)
    events = [warm(WINTER, hour / 3, rnd.choice((13.0, 16.5, 20.0, 28.5, 31.0))) for hour in range(60)]
    events += [door(WINTER, rnd.uniform(0, 24), rnd.choice(("on", "off"))) for _ in range(30)]
    events += [event("battery", at(WINTER, rnd.uniform(0, 24)), value=rnd.choice((5.0, 50.0))) for _ in range(9)]
    states = set()
    for _ in range(4):
        rnd.shuffle(events)
        conditions = Conditions()
        for one in [*events, *rnd.choices(events, k=30)]:
            conditions.learn_one(one, SEOUL)
        other = Conditions()
        other.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(conditions.state())))
        assert other.found(at(WINTER + 1, 0), SEOUL) == conditions.found(at(WINTER + 1, 0), SEOUL)
        states.add(msgspec.msgpack.encode(conditions.state()))
    assert len(states) == 1
    conditions.forget_before(at(WINTER + 3, 0))
    assert all(found.since_ms <= at(WINTER + 1, 0) for found in conditions.found(at(WINTER + 3, 0), SEOUL)[0].values())


def test_whoever_never_goes_out_at_night_is_missed_half_an_hour_after_they_did_and_not_by_day() -> None:
    home = Home().live(0, 20)
    home.hear(door(20, 1.5, "on"), door(20, 1.51, "off"))
    assert not home.wait(at(20, 1.9)).said(IncidentKind.OUT_AT_NIGHT)
    home.wait(at(20, 2.1))
    [one] = [one for one in home.found if one.kind is IncidentKind.OUT_AT_NIGHT]
    assert (one.severity, one.urgency) == (Severity.SEVERE, Urgency.EXPECTED)
    told = opened(Teller("e", "p", RECORD), "h-1", one, "i-1", "c-1", at(20, 2.1))
    assert told.sentence_ko == "평소 한밤중에는 거의 나가지 않으시는데, 집을 나서신 뒤 30분 넘게 돌아오지 않으셨습니다."
    home.hear(*(event("motion", at(20, 3 + 0.03 * n), state="on", device=f"m{n}") for n in range(2))).wait(at(20, 3.2))
    assert home.said(IncidentKind.OUT_AT_NIGHT) == ["raise", "clear"]
    by_day = Home().live(0, 20).hear(door(20, 14, "on"), door(20, 14.01, "off")).wait(at(20, 16))
    assert not by_day.said(IncidentKind.OUT_AT_NIGHT)


@pytest.mark.parametrize(("cause", "told"), [(CloseCause.SAFE_AWAY, 2), (CloseCause.HELPED, 4)])
def test_nights_out_every_week_are_ordinary_after_the_second_unless_somebody_needed_help(
    cause: CloseCause, told: int
) -> None:
    home, kind = Home().live(0, 20), IncidentKind.OUT_AT_NIGHT
    for day in (20, 27, 34, 41):
        home.hear(door(day, 1.5, "on"), door(day, 1.51, "off")).wait(at(day, 3.5))
        if home.said(kind)[-1] == "raise":
            home.model.settle(kind, cause, at(day, 2.1), at(day, 3.6))
        home.hear(*(event("motion", at(day, 3.7 + 0.03 * n), state="on", device=f"m{n}") for n in range(2)))
        home.live(day, 7)
    assert home.said(kind).count("raise") == told


def test_nights_out_in_a_row_are_a_wandering_and_who_works_at_night_is_not_missed() -> None:
    home = Home().live(0, 20)
    for day in range(20, 24):
        home.hear(door(day, 2, "on"), door(day, 2.01, "off"))
        home.hear(*(event("motion", at(day, 2.3 + 0.03 * n), state="on", device=f"m{n}") for n in range(2)))
        home.live(day, 1)
    assert not home.said(IncidentKind.NIGHT_WANDERING)[1:]
    home.live(24, 3)
    assert home.said(IncidentKind.NIGHT_WANDERING)[0] == "raise"
    assert not home.said(IncidentKind.OUT_AT_NIGHT)


def test_a_life_turned_by_twelve_hours_is_told_within_two_weeks_and_a_sleepless_night_is_not() -> None:
    home = Home().live(0, 25)
    for day in (25,):
        home.hear(
            *(event("motion", at(day, n / 2 + 0.03 * m), state="on", device=f"m{m}") for n in range(8) for m in (0, 1))
        )
    home.live(25, 5)
    assert not home.said(IncidentKind.DAY_NIGHT_REVERSAL)
    for day in range(30, 44):
        home.hear(
            *(event("motion", at(day, n / 2 + 0.03 * m), state="on", device=f"m{m}") for n in range(12) for m in (0, 1))
        )
    assert home.said(IncidentKind.DAY_NIGHT_REVERSAL) == ["raise"]
    assert not any(home.said(kind) for kind in KINDS)


def test_a_room_aired_in_the_morning_and_again_in_the_evening_was_not_cold_all_day() -> None:
    aired = Home().hear(warm(WINTER, 10, 13.0), warm(WINTER, 12, 19.0), warm(WINTER, 20, 13.0)).wait(at(WINTER, 20.2))
    assert aired.said(IncidentKind.COLD_ROOM) == []
    # Negative control: nobody closed the window.
    cold = Home().hear(*(warm(WINTER, hour, 13.0) for hour in (10, 12, 14, 16, 20))).wait(at(WINTER, 20.2))
    assert cold.said(IncidentKind.COLD_ROOM) == ["raise"]
