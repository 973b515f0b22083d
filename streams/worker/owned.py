"""One partition that this worker has been given: its engine, how far its logs go, and whether it is still ours."""

import asyncio
from typing import Any, Final

from schemas.topics import ORDERED_NAMES
from streams.engine.partition import Partition
from streams.engine.scan import Scanner
from streams.engine.snapshot import Cut
from streams.health import PartitionHealth
from streams.wallclock import monotonic_s
from streams.worker.progress import Progress

_TOPICS = len(ORDERED_NAMES)
AHEAD_RECORDS: Final = 16_000
"""Records that may wait to be applied although they have their turn: whoever fetches waits above that."""


class Owned:
    """A partition from its assignment to its revocation."""

    def __init__(self, number: int, engine_version: str, kept: "Owned | None") -> None:
        """Take a partition over; `kept` is what this worker had of it before the rebalance."""
        self.number = number
        self.kept = kept
        self.engine: Partition | None = None
        self.scanner = Scanner(engine_version, _TOPICS)
        """Finds emergencies while there is no engine yet."""
        self.active = True
        self.ready = False
        self.task: asyncio.Task[None] | None = None
        self.keeping = asyncio.Lock()
        self.applying: asyncio.Lock = asyncio.Lock() if kept is None else kept.applying
        """Held from applying records to handing over what follows from them: a checkpoint in between would lose it."""
        self.changelog_next = 0
        """Up to where the changelog has been read, or written by this worker alone: whoever else writes is found behind it."""
        self.unsent = 0
        """Pumps of which not everything that follows was handed over: one that is under way, or that broke off."""
        self.fed = asyncio.Event()
        """Set when there may be something to apply."""
        self.room = asyncio.Event()
        """Set while no more than so many records wait that have their turn."""
        self.room.set()
        self._rest = 0
        """Records held when nothing of them had its turn: they wait for other topics, not for the engine."""
        self.whole = True
        """Whether what the engine takes for kept is kept: not while a checkpoint is under way, nor after one that broke off."""
        self.ends = [0] * _TOPICS
        self.gaps = [0] * _TOPICS
        self.heard_s = [monotonic_s()] * _TOPICS
        self.sought_s = [0.0] * _TOPICS
        self.looked_through = [0] * _TOPICS
        """Of each topic, up to where emergencies have been looked for since it was taken over."""
        self._kept_clock_ms = -1
        self._kept_offsets: list[int] = []

    def stop(self) -> None:
        """Note that it is no longer ours: whatever is under way for it must end without writing."""
        self.active = False
        self.fed.set()
        self.room.set()
        if self.task is not None and not self.task.done():
            self.task.cancel()

    async def settle(self) -> None:
        """Stop, once a checkpoint under way has become whole and what was applied has been handed over."""
        async with self.keeping, self.applying:
            self.stop()

    def may_be_kept(self) -> bool:
        """Tell whether its engine may go on after a rebalance, if nobody else has written since."""
        return self.engine is not None and self.whole and not self.unsent

    def feed(self) -> None:
        """Note that chunks were taken, or that something else may have its turn now."""
        self.fed.set()
        if self._runs_ahead():
            self.room.clear()

    def note_pumped(self) -> None:
        """Note that the engine was pumped."""
        if self.engine is not None and self.engine.is_done:
            self._rest = self.engine.order.held
        if not self._runs_ahead():
            self.room.set()

    def _runs_ahead(self) -> bool:
        return self.active and self.backlog > AHEAD_RECORDS

    @property
    def backlog(self) -> int:
        """Records that wait for the engine, not for other topics."""
        return 0 if self.engine is None else self.engine.order.held - self._rest

    def wrote(self, batches: list[tuple[int, int]]) -> None:
        """Note where rows of its own came to lie, so that a rebalance does not read them again."""
        for first, count in batches:
            if first == self.changelog_next:
                self.changelog_next += count

    def end(self) -> int:
        """Return the sum of the known ends of its logs."""
        if self.engine is None:
            return sum(self.ends)
        return sum(max(end, self.engine.order.expected(topic)) for topic, end in enumerate(self.ends))

    def lag(self) -> int | None:
        """Return the records between the position and the known ends; None while there is no engine."""
        if self.engine is None:
            return None
        return max(0, self.end() - sum(self.engine.order.positions.offsets))

    def waits_for_tick(self) -> bool:
        """Tell whether the topic whose turn it is has no more to bring."""
        if self.engine is None:
            return False
        topic = self.engine.order.next_topic
        return self.engine.order.positions.offsets[topic] >= self.ends[topic]

    def is_behind(self, records: int) -> bool:
        """Tell whether the topic whose turn it is has more than so many records to bring."""
        if self.engine is None:
            return False
        topic = self.engine.order.next_topic
        return self.ends[topic] - self.engine.order.positions.offsets[topic] > records

    def moved(self, engine: Partition) -> bool:
        """Tell whether the position has moved since it was kept."""
        positions = engine.order.positions
        return positions.clock_ms != self._kept_clock_ms or positions.offsets != self._kept_offsets

    def kept_at(self, cut: Cut) -> None:
        """Note what a whole checkpoint holds."""
        self._kept_clock_ms, self._kept_offsets = cut.clock_ms, cut.offsets

    def health(self, progress: Progress, at_s: float) -> PartitionHealth:
        """Return where it stands."""
        positions: Any = None if self.engine is None else self.engine.order.positions
        return PartitionHealth(
            partition=self.number,
            recovered=self.ready,
            applied=0 if positions is None else sum(positions.offsets),
            end=self.end(),
            clock_ms=0 if positions is None else positions.clock_ms,
            stands_s=progress.standing(self.number, at_s),
            stalled=self.number in progress.stalled(at_s),
        )
