"""The laws of `detectors.contract`, held against every detector by one suite."""

import importlib
import inspect
import pkgutil
import random
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from detector_cases import CASES, Case, ask_all, feed, household, packed
from detector_streams import START_MS, any_events, arriving, lived

import detectors
from detectors.collapse import cut
from detectors.contract import Law
from detectors.findings import Finding
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

SEEDS = (1, 2, 3)
every = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
seeded = pytest.mark.parametrize("seed", SEEDS)


def fed(case: Case, stream: list[Any], detector: Any = None) -> tuple[Any, list[Any]]:
    """A detector that has learned a stream, and what it said."""
    detector = case.make() if detector is None else detector
    return detector, [case.learn(detector, one) for one in stream]


def ordinary(case: Case, seed: int, n: int = 1500) -> list[Any]:
    return case.ordinary(random.Random(seed), n)


@every
@seeded
def test_asking_or_not_asking_makes_no_difference(case: Case, seed: int) -> None:
    stream = ordinary(case, seed)
    asked, quiet = case.make(), case.make()
    for i, one in enumerate(stream):
        said = case.learn(asked, one)
        if i % 7 == 0:
            assert packed(case.look(asked)) == packed(case.look(asked))
        assert case.learn(quiet, one) == said
    assert case.state(asked) == case.state(quiet)


@every
def test_learning_leaves_its_input_alone(case: Case) -> None:
    stream = ordinary(case, 1, 400)
    before = [repr(_plain(one)) for one in stream]
    fed(case, stream)
    assert [repr(_plain(one)) for one in stream] == before


def _plain(one: Any) -> Any:
    """Something a detector is fed, as plain values: rings of episodes inside a day too."""
    if isinstance(one, tuple):
        return [_plain(part) for part in one]
    if isinstance(one, dict):
        return {key: _plain(value) for key, value in one.items()}
    return one.state() if hasattr(one, "state") and hasattr(one, "items") else one


