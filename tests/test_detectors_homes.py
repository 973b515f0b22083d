"""Households of every kind, absences, hospital, what responders' closes do, and clocks of the world."""

import msgspec
import pytest
from detector_homes import CALLS, GATEWAY, MINUTE_MS, PHONE, TELECOM, Home, at
from detector_streams import START_MS

from detectors.hours import DAY_MS, HOUR_MS, hours_of
from schemas.events import Event
from schemas.households import Absence
from schemas.incidents import CloseCause, IncidentKind
from schemas.profiles import DEFAULT_PROFILE, SilenceProfile
from schemas.times import from_rfc3339, to_rfc3339

SILENCE, BLIND, UNANSWERED = IncidentKind.SILENCE, IncidentKind.CANNOT_SEE, IncidentKind.UNANSWERED_CALLS


def absent(from_ms: int, until_ms: int) -> Absence:
    return Absence(to_rfc3339(from_ms), to_rfc3339(until_ms), "trip")


def silent_home(**fields: object) -> Home:
    """A home whose silence since noon of day 14 was raised the same evening."""
    home = Home(**fields)  # type: ignore[arg-type]
    home.live(15, until_hour=12)
    home.pass_time(at(14, 22), reports=True)
    assert len(home.raised()) == 1
    return home


# Households without sensors.


def test_a_household_of_a_phone_alone_is_watched() -> None:
    home = Home(PHONE)
    home.live(15)
    home.pass_time(at(15, 7), reports=True)
    assert home.raised() == []
    home.pass_time(at(16, 4), reports=True)
    assert len(home.raised()) == 1
    assert home.findings(SILENCE)[0].shares == {"phone": 1.0}


def test_a_phone_that_reports_once_a_day_is_silent_only_up_to_what_it_has_told() -> None:
    home = Home(TELECOM)
    for day in range(10):
        home.take(
            [one for hour in range(8, 22) for one in home.moves(at(day, hour))], late_ms=0
        )  # known to the test, told in the morning
        home.tell("complete_until", at(day, 31), "/phone/telecom", until_ms=at(day, 24))
    home.pass_time(at(10, 30))
    assert home.raised() == []  # nobody knows anything of day 10 yet
    home.tell("complete_until", at(10, 31), "/phone/telecom", until_ms=at(10, 24))
    home.pass_time(at(10, 31) + 2 * MINUTE_MS)
    (raised,) = home.findings(SILENCE)
    assert raised.deadline_ms is not None
    assert raised.deadline_ms < at(10, 24)  # it fell due in what was told


def test_whoever_is_out_is_judged_by_what_they_carry() -> None:
    """A home is silent while its owner is out; only the phone can tell, and it has not told yet."""
    without, carried = Home(), Home(GATEWAY, TELECOM)
    for home in (without, carried):
        home.live(15, until_hour=12)
        home.tell("door", at(14, 12), device="front-door", state="on", exit=True)
        if home is carried:
            home.tell("complete_until", at(14, 13), "/phone/telecom", until_ms=at(14, 0))
        home.pass_time(at(16, 4), reports=True)
    assert len(without.raised()) == 1
    assert carried.raised() == []
    carried.tell("complete_until", at(16, 7), "/phone/telecom", until_ms=at(16, 0))
    carried.pass_time(at(16, 8), reports=True)
    assert len(carried.raised()) == 1


def test_a_household_of_calls_alone_is_watched_by_its_calls() -> None:
    home = Home(CALLS)
    for day in (0, 4, 8):
        home.tell("checkin_answered", at(day, 10), "/calls/p", number=day + 1)
    for day in (12, 16, 20):
        home.tell("checkin_no_answer", at(day, 10), "/calls/p", number=day + 1)
    home.pass_time(at(21, 4), step_ms=HOUR_MS)
    assert home.raised(SILENCE) == []  # between calls nobody looks
    assert len(home.raised(UNANSWERED)) == 1


