"""What every broker that Anbu launches offers, and how one is known to be up."""

import logging
import tempfile
import time
from pathlib import Path
from typing import Final, Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.ports import free_ports, listens
from infra.processes import Child
from streams.wallclock import monotonic_s

LOOPBACK: Final = "127.0.0.1"


class BrokerError(RuntimeError):
    """A broker could not be started, or is gone; says what to do about it, then the end of its log."""


class Broker:
    """A broker on loopback that this process starts and ends: a context manager, or `start` and `close` it.

    `folder` holds its log file and whatever else it keeps; without one it is temporary and removed by `close`.
    """

    name = "the broker"

    def __init__(self, *, port: int | None, folder: Path | None, within_s: float) -> None:
        self.port = free_ports(1)[0] if port is None else port
        self._within_s = within_s
        self._temporary = tempfile.TemporaryDirectory(prefix="anbu-broker-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else folder or Path()
        self.log = self.folder / "broker.log"
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:PORT`, for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """`kafka://127.0.0.1:PORT`, for `ANBU_KAFKA`."""
        return f"kafka://{self.bootstrap}"

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            BrokerError: it was never started.

        """
        if self._child is None:
            raise BrokerError(f"{self.name} was not started")
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._child is not None and self._child.alive

    def start(self) -> Self:
        """Start it, on the same port and folder each time, and return when it answers.

        Raises:
            BrokerError: something it needs is missing, or it did not come up.

        """
        if not self.alive:
            if listens(LOOPBACK, self.port):
                # Whoever it is would answer in its place and pass for it.
                raise BrokerError(f"{self.name} cannot start: port {self.port} of loopback is taken")
            command = self._prepare()
            self._child = Child(self.name, command, log=self.log)
            try:
                _wait_until_answers(self._child, self.port, self._within_s)
            except BaseException:
                self.stop(kill=True)
                raise
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End its process, politely or by kill -9. Harmless when it is not running."""
        if self._child is not None:
            if kill:
                self._child.kill()
            else:
                self._child.stop(20.0)

    def close(self) -> None:
        """End it for good, and remove its folder when that is temporary."""
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _prepare(self) -> list[str]:
        """Make ready what it needs; the command that runs it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _wait_until_answers(child: Child, port: int, within_s: float) -> None:
    """Return once the broker at `port` of loopback lists itself in its metadata."""
    end_s = monotonic_s() + within_s
    while monotonic_s() < end_s:
        if not child.alive:
            raise BrokerError(f"{child.name} ended with code {child.exit_code} while starting:\n{child.tail()}")
        if listens(LOOPBACK, port) and _lists_itself(port, end_s):
            return
        time.sleep(0.02)
    raise BrokerError(f"{child.name} did not answer within {within_s:g} s:\n{child.tail()}")


def _lists_itself(port: int, end_s: float) -> bool:
    """Ask for metadata. A node opens its port before it has registered, and then knows of no broker, not even itself."""
    within_ms = max(500, min(3000, int((end_s - monotonic_s()) * 1000)))
    library = logging.getLogger("kafka")
    level = library.level
    library.setLevel(logging.CRITICAL)
    try:
        admin = KafkaAdminClient(bootstrap_servers=f"{LOOPBACK}:{port}", bootstrap_timeout_ms=within_ms)
        try:
            return any(broker["port"] == port for broker in admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except (KafkaError, OSError):
        return False
    finally:
        library.setLevel(level)
