"""A habit that gets worse bit by bit: Page and Hinkley's test on one number a day, or one a call, in ten numbers."""

import math
import struct
from typing import ClassVar, Final

from detectors.contract import Law

HALF_LIFE: Final = 45.0
"""Values after which the usual has half forgotten."""
FEWEST: Final = 14
"""Values that make a habit: none is tested before."""
MOST_DEVIATIONS: Final = 2.5
"""One day counts no more than this, whatever happened on it."""
RECENT: Final = 0.5 ** (1 / 5)
RECOVERED: Final = 0.25
"""Deviations from the usual, over about the last week, below which a habit is what it was."""
KNOWN: Final = 60.0
"""Values before its own that a test supposes to have been as usual: one that began with the change took it for its mean."""
WORSE: Final = 0.5
"""Deviations over about the last week without which nothing is told: what was bad a month ago may be over."""
_ALPHA: Final = 1 - 0.0001
_FORM: Final = struct.Struct("<10d")
_FORMER: Final = struct.Struct("<9d")
"""Without `lately`."""
STATE_BYTES: Final = _FORM.size
"""Length of `Habit.state`."""
SINCE_AT: Final = 32
"""Where `since` stands in the bytes of `Habit.state`."""
_KEEP: Final = 0.5 ** (1 / HALF_LIFE)
LATEST: Final = float(1 << 47)
"""No day or call is counted beyond this."""


class PageHinkley:
    """The recurrences of `river.drift.PageHinkley(mode="up")`, which a test compares it with, in four plain numbers.

    river's object takes over a kilobyte; a household has six habits, and a worker 200,000 households. E. S. Page,
    "Continuous inspection schemes", Biometrika 41 (1954).
    """

    __slots__ = ("least", "mean", "n", "total")

    def __init__(self) -> None:
        self.n, self.mean, self.total, self.least = 0.0, 0.0, 0.0, math.inf

    def take(self, x: float, delta: float, known: float = 0.0) -> float:
        """Take a number; return how far the sum of what lies above its mean has risen from its lowest.

        `known`: the mean is held at 0 with the weight of so many numbers.
        """
        self.n += 1.0
        self.mean += (x - self.mean) / (self.n + known)
        self.total = _ALPHA * self.total + (x - self.mean) - delta
        self.least = min(self.least, self.total)
        return self.total - self.least


class Habit:
    """A number with its usual value, and a test whether it gets worse. What is worse grows: callers give the sign.

    `learn_one(x)`; `score_one()` is the deviation from the usual over about the last week, None before it is known. While
    `since` is not 0 the habit is worse than usual, and the usual is not learned: it would become what is worse.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_count", "_mean", "_recent", "_square", "_test", "lately", "since")

    def __init__(self, prior: float = 0.0, weight: float = 0.0) -> None:
        """`prior`: what is usual among people, with the weight of so many values."""
        self._count, self._mean, self._square = weight, prior, prior * prior
        self._recent = 0.0
        self._test = PageHinkley()
        self.lately = prior
        """The value over about the last week: shown beside the usual, and nothing follows from it."""
        self.since = 0.0
        """The day, or call, from which it is worse, as the caller counts them; 0 while it is not."""

    def learn_one(
        self,
        x: float,
        at: float,
        *,
        sign: float,
        least_variance: float,
        delta: float,
        limit: float,
        matter: float = 0.0,
    ) -> None:
        """Take the value of a day; `sign` is 1 where more is worse, -1 where less is.

        `limit`: how far the test's sum may rise, in deviations; `delta`: how much worse than usual is no matter, in
        deviations, and `matter` the same as a share of the usual: the larger of the two holds.
        """
        self.lately = RECENT * self.lately + (1 - RECENT) * x if self._count else x
        if self._count >= FEWEST * 0.9:
            variance = max(self._square - self._mean * self._mean, least_variance)
            spread = math.sqrt(variance)
            worse = sign * (x - self._mean) / spread
            worse = max(-MOST_DEVIATIONS, min(MOST_DEVIATIONS, worse))
            self._recent = RECENT * self._recent + (1 - RECENT) * worse
            if self.since:
                if self._recent < RECOVERED:
                    self.forgive()
                return
            borne = max(delta, matter * abs(self._mean) / spread)
            if self._test.take(worse, borne, KNOWN) > limit and self._recent > WORSE:
                self.since = at
                return
        self._count = self._count * _KEEP + 1.0
        self._mean += (x - self._mean) / self._count
        self._square += (x * x - self._square) / self._count

    def score_one(self) -> float | None:
        """Return how many deviations the last week or so lies on the worse side of the usual."""
        return self._recent if self._count >= FEWEST * 0.9 else None

    def forgive(self) -> None:
        """Begin to test anew: it is as it was, or somebody has looked after it."""
        self.since, self._recent, self._test = 0.0, 0.0, PageHinkley()

    @property
    def usual(self) -> float:
        """The usual value."""
        return self._mean

    @classmethod
    def of(cls, state: bytes) -> "Habit":
        """Return the habit of a `state()`."""
        habit = cls()
        habit.restore(state)
        return habit

    @classmethod
    def known(cls, state: bytes) -> "Habit":
        """Return the habit of a `state()` of this process: nothing is looked at."""
        habit = cls()
        test = habit._test
        (
            habit._count,
            habit._mean,
            habit._square,
            habit._recent,
            habit.since,
            test.n,
            test.mean,
            test.total,
            test.least,
            habit.lately,
        ) = _FORM.unpack(state)
        return habit

    def state(self) -> bytes:
        """Return ten numbers."""
        test = self._test
        return _FORM.pack(
            self._count,
            self._mean,
            self._square,
            self._recent,
            self.since,
            test.n,
            test.mean,
            test.total,
            test.least,
            self.lately,
        )

    def restore(self, state: bytes) -> None:
        """Take the numbers of a `state()`.

        Raises:
            ValueError, struct.error: they are not ten numbers, or without end.

        """
        known = _FORM.unpack(state) if len(state) == _FORM.size else (*_FORMER.unpack(state), None)
        self._count, self._mean, self._square, self._recent, self.since, *test, lately = known
        self._test.n, self._test.mean, self._test.total, self._test.least = test
        self.lately = self._mean if lately is None else lately
        if not math.isfinite(sum(known[:-2]) + self.lately) or not abs(self.since) <= LATEST or math.isnan(test[-1]):
            raise ValueError("no numbers of a habit")
