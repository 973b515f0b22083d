"""The expected detection delay: what it says must be what happens, and who is slow must be told so."""

from statistics import mean
from typing import Any

import pytest
from detector_homes import CALLS, GATEWAY, PHONE, Home, at

from detectors.hours import HOUR_MS
from detectors.household import Household
from schemas.households import Source
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

DAYS = 35
DAY_HOURS = [8.5 + hour for hour in range(12)]
NIGHT_HOURS = [20.5 + hour for hour in range(12)]


def lived(*sources: Source, days: int = DAYS, **fields: Any) -> Home:
    home = Home(*sources, **fields)
    home.live(days)
    return home


def collapsed(home: Home, hour: float, *sources: Source) -> float:
    """Return the hours from a collapse to the deadline: the same life up to the collapse, then nothing but reports."""
    again = Home(*sources)
    again.live(DAYS)
    last_day = _life(again, DAYS, hour)
    again.take(last_day)
    collapse_ms = at(DAYS, hour)
    again.pass_time(collapse_ms, step_ms=HOUR_MS, reports=True)
    return float(again.model.due()[IncidentKind.SILENCE] - collapse_ms) / HOUR_MS


def _life(home: Home, day: int, until_hour: float) -> list[Any]:
    hours = [hour + minute / 60 for hour in range(7, 22) for minute in (0, 20, 40)]
    return [one for hour in hours if hour < until_hour for one in home.moves(at(day, hour))]


@pytest.mark.parametrize("sources", [(GATEWAY,), (PHONE,)], ids=["home", "phone"])
def test_the_stated_delay_is_what_collapses_of_the_next_day_take(sources: tuple[Source, ...]) -> None:
    home = lived(*sources)
    delay = home.model.delay
    assert delay.day_h is not None
    assert delay.night_h is not None
    by_day = mean(collapsed(home, hour, *sources) for hour in DAY_HOURS)
    by_night = mean(collapsed(home, hour, *sources) for hour in NIGHT_HOURS)
    assert delay.day_h == pytest.approx(by_day, rel=0.15)
    assert delay.night_h == pytest.approx(by_night, rel=0.15)
    assert abs(by_day - by_night) > 0.3, "a statement that is the same by day and by night would pass as well"


def test_a_smaller_budget_is_paid_for_with_a_longer_delay_and_what_another_budget_took_is_forgotten() -> None:
    home = lived()
    before = home.model.delay.day_h
    quiet = DEFAULT_PROFILE.silence_budget / 50
    home.model.apply_profile(DEFAULT_PROFILE.__replace__(silence_budget=quiet), home.model.clock_ms)
    home.live(3, from_day=DAYS)
    assert before is not None
    assert home.model.delay.day_h is not None
    assert home.model.delay.day_h > before


def test_a_household_seen_by_calls_alone_is_told_as_slow_and_one_seen_at_home_is_not() -> None:
    assert lived().model.delay.slow == ""
    alone = Home(CALLS)
    for day in range(4):
        alone.tell("call_answered", at(day, 10), CALLS.source)
        alone.pass_time(at(day, 27), step_ms=HOUR_MS)
    assert alone.model.delay.slow == "calls_only"
    assert alone.model.delay.bands == (-1, -1)


def test_a_phone_that_is_seldom_in_hand_is_told_as_slow() -> None:
    home = Home(PHONE)
    for day in range(DAYS):
        home.take([*home.reports(at(day, 4), at(day, 28)), *home.moves(at(day, 9)), *home.moves(at(day, 15))])
    assert home.model.delay.slow == "carried_only"


def test_nothing_is_stated_while_warming_up() -> None:
    home = lived(days=2)
    assert (home.model.delay.day_h, home.model.delay.night_h) == (None, None)
    assert home.model.overview(home.model.clock_ms)["delay"] is None


def test_what_is_stated_survives_a_restart_and_rows_from_before_it_was_known_are_read() -> None:
    home = lived()
    again = Household.restore(home.model.hot(), home.model.rhythm(), home.model.profile, home.model.record)
    assert again.delay.state() == home.model.delay.state()
    assert again.overview(again.clock_ms)["delay"] == home.model.overview(home.model.clock_ms)["delay"] is not None
