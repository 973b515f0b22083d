"""The confirmed episodes of a day and of what is remembered before it, by columns.

A day's learning walks them several times: as objects they would cost more than all that is reckoned of them.
"""

from bisect import bisect_left

from detectors.episodes import Episodes


class Stretches:
    """Confirmed episodes, oldest first. Times in UTC milliseconds."""

    __slots__ = ("ends", "first", "ghosts", "leaves", "starts")

    def __init__(self, starts: list[int], ends: list[int], leaves: list[bool], ghosts: list[int], first: int) -> None:
        self.starts = starts
        self.ends = ends
        self.leaves = leaves
        """Whether each ended with a way out: `Episode.leaves`."""
        self.ghosts = ghosts
        """When the episodes began that are not confirmed."""
        self.first = first
        """Where those begin that were asked for; before it lies what is remembered of the time before."""


def stretches_of(ring: Episodes, from_ms: int, until_ms: int) -> Stretches:
    """Return the stretches of a ring that began before a moment, and where those begin that did not before another."""
    base, starts, ends, exits, lone = ring.columns(until_ms)
    ghosts = [i for i, code in enumerate(lone) if code and not ring.confirmed(i)]
    leaves = [exit_ms == ends[i] for i, exit_ms in enumerate(exits)]
    ghosts_ms = [starts[i] + base for i in ghosts]
    if ghosts:
        gone = set(ghosts)
        sure = [i for i in range(len(starts)) if i not in gone]
        starts, ends, leaves = [starts[i] for i in sure], [ends[i] for i in sure], [leaves[i] for i in sure]
    first = bisect_left(starts, from_ms - base)
    return Stretches([one + base for one in starts], [one + base for one in ends], leaves, ghosts_ms, first)
