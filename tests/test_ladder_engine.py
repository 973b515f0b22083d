"""The check-in ladder in the engine: an answer settles and closes, silence climbs to an officer, and nothing else does."""

from random import Random
from typing import Any

import pytest
from street import DAY_MS, HOUR_MS, MINUTE_MS, Street, plain, told

from schemas.checkins import CheckinRequest
from schemas.households import Need, Rung
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity
from schemas.times import from_rfc3339
from schemas.vocabulary import CareTopic, Level
from streams.cases.wording_numbers import hours as said_hours

SILENCE = IncidentKind.SILENCE
CALL = Rung("checkin_call", "c-1")
GUARDIAN = Rung("guardian", "c-2")
OFFICER = Rung("officer", "c-9")
LADDER = [CALL, GUARDIAN, OFFICER]


def living(ladder: list[Rung] | None = None, **fields: Any) -> Street:
    """A home whose person stirred a moment ago and whose officer wants to know of 4 hours of silence; noon in Seoul."""
    street = Street()
    street.register(ladder=LADDER if ladder is None else ladder, latest_silence_h=4.0, **fields)
    street.tick(12 * HOUR_MS)  # logs begin at midnight in Seoul
    street.happen("door", state="on")
    street.tick()
    return street


def silent(ladder: list[Rung] | None = None, **fields: Any) -> Street:
    """The same home, reporting and silent, at the tick at which that was told."""
    street = living(ladder, **fields)
    for _ in range(100):
        if street.open(SILENCE):
            return street
        street.happen("temperature", value=20.0)
        street.tick(5 * MINUTE_MS)
    raise AssertionError("no silence was told")


def the_silence(street: Street) -> Incident:
    (incident,) = street.incidents(SILENCE).values()
    return incident


def of_ladder(street: Street) -> list[CheckinRequest]:
    return [one for one in street.requests() if one.incident is not None]


def answer(street: Street, request: CheckinRequest, kind: str = "checkin_answered", **fields: Any) -> None:
    channel = None if request.ask == "checkin_call" else request.ask
    street.happen(kind, request=request.id, channel=channel, purpose=request.purpose, **fields)


def test_a_ladder_begins_with_the_incident_and_nobody_need_go_yet() -> None:
    street = silent()
    opened = next(one for one in told(street.out) if one.kind is SILENCE)
    assert (opened.revision, opened.state, opened.next_step) == (1, IncidentState.OPENED, NextStep.ASKING)
    (step,) = opened.ladder
    (request,) = of_ladder(street)
    assert (step.ask, step.request, step.deadline) == ("checkin_call", request.id, request.deadline)
    assert (request.purpose, request.incident, request.contact, request.sentence) == (
        "wellbeing",
        opened.id,
        "c-1",
        "",
    )


def test_an_answered_call_settles_a_silence_and_closes_it_without_an_officer() -> None:
    street = silent()
    answer(street, of_ladder(street)[-1], topics={CareTopic.HEALTH: Level.OK})
    street.tick()
    closed = the_silence(street)
    assert (closed.state, closed.cause, closed.owner) == (IncidentState.CLOSED, CloseCause.SAFE_AT_HOME, None)
    assert closed.ladder[-1].outcome == "answered"
    assert "안부 전화" in closed.sentence_ko
    assert not any(step.ask == "officer" for one in told(street.out) for step in one.ladder)
    street.happen("temperature", value=20.0)
    street.pass_ms(HOUR_MS)
    assert len(street.incidents(SILENCE)) == 1, "and it is not raised anew: the silence began anew with the answer"


def test_nothing_but_an_answer_to_the_very_request_settles() -> None:
    street = silent()
    street.happen("checkin_answered", request="some-other-id")
    street.tick()
    seen = the_silence(street)
    assert (seen.ended, seen.cleared) == (False, True), "life was seen; how it ended a human says"
    assert seen.ladder[0].outcome == ""


