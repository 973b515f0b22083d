"""What responders do through the engine: once each, answered, against the revision they saw, and never into the void."""

from typing import Any

import pytest
from street import DAY_MS, HOUR_MS, MINUTE_MS, Street, told
from test_ledger import START_MS as LEDGER_MS
from test_ledger import Told, action
from test_ledger import silence as silence_found

from schemas.actions import ResponderAction
from schemas.encode import encode
from schemas.households import Rung
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity
from schemas.times import from_rfc3339, to_rfc3339
from streams.cases.acting import CHECK_AGAIN_MS, LONGEST_SNOOZE_MS, MOST_ABSENCES, MOST_WAITING
from streams.cases.ended import SHOWN_MS
from streams.cases.ledger import WAITS_MS

SILENCE = IncidentKind.SILENCE


def living(**fields: Any) -> Street:
    """A home whose person stirred a moment ago and whose officer wants to know of 4 hours of silence; noon in Seoul."""
    street = Street()
    street.register(latest_silence_h=4.0, **fields)
    street.tick(3 * HOUR_MS)
    street.happen("door", state="on")
    street.tick()
    return street


def go_on(street: Street, span_ms: int) -> Street:
    """Let the home report, and nobody stir."""
    until_ms = street.now_ms + span_ms
    while street.now_ms < until_ms:
        street.happen("temperature", value=20.0)
        street.tick(5 * MINUTE_MS)
    return street


def silent(**fields: Any) -> tuple[Street, Incident]:
    street = living(**fields)
    for _ in range(100):
        if street.open(SILENCE):
            return street, street.open(SILENCE)[0]
        go_on(street, 5 * MINUTE_MS)
    raise AssertionError("no silence was told")


def pressed() -> tuple[Street, Incident]:
    street = Street()
    street.register()
    street.tick()
    street.happen("emergency_button", device="d")
    street.tick()
    (incident,) = street.open()
    return street, incident


def of_household(street: Street, what: Any, **fields: Any) -> ResponderAction:
    """An action on the household, without an incident."""
    street._ids += 1
    action = ResponderAction(
        id=f"a{street._ids}",
        household=fields.pop("household", "h-1"),
        action=what,
        who="officer-1",
        at=to_rfc3339(street.now_ms),
        **fields,
    )
    street.put("responder.actions", action.household.encode(), encode(action))
    street.tick()
    return action


def reasons(street: Street) -> list[str]:
    return [one.reason for one in street.results()]


def later(street: Street, span_ms: int) -> str:
    return to_rfc3339(street.now_ms + span_ms)


# Taking an incident.


def test_whoever_acknowledges_owns_it_and_a_visit_counts_as_acknowledged() -> None:
    street, press = pressed()
    street.act(press, "acknowledge", who="officer-7")
    street.tick()
    (taken,) = street.open()
    assert (taken.state, taken.owner, taken.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "officer-7", "officer-7")
    assert taken.visited_at is None
    street.act(taken, "visit", who="officer-8")
    street.tick()
    (seen,) = street.open()
    assert (seen.owner, seen.acknowledged_by, seen.visited_at) == ("officer-8", "officer-8", seen.at)
    assert reasons(street) == ["", ""]


def test_the_same_action_sent_twice_is_done_and_answered_once() -> None:
    street, press = pressed()
    for _ in range(2):
        street.act(press, "visit", id="one")
        street.tick()
    assert reasons(street) == [""]
    assert street.open()[0].revision == press.revision + 1


def test_of_two_officers_who_close_one_incident_the_second_hears_that_it_has_ended() -> None:
    street, press = pressed()
    for who in ("officer-1", "officer-2"):
        street.act(press, "close", who=who, cause=CloseCause.HELPED)
    street.tick()
    assert [(one.ok, one.reason) for one in street.results()] == [(True, ""), (False, "already_ended")]
    assert street.incidents()[press.id].owner == "officer-1"


@pytest.mark.parametrize("cause", [*CloseCause])
def test_no_contact_is_the_only_cause_that_closes_nothing(cause: CloseCause) -> None:
    street, press = pressed()
    street.act(press, "close", cause=cause)
    street.tick()
    assert (not street.open()) is (cause is not CloseCause.NO_CONTACT)
    assert reasons(street) == ["no_contact_does_not_close" if cause is CloseCause.NO_CONTACT else ""]


# Before the incident is reached.


def test_a_press_acknowledged_before_its_turn_is_the_officers_when_its_turn_comes_also_after_a_restart() -> None:
    other, street = Street(), Street()
    for each in (other, street):
        each.register()
        each.tick()
    press = street.event("emergency_button", device="d")
    (on_arrival,) = told(other.send(press).arrive())
    street.act(on_arrival, "acknowledge", who="officer-7")
    street.tick()
    assert reasons(street) == ["kept_for_later"]
    street.restart()
    street.send(press)
    street.tick()
    (incident,) = street.open()
    assert (incident.owner, incident.state) == ("officer-7", IncidentState.ACKNOWLEDGED)
    assert reasons(street) == ["kept_for_later", ""]


