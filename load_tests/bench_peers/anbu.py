"""Anbu's side of the speed table: the worker itself, with its real engine or with the peers' trivial model in its place.

python -m load_tests.bench_peers.anbu real|trivial|limit BOOTSTRAP MARKS GROUP
"""

import asyncio
import sys
import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from load_tests.peers.meter import Meter
from load_tests.peers.trivial import after, events_of
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.topics import EVENT_TOPICS, ORDER_OF
from streams.engine.keeping import Checkpoint
from streams.engine.order import Applied
from streams.engine.partition import Output, Partition
from streams.settings import Settings
from streams.worker import run as worker
from streams.worker.delivery import ChunkApp

CHECKPOINT_EVERY_S: Final = 10.0


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
        self._changed: set[str] = set()
        applied = list(self._applying.by_topic)
        for topic in EVENT_TOPICS:
            applied[ORDER_OF[topic]] = self._count
        applied[ORDER_OF["households"]] = lambda _: []  # the peers watch over nobody either
        self._applying.by_topic = tuple(applied)

    def _count(self, one: Applied) -> list[Output]:
        found = events_of(one.value or b"{}")
        homes = self._homes
        for event in found:
            homes[event.subject] = after(homes.get(event.subject), event.data.value if event.data else None)
            self._changed.add(event.subject)
        self.meter.take(len(found))
        return []

    def checkpoint_steps(self) -> Generator[None, None, Checkpoint]:
        """Make the engine's checkpoint with a row of every household that changed."""
        kept = yield from super().checkpoint_steps()
        rows = [(b"n:" + name.encode(), msgspec.msgpack.encode(self._homes[name])) for name in self._changed]
        self._changed.clear()
        return replace(kept, rows=[*rows, *kept.rows])


async def _limit(bootstrap: str, group: str, meter: Meter) -> None:
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
            meter.take(
                sum(
                    one.__class__ is Event
                    for key, value in zip(chunk.keys, chunk.values, strict=True)
                    if key != TICK_KEY
                    for one in decode(topic, key, value)
                )
            )

    app.agent(app.chunk_topic(*EVENT_TOPICS), name="read")(read)
    await app.start()
    await asyncio.Event().wait()


def main() -> int:
    """Run until the meter ends the process."""
    which, bootstrap, marks, group = sys.argv[1:5]
    meter = Meter(marks)
    if which == "limit":
        asyncio.run(_limit(bootstrap, group, meter))
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
