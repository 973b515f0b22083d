"""The past as logs on disk, one file a partition: read and decoded once, replayed by every profile.

A file is a row of frames, each an hour of log time: four bytes of length, then a packed list of topics with their
messages. Ticks are made when it is read: a recording has none of its own.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
from backports import zstd

from load_tests.columns.frames import Frame, Frames, Topic
from load_tests.columns.ticked import Column, among_ticks
from load_tests.columns.wire import Wire
from load_tests.feed import _Clock, _Registry
from load_tests.messages import Message, Played, Span, spans_of
from load_tests.whatif.kept import write_whole
from load_tests.whatif.seldom import seldom_collected
from schemas.encode import encode
from schemas.events import TickMode
from schemas.households import HouseholdRecord
from schemas.topics import BY_NAME, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.replay.run import Reader

TICK_MS: Final = 60_000
SLICE_MS: Final = 3_600_000
LONGEST_MS: Final = 10 * 366 * 86_400_000
QUICKLY: Final = -3
"""Level of packing: as small as zlib makes it at its quickest, in a sixth of the time, and read back in a third."""
_LENGTH: Final = struct.Struct(">I")


class Cut(msgspec.Struct, frozen=True):
    """A copy of a household that falls silent: an artificial collapse."""

    household: str
    """Pseudonym of the copy."""
    of: str
    at_ms: int
    until_ms: int
    """End of the copy, UTC milliseconds: later it is not watched any more."""


class Spooled(msgspec.Struct, frozen=True):
    """What lies in a spool."""

    partitions: int
    from_ms: int
    until_ms: int
    messages: int
    events: int
    households: list[HouseholdRecord]
    """Those of the past, without the copies of cuts."""
    spans: dict[str, Span]
    cuts: list[Cut] = []

    def watched_ms(self, household: str) -> int:
        """Return how long a household was watched."""
        begin_ms, end_ms = self.spans.get(household, (self.from_ms, self.until_ms))
        return max(min(end_ms, self.until_ms) - max(begin_ms, self.from_ms), 0)


def write_spool(
    folder: Path,
    played: Played,
    partitions: int,
    *,
    cuts: list[Cut],
    messages: Iterator[Message | Wire],
    extra: list[HouseholdRecord],
    at: Callable[[float], None],
) -> Spooled:
    """Write the logs of every partition. `messages` are in order of sending; `extra` are the records of the copies.

    Raises:
        ValueError: the past spans more than ten years: a log needs a tick for every minute.

    """
    clock = _Clock(TICK_MS, TickMode.SIMULATED)
    start_ms, stop_ms = clock.next_after(played.from_ms), clock.next_after(played.until_ms)
    if stop_ms - start_ms > LONGEST_MS:
        raise ValueError("more than ten years from the first event to the last: move the homes together with --align")
    spans = dict(spans_of(played))
    copied = {one.household: (spans.get(one.of, (played.from_ms, 0))[0], one.until_ms) for one in cuts}
    registry = _Registry([*played.records(), *extra], partitions, played.from_ms, spans | copied)
    frames = Frames(messages, partitions)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(seldom_collected())
        files = [stack.enter_context((folder / f"{p}.log").open("wb")) for p in range(partitions)]
        for end_ms in [*range(start_ms, stop_ms, SLICE_MS), stop_ms]:
            for (topic, _), records in registry.due_before(end_ms).items():
                for sent_ms, (key, value) in records:
                    frames.put(topic, key.decode(), sent_ms, value)
            frames.fill(end_ms)
            for file, frame in zip(files, frames.packed(end_ms), strict=True):
                packed = zstd.compress(frame, QUICKLY)
                file.write(_LENGTH.pack(len(packed)) + packed)
            at((end_ms - start_ms) / max(stop_ms - start_ms, 1))
    spooled = Spooled(partitions, played.from_ms, stop_ms, frames.count, frames.events, played.records(), spans, cuts)
    write_whole(folder / "spooled.json", encode(spooled))
    return spooled


class SpoolSource:
    """The logs of one partition, an hour at a time."""

    def __init__(
        self,
        file: Path,
        from_ms: int,
        until_ms: int,
        at: Callable[[float], None],
        only: frozenset[bytes] | None = None,
    ) -> None:
        """Choose the file; `at` is told how much of the log time has passed, 0 to 1. With `only` other keys are left out."""
        self._file = file
        self._from_ms = from_ms
        self._until_ms = until_ms
        self._at = at
        self._only = only

    def frames(self) -> Iterator[Frame]:
        """Give the frames as they were written.

        Raises:
            ValueError: the file ends within a frame.

        """
        decode = msgspec.msgpack.Decoder(Frame).decode
        with self._file.open("rb") as file:
            while head := file.read(_LENGTH.size):
                packed = file.read(_LENGTH.unpack(head)[0])
                yield decode(zstd.decompress(packed))

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:  # noqa: ARG002 - all topics advance together
        """Give a chunk of every topic for each hour."""
        clock = _Clock(TICK_MS, TickMode.SIMULATED)
        offsets = [0] * len(ORDERED_NAMES)
        ticked_ms = clock.next_after(self._from_ms) - TICK_MS
        known: dict[bytes, bytes] = {}  # a key is hashed once in a replay, not once a message
        for end_ms, topics in self.frames():
            ticks = clock.between(ticked_ms, end_ms)
            ticked_ms = end_ms
            told: dict[int, tuple[Column, Column]] = {}
            for number, sent, names, whose, values in topics if self._only is None else self._left(topics):
                mine = [known.setdefault(name, name) for name in names]
                told[number] = among_ticks(sent, mine, whose, values, ticks)
            # Nobody writes into a chunk: those of topics with nothing but ticks share their columns.
            only_keys, only_values = among_ticks([], [], [], [], ticks)
            for number in range(len(ORDERED_NAMES)):
                keys_out, values_out = told.get(number, (only_keys, only_values))
                if keys_out:
                    first = offsets[number]
                    offsets[number] = after = first + len(keys_out)
                    yield (
                        number,
                        Chunk(first, after, list(range(first, after)), keys_out, values_out, [0] * len(keys_out)),
                    )
            self._at((end_ms - self._from_ms) / max(self._until_ms - self._from_ms, 1))

    def _left(self, topics: list[Topic]) -> Iterator[Topic]:
        """Give what is left of a frame where other keys are left out; what is for all stays."""
        only = self._only or frozenset()
        for topic in topics:
            number, sent, names, whose, values = topic
            if BY_NAME[ORDERED_NAMES[number]].broadcast:
                yield topic
                continue
            kept = {place for place, name in enumerate(names) if name in only}
            if kept:
                left = [i for i, place in enumerate(whose) if place in kept]
                yield number, [sent[i] for i in left], names, [whose[i] for i in left], [values[i] for i in left]
