"""The page of operations is walked: started, a district added, the log lost and restored, tables made anew and restored."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import INTEGRATION, ROOT
from worker_logs import wait_until

from infra.broker import Broker
from infra.embedded import EmbeddedBroker
from infra.kafka_node import KafkaNode
from infra.migrations import migrations
from infra.ports import free_ports
from infra.processes import Child, start_command, stop_all
from schemas.build import encode_events
from schemas.events import Data, Event
from schemas.incidents import Incident
from streams.clickhouse import connect
from streams.publish import Publisher
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber
from streams.wallclock import now_ms

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
HOMES = 12
REGISTRY = "household,target_group,risk_grade,language,district,time_zone,sources\n" + "".join(
    f"h-{number:03},elder_living_alone,high,ko,gangbuk,Asia/Seoul,/sensors/gw-{number}=3600\n"
    for number in range(HOMES)
)
BACKUPS = ROOT / "infra" / "clickhouse" / "backups.xml"


def block(after: str) -> list[list[str]]:
    """The commands of the first code block after a line of the page, each as its words, without `anbu`."""
    found = re.search(r"```\n(.*?)```", PAGE[PAGE.index(after) :], re.DOTALL)
    assert found
    return [shlex.split(line, comments=True)[1:] for line in found[1].splitlines() if line.startswith("anbu ")]


class Installation:
    """The processes of one installation, each command as the page has it."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        worker, writer, board, health = free_ports(4)
        self.settings = Settings(
            kafka=broker.url,
            partitions=2,
            metrics_port=worker,
            writer_metrics_port=writer,
            board_port=board,
            board_metrics_port=health,
            tick_every_s=1.0,
            checkpoint_every_s=1.0,
            clickhouse=f"chdb://{folder / 'clickhouse'}",
            datadir=folder,
        )
        self.running: dict[str, Child] = {}
        self._runs = 0

    def run(self, *words: str) -> str:
        """Run a command to its end; it must succeed. What it printed, on a machine with one broker."""
        given = ["1" if before == "--replication" else word for before, word in zip(("", *words), words, strict=False)]
        self._runs += 1
        child = start_command(*given, settings=self.settings, logs=self.folder / f"run-{self._runs}")
        assert child.wait(60) == 0, child.tail()
        return child.log.read_text("utf-8")

    def start(self, *words: str) -> None:
        """Start what lasts."""
        self.running[words[0]] = start_command(*words, settings=self.settings, logs=self.folder)

    def well(self) -> bool:
        """Whether `anbu doctor` finds nothing amiss."""
        assert all(child.alive for child in self.running.values()), [c.tail() for c in self.running.values()]
        return start_command("doctor", settings=self.settings, logs=self.folder).wait(60) == 0

    def stop(self, *names: str) -> None:
        stop_all([self.running.pop(name) for name in names or list(self.running)], 15)

    def press(self, home: str) -> None:
        """A button is pressed."""
        at_ms = now_ms()
        event = Event(
            household=home, kind="emergency_button", data=Data(), source="/sensors/gw-1", id=f"b-{at_ms}", at_ms=at_ms
        )
        with Publisher(self.settings.bootstrap, self.settings.partitions) as pen:
            pen.send("home.sensors", home, encode_events((event,)))
            pen.flush()

    def incidents(self) -> dict[str, Incident]:
        """What stands."""
        with IncidentSubscriber(self.settings.bootstrap) as subscriber:
            return {one.id: one for one in subscriber.catch_up(20)}


@contextmanager
def installation(broker: Broker, folder: Path) -> Iterator[Installation]:
    made = Installation(broker, folder)
    try:
        yield made
    finally:
        made.stop()


def rows(settings: Settings) -> list[tuple[Any, ...]]:
    """What the tables say of incidents."""
    with closing(connect(settings.clickhouse)) as client:
        asked = "SELECT incident, revision, state, household, district FROM incidents FINAL ORDER BY incident, revision"
        return list(client.query(asked).result_rows)


def carry_out(here: Installation, commands: list[list[str]]) -> None:
    """Run the commands of a block; what lasts is started."""
    for words in commands:
        if words[0] in {"ticker", "worker", "writer"}:
            here.start(*words)
        elif words[0] in {"users", "board"}:
            continue  # a password is asked for; their own tests start them
        elif words[0] == "doctor":
            wait_until(here.well, 60, "anbu doctor to find nothing amiss")
        else:
            here.run(*words)


@pytest.mark.slow
def test_an_installation_is_started_gets_a_district_and_is_restored_from_registry_and_profile_after_the_loss_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("district.csv", "registry.csv"):
        (tmp_path / name).write_text(REGISTRY, "utf-8")
    with EmbeddedBroker() as broker, installation(broker, tmp_path / "first") as first:
        carry_out(first, block("## Start"))
        assert "published 12 households, 0 lines refused" in first.run(*["households", "import", "district.csv"])
        shown = first.run("profile", "show")
        (tmp_path / "profile.toml").write_text(shown.replace("silence_budget = 0.05", "silence_budget = 0.1"), "utf-8")
        first.press("h-003")
        wait_until(first.incidents, 30, "the incident")
        wait_until(lambda: _has_written(first.settings), 30, "the tables")
        first.stop("writer")
        before = rows(first.settings)
        assert {row[3] for row in before} == {"h-003"}
        # Tables alone: an empty database, and a writer of another group that reads the whole log.
        new = replace(first.settings, clickhouse=f"chdb://{tmp_path / 'anew'}", group="tables-anew")
        assert start_command("migrate", settings=new, logs=tmp_path).wait(60) == 0
        first.running["writer"] = start_command("writer", settings=new, logs=tmp_path / "anew-logs")
        wait_until(lambda: _has_written(new), 30, "the writer to have read the log")
        first.stop("writer")
        assert set(before) <= set(rows(new))
    with EmbeddedBroker() as broker, installation(broker, tmp_path / "second") as second:
        carry_out(second, block("Restore, from nothing but a registry and a profile"))
        assert "silence_budget = 0.1" in second.run("profile", "show")
        assert f"watching {HOMES} homes" in second.run("doctor")


