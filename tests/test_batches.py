"""What waits for ClickHouse: every record once and in order, in batches that never change."""

import itertools
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from writer_doubles import ROUGH, a_record, a_status, incident_bytes

from streams.batches import Batch, Freezer, Limits
from streams.tail import Record


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


def test_a_reader_that_goes_back_reads_again_from_the_committed_offset() -> None:
    """Whether the same records come again or a broker that lost its memory gives their offsets to others, who knows."""
    freezer = Freezer(ROUGH)
    assert freezer.add(run_of(10, 16), 0.0) == set()
    assert freezer.add(run_of(13, 18), 0.0) == {("incidents", 0)}
    assert freezer.records == 0
    assert freezer.add(run_of(10, 18), 0.0) == set()
    assert names_in(batches_of(freezer)) == [f"i-0-{offset}" for offset in range(10, 18)]


def test_a_gap_is_read_again_once_and_passed_when_it_is_still_there() -> None:
    freezer = Freezer(ROUGH)
    log = run_of(0, 3) + run_of(5, 7)
    assert freezer.add(log, 0.0) == {("incidents", 0)}
    assert freezer.records == 0
    assert freezer.add(log, 0.0) == set()
    assert names_in(batches_of(freezer)) == [f"i-0-{offset}" for offset in (0, 1, 2, 5, 6)]


def test_a_gap_after_what_was_acknowledged_is_noticed_too() -> None:
    freezer = Freezer(ROUGH)
    freezer.add(run_of(0, 4), 0.0)
    batches_of(freezer)
    assert freezer.add(run_of(5, 6), 0.0) == {("incidents", 0)}
    assert freezer.add(run_of(4, 6), 0.0) == set()
    assert names_in(batches_of(freezer)) == ["i-0-4", "i-0-5"]


def test_a_record_that_is_twice_in_every_reading_is_taken_once() -> None:
    freezer = Freezer(ROUGH)
    log = [*run_of(0, 3), *run_of(2, 4)]
    assert freezer.add(log, 0.0) == {("incidents", 0)}
    assert freezer.add(log, 0.0) == set()
    assert names_in(batches_of(freezer)) == [f"i-0-{offset}" for offset in range(4)]


def test_a_log_that_begins_anew_a_second_time_is_noticed_a_second_time() -> None:
    freezer = Freezer(ROUGH)
    for _ in range(3):
        freezer.add(run_of(0, 6), 0.0)
        batches_of(freezer)
        assert freezer.add(run_of(0, 1), 0.0) == {("incidents", 0)}


def test_one_partition_out_of_step_leaves_the_others_what_they_are() -> None:
    freezer = Freezer(ROUGH)
    freezer.add([a_record(0), a_record(7, 1)], 0.0)
    assert freezer.add([a_record(2), a_record(8, 1), a_record(3)], 0.0) == {("incidents", 0)}
    assert names_in(batches_of(freezer)) == ["i-1-7", "i-1-8"]


def test_a_gap_before_the_first_record_is_noticed_where_the_beginning_is_known() -> None:
    freezer = Freezer(ROUGH)
    freezer.forget({("incidents", 0): 4})
    assert freezer.add(run_of(5, 7), 0.0) == {("incidents", 0)}
    freezer.forget({("incidents", 0): 4})
    assert freezer.add(run_of(5, 7), 0.0) == set()  # retention has taken it: passed


def test_what_was_forgotten_may_begin_anywhere() -> None:
    freezer = Freezer(ROUGH)
    freezer.add(run_of(0, 9), 0.0)
    freezer.forget({("incidents", 0): None, ("dead.letters", 3): None})
    assert (freezer.records, freezer.head(), freezer.oldest_ms) == (0, None, None)
    assert freezer.add(run_of(4, 6), 0.0) == set()


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
