"""One Apache Kafka node in KRaft mode on loopback, from the published jars."""

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.broker import LOOPBACK, Broker, BrokerError
from infra.kafka_jars import JARS, java, kafka_jars
from infra.ports import free_ports

_PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    # A mistyped topic is an error, not a new topic with the wrong partition count.
    "auto.create.topics.enable": "false",
    "num.partitions": "4",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # Tests kill workers and wait for the dead one's session to end: below the default floor of 6 s.
    "group.min.session.timeout.ms": "1000",
    # After kill -9 the node waits until its former self is taken for dead: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.segment.bytes": "67108864",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}


class KafkaNode(Broker):
    """Apache Kafka 4.1 as one process: broker and controller, everything replicated once.

    `stop` and `start` give the same node again, with its data and ports. `properties` are added to its
    server.properties, such as `log.segment.bytes` or `log.cleaner.backoff.ms` for tests of compaction.
    """

    name = "Apache Kafka"

    def __init__(
        self,
        *,
        port: int | None = None,
        folder: Path | None = None,
        properties: Mapping[str, str] | None = None,
        jars: Path = JARS,
        heap_mb: int = 768,
        within_s: float = 90.0,
    ) -> None:
        """Choose ports (free ones by default) and the `folder` of its data; start and fetch nothing yet."""
        ports = free_ports(2)
        super().__init__(port=ports[0] if port is None else port, folder=folder, within_s=within_s)
        self._controller = f"{LOOPBACK}:{ports[1]}"
        self._extra = dict(properties or {})
        self._jars = jars
        self._heap_mb = heap_mb

    def properties(self) -> dict[str, str]:
        """Return its server.properties."""
        return {
            **_PROPERTIES,
            "controller.quorum.voters": f"1@{self._controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str((self.folder / "data").absolute()),
            **self._extra,
        }

    def _prepare(self) -> list[str]:
        virtual_machine = [
            java(),
            f"-Xmx{self._heap_mb}m",
            # One node on a machine shared with what it serves: no threads for parallel collection and late compiling.
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{kafka_jars(self._jars).absolute()}/*",
        ]
        config = self.folder / "server.properties"
        self.folder.mkdir(parents=True, exist_ok=True)
        config.write_text("".join(f"{name}={value}\n" for name, value in sorted(self.properties().items())))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(virtual_machine, config)
        return [*virtual_machine, "kafka.Kafka", str(config)]

    def _format(self, virtual_machine: list[str], config: Path) -> None:
        # A random id whose first character is never a dash, which the tool would take for an option.
        cluster = base64.urlsafe_b64encode(uuid.UUID(int=uuid.uuid4().int & (2**127 - 1)).bytes).decode().rstrip("=")
        tool = [*virtual_machine, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool"]
        words = ["format", "-t", cluster, "-c", str(config)]
        said = subprocess.run([*tool, *words], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        if said.returncode != 0:
            raise BrokerError(f"Apache Kafka cannot format its folder:\n{said.stdout}{said.stderr}".rstrip())
