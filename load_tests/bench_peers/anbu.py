"""Anbu's side of the speed table: the worker itself, with its real engine or with the peers' trivial model in its place.

python -m load_tests.bench_peers.anbu real|trivial|limit|limit_as_peers BOOTSTRAP MARKS GROUP
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from load_tests.peers.meter import Meter
from load_tests.peers.trivial import after, events_of
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.topics import EVENT_TOPICS, ORDER_OF, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.keeping import Checkpoint
from streams.engine.order import Turn
from streams.engine.partition import Output, Partition
from streams.settings import Settings
from streams.worker import run as worker
from streams.worker.delivery import ChunkApp

CHECKPOINT_EVERY_S: Final = 10.0
AT_ONCE: Final = 100
"""Records between two looks at whether an engine has been at it for long enough: about 0.1 ms."""


class Real(Partition):
    """The engine, counted."""

    meter: Meter

    def pump(self, *limits: Any) -> list[Output]:
        """Apply, and count the readings."""
        before = self._read()  # the metrics set the counts back between two pumps
        out = super().pump(*limits)
        self.meter.take(self._read() - before)
        return out

    def _read(self) -> int:
        return sum(map(sum, self.counts.readings))


class Trivial(Partition):
    """One count and one moving average a household, in the engine's place; order and checkpoints are the engine's own."""

    meter: Meter

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._homes: dict[str, tuple[int, float]] = {}
        self._changed: set[bytes | None] = set()
        """Keys of what came since the last checkpoint: pseudonyms."""
        applied = list(self._applying.by_topic)
        applied[ORDER_OF["households"]] = lambda _: []  # the peers watch over nobody either
        self._applying.by_topic = tuple(applied)

    def _take(self, turn: Turn, out: list[Output], at_most: int, is_enough: Callable[[], bool]) -> bool:
        """Take the records of events that have their turn, as the peers take those of a poll."""
        if ORDERED_NAMES[turn.topic] not in EVENT_TOPICS:
            return super()._take(turn, out, at_most, is_enough)
        end = min(turn.end, turn.at + AT_ONCE, turn.at + at_most - self.pumped)
        values = turn.chunk.values[turn.at : end]
        self._changed.update(turn.chunk.keys[turn.at : end])
        homes = self._homes
        count = 0
        for value in values:
            found = events_of(value or b"{}")
            count += len(found)
            for event in found:
                name = event.subject
                homes[name] = after(homes.get(name), event.data.value if event.data else None)
        self.meter.take(count)
        turn.pass_to(end)
        self.pumped += len(values)
        self.counts.records[turn.topic] += len(values)
        return self.pumped < at_most and not is_enough()

    def checkpoint_steps(self) -> Generator[None, None, Checkpoint]:
        """Make the engine's checkpoint with a row of every household that changed."""
        kept = yield from super().checkpoint_steps()
        rows = [
            (b"n:" + key, msgspec.msgpack.encode(home))
            for key in self._changed
            if key and (home := self._homes.get(key.decode()))
        ]
        self._changed.clear()
        return replace(kept, rows=[*rows, *kept.rows])


def _decoded(topic: str, chunk: Chunk) -> int:
    """Decode and check as Anbu does; count the events."""
    return sum(
        one.__class__ is Event
        for key, value in zip(chunk.keys, chunk.values, strict=True)
        if key != TICK_KEY
        for one in decode(topic, key, value)
    )


def _decoded_as_peers(_topic: str, chunk: Chunk) -> int:
    """Decode what the peers' model reads of an event, and check no more than they do."""
    return sum(len(events_of(value or b"{}")) for value in chunk.values)


async def _limit(bootstrap: str, group: str, meter: Meter, decoded: Callable[[str, Chunk], int]) -> None:
    """Anbu's own consumer, decoding, and nothing else."""
    folder = tempfile.mkdtemp(prefix="bench-limit-")
    app: Any = ChunkApp(
        group,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=folder,
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=1,
        stream_wait_empty=False,
        stream_buffer_maxsize=16,
    )

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            topic, chunk = event.message.topic, event.value
            meter.take(decoded(topic, chunk))

    app.agent(app.chunk_topic(*EVENT_TOPICS), name="read")(read)
    await app.start()
    await asyncio.Event().wait()


LIMITS: Final = {"limit": _decoded, "limit_as_peers": _decoded_as_peers}


def main() -> int:
    """Run until the meter ends the process."""
    which, bootstrap, marks, group = sys.argv[1:5]
    meter = Meter(marks)
    if which in LIMITS:
        asyncio.run(_limit(bootstrap, group, meter, LIMITS[which]))
        return 0
    engine = Real if which == "real" else Trivial
    engine.meter = meter
    setattr(worker, "Partition", engine)  # noqa: B010 - a probe: the worker's own engine, or another in its place
    folder = Path(tempfile.mkdtemp(prefix="bench-anbu-"))
    (folder / "faust").mkdir()
    settings = Settings(
        kafka=f"kafka://{bootstrap}",
        group=group,
        partitions=1,
        metrics_port=0,
        checkpoint_every_s=CHECKPOINT_EVERY_S,
        datadir=folder,
    )
    return worker.run_worker(settings)


if __name__ == "__main__":
    sys.exit(main())
