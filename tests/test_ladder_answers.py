"""How often each kind of question is answered in one home: learned once an incident is over, and never of who could not answer."""

from random import Random

import pytest
from street import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Street

from detectors.hours import hours_of
from detectors.ladder import OFTEN, Case, Home, turn
from schemas.households import HouseholdRecord, Rung
from schemas.incidents import CloseCause, IncidentKind, LadderStep, Severity
from schemas.times import to_rfc3339
from schemas.vocabulary import Ask
from streams.cases.answers import COULD_NOT, HALF_LIFE_MS, MOST, PRIOR_WEIGHT, WAITS_MS, Answers

SILENCE = IncidentKind.SILENCE


def step(name: str, ask: Ask = "sms", outcome: str = "answered", **fields: str) -> LadderStep:
    asked_at = to_rfc3339(START_MS)
    return LadderStep(ask=ask, request=name, asked_at=asked_at, outcome=outcome, **fields)  # type: ignore[arg-type]


def after(*steps: LadderStep, cause: CloseCause | None = CloseCause.SAFE_AT_HOME) -> Answers:
    answers = Answers()
    answers.learn(SILENCE, steps, cause, START_MS)
    return answers


LATER = START_MS + WAITS_MS


def test_a_home_of_which_nothing_is_known_answers_as_people_are_supposed_to() -> None:
    assert {ask: Answers().chance(ask, LATER) for ask in OFTEN} == OFTEN


def test_what_one_kind_of_question_does_moves_that_kind_alone() -> None:
    answers = after(*(step(f"r-{n}", "guardian", "not_reached") for n in range(6)), step("r-9", "neighbour", "reached"))
    assert answers.chance("guardian", LATER) == pytest.approx(
        PRIOR_WEIGHT * OFTEN["guardian"] / (PRIOR_WEIGHT + 6), rel=0.01
    )
    assert answers.chance("neighbour", LATER) > OFTEN["neighbour"]
    assert answers.chance("sms", LATER) == OFTEN["sms"]


def test_a_guardian_who_never_reaches_anybody_gives_way_to_a_neighbour_where_time_is_short() -> None:
    ladder = [Rung("guardian", "c-1"), Rung("neighbour", "c-2"), Rung("sms", "c-3"), Rung("officer")]
    home = Home(HouseholdRecord(household="h-1", ladder=ladder), hours_of("Asia/Seoul"), lambda _: 0.8)
    noon = START_MS + 12 * HOUR_MS
    first = turn(home, Case(Severity.SEVERE, noon, ()), noon).question
    assert first is not None
    assert first.rung.ask == "guardian"
    answers = after(*(step(f"r-{n}", "guardian", "not_reached") for n in range(6)))
    found = turn(home._replace(chance=lambda ask: answers.chance(ask, LATER)), Case(Severity.SEVERE, noon, ()), noon)
    assert found.question is not None
    assert found.question.rung.ask == "neighbour"
    assert found.skipped == (("guardian", "no_time"),)


def test_nothing_is_learned_before_30_hours_have_passed_since_the_end() -> None:
    answers = after(step("r-1"))
    assert answers.chance("sms", LATER - 1) == OFTEN["sms"]
    assert answers.chance("sms", LATER) > OFTEN["sms"]


@pytest.mark.parametrize("cause", sorted(COULD_NOT))
def test_who_could_not_answer_is_not_taken_for_one_who_does_not(cause: CloseCause) -> None:
    assert after(step("r-1", outcome="no_answer"), cause=cause).chance("sms", LATER) == OFTEN["sms"]
    # Negative controls: who was at home and well did not answer, and whom others did not reach they did not reach.
    assert after(step("r-1", outcome="no_answer")).chance("sms", LATER) < OFTEN["sms"]
    assert after(step("r-1", "guardian", "not_reached"), cause=cause).chance("guardian", LATER) < OFTEN["guardian"]


def test_what_is_late_came_too_late_and_what_was_only_passed_over_says_nothing() -> None:
    assert after(step("r-1", why="late")).chance("sms", LATER) < OFTEN["sms"]
    assert after(step("", outcome="skipped", why="no_time")).chance("sms", LATER) == OFTEN["sms"]
    assert after(step("r-1", outcome="")).chance("sms", LATER) == OFTEN["sms"]


def test_a_question_that_two_incidents_shared_counts_once() -> None:
    answers = after(step("r-1"))
    once = answers.chance("sms", LATER)
    answers.learn(IncidentKind.UNANSWERED_CALLS, [step("r-1")], CloseCause.SAFE_AT_HOME, START_MS)
    assert answers.chance("sms", LATER) == once


def test_an_alert_s_unanswered_question_says_nothing_of_the_person_for_the_answered_ones_are_not_seen_here() -> None:
    answers = Answers()
    steps = [step("r-1", outcome="no_answer"), step("r-2", "guardian", "not_reached")]
    answers.learn(IncidentKind.DISASTER_NO_ANSWER, steps, CloseCause.SAFE_AT_HOME, START_MS)
    assert answers.chance("sms", LATER) == OFTEN["sms"]
    assert answers.chance("guardian", LATER) < OFTEN["guardian"]


def test_what_is_long_ago_fades_by_half_in_half_a_year_and_little_is_kept() -> None:
    answers = after(step("r-1"))
    weight = 0.5
    wanted = (PRIOR_WEIGHT * OFTEN["sms"] + weight) / (PRIOR_WEIGHT + weight)
    assert answers.chance("sms", START_MS + HALF_LIFE_MS) == pytest.approx(wanted)
    for n in range(3 * MOST):
        answers.learn(SILENCE, [step(f"r-{n}")], CloseCause.SAFE_AT_HOME, START_MS + n)
    assert len(answers.state()) == MOST


def test_the_order_in_which_incidents_end_makes_no_difference() -> None:
    steps = [(step(f"r-{n}", outcome="answered" if n % 3 else "no_answer"), START_MS + n * DAY_MS) for n in range(9)]
    chances = set()
    for seed in range(5):
        answers = Answers()
        for one, ended_ms in Random(seed).sample(steps, len(steps)):
            answers.learn(SILENCE, [one], CloseCause.SAFE_AT_HOME, ended_ms)
        answers = Answers.from_state(answers.state())
        chances.add(round(answers.chance("sms", START_MS + 20 * DAY_MS), 12))
    assert len(chances) == 1


def test_the_engine_learns_from_an_incident_that_ended_and_keeps_it_over_a_restart() -> None:
    street = Street()
    street.register(ladder=[Rung("sms", "c-1"), Rung("officer")], latest_silence_h=2.0)
    street.tick(10 * HOUR_MS)
    street.happen("door", state="on")
    while not street.open(SILENCE):
        street.happen("temperature", value=20.0)
        street.tick(5 * MINUTE_MS)
    request = next(one for one in street.requests() if one.incident)
    ledger = getattr(street.partition.household("h-1"), "ledger", None)
    assert ledger is not None
    far_ms = street.now_ms + 10 * DAY_MS
    assert ledger.answers.chance("sms", far_ms) == OFTEN["sms"], "its incident is open"
    street.happen("checkin_answered", request=request.id, channel="sms")
    street.tick()
    assert not street.open(SILENCE)
    street.restart()
    ledger = getattr(street.partition.household("h-1"), "ledger", None)
    assert ledger is not None
    assert ledger.answers.chance("sms", far_ms) > OFTEN["sms"]
