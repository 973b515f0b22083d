"""What is missing in a past is told by `anbu replay`: eaten beginnings, gaps of topics and of the archive; never skipped in silence."""

import asyncio
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

from infra.embedded import EmbeddedBroker
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif.log import past_of_topics
from load_tests.whatif.proof import show_gaps
from schemas.topics import ORDER_OF
from streams.cli import cli
from streams.engine.chunk import Chunk
from streams.replay import topics
from streams.replay.run import Gap, Run
from streams.tail import LogReader

EATEN = 60
FETCH_BYTES = 32_768
"""Of a log so short, or it would come in one piece."""
SENSORS = ("home.sensors", 0)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with days of a synthetic street in its topics."""
    with EmbeddedBroker() as running:
        create_topics(running.bootstrap, 1)
        street = simulate(5, 3, 12, start_ms=START_MS, rates=EVENTFUL)
        asyncio.run(feed(running.bootstrap, street, partitions=1, tick_every_s=300))
        yield running


def replayed(env: dict[str, str], out: Path, *words: str) -> tuple[str, list[str]]:
    """What the command says, and the notes of its report."""
    done = CliRunner(env={**env, "ANBU_PARTITIONS": "1", "COLUMNS": "200"}).invoke(
        cli, ["replay", *words, "--close-ups", "0", "--out", str(out)], standalone_mode=False
    )
    assert done.exception is None, done.output
    found: dict[str, Any] = msgspec.json.decode((out / "report.json").read_bytes())
    page = (out / "report.html").read_text(encoding="utf-8").replace("&#x27;", "'")
    notes: list[str] = found["source"]["notes"]
    assert all(note in page for note in notes)
    return done.output, notes


def of_gaps(notes: list[str]) -> list[str]:
    return [note for note in notes if note.startswith("Gap in ")]


# Topics.


def eat(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let a topic begin later, as after retention: this broker has none, and is asked for nothing before that."""
    asked = LogReader.bounds

    def later(reader: LogReader, places: Any) -> dict[tuple[str, int], tuple[int, int]]:
        found = asked(reader, places)
        first, end = found[SENSORS]
        return {**found, SENSORS: (first + count, end)}

    monkeypatch.setattr(LogReader, "bounds", later)


@pytest.mark.slow
def test_a_beginning_that_retention_has_eaten_is_told_on_the_screen_and_in_the_report(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"ANBU_KAFKA": broker.url}
    said, notes = replayed(env, tmp_path / "whole")
    assert "does not begin" not in said, "control: a whole log has nothing to tell"
    assert notes == []
    eat(monkeypatch, EATEN)
    past = past_of_topics(broker.bootstrap, 1)
    assert past.firsts[0][ORDER_OF["home.sensors"]] == EATEN
    assert not past.is_whole
    said, (note,) = replayed(env, tmp_path / "eaten")
    assert "the past does not begin at its first record" in said
    assert "does not begin at the log's first record" in note
    # What was there to be judged is in the figures, and less than there was.
    whole, eaten = (
        msgspec.json.decode((tmp_path / name / "report.json").read_bytes())["runs"][0]["readings"]
        for name in ("whole", "eaten")
    )
    assert 0 < eaten < whole


def retention_is_quicker(monkeypatch: pytest.MonkeyPatch, at: int, *, hides: bool) -> None:
    """Let retention take records while a topic is read: a consumer goes on at the first that is left, as Kafka's do."""
    fetched = topics._next

    async def skipping(consumer: Any, places: list[Any], topic: int, position: int) -> Chunk:
        if topic != ORDER_OF["home.sensors"] or not at <= position < at + EATEN:
            return await fetched(consumer, places, topic, position)
        chunk = await fetched(consumer, places, topic, at + EATEN)
        return replace_start(chunk, position) if hides else chunk

    monkeypatch.setattr(topics, "_next", skipping)


def replace_start(chunk: Chunk, start: int) -> Chunk:
    """The same records, said to follow what came before."""
    fields = {name: getattr(chunk, name) for name in Chunk.__slots__}
    return Chunk(**{**fields, "start": start})


def told_of(broker: EmbeddedBroker) -> tuple[Run, str]:
    past = past_of_topics(broker.bootstrap, 1)
    found = run_all(past)
    shown = Console(record=True, width=200)
    show_gaps(shown, past, found)
    return found, shown.export_text()


