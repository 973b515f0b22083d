"""Signs of life as a small sorted ring of activity episodes: the same ring in whatever order they arrive."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, ClassVar, Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Law
from detectors.hours import FARTHEST_MS

LINK_MS: Final = 300_000
"""Signs of life at most this far apart are one episode (single linkage)."""
COMPANY_MS: Final = 900_000
"""A lone motion trigger with no other episode of the home this near is a ghost."""
MOST: Final = 1024
"""Episodes kept: more than 78 hours can hold, whatever a gateway sends."""
_SURE, _LEAVES, _EXITS = 1, 2, 4
"""What an episode is, as bits of its packed byte."""
_SPAN: Final = 1 << 32
"""Milliseconds that 32 bits count: seven weeks."""
_FAR: Final = _SPAN // 2
"""A ring whose last time lies further from its base counts from another one when it forgets: each day would say the same and cost more."""
_BITS: Final = _SPAN - 1
_NOUGHT: Final = b"\0"
_LEAD_MS: Final = 172_800_000
"""So long before its first time a ring counts from: what comes late, by the horizon of learning, still fits."""


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

    Held by columns: as objects the episodes of three days were half of the memory of a home that is awake. Times are counted
    from a base a little before them, in 32 bits, unless the ring spans more than such a number can count.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("_base", "_ends", "_exits", "_lone", "_starts")

    def __init__(self) -> None:
        self._base = 0
        """Before all times of an "I" column; 0 of a "q" column."""
        self._starts = array("I")
        self._ends = array("I")
        self._exits: array[int] | None = None
        """0 without any; None where no episode has one: neither a phone nor a call has."""
        self._lone: array[int] | None = None
        """`_code` of the device of one lone motion trigger, the only episode that is not sure; else 0. None without any."""

    def __len__(self) -> int:
        """Count the episodes, ghosts included."""
        return len(self._starts)

    @property
    def last(self) -> Episode:
        """The newest episode, perhaps a ghost.

        Raises:
            IndexError: there is none.

        """
        return self._episode(len(self._starts) - 1)

    def ends_of(self, i: int) -> tuple[int, int]:
        """Return when episode `i` began and ended."""
        return self._starts[i] + self._base, self._ends[i] + self._base

    def learn_one(self, at: int, device: str = "", *, sure: bool = True, exit_door: bool = False) -> bool:
        """Add one sign of life at `at`, UTC milliseconds, and tell whether it changed anything: a repeat does not."""
        at -= self._base
        if not 0 < at < _SPAN:
            at = self._make_room(at + self._base)
        starts, ends = self._starts, self._ends
        exit_ms = at if exit_door else 0
        i = len(starts)
        if i and starts[-1] <= at:
            end = ends[-1]
            if at <= end + LINK_MS:
                if self._lone is not None and self._lone[-1]:
                    return self._take(i - 1, at, exit_ms, device, sure=sure)
                if at > end:  # nearly every event: only the end of the last episode moves
                    ends[-1] = at
                elif exit_ms <= self._exit(i - 1):
                    return False
                if exit_door:
                    self._put_exit(i - 1, exit_ms)
                return True
        while i and starts[i - 1] > at:
            i -= 1
        if i and at <= ends[i - 1] + LINK_MS:
            changed = self._take(i - 1, at, exit_ms, device, sure=sure)
            if i < len(starts) and starts[i] - ends[i - 1] <= LINK_MS:
                ends[i - 1] = ends[i]
                self._put_exit(i - 1, self._exit(i))
                self._delete(i)
            return changed
        if i < len(starts) and starts[i] - at <= LINK_MS:
            return self._take(i, at, exit_ms, device, sure=sure)
        self._insert(i, at, exit_ms, 0 if sure else _code(crc32(device.encode())))
        if len(starts) > MOST:
            self._delete(0)
        return True

    def _take(self, i: int, at: int, exit_ms: int, device: str, *, sure: bool) -> bool:
        """Add one sign of life to an episode within linking distance and tell whether it is new, whichever comes first."""
        lone = self._lone
        changed = True
        if at > self._ends[i]:
            self._ends[i] = at
        elif at < self._starts[i]:
            self._starts[i] = at
        elif lone is None or not lone[i] or (not sure and _code(crc32(device.encode())) == lone[i]):
            changed = False
        if changed and lone is not None:
            lone[i] = 0
        if exit_ms > self._exit(i):
            self._put_exit(i, exit_ms)
            return True
        return changed

    def _exit(self, i: int) -> int:
        return 0 if self._exits is None else self._exits[i]

    def _put_exit(self, i: int, exit_ms: int) -> None:
        """Note a way out of an episode, unless a later one is known."""
        if exit_ms <= self._exit(i):
            return
        if self._exits is None:
            self._exits = _zeros(self._starts.typecode, len(self._starts))
        self._exits[i] = exit_ms

    def _insert(self, i: int, at: int, exit_ms: int, lone: int) -> None:
        self._starts.insert(i, at)
        self._ends.insert(i, at)
        if self._exits is not None:
            self._exits.insert(i, 0)
        self._put_exit(i, exit_ms)
        if self._lone is not None:
            self._lone.insert(i, lone)
        elif lone:
            self._lone = _zeros("I", len(self._starts))
            self._lone[i] = lone

    def _delete(self, i: int) -> None:
        for column in (self._starts, self._ends, self._exits, self._lone):
            if column is not None:
                del column[i]

    def _make_room(self, at: int) -> int:
        """Count times from another base, or in 64 bits, so that a moment fits; return the moment as its columns count it."""
        if self._starts.typecode == "I" or not self._starts:
            self._count_from([one + self._base for one in (*self._starts[:1], *self._ends[-1:])], at)
        return at - self._base

    def _count_from(self, known: list[int], at: int) -> None:
        low, high = min([at, *known]), max([at, *known])
        base, typecode = (low - _LEAD_MS, "I") if high - low < _SPAN - _LEAD_MS else (0, "q")
        by = self._base - base
        self._starts, self._ends = (array(typecode, [one + by for one in each]) for each in (self._starts, self._ends))
        if self._exits is not None:
            self._exits = array(typecode, [one + by if one else 0 for one in self._exits])
        self._base = base

    def _episode(self, i: int) -> Episode:
        base, exit_ms = self._base, 0 if self._exits is None else self._exits[i]
        return Episode(self._starts[i] + base, self._ends[i] + base, exit_ms + base if exit_ms else 0)

    def confirmed(self, i: int) -> bool:
        """Tell whether episode `i` proves life: more than one lone trigger, or one with company."""
        if self._lone is None or not self._lone[i]:
            return True
        starts, ends = self._starts, self._ends
        return (i > 0 and starts[i] - ends[i - 1] <= COMPANY_MS) or (
            i + 1 < len(starts) and starts[i + 1] - ends[i] <= COMPANY_MS
        )

    def life_ms(self, until_ms: int) -> int:
        """Return the last confirmed sign of life, not after a moment; 0 without any."""
        starts, at = self._starts, until_ms - self._base
        i = len(starts)
        if i and starts[i - 1] > at:
            i = bisect_right(starts, at)
        while i:
            i -= 1
            if self._lone is None or self.confirmed(i):
                end_ms = self._ends[i] + self._base
                return end_ms if end_ms < until_ms else until_ms  # noqa: FURB136 - asked at each look
        return 0

    def life_before(self, until_ms: int) -> Episode | None:
        """Return the last confirmed episode that began at or before a moment."""
        starts = self._starts
        until_ms -= self._base
        i = len(starts)
        if i and starts[i - 1] > until_ms:
            i = bisect_right(starts, until_ms)
        while i:
            i -= 1
            if self.confirmed(i):
                return self._episode(i)
        return None

    def last_ghost(self, after_ms: int, until_ms: int) -> int:
        """Return when a ghost stirred last between two moments; 0 when none did."""
        return next(self._ghosts_back(after_ms, until_ms), (0, 0))[0]

    def _ghosts_back(self, after_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
        """Yield (moment, place) of the ghosts after a moment and not after another, the last one first."""
        if self._lone is None:
            return
        starts, base = self._starts, self._base
        after_ms -= base
        until_ms -= base
        for i in range(len(starts) - 1, -1, -1):
            at = starts[i]
            if at <= after_ms:
                break
            if at <= until_ms and not self.confirmed(i):
                yield at + base, i

    def proofs(self) -> list[Episode]:
        """Return the confirmed episodes, oldest first."""
        base, exits, lone = self._base, self._exits, self._lone
        if exits is None:
            found = [Episode(start + base, end + base, 0) for start, end in zip(self._starts, self._ends, strict=True)]
        else:
            found = [
                Episode(start + base, end + base, exit_ms + base if exit_ms else 0)
                for start, end, exit_ms in zip(self._starts, self._ends, exits, strict=True)
            ]
        if lone is None:
            return found
        return [one for i, one in enumerate(found) if not lone[i] or self.confirmed(i)]

    def columns(self, until_ms: int) -> tuple[int, list[int], list[int], list[int], list[int]]:
        """Return the episodes begun before a moment for `detectors.stretches`: base, starts, ends, ways out, lone triggers.

        No lone triggers is an empty list.
        """
        count = bisect_left(self._starts, until_ms - self._base)
        exits = [0] * count if self._exits is None else self._exits[:count].tolist()
        lone = [] if self._lone is None else self._lone[:count].tolist()
        return self._base, self._starts[:count].tolist(), self._ends[:count].tolist(), exits, lone

    def begun(self) -> list[int]:
        """Return when the confirmed episodes began, oldest first."""
        base = self._base
        if self._lone is None:
            return [start + base for start in self._starts]
        each = enumerate(zip(self._starts, self._lone, strict=True))
        return [start + base for i, (start, lone) in each if not lone or self.confirmed(i)]

    def count_hours(self, from_ms: int, until_ms: int, counts: list[int]) -> None:
        """Count the confirmed episodes that began in each hour from a moment on and before another."""
        base, starts, lone = self._base, self._starts, self._lone
        first = bisect_left(starts, from_ms - base)
        last = len(starts)
        if last > first and starts[last - 1] >= until_ms - base:
            last = bisect_left(starts, until_ms - base)
        since_ms = from_ms - base
        begun: list[int] = starts[first:last].tolist()
        if lone is None:
            for at in begun:
                counts[(at - since_ms) // 3_600_000] += 1
            return
        for i, at in enumerate(begun, first):
            if not lone[i] or self.confirmed(i):
                counts[(at - since_ms) // 3_600_000] += 1

    def lone(self, after_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """Return (moment, device) of the ghosts after a moment and not after another, the last one first."""
        lone = self._lone or ()
        return [(at, _device(lone[i])) for at, i in self._ghosts_back(after_ms, until_ms)]

    def forget_before(self, at: int) -> None:
        """Drop what is older than `at`, but the last confirmed episode that began before it, and one ghost since."""
        first = bisect_left(self._starts, at - self._base)
        keep = first - 1
        while keep >= 0 and not self.confirmed(keep):
            keep -= 1
        # What a dropped neighbour proved must outlive it.
        if keep >= 0 and self._lone is not None:
            self._lone[keep] = 0
        ghost = first - 1  # all since the confirmed one are
        if keep < ghost:
            first = ghost
        if 0 <= keep < first - 1:  # of several ghosts the last one follows
            del self._starts[keep + 1 : first], self._ends[keep + 1 : first]
            for column in (self._exits, self._lone):
                if column is not None:
                    del column[keep + 1 : first]
        first = keep if keep >= 0 else first
        if first > 0:
            self._starts, self._ends = self._starts[first:], self._ends[first:]
        exits, lone = self._exits, self._lone
        if exits is not None:
            self._exits = exits[first:] if exits.tobytes()[first * exits.itemsize :].strip(_NOUGHT) else None
        if lone is not None:
            self._lone = lone[first:] if lone.tobytes()[first * lone.itemsize :].strip(_NOUGHT) else None
        if self._starts and (self._starts.typecode != "I" or self._ends[-1] > _FAR):
            self._count_from([self._starts[0] + self._base], self._ends[-1] + self._base)

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
        is_wide = ends[-1] - starts[0] >= _SPAN and int(apart.max()) >= _SPAN
        packed = apart.astype("<u8" if is_wide else "<u4").tobytes()
        kinds = bytearray([_SURE]) * count
        others: list[int] = []
        if exits is not None or lone is not None:
            nothing = bytes(count)
            for i, (end, exit_ms, one) in enumerate(zip(ends, exits or nothing, lone or nothing, strict=True)):
                leaves = exit_ms == end
                is_exit = exit_ms != 0 and not leaves
                kinds[i] = (0 if one else _SURE) | (_LEAVES if leaves else 0) | (_EXITS if is_exit else 0)
                if is_exit:
                    others.append(end - exit_ms)
                if one:
                    others.append(_device(one))
        return [starts[0] + self._base, packed, bytes(kinds), others]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Episodes":
        """Return the ring of a `state()`.

        Raises:
            ValueError: the numbers do not fit together.

        """
        at, packed, kinds, others = state
        ring = cls()
        if not kinds:
            return ring
        count = 2 * len(kinds) - 1
        apart = np.frombuffer(packed, "<u4" if len(packed) == 4 * count else "<u8", count)
        if (
            isinstance(at, int)
            and apart.itemsize == 4
            and -FARTHEST_MS < at < FARTHEST_MS - _SPAN
            and int(apart.sum(dtype=np.int64)) < _SPAN - _LEAD_MS
        ):
            ring._base = at - _LEAD_MS
            offsets = np.empty(count + 1, np.uint32)
            offsets[0] = _LEAD_MS
            offsets[1:] = apart
            np.cumsum(offsets, out=offsets)
            ring._take_columns(offsets, kinds, others)
            return ring
        times = np.empty(count + 1, np.int64)
        times[0] = at
        times[1:] = apart
        np.cumsum(times, out=times)
        first, last = int(times[0]), int(times[-1])
        is_ascending = apart.itemsize == 4 or bool((times[1:] >= times[:-1]).all())
        if not is_ascending or not -FARTHEST_MS < first < FARTHEST_MS or last >= FARTHEST_MS:
            # Damaged: the search by halves and the bytes of the next checkpoint suppose times that ascend and do not overflow.
            raise ValueError("episodes out of order or beyond all time")
        ring._count_from([first], last)
        times -= ring._base
        ring._take_columns(times.astype(np.uint32) if ring._starts.typecode == "I" else times, kinds, others)
        return ring

    def _take_columns(self, times: NDArray[Any], kinds: bytes, others: list[int]) -> None:
        self._starts.frombytes(times[0::2].tobytes())
        self._ends.frombytes(times[1::2].tobytes())
        if not others and not kinds.strip(bytes([_SURE])):
            return
        rest = iter(others)
        exits, lone = _zeros(self._starts.typecode, len(kinds)), _zeros("I", len(kinds))
        try:
            for i, (kind, end) in enumerate(zip(kinds, self._ends, strict=True)):
                if kind != _SURE:
                    exits[i] = end if kind & _LEAVES else end - next(rest, 0) if kind & _EXITS else 0
                    lone[i] = 0 if kind & _SURE else _code(next(rest, 0))
        except OverflowError as error:
            raise ValueError("no checksum of a device, or no way out of an episode") from error
        self._exits, self._lone = exits if any(exits) else None, lone if any(lone) else None


def _zeros(typecode: str, count: int) -> "array[int]":
    """Return a column of so many zeros."""
    column = array(typecode, (0,))
    column *= count
    return column


def _code(device: int) -> int:
    """Return the checksum of a device as a number that is never 0: the one that would be is taken for its neighbour."""
    return device ^ _BITS or 1


def _device(code: int) -> int:
    return code ^ _BITS
