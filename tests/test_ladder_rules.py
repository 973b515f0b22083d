"""The check-in ladder as a rule: who is asked when about a home, and when an officer must know."""

from typing import Any

import pytest
from detector_homes import at
from hypothesis import given
from hypothesis import strategies as st

from detectors.hours import HOUR_MS, hours_of
from detectors.ladder import (
    CALL,
    OFFICER_AFTER_MS,
    PATIENCE_MS,
    RESIDENT,
    Case,
    Home,
    Turn,
    first_to_resident,
    has_ladder,
    officer_ms,
    turn,
)
from schemas.households import HouseholdRecord, Need, Rung, Source
from schemas.incidents import Severity
from schemas.vocabulary import Ask

MINUTE = 60_000
NOON = at(0, 12)
NIGHT = at(0, 23)
ASKS: tuple[Ask, ...] = ("prompt", "sms", "checkin_call", "robot", "guardian", "neighbour")
OFFICER = Rung("officer", "c-9")


def rung(ask: Ask, *, quiet: bool = False) -> Rung:
    return Rung(ask, f"c-{ask}", "21:00", "08:00") if quiet else Rung(ask, f"c-{ask}")


def home(*ladder: Rung, rate: float = 0.8, unanswered: int = 0, calls_left: bool = True, **fields: Any) -> Home:
    record = HouseholdRecord(household="h-1", ladder=[*ladder, OFFICER], **fields)
    return Home(record, hours_of(record.time_zone), lambda _hour: rate, unanswered, calls_left)


def asked(found: Turn) -> Ask | None:
    return None if found.question is None else found.question.rung.ask


def climbed(who: Home, severity: Severity, since_ms: int) -> tuple[list[Ask], list[tuple[Ask, str]], int]:
    """Nobody ever answers: who is asked, who is passed over and why, and when the officer is told."""
    out: list[Ask] = []
    passed: list[tuple[Ask, str]] = []
    steps: list[Ask] = []
    now_ms = since_ms
    for _ in range(100):
        found = turn(who, Case(severity, since_ms, steps), now_ms)
        passed += found.skipped
        steps += [ask for ask, _ in found.skipped]
        if found.told is not None:
            return out, passed, now_ms
        if found.question is None:
            assert found.wait_ms > now_ms
            now_ms = found.wait_ms
            continue
        out.append(found.question.rung.ask)
        steps.append(found.question.rung.ask)
        now_ms = found.question.deadline_ms
    raise AssertionError("the ladder has no top")


def test_the_registry_s_order_is_kept_where_there_is_time_for_all() -> None:
    who = home(*map(rung, ("checkin_call", "guardian", "neighbour")))
    assert climbed(who, Severity.MODERATE, NOON)[0] == ["checkin_call", "guardian", "neighbour"]
    other = home(*map(rung, ("neighbour", "checkin_call")))
    assert climbed(other, Severity.MODERATE, NOON)[0] == ["neighbour", "checkin_call"]


def test_a_fast_risk_asks_those_that_are_likely_to_answer_in_time_and_passes_over_the_others() -> None:
    who = home(*map(rung, ("sms", "checkin_call", "guardian")))
    out, passed, told_ms = climbed(who, Severity.SEVERE, NOON)
    assert out == ["checkin_call", "guardian"]
    assert passed == [("sms", "no_time")]
    assert told_ms - NOON == PATIENCE_MS["checkin_call"] + PATIENCE_MS["guardian"]
    slow = climbed(who, Severity.MODERATE, NOON)
    assert slow[:2] == (["sms", "checkin_call", "guardian"], []), "and where the risk is slow, everybody is asked"


def test_a_person_who_rarely_picks_up_is_not_called_where_time_is_short() -> None:
    ladder = [*map(rung, ("checkin_call", "sms", "guardian"))]
    assert climbed(home(*ladder, rate=0.9), Severity.SEVERE, NOON)[0] == ["checkin_call", "guardian"]
    assert climbed(home(*ladder, rate=0.1), Severity.SEVERE, NOON)[0] == ["sms", "guardian"]
    assert climbed(home(*ladder, rate=0.9, unanswered=3), Severity.SEVERE, NOON)[0] == ["sms", "guardian"]
    assert climbed(home(*ladder, rate=0.1), Severity.MODERATE, NOON)[0] == ["checkin_call", "sms", "guardian"]


def test_what_is_as_bad_as_it_gets_goes_to_the_officer_at_once_and_a_question_runs_beside() -> None:
    found = turn(home(*map(rung, ("checkin_call", "guardian"))), Case(Severity.EXTREME, NOON, ()), NOON)
    assert found.told == "grave"
    assert asked(found) == "checkin_call"
    later = turn(home(*map(rung, ("checkin_call", "guardian"))), Case(Severity.EXTREME, NOON, ["checkin_call"]), NOON)
    assert (later.told, asked(later)) == ("grave", "guardian")
    assert turn(home(), Case(Severity.EXTREME, NOON, ()), NOON).question is None


def test_nobody_calls_a_deaf_person() -> None:
    ladder = [*map(rung, ("checkin_call", "robot", "sms", "prompt"))]
    out, passed, _ = climbed(home(*ladder, needs=[Need.HEARING]), Severity.MODERATE, NOON)
    assert out == ["sms", "prompt"]
    assert passed == [("checkin_call", "cannot_hear"), ("robot", "cannot_hear")]
    assert climbed(home(*ladder), Severity.MODERATE, NOON)[0] == ["checkin_call", "robot", "sms", "prompt"]
    deaf = home(rung("checkin_call"), rung("sms"), needs=[Need.HEARING])
    found = first_to_resident(deaf)
    assert found is not None
    assert found.ask == "sms"
    nobody = Home(HouseholdRecord(household="h-1", needs=[Need.HEARING]), hours_of("Asia/Seoul"), lambda _: 0.8)
    assert first_to_resident(nobody) is None
    assert first_to_resident(nobody._replace(record=HouseholdRecord(household="h-1"))) == CALL