def test_a_silence_climbs_to_the_officer_when_nobody_answers_in_time() -> None:
    street = silent()
    opened_ms = from_rfc3339(the_silence(street).opened_at)
    street.pass_ms(2 * HOUR_MS, MINUTE_MS)
    climbed = the_silence(street)
    assert [(step.ask, step.outcome) for step in climbed.ladder] == [
        ("checkin_call", "no_answer"),
        ("guardian", "no_answer"),
        ("officer", ""),
    ]
    assert climbed.ladder[-1].why == "no_rung_left"
    assert (climbed.state, climbed.next_step) == (IncidentState.ESCALATED, NextStep.VISIT_NOW)
    assert from_rfc3339(climbed.ladder[-1].asked_at) - opened_ms <= HOUR_MS
    guardian = of_ladder(street)[-1]
    assert guardian.ask == "guardian"
    assert "연락" in guardian.sentence
    assert not any(sign in guardian.sentence for sign in "0123456789"), "no rhythm, no hours: only the one sentence"


def test_an_outcome_climbs_at_once_and_does_not_wait_for_the_deadline() -> None:
    street = silent()
    answer(street, of_ladder(street)[-1], "checkin_busy")
    street.tick()
    assert [step.ask for step in the_silence(street).ladder] == ["checkin_call", "guardian"]
    answer(street, of_ladder(street)[-1], "contact_not_reached")
    street.tick()
    assert [(step.ask, step.outcome) for step in the_silence(street).ladder[1:]] == [
        ("guardian", "not_reached"),
        ("officer", ""),
    ]


def test_a_guardian_who_reached_the_person_closes_it() -> None:
    street = silent([GUARDIAN, OFFICER])
    answer(street, of_ladder(street)[-1], "contact_reached")
    street.tick()
    assert the_silence(street).cause is CloseCause.SAFE_AT_HOME
    assert the_silence(street).ladder[-1].outcome == "reached"
    assert "보호자" in the_silence(street).sentence_ko


def test_a_late_answer_still_closes_what_nobody_has_taken_and_nothing_that_somebody_has() -> None:
    for taken in (False, True):
        street = silent()
        first = of_ladder(street)[-1]
        street.pass_ms(2 * HOUR_MS, MINUTE_MS)
        if taken:
            street.act(the_silence(street), "acknowledge")
            street.tick()
        answer(street, first)
        street.tick()
        assert the_silence(street).ended is not taken
        assert (the_silence(street).ladder[0].outcome, the_silence(street).ladder[0].why) == ("answered", "late")


def test_whoever_takes_an_incident_ends_its_ladder() -> None:
    street = silent()
    street.act(the_silence(street), "acknowledge")
    street.pass_ms(2 * HOUR_MS, MINUTE_MS)
    assert [one.ask for one in of_ladder(street)] == ["checkin_call"]
    assert the_silence(street).next_step is not NextStep.ASKING
    assert the_silence(street).state is IncidentState.ACKNOWLEDGED


def test_an_answer_that_needs_somebody_is_told_and_closes_nothing() -> None:
    street = silent()
    answer(street, of_ladder(street)[-1], codes=["pain"])
    street.tick()
    assert not the_silence(street).ended
    assert street.open(IncidentKind.DISTRESS)
    street.pass_ms(2 * HOUR_MS, MINUTE_MS)
    assert [one.ask for one in of_ladder(street)] == ["checkin_call"], "the person was heard: nobody else is asked"


def test_life_that_is_seen_meanwhile_ends_the_asking() -> None:
    street = silent()
    street.happen("door", state="off")
    street.pass_ms(2 * HOUR_MS, MINUTE_MS)
    assert the_silence(street).cleared
    assert [one.ask for one in of_ladder(street)] == ["checkin_call"]


def test_a_home_without_a_ladder_goes_to_the_officer_at_once_as_ever() -> None:
    for ladder in ([], [OFFICER]):
        street = silent(ladder)
        assert (the_silence(street).next_step, the_silence(street).ladder) == (NextStep.CALL_RESIDENT, [])
        assert of_ladder(street) == []


