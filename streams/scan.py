"""Emergencies of a fetched chunk, found before anything else is done with it: they never wait for the order. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from detectors.emergency import KINDS, emergencies
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.incidents import Incident
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.chunk import Chunk
from streams.order import read_tick
from streams.revisions import arrived

_SUSPECT: Final = re.compile(rb"anbu\.(?:" + "|".join(sorted(KINDS)).encode() + rb")\.|\\")
"""A type that may hold an emergency, or any backslash: JSON may spell the type with escapes."""
_GAP: Final = b"\n"


class Scanner:
    """Looks through each chunk as it is fetched, in whatever order, also those that will be dropped or come again."""

    __slots__ = ("_engine", "_ticks")

    def __init__(self, engine: str, topics: int) -> None:
        self._engine = engine
        self._ticks = [0] * topics

    def look(self, topic: int, chunk: Chunk) -> list[tuple[Incident, int]]:
        """Return revision 1 of each emergency in a chunk of a topic (its place in the fixed order), with its Kafka timestamp."""
        if ORDERED_NAMES[topic] not in EVENT_TOPICS:
            return []
        # One search over all bytes: nearly no chunk holds an emergency.
        if _SUSPECT.search(_GAP.join([value for value in chunk.values if value])) is None:
            self._note_last_tick(topic, chunk)
            return []
        return list(self._look_closely(topic, chunk))

    def _look_closely(self, topic: int, chunk: Chunk) -> Iterator[tuple[Incident, int]]:
        name = ORDERED_NAMES[topic]
        for key, value, stamp_ms in zip(chunk.keys, chunk.values, chunk.timestamps, strict=True):
            if key == TICK_KEY:
                self._note(topic, value)
            elif value and _SUSPECT.search(value):
                for event in decode(name, key, value):
                    if isinstance(event, Event):
                        for finding in emergencies(event):
                            if finding.change == "raise":
                                yield arrived(event.household, finding, self._ticks[topic], self._engine), stamp_ms

    def _note_last_tick(self, topic: int, chunk: Chunk) -> None:
        for i in range(len(chunk) - 1, -1, -1):
            if chunk.keys[i] == TICK_KEY:
                self._note(topic, chunk.values[i])
                return

    def _note(self, topic: int, value: bytes | None) -> None:
        tick = read_tick(value)
        if tick is not None:
            self._ticks[topic] = max(self._ticks[topic], tick.tick)
