"""The only file that may read the wall clock. Detection never does: its time comes from ticks in the log."""

import time


def now_ms() -> int:
    """UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - this is the one place


def monotonic_s() -> float:
    """Seconds on a clock that never steps back, for timeouts and durations."""
    return time.monotonic()
