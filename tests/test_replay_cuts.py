"""Artificial collapses in topics and in the archive: copies fall silent, the log's ticks go on, and no home is touched."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from logs import ENGINE, Logs, logs_of
from replays import an_archive
from test_partition import EVENTFUL, START_MS
from test_replay import LogSource

from infra.embedded import EmbeddedBroker
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.messages import Played
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif import runs
from load_tests.whatif.cut_log import CutSource, draw_in_logs
from load_tests.whatif.spool import Cut
from schemas.incidents import Incident, IncidentKind
from schemas.times import from_rfc3339
from streams.cli import cli
from streams.engine.partition import Partition
from streams.replay.run import Run, replay

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def town() -> Played:
    return simulate(4, 9, 12, start_ms=START_MS, rates=EVENTFUL)


@pytest.fixture(scope="module")
def logs(town: Played) -> Logs:
    return logs_of(town, tick_s=300)


@pytest.fixture(scope="module")
def cuts(logs: Logs) -> tuple[Cut, ...]:
    found = draw_in_logs([LogSource(logs)], 6, 1)
    assert len(found) >= 3
    return found


def played(source: Any) -> Run:
    return replay(source, Partition(0, 1, engine=ENGINE, buffer_records=1 << 40))


@pytest.fixture(scope="module")
def plain(logs: Logs) -> Run:
    return played(LogSource(logs))


@pytest.fixture(scope="module")
def cut(logs: Logs, cuts: tuple[Cut, ...]) -> Run:
    return played(CutSource(LogSource(logs), cuts))


def of_homes(incidents: list[Incident]) -> set[tuple[str, int]]:
    return {(one.id, one.revision) for one in incidents if not one.household.startswith("cut-")}


def test_the_same_log_is_cut_at_the_same_moments_and_another_seed_elsewhere(logs: Logs, cuts: tuple[Cut, ...]) -> None:
    assert draw_in_logs([LogSource(logs)], 6, 1) == cuts
    assert draw_in_logs([LogSource(logs)], 6, 2) != cuts
    # Fewer households than asked for are drawn by their names: memory is theirs alone.
    assert len({one.of for one in draw_in_logs([LogSource(logs)], 2, 1)}) <= 2


def test_copies_in_a_log_change_nothing_for_its_homes_and_its_clock_goes_on(plain: Run, cut: Run) -> None:
    assert of_homes(cut.incidents) == of_homes(plain.incidents)
    assert cut.clocks_ms == plain.clocks_ms
    assert cut.readings > plain.readings
    assert not cut.gaps
    assert cut.dead_letters >= plain.dead_letters


def test_a_copy_is_its_home_until_it_falls_silent_and_is_found_afterwards(cut: Run, cuts: tuple[Cut, ...]) -> None:
    found = 0
    for one in cuts:
        at_home, at_copy = (
            {
                (i.kind, i.opened_at)
                for i in cut.incidents
                if i.household == name and from_rfc3339(i.opened_at) < one.at_ms
            }
            for name in (one.of, one.household)
        )
        assert at_copy == at_home
        later = [i for i in cut.incidents if i.household == one.household and from_rfc3339(i.opened_at) >= one.at_ms]
        assert all(from_rfc3339(i.opened_at) <= one.until_ms + HOUR_MS for i in later), "it is watched no longer"
        found += any(i.kind is IncidentKind.SILENCE for i in later)
    assert found >= 2


def test_negative_control_without_its_heartbeats_a_copy_could_not_be_told_from_a_cut_wire(cut: Run) -> None:
    blind = {i.household for i in cut.incidents if i.kind is IncidentKind.CANNOT_SEE and i.household.startswith("cut-")}
    silent = {i.household for i in cut.incidents if i.kind is IncidentKind.SILENCE and i.household.startswith("cut-")}
    assert silent - blind


@pytest.fixture
def stored(request: pytest.FixtureRequest, town: Played, logs: Logs, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a broker whose topics hold the log, or of a ClickHouse whose archive does."""
    if request.param == "archive":
        with an_archive(tmp_path / "archive", logs) as (url, _):
            yield {"ANBU_CLICKHOUSE": url, "ANBU_PARTITIONS": "1"}
        return
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, 1)
        asyncio.run(feed(broker.bootstrap, town, partitions=1, tick_every_s=300))
        yield {"ANBU_KAFKA": broker.url, "ANBU_PARTITIONS": "1"}


@pytest.mark.parametrize("stored", ["topics", "archive"], indirect=True)
def test_a_log_is_cut_shown_in_close_up_and_goes_on_where_it_was_killed(
    stored: dict[str, str],
    town: Played,
    plain: Run,
    cut: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: Any,
) -> None:
    store = request.node.callspec.params["stored"]
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    profile = tmp_path / "bold.toml"
    profile.write_text("silence_budget = 20.0\n")
    words = [
        "replay",
        "--from",
        store,
        "--profile",
        str(profile),
        "--cut",
        "6",
        "--close-ups",
        "2",
        "--out",
        str(tmp_path),
    ]

    def replayed() -> Any:
        return CliRunner(env=stored).invoke(cli, words, standalone_mode=False)

    # Killed as its only partition ends: what it had drawn and which offsets it replayed stay.
    play_all = runs.play_all
    monkeypatch.setattr(
        "load_tests.whatif.command.play_all", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert replayed().exception is not None
    assert len([*(tmp_path / "runs").glob("plan-*.json")]) == 1
    (drawn,) = (tmp_path / "runs").glob("cuts-*.json")
    drawn_before = msgspec.json.decode(drawn.read_bytes())
    if store == "topics":
        # The live log goes on meanwhile: what is gone on with is the stretch that was begun, to the offset.
        later = simulate(4, 1, 12, start_ms=town.until_ms, rates=EVENTFUL)
        asyncio.run(feed(stored["ANBU_KAFKA"].removeprefix("kafka://"), later, partitions=1, tick_every_s=300))
    monkeypatch.setattr("load_tests.whatif.command.play_all", play_all)
    monkeypatch.setattr("load_tests.whatif.command.draw_in_logs", lambda *_: pytest.fail("it is drawn already"))
    done = replayed()
    assert done.exception is None, done.output
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    (run,) = report["runs"]
    assert run["readings"] == cut.readings
    assert run["cuts"]["made"] == len(drawn_before) >= 3
    assert run["cuts"]["found"] >= 2
    assert run["cuts"]["median_h"] is not None
    assert report["source"]["households"] == plain.households
    for what in ("district", "target_group", "source_mix", "hour"):
        assert sum(part["incidents"] for part in run["by"][what]) == run["incidents"]["count"]
    shown = report["timelines"]
    assert [home["cut_of"] is not None for home in shown] == [True, False]
    assert all(sum(map(sum, (day["hours"] for day in home["days"]))) > 50 for home in shown)
    assert all(home["scores"]["bold"] for home in shown)
    assert not list((tmp_path / "runs").glob("plan-*")) + list((tmp_path / "runs").glob("cuts-*"))
