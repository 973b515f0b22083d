"""The tables of ClickHouse: made once and in order, fit for the writer's rows, and honest when read."""

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_front import Front
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import infra.migrations
from infra.migrations import Migration, MigrationError, migrate, migrations
from infra.ports import free_ports
from schemas.encode import encode
from schemas.examples import RECORDS
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity, Urgency
from schemas.rows import EVERY_TABLE, TABLES, Row, Table, to_row
from schemas.times import to_rfc3339
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError, connect
from streams.incident_fold import IncidentFold

NOW = 1_795_000_000_000
MINUTE = 60_000
NAMES = [
    "0001_incidents.sql",
    "0002_statuses.sql",
    "0003_dead_letters.sql",
    "0004_exercises.sql",
    "0005_ladder.sql",
    "0006_owners.sql",
    "0007_archive.sql",
    "0008_snapshots.sql",
    "0009_replays.sql",
    "0010_one_plan.sql",
    "0011_chances.sql",
    "0012_budgets.sql",
    "0013_certainty_by.sql",
    "0014_replay_points.sql",
]
INCIDENT: Incident = RECORDS["incident"]  # type: ignore[assignment]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The embedded engine: one for this file, because a process can have one folder open."""
    with contextlib.closing(connect(f"chdb://{tmp_path_factory.mktemp('clickhouse')}/db")) as client:
        yield client


@pytest.fixture
def empty(engine: Any) -> Iterator[Any]:
    """The same engine in a database of this test's own."""
    name = f"test_{next(_numbers)}"
    engine.command(f"CREATE DATABASE {name}")
    engine.database = name
    yield engine
    engine.command(f"DROP DATABASE {name}")


_numbers = itertools.count()


@pytest.fixture
def tables(empty: Any) -> Any:
    migrate(empty)
    # Rows that come twice must be seen twice in these tests, whatever merges in the background.
    for table in EVERY_TABLE:
        empty.command(f"SYSTEM STOP MERGES {table.name}")
    return empty


def insert(client: Any, table: Table, rows: list[tuple[Any, ...]], token: str | None = None) -> None:
    settings = {} if token is None else {"insert_deduplication_token": token}
    client.insert(table.name, rows, column_names=table.names, column_type_names=table.types, settings=settings)


def rows_of(*incidents: Incident) -> list[tuple[Any, ...]]:
    found = [to_row("incidents", 0, at, encode(incident)) for at, incident in enumerate(incidents)]
    return [row.values for row in found if isinstance(row, Row)]


def an_incident(**fields: Any) -> Incident:
    return msgspec.structs.replace(INCIDENT, **fields)


def test_migrations_are_applied_once_and_in_order(empty: Any) -> None:
    assert migrate(empty) == NAMES
    assert migrate(empty) == []
    noted = empty.query("SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number").result_rows
    assert noted == [(m.number, m.name, m.checksum) for m in migrations()]


def test_a_migration_changed_after_it_was_applied_is_an_error_and_nothing_is_applied(empty: Any) -> None:
    known = migrations()
    migrate(empty, known[:1])
    edited = [Migration(1, known[0].name, known[0].sql + "\n-- a word more"), *known[1:]]
    with pytest.raises(
        MigrationError, match=r"^migration 0001_incidents.sql was changed after it was applied here; .*"
    ):
        migrate(empty, edited)
    assert migrate(empty) == NAMES[1:]


def test_line_ends_of_a_checkout_are_no_change(empty: Any) -> None:
    migrate(empty)
    assert migrate(empty, [Migration(m.number, m.name, m.sql.replace("\n", "\r\n")) for m in migrations()]) == []


def test_a_database_made_by_a_newer_version_is_left_alone(empty: Any) -> None:
    newer = [*migrations(), Migration(len(NAMES) + 1, "9999_later.sql", "SELECT 1")]
    assert migrate(empty, newer) == [*NAMES, "9999_later.sql"]
    with pytest.raises(MigrationError, match=r"9999_later.sql, made by a newer version"):
        migrate(empty)


