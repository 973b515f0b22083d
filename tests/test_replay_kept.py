"""What a replay keeps: of one question only, by one run at a time, under a name that nobody else's run can take."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console
from test_partition import EVENTFUL, START_MS
from worker_logs import wait_until

from infra.embedded import EmbeddedBroker
from infra.migrations import migrate
from infra.processes import Child, start_command
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.recordings.recording import write
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif import command, runs
from load_tests.whatif.command import Asked, what_if
from load_tests.whatif.kept import folder_of
from load_tests.whatif.log import Past, close, opened, past_of_archive, past_of_topics
from load_tests.whatif.results import OtherReplayError, Results, digest_of
from load_tests.whatif.runs import Variant
from schemas.profiles import DEFAULT_PROFILE
from streams.archive.source import id_of
from streams.cli import cli
from streams.settings import Settings
from streams.worker.run import ENGINE

BOLD = msgspec.structs.replace(DEFAULT_PROFILE, id="p-bold", silence_budget=20.0)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "street"
    neighbourhood = simulate(3, 6, 12, start_ms=START_MS, rates=EVENTFUL)
    write(folder, neighbourhood, neighbourhood.truth)
    return folder


def play(street: Path, out: Path | None, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"variants": [Variant("mine", DEFAULT_PROFILE)], "partitions": 1, "timelines": 0}
    given["workers"] = 0
    ask = Asked(source=street, out=out, topics=None, **given | options)
    return what_if(ask, Console(quiet=True))


def test_a_profile_changed_under_its_name_and_changed_back_has_the_incidents_of_neither_but_its_own(
    street: Path, tmp_path: Path
) -> None:
    told = []
    for profile in (DEFAULT_PROFILE, BOLD, DEFAULT_PROFILE):
        play(street, tmp_path, variants=[Variant("mine", profile)])
        told.append((tmp_path / "incidents-mine.jsonl").read_bytes())
    assert told[0] != told[1]
    assert told[2] == told[0]


def test_a_replay_that_another_one_disturbs_is_refused_and_what_a_killed_one_left_is_gone(
    street: Path, tmp_path: Path
) -> None:
    left = tmp_path / "runs" / "events-of-a-killed-one"
    spool = tmp_path / "runs" / "spool-of-another-question"
    for folder in (left, spool):
        folder.mkdir(parents=True)
        (folder / "1").write_bytes(b"every event of every home")
    with folder_of(tmp_path):
        assert not left.exists()
        with pytest.raises(click.ClickException, match="another replay writes there now"):
            play(street, tmp_path)
    assert not (tmp_path / "report.json").exists()
    play(street, tmp_path)
    assert (tmp_path / "report.json").exists()
    assert not spool.exists()


@pytest.mark.parametrize("ends_now", [9, 5, 4])
def test_a_killed_replay_goes_on_with_the_log_as_it_stood_and_not_with_a_log_that_never_reached_it(
    tmp_path: Path, ends_now: int
) -> None:
    ask = asked_of_topics(tmp_path)
    begun = Past(1, bootstrap="one:9092", ends=((5, 5),), firsts=((0, 0),))
    assert command._agreed(ask, tmp_path, begun) == begun
    # Of another broker, or begun anew: what never comes would be waited for, by every run of the same command.
    now = Past(1, bootstrap="two:9092", ends=((9, ends_now),), firsts=((0, 0),))
    goes_on = ends_now >= 5
    for _ in range(2):
        assert command._agreed(ask, tmp_path, now).ends == (begun.ends if goes_on else now.ends)


def asked_of_topics(out: Path) -> Asked:
    return Asked(source=None, topics=None, variants=[Variant("mine", DEFAULT_PROFILE)], partitions=1, out=out)


def test_what_a_replay_of_one_broker_left_is_never_gone_on_with_on_another_whose_offsets_are_equal(
    tmp_path: Path,
) -> None:
    one = Past(1, bootstrap="one:9092", ends=((5, 5),), firsts=((0, 0),), cluster="cluster c-one")
    other = replace(one, bootstrap="two:9092", cluster="cluster c-two")
    ask = asked_of_topics(tmp_path)
    assert command._agreed(ask, tmp_path, one) == one
    with pytest.raises(OtherReplayError) as refused:
        command._agreed(ask, tmp_path, other)
    assert str(refused.value) == (
        f"{tmp_path} holds a stopped replay of cluster c-one, and this is cluster c-two; choose another --out"
    )
    assert command._agreed(ask, tmp_path, one) == one, "what was left is untouched"
    assert digest_of(one) != digest_of(other), "nor is a finished result of one taken for the other's"
    # Control: the same cluster under another address is the same one.
    moved = replace(one, bootstrap="three:9092")
    assert command._agreed(ask, tmp_path, moved) == moved
    assert digest_of(moved) == digest_of(one)


def test_machines_that_share_a_replay_are_of_one_cluster(client: Any) -> None:
    results = Results(client, "shared-winter", ENGINE)
    one = Past(1, bootstrap="one:9092", ends=((5,),), firsts=((0,),), cluster="cluster c-one")
    assert results.agree("mark", one, 1) == one
    with pytest.raises(OtherReplayError, match="begun on cluster c-one, and this is cluster c-two"):
        results.agree("mark", replace(one, cluster="cluster c-two"), 2)
    assert results.agree("mark", replace(one, bootstrap="near:9092"), 3).bootstrap == "near:9092"


def test_two_brokers_of_equal_logs_are_told_apart_and_a_broker_is_always_the_same(tmp_path: Path) -> None:
    street = simulate(3, 1, 1, start_ms=START_MS)
    pasts = []
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        for broker in (one, other):
            create_topics(broker.bootstrap, 1)
            asyncio.run(feed(broker.bootstrap, street, partitions=1, tick_every_s=3600))
        pasts = [past_of_topics(broker.bootstrap, 1) for broker in (one, other, one)]
    first, second, again = pasts
    assert (first.ends, first.firsts) == (second.ends, second.firsts)
    assert sum(first.ends[0]) > 100
    assert first.is_of_another(second)
    assert not first.is_of_another(again)
    ask = asked_of_topics(tmp_path)
    command._agreed(ask, tmp_path, first)
    command._agreed(ask, tmp_path, again)
    with pytest.raises(OtherReplayError, match="choose another --out"):
        command._agreed(ask, tmp_path, second)


def test_two_archives_of_equal_logs_are_told_apart_and_an_archive_is_always_the_same(tmp_path: Path) -> None:
    pytest.importorskip("chdb")
    urls = [f"chdb://{tmp_path / name}" for name in ("one", "other", "one")]
    pasts = []
    for url in urls:
        migrate(opened(url))
        pasts.append(past_of_archive(url, 1))
        close(url)
    first, second, again = pasts
    assert (first.ends, first.firsts) == (second.ends, second.firsts)
    assert first.cluster.startswith("archive ")
    assert first.is_of_another(second)
    assert not first.is_of_another(again)
    assert digest_of(first) != digest_of(second), "nor is a finished result of one taken for the other's"
    command._agreed(asked_of_topics(tmp_path), tmp_path, first)
    with pytest.raises(OtherReplayError, match=r"a stopped replay of archive [-0-9a-f]+, and this is archive"):
        command._agreed(asked_of_topics(tmp_path), tmp_path, second)


def test_an_archive_is_known_by_its_tables_id_wherever_that_lies(client: Any) -> None:
    for name in ("one", "other"):
        client.command(f"CREATE DATABASE {name} ENGINE = Atomic")
    ids = []
    for name in ("one", "other", "one"):
        client.command(f"USE {name}")
        client.command("CREATE TABLE IF NOT EXISTS archive (at DateTime) ENGINE = MergeTree ORDER BY at")
        ids.append(id_of(client))
    assert ids[0] == ids[2]
    assert ids[0] != ids[1]
    assert all(ids)


HOLDS: Final = """
import sys, time
from pathlib import Path
from load_tests.whatif.kept import folder_of