def middle_of(broker: EmbeddedBroker) -> int:
    """An offset at which a chunk begins when the log is replayed, in its middle."""
    begun: list[int] = []
    fetched = topics._next

    async def noting(consumer: Any, places: list[Any], topic: int, position: int) -> Chunk:
        if topic == ORDER_OF["home.sensors"]:
            begun.append(position)
        return await fetched(consumer, places, topic, position)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topics, "_next", noting)
        run_all(past_of_topics(broker.bootstrap, 1))
    assert len(begun) > 2, "the log comes in one piece, and nothing can be taken out of its middle"
    return begun[len(begun) // 2]


@pytest.mark.slow
def test_a_gap_that_retention_makes_while_a_topic_is_replayed_is_told_with_its_place(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "FETCH_BYTES", FETCH_BYTES)
    whole, said = told_of(broker)
    assert not whole.gaps, "control: nothing is missing in a whole log"
    assert said == ""
    at = middle_of(broker)
    retention_is_quicker(monkeypatch, at, hides=False)
    found, said = told_of(broker)
    assert found.gaps == [Gap("home.sensors", 0, at, at + EATEN)]
    assert f"gap in home.sensors/0: {EATEN} offsets from {at} on are missing" in said
    assert found.readings < whole.readings
    assert found.clocks_ms == whole.clocks_ms, "it goes on behind the gap to the end"


@pytest.mark.slow
def test_negative_control_a_reader_that_hides_where_it_went_on_passes_a_gap_in_silence(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "FETCH_BYTES", FETCH_BYTES)
    whole, _ = told_of(broker)
    retention_is_quicker(monkeypatch, middle_of(broker), hides=True)
    found, said = told_of(broker)
    assert found.readings < whole.readings
    assert (found.gaps, said) == ([], "")


# The archive.


@pytest.fixture
def logs() -> Logs:
    return logs_of(simulate(5, 3, 12, start_ms=START_MS, rates=EVENTFUL), tick_s=300)


def remove(client: Any, topic: str, first: int, last: int) -> None:
    client.command(
        f"ALTER TABLE archive DELETE WHERE topic = '{topic}' AND log_partition = 0"
        f" AND log_offset BETWEEN {first} AND {last} SETTINGS mutations_sync = 1"
    )


def test_gaps_of_the_archive_are_told_each_with_its_place_and_so_is_a_beginning_that_is_gone(
    logs: Logs, tmp_path: Path
) -> None:
    words = ("--from", "archive")
    with an_archive(tmp_path / "clickhouse", logs) as (url, client):
        env = {"ANBU_CLICKHOUSE": url}
        said, notes = replayed(env, tmp_path / "whole", *words)
        assert "gap in" not in said, "control: a whole archive has nothing to tell"
        assert "does not begin" not in said
        assert notes == []
        remove(client, "home.sensors", 40, 49)
        remove(client, "phone.usage", 200, 200)
        said, notes = replayed(env, tmp_path / "gaps", *words)
        assert "gap in home.sensors/0: 10 offsets from 40 on are missing" in said
        assert "gap in phone.usage/0: 1 offsets from 200 on are missing" in said
        assert "does not begin" not in said
        assert sorted(of_gaps(notes)) == [
            "Gap in home.sensors/0: 10 offsets from 40 on are missing.",
            "Gap in phone.usage/0: 1 offsets from 200 on are missing.",
        ]
        remove(client, "home.sensors", 0, 29)
        said, notes = replayed(env, tmp_path / "beginning", *words)
        assert "the past does not begin at its first record" in said
        assert "gap in home.sensors/0: 10 offsets from 40 on are missing" in said
        assert any("does not begin at the log's first record" in note for note in notes)


def test_of_very_many_gaps_the_report_names_some_and_counts_the_others(logs: Logs, tmp_path: Path) -> None:
    with an_archive(tmp_path / "clickhouse", logs) as (url, client):
        client.command(
            "ALTER TABLE archive DELETE WHERE topic = 'home.sensors' AND log_offset BETWEEN 20 AND 99 AND log_offset % 4 = 0"
            " SETTINGS mutations_sync = 1"
        )
        said, notes = replayed({"ANBU_CLICKHOUSE": url}, tmp_path / "out", "--from", "archive")
    assert said.count("gap in home.sensors/0: 1 offsets") == 20
    assert len(of_gaps(notes)) == 10
    assert "10 more gaps." in notes
