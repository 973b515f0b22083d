"""The ClickHouse writer: what a job names, from the log into tables. Responders never wait for it.

One turn (`Writer.step`), in this order, so that nothing is lost and nothing counts twice:

1. Poll the broker, also while nothing more may be read: the group keeps its members by their polls.
2. Forget what is held of partitions that changed hands: it is read again from the committed offset. Read again where
   records do not follow on each other.
3. Cut what is large or old enough into batches; from here on a batch never changes.
4. Stop reading when enough is held, and go on when there is room again.
5. Write the oldest batch, table by table, under its token, and wait for ClickHouse's acknowledgement.
6. Commit the batch's last offset + 1, and only then let go of it.

A writer killed between 5 and 6 reads the batch again and cuts it elsewhere, under other tokens: the rows are written twice
and the tables' engine keeps one of each, which is why whoever counts reads with FINAL.
"""

import logging
import random
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from streams.archive.daily import DailySnapshots
from streams.backoff import Backoff
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError
from streams.publish import BrokerAwayError
from streams.settings import Settings
from streams.stopping import stopping
from streams.tail import Place
from streams.wallclock import monotonic_s, now_ms
from streams.writer.batches import Batch, Freezer, Jump, Limits
from streams.writer.job import OUTPUTS, Job
from streams.writer.source import KafkaSource, Polled
from streams.writer.store import ClickHouseStore, Store

log = logging.getLogger("anbu.writer")

POLL_S: Final = 0.2
WRITING_AT_MOST_S: Final = 10.0
"""One turn starts no further batch after so long: the broker must be polled."""
TELL_AGAIN_S: Final = 600.0
"""An absence of ClickHouse is told when it begins, when its reason changes, and then so often."""


class WriterError(Exception):
    """The writer cannot go on; one line that says why and what to do."""


class WriterMetrics(Protocol):
    """What the writer tells of itself. Names and help texts of the real metrics stand with all the others."""

    def wrote(self, table: str, rows: int) -> None:
        """ClickHouse acknowledged so many rows of a table, in one insert."""

    def retried(self) -> None:
        """ClickHouse did not take a batch: it will be tried again."""

    def skipped(self, topic: str, reason: str, records: int) -> None:
        """So many records gave no row."""

    def lost(self, topic: str, records: int) -> None:
        """So many records were gone from the log before they were read."""

    def owns(self, partitions: int) -> None:
        """So many partitions are given to it by the group."""

    def held(self, records: int, behind_s: float) -> None:
        """So many records wait, the oldest of them since `behind_s` ago; told at the end of every turn."""


@dataclass(slots=True)
class WriterTally:
    """Metrics as plain numbers, for tests and for a writer that nobody scrapes."""

    rows: int = 0
    batches: int = 0
    retries: int = 0
    skips: int = 0
    gone: int = 0
    partitions: int = 0
    held_records: int = 0
    behind_s: float = 0.0

    def wrote(self, table: str, rows: int) -> None:  # noqa: ARG002 - one number for all tables is enough here
        """Count rows and inserts."""
        self.rows += rows
        self.batches += 1

    def retried(self) -> None:
        """Count a failed try."""
        self.retries += 1

    def skipped(self, topic: str, reason: str, records: int) -> None:  # noqa: ARG002 - as above
        """Count records without a row."""
        self.skips += records

    def lost(self, topic: str, records: int) -> None:  # noqa: ARG002 - as above
        """Count records that were gone."""
        self.gone += records

    def owns(self, partitions: int) -> None:
        """Keep the latest."""
        self.partitions = partitions

    def held(self, records: int, behind_s: float) -> None:
        """Keep the latest."""
        self.held_records = records
        self.behind_s = behind_s


class Source(Protocol):
    """Where records come from: `KafkaSource`, or a test's list."""

    @property
    def owned(self) -> int:
        """How many partitions are read here."""

    @property
    def numbers(self) -> Collection[int]:
        """Return the numbers of these partitions, whatever the topic."""

    def poll(self, within_s: float) -> Polled:
        """Return what has come."""

    def commit(self, place: Place, offset: int) -> None:
        """Keep that everything before `offset` is stored."""

    def rewind(self, place: Place, offset: int) -> None:
        """Go on reading a partition at `offset`."""

    def pause(self) -> None:
        """Bring nothing more until `resume`."""

    def resume(self) -> None:
        """Go on."""

    def close(self) -> None:
        """End."""