def test_an_acknowledged_press_that_merges_into_another_is_acknowledged_there() -> None:
    street, press = pressed()
    again = street.event("emergency_button", device="d")
    told_on_arrival = told(street.send(again).arrive())
    street.act(told_on_arrival[-1], "acknowledge", who="officer-7")
    street.tick()
    (incident,) = street.open()
    assert (incident.id, incident.owner) == (press.id, "officer-7")


def test_an_action_beyond_the_bound_is_refused_and_pushes_out_none_that_was_promised() -> None:
    street, _ = pressed()
    for n in range(MOST_WAITING + 1):
        street.put("responder.actions", b"h-1", encode(_ack(street, f"unknown-{n}")))
    street.tick()
    assert reasons(street) == ["kept_for_later"] * MOST_WAITING + ["too_many"]
    assert not street.results()[-1].ok
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.ledger.waiting[0].action.incident == "unknown-0"


def test_an_action_whose_incident_never_comes_is_answered_so_after_a_day_also_across_a_restart() -> None:
    street, _ = pressed()
    street.put("responder.actions", b"h-1", encode(_ack(street, "unknown")))
    street.tick()
    street.restart()
    street.pass_ms(WAITS_MS - HOUR_MS, HOUR_MS)
    assert reasons(street) == ["kept_for_later"]
    street.pass_ms(2 * HOUR_MS, HOUR_MS)
    assert reasons(street) == ["kept_for_later", "not_known"]
    street.pass_ms(2 * DAY_MS, HOUR_MS)
    assert len(street.results()) == 2


def _ack(street: Street, incident: str) -> ResponderAction:
    at = to_rfc3339(street.now_ms)
    return ResponderAction(
        id=f"to-{incident}", household="h-1", incident=incident, action="acknowledge", revision=1, who="o", at=at
    )


# Putting it off.


def test_a_snooze_ends_by_itself_and_the_incident_asks_to_be_taken_again() -> None:
    street, silence = silent()
    street.act(silence, "snooze", until=later(street, 2 * HOUR_MS))
    go_on(street, HOUR_MS)
    (quiet,) = street.open(SILENCE)
    assert (quiet.state, quiet.owner) == (IncidentState.ACKNOWLEDGED, "officer-1")
    assert quiet.snoozed_until == quiet.step_until
    assert quiet.snoozed_until is not None
    street.restart()
    go_on(street, HOUR_MS + 10 * MINUTE_MS)
    (awake,) = street.open(SILENCE)
    assert awake.snoozed_until is None
    assert awake.state is not IncidentState.ACKNOWLEDGED
    assert from_rfc3339(awake.at) >= from_rfc3339(quiet.snoozed_until)


def test_a_rise_in_severity_ends_a_snooze_and_nothing_less_does() -> None:
    ledger = Told()
    (first,) = ledger.take(LEDGER_MS, silence_found(LEDGER_MS))
    until = to_rfc3339(LEDGER_MS + 10 * HOUR_MS)
    assert ledger.act(LEDGER_MS, action(first.id, "snooze", until=until)) == ""
    update = {"change": "update", "shares": {"home": 1.0}}
    (same,) = ledger.take(LEDGER_MS + HOUR_MS, silence_found(LEDGER_MS, **update))
    assert (same.snoozed_until, same.state) == (until, IncidentState.ACKNOWLEDGED)
    (graver,) = ledger.take(LEDGER_MS + 2 * HOUR_MS, silence_found(LEDGER_MS, severity=Severity.EXTREME, **update))
    assert (graver.snoozed_until, graver.state) == (None, IncidentState.ESCALATED)


@pytest.mark.parametrize(
    ("span_ms", "reason"),
    [(None, "until_needed"), (-HOUR_MS, "over_already"), (LONGEST_SNOOZE_MS + 3 * MINUTE_MS, "too_long")],
)
def test_a_snooze_has_an_end_and_it_is_near(span_ms: int | None, reason: str) -> None:
    street, silence = silent()
    street.act(silence, "snooze", until=None if span_ms is None else later(street, span_ms))
    street.tick()
    assert reasons(street) == [reason]
    assert street.open(SILENCE)[0].snoozed_until is None


def test_an_emergency_is_never_put_off() -> None:
    street, press = pressed()
    street.act(press, "snooze", until=later(street, HOUR_MS))
    street.tick()
    assert reasons(street) == ["emergency"]
    assert street.open() == [press]


# Asking, referring, being away.


def test_a_check_asked_for_goes_out_and_its_answer_is_told_in_the_incident() -> None:
    street, silence = silent()
    street.act(silence, "request_check")
    street.tick()
    request = street.requests()[-1]
    assert (request.ask, request.purpose, request.incident) == ("checkin_call", "wellbeing", silence.id)
    (asked,) = street.open(SILENCE)
    assert (asked.ladder[-1].request, asked.next_step) == (request.id, NextStep.ASKING)
    street.happen("checkin_answered", request=request.id)
    street.tick()
    assert street.incidents(SILENCE)[silence.id].ladder[-1].outcome == "answered"


