"""One canonical order over several topics of a partition, whatever the order in which they were fetched.

Kafka orders a partition, not several topics. The rule: always advance the topic whose last tick is smallest (ties in
the fixed order of `schemas.topics.ORDERED`), up to its next tick; the partition's clock is the smallest last tick.
What is applied, and when the clock moves, is then a pure function of the logs. A topic that was never ticked has the
smallest last tick of all, so the clock stands until every topic of the set has its first tick: that is told from
outside, and emergencies do not wait for it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, final

import msgspec

from schemas.checks import check_tick
from schemas.events import TICK_KEY, Tick, TickMode
from streams.engine.applied import Applied
from streams.engine.chunk import Chunk

LIVE_TOLERANCE_MS: Final = 60_000
"""A live tick further than this from its append time is refused: one fast clock must not declare a country dead."""

LONGEST_TICK: Final = 256
"""Bytes. Whatever is longer is no tick: it must neither be parsed nor be remembered."""

MOST_KNOWN: Final = 256
"""Ticks remembered: one comes in every topic, and whoever reads several partitions meets it in each of them."""

_tick = msgspec.json.Decoder(Tick).decode
_known: dict[bytes, "ReadTick"] = {}
_LIVE: Final = TickMode.LIVE


@final
class ReadTick:
    """A tick as it was read: its moment, UTC milliseconds, and whether it was written as that moment passed."""

    __slots__ = ("is_live", "tick", "whole")

    def __init__(self, tick: Tick) -> None:
        self.whole = tick
        self.tick = tick.tick
        self.is_live = tick.mode is _LIVE


def read_tick(value: bytes | None) -> ReadTick | None:
    """Read a tick; None for bytes that are none, or for a moment outside 2000..2100: those are passed by.

    A topic whose last tick were a moment that never comes would never have its turn again.
    """
    if value is None or len(value) > LONGEST_TICK:
        return None
    known = _known.get(value)
    if known is not None:
        return known
    try:
        tick = _tick(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if check_tick(tick):
        return None
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    known = _known[value] = ReadTick(tick)
    return known


def is_refused(tick: ReadTick, chunk: Chunk, i: int, *, live: bool) -> bool:
    """Tell whether a tick, record `i` of a chunk, does not count in a log that is `live` already, or not yet.

    A live one must lie near its append time where the broker stamps that; a recording fed into a live log would throw
    its clock about.
    """
    if tick.is_live:
        return chunk.broker_stamped and abs(tick.tick - chunk.timestamps[i]) > LIVE_TOLERANCE_MS
    return live


class Moved(NamedTuple):
    """The clock moved: deadlines up to `clock_ms` are due."""

    clock_ms: int


@dataclass(slots=True)
class Positions:
    """Where a partition stands: all that is needed to go on exactly there."""

    offsets: list[int]
    """Next offset of each ordered topic."""
    ticks: list[int]
    """Last tick of each ordered topic, 0 before its first."""
    clock_ms: int = 0
    live: bool = False

    @classmethod
    def start(cls, topics: int) -> "Positions":
        """Make the beginning of all logs."""
        return cls([0] * topics, [0] * topics)

    def copy(self) -> "Positions":
        """Make a copy that does not move along."""
        return Positions(list(self.offsets), list(self.ticks), self.clock_ms, self.live)


@dataclass(slots=True)
class _Lane:
    """One topic's fetched, not yet applied chunks."""

    expect: int
    waiting: deque[Chunk] = field(default_factory=deque)
    at: int = 0
    """How many records of the first chunk have been taken."""
    records: int = 0
    """Records of all of them, those taken among them."""
    dropping: bool = False

    @property
    def held(self) -> int:
        """How many records wait for their turn."""
        return self.records - self.at


