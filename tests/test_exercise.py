"""Exercises go the way of real incidents, are marked wherever they are told, and are counted among nothing real."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from street import HOUR_MS, Street, told

from schemas.encode import encode
from schemas.exercise import EXERCISE_PREFIX, MARK_EN, MARK_KO, is_exercise
from schemas.households import HouseholdRecord, Source
from schemas.incidents import EMERGENCIES, CloseCause, Incident, IncidentKind, NextStep, Severity
from streams.cases.revisions import next_step
from streams.engine.partition import Output
from streams.metrics import WorkerMetrics
from streams.registry import check_record
from streams.replay.run import Run
from streams.worker.gauge import Gauges

REAL, PLAYED = "h-1", f"{EXERCISE_PREFIX}h-1"
HAZARDS = ("emergency_button", "gas", "smoke", "fall")


def is_marked(one: Incident) -> bool:
    return (
        one.status == "Exercise" and one.sentence_ko.startswith(MARK_KO) and one.sentence_en.startswith(MARK_EN)
    ) and one.next_step is not NextStep.CALL_119


def a_day(*households: str) -> Street:
    """The same day in each of these homes: a gas alarm that ends, a button, then silence until somebody closes it."""
    street = Street()
    for name in households:
        street.register(name, latest_silence_h=12)
    street.tick()
    for _ in range(8):
        for name in households:
            street.happen("motion", name, id=f"m-{street.now_ms}", state="on")
        street.tick(HOUR_MS)
    for name in households:
        street.happen("gas", name, id="gas-on", device="kitchen", state="on")
        street.happen("emergency_button", name, id="press", device="bed")
    street.tick()
    for name in households:
        street.happen("gas", name, id="gas-off", device="kitchen", state="off")
    street.pass_ms(30 * HOUR_MS, HOUR_MS)
    for one in sorted(street.open(), key=lambda one: one.id):
        street.act(one, "close", id=f"close-{one.id}", cause=CloseCause.SAFE_AT_HOME)
    street.pass_ms(HOUR_MS)
    return street


def about(outputs: list[Output], household: str) -> list[tuple[str, bytes]]:
    """What was told of a household, statuses as what all of them together are."""
    return [
        (one.topic, encode(one.what))
        for one in outputs
        if one.what is not None and getattr(one.what, "household", household) == household
    ]


def test_whatever_is_told_of_an_exercise_is_marked_from_the_arrival_to_the_end() -> None:
    revisions = told(a_day(PLAYED).out)
    assert {one.kind for one in revisions} >= {IncidentKind.GAS, IncidentKind.EMERGENCY_BUTTON, IncidentKind.SILENCE}
    assert {one.revision for one in revisions} >= {1, 2, 3}
    assert all(map(is_marked, revisions))
    assert any(one.ended for one in revisions)


def test_negative_control_the_same_day_in_a_real_home_carries_no_mark() -> None:
    revisions = told(a_day(REAL).out)
    assert revisions
    assert not any(one.status == "Exercise" or MARK_KO in one.sentence_ko for one in revisions)
    assert any(one.next_step is NextStep.CALL_119 for one in revisions)


def test_an_exercise_beside_a_real_home_changes_no_word_and_no_count_of_it() -> None:
    alone, beside = a_day(REAL), a_day(REAL, PLAYED)
    without = [
        Output(one.topic, one.key, msgspec.structs.replace(one.what, exercise=0))
        if getattr(one.what, "type", "") == "status"
        else one
        for one in beside.out
    ]
    assert about(without, REAL) == about(alone.out, REAL)
    assert beside.status().exercise == 1
    assert (beside.partition.households, beside.partition.exercises) == (1, 1)


def test_exercises_are_in_no_count_of_incidents_requests_actions_and_homes_but_their_own() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    gauges = Gauges(metrics)
    street = a_day(PLAYED)
    kinds = {type(one.what).__name__ for one in street.out if one.what is not None}
    assert kinds >= {"Incident", "ActionResult"}
    for output in street.out:
        gauges.acknowledged(output)
    gauges._show_households(0, street.partition)
    apart = {"anbu_exercise_revisions_total", "anbu_households_exercise"}
    counted = {
        sample.name
        for family in registry.collect()
        for sample in family.samples
        if sample.value
        and sample.name.startswith(("anbu_incident", "anbu_checkin", "anbu_responder", "anbu_households", *apart))
        and not sample.name.endswith("_created")
    }
    assert counted == apart


def test_an_exercise_without_a_registry_record_is_no_unregistered_home() -> None:
    street = Street()
    street.tick()
    street.happen("motion", PLAYED, state="on")
    street.tick()
    assert (street.status().unregistered, street.status().exercise) == (0, 1)
    street.happen("motion", REAL, state="on")
    street.tick()
    assert (street.status().unregistered, street.status().exercise) == (1, 1)
    street.remove(PLAYED)
    street.tick()
    assert (street.status().unregistered, street.status().exercise, street.status().households) == (1, 0, 1)


def test_the_mark_and_the_counts_outlive_a_restart() -> None:
    street = Street()
    street.register(PLAYED)
    street.tick()
    street.happen("emergency_button", PLAYED, device="bed")
    street.tick()
    before = len(street.out)
    street.restart()
    assert (street.partition.households, street.partition.exercises, street.partition.open_incidents) == (0, 1, 0)
    (opened,) = street.open()
    street.act(opened)
    street.happen("gas", PLAYED, device="kitchen", state="on")
    street.tick()
    later = told(street.out[before:])
    assert {one.kind for one in later} == {IncidentKind.EMERGENCY_BUTTON, IncidentKind.GAS}
    assert all(map(is_marked, later))


def test_a_call_asked_for_in_an_exercise_is_marked() -> None:
    street = Street()
    street.register(PLAYED, latest_silence_h=12)
    street.tick()
    street.happen("motion", PLAYED, state="on")
    street.pass_ms(30 * HOUR_MS, HOUR_MS)
    assert {one.status for one in street.requests()} == {"Exercise"}


@pytest.mark.parametrize("kind", sorted(EMERGENCIES))
def test_who_reads_nothing_but_the_next_step_calls_nobody_in_an_exercise(kind: IncidentKind) -> None:
    steps = {severity: next_step(kind, severity, PLAYED) for severity in Severity}
    assert NextStep.CALL_119 not in steps.values()
    real = next_step(kind, Severity.EXTREME, REAL)
    assert (real is NextStep.CALL_119) is (steps[Severity.EXTREME] is NextStep.REHEARSE_119)


def test_the_registry_refuses_to_mark_somebody_real_as_played() -> None:
    check_record(HouseholdRecord(household=REAL, sources=[Source("/sensors/gw-1")]))
    with pytest.raises(ValueError, match="nobody real"):
        check_record(HouseholdRecord(household=PLAYED, sources=[Source("/sensors/gw-1")]))


@given(st.text(max_size=20))
def test_only_the_beginning_of_a_pseudonym_makes_it_an_exercise(name: str) -> None:
    assert is_exercise(EXERCISE_PREFIX + name)
    assert not is_exercise("h-" + EXERCISE_PREFIX + name)
    assert not is_exercise(EXERCISE_PREFIX.upper() + name)


def test_a_replay_counts_no_alarm_that_was_played() -> None:
    played, real = told(a_day(PLAYED).out), told(a_day(REAL).out)
    assert {one.household for one in Run(incidents=[*played, *real]).opened().values()} == {REAL}