def test_the_latest_hour_of_a_household_of_calls_asks_for_a_call_and_alarms_when_it_stays_unanswered() -> None:
    home = Home(CALLS, latest_silence_h=36.0)
    home.tell("checkin_answered", at(0, 10), "/calls/p")
    home.pass_time(at(3, 4))
    assert home.raised() == []
    first, second = home.asks()
    assert first.at_ms == at(0, 45)  # an hour before the thirty-six are over
    home.tell("checkin_no_answer", at(3, 10), "/calls/p")
    home.pass_time(at(3, 11))
    (raised,) = home.findings(SILENCE)
    assert raised.facts["clock"] == "latest"
    assert second.at_ms == first.at_ms + 30 * MINUTE_MS


def test_an_answered_call_begins_the_latest_hour_of_a_household_of_calls_anew() -> None:
    home = Home(CALLS, latest_silence_h=36.0)
    for day in range(5):
        home.tell("checkin_answered", at(day, 10), "/calls/p", number=day + 1)
        home.tell("checkin_no_answer", at(day, 20), "/calls/p", number=day + 1)
    home.pass_time(at(5, 4))
    assert home.raised() == []


# Absences.


def test_a_declared_absence_pauses_silence_and_wakes_at_its_end() -> None:
    end_ms = at(17, 12)
    home, present = Home(absences=[absent(at(14, 12), end_ms)]), Home()
    for each in (home, present):
        each.live(15, until_hour=12)
        each.pass_time(at(16, 4), reports=True)
    assert home.said == []
    assert present.raised() != []
    due_ms = home.due()
    assert end_ms + 2 * HOUR_MS < due_ms < end_ms + 24 * HOUR_MS  # whoever does not come back is missed
    home.pass_time(end_ms + 24 * HOUR_MS, reports=True)
    assert len(home.raised()) == 1
    assert home.findings(SILENCE)[0].event_from_ms == end_ms


def test_whoever_comes_back_from_an_absence_is_not_missed() -> None:
    home = Home(absences=[absent(at(14, 12), at(17, 12))])
    home.live(15, until_hour=12)
    home.take(home.reports(at(14, 12), at(17, 12)))
    home.live(3, from_day=17)
    assert home.raised() == []


def test_what_fell_due_before_an_absence_is_told_however_late_the_report_of_it() -> None:
    home = Home(PHONE)
    home.live(15, until_hour=12)
    due_ms = home.due()
    home.model.apply_record(
        msgspec.structs.replace(home.record, absences=[absent(due_ms + HOUR_MS, at(18, 12))]), at(14, 12)
    )
    told_ms = due_ms + 3 * HOUR_MS
    for one in home.reports(at(14, 12), told_ms):
        home.take([one], late_ms=told_ms - one.at_ms)
    home.pass_time(told_ms + 2 * MINUTE_MS)
    (raised,) = home.findings(SILENCE)
    assert raised.deadline_ms == due_ms


def test_an_absence_declared_while_a_silence_is_open_takes_it_back() -> None:
    home = silent_home()
    told = msgspec.structs.replace(home.record, absences=[absent(at(14, 11), at(16, 12))])
    home.said += home.model.apply_record(told, at(14, 22))
    assert [one.change for one in home.findings(SILENCE) if one.change != "update"] == ["raise", "withdraw"]
    assert home.findings(SILENCE)[-1].change == "withdraw"
    home.pass_time(at(16, 11), reports=True)
    assert len(home.raised()) == 1


def test_an_absence_that_was_cut_short_is_over() -> None:
    home = Home(absences=[absent(at(14, 12), at(20, 12))])
    home.live(15, until_hour=12)
    home.pass_time(at(15, 12), reports=True)
    home.model.apply_record(msgspec.structs.replace(home.record, absences=[]), at(15, 12))
    assert at(15, 14) < home.due() < at(16, 12)


