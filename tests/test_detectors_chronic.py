"""The slow clock: what gets worse over weeks is told as that, what does not is not, and nobody is sent for it."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift
from test_views import at, event

from detectors.certainty import CONCLUDED, chance_at, chance_of_kind
from detectors.chronic import KINDS, QUIET_MS, Chronic
from detectors.drift import PageHinkley
from detectors.findings import Finding
from detectors.household import Household
from detectors.thrift import MOST_CLOSINGS, PARTS, Thrift
from schemas.households import HouseholdRecord, Source
from schemas.incidents import Certainty, CloseCause, IncidentKind, NextStep, Severity, Urgency
from schemas.profiles import DEFAULT_PROFILE
from schemas.vocabulary import CareTopic, Level
from streams.cases.revisions import Teller, next_step, opened

RECORD = HouseholdRecord(
    household="h-1", sources=[Source(name) for name in ("/sensors/gw-1", "/phone/p-1", "/calls/c-1")]
)


class Life:
    """A person's days as their sources tell them; each habit can be given for each day."""

    def __init__(self, seed: int = 1) -> None:
        self.model = Household("h-1", DEFAULT_PROFILE, RECORD, start_ms=at(0, 0))
        self.rnd = Random(seed)
        self.day = 0
        self.found: list[Finding] = []

    def live(self, days: int, **habits: float) -> "Life":
        """`bouts` and `outings` a day, `calls` on the phone a day; what check-in calls hear of a `topic`, at a `level`."""
        for _ in range(days):
            self._live_a_day(habits)
        return self

    def _live_a_day(self, habits: dict[str, float]) -> None:
        rnd, model, day = self.rnd, self.model, self.day
        events = []
        hours = sorted(rnd.uniform(7, 22) for _ in range(round(habits.get("bouts", 30) * rnd.uniform(0.85, 1.15))))
        for hour in [7.0, *hours, 22.0]:
            events += [event("motion", at(day, hour + 0.03 * n), state="on", device=f"m{n}") for n in range(2)]
        for n in range(_count(rnd, habits.get("outings", 1.0))):
            events.append(event("door", at(day, 10.5 + 2 * n), state="on", exit=True, device="front"))
        events += [event("call_out", at(day, 9 + 1.3 * n)) for n in range(_count(rnd, habits.get("calls", 3.0)))]
        events.append(event("unlock", at(day, 21.9)))
        events.append(event("steps", at(day, 12), value=100.0))
        for one in sorted(events, key=lambda one: one.at_ms):
            self._pass(one.at_ms)
            model.learn_one(one)
        self.day += 1

    def call(self, *, answered: bool = True, **topics: Level) -> "Life":
        """A check-in call on the next day, before anything else happens on it."""
        kind = "checkin_answered" if answered else "checkin_no_answer"
        told = {CareTopic(name): level for name, level in topics.items()}
        self._pass(at(self.day, 1))
        self.model.learn_one(event(kind, at(self.day, 1), **({"topics": told} if answered else {})))
        self._pass(at(self.day, 2))
        return self

    def _pass(self, clock_ms: int) -> None:
        if self.model.wake_ms <= clock_ms:
            self.found += [one for one in self.model.advance(clock_ms) if isinstance(one, Finding)]

    def raised(self, kind: IncidentKind) -> list[Finding]:
        return [one for one in self.found if one.kind is kind and one.change == "raise"]

    def cleared(self, kind: IncidentKind) -> list[Finding]:
        return [one for one in self.found if one.kind is kind and one.change == "clear"]


def _count(rnd: Random, rate: float) -> int:
    return int(rate) + (rnd.random() < rate % 1)


@given(st.lists(st.floats(-3, 3), max_size=60), st.floats(0, 1))
def test_the_test_of_habits_is_the_page_hinkley_of_river(numbers: list[float], delta: float) -> None:
    mine = PageHinkley()
    for limit in (3.0,):
        theirs = drift.PageHinkley(min_instances=1, delta=delta, threshold=limit, mode="up")
        for x in numbers:
            rise = mine.take(x, delta)
            theirs.update(x)
            assert theirs.drift_detected == (rise > limit)
            if theirs.drift_detected:
                break


def test_a_test_that_began_with_the_change_sees_it_only_where_it_supposes_values_before() -> None:
    alone, supposing = PageHinkley(), PageHinkley()
    rises = [(alone.take(1.5, 0.2), supposing.take(1.5, 0.2, 20.0)) for _ in range(8)]
    assert max(rise for rise, _ in rises) == 0.0  # negative control: the change is its mean
    assert rises[-1][1] > 5.0
    usual = PageHinkley()
    assert max(usual.take(one, 0.2, 20.0) for one in [0.5, -0.5] * 50) < 1.0


