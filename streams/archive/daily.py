"""Once a day of log time a writer of the archive keeps a checkpoint of each of its partitions beside it.

The changelog is read in a thread of its own, for the group keeps its members by their polls, and the rows are stored a
slice at a turn. What is cut off half-way does not count, and is taken again.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from schemas.rows import SNAPSHOTS, Table, Values
from schemas.topics import DAY_MS, changelog_of
from streams.archive.snapshots import LAST_OF_EACH, Snapshot, clock_of, read_snapshot
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError
from streams.settings import Settings
from streams.tail import reading
from streams.wallclock import monotonic_s

log = logging.getLogger("anbu.writer")

LOOK_EVERY_S: Final = 300.0
SLICE_ROWS: Final = 2_000


class Shelf(Protocol):
    """Where snapshots go: `ClickHouseStore`, or a test's list. Both raise as `streams.clickhouse` says."""

    def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
        """Store rows once."""

    def read(self, sql: str) -> Sequence[Values]:
        """Return the rows of a query."""


class DailySnapshots:
    """Takes snapshots for as long as `step` is called; several may run, and what is stored twice counts once."""

    def __init__(
        self,
        settings: Settings,
        store: Shelf,
        *,
        look_every_s: float = LOOK_EVERY_S,
        clock: Callable[[], float] = monotonic_s,
    ) -> None:
        """Choose the broker, the group whose changelog it is, and where rows go."""
        self._settings = settings
        self._store = store
        self._look_every_s = look_every_s
        self._clock = clock
        self._look_at_s = 0.0
        self._thread = ThreadPoolExecutor(1, "snapshots")
        self._found: Future[Snapshot | None] | None = None
        self._storing: Snapshot | None = None
        self._stored_rows = 0
        self._due: list[int] = []
        self._days: dict[int, int] | None = None
        """Of each partition the day of its last snapshot."""

    def step(self, partitions: Collection[int]) -> None:
        """Take one small turn, for the partitions that this writer has at present; nothing of it can stop the writer."""
        if self._storing is not None:
            self._store_slice(self._storing)
        elif self._found is not None:
            if self._found.done():
                self._take(self._found)
        elif self._due:
            self._found = self._thread.submit(self._read, self._due.pop())
        elif self._clock() >= self._look_at_s:
            self._look_at_s = self._clock() + self._look_every_s
            self._due = sorted(partitions, reverse=True) if self._knows_days() else []

    def close(self) -> None:
        """Read nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _knows_days(self) -> bool:
        """Ask once which days are there: a writer that is started often would keep a snapshot at each start."""
        if self._days is None:
            try:
                self._days = {int(p): int(clock_ms) // DAY_MS for p, clock_ms in self._store.read(LAST_OF_EACH)}
            except (ClickHouseAwayError, ClickHouseRefusedError) as error:
                log.warning("no snapshot now: %s", error)
        return self._days is not None

    def _read(self, partition: int) -> Snapshot | None:
        changelog = changelog_of(self._settings.group)
        with reading(self._settings.bootstrap) as reader:
            if clock_of(reader, changelog, partition) // DAY_MS <= (self._days or {}).get(partition, 0):
                return None
            found = read_snapshot(reader, changelog, partition, self._settings.partitions)
        if found is None:
            log.warning("partition %d: rows of its changelog cannot be used yet; no snapshot of it now", partition)
        return found

    def _take(self, done: "Future[Snapshot | None]") -> None:
        self._found = None
        try:
            self._storing, self._stored_rows = done.result(), 0
        except Exception as error:  # noqa: BLE001 - whatever a changelog holds, archiving must go on without its snapshot
            log.warning("no snapshot now: %s", error)

    def _store_slice(self, snapshot: Snapshot) -> None:
        held, first = snapshot.held, self._stored_rows
        rows = snapshot.values(first, SLICE_ROWS)
        try:
            self._store.write(SNAPSHOTS, rows, f"snapshot-{held.partition}-{held.clock_ms}-{held.number}-{first}")
        except (ClickHouseAwayError, ClickHouseRefusedError) as error:
            # The next look takes a newer one from its beginning.
            log.warning("no snapshot now: %s", error)
            self._storing = None
            return
        self._stored_rows += len(rows)
        if self._stored_rows >= len(snapshot.rows):
            self._days = {**(self._days or {}), held.partition: held.clock_ms // DAY_MS}
            self._storing = None
            log.info("snapshot of %s kept: %d rows", held, self._stored_rows)