def test_a_deaf_person_is_written_to_also_before_anything_is_told() -> None:
    street = silent([CALL, Rung("sms", "c-3"), OFFICER], needs=[Need.HEARING])
    assert {one.ask for one in street.requests()} == {"sms"}
    assert [(step.ask, step.why) for step in the_silence(street).ladder] == [
        ("checkin_call", "cannot_hear"),
        ("sms", ""),
    ]


def test_emergencies_skip_the_ladder() -> None:
    street = living()
    street.happen("emergency_button", device="bed")
    street.tick()
    (button,) = street.open(IncidentKind.EMERGENCY_BUTTON)
    assert (button.next_step, [step.why for step in button.ladder]) == (NextStep.CALL_119, ["beside"])


def test_a_blind_home_asks_too_while_its_device_may_be_mended() -> None:
    street = Street()
    street.register(ladder=LADDER, latest_silence_h=100.0)
    street.happen("temperature", value=20.0)
    street.tick()
    while not street.open(IncidentKind.CANNOT_SEE):
        street.tick(30 * MINUTE_MS)
    (blind,) = street.open(IncidentKind.CANNOT_SEE)
    assert (blind.next_step, [step.ask for step in blind.ladder]) == (NextStep.CHECK_DEVICE, ["checkin_call"])
    answer(street, of_ladder(street)[-1])
    street.tick()
    (still,) = street.open(IncidentKind.CANNOT_SEE)
    assert (still.next_step, still.ladder[-1].outcome) == (NextStep.CHECK_DEVICE, "answered")
    street.pass_ms(6 * HOUR_MS)
    assert len(of_ladder(street)) == 1
    # Seen again: it ends, and how long it lasted is said and counted.
    assert not street.partition.counts.unseen_s
    street.happen("temperature", value=20.0)
    street.tick()
    (unseen_s,) = street.partition.counts.unseen_s
    assert unseen_s > 6 * 3600
    assert street.incidents()[blind.id].state is IncidentState.CLOSED
    said = said_hours(round(unseen_s / 3600, 1))
    assert street.incidents()[blind.id].sentence_ko == f"{said[0]} 만에 다시 신호가 들어옵니다."
    assert street.incidents()[blind.id].sentence_en == f"Something reports again, after {said[1]}."


def doses(street: Street) -> Incident:
    for _ in range(2):
        street.happen("medication_missed", source="/robot/r-1")
        street.tick(12 * HOUR_MS)
    (missed,) = street.open(IncidentKind.MISSED_MEDICATION)
    return missed


@pytest.mark.parametrize(
    ("kind", "level", "state"),
    [
        ("checkin_answered", Level.OK, IncidentState.CLOSED),
        ("checkin_answered", Level.CONCERN, IncidentState.ESCALATED),
        ("checkin_refused", None, IncidentState.UPDATED),
    ],
)
def test_a_missed_dose_is_asked_about_and_settled_only_by_who_took_it(
    kind: str, level: Level | None, state: IncidentState
) -> None:
    street = Street()
    street.register(ladder=LADDER)
    street.tick()
    missed = doses(street)
    request = of_ladder(street)[-1]
    assert (request.purpose, request.incident) == ("medication", missed.id)
    answer(street, request, kind, **({"topics": {CareTopic.MEDICATION: level}} if level else {}))
    street.tick()
    after = street.incidents(IncidentKind.MISSED_MEDICATION)[missed.id]
    assert after.state is state
    if state is IncidentState.ESCALATED:
        assert (after.ladder[-1].ask, after.ladder[-1].why) == ("officer", "concern")
    if state is IncidentState.UPDATED:
        assert after.ladder[-1].ask == "guardian"


