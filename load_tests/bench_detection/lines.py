"""Published detectors of inactivity: each draws, from the days before, a line that the silence must not cross.

Formulas follow the papers as S. Wilhelm has implemented them side by side (github.com/WilhelmSebastian/IBED, the code of
Wilhelm and Wahl 2024), in half hours instead of seconds. All are given the benchmark's own proofs of life. Their other
settings are the papers'; what is swept, so that each can be compared at equal false alarms, is said at each.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.hours import DAY_MS, HOUR_MS
from load_tests.bench_detection.homes import Home

SLOT_MS: Final = HOUR_MS // 2
SLOTS: Final = 48
AHEAD_DAYS: Final = 5
LEAST_MS: Final = 300_000
"""Shorter pauses are no silences, as for everybody here."""
CUDDIHY_FACTORS: Final = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0)
FLOECK_HOURS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24)
MOSHTAGHI_ALPHAS: Final = (0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4)
WILHELM_FACTORS: Final = (0.7, 0.85, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
Lines = NDArray[np.float64]
"""[day, half hour of the day]: hours of silence allowed then; infinite for any."""
Deadlines = NDArray[np.float64]


class Silences(NamedTuple):
    """What a recording's days looked like, by half hours. Days are local and counted from the recording's first."""

    at_end_h: Lines
    """Hours silent at the end of each half hour; NaN before the first proof and after the last."""
    most_h: Lines
    """The longest silence reached within each half hour."""
    weekend: NDArray[np.bool_]
    starts: NDArray[np.int64]
    """Of each silence over five minutes: the half hour in which it begins, counted from the first day,"""
    ends: NDArray[np.int64]
    """the one in which it ends,"""
    lengths_h: Lines
    """and how long it is."""


def silences_of(home: Home) -> Silences:
    """Return what the rules learn from."""
    local = home.proofs + home.offset_ms
    first = int(local[0]) // DAY_MS
    days = int(local[-1]) // DAY_MS - first + 1
    edges = first * DAY_MS + np.arange(1, days * SLOTS + 1, dtype=np.int64) * SLOT_MS
    place = np.searchsorted(local, edges, "left") - 1
    at_end = np.where(place >= 0, (edges - local[np.clip(place, 0, None)]) / HOUR_MS, np.nan)
    most = at_end.copy()
    gaps = np.diff(local)
    slots = ((local - first * DAY_MS) // SLOT_MS).astype(np.int64)
    np.fmax.at(most, slots[1:], gaps / HOUR_MS)
    after = slots[-1]
    at_end[after:] = np.nan
    most[after + 1 :] = np.nan
    real = gaps > LEAST_MS
    weekend = np.array([(first + day + 3) % 7 >= 5 for day in range(days)])
    return Silences(
        at_end.reshape(days, SLOTS),
        most.reshape(days, SLOTS),
        weekend,
        slots[:-1][real],
        slots[1:][real],
        gaps[real] / HOUR_MS,
    )


def deadlines_under(home: Home, lines: Lines) -> Deadlines:
    """Return when each silence crosses the lines of the day it began in, UTC milliseconds; the line goes on day after day."""
    local = home.proofs + home.offset_ms
    first = int(local[0]) // DAY_MS
    day_of = local // DAY_MS - first
    out = np.full(len(local), np.inf)
    for day in np.unique(day_of).tolist():
        mine = np.flatnonzero(day_of == day)
        line = np.tile(lines[day], AHEAD_DAYS)
        begins = (first + day) * DAY_MS + np.arange(len(line)) * float(SLOT_MS)
        proofs = local[mine].astype(np.float64)[:, None]
        crossed = np.maximum(proofs + line * HOUR_MS, begins)
        fits = (crossed < begins + SLOT_MS) & (crossed >= proofs)
        found = fits.any(axis=1)
        where = fits.argmax(axis=1)
        out[mine[found]] = crossed[found, where[found]] - home.offset_ms
    return out


def _by_day(days: int, line: Callable[[int], NDArray[np.float64]]) -> Lines:
    """Return the line of each day; none on the first, of which nothing is known."""
    return np.array([np.full(SLOTS, np.inf) if day == 0 else line(day) for day in range(days)])


def cuddihy(home: Home, factors: Sequence[float]) -> Iterator[Deadlines]:
    """Cuddihy, Weisenberg, Graichen and Ganesh 2007, "Algorithm to automatically detect abnormally long periods of inactivity".

    doi 10.1145/1248054.1248081. m(i): the 97th percentile over 60 days of the time silent at the end of half hour i; the
    alert line is max m(i-2..i+2), plus 30 % of m(i), plus 40 % of the average of m(i-2..i+2) weighted 1 2 3 2 1. Swept: a
    factor on the line (1 is the paper's).
    """
    seen = silences_of(home)

    def line(day: int) -> NDArray[np.float64]:
        known = np.sort(seen.at_end_h[max(0, day - 60) : day], axis=0)  # NaN sorts last
        count = (~np.isnan(known)).sum(axis=0)
        m = known[np.minimum((count * 0.97).astype(int), np.maximum(count - 1, 0)), np.arange(SLOTS)]
        m = np.where(count > 0, m, 0.0)
        near = np.stack([np.roll(m, -shift) for shift in range(-2, 3)])
        weights = np.array([1.0, 2.0, 3.0, 2.0, 1.0])[:, None]
        total: NDArray[np.float64] = near.max(axis=0) + 0.3 * m + 0.4 * (near * weights).sum(axis=0) / 9.0
        return total

    lines = _by_day(len(seen.weekend), line)
    for factor in factors:
        yield deadlines_under(home, lines * factor)


def floeck(home: Home, hours: Sequence[float]) -> Iterator[Deadlines]:
    """Floeck, Litz and Rodner 2011, "An Ambient Approach to Emergency Detection Based on Location Tracking".

    doi 10.1007/978-3-642-21535-3_45. An alarm when a stay lasts longer than U although in the last 21 days a stay longer
    than U at this time of day had a probability below 5 %. The paper's stay is one in a room, and its U are 20 and 60
    minutes. Recorded homes do not tell their rooms alike, so here the home is one room and a stay is a silence (assumed).
    Swept: U.
    """
    seen = silences_of(home)
    for limit in hours:

        def line(day: int, limit: float = limit) -> NDArray[np.float64]:
            known = seen.most_h[max(0, day - 21) : day]
            count = np.maximum((~np.isnan(known)).sum(axis=0), 1)
            return np.where((known > limit).sum(axis=0) / count < 0.05, limit, np.inf)

        yield deadlines_under(home, _by_day(len(seen.weekend), line))


def moshtaghi(home: Home, alphas: Sequence[float]) -> Iterator[Deadlines]:
    """Moshtaghi, Zukerman and Russell 2015, "Statistical models for unobtrusively detecting abnormal periods of inactivity".

    doi 10.1007/s11257-015-9162-6. The Pareto model of the three: for each hour of the day the last 50 silences that
    touched it, shape by maximum likelihood n / sum(log(x / x_min)), alarm at x_min alpha^(-1/shape). The threshold of a
    later hour holds from that hour on. Per region of the home in the paper, here for the home as one; silences over five
    minutes (both assumed). The hyper-exponential model's quantile of 50 silences cannot reach few false alarms, so it is
    left out. Swept: alpha.
    """
    seen = silences_of(home)
    days = len(seen.weekend)
    shape, least = np.full((days, 24), np.nan), np.full((days, 24), np.nan)
    window: list[list[float]] = [[] for _ in range(24)]
    place = 0
    for day in range(days):
        while place < len(seen.ends) and seen.ends[place] < day * SLOTS:
            first, last = int(seen.starts[place]) // 2, int(seen.ends[place]) // 2
            for hour in range(first, min(last, first + 23) + 1):
                window[hour % 24] = [*window[hour % 24][-49:], float(seen.lengths_h[place])]
            place += 1
        for hour, lengths in enumerate(window):
            if len(lengths) > 1:
                x = np.array(lengths)
                least[day, hour] = x.min()
                shape[day, hour] = len(x) / max(float(np.log(x / x.min()).sum()), 1e-9)
    for alpha in alphas:
        with np.errstate(over="ignore"):
            line = least * alpha ** (-1.0 / shape)
        yield deadlines_under(home, np.repeat(np.where(np.isnan(line), np.inf, line), 2, axis=1))


def wilhelm(home: Home, factors: Sequence[float]) -> Iterator[Deadlines]:
    """Wilhelm and Wahl 2024, "Emergency Detection in Smart Homes Using Inactivity Score for Handling Uncertain Sensor Data".

    doi 10.3390/s24206583. The score grows with time and falls at each activation by the sensor's certainty; with proofs of
    life alone, whose certainty is 1, it is the time silent. Threshold: of the days of the same kind (weekday, weekend) in
    the last 30, the largest score within an hour of this time of day, but not above Q3 + 1.5 IQR of these, times 1.1.
    Swept: the factor (1.1 is theirs).
    """
    seen = silences_of(home)

    def line(day: int) -> NDArray[np.float64]:
        from_day = max(0, day - 30)
        past = seen.most_h[from_day:day]
        # Of the day itself nothing is known: the last hour of the day before must not look past its midnight.
        padded = np.concatenate([np.full(2, np.nan), past.reshape(-1), np.full(2, np.nan)])
        near = np.fmax.reduce([padded[shift : shift + past.size] for shift in range(5)]).reshape(past.shape)
        known = near[seen.weekend[from_day:day] == seen.weekend[day]]
        known = known[~np.isnan(known).any(axis=1)]
        if not len(known):
            return np.full(SLOTS, np.inf)
        low, high = np.percentile(known, [25, 75], axis=0)
        most: NDArray[np.float64] = np.minimum(known.max(axis=0), high + 1.5 * (high - low))
        return most

    lines = _by_day(len(seen.weekend), line)
    for factor in factors:
        yield deadlines_under(home, lines * factor)
