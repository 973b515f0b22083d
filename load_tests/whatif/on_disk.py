"""Events of files as a past that a feed takes, sorted on disk: memory is that of one day, however long the recording."""

import shutil
import struct
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from load_tests.columns.days import Days, messages_of, note_first
from load_tests.columns.sayings import Columns, Home, Sayings
from load_tests.columns.wire import Wire
from load_tests.messages import Message, Span
from load_tests.recordings.recorded import shifts
from load_tests.whatif.kept import EVENTS
from load_tests.whatif.seldom import seldom_collected
from schemas.households import HouseholdRecord, Source

HELD_EVENTS: Final = 50_000
"""So many are held before they are written to the days they belong to."""
_LENGTH: Final = struct.Struct(">I")


class OnDisk:
    """A past (`load_tests.messages.Played`) that lies in a folder of its own, which goes with it.

    It is what `load_tests.recordings.recorded.gathered` makes of the same events, message by message.
    """

    def __init__(
        self, read: Iterable[Columns], sayings: Sayings, align_ms: int | None = None, folder: Path | None = None
    ) -> None:
        """Take events in any order, and what was said in them; with `align_ms` homes move by whole weeks to begin in the week from then on.

        They lie in a folder of their own in `folder`, or where temporary files go.

        Raises:
            ValueError: there is no event at all.

        """
        self._folder = Path(tempfile.mkdtemp(prefix=EVENTS if folder else "anbu-events-", dir=folder))
        # It holds every event of every household: gone with this object, at the latest when the process ends.
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._on_days: set[int] = set()
        self._days = Days(sayings)
        self.moved_ms: dict[str, int] = {}
        """By how much each home was moved in time; empty: none was."""
        with seldom_collected():
            if align_ms is None:
                for columns in read:
                    self._days.take(columns)
                    self._flush(HELD_EVENTS)
            else:
                self._aligned(read, sayings, align_ms)
            self._flush()
        self._homes: list[Home] = sorted(
            (one for one in sayings.homes.values() if one.end_ms), key=lambda one: one.name
        )
        if not self._homes:
            raise ValueError("no event to send")
        self.spans: dict[str, Span] = {one.name: (one.begin_ms, one.end_ms) for one in self._homes}
        self.from_ms = min(one.begin_ms for one in self._homes)
        self.until_ms = max(one.end_ms for one in self._homes) + 1

    def _aligned(self, read: Iterable[Columns], sayings: Sayings, align_ms: int) -> None:
        """Move homes in time; by how much is known when the last event has been read, so all are written twice."""
        raw = self._folder / "raw"
        with raw.open("wb") as out:
            for columns in read:
                note_first(columns)
                _write(out, self._days.packed(columns))
        self.moved_ms = shifts({one.name: one.first_ms for one in sayings.homes.values()}, align_ms)
        for name, moved_ms in self.moved_ms.items():
            sayings.homes[name].moved_ms = moved_ms
        for block in _blocks_in(raw):
            self._days.take_moved(self._days.unpacked(block, Columns()))
            self._flush(HELD_EVENTS)
        raw.unlink()

    def _flush(self, held: int = 1) -> None:
        if self._days.events < held:
            return
        for day, block in self._days.blocks():
            self._on_days.add(day)
            with self._file(day).open("ab") as out:
                _write(out, block)

    def _file(self, day: int) -> Path:
        return self._folder / str(day)

    def records(self) -> list[HouseholdRecord]:
        """Registry record of every household."""
        return [
            HouseholdRecord(household=one.name, sources=[Source(source) for source in sorted(one.sources)])
            for one in self._homes
        ]

    def messages(self) -> Iterator[Message | Wire]:
        """Every message in order of `sent_ms`."""
        for day in sorted(self._on_days):
            columns = Columns()
            for block in _blocks_in(self._file(day)):
                self._days.unpacked(block, columns)
            yield from messages_of(columns)


def _write(out: BinaryIO, block: bytes) -> None:
    out.write(_LENGTH.pack(len(block)) + block)


def _blocks_in(file: Path) -> Iterator[bytes]:
    with file.open("rb") as packed:
        while head := packed.read(_LENGTH.size):
            yield packed.read(_LENGTH.unpack(head)[0])
