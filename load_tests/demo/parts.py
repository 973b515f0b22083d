"""The parts of one pipeline on this machine: broker, topics, worker, ClickHouse writer, ticker; started and ended in order."""

import http.client
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from kafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from infra.embedded import EmbeddedBroker
from infra.processes import Child, first_dead, start_command, stop_all
from infra.topics import create_topics
from streams.commands.outcome import count
from streams.publish import broker_answers
from streams.settings import Settings
from streams.tail import LogReader, Place
from streams.wallclock import monotonic_s
from streams.writer.job import OUTPUTS

READY_WITHIN_S: Final = 60.0
MIGRATED_WITHIN_S: Final = 120.0
STOPS_WITHIN_S: Final = 20.0
WRITER_STALLS_S: Final = 90.0
"""The writer must store something in this time while something is left: it retries ClickHouse every 30 s at the latest."""
_TAIL_LINES: Final = 12


class PartError(Exception):
    """A part ended that should run, or does not come along: which one, and the end of its log."""

    def __init__(self, said: str, child: Child | None = None) -> None:
        """Keep one line, and the log of the part it speaks of."""
        super().__init__(said)
        self.log = None if child is None else child.log
        self.tail = "" if child is None else child.tail(_TAIL_LINES)


class Parts:
    """Everything but the feed. Make it in the main thread: the children die with the thread that started them.

    `told` is called with one line as each part comes up.

    Raises:
        PartError: a part does not come up, or has ended.
        BrokerError: the broker does not come up.

    """

    def __init__(self, settings: Settings, broker: EmbeddedBroker, logs: Path, told: Callable[[str], None]) -> None:
        """Take the settings that every part will have; start nothing yet."""
        self.settings = settings
        self._broker = broker
        self._logs = logs
        self._told = told
        self._children: dict[str, Child] = {}

    def start(self, *, archive: bool = False) -> Self:
        """Start broker, worker and writer, with topics and tables made before whoever needs them; `archive`: of the inputs too."""
        settings = self.settings
        self._broker.start()
        self._told(f"broker      embedded, on {self._broker.url}")
        topics = create_topics(settings.bootstrap, settings.partitions, group=settings.group)
        self._told(f"topics      {len(topics)}, each of {count(settings.partitions, 'partition')}")
        worker = self._start("worker")
        self._finish(self._start("migrate"), MIGRATED_WITHIN_S)
        self._start("writer", *(["--archive", "too"] if archive else []))
        self._told(
            "clickhouse  " + ("embedded, held open by the writer" if settings.clickhouse_is_embedded else "ready")
        )
        self._await_ready(worker)
        self._told(f"worker      Faust; http://{settings.metrics_host}:{settings.metrics_port}/metrics")
        return self

    def start_board(self) -> None:
        """Serve the board. It reads Kafka alone; somebody must be able to sign in before it starts."""
        self._start("board")
        host, port = self.settings.board_host, self.settings.board_port
        self._told(f"board       http://{host}:{port}")

    def start_ticker(self) -> None:
        """Let the log turn live. Never before its last simulated tick is written: it does not turn back."""
        self._start("ticker")

    def check(self) -> None:
        """See that every part runs.

        Raises:
            PartError: one does not.

        """
        if not self._broker.alive:
            raise PartError(f"the embedded broker has ended; its log is {self._broker.log}")
        dead = first_dead(self._children.values())
        if dead is not None:
            raise PartError(f"{dead.name} has ended by itself ({_ended(dead)})", dead)

    def stands(self, why: str) -> PartError:
        """Return the error of a worker that does not come along."""
        return PartError(f"anbu worker does not come along: {why}", self._children["worker"])

    def why(self, within_s: float = 1.5) -> None:
        """After something failed: wait for a part to turn out dead, which is then the reason.

        Raises:
            PartError: a part has ended.

        """
        end_s = monotonic_s() + within_s
        while monotonic_s() < end_s:
            self.check()
            time.sleep(0.05)

    def readings(self) -> dict[str, int]:
        """Return what became of the readings, as the worker counts them: outcome and number."""
        return {k: int(v) for k, v in self.sums("anbu_readings_total", "outcome").items()}

    def sums(self, metric: str, label: str) -> dict[str, float]:
        """Return a counter of the worker, summed over all labels but one; empty where it does not answer."""
        text = self._ask("/metrics")[1]
        out: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == metric:
                    out[sample.labels[label]] = out.get(sample.labels[label], 0.0) + sample.value
        return out

    def stop_worker(self) -> None:
        """End the worker: everything it said is acknowledged then.

        Raises:
            PartError: it did not end well.

        """
        self._stop("worker")

    def stop_writer(self, ends: dict[Place, int]) -> None:
        """Wait until the writer has stored everything before these offsets, then end it.

        Raises:
            PartError: it stores nothing more, or did not end well.

        """
        writer = self._children["writer"]
        reader = LogReader(self.settings.bootstrap, group=OUTPUTS.group(self.settings.group))
        try:
            left, moved_s = -1, monotonic_s()
            while (now_left := self._left(reader, ends)) > 0:
                self.check()
                if now_left != left:
                    left, moved_s = now_left, monotonic_s()
                elif monotonic_s() - moved_s > WRITER_STALLS_S:
                    raise PartError(f"anbu writer stores nothing more; {left:,} records are left", writer)
                time.sleep(0.2)
        finally:
            reader.close()
        self._stop("writer")

    def close(self, within_s: float = 3.0) -> None:
        """End whatever still runs, the broker last. Harmless when nothing does."""
        stop_all(self._children.values(), within_s)
        self._children.clear()
        self._broker.close()

    def _left(self, reader: LogReader, ends: dict[Place, int]) -> int:
        left = 0
        with broker_answers(reader.bootstrap):
            for place, end in ends.items():
                if end:
                    kept = reader.consumer.committed(TopicPartition(*place), timeout_ms=10_000)
                    left += max(0, end - (kept or 0))
        return left

    def _start(self, name: str, *arguments: str) -> Child:
        child = start_command(name, *arguments, settings=self.settings, logs=self._logs)
        self._children[name] = child
        return child

    def _finish(self, child: Child, within_s: float) -> None:
        """Wait for a command that ends by itself, and look at the others meanwhile."""
        end_s = monotonic_s() + within_s
        while child.alive:
            if monotonic_s() > end_s:
                raise PartError(f"{child.name} still runs after {within_s:g} s", child)
            time.sleep(0.05)
        self._children = {name: one for name, one in self._children.items() if one is not child}
        if child.exit_code:
            raise PartError(f"{child.name} failed ({_ended(child)})", child)
        self.check()

    def _await_ready(self, worker: Child) -> None:
        end_s = monotonic_s() + READY_WITHIN_S
        while True:
            self.check()
            if self._ask("/ready")[0] == http.client.OK:
                return
            if monotonic_s() > end_s:
                raise PartError(f"{worker.name} was not ready within {READY_WITHIN_S:g} s", worker)
            time.sleep(0.1)

    def _ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.settings.metrics_host, self.settings.metrics_port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def _stop(self, name: str) -> None:
        child = self._children.pop(name)
        self._children[name] = child  # still to be ended by `close` if this is interrupted
        code = child.stop(STOPS_WITHIN_S)
        del self._children[name]
        if code:
            raise PartError(f"{child.name} did not end well ({_ended(child)})", child)


def tell_of(error: PartError) -> None:
    """Say on stderr which part failed, and how its log ends."""
    sys.stderr.write(f"anbu: {error}\n")
    if error.log is not None:
        sys.stderr.write(f"the end of {error.log}:\n")
        sys.stderr.writelines(f"  {line}\n" for line in error.tail.splitlines() or ["(empty)"])


def _ended(child: Child) -> str:
    code = child.exit_code
    if code is None:
        return "it still runs"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
