"""Who is told of an incident, until when they have time, and who is next: by the roster and the clock of the log."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from street import DAY_MS, HOUR_MS, MINUTE_MS, Street, told

from schemas.checks import check_profile
from schemas.duty import Desk, Duty, Minutes
from schemas.encode import encode
from schemas.households import Rung
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.times import from_rfc3339, to_rfc3339
from streams.cases.duty import owner_at, shift_at
from streams.engine.watched import UNREGISTERED_MS
from streams.profile_file import differences, read_profile, write_profile

DESK = Desk(day="gangnam-day", night="night-centre", holiday="holiday-centre", then=["supervisor", "control-room"])
DUTY = Duty(desks=[DESK], holidays=["2026-09-02"])
SILENCE = IncidentKind.SILENCE
NINE, SIX = 9 * HOUR_MS, 18 * HOUR_MS


def seoul(text: str) -> int:
    return from_rfc3339(f"{text}+09:00")


# The roster.


@pytest.mark.parametrize(
    ("at", "owner"),
    [
        ("2026-09-01T08:59:59", "night-centre"),
        ("2026-09-01T09:00:00", "gangnam-day"),
        ("2026-09-01T17:59:59", "gangnam-day"),
        ("2026-09-01T18:00:00", "night-centre"),
        ("2026-09-02T12:00:00", "holiday-centre"),
        ("2026-09-02T20:00:00", "night-centre"),
        ("2026-09-05T12:00:00", "holiday-centre"),
    ],
)
def test_duty_changes_hands_at_night_at_weekends_and_on_holidays(at: str, owner: str) -> None:
    assert owner_at(DUTY, "dong-27", 0, seoul(at)) == owner


def test_shifts_follow_on_each_other_without_a_gap_for_a_year() -> None:
    at_ms = seoul("2026-01-01T00:00:00")
    shifts = [shift_at(DUTY, DESK, at_ms)]
    while shifts[-1].end_ms < at_ms + 366 * DAY_MS:
        shifts.append(shift_at(DUTY, DESK, shifts[-1].end_ms))
    assert all(one.end_ms == other.start_ms for one, other in pairwise(shifts))
    assert len(shifts) in range(730, 736)


def test_a_district_has_its_own_desk_or_the_common_one_or_nobody() -> None:
    own = Desk(district="dong-27", day="dong-27-day")
    at_ms = seoul("2026-09-01T12:00:00")
    assert owner_at(Duty(desks=[DESK, own]), "dong-27", 0, at_ms) == "dong-27-day"
    assert owner_at(Duty(desks=[DESK, own]), "dong-28", 0, at_ms) == "gangnam-day"
    assert owner_at(Duty(desks=[own]), None, 0, at_ms) == ""
    assert owner_at(Duty(desks=[own]), "dong-27", 5, at_ms) == "dong-27-day", "with nobody after it, it stays there"


@pytest.mark.parametrize(
    ("duty", "where"),
    [
        (Duty(desks=[Desk(day="")]), "duty.desks[0].day"),
        (Duty(desks=[Desk(day="d", day_from="25:00")]), "duty.desks[0].day_from"),
        (Duty(desks=[Desk(day="d", day_from="18:00", day_until="09:00")]), "duty.desks[0].day_until"),
        (Duty(desks=[Desk(day="d", time_zone="Mars/Base")]), "duty.desks[0].time_zone"),
        (Duty(desks=[Desk(day="d", cap_per_shift=-1)]), "duty.desks[0].cap_per_shift"),
        (Duty(holidays=["2026-02-30"]), "duty.holidays[0]"),
        (Duty(act_min=Minutes(minor=1, moderate=1, severe=0, extreme=1)), "duty.act_min.severe"),
    ],
)
def test_a_roster_that_cannot_be_is_refused_and_says_where(duty: Duty, where: str) -> None:
    fault = check_profile(msgspec.structs.replace(DEFAULT_PROFILE, duty=duty))
    assert fault is not None
    assert fault.detail == where


def test_a_roster_is_written_to_a_file_and_read_back_and_a_misspelt_field_is_refused() -> None:
    text = write_profile(on_duty())
    signed = {"who": "kim", "why": "autumn", "applied_at": "2026-09-01T00:00:00Z"}
    assert read_profile(text, **signed).duty == DUTY
    with pytest.raises(ValueError, match=r"unknown field duty\.desks\.nigth"):
        read_profile(text.replace("night =", "nigth ="), **signed)
    with pytest.raises(ValueError, match=r"\[duty\.act_min\]"):
        read_profile("[duty]\nact_min = 3", **signed)
    assert [one.partition(":")[0] for one in differences(on_duty(Duty()), on_duty())] == ["duty.desks", "duty.holidays"]


# The engine.


def on_duty(duty: Duty = DUTY) -> Profile:
    return msgspec.structs.replace(DEFAULT_PROFILE, id="p-duty", duty=duty)


def town(duty: Duty = DUTY, **fields: Any) -> Street:
    """A home in Seoul at noon of a working day, with a roster in force."""
    street = Street()
    street.put("profile", b"p", encode(on_duty(duty)))
    street.register(district="dong-27", **fields)
    street.tick(seoul("2026-09-01T12:00:00") - street.now_ms)
    return street


def press(street: Street) -> Incident:
    street.happen("emergency_button", device="d")
    street.tick()
    (incident,) = street.open()
    return incident


def silent(street: Street) -> Incident:
    street.happen("door", state="on")
    for _ in range(100):
        street.happen("temperature", value=20.0)
        street.tick(5 * MINUTE_MS)
        if street.open(SILENCE):
            return street.open(SILENCE)[0]
    raise AssertionError("no silence was told")


def owners(street: Street) -> list[tuple[str | None, int]]:
    """Owner and level of every revision, those repeated left out."""
    found = [(one.owner, one.level) for one in told(street.out)]
    return [one for i, one in enumerate(found) if i == 0 or found[i - 1] != one]


def test_an_incident_belongs_to_the_post_on_duty_with_a_limit_from_its_first_ordered_revision() -> None:
    street = town()
    incident = press(street)
    assert (incident.owner, incident.level, incident.revision) == ("gangnam-day", 0, 2)
    limit_ms = DUTY.acknowledge_min.of_ms(incident.severity)
    assert incident.step_until == to_rfc3339(from_rfc3339(incident.at) + limit_ms)
    silence = silent(town(latest_silence_h=4.0))
    assert (silence.owner, silence.revision) == ("gangnam-day", 1), "no revision of its own for the owner"


@pytest.mark.parametrize("hour", [12, 23])
def test_emergencies_reach_the_control_room_at_once_by_day_and_by_night_and_nothing_else_does(hour: int) -> None:
    desk = msgspec.structs.replace(DESK, emergency="centre-119")
    street = town(Duty(desks=[desk]))
    street.tick((hour - 12) * HOUR_MS + MINUTE_MS)
    street.happen("gas", device="d")
    street.tick()
    (gas,) = street.open(IncidentKind.GAS)
    assert (gas.owner, gas.level) == ("centre-119", 0)
    assert owner_at(Duty(desks=[desk]), "dong-27", 0, street.now_ms) in ("gangnam-day", "night-centre")
    street.pass_ms(6 * MINUTE_MS, MINUTE_MS)
    assert street.open(IncidentKind.GAS)[0].owner == "supervisor", "nobody took it in time"
    plain = town()
    plain.happen("gas", device="d")
    plain.tick()
    assert plain.open(IncidentKind.GAS)[0].owner == "gangnam-day"


def test_an_emergency_of_the_control_room_does_not_change_hands_with_the_shift() -> None:
    street = town(Duty(desks=[msgspec.structs.replace(DESK, emergency="centre-119", then=[])]))
    street.happen("gas", device="d")
    street.pass_ms(8 * HOUR_MS)
    assert {one.owner for one in told(street.out) if one.kind is IncidentKind.GAS} == {None, "centre-119"}


def test_negative_control_without_a_desk_nobody_is_named_and_no_time_runs() -> None:
    street = town(Duty())
    incident = press(street)
    street.pass_ms(DAY_MS, HOUR_MS)
    assert (incident.owner, incident.step_until) == (None, None)
    assert street.open() == [incident]


def test_when_nobody_acknowledges_in_time_the_next_owner_is_told_with_an_escalation_and_then_the_last() -> None:
    street = town()
    incident = press(street)
    limit_ms = DUTY.acknowledge_min.of_ms(incident.severity)
    street.pass_ms(limit_ms - 2 * MINUTE_MS, MINUTE_MS)
    assert street.open() == [incident]
    street.pass_ms(3 * limit_ms, MINUTE_MS)
    assert owners(street) == [(None, 0), ("gangnam-day", 0), ("supervisor", 1), ("control-room", 2)]
    first, second = [one for one in told(street.out) if one.level]
    assert {first.state, second.state} == {IncidentState.ESCALATED}
    assert from_rfc3339(first.at) == from_rfc3339(incident.step_until or "")
    assert from_rfc3339(second.at) - from_rfc3339(first.at) == limit_ms, "less than 10 minutes apart where the limit is"


def test_after_the_last_post_the_same_one_is_told_again_each_time_after_twice_as_long() -> None:
    street = town()
    incident = press(street)
    street.pass_ms(DAY_MS, MINUTE_MS)
    last = [one for one in told(street.out) if one.owner == "control-room"]
    assert {one.state for one in last} == {IncidentState.ESCALATED}
    at = [from_rfc3339(one.at) for one in last]
    first_ms = DUTY.act_min.of_ms(incident.severity)
    assert [after - before for before, after in pairwise(at)] == [first_ms << n for n in range(len(at) - 1)]
    assert len(at) > 3
    street.act(street.open()[0], "acknowledge", who="officer-7")
    street.tick()
    assert street.open()[0].owner == "officer-7"


def test_whoever_takes_it_stops_the_clock_and_has_a_time_of_their_own() -> None:
    street = town()
    incident = press(street)
    street.act(incident, "acknowledge", who="officer-7")
    street.tick()
    (taken,) = street.open()
    limit_ms = DUTY.act_min.of_ms(incident.severity)
    assert (taken.owner, taken.step_until) == ("officer-7", to_rfc3339(from_rfc3339(taken.at) + limit_ms))
    street.pass_ms(limit_ms - 2 * MINUTE_MS, MINUTE_MS)
    assert street.open() == [taken]
    street.act(taken, "visit", who="officer-7")
    street.pass_ms(10 * MINUTE_MS, MINUTE_MS)
    (there,) = street.open()
    assert (there.owner, there.level) == ("officer-7", 0), "whoever goes there has time anew"
    street.pass_ms(limit_ms, MINUTE_MS)
    (late,) = street.open()
    assert (late.owner, late.level, late.state) == ("supervisor", 1, IncidentState.ESCALATED)
    assert late.acknowledged_by == "officer-7"


def test_duty_changes_hands_with_what_is_open_and_the_night_has_its_own_time() -> None:
    street = town(Duty(desks=[DESK], acknowledge_min=Minutes(minor=900, moderate=900, severe=900, extreme=900)))
    incident = press(street)
    street.pass_ms(5 * HOUR_MS, 10 * MINUTE_MS)
    assert street.open() == [incident]
    street.restart()
    street.pass_ms(2 * HOUR_MS, 10 * MINUTE_MS)
    (night,) = street.open()
    assert (night.owner, night.level, night.state) == ("night-centre", 0, incident.state)
    assert 0 <= from_rfc3339(night.at) - seoul("2026-09-01T18:00:00") < 10 * MINUTE_MS
    assert from_rfc3339(night.step_until or "") == from_rfc3339(night.at) + 15 * HOUR_MS


def test_what_an_officer_has_taken_does_not_change_hands_with_the_shift() -> None:
    street = town(Duty(desks=[DESK], act_min=Minutes(minor=900, moderate=900, severe=900, extreme=900)))
    incident = press(street)
    street.act(incident, "acknowledge", who="officer-7")
    street.pass_ms(10 * HOUR_MS, 10 * MINUTE_MS)
    assert street.open()[0].owner == "officer-7"


def test_while_the_home_is_being_asked_nobody_owns_it_and_the_night_owner_is_told_when_nobody_answered() -> None:
    street = town(latest_silence_h=4.0, ladder=[Rung("checkin_call", "c-1"), Rung("officer")])
    silence = silent(street)
    assert (silence.next_step, silence.owner, silence.step_until) == (NextStep.ASKING, None, None)
    while street.open(SILENCE)[0].next_step is NextStep.ASKING:
        street.happen("temperature", value=20.0)
        street.tick(MINUTE_MS)
    (told_to,) = street.open(SILENCE)
    assert (told_to.state, told_to.owner) == (IncidentState.ESCALATED, "gangnam-day")
    street.pass_ms(2 * HOUR_MS, MINUTE_MS)
    assert [one for one in owners(street) if one[0]] == [("gangnam-day", 0), ("supervisor", 1), ("control-room", 2)]


def unseen(duty: Duty) -> tuple[Street, Incident]:
    """A home without a registry record, and the silence of it."""
    street = Street()
    street.put("profile", b"p", encode(on_duty(duty)))
    street.tick(seoul("2026-09-01T12:00:00") - street.now_ms)
    street.happen("door", state="on")
    for _ in range(400):
        street.happen("temperature", value=20.0)
        street.tick(10 * MINUTE_MS)
        if street.open(SILENCE):
            return street, street.open(SILENCE)[0]
    raise AssertionError("no silence was told")


@pytest.mark.parametrize("is_registered", [True, False])
def test_a_check_that_an_officer_asks_for_stops_no_owners_time(is_registered: bool) -> None:
    if is_registered:
        street = town(latest_silence_h=4.0)
        silence = silent(street)
    else:
        street, silence = unseen(DUTY)
    street.act(silence, "request_check")
    street.pass_ms(HOUR_MS, MINUTE_MS)
    assert street.requests()[-1].incident == silence.id
    assert not [one for one in told(street.out) if one.next_step is NextStep.ASKING], "somebody's time runs"
    assert owners(street) == [("gangnam-day", 0), ("supervisor", 1), ("control-room", 2)]


@pytest.mark.parametrize("restarts", [False, True])
def test_where_nobody_is_asked_any_more_an_incident_does_not_say_that_the_home_is_being_asked(restarts: bool) -> None:
    street, silence = unseen(Duty())
    street.act(silence, "request_check")
    street.tick()
    (asked,) = street.open()
    assert (asked.next_step, asked.ladder[0].outcome) == (NextStep.ASKING, ""), "negative control: while it rings"
    if restarts:
        street.restart()
    street.pass_ms(HOUR_MS, MINUTE_MS)
    (after,) = street.open()
    assert (after.next_step, after.ladder[0].outcome) == (silence.next_step, "no_answer")


def test_what_grows_graver_before_anybody_took_it_has_the_shorter_time_of_what_it_is_now() -> None:
    slow = Minutes(minor=6000, moderate=6000, severe=6000, extreme=30)
    street, silence = unseen(Duty(desks=[DESK], acknowledge_min=slow))
    for _ in range(200):
        street.happen("temperature", value=20.0)
        street.tick(10 * MINUTE_MS)
        if street.open(SILENCE)[0].severity is not silence.severity:
            break
    (graver,) = street.open(SILENCE)
    assert (graver.severity, graver.level) == (Severity.EXTREME, 0)
    assert from_rfc3339(graver.step_until or "") == from_rfc3339(graver.at) + 30 * MINUTE_MS
    assert from_rfc3339(silence.step_until or "") > from_rfc3339(graver.step_until or ""), "negative control"
    before = len(street.out)
    street.pass_ms(HOUR_MS + 10 * MINUTE_MS, 10 * MINUTE_MS)
    assert [(one.owner, one.level) for one in told(street.out[before:])] == [("supervisor", 1), ("control-room", 2)]


def test_when_a_snooze_is_over_whoever_is_on_duty_then_is_told() -> None:
    street = town(latest_silence_h=4.0)
    silence = silent(street)
    street.act(silence, "snooze", until=to_rfc3339(seoul("2026-09-01T20:00:00")), revision=9)
    while street.now_ms < seoul("2026-09-01T20:10:00"):
        street.happen("temperature", value=20.0)
        street.tick(10 * MINUTE_MS)
    awake = next(one for one in told(street.out) if one.at == to_rfc3339(seoul("2026-09-01T20:00:00")))
    assert (awake.owner, awake.snoozed_until, awake.state) == ("night-centre", None, IncidentState.UPDATED)


def test_a_new_roster_reaches_what_is_open_at_once() -> None:
    street = town(Duty())
    press(street)
    street.put("profile", b"p", encode(on_duty()))
    street.tick()
    assert street.open()[0].owner == "gangnam-day"
    other = Duty(desks=[Desk(day="another-day")])
    street.put("profile", b"p", encode(on_duty(other)))
    street.tick()
    assert street.open()[0].owner == "another-day"


@pytest.mark.parametrize("is_registered", [True, False])
@pytest.mark.parametrize("restarts", [True, False])
def test_what_was_told_before_there_was_a_clock_has_an_owner_from_the_first_clock_on(
    is_registered: bool, restarts: bool
) -> None:
    street = Street().put("profile", b"p", encode(on_duty()))
    if is_registered:
        street.register(district="dong-27")
    street.happen("emergency_button", device="d")
    street.arrive()
    if restarts:
        street.restart()
    street.tick()
    (incident,) = street.open(IncidentKind.EMERGENCY_BUTTON)
    assert incident.owner == owner_at(DUTY, None, 0, street.now_ms)
    street.pass_ms(HOUR_MS, MINUTE_MS)
    assert owners(street)[-1] == ("control-room", 2)


def test_a_new_roster_reaches_an_open_emergency_of_a_home_that_was_never_registered_and_is_watched_no_more() -> None:
    street = Street()
    street.tick()
    street.happen("emergency_button", device="d")
    street.tick()
    street.pass_ms(UNREGISTERED_MS + DAY_MS, 6 * HOUR_MS)
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.model is None
    assert [one.owner for one in street.open()] == [None]
    street.put("profile", b"p", encode(on_duty()))
    street.tick()
    assert [one.owner for one in street.open()] == [owner_at(DUTY, None, 0, street.now_ms)]
    street.pass_ms(HOUR_MS, MINUTE_MS)
    assert owners(street)[-1] == ("control-room", 2)


def test_a_worker_that_dies_in_between_changes_nothing_of_who_is_told_when() -> None:
    def played(*, dies: bool) -> list[bytes]:
        street = town()
        incident = press(street)
        for n in range(120):
            if dies and n % 7 == 0:
                street.restart()
            if n == 40:
                street.act(incident, "acknowledge", who="officer-7")
            street.tick(10 * MINUTE_MS)
        return [encode(one) for one in told(street.out)]

    once = played(dies=False)
    assert played(dies=True) == once
    assert len(once) > 5


def test_an_incident_that_ends_has_no_time_left_to_run() -> None:
    street = town()
    incident = press(street)
    street.act(incident, "close", cause=CloseCause.HELPED)
    street.pass_ms(HOUR_MS, MINUTE_MS)
    last = street.incidents()[incident.id]
    assert (last.state, last.step_until, last.level) == (IncidentState.CLOSED, None, 0)