def test_activity_that_falls_by_half_over_weeks_is_a_slow_decline_and_nobody_is_sent() -> None:
    life = Life().live(40)
    assert not any(life.raised(kind) for kind in KINDS)  # negative control: the same life before it falls
    for week in range(8):
        life.live(7, bouts=30 - 3 * min(week + 1, 6))
    [one] = life.raised(IncidentKind.SLOW_DECLINE)
    assert (one.severity, one.urgency, one.facts["habit"]) == (Severity.MODERATE, Urgency.FUTURE, "pace")
    assert next_step(one.kind, one.severity, "h-1") is NextStep.FOLLOW_UP
    assert float(one.facts["lately"]) < 0.9 * float(one.facts["usual"])
    usual, lately = round(float(one.facts["usual"])), round(float(one.facts["lately"]))
    incident = opened(Teller("e", "p", RECORD), "h-1", one, "i-1", "c-1", at(60))
    assert incident.sentence_ko == (
        f"집에 계실 때 움직이시는 시간이 평소에는 한 시간에 {usual}분쯤이었으나 최근에는 {lately}분쯤입니다."
    )
    assert incident.sentence_en == (
        f"Up and about at home: usually about {usual} min an hour, lately about {lately} min an hour."
    )
    assert incident.shares == {"home": 1.0}


def _told(lately: float) -> int:
    """How often a fall from 16 minutes an hour at home to `lately` is told, in a life as regular as a clock's."""
    chronic, rnd, told = Chronic(), Random(3), 0
    for day in range(160):
        usual = 16.0 if day < 60 else lately
        chronic.learn_one({"pace": [rnd.gauss(usual, 1.0)]}, at(day, 4))
        told += IncidentKind.SLOW_DECLINE in chronic.found([], [], at(day, 5))
    return told


def test_a_fall_too_small_to_matter_is_not_told_however_sure_it_is() -> None:
    assert not _told(14.9)
    assert _told(11.0)  # negative control


