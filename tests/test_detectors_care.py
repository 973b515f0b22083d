"""Check-in calls, medication, and the calls that are asked for before anybody is alarmed."""

import msgspec
import pytest
from detector_homes import CALLS, GATEWAY, MINUTE_MS, ROBOT, TELECOM, Home, at

from detectors.hours import HOUR_MS
from detectors.household import Household
from detectors.weeks import MOST_WORDS
from schemas.households import Absence, Rung
from schemas.incidents import CloseCause, IncidentKind, Severity
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import to_rfc3339
from schemas.vocabulary import CareTopic, Level

UNANSWERED, MISSED = IncidentKind.UNANSWERED_CALLS, IncidentKind.MISSED_MEDICATION
ABSENCE = Absence(to_rfc3339(at(1, 4)), to_rfc3339(at(6, 4)), "trip")


def called(home: Home, days: range, kind: str = "checkin_no_answer", **data: object) -> None:
    """One call each day at ten."""
    for day in days:
        request = str(data.get("request", f"r{day}"))
        home.tell(kind, at(day, 10), "/calls/p", number=day + 1, request=request)
        home.pass_time(at(day, 10) + 2 * MINUTE_MS, step_ms=MINUTE_MS)


def dosed(home: Home, days: range, kind: str = "medication_missed") -> None:
    for day in days:
        home.tell(kind, at(day, 9), "/robot/r", number=day + 1)
        home.pass_time(at(day, 9) + 2 * MINUTE_MS, step_ms=MINUTE_MS)


# Unanswered calls.


def test_three_calls_in_a_row_that_nobody_answers_are_told() -> None:
    home = Home(CALLS)
    called(home, range(2))
    assert home.findings(UNANSWERED) == []
    called(home, range(2, 3))
    (told,) = home.findings(UNANSWERED)
    assert (told.change, told.severity, told.facts["in_a_row"]) == ("raise", Severity.SEVERE, 3)
    assert told.event_from_ms == at(0, 10)
    assert at(2, 10) <= home.raised(UNANSWERED)[0] <= at(2, 10) + 2 * MINUTE_MS


def test_the_profile_says_how_many_are_too_many() -> None:
    home = Home(CALLS, profile=msgspec.structs.replace(DEFAULT_PROFILE, unanswered_in_a_row=2))
    called(home, range(2))
    assert len(home.raised(UNANSWERED)) == 1


@pytest.mark.parametrize("kind", ["checkin_busy", "checkin_dead_number"])
def test_an_engaged_line_and_a_dead_number_are_not_answers_either(kind: str) -> None:
    home = Home(CALLS)
    called(home, range(3), kind)
    assert len(home.raised(UNANSWERED)) == 1


def test_tries_of_one_request_count_once() -> None:
    home = Home(CALLS)
    called(home, range(6), request="same")
    assert home.findings(UNANSWERED) == []


def test_whoever_was_seen_meanwhile_only_does_not_pick_up() -> None:
    """Told only when nobody has reached them for twice as long, and then as a matter to look into."""
    home = Home(GATEWAY, CALLS)
    home.live(7)
    for day in range(7, 13):
        home.live(1, from_day=day)
        called(home, range(day + 1, day + 2))
    (told,) = home.findings(UNANSWERED)
    assert (told.severity, told.facts["in_a_row"], told.facts["without_life"]) == (Severity.MINOR, 6, 1)


@pytest.mark.parametrize("kind", ["checkin_answered", "checkin_refused"])
def test_whoever_picks_up_ends_the_row(kind: str) -> None:
    home = Home(CALLS)
    called(home, range(2))
    called(home, range(2, 3), kind)
    called(home, range(3, 5))
    assert home.findings(UNANSWERED) == []
    called(home, range(5, 6))
    called(home, range(6, 7), kind)
    assert [one.change for one in home.findings(UNANSWERED)] == ["raise", "clear"]


def test_a_call_answered_earlier_but_told_of_later_ends_the_row_too() -> None:
    home = Home(CALLS)
    called(home, range(3))
    home.tell("checkin_answered", at(2, 8), "/calls/p", late_ms=5 * HOUR_MS)
    home.pass_time(at(2, 14))
    assert [one.change for one in home.findings(UNANSWERED)] == ["raise", "clear"]