@every
@seeded
def test_what_is_restored_is_equal_bit_for_bit_and_goes_on_identically(case: Case, seed: int) -> None:
    stream = ordinary(case, seed)
    for part in (0, len(stream) // 3, len(stream) // 2, len(stream)):
        first, _ = fed(case, stream[:part])
        state = case.state(first)
        second = case.restore(state)
        assert case.state(second) == state
        assert packed(case.look(second)) == packed(case.look(first))
        _, said_first = fed(case, stream[part:], first)
        _, said_second = fed(case, stream[part:], second)
        assert said_first == said_second
        assert case.state(first) == case.state(second)


@every
def test_equal_streams_give_equal_bytes(case: Case) -> None:
    one, said_one = fed(case, ordinary(case, 5))
    other, said_other = fed(case, ordinary(case, 5))
    assert said_one == said_other
    assert case.state(one) == case.state(other)
    assert case.state(one) != case.state(fed(case, ordinary(case, 6))[0])  # the state does depend on the stream


@every
def test_the_order_of_keys_makes_no_difference(case: Case) -> None:
    stream = ordinary(case, 4, 600)
    one, said_one = fed(case, stream)
    other, said_other = fed(case, [case.reordered(each) for each in stream])
    assert said_one == said_other
    assert case.state(one) == case.state(other)


def largest(case: Case, n: int) -> int:
    """The largest packed state while a hostile stream passes."""
    detector, most = case.make(), 0
    for i, one in enumerate(case.hostile(random.Random(9), n)):
        case.learn(detector, one)
        if i % 97 == 0:
            most = max(most, len(case.state(detector)))
    return max(most, len(case.state(detector)))


@every
def test_memory_is_bounded_whatever_it_is_fed(case: Case) -> None:
    assert largest(case, 12_000) <= case.most_bytes


def test_negative_control_a_detector_that_keeps_everything_breaks_the_bound() -> None:
    class Hoarder:
        opts_out: frozenset[Law] = frozenset()

        def __init__(self) -> None:
            self.kept: list[float] = []

    hoarder = Case(
        "hoarder",
        Hoarder,
        Hoarder,
        lambda one, x: one.kept.append(x),
        lambda one: one.kept,
        lambda one: packed(one.kept),
        lambda state: Hoarder(),
        lambda rng, n: [rng.random() for _ in range(n)],
        lambda rng, n: (rng.random() for _ in range(n)),
        20_000,
    )
    assert largest(hoarder, 12_000) > hoarder.most_bytes


# Laws that a detector may opt out of. Opting out without need fails too.


@every
def test_a_detector_scores_unless_it_has_opted_out(case: Case) -> None:
    assert hasattr(case.kind, "score_one") is case.keeps(Law.SCORE)


@every
def test_the_order_of_learning_makes_no_difference_unless_it_has_opted_out(case: Case) -> None:
    if case.kind is Household:
        return  # a household's order of arrival has its own laws below
    stream = ordinary(case, 7, 300)
    states = set()
    for seed in range(4):
        random.Random(seed).shuffle(stream)
        states.add(case.state(fed(case, stream)[0]))
    assert (len(states) == 1) is case.keeps(Law.ANY_ORDER)


@every
def test_learning_the_same_twice_changes_nothing_unless_it_has_opted_out(case: Case) -> None:
    if case.kind is Household:
        return
    rng = random.Random(3)
    stream = ordinary(case, 8, 300)
    twice = sorted([*enumerate(stream), *((i + rng.randrange(60), one) for i, one in enumerate(stream))], key=_place)
    once, again = fed(case, stream)[0], fed(case, [one for _, one in twice])[0]
    assert (case.state(once) == case.state(again)) is case.keeps(Law.REPEATS)


def _place(numbered: tuple[int, Any]) -> int:
    return numbered[0]


def test_every_detector_is_in_the_suite() -> None:
    found = set()
    for module in pkgutil.iter_modules(detectors.__path__):
        loaded = importlib.import_module(f"detectors.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if kind.__module__ == loaded.__name__ and hasattr(kind, "learn_one"):
                found.add(kind)
    assert found == {case.kind for case in CASES}


# A household: arrival in any order, repeats, late events.


def settled(model: Household, until_ms: int) -> list[Any]:
    """Let time pass until everything is learned that can be."""
    said = []
    for clock_ms in range(model.clock_ms // DAY_MS * DAY_MS, until_ms + 4 * DAY_MS, 6 * HOUR_MS):
        said += model.advance(clock_ms)
    return said


@seeded
@pytest.mark.parametrize("latest_h", [1, 8, 29.9])
def test_any_order_of_arrival_within_thirty_hours_gives_the_same_model(seed: int, latest_h: float) -> None:
    events = lived(random.Random(seed), 2500)
    rng = random.Random(seed + 100)
    late = sorted(((e, e.at_ms + int(rng.random() * latest_h * HOUR_MS)) for e in events), key=lambda a: a[1])
    models = []
    for stream in ([(e, e.at_ms) for e in events], late):
        model = household()
        for one in stream:
            feed(model, one)
        settled(model, events[-1].at_ms)
        models.append(model)
    assert models[0].rhythm() == models[1].rhythm()
    assert models[0].rhythm_version == models[1].rhythm_version > 10
    assert models[0].last_life_ms == models[1].last_life_ms


def test_negative_control_events_later_than_thirty_hours_are_lost_to_the_model() -> None:
    events = lived(random.Random(1), 2500)
    rng = random.Random(2)
    late = sorted(((e, e.at_ms + int((30 + 30 * rng.random()) * HOUR_MS)) for e in events), key=lambda a: a[1])
    in_time, too_late = household(), household()
    for one in events:
        feed(in_time, (one, one.at_ms))
    for arrived in late:
        feed(too_late, arrived)
    settled(in_time, events[-1].at_ms)
    settled(too_late, events[-1].at_ms)
    assert in_time.rhythm() != too_late.rhythm()


@seeded
def test_every_batch_sent_twice_at_random_distances_says_the_same_and_ends_the_same(seed: int) -> None:
    stream = arriving(random.Random(seed), 2500)
    rng = random.Random(seed)
    repeats = [(one, at_ms + int(rng.lognormvariate(0, 2.5) * HOUR_MS)) for one, at_ms in stream]
    end_ms = stream[-1][1]
    twice = sorted(
        [*((a, 0) for a in stream), *((a, 1) for a in repeats if a[1] <= end_ms)], key=lambda x: (x[0][1], x[1])
    )
    once, again = household(), household()
    said_once, said_again = [], []
    for one in stream:
        said_once += feed(once, one)
    for one, _ in twice:
        said_again += feed(again, one)
    assert said_once == said_again
    assert any(isinstance(one, Finding) and one.kind is IncidentKind.SILENCE for one in said_once)
    assert once.advance(end_ms) == again.advance(end_ms)
    assert once.snapshot() == again.snapshot()


@seeded
def test_a_snapshot_at_any_moment_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    rng = random.Random(seed)
    stream = arriving(random.Random(seed), 2000)
    whole, broken = household(), household()
    for one in stream:
        if rng.random() < 0.02:
            broken = Household.restore(broken.hot(), broken.rhythm(), broken.profile, broken.record)
        assert feed(whole, one) == feed(broken, one)
    assert whole.snapshot() == broken.snapshot()


@seeded
def test_a_snapshot_goes_on_identically_whatever_is_sent(seed: int) -> None:
    rng = random.Random(seed)
    whole, broken = household(), household()
    for i, one in enumerate(any_events(random.Random(seed), 3000)):
        if i % 5 == 0:
            broken = Household.restore(broken.hot(), broken.rhythm(), broken.profile, broken.record)
        assert feed(whole, one) == feed(broken, one)
        if rng.random() < 0.01:
            assert whole.snapshot() == broken.snapshot()
    assert whole.snapshot() == broken.snapshot()
    assert len(whole.explain()["sources"]) == 32  # so many have been met that others were dropped


@seeded
def test_late_events_withdraw_a_silence_that_was_never_there(seed: int) -> None:
    events = lived(random.Random(seed), 2000)
    hole_from_ms = START_MS + 12 * DAY_MS + 5 * HOUR_MS
    hole_until_ms = hole_from_ms + 16 * HOUR_MS
    kept = list(cut((e for e in events if e.at_ms < hole_until_ms), hole_from_ms))
    missing = [e for e in events if hole_from_ms <= e.at_ms < hole_until_ms and e not in kept]
    model = household()
    said: list[Any] = []
    for one in kept:
        said += feed(model, (one, one.at_ms))
    said += model.advance(hole_until_ms)
    raised = [one for one in said if isinstance(one, Finding) and one.kind is IncidentKind.SILENCE]
    assert [one.change for one in raised][:1] == ["raise"]
    assert "withdraw" not in [one.change for one in raised]  # nothing is taken back while nothing is known
    for one in missing:
        model.learn_one(one, hole_until_ms)
    late = [one for one in model.advance(hole_until_ms + 60_000) if isinstance(one, Finding)]
    withdrawn = [one for one in late if one.kind is IncidentKind.SILENCE]
    assert [one.change for one in withdrawn] == ["withdraw"]
    assert withdrawn[0].facts["raised_ms"] == raised[0].facts["raised_ms"]


def test_the_order_in_which_sources_are_met_makes_no_difference() -> None:
    events = [e for e in lived(random.Random(3), 400) if e.at_ms < START_MS + DAY_MS]
    states = set()
    for seed in range(4):
        model = Household("h", DEFAULT_PROFILE, start_ms=START_MS)  # no registry: sources are met as they come
        shuffled = list(events)
        random.Random(seed).shuffle(shuffled)
        for one in shuffled:
            model.learn_one(one, START_MS + DAY_MS)
        model.advance(START_MS + DAY_MS + 60_000)
        states.add(model.snapshot())
    assert len(states) == 1


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xc1", packed([]), packed([1]), packed(["x"] * 16)])
def test_bytes_that_are_no_snapshot_are_refused(damage: bytes) -> None:
    model = household()
    with pytest.raises(ValueError, match="snapshot"):
        Household.restore(damage, model.rhythm(), DEFAULT_PROFILE, None)
    with pytest.raises(ValueError, match="snapshot"):
        Household.restore(model.hot(), damage, DEFAULT_PROFILE, None)
    with pytest.raises(ValueError, match="snapshot"):
        Household.from_snapshot(damage, DEFAULT_PROFILE, None)


@seeded
def test_a_snapshot_with_any_byte_changed_is_refused_or_read_but_never_crashes(seed: int) -> None:
    rng = random.Random(seed)
    model = household()
    for one in arriving(rng, 600):
        feed(model, one)
    rows = model.hot(), model.rhythm()
    for _ in range(400):
        which = rng.randrange(2)
        row = bytearray(rows[which])
        row[rng.randrange(len(row))] = rng.randrange(256)
        damaged = [*rows]
        damaged[which] = bytes(row[: rng.randrange(len(row))] if rng.random() < 0.2 else row)
        with suppress(ValueError):
            Household.restore(damaged[0], damaged[1], DEFAULT_PROFILE, None)


def test_what_a_household_says_of_itself_is_plain_data() -> None:
    model = household()
    for one in arriving(random.Random(2), 900):
        feed(model, one)
    assert msgspec.json.decode(msgspec.json.encode(ask_all(model)[4]))["household"] == "h"
