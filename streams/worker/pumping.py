"""Applies what has its turn, a moment at a time: emergencies, health and other partitions wait for no more than that.

A move of the clock concerns thousands of households, and a checkpoint as many rows. Done in one go they would hold the
event loop for a second, and with it every emergency that comes meanwhile. So an engine is pumped for a moment and then
everybody else has a few turns, also between two households of one move. Emergencies are looked for and told without
waiting for any of it (`Worker._take`); only applying and what follows from it has an order to keep.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Final

from streams.engine.keeping import Checkpoint
from streams.engine.outputs import Output
from streams.engine.partition import Partition
from streams.wallclock import monotonic_s
from streams.worker.owned import Owned

MOMENT_S: Final = 0.002
"""So long an engine is pumped, or rows are made, in one go."""
LONG_S: Final = 0.02
"""The same behind a backlog, where throughput is what counts: the turns between moments of 2 ms cost a third of it."""
MANY: Final = 500
"""Records of such a backlog."""
TURNS: Final = 3
"""Turns of the event loop between two moments: an emergency takes several from its fetch to the socket."""


class Pumping:
    """Pumps the engines of a worker, each in a task of its own.

    `send` sends what an engine said, and tells whether the partition was still ours; `seek` fetches a topic from where its
    next chunk must begin.
    """

    def __init__(
        self,
        send: Callable[[Owned, list[Output]], Awaitable[bool]],
        seek: Callable[[Owned, int], Awaitable[None]],
    ) -> None:
        self._send = send
        self._seek = seek
        self._gate = asyncio.Lock()
        """One engine has its moment at a time, or an emergency waited for those of all partitions at each turn."""

    async def run(self, owned: Owned) -> None:
        """Apply what comes for a partition until it is taken away."""
        while owned.active:
            await owned.fed.wait()
            owned.fed.clear()
            while owned.active and not await self._turn(owned):
                pass

    async def _turn(self, owned: Owned) -> bool:
        """Pump for a moment; whether nothing is left that has its turn."""
        engine = owned.engine
        async with owned.applying:
            if engine is None or not owned.active:
                return True  # taken away while it waited: what were applied now nobody would hand over
            await self._pump(owned, engine)
            is_done = engine.is_done
        for topic, _ in engine.order.resumable():
            await self._seek(owned, topic)
        return is_done

    async def _pump(self, owned: Owned, engine: Partition, at_most: int = 1 << 62) -> None:
        """Pump for a moment and hand over what is said; one that is stopped in between must not go on as if it had been."""
        async with self._gate:
            until_s = monotonic_s() + (LONG_S if owned.backlog > MANY else MOMENT_S)
            said = engine.pump(at_most, lambda: monotonic_s() >= until_s)
            owned.unsent += 1
            if await self._send(owned, said):
                owned.unsent -= 1
            owned.note_pumped()
            if not engine.is_done:
                await _breathe()

    async def cut(self, owned: Owned, engine: Partition) -> Checkpoint | None:
        """Take the state between two moves of the clock, with everything handed over; None where it was taken away first."""
        async with owned.applying:
            while True:
                if not owned.active:
                    return None
                await self._pump(owned, engine, at_most=0)
                if not engine.is_moving:
                    break
            if not owned.active or owned.unsent:
                return None
            owned.whole = False
            steps = engine.checkpoint_steps()
            while owned.active:
                async with self._gate:
                    kept = _made(steps)
                    if kept is not None:
                        return kept
                    await _breathe()
        return None


def _made(steps: Generator[None, None, Checkpoint]) -> Checkpoint | None:
    """Go on with a checkpoint for a moment; None where it is not yet made."""
    until_s = monotonic_s() + MOMENT_S
    try:
        while monotonic_s() < until_s:
            next(steps)
    except StopIteration as end:
        kept: Checkpoint = end.value
        return kept
    return None


async def _breathe() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
