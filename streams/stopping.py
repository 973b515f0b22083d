"""How a long-running process is asked to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping(stop: threading.Event | None) -> Iterator[threading.Event]:
    """Give the event that ends the loop: the caller's, or one set by SIGTERM and SIGINT."""
    if stop is not None:
        yield stop
        return
    asked = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in numbers}

    def ask(*_signal: object) -> None:
        asked.set()
        # The last write may wait minutes for a server that hangs: who asks again is not made to wait for it.
        for number in numbers:
            signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