def test_calls_in_a_declared_absence_do_not_count() -> None:
    home = Home(CALLS, absences=[ABSENCE])
    called(home, range(1, 6))
    assert home.findings(UNANSWERED) == []
    called(home, range(6, 9))
    assert len(home.raised(UNANSWERED)) == 1


def test_a_close_begins_the_row_anew() -> None:
    home = Home(CALLS)
    called(home, range(3))
    home.said += home.model.settle(UNANSWERED, CloseCause.SAFE_AT_HOME, home.raised(UNANSWERED)[0], at(2, 12))
    called(home, range(3, 5))
    assert len(home.raised(UNANSWERED)) == 1
    called(home, range(5, 6))
    assert len(home.raised(UNANSWERED)) == 2


def test_a_close_without_contact_changes_nothing() -> None:
    home = Home(CALLS)
    called(home, range(3))
    before = home.model.snapshot()
    assert home.model.settle(UNANSWERED, CloseCause.NO_CONTACT, home.raised(UNANSWERED)[0], home.model.clock_ms) == []
    assert home.model.snapshot() == before


def test_how_much_an_unanswered_call_says_is_learned_from_the_person() -> None:
    """Of somebody who always answers it says more than of somebody who never does, each in their own part of the day."""
    reliable, elusive = Home(CALLS), Home(CALLS)
    called(reliable, range(40), "checkin_answered")
    called(elusive, range(40))
    rates = [home.model.explain()["answer_rate"] for home in (reliable, elusive)]
    assert rates[0][9] > 0.9
    assert rates[1][9] < 0.25
    assert rates[0][15] == rates[1][15] == 0.8  # nobody has ever called in the afternoon


# Missed medication.


def test_two_doses_missed_in_a_row_are_told_and_one_is_not() -> None:
    home = Home(ROBOT)
    dosed(home, range(1))
    assert home.findings(MISSED) == []
    dosed(home, range(1, 2))
    (told,) = home.findings(MISSED)
    assert (told.change, told.severity, told.facts["missed"]) == ("raise", Severity.MODERATE, 2)
    assert told.event_from_ms == at(0, 9)


def test_more_missed_doses_are_worse_and_a_taken_one_clears() -> None:
    home = Home(ROBOT)
    dosed(home, range(4))
    dosed(home, range(4, 5), "medication_taken")
    assert [(one.change, one.severity) for one in home.findings(MISSED)] == [
        ("raise", Severity.MODERATE),
        ("update", Severity.SEVERE),
        ("clear", Severity.MINOR),
    ]
    assert len(set(home.raised(MISSED))) == 1


def test_a_taken_dose_between_is_no_row() -> None:
    home = Home(ROBOT)
    for day in range(8):
        dosed(home, range(day, day + 1), "medication_taken" if day % 2 else "medication_missed")
    assert home.findings(MISSED) == []


def test_a_dose_told_of_twice_counts_once() -> None:
    home = Home(ROBOT)
    for _ in range(3):
        dosed(home, range(1))
    assert home.findings(MISSED) == []


def test_doses_of_a_declared_absence_do_not_count() -> None:
    home = Home(ROBOT, absences=[ABSENCE])
    dosed(home, range(1, 6))
    assert home.findings(MISSED) == []
    dosed(home, range(6, 8))
    assert len(home.raised(MISSED)) == 1


def test_the_profile_says_how_many_doses_are_too_many() -> None:
    home = Home(ROBOT, profile=msgspec.structs.replace(DEFAULT_PROFILE, medication_in_a_row=1))
    dosed(home, range(1))
    assert len(home.raised(MISSED)) == 1


def test_a_closed_row_of_doses_begins_anew() -> None:
    home = Home(ROBOT)
    dosed(home, range(2))
    home.said += home.model.settle(MISSED, CloseCause.HELPED, home.raised(MISSED)[0], at(1, 12))
    dosed(home, range(2, 3))
    assert len(home.raised(MISSED)) == 1
    dosed(home, range(3, 4))
    assert len(home.raised(MISSED)) == 2


