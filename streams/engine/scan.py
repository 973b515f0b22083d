"""Emergencies of a fetched chunk, found before anything else is done with it: they never wait for the order. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate, chain
from typing import Any, Final

from detectors.emergency import KINDS, emergencies
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.incidents import Incident
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.cases.revisions import arrived
from streams.engine.chunk import Chunk
from streams.engine.order import Positions, is_refused, read_tick

_KIND: Final = re.compile(rb"anbu\.(?:" + "|".join(sorted(KINDS)).encode() + rb")\.")
"""A type that may hold an emergency. It begins with fixed letters, by which it is found eight times as fast."""
_ESCAPE: Final = b"\\"
"""JSON may spell the type with escapes."""
_SPELLED: Final = re.compile(rb"\\")
_GAP: Final = b"\n"


class Scanner:
    """Looks through each chunk as it is fetched, in whatever order, also those that will be dropped or come again.

    It knows the last tick of each topic, or an emergency of hours ago would be told as one of this minute: from
    `positions` where the partition stands somewhere, and from what it looks through.
    """

    __slots__ = ("_engine", "_live", "_ticks")

    def __init__(self, engine: str, topics: int, positions: Positions | None = None) -> None:
        self._engine = engine
        self._ticks = [0] * topics if positions is None else list(positions.ticks)
        self._live = positions is not None and positions.live

    def look(self, topic: int, chunk: Chunk) -> list[tuple[Incident, int]]:
        """Return revision 1 of each emergency in a chunk of a topic (its place in the fixed order), with its Kafka timestamp."""
        if ORDERED_NAMES[topic] not in EVENT_TOPICS:
            return []
        # One search over all bytes: nearly no chunk holds an emergency, and of one that does nearly no record.
        values: list[Any] = chunk.values
        try:
            text = _GAP.join(values)
        except TypeError:  # a null record among them
            text = _GAP.join([value or b"" for value in values])
        places = _suspects(text, chunk)
        if not places:
            self._note_last_tick(topic, chunk)
            return []
        return list(self._look_closely(topic, chunk, places))

    def _look_closely(self, topic: int, chunk: Chunk, places: list[int]) -> Iterator[tuple[Incident, int]]:
        name, noted = ORDERED_NAMES[topic], 0
        for i in places:
            self._note_ticks(topic, chunk, noted, i)
            noted = i
            if chunk.keys[i] == TICK_KEY:
                continue
            for event in decode(name, chunk.keys[i], chunk.values[i]):
                if isinstance(event, Event):
                    for finding in emergencies(event):
                        if finding.change == "raise":
                            arrived_ms = self._ticks[topic]
                            yield arrived(event.household, finding, arrived_ms, self._engine), chunk.timestamps[i]
        self._note_ticks(topic, chunk, noted, len(chunk))

    def _note_ticks(self, topic: int, chunk: Chunk, first: int, end: int) -> None:
        with suppress(ValueError):  # there is no other tick
            while True:
                at = chunk.keys.index(TICK_KEY, first, end)
                self._note(topic, chunk, at)
                first = at + 1

    def _note_last_tick(self, topic: int, chunk: Chunk) -> None:
        for i in range(len(chunk) - 1, -1, -1):
            if chunk.keys[i] == TICK_KEY and self._note(topic, chunk, i):
                return

    def _note(self, topic: int, chunk: Chunk, i: int) -> bool:
        """Note a tick, by the rules of the order, and tell whether it counts: a refused one must not age what follows."""
        tick = read_tick(chunk.values[i])
        if tick is None or is_refused(tick, chunk, i, live=self._live):
            return False
        self._live = self._live or tick.is_live
        self._ticks[topic] = max(self._ticks[topic], tick.tick)
        return True


def _suspects(text: bytes, chunk: Chunk) -> list[int]:
    """Return the places of records that may hold an emergency; `text` is all values with a byte between them."""
    if _ESCAPE not in text and _KIND.search(text) is None:
        return []
    ends = list(accumulate(len(value or b"") + len(_GAP) for value in chunk.values))
    found = chain(_KIND.finditer(text), _SPELLED.finditer(text))
    return sorted({bisect_right(ends, match.start()) for match in found})
