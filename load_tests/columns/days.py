"""A past by days: what was read in any order is packed for the day it is sent on, and a day becomes messages at a time."""

from collections.abc import Iterator
from typing import Final

import msgspec

from load_tests.columns.sayings import Columns, Lane, Sayings
from load_tests.columns.wire import Wire
from schemas.event import Event, Fields
from schemas.times import to_rfc3339

BATCH_S: Final = 60
MAX_BATCH: Final = 500
"""Events in one message: with ordinary device names well below the largest message allowed."""
BATCH_MS: Final = BATCH_S * 1000
BATCHES_A_DAY: Final = 86_400 // BATCH_S

Block = tuple[list[Fields], list[int], list[int], list[str]]
"""What is said in it, each once; which of these each event says; when; the ids."""
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Block).decode


class Days:
    """Columns on their way to the days on which they are sent."""

    def __init__(self, sayings: Sayings) -> None:
        self._sayings = sayings
        self._held: dict[int, Columns] = {}
        self.events = 0
        """So many are held."""

    def take(self, columns: Columns) -> None:
        """Take events, each for the day at whose end of a batch it reaches the log."""
        held = self._held
        day = -1
        into = columns
        said, times, ids = columns.said, columns.at_ms, columns.ids
        for i in range(len(said)):
            saying = said[i]
            at_ms = times[i]
            home = saying.home
            batch = (at_ms + saying.over_ms) // BATCH_MS + 1
            if batch // BATCHES_A_DAY != day:
                day = batch // BATCHES_A_DAY
                found = held.get(day)
                if found is None:
                    found = held[day] = Columns()
                into = found
            home.begin_ms = min(home.begin_ms, at_ms)
            home.end_ms = max(home.end_ms, batch * BATCH_MS)
            into.add(saying, at_ms, ids[i])
        self.events += len(said)

    def take_moved(self, columns: Columns) -> None:
        """Take events, moved in time as their homes are."""
        for i in range(len(columns.said)):
            saying = columns.said[i]
            moved_ms = saying.home.moved_ms
            columns.at_ms[i] += moved_ms
            if moved_ms and saying.event.until_ms:
                columns.said[i] = self._sayings.of(_moved(saying.event, moved_ms))
        self.take(columns)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Give up what is held, packed, with its days."""
        held, self._held, self.events = self._held, {}, 0
        for day, columns in held.items():
            yield day, self.packed(columns)

    def packed(self, columns: Columns) -> bytes:
        """Return events as bytes."""
        block = object()
        each: list[Fields] = []
        whose: list[int] = []
        for saying in columns.said:
            if saying.block is not block:
                saying.block = block
                saying.place = len(each)
                each.append(saying.event.fields())
            whose.append(saying.place)
        return _encode((each, whose, columns.at_ms, columns.ids))

    def unpacked(self, packed: bytes, into: Columns) -> Columns:
        """Put the events of a block behind others."""
        events, whose, times, ids = _decode(packed)
        each = [self._sayings.of(Event(*fields)) for fields in events]
        said = into.said
        for place in whose:
            said.append(each[place])
        into.at_ms.extend(times)
        into.ids.extend(ids)
        return into


def note_first(columns: Columns) -> None:
    """Note of each home when its first event was."""
    for i in range(len(columns.said)):
        home = columns.said[i].home
        home.first_ms = min(home.first_ms, columns.at_ms[i])


def _moved(event: Event, by_ms: int) -> Event:
    until_ms = event.until_ms + by_ms
    data = msgspec.structs.replace(event.data, until=to_rfc3339(until_ms))
    return event.with_(data=data, until_ms=until_ms)


def messages_of(columns: Columns) -> Iterator[Wire]:
    """Give the messages of a day in order of sending: one for each household, topic and batch, its events in order of time."""
    said, times = columns.said, columns.at_ms
    count = len(said)
    lanes: list[Lane] = []
    day = object()
    for saying in said:
        lane = saying.lane
        if lane.day is not day:
            lane.day = day
            lanes.append(lane)
    lanes.sort(key=_place)
    for rank in range(len(lanes)):
        lanes[rank].rank = rank
    batches: dict[int, list[int]] = {}
    for i in range(count):
        saying = said[i]
        batch = ((times[i] + saying.over_ms) // BATCH_MS + 1) * len(lanes) + saying.lane.rank
        known = batches.get(batch)
        if known is None:
            batches[batch] = [i]
        else:
            known.append(i)
    for batch in sorted(batches):
        lane = lanes[batch % len(lanes)]
        sent_ms = batch // len(lanes) * BATCH_MS
        mine = batches[batch]
        if len(mine) > 1:
            mine.sort(key=times.__getitem__)
        for begin in range(0, len(mine), MAX_BATCH):
            some = mine[begin : begin + MAX_BATCH]
            yield Wire(lane.topic, lane.name, sent_ms, _spelled(columns, some), len(some))


def _place(lane: Lane) -> tuple[str, str]:
    return lane.name, lane.topic


def _spelled(columns: Columns, some: list[int]) -> bytes:
    """Return events as the bytes of a message."""
    texts: list[str] = []
    for i in some:
        saying = columns.said[i]
        if not saying.tail:
            saying.spell()
        texts.append(f"{saying.head}{columns.ids[i]}{saying.middle}{to_rfc3339(columns.at_ms[i])}{saying.tail}")
    if len(texts) == 1:
        return texts[0].encode()
    return f"[{','.join(texts)}]".encode()
