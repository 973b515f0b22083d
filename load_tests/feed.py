"""Publish a neighbourhood or a recording at high speed, with the clock in the log beside it.

Into every partition of every ordered topic goes a tick each minute of log time: everything sent before a tick is written
before it. Time passes in slices, in all partitions together: the engine need never hold one topic back for another by
more than a slice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from load_tests.columns.ticked import Pair, among_ticks
from load_tests.columns.wire import Wire
from load_tests.messages import Message, Played, Span, spans_of
from load_tests.recordings.recording import wire_of
from schemas.encode import encode
from schemas.events import TICK_KEY, Tick, TickMode
from schemas.households import HouseholdRecord
from schemas.partitions import partition_of
from schemas.topics import BY_NAME, DAY_MS, ORDERED_NAMES
from streams.wallclock import monotonic_s, now_ms

BATCH_BYTES: Final = 900_000
"""Below `max.message.bytes` of every topic."""
SLICE_S: Final = 4 * 3600
LIVE_SLICE_S: Final = 2
STOPS_WITHIN_S: Final = 5.0

Place = tuple[str, int]
"""Topic and partition."""
_NEVER_MS: Final = 1 << 62
_ENDS_AFTER_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class FeedProgress:
    """What has been acknowledged so far. `log_ms` is the moment in the log up to which every partition is written."""

    log_ms: int
    from_ms: int
    until_ms: int
    records: int
    """All Kafka records: messages, registry records and ticks."""
    messages: int
    events: int
    ticks: int
    elapsed_s: float

    @property
    def share(self) -> float:
        """How much of the log time has passed, 0 to 1."""
        span_ms = self.until_ms - self.from_ms
        return 1.0 if span_ms <= 0 else min(1.0, max(0.0, (self.log_ms - self.from_ms) / span_ms))

    @property
    def records_per_s(self) -> float:
        """Records acknowledged per second of wall time."""
        return self.records / self.elapsed_s if self.elapsed_s > 0 else 0.0


class _Repeated(BatchBuilder):  # type: ignore[misc]
    """A batch whose bytes were built once for another partition.

    Partitions that hold nothing but ticks are two thirds of all: the same bytes are written to each of them.
    """

    def __init__(self, built: bytes, records: int) -> None:
        self._buffer = built
        self._relative_offset = records
        self._closed = True


class _Clock:
    """Ticks of a span of log time on a grid, their bytes made once."""

    def __init__(self, every_ms: int, mode: TickMode) -> None:
        self.every_ms = every_ms
        self.mode = mode

    def next_after(self, at_ms: int) -> int:
        """First moment on the grid that is not before `at_ms`."""
        return -(-at_ms // self.every_ms) * self.every_ms

    def between(self, from_ms: int, until_ms: int) -> list[tuple[int, Pair]]:
        """Ticks with from_ms < tick <= until_ms."""
        first = (from_ms // self.every_ms + 1) * self.every_ms
        return [(t, (TICK_KEY, encode(Tick(t, self.mode)))) for t in range(first, until_ms + 1, self.every_ms)]


def _interleave(sent: Sequence[tuple[int, Pair]], ticks: Sequence[tuple[int, Pair]]) -> list[Pair]:
    """Return messages and ticks as `among_ticks` orders them, as pairs."""
    keys, values = among_ticks(
        [ms for ms, _ in sent],
        [key for _, (key, _) in sent],
        list(range(len(sent))),
        [value for _, (_, value) in sent],
        ticks,
    )
    return [(key or b"", value) for key, value in zip(keys, values, strict=True)]


class _Writer:
    """Sends one slice while the next is being made."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.waiting: list[Awaitable[Any]] = []

    async def send(self, places: list[Place], pairs: list[Pair], stamp_ms: int) -> None:
        """Send the same records to each place; full batches are split."""
        batches: list[tuple[BatchBuilder, int]] = []
        batch = self.producer.create_batch()
        for key, value in pairs:
            if batch.append(timestamp=stamp_ms, key=key, value=value) is None:
                batches.append((batch, batch.record_count()))
                batch = self.producer.create_batch()
                if batch.append(timestamp=stamp_ms, key=key, value=value) is None:
                    raise ValueError(f"a message of {len(value or b'')} bytes does not fit into a batch")
        if batch.record_count():
            batches.append((batch, batch.record_count()))
        for built, count in batches:
            built.close()
            for i, (topic, partition) in enumerate(places):
                one = built if i == len(places) - 1 else _Repeated(bytes(built._build()), count)  # noqa: SLF001 - see _Repeated
                self.waiting.append(await self.producer.send_batch(one, topic, partition=partition))

    async def acknowledged(self) -> None:
        """Wait until everything sent has been acknowledged.

        Raises:
            aiokafka.errors.KafkaError: the broker refused a batch.

        """
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            await future


