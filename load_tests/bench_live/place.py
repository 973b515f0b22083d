"""Where live measurements take place: a broker on one core, workers on the other, and what each of them uses."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from infra.kafka_node import KafkaNode
from infra.processes import Child
from infra.topics import create_topics
from load_tests.bench_live.engine import heard
from streams.settings import Settings

CHECKPOINT_EVERY_S: Final = 10.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class NotMeasuredError(Exception):
    """One line that says why there is no figure."""


@dataclass(frozen=True, slots=True)
class At:
    """What a worker had done at one moment: events applied, CPU seconds, seconds of the clock that never steps back."""

    events: int
    cpu_s: float
    at_s: float

    @classmethod
    def of(cls, line: str) -> Self:
        """Return it from what the probe said."""
        _, events, cpu_s, at_s = line.split()
        return cls(int(events), float(cpu_s), float(at_s))


class Probe:
    """One worker under measurement."""

    def __init__(self, bootstrap: str, group: str, partitions: int, core: int, folder: Path) -> None:
        (folder / "faust").mkdir(parents=True, exist_ok=True)
        settings = Settings(
            kafka=f"kafka://{bootstrap}",
            group=group,
            partitions=partitions,
            metrics_port=0,
            checkpoint_every_s=CHECKPOINT_EVERY_S,
            datadir=folder,
        )
        command = ["taskset", "-c", str(core), sys.executable, "-m", "load_tests.bench_live.probe"]
        self.child = Child("a worker", command, log=folder / "worker.log", env=settings.to_env())
        self._sink = (folder / "worker.log").open(encoding="utf-8", errors="replace")
        self._rest = ""
        self.said: list[At] = []
        self.engine = ""
        """Which engine runs in it, as it says itself."""

    def look(self) -> At:
        """Return what it said last.

        Raises:
            NotMeasuredError: it has ended.

        """
        *lines, self._rest = (self._rest + self._sink.read()).split("\n")
        self.said += [At.of(line) for line in lines if line.startswith("at ")]
        self.engine = heard(lines, self.engine)
        if not self.child.alive:
            raise NotMeasuredError(f"the worker ended: {self.child.tail(1)[:200]}")
        return self.said[-1] if self.said else At(0, 0.0, time.monotonic())

    def end(self) -> None:
        """Kill it; its log is closed."""
        self.child.kill()
        self._sink.close()


def pin(pid: int, core: int) -> None:
    """Give every thread of a process one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), {core})


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds that a process has used, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cores() -> tuple[int, int]:
    """Return the broker's core and the workers'."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


@contextlib.contextmanager
def a_broker(partitions: int, *groups: str) -> Iterator[KafkaNode]:
    """Start Apache Kafka on its core, with the topics and a changelog of each group."""
    with KafkaNode(heap_mb=640) as node:
        pin(node.pid, cores()[0])
        for group in groups:
            create_topics(node.bootstrap, partitions, group=group)
        yield node


def until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait until something holds.

    Raises:
        NotMeasuredError: it does not within this time.

    """
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            raise NotMeasuredError(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.05)