@final
class Turn:
    """Records of one topic, up to its next tick, whose turn has come: all that can be applied without asking again.

    They are taken one by one, or in columns from `at` to `end` and then `pass_to`. Positions move along: stop anywhere.
    """

    __slots__ = ("_before_ms", "_is_stamped", "_lane", "_offsets", "chunk", "end", "topic")

    def __init__(self, topic: int, lane: _Lane, chunk: Chunk, end: int, positions: Positions) -> None:
        self.topic = topic
        self.chunk = chunk
        self.end = end
        self._lane = lane
        self._offsets = positions.offsets
        self._before_ms = positions.ticks[topic]
        self._is_stamped = chunk.broker_stamped and positions.live

    @property
    def at(self) -> int:
        """Place in the chunk of the next record."""
        return self._lane.at

    def take(self) -> Applied | None:
        """Take the next record; None after the last."""
        i, chunk, arrival_ms = self._lane.at, self.chunk, self._before_ms
        if i >= self.end:
            return None
        self._lane.at = i + 1
        offset = chunk.offsets[i]
        self._offsets[self.topic] = offset + 1
        if self._is_stamped and chunk.timestamps[i] > arrival_ms:
            arrival_ms = chunk.timestamps[i]
        return Applied(self.topic, offset, chunk.keys[i], chunk.values[i], arrival_ms)

    def __iter__(self) -> Iterator[Applied]:
        """Give the records one by one."""
        while (one := self.take()) is not None:
            yield one

    def pass_to(self, place: int) -> None:
        """Note that the records before a place in the chunk were taken."""
        if place > self._lane.at:
            self._lane.at = place
            self._offsets[self.topic] = self.chunk.offsets[place - 1] + 1


@dataclass(slots=True)
class OrderCounts:
    """What was refused, for metrics."""

    gaps: int = 0
    overlaps: int = 0
    taken_chunks: int = 0
    dropped_chunks: int = 0
    dropped_records: int = 0
    taken_ticks: int = 0
    refused_ticks: int = 0
    repeated_ticks: int = 0


def _least(ticks: list[int]) -> int:
    """Return the first topic whose last tick is smallest; as a loop, for it is asked twice for every tick there is."""
    topic, least_ms = 0, ticks[0]
    for i in range(1, len(ticks)):
        at_ms = ticks[i]
        if at_ms < least_ms:
            topic, least_ms = i, at_ms
    return topic


def _next(ticks: list[int], topic: int, before_ms: int) -> int:
    """Return the first topic whose last tick is smallest, after the tick of one that had been that at a moment has moved.

    None before it had so early a tick, and none behind it an earlier one: nearly always it is the next.
    """
    for i in range(topic + 1, len(ticks)):
        if ticks[i] == before_ms:
            return i
    return _least(ticks)


