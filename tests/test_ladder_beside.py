"""A call beside an emergency: never before it, never in its way, and not where it could do harm."""

from typing import Any

import pytest
from msgspec.structs import replace
from street import HOUR_MS, MINUTE_MS, Street, told

from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.households import Need, Rung
from schemas.incidents import CloseCause, Incident, IncidentKind, NextStep
from schemas.profiles import DEFAULT_PROFILE

LADDER = [Rung("sms"), Rung("checkin_call", "c-1", "21:00", "08:00"), Rung("guardian", "c-2"), Rung("officer", "c-9")]
PRESS = IncidentKind.EMERGENCY_BUTTON


def at_home(hour: int = 12, *, duty: Duty | None = None, **fields: Any) -> Street:
    street = Street()
    if duty is not None:
        street.put("profile", b"p", encode(replace(DEFAULT_PROFILE, id="p-1", duty=duty)))
    street.register(**({"ladder": LADDER} | fields))
    street.tick(hour * HOUR_MS)
    return street


def pressed(street: Street, kind: str = "emergency_button", **fields: Any) -> Street:
    street.happen(kind, device="d-1", **fields)
    street.tick()
    return street


def calls(street: Street) -> list[str]:
    return [one.ask for one in street.requests() if one.incident]


def revisions(street: Street, kind: IncidentKind = PRESS) -> list[Incident]:
    return [one for one in told(street.out) if one.kind is kind]


@pytest.mark.parametrize("hour", [3, 12])
def test_the_person_is_called_beside_a_press_in_the_revision_that_joins_the_case_by_night_too(hour: int) -> None:
    street = pressed(at_home(hour))
    first, joined = revisions(street)
    assert (first.revision, first.ladder, first.next_step) == (1, [], NextStep.CALL_119)
    assert [(step.ask, step.why, step.outcome) for step in joined.ladder] == [("checkin_call", "beside", "")]
    assert (joined.revision, joined.state, joined.next_step) == (2, first.state, NextStep.CALL_119)
    whats = [one.what for one in street.out]
    (request,) = street.requests()
    assert whats.index(request) > whats.index(joined) > whats.index(first), "never before it"
    assert (request.incident, request.id, request.purpose) == (joined.id, joined.ladder[0].request, "wellbeing")


@pytest.mark.parametrize(
    ("kind", "codes", "step"),
    [
        ("emergency_button", None, NextStep.CALL_119),
        ("gas", None, NextStep.CALL_119),
        ("smoke", None, NextStep.CALL_119),
        ("carbon_monoxide", None, NextStep.CALL_119),
        ("heat", None, NextStep.CALL_119),
        ("fall", None, NextStep.CALL_119),
        ("robot_distress", ["cry_for_help"], NextStep.CALL_119),
        ("robot_distress", ["wish_to_die"], NextStep.CRISIS_PROTOCOL),
    ],
)
def test_every_emergency_is_told_on_arrival_with_what_to_do_while_the_clock_stands_and_nobody_was_asked(
    kind: str, codes: list[Any] | None, step: NextStep
) -> None:
    street = at_home()
    before = len(street.out)
    street.happen(kind, device="d-1", codes=codes)
    street.arrive()  # no tick: its turn in the order has not come
    (only,) = [one.what for one in street.out[before:]]
    assert isinstance(only, Incident)
    assert (only.revision, only.next_step, only.ladder) == (1, step, [])


@pytest.mark.parametrize("kind", ["gas", "smoke", "carbon_monoxide", "heat"])
def test_no_phone_rings_where_the_person_should_leave_at_once(kind: str) -> None:
    assert calls(pressed(at_home(), kind)) == []


def test_nobody_is_called_by_a_machine_about_a_wish_to_die() -> None:
    street = pressed(at_home(), "robot_distress", codes=["wish_to_die"])
    (last,) = street.open()
    assert last.next_step is NextStep.CRISIS_PROTOCOL
    assert calls(street) == []
    # Negative control: about other words of distress they are.
    assert calls(pressed(at_home(), "robot_distress", codes=["cry_for_help"])) == ["checkin_call"]


@pytest.mark.parametrize(
    "fields",
    [
        {"needs": [Need.HEARING]},
        {"needs": [Need.SPEECH]},
        {"consent": False},
        {"ladder": [Rung("sms"), Rung("officer")]},
        {"ladder": [Rung("officer"), Rung("checkin_call")]},
        {"ladder": []},
    ],
)
def test_who_cannot_hear_or_speak_or_did_not_agree_is_not_called(fields: dict[str, Any]) -> None:
    street = pressed(at_home(**fields))
    assert len(street.open(PRESS)) == 1
    assert calls(street) == []


@pytest.mark.parametrize("outcome", ["checkin_answered", "checkin_refused", "checkin_no_answer", ""])
def test_whatever_comes_of_the_call_is_shown_and_moves_nothing(outcome: str) -> None:
    duty = Duty(desks=[Desk(day="day-office", then=["supervisor", "control-room"])])
    called, plain = at_home(duty=duty), at_home(duty=duty, ladder=[Rung("officer")])
    for street in (called, plain):
        pressed(street)
    (request,) = called.requests()
    called.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    plain.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    if outcome:
        called.happen(outcome, request=request.id)
    for street in (called, plain):
        street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    (mine,), (other,) = called.open(PRESS), plain.open(PRESS)
    shown = {"checkin_answered": "answered", "checkin_refused": "declined"}.get(outcome, "no_answer")
    assert [step.outcome for step in mine.ladder] == [shown]
    assert other.ladder == []
    moved = [
        [(one.owner, one.level, one.step_until) for one in revisions(street) if one.owner] for street in (called, plain)
    ]
    assert sorted(set(moved[0]), key=str) == sorted(set(moved[1]), key=str)
    assert (mine.next_step, mine.ended, mine.owner, mine.level) == (other.next_step, False, other.owner, other.level)


def test_one_call_a_home_at_a_time_and_none_about_what_is_long_past() -> None:
    street = pressed(pressed(at_home()), "fall")
    pressed(street)
    assert calls(street) == ["checkin_call"]
    late = at_home()
    late.happen("emergency_button", device="d-1", at_ms=late.now_ms - 2 * HOUR_MS)
    late.tick()
    assert calls(late) == []


def test_an_officer_s_close_counts_with_a_call_still_out_and_its_answer_is_heard_in_vain() -> None:
    street = pressed(at_home())
    (request,) = street.requests()
    street.act(street.open(PRESS)[0], "close", cause=CloseCause.HELPED)
    street.tick()
    street.happen("checkin_answered", request=request.id)
    street.tick(20 * MINUTE_MS)
    assert street.open() == []


def test_a_restart_while_the_call_is_out_loses_neither_it_nor_its_deadline() -> None:
    street = pressed(at_home()).restart()
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    assert [step.outcome for step in street.open(PRESS)[0].ladder] == ["no_answer"]
    assert len(street.requests()) == 1


@pytest.mark.parametrize("danger", ["gas", "smoke", "carbon_monoxide", "heat"])
def test_nobody_is_kept_at_the_phone_by_a_press_while_another_danger_is_open(danger: str) -> None:
    street = pressed(pressed(at_home(), danger))
    assert len(street.open(PRESS)) == 1
    assert calls(street) == []
    assert calls(pressed(at_home())) == ["checkin_call"], "negative control: without the danger they are called"
