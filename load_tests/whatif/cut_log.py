"""Artificial collapses in a log as it stands: copies of households beside them, in the topics' own order, clock and ticks.

What `load_tests.whatif.cuts` does with the messages of files, done with the records of topics or of their archive. A
copy's records follow those of its home at once, under the same offsets: nothing else in the log moves.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Final, NamedTuple

import msgspec

from detectors.collapse import cut
from detectors.life import is_exit, sign_of
from load_tests.whatif.cuts import HEARTBEAT, HEARTBEAT_MS, WATCHED_AFTER_MS, Seen, copy_name, moment_of
from load_tests.whatif.spool import Cut
from schemas.actions import ABOUT_AN_INCIDENT, ResponderAction
from schemas.build import encode_events
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, Event
from schemas.exercise import is_exercise
from schemas.households import HouseholdRecord, Removal
from schemas.partitions import partition_of
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from schemas.vocabulary import BY_NAME
from streams.engine.chunk import Chunk
from streams.engine.order import Moved, read_tick
from streams.replay.run import Listener, Reader, Source

HOUR_MS: Final = 3_600_000
REGISTRY: Final = "households"
ACTIONS: Final = "responder.actions"
HEARD: Final = BY_NAME[HEARTBEAT].topic
NEVER_MS: Final = 1 << 62


class Place(NamedTuple):
    """A household of a log that may be cut: when it was seen, and what it told."""

    partition: int
    begin_ms: int
    end_ms: int
    """When it left; later than the log where it did not."""
    seen: Seen


def look_through(source: Source, partition: int, most: int, seed: int) -> tuple[dict[str, Place], int, int]:
    """Read one partition and return `most` households of it, drawn by their names, with its first and its last clock.

    Memory is theirs alone. A household is drawn by a digest of its name, so that it is known at its first event whether
    it can be among them.
    """
    held: dict[str, Place] = {}
    ranks: list[tuple[int, str]] = []
    passed: set[str] = set()
    from_ms = clock_ms = 0
    for one in Listener().listen(source):
        if isinstance(one, Moved):
            clock_ms = one.clock_ms
            from_ms = from_ms or clock_ms
            continue
        topic = ORDERED_NAMES[one.topic]
        if one.key is None or one.key == TICK_KEY or topic not in EVENT_TOPICS | {REGISTRY}:
            continue
        name = one.key.decode("utf-8", "replace")
        if name in passed or is_exercise(name):
            continue
        if name not in held and not _enter(
            held, ranks, passed, name, most, seed, Place(partition, clock_ms, NEVER_MS, Seen())
        ):
            continue
        if topic == REGISTRY:
            if one.value is None:
                held[name] = held[name]._replace(end_ms=clock_ms)
            continue
        for event in decode(topic, one.key, one.value):
            if isinstance(event, Event) and sign_of(event):
                held[name].seen.at_ms.append(event.at_ms)
                held[name].seen.leaves.append(is_exit(event))
    return held, from_ms, clock_ms


def _enter(
    held: dict[str, Place],
    ranks: list[tuple[int, str]],
    passed: set[str],
    name: str,
    most: int,
    seed: int,
    place: Place,
) -> bool:
    """Take a household in where its rank is among the first `most`; who had the last place leaves."""
    rank = -_rank(seed, name)
    if len(held) >= most:
        if rank < ranks[0][0]:
            passed.add(name)
            return False
        _, last = heapq.heappop(ranks)
        del held[last]
        passed.add(last)
    heapq.heappush(ranks, (rank, name))
    held[name] = place
    return True


def _rank(seed: int, name: str) -> int:
    return int.from_bytes(sha256(f"{seed} {name}".encode()).digest()[:8], "big")


def draw_in_logs(sources: Sequence[Source], count: int, seed: int) -> tuple[Cut, ...]:
    """Draw collapses in the logs of all partitions, as `load_tests.whatif.cuts.draw_cuts` does in those of files.

    The same logs, count and seed give the same cuts, on whatever machine.
    """
    places: dict[str, Place] = {}
    until_ms = 0
    for partition, source in enumerate(sources):
        found, from_ms, clock_ms = look_through(source, partition, count, seed)
        # Whoever was registered before the clock began is watched from then on.
        places |= {name: one._replace(begin_ms=max(one.begin_ms, from_ms)) for name, one in found.items()}
        until_ms = max(until_ms, clock_ms)
    names = sorted(places, key=lambda name: _rank(seed, name))[:count]
    random = Random(seed)
    cuts: list[Cut] = []
    for number in range(count if names else 0):
        of = names[number % len(names)]
        partition, begin_ms, end_ms, seen = places[of]
        at_ms = moment_of(seen, begin_ms, min(end_ms, until_ms), random)
        if at_ms is not None:
            name = _copy_in(partition, len(sources), of, number)
            cuts.append(Cut(name, of, at_ms, min(at_ms + WATCHED_AFTER_MS, until_ms - HOUR_MS)))
    return tuple(cuts)


def _copy_in(partition: int, partitions: int, of: str, number: int) -> str:
    """Return a copy's name that leads to its home's partition: another partition would never see its records."""
    for turn in range(1 << 20):
        name = copy_name(of, f"{number}_{turn}" if turn else str(number))
        if partition_of(name, partitions) == partition:
            return name
    raise ValueError(f"no name leads to partition {partition}")


@dataclass(slots=True)
class _Copy:
    cut: Cut
    sources: dict[str, None] = field(default_factory=dict)
    """Sources of its home that were heard before it fell silent."""
    beats: int = 1
    is_over: bool = False


class CutSource:
    """The logs of one partition with the copies in them."""

    def __init__(self, source: Source, cuts: Sequence[Cut]) -> None:
        """Take the logs, and the cuts of this partition."""
        self._source = source
        self._copies: dict[bytes, list[_Copy]] = {}
        for one in cuts:
            self._copies.setdefault(one.of.encode(), []).append(_Copy(one))
        self._ticks = [0] * len(ORDERED_NAMES)

    @property
    def erased(self) -> int:
        """Records of which only their place is left, so far."""
        return int(getattr(self._source, "erased", 0))

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        """Give what the logs give, and what the copies say in between."""
        for topic, chunk in self._source.chunks(engine):
            name = ORDERED_NAMES[topic]
            yield topic, self._with_copies(topic, chunk) if name in EVENT_TOPICS | {REGISTRY, ACTIONS} else chunk

    def _with_copies(self, topic: int, chunk: Chunk) -> Chunk:
        out = Chunk(chunk.start, chunk.next, broker_stamped=chunk.broker_stamped)
        for i, key in enumerate(chunk.keys):
            more = (
                self._at_tick(topic, chunk.values[i]) if key == TICK_KEY else self._copied(topic, key, chunk.values[i])
            )
            for k, v in ((key, chunk.values[i]), *more):
                out.offsets.append(chunk.offsets[i])
                out.keys.append(k)
                out.values.append(v)
                out.timestamps.append(chunk.timestamps[i])
        return out

    def _at_tick(self, topic: int, value: bytes | None) -> list[tuple[bytes, bytes | None]]:
        """Return what copies say as time passes: that their sensors still report, and that they are not watched any more."""
        tick = read_tick(value)
        if tick is None or tick.tick <= self._ticks[topic]:
            return []
        self._ticks[topic] = now_ms = tick.tick
        name = ORDERED_NAMES[topic]
        out: list[tuple[bytes, bytes | None]] = []
        for one in (one for mine in self._copies.values() for one in mine):
            key = one.cut.household.encode()
            if name == HEARD:
                out += ((key, value) for value in _beats(one, now_ms))
            elif name == REGISTRY and now_ms >= one.cut.until_ms and not one.is_over:
                one.is_over = True
                out.append((key, None))
        return out

    def _copied(self, topic: int, key: bytes | None, value: bytes | None) -> list[tuple[bytes, bytes | None]]:
        mine = self._copies.get(key) if key is not None else None
        if not mine:
            return []
        name, now_ms = ORDERED_NAMES[topic], self._ticks[topic]
        found = decode(name, key, value)
        out: list[tuple[bytes, bytes | None]] = []
        for one in mine:
            if now_ms >= one.cut.until_ms:
                continue
            if name in EVENT_TOPICS:
                said = _said(one, [event for event in found if isinstance(event, Event)])
            else:
                # Whatever is known or done of the home later is of somebody who lives.
                said = _known(one, found[0] if found else None) if now_ms < one.cut.at_ms else None
            if said is not None:
                out.append((one.cut.household.encode(), said[0]))
        return out


def _said(one: _Copy, events: list[Event]) -> tuple[bytes | None] | None:
    left = [event.with_(household=one.cut.household) for event in cut(events, one.cut.at_ms)]
    one.sources.update((event.source, None) for event in events if event.at_ms < one.cut.at_ms)
    return (encode_events(left),) if left else None


def _known(one: _Copy, record: object) -> tuple[bytes | None] | None:
    """Return what the registry or a responder said of the home as a whole; incidents of the copy are its own."""
    match record:
        case HouseholdRecord():
            return (encode(msgspec.structs.replace(record, household=one.cut.household)),)
        case Removal():
            return (None,)
        case ResponderAction() if record.action not in ABOUT_AN_INCIDENT and not record.incident:
            return (encode(msgspec.structs.replace(record, household=one.cut.household)),)
    return None


def _beats(one: _Copy, now_ms: int) -> Iterator[bytes]:
    while (at_ms := one.cut.at_ms + one.beats * HEARTBEAT_MS) <= min(now_ms, one.cut.until_ms - 1):
        household = one.cut.household
        known = [source for source in one.sources if source.startswith("/sensors/")]
        yield encode_events(
            [Event(household, HEARTBEAT, source, f"cut-{one.beats}", at_ms, Data(), 0) for source in known]
        )
        one.beats += 1