class CanonicalOrder:
    """Takes chunks as fetched, gives records in canonical order.

    `check_contiguity=False` and `as_fetched=True` are negative controls for tests: they show what each rule prevents.
    """

    def __init__(
        self,
        positions: Positions,
        *,
        buffer_records: int = 20_000,
        check_contiguity: bool = True,
        as_fetched: bool = False,
    ) -> None:
        self.positions = positions
        self.counts = OrderCounts()
        self._lanes = [_Lane(expect=offset) for offset in positions.offsets]
        self._bound = buffer_records
        self._check_contiguity = check_contiguity
        self._last_value: bytes | None = None
        self._last_tick: ReadTick | None = None
        """What the last tick's bytes were read as."""
        self._as_fetched = as_fetched

    @property
    def held(self) -> int:
        """How many records wait for their turn."""
        return sum(lane.held for lane in self._lanes)

    def offer(self, topic: int, chunk: Chunk) -> int | None:
        """Take a chunk of a topic; give the offset to seek to when this is not the chunk that must come next.

        Faust hands out later chunks before earlier ones at the end of recovery: applying them loses what lies between.
        A chunk above the bound is dropped, after its emergencies were passed on by the caller, and read again by a seek.
        """
        lane = self._lanes[topic]
        if self._check_contiguity:
            if chunk.start > lane.expect:
                if lane.dropping:
                    self._drop(chunk)
                    return None
                self.counts.gaps += 1
                return lane.expect
            if chunk.next <= lane.expect:
                self.counts.overlaps += 1
                return None
            if chunk.start < lane.expect:
                self.counts.overlaps += 1
                chunk = chunk.cut_before(lane.expect)
        if lane.dropping or lane.held > self._bound:
            lane.dropping = True
            self._drop(chunk)
            return None
        self.counts.taken_chunks += 1
        lane.waiting.append(chunk)
        lane.records += len(chunk)
        lane.expect = chunk.next
        return None

    def _drop(self, chunk: Chunk) -> None:
        self.counts.dropped_chunks += 1
        self.counts.dropped_records += len(chunk)

    def is_full(self, topic: int) -> bool:
        """Tell whether a topic's buffer drops what comes until there is room."""
        return self._lanes[topic].dropping

    def skip_to(self, topic: int, offset: int) -> int:
        """Pass a gap that retention has eaten; give the count of offsets lost."""
        lane = self._lanes[topic]
        lost = offset - lane.expect
        if lost <= 0:
            return 0
        lane.waiting.append(Chunk(lane.expect, offset))
        lane.expect = offset
        return lost

    def expected(self, topic: int) -> int:
        """Return the offset at which the next chunk of a topic must start."""
        return self._lanes[topic].expect

    @property
    def next_topic(self) -> int:
        """The topic whose turn it is: nothing moves before it brings more."""
        return _least(self.positions.ticks)

    def resumable(self) -> list[tuple[int, int]]:
        """Give (topic, offset) of each topic that dropped chunks and has room again: seek there."""
        out: list[tuple[int, int]] = []
        for topic, lane in enumerate(self._lanes):
            if lane.dropping and lane.held <= self._bound // 2:
                lane.dropping = False
                out.append((topic, lane.expect))
        return out

    def pump(self) -> Iterator[Turn | Moved]:
        """Give everything whose turn has come. Positions move as records are taken: stop anywhere and go on there.

        A turn is given again until its records are taken.
        """
        positions = self.positions
        ticks, offsets = positions.ticks, positions.offsets
        lanes = self._lanes
        topic = _least(ticks)
        while True:
            if self._as_fetched:
                topic = self._first_waiting()
            lane = lanes[topic]
            if not lane.waiting:
                return
            chunk = lane.waiting[0]
            keys = chunk.keys
            count, end = len(keys), lane.at
            if end < count and keys[end] != TICK_KEY:
                try:
                    end = keys.index(TICK_KEY, end)
                except ValueError:
                    end = count
            while lane.at < end:
                yield Turn(topic, lane, chunk, end, positions)
            before = ticks[topic]
            if end < count:
                lane.at = end + 1
                offsets[topic] = chunk.offsets[end] + 1
                self._take_tick(topic, chunk.values[end], chunk, end)
            if lane.at >= count:
                lane.waiting.popleft()
                lane.records -= count
                lane.at = 0
                offsets[topic] = max(offsets[topic], chunk.next)
            if ticks[topic] != before:
                topic = _least(ticks) if self._as_fetched else _next(ticks, topic, before)
                clock_ms = ticks[topic]
                if clock_ms > positions.clock_ms:
                    positions.clock_ms = clock_ms
                    yield Moved(clock_ms)

    def _first_waiting(self) -> int:
        return next((i for i, lane in enumerate(self._lanes) if lane.waiting), 0)

    def each(self) -> Iterator[Applied | Moved]:
        """Give every record whose turn has come, one by one: for those who read a log and judge nothing."""
        for turn in self.pump():
            if isinstance(turn, Moved):
                yield turn
            else:
                yield from turn

    def _take_tick(self, topic: int, value: bytes | None, chunk: Chunk, i: int) -> None:
        if value is not self._last_value:  # nearly every tick is the same object in every topic of a replay
            self._last_value, self._last_tick = value, read_tick(value)
        tick, positions = self._last_tick, self.positions
        if tick is None or is_refused(tick, chunk, i, live=positions.live):
            self.counts.refused_ticks += 1
            return
        at_ms = tick.tick
        if tick.is_live:
            positions.live = True
        if at_ms > positions.ticks[topic]:
            positions.ticks[topic] = at_ms
            self.counts.taken_ticks += 1
        else:
            self.counts.repeated_ticks += 1
