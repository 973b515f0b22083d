"""The rhythm clock of who has nothing but a phone: when it is believed, what that brings, and what takes it back."""

import random
from collections.abc import Callable

import msgspec
import pytest
from detector_homes import MINUTE_MS, PHONE, TELECOM, Home, at
from detector_streams import event

from detectors.certainty import rate_of
from detectors.hours import HOUR_MS
from detectors.household import Household
from detectors.rhythm import Rhythm
from detectors.state import RHYTHM_SHARE_CARRIED
from detectors.steady import DOUBTED_DAYS, LARGEST_SHARE, LEAST_DAYS, UNUSUAL, Steady
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

SILENCE = IncidentKind.SILENCE
BUDGETS = (1.0, 0.3, 0.1, 0.05)


def even(rng: random.Random) -> float:
    return 3.0 + rng.expovariate(2.0)


def uneven(rng: random.Random) -> float:
    """One day in twelve the phone lies in a drawer."""
    return even(rng) + (20.0 * rng.random() if rng.random() < 1 / 12 else 0.0)


def after(days: int, highest: Callable[[random.Random], float] = even, seed: int = 1) -> Steady:
    rng, steady = random.Random(seed), Steady()
    for _ in range(days):
        steady.learn_one(highest(rng))
    return steady


def phone_home(days: int, used: Callable[[int, int], bool] = lambda _day, _hour: True) -> Home:
    """A phone alone, in hand at most times in each hour from 7 to 22 in which it is `used`, until noon of the last day."""
    home, rng = Home(PHONE), random.Random(7)
    for day in range(days + 1):
        last = 22 if day < days else 12
        home.take(home.reports(at(day, 4), at(day, 28 if last == 22 else last)))
        home.take(
            event("unlock", at(day, hour) + minute * MINUTE_MS, PHONE.source)
            for hour in range(7, last)
            if used(day, hour)
            for minute in (rng.randrange(60), rng.randrange(60))
            if rng.random() < 0.7
        )
    home.pass_time(at(days, 12))
    home.said.clear()
    return home


def by_the_longest_alone(home: Home) -> int:
    """When the same home would alarm if its scores were not believed."""
    other = Household.from_snapshot(home.model.snapshot(), DEFAULT_PROFILE, home.record)
    other._state.rhythm._steady = b""
    return other.due()[SILENCE]


# What is learned of a day's highest score.


def test_trust_grows_with_the_weeks_and_only_with_them() -> None:
    shares = [after(days).share for days in (7, 28, 34, 35, 42, 56, 120)]
    assert shares[:3] == [0.0, 0.0, 0.0]
    assert 0.0 < shares[3] < shares[4] < shares[5] == shares[6] == LARGEST_SHARE
    assert shares[3] == pytest.approx(1 - DOUBTED_DAYS / LEAST_DAYS)


@pytest.mark.parametrize("seed", range(5))
def test_one_score_beyond_the_tail_takes_trust_back_at_once_and_weeks_give_it_again(seed: int) -> None:
    steady = after(100, seed=seed)
    assert steady.share > 0
    before = steady.score_one(0.05)
    steady.learn_one(steady.score_one(UNUSUAL) + 0.1)
    assert steady.share == 0
    assert steady.score_one(0.05) > before
    rng = random.Random(seed)
    for _ in range(int(LEAST_DAYS) - 1):
        steady.learn_one(3.0 + rng.random())
    assert steady.share == 0
    steady.learn_one(3.0)
    assert steady.share > 0
    # Negative control: a score that is no more than the tail says takes nothing back.
    steady.learn_one(steady.score_one(UNUSUAL) - 0.1)
    assert steady.share > 0


def test_the_uneven_are_not_believed() -> None:
    opened = [after(days, uneven, seed).share > 0 for seed in range(8) for days in range(40, 130, 10)]
    assert sum(opened) <= len(opened) / 10
    opened = [after(days, even, seed).share > 0 for seed in range(8) for days in range(40, 130, 10)]
    assert sum(opened) > len(opened) / 2


def test_a_smaller_budget_waits_for_more_and_the_budget_of_a_score_is_that_which_it_reaches() -> None:
    for steady in (Steady(), after(60), after(60, uneven)):
        nats = [steady.score_one(budget) for budget in BUDGETS]
        assert nats == sorted(nats)
        for budget in BUDGETS:
            assert steady.budget_at(steady.score_one(budget)) == pytest.approx(budget)


def test_a_day_without_a_silence_is_no_day() -> None:
    steady = after(50)
    before = steady.state()
    steady.learn_one(0.0)
    assert steady.state() == before


