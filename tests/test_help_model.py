"""The chance that somebody needs help: the prior on the first day, closings after that, explained and bounded."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hours import HOUR_MS
from schemas.district import Lesson
from schemas.examples import RECORDS
from schemas.incidents import CloseCause, Incident, IncidentKind, Severity
from schemas.times import to_rfc3339
from streams.cases.help_model import FURTHEST, NAMES, History, features, looks
from streams.cases.help_model import stamped as stamped_as
from streams.cases.lessons import NEEDED, NOT_NEEDED
from streams.cases.ranking import chance, need, prior_chance
from streams.districts.help_learner import Learner

SEOUL = "Asia/Seoul"
NOON = 1_795_489_200_000
"""2026-11-24 12:00 in Korea."""
SILENCE: Incident = msgspec.structs.replace(RECORDS["incident"], chance=None, chance_by={})  # type: ignore[type-var,assignment]
NONE: tuple[float, ...] = ()
NEW = History()


def of_kind(kind: IncidentKind) -> Incident:
    return msgspec.structs.replace(SILENCE, kind=kind, score=None, threshold=None, shares={})


def lesson(incident: Incident, cause: CloseCause, history: History = NEW) -> Lesson:
    return Lesson(x=looks(incident, history, SEOUL), y=float(cause in NEEDED))


def stamped(incident: Incident, history: History, time_zone: str, weights: Sequence[float]) -> Incident:
    return stamped_as(incident, looks(incident, history, time_zone), weights)


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_on_the_first_day_the_chance_is_the_prior_and_says_so(kind: IncidentKind) -> None:
    incident = of_kind(kind)
    told = stamped(incident, History(), SEOUL, NONE)
    assert told.chance == pytest.approx(prior_chance(incident), abs=1e-4)
    assert set(told.chance_by) == {"usual"}
    assert chance(told) == told.chance


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_every_feature_lies_between_0_and_1_and_names_nobody(kind: IncidentKind) -> None:
    old = msgspec.structs.replace(
        of_kind(kind), opened_at=to_rfc3339(NOON - 900 * HOUR_MS), shares=dict.fromkeys("abcdefgh", 0.1)
    )
    x = features(old, History(1e6, 1e6), SEOUL)
    assert len(x) == len(NAMES)
    assert all(0.0 <= value <= 1.0 for value in x)
    other = msgspec.structs.replace(old, household="another", id="other", district="dong-9", owner="o", case="c")
    assert features(other, History(1e6, 1e6), SEOUL) == x


def test_closings_move_the_order_and_it_is_explained() -> None:
    """Where silences turn out well and unanswered calls do not, the calls come first."""
    calls = of_kind(IncidentKind.UNANSWERED_CALLS)
    silence = msgspec.structs.replace(of_kind(IncidentKind.SILENCE))
    learner = Learner()
    assert need(stamped(silence, History(), SEOUL, NONE)) == need(stamped(calls, History(), SEOUL, NONE))
    for _ in range(60):
        learner.learn([lesson(silence, CloseCause.SAFE_AT_HOME), lesson(calls, CloseCause.HELPED)])
    weights = learner.weights
    assert learner.lessons == 120
    told = [stamped(one, History(), SEOUL, weights) for one in (silence, calls)]
    assert need(told[0]) < need(told[1])
    assert told[0].chance_by["silence"] < 0 < told[1].chance_by["calls"]


def test_a_home_of_many_false_alarms_comes_after_one_without() -> None:
    learner, rnd = Learner(), random.Random(1)
    press = of_kind(IncidentKind.EMERGENCY_BUTTON)
    for _ in range(300):
        false = rnd.choice((0.0, 4.0))
        needed = rnd.random() < (0.5 if false == 0 else 0.1)
        learner.learn([lesson(press, CloseCause.HELPED if needed else CloseCause.SAFE_AT_HOME, History(false))])
    quiet, noisy = (stamped(press, History(false), SEOUL, learner.weights).chance for false in (0.0, 4.0))
    assert quiet is not None
    assert noisy is not None
    assert noisy < quiet


def test_no_number_of_lessons_moves_a_chance_further_than_the_bound() -> None:
    learner = Learner()
    press = of_kind(IncidentKind.EMERGENCY_BUTTON)
    for _ in range(2000):
        learner.learn([lesson(press, CloseCause.SAFE_AT_HOME)])
    assert all(abs(w) <= FURTHEST for w in learner.weights)
    told = stamped(press, History(), SEOUL, learner.weights)
    assert told.chance == pytest.approx(1 / (1 + 2.718281828**FURTHEST), rel=0.05)  # the prior of a press is one half


def test_whatever_a_lesson_says_no_weight_leaves_its_bounds() -> None:
    learner = Learner()
    wild = Lesson(x=[*([1e3] * len(NAMES)), -1e3], y=1.0)
    for _ in range(20):
        assert all(abs(w) <= FURTHEST for w in learner.learn([wild]))
    assert learner.lessons == 20


def test_a_few_closings_change_a_chance_little_and_many_change_it() -> None:
    press = of_kind(IncidentKind.EMERGENCY_BUTTON)
    learner = Learner()
    chances = []
    for lessons in (3, 300):
        while learner.lessons < lessons:
            learner.learn([lesson(press, CloseCause.SAFE_AT_HOME)])
        chances.append(stamped(press, History(), SEOUL, learner.weights).chance)
    assert chances[0] == pytest.approx(0.5, abs=0.02)
    assert chances[1] is not None
    assert chances[1] < 0.2


def some_lessons(number: int) -> list[Lesson]:
    rnd = random.Random(3)
    kinds, causes = list(IncidentKind), sorted({*NEEDED, *NOT_NEEDED})
    return [lesson(of_kind(rnd.choice(kinds)), rnd.choice(causes), History(rnd.random())) for _ in range(number)]


def test_the_same_lessons_give_the_same_weights_bit_for_bit_also_over_a_restart() -> None:
    lessons = some_lessons(200)
    whole, first = Learner(), Learner()
    for one in lessons:
        whole.learn([one])
    for one in lessons[:77]:
        first.learn([one])
    second = Learner.restore(first.state())
    for one in lessons[77:]:
        second.learn([one])
    assert second.state() == whole.state()
    assert second.weights == whole.weights


@settings(max_examples=20, deadline=None)
@given(st.permutations(some_lessons(12)))
def test_the_lessons_of_one_batch_may_come_in_any_order(lessons: list[Lesson]) -> None:
    learner, other = Learner(), Learner()
    assert learner.learn(lessons) == other.learn(some_lessons(12))
    assert learner.state() == other.state()


def test_negative_control_batches_in_another_order_give_other_weights() -> None:
    """So whoever gathers them must give one five minutes' lessons after another's."""
    lessons = [lesson(SILENCE, CloseCause.HELPED), lesson(of_kind(IncidentKind.FALL), CloseCause.SAFE_AT_HOME)]
    one, other = Learner(), Learner()
    for each in lessons * 3:
        one.learn([each])
    for each in lessons[::-1] * 3:
        other.learn([each])
    assert one.state() != other.state()


@pytest.mark.parametrize(
    "state", [b"", b"\x90", msgspec.msgpack.encode([2, [], 0, []]), msgspec.msgpack.encode([1, ["age"], 0, []])]
)
def test_what_is_no_state_of_a_learner_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match=r"learner|argument"):
        Learner.restore(state)


def test_a_feature_that_a_former_version_did_not_know_begins_at_the_prior() -> None:
    learner = Learner()
    learner.learn(some_lessons(50))
    _, names, lessons, raw = msgspec.msgpack.decode(learner.state())
    former = Learner.restore(msgspec.msgpack.encode([1, names[:-1], lessons, raw[:-1]]))
    assert former.weights == [*learner.weights[:-1], 0.0]


@pytest.mark.parametrize("x", [[], [0.0] * 3, [1e9] * (len(NAMES) + 1), [float("nan")] * (len(NAMES) + 1)])
def test_a_lesson_of_another_shape_teaches_nothing(x: list[float]) -> None:
    learner = Learner()
    learner.learn([Lesson(x=x, y=1.0)])
    assert learner.state() == Learner().state()


def test_age_and_hour_are_those_of_the_home() -> None:
    by_day = msgspec.structs.replace(SILENCE, opened_at=to_rfc3339(NOON), at=to_rfc3339(NOON + 24 * HOUR_MS))
    place = NAMES.index("by_day")
    assert features(by_day, History(), SEOUL)[place] == 1.0
    assert features(by_day, History(), "America/New_York")[place] == 0.0
    assert features(by_day, History(), SEOUL)[NAMES.index("age")] == pytest.approx(0.6438, abs=1e-3)


def test_the_graver_of_two_alike_comes_first() -> None:
    mild = msgspec.structs.replace(SILENCE, severity=Severity.MODERATE)
    assert need(stamped(mild, History(), SEOUL, NONE)) < need(stamped(SILENCE, History(), SEOUL, NONE))