def test_two_incidents_of_one_home_share_their_questions() -> None:
    street = silent()
    for n in range(3):
        street.happen("checkin_no_answer", request=f"own-{n}", at_ms=street.now_ms - n * MINUTE_MS)
    street.tick()
    (calls,) = street.open(IncidentKind.UNANSWERED_CALLS)
    assert calls.ladder[0] == the_silence(street).ladder[0]
    assert len([one for one in of_ladder(street) if one.ask == "checkin_call"]) == 1
    assert the_silence(street).severity is Severity.EXTREME
    assert [step.ask for step in the_silence(street).ladder][-1] == "officer"
    answer(street, of_ladder(street)[0])
    street.tick()
    assert street.open() == []


def test_the_budget_of_machine_calls_holds_for_the_ladder() -> None:
    street = silent()
    asked = [one for one in street.requests() if one.ask == "checkin_call"]
    assert 1 < len(asked) <= 4
    model = street.partition.household("h-1")
    assert model is not None
    assert model.model is not None
    assert model.model.calls_left(street.now_ms) is (len(asked) < 4)


def missed_before_dawn(*, restart: bool) -> Street:
    """Doses missed by five in the morning, in a home whose only rung is quiet until eight."""
    street = Street()
    street.register(ladder=[Rung("checkin_call", "c-1", "21:00", "08:00"), OFFICER])
    for hours in (1, 4):  # logs begin at midnight in Seoul
        street.tick(hours * HOUR_MS)
        street.happen("medication_missed", source="/robot/r-1")
    street.tick()
    if restart:
        street.restart()
    return street


@pytest.mark.parametrize("restart", [False, True])
def test_what_can_wait_is_asked_when_the_quiet_hours_end_also_after_a_restart(*, restart: bool) -> None:
    street = missed_before_dawn(restart=restart)
    (missed,) = street.open(IncidentKind.MISSED_MEDICATION)
    (waits,) = missed.ladder
    assert (missed.next_step, waits.request, waits.why) == (NextStep.ASKING, "", "quiet_hours")
    street.pass_ms(2 * HOUR_MS + 50 * MINUTE_MS)
    assert of_ladder(street) == []
    street.pass_ms(20 * MINUTE_MS)
    (request,) = of_ladder(street)
    assert from_rfc3339(request.requested_at) % DAY_MS // HOUR_MS == 23, "eight in the morning in Seoul"
    (missed,) = street.open(IncidentKind.MISSED_MEDICATION)
    assert [step.request for step in missed.ladder] == [request.id]


def test_a_ladder_that_the_registry_takes_away_ends_with_the_officer() -> None:
    street = silent()
    street.register(ladder=[], latest_silence_h=4.0)
    street.pass_ms(30 * MINUTE_MS, MINUTE_MS)
    assert [step.ask for step in the_silence(street).ladder] == ["checkin_call", "officer"]
    assert the_silence(street).state is IncidentState.ESCALATED


def story(seed: int, *, restarts: bool) -> tuple[list[Any], list[Any]]:
    """A day of a silent home whose provider answers as a die falls; with restarts between any two ticks."""
    dice, when = Random(seed), Random(seed + 1)
    street = silent([CALL, Rung("sms", "c-4"), GUARDIAN, OFFICER])
    seen = len(street.requests())
    for _ in range(40):
        for request in street.requests()[seen:]:
            if dice.random() < 0.5:
                answer(street, request, dice.choice(["checkin_no_answer", "checkin_busy", "checkin_answered"]))
        seen = len(street.requests())
        street.happen("temperature", value=20.0)
        if restarts and when.random() < 0.5:
            street.restart()
        street.tick(5 * MINUTE_MS)
    return [plain(one) for one in told(street.out)], [plain(one) for one in street.requests()]


@pytest.mark.parametrize("seed", range(6))
def test_a_restart_at_any_tick_asks_the_same_and_tells_the_same(seed: int) -> None:
    assert story(seed, restarts=True) == story(seed, restarts=False)


def test_the_stories_of_that_law_end_in_different_ways() -> None:
    ends = [story(seed, restarts=False)[0][-1] for seed in range(6)]
    assert {one["state"] for one in ends} >= {"closed"}
    assert len({tuple(step["ask"] for step in one["ladder"]) for one in ends}) > 1
