"""A replay of the archive in ClickHouse equals one of the log itself, and tells what it has not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from logs import Logs, logs_of
from replays import an_archive, run_all
from rich.console import Console
from test_partition import EVENTFUL, START_MS
from test_replay import LogSource

import load_tests.whatif.log
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif.log import past_of_archive
from load_tests.whatif.proof import show_gaps
from schemas.times import from_rfc3339, to_rfc3339
from streams.archive.upkeep import erase, set_retention
from streams.cli import cli
from streams.engine.partition import Partition
from streams.replay.equal import equality
from streams.replay.run import Run, differences, replay
from streams.worker.run import ENGINE

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def logs() -> Logs:
    return logs_of(simulate(7, 5, 12, start_ms=START_MS, rates=EVENTFUL))


@pytest.fixture(scope="module")
def wanted(logs: Logs) -> Run:
    return replay(LogSource(logs), Partition(0, 1, engine=ENGINE, buffer_records=1 << 40))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, logs: Logs) -> Iterator[str]:
    """An archive of these logs, written twice over as by a writer that was killed, in the embedded engine."""
    with an_archive(tmp_path_factory.mktemp("clickhouse"), logs) as (url, _):
        yield url


def replayed(url: str, **options: Any) -> Run:
    return run_all(past_of_archive(url, 1, **options))


def test_a_replay_of_the_archive_tells_what_a_replay_of_the_log_tells(url: str, wanted: Run) -> None:
    found = replayed(url)
    assert not differences(found.incidents, wanted.incidents)
    assert (found.readings, found.clocks_ms) == (wanted.readings, wanted.clocks_ms)
    assert len(found.incidents) > 10
    assert not found.gaps
    assert past_of_archive(url, 1).is_whole


def test_a_replay_that_begins_in_the_middle_says_so_and_ends_where_it_was_told_to(url: str, wanted: Run) -> None:
    since_ms, until_ms = START_MS + 2 * DAY_MS, START_MS + 4 * DAY_MS
    past = past_of_archive(url, 1, since_ms=since_ms, until_ms=until_ms)
    found = run_all(past)
    assert not past.is_whole
    assert {gap.is_beginning for gap in found.gaps} == {True}
    assert since_ms <= found.from_ms <= since_ms + 120_000
    assert found.clocks_ms == [until_ms]
    assert all(from_rfc3339(one.at) <= until_ms for one in found.incidents if one.case)
    assert 0 < len(found.incidents) < len(wanted.incidents)
    shown = Console(record=True, width=200)
    show_gaps(shown, past, found)
    assert "does not begin at its first record" in shown.export_text()


def test_a_gap_in_offsets_is_told_and_so_are_erased_records_never_passed_in_silence(url: str, wanted: Run) -> None:
    client = load_tests.whatif.log._open[url]
    place = "topic = 'home.sensors' AND log_partition = 0"
    client.command("CREATE TABLE kept AS archive")
    client.command("INSERT INTO kept SELECT * FROM archive")
    try:
        client.command(
            f"ALTER TABLE archive DELETE WHERE {place} AND log_offset BETWEEN 40 AND 49 SETTINGS mutations_sync = 1"
        )
        name = wanted.incidents[0].household
        assert erase(client, name, source="/sensors/nobody-has-it") == 0
        erased = erase(client, name)
        assert erased > 5
        assert erase(client, name) == 0
        columns = client.query("SELECT * FROM archive").result_rows
        assert not [row for row in columns if name in map(str, row)]
        past = past_of_archive(url, 1)
        found = run_all(past)
    finally:
        client.command("DROP TABLE archive")
        client.command("RENAME TABLE kept TO archive")
    assert [(gap.topic, gap.first, gap.next) for gap in found.gaps] == [("home.sensors", 40, 50)]
    assert 0 < found.erased <= erased
    assert name not in {one.household for one in found.incidents}
    assert {one.household for one in found.incidents} <= {one.household for one in wanted.incidents}
    shown = Console(record=True, width=200)
    show_gaps(shown, past, found)
    said = shown.export_text()
    assert "gap in home.sensors/0: 10 offsets from 40 on are missing" in said
    assert "records were erased" in said
    assert found.readings < wanted.readings


def test_the_command_replays_the_archive_and_an_empty_one_is_told(url: str, tmp_path: Path) -> None:
    env = {"ANBU_CLICKHOUSE": url, "ANBU_PARTITIONS": "1"}
    done = CliRunner(env=env).invoke(
        cli, ["replay", "--from", "archive", "--out", str(tmp_path / "out")], standalone_mode=False
    )
    assert done.exception is None, done.output
    (run,) = msgspec.json.decode((tmp_path / "out" / "report.json").read_bytes())["runs"]
    assert run["name"] == "as in the log"
    assert run["incidents"]["count"] >= 5
    client = load_tests.whatif.log._open[url]
    client.command("RENAME TABLE archive TO away")
    client.command("CREATE TABLE archive AS away")
    try:
        done = CliRunner(env=env).invoke(cli, ["replay", "--from", "archive"], standalone_mode=False)
        assert "the archive is empty" in done.output
    finally:
        client.command("DROP TABLE archive")
        client.command("RENAME TABLE away TO archive")


def test_the_archive_is_kept_as_long_as_the_setting_says_and_no_name_reaches_its_sql(url: str) -> None:
    client = load_tests.whatif.log._open[url]

    def kept() -> str:
        return str(client.query("SHOW CREATE TABLE archive").result_rows[0][0])

    assert "toIntervalDay(400)" in kept()
    for days in (90, 90, 400):
        set_retention(client, days)
        assert f"toIntervalDay({days})" in kept()
    with pytest.raises(ValueError, match="no pseudonym"):
        erase(client, "h' OR 1 = 1 --")
    with pytest.raises(ValueError, match="no pseudonym"):
        erase(client, "h-1", source="' OR 1 = 1 --")


# Equality.


def test_equality_compares_like_with_like_up_to_where_both_came_and_names_what_differs(wanted: Run) -> None:
    told, until_ms = wanted.incidents, wanted.clocks_ms[0]
    assert equality(told, told, engine=ENGINE, until_ms=until_ms)
    assert equality(told, told, engine=ENGINE, until_ms=until_ms).revisions == len(
        {(one.id, one.revision) for one in told}
    )
    # A live run that has gone on since.
    half_ms = (START_MS + until_ms) // 2
    short = [one for one in told if from_rfc3339(one.at) <= half_ms]
    assert not differences(told, told)
    assert equality(short, told, engine=ENGINE, until_ms=half_ms)
    # Another version's are left out, and nothing left is not "equal".
    assert not equality(told, told, engine="9.9", until_ms=until_ms)
    one = next(one for one in told if one.case and one.revision == 2)
    other = [msgspec.structs.replace(each, deadline=to_rfc3339(until_ms)) if each is one else each for each in told]
    found = equality(told, other, engine=ENGINE, until_ms=until_ms)
    assert found.differing.otherwise == [f"{one.id}/2"]
    assert "deadline" in found.details[0]
    lost = equality(told, [each for each in told if each is not one], engine=ENGINE, until_ms=until_ms)
    assert lost.differing.only_here == [f"{one.id}/2"]
    # What was opened while a replay warmed up is not compared.
    assert equality(told, other, engine=ENGINE, until_ms=until_ms, after_ms=from_rfc3339(one.opened_at) + 1)
