"""Garbage collection of a worker, whose households are some million objects that nearly all live for ever.

A full collection looks at every object: with 10,000 households awake it held the worker for half a second. Here whatever
survives one is not looked at again (`gc.freeze`), so the next looks only at what came since. Objects still go as soon as
nothing refers to them. What would stay for ever is only a cycle that dies after it has survived, and the only large one is
an engine that was given away: while there is one, nothing is frozen.
"""

import gc
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self


class Collecting:
    """Freezes what survives a full collection, as long as it is entered. `in_use` gives the large objects that are needed."""

    def __init__(self, in_use: Callable[[], Collection[object]]) -> None:
        self._in_use = in_use
        self._watched: list[weakref.ref[Any]] = []
        self._builds = 0

    def __enter__(self) -> Self:
        """Begin."""
        gc.callbacks.append(self._collected)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave everything to the collector again."""
        gc.callbacks.remove(self._collected)
        gc.unfreeze()

    @contextmanager
    def building(self) -> Iterator[None]:
        """Collect nothing while something large is built: all of it stays, and would be looked at again and again."""
        self._builds += 1
        gc.disable()
        try:
            yield
        finally:
            self._builds -= 1
            if not self._builds:
                gc.enable()

    def watch(self, large: object) -> None:
        """Note a large object: once it is not in use, everything is looked at until it is gone."""
        self._watched.append(weakref.ref(large))

    def thaw(self) -> None:
        """Look at everything again: something large may be needed no more."""
        gc.unfreeze()

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase != "stop" or info["generation"] < 2:
            return
        self._watched = [one for one in self._watched if one() is not None]
        used = {id(one) for one in self._in_use()}
        if all(id(one()) in used for one in self._watched):
            gc.freeze()
