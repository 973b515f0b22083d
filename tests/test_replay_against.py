"""The operator's proof: a replay beside what was told live, in its topic and in ClickHouse's table."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from replays import run_all
from test_partition import EVENTFUL, START_MS

import load_tests.whatif.log
from infra.embedded import EmbeddedBroker
from infra.migrations import migrate
from infra.topics import create_topics
from load_tests.bench_replay import followed
from load_tests.feed import feed
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif.log import past_of_topics
from schemas.encode import encode
from schemas.incidents import Incident, Severity
from schemas.rows import ARCHIVE, INCIDENTS, Row, to_row
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import DAY_MS, ORDERED_NAMES
from streams.archive.rows import archive_rows
from streams.cli import cli
from streams.engine.order import read_tick
from streams.replay.equal import equality


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], list[Incident]]]:
    """A broker and a ClickHouse that hold days of a street and everything that was told of it; their settings."""
    folder: Path = tmp_path_factory.mktemp("told")
    url = f"chdb://{folder / 'clickhouse'}"
    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, 1)
        street = simulate(6, 4, 12, start_ms=START_MS, rates=EVENTFUL)
        asyncio.run(feed(broker.bootstrap, street, partitions=1, tick_every_s=300))
        incidents = run_all(past_of_topics(broker.bootstrap, 1)).incidents
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        for one in incidents:
            producer.send("incidents", key=one.household.encode(), value=encode(one), partition=0)
        producer.flush()
        producer.close()
        client = load_tests.whatif.log.opened(url)
        migrate(client)
        rows = [to_row("incidents", 0, place, encode(one)) for place, one in enumerate(incidents)]
        values = [row.values for row in rows if isinstance(row, Row)]
        client.insert("incidents", values, column_names=INCIDENTS.names, column_type_names=INCIDENTS.types)
        words = {"ANBU_KAFKA": broker.url, "ANBU_CLICKHOUSE": url, "ANBU_PARTITIONS": "1", "COLUMNS": "200"}
        yield words, incidents
        load_tests.whatif.log.close(url)


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((folder / "report.json").read_bytes())
    return found


def replayed(env: dict[str, str], *words: str) -> Any:
    return CliRunner(env=env).invoke(cli, ["replay", *words], standalone_mode=False)


@pytest.mark.slow
@pytest.mark.parametrize("against", ["live", "table"])
def test_what_was_told_comes_out_again_and_is_called_equal(
    told: tuple[dict[str, str], list[Incident]], against: str, tmp_path: Path
) -> None:
    env, incidents = told
    done = replayed(env, "--against", against, "--out", str(tmp_path), "--close-ups", "0")
    count = len({(one.id, one.revision) for one in incidents})
    assert f"equal to the live run: {count} revisions" in done.output, done.output
    assert count >= 10
    assert (
        report_of(tmp_path)["against"] | {"equal": True, "revisions": count, "after_ms": 0}
        == report_of(tmp_path)["against"]
    )
    assert "Equal to the live run" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_from_anywhere_else_the_report_names_the_warm_up_and_compares_after_it(
    told: tuple[dict[str, str], list[Incident]], tmp_path: Path
) -> None:
    env, incidents = told
    words = ("--offsets", "home.sensors/0=400:", "--warm-up-days", "2", "--against", "live", "--close-ups", "0")
    done = replayed(env, *words, "--out", str(tmp_path))
    assert "does not begin at its first record" in done.output, done.output
    report = report_of(tmp_path)
    after_ms = report["against"]["after_ms"]
    assert after_ms == from_rfc3339(report["source"]["from"]) + 2 * DAY_MS
    (note,) = (one for one in report["source"]["notes"] if "Warm-up: 2 days" in one)
    assert to_rfc3339(after_ms)[:16].replace("T", " ") in note
    assert note in (tmp_path / "report.html").read_text(encoding="utf-8").replace("&#x27;", "'")
    later = {(one.id, one.revision) for one in incidents if from_rfc3339(one.opened_at) >= after_ms}
    assert 0 < report["against"]["revisions"] <= len(later) < len({(one.id, one.revision) for one in incidents})


@pytest.mark.parametrize("wrong", ["home.sensors/0", "nothing/0=1:", "home.sensors/7=1:", "incidents/0=1:"])
def test_offsets_of_what_is_no_input_are_refused(told: tuple[dict[str, str], list[Incident]], wrong: str) -> None:
    done = replayed(told[0], "--offsets", wrong)
    assert done.exit_code == 2, done.output
    assert "write it as" in done.output


@pytest.mark.slow
def test_a_revision_that_the_table_lacks_is_named(told: tuple[dict[str, str], list[Incident]]) -> None:
    env, incidents = told
    lost = next(one for one in incidents if one.revision == 2)
    client = load_tests.whatif.log.opened(env["ANBU_CLICKHOUSE"])
    client.command(
        f"ALTER TABLE incidents DELETE WHERE incident = '{lost.id}' AND revision = 2 SETTINGS mutations_sync = 2"
    )
    done = replayed(env, "--against", "table")
    assert "1 only in the replay" in done.output, done.output
    assert f"only in the replay: {lost.id}/2" in done.output
    assert "equal" not in done.output
    assert 1 in (done.exit_code, done.return_value)


@pytest.mark.slow
def test_a_time_is_found_by_the_ticks_of_the_log_whatever_the_broker_says_of_times(
    told: tuple[dict[str, str], list[Incident]],
) -> None:
    bootstrap = told[0]["ANBU_KAFKA"].removeprefix("kafka://")
    whole = past_of_topics(bootstrap, 1)
    ticks: dict[int, list[tuple[int, int]]] = {number: [] for number in range(len(ORDERED_NAMES))}
    for number, chunk in followed(whole.source(0)):
        for offset, value in zip(chunk.offsets, chunk.values, strict=True):
            if (tick := read_tick(value)) is not None:
                ticks[number].append((offset, tick.tick))
    moments = [one for _, one in ticks[0]]
    for at_ms in (moments[1] + 1, moments[len(moments) // 3], moments[-1] + 1):
        since, until = past_of_topics(bootstrap, 1, since_ms=at_ms), past_of_topics(bootstrap, 1, until_ms=at_ms)
        for number, name in enumerate(ORDERED_NAMES):
            later = next((offset for offset, one in ticks[number] if one >= at_ms), None)
            assert since.firsts[0][number] == (whole.ends[0][number] if later is None else later), name
            assert until.ends[0][number] == (whole.ends[0][number] if later is None else later + 1), name


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--since", "2031-01-01T00:00:00Z"], "nothing to replay"),
        (["--since", "2026-09-03T00:00:00Z", "--until", "2026-09-02T00:00:00Z"], "--until must come after --since"),
        (["--offsets", "profile/0=900000:"], "Partition 0 is not judged: nothing of profile lies there"),
    ],
)
def test_a_range_in_which_nothing_lies_is_told(
    told: tuple[dict[str, str], list[Incident]], words: list[str], wanted: str
) -> None:
    done = replayed(told[0], *words)
    assert wanted in " ".join(done.output.split()), done.output


@pytest.mark.parametrize("store", ["topics", "archive"])
def test_another_number_of_partitions_is_refused_and_never_half_of_the_homes_replayed(
    told: tuple[dict[str, str], list[Incident]], store: str
) -> None:
    env, _ = told
    if store == "archive":
        client = load_tests.whatif.log.opened(env["ANBU_CLICKHOUSE"])
        client.command("TRUNCATE TABLE archive")
        rows = [
            row.values
            for partition in range(3)
            for row in archive_rows(
                "home.sensors", partition, 0, None, b'{"tick":1788188400000}', 0, broker_stamped=False
            )
        ]
        client.insert("archive", rows, column_names=ARCHIVE.names, column_type_names=ARCHIVE.types)
    done = replayed(env | {"ANBU_PARTITIONS": "2"}, "--from", store)
    assert done.exit_code == 1
    assert "the settings say 2" in done.output


@pytest.mark.slow
def test_what_another_version_told_is_counted_and_not_compared_and_alone_it_proves_nothing(
    told: tuple[dict[str, str], list[Incident]],
) -> None:
    _, incidents = told
    until_ms = max(from_rfc3339(one.at) for one in incidents)
    engine = incidents[0].engine
    other = next(one for one in incidents if one.revision == 2)

    def by_another(one: Incident) -> Incident:
        return msgspec.structs.replace(one, engine="0.0.1", severity=Severity.MINOR)

    theirs = [by_another(one) if one == other else one for one in incidents]
    found = equality(incidents, theirs, engine=engine, until_ms=until_ms)
    assert found
    assert found.other_engine == 1
    assert found.revisions < len({(one.id, one.revision) for one in incidents})
    # Negative controls: the same difference by this version shows, and nothing but another version's is no proof.
    theirs = [msgspec.structs.replace(one, severity=Severity.MINOR) if one == other else one for one in incidents]
    assert equality(incidents, theirs, engine=engine, until_ms=until_ms).differing.otherwise
    assert not equality(incidents, [by_another(one) for one in incidents], engine=engine, until_ms=until_ms)
