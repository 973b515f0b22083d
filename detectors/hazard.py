"""The return-hazard table: how soon this person's silences end, by context, hour and time already silent."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import count
from typing import Any, ClassVar, Final, cast

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Law
from detectors.hours import HOUR_MS, LocalHours, is_weekend
from detectors.life import HOME
from detectors.priors import prior
from detectors.room import room
from schemas.compiled import is_compiled

EDGES_MS: Final[tuple[int, ...]] = tuple(
    minutes * 60_000 for minutes in (5, 10, 20, 30, 60, 90, 120, 180, 240, 360, 480, 600, 840, 1200)
)
"""Where the 14 buckets of elapsed time begin. Below 5 minutes there are no silences: episodes are linked over them."""
BUCKETS: Final = len(EDGES_MS)
SHAPE: Final = (2, 2, 24, BUCKETS)
"""Context (home, away), kind of day (weekday, weekend), local hour, bucket."""
_PER_CONTEXT: Final = 2 * 24 * BUCKETS
_CELLS: Final = 2 * _PER_CONTEXT
_MASK_BYTES: Final = 2 * _CELLS // 8
_FAR: Final = 255
NEIGHBOURS: Final = 0.5
AWAY_FLOOR: Final = 0.3
"""Share of the floor that holds while away, and for carried devices, which may lie in a drawer."""
LONGEST_MS: Final = 48 * HOUR_MS
"""A longer gap is an absence or an outage that nobody recorded: it is not learned."""
NEVER_MS: Final = 1 << 62
_MOST_BITS: Final = int(np.float32(1e15).view(np.uint32))

DayRates = Sequence[float]
"""Events an hour at `row_of(weekend, hour) + bucket`."""
NO_RATES: Final[DayRates] = (0.0,) * (2 * 24 * BUCKETS)
"""Of a channel that sees nothing of a silence, whose table need not be read."""


_rates: Final[dict[tuple[str, bool, float, float, float, int, bytes], DayRates]] = {}
"""The last rates by what was asked and of which cells; so many at most as there is room for."""
_few: Final[dict[tuple[str, bool, float, float, float, bytes], "FewRates"]] = {}
"""The same of rates that are reckoned one by one."""
_IS_COMPILED: Final = is_compiled()
_changes: Final = count(1)
"""Numbers the states of tables that are kept whole: none is given twice."""


def row_of(weekend: int, hour: int) -> int:
    """Return where the rates of an hour of the day begin in `DayRates`."""
    return (weekend * 24 + hour) * BUCKETS


def bucket(elapsed_ms: int) -> int:
    """Return the bucket of a time silent; -1 below 5 minutes."""
    return bisect_right(EDGES_MS, elapsed_ms) - 1


def bucket_ends(k: int) -> int:
    """Return the time silent, milliseconds, at which bucket `k` ends."""
    return EDGES_MS[k + 1] if k + 1 < BUCKETS else NEVER_MS


class HazardTable:
    """Faded events n and exposure e (hours) in each cell, of one kind of channel.

    rate = (n + k1 r_all) / (e + k1) with r_all = (N + k0 r_population) / (E + k0) over both kinds of day, neighbouring
    hours at half weight. An event belongs to the bucket just before it (half-open), or clocks that bin give absurd
    scores. River's contract in `learn_one(gap)`; the score of a silence is the sum of rate x time over its cells, which
    `detectors.silence` forms over all channels at once (opt-out of `score_one`).

    Nearly all cells are empty, and a household's table is read every few hours: it is kept as the cells that hold anything,
    1 KB where all of them would be 11. Where there is room for those, whole: so a day is learned in a third of the time.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_count", "_kept", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._count = 0
        """So many cells hold anything, those of events and then those of exposure; below 0 where all are kept, another number after
        each change."""
        self._kept: Any = b""
        """What they hold, float32, little-endian, and then which they are: a bit each of all, or, where they are few, by how much
        each lies behind the one before it (`_steps`), or their places as in a row, until the next day is learned. Where all are kept,
        they as an array."""

    def learn_one(self, hours: LocalHours, start_ms: int, end_ms: int, *, away: bool = False) -> None:
        """Learn one silence that a sign of life ended, UTC milliseconds."""
        self.learn_many(hours, [(start_ms, end_ms, away)])

    def learn_many(self, hours: LocalHours, silences: list[tuple[int, int, bool]]) -> None:
        """Learn silences as `learn_one` does, (start, end, away) each, in their order."""
        places: list[int] = []
        more: list[float] = []
        steady_from_ms = silences[0][0] if silences else 0
        steady_until_ms = hours.steady_until(steady_from_ms)
        offset_ms = hours.offset_ms(steady_from_ms)
        for start_ms, end_ms, away in silences:
            if not EDGES_MS[0] < end_ms - start_ms <= LONGEST_MS:
                continue
            context = _CELLS + (_PER_CONTEXT if away else 0)
            t, k = start_ms + EDGES_MS[0], 0
            bucket_ms = start_ms + EDGES_MS[1]
            until_ms = row = place = 0
            while t < end_ms:
                if t >= until_ms:
                    if steady_from_ms <= t < steady_until_ms:
                        number = (t + offset_ms) // HOUR_MS
                        weekend, hour = is_weekend(number // 24), number % 24
                        until_ms = (number + 1) * HOUR_MS - offset_ms
                    else:
                        weekend, hour, until_ms = hours.cell(t)
                    row = context + (weekend * 24 + hour) * BUCKETS
                stop = end_ms
                if until_ms < stop:  # noqa: PLR1730 - each call would cost more than the rest
                    stop = until_ms
                if bucket_ms < stop:  # noqa: PLR1730
                    stop = bucket_ms
                place = row + k
                places.append(place)
                more.append((stop - t) / HOUR_MS)
                t = stop
                if t >= bucket_ms:
                    k += 1
                    bucket_ms = start_ms + bucket_ends(k)
            places.append(place - _CELLS)
            more.append(1.0)
        if not places:
            return
        cells = self._cells()
        # Added one after the other, each in single precision: the order of the sums is part of the result.
        np.add.at(cells, places, np.array(more, np.float32))
        self._take(cells)

    def _cells(self) -> NDArray[np.float32]:
        """Return all cells, those of events and then those of exposure: to be written into where they are taken then."""
        if self._count < 0:
            return cast("NDArray[np.float32]", self._kept)
        cells = np.zeros(2 * _CELLS, np.float32)
        cells[self._where()] = np.frombuffer(self._kept, "<f4", self._count)
        return cells

    def _where(self) -> NDArray[Any]:
        """Return which cells hold anything: all as bools, or their places."""
        length = len(self._kept) - 4 * self._count
        if length == 2 * self._count and length < _MASK_BYTES:
            return np.frombuffer(self._kept, "<u2", offset=4 * self._count)
        steps = np.frombuffer(self._kept, np.uint8, offset=4 * self._count)
        if length == _MASK_BYTES:
            return np.unpackbits(steps).view(np.bool_)
        places: NDArray[np.int64] = np.cumsum(steps)
        return places[steps != _FAR] if length > self._count else places

    def _take(self, cells: NDArray[np.float32]) -> None:
        """Keep all cells, whole where there is room."""
        if self._count >= 0:
            if not room.tables:
                self._keep(cells)
                return
            if len(room.whole) >= room.tables:
                room.close()
            room.whole.append(self)
            self._kept = cells
        self._count = -next(_changes)

    def close(self) -> None:
        """Keep the cells that hold anything alone."""
        if self._count < 0:
            self._keep(self._kept)

    def _keep(self, cells: NDArray[np.float32]) -> None:
        places = np.flatnonzero(cells)
        self._count = len(places)
        self._kept = cells[places].astype("<f4", copy=False).tobytes() + _packed(places)

    @property
    def knows(self) -> bool:
        """Whether anything was ever learned."""
        return self._count > 0 or (self._count < 0 and bool(self._kept.any()))

    def fade(self, share: float) -> None:
        """Let everything learned fade to a share of its weight."""
        if not self._count:
            return
        if room.tables or self._count < 0:
            cells = self._cells()
            cells *= np.float32(share)
            self._take(cells)
            if not cells.max() > 0:  # nothing is left: what holds of people holds of them exactly
                self.close()
            return
        kept = bytearray(self._kept)
        numbers = np.frombuffer(kept, "<f4", self._count)
        numbers *= np.float32(share)
        self._kept = bytes(kept)
        if np.count_nonzero(numbers) < self._count:  # one has become too small to be told from nothing
            self._keep(self._cells())

    def rates(self, *, away: bool, k0_h: float, k1_h: float, floor_per_h: float) -> DayRates:
        """Return the rates of one context, never below the floor (0.3 of it when away or for a carried device)."""
        floor = floor_per_h if self.kind == HOME and not away else AWAY_FLOOR * floor_per_h
        if not self._count:
            return _rates_of_people(self.kind, floor, away=away)
        asked = (self.kind, away, k0_h, k1_h, floor, self._count, self._kept if self._count > 0 else b"")
        rates = _rates.get(asked)
        if rates is None:
            rates = self._rates(k0_h, k1_h, floor, away=away)
            if len(_rates) >= room.rates:
                _rates.clear()
            _rates[asked] = rates
        return rates

    def few_rates(self, *, away: bool, k0_h: float, k1_h: float, floor_per_h: float) -> "DayRates | FewRates":
        """Return the same rates for who asks some thirty of the 672, as a verdict does: each is reckoned when it is asked.

        Plain Python takes longer for thirty than numpy does for all; and where tables are kept whole, all rates are remembered.
        """
        if not _IS_COMPILED or self._count <= 0 or room.tables:
            return self.rates(away=away, k0_h=k0_h, k1_h=k1_h, floor_per_h=floor_per_h)
        floor = floor_per_h if self.kind == HOME and not away else AWAY_FLOOR * floor_per_h
        asked = (self.kind, away, k0_h, k1_h, floor, self._kept)
        rates = _few.get(asked)
        if rates is None:
            rates = FewRates(self._kept, self._count, self.kind, k0_h, k1_h, floor, away=away)
            if len(_few) >= room.rates:
                _few.clear()
            _few[asked] = rates
        return rates

    def _rates(self, k0_h: float, k1_h: float, floor: float, *, away: bool) -> DayRates:
        near = _with_neighbours(self._cells(), away=away)
        both = near[0::2] + near[1::2]
        all_days = both[0] + k0_h * _people(self.kind, away=away)
        all_days /= both[1] + k0_h
        all_days *= k1_h
        rates = near[0:2] + all_days
        rates /= near[2:4] + k1_h
        return _numbers(np.maximum(rates, floor, out=rates))

    def state(self) -> list[Any]:
        """Return the cells that hold anything: (positions as uint16, numbers as float32), little-endian bytes."""
        if self._count < 0:
            there = np.flatnonzero(self._kept)
            return [there.astype("<u2").tobytes(), self._kept[there].astype("<f4", copy=False).tobytes()]
        where = self._where()
        places = np.flatnonzero(where) if where.dtype == np.bool_ else where
        return [places.astype("<u2").tobytes(), self._kept[: 4 * self._count]]

    def restore(self, state: list[Any]) -> None:
        """Take the cells of a `state()`.

        Raises:
            ValueError, IndexError: they are not cells of a table.

        """
        places, numbers = state
        if 2 * len(places) != len(numbers) or not are_amounts(numbers):
            raise ValueError("no cells of a table")
        self.close()
        self._count = len(places) // 2
        if len(places) >= _MASK_BYTES:  # as bits: nothing more is done to the others as a home wakes
            where = np.frombuffer(places, "<u2")
            if not (where[1:] > where[:-1]).all():
                raise ValueError("cells out of order")
            held = np.zeros(2 * _CELLS, np.bool_)
            held[where] = True
            places = np.packbits(held).tobytes()
        self._kept = numbers + places
        self._cells()


_ONES: Final = bytes([sum(byte >> bit & 1 for bit in range(8)) for byte in range(256)])
_UNITS: Final = [2.0 ** (max(exponent, 1) - 150) for exponent in range(256)]
"""What the last bit of a float32 is worth, by its exponent."""


class FewRates:
    """The rates of one context of a table, each reckoned from its twelve cells as it is asked: to the bit what `HazardTable.rates` says."""

    __slots__ = ("_before", "_context", "_floor", "_k0_h", "_k1_h", "_kept", "_marks", "_people")

    def __init__(
        self, kept: bytes, count: int, kind: str, k0_h: float, k1_h: float, floor: float, *, away: bool
    ) -> None:
        """`kept` is what a table of a kind keeps of so many cells."""
        self._kept = kept
        self._people = _listed(kind, away=away)
        self._context = _PER_CONTEXT if away else 0
        self._k0_h = k0_h
        self._k1_h = k1_h
        self._floor = floor
        self._marks = _marks(kept, count)
        self._before: list[int] = []
        """How many cells that hold anything come before each 32 of them."""
        before, marks = self._before, self._marks
        total = 0
        for i in range(0, _MASK_BYTES, 4):
            before.append(total)
            total += _ONES[marks[i]] + _ONES[marks[i + 1]] + _ONES[marks[i + 2]] + _ONES[marks[i + 3]]

    def at(self, place: int) -> float:
        """Return the rate at `row_of(weekend, hour) + bucket`."""
        own = _PER_CONTEXT // 2 if place >= _PER_CONTEXT // 2 else 0
        other = _PER_CONTEXT // 2 - own
        of_day = place - own
        before = of_day - BUCKETS if of_day >= BUCKETS else of_day + 23 * BUCKETS
        after = of_day + BUCKETS if of_day < 23 * BUCKETS else of_day - 23 * BUCKETS
        events = self._near(own, before, of_day, after)
        hours = self._near(own + _CELLS, before, of_day, after)
        all_days = (events + self._near(other, before, of_day, after)) + self._k0_h * self._people[of_day]
        all_days /= (hours + self._near(other + _CELLS, before, of_day, after)) + self._k0_h
        all_days *= self._k1_h
        rate = (events + all_days) / (hours + self._k1_h)
        return rate if rate > self._floor else self._floor  # noqa: FURB136 - each call would cost more than the rest

    def _near(self, first: int, before: int, place: int, after: int) -> float:
        """Return a cell with those of the hours before and after it at half weight."""
        first += self._context
        near = (self._cell(first + before) + self._cell(first + after)) * NEIGHBOURS
        return near + self._cell(first + place)

    def _cell(self, place: int) -> float:
        mark = self._marks[place >> 3]
        bit = place & 7
        if not mark & (128 >> bit):  # nearly always
            return 0.0
        kept = self._kept
        rank = self._before[place >> 5] + _ONES[mark >> (8 - bit)]
        for i in range(place >> 5 << 2, place >> 3):
            rank += _ONES[self._marks[i]]
        at = 4 * rank
        bits = kept[at] | kept[at + 1] << 8 | kept[at + 2] << 16 | kept[at + 3] << 24
        exponent = bits >> 23
        return float((bits & 8_388_607) + (8_388_608 if exponent > 0 else 0)) * _UNITS[exponent]


def _marks(kept: bytes, count: int) -> bytes:
    """Return a bit for each cell that holds anything, eight together, the first of them the highest."""
    behind = kept[4 * count :]
    if len(behind) == _MASK_BYTES:
        return behind
    marks = [0] * _MASK_BYTES
    if len(behind) == 2 * count:
        for i in range(count):
            place = behind[2 * i] | behind[2 * i + 1] << 8
            marks[place >> 3] |= 128 >> (place & 7)
        return bytes(marks)
    place = 0
    for step in behind:
        place += step
        if step != _FAR:
            marks[place >> 3] |= 128 >> (place & 7)
    return bytes(marks)


@cache
def _listed(kind: str, *, away: bool) -> list[float]:
    """Return the rates of people by hour and bucket."""
    return [rate for row in prior(kind)[int(away)] for rate in row]


def _packed(places: NDArray[np.int64]) -> bytes:
    """Return ascending places in the shorter way: a bit of each cell, or a byte for each step between them."""
    steps = _steps(places) if room.packs and len(places) < _MASK_BYTES else b""
    if steps and len(steps) < _MASK_BYTES and len(steps) != 2 * len(places):
        return steps
    held = np.zeros(2 * _CELLS, np.bool_)
    held[places] = True
    return np.packbits(held).tobytes() if len(places) else b""


def _steps(places: NDArray[np.int64]) -> bytes:
    """Return by how much each place lies behind the one before it; `_FAR` is a step to no place, before a rest below it."""
    steps = places.copy()
    steps[1:] -= places[:-1]
    if not len(steps) or int(steps.max()) < _FAR:
        return steps.astype(np.uint8).tobytes()
    far = steps // _FAR
    out = np.full(len(steps) + int(far.sum()), _FAR, np.uint8)
    out[np.cumsum(far + 1) - 1] = steps % _FAR
    return out.tobytes()


def are_amounts(numbers: bytes) -> bool:
    """Tell whether all of some packed float32 are 0 or more, and no more than an amount can be: NaN is not.

    As bits, numbers that are not below 0 have the order that they have as numbers; all others lie above them.
    """
    return not numbers or bool(np.frombuffer(numbers, "<u4").max() <= _MOST_BITS)


def _with_neighbours(cells: NDArray[np.float32], *, away: bool) -> NDArray[np.float64]:
    """Return the cells of a context, those of the hours before and after added at half weight.

    In rows: events on weekdays and weekends, exposure on weekdays and weekends.
    """
    # The last hour stands before the first, and the first after the last.
    ring = cells.take(_RINGS[int(away)]).astype(np.float64)
    near: NDArray[np.float64] = ring[:, : -2 * BUCKETS] + ring[:, 2 * BUCKETS :]
    near *= NEIGHBOURS
    near += ring[:, BUCKETS:-BUCKETS]
    return near


_RINGS: Final = (
    np.arange(2 * _CELLS).reshape(2, 2, 2, 24, BUCKETS)[:, :, :, [23, *range(24), 0]].swapaxes(0, 1).reshape(2, 4, -1)
)
"""Of each context the places of cells as `_with_neighbours` takes them."""


@lru_cache(maxsize=64)
def _rates_of_people(kind: str, floor_per_h: float, *, away: bool) -> DayRates:
    return _numbers(np.maximum(np.broadcast_to(_people(kind, away=away), (2, 24 * BUCKETS)), floor_per_h))


def _numbers(rates: NDArray[np.float64]) -> DayRates:
    """Return rates of which a silence reads some thirty: making Python numbers of all 672 would cost as much as reckoning them."""
    return cast("memoryview[float]", np.ascontiguousarray(rates).reshape(-1).data)


@cache
def _people(kind: str, *, away: bool) -> NDArray[np.float64]:
    return np.asarray(prior(kind)[int(away)], np.float64).reshape(-1)
