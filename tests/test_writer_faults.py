"""The ClickHouse writer on the real engine, embedded and over HTTP: under each fault every row is there once."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from clickhouse_connect.driver.httputil import all_managers
from clickhouse_front import Fault, Front
from writer_doubles import (
    MINUTE,
    NOW,
    ROUGH,
    SETTINGS,
    Clock,
    KilledError,
    ListSource,
    Log,
    a_log,
    a_record,
    a_status,
    a_writer,
    drain,
    incident_bytes,
)

from infra.migrations import migrate
from infra.ports import free_ports
from schemas.rows import TABLES, Row, Table, Values, to_row
from streams.clickhouse import ClickHouseAwayError, connect
from streams.tail import Place
from streams.writer.batches import Limits
from streams.writer.run import Writer, WriterError, WriterTally
from streams.writer.store import ONCE, ClickHouseStore

_numbers = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clickhouse") / "db"


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Any]:
    """The embedded engine: one for this file, because a process can have one folder open."""
    with contextlib.closing(connect(f"chdb://{folder}")) as client:
        yield client


@pytest.fixture(scope="module")
def front(engine: Any) -> Iterator[Front]:
    with Front(engine) as running:
        yield running


@dataclass
class Database:
    """A database of one test, where merges rest so that rows stored twice are seen twice."""

    url: str
    engine: Any
    name: str

    def ask(self, sql: str) -> Any:
        self.engine.database = self.name
        return self.engine.command(sql)

    @property
    def counts(self) -> list[int]:
        """Rows of `incidents` as they lie there, and how many incidents they are of."""
        return [int(count) for count in self.ask("SELECT count(), uniqExact(incident) FROM incidents")]


def prepare(database: Database) -> Database:
    with contextlib.closing(connect(database.url, create=True)) as client:
        migrate(client)
    for table in TABLES:
        database.ask(f"SYSTEM STOP MERGES {table.name}")
    return database


@pytest.fixture
def server(front: Front, engine: Any) -> Database:
    """Over HTTP."""
    front.faults.clear()
    front.inserts.clear()
    front.is_away = False
    name = f"writer_{next(_numbers)}"
    return prepare(Database(front.url(name), engine, name))


@pytest.fixture
def embedded(engine: Any, folder: Path) -> Iterator[Database]:
    """The same engine without HTTP between."""
    yield prepare(Database(f"chdb://{folder}", engine, "default"))
    engine.database = "default"
    for name in engine.query("SHOW TABLES").result_columns[0]:
        engine.command(f"DROP TABLE {name} SYNC")


@pytest.fixture(params=["server", "embedded"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


def write_all(store: Any, log: Log, limits: Limits = ROUGH) -> WriterTally:
    clock, tally = Clock(), WriterTally()
    source = ListSource(log, Random(0), clock)
    with contextlib.closing(store):
        drain(
            Writer(SETTINGS, source=source, store=store, clock=clock, wall=lambda: NOW, limits=limits, metrics=tally),
            source,
        )
    return tally


# Faults of a server.

FAULTS = [
    # The fault, and how many failures the writer itself sees: resets are tried again inside the driver, unseen.
    (Fault.BUSY, 1),
    (Fault.RESET_BEFORE, 0),
    (Fault.RESET_AFTER, 0),
    (Fault.HANG_BEFORE, 1),
    (Fault.HANG_AFTER, 1),
    (Fault.TOO_MANY_PARTS, 1),
    (Fault.LATE_ERROR, 1),
    (Fault.CUT, 0),
]


@pytest.mark.parametrize(("fault", "seen"), FAULTS, ids=[fault.name for fault, _ in FAULTS])
def test_over_http_rows_are_stored_once_under_each_fault(
    front: Front, server: Database, fault: Fault, seen: int
) -> None:
    front.faults += [Fault.NONE, fault]
    tally = write_all(ClickHouseStore(server.url, 1.0), a_log(8))
    assert server.counts == [16, 16]
    assert tally.retries == seen
    assert not front.faults


def test_over_http_rows_are_stored_once_under_any_row_of_faults(front: Front, server: Database) -> None:
    random = Random(20)
    quick = [Fault.BUSY, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TOO_MANY_PARTS, Fault.LATE_ERROR, Fault.CUT]
    front.faults += [random.choice([*quick, Fault.NONE]) for _ in range(40)]
    write_all(ClickHouseStore(server.url, 5.0), a_log(60))
    assert server.counts == [120, 120]


def test_a_server_that_is_not_there_at_the_start_is_waited_for(engine: Any, server: Database) -> None:
    (port,) = free_ports(1)
    log, clock, tally = a_log(12), Clock(), WriterTally()
    source = ListSource(log, Random(0), clock)
    with contextlib.closing(ClickHouseStore(f"clickhouse://127.0.0.1:{port}/{server.name}", 1.0)) as store:
        writer = a_writer(source, store, clock, metrics=tally)
        while tally.retries < 3:
            writer.step()
        assert tally.held_records >= ROUGH.held_records
        assert source.paused
        with Front(engine, port):
            drain(writer, source)
    assert server.counts == [24, 24]


def test_a_server_away_for_a_while_costs_nothing_but_time(front: Front, server: Database) -> None:
    log, clock, tally = a_log(60), Clock(), WriterTally()
    source = ListSource(log, Random(0), clock)
    with contextlib.closing(ClickHouseStore(server.url, 1.0)) as store:
        writer = a_writer(source, store, clock, metrics=tally)
        for _ in range(3):
            rows, retries = tally.rows, tally.retries
            while tally.rows == rows:
                writer.step()
            front.is_away = True
            while tally.retries < retries + 3:
                writer.step()
                assert tally.held_records <= ROUGH.held_records + 7
            front.is_away = False
        drain(writer, source)
    assert server.counts == [120, 120]


def test_a_night_of_tries_leaves_nothing_behind(front: Front, server: Database) -> None:
    front.is_away = True
    before = len(all_managers)
    with contextlib.closing(ClickHouseStore(server.url, 1.0)) as store:
        for _ in range(20):
            with pytest.raises(ClickHouseAwayError):
                store.write(TABLES[0], [], "one")
        assert len(all_managers) == before
        front.is_away = False
        write_all(store, a_log(1))
    assert len(all_managers) == before


@pytest.mark.parametrize("missing", ["nothing", "the same token", "deduplication", "the window"])
@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.HANG_AFTER], ids=["RESET_AFTER", "HANG_AFTER"])
def test_a_lost_acknowledgement_doubles_the_rows_unless_token_setting_and_window_are_there(
    front: Front, server: Database, monkeypatch: pytest.MonkeyPatch, fault: Fault, missing: str
) -> None:
    """The controls: without each of the three the same fault doubles, so the laws above could fail."""
    tokens = itertools.count()

    class Renaming(ClickHouseStore):
        def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
            super().write(table, rows, f"{token}-{next(tokens)}")

    if missing == "deduplication":
        monkeypatch.setitem(ONCE, "deduplicate_insert", "disable")
    elif missing == "the window":
        server.ask("ALTER TABLE incidents RESET SETTING non_replicated_deduplication_window")
    # The driver repeats under the same token what was reset: the second loss is the writer's own to mend.
    front.faults += [fault] * (2 if fault is Fault.RESET_AFTER else 1)
    store = Renaming(server.url, 1.0) if missing == "the same token" else ClickHouseStore(server.url, 1.0)
    write_all(store, a_log(2, partitions=1))
    rows, incidents = server.counts
    assert incidents == 2
    assert (rows == 2) == (missing == "nothing")
    assert server.ask("SELECT count() FROM incidents FINAL") == 2


@pytest.mark.parametrize("says", ["what it wants", "nothing"])
def test_a_user_who_has_deduplication_off_has_no_doubled_rows_because_the_writer_says_what_it_wants(
    front: Front, server: Database, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    if says == "nothing":  # the control
        monkeypatch.delitem(ONCE, "deduplicate_insert")
    server.engine.set_client_setting("deduplicate_insert", "disable")
    try:
        front.faults.append(Fault.HANG_AFTER)
        write_all(ClickHouseStore(server.url, 1.0), a_log(2, partitions=1))
    finally:
        server.engine.set_client_setting("deduplicate_insert", "enable")
    assert server.counts == ([2, 2] if says == "what it wants" else [4, 2])


def test_an_older_server_gets_only_the_settings_it_knows(server: Database) -> None:
    store = ClickHouseStore(server.url, 1.0)
    with contextlib.closing(store):
        store._open()
        assert store._once == ONCE
        del store._client.server_settings["deduplicate_insert"]

        def again(*_args: Any, **_more: Any) -> Any:
            return store._client

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streams.writer.store.connect", again)
            store._open()
    assert "deduplicate_insert" not in store._once


def test_rows_and_password_go_to_no_proxy_of_the_environment(server: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    write_all(ClickHouseStore(server.url, 1.0), a_log(1))
    assert server.counts == [2, 2]


# Both ways.


class LosingStore(ClickHouseStore):
    """Stores, then says that nobody answered: what a server does that is killed between the two."""

    def __init__(self, url: str, fates: list[bool], name: Callable[[str], str] = lambda token: token) -> None:
        super().__init__(url, 5.0)
        self._fates = fates
        self._name = name

    def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
        super().write(table, rows, self._name(token))
        if self._fates and self._fates.pop():
            raise ClickHouseAwayError("the answer is lost")


def test_embedded_and_over_http_a_lost_answer_is_the_same_rows_again(database: Database) -> None:
    tally = write_all(LosingStore(database.url, [True, False, True, True, False, True]), a_log(8))
    assert tally.retries == 4
    assert database.counts == [16, 16]


def test_negative_control_embedded_and_over_http_another_token_doubles_them(database: Database) -> None:
    tokens = itertools.count()
    store = LosingStore(database.url, [True, False, True, True, False, True], lambda token: f"{token}-{next(tokens)}")
    write_all(store, a_log(8))
    rows, incidents = database.counts
    assert rows > incidents == 16


def test_a_missing_table_ends_it_with_the_remedy(database: Database) -> None:
    database.ask("DROP TABLE dead_letters")
    with pytest.raises(WriterError, match=r"UNKNOWN_TABLE.*run: anbu migrate"):
        write_all(ClickHouseStore(database.url, 5.0), a_log(1))


def test_a_table_that_lacks_a_column_ends_it_with_the_remedy(database: Database) -> None:
    database.ask("ALTER TABLE statuses DROP COLUMN lag")
    with pytest.raises(WriterError, match="run: anbu migrate"):
        write_all(ClickHouseStore(database.url, 5.0), a_log(1))


def test_a_full_disk_is_waited_out(embedded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded engine takes its rows from a file, which the driver writes first."""
    failures = [OSError(28, os.strerror(28))] * 2

    def full(*_args: Any, **_more: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*_args, **_more)

    real = __import__("tempfile").NamedTemporaryFile
    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    tally = write_all(ClickHouseStore(embedded.url, 5.0), a_log(3))
    assert tally.retries == 2
    assert embedded.counts == [6, 6]


