"""Counts what a worker's engine applies, from beside it: the engine runs as it ships, compiled or not.

Nothing is put in the engine's place and nothing is derived from it: of a compiled class plain Python has no heirs, and the
benchmark would measure an engine that nobody runs.
"""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from streams.engine.partition import Output, Partition
from streams.worker import run as worker
from streams.worker.owned import Owned
from streams.worker.pumping import Pumping


class Counting(Pumping):
    """The worker's own pumping; of each pump it passes on how many readings were applied."""

    take: ClassVar[Callable[[int], None]]

    async def _pump(self, owned: Owned, engine: Partition, at_most: int = 1 << 62) -> None:
        await super()._pump(owned, cast("Partition", _Counted(engine, type(self).take)), at_most)


class _Counted:
    """An engine while it is pumped."""

    def __init__(self, engine: Partition, take: Callable[[int], None]) -> None:
        self._engine = engine
        self._take = take

    @property
    def is_done(self) -> bool:
        return self._engine.is_done

    def pump(self, *limits: Any) -> list[Output]:
        before = self._read()  # the metrics set the counts back between two pumps
        out = self._engine.pump(*limits)
        self._take(self._read() - before)
        return out

    def _read(self) -> int:
        return sum(map(sum, self._engine.counts.readings))


def count_into(take: Callable[[int], None]) -> None:
    """Let this process's worker say how many readings each pump has applied."""
    Counting.take = staticmethod(take)
    setattr(worker, "Pumping", Counting)  # noqa: B010 - a probe around the worker's engine
