"""Dead letters of one partition: one a refused reading, and one summary a minute where a source floods. Pure."""

from typing import Any, Final

import msgspec

from schemas.deadletters import dead_letter, flood_summary
from schemas.events import DeadLetter, Fault

EACH_AT_MOST: Final = 20
"""So many refusals of one topic and reason in a minute of log time are told one by one; the rest in a summary."""
MINUTE_MS: Final = 60_000


class Refused:
    """Counts refusals by topic and reason, a minute of log time at a time; its state is part of the snapshot."""

    __slots__ = ("_flood", "_partition", "_told")

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._told: dict[str, list[int]] = {}
        """`topic reason` -> [minute, letters told in it]"""
        self._flood: dict[str, list[Any]] = {}
        """`topic reason` -> [first letter that was not told, how many, last offset]"""

    def take(self, topic: str, offset: int, fault: Fault, value: bytes | None, clock_ms: int) -> DeadLetter | None:
        """Take one refusal; return its dead letter, None where it goes into a summary."""
        key = f"{topic} {fault.reason}"
        minute = clock_ms // MINUTE_MS
        told = self._told.get(key)
        if told is None or told[0] != minute:
            told = self._told[key] = [minute, 0]
        letter = None
        if told[1] < EACH_AT_MOST or key not in self._flood:
            letter = dead_letter(topic, self._partition, offset, fault, value, clock_ms)
        if told[1] < EACH_AT_MOST:
            told[1] += 1
            return letter
        flood = self._flood.get(key)
        if flood is None:
            self._flood[key] = [letter, 1, offset]
        else:
            flood[1] += 1
            flood[2] = offset
        return None

    def flush(self, clock_ms: int) -> list[DeadLetter]:
        """Return the summaries of minutes that are over; called when the clock moves."""
        if not self._told:
            return []
        minute = clock_ms // MINUTE_MS
        out = []
        for key in [key for key, told in self._told.items() if told[0] != minute]:
            del self._told[key]
            flood = self._flood.pop(key, None)
            if flood is not None:
                first, count, last_offset = flood
                out.append(flood_summary(first, count=count, last_offset=last_offset, at_ms=clock_ms))
        return out

    def state(self) -> list[Any]:
        """Return plain data."""
        return [
            [[key, *told] for key, told in self._told.items()],
            [[key, msgspec.to_builtins(first), count, last] for key, (first, count, last) in self._flood.items()],
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the data of a `state()`.

        Raises:
            ValueError, TypeError: it is none; nothing is taken then.

        """
        told, flood = state
        flood = {key: [msgspec.convert(first, DeadLetter), n, last] for key, first, n, last in flood}
        self._told = {key: [minute, count] for key, minute, count in told}
        self._flood = flood
