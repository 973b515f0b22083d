"""How long to wait before the next try: pure, the chance is an argument."""

from collections.abc import Callable


class Backoff:
    """How long to wait after each failure in a row: doubled each time up to a bound, and shortened at random by up to half.

    Many writers that lost the same server must not return to it in one moment. `draw` is a source of numbers in 0..1.
    """

    def __init__(self, draw: Callable[[], float], *, first_s: float = 0.2, most_s: float = 30.0) -> None:
        self._draw = draw
        self._first_s = first_s
        self._most_s = most_s
        self.failures = 0

    def fail(self) -> float:
        """Count one more failure; seconds to wait."""
        wait_s = min(self._most_s, self._first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return wait_s * (1.0 - 0.5 * self._draw())

    def succeed(self) -> None:
        """Begin anew."""
        self.failures = 0
