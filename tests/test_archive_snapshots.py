"""A replay that goes on from an archived checkpoint tells what was told live from there on, and nothing else does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from logs import Logs, logs_of
from replays import an_archive, run_all
from test_partition import EVENTFUL, START_MS
from test_replay import LogSource

import load_tests.whatif.log
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif.log import Past, past_of_archive
from schemas.profiles import DEFAULT_PROFILE
from schemas.rows import SNAPSHOTS, Table, Values
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.archive.daily import DailySnapshots
from streams.archive.snapshots import Held, Snapshot, erase_from_snapshots, held_in, load, newest, snapshot_of
from streams.archive.upkeep import erase
from streams.cli import cli
from streams.clickhouse import ClickHouseAwayError
from streams.engine.partition import Partition
from streams.engine.snapshot import HOT, Changelog, Stamp, pack
from streams.replay.equal import Equality, equality
from streams.replay.run import Run, replay
from streams.settings import Settings
from streams.worker.run import ENGINE

DAYS = 3
HALF_MS = START_MS + DAYS * DAY_MS


@pytest.fixture(scope="module")
def logs() -> Logs:
    return logs_of(simulate(16, 6, 12, start_ms=START_MS, rates=EVENTFUL))


@pytest.fixture(scope="module")
def kept(logs: Logs) -> Changelog:
    """The changelog of a worker that was in the middle of these days, as it checkpointed every few hundred records."""
    engine = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    kept = Changelog()
    for topic, chunk in LogSource(logs).chunks(engine):
        engine.offer(topic, chunk)
        engine.pump()
        for key, value in engine.checkpoint().rows:
            kept.take(key, value)
        if engine.clock_ms >= HALF_MS:
            break
    return kept


@pytest.fixture(scope="module")
def snapshot(kept: Changelog) -> Snapshot:
    found = snapshot_of(kept, 0, 1)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def wanted(logs: Logs) -> Run:
    return replay(LogSource(logs), Partition(0, 1, engine=ENGINE, buffer_records=1 << 40))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, logs: Logs, snapshot: Snapshot) -> Iterator[str]:
    """An archive of the logs with the snapshot beside it, written in slices and one of them twice."""
    with an_archive(tmp_path_factory.mktemp("clickhouse"), logs) as (url, client):
        for first in (0, 7, 0):
            count = 7 if first == 0 else 1 << 30
            put(client, snapshot.values(first, count))
        yield url


def put(client: Any, rows: list[Values]) -> None:
    client.insert("snapshots", rows, column_names=SNAPSHOTS.names, column_type_names=SNAPSHOTS.types)


def with_snapshot(url: str, held: Held | None) -> Past:
    return replace(past_of_archive(url, 1), snapshots=(held,), shelf=url)


def judged(past: Past, run: Run, wanted: Run) -> Equality:
    return equality(
        run.incidents,
        wanted.incidents,
        engine=ENGINE,
        until_ms=min(run.clocks_ms),
        begun_ms=lambda _household: past.begun_ms(0),
    )


def test_a_replay_from_a_snapshot_tells_what_was_told_live_from_there_on(url: str, wanted: Run) -> None:
    (held,) = held_in(load_tests.whatif.log._open[url])
    assert (held.partition, held.engine, held.partitions) == (0, ENGINE, 1)
    assert held.clock_ms >= HALF_MS
    past = with_snapshot(url, held)
    run = run_all(past)
    found = judged(past, run, wanted)
    assert found, found.details
    assert found.revisions >= 20
    assert past.is_whole
    assert not run.gaps
    assert run.readings < wanted.readings
    # Not one of them was told before: it goes on, it does not begin anew.
    assert min(one.at for one in run.incidents if one.case) >= to_rfc3339(held.clock_ms)
    # Incidents that were open then go on under their ids, with their next revision.
    assert {one.id for one in run.incidents if one.revision > 2} & {one.id for one in wanted.incidents}


def test_negative_controls_no_snapshot_one_without_a_household_and_another_profile_differ(
    url: str, wanted: Run, snapshot: Snapshot
) -> None:
    client = load_tests.whatif.log._open[url]
    (held,) = held_in(client)
    past = with_snapshot(url, held)
    # The same place in the log, but nothing known of what came before.
    blank = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    position = load(client, held).position
    source = replace(past, snapshots=(), firsts=(tuple(position[0][0]),)).source(0)
    assert not judged(past, replay(source, blank), wanted)
    # A household's rows gone.
    told_later = [
        one for one in wanted.incidents if one.case and one.revision == 1 and one.at > to_rfc3339(held.clock_ms)
    ]
    name = next(one.household for one in told_later if one.kind.value == "silence").encode()
    without = Changelog()
    for key, value in snapshot.rows:
        if key[2:] != name:
            without.take(key, value)
    engine = Partition(0, 1, engine=ENGINE, recovered=without.result(), buffer_records=1 << 40)
    assert not judged(past, replay(past.source(0), engine), wanted)
    # Another budget, from there on.
    bold = msgspec.structs.replace(DEFAULT_PROFILE, id="bold", silence_budget=20.0)
    other = run_all(past, bold)
    assert not judged(past, other, wanted)
    assert {one.profile for one in other.incidents} >= {"bold"}


def test_a_snapshot_counts_when_all_its_rows_are_there_and_a_damaged_one_is_none(url: str, snapshot: Snapshot) -> None:
    client = load_tests.whatif.log._open[url]
    later = snapshot.held._replace(clock_ms=snapshot.held.clock_ms + DAY_MS, number=snapshot.held.number + 9)
    put(client, Snapshot(later, snapshot.rows).values(0, len(snapshot.rows) - 1))
    assert held_in(client) == [snapshot.held]
    put(client, Snapshot(later, snapshot.rows).values(len(snapshot.rows) - 1, 1))
    try:
        assert held_in(client) == [snapshot.held, later]
        assert newest(held_in(client), 1, later.clock_ms - 1) == (snapshot.held,)
        assert newest(held_in(client), 1, later.clock_ms) == (later,)
        assert newest(held_in(client), 1, 0) == (None,)
        assert newest(held_in(client), 2, later.clock_ms) == (None, None), "another topic set"
    finally:
        client.command(f"ALTER TABLE snapshots DELETE WHERE number = {later.number} SETTINGS mutations_sync = 2")
    damaged = Changelog()
    for key, value in snapshot.rows:
        damaged.take(key, value)
    damaged.take(HOT + b"h-9", b"damaged")
    assert snapshot_of(damaged, 0, 1) is not None, "after the last whole checkpoint it does not count"
    damaged.take(*snapshot.rows[-1])
    assert snapshot_of(damaged, 0, 1) is None


def test_whoever_is_erased_is_in_no_snapshot_and_the_others_are(url: str, snapshot: Snapshot) -> None:
    client = load_tests.whatif.log._open[url]
    stamp = Stamp(1, 1, 1)
    held = snapshot.held
    client.command("CREATE TABLE kept_snapshots AS snapshots")
    client.command("INSERT INTO kept_snapshots SELECT * FROM snapshots")
    names = load(client, held).households
    name = min(names)
    ended = Snapshot(
        held, [*snapshot.rows[:-1], (snapshot.rows[-1][0], _with_ended(snapshot.rows[-1][1], name, stamp))]
    )
    try:
        client.command("TRUNCATE TABLE snapshots")
        put(client, ended.values(0, 1 << 30))
        assert name in {one[0] for one in load(client, held).position[3]}
        assert erase_from_snapshots(client, name) == 1
        assert erase_from_snapshots(client, name) == 0
        found = load(client, held)
        assert found.households.keys() == names.keys() - {name}
        assert name not in {one[0] for one in found.position[3]}
        assert held_in(client) == [held]
        with pytest.raises(ValueError, match="no pseudonym"):
            erase(client, "h' OR 1 = 1 --")
    finally:
        client.command("DROP TABLE snapshots")
        client.command("RENAME TABLE kept_snapshots TO snapshots")


def _with_ended(row: bytes, name: str, stamp: Stamp) -> bytes:
    _, position = msgspec.msgpack.decode(row[28:])
    position[3] = [*position[3], [name, 1, 1, 1]]
    return pack(stamp, position)


def test_the_command_goes_on_from_a_day_and_tells_a_snapshot_of_another_engine(
    url: str, snapshot: Snapshot, tmp_path: Path
) -> None:
    env = {"ANBU_CLICKHOUSE": url, "ANBU_PARTITIONS": "1", "COLUMNS": "200"}

    def told(*words: str) -> str:
        done = CliRunner(env=env).invoke(cli, ["replay", "--from", "archive", *words], standalone_mode=False)
        return done.output

    day = to_rfc3339(snapshot.held.clock_ms + DAY_MS)[:10]
    assert "begins with the snapshot of partition 0" in told("--from-snapshot", day)
    since = to_rfc3339(snapshot.held.clock_ms + DAY_MS)
    said = told("--since", since, "--out", str(tmp_path / "out"))
    assert "begins with the snapshot of partition 0" in said
    assert "models begin anew" not in said
    assert "models begin anew" in told("--since", since, "--from-snapshot", "none")
    assert "no snapshot of this engine" in told("--from-snapshot", "2020-01-01")
    client = load_tests.whatif.log._open[url]
    other = snapshot.held._replace(number=snapshot.held.number + 1, engine="9.9.9")
    put(client, Snapshot(other, snapshot.rows).values(0, 1 << 30))
    try:
        client.command("ALTER TABLE snapshots UPDATE engine = '9.9.9' WHERE 1 SETTINGS mutations_sync = 2")
        said = told("--since", since)
        assert "is of engine 9.9.9: not used" in said
        assert "models begin anew" in said
    finally:
        client.command(f"ALTER TABLE snapshots DELETE WHERE number = {other.number} SETTINGS mutations_sync = 2")
        client.command(f"ALTER TABLE snapshots UPDATE engine = '{ENGINE}' WHERE 1 SETTINGS mutations_sync = 2")


class ListShelf:
    """Rows as a list; away when told to be."""

    def __init__(self) -> None:
        self.rows: list[Values] = []
        self.away = False

    def write(self, table: Table, rows: Any, token: str) -> None:
        assert table is SNAPSHOTS
        assert token
        if self.away:
            raise ClickHouseAwayError("away")
        self.rows += rows

    def read(self, _sql: str) -> list[Values]:
        return []


def test_a_writer_keeps_one_snapshot_a_day_of_log_time_and_an_absence_costs_no_more_than_a_later_one(
    kept: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    del kept
    clock_ms = [5 * DAY_MS]
    looks: list[int] = []

    def read(_self: DailySnapshots, partition: int) -> Snapshot | None:
        looks.append(partition)
        if clock_ms[0] // DAY_MS <= (_self._days or {}).get(partition, 0):
            return None
        return Snapshot(Held(partition, clock_ms[0], 1, ENGINE, 2), [(b"h:h-1", b"x"), (b"!position-0", b"y")])

    monkeypatch.setattr(DailySnapshots, "_read", read)
    shelf, at_s = ListShelf(), [1.0]
    daily = DailySnapshots(Settings(), shelf, look_every_s=60, clock=lambda: at_s[0])

    def turn() -> None:
        at_s[0] += 61
        for _ in range(20):
            daily.step([0, 1])
            if daily._found is not None:
                daily._found.result(5)

    turn()
    assert len(shelf.rows) == 4
    turn()
    assert (len(shelf.rows), looks) == (4, [0, 1, 0, 1]), "a second look on the same day keeps nothing"
    clock_ms[0] += DAY_MS
    shelf.away = True
    turn()
    assert len(shelf.rows) == 4
    shelf.away = False
    turn()
    assert len(shelf.rows) == 8
    daily.close()
