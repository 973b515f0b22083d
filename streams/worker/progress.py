"""Judges, partition by partition, whether work is done where there is work: pure, its time is an argument.

Two things look alike from outside and are not. A partition **stalls** when records wait that could be applied and none
is: the worker is broken and must end, so that another takes over. A clock **stands** when a topic's ticks are missing:
nothing is broken here, another worker would stand as well, so it is told and ends nothing.
"""

from dataclasses import dataclass
from typing import Final

UNSEEN_AT_MOST_S: Final = 5.0
"""Longest time between two looks that counts: a worker that was stopped for a minute has not stalled for a minute."""


@dataclass(slots=True)
class _Seen:
    applied: int
    clock_ms: int
    moved_s: float
    """When the clock was first seen where it is."""
    noted_s: float
    is_idle: bool
    steps: int
    stuck_s: float = 0.0
    """How long it has been looked at while it had work and did none."""


class Progress:
    """What was noted of each partition a worker owns; times in seconds of a clock that never steps back."""

    def __init__(self, stall_after_s: float = 45.0) -> None:
        """Take a partition for stalled after so long without progress."""
        self.stall_after_s: Final = stall_after_s
        self._seen: dict[int, _Seen] = {}

    def note(
        self,
        partition: int,
        applied: int,
        end: int,
        clock_ms: int,
        at_s: float,
        *,
        waits_for_tick: bool = False,
        steps: int = 0,
    ) -> None:
        """Take down where a partition stands; to be called every second or so.

        `applied` is the sum of the next offsets over its topics, `end` that of the ends of its logs: learned in another
        way than from the fetches whose standstill it shall show. `waits_for_tick` says that whatever is not applied
        waits for the tick of another topic. `steps` grows within a move of the clock, which may take minutes after a long
        standstill and in which no position moves. An `applied` below an earlier one is no progress: a position only goes back
        when the partition is taken over anew, and then it was dropped first.
        """
        seen = self._seen.get(partition)
        is_idle = applied >= end or waits_for_tick
        if seen is None:
            self._seen[partition] = _Seen(applied, clock_ms, at_s, at_s, is_idle, steps)
            return
        if applied > seen.applied or steps != seen.steps or is_idle:
            seen.stuck_s = 0.0
        else:
            seen.stuck_s += _looked_s(seen, at_s)
        if clock_ms != seen.clock_ms:
            seen.clock_ms = clock_ms
            seen.moved_s = at_s
        seen.applied = max(seen.applied, applied)
        seen.steps = steps
        seen.is_idle = is_idle
        seen.noted_s = at_s

    def drop(self, partition: int) -> None:
        """Forget a partition that was given away, or is taken over anew."""
        self._seen.pop(partition, None)

    def stalled(self, at_s: float) -> list[int]:
        """Partitions that had work for `stall_after_s` and did none of it, in order."""
        return sorted(
            partition
            for partition, seen in self._seen.items()
            if not seen.is_idle and seen.stuck_s + _looked_s(seen, at_s) >= self.stall_after_s
        )

    def standing(self, partition: int, at_s: float) -> float:
        """Seconds since the partition's clock was seen to move, or since it was first noted; 0 for one not noted."""
        seen = self._seen.get(partition)
        return 0.0 if seen is None else max(0.0, at_s - seen.moved_s)


def _looked_s(seen: _Seen, at_s: float) -> float:
    """Seconds since the last look that count as stuck: those before work came, or unseen, do not."""
    if seen.is_idle:
        return 0.0
    return min(UNSEEN_AT_MOST_S, max(0.0, at_s - seen.noted_s))
