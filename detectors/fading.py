"""Exponentially weighted mean and variance, by river, kept as three plain numbers."""

import struct
from functools import cache
from typing import Any, ClassVar, Final

from river import stats

from detectors.contract import Law

_FORM: Final = struct.Struct("<3d")


class Fading:
    """Mean and variance of a number that is learned once in a while; old values fade.

    river's `EWMean` does the work, of the value and of its square (which is how river's own `EWVar` forms a variance).
    Its fading factor is one over the faded count, so that the first values weigh alike instead of the very first one
    dominating for a half-life; from then on it is the constant of the half-life. `count` is that faded count.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_keep", "count", "mean", "square")

    def __init__(self, half_life: float) -> None:
        """`half_life` is counted in values learned."""
        self._keep = _keep(half_life)
        self.count = 0.0
        self.mean = 0.0
        self.square = 0.0

    def learn_one(self, x: float) -> None:
        """Learn one value."""
        self.count = self.count * self._keep + 1.0
        self.mean = _moved(self.mean, x, 1.0 / self.count)
        self.square = _moved(self.square, x * x, 1.0 / self.count)

    def shrunk(self, mean: float, variance: float, mean_weight: float, variance_weight: float) -> tuple[float, float]:
        """Return (mean, variance) drawn towards a population's, each with so many values' weight.

        The spread is taken around the shrunk mean, so that a home unlike the population is first of all uncertain.
        """
        return _shrunk((self.count, self.mean, self.square), mean, variance, mean_weight, variance_weight)

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [self.count, self.mean, self.square]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        self.count, self.mean, self.square = state


class Fadings:
    """So many `Fading` in one string of bytes, empty until something is learned: as objects two of them took 300 bytes a home."""

    __slots__ = ("_count", "_half_life", "numbers")

    def __init__(self, half_life: float, count: int, numbers: bytes = b"") -> None:
        """`half_life` is counted in values learned; `numbers` are what another has kept: whoever keeps them alone saves the object."""
        self._half_life = half_life
        self._count = count
        self.numbers = numbers

    def learn(self, place: int, x: float) -> None:
        """Learn one value of the one at a place."""
        one = self[place]
        one.learn_one(x)
        numbers = self.numbers or bytes(_FORM.size * self._count)
        at = place * _FORM.size
        self.numbers = numbers[:at] + _FORM.pack(one.count, one.mean, one.square) + numbers[at + _FORM.size :]

    def __getitem__(self, place: int) -> Fading:
        """Return what is known at a place; to learn, ask this."""
        one = Fading(self._half_life)
        one.count, one.mean, one.square = self._at(place)
        return one

    def _at(self, place: int) -> tuple[float, float, float]:
        return _FORM.unpack_from(self.numbers, place * _FORM.size) if self.numbers else (0.0, 0.0, 0.0)

    def count(self, place: int) -> float:
        """Return the faded count of values at a place."""
        return self._at(place)[0]

    def mean(self, place: int) -> float:
        """Return the mean at a place; 0 before the first value."""
        return self._at(place)[1]

    def shrunk(
        self, place: int, mean: float, variance: float, mean_weight: float, variance_weight: float
    ) -> tuple[float, float]:
        """Return `Fading.shrunk` of the one at a place."""
        return _shrunk(self._at(place), mean, variance, mean_weight, variance_weight)

    def clear(self) -> None:
        """Forget everything."""
        self.numbers = b""

    def state(self) -> list[list[float]]:
        """Return plain numbers."""
        if not self.numbers:
            return [[0.0, 0.0, 0.0] for _ in range(self._count)]
        return [list(numbers) for numbers in _FORM.iter_unpack(self.numbers)]

    def restore(self, state: list[list[float]]) -> None:
        """Take the numbers of a `state()`.

        Raises:
            ValueError: they are not so many.

        """
        if len(state) != self._count:
            raise ValueError("not so many means")
        self.numbers = b"".join([_FORM.pack(*numbers) for numbers in state])
        if self.numbers == bytes(len(self.numbers)):
            self.numbers = b""


def _shrunk(
    known: tuple[float, float, float], mean: float, variance: float, mean_weight: float, variance_weight: float
) -> tuple[float, float]:
    count, own, square = known
    mu = (count * own + mean_weight * mean) / (count + mean_weight)
    around = square - 2 * mu * own + mu * mu
    return mu, (count * max(around, 0.0) + variance_weight * variance) / (count + variance_weight)


def _moved(mean: float, x: float, share: float) -> float:
    # river takes its first value as the mean: that is how a mean kept as a plain number comes back, bit for bit
    fresh = stats.EWMean(fading_factor=min(share, 1.0))
    fresh.update(mean)
    fresh.update(x)
    return float(fresh.get())


@cache
def _keep(half_life: float) -> float:
    """Return what is kept of a count with each value: one number for all of a half-life, not one in each home."""
    return float(0.5 ** (1.0 / half_life))
