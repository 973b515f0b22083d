"""The operator's proof: a replay beside what was told live, in its topic and in ClickHouse's table."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from replays import run_all
from test_partition import EVENTFUL, START_MS

import load_tests.replay_run
from infra.embedded import EmbeddedBroker
from infra.migrations import migrate
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.replay_run import past_of_topics
from load_tests.simulator import simulate
from schemas.encode import encode
from schemas.incidents import Incident
from schemas.rows import INCIDENTS, Row, to_row
from streams.cli import cli


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], list[Incident]]]:
    """A broker and a ClickHouse that hold days of a street and everything that was told of it; their settings."""
    folder: Path = tmp_path_factory.mktemp("told")
    url = f"chdb://{folder / 'clickhouse'}"
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, 1)
        asyncio.run(feed(broker.bootstrap, simulate(6, 4, 12, start_ms=START_MS, rates=EVENTFUL), partitions=1))
        incidents = run_all(past_of_topics(broker.bootstrap, 1)).incidents
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        for one in incidents:
            producer.send("incidents", key=one.household.encode(), value=encode(one), partition=0)
        producer.flush()
        producer.close()
        client = load_tests.replay_run.opened(url)
        migrate(client)
        rows = [to_row("incidents", 0, place, encode(one)) for place, one in enumerate(incidents)]
        values = [row.values for row in rows if isinstance(row, Row)]
        client.insert("incidents", values, column_names=INCIDENTS.names, column_type_names=INCIDENTS.types)
        words = {"ANBU_KAFKA": broker.url, "ANBU_CLICKHOUSE": url, "ANBU_PARTITIONS": "1", "COLUMNS": "200"}
        yield words, incidents
        load_tests.replay_run.close(url)


def replayed(env: dict[str, str], *words: str) -> Any:
    return CliRunner(env=env).invoke(cli, ["replay", *words], standalone_mode=False)


@pytest.mark.slow
@pytest.mark.parametrize("against", ["live", "table"])
def test_what_was_told_comes_out_again_and_is_called_equal(
    told: tuple[dict[str, str], list[Incident]], against: str
) -> None:
    env, incidents = told
    done = replayed(env, "--against", against)
    count = len({(one.id, one.revision) for one in incidents})
    assert f"equal to the live run: {count} revisions" in done.output, done.output
    assert count >= 10


@pytest.mark.slow
def test_a_revision_that_the_table_lacks_is_named(told: tuple[dict[str, str], list[Incident]]) -> None:
    env, incidents = told
    lost = next(one for one in incidents if one.revision == 2)
    client = load_tests.replay_run.opened(env["ANBU_CLICKHOUSE"])
    client.command(
        f"ALTER TABLE incidents DELETE WHERE incident = '{lost.id}' AND revision = 2 SETTINGS mutations_sync = 2"
    )
    done = replayed(env, "--against", "table")
    assert "1 only in the replay" in done.output, done.output
    assert f"only in the replay: {lost.id}/2" in done.output
    assert "equal" not in done.output