def test_a_migration_cut_off_half_way_is_applied_again(empty: Any) -> None:
    class Cut:
        """Dies at the third command: after the first table, before its views."""

        left = 2

        def command(self, *args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise DatabaseError("gone", code=None)
            return empty.command(*args, **kwargs)

        def query(self, *args: Any) -> Any:
            return empty.query(*args)

    with pytest.raises(ClickHouseAwayError):
        migrate(Cut())
    assert empty.command("SELECT count() FROM system.tables WHERE database = currentDatabase()") == 2
    assert migrate(empty) == NAMES


def test_sql_that_clickhouse_does_not_take_is_told_by_its_file(empty: Any) -> None:
    with pytest.raises(MigrationError, match=r"^0001_bad.sql failed: .*\(SYNTAX_ERROR, 62\)$"):
        migrate(empty, [Migration(1, "0001_bad.sql", "CREATE TABEL x")])
    assert empty.command("SELECT count() FROM schema_migrations") == 0


def test_numbers_have_no_gap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0002_second.sql").write_text("SELECT 1")
    monkeypatch.setattr(infra.migrations, "files", lambda _: tmp_path)
    with pytest.raises(MigrationError, match="migration 0001 is missing"):
        migrations()


def test_tables_have_the_columns_the_writer_fills_each_with_a_comment(tables: Any) -> None:
    for table in EVERY_TABLE:
        found = tables.query(
            f"SELECT name, type, comment FROM system.columns WHERE database = currentDatabase()"  # noqa: S608
            f" AND table = '{table.name}' ORDER BY position"
        ).result_rows
        assert {name: kind for name, kind, _ in found if name != "stored_at"} == dict(table.columns)
        assert all(comment for _, _, comment in found)


@pytest.mark.parametrize("example", ["incident", "status", "dead_letter"])
def test_a_batch_that_comes_again_under_its_token_is_stored_once(tables: Any, example: str) -> None:
    row = to_row("dead.letters" if example == "dead_letter" else "incidents", 0, 0, encode(RECORDS[example]))
    assert isinstance(row, Row)
    count = f"SELECT count() FROM {row.table.name}"  # noqa: S608
    for _ in range(3):
        insert(tables, row.table, [row.values], "one")
    assert tables.command(count) == 1
    # The control: under another token the same rows are stored again, and FINAL still counts them once.
    insert(tables, row.table, [row.values], "two")
    assert tables.command(count) == 2
    assert tables.command(f"{count} FINAL") == 1


TEXT = st.text(max_size=20)
NUMBER = st.none() | st.floats() | st.integers() | st.integers(-(10**400), 10**400)
TIME = st.integers(946_684_800_000, 4_102_444_799_999).map(to_rfc3339)
WILD = {
    "incident": st.fixed_dictionaries(
        {},
        optional={
            "id": TEXT,
            "revision": st.integers(0, 2**33),
            "household": TEXT,
            "case": st.none() | TEXT,
            "references": st.lists(TEXT, max_size=3),
            "score": NUMBER,
            "threshold": NUMBER,
            "shares": st.dictionaries(TEXT, st.floats() | st.integers(), max_size=3),
            "opened_at": TIME,
            "last_sign_of_life": st.none() | TIME,
            "cause": st.none() | st.sampled_from(CloseCause),
            "urgency": st.sampled_from(Urgency),
            "owner": st.none() | TEXT,
            "sentence_ko": TEXT,
        },
    ),
    "status": st.fixed_dictionaries(
        {}, optional={"partition": st.integers(), "clock": TIME, "households": st.integers(), "lag": NUMBER}
    ),
    "dead_letter": st.fixed_dictionaries(
        {}, optional={"offset": st.integers(), "length": st.integers(), "last_offset": NUMBER, "detail": TEXT}
    ),
}


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(st.data())
def test_whatever_gives_a_row_can_be_inserted(tables: Any, data: st.DataObject) -> None:
    for example, wild in WILD.items():
        topic = "dead.letters" if example == "dead_letter" else "incidents"
        fields = msgspec.to_builtins(RECORDS[example])
        made = [json.dumps(fields | data.draw(wild)).encode() for _ in range(8)]
        rows = [row for value in made if isinstance(row := to_row(topic, 0, 2**40, value), Row)]
        if rows:
            insert(tables, rows[0].table, [row.values for row in rows])


def test_what_stands_is_the_last_revision_however_often_and_in_whatever_order_revisions_came(tables: Any) -> None:
    revisions = rows_of(
        an_incident(id="a", revision=1),
        an_incident(id="a", revision=3, state=IncidentState.CLOSED),
        an_incident(id="a", revision=2),
        an_incident(id="b", revision=1),
    )
    for times in range(2):
        insert(tables, TABLES[0], list(reversed(revisions)), f"t{times}")
    current = tables.query("SELECT incident, revision, state FROM incidents_current ORDER BY incident").result_rows
    assert current == [("a", 3, "closed"), ("b", 1, "updated")]
    assert tables.command("SELECT count() FROM incidents FINAL") == 4
    assert tables.command("SELECT count() FROM incidents") == 8  # the control: without FINAL repeats are counted


def test_cases_in_clickhouse_are_the_cases_that_a_subscriber_sees(tables: Any) -> None:
    random = Random(20_261_124)
    made = []
    for household in range(60):
        home = f"h-{household:03d}"
        for number in range(random.randint(1, 5)):
            case = random.choice([f"{home}-case", f"{home}-case", None])
            for revision in range(1, random.randint(2, 4)):
                opened_ms = NOW + random.randint(0, 90) * MINUTE
                made.append(
                    an_incident(
                        id=f"{home}-{number}",
                        revision=revision,
                        household=home,
                        case=case,
                        state=random.choice([*IncidentState, IncidentState.OPENED]),
                        severity=random.choice(list(Severity)),
                        kind=random.choice(list(IncidentKind)),
                        next_step=random.choice(list(NextStep)),
                        opened_at=to_rfc3339(opened_ms),
                        at=to_rfc3339(opened_ms + revision * MINUTE),
                    )
                )
    random.shuffle(made)
    insert(tables, TABLES[0], rows_of(*made))
    fold = IncidentFold(1, keep_ended=10_000)
    for incident in made:
        fold.apply("incidents", None, encode(incident), NOW)
    stored = tables.query("SELECT household, case_id, gravest, kind, severity, open = 0 FROM cases_current").result_rows
    seen = [
        (c.household, c.id, c.gravest.id, c.gravest.kind.value, c.gravest.severity.value, c.ended)
        for c in fold.cases(ended=True)
    ]
    assert len(seen) > 60
    assert sorted(stored) == sorted(seen)


def test_the_same_migrations_over_http_make_the_database_too(engine: Any) -> None:
    with Front(engine) as front:
        url = front.url("over_http")
        with pytest.raises(ClickHouseRefusedError, match=r"the database is missing; run: anbu migrate$"):
            connect(url)
        with contextlib.closing(connect(url, create=True)) as client:
            assert migrate(client) == NAMES
            assert migrate(client) == []
            assert client.query("SELECT count() FROM cases_current").result_rows == [(0,)]


def test_nobody_at_the_address_is_told_in_one_line_without_the_password() -> None:
    with pytest.raises(ClickHouseAwayError) as told:
        connect(f"clickhouse://anbu:hunter2@127.0.0.1:{free_ports(1)[0]}/anbu")
    assert str(told.value) == "ClickHouse does not answer"


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "clickhouse://", "chdb", "clickhouse://u:hunter2@"])
def test_a_url_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ClickHouseRefusedError, match=r"is neither chdb:///path nor clickhouse://host") as told:
        connect(url)
    assert "hunter2" not in str(told.value)


