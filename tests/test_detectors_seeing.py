"""Whether Anbu can see: blindness is an incident of its own, never read as calm and never as a collapse."""

import msgspec
import pytest
from detector_homes import BAND, CALLS, GATEWAY, MINUTE_MS, PHONE, ROBOT, TELECOM, Home, at

from detectors.findings import Finding
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from schemas.households import Absence, Source
from schemas.incidents import Certainty, CloseCause, IncidentKind
from schemas.times import from_rfc3339, to_rfc3339
from schemas.views import UnseenView

BLIND, SILENCE = IncidentKind.CANNOT_SEE, IncidentKind.SILENCE


def lived_in(*sources: Source, until_hour: int = 12, **fields: object) -> Home:
    """A home after a week, at noon of day 7; its sources reported last at 11:00."""
    home = Home(*sources, **fields)  # type: ignore[arg-type]
    home.live(8, until_hour=until_hour)
    home.pass_time(at(7, until_hour))
    home.said.clear()
    return home


def test_a_cut_wire_is_told_as_blindness_and_never_as_a_collapse() -> None:
    home = lived_in()
    reported_ms = home.model.last_life_ms
    assert reported_ms is not None
    due = home.model.due(reports_continue=False)
    assert due == {BLIND: reported_ms + 6 * HOUR_MS}
    home.pass_time(at(10, 12))
    assert home.raised(BLIND) == [due[BLIND]]
    assert home.raised(SILENCE) == []
    (told,) = home.findings(BLIND)
    assert (told.certainty, told.would_change) == (Certainty.OBSERVED, "heartbeat")
    assert told.facts["blind_h"] == 6.0
    assert home.model.blind


def test_a_person_who_falls_silent_before_reporting_sources_is_told_as_silence() -> None:
    home = lived_in()
    home.pass_time(at(9, 12), reports=True)
    assert home.raised(BLIND) == []
    assert len(home.raised(SILENCE)) == 1
    assert not home.model.blind


def test_blindness_ends_with_the_next_report_and_begins_anew_with_its_own_raising() -> None:
    home = lived_in()
    home.pass_time(at(7, 20))
    home.tell("heartbeat", at(7, 20))
    home.pass_time(at(7, 20) + 2 * MINUTE_MS)
    home.pass_time(at(8, 4))
    told = [(one.change, one.facts["raised_ms"]) for one in home.findings(BLIND)]
    assert [change for change, _ in told] == ["raise", "clear", "raise"]
    assert told[0][1] == told[1][1] != told[2][1]


def test_who_sees_with_two_sources_is_not_blind_with_one() -> None:
    home = lived_in(GATEWAY, PHONE)
    home.sources = (PHONE,)  # the gateway falls silent
    home.pass_time(at(8, 4), reports=True)
    assert home.raised(BLIND) == []
    assert home.model.explain()["sources"][1]["healthy"] is False
    home.sources = ()
    home.pass_time(at(8, 20))
    assert len(home.raised(BLIND)) == 1


def test_a_dark_source_takes_its_part_of_the_weight_with_it() -> None:
    """The gateway of a home with a robot fails: what is left sees less, so the silence scores less, and alarms later."""
    both, robot_only = lived_in(GATEWAY, ROBOT), lived_in(GATEWAY, ROBOT)
    robot_only.sources = (ROBOT,)
    for home in (both, robot_only):
        home.pass_time(at(7, 18), reports=True)
    scores = [home.model.score_one() or 0.0 for home in (both, robot_only)]
    assert 0 < scores[1] < scores[0] * 0.8


def test_a_household_of_calls_alone_is_never_blind() -> None:
    home = Home(CALLS)
    home.pass_time(at(20, 4), step_ms=HOUR_MS)
    assert home.said == []
    assert not home.model.blind


# An outage is no silence.


@pytest.mark.parametrize("hours", [3, 5, 9])
def test_an_outage_moves_the_deadline_by_its_length(hours: int) -> None:
    """While the gateway says nothing nobody knows what the person does; when it is back the silence goes on from there."""
    seen, unseen = lived_in(), lived_in()
    due_ms = seen.due()
    unseen.pass_time(at(7, 11 + hours))
    unseen.pass_time(at(7, 11 + hours) + HOUR_MS, reports=True)
    assert unseen.raised(SILENCE) == []
    assert due_ms + (hours - 1.1) * HOUR_MS <= unseen.due() <= due_ms + (hours + 6) * HOUR_MS


