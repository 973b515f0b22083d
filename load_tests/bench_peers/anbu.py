"""Anbu's side of the speed table: the worker itself, with its real engine or with the peers' trivial model in its place.

python -m load_tests.bench_peers.anbu real|trivial|limit|limit_as_peers BOOTSTRAP MARKS GROUP
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from load_tests.bench_live.counted import count_into
from load_tests.bench_live.engine import say
from load_tests.peers.meter import Meter
from load_tests.peers.trivial import after, events_of
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.counts import Counts
from streams.engine.keeping import Checkpoint
from streams.engine.order import Moved, Turn
from streams.engine.partition import Output, Partition
from streams.settings import Settings
from streams.worker import run as worker
from streams.worker.delivery import ChunkApp

CHECKPOINT_EVERY_S: Final = 10.0
AT_ONCE: Final = 100
"""Records between two looks at whether an engine has been at it for long enough: about 0.1 ms."""


class Trivial:
    """One count and one moving average a household, in the engine's place; order, clock, search and checkpoints are the engine's own.

    It has an engine beside it and is none: of a compiled class plain Python has no heirs.
    """

    meter: ClassVar[Meter]

    def __init__(self, *args: Any, **options: Any) -> None:
        self._engine = Partition(*args, **options)
        self._homes: dict[str, tuple[int, float]] = {}
        self._changed: set[bytes | None] = set()
        """Keys of what came since the last checkpoint: pseudonyms."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @property
    def counts(self) -> Counts:
        """What was counted since it was last taken."""
        return self._engine.counts

    @counts.setter
    def counts(self, counts: Counts) -> None:
        self._engine.counts = counts

    def pump(self, at_most: int = 1 << 62, is_enough: Callable[[], bool] = lambda: False) -> list[Output]:
        """Take what has its turn as the engine does; readings go to the model, and nobody is registered, for the peers watch over nobody."""
        engine = self._engine
        out = engine.pump(0, is_enough)
        if engine.is_moving or at_most <= 0:
            return out
        for turn in engine.order.pump():
            if isinstance(turn, Moved):
                engine.pumped += 1
                engine._under_way = engine._views.after(engine._waking.move(turn.clock_ms))  # noqa: SLF001 - a probe
                if not engine._go_on(out, is_enough):  # noqa: SLF001 - a probe
                    return out
            elif ORDERED_NAMES[turn.topic] in EVENT_TOPICS:
                self._learn(turn, at_most)
            else:
                turn.pass_to(turn.end)
            if engine.pumped >= at_most or is_enough():
                return out
        engine.is_done = True
        return out

    def _learn(self, turn: Turn, at_most: int) -> None:
        """Take the records of events that have their turn, as the peers take those of a poll."""
        engine = self._engine
        end = min(turn.end, turn.at + AT_ONCE, turn.at + at_most - engine.pumped)
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
        engine.pumped += len(values)
        engine.counts.records[turn.topic] += len(values)

    def checkpoint_steps(self) -> Generator[None, None, Checkpoint]:
        """Make the engine's checkpoint with a row of every household that changed."""
        kept = yield from self._engine.checkpoint_steps()
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
    say()
    if which in LIMITS:
        asyncio.run(_limit(bootstrap, group, meter, LIMITS[which]))
        return 0
    if which == "real":
        count_into(meter.take)
    else:
        Trivial.meter = meter
        setattr(worker, "Partition", Trivial)  # noqa: B010 - a probe: another in the engine's place
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