def test_a_row_that_was_closed_days_later_begins_anew_too() -> None:
    home = Home(ROBOT)
    dosed(home, range(2))
    home.pass_time(at(6, 8), step_ms=HOUR_MS)
    home.said += home.model.settle(MISSED, CloseCause.HELPED, home.raised(MISSED)[0], at(6, 8))
    dosed(home, range(6, 7))
    assert len(home.raised(MISSED)) == 1


# Ask first.


def silent(home: Home, hours: float = 10, day: int = 14) -> None:
    """Two ordinary weeks and more, and then from noon on nothing but heartbeats."""
    first = home.model.clock_ms > at(0, 5)
    home.live(day + 1 if not first else 1, from_day=0 if not first else day, until_hour=12)
    home.pass_time(at(day, 12 + hours), reports=True)


def test_a_call_is_asked_for_before_anybody_is_alarmed_and_once_more_half_an_hour_later() -> None:
    home = Home()
    silent(home)
    first, second = home.asks()
    (raised_ms,) = home.raised()
    assert first.at_ms < second.at_ms < raised_ms
    assert second.at_ms == first.at_ms + 30 * MINUTE_MS
    assert first.until_ms == second.at_ms
    assert first.purpose == "wellbeing"


def test_nobody_is_called_who_moved_in_between() -> None:
    asked, moved = Home(), Home()
    silent(asked, 2)
    silent(moved, 2)
    assert asked.asks() == []
    moved.take(moved.moves(at(14, 14)))
    for home in (asked, moved):
        home.pass_time(at(14, 18), reports=True)
    assert asked.asks() != []
    assert moved.asks() == []


def test_no_more_calls_are_asked_for_than_the_months_budget() -> None:
    few = Home(profile=msgspec.structs.replace(DEFAULT_PROFILE, checkins_per_month=3))
    none = Home(profile=msgspec.structs.replace(DEFAULT_PROFILE, checkins_per_month=0))
    for home in (few, none):
        for day in (14, 15, 16):
            silent(home, 10, day=day)
    assert len(few.asks()) == 3
    assert none.asks() == []
    assert len(few.raised()) == len(none.raised()) == 3


@pytest.mark.parametrize(("ladder", "asks"), [([], True), ([Rung("checkin_call")], True), ([Rung("officer")], False)])
def test_nobody_is_called_where_the_registry_names_other_rungs_only(ladder: list[Rung], asks: bool) -> None:
    home = Home(ladder=ladder)
    silent(home)
    assert bool(home.asks()) is asks
    assert len(home.raised()) == 1


def test_nobody_is_called_in_a_declared_absence_or_while_nothing_can_be_seen() -> None:
    away = Home(absences=[Absence(to_rfc3339(at(14, 12)), to_rfc3339(at(15, 12)), "trip")])
    silent(away)
    assert away.asks() == []
    blind = Home()
    blind.live(15, until_hour=12)
    blind.pass_time(at(14, 22))
    assert blind.asks() == []


def test_what_was_said_among_more_messages_than_are_remembered_outlasts_a_restart() -> None:
    home = Home(TELECOM, ROBOT)
    said = {CareTopic.MEDICATION: Level.CONCERN, CareTopic.MOOD: Level.ALARM}
    home.tell("robot_dialog", at(0, 9), "/robot/r", topics=said)
    kept, version = home.model.rhythm(), home.model.rhythm_version
    for n in range(2 * MOST_WORDS):
        home.tell("sms_out", at(0, 10) + n * MINUTE_MS, "/phone/telecom")
        if home.model.rhythm_version != version:  # as a checkpoint writes its rows
            kept, version = home.model.rhythm(), home.model.rhythm_version
    restored = Household.restore(home.model.hot(), kept, home.model.profile, home.model.record)
    shown, shown_again = (one.overview(one.clock_ms) for one in (home.model, restored))
    assert shown["concerns"]
    assert shown_again == shown
    assert restored.snapshot() == home.model.snapshot()
