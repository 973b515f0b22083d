"""What waits for ClickHouse: every record once and in order, in batches that never change."""

import itertools
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from writer_doubles import ROUGH, a_record, a_status, incident_bytes

from streams.tail import Record
from streams.writer.batches import Batch, Freezer, Jump, Limits


def batches_of(freezer: Freezer) -> list[Batch]:
    freezer.freeze(0.0, everything=True)
    found = []
    while (batch := freezer.head()) is not None:
        found.append(batch)
        freezer.acknowledge(batch)
    return found


def names_in(batches: Sequence[Batch]) -> list[str]:
    return [values[1] for batch in batches for _, rows in batch.rows for values in rows]


@given(st.lists(st.integers(1, 7), max_size=12), st.integers(0, 2**32))
def test_batches_hold_every_record_once_and_in_order_however_it_was_fetched(sizes: list[int], seed: int) -> None:
    freezer, random = Freezer(ROUGH), Random(seed)
    at = {0: 0, 1: 100}
    for step, size in enumerate(sizes):
        partition = random.choice([0, 1])
        freezer.add([a_record(at[partition] + i, partition) for i in range(size)], float(step))
        at[partition] += size
        if random.random() < 0.3:
            freezer.freeze(float(step + 2))
    held = freezer.records
    batches = batches_of(freezer)
    assert held == sum(batch.records for batch in batches) == sum(sizes)
    for partition, first in ((0, 0), (1, 100)):
        of_one = [batch for batch in batches if batch.place[1] == partition]
        assert names_in(of_one) == [f"i-{partition}-{offset}" for offset in range(first, at[partition])]
        for batch, following in itertools.pairwise(of_one):
            assert following.first == batch.last + 1
    assert len({batch.token for batch in batches}) == len(batches)
    assert freezer.records == 0


def test_a_batch_that_waits_never_changes_and_the_next_one_grows_meanwhile() -> None:
    freezer = Freezer(ROUGH)
    freezer.add([a_record(0)], 0.0)
    freezer.freeze(1.0)
    head = freezer.head()
    assert head is not None
    assert head.token.startswith("incidents-0-0-0-")
    for offset in (1, 2, 3):
        freezer.add([a_record(offset)], float(offset))
        freezer.freeze(float(offset + 100))
    assert freezer.head() is head
    assert [batch.records for batch in batches_of(freezer)] == [1, 3]  # not four batches of one


def test_a_batch_waits_for_company_only_so_long() -> None:
    freezer = Freezer(ROUGH)
    freezer.add([a_record(0)], 10.0)
    freezer.freeze(10.9)
    assert freezer.head() is None
    freezer.freeze(11.0)
    assert freezer.head() is not None


def run_of(first: int, end: int) -> list[Record]:
    return [a_record(offset) for offset in range(first, end)]


P = ("incidents", 0)


def test_a_gap_is_read_again_from_where_it_begins_and_nothing_held_is_let_go() -> None:
    freezer = Freezer(ROUGH)
    assert freezer.add(run_of(0, 3) + run_of(5, 7), 0.0) == [Jump(P, 3, 5)]
    assert freezer.records == 3
    assert freezer.add(run_of(3, 7), 0.0) == []
    assert names_in(batches_of(freezer)) == [f"i-0-{offset}" for offset in range(7)]


def test_a_gap_that_is_still_there_is_lost_told_and_passed() -> None:
    freezer = Freezer(ROUGH)
    freezer.add(run_of(0, 3) + run_of(5, 7), 0.0)
    assert freezer.add(run_of(6, 8), 0.0) == [Jump(P, 3, 6, is_lost=True)]  # retention has moved on meanwhile
    assert names_in(batches_of(freezer)) == [f"i-0-{offset}" for offset in (0, 1, 2, 6, 7)]


