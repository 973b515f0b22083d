"""A public alert asks the homes it covers, spread and once; who does not answer climbs the ladder and is listed."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from street import DAY_MS, HOUR_MS, MINUTE_MS, Street, told

from schemas.alerts import AlertMessage, AlertReference, AlertStatus, Hazard, PublicAlert
from schemas.checkins import CheckinRequest
from schemas.encode import encode
from schemas.guidance import guidance
from schemas.households import Absence, Need, RiskGrade, Rung, Source
from schemas.incidents import CloseCause, IncidentKind, IncidentState, NextStep, Severity, Urgency
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import to_rfc3339
from streams.engine.sleep import ALL

NO_ANSWER = IncidentKind.DISASTER_NO_ANSWER
CALL = Rung("checkin_call", "c-1", "21:00", "08:00")
GUARDIAN = Rung("guardian", "c-2")
OFFICER = Rung("officer", "c-9")
LADDER = [CALL, GUARDIAN, OFFICER]
PER_MINUTE = int(DEFAULT_PROFILE.disaster_calls_per_minute)


def warn(street: Street, name: str = "a-1", *, hours: float = 12, **changes: Any) -> PublicAlert:
    words: dict[str, Any] = {
        "id": name,
        "sender": "weather@example.go.kr",
        "sent": to_rfc3339(street.now_ms),
        "kind": Hazard.FLOOD,
        "severity": Severity.MODERATE,
        "urgency": Urgency.EXPECTED,
        "districts": ["dong-1"],
        "effective": to_rfc3339(street.now_ms),
        "expires": to_rfc3339(street.now_ms + int(hours * HOUR_MS)),
    }
    alert = PublicAlert(**(words | changes))
    street.put("public.alerts", alert.id.encode(), encode(alert))
    return alert


def town(homes: int, *, hour: int = 12, awake: int = ALL, **fields: Any) -> Street:
    """Homes of one district at an hour of the day in Seoul, all reporting."""
    street = Street(awake=awake)
    for number in range(homes):
        street.register(f"h-{number:04d}", **({"district": "dong-1", "ladder": LADDER} | fields))
    street.tick(hour * HOUR_MS)  # logs begin at midnight in Seoul
    return street


def asked(street: Street) -> list[CheckinRequest]:
    return [one for one in street.requests() if one.purpose == "disaster"]


def answer(street: Street, request: CheckinRequest, kind: str = "checkin_answered", **fields: Any) -> None:
    words = {"purpose": "disaster", "disaster": "safe", "guidance_given": True} | fields
    if kind != "checkin_answered":
        words = {"purpose": "disaster"}
    street.happen(kind, request.household, request=request.id, **words)


def test_homes_that_were_asked_sleep_on_while_the_alert_holds() -> None:
    street = town(40, awake=4)
    warn(street)
    street.pass_ms(5 * MINUTE_MS, MINUTE_MS)
    assert len(asked(street)) == 40
    assert len(street.partition.sleep) <= 4
    for request in asked(street):
        answer(street, request)
    street.pass_ms(5 * MINUTE_MS, MINUTE_MS)
    woken = street.partition.sleep.woken
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    assert street.partition.sleep.woken - woken < 40, "a home is woken every minute though nothing is asked of it"


def test_exposed_homes_are_asked_with_the_hazard_s_guidance_and_nobody_else_is() -> None:
    street = town(2)
    street.register("h-en", district="dong-1", ladder=LADDER, language="en")
    street.register("h-there", district="dong-2", ladder=LADDER)
    street.register("h-code", district="dong-9", area_code="1168010100", ladder=LADDER)
    street.tick()
    alert = warn(street, area_codes=["1168000000"])
    street.pass_ms(3 * MINUTE_MS, MINUTE_MS)
    found = {one.household: one for one in asked(street)}
    assert set(found) == {"h-0000", "h-0001", "h-en", "h-code"}
    one = found["h-0000"]
    assert (one.ask, one.contact, one.hazard, one.alert) == (
        "checkin_call",
        "c-1",
        Hazard.FLOOD,
        f"{alert.sender},{alert.id}",
    )
    assert one.guidance == guidance(Hazard.FLOOD, "ko")
    assert found["h-en"].guidance == guidance(Hazard.FLOOD, "en")


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({}, True),
        ({"status": AlertStatus.TEST}, False),
        ({"status": AlertStatus.EXERCISE}, False),
        ({"severity": Severity.MINOR}, False),
        ({"severity": None}, True),
        ({"districts": ["dong-2"]}, False),
        ({"effective": "2020-01-01T00:00:00Z", "expires": "2020-01-02T00:00:00Z"}, False),
    ],
)
def test_only_an_alert_that_is_meant_for_real_and_in_force_asks(changes: dict[str, Any], *, asks: bool) -> None:
    street = town(1)
    warn(street, **changes)
    street.pass_ms(5 * MINUTE_MS, MINUTE_MS)
    assert bool(asked(street)) is asks


def test_an_exercise_asks_exercise_households_and_a_real_alert_never_does() -> None:
    for status, homes in ((AlertStatus.EXERCISE, {"exercise-1"}), (AlertStatus.ACTUAL, {"h-0000"})):
        street = town(1)
        street.register("exercise-1", district="dong-1", ladder=LADDER)
        street.tick()
        warn(street, status=status)
        street.pass_ms(3 * MINUTE_MS, MINUTE_MS)
        assert {one.household for one in asked(street)} == homes
        assert {one.status for one in asked(street)} == {"Exercise" if status is AlertStatus.EXERCISE else "Actual"}


def test_an_alert_that_begins_later_asks_then() -> None:
    street = town(1)
    warn(street, effective=to_rfc3339(street.now_ms + HOUR_MS))
    street.pass_ms(55 * MINUTE_MS, MINUTE_MS)
    assert asked(street) == []
    street.pass_ms(10 * MINUTE_MS, MINUTE_MS)
    assert len(asked(street)) == 1


def test_a_repeat_and_an_update_ask_nobody_twice_and_a_graver_update_does() -> None:
    street = town(1)
    alert = warn(street)
    street.pass_ms(3 * MINUTE_MS, MINUTE_MS)
    answer(street, asked(street)[0])
    street.put("public.alerts", alert.id.encode(), encode(alert))
    street.pass_ms(HOUR_MS)
    named = [AlertReference(alert.sender, alert.id, alert.sent)]
    warn(street, "a-2", msg_type=AlertMessage.UPDATE, references=named)
    street.pass_ms(HOUR_MS)
    assert len(asked(street)) == 1
    named = [AlertReference(alert.sender, "a-2", alert.sent)]
    warn(street, "a-3", msg_type=AlertMessage.UPDATE, references=named, severity=Severity.SEVERE)
    street.pass_ms(HOUR_MS)
    assert [one.ask for one in asked(street)] == ["checkin_call", "checkin_call", "guardian"]


def test_a_cancelled_alert_asks_no_more_and_its_repeat_does_not_bring_it_back() -> None:
    street = town(3 * PER_MINUTE)
    alert = warn(street)
    street.tick()
    assert len(asked(street)) == PER_MINUTE
    warn(
        street,
        "a-2",
        msg_type=AlertMessage.CANCEL,
        references=[AlertReference(alert.sender, alert.id, alert.sent)],
    )
    street.put("public.alerts", alert.id.encode(), encode(alert))
    street.pass_ms(10 * MINUTE_MS, MINUTE_MS)
    assert len(asked(street)) == PER_MINUTE


def test_the_most_endangered_are_asked_first_and_a_minute_asks_only_so_many() -> None:
    street = town(PER_MINUTE)
    for number in range(4):
        street.register(f"z-{number}", district="dong-1", ladder=LADDER, risk_grade=RiskGrade.HIGH)
    street.register("z-needs", district="dong-1", ladder=LADDER, needs=[Need.MOBILITY, Need.VISION])
    street.tick()
    warn(street)
    street.pass_ms(4 * MINUTE_MS, MINUTE_MS)
    order = [one.household for one in asked(street)]
    assert order[:5] == ["z-0", "z-1", "z-2", "z-3", "z-needs"]
    assert len(order) == len(set(order)) == PER_MINUTE + 5
    minutes = Counter(one.requested_at for one in asked(street))
    assert [*minutes.values()] == [PER_MINUTE, 5]


def test_quiet_hours_hold_unless_the_danger_is_immediate() -> None:
    street = town(1, hour=23)
    warn(street)
    street.pass_ms(8 * HOUR_MS)
    assert asked(street) == []
    street.pass_ms(HOUR_MS + 10 * MINUTE_MS)
    assert len(asked(street)) == 1, "at eight in the morning"
    for severity, urgency in ((Severity.EXTREME, None), (Severity.SEVERE, Urgency.IMMEDIATE)):
        street = town(1, hour=23)
        warn(street, severity=severity, urgency=urgency)
        street.pass_ms(3 * MINUTE_MS, MINUTE_MS)
        assert len(asked(street)) == 1


def test_nobody_is_asked_at_home_who_is_declared_away() -> None:
    street = town(0)
    start, end = to_rfc3339(street.now_ms - HOUR_MS), to_rfc3339(street.now_ms + 2 * DAY_MS)
    street.register("h-away", district="dong-1", ladder=LADDER, absences=[Absence(start, end)])
    street.register("h-home", district="dong-1", ladder=LADDER)
    street.tick()
    warn(street)
    street.pass_ms(10 * MINUTE_MS, MINUTE_MS)
    assert {one.household for one in asked(street)} == {"h-home"}


def test_who_does_not_answer_climbs_to_the_guardian_with_one_sentence_and_then_to_the_officer() -> None:
    street = town(1)
    warn(street)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    street.pass_ms(16 * MINUTE_MS, MINUTE_MS)
    (incident,) = street.open(NO_ANSWER)
    assert (incident.state, incident.next_step) == (IncidentState.OPENED, NextStep.ASKING)
    assert [(step.ask, step.outcome) for step in incident.ladder] == [("checkin_call", "no_answer"), ("guardian", "")]
    assert "홍수" in incident.sentence_ko
    assert incident.shares == {"calls": 1.0}
    guardian = asked(street)[-1]
    assert (guardian.ask, guardian.purpose, guardian.incident) == ("guardian", "disaster", incident.id)
    assert "홍수" in guardian.sentence
    street.pass_ms(HOUR_MS)
    (climbed,) = street.open(NO_ANSWER)
    assert climbed.ladder[-1].ask == "officer"
    assert (climbed.state, climbed.next_step) == (IncidentState.ESCALATED, NextStep.VISIT_TODAY)


@pytest.mark.parametrize(("ladder", "asks"), [([], ["checkin_call", "officer"]), ([OFFICER], ["officer"])])
def test_a_home_without_rungs_is_called_and_then_the_officer_s_and_one_that_lists_an_officer_alone_at_once(
    ladder: list[Rung], asks: list[str]
) -> None:
    street = town(1, ladder=ladder)
    warn(street)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    assert bool(street.open(NO_ANSWER)) is (asks == ["officer"])
    street.pass_ms(HOUR_MS)
    (incident,) = street.open(NO_ANSWER)
    assert [step.ask for step in incident.ladder] == (asks if not ladder else [])
    assert incident.next_step is NextStep.VISIT_TODAY


def test_a_deaf_person_whom_nobody_can_write_to_is_listed_at_once() -> None:
    street = town(1, ladder=[], needs=[Need.HEARING])
    warn(street)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    assert asked(street) == []
    (incident,) = street.open(NO_ANSWER)
    assert incident.ladder[0].why == "cannot_hear"
    assert incident.shares == {"alert": 1.0}  # nobody could be asked: the alert alone speaks
    assert incident.ladder[-1].ask == "officer"


def test_an_answer_after_the_deadline_closes_what_it_opened() -> None:
    street = town(1)
    warn(street)
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    (incident,) = street.open(NO_ANSWER)
    answer(street, asked(street)[0])
    street.tick()
    closed = street.incidents(NO_ANSWER)[incident.id]
    assert (closed.cause, closed.ladder[0].outcome, closed.ladder[0].why) == (
        CloseCause.SAFE_AT_HOME,
        "answered",
        "late",
    )


@pytest.mark.parametrize("guided", [True, False])
def test_what_closes_an_unanswered_alert_says_whether_the_guidance_was_given(*, guided: bool) -> None:
    street = town(1)
    warn(street)
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    answer(street, asked(street)[0], guidance_given=guided)
    street.tick()
    (closed,) = street.incidents(NO_ANSWER).values()
    assert closed.cause is CloseCause.SAFE_AT_HOME
    assert ("행동 요령을 안내했습니다." in closed.sentence_ko) is guided
    assert ("Not yet told what to do." in closed.sentence_en) is not guided
    counts = street.status().disaster
    assert counts is not None
    assert (counts.reached, counts.guided) == (1, int(guided))


def test_an_answer_to_a_second_alert_s_question_closes_what_the_first_one_opened_late_or_not() -> None:
    for late in (False, True):
        street = town(1)
        warn(street)
        street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
        (incident,) = street.open(NO_ANSWER)
        warn(street, "a-2", kind=Hazard.TYPHOON)
        street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
        second = asked(street)[-1]
        assert second.hazard is Hazard.TYPHOON
        if late:
            street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
            assert len(street.open(NO_ANSWER)) == 1, "one that is no graver opens none beside it"
        street.restart()
        answer(street, second)
        street.tick()
        closed = street.incidents(NO_ANSWER)[incident.id]
        assert closed.cause is CloseCause.SAFE_AT_HOME
        step = next(step for step in closed.ladder if step.request == second.id)
        assert (step.outcome, step.why) == ("answered", "late" if late else "")
        counts = street.status().disaster
        assert counts is not None
        assert (counts.reached, counts.unreached) == (1, 0)
        street.pass_ms(2 * HOUR_MS)
        assert street.open(NO_ANSWER) == [], "its deadline passes and nobody is listed"


def test_an_answer_about_a_milder_alert_does_not_close_what_a_graver_one_opened() -> None:
    street = town(1)
    warn(street, severity=Severity.SEVERE)
    street.pass_ms(20 * MINUTE_MS, MINUTE_MS)
    warn(street, "a-2", kind=Hazard.HEAT_WAVE)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    answer(street, asked(street)[-1])
    street.tick()
    assert len(street.open(NO_ANSWER)) == 1


def test_what_an_officer_closes_with_contact_is_unreached_no_more() -> None:
    for cause, unreached in ((CloseCause.SAFE_AT_HOME, 0), (CloseCause.DEVICE_FAULT, 1)):
        street = town(1)
        warn(street)
        street.pass_ms(2 * HOUR_MS)
        street.act(street.open(NO_ANSWER)[0], "close", cause=cause)
        street.tick()
        counts = street.status().disaster
        assert counts is not None
        assert counts.unreached == unreached


def test_a_home_that_nobody_answers_for_in_a_silence_keeps_the_question_of_its_alert() -> None:
    street = town(0)
    street.register("h-0000", district="dong-1", ladder=LADDER, latest_silence_h=2.0)
    street.tick()
    street.happen("door", "h-0000", state="on")
    while not street.open(IncidentKind.SILENCE) or street.open(IncidentKind.SILENCE)[0].ladder[-1].ask != "officer":
        street.happen("temperature", "h-0000", value=20.0)
        street.tick(5 * MINUTE_MS)
    warn(street)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    (question,) = asked(street)
    street.pass_ms(16 * MINUTE_MS, MINUTE_MS)
    (incident,) = street.open(NO_ANSWER)
    assert question.id in [step.request for step in incident.ladder], "it keeps what was asked about the alert"
    assert incident.next_step is NextStep.VISIT_TODAY, "and everybody else was asked in vain a while ago"
    assert incident.ladder[-1].outcome == "no_answer"
    answer(street, question)
    street.tick()
    assert street.incidents(NO_ANSWER)[incident.id].cause is CloseCause.SAFE_AT_HOME


def test_a_home_without_rungs_is_not_called_at_night_for_what_can_wait() -> None:
    for severity, calls in ((Severity.MODERATE, 0), (Severity.EXTREME, 1)):
        street = town(1, hour=23, ladder=[])
        warn(street, severity=severity)
        street.pass_ms(HOUR_MS)
        assert len(asked(street)) == calls


def test_damage_is_the_officer_s_the_same_day_and_help_is_an_emergency() -> None:
    street = town(2)
    warn(street)
    street.pass_ms(2 * MINUTE_MS, MINUTE_MS)
    first, second = asked(street)
    answer(street, first, disaster="damage")
    answer(street, second, disaster="needs_help")
    street.tick()
    (damage,) = street.open(IncidentKind.DISASTER_DAMAGE)
    assert (damage.next_step, damage.household) == (NextStep.VISIT_TODAY, first.household)
    (needs,) = street.open(IncidentKind.DISASTER_HELP)
    assert (needs.next_step, needs.severity) == (NextStep.CALL_119, Severity.EXTREME)
    street.pass_ms(2 * HOUR_MS)
    assert street.open(NO_ANSWER) == []


def due(street: Street) -> int:
    watched = street.partition.household("h-0000")
    assert watched is not None
    assert watched.model is not None
    return watched.model.due(reports_continue=True)[IncidentKind.SILENCE]


def at_home() -> Street:
    street = town(1, sources=[Source("/sensors/gw-1", 3600)])
    for _ in range(3 * 24):
        street.happen("door", "h-0000", state="on")
        street.happen("motion", "h-0000")
        street.tick(HOUR_MS)
    return street


def test_silence_is_judged_tighter_while_an_alert_covers_the_home_and_as_before_after_it() -> None:
    calm, street = at_home(), at_home()
    warn(street, hours=2)
    for each in (calm, street):
        each.tick()
    assert due(street) < due(calm)
    for each in (calm, street):
        each.pass_ms(3 * HOUR_MS, 30 * MINUTE_MS)
        each.happen("door", "h-0000", state="on")
        each.pass_ms(MINUTE_MS)
    assert due(street) == due(calm)


def test_a_blackout_loosens_silence_and_explains_that_nothing_reports() -> None:
    calm, street = at_home(), at_home()
    warn(street, hours=12, kind=Hazard.BLACKOUT)
    for each in (calm, street):
        each.tick()
    assert due(street) > due(calm)
    for each in (calm, street):
        each.pass_ms(11 * HOUR_MS, 30 * MINUTE_MS)
    assert calm.open(IncidentKind.CANNOT_SEE)
    assert not street.open(IncidentKind.CANNOT_SEE)
    street.pass_ms(2 * HOUR_MS, 30 * MINUTE_MS)
    assert street.open(IncidentKind.CANNOT_SEE), "it is not over with the blackout: now it is told"


def of_two_thousand(*, restarts: bool, homes: int = 2000, silent: int = 100) -> Street:
    """An alert over so many homes; each answers two minutes after it was asked, but for every twentieth."""
    street = town(homes)
    deaf_to_it = {f"h-{number:04d}" for number in range(0, homes, homes // silent)}
    warn(street)
    heard = 0
    for minute in range(homes // PER_MINUTE + 60):
        if restarts and minute % 11 == 5:
            street.restart()
        street.tick()
        for request in asked(street)[heard:]:
            if request.household not in deaf_to_it:
                answer(street, request)
        heard = len(asked(street))
    return street


def test_of_2000_homes_100_do_not_answer_and_exactly_those_are_listed() -> None:
    street = of_two_thousand(restarts=False)
    calls = [one for one in asked(street) if one.ask == "checkin_call"]
    assert len({one.household for one in calls}) == len(calls) == 2000
    assert max(Counter(one.requested_at for one in calls).values()) == PER_MINUTE
    listed = street.open(NO_ANSWER)
    assert {one.household for one in listed} == {f"h-{number:04d}" for number in range(0, 2000, 20)}
    assert {one.next_step for one in listed} == {NextStep.VISIT_TODAY}
    assert {step.outcome for one in listed for step in one.ladder if step.ask == "guardian"} == {"no_answer"}
    counts = street.status().disaster
    assert counts is not None
    assert msgspec.to_builtins(counts) == {
        "homes": 2000,
        "asked": 2000,
        "reached": 1900,
        "guided": 1900,
        "unreached": 100,
    }
    others = [one for one in street.incidents().values() if one.kind is not NO_ANSWER]
    assert others == [], "and nobody else is told of"


def test_a_restart_in_the_middle_of_an_alert_asks_nobody_twice_and_forgets_nobody() -> None:
    with_, without = (of_two_thousand(restarts=restarts, homes=200, silent=10) for restarts in (True, False))
    assert [encode(one) for one in asked(with_)] == [encode(one) for one in asked(without)]
    assert [encode(one) for one in told(with_.out)] == [encode(one) for one in told(without.out)]
    assert len({one.household for one in with_.open(NO_ANSWER)}) == 10


def test_an_alert_over_nobody_tells_no_counts_and_one_that_has_expired_neither() -> None:
    street = town(1)
    street.tick()
    assert street.status().disaster is None
    warn(street, hours=1)
    street.pass_ms(5 * MINUTE_MS, MINUTE_MS)
    counts = street.status().disaster
    assert counts is not None
    assert (counts.homes, counts.asked, counts.unreached) == (1, 1, 0)
    street.pass_ms(2 * HOUR_MS)
    assert street.status().disaster is None