@pytest.mark.parametrize(
    "absence", [Absence("soon", "later"), Absence(to_rfc3339(at(20, 4)), to_rfc3339(at(14, 4))), Absence("", "")]
)
def test_an_absence_that_makes_no_sense_is_none(absence: Absence) -> None:
    home, plain = Home(absences=[absence]), Home()
    for each in (home, plain):
        each.live(15, until_hour=12)
    assert home.due() == plain.due()


def test_days_of_an_absence_are_not_learned() -> None:
    away, present = Home(absences=[absent(at(8, 12), at(13, 12))]), Home()
    for home in (away, present):
        home.live(15)  # somebody waters the plants
    learned = [home.model.explain()["days_learned"] for home in (away, present)]
    assert learned[0] < learned[1] - 4


# What a close does.


def test_a_close_means_contact_so_the_silence_begins_anew() -> None:
    home = silent_home()
    home.said += home.model.settle(SILENCE, CloseCause.SAFE_AT_HOME, home.raised()[0], at(14, 22))
    assert home.model.explain()["open"] == []
    assert home.due() > at(15, 1)
    home.pass_time(at(16, 4), reports=True)
    assert len(home.raised()) == 2


def test_no_contact_closes_nothing() -> None:
    home = silent_home()
    before = home.model.snapshot()
    assert home.model.settle(SILENCE, CloseCause.NO_CONTACT, home.raised()[0], home.model.clock_ms) == []
    assert home.model.snapshot() == before


@pytest.mark.parametrize(
    ("cause", "learned"),
    [(CloseCause.SAFE_AT_HOME, True), (CloseCause.SAFE_AWAY, False), (CloseCause.SOURCE_OUTAGE, False)],
)
def test_only_ordinary_life_stays_in_the_baseline(cause: CloseCause, learned: bool) -> None:
    home = Home()
    home.live(14)
    home.take([*home.reports(at(14, 4), at(14, 24)), *home.moves(at(14, 8))])  # a day in bed
    home.pass_time(at(14, 20), reports=True)
    home.said += home.model.settle(SILENCE, cause, home.raised()[0], at(14, 20))
    home.take(home.moves(at(14, 20.5)))
    home.pass_time(at(14, 28), reports=True)
    usual_h = home.model.explain()["usual_longest_h"]
    home.live(2, from_day=15)
    assert (home.model.explain()["usual_longest_h"] > usual_h) is learned


def test_hospital_is_an_absence_until_the_home_shows_life_again() -> None:
    home = silent_home()
    home.said += home.model.settle(SILENCE, CloseCause.HOSPITAL, home.raised()[0], at(14, 22))
    home.pass_time(at(20, 12), reports=True)
    assert len(home.raised()) == 1
    assert home.model.due() == {}
    home.take(home.moves(at(20, 12)))
    home.pass_time(at(20, 13), reports=True)
    assert home.due() < at(21, 12)
    home.pass_time(at(21, 12), reports=True)
    assert len(home.raised()) == 2


@pytest.mark.parametrize("days_away", [1, 4])
def test_days_in_hospital_are_not_learned_and_neither_is_that_of_the_admission(days_away: int) -> None:
    """Whether the return is known before they are learned or after."""
    unfading = msgspec.structs.replace(
        DEFAULT_PROFILE, silence=msgspec.structs.replace(SilenceProfile(), half_life_days=1e9)
    )
    patient, well = Home(profile=unfading), Home(profile=unfading)
    learned = []
    for home in (patient, well):
        home.live(15)
        if home is patient:
            home.said += home.model.settle(IncidentKind.FALL, CloseCause.HOSPITAL, at(14, 22), home.model.clock_ms)
            home.take(home.reports(at(15, 4), at(15 + days_away, 4)))
        else:
            home.live(days_away, from_day=15)
        home.live(3, from_day=15 + days_away)
        home.pass_time(at(18 + days_away, 12), reports=True)
        learned.append(home.model.explain()["days_learned"])
    assert learned[1] - learned[0] == days_away + 2  # with the day of the admission and that of the return


