"""False alarms and delays of an operating point, pooled over homes, with bootstrap intervals over homes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.hours import DAY_MS, HOUR_MS
from load_tests.bench_detection.homes import LONGEST_ORDINARY_MS, Home, Moments, before
from load_tests.bench_detection.play import Played
from load_tests.bench_detection.rules import Deadlines

LONGEST_DELAY_H: Final = 168.0
"""A collapse that would never be found counts as a week."""
RESAMPLES: Final = 400
INTERVAL: Final = (0.05, 0.95)
Numbers = NDArray[np.float64]


class Outcome(NamedTuple):
    """What one operating point came to on one home."""

    home: str
    months: float
    hour: Numbers
    """Local hour of each cut, 0 to 24."""
    day: Moments
    """Local day of each cut, to resample by."""
    delay_h: Numbers
    false: int
    """False alarms in ordinary silences, after the warm-up."""
    out: int
    """Those of them while the person was out."""
    long: int
    """Alarms in silences over 20 h that nothing explains: apart from `false`."""


def outcome(home: Home, cuts: Moments, due_ms: Deadlines, alarms: Moments) -> Outcome:
    """Return what came of a home. `alarms` are the places of the proofs whose silence was alarmed, once an alarm."""
    gaps = np.diff(home.proofs)
    alarms = alarms[(alarms >= 0) & (alarms < len(gaps))]
    alarms = alarms[home.proofs[alarms] >= home.warm_ms]
    long = gaps[alarms] >= LONGEST_ORDINARY_MS
    local = cuts + home.offset_ms
    return Outcome(
        home=home.name,
        months=home.months,
        hour=local % DAY_MS / HOUR_MS,
        day=local // DAY_MS,
        delay_h=np.minimum((np.maximum(due_ms, cuts) - cuts) / HOUR_MS, LONGEST_DELAY_H),
        false=int((~long).sum()),
        out=int((home.leaves[alarms] & ~long).sum()),
        long=int(long.sum()),
    )


def outcome_of_rule(home: Home, cuts: Moments, deadlines: Deadlines) -> Outcome:
    """Return what came of a rule that said after every proof when it would alarm."""
    return outcome(
        home,
        cuts,
        deadlines[before(home.proofs, cuts)],
        np.flatnonzero(deadlines[:-1] < home.proofs[1:]).astype(np.int64),
    )


def outcome_of_played(home: Home, cuts: Moments, played: Played) -> Outcome:
    """Return what came of a model that was played: every silence it raised, and what was due at every cut."""
    raised = np.array(played.raised_ms, np.int64)
    return outcome(home, cuts, np.array(played.due_ms, np.float64), before(home.proofs, raised))


class Delays(NamedTuple):
    """Hours."""

    median: float
    p90: float


def _hours(outcome_: Outcome, part: str) -> Numbers:
    hour = outcome_.hour
    chosen = {"all": hour >= 0, "day": (hour >= 8) & (hour < 20), "night": (hour < 6) | (hour >= 22)}[part]
    return outcome_.delay_h[chosen]


@dataclass(frozen=True)
class Point:
    """One operating point on some homes, in a fixed order of homes."""

    family: str
    setting: str
    outcomes: Sequence[Outcome]

    def false_per_month(self, *, raw: bool = False) -> float:
        """Return false alarms a household-month; `raw` with those in long unexplained silences."""
        alarms = sum(one.false + (one.long if raw else 0) for one in self.outcomes)
        return alarms / sum(one.months for one in self.outcomes)

    def out_per_month(self) -> float:
        """Return those while the person was out."""
        return sum(one.out for one in self.outcomes) / sum(one.months for one in self.outcomes)

    def long_per_month(self) -> float:
        """Return alarms in long unexplained silences."""
        return sum(one.long for one in self.outcomes) / sum(one.months for one in self.outcomes)

    def delays(self, part: str = "all") -> Delays:
        """Return the delay of cuts in all hours, by day (08 to 20) or by night (22 to 06); every home weighs alike."""
        pooled = np.concatenate([_hours(one, part) for one in self.outcomes])
        if not len(pooled):
            return Delays(float("nan"), float("nan"))
        return Delays(float(np.median(pooled)), float(np.quantile(pooled, 0.9)))

    def of(self, places: Iterable[int]) -> "Point":
        """Return the same point on some of its homes, perhaps several times."""
        return Point(self.family, self.setting, [self.outcomes[place] for place in places])


Interval = list[float] | None


def interval(points: Sequence[Point], figure: Callable[..., float], seed: int = 0) -> Interval:
    """Return the 90 % bootstrap interval over homes of a figure of points on the same homes; None for a single home."""
    count = len(points[0].outcomes)
    if count < 2:
        return None
    random = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        places = random.integers(0, count, count).tolist()
        values.append(figure(*(point.of(places) for point in points)))
    return [round(float(edge), 2) for edge in np.quantile(values, INTERVAL)]


def wholly_worse(one: Outcome, rival: Outcome, seed: int = 0) -> bool:
    """Tell whether a home's median delay is longer than a rival's over the whole 90 % interval, days resampled."""
    random = np.random.default_rng(seed)
    days, of = np.unique(one.day, return_inverse=True)
    places = [np.flatnonzero(of == day) for day in range(len(days))]
    differences = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([places[day] for day in random.integers(0, len(days), len(days))])
        differences.append(np.median(one.delay_h[chosen]) - np.median(rival.delay_h[chosen]))
    return bool(np.quantile(differences, INTERVAL[0]) > 0)


def fastest(points: Iterable[Point], most_false: float, *, raw: bool = False) -> Point | None:
    """Return the point with the shortest median delay among those with so few false alarms; None without any."""
    fit = [point for point in points if point.false_per_month(raw=raw) <= most_false + 1e-9]
    return min(fit, key=lambda point: point.delays(), default=None)