def test_a_large_batch_of_long_rows_is_stored_once_when_its_answer_is_lost(database: Database) -> None:
    """The driver sends it in several blocks under one token."""
    row = to_row("incidents", 0, 0, incident_bytes("i", sentence_en="x" * 2_000))
    assert isinstance(row, Row)
    rows = [(row.values[0], f"i-{number}", *row.values[2:]) for number in range(4_000)]
    with contextlib.closing(ClickHouseStore(database.url)) as store:
        for _ in range(2):
            store.write(row.table, rows, "one")
    assert database.counts == [4_000, 4_000]


def test_killed_between_insert_and_commit_it_writes_again_in_other_batches_and_final_counts_are_right(
    database: Database,
) -> None:
    log = a_log(10, partitions=1)
    log.records += [a_status(10 + minute, 0, minute) for minute in range(90)]

    class Dying(ListSource):
        def commit(self, place: Place, offset: int) -> None:
            if offset > 6:
                raise KilledError
            super().commit(place, offset)

    clock = Clock()
    with contextlib.closing(ClickHouseStore(database.url)) as store:
        dying = Dying(log, Random(0), clock)
        limits = Limits(batch_records=5)
        with pytest.raises(KilledError):
            drain(Writer(SETTINGS, source=dying, store=store, clock=clock, wall=lambda: NOW, limits=limits), dying)
    assert log.committed == {("incidents", 0): 5}
    write_all(ClickHouseStore(database.url), log, Limits(batch_records=7))
    assert database.counts == [15, 10]  # the control: five rows are there twice
    assert database.ask("SELECT count() FROM incidents FINAL") == 10
    assert database.ask("SELECT count() FROM incidents_current") == 10
    hours = len({(NOW + minute * MINUTE) // 3_600_000 for minute in range(90)})
    assert database.ask("SELECT count() FROM statuses FINAL") == hours
    assert database.ask("SELECT toUnixTimestamp64Milli(max(clock)) FROM statuses") == NOW + 89 * MINUTE


def test_what_is_stored_is_what_the_log_said(database: Database) -> None:
    write_all(ClickHouseStore(database.url), Log([a_record(0)]))
    row = to_row("incidents", 0, 0, a_record(0).value)
    assert isinstance(row, Row)
    database.engine.database = database.name
    (stored,) = database.engine.query("SELECT * EXCEPT stored_at FROM incidents").result_rows
    for name, told, kept in zip(row.table.names, row.values, stored, strict=True):
        if "DateTime" in row.table.columns[name]:
            assert (kept is None) == (told is None)
        elif row.table.columns[name].endswith("Float32)"):
            assert kept == pytest.approx(told)
        else:
            assert kept == told, name