# A household that has nothing but a phone.


def test_who_is_never_without_the_phone_for_long_is_missed_sooner_after_some_weeks() -> None:
    young, old = phone_home(21), phone_home(50)
    assert young.due() == by_the_longest_alone(young)
    assert old.due() < by_the_longest_alone(old) - 2 * HOUR_MS
    due_ms = old.due()
    old.pass_time(due_ms + HOUR_MS, reports=True)
    (raised,) = old.findings(SILENCE, "raise")
    assert raised.facts["clock"] == "rhythm"
    assert 0 <= int(raised.facts["raised_ms"]) - due_ms < HOUR_MS  # what a batch has yet to tell is waited for


def test_nobody_is_missed_later_for_being_believed() -> None:
    """Or a household whose scores say little would wait longer than it did before."""
    state = (home := phone_home(80)).model._state
    assert state.trust == LARGEST_SHARE
    assert home.due() <= by_the_longest_alone(home)
    other = Household.from_snapshot(home.model.snapshot(), DEFAULT_PROFILE, home.record)
    other._state.rhythm._steady = b""
    assert other._state.budgets[1] == state.budgets[1]


def test_the_weeks_in_which_trust_grows_forget_no_delay() -> None:
    """The delay that is expected is learned at a budget; a part of it that moves every day is none."""
    young, old = phone_home(34), phone_home(50)
    assert young.model._state.delay.state()[0] == old.model._state.delay.state()[0]
    assert young.model._state.delay._fadings().count(0) < old.model._state.delay._fadings().count(0)


def test_an_afternoon_without_the_phone_takes_it_back() -> None:
    forgotten = phone_home(50, lambda day, hour: day != 46 or not 9 <= hour < 20)
    assert forgotten.due() == by_the_longest_alone(forgotten)
    known = forgotten.model._state
    assert known.rhythm.steady.days < 10
    assert known.trust == 0
    assert known.budgets[0] == pytest.approx(RHYTHM_SHARE_CARRIED * known.budget)


def test_a_smaller_budget_is_never_sooner() -> None:
    snapshot, record = (home := phone_home(50)).model.snapshot(), home.record
    due_ms = []
    for budget in BUDGETS:
        profile = msgspec.structs.replace(DEFAULT_PROFILE, id="p", silence_budget=budget)
        due_ms.append(Household.from_snapshot(snapshot, profile, record).due()[SILENCE])
    assert due_ms == sorted(due_ms)
    assert due_ms[0] < due_ms[-1]


def test_at_its_deadline_a_silence_is_as_rare_as_the_budget_says() -> None:
    home = phone_home(50)
    due_ms = home.due()
    home.pass_time(due_ms + HOUR_MS, reports=True)
    state = home.model._state
    silence, _ = state.verdict()
    assert home.findings(SILENCE, "raise")[0].facts["clock"] == "rhythm"
    assert rate_of(state, silence, due_ms) == pytest.approx(state.profile.silence_budget, rel=0.1)


def test_a_device_that_is_new_to_the_household_takes_it_back() -> None:
    """Its table is people's yet: a score made with it is not one of those that were believed."""
    home = phone_home(50)
    assert home.model._state.trust > 0
    home.model.apply_record(msgspec.structs.replace(home.record, sources=[PHONE, TELECOM]), home.model.clock_ms)
    assert home.model._state.trust > 0  # another source of the same channel
    home.tell("steps", home.model.clock_ms + MINUTE_MS, "/worn/band", value=100.0)
    assert home.model._state.trust == 0


def test_what_was_shown_by_a_phone_goes_with_its_consent() -> None:
    home = phone_home(50)
    assert home.model._state.trust > 0
    refused = msgspec.structs.replace(home.record, sources=[msgspec.structs.replace(PHONE, consent=False)])
    home.model.apply_record(refused, home.model.clock_ms)
    assert home.model._state.rhythm.state()[7] == []


def test_rows_from_before_are_read_and_begin_with_no_trust() -> None:
    home = phone_home(50)
    rhythm = home.model._state.rhythm
    before, same = Rhythm(), Rhythm()
    before.longest.kind = same.longest.kind = "phone"
    before.restore(rhythm.state()[:7])
    same.restore(rhythm.state())
    assert (before.trust(["phone"]), before.steady.state()) == (0.0, Steady().state())
    assert same.state() == rhythm.state()
    assert same.trust(["phone"]) == rhythm.trust(["phone"]) > 0


def test_home_sensors_need_none() -> None:
    home = Home()
    home.live(15)
    assert home.model._state.rhythm.state()[7] == []
    assert home.model._state.trust == 0
