"""The compose file for viewers and their dashboards fits the code. No container runs here: it is read, not started."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import jsonschema
import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition
from viewers_rules import ROOT

from infra.broker import Broker
from infra.topics import create_topics
from load_tests.living.live import live, neighbourhood
from schemas.events import TICK_KEY
from schemas.topics import ORDERED_NAMES
from streams.cli import cli
from streams.settings import Settings
from streams.wallclock import now_ms
from streams.webhook.targets import read_targets

INFRA = ROOT / "infra"
COMPOSE = yaml.safe_load((INFRA / "compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("anbu:")}
SECRETS = {"CLICKHOUSE_PASSWORD", "GRAFANA_CLICKHOUSE_PASSWORD", "GRAFANA_ADMIN_PASSWORD"}
_DEFAULT = re.compile(r"\$\{[A-Z_]+:-([^}]*)\}")
_ASKED = re.compile(r"\$\{([A-Z_]+):\?[^}]*\}")


def settings_of(name: str) -> Settings:
    env = {
        key: _DEFAULT.sub(r"\1", _ASKED.sub("5ecret", str(value))) for key, value in OURS[name]["environment"].items()
    }
    return Settings.from_env(env)


def interpolated(thing: Any) -> Any:
    """The compose file as Docker reads it, with its defaults, and something for each secret."""
    if isinstance(thing, dict):
        return {key: interpolated(one) for key, one in thing.items() if not key.startswith("x-")}
    if isinstance(thing, list):
        return [interpolated(one) for one in thing]
    if isinstance(thing, str):
        said = _DEFAULT.sub(r"\1", _ASKED.sub("5ecret", thing))
        return int(said) if said.isdecimal() and said != thing else said
    return thing


def wrong_by_the_specification(compose: Any) -> list[str]:
    """What the schema of the Compose specification (as docker-compose 1.29 ships it) has against a file."""
    schema = json.loads((ROOT / "tests" / "compose_spec.json").read_text("utf-8"))
    schema["properties"]["name"] = {"type": "string"}  # the name of a project came to the specification later
    return [error.json_path for error in jsonschema.Draft7Validator(schema).iter_errors(interpolated(compose))]


def test_the_compose_file_is_one_by_the_specification_and_whatever_lasts_comes_back_and_tells_its_health() -> None:
    assert wrong_by_the_specification(COMPOSE) == []
    for name, one in SERVICES.items():
        assert one["restart"] in {"unless-stopped", "on-failure"}, name
    asked = {name for name, one in SERVICES.items() if "healthcheck" in one}
    assert asked == {"kafka", "clickhouse", "worker", "writer", "archive", "webhook", "board"}


@pytest.mark.parametrize(
    "spoilt",
    [{"services": {"a": {"image": "a:1.0", "port": ["1:1"]}}}, {"services": {"a": {"deploy": {"replicas": "many"}}}}],
)
def test_negative_control_a_word_that_compose_does_not_know_is_found(spoilt: Any) -> None:
    assert wrong_by_the_specification(spoilt)


def test_clickhouse_may_write_the_backups_that_operations_speak_of() -> None:
    assert (
        "./clickhouse/backups.xml:/etc/clickhouse-server/config.d/backups.xml:ro" in SERVICES["clickhouse"]["volumes"]
    )
    assert "<allowed_path>/var/lib/clickhouse/" in (INFRA / "clickhouse" / "backups.xml").read_text("utf-8")


@pytest.mark.parametrize("name", OURS)
def test_a_process_gets_only_settings_that_exist_and_can_be_used(name: str) -> None:
    assert set(OURS[name]["environment"]) <= set(Settings().to_env())
    chosen = settings_of(name)
    assert chosen.bootstrap == "kafka:9092"
    assert urlsplit(chosen.clickhouse).hostname == "clickhouse"
    assert urlsplit(chosen.clickhouse).username == SERVICES["clickhouse"]["environment"]["CLICKHOUSE_USER"]
    assert urlsplit(chosen.clickhouse).path == "/" + SERVICES["clickhouse"]["environment"]["CLICKHOUSE_DB"]
    assert chosen.metrics_host == "0.0.0.0"  # noqa: S104 - within the compose network, or Prometheus could not ask


@pytest.mark.parametrize("name", [name for name in OURS if name != "neighbourhood"])
def test_a_process_runs_a_command_that_exists(name: str) -> None:
    command: click.Command = cli
    words = [one for one in OURS[name]["command"] if not one.startswith("/")]
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    if words:
        command.make_context(name, words)


def test_everything_an_installation_needs_is_there_and_two_tickers() -> None:
    commands = [one["command"][0] for name, one in OURS.items() if name != "neighbourhood"]
    assert sorted(commands) == [
        "board",
        "migrate",
        "ticker",
        "ticker",
        "topics",
        "webhook",
        "worker",
        "writer",
        "writer",
    ]
    assert set(SERVICES) - set(OURS) == {
        *("kafka", "clickhouse", "prometheus", "alertmanager", "grafana", "node-exporter", "blackbox-exporter"),
    }
    assert [name for name, one in SERVICES.items() if "profiles" in one] == ["webhook", "neighbourhood"]


def test_several_workers_of_one_group_are_started_and_each_has_a_port_and_partitions_of_its_own() -> None:
    worker = SERVICES["worker"]
    replicas = int(re.fullmatch(r"\$\{WORKERS:-(\d+)\}", worker["deploy"]["replicas"])[1])  # type: ignore[index]
    (ports,) = worker["ports"]
    first, last = map(int, ports.split(":")[1].split("-"))
    assert 1 < replicas <= settings_of("worker").partitions <= last - first + 1
    assert settings_of("worker").group == Settings().group
    assert "container_name" not in worker


def test_prometheus_asks_where_the_processes_answer() -> None:
    config = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text("utf-8"))
    asked = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"] if "dns_sd_configs" in job}
    (node,) = (job["static_configs"][0]["targets"] for job in config["scrape_configs"] if job["job_name"] == "node")
    assert [target.split(":")[0] for target in node] == ["node-exporter"]
    assert asked["anbu-worker"]["names"] == ["worker"]
    assert asked["anbu-worker"]["port"] == settings_of("worker").metrics_port
    assert asked["anbu-writer"]["names"] == ["writer"]
    assert asked["anbu-writer"]["port"] == settings_of("writer").writer_metrics_port
    assert asked["anbu-webhook"]["names"] == ["webhook"]
    assert asked["anbu-webhook"]["port"] == settings_of("webhook").webhook_metrics_port
    assert asked["anbu-board"]["port"] == settings_of("board").board_metrics_port
    (told,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert told == "alertmanager:9093"
    for name, port in (("worker", 9310), ("writer", 9311), ("webhook", 9312)):
        assert f"127.0.0.1:{port}/live" in SERVICES[name]["healthcheck"]["test"][-1]


def test_the_webhooks_of_the_compose_file_tell_the_alertmanager_beside_them() -> None:
    (target,) = read_targets(INFRA / "webhook" / "webhooks.toml")
    assert (target.form, target.exercises) == ("alertmanager", False)
    assert urlsplit(target.url).hostname in SERVICES
    inside = OURS["webhook"]["command"][1]
    assert f"./webhook:{Path(inside).parent}:ro" in OURS["webhook"]["volumes"]
    assert (INFRA / "webhook" / Path(inside).name).exists()


def test_the_board_of_the_compose_file_is_asked_for_its_health_where_it_listens() -> None:
    chosen = settings_of("board")
    assert SERVICES["board"]["ports"] == [f"127.0.0.1:{chosen.board_port}:{chosen.board_port}"]
    assert f"127.0.0.1:{chosen.board_port}/up" in SERVICES["board"]["healthcheck"]["test"][-1]
    assert "board:/data" in SERVICES["board"]["volumes"], "who may sign in, and the access log, outlive the container"


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_and_nothing_listens_beyond_loopback(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?", tag)
    for published in SERVICES[name].get("ports", []):
        assert published.startswith("127.0.0.1:")


def test_volumes_are_declared_and_files_that_are_mounted_are_there() -> None:
    used = set()
    for one in SERVICES.values():
        for volume in one.get("volumes", []):
            source, _, inside = volume.partition(":")
            if source.startswith("./"):
                assert (INFRA / source).exists(), source
                assert inside.endswith(":ro")
            elif source.startswith("/"):
                assert inside.endswith(":ro"), "the machine's own disks are looked at, never written"
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_what_a_service_waits_for_is_a_service_with_that_condition() -> None:
    for one in SERVICES.values():
        for other, how in one.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
            assert how["condition"] != "service_completed_successfully" or SERVICES[other]["restart"] == "on-failure"


def test_no_password_stands_in_a_file_and_each_is_asked_for() -> None:
    text = (INFRA / "compose.yml").read_text("utf-8")
    assert set(_ASKED.findall(text)) == SECRETS
    assert len(re.findall(r"PASSWORD: ", text)) == len(re.findall(r"PASSWORD: \$\{", text))
    source = (INFRA / "grafana" / "provisioning" / "datasources" / "anbu.yml").read_text("utf-8")
    assert "password: $GRAFANA_CLICKHOUSE_PASSWORD" in source
    assert "GRAFANA_CLICKHOUSE_PASSWORD" in SERVICES["grafana"]["environment"]


def test_grafana_finds_what_is_provisioned() -> None:
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert {"/etc/grafana/provisioning", "/etc/anbu/dashboards"} <= set(mounted)
    sources = yaml.safe_load((INFRA / "grafana" / "provisioning" / "datasources" / "anbu.yml").read_text("utf-8"))
    prometheus, clickhouse = sources["datasources"]
    assert urlsplit(prometheus["url"]).hostname in SERVICES
    assert clickhouse["jsonData"]["host"] in SERVICES
    user = (INFRA / "clickhouse" / "grafana-user.sh").read_text("utf-8")
    assert f"CREATE USER IF NOT EXISTS {clickhouse['jsonData']['username']} " in user
    assert f"ON {clickhouse['jsonData']['defaultDatabase']}.*" in user
    assert os.access(INFRA / "clickhouse" / "grafana-user.sh", os.X_OK)
    assert clickhouse["type"] in SERVICES["grafana"]["environment"]["GF_INSTALL_PLUGINS"]


def test_the_image_takes_every_layer_of_the_code() -> None:
    text = (INFRA / "Dockerfile").read_text("utf-8")
    for package in ("schemas", "detectors", "streams", "infra", "load_tests"):
        assert f"COPY {package} {package}\n" in text
    for file in re.findall(r"^COPY ([^-\n]+) \./$", text, re.MULTILINE)[0].split():
        assert (ROOT / Path(file)).exists()


@pytest.mark.slow
def test_the_neighbourhood_of_the_demo_profile_sends_its_people_and_no_tick(any_broker: Broker) -> None:
    create_topics(any_broker.bootstrap, 2)
    at_ms = now_ms()
    town = neighbourhood(at_ms, households=30, days=2)
    # Begun half an hour ago, so that there is something to send at once.
    asyncio.run(live(Settings(kafka=any_broker.url, partitions=2), town, at_ms - 1_800_000, at_ms - 60_000))
    places = [TopicPartition(topic, partition) for topic in ORDERED_NAMES for partition in range(2)]
    consumer = KafkaConsumer(bootstrap_servers=any_broker.bootstrap)
    try:
        consumer.assign(places)
        consumer.seek_to_beginning()
        records = []
        while batch := consumer.poll(timeout_ms=1_500):
            records += [record for found in batch.values() for record in found]
    finally:
        consumer.close()
    keys = [record.key for record in records]
    assert TICK_KEY not in keys
    assert {record.key.decode() for record in records if record.topic == "households"} == {
        one.name for one in town.households
    }
    assert any(record.topic == "home.sensors" for record in records)
