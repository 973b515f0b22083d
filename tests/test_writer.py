"""The ClickHouse writer with a log and a store made of lists: whatever fails, whenever it is killed, every row is there."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from writer_doubles import (
    NOW,
    ROUGH,
    SETTINGS,
    Clock,
    KilledError,
    ListSource,
    ListStore,
    Log,
    a_log,
    a_record,
    a_writer,
    drain,
    incident_bytes,
)

from schemas.rows import Table, Values
from streams.backoff import Backoff
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError
from streams.tail import Record
from streams.writer.batches import Freezer, Jump, Limits
from streams.writer.health import WriterHealth
from streams.writer.run import Writer, WriterError, WriterTally
from streams.writer.source import Polled

FATES = st.lists(st.sampled_from(["", "", "before", "after"]), max_size=30)


@settings(max_examples=60)
@given(FATES, st.integers(0, 2**32))
def test_within_one_life_every_row_is_stored_once_whatever_inserts_fail(fates: list[str], seed: int) -> None:
    log, clock, random = a_log(20), Clock(), Random(seed)
    left = iter(fates)
    store = ListStore(lambda: next(left, ""))
    source = ListSource(log, random, clock)
    tally = WriterTally()
    drain(a_writer(source, store, clock, metrics=tally), source)
    assert sorted(store.names) == sorted(f"i-{p}-{o}" for p in range(2) for o in range(20))
    assert log.committed == {("incidents", 0): 20, ("incidents", 1): 20}
    assert tally.retries <= len(fates)


def test_without_tokens_an_insert_whose_answer_was_lost_is_stored_twice() -> None:
    log, clock = a_log(3, partitions=1), Clock()
    fates = iter(["after"])
    store = ListStore(lambda: next(fates, ""), minds_tokens=False)
    source = ListSource(log, Random(1), clock)
    drain(a_writer(source, store, clock), source)
    assert len(store.names) > len(set(store.names)) == 3


LIVES = st.lists(
    st.lists(st.sampled_from(["", "", "", "before", "after", "killed before", "killed after"]), max_size=8), max_size=5
)


def live_and_die(lives: list[list[str]], seed: int, **source_habits: Any) -> tuple[Log, ListStore]:
    """Writer after writer, each ended by a kill, the last one left to finish; partitions change hands at random."""
    log, store, random = a_log(20), ListStore(), Random(seed)
    for life in [*lives, []]:
        clock = Clock()
        fates = iter(life)
        store.fate = lambda fates=fates: next(fates, "")  # type: ignore[misc]
        limits = Limits(batch_records=random.randint(1, 6), batch_age_s=0.5, held_records=12)
        source = ListSource(log, random, clock, **source_habits)
        writer = Writer(SETTINGS, source=source, store=store, clock=clock, wall=lambda: NOW, limits=limits)
        with contextlib.suppress(KilledError):
            while life:
                if random.random() < 0.2:
                    source.restarts.add(("incidents", random.randint(0, 1)))
                writer.step()
                if source.at_end and writer._freezer.records == 0:
                    break
            if not life:
                drain(writer, source)
    return log, store


@settings(max_examples=60)
@given(LIVES, st.integers(0, 2**32))
def test_whenever_it_is_killed_every_row_is_there_after_the_next_life(lives: list[list[str]], seed: int) -> None:
    log, store = live_and_die(lives, seed)
    assert set(store.names) == {f"i-{p}-{o}" for p in range(2) for o in range(20)}
    assert log.committed == {("incidents", 0): 20, ("incidents", 1): 20}


def test_offsets_committed_before_the_insert_lose_rows_at_a_kill() -> None:
    """The control of the law above: it can fail."""
    _, store = live_and_die([["", "killed before"]], 7, commits_as_it_reads=True)
    assert set(store.names) < {f"i-{p}-{o}" for p in range(2) for o in range(20)}


def test_memory_stays_flat_and_polls_go_on_while_clickhouse_is_away() -> None:
    log, clock = a_log(400), Clock()
    away = [True]
    store = ListStore(lambda: "before" if away[0] else "")
    source, tally = ListSource(log, Random(3), clock), WriterTally()
    writer = a_writer(source, store, clock, metrics=tally)
    most, longest_s, last_s = 0, 0.0, clock.at_s
    while clock.at_s < 3_600:
        writer.step()
        most = max(most, tally.held_records)
        longest_s, last_s = max(longest_s, clock.at_s - last_s), clock.at_s
    assert ROUGH.held_records <= most <= ROUGH.held_records + 7
    assert longest_s <= 1.0  # the group throws out who does not poll for 300 s
    assert source.paused
    assert 3_600 / 30 <= tally.retries <= 3_600 / 15 + 20
    away[0] = False
    drain(writer, source)
    assert sorted(store.names) == sorted(f"i-{p}-{o}" for p in range(2) for o in range(400))
    assert not source.paused


def test_an_absence_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    log, clock = a_log(3), Clock()
    fates = iter(["before"] * 5)
    source = ListSource(log, Random(3), clock)
    with caplog.at_level(logging.INFO, "anbu.writer"):
        drain(a_writer(source, ListStore(lambda: next(fates, "")), clock), source)
    assert [record.getMessage() for record in caplog.records] == [
        "away; nothing is lost, trying on",
        "ClickHouse is back after 5 failed tries",
    ]


def test_waits_double_up_to_a_bound_and_are_shortened_by_chance() -> None:
    draws = iter([0.0, 1.0, 0.5, 0.0, 1.0])
    backoff = Backoff(lambda: next(draws), first_s=1.0, most_s=4.0)
    assert [backoff.fail() for _ in range(5)] == [1.0, 1.0, 3.0, 4.0, 2.0]
    backoff.succeed()
    assert Backoff(lambda: 0.0).fail() == 0.2
    assert backoff.failures == 0


def test_bad_bytes_are_counted_and_skipped_and_their_content_is_told_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret = b'{"type":"incident","household":"h-secret-7"'
    values = [incident_bytes("good-1"), secret, b"\xff secret", None, incident_bytes("good-2")]
    log = Log([Record("incidents", 0, at, None, value, NOW) for at, value in enumerate(values)])
    clock, tally, store = Clock(), WriterTally(), ListStore()
    source = ListSource(log, Random(0), clock)
    writer = Writer(SETTINGS, source=source, store=store, clock=clock, wall=lambda: NOW, metrics=tally)
    with caplog.at_level(logging.DEBUG):
        drain(writer, source)
    assert store.names == ["good-1", "good-2"]
    assert tally.skips == 3
    assert log.committed == {("incidents", 0): 5}
    told = [record.getMessage() for record in caplog.records if record.name == "anbu.writer"]
    assert told == ["incidents/0: records without a row: 1 empty, 2 not_readable; the first at offset 1"]
    assert "secret" not in caplog.text


def test_a_topic_full_of_bad_bytes_is_passed() -> None:
    log, clock, store = Log([a_record(at, value=b"{") for at in range(30)]), Clock(), ListStore()
    source = ListSource(log, Random(0), clock)
    drain(a_writer(source, store, clock), source)
    assert log.committed == {("incidents", 0): 30}
    assert store.tables == {}


def test_what_waits_is_told_with_its_age() -> None:
    log, clock, tally = a_log(2, partitions=1), Clock(), WriterTally()
    writer = a_writer(ListSource(log, Random(0), clock), ListStore(lambda: "before"), clock, metrics=tally)
    writer._wall = lambda: NOW + 90_000
    for _ in range(10):
        writer.step()
    assert tally.held_records == 2
    assert tally.behind_s == 90.0


@pytest.mark.parametrize(
    "error", [ClickHouseRefusedError("run: anbu migrate"), OverflowError("h-secret-7 is too large")]
)
def test_what_no_waiting_mends_ends_it_in_one_line_without_content(error: Exception) -> None:
    class Refusing(ListStore):
        def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
            raise error

    log, clock = a_log(2, partitions=1), Clock()
    source = ListSource(log, Random(0), clock)
    with pytest.raises(WriterError) as told:
        drain(a_writer(source, Refusing(), clock), source)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)
    assert log.committed == {}


def test_told_to_stop_it_writes_what_it_holds_first() -> None:
    log, clock, store, stop = a_log(5, partitions=1), Clock(), ListStore(), threading.Event()

    class Stopping(ListSource):
        def poll(self, within_s: float) -> Polled:
            if self.at_end:
                stop.set()
            return super().poll(0.0)

    source = Stopping(log, Random(0), clock)
    limits = Limits(batch_age_s=10**6)
    Writer(SETTINGS, source=source, store=store, clock=clock, wall=lambda: NOW, limits=limits).run(stop)
    assert store.names == [f"i-0-{offset}" for offset in range(5)]
    assert log.committed == {("incidents", 0): 5}


def test_an_absence_that_changes_its_reason_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    left = ["does not answer", "does not answer", "too many parts", "too many parts", "does not answer"]

    class Failing(ListStore):
        def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
            if left:
                raise ClickHouseAwayError(left.pop(0))
            super().write(table, rows, token)

    log, clock = a_log(3), Clock()
    source = ListSource(log, Random(3), clock)
    with caplog.at_level(logging.ERROR, "anbu.writer"):
        drain(a_writer(source, Failing(), clock), source)
    reasons = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert reasons == ["does not answer", "too many parts", "does not answer"]


class Forgetful(ListSource):
    """Loses a piece of what it read, once, and goes on behind it."""

    lost = 0

    def poll(self, within_s: float) -> Polled:
        polled = super().poll(within_s)
        if len(polled.records) > 2 and not self.lost:
            self.lost = len(polled.records[1:])
            return Polled(polled.records[:1], polled.restarted)
        return polled


def test_records_that_the_reader_lost_are_read_again_and_nothing_is_committed_over_them() -> None:
    log, clock, store = a_log(20), Clock(), ListStore()
    source = Forgetful(log, Random(5), clock)
    drain(a_writer(source, store, clock), source)
    assert source.lost
    assert set(store.names) == {f"i-{p}-{o}" for p in range(2) for o in range(20)}


def trusting(freezer: Freezer, records: Iterable[Record], at_s: float) -> list[Jump]:
    for record in records:
        freezer._take((record.topic, record.partition), record, at_s)
    return []


def test_negative_control_a_writer_that_trusts_its_reader_loses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Freezer, "add", trusting)
    log, clock, store = a_log(20), Clock(), ListStore()
    source = Forgetful(log, Random(5), clock)
    drain(a_writer(source, store, clock), source)
    assert set(store.names) < {f"i-{p}-{o}" for p in range(2) for o in range(20)}


def test_a_broker_that_lost_its_memory_while_records_were_held_loses_no_new_record() -> None:
    log, clock, away = a_log(8, partitions=1), Clock(), [True]
    store = ListStore(lambda: "before" if away[0] else "")
    source = ListSource(log, Random(2), clock)
    writer = a_writer(source, store, clock)
    while not source.at_end:
        writer.step()
    # The same offsets, other incidents, and no committed offset any more.
    log.records = [a_record(at, value=incident_bytes(f"new-{at}")) for at in range(5)]
    log.committed.clear()
    source._position.clear()
    away[0] = False
    drain(writer, source)
    assert set(store.names) == {f"i-0-{at}" for at in range(8)} | {f"new-{at}" for at in range(5)}
    assert log.committed == {("incidents", 0): 5}


def test_what_retention_has_taken_is_counted_and_told_and_passed(caplog: pytest.LogCaptureFixture) -> None:
    log, clock, store, tally = a_log(12, partitions=1), Clock(), ListStore(), WriterTally()
    log.committed[("incidents", 0)] = 2
    log.records = log.records[7:]

    class Resetting(ListSource):
        """Begins where the log begins, when it is sent before that."""

        def poll(self, within_s: float) -> Polled:
            polled = super().poll(within_s)
            for place, offset in self._position.items():
                self._position[place] = max(offset, 7)
            return polled

    source = Resetting(log, Random(0), clock)
    with caplog.at_level(logging.ERROR, "anbu.writer"):
        drain(a_writer(source, store, clock, metrics=tally), source)
    assert store.names == [f"i-0-{at}" for at in range(7, 12)]
    assert tally.gone == 5
    assert [r.getMessage() for r in caplog.records] == [
        "incidents/0: 5 records were gone from the log before they were read"
    ]
    assert log.committed == {("incidents", 0): 12}


def test_a_long_absence_is_told_again_every_ten_minutes(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    writer = a_writer(ListSource(a_log(3), Random(3), clock), ListStore(lambda: "before"), clock)
    with caplog.at_level(logging.ERROR, "anbu.writer"):
        while clock.at_s < 3_600:
            writer.step()
    assert 5 <= len(caplog.records) <= 6


@pytest.fixture
def own_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_it_after_a_last_write_and_a_second_one_at_once(own_signals: None) -> None:
    class Impatient(BaseException):
        pass

    def raise_it(*_args: object) -> None:
        raise Impatient

    signal.signal(signal.SIGTERM, raise_it)

    class Asked(ListSource):
        def poll(self, within_s: float) -> Polled:
            if self.at_end:
                signal.raise_signal(signal.SIGTERM)
            return super().poll(0.0)

    log, clock, store = a_log(5, partitions=1), Clock(), ListStore()
    limits = Limits(batch_age_s=10**6)
    source = Asked(log, Random(0), clock)
    Writer(SETTINGS, source=source, store=store, clock=clock, wall=lambda: NOW, limits=limits).run()
    assert store.names == [f"i-0-{offset}" for offset in range(5)]
    assert signal.getsignal(signal.SIGTERM) is raise_it

    def ask_again() -> str:
        signal.raise_signal(signal.SIGTERM)
        return "before"

    log.committed.clear()
    source = Asked(log, Random(0), clock)
    writer = Writer(SETTINGS, source=source, store=ListStore(ask_again), clock=clock, wall=lambda: NOW, limits=limits)
    with pytest.raises(Impatient):
        writer.run()


# Its health.


def test_a_writer_whose_store_is_away_is_live_and_not_ready_and_says_since_when() -> None:
    log, clock, away = a_log(3, partitions=1), Clock(), [True]
    source, tally = ListSource(log, Random(0), clock), WriterTally()
    health = WriterHealth(tally, clock)
    writer = a_writer(source, ListStore(lambda: "before" if away[0] else ""), clock, metrics=health)
    writer.step()
    assert health.ready(clock()).ok
    while clock.at_s < 100:
        writer.step()
    assert health.live(clock()).ok
    answer = health.ready(clock())
    assert not answer.ok
    assert answer.body["why"][0].startswith("ClickHouse has taken nothing for 9")
    assert answer.body["held_records"] == 3
    away[0] = False
    drain(writer, source)
    assert health.ready(clock()).ok
    assert (tally.rows, tally.held_records) == (3, 0)


def test_a_writer_to_which_the_group_gives_nothing_is_live_and_not_ready() -> None:
    clock = Clock()
    health = WriterHealth(WriterTally(), clock)
    health.owns(0)
    health.held(0, 0.0)
    assert health.live(clock()).ok
    assert health.ready(clock()).body["why"] == ["owns no partition"]
    health.owns(1)
    assert health.ready(clock()).ok


def test_a_writer_that_takes_no_turn_for_longer_than_the_group_waits_is_not_live() -> None:
    clock = Clock()
    health = WriterHealth(WriterTally(), clock)
    health.owns(2)
    health.held(0, 0.0)
    assert health.live(299.0).ok
    assert not health.live(300.0).ok
    assert not health.ready(300.0).ok
