"""One replay on two machines: they share the partitions, one is lost, and nothing of it is missing or counts twice."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from clickhouse_front import Front
from logs import logs_of
from replays import run_all
from test_partition import EVENTFUL, START_MS
from test_replay import played
from worker_logs import wait_until

from infra.broker import Broker
from infra.processes import Child, start_command
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.simulator.neighbourhood import Rates, simulate
from load_tests.whatif.fold import Played
from load_tests.whatif.log import Past, past_of_topics
from load_tests.whatif.results import OtherReplayError, Results
from load_tests.whatif.runs import Variant
from schemas.encode import encode
from schemas.incidents import Incident
from streams.archive.upkeep import erase
from streams.cli import cli
from streams.settings import Settings
from streams.worker.run import ENGINE

PARTITIONS = 2
LOG = Variant("as in the log")


def counted(client: Any, sql: str) -> list[tuple[Any, ...]]:
    client.database = "anbu"
    return [tuple(row) for row in client.query(sql).result_rows]


@pytest.mark.slow
def test_a_replay_on_two_machines_of_which_one_is_killed_is_whole_and_nothing_counts_twice(
    own_broker: Broker, client: Any, tmp_path: Path
) -> None:
    create_topics(own_broker.bootstrap, PARTITIONS)
    neighbourhood = simulate(28, 5, 12, start_ms=START_MS, rates=Rates(collapses=2.0, emergencies=3.5, slow=0.3))
    asyncio.run(feed(own_broker.bootstrap, neighbourhood, partitions=PARTITIONS, tick_every_s=300))
    wanted = run_all(past_of_topics(own_broker.bootstrap, PARTITIONS))
    with Front(client) as front:
        chosen = Settings(
            kafka=own_broker.url, partitions=PARTITIONS, clickhouse=front.url("anbu"), session_timeout_s=6.0
        )

        def machine(name: str, *words: str) -> Child:
            out = ("--run", "winter", "--out", str(tmp_path / name / "out"))
            return start_command("replay", *out, *words, settings=chosen, logs=tmp_path / name)

        def began(name: str) -> list[Path]:
            return list((tmp_path / name).glob("out/runs/*/*.jsonl"))

        def is_half_way(name: str) -> bool:
            return any(file.stat().st_size for file in began(name))

        lost = machine("lost")
        other = machine("other")
        wait_until(lambda: is_half_way("lost") or not lost.alive, 120, "a machine in the middle of a partition")
        lost.kill()
        done_by_lost = counted(client, "SELECT count() FROM replay_parts FINAL")[0][0]
        assert done_by_lost < PARTITIONS, "it was killed too late to prove anything"
        wait_until(lambda: not other.alive, 240, "the end")
        assert other.exit_code == 0, other.tail()

        told = counted(client, "SELECT incident, revision, body FROM replayed WHERE run = 'winter'")
        assert len(told) == len({row[:2] for row in told})
        mine = {(one.id, one.revision): one for one in wanted.incidents}
        assert len(mine) >= 60
        assert {row[:2]: msgspec.json.decode(row[2], type=Incident) for row in told} == mine
        report = msgspec.json.decode((tmp_path / "other" / "out" / "report.json").read_bytes())
        assert report["runs"][0]["incidents"]["count"] == len(wanted.opened())
        assert report["runs"][0]["readings"] == wanted.readings
        figures = dict(counted(client, "SELECT figure, value FROM replay_figures FINAL WHERE run = 'winter'"))
        assert figures["incidents.count"] == len(wanted.opened())
        assert msgspec.json.decode(counted(client, "SELECT report FROM replay_reports FINAL")[0][0])["runs"]
        assert counted(client, "SELECT count() FROM incidents") == [(0,)], "never the table of the live run"

        # The same again is done already; another question under this name is refused.
        def repeated(name: str, *words: str) -> Any:
            out = ("--run", "winter", "--out", str(tmp_path / name / "out"))
            return CliRunner(env=chosen.to_env()).invoke(cli, ["replay", *out, *words], standalone_mode=False)

        done = repeated("again")
        assert done.exception is None, done.output
        assert not [file for file in began("again") if "half" in file.name]
        done = repeated("until", "--until", "2026-09-02T00:00:00Z")
        assert done.exit_code == 2
        assert "choose another name" in done.output


def some_incidents() -> list[Incident]:
    run = played(logs_of(simulate(4, 4, 12, start_ms=START_MS, rates=EVENTFUL), tick_s=300))
    assert run.incidents
    return list({(one.id, one.revision): one for one in run.incidents}.values())


def test_rows_of_a_machine_that_was_lost_count_for_nothing(client: Any, tmp_path: Path) -> None:
    wanted = some_incidents()
    file = tmp_path / "0.jsonl"
    file.write_bytes(b"".join(encode(one) + b"\n" for one in wanted))
    results = Results(client, "winter", ENGINE)
    # Killed half-way: rows, and no row that names the attempt.
    half = results.store(LOG, 0, "plan", "a", Played([], []), file)
    next(half)
    assert counted(client, "SELECT count() FROM replay_incidents") == [(len(wanted),)]
    assert counted(client, "SELECT count() FROM replayed") == [(0,)]
    assert results.done("plan") == set()
    for attempt in ("b", "c"):
        assert list(results.store(LOG, 0, "plan", attempt, Played([], [], readings=7), file))[-1] == len(wanted)
    assert results.done("plan") == {(LOG.name, 0)}
    assert results.done("another plan") == set()
    assert results.played(LOG, 0, "plan").readings == 7
    out = tmp_path / "out" / "0.jsonl"
    results.write_revisions(LOG, 0, out)
    assert sorted(out.read_bytes().splitlines()) == sorted(file.read_bytes().splitlines())
    assert counted(client, "SELECT count(), uniqExact(attempt) FROM replayed") == [(len(wanted), 1)]
    # Whoever is erased is in no result of a replay either.
    name = wanted[0].household
    erase(client, name)
    left = {row[0] for row in counted(client, "SELECT household FROM replay_incidents")}
    assert left
    assert name not in left
    # A replay of another name sees none of it.
    assert Results(client, "summer", ENGINE).done("plan") == set()


def test_all_machines_follow_the_plan_that_was_written_first_and_none_learns_where_another_finds_things(
    client: Any,
) -> None:
    results = Results(client, "winter", ENGINE)
    secret = "clickhouse://anbu:secret@127.0.0.1/anbu"  # noqa: S105 - made up
    first = Past(1, bootstrap="one:9092", ends=((5,),), firsts=((0,),), shelf=secret)
    later = Past(1, bootstrap="two:9092", ends=((9,),), firsts=((0,),))
    assert results.agree("q", first, 2_000) == first
    found = results.agree("q", later, 1_000)
    assert (found.ends, found.bootstrap, found.shelf) == (((5,),), "two:9092", "")
    assert "secret" not in repr(counted(client, "SELECT * FROM replay_runs"))
    with pytest.raises(OtherReplayError, match="choose another name"):
        results.agree("another question", later, 3_000)


def test_of_machines_that_begin_a_growing_log_at_the_same_moment_all_follow_one_plan(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Past(1, bootstrap="b:9092", ends=((end,),), firsts=((0,),)) for end in (5, 9))
    results, rival = Results(client, "winter", ENGINE), Results(client, "winter", ENGINE)
    known = rival._plans
    blind = iter([[]])  # it looked a moment before the other wrote, by a clock that is behind
    monkeypatch.setattr(rival, "_plans", lambda: next(blind, None) or known())
    assert results.agree("q", first, 2_000).ends == ((5,),)
    assert rival.agree("q", second, 1_000).ends == ((5,),)
    assert results.agree("q", first, 3_000).ends == ((5,),)
