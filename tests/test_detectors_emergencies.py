"""Emergencies that one event proves."""

from typing import Any

import pytest
from detector_homes import GATEWAY, Home, at
from detector_streams import event

from detectors.emergency import KINDS as ASKED
from detectors.emergency import emergencies
from schemas.events import Data, Event
from schemas.incidents import EMERGENCIES, IncidentKind, Severity, Urgency
from schemas.vocabulary import KINDS, CareTopic, DisasterAnswer, Distress, Level, Meaning

NOON = at(0, 12)
Kind = IncidentKind


def answered(**data: Any) -> Event:
    return event("checkin_answered", NOON, "/calls/p", **data)


@pytest.mark.parametrize(
    ("one", "kind", "severity"),
    [
        (event("emergency_button", NOON, state="on"), Kind.EMERGENCY_BUTTON, Severity.SEVERE),
        (event("emergency_button", NOON), Kind.EMERGENCY_BUTTON, Severity.SEVERE),
        (event("gas", NOON, state="on"), Kind.GAS, Severity.EXTREME),
        (event("smoke", NOON, state="on"), Kind.SMOKE, Severity.EXTREME),
        (event("carbon_monoxide", NOON, state="on"), Kind.CARBON_MONOXIDE, Severity.EXTREME),
        (event("heat", NOON, state="on"), Kind.HEAT, Severity.SEVERE),
        (event("fall", NOON, state="on"), Kind.FALL, Severity.SEVERE),
        (event("robot_distress", NOON, "/robot/r"), Kind.DISTRESS, Severity.SEVERE),
        (event("robot_distress", NOON, "/robot/r", codes=[Distress.PAIN]), Kind.DISTRESS, Severity.SEVERE),
        (event("robot_distress", NOON, "/robot/r", codes=[Distress.FALLEN]), Kind.DISTRESS, Severity.EXTREME),
        (answered(codes=[Distress.CRY_FOR_HELP]), Kind.DISTRESS, Severity.EXTREME),
        (answered(codes=[Distress.WISH_TO_DIE]), Kind.WISH_TO_DIE, Severity.EXTREME),
        (event("robot_distress", NOON, codes=[Distress.WISH_TO_DIE]), Kind.WISH_TO_DIE, Severity.EXTREME),
        (answered(topics={CareTopic.HEALTH: Level.ALARM}), Kind.CALL_ALARM, Severity.SEVERE),
        (answered(disaster=DisasterAnswer.NEEDS_HELP), Kind.DISASTER_HELP, Severity.EXTREME),
        (event("checkin_refused", NOON, "/calls/p", codes=[Distress.PAIN]), Kind.DISTRESS, Severity.SEVERE),
    ],
    ids=lambda value: value.kind if isinstance(value, Event) else str(value),
)
def test_one_event_alone_proves_an_emergency(one: Event, kind: IncidentKind, severity: Severity) -> None:
    (found,) = emergencies(one)
    assert (found.kind, found.severity, found.change) == (kind, severity, "raise")
    assert found.urgency is Urgency.IMMEDIATE
    assert (found.event_from_ms, found.source, found.event_id) == (NOON, one.source, one.id)
    assert emergencies(one) == [found]  # repeats are harmless: they say the same
    assert kind in EMERGENCIES


def test_damage_in_a_disaster_is_told_for_the_same_day_and_not_as_a_person_in_danger() -> None:
    (found,) = emergencies(answered(disaster=DisasterAnswer.DAMAGE))
    assert (found.kind, found.severity) == (Kind.DISASTER_DAMAGE, Severity.MODERATE)
    assert found.urgency is Urgency.EXPECTED
    both = emergencies(answered(disaster=DisasterAnswer.DAMAGE, codes=[Distress.PAIN]))
    assert [(one.kind, one.urgency) for one in both if one.kind is not Kind.DISASTER_DAMAGE] == [
        (Kind.DISTRESS, Urgency.IMMEDIATE)
    ]


@pytest.mark.parametrize(
    "one",
    [
        answered(topics=dict.fromkeys(CareTopic, Level.CONCERN)),
        answered(topics={CareTopic.MOOD: Level.OK}),
        answered(disaster=DisasterAnswer.SAFE),
        answered(),
        event("checkin_no_answer", NOON, "/calls/p", disaster=DisasterAnswer.NO_ANSWER),
        event("medication_missed", NOON, "/robot/r"),
        event("moisture", NOON, state="on"),
    ],
    ids=["concerns", "ok", "safe", "answered", "no answer", "missed dose", "leak"],
)
def test_what_worries_but_proves_nothing_is_no_emergency(one: Event) -> None:
    assert emergencies(one) == []


@pytest.mark.parametrize("kind", sorted(kind.name for kind in KINDS if kind.meaning is Meaning.HAZARD))
def test_a_hazard_that_ends_clears_and_never_raises(kind: str) -> None:
    (found,) = emergencies(event(kind, NOON, state="off", codes=[Distress.WISH_TO_DIE]))
    assert (found.change, found.urgency) == ("clear", Urgency.PAST)
    assert emergencies(event(kind, NOON, state="on"))[0].change == "raise"


def test_a_wish_to_die_is_told_apart_from_what_else_was_said() -> None:
    said = emergencies(answered(codes=[Distress.PAIN, Distress.WISH_TO_DIE, Distress.PAIN]))
    assert [one.kind for one in said] == [Kind.WISH_TO_DIE, Kind.DISTRESS]
    assert said[1].facts == {"codes": "pain"}


def test_a_call_may_hold_several_emergencies_whatever_the_order_of_its_topics() -> None:
    topics = {CareTopic.HEALTH: Level.ALARM, CareTopic.MEALS: Level.ALARM, CareTopic.MOOD: Level.OK}
    one = answered(topics=topics, disaster=DisasterAnswer.NEEDS_HELP)
    other = answered(topics=dict(reversed(topics.items())), disaster=DisasterAnswer.NEEDS_HELP)
    assert [found.kind for found in emergencies(one)] == [Kind.CALL_ALARM, Kind.DISASTER_HELP]
    assert emergencies(one)[0].facts == {"topics": "health,meals"}
    assert emergencies(one) == emergencies(other)


def test_the_engine_need_not_ask_about_other_kinds_than_those_named() -> None:
    data = Data(
        state="on", codes=list(Distress), topics={CareTopic.MOOD: Level.ALARM}, disaster=DisasterAnswer.NEEDS_HELP
    )
    proving = {kind.name for kind in KINDS if emergencies(Event("h", kind.name, "/sensors/gw", "1", NOON, data))}
    assert proving == ASKED
    assert {kind.name for kind in KINDS if kind.meaning is Meaning.HAZARD} < ASKED


def test_the_model_of_a_household_leaves_emergencies_to_their_own_path() -> None:
    home = Home(GATEWAY)
    home.live(1)
    for kind in sorted(ASKED):
        home.tell(kind, at(1, 5), state="on")
    home.pass_time(at(1, 6))
    assert home.said == []


@pytest.mark.parametrize(
    ("kind", "lives"), [("emergency_button", True), ("robot_distress", True), ("fall", False), ("gas", False)]
)
def test_pressing_the_button_shows_life_and_a_detector_that_goes_off_does_not(kind: str, lives: bool) -> None:
    home = Home(GATEWAY)
    home.tell(kind, at(0, 12), state="on")
    assert (home.model.last_life_ms is not None) is lives