def test_a_check_of_a_household_without_an_incident_is_asked_as_its_registry_allows() -> None:
    street = living(ladder=[Rung("sms", "c-4"), Rung("officer")])
    of_household(street, "request_check", purpose="follow_up")
    request = street.requests()[-1]
    assert (request.ask, request.contact, request.purpose, request.incident) == ("sms", "c-4", "follow_up", None)


def test_two_officers_who_ask_for_a_check_make_one_call() -> None:
    street = living()
    for _ in range(2):
        of_household(street, "request_check")
    assert reasons(street) == ["", "too_many"]
    street.pass_ms(CHECK_AGAIN_MS)
    of_household(street, "request_check")
    assert reasons(street)[-1] == ""
    assert len({one.id for one in street.requests()}) == len(street.requests()) == 2


@pytest.mark.parametrize("records_again", [False, True])
def test_a_declared_absence_keeps_silence_quiet_until_its_end_also_after_restarts_and_new_records(
    records_again: bool,
) -> None:
    street = living()
    of_household(street, "declare_absence", until=later(street, DAY_MS), absence="trip")
    assert reasons(street) == [""]
    if records_again:
        street.register(latest_silence_h=4.0, area_code="1168000000")
        street.tick()
    street.restart()
    go_on(street, 20 * HOUR_MS)
    assert not street.incidents(SILENCE)
    go_on(street, 10 * HOUR_MS)
    assert street.incidents(SILENCE), "it wakes at its end"


def test_negative_control_without_the_absence_the_same_home_is_silent() -> None:
    assert go_on(living(), 20 * HOUR_MS).incidents(SILENCE)


def test_a_later_word_cuts_an_absence_short() -> None:
    street = living()
    of_household(street, "declare_absence", until=later(street, 10 * DAY_MS))
    of_household(street, "declare_absence", until=later(street, HOUR_MS))
    assert reasons(street) == ["", ""]
    assert go_on(street, 8 * HOUR_MS).incidents(SILENCE)


@pytest.mark.parametrize(
    ("start_ms", "until_ms", "reason"),
    [(None, None, "until_needed"), (None, -HOUR_MS, "over_already"), (0, 100 * DAY_MS, "too_long")],
)
def test_an_absence_has_an_end_that_lies_ahead(start_ms: int | None, until_ms: int | None, reason: str) -> None:
    street = living()
    start = None if start_ms is None else later(street, start_ms)
    of_household(street, "declare_absence", start=start, until=None if until_ms is None else later(street, until_ms))
    assert reasons(street) == [reason]


def test_absences_are_bounded_and_those_that_are_over_make_room() -> None:
    street = living()
    for n in range(MOST_ABSENCES + 1):
        span = {"start": later(street, n * DAY_MS), "until": later(street, n * DAY_MS + HOUR_MS)}
        of_household(street, "declare_absence", **span)
    assert reasons(street) == [""] * MOST_ABSENCES + ["too_many"]
    street.pass_ms(2 * DAY_MS, HOUR_MS)
    of_household(street, "declare_absence", start=later(street, 20 * DAY_MS), until=later(street, 21 * DAY_MS))
    assert reasons(street)[-1] == ""


def test_a_silence_that_was_a_stay_in_hospital_pauses_until_the_home_shows_life() -> None:
    street, silence = silent()
    street.act(silence, "close", cause=CloseCause.HOSPITAL)
    go_on(street, 2 * DAY_MS)
    assert not street.open(SILENCE)
    street.happen("door", state="on")
    street.tick()
    go_on(street, 8 * HOUR_MS)
    assert street.open(SILENCE), "after the return it is watched again"


def test_a_referral_names_its_service() -> None:
    street = living()
    of_household(street, "refer")
    of_household(street, "refer", referral="meals")
    assert reasons(street) == ["referral_needed", ""]
    watched = street.restart().partition.household("h-1")
    assert watched is not None
    assert [service for _, service in watched.ledger.referrals] == ["meals"]


@pytest.mark.parametrize("what", ["request_check", "declare_absence", "refer"])
def test_nobody_is_met_by_an_action_on_a_household_that_is_not_watched(what: str) -> None:
    street = living()
    of_household(street, what, household="h-unknown", until=later(street, HOUR_MS), referral="meals")
    assert reasons(street) == ["not_watched"]
    assert street.partition.household("h-unknown") is None


def test_an_action_that_needs_an_incident_and_names_none_is_a_dead_letter() -> None:
    street = living()
    of_household(street, "visit")
    assert [one.detail for one in street.letters()] == ["incident"]


def test_an_action_on_an_incident_long_forgotten_does_not_wait_for_ever() -> None:
    street, press = pressed()
    street.act(press, "close", cause=CloseCause.HELPED)
    street.pass_ms(SHOWN_MS + 31 * DAY_MS, 6 * HOUR_MS)
    street.act(press, "acknowledge")
    street.pass_ms(WAITS_MS + HOUR_MS, HOUR_MS)
    assert reasons(street) == ["", "kept_for_later", "not_known"]