def _pace_of(out_h: int, every_min: int) -> float:
    """What is learned of a person who stirs every so many minutes at home and is out for some hours of each day."""
    life = Life()
    for day in range(30):
        leaves_h, back_h = 12.0, 12.0 + out_h
        for n in range(15 * 60 // every_min):
            hour = 7 + n * every_min / 60
            if not leaves_h <= hour < back_h:
                life.model.learn_one(event("motion", at(day, hour), state="on", device="m0"))
                life.model.learn_one(event("motion", at(day, hour + 0.03), state="on", device="m1"))
        for hour in (leaves_h - 0.02, back_h) if out_h else ():
            life.model.learn_one(event("door", at(day, hour), state="on", exit=True, device="front"))
        life.model.learn_one(event("motion", at(day, back_h + 0.05), state="on", device="m1"))
        life._pass(at(day, 23))
    return life.model._state.chronic.usual("pace")


def test_who_goes_out_more_is_not_less_active_at_home() -> None:
    assert _pace_of(out_h=6, every_min=20) == pytest.approx(_pace_of(out_h=0, every_min=20), rel=0.1)
    assert _pace_of(out_h=0, every_min=40) < 0.6 * _pace_of(out_h=0, every_min=20)  # negative control


def test_a_home_once_known_by_its_phone_is_judged_by_its_sensors_from_then_on() -> None:
    chronic = Chronic()
    for day in range(40):
        chronic.learn_one({"activity": [20.0 if day < 30 else 1.0]}, at(day, 4))
    assert IncidentKind.SLOW_DECLINE in chronic.found([], [], at(40, 5))
    chronic.learn_one({"pace": [16.0]}, at(41, 4))
    assert IncidentKind.SLOW_DECLINE not in chronic.found([], [], at(41, 5))


def test_calls_and_outings_that_fade_are_a_withdrawal_and_its_end_is_told() -> None:
    life = Life().live(40).live(35, calls=0.3, outings=0.1)
    assert len(life.raised(IncidentKind.WITHDRAWAL)) == 1
    assert not life.cleared(IncidentKind.WITHDRAWAL)
    life.live(28)
    assert len(life.cleared(IncidentKind.WITHDRAWAL)) == 1
    assert not life.raised(IncidentKind.SLOW_DECLINE)


def test_a_low_mood_in_several_talks_asks_for_support_and_one_bad_day_does_not() -> None:
    life = Life().live(3)
    for level in (Level.OK, Level.CONCERN, Level.OK, Level.CONCERN):
        life.call(mood=level).live(4)
    assert not life.raised(IncidentKind.LOW_MOOD)
    life.call(mood=Level.CONCERN).live(1)
    [one] = life.raised(IncidentKind.LOW_MOOD)
    assert next_step(one.kind, one.severity, "h-1") is NextStep.EMOTIONAL_SUPPORT
    assert (one.facts["low"], one.facts["talks"]) == (3, 5)
    life.call(mood=Level.OK).live(1).call(mood=Level.OK).live(1)
    assert life.cleared(IncidentKind.LOW_MOOD)


def test_a_concern_told_again_after_two_weeks_has_lasted_and_one_that_was_well_between_has_not() -> None:
    stays, heals = Life().live(3), Life().live(3)
    for week in range(3):
        stays.call(meals=Level.CONCERN).live(7)
        heals.call(meals=Level.OK if week == 1 else Level.CONCERN).live(7)
    [one] = stays.raised(IncidentKind.LASTING_CONCERN)
    assert one.facts["topic"] == "meals"
    assert not heals.raised(IncidentKind.LASTING_CONCERN)


def test_calls_that_are_answered_less_and_less_are_told() -> None:
    life = Life().live(1)
    for _ in range(40):
        life.call(answered=True).live(1)
    assert not life.raised(IncidentKind.FALLING_ANSWERS)
    for n in range(40):
        life.call(answered=n % 3 == 0).live(1)
    assert life.raised(IncidentKind.FALLING_ANSWERS)


def test_what_a_responder_has_closed_is_not_raised_again_for_four_weeks() -> None:
    life = Life().live(3)
    for _ in range(4):
        life.call(meals=Level.CONCERN).live(7)
    [one] = life.raised(IncidentKind.LASTING_CONCERN)
    life.model.settle(one.kind, CloseCause.HELPED, int(one.facts["raised_ms"]), at(life.day, 0))
    closed = life.day
    for _ in range(6):
        life.call(meals=Level.CONCERN).live(7)
    again = life.raised(IncidentKind.LASTING_CONCERN)[1:]
    assert len(again) == 1
    assert int(again[0].facts["raised_ms"]) >= at(closed, 0) + QUIET_MS


def _closed(*causes: CloseCause) -> Certainty:
    """How sure a slow decline is called in a home where earlier ones were closed so."""
    life = Life().live(40)
    for n, cause in enumerate(causes):
        life.model.settle(IncidentKind.SLOW_DECLINE, cause, at(life.day - 5 + n, 0), at(life.day, 0))
    life.live(28).live(35, bouts=8)
    return life.raised(IncidentKind.SLOW_DECLINE)[0].certainty


def test_how_sure_a_decline_is_follows_how_earlier_ones_of_the_home_were_closed() -> None:
    assert _closed() is Certainty.LIKELY
    assert _closed(*[CloseCause.SAFE_AT_HOME] * 3) is Certainty.POSSIBLE
    assert _closed(*[CloseCause.SAFE_AT_HOME] * 3, *[CloseCause.HELPED] * 3) is Certainty.LIKELY


def test_a_chance_is_that_of_the_kind_and_of_the_budget() -> None:
    state = Life().model._state
    known = {kind: chance_of_kind(state, kind) for kind in IncidentKind}
    assert {kind for kind, chance in known.items() if chance is not None} == set(CONCLUDED)
    assert set(CONCLUDED) <= set(PARTS)
    for kind in CONCLUDED:
        strict, lax = chance_at(kind, 0.001), chance_at(kind, 0.1)
        assert 0 < lax < strict < 1
        assert chance_at(kind, 0.001, wrong=3.0) < strict < chance_at(kind, 0.001, right=3.0)


def test_closings_of_a_kind_outlive_a_restart_and_rows_of_an_earlier_version_know_none() -> None:
    life, kind = Life().live(2), IncidentKind.SLOW_DECLINE
    life.model.settle(kind, CloseCause.HELPED, at(1, 0), at(2, 0))
    life.model.settle(kind, CloseCause.SAFE_AT_HOME, at(1, 0), at(2, 0))
    life.model.settle(kind, CloseCause.NO_CONTACT, at(1, 0), at(2, 0))  # says nothing of the person
    thrift, again, former = life.model._state.thrift, Thrift(), Thrift()
    again.restore(thrift.state())
    former.restore(thrift.state()[:2])
    assert again.record(kind) == thrift.record(kind) == (1.0, 1.0)
    assert former.record(kind) == (0.0, 0.0)
    for _ in range(50):
        thrift.learn_one(kind, at(3, 0), CloseCause.SAFE_AT_HOME)
    assert sum(thrift.record(kind)) <= MOST_CLOSINGS


@pytest.mark.parametrize("cut", [10, 45, 60, 75])
def test_a_snapshot_in_between_changes_nothing(cut: int) -> None:
    def lived(*, restored: bool) -> tuple[Any, ...]:
        life = Life()
        for day in range(80):
            if day == cut and restored:
                model = life.model
                life.model = Household.restore(model.hot(), model.rhythm(), model.profile, RECORD)
            life.live(1, bouts=30 if day < 40 else 10, calls=3 if day < 40 else 0)
        return life.model.hot(), life.model.rhythm(), [one for one in life.found if one.kind in KINDS]

    assert lived(restored=True) == lived(restored=False)