with folder_of(None) as folder:
    (folder / "events-1").mkdir()
    (folder / "events-1" / "20000").write_bytes(b"every event of every home")
    print(folder, flush=True)
    sys.stdin.read()
"""
"""A replay without --out in the middle of its work."""


def test_what_a_replay_without_out_left_when_it_was_killed_is_gone_at_the_next_start_and_no_other_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = {**os.environ, "TMPDIR": str(tmp_path)}
    pipe = subprocess.PIPE
    held = [
        subprocess.Popen([sys.executable, "-c", HOLDS], stdin=pipe, stdout=pipe, env=words, text=True) for _ in range(2)
    ]
    killed, alive = held
    assert killed.stdout is not None
    assert alive.stdout is not None
    left, lives = (Path(stream.readline().strip()) for stream in (killed.stdout, alive.stdout))
    killed.kill()
    killed.wait(20)
    others = tmp_path / "anbu-replay-of-somebody", tmp_path / "anbu-something"
    for other in others:
        other.mkdir()
        (other / "notes").write_bytes(b"theirs")
    link = tmp_path / "anbu-replay-link"
    link.symlink_to(others[1])
    assert [*left.iterdir()]
    with folder_of(None) as mine:
        assert mine.is_dir()
        assert not left.exists()
        assert (lives / "events-1" / "20000").exists(), "of one that lives"
        assert all((other / "notes").exists() for other in others), "without the mark of a replay"
        assert link.exists()
    assert not mine.exists()
    alive.communicate("", timeout=20)
    assert not lives.exists()
    killed.communicate()


@pytest.mark.parametrize("other", ["profile", "source", "engine", "partitions"])
def test_the_name_of_a_run_from_files_stands_for_one_question_and_nothing_of_it_is_overwritten(
    street: Path, client: Any, tmp_path: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> list[Any]:
        client.database = "anbu"
        tables = (
            *("replay_runs", "replay_parts", "replay_incidents"),
            *("replay_figures", "replay_points", "replay_reports"),
        )
        return [sorted(map(str, client.query(f"SELECT * FROM {table}").result_rows)) for table in tables]  # noqa: S608 - ours

    results = Results(client, "winter", ENGINE)
    play(street, tmp_path / "out", results=results)
    before = rows()
    assert all(before)
    options: dict[str, Any] = {"results": results}
    if other == "profile":
        options["variants"] = [Variant("mine", BOLD)]
    elif other == "partitions":
        options["partitions"] = 2
    elif other == "engine":
        monkeypatch.setattr("load_tests.whatif.command.engine_fingerprint", lambda: "another engine")
    else:
        street = tmp_path / "homes.csv"
        street.write_text(
            "household,timestamp_iso,source,device,kind,value\nh-1,2026-03-02T08:00:00,sensor,m,motion,ON\n"
        )
    with pytest.raises(click.ClickException, match="choose another name"):
        play(street, tmp_path / "other", **options)
    assert rows() == before


def test_names_of_profiles_stay_in_the_folder_and_never_share_a_file(street: Path, tmp_path: Path) -> None:
    for name in ("a b.toml", "a-b.toml", "...toml"):
        (tmp_path / name).write_text("silence_budget = 0.2\n")

    def done(*names: str) -> Any:
        words = [word for name in names for word in ("--profile", str(tmp_path / name))]
        words += ["--out", str(tmp_path / "o" / "ut"), "--close-ups", "0"]
        env = {"ANBU_PARTITIONS": "1"}
        return CliRunner(env=env).invoke(cli, ["replay", str(street), *words], standalone_mode=False)

    refused = done("a b.toml", "a-b.toml")
    assert refused.exit_code == 2
    assert "share one file" in refused.output
    assert done("...toml", "a b.toml").exception is None
    assert {one.name for one in tmp_path.iterdir()} == {"a b.toml", "a-b.toml", "...toml", "o"}
    assert {one.name for one in (tmp_path / "o" / "ut").glob("incidents-*")} == {
        "incidents--.jsonl",
        "incidents-a-b.jsonl",
    }


def test_a_process_that_is_ended_from_outside_is_told_in_one_line(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_arguments: Any) -> None:
        raise runs.BrokenProcessPool

    monkeypatch.setattr("load_tests.whatif.runs.wait", lost)
    with pytest.raises(click.ClickException, match="ended from outside"):
        play(street, tmp_path, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_a_replay_on_several_processes_is_ended_it_says_so_in_one_line_and_goes_on_to_the_same_end(
    street: Path, tmp_path: Path, number: signal.Signals
) -> None:
    profiles = []
    for name, budget in (("one", 0.05), ("two", 0.2), ("three", 20.0)):
        file = tmp_path / f"{name}.toml"
        file.write_text(f"silence_budget = {budget}\n")
        profiles += ["--profile", str(file)]

    def start(out: str) -> Child:
        words = (str(street), *profiles, "--close-ups", "1", "--out", str(tmp_path / out))
        return start_command("replay", *words, settings=Settings(partitions=2), logs=tmp_path / f"{out}-log")

    whole = start("whole")
    assert whole.wait(200) == 0, whole.tail()
    ended = start("ended")
    wait_until(lambda: bool([*(tmp_path / "ended").glob("runs/*/*.msgpack")]) or not ended.alive, 200, "a part")
    # As a terminal and a supervisor do it: all processes are told; killed outright, the first alone.
    (os.kill if number == signal.SIGKILL else os.killpg)(ended.pid, number)
    code = ended.wait(30)
    told = ended.log.read_text()
    if number != signal.SIGKILL:
        assert code == (143 if number == signal.SIGTERM else 130), told
        assert told.strip().splitlines() == ["stopped; the same command goes on where it was"]
        assert not [*(tmp_path / "ended").glob("runs/events-*")]
    assert not (tmp_path / "ended" / "report.json").exists(), "it was ended too late to prove anything"
    again = start("ended")
    assert again.wait(200) == 0, again.tail()
    assert "kept from an earlier run" in again.log.read_text()
    for name in ("one", "two", "three"):
        file = f"incidents-{name}.jsonl"
        assert (tmp_path / "ended" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    found, wanted = (msgspec.json.decode((tmp_path / out / "report.json").read_bytes()) for out in ("ended", "whole"))
    for report in (found, wanted):
        for run in report["runs"]:
            del run["cpu_s"], run["readings_per_core_s"]
    assert found == wanted
