"""Signs of life as a small sorted ring of activity episodes: the same ring in whatever order they arrive."""

from bisect import bisect_right
from collections.abc import Iterator
from struct import error, pack
from typing import Any, ClassVar, Final
from zlib import crc32

import numpy as np

from detectors.contract import Law

LINK_MS: Final = 300_000
"""Signs of life at most this far apart are one episode (single linkage)."""
COMPANY_MS: Final = 900_000
"""A lone motion trigger with no other episode of the home this near is a ghost."""
MOST: Final = 1024
"""Episodes kept: more than 78 hours can hold, whatever a gateway sends."""
_SURE, _LEAVES, _EXITS = 1, 2, 4
"""What an episode is, as bits of its packed byte."""


class Episode:
    """A stretch of activity, UTC milliseconds, both ends being signs of life.

    `exit_ms` is the last use of a way out within it. `sure` is False only for one lone motion trigger, whose device is
    `device` (a checksum).
    """

    __slots__ = ("device", "end", "exit_ms", "start", "sure")

    def __init__(self, start: int, end: int, exit_ms: int, device: int, *, sure: bool) -> None:
        self.start = start
        self.end = end
        self.exit_ms = exit_ms
        self.sure = sure
        self.device = 0 if sure else device

    @property
    def leaves(self) -> bool:
        """The last thing that happened is a way out: the person is away until a door or confirmed activity."""
        return self.exit_ms == self.end

    def take(self, at: int, exit_ms: int, device: int, *, sure: bool) -> bool:
        """Add one sign of life within linking distance and tell whether it is new. Which comes first makes no difference."""
        before = self.start, self.end, self.exit_ms, self.sure
        if at > self.end:
            self.end = at
            self.sure = True
        elif at < self.start:
            self.start = at
            self.sure = True
        elif sure or (not self.sure and device != self.device):
            self.sure = True
        self.exit_ms = max(self.exit_ms, exit_ms)
        if self.sure:
            self.device = 0
        return before != (self.start, self.end, self.exit_ms, self.sure)


