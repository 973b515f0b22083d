"""Events of files as a past that a feed takes, sorted on disk: memory is that of one day, however long the recording."""

import shutil
import struct
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from load_tests.messages import Message, Span, Wire
from load_tests.recordings.recorded import batched, shifted, shifts, together
from load_tests.whatif.kept import EVENTS
from load_tests.whatif.seldom import seldom_collected
from schemas.events import Event
from schemas.households import HouseholdRecord, Source
from schemas.topics import DAY_MS

BATCH_S: Final = 60
HELD_EVENTS: Final = 50_000
"""So many are held before they are written to the days they belong to."""
BLOCK_EVENTS: Final = 1_000
"""So many are packed together: one by one, most of the time would go into reading lengths."""
_LENGTH: Final = struct.Struct(">I")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Event]).decode


class OnDisk:
    """A past (`load_tests.messages.Played`) that lies in a folder of its own, which goes with it.

    It is what `load_tests.recordings.recorded.gathered` makes of the same events, message by message.
    """

    def __init__(self, events: Iterable[Event], align_ms: int | None = None, folder: Path | None = None) -> None:
        """Take events in any order; with `align_ms` homes are moved by whole weeks to begin in the week from then on.

        They lie in a folder of their own in `folder`, or where temporary files go.

        Raises:
            ValueError: there is no event at all.

        """
        self._folder = Path(tempfile.mkdtemp(prefix=EVENTS if folder else "anbu-events-", dir=folder))
        # It holds every event of every household: gone with this object, at the latest when the process ends.
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._sources: dict[str, set[str]] = defaultdict(set)
        self._days: set[int] = set()
        self.from_ms = 0
        self.until_ms = 0
        self.spans: dict[str, Span] = {}
        self.moved_ms: dict[str, int] = {}
        """By how much each home was moved in time; empty: none was."""
        with seldom_collected():
            if align_ms is None:
                self._by_day(self._noted(events))
            else:
                self._aligned(events, align_ms)
        if not self.spans:
            raise ValueError("no event to send")
        self.from_ms = min(begin_ms for begin_ms, _ in self.spans.values())
        self.until_ms = max(end_ms for _, end_ms in self.spans.values()) + 1

    def _noted(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self._sources[event.household].add(event.source)
            yield event

    def _aligned(self, events: Iterable[Event], align_ms: int) -> None:
        """Move homes in time; by how much is known when the last event has been read, so all are written twice."""
        first: dict[str, int] = {}
        raw = self._folder / "raw"
        with raw.open("wb") as out:
            held: list[Event] = []
            for event in self._noted(events):
                first[event.household] = min(event.at_ms, first.get(event.household, event.at_ms))
                held.append(event)
                if len(held) == BLOCK_EVENTS:
                    _write(out, held)
                    held = []
            _write(out, held)
        shift = self.moved_ms = shifts(first, align_ms)
        self._by_day(shifted(one, shift[one.household]) for one in _events_in(raw))
        raw.unlink()

    def _by_day(self, events: Iterable[Event]) -> None:
        held: dict[int, list[Event]] = defaultdict(list)
        for number, event in enumerate(events, 1):
            sent_ms = together(event, BATCH_S)
            held[sent_ms // DAY_MS].append(event)
            begin_ms, end_ms = self.spans.get(event.household, (event.at_ms, 0))
            self.spans[event.household] = (min(begin_ms, event.at_ms), max(end_ms, sent_ms))
            if number % HELD_EVENTS == 0:
                self._flush(held)
        self._flush(held)

    def _flush(self, held: dict[int, list[Event]]) -> None:
        for day, events in held.items():
            self._days.add(day)
            with self._file(day).open("ab") as out:
                _write(out, events)
        held.clear()

    def _file(self, day: int) -> Path:
        return self._folder / str(day)

    def records(self) -> list[HouseholdRecord]:
        """Registry record of every household."""
        return [
            HouseholdRecord(household=name, sources=[Source(one) for one in sorted(self._sources[name])])
            for name in sorted(self._sources)
        ]

    def messages(self) -> Iterator[Message | Wire]:
        """Every message in order of `sent_ms`."""
        for day in sorted(self._days):
            yield from batched(_events_in(self._file(day)), BATCH_S)


def _write(out: BinaryIO, events: list[Event]) -> None:
    for begin in range(0, len(events), BLOCK_EVENTS):
        packed = _encode(events[begin : begin + BLOCK_EVENTS])
        out.write(_LENGTH.pack(len(packed)) + packed)


def _events_in(file: Path) -> Iterator[Event]:
    with file.open("rb") as packed:
        while head := packed.read(_LENGTH.size):
            yield from _decode(packed.read(_LENGTH.unpack(head)[0]))
