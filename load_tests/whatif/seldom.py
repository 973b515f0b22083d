"""The collector of cycles rests while a past is prepared and replayed: it looks through what is kept again and again, and nothing of it is a cycle."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 100_000
"""New containers before the youngest are looked through; Python's own number is 700."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect seldom, never not at all: a hostile file may well make cycles, an exception a line."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
