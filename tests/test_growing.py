"""A set of topics that is grown: what follows is what would have followed, household by household."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from crashing import Told, fresh, states
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import ENGINE, Logs, logs_of, run
from msgspec import to_builtins

from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.partitions import partition_of
from schemas.profiles import DEFAULT_PROFILE
from schemas.topics import ORDERED_NAMES
from streams.engine.partition import Partition
from streams.engine.snapshot import Changelog, Recovered
from streams.growing import NotDrainedError, grown, rows_of

START_MS = 1_788_188_400_000
DAYS = 4
HALF_MS = 2 * 86_400_000 + 7 * 3_600_000
TICK_MS = 60_000

Row = tuple[bytes, bytes | None]


@cache
def played() -> Any:
    return simulate(14, DAYS, 47, start_ms=START_MS, rates=Rates(collapses=1.0, emergencies=1.5, slow=0.5))


@cache
def halves(partitions: int) -> tuple[list[Logs], list[list[int]]]:
    """Logs of every partition, and where each topic stands behind the tick of the middle."""
    logs = [logs_of(played(), partition=number, partitions=partitions) for number in range(partitions)]
    tick = b'"tick":%d' % (START_MS + HALF_MS)
    ends = [
        [next(i for i, value in enumerate(log.values) if value and tick in value) + 1 for log in topics]
        for topics in logs
    ]
    return logs, ends


def first_half(partitions: int) -> tuple[list[Recovered], Told]:
    """Each partition judged up to the tick of the middle and kept."""
    logs, ends = halves(partitions)
    told, out = Told(), []
    for number, topics in enumerate(logs):
        partition = Partition(number, partitions, engine=ENGINE)
        for topic, (log, end) in enumerate(zip(topics, ends[number], strict=True)):
            told.take(partition.offer(topic, log.chunk(0, end))[0])
        told.take(partition.pump())
        out.append(changelog_of(partition.checkpoint().rows))
    return out, told


def changelog_of(rows: Sequence[Row]) -> Recovered:
    """What a changelog of these rows holds."""
    changelog = Changelog()
    for key, value in rows:
        changelog.take(key, value)
    return changelog.result()


def words(told: Told) -> dict[tuple[Any, ...], bytes]:
    """What was told of households: statuses and counts speak of partitions, and dead letters name one."""
    return {
        key: value for key, value in told.records.items() if key[0] not in {"status", "dead.letters", "district.counts"}
    }


def people(partitions: Sequence[Partition]) -> dict[str, Any]:
    """Every household bit for bit."""
    return {name: one for each in partitions for name, one in states(each).items() if name != "!"}


@cache
def never_grown() -> tuple[dict[tuple[Any, ...], bytes], dict[str, Any]]:
    """One partition from the first record to the last."""
    (logs,), _ = halves(1)
    partition, told = Partition(0, 1, engine=ENGINE), Told()
    told.take(run(partition, logs))
    return words(told), people([partition])


@settings(max_examples=2, deadline=None)
@given(counts=st.tuples(st.integers(1, 3), st.integers(2, 7)).filter(lambda pair: pair[0] < pair[1]))
def test_a_set_that_is_grown_says_what_one_would_have_said_that_was_so_large_from_the_beginning(
    counts: tuple[int, int],
) -> None:
    few, many = counts
    old, told = first_half(few)
    logs, ends = halves(many)
    out = []
    for number, state in enumerate(grown(old, ends)):
        kept = [row for one in rows_of(state, number, many, engine=ENGINE, owner=9) for row in one.rows]
        partition = Partition(number, many, engine=ENGINE, recovered=changelog_of(kept), owner=10)
        assert {partition_of(name, many) for name in partition.names()} <= {number}
        told.take(run(partition, logs[number]))
        out.append(partition)
    wanted, homes = never_grown()
    assert not [key for key in told.differing if key[0] != "status"]
    assert words(told) == wanted
    assert people(out) == homes
    assert any(key[0] == "incidents" for key in wanted)


def test_negative_control_without_moving_the_state_homes_are_not_the_same() -> None:
    _, told = first_half(2)
    logs, ends = halves(3)
    out = []
    for number, topics in enumerate(logs):
        partition = Partition(number, 3, engine=ENGINE)
        for topic, end in enumerate(ends[number]):
            partition.pass_gap(topic, end)
        told.take(run(partition, topics))
        out.append(partition)
    wanted, homes = never_grown()
    assert people(out) != homes
    assert words(told) != wanted


def test_rows_that_are_written_a_second_time_lie_behind_the_first_and_count_for_the_same() -> None:
    old, _ = first_half(2)
    _, ends = halves(3)
    (state, *_) = grown(old, ends)
    once = [row for one in rows_of(state, 0, 3, engine=ENGINE, owner=9) for row in one.rows]
    state.top_epoch = changelog_of(once).top_epoch
    twice = [*once, *(row for one in rows_of(state, 0, 3, engine=ENGINE, owner=11) for row in one.rows)]
    again = Partition(0, 3, engine=ENGINE, recovered=changelog_of(twice), owner=12)
    assert states(again) == states(fresh(once, 12))


def test_a_set_that_does_not_stand_at_one_tick_is_not_moved() -> None:
    old, _ = first_half(2)
    old[1].position[0][1][3] -= TICK_MS
    with pytest.raises(NotDrainedError, match="partition 1 do not stand at one tick"):
        grown(old, halves(3)[1])


def test_partitions_that_know_different_profiles_are_not_moved() -> None:
    old, _ = first_half(2)
    old[1].position[1] = {**old[1].position[1], "by": "somebody else"}
    with pytest.raises(NotDrainedError, match="the same profile"):
        grown(old, halves(3)[1])


def test_a_household_whose_rows_are_damaged_is_salvaged_first_and_never_left_behind() -> None:
    old, _ = first_half(2)
    old[0].lost.add(next(iter(old[0].households)))
    with pytest.raises(NotDrainedError, match="salvages"):
        grown(old, halves(3)[1])


def test_what_homes_that_have_left_were_given_goes_with_their_name_from_every_old_partition() -> None:
    cut = [[5] * len(ORDERED_NAMES), [START_MS] * len(ORDERED_NAMES), START_MS, True]
    names = [next(f"h-{n}" for n in range(99) if partition_of(f"h-{n}", 2) == number) for number in (0, 1)]
    given = [[name, [[START_MS - 2000, START_MS - 9000, "day"]]] for name in names]
    old = [Recovered(position=[cut, to_builtins(DEFAULT_PROFILE), [[], []], [], 0, [], "e", [one]]) for one in given]
    new = grown(old, [[5] * len(ORDERED_NAMES)] * 4)
    assert [found.position[7] for found in new] == [
        [one for one in given if partition_of(one[0], 4) == number] for number in range(4)
    ]
