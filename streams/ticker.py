"""The clock of a live log: a tick into every partition of every ordered topic, on a grid of UTC time.

Several tickers may run: the grid is the same for all, and the engine ignores repeats. Missing ticks stop the engine's
clock, never its judgement: nobody is declared silent for want of a ticker.
"""

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from schemas.encode import encode
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.topics import ORDERED_NAMES
from streams.publish import BrokerAwayError, Publisher, TopicsDifferError
from streams.wallclock import now_ms

log = logging.getLogger("anbu.ticker")

BACK_OFF_MOST_S: Final = 10.0


def next_tick_ms(at_ms: int, every_ms: int) -> int:
    """Return the first moment of the grid (multiples of `every_ms`) after `at_ms`."""
    return at_ms - at_ms % every_ms + every_ms


def this_tick_ms(at_ms: int, every_ms: int) -> int:
    """Return the last moment of the grid that has come at `at_ms`."""
    return at_ms - at_ms % every_ms


class Outlet(Protocol):
    """Where ticks go: `Publisher`, or a test's list."""

    def send(self, topic: str, key: str | bytes, value: bytes | None, *, partition: int | None = None) -> None:
        """Write one record."""

    def flush(self) -> None:
        """Wait until all are written."""

    def close(self, *, drop: bool = False) -> None:
        """End."""


class Ticker:
    """Writes the tick of the present moment, and only that.

    A pause, of the machine or of the broker, leaves a hole in the grid: ticks of the past written in a burst after it
    would say of every record since that it came before them.
    """

    def __init__(
        self,
        connect: Callable[[], Outlet],
        partitions: int,
        every_ms: int,
        *,
        clock: Callable[[], int] = now_ms,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connect = connect
        self._partitions = partitions
        self._every_ms = every_ms
        self._clock = clock
        self._sleep_s = sleep_s
        self._outlet: Outlet | None = None
        self._last_ms = 0
        self._away = 0
        """Tries in a row that failed."""

    def run(self, beats: int | None = None) -> None:
        """Tick until interrupted, or for so many tries.

        Raises:
            TopicsDifferError: the topics are there but cut into another number of partitions: nothing is written.

        """
        try:
            while beats is None or beats > 0:
                self.beat()
                beats = None if beats is None else beats - 1
        finally:
            if self._outlet is not None:
                self._outlet.close(drop=True)

    def beat(self) -> None:
        """Wait for the next moment of the grid, then write it everywhere; one log line when the broker goes or returns."""
        if self._away:
            self._sleep_s(min(BACK_OFF_MOST_S, 2.0 ** min(self._away - 1, 10)))
        at_ms = self._clock()
        self._sleep_s((next_tick_ms(at_ms, self._every_ms) - at_ms) / 1000)
        tick_ms = this_tick_ms(self._clock(), self._every_ms)
        if tick_ms <= self._last_ms:
            return  # woken early, or the machine's clock was set back: a repeat would only cost space
        try:
            self._write(tick_ms)
        except BrokerAwayError as error:
            self._fail(str(error))
            return
        if self._away:
            log.warning("ticks flow again after %d failed tries", self._away)
        self._away = 0
        self._last_ms = tick_ms

    def _write(self, tick_ms: int) -> None:
        if self._outlet is None:
            self._outlet = self._connect()
        value = encode(Tick(tick=tick_ms, mode=TickMode.LIVE))
        for topic in ORDERED_NAMES:
            for partition in range(self._partitions):
                self._outlet.send(topic, TICK_KEY, value, partition=partition)
        self._outlet.flush()

    def _fail(self, why: str) -> None:
        if not self._away:
            log.error("no ticks: %s; trying on, the engine's clock stands until then", why)
        self._away += 1
        if self._outlet is not None:
            # With its buffer: what it still holds would be written as ticks of the past when the broker is back.
            self._outlet.close(drop=True)
            self._outlet = None


def run_ticker(bootstrap: str, partitions: int, every_s: float, *, beats: int | None = None) -> None:
    """Tick a real broker until interrupted (or `beats` times).

    Raises:
        TopicsDifferError: a topic is missing, or has another partition count than the settings.
        ValueError: the period is not a positive whole number of milliseconds.

    """
    every_ms = round(every_s * 1000)
    if every_ms <= 0:
        raise ValueError("the tick period must be positive")

    def connect() -> Publisher:
        return Publisher(bootstrap, partitions, within_s=min(4.0, max(1.0, every_s)))

    Ticker(connect, partitions, every_ms).run(beats)


__all__ = ["Ticker", "TopicsDifferError", "next_tick_ms", "run_ticker", "this_tick_ms"]
