"""Start a worker many times and count how it ends: `python -m load_tests.starts --starts 200`.

A worker may end because it was told to, or with a code and a line that says why. What must never happen is the third way:
that it leaves by itself and says nothing. Each start finds a changelog to recover from and a log that goes on.
"""

import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

import click
import orjson

from infra.broker import Broker
from infra.embedded import EmbeddedBroker
from infra.kafka_node import KafkaNode
from infra.ports import free_ports
from infra.processes import Child, start_command
from infra.topics import create_topics
from schemas.build import encode_events
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, Event, Tick, TickMode
from schemas.topics import ORDERED_NAMES
from streams.publish import Publisher
from streams.settings import Settings
from streams.wallclock import monotonic_s

PARTITIONS: Final = 4
START_MS: Final = 1_788_188_400_000
READY_WITHIN_S: Final = 60.0
WATCHED_S: Final = 2.0
"""Longest time for which a worker is watched once it is ready."""
_ENDS: Final = "anbu worker: "


class Log:
    """A log of synthetic households that goes on by a minute when asked."""

    def __init__(self, bootstrap: str) -> None:
        self._pen = Publisher(bootstrap, PARTITIONS)
        self._now_ms = START_MS

    def go_on(self, minutes: int) -> None:
        """Write so many minutes: one reading of each of forty households, and every tick."""
        for _ in range(minutes):
            for number in range(40):
                name = f"synthetic-{number}"
                event = Event(
                    name, "motion", "/sensors/gw", f"{self._now_ms}", self._now_ms, Data(device="m-1", state="on")
                )
                self._pen.send("home.sensors", name, encode_events([event]))
            self._now_ms += 60_000
            for topic in ORDERED_NAMES:
                for partition in range(PARTITIONS):
                    self._pen.send(topic, TICK_KEY, encode(Tick(self._now_ms, TickMode.SIMULATED)), partition=partition)
        self._pen.flush()

    def close(self) -> None:
        """End the connection."""
        self._pen.close()


def start_once(settings: Settings, log: Log, rnd: Random, folder: Path) -> str:
    """Start a worker, watch it for a while, end it; in one word how that went."""
    chosen = replace(settings, metrics_port=free_ports(1)[0])
    child = start_command("worker", settings=chosen, logs=folder)
    try:
        if not _await(lambda: _is_ready(child, chosen), READY_WITHIN_S):
            return "never ready"
        log.go_on(1)
        until_s = monotonic_s() + rnd.uniform(0.0, WATCHED_S)
        while child.alive and monotonic_s() < until_s:
            time.sleep(0.02)
        if not child.alive:
            return _by_itself(child)
        if rnd.random() < 0.5:
            child.kill()
            return "killed"
        code = child.stop(20.0)
        return "stopped" if code == 0 else f"stopped with {code}"
    finally:
        child.kill()


def _await(found: Callable[[], Any], within_s: float) -> bool:
    until_s = monotonic_s() + within_s
    while not found():
        if monotonic_s() > until_s:
            return False
        time.sleep(0.05)
    return True


def _is_ready(child: Child, settings: Settings) -> bool:
    """Tell whether it judges all partitions, or has ended."""
    if not child.alive:
        return True
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.metrics_port}/ready", timeout=5) as answer:
            return len(orjson.loads(answer.read())["partitions"]) == PARTITIONS
    except OSError:
        return False


def _by_itself(child: Child) -> str:
    said = child.tail(1)
    if child.exit_code and said.startswith(_ENDS):
        return f"ended by itself and said why: {said.removeprefix(_ENDS)}"
    return f"SILENT: ended by itself with {child.exit_code}"


@click.command()
@click.option("--starts", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides how long each lives and how it is ended.")
@click.option("--kafka", is_flag=True, help="On Apache Kafka (Java 17 and Maven) instead of the embedded broker.")
def main(starts: int, seed: int, kafka: bool) -> None:
    """Start a worker many times; exit code 1 when one left silently, or never became ready."""
    rnd, counts = Random(seed), Counter[str]()
    broker: Broker = KafkaNode() if kafka else EmbeddedBroker()
    with broker, tempfile.TemporaryDirectory(prefix="anbu-starts-") as name:
        create_topics(broker.bootstrap, PARTITIONS)
        settings = Settings(
            kafka=broker.url,
            partitions=PARTITIONS,
            session_timeout_s=2.0,
            checkpoint_every_s=0.5,
            datadir=Path(name),
        )
        log = Log(broker.bootstrap)
        log.go_on(10)
        try:
            for number in range(1, starts + 1):
                how = start_once(settings, log, rnd, Path(name))
                counts[how] += 1
                if how not in {"killed", "stopped"}:
                    click.echo(f"start {number}: {how}\n{(Path(name) / 'worker.log').read_text()[-2000:]}")
                elif number % 10 == 0:
                    click.echo(f"{number} starts: {dict(counts)}")
        finally:
            log.close()
    silent = sum(many for how, many in counts.items() if how.startswith(("SILENT", "never ready")))
    click.echo(f"{starts} starts of a worker on {broker.name}, {silent} ended silently: {dict(counts)}")
    sys.exit(1 if silent else 0)


if __name__ == "__main__":
    main()
