"""The return-hazard table: how soon this person's silences end, by context, hour and time already silent."""

from bisect import bisect_right
from functools import cache
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Law
from detectors.hours import HOUR_MS, LocalHours
from detectors.life import HOME
from detectors.priors import prior

EDGES_MS: Final[tuple[int, ...]] = tuple(
    minutes * 60_000 for minutes in (5, 10, 20, 30, 60, 90, 120, 180, 240, 360, 480, 600, 840, 1200)
)
"""Where the 14 buckets of elapsed time begin. Below 5 minutes there are no silences: episodes are linked over them."""
BUCKETS: Final = len(EDGES_MS)
SHAPE: Final = (2, 2, 24, BUCKETS)
"""Context (home, away), kind of day (weekday, weekend), local hour, bucket."""
NEIGHBOURS: Final = 0.5
AWAY_FLOOR: Final = 0.3
"""Share of the floor that holds while away, and for carried devices, which may lie in a drawer."""
LONGEST_MS: Final = 48 * HOUR_MS
"""A longer gap is an absence or an outage that nobody recorded: it is not learned."""
NEVER_MS: Final = 1 << 62

DayRates = list[list[list[float]]]
"""[weekday or weekend][hour][bucket], events an hour."""


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
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_counts", "_kind")

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._counts: NDArray[np.float32] | None = None

    def learn_one(self, hours: LocalHours, start_ms: int, end_ms: int, *, away: bool = False) -> None:
        """Learn one silence that a sign of life ended, UTC milliseconds."""
        if not EDGES_MS[0] < end_ms - start_ms <= LONGEST_MS:
            return
        if self._counts is None:
            self._counts = np.zeros((2, *SHAPE), np.float32)
        events, exposure = self._counts[0, int(away)], self._counts[1, int(away)]
        t, k = start_ms + EDGES_MS[0], 0
        cell = (0, 0, 0)
        while t < end_ms:
            weekend, hour, until = hours.cell(t)
            stop = min(until, start_ms + bucket_ends(k), end_ms)
            cell = (weekend, hour, k)
            exposure[cell] += (stop - t) / HOUR_MS
            t = stop
            if t >= start_ms + bucket_ends(k):
                k += 1
        events[cell] += 1.0

    def fade(self, share: float) -> None:
        """Let everything learned fade to a share of its weight."""
        if self._counts is not None:
            self._counts *= np.float32(share)

    def rates(self, *, away: bool, k0_h: float, k1_h: float, floor_per_h: float) -> DayRates:
        """Return the rates of one context, never below the floor (0.3 of it when away or for a carried device)."""
        people = _people(self._kind, away=away)
        floor = floor_per_h if self._kind == HOME and not away else AWAY_FLOOR * floor_per_h
        if self._counts is None:
            rates = np.broadcast_to(people, (2, 24, BUCKETS))
        else:
            n, e = _with_neighbours(self._counts[:, int(away)])
            all_days = (n[0] + n[1] + k0_h * people) / (e[0] + e[1] + k0_h)
            rates = (n + k1_h * all_days) / (e + k1_h)
        out: DayRates = np.maximum(rates, floor).tolist()
        return out

    def state(self) -> list[Any]:
        """Return the cells that hold anything: (positions as uint16, numbers as float32), little-endian bytes."""
        if self._counts is None:
            return [b"", b""]
        flat = self._counts.reshape(-1)
        where = np.flatnonzero(flat)
        return [where.astype("<u2").tobytes(), flat[where].astype("<f4").tobytes()]

    def restore(self, state: list[Any]) -> None:
        """Take the cells of a `state()`."""
        places, numbers = state
        if not places:
            self._counts = None
            return
        counts = np.zeros(2 * int(np.prod(SHAPE)), np.float32)
        counts[np.frombuffer(places, "<u2")] = np.frombuffer(numbers, "<f4")
        self._counts = counts.reshape((2, *SHAPE))


_BEFORE: Final = np.arange(-1, 23)
_AFTER: Final = np.arange(1, 25) % 24


def _with_neighbours(cells: NDArray[np.float32]) -> NDArray[np.float64]:
    """Add the hours before and after at half weight; hours are the last axis but one."""
    wide = cells.astype(np.float64)
    smooth: NDArray[np.float64] = wide + NEIGHBOURS * (wide[..., _BEFORE, :] + wide[..., _AFTER, :])
    return smooth


@cache
def _people(kind: str, *, away: bool) -> NDArray[np.float64]:
    return np.asarray(prior(kind)[int(away)], np.float64)