class Writer:
    """Copies the topics of its job into ClickHouse until it is told to stop.

    Several may run: they share the partitions. `daily` keeps snapshots beside the archive. `source`, `store`, `clock` (seconds that never step back), `wall` (UTC
    milliseconds) and `draw` (numbers in 0..1) have their real ones by default and twins in tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        job: Job = OUTPUTS,
        metrics: WriterMetrics | None = None,
        limits: Limits | None = None,
        source: Source | None = None,
        store: Store | None = None,
        daily: DailySnapshots | None = None,
        clock: Callable[[], float] = monotonic_s,
        wall: Callable[[], int] = now_ms,
        draw: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self.metrics: WriterMetrics = metrics or WriterTally()
        self._job = job
        self._freezer = Freezer(limits, job.rows_of)
        self._source = source
        self._store: Store = store or ClickHouseStore(settings.clickhouse, tables=job.tables)
        self._daily = daily
        self._clock = clock
        self._wall = wall
        self._backoff = Backoff(draw or random.SystemRandom().random)
        self._retry_at_s: float | None = None
        self._is_paused = False
        self._told = ""
        self._told_s = 0.0

    def run(self, stop: threading.Event | None = None) -> None:
        """Write until `stop` is set; without one, until SIGTERM or SIGINT. What is held then is written once more.

        Raises:
            WriterError: it cannot go on.
            BrokerAwayError, TopicsDifferError: the broker was not there at the start or lacks a topic, or refuses.

        """
        with stopping(stop) as asked, closing(self._store), closing(self._open_source()):
            while not asked.is_set():
                self.step()
            if self._daily is not None:
                self._daily.close()
            self._finish()

    def step(self, within_s: float = POLL_S) -> None:
        """Take one turn, as the head of this file says."""
        source = self._open_source()
        polled = source.poll(self._poll_s(within_s))
        self._freezer.forget(polled.restarted)
        for jump in self._freezer.add(polled.records, self._clock()):
            self._mend(source, jump)
        self._freezer.freeze(self._clock())
        self._throttle(source)
        self._write_frozen(source)
        if self._daily is not None:
            self._keep_snapshots(self._daily, source)
        self.metrics.owns(source.owned)
        oldest_ms = self._freezer.oldest_ms
        self.metrics.held(
            self._freezer.records, 0.0 if oldest_ms is None else max(0.0, (self._wall() - oldest_ms) / 1000)
        )

    def _keep_snapshots(self, daily: DailySnapshots, source: Source) -> None:
        try:
            daily.step(source.numbers)
        except ClickHouseRefusedError as error:
            raise WriterError(str(error)) from error

    def _mend(self, source: Source, jump: Jump) -> None:
        topic, partition = jump.place
        if jump.is_back:
            log.error("%s/%d begins anew at offset %d: the broker has lost records", topic, partition, jump.found)
        elif jump.is_lost:
            gone = jump.found - jump.expected
            log.error("%s/%d: %d records were gone from the log before they were read", topic, partition, gone)
            self.metrics.lost(topic, gone)
        else:
            log.warning("%s/%d: reading again from offset %d, which was missing", topic, partition, jump.expected)
            source.rewind(jump.place, jump.expected)

    def _open_source(self) -> Source:
        if self._source is None:
            self._source = KafkaSource(self._settings, self._job)
        return self._source

    def _poll_s(self, most_s: float) -> float:
        """Seconds the poll may last: none while a batch could be written, and not beyond the next try."""
        if self._freezer.head() is None:
            return most_s
        return min(most_s, max(0.0, (self._retry_at_s or 0.0) - self._clock()))

    def _throttle(self, source: Source) -> None:
        full = self._freezer.full
        if full and not self._is_paused:
            source.pause()
        elif self._is_paused and not full:
            source.resume()
        self._is_paused = full

    def _write_frozen(self, source: Source) -> None:
        began_s = self._clock()
        while (batch := self._freezer.head()) is not None:
            now_s = self._clock()
            if now_s - began_s > WRITING_AT_MOST_S or (self._retry_at_s is not None and now_s < self._retry_at_s):
                return
            try:
                self._write(batch)
            except ClickHouseAwayError as error:
                self._wait_after(error)
                return
            if self._backoff.failures:
                log.warning("ClickHouse is back after %d failed tries", self._backoff.failures)
            self._backoff.succeed()
            self._told = ""
            self._retry_at_s = None
            if batch.commits:
                source.commit(batch.place, batch.last + 1)
            self._freezer.acknowledge(batch)
            self._tell_bad(batch)

    def _write(self, batch: Batch) -> None:
        try:
            for table, rows in batch.rows:
                self._store.write(table, rows, batch.token)
                self.metrics.wrote(table.name, len(rows))
        except ClickHouseRefusedError as error:
            raise WriterError(str(error)) from error
        except (ClickHouseAwayError, BrokerAwayError):
            raise
        except Exception as error:
            # Rows are made to fit their columns, so this is a mistake of ours that every try would repeat. The message of
            # the error may hold values: only its kind is told.
            raise WriterError(
                f"records {batch.first} to {batch.last} of {batch.place[0]}/{batch.place[1]} cannot be written"
                f" ({type(error).__name__}); they stay in the log"
            ) from error

    def _wait_after(self, error: ClickHouseAwayError) -> None:
        now_s = self._clock()
        if str(error) != self._told or now_s - self._told_s >= TELL_AGAIN_S:
            log.error("%s; nothing is lost, trying on", error)
            self._told, self._told_s = str(error), now_s
        self.metrics.retried()
        self._retry_at_s = now_s + self._backoff.fail()

    def _tell_bad(self, batch: Batch) -> None:
        for reason, records in batch.bad:
            self.metrics.skipped(batch.place[0], reason.value, records)
        if batch.bad:
            topic, partition = batch.place
            counts = ", ".join(f"{records} {reason.value}" for reason, records in batch.bad)
            # One line a batch, so that a flood of bad records is no flood of lines; and nothing of what stood in them.
            log.error(
                "%s/%d: records without a row: %s; the first at offset %d", topic, partition, counts, batch.first_bad
            )

    def _finish(self) -> None:
        """Write what is held, once: whatever ClickHouse does not take now is read again at the next start."""
        self._freezer.freeze(self._clock(), everything=True)
        self._retry_at_s = None
        self._write_frozen(self._open_source())


__all__ = ["Source", "Writer", "WriterError", "WriterMetrics", "WriterTally"]
