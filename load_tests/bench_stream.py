"""A synthetic stream as the logs of one partition, kept in a file: every round and every version reads the same bytes.

Three topics of events from the simulator, single events and gateways' batches, the registry once a day, ticks in all.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import simulate
from schemas.encode import encode
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.topics import DAY_MS, ORDER_OF, ORDERED_NAMES
from streams.engine.chunk import Chunk

START_MS: Final = 1_767_193_200_000
"""2026-01-01 00:00 in Korea."""
HOUR_MS: Final = 3_600_000
CHUNK_RECORDS: Final = 4_000
"""Records of a chunk: about what a fetch of a megabyte brings."""


class Log(msgspec.Struct, gc=False):
    """One topic of the partition, as columns."""

    keys: list[bytes]
    values: list[bytes]

    def put(self, key: bytes, value: bytes) -> None:
        """Write one record."""
        self.keys.append(key)
        self.values.append(value)


class Stream(msgspec.Struct, gc=False):
    """The logs of one partition, and what they hold."""

    households: int
    from_ms: int
    until_ms: int
    warm: list[int]
    """Of each topic, how many records come before what is measured."""
    events: int
    """Readings that are measured; those before are not counted."""
    messages: int
    logs: list[Log]

    def chunk(self, topic: int, start: int, *, end: int | None = None) -> Chunk:
        """Return the chunk of a topic that a fetch at an offset would bring."""
        log = self.logs[topic]
        end = min(start + CHUNK_RECORDS, len(log.keys) if end is None else end)
        keys: list[bytes | None] = list(log.keys[start:end])
        values: list[bytes | None] = list(log.values[start:end])
        return Chunk(start, end, list(range(start, end)), keys, values, [0] * (end - start))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stream: the same numbers give the same bytes. Hours of log time; the first `warm_h` are not measured."""

    households: int
    hours: int
    warm_h: int
    tick_s: int = 60
    seed: int = 7
    live: bool = False
    """Whether its ticks are live ones: views of households are then looked at each hour, else once a day."""

    @property
    def name(self) -> str:
        """Return a file name that says all of it."""
        return f"{self.households}x{self.hours}h-{self.warm_h}h-{self.tick_s}s-{self.seed}{'-live' * self.live}.msgpack"


def stream_of(wanted: Wanted, folder: Path) -> Stream:
    """Return the stream from the folder's file, simulated and written there the first time."""
    path = folder / wanted.name
    if not path.exists():
        sys.stderr.write(f"simulating {wanted.households:,} households for {wanted.hours} h, once\n")
        folder.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".made")
        made.write_bytes(msgspec.msgpack.encode(_made(wanted)))
        made.rename(path)
    return msgspec.msgpack.decode(path.read_bytes(), type=Stream)


def _made(wanted: Wanted) -> Stream:
    days = -(-wanted.hours // 24)
    until_ms = START_MS + wanted.hours * HOUR_MS
    warm_ms = START_MS + wanted.warm_h * HOUR_MS
    played = simulate(wanted.households, days, wanted.seed, start_ms=START_MS)
    logs = [Log([], []) for _ in ORDERED_NAMES]
    records = [(record.household.encode(), encode(record)) for record in played.records()]
    registry = logs[ORDER_OF["households"]]
    tick_ms = START_MS
    warm = [0] * len(logs)
    events = messages = 0

    def tick() -> None:
        nonlocal tick_ms, warm
        if (tick_ms - START_MS) % DAY_MS == 0:
            for key, value in records:
                registry.put(key, value)
        value = encode(Tick(tick_ms, TickMode.LIVE if wanted.live else TickMode.SIMULATED))
        for log in logs:
            log.put(TICK_KEY, value)
        if tick_ms == warm_ms:
            warm = [len(log.keys) for log in logs]
        tick_ms += wanted.tick_s * 1000

    for message in played.messages():
        if message.sent_ms >= until_ms:
            break
        while tick_ms <= message.sent_ms:
            tick()
        wire = wire_of(message)
        logs[ORDER_OF[wire.topic]].put(wire.key.encode(), wire.value)
        if message.sent_ms >= warm_ms:
            events += wire.events
            messages += 1
    while tick_ms <= until_ms:
        tick()
    return Stream(wanted.households, START_MS, until_ms, warm, events, messages, logs)
