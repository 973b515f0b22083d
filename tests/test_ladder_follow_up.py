"""A concern that was told in a call is remembered, and asked about again after some days."""

from itertools import pairwise

import msgspec
import pytest
from detector_homes import CALLS, GATEWAY, Home, at
from street import HOUR_MS, Street

from detectors.findings import Ask
from detectors.hours import DAY_MS
from detectors.household import Household
from schemas.checkins import Concern
from schemas.households import Need, Rung
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import to_rfc3339
from schemas.vocabulary import CareTopic, Level


def spoken(level: Level, *, resolved_day: int = 0, days: int = 20, **fields: object) -> Home:
    """A home of ordinary days; on the second a call spoke of sleep, and perhaps a later one said that it is well again."""
    home = Home(GATEWAY, CALLS, **fields)  # type: ignore[arg-type]
    for day in range(1, days):
        home.live(1, from_day=day)
        if day == 2:
            home.tell("checkin_answered", at(2, 22), "/calls/p", request="c-1", topics={CareTopic.SLEEP: level})
        if day == resolved_day:
            home.tell("checkin_answered", at(day, 22), "/calls/p", request="c-2", resolved=[CareTopic.SLEEP])
    return home


def follow_ups(home: Home) -> list[Ask]:
    return [one for one in home.said if isinstance(one, Ask) and one.purpose == "follow_up"]


@pytest.mark.parametrize(("level", "after_days"), [(Level.CONCERN, 7), (Level.ALARM, 3)])
def test_an_open_concern_is_asked_about_after_some_days_in_the_forenoon_the_graver_the_sooner(
    level: Level, after_days: int
) -> None:
    first = follow_ups(spoken(level))[0]
    told_ms = at(2, 22)
    assert after_days * DAY_MS <= first.at_ms - told_ms < (after_days + 1) * DAY_MS
    assert 10 <= (first.at_ms - at(0, 0)) % DAY_MS / 3_600_000 < 12
    (named,) = first.concerns
    assert named == Concern(topic=CareTopic.SLEEP, level=level, since=to_rfc3339(told_ms), state="open")


def test_the_request_names_topic_level_date_and_state_of_every_remembered_concern() -> None:
    street = Street()
    street.register()
    street.tick(12 * HOUR_MS)
    told_ms = street.now_ms - 1_000
    levels = {CareTopic.SLEEP: Level.CONCERN, CareTopic.MEALS: Level.CONCERN, CareTopic.MOOD: Level.OK}
    street.happen("checkin_answered", request="c-1", topics=levels)
    until_ms = street.now_ms + 9 * DAY_MS
    while street.now_ms < until_ms:
        street.happen("door", state="on")
        street.tick(2 * HOUR_MS)
    found = [one for one in street.requests() if one.purpose == "follow_up"]
    assert [(one.topic, one.level, one.since, one.state) for one in found[0].concerns] == [
        (topic, Level.CONCERN, to_rfc3339(told_ms), "open") for topic in (CareTopic.MEALS, CareTopic.SLEEP)
    ]
    assert (found[0].ask, found[0].language, found[0].incident) == ("checkin_call", "ko", None)


def test_what_is_well_again_is_not_asked_about_but_an_alarm_is_once() -> None:
    assert follow_ups(spoken(Level.CONCERN, resolved_day=4)) == []
    (once,) = follow_ups(spoken(Level.ALARM, resolved_day=4))
    assert [one.state for one in once.concerns] == ["resolved"]


def test_nothing_is_asked_of_a_home_without_concerns() -> None:
    assert follow_ups(spoken(Level.OK)) == []


def test_it_is_asked_again_at_most_once_a_week() -> None:
    found = follow_ups(spoken(Level.CONCERN, days=26))
    assert len(found) >= 2
    assert all(b.at_ms - a.at_ms >= 7 * DAY_MS for a, b in pairwise(found))


def test_the_month_s_budget_holds_and_leaves_two_calls_to_a_silence() -> None:
    few = msgspec.structs.replace(DEFAULT_PROFILE, checkins_per_month=2.0)
    assert follow_ups(spoken(Level.ALARM, profile=few)) == []
    three = msgspec.structs.replace(DEFAULT_PROFILE, checkins_per_month=3.0)
    assert len(follow_ups(spoken(Level.ALARM, profile=three))) == 1


def test_a_deaf_person_is_asked_by_message_or_not_at_all() -> None:
    deaf = {"needs": [Need.HEARING]}
    assert follow_ups(spoken(Level.ALARM, **deaf)) == []
    by_message = follow_ups(spoken(Level.ALARM, ladder=[Rung("sms", "c-3")], **deaf))
    assert {one.rung.ask for one in by_message} == {"sms"}


def test_a_restart_forgets_neither_the_concern_nor_that_it_was_asked_about() -> None:
    home = spoken(Level.CONCERN, days=12)
    assert len(follow_ups(home)) == 1
    before = home.model.snapshot()
    again = Household.restore(home.model.hot(), home.model.rhythm(), home.model.profile, home.record)
    assert again.snapshot() == before
    assert again.advance(at(13, 12)) == home.model.advance(at(13, 12))
