"""The compose file, started: the image is built and its workers share the partitions. Only where asked: STARTS_CONTAINERS=1 and Docker.

It builds an image (minutes) and takes the compose file's ports of loopback; what it starts is a project of its own, removed after.
"""

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from viewers_rules import ROOT

from load_tests.simulator.neighbourhood import simulate
from schemas.encode import encode
from schemas.partitions import partition_of
from streams.publish import Publisher
from streams.wallclock import now_ms

pytestmark = pytest.mark.skipif(
    os.environ.get("STARTS_CONTAINERS") != "1" or shutil.which("docker") is None,
    reason="starts containers: only with STARTS_CONTAINERS=1, where Docker is",
)
PARTITIONS: Final = 4
BROKER: Final = "127.0.0.1:9094"
PORTS: Final = range(9330, 9338)
PARTS: Final = ("kafka", "topics", "worker", "ticker-a", "ticker-b")
COMPOSE: Final = ("docker", "compose", "--project-name", "anbu-tests", "--file", str(ROOT / "infra" / "compose.yml"))
SECRETS: Final = ("CLICKHOUSE_PASSWORD", "GRAFANA_CLICKHOUSE_PASSWORD", "GRAFANA_ADMIN_PASSWORD")


def docker(*words: str, workers: int = 2) -> str:
    """Run a command of Docker with something for each secret; what it said."""
    env = {**os.environ, **dict.fromkeys(SECRETS, "made-up"), "WORKERS": str(workers)}
    done = subprocess.run(words, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def asked(port: int, path: str) -> bytes | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return None


def shares() -> list[dict[int, int]]:
    """Of each worker that is ready: its partitions, and how many households it watches in each."""
    found = []
    for port in PORTS:
        ready, metrics = asked(port, "ready"), asked(port, "metrics")
        if ready is None or metrics is None or not msgspec.json.decode(ready)["ready"]:
            continue
        lines = [line for line in metrics.decode().splitlines() if line.startswith("anbu_households{")]
        found.append({int(line.split('"')[1]): int(float(line.rsplit(" ", 1)[1])) for line in lines})
    return found


def wait_for(wanted: Any, within_s: float = 120.0) -> list[dict[int, int]]:
    """Wait until the workers' shares are as wanted."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        now = shares()
        if wanted(now):
            return now
        time.sleep(1.0)
    raise AssertionError(f"the workers share so: {shares()}\n{docker(*COMPOSE, 'logs', '--tail', '40', 'worker')}")


def are_shared(now: list[dict[int, int]], workers: int, homes: dict[int, int]) -> bool:
    """Whether so many workers have all partitions between them, each once, with every household."""
    return (
        len([one for one in now if one]) == workers
        and sum(map(len, now)) == PARTITIONS
        and {number: watched for one in now for number, watched in one.items()} == homes
    )


def told() -> list[dict[str, Any]]:
    """Every revision of an incident on the topic."""
    consumer = KafkaConsumer(bootstrap_servers=BROKER, auto_offset_reset="earliest", consumer_timeout_ms=3000)
    try:
        consumer.assign([TopicPartition("incidents", number) for number in range(PARTITIONS)])
        said = [msgspec.json.decode(one.value) for one in consumer if one.value]
    finally:
        consumer.close()
    return [one for one in said if one["type"] == "incident"]


@pytest.fixture(scope="module")
def homes() -> Iterator[dict[int, int]]:
    """Two workers and what they need, with sixty households; how many of those are in each partition."""
    try:
        docker(*COMPOSE, "up", "--detach", *([] if os.environ.get("CONTAINERS_BUILT") else ["--build"]), *PARTS)
        records = simulate(60, 1, 5, start_ms=now_ms()).records()
        number = dict.fromkeys(range(PARTITIONS), 0)
        with Publisher(BROKER, PARTITIONS, within_s=60.0) as pen:
            for record in records:
                pen.send("households", record.household.encode(), encode(record))
                number[partition_of(record.household, PARTITIONS)] += 1
        yield number
    finally:
        docker(*COMPOSE, "down", "--volumes", "--timeout", "5")


def said_at() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def press(household: str) -> None:
    """Somebody presses the emergency button."""
    event = {
        "specversion": "1.0",
        "id": f"pressed-by-{household}",
        "source": "/sensors/gateway",
        "subject": household,
        "type": "anbu.emergency_button.v1",
        "time": said_at(),
        "data": {"device": "button", "state": "on"},
    }
    with Publisher(BROKER, PARTITIONS, within_s=60.0) as pen:
        pen.send("home.sensors", household.encode(), msgspec.json.encode(event))


def acknowledge(incident: dict[str, Any]) -> None:
    """An officer takes it on."""
    household, action = incident["household"], f"taken-{incident['id']}"
    done = {"action": "acknowledge", "at": said_at(), "household": household, "id": action, "incident": incident["id"]}
    with Publisher(BROKER, PARTITIONS, within_s=60.0) as pen:
        pen.send("responder.actions", household.encode(), msgspec.json.encode({**done, "who": "officer-1"}))


def of_home(household: str, state: str, within_s: float = 60.0) -> dict[str, Any]:
    """Wait until the press of a household's button is in a state."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        for one in told():
            if (one["household"], one["kind"], one["state"]) == (household, "emergency_button", state):
                return one
    raise AssertionError(f"{household} is not {state} in {told()}")


def test_workers_of_the_compose_file_share_the_partitions_and_state_moves_between_them(homes: dict[int, int]) -> None:
    now = wait_for(lambda now: are_shared(now, 2, homes))
    assert sorted(map(len, now)) == [2, 2]
    names = [f"sim-{number:05}" for number in range(8)]
    for name in names:
        press(name)
    pressed = {name: of_home(name, "opened") for name in names}
    time.sleep(15.0)  # some checkpoints: the inputs are read once, and state can only come from the changelog

    # One is killed: the other has every household and every open incident, and goes on with their revisions.
    docker("docker", "kill", docker(*COMPOSE, "ps", "--quiet", "worker").split()[0])
    wait_for(lambda now: are_shared(now, 1, homes))
    assert "households from 0 rows" not in docker(*COMPOSE, "logs", "--since", "20s", "worker")
    for name in names[:4]:
        acknowledge(pressed[name])
    for name in names[:4]:
        assert of_home(name, "acknowledged")["id"] == pressed[name]["id"]

    # It comes back with a third: four partitions among three.
    docker(*COMPOSE, "up", "--detach", "--no-recreate", *PARTS, workers=3)
    now = wait_for(lambda now: are_shared(now, 3, homes))
    assert sorted(map(len, now)) == [1, 1, 2]

    # One leaves in order: those that stay have everything.
    docker(*COMPOSE, "up", "--detach", "--no-recreate", *PARTS, workers=2)
    wait_for(lambda now: are_shared(now, 2, homes))
    for name in names[4:]:
        acknowledge(pressed[name])
    for name in names[4:]:
        assert of_home(name, "acknowledged")["id"] == pressed[name]["id"]


def test_negative_control_a_partition_that_nobody_has_is_seen(homes: dict[int, int]) -> None:
    all_of_it = [dict(homes)]
    assert are_shared(all_of_it, 1, homes)
    assert not are_shared([{number: watched for number, watched in homes.items() if number}], 1, homes)
    assert not are_shared([{**homes, 0: homes[0] - 1}], 1, homes)