def test_a_gap_after_what_was_acknowledged_is_noticed_too() -> None:
    freezer = Freezer(ROUGH)
    freezer.add(run_of(0, 4), 0.0)
    batches_of(freezer)
    assert freezer.add(run_of(5, 6), 0.0) == [Jump(P, 4, 5)]
    assert freezer.add(run_of(4, 6), 0.0) == []
    assert names_in(batches_of(freezer)) == ["i-0-4", "i-0-5"]


def test_a_gap_before_the_first_record_is_noticed_where_the_beginning_is_known() -> None:
    freezer = Freezer(ROUGH)
    freezer.forget({P: 4})
    assert freezer.add(run_of(5, 7), 0.0) == [Jump(P, 4, 5)]
    assert freezer.add(run_of(4, 7), 0.0) == []


def test_a_log_that_begins_anew_is_taken_and_what_is_held_of_the_old_one_commits_nothing() -> None:
    """The old batches' offsets, committed, would pass over records of the new log."""
    freezer = Freezer(ROUGH)
    freezer.add(run_of(10, 16), 0.0)
    new = [a_record(offset, value=incident_bytes(f"new-{offset}")) for offset in range(6)]
    (jump,) = freezer.add(new, 0.0)
    assert (jump, jump.is_back) == (Jump(P, 16, 0), True)
    batches = batches_of(freezer)
    assert names_in(batches) == [*(f"i-0-{offset}" for offset in range(10, 16)), *(f"new-{at}" for at in range(6))]
    assert [(batch.first, batch.last, batch.commits) for batch in batches] == [
        (10, 13, False),
        (14, 15, False),
        (0, 3, True),
        (4, 5, True),
    ]


def test_a_record_that_comes_twice_loses_nothing() -> None:
    freezer = Freezer(ROUGH)
    freezer.add([*run_of(0, 3), *run_of(2, 5)], 0.0)
    batches = batches_of(freezer)
    assert set(names_in(batches)) == {f"i-0-{offset}" for offset in range(5)}
    assert [batch.last for batch in batches if batch.commits] == [4]


def test_one_partition_out_of_step_leaves_the_others_what_they_are() -> None:
    freezer = Freezer(ROUGH)
    freezer.add([a_record(0), a_record(7, 1)], 0.0)
    assert freezer.add([a_record(2), a_record(8, 1), a_record(3)], 0.0) == [Jump(P, 1, 2)]
    assert names_in(batches_of(freezer)) == ["i-0-0", "i-1-7", "i-1-8"]


def test_what_was_forgotten_may_begin_anywhere() -> None:
    freezer = Freezer(ROUGH)
    freezer.add(run_of(0, 9), 0.0)
    freezer.forget({P: None, ("dead.letters", 3): None})
    assert (freezer.records, freezer.head(), freezer.oldest_ms) == (0, None, None)
    assert freezer.add(run_of(4, 6), 0.0) == []


def test_the_same_offsets_with_other_bytes_are_another_token() -> None:
    """A broker that lost its memory counts from 0 again; under the old token ClickHouse would drop the new rows."""
    tokens = []
    for value in (incident_bytes("before"), incident_bytes("after")):
        freezer = Freezer(ROUGH)
        freezer.add([a_record(0, value=value)], 0.0)
        tokens += [batch.token for batch in batches_of(freezer)]
    assert tokens[0] != tokens[1]
    assert [token.rpartition("-")[0] for token in tokens] == ["incidents-0-0-0"] * 2


def test_a_batch_is_cut_by_bytes_too() -> None:
    freezer = Freezer(Limits(batch_records=10**6, batch_bytes=2 * len(incident_bytes("i-0-0"))))
    freezer.add([a_record(offset) for offset in range(6)], 0.0)
    assert [batch.records for batch in batches_of(freezer)] == [2, 2, 2]


def test_a_month_of_statuses_is_one_row_an_hour() -> None:
    freezer = Freezer()
    freezer.add([a_status(minute, 0, minute) for minute in range(240)], 0.0)
    (batch,) = batches_of(freezer)
    ((table, rows),) = batch.rows
    assert table.name == "statuses"
    assert batch.records == 240
    assert 4 <= len(rows) <= 5
