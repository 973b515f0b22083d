"""A change of risk grade is proposed with its reasons, and never made."""

import msgspec
import pytest
from detector_homes import CALLS, GATEWAY, Home, at

from detectors.grade import CALM_FOR_MS, propose_grade
from detectors.hours import HOUR_MS
from detectors.overview_weeks import concerns, contact_view
from detectors.state import State, Told
from schemas.example_view import view_example
from schemas.households import RiskGrade
from schemas.incidents import CloseCause, IncidentKind
from schemas.views import GradeProposal
from streams.board.proposed_grades import grade_lines, proposed_grade
from streams.board.words import Words


def proposal(home: Home) -> GradeProposal | None:
    return proposed(home.model._state, home.model.clock_ms)


def proposed(state: State, clock_ms: int) -> GradeProposal | None:
    counts, goes_out = state.weeks.counts(state.hours), state.weeks.goes_out
    return propose_grade(state, clock_ms, contact_view(state, clock_ms, *counts, goes_out=goes_out), concerns(state))


def graded(grade: RiskGrade) -> Home:
    home = Home(GATEWAY, CALLS, risk_grade=grade)
    home.live(3)
    return home


def test_a_new_home_of_which_nothing_is_known_keeps_its_grade() -> None:
    for grade in RiskGrade:
        assert proposal(graded(grade)) is None


@pytest.mark.parametrize(
    ("grade", "proposed"),
    [(RiskGrade.LOW, RiskGrade.MEDIUM), (RiskGrade.MEDIUM, RiskGrade.HIGH), (RiskGrade.HIGH, None)],
)
def test_where_somebody_needed_help_one_grade_more_is_proposed(grade: RiskGrade, proposed: RiskGrade | None) -> None:
    home = graded(grade)
    home.model.settle(IncidentKind.FALL, CloseCause.HELPED, at(2, 12), home.model.clock_ms)
    assert proposal(home) is None  # not before its day is learned
    home.live(3, from_day=3)
    found = proposal(home)
    assert (None if found is None else found.grade) == proposed
    if found is not None:
        assert [one.reason for one in found.reasons] == ["needed_help"]


def test_one_sign_alone_proposes_nothing_and_two_do() -> None:
    home = graded(RiskGrade.MEDIUM)
    declines = {IncidentKind.SLOW_DECLINE: Told(at(2, 12), 1, at(1, 12))}
    home.model._state.told = {**home.model._state.told, **declines}
    assert proposal(home) is None
    for hour in (9.0, 10.0, 11.0):
        home.tell("checkin_no_answer", at(3, hour), "/calls/p", number=int(hour))
    home.model._state.told = {**home.model._state.told, **declines}  # nothing had declined, so it was taken back
    found = proposal(home)
    assert found is not None
    assert [one.reason for one in found.reasons] == ["worse_over_weeks", "calls_unanswered"]


def test_after_half_a_year_without_a_worry_one_grade_less_is_proposed() -> None:
    home = graded(RiskGrade.HIGH)
    state = home.model._state
    state.rhythm.days = 80.0
    assert proposal(home) is None
    assert proposed(state, state.start_ms + CALM_FOR_MS - HOUR_MS) is None
    found = proposed(state, state.start_ms + CALM_FOR_MS)
    assert found is not None
    assert found.grade is RiskGrade.MEDIUM
    state.outcomes.real = 0.3
    assert proposed(state, state.start_ms + CALM_FOR_MS) is None


def test_nothing_is_ever_changed_by_a_proposal() -> None:
    home = graded(RiskGrade.LOW)
    home.model._state.outcomes.real = 2.0
    before = home.model.snapshot()
    assert proposal(home) is not None
    assert home.model.overview(home.model.clock_ms)["grade_proposal"] is not None
    assert home.model.snapshot() == before
    assert home.model.record is not None
    assert home.model.record.risk_grade is RiskGrade.LOW


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_reasons_are_sentences_in_both_languages(language: str) -> None:
    found = proposed_grade(view_example("h-1", "2026-11-24T00:03:00.000Z", "inc-1", "0"))
    assert found is not None
    lines = list(grade_lines(found, Words(language)))
    assert len(lines) == 1 + len(found.reasons)
    assert all(line.rstrip().endswith((".", "다.")) for line in lines[1:])
    assert not any("_" in line or "{" in line for line in lines[1:])
    exercise = msgspec.structs.replace(view_example("h-1", "2026-11-24T00:03:00.000Z", "inc-1", "0"), status="Exercise")
    assert proposed_grade(exercise) is None