def test_the_latest_hour_does_not_strike_in_an_outage_but_at_its_end() -> None:
    home = lived_in()
    home.model.apply_record(msgspec.structs.replace(home.record, latest_silence_h=4.0), at(7, 12))
    home.pass_time(at(7, 16.5))  # 4 h after the last sign of life, and 5 h after the last word of the gateway
    assert home.raised(SILENCE) == []
    assert home.raised(BLIND) == []
    home.pass_time(at(7, 19), reports=True)
    assert at(7, 17) <= home.raised(SILENCE)[0] <= at(7, 17) + 2 * MINUTE_MS


def test_after_an_outage_a_silence_is_judged_as_if_it_began_then() -> None:
    """The elapsed time of an outage says nothing: its buckets, in which nobody stirs, must not hide a collapse."""
    home = lived_in()
    home.pass_time(at(8, 10))
    home.pass_time(at(8, 10) + 13 * HOUR_MS, reports=True)
    assert len(home.raised(BLIND)) == 1
    (raised,) = home.raised(SILENCE)
    assert at(8, 15) < raised < at(8, 22)


def test_reports_that_come_late_fill_the_outage() -> None:
    home, seen = lived_in(), lived_in()
    buffered = home.reports(at(7, 12), at(7, 17))
    home.pass_time(at(7, 17))
    for one in buffered:
        home.take([one], late_ms=at(7, 17) - one.at_ms)
    for each in (home, seen):
        each.pass_time(at(7, 18), reports=True)
    assert home.due() == seen.due()


def test_no_ordinary_day_is_learned_from_an_outage() -> None:
    home = lived_in()
    usual_h = home.model.explain()["usual_longest_h"]
    home.pass_time(at(8, 7))  # 19 hours without a word
    home.live(3, from_day=8)
    assert home.model.explain()["usual_longest_h"] == pytest.approx(usual_h, abs=0.3)


# Sources of other habits.


def test_a_source_without_a_cadence_is_believed_for_three_of_its_learned_longest_gaps() -> None:
    quiet = msgspec.structs.replace(GATEWAY, expect_every_s=0)
    home = Home(quiet)
    home.live(1)
    first_ms = home.model.due(reports_continue=False)[BLIND] - (home.model.last_life_ms or 0)
    assert first_ms == 36 * HOUR_MS  # nothing is known of it: three times twelve hours
    home.live(20, from_day=1)
    learned_ms = home.model.due(reports_continue=False)[BLIND] - (home.model.last_life_ms or 0)
    assert 27 * HOUR_MS <= learned_ms <= 33 * HOUR_MS  # its nights are ten hours long


def test_one_long_outage_does_not_hide_the_next() -> None:
    home = Home(msgspec.structs.replace(GATEWAY, expect_every_s=0))
    home.live(12)
    home.pass_time(at(16, 7))
    home.live(4, from_day=16)
    assert home.raised(BLIND) != []
    patience_ms = home.model.due(reports_continue=False)[BLIND] - (home.model.last_life_ms or 0)
    assert patience_ms < 60 * HOUR_MS


def test_a_daily_batch_is_waited_for() -> None:
    home = Home(TELECOM)
    for day in range(5):
        home.tell("complete_until", at(day, 31), "/phone/telecom", until_ms=at(day, 24))
    home.pass_time(at(6, 31), step_ms=HOUR_MS)
    assert home.raised(BLIND) == []
    home.pass_time(at(9, 4), step_ms=HOUR_MS)
    assert len(home.raised(BLIND)) == 1


def test_a_phone_switched_off_overnight_is_no_incident_and_one_off_for_longer_is() -> None:
    home = lived_in(PHONE, until_hour=22)
    off_ms = at(7, 28)
    home.tell("power_off", off_ms, "/phone/app")
    home.pass_time(off_ms + 11 * HOUR_MS)
    assert home.said == []
    home.pass_time(off_ms + 13 * HOUR_MS)
    assert home.raised(BLIND) == [off_ms + 12 * HOUR_MS]
    assert home.raised(SILENCE) == []
    home.tell("power_on", off_ms + 14 * HOUR_MS, "/phone/app")
    home.pass_time(off_ms + 15 * HOUR_MS)
    assert home.findings(BLIND)[-1].change == "clear"


