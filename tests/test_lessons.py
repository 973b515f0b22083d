"""What closings teach the shared model: when it leaves, that it waits, and that the order of arrival makes no difference."""

import subprocess
import sys
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from logs import ENGINE
from street import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Street

from schemas.district import MARK_MS, MOST_LESSONS, DistrictCounts, DistrictState
from schemas.encode import encode
from schemas.exercise import EXERCISE_PREFIX
from schemas.households import RiskGrade
from schemas.incidents import CloseCause, Incident, IncidentKind
from schemas.times import from_rfc3339, to_rfc3339
from streams.cases.help_model import NAMES
from streams.cases.lessons import KNOWN_MS, MOST, NEEDED, NOT_NEEDED, WAITS_MS, Leaving, Lessons, Told, by_mark
from streams.cases.odds import log_odds
from streams.districts.help_learner import Learner
from streams.districts.stage import Stage
from streams.engine.gathering import Gathering
from streams.engine.keeping import Whole
from streams.engine.order import Positions
from streams.engine.outputs import Output
from streams.engine.partition import Partition
from streams.engine.snapshot import Recovered
from streams.growing import grown

few = partial(
    settings,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
PRESS = IncidentKind.EMERGENCY_BUTTON


def taught(out: list[Output]) -> list[DistrictCounts]:
    """What was counted with lessons beside it."""
    return [one.what for one in out if isinstance(one.what, DistrictCounts) and one.what.lessons]


def pressed(street: Street, household: str = "h-1") -> Incident:
    """Somebody presses the button; the incident in its turn."""
    known = {one.id for one in street.open()}
    street.happen("emergency_button", household, device="d")
    street.tick()
    (incident,) = [one for one in street.open(PRESS) if one.id not in known]
    return incident


def live(street: Street, span_ms: int, *households: str, every_h: int = 6) -> list[Output]:
    """Time passes in homes that are lived in: nothing else opens there."""
    out: list[Output] = []
    until_ms = street.now_ms + span_ms
    while street.now_ms < until_ms:
        for name in households or ("h-1",):
            street.send(*(street.event("motion", name, device=device, state="on") for device in ("m1", "m2")))
        out += street.pass_ms(min(every_h * HOUR_MS, until_ms - street.now_ms), HOUR_MS)
    return out


def street_of(*households: str, **options: Any) -> Street:
    street = Street(**options)
    for name in households or ("h-1",):
        street.register(name)
    street.tick()
    return street


@pytest.mark.parametrize("cause", sorted({*NEEDED, *NOT_NEEDED} - {CloseCause.DECEASED}))
def test_a_closing_teaches_once_thirty_hours_after_it_was_said(cause: CloseCause) -> None:
    street = street_of()
    incident = pressed(street)
    street.act(incident, "close", cause=cause)
    said_ms = street.now_ms
    assert not taught(street.pass_ms(WAITS_MS - MINUTE_MS, HOUR_MS))
    (counts,) = taught(street.pass_ms(10 * MINUTE_MS, MINUTE_MS))
    assert counts.partition == 0
    assert 0 <= from_rfc3339(counts.at) - said_ms - WAITS_MS < MARK_MS
    assert from_rfc3339(counts.at) % MARK_MS == 0
    (lesson,) = counts.lessons
    assert lesson.y == float(cause in NEEDED)
    assert len(lesson.x) == len(NAMES) + 1
    assert lesson.x[NAMES.index("emergency")] == 1.0
    assert not taught(street.pass_ms(8 * DAY_MS, HOUR_MS))
    watched = street.partition.household("h-1")
    assert watched is not None
    assert not watched.ledger.lessons


@pytest.mark.parametrize("cause", [CloseCause.TEST, CloseCause.MERGED, CloseCause.NO_CONTACT, CloseCause.LEFT_SERVICE])
def test_a_closing_that_says_nothing_of_the_person_teaches_nothing(cause: CloseCause) -> None:
    street = street_of()
    street.act(pressed(street), "close", cause=cause)
    assert not taught(street.pass_ms(2 * DAY_MS, HOUR_MS))


def test_what_ends_because_the_home_leaves_teaches_nothing() -> None:
    street = street_of()
    pressed(street)
    street.remove()
    street.tick()
    assert not street.open()
    assert not taught(street.pass_ms(2 * DAY_MS, HOUR_MS))


def test_an_exercise_teaches_nobody() -> None:
    name = f"{EXERCISE_PREFIX}h-1"
    street = street_of(name)
    street.act(pressed(street, name), "close", cause=CloseCause.HELPED)
    assert not taught(street.pass_ms(2 * DAY_MS, HOUR_MS))


def test_nothing_leaves_a_home_while_something_is_open_there() -> None:
    street = street_of()
    street.act(pressed(street), "close", cause=CloseCause.SAFE_AT_HOME)
    live(street, WAITS_MS - HOUR_MS)
    second = pressed(street)
    assert not taught(live(street, 2 * DAY_MS))
    street.act(second, "close", cause=CloseCause.HELPED)
    said_ms = street.now_ms
    (counts,) = taught(live(street, 2 * DAY_MS))
    assert sorted(one.y for one in counts.lessons) == [0.0, 1.0]
    assert from_rfc3339(counts.at) >= said_ms + WAITS_MS


def test_what_has_left_is_not_held_back_by_what_opens_later() -> None:
    street = street_of()
    street.act(pressed(street), "close", cause=CloseCause.SAFE_AT_HOME)
    assert len(taught(live(street, WAITS_MS + HOUR_MS))) == 1
    street.act(pressed(street), "close", cause=CloseCause.HELPED)
    (counts,) = taught(live(street, 2 * DAY_MS))
    assert [one.y for one in counts.lessons] == [1.0]


@pytest.mark.parametrize("seen", [False, True])
def test_a_silence_raised_again_without_life_since_takes_its_lesson_back(*, seen: bool) -> None:
    """Closed as safe by mistake, and silent ever since. What its last closing says counts."""
    street = street_of()
    street.register(latest_silence_h=3.0)
    silences: list[Incident] = []
    out: list[Output] = []
    for cause in (CloseCause.SAFE_AT_HOME, CloseCause.HELPED):
        if seen or not silences:
            street.send(*(street.event("motion", device=device, state="on") for device in ("m1", "m2")))
        while not street.open(IncidentKind.SILENCE):
            street.happen("heartbeat")
            out += street.pass_ms(HOUR_MS)
            assert street.now_ms < START_MS + 2 * DAY_MS
        silences += street.open(IncidentKind.SILENCE)
        street.act(silences[-1], "close", cause=cause)
        out += street.tick()
    out += live(street, 2 * DAY_MS, every_h=1)
    of_silence = [one for counts in taught(out) for one in counts.lessons if one.x[0] == 1.0]
    assert sorted(one.y for one in of_silence) == ([0.0, 1.0] if seen else [1.0])


def test_of_whoever_died_the_lesson_leaves_all_the_same() -> None:
    street = street_of()
    street.act(pressed(street), "close", cause=CloseCause.DECEASED)
    street.tick()
    assert street.partition.names() == []
    street.restart()
    street.pass_ms(HOUR_MS)
    (counts,) = taught(street.pass_ms(2 * DAY_MS, HOUR_MS))
    assert [one.y for one in counts.lessons] == [1.0]


@pytest.mark.parametrize("returns", [False, True])
def test_an_end_that_is_known_ahead_of_the_position_keeps_its_lesson(*, returns: bool) -> None:
    """The row of the end was written, the position that follows it was not; then the home may have come back."""
    street = street_of()
    incident = pressed(street)
    street.keep()
    whole = len(street.changelog)
    street.act(incident, "close", cause=CloseCause.DECEASED)
    street.tick()
    if returns:
        street.register(risk_grade=RiskGrade.HIGH)
        street.tick()
    rows = street.keep()
    del street.changelog[whole + len(rows) - 1 :]
    street.crash()
    out = street.arrive() + street.pass_ms(2 * DAY_MS, HOUR_MS)
    assert [one.y for counts in taught(out) for one in counts.lessons] == [1.0]


# Any order of arrival within 30 hours, and any restart.

HOMES = [f"h-{number}" for number in range(3)]
CAUSES = (CloseCause.SAFE_AT_HOME, CloseCause.HELPED, CloseCause.WRONG_CONTACT, CloseCause.EMERGENCY)
CLOSINGS = 6
EVERY_H = 4
WAITS = st.lists(st.integers(0, 29), min_size=CLOSINGS, max_size=CLOSINGS)


def lived(waits: list[int], *, restart_after: int = -1, causes: Any = CAUSES, **options: Any) -> Street:
    """Six presses in three homes, four hours apart, closed within the hour; the closings arrive so many hours late."""
    street = street_of(*HOMES, **options)
    arriving: list[tuple[int, int, Incident, str]] = []
    for hour in range(EVERY_H * CLOSINGS + 62):
        number = hour // EVERY_H
        if hour % EVERY_H == 0 and number < CLOSINGS:
            incident = pressed(street, HOMES[number % len(HOMES)])
            arriving.append((hour + waits[number], number, incident, to_rfc3339(street.now_ms)))
        for at_hour, place, incident, said in sorted(arriving, key=lambda each: each[:2]):
            if at_hour == hour:
                street.act(incident, "close", cause=causes[place % len(causes)], at=said)
        live(street, HOUR_MS - (MINUTE_MS if hour % EVERY_H == 0 and number < CLOSINGS else 0), *HOMES)
        if hour == restart_after:
            street.restart(**options)
    assert street.open() == []
    return street


def told_of(street: Street) -> list[DistrictCounts]:
    """The records as a reader keeps them: the first of each five minutes."""
    found: dict[str, DistrictCounts] = {}
    for one in taught(street.out):
        found.setdefault(one.at, one)
    return list(found.values())


def model_of(street: Street) -> bytes:
    learner = Learner()
    for counts in told_of(street):
        learner.learn(counts.lessons)
    return learner.state()


IN_TIME = lived([0] * CLOSINGS)


@few(max_examples=6)
@given(WAITS)
@example([29] * CLOSINGS)
def test_any_order_of_closings_within_thirty_hours_gives_the_same_model(waits: list[int]) -> None:
    street = lived(waits)
    assert told_of(street) == told_of(IN_TIME)
    assert model_of(street) == model_of(IN_TIME)


def test_negative_control_closings_over_thirty_hours_late_give_another_model() -> None:
    assert told_of(lived([33] * CLOSINGS)) != told_of(IN_TIME)


def test_negative_control_what_was_found_matters() -> None:
    assert sum(len(one.lessons) for one in told_of(IN_TIME)) == CLOSINGS
    assert model_of(lived([0] * CLOSINGS, causes=CAUSES[::-1])) != model_of(IN_TIME)


@pytest.mark.parametrize("hour", [2, 17, 31, 45])
def test_a_restart_anywhere_teaches_the_same(hour: int) -> None:
    assert told_of(lived([0] * CLOSINGS, restart_after=hour)) == told_of(IN_TIME)


def test_homes_that_sleep_teach_the_same() -> None:
    assert told_of(lived([0] * CLOSINGS, awake=1)) == told_of(IN_TIME)
    assert told_of(lived([0] * CLOSINGS, awake=0, restart_after=17)) == told_of(IN_TIME)


def test_what_an_earlier_position_says_again_is_the_same() -> None:
    """A worker that dies after it told and before its position was kept: its successor tells the same records."""
    street = street_of(*HOMES)
    for name in HOMES:
        street.act(pressed(street, name), "close", cause=CloseCause.HELPED)
    street.tick()
    street.keep()
    first = taught(street.pass_ms(3 * DAY_MS, HOUR_MS))
    street.crash()
    assert first
    assert taught(street.arrive()) == first


def test_a_clock_that_jumps_gives_each_lesson_its_own_five_minutes() -> None:
    steps = []
    for step_ms in (MINUTE_MS, 12 * HOUR_MS):
        street = street_of("h-1", "h-2")
        for name in ("h-1", "h-2"):
            street.act(pressed(street, name), "close", cause=CloseCause.HELPED)
            street.pass_ms(20 * MINUTE_MS)
        steps.append(taught(street.pass_ms(36 * HOUR_MS, step_ms)))
    assert len(steps[0]) == 2
    assert steps[0] == steps[1]


# Bounds.


def leaving(number: int, at_ms: int = MARK_MS) -> Leaving:
    return Leaving(at_ms, 1.0, [0.0], f"i{number:04}")


def test_what_is_beyond_a_record_leaves_with_the_next() -> None:
    dealt = by_mark([leaving(n) for n in range(2 * MOST_LESSONS + 3)])
    assert {at_ms // MARK_MS: len(those) for at_ms, those in dealt.items()} == {1: MOST_LESSONS, 2: MOST_LESSONS, 3: 3}
    # Looked at again once more has come, what has left is unchanged.
    later = by_mark([*(leaving(n) for n in range(2 * MOST_LESSONS + 3)), leaving(9999, 3 * MARK_MS)])
    assert later[2 * MARK_MS] == dealt[2 * MARK_MS]
    assert len(later[3 * MARK_MS]) == 4


def test_a_home_teaches_no_more_than_so_much_at_once_and_forgets() -> None:
    lessons = Lessons()
    incident = msgspec.structs.replace(IN_TIME.out and next(iter(IN_TIME.incidents().values())))
    for n in range(MOST + 5):
        one = msgspec.structs.replace(incident, id=f"i{n:04}")
        lessons.begin(one, n * MINUTE_MS, is_open=False)
        lessons.end(one, CloseCause.HELPED, [Told(0, [0.0])], n * MINUTE_MS, n * MINUTE_MS)
    assert [one.incident for one in lessons.leaving(is_open=False)] == [f"i{n:04}" for n in range(5, MOST + 5)]
    assert Lessons.from_state(lessons.state()).state() == lessons.state()
    lessons.forget(WAITS_MS + HOUR_MS)
    assert lessons
    lessons.forget(WAITS_MS + HOUR_MS + KNOWN_MS)
    assert not lessons


def test_a_partition_without_closings_says_nothing() -> None:
    street = Street(Partition(0, 1, engine=ENGINE))
    street.register()
    assert not taught(street.pass_ms(2 * DAY_MS, HOUR_MS))


# The way there and back: counts of all partitions, one stage, weights to all partitions.


def gathered(whole: Whole, records: list[DistrictCounts], *, from_offset: int = 0) -> list[DistrictState]:
    gathering = Gathering(whole, 0, 1)
    out: list[Output] = []
    for offset, one in enumerate(records):
        if offset >= from_offset:
            out += gathering.take(offset, b"%d" % one.partition, encode(one))
    gathering.keep()
    return [one.what for one in out if isinstance(one.what, DistrictState)]


def test_lessons_become_weights_and_a_stage_that_goes_on_knows_them() -> None:
    records = told_of(IN_TIME)
    whole, restarted = (Whole(Positions.start(8)) for _ in range(2))
    states = gathered(whole, records)
    assert states[-1].district == ""
    assert states[-1].lessons == CLOSINGS
    assert any(states[-1].weights)
    again = gathered(restarted, records[:2]) + gathered(restarted, records, from_offset=2)
    assert again == states
    assert restarted.stage == whole.stage


def test_a_topic_set_that_grows_keeps_what_closings_taught() -> None:
    whole = Whole(Positions.start(8))
    gathered(whole, told_of(IN_TIME))
    position = [[[0] * 8, [0] * 8, 0, False], msgspec.to_builtins(whole.profile), [], [], 0, [], "", []]
    position += [[whole.districts.state(), whole.stage_offset, whole.stage], []]
    first, *others = grown([Recovered(position=position)], [[0] * 8 for _ in range(3)])
    assert Learner.restore(Stage(3).restore(first.position[8][2])).lessons == CLOSINGS
    assert [one.position[8][2] for one in others] == [b"", b""]


def test_weights_are_said_again_each_day() -> None:
    whole, last = Whole(Positions.start(8)), from_rfc3339(told_of(IN_TIME)[-1].at)
    days = [DistrictCounts(partition=0, at=to_rfc3339(last + n * DAY_MS // 2)) for n in range(1, 7)]
    states = gathered(whole, [*told_of(IN_TIME), *days])
    assert len({from_rfc3339(one.at) // DAY_MS for one in states[-3:]}) == 3
    assert states[-1].weights == states[-3].weights != []
    assert gathered(Whole(Positions.start(8)), days) == []  # nobody is told of a model that knows nothing


@pytest.mark.parametrize(("weight", "expected"), [(0.0, 0.0), (1.5, 1.5), (50.0, 2.0), (-50.0, -2.0)])
def test_weights_change_a_chance_from_the_next_revision_on_and_within_the_bound(weight: float, expected: float) -> None:
    street = street_of()
    before = pressed(street)
    weights = [weight * (name == "emergency") for name in NAMES]
    state = DistrictState(district="", at=to_rfc3339(street.now_ms), weights=weights, lessons=90)
    street.put("district.state", b"", encode(state))
    assert not [one for one in street.tick() if isinstance(one.what, Incident)]  # nothing is revised for their sake
    street.restart()
    street.act(before)
    street.tick()
    (after,) = street.open(PRESS)
    assert before.chance is not None
    assert after.chance is not None
    assert log_odds(after.chance) - log_odds(before.chance) == pytest.approx(expected, abs=0.01)
    assert ("emergency" in after.chance_by) is bool(weight)


def test_scipy_stats_is_not_loaded_before_the_first_lesson() -> None:
    """It took every start of a worker a second, and every takeover with it."""
    said = [
        "import sys",
        "from schemas.district import Lesson",
        "from streams.districts.help_learner import NAMES, Learner",
        "one = Learner.restore(Learner().state())",
        "print(one.learn([]) == [0.0] * len(NAMES), 'scipy.stats' in sys.modules)",
        "one.learn([Lesson(x=[0.0] * len(NAMES) + [-2.0], y=1.0)])",
        "print('scipy.stats' in sys.modules)",  # negative control: the first lesson does
    ]
    ended = subprocess.run([sys.executable, "-c", "\n".join(said)], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "False", "True"]