def test_a_phone_used_in_hospital_does_not_end_the_stay_where_the_home_would_show_it() -> None:
    home = Home(GATEWAY, PHONE)
    home.live(15, until_hour=12)
    home.pass_time(at(14, 23), reports=True)
    home.said += home.model.settle(SILENCE, CloseCause.HOSPITAL, home.raised()[0], at(14, 23))
    home.take([*home.reports(at(14, 23), at(15, 9))])
    home.tell("unlock", at(15, 9), "/phone/app")
    home.pass_time(at(17, 4), reports=True)
    assert len(home.raised()) == 1


def test_nobody_without_sensors_stays_in_hospital_for_ever() -> None:
    home = Home(PHONE)
    home.live(15, until_hour=12)
    home.pass_time(at(15, 12), reports=True)
    home.said += home.model.settle(SILENCE, CloseCause.HOSPITAL, home.raised()[0], at(15, 12))
    home.take([*home.reports(at(15, 13), at(16, 9)), *home.moves(at(16, 9))])
    home.pass_time(at(18, 4), reports=True)
    assert len(home.raised()) == 2


def test_blindness_is_told_in_hospital_too() -> None:
    """The stay ends by what the home sees: a dead gateway would make it last for ever."""
    home = silent_home()
    home.said += home.model.settle(SILENCE, CloseCause.HOSPITAL, home.raised()[0], at(14, 22))
    home.pass_time(at(15, 12))
    assert len(home.raised(BLIND)) == 1


# Time zones and clocks that are set forward and back.


def test_the_rhythm_follows_the_local_clock() -> None:
    """The same life nine hours later by UTC, in London, is judged the same nine hours later."""
    seoul, london = Home(), Home(time_zone="Europe/London", start_ms=START_MS + 9 * HOUR_MS)
    seoul.live(15, until_hour=12)
    for one in [event for day in range(15) for event in _day(seoul, day, 12 if day == 14 else 22)]:
        later = one.with_(at_ms=one.at_ms + 9 * HOUR_MS)
        london.take([later])
    assert abs(london.due() - seoul.due() - 9 * HOUR_MS) < MINUTE_MS


def _day(home: Home, day: int, last: int) -> list[Event]:
    events = home.reports(at(day, 4), at(day, 28 if last == 22 else last))
    for hour in range(7, last):
        events += [one for i in range(3) for one in home.moves(at(day, hour) + (i * 20 + day % 5) * MINUTE_MS)]
    return sorted(events, key=lambda one: one.at_ms)


def test_an_unknown_time_zone_does_not_stop_the_watching() -> None:
    slip, seoul = Home(time_zone="Asia/Seuol"), Home()
    for home in (slip, seoul):
        home.live(4)
    assert slip.due() == seoul.due()


@pytest.mark.parametrize(("change", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_23_or_25_hours_is_one_day_and_elapsed_time_is_not_bent(change: str, hours: int) -> None:
    berlin = hours_of("Europe/Berlin")
    day_ms = from_rfc3339(f"{change}T00:00:00Z")
    before_ms = berlin.day_start(day_ms)
    after_ms = berlin.day_start(before_ms + DAY_MS + 2 * HOUR_MS)
    assert after_ms - before_ms == hours * HOUR_MS
    home = Home(msgspec.structs.replace(GATEWAY, expect_every_s=0), time_zone="Europe/Berlin", start_ms=before_ms)
    home.tell("door", before_ms + HOUR_MS, state="on")
    home.model.apply_record(msgspec.structs.replace(home.record, latest_silence_h=20.0), before_ms + HOUR_MS)
    home.pass_time(before_ms + 22 * HOUR_MS)
    assert home.raised() == [before_ms + 21 * HOUR_MS]
    home.pass_time(before_ms + 5 * DAY_MS, step_ms=HOUR_MS)
    assert home.model.rhythm_version == 3  # the days of the change and after it were learned one by one