def test_the_records_of_a_telecom_do_not_show_that_a_phone_is_on() -> None:
    """They go on without the phone: a dead battery is no silence of the person, and no calm either."""
    home = lived_in(PHONE)
    home.tell("power_off", at(7, 12), "/phone/app")
    home.pass_time(at(8, 4), reports=True)
    assert home.raised(SILENCE) == []
    assert home.raised(BLIND) == [at(7, 24)]
    assert home.findings(BLIND)[0].facts["blind_h"] == 12.0


def test_what_a_robot_says_of_being_offline_counts_from_then() -> None:
    home = lived_in(ROBOT)
    home.tell("robot_offline", at(7, 12), "/robot/r")
    home.pass_time(at(7, 19))
    assert home.raised(BLIND) == [at(7, 18)]


def test_a_band_that_is_taken_off_is_silent_and_not_blind_while_it_reports() -> None:
    home = lived_in(GATEWAY, BAND)
    home.sources = (BAND,)
    home.pass_time(at(8, 4), reports=True)
    assert home.raised(BLIND) == []


# What responders and the registry say of it.


def test_a_blindness_that_was_closed_is_told_again_if_it_lasts_two_days_more() -> None:
    home = lived_in()
    home.pass_time(at(7, 20))
    (raised_ms,) = home.raised(BLIND)
    home.said += home.model.settle(BLIND, CloseCause.DEVICE_FAULT, raised_ms, at(7, 20))
    home.pass_time(at(9, 19))
    assert home.raised(BLIND) == [raised_ms]
    home.pass_time(at(9, 21))
    assert home.raised(BLIND) == [raised_ms, at(9, 20)]


def test_nobody_is_told_of_blindness_in_a_declared_absence_but_at_its_end() -> None:
    away = Absence(to_rfc3339(at(7, 12)), to_rfc3339(at(9, 12)), "trip")
    home = lived_in(absences=[away])
    home.pass_time(at(9, 11))
    assert home.said == []
    home.pass_time(at(9, 13))
    assert home.raised(BLIND) == [at(9, 12)]


def test_a_source_that_is_no_longer_enrolled_is_forgotten_and_the_last_one_is_not() -> None:
    home = lived_in(GATEWAY, PHONE)
    home.model.apply_record(msgspec.structs.replace(home.record, sources=[GATEWAY]), at(7, 12))
    home.sources = (GATEWAY,)
    home.live(34, from_day=8)
    assert [source["source"] for source in home.model.explain()["sources"]] == ["/sensors/gw"]
    home.model.apply_record(msgspec.structs.replace(home.record, sources=[]), at(42, 4))
    home.pass_time(at(42, 4) + 40 * DAY_MS, step_ms=6 * HOUR_MS)
    assert home.model.blind


def test_blindness_and_silence_are_told_with_what_would_change_them() -> None:
    home = lived_in()
    home.pass_time(at(8, 4), reports=True)
    home.pass_time(at(9, 4))
    changes = {one.kind: one.would_change for one in home.said if isinstance(one, Finding) and one.change == "raise"}
    assert changes == {SILENCE: "life", BLIND: "heartbeat"}


@pytest.mark.parametrize("closed", [False, True])
def test_the_view_says_since_when_nothing_was_seen_and_after_how_long_it_was_again(*, closed: bool) -> None:
    home = Home()
    home.live(3)
    assert home.model.overview(home.model.clock_ms)["unseen"] is None
    mark = home.model.mark(home.model.clock_ms)
    home.pass_time(at(3, 12))
    since_ms = home.findings(BLIND)[-1].event_from_ms
    assert home.model.overview(home.model.clock_ms)["unseen"] == UnseenView(to_rfc3339(since_ms))
    assert home.model.mark(home.model.clock_ms) != mark
    if closed:  # an officer closed it: nothing is told when it is seen again, and it was repaired all the same
        home.model.settle(BLIND, CloseCause.SOURCE_OUTAGE, at(3, 12), home.model.clock_ms)
    home.take(home.reports(at(3, 14), at(3, 14) + 1))
    home.pass_time(at(3, 14) + MINUTE_MS)
    again = Household.restore(home.model.hot(), home.model.rhythm(), home.model.profile, home.record)
    for model in (home.model, again):
        seen = model.overview(model.clock_ms)["unseen"]
        assert (seen.since, seen.hours) == (
            to_rfc3339(since_ms),
            pytest.approx((at(3, 14) - since_ms) / HOUR_MS, abs=0.03),
        )
        assert abs(from_rfc3339(seen.until) - at(3, 14)) <= MINUTE_MS
