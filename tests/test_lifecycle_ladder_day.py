"""One day end to end, with ClickHouse closed throughout and the worker killed twice: incidents, questions, officers, a flood alert.

That nothing was lost and nothing said twice differently is judged while the day is lived through (`worker_day`): what
was told and every household's state are compared with an engine that was never stopped.
"""

from itertools import pairwise

import pytest
from worker_day import ANSWERS, CLOSED, DEAF_TO_IT, EXPOSED, LEFT, SILENT, TAKEN, Day

from schemas.alerts import Hazard
from schemas.guidance import guidance
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep

pytestmark = pytest.mark.slow


def last(day: Day, household: str, kind: IncidentKind) -> Incident:
    return [one for one in day.revisions[household] if one.kind is kind][-1]


def test_lifecycle_a_silence_that_an_answered_call_settles_closes_without_an_officer(whole_day: Day) -> None:
    settled = last(whole_day, ANSWERS, IncidentKind.SILENCE)
    assert (settled.state, settled.cause) == (IncidentState.CLOSED, CloseCause.SAFE_AT_HOME)
    assert [(step.ask, step.outcome) for step in settled.ladder] == [("checkin_call", "answered")]
    assert {(one.acknowledged_by, one.owner) for one in whole_day.revisions[ANSWERS]} == {(None, None)}


def test_ladder_a_silence_that_nobody_answers_in_time_climbs_to_the_night_owner_and_on_from_there(
    whole_day: Day,
) -> None:
    revisions = [one for one in whole_day.revisions[SILENT] if one.kind is IncidentKind.SILENCE]
    climbed = next(one for one in revisions if one.owner)
    assert (climbed.state, climbed.owner, climbed.level) == (IncidentState.ESCALATED, "night-centre", 0)
    assert [(step.ask, step.outcome) for step in climbed.ladder] == [
        ("checkin_call", "no_answer"),
        ("guardian", "no_answer"),
        ("officer", ""),
    ]
    assert all(one.next_step is NextStep.ASKING for one in revisions[: revisions.index(climbed)])
    assert not revisions[-1].ended
    assert "supervisor" in [one.owner for one in revisions], "the night owner let the time pass"


def test_lifecycle_a_press_is_acknowledged_before_the_ordered_step_has_seen_it(whole_day: Day) -> None:
    assert (whole_day.results["early"].ok, whole_day.results["early"].reason) == (True, "")
    first, taken = whole_day.revisions[TAKEN][0], last(whole_day, TAKEN, IncidentKind.EMERGENCY_BUTTON)
    assert (first.revision, first.case, first.owner) == (1, None, None)
    assert (taken.state, taken.owner) == (IncidentState.ACKNOWLEDGED, "officer-early")
    assert all(one.level == 0 for one in whole_day.revisions[TAKEN]), "nobody else was told meanwhile"


def test_lifecycle_a_press_that_nobody_takes_moves_on(whole_day: Day) -> None:
    left = whole_day.revisions[LEFT]
    assert [(one.owner, one.level) for one in left][:3] == [(None, 0), ("night-centre", 0), ("supervisor", 1)]
    assert left[2].state is IncidentState.ESCALATED


def test_lifecycle_of_two_officers_who_close_one_incident_the_second_is_told_so(whole_day: Day) -> None:
    answers = {name: (one.ok, one.reason) for name, one in whole_day.results.items()}
    assert (answers["first"], answers["second"]) == ((True, ""), (False, "already_ended"))
    ends = [one for one in whole_day.revisions[CLOSED] if one.ended]
    assert [(one.state, one.cause, one.owner) for one in ends] == [
        (IncidentState.CLOSED, CloseCause.HELPED, "officer-first")
    ]


def test_lifecycle_no_contact_is_refused_as_an_ending(whole_day: Day) -> None:
    assert (whole_day.results["nobody"].ok, whole_day.results["nobody"].reason) == (False, "no_contact_does_not_close")
    assert CloseCause.NO_CONTACT not in {one.cause for told in whole_day.revisions.values() for one in told}


def test_ladder_of_2000_homes_under_an_alert_the_100_that_do_not_answer_are_listed_and_nobody_is_asked_twice(
    whole_day: Day,
) -> None:
    listed = {name for name, told in whole_day.revisions.items() if told[-1].kind is IncidentKind.DISASTER_NO_ANSWER}
    assert listed == DEAF_TO_IT
    assert len(listed) == 100
    found = [last(whole_day, name, IncidentKind.DISASTER_NO_ANSWER) for name in listed]
    assert {(one.next_step, one.ended) for one in found} == {(NextStep.VISIT_NOW, False)}
    asked = [one for one in whole_day.requests if one.purpose == "disaster"]
    assert len(asked) == len(EXPOSED)
    assert {one.household for one in asked} == set(EXPOSED)
    assert {(one.hazard, one.guidance) for one in asked} == {(Hazard.FLOOD, guidance(Hazard.FLOOD, "ko"))}
    assert all(a.requested_at <= b.requested_at for a, b in pairwise(asked))


def test_lifecycle_a_worker_killed_between_a_question_and_its_answer_and_once_more_loses_and_doubles_nothing(
    whole_day: Day,
) -> None:
    assert whole_day.workers == 3
    assert whole_day.difference == ""
    assert [one.purpose for one in whole_day.requests if one.household == ANSWERS and one.incident] == ["wellbeing"]


def test_lifecycle_negative_control_a_single_revision_that_an_uninterrupted_engine_does_not_tell_is_seen(
    whole_day: Day,
) -> None:
    assert "partition 0: 1 beside" in whole_day.control


def test_lifecycle_clickhouse_was_closed_all_day_and_afterwards_its_table_equals_the_topic(whole_day: Day) -> None:
    assert whole_day.rows_while_closed == 0
    assert whole_day.waited["anbu_writer_retries_total"] >= 3
    assert whole_day.waited["anbu_writer_held_records"] > 0
    revisions = {(one.id, one.revision) for told in whole_day.revisions.values() for one in told}
    assert whole_day.table.keys() == whole_day.topic.keys() == revisions
    assert whole_day.table == whole_day.topic
    # Negative control: a single word that differs is seen.
    key, row = next(iter(whole_day.table.items()))
    assert whole_day.table | {key: (*row[:-1], "other")} != whole_day.topic