def _slices(messages: Iterator[Message | Wire], ends: Iterable[int]) -> Iterator[tuple[int, list[Wire]]]:
    """Cut the messages at these moments: each slice holds what is sent before its end."""
    ahead: Message | Wire | None = next(messages, None)
    for end_ms in ends:
        out: list[Wire] = []
        while ahead is not None and ahead.sent_ms < end_ms:
            out.append(wire_of(ahead))
            ahead = next(messages, None)
        yield end_ms, out


async def feed(
    bootstrap: str,
    played: Played,
    *,
    partitions: int,
    tick_every_s: int = 60,
    from_ms: int | None = None,
    until_ms: int | None = None,
    progress: Callable[[FeedProgress], None] | None = None,
    pace: Callable[[int], Awaitable[None]] | None = None,
    messages: Iterator[Message | Wire] | None = None,
    mode: TickMode = TickMode.SIMULATED,
    slice_s: int = SLICE_S,
    live_from_ms: int | None = None,
) -> FeedProgress:
    """Publish everything `played` holds from `from_ms` to `until_ms` (its own by default) and return the counts.

    The topics must exist with `partitions` partitions each. Registry records come before the first tick and again each
    day. `messages` replaces `played.messages()`, for instance to record them on the way. `pace` is awaited with the end
    of each slice before the slice is written: it decides how fast log time passes. `progress` is called after each
    acknowledged slice. Cancel the task to stop early: what was acknowledged stays.

    From `live_from_ms` on slices are two seconds long and no ticks are written: a live ticker writes them. With
    `pace=as_time_passes` a back-filled neighbourhood goes on in real time.

    Raises:
        aiokafka.errors.KafkaError: the broker cannot be reached or refuses a batch.
        ValueError: a message names a topic that is not an ordered input.

    """
    first_ms = played.from_ms if from_ms is None else from_ms
    last_ms = played.until_ms if until_ms is None else until_ms
    clock = _Clock(tick_every_s * 1000, mode)
    start_ms, stop_ms = clock.next_after(first_ms), clock.next_after(last_ms)
    step_ms = max(slice_s * 1000 // clock.every_ms, 1) * clock.every_ms
    live_ms = stop_ms if live_from_ms is None else min(clock.next_after(live_from_ms), stop_ms)
    ends = chain(range(start_ms, live_ms, step_ms), range(live_ms, stop_ms, LIVE_SLICE_S * 1000), (stop_ms,))
    registry = _Registry(played.records(), partitions, first_ms, spans_of(played))
    tally = _Tally(first_ms, last_ms, progress)
    # Idempotence stays off: the embedded broker has none, and readers know repeats.
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_batch_size=BATCH_BYTES, max_request_size=1 << 26, linger_ms=0
    )
    partition_by_key: dict[str, int] = {}
    ticked_ms = start_ms - clock.every_ms
    try:
        await producer.start()
        writer = _Writer(producer)
        for end_ms, wires in _slices(messages or iter(played.messages()), ends):
            if pace is not None:
                await pace(end_ms)
            held = registry.due_before(end_ms)
            published = sum(len(pairs) for pairs in held.values())
            for wire in wires:
                partition = partition_by_key.get(wire.key)
                if partition is None:
                    partition = partition_by_key[wire.key] = partition_of(wire.key, partitions)
                held.setdefault((wire.topic, partition), []).append((wire.sent_ms, (wire.key.encode(), wire.value)))
            ticks = clock.between(ticked_ms, min(end_ms, live_ms))
            # One slice is under way while the next is made, never two: partitions stay together.
            await writer.acknowledged()
            tally.acknowledge(ticked_ms)
            await _write(writer, held, ticks, partitions)
            tally.send(wires, published, len(ticks) * len(ORDERED_NAMES) * partitions)
            ticked_ms = end_ms
        await writer.acknowledged()
        return tally.acknowledge(ticked_ms)
    finally:
        await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    """End the connection; what could not be delivered within a few seconds is given up.

    Left to itself it would go on for 40 s trying to deliver to a broker that is gone.
    """
    try:
        async with asyncio.timeout(STOPS_WITHIN_S):
            await producer.stop()
    except TimeoutError:
        await producer.client.close()


