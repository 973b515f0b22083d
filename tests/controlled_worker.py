"""A worker with a rule taken away, or that dies, stands still or is torn at a chosen place.

Run as `python controlled_worker.py '{"controls": {"check_contiguity": false}, "dies": ["commit", 3]}'`; its settings come
from `ANBU_*` as a worker's do. It stands beside the command `anbu worker` so that the command needs no switch for tests.
"""

import asyncio
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

import msgspec

from streams.engine.keeping import Checkpoint
from streams.engine.partition import Controls, Output, Partition
from streams.engine.snapshot import POSITIONS, Changelog
from streams.settings import Settings
from streams.worker.delivery import ChunkApp, ChunkConsumer
from streams.worker.outbox import Outbox
from streams.worker.rebuild import Rebuilder
from streams.worker.run import run_worker


class Wanted(msgspec.Struct):
    """What this worker is to do otherwise."""

    controls: dict[str, bool] = {}
    dies: tuple[str, int] | None = None
    """A place and how often it is passed before: of a checkpoint (`taken`, `outputs`, `delivered`, `rows`, `half`, `position`,
    `commit`, `kept`) or of a takeover (`read`, `rebuilt`, `bounds`)."""
    waits_s: float = 0.0
    """So long everything is held back before it is told, as by a full buffer of the producer."""
    stands: int | None = None
    """A partition whose engine applies nothing."""
    raises: bool = False
    """The engine has a mistake."""
    faust_stops: bool = False
    """Faust stops by itself, soon after it has started."""


class Death:
    """Kill -9 by the worker's own hand, at a place that no signal from outside would hit."""

    def __init__(self, place: str, after: int) -> None:
        self._place = place
        self._left = after

    def is_due(self, place: str) -> bool:
        """Count one more passing of a place."""
        self._left -= place == self._place
        return place == self._place and self._left < 0

    def passes(self, place: str) -> None:
        if self.is_due(place):
            os.kill(os.getpid(), signal.SIGKILL)

    def lie_in_wait(self) -> None:
        """Stand at every place of a checkpoint and of a takeover."""
        write_rows, send, commit = Outbox.write_rows, Outbox.send, ChunkConsumer.commit_positions
        take, delivered = Partition.checkpoint_steps, Outbox.delivered

        async def write(box: Outbox, topic: str, partition: int, rows: list[tuple[bytes, bytes | None]]) -> Any:
            if rows[-1][0] in POSITIONS:
                self.passes("position")
                return await write_rows(box, topic, partition, rows)
            self.passes("rows")
            if self.is_due("half"):
                await write_rows(box, topic, partition, rows[: (len(rows) + 1) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return await write_rows(box, topic, partition, rows)

        async def say(box: Outbox, partition: int, outputs: list[Output], lag: int | None) -> None:
            await send(box, partition, outputs, lag)
            self.passes("outputs")

        async def keep(consumer: ChunkConsumer, offsets: Any) -> bool:
            self.passes("commit")
            done = await commit(consumer, offsets)
            self.passes("kept")
            return done

        def checkpoint(partition: Partition) -> Generator[None, None, Checkpoint]:
            kept = yield from take(partition)
            self.passes("taken")
            return kept

        async def acknowledged(box: Outbox, partition: int) -> None:
            await delivered(box, partition)
            self.passes("delivered")

        Outbox.write_rows, Outbox.send, Outbox.delivered = write, say, acknowledged  # type: ignore[method-assign, assignment]
        ChunkConsumer.commit_positions = keep  # type: ignore[method-assign, assignment]
        Partition.checkpoint_steps = checkpoint  # type: ignore[method-assign]
        self._lie_in_wait_of_takeovers()

    def _lie_in_wait_of_takeovers(self) -> None:
        read, bounds, begin = Rebuilder.read, Rebuilder.bounds, Partition.__init__

        async def read_rows(rebuilder: Rebuilder, partition: int, from_offset: int, into: Changelog) -> int:
            end = await read(rebuilder, partition, from_offset, into)
            self.passes("read")
            return end

        async def find_bounds(rebuilder: Rebuilder, partition: int) -> tuple[list[int], list[int]]:
            self.passes("bounds")
            return await bounds(rebuilder, partition)

        def rebuild(partition: Partition, *args: Any, **options: Any) -> None:
            begin(partition, *args, **options)
            self.passes("rebuilt")

        Rebuilder.read, Rebuilder.bounds = read_rows, find_bounds  # type: ignore[method-assign, assignment]
        Partition.__init__ = rebuild  # type: ignore[method-assign, assignment]


def hand_over_late(wait_s: float) -> None:
    """Wait before anything is handed over to be told, as for a producer whose buffer is full.

    Ends the worker when a checkpoint is taken that counts records whose outputs still wait.
    """
    send, take = Outbox.send, Partition.checkpoint_steps
    waiting: Counter[int] = Counter()

    async def late(box: Outbox, partition: int, outputs: list[Output], lag: int | None) -> None:
        # What is told on arrival follows from no state: it comes again until its record is applied.
        follows = any(not one.appended_ms for one in outputs)
        waiting[partition] += follows
        await asyncio.sleep(wait_s)
        waiting[partition] -= follows
        await send(box, partition, outputs, lag)

    def checkpoint(partition: Partition) -> Generator[None, None, Checkpoint]:
        if waiting[partition.number]:
            sys.stderr.write("a checkpoint counts what was not handed over\n")
            sys.stderr.flush()
            os._exit(3)
        return take(partition)

    Outbox.send = late  # type: ignore[method-assign, assignment]
    Partition.checkpoint_steps = checkpoint  # type: ignore[method-assign]


def stand_still(number: int) -> None:
    """Let one partition take what is fetched and apply nothing of it."""
    pump: Callable[..., list[Output]] = Partition.pump

    def pump_or_not(partition: Partition, *limits: Any) -> list[Output]:
        if partition.number == number:
            partition.pumped, partition.is_done = 0, True
            return []
        return pump(partition, *limits)

    Partition.pump = pump_or_not  # type: ignore[method-assign, assignment]


def make_a_mistake() -> None:
    def pump(_partition: Partition, *_limits: Any) -> list[Output]:
        raise ZeroDivisionError

    Partition.pump = pump  # type: ignore[method-assign]


def stop_faust() -> None:
    """Let Faust stop for no reason that anybody gave."""
    started = ChunkApp.on_started

    async def stop(app: ChunkApp) -> None:
        await asyncio.sleep(2.0)
        await app.stop()

    async def on_started(app: ChunkApp) -> None:
        await started(app)
        app.stopping = asyncio.create_task(stop(app))

    ChunkApp.on_started = on_started


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    for library in ("faust", "mode", "aiokafka", "kafka", "streams.worker.delivery"):
        logging.getLogger(library).setLevel(logging.ERROR)
    wanted = msgspec.json.decode(sys.argv[1], type=Wanted)
    if wanted.dies is not None:
        Death(*wanted.dies).lie_in_wait()
    if wanted.waits_s:
        hand_over_late(wanted.waits_s)
    if wanted.stands is not None:
        stand_still(wanted.stands)
    if wanted.raises:
        make_a_mistake()
    if wanted.faust_stops:
        stop_faust()
    code = run_worker(Settings.from_env(os.environ), controls=Controls(**wanted.controls))
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
