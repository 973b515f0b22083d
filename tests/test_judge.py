from collections.abc import Iterable

import pytest

from load_tests.demo.judge import COLLAPSE_WITHIN_MS, HOUR_MS, MONTH_MS, Judgement, Told, judge
from load_tests.truth import COLLAPSE, Truth
from schemas.incidents import IncidentKind

START_MS = 1_767_193_200_000
DAY_MS = 24 * HOUR_MS
FALL, SILENCE, GAS = IncidentKind.FALL, IncidentKind.SILENCE, IncidentKind.GAS


def collapse(household: str, *, slow: bool = False) -> Truth:
    return Truth(household=household, kind=SILENCE, at_ms=START_MS, code=COLLAPSE, slow=slow)


def fall(household: str) -> Truth:
    return Truth(household=household, kind=FALL, at_ms=START_MS, code="fall")


def over_a_month(truth: list[Truth], told: Iterable[Told], households: int = 10) -> Judgement:
    return judge(truth, told, households=households, from_ms=START_MS - DAY_MS, until_ms=START_MS - DAY_MS + MONTH_MS)


def test_what_is_found_at_once_and_in_time_passes() -> None:
    found = over_a_month(
        [fall("a"), collapse("b")], [Told("a", FALL, START_MS + 1), Told("b", SILENCE, START_MS + 9 * HOUR_MS)]
    )
    assert found.passed
    assert [one.delay_ms for one in found.found] == [1, 9 * HOUR_MS]
    assert found.false_alarms == []
    assert found.collapses_in_time == 1.0


@pytest.mark.parametrize(
    "told",
    [
        [],
        [Told("b", FALL, START_MS)],
        [Told("a", GAS, START_MS)],
        [Told("a", FALL, START_MS - HOUR_MS)],
        [Told("a", FALL, START_MS + 73 * HOUR_MS)],
        [Told("a", FALL, START_MS, withdrawn=True)],
    ],
    ids=["nothing", "another household", "another kind", "before it", "too late", "taken back"],
)
def test_an_emergency_not_found_fails(told: list[Told]) -> None:
    judged = over_a_month([fall("a")], told)
    assert not judged.passed
    assert judged.failures() == ["1 of 1 immediate emergencies were not found (fall)."]


@pytest.mark.parametrize(("late", "passes"), [(1, True), (2, False)])
def test_nine_of_ten_collapses_within_a_day_pass_and_eight_do_not(late: int, passes: bool) -> None:
    names = [f"h{i}" for i in range(10)]
    told = [Told(name, SILENCE, START_MS + COLLAPSE_WITHIN_MS + (1 if i < late else 0)) for i, name in enumerate(names)]
    judged = over_a_month([collapse(name) for name in names], told)
    assert judged.passed is passes
    assert judged.false_alarms == []  # late is not false


def test_a_slow_collapse_is_told_apart_and_fails_nothing() -> None:
    judged = over_a_month([collapse("a", slow=True)], [Told("a", SILENCE, START_MS + 20 * DAY_MS)])
    assert judged.passed
    assert judged.collapses == []
    assert judged.collapses_in_time is None
    assert [one.delay_ms for one in judged.slow] == [20 * DAY_MS]
    assert not over_a_month([collapse("a")], [Told("a", SILENCE, START_MS + 20 * DAY_MS)]).passed


@pytest.mark.parametrize(("alarms", "passes"), [(5, True), (6, False)])
def test_false_alarms_are_counted_a_household_month(alarms: int, passes: bool) -> None:
    told = [Told("quiet", SILENCE, START_MS + i * DAY_MS) for i in range(alarms)]
    judged = over_a_month([fall("a")], [Told("a", FALL, START_MS), *told])
    assert judged.false_alarms_per_month == pytest.approx(alarms / 10)
    assert judged.by_kind == {SILENCE: alarms}
    assert judged.passed is passes


def test_an_incident_that_was_withdrawn_is_a_false_alarm_all_the_same() -> None:
    judged = over_a_month([], [Told("a", SILENCE, START_MS, withdrawn=True)])
    assert judged.false_alarms == [Told("a", SILENCE, START_MS, withdrawn=True)]


def test_what_may_rightly_be_raised_is_neither_asked_for_nor_false() -> None:
    outage = Truth(
        household="a",
        kind=IncidentKind.CANNOT_SEE,
        at_ms=START_MS,
        code="gateway_outage",
        must_find=False,
        until_ms=START_MS + 5 * DAY_MS,
    )
    assert over_a_month([outage], []).passed
    assert over_a_month([outage], [Told("a", IncidentKind.CANNOT_SEE, START_MS + 7 * DAY_MS)]).false_alarms == []
    assert over_a_month([outage], [Told("a", IncidentKind.CANNOT_SEE, START_MS + 9 * DAY_MS)]).false_alarms != []


def test_one_incident_may_belong_to_two_events_and_the_earliest_incident_counts() -> None:
    truth = [fall("a"), Truth(household="a", kind=FALL, at_ms=START_MS + HOUR_MS, code="fall")]
    told = [Told("a", FALL, START_MS + 3 * HOUR_MS), Told("a", FALL, START_MS + 2 * HOUR_MS)]
    judged = over_a_month(truth, told)
    assert [one.delay_ms for one in judged.found] == [2 * HOUR_MS, HOUR_MS]
    assert over_a_month(truth, reversed(told)) == judged


def test_with_nothing_injected_a_single_emergency_fails() -> None:
    emergency = [Told("a", FALL, START_MS)]
    assert over_a_month([], [Told("a", SILENCE, START_MS)]).passed
    assert over_a_month([], emergency).failures() == ["Nothing was injected, and yet emergencies were opened: 1."]
    assert over_a_month([fall("b")], [*emergency, Told("b", FALL, START_MS)]).passed  # there it is a false alarm


def test_no_household_or_no_time_is_refused() -> None:
    for households, until_ms in ((0, START_MS + 1), (1, START_MS)):
        with pytest.raises(ValueError, match="at least one household"):
            judge([], [], households=households, from_ms=START_MS, until_ms=until_ms)