def test_a_process_has_one_folder_open(engine: Any, tmp_path: Path) -> None:
    with pytest.raises(ClickHouseRefusedError, match="this process has another folder open"):
        connect(f"chdb://{tmp_path}/other")


def in_child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_folder_is_open_in_one_process(engine: Any) -> None:
    code = (
        "import sys; from streams.clickhouse import *\n"
        "try: connect(sys.argv[1])\n"
        "except ClickHouseRefusedError as error: print(error)"
    )
    done = in_child(code, f"chdb://{engine.path}")
    assert done.stdout == (
        f"the embedded ClickHouse: {engine.path} is open in another process; only one can have it open (anbu writer?)\n"
    )


def test_files_that_a_killed_process_left_are_gone_after_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "db.tmp" / "tmp123.native"
    left.parent.mkdir()
    left.write_text("somebody's incidents")
    code = (
        "import sys, tempfile; from streams.clickhouse import *; c = connect(sys.argv[1]); seen = []\n"
        "c.command('CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x')\n"
        "made = tempfile.NamedTemporaryFile\n"
        "def look(*a, **k):\n    f = made(*a, **k); seen.append(f.name); return f\n"
        "tempfile.NamedTemporaryFile = look\n"
        "c.insert('t', [[1]], column_names=['x'])\n"
        "print(*seen, tempfile.gettempdir()); c.close()"
    )
    done = in_child(code, f"chdb://{tmp_path}/db")
    assert not left.exists(), done.stderr
    file, system = done.stdout.split()
    assert Path(file).parent == left.parent
    assert Path(system) != left.parent
    assert list(left.parent.iterdir()) == []
