"""Logs of one partition in memory, as a feed would have written them, and ways to hand them to an engine."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from load_tests.messages import Played
from load_tests.recordings.recording import wire_of
from schemas.encode import encode
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.partitions import partition_of
from schemas.topics import DAY_MS, ORDER_OF, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.partition import Output, Partition

TOPICS = len(ORDERED_NAMES)
ENGINE = "test"


@dataclass
class Log:
    """One topic of the partition."""

    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)

    def put(self, key: bytes | None, value: bytes | None) -> None:
        self.keys.append(key)
        self.values.append(value)

    def tick(self, at_ms: int, mode: TickMode = TickMode.SIMULATED) -> None:
        self.put(TICK_KEY, encode(Tick(at_ms, mode)))

    def chunk(self, start: int, end: int) -> Chunk:
        end = min(end, len(self.keys))
        return Chunk(
            start, end, list(range(start, end)), self.keys[start:end], self.values[start:end], [0] * (end - start)
        )

    def __len__(self) -> int:
        return len(self.keys)


Logs = list[Log]


def empty_logs() -> Logs:
    return [Log() for _ in range(TOPICS)]


def logs_of(
    played: Played, *, partition: int = 0, partitions: int = 1, tick_s: int = 60, drop_ticks: float = 0.0
) -> Logs:
    """Every ordered topic of one partition; `drop_ticks` is the share of ticks missing in a topic, the last excepted."""
    rnd = Random(1)
    logs = empty_logs()
    records = [(r.household, encode(r)) for r in played.records() if partition_of(r.household, partitions) == partition]
    wires = [wire_of(m) for m in played.messages()]
    mine = [w for w in wires if partition_of(w.key, partitions) == partition]
    step_ms = tick_s * 1000
    tick_ms = -(-played.from_ms // step_ms) * step_ms
    due_ms = tick_ms - 1
    last_ms = -(-played.until_ms // step_ms) * step_ms
    i = 0
    while tick_ms <= last_ms:
        if due_ms < tick_ms:
            for household, value in records:
                logs[ORDER_OF["households"]].put(household.encode(), value)
            due_ms += DAY_MS
        while i < len(mine) and mine[i].sent_ms < tick_ms:
            logs[ORDER_OF[mine[i].topic]].put(mine[i].key.encode(), mine[i].value)
            i += 1
        for log in logs:
            if tick_ms == last_ms or rnd.random() >= drop_ticks:
                log.tick(tick_ms)
        tick_ms += step_ms
    return logs


def run(partition: Partition, logs: Logs) -> list[Output]:
    """Everything at once, from where the partition stands."""
    out: list[Output] = []
    for topic, log in enumerate(logs):
        told, _ = partition.offer(topic, log.chunk(partition.order.positions.offsets[topic], len(log)))
        out += told
    return out + partition.pump()


def said(outputs: Iterable[Output]) -> list[tuple[str, bytes, bytes | None]]:
    """Outputs as bytes."""
    return [(one.topic, one.key, None if one.what is None else encode(one.what)) for one in outputs]