def _has_written(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.writer_metrics_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return False
    written = re.search(r'^anbu_writer_rows_total\{table="incidents"\} (\S+)$', text, re.MULTILINE)
    return written is not None and float(written[1]) > 0 and "anbu_writer_held_records 0.0" in text


@pytest.mark.integration
@pytest.mark.slow
def test_a_copy_of_the_disk_of_a_stopped_broker_is_the_same_installation(tmp_path: Path) -> None:
    if not INTEGRATION:
        pytest.skip("needs Apache Kafka: make integration")
    if os.environ.get("ANBU_LONG") != "1":
        pytest.skip("takes two minutes: ANBU_LONG=1 make integration")
    jars = ROOT / "build" / "kafka" / "libs"
    (tmp_path / "registry.csv").write_text(REGISTRY, "utf-8")
    with KafkaNode(folder=tmp_path / "kafka", jars=jars) as node, installation(node, tmp_path / "first") as first:
        first.run(*["topics", "create", "--replication", "3"])
        first.run("migrate")
        for name in ("ticker", "worker", "writer"):
            first.start(name)
        first.run("households", "import", str(tmp_path / "registry.csv"))
        first.press("h-003")
        wait_until(first.incidents, 30, "the incident")
        wait_until(first.well, 60, "anbu doctor to find nothing amiss")
        first.stop()
        before = first.incidents()
        port = node.port
    shutil.copytree(tmp_path / "kafka", tmp_path / "copy")
    shutil.rmtree(tmp_path / "kafka")
    with (
        KafkaNode(folder=tmp_path / "copy", port=port, jars=jars) as node,
        installation(node, tmp_path / "second") as second,
    ):
        assert second.incidents() == before
        second.run("migrate")
        for name in ("ticker", "worker", "writer"):
            second.start(name)
        wait_until(second.well, 60, "anbu doctor to find nothing amiss")
        assert f"watching {HOMES} homes" in second.run("doctor")
        assert set(second.incidents()) == set(before)  # nothing is raised anew


SCRIPT = """
import json, sys
from chdb.session import Session
folder, config = sys.argv[1:3]
statements, rows, asked, commands = json.loads(sys.stdin.read())
session = Session(f"{folder}/db?config-file={config}")
session.query("CREATE DATABASE anbu")
session.query("USE anbu")
for statement in statements:
    session.query(statement)
for table, row in rows:
    session.query(f"INSERT INTO {table} FORMAT JSONEachRow {json.dumps(row)}")
before = [str(session.query(one)) for one in asked]
for statement in commands[2:]:
    session.query(f"EXPLAIN AST {statement}")
session.query(commands[0])
session.query("DROP DATABASE anbu")
session.query(commands[1])
print(json.dumps([before, [str(session.query(one)) for one in asked]]))
"""


@pytest.mark.slow
def test_tables_come_back_from_a_backup_of_clickhouse_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    config = tmp_path / "backups.xml"
    config.write_text(
        BACKUPS.read_text("utf-8").replace("/var/lib/clickhouse/backups", str(tmp_path / "backups")), "utf-8"
    )
    found = dict(re.findall(r'--query "((BACKUP|RESTORE) DATABASE [^"]*)"', PAGE.replace("\\\n", ""))[::1])
    commands = {verb: text for text, verb in found.items()}
    assert set(commands) == {"BACKUP", "RESTORE"}
    commands = {verb: text.replace("File('", f"File('{tmp_path}/backups/") for verb, text in commands.items()}
    alters = re.findall(r"`(ALTER USER [^`]*)`", PAGE)  # said as this engine reads them; nobody is changed here
    assert len(alters) == 2
    at = "2026-11-25 00:00:00.000"
    made = [
        (
            "incidents",
            {"household": f"h-{n}", "incident": f"i-{n}", "revision": r, "kind": "fall", "state": "opened", "at": at},
        )
        for n in (1, 2)
        for r in (1, 2)
    ]
    asked = [
        "SELECT household, incident, revision FROM anbu.incidents_current ORDER BY household",
        "SELECT name FROM system.tables WHERE database = 'anbu' ORDER BY name",
    ]
    given = json.dumps(
        [
            [one for migration in migrations() for one in migration.statements],
            made,
            asked,
            [commands["BACKUP"], commands["RESTORE"], *alters],
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(config)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    before, after = json.loads(done.stdout.splitlines()[-1])
    assert before == after
    assert '"h-2","i-2",2' in after[0]