async def as_time_passes(log_ms: int) -> None:
    """Wait until the wall clock shows this moment of the log: a pace that is real time, and no wait for the past."""
    while (wait_ms := log_ms - now_ms()) > 0:
        await asyncio.sleep(min(wait_ms / 1000, 1.0))


class _Tally:
    """Counts what was sent, and tells of it once it is acknowledged."""

    def __init__(self, from_ms: int, until_ms: int, progress: Callable[[FeedProgress], None] | None) -> None:
        self.from_ms, self.until_ms, self.progress = from_ms, until_ms, progress
        self.records = self.messages = self.events = self.ticks = 0
        self.began_s = monotonic_s()

    def send(self, wires: list[Wire], published: int, ticks: int) -> None:
        self.messages += len(wires)
        self.events += sum(wire.events for wire in wires)
        self.ticks += ticks
        self.records += len(wires) + published + ticks

    def acknowledge(self, log_ms: int) -> FeedProgress:
        done = FeedProgress(
            log_ms=log_ms,
            from_ms=self.from_ms,
            until_ms=self.until_ms,
            records=self.records,
            messages=self.messages,
            events=self.events,
            ticks=self.ticks,
            elapsed_s=monotonic_s() - self.began_s,
        )
        if self.progress is not None and self.records:
            self.progress(done)
        return done


class _Registry:
    """Every household's full record, published before the first tick and again each day: any retained day holds all.

    One that is not there all the time is registered as it begins, and ends with a null record.
    """

    def __init__(
        self, records: list[HouseholdRecord], partitions: int, first_ms: int, spans: Mapping[str, Span]
    ) -> None:
        self.homes: list[_Registered] = []
        for record in records:
            begins_ms, ends_ms = spans.get(record.household, (first_ms, _NEVER_MS))
            place = ("households", partition_of(record.household, partitions))
            due_ms = max(first_ms, begins_ms) - 1
            self.homes.append(_Registered(place, record.household.encode(), encode(record), due_ms, ends_ms))
        self.due_ms = min((home.due_ms for home in self.homes), default=_NEVER_MS)

    def due_before(self, end_ms: int) -> dict[Place, list[tuple[int, Pair]]]:
        out: dict[Place, list[tuple[int, Pair]]] = {}
        if self.due_ms >= end_ms:
            return out
        for home in self.homes:
            while home.due_ms < end_ms:
                out.setdefault(home.place, []).append((home.due_ms, home.next()))
        for pairs in out.values():
            pairs.sort(key=lambda one: one[0])
        self.due_ms = min(home.due_ms for home in self.homes)
        return out


@dataclass(slots=True)
class _Registered:
    place: Place
    key: bytes
    record: bytes
    due_ms: int
    """When the next of its records is due."""
    ends_ms: int
    """When its last message was sent."""

    def next(self) -> Pair:
        if self.due_ms > self.ends_ms:
            self.due_ms = _NEVER_MS
            return self.key, None
        # Topics are ordered by their ticks: a null record beside the last message would come before it.
        self.due_ms = min(self.due_ms + DAY_MS, self.ends_ms + _ENDS_AFTER_MS)
        return self.key, self.record


async def _write(
    writer: _Writer, held: dict[Place, list[tuple[int, Pair]]], ticks: list[tuple[int, Pair]], partitions: int
) -> None:
    for topic, _ in held:
        if topic not in ORDERED_NAMES or BY_NAME[topic].broadcast:
            raise ValueError(f"{topic} takes no messages of households")
    stamp_ms = now_ms()
    places = [(topic, partition) for topic in ORDERED_NAMES for partition in range(partitions)]
    only_ticks = [place for place in places if place not in held]
    if only_ticks and ticks:
        await writer.send(only_ticks, [tick for _, tick in ticks], stamp_ms)
    for place, sent in held.items():
        await writer.send([place], _interleave(sent, ticks), stamp_ms)