def test_who_cannot_speak_is_written_to_and_called_only_where_nothing_else_is_listed() -> None:
    both = home(rung("checkin_call"), rung("sms"), needs=[Need.SPEECH])
    assert climbed(both, Severity.MODERATE, NOON)[:2] == (["sms"], [("checkin_call", "cannot_speak")])
    assert climbed(home(rung("checkin_call"), needs=[Need.SPEECH]), Severity.MODERATE, NOON)[0] == ["checkin_call"]


@pytest.mark.parametrize(("ask", "source"), [("robot", "/robot/r-1"), ("checkin_call", "/calls/p-1")])
def test_whose_consent_was_withdrawn_is_not_asked_that_way(ask: Ask, source: str) -> None:
    refused = home(rung(ask), sources=[Source(source, consent=False)])
    assert climbed(refused, Severity.MODERATE, NOON)[:2] == ([], [(ask, "no_consent")])
    assert climbed(home(rung(ask), sources=[Source(source)]), Severity.MODERATE, NOON)[0] == [ask]


def test_a_spent_budget_of_calls_leaves_the_other_rungs() -> None:
    who = home(rung("checkin_call"), rung("guardian"), calls_left=False)
    assert climbed(who, Severity.MODERATE, NOON)[:2] == (["guardian"], [("checkin_call", "budget")])


def test_quiet_hours_are_waited_for_where_the_risk_leaves_time() -> None:
    who = home(rung("checkin_call", quiet=True))
    early = at(1, 5)
    found = turn(who, Case(Severity.MODERATE, early, ()), early)
    assert (found.question, found.wait_ms, found.skipped) == (None, at(1, 8), ())
    then = turn(who, Case(Severity.MODERATE, early, ()), found.wait_ms)
    assert asked(then) == "checkin_call"


def test_where_quiet_hours_outlast_the_time_the_rung_is_passed_over() -> None:
    who = home(rung("checkin_call", quiet=True), rung("guardian"))
    assert climbed(who, Severity.MODERATE, NIGHT)[:2] == (["guardian"], [("checkin_call", "quiet_hours")])
    assert climbed(who, Severity.MODERATE, NOON)[0] == ["checkin_call", "guardian"]


def test_only_what_is_grave_enough_asks_through_quiet_hours() -> None:
    quiet = home(rung("checkin_call", quiet=True), rung("guardian", quiet=True))
    assert climbed(quiet, Severity.SEVERE, NIGHT)[:2] == (["checkin_call"], [("guardian", "quiet_hours")])
    assert climbed(quiet, Severity.MODERATE, NIGHT)[0] == []
    assert asked(turn(quiet, Case(Severity.EXTREME, NIGHT, ["checkin_call"]), NIGHT)) == "guardian"


def test_quiet_hours_are_those_of_the_home_s_own_clock() -> None:
    seoul = home(rung("checkin_call", quiet=True))
    there = home(rung("checkin_call", quiet=True), time_zone="America/New_York")
    assert climbed(seoul, Severity.MODERATE, NIGHT)[0] == []
    assert climbed(there, Severity.MODERATE, NIGHT)[0] == ["checkin_call"], "23:00 in Seoul is 10:00 there"


def test_whoever_stands_behind_the_officer_is_not_asked() -> None:
    who = Home(
        HouseholdRecord(household="h-1", ladder=[rung("sms"), OFFICER, rung("guardian")]),
        hours_of("Asia/Seoul"),
        lambda _: 0.8,
    )
    assert climbed(who, Severity.MODERATE, NOON)[0] == ["sms"]
    assert has_ladder(who.record)
    assert not has_ladder(HouseholdRecord(household="h-1", ladder=[OFFICER, rung("sms")]))
    assert not has_ladder(HouseholdRecord(household="h-1"))
    assert not has_ladder(None)


@given(
    st.lists(st.tuples(st.sampled_from(ASKS), st.booleans()), max_size=12),
    st.sampled_from([*Severity]),
    st.integers(0, 47),
    st.sets(st.sampled_from([*Need])),
    st.floats(0.05, 0.95),
)
def test_any_ladder_ends_with_the_officer_in_time_asks_each_rung_once_and_keeps_what_it_promises(
    ladder: list[tuple[Ask, bool]], severity: Severity, hour: int, needs: set[Need], rate: float
) -> None:
    who = home(*(rung(ask, quiet=quiet) for ask, quiet in ladder), rate=rate, needs=sorted(needs))
    since_ms = at(0, 0) + hour * HOUR_MS
    out, passed, told_ms = climbed(who, severity, since_ms)
    assert told_ms <= since_ms + OFFICER_AFTER_MS[severity] == officer_ms(Case(severity, since_ms, ()))
    assert (
        sorted([*out, *(ask for ask, _ in passed)]) == sorted(ask for ask, _ in ladder) or severity is Severity.EXTREME
    ), "everybody listed is asked, or it is said why not"
    if Need.HEARING in needs:
        assert not {"checkin_call", "robot"} & set(out)
    if severity is Severity.EXTREME:
        assert out == []
    if severity.rank < Severity.SEVERE.rank:
        loud = [ask for ask, why in passed if why == "quiet_hours"]
        assert all((ask, True) in ladder for ask in loud)
    assert all(ask in ASKS for ask in out)
    assert {ask for ask in ASKS if ask in RESIDENT} == {"prompt", "sms", "checkin_call", "robot"}
