"""Several public alerts at once: a graver one is heard over a milder one, and each home is asked once about each."""

from typing import Any

import pytest
from street import HOUR_MS, MINUTE_MS, Street
from test_ladder_disaster import LADDER, NO_ANSWER, PER_MINUTE, answer, asked, town, warn

from schemas.alerts import AlertStatus, Hazard
from schemas.households import RiskGrade
from schemas.incidents import CloseCause, IncidentKind, NextStep, Severity, Urgency
from schemas.times import to_rfc3339


def unanswered(street: Street, name: str, **changes: Any) -> None:
    """An alert of which nobody in the home takes notice within the time of a call."""
    warn(street, name, **changes)
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)


@pytest.mark.parametrize("what", ["snooze", "acknowledge", None])
def test_a_graver_alert_that_reaches_nobody_is_told_though_a_milder_one_is_open_and_put_off(what: str | None) -> None:
    street = town(1)
    unanswered(street, "heat", kind=Hazard.HEAT_WAVE)
    (milder,) = street.open(NO_ANSWER)
    if what is not None:
        street.act(milder, what, until=to_rfc3339(street.now_ms + 5 * HOUR_MS) if what == "snooze" else None)
        street.tick()
    unanswered(street, "wave", kind=Hazard.TSUNAMI, severity=Severity.EXTREME, urgency=Urgency.IMMEDIATE)
    (graver,) = street.open(NO_ANSWER)
    assert (graver.severity, graver.urgency, graver.snoozed_until) == (Severity.EXTREME, Urgency.IMMEDIATE, None)
    assert (graver.next_step, graver.case) == (NextStep.VISIT_NOW, milder.case)
    assert [step.ask for step in graver.ladder] == ["checkin_call", "guardian", "officer"], (
        "the guardian is asked again"
    )
    assert street.incidents(NO_ANSWER)[milder.id].cause is CloseCause.MERGED


def test_a_late_answer_to_the_graver_alert_s_question_closes_it() -> None:
    street = town(1)
    unanswered(street, "heat", kind=Hazard.HEAT_WAVE)
    unanswered(street, "wave", kind=Hazard.TSUNAMI, severity=Severity.EXTREME, urgency=Urgency.IMMEDIATE)
    (graver,) = street.open(NO_ANSWER)
    (question,) = [one for one in asked(street) if one.id == graver.ladder[0].request]
    assert question.hazard is Hazard.TSUNAMI
    answer(street, question)
    street.tick()
    assert street.open(NO_ANSWER) == []
    assert street.incidents(NO_ANSWER)[graver.id].cause is CloseCause.SAFE_AT_HOME


def test_an_alert_that_is_no_graver_opens_nothing_beside_the_one_that_is_open() -> None:
    street = town(1)
    unanswered(street, "flood", severity=Severity.SEVERE)
    (first,) = street.open(NO_ANSWER)
    unanswered(street, "heat", kind=Hazard.HEAT_WAVE, severity=Severity.SEVERE)
    unanswered(street, "cold", kind=Hazard.COLD_WAVE)
    assert [one.id for one in street.open(NO_ANSWER)] == [first.id]


def test_with_a_dozen_alerts_in_force_a_home_is_asked_once_about_each() -> None:
    street = town(1)
    many = 12
    for number in range(many):
        warn(street, f"a-{number}")
    for _ in range(4 * many):
        heard = len(asked(street))
        street.tick()
        for request in asked(street)[heard:]:
            answer(street, request)
    alerts = [one.alert for one in asked(street)]
    assert len(alerts) == len(set(alerts)) == many


def test_an_exercise_takes_no_real_home_s_turn_however_grave_what_it_plays() -> None:
    street = town(PER_MINUTE + 1)
    for number in range(5):
        street.register(f"exercise-{number}", district="dong-1", ladder=LADDER, risk_grade=RiskGrade.HIGH)
    street.tick()
    warn(street, "played", status=AlertStatus.EXERCISE, severity=Severity.EXTREME, urgency=Urgency.IMMEDIATE)
    warn(street, "real")
    street.tick()
    assert {one.status for one in asked(street)} == {"Actual"}
    assert len(asked(street)) == PER_MINUTE
    street.tick()
    assert [one.status for one in asked(street)[PER_MINUTE:]] == ["Actual", *["Exercise"] * 5], "and then it is played"


@pytest.mark.parametrize("restarts", [False, True])
def test_homes_whose_quiet_hours_outlast_the_alert_are_listed_so_many_a_minute(*, restarts: bool) -> None:
    street = town(2 * PER_MINUTE + 5, hour=23)
    warn(street, hours=1)
    listed = []
    for _ in range(4):
        if restarts:
            street.restart()
        street.tick()
        listed.append(len(street.open(NO_ANSWER)))
    assert listed == [PER_MINUTE, 2 * PER_MINUTE, 2 * PER_MINUTE + 5, 2 * PER_MINUTE + 5]


@pytest.mark.parametrize("severity", [Severity.SEVERE, Severity.EXTREME])
def test_a_refused_question_of_a_graver_alert_opens_the_graver_incident_though_a_milder_one_is_open(
    severity: Severity,
) -> None:
    street = town(1)
    warn(street)
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    warn(street, "a-2", kind=Hazard.TYPHOON, severity=severity)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    answer(street, asked(street)[-1], "checkin_refused")
    street.pass_ms(5 * MINUTE_MS, MINUTE_MS)
    (left,) = street.open(NO_ANSWER)
    assert left.severity is severity


def test_whoever_answers_that_they_need_help_is_not_called_safe() -> None:
    street = town(1)
    warn(street)
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    answer(street, asked(street)[0], disaster="needs_help", guidance_given=False)
    street.tick()
    (closed,) = [one for one in street.incidents(NO_ANSWER).values() if one.cause is CloseCause.MERGED]
    assert street.open(IncidentKind.DISASTER_HELP)
    assert "도움이 필요하다고 하셨습니다" in closed.sentence_ko
    assert "safe" not in closed.sentence_en
