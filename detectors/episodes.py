"""Signs of life as a small sorted ring of activity episodes: the same ring in whatever order they arrive."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, ClassVar, Final, NamedTuple
from zlib import crc32

import numpy as np

from detectors.contract import Law
from detectors.hazard import NEVER_MS

LINK_MS: Final = 300_000
"""Signs of life at most this far apart are one episode (single linkage)."""
COMPANY_MS: Final = 900_000
"""A lone motion trigger with no other episode of the home this near is a ghost."""
MOST: Final = 1024
"""Episodes kept: more than 78 hours can hold, whatever a gateway sends."""
_SURE, _LEAVES, _EXITS = 1, 2, 4
"""What an episode is, as bits of its packed byte."""
_NONE: Final = -1
"""In place of a device: the episode is no lone trigger."""


class Episode(NamedTuple):
    """A stretch of activity, UTC milliseconds, both ends being signs of life."""

    start: int
    end: int
    exit_ms: int
    """The last use of a way out within it; 0 without any."""

    @property
    def leaves(self) -> bool:
        """The last thing that happened is a way out: the person is away until a door or confirmed activity."""
        return self.exit_ms == self.end


class Episodes:
    """The episodes of one kind of channel, oldest first, disjoint and more than `LINK_MS` apart.

    Adding is idempotent and commutative, so repeats and any order of arrival leave the same ring: no other memory of
    what was already seen is needed. Not a river estimator: there is nothing to score (opt-out of `score_one`).

    Held by columns: as objects the episodes of three days were half of the memory of a home that is awake.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("_ends", "_exits", "_lone", "_starts")

    def __init__(self) -> None:
        self._starts = array("q")
        self._ends = array("q")
        self._exits = array("q")
        self._lone = array("q")
        """The device (a checksum) of one lone motion trigger, the only episode that is not sure; else `_NONE`."""

    def __len__(self) -> int:
        """Count the episodes, ghosts included."""
        return len(self._starts)

    @property
    def last(self) -> Episode:
        """The newest episode, perhaps a ghost.

        Raises:
            IndexError: there is none.

        """
        return self._episode(-1)

    def learn_one(self, at: int, device: str = "", *, sure: bool = True, exit_door: bool = False) -> bool:
        """Add one sign of life at `at`, UTC milliseconds, and tell whether it changed anything: a repeat does not."""
        starts, ends = self._starts, self._ends
        exit_ms = at if exit_door else 0
        i = len(starts)
        if i and starts[-1] <= at:
            end = ends[-1]
            if at <= end + LINK_MS:
                if self._lone[-1] != _NONE:
                    return self._take(i - 1, at, exit_ms, crc32(device.encode()), sure=sure)
                if at > end:  # nearly every event: only the end of the last episode moves
                    ends[-1] = at
                elif exit_ms <= self._exits[-1]:
                    return False
                if exit_door:
                    self._exits[-1] = max(self._exits[-1], exit_ms)
                return True
        while i and starts[i - 1] > at:
            i -= 1
        key = _NONE if sure else crc32(device.encode())
        if i and at <= ends[i - 1] + LINK_MS:
            changed = self._take(i - 1, at, exit_ms, key, sure=sure)
            if i < len(starts) and starts[i] - ends[i - 1] <= LINK_MS:
                ends[i - 1] = ends[i]
                self._exits[i - 1] = max(self._exits[i - 1], self._exits[i])
                for column in (starts, ends, self._exits, self._lone):
                    del column[i]
            return changed
        if i < len(starts) and starts[i] - at <= LINK_MS:
            return self._take(i, at, exit_ms, key, sure=sure)
        for column, value in zip((starts, ends, self._exits, self._lone), (at, at, exit_ms, key), strict=True):
            column.insert(i, value)
        if len(starts) > MOST:
            for column in (starts, ends, self._exits, self._lone):
                del column[0]
        return True

    def _take(self, i: int, at: int, exit_ms: int, device: int, *, sure: bool) -> bool:
        """Add one sign of life to an episode within linking distance and tell whether it is new, whichever comes first."""
        lone = self._lone[i]
        changed = True
        if at > self._ends[i]:
            self._ends[i] = at
            self._lone[i] = _NONE
        elif at < self._starts[i]:
            self._starts[i] = at
            self._lone[i] = _NONE
        elif lone != _NONE and (sure or device != lone):
            self._lone[i] = _NONE
        else:
            changed = False
        if exit_ms > self._exits[i]:
            self._exits[i] = exit_ms
            return True
        return changed

    def _episode(self, i: int) -> Episode:
        return Episode(self._starts[i], self._ends[i], self._exits[i])

    def confirmed(self, i: int) -> bool:
        """Tell whether episode `i` proves life: more than one lone trigger, or one with company."""
        starts, ends = self._starts, self._ends
        return (
            self._lone[i] == _NONE
            or (i > 0 and starts[i] - ends[i - 1] <= COMPANY_MS)
            or (i + 1 < len(starts) and starts[i + 1] - ends[i] <= COMPANY_MS)
        )

    def life_before(self, until_ms: int) -> Episode | None:
        """Return the last confirmed episode that began at or before a moment."""
        starts = self._starts
        for i in range(len(starts) - 1, -1, -1):
            if starts[i] <= until_ms and self.confirmed(i):
                return self._episode(i)
        return None

    def last_ghost(self, after_ms: int, until_ms: int) -> int:
        """Return when a ghost stirred last between two moments; 0 when none did."""
        for i in range(len(self._starts) - 1, -1, -1):
            at = self._starts[i]
            if at <= after_ms:
                break
            if at <= until_ms and not self.confirmed(i):
                return at
        return 0

    def proofs(self) -> Iterator[Episode]:
        """Yield the confirmed episodes, oldest first."""
        return (self._episode(i) for i in range(len(self._starts)) if self.confirmed(i))

    def begun(self) -> list[int]:
        """Return when the confirmed episodes began, oldest first."""
        each = enumerate(zip(self._starts, self._lone, strict=True))
        return [start for i, (start, device) in each if device == _NONE or self.confirmed(i)]

    def ghosts(self) -> list[int]:
        """Return the moments of all ghosts."""
        return [start for i, start in enumerate(self._starts) if not self.confirmed(i)]

    def lone(self, after_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """Return (moment, device) of the ghosts after a moment and not after another, the last one first."""
        starts = self._starts
        out = []
        for i in range(len(starts) - 1, -1, -1):
            if starts[i] <= after_ms:
                break
            if starts[i] <= until_ms and not self.confirmed(i):
                out.append((starts[i], self._lone[i]))
        return out

    def forget_before(self, at: int) -> None:
        """Drop what is older than `at`, but the last confirmed episode that began before it, and one ghost since."""
        first = bisect_left(self._starts, at)
        keep = next((i for i in range(first - 1, -1, -1) if self.confirmed(i)), None)
        # What a dropped neighbour proved must outlive it.
        kept = [] if keep is None else [keep]
        ghosts = [i for i in range(0 if keep is None else keep + 1, first) if not self.confirmed(i)]
        if keep is not None:
            self._lone[keep] = _NONE
        if ghosts:
            kept.append(ghosts[-1])
        self._starts, self._ends, self._exits, self._lone = (
            array("q", [column[i] for i in kept]) + column[first:]
            for column in (self._starts, self._ends, self._exits, self._lone)
        )

    def state(self) -> list[Any]:
        """Return packed numbers: milliseconds between the ends and beginnings, and one byte for what an episode is."""
        starts, ends, exits, lone = self._starts, self._ends, self._exits, self._lone
        count = len(starts)
        if not count:
            return [0, b"", b"", []]
        times = np.empty(2 * count, np.int64)
        times[0::2] = starts
        times[1::2] = ends
        apart = times[1:] - times[:-1]
        # A time that does not fit into 32 bits is rare, and two bytes in three of a row are these.
        is_wide = ends[-1] - starts[0] >= 1 << 32 and int(apart.max()) >= 1 << 32
        packed = apart.astype("<u8" if is_wide else "<u4").tobytes()
        kinds = bytearray([_SURE]) * count
        others: list[int] = []
        if any(exits) or max(lone) != _NONE:
            for i, (end, exit_ms, device) in enumerate(zip(ends, exits, lone, strict=True)):
                leaves = exit_ms == end
                is_exit = exit_ms != 0 and not leaves
                kinds[i] = (_SURE if device == _NONE else 0) | (_LEAVES if leaves else 0) | (_EXITS if is_exit else 0)
                if is_exit:
                    others.append(end - exit_ms)
                if device != _NONE:
                    others.append(device)
        return [starts[0], packed, bytes(kinds), others]

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
        apart = np.frombuffer(packed, "<u4" if len(packed) == 4 * count else "<u8", count)
        times = np.empty(count + 1, np.int64)
        times[0] = first
        times[1:] = apart
        np.cumsum(times, out=times)
        ring._starts.frombytes(times[0::2].tobytes())
        ring._ends.frombytes(times[1::2].tobytes())
        is_ascending = apart.itemsize == 4 or bool((times[1:] >= times[:-1]).all())
        if not is_ascending or not -NEVER_MS < first < NEVER_MS or ring._ends[-1] >= NEVER_MS:
            # Damaged: the search by halves and the bytes of the next checkpoint suppose times that ascend and do not overflow.
            raise ValueError("episodes out of order or beyond all time")
        if not others and kinds == bytes([_SURE]) * len(kinds):
            ring._exits.frombytes(bytes(8 * len(kinds)))
            ring._lone.frombytes(b"\xff" * 8 * len(kinds))
            return ring
        rest = iter(others)
        for kind, end in zip(kinds, ring._ends, strict=True):
            ring._exits.append(end if kind & _LEAVES else end - next(rest, 0) if kind & _EXITS else 0)
            ring._lone.append(_NONE if kind & _SURE else next(rest, 0))
        if min(ring._lone) < _NONE:
            raise ValueError("no checksum of a device")
        return ring
