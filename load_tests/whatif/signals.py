"""What signals do to a replay on several processes: it ends at once, in one line, and leaves nothing behind."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: by its default the processes would be left to themselves, semaphores and events behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one would break off the tidying
    raise SystemExit(128 + number)


@contextmanager
def apart() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: a terminal sends it to all, and each would end in a traceback of its own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