class Episodes:
    """The episodes of one kind of channel, oldest first, disjoint and more than `LINK_MS` apart.

    Adding is idempotent and commutative, so repeats and any order of arrival leave the same ring: no other memory of
    what was already seen is needed. Not a river estimator: there is nothing to score (opt-out of `score_one`).
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[Episode] = []

    def learn_one(self, at: int, device: str = "", *, sure: bool = True, exit_door: bool = False) -> bool:
        """Add one sign of life at `at`, UTC milliseconds, and tell whether it changed anything: a repeat does not."""
        items = self.items
        exit_ms = at if exit_door else 0
        if items and items[-1].start <= at <= items[-1].end + LINK_MS:
            last = items[-1]
            if not last.sure:
                return last.take(at, exit_ms, crc32(device.encode()), sure=sure)
            if at <= last.end and exit_ms <= last.exit_ms:
                return False
            last.end = max(last.end, at)  # nearly every event: only the end of the last episode moves
            last.exit_ms = max(last.exit_ms, exit_ms)
            return True
        i = len(items)
        while i and items[i - 1].start > at:
            i -= 1
        key = 0 if sure else crc32(device.encode())
        if i and at <= items[i - 1].end + LINK_MS:
            before = items[i - 1]
            changed = before.take(at, exit_ms, key, sure=sure)
            if i < len(items) and items[i].start - before.end <= LINK_MS:
                after = items.pop(i)
                before.end = after.end
                before.exit_ms = max(before.exit_ms, after.exit_ms)
            return changed
        if i < len(items) and items[i].start - at <= LINK_MS:
            return items[i].take(at, exit_ms, key, sure=sure)
        items.insert(i, Episode(at, at, exit_ms, key, sure=sure))
        if len(items) > MOST:
            del items[0]
        return True

    def confirmed(self, i: int) -> bool:
        """Tell whether episode `i` proves life: more than one lone trigger, or one with company."""
        items = self.items
        return (
            items[i].sure
            or (i > 0 and items[i].start - items[i - 1].end <= COMPANY_MS)
            or (i + 1 < len(items) and items[i + 1].start - items[i].end <= COMPANY_MS)
        )

    def life_before(self, until_ms: int) -> Episode | None:
        """Return the last confirmed episode that began at or before a moment."""
        items = self.items
        for i in range(len(items) - 1, -1, -1):
            one = items[i]
            if one.start <= until_ms and (one.sure or self.confirmed(i)):
                return one
        return None

    def last_ghost(self, after_ms: int, until_ms: int) -> int:
        """Return when a ghost stirred last between two moments; 0 when none did."""
        for i in range(len(self.items) - 1, -1, -1):
            at = self.items[i].start
            if at <= after_ms:
                break
            if at <= until_ms and not self.confirmed(i):
                return at
        return 0

    def proofs(self) -> Iterator[Episode]:
        """Yield the confirmed episodes, oldest first."""
        return (episode for i, episode in enumerate(self.items) if episode.sure or self.confirmed(i))

    def ghosts(self) -> list[int]:
        """Return the moments of all ghosts."""
        return [episode.start for i, episode in enumerate(self.items) if not self.confirmed(i)]

    def lone(self, after_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """Return (moment, device) of the ghosts after a moment and not after another, the last one first."""
        items = self.items
        out = []
        for i in range(len(items) - 1, -1, -1):
            if items[i].start <= after_ms:
                break
            if items[i].start <= until_ms and not items[i].sure and not self.confirmed(i):
                out.append((items[i].start, items[i].device))
        return out

    def forget_before(self, at: int) -> None:
        """Drop what is older than `at`, but the last confirmed episode that began before it, and one ghost since."""
        items = self.items
        first = bisect_right(items, at - 1, key=lambda episode: episode.start)
        keep = next((i for i in range(first - 1, -1, -1) if self.confirmed(i)), None)
        # What a dropped neighbour proved must outlive it.
        kept = [] if keep is None else [items[keep]]
        ghosts = [items[i] for i in range(0 if keep is None else keep + 1, first) if not self.confirmed(i)]
        if keep is not None:
            items[keep].sure = True
            items[keep].device = 0
        if ghosts and (not kept or kept[0].end < ghosts[-1].start):
            kept.append(ghosts[-1])
        self.items = kept + items[first:]

    def state(self) -> list[Any]:
        """Return packed numbers: milliseconds between the ends and beginnings, and one byte for what an episode is."""
        # Half of what a checkpoint's row costs is spent here, so the usual case comes first and numbers are packed at once.
        times: list[int] = []
        kinds = bytearray()
        others: list[int] = []
        before = 0
        for e in self.items:
            start, end, exit_ms = e.start, e.end, e.exit_ms
            times += (start - before, end - start)
            before = end
            if e.sure and not exit_ms:
                kinds.append(_SURE)
                continue
            leaves = exit_ms == end
            exits = exit_ms != 0 and not leaves
            kinds.append((_SURE if e.sure else 0) | (_LEAVES if leaves else 0) | (_EXITS if exits else 0))
            if exits:
                others.append(end - exit_ms)
            if not e.sure:
                others.append(e.device)
        first = times.pop(0) if times else 0
        try:
            packed = pack(f"<{len(times)}I", *times)
        except error:  # a time that does not fit into 32 bits
            packed = pack(f"<{len(times)}Q", *times)
        return [first, packed, bytes(kinds), others]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Episodes":
        """Return the ring of a `state()`.

        Raises:
            ValueError: the numbers do not fit together.

        """
        first, packed, kinds, others = state
        ring = cls()
        if not kinds:
            return ring
        count = 2 * len(kinds) - 1
        times = [first, *np.frombuffer(packed, "<u4" if len(packed) == 4 * count else "<u8", count).tolist()]
        rest = iter(others)
        before = 0
        for i, kind in enumerate(kinds):
            start = before + times[2 * i]
            end = start + times[2 * i + 1]
            exit_ms = end if kind & _LEAVES else end - next(rest, 0) if kind & _EXITS else 0
            sure = bool(kind & _SURE)
            ring.items.append(Episode(start, end, exit_ms, 0 if sure else next(rest, 0), sure=sure))
            before = end
        return ring
