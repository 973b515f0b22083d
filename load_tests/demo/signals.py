"""Ctrl-C and its relatives: one way to be interrupted, and a cleaning up that is not interrupted again."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any, Final

INTERRUPTED: Final = 130
"""Exit code of a process that Ctrl-C ended."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal do what Ctrl-C does: raise KeyboardInterrupt, so that everything is cleaned up."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing interrupt what is done here: it must be short. A second, impatient Ctrl-C would leave processes behind."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def closing_undisturbed(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` at the end of the block, however it ends, and let nothing interrupt that."""
    try:
        yield
    finally:
        with undisturbed():
            close()


def _interrupt(*_: Any) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt  # a shell script's background job ignores SIGINT, and would never end
    signal.raise_signal(signal.SIGINT)
