"""Records of the log gathered into batches that never change again until ClickHouse has acknowledged them: pure.

A batch that is tried again must be the very same batch under the same token, or ClickHouse, which may have stored the
first try and lost only its answer, would store the rows twice.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from schemas.rows import STATUSES, BadReason, BadRow, Row, Table, Values, last_of_each_hour
from streams.tail import Place, Record
from streams.writer.job import OUTPUTS


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is cut, and how much may wait for ClickHouse before nothing more is read."""

    batch_records: int = 10_000
    batch_bytes: int = 8_000_000
    batch_age_s: float = 1.0
    held_records: int = 40_000
    held_bytes: int = 32_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition, as rows. Never changed: what is tried again is the same.

    `token` names it to ClickHouse: `topic-partition-first-last`, and a digest of the bytes, for a broker that lost its
    memory counts its offsets from 0 again, and rows of a new log must not pass for repeats of an old one.
    """

    place: Place
    first: int
    last: int
    rows: tuple[tuple[Table, tuple[Values, ...]], ...]
    records: int
    bytes: int
    oldest_ms: int
    bad: tuple[tuple[BadReason, int], ...]
    """How many records gave no row, by reason."""
    first_bad: int | None
    token: str
    commits: bool = True
    """False when the log has begun anew since: the offsets are none of its own."""


@dataclass(slots=True)
class _Growing:
    """What of one partition is not cut yet."""

    first: int
    since_s: float
    oldest_ms: int
    last: int = 0
    rows: dict[str, tuple[Table, list[Values]]] = field(default_factory=dict)
    records: int = 0
    bytes: int = 0
    bad: Counter[BadReason] = field(default_factory=Counter)
    first_bad: int | None = None
    digest: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))

    def add(self, record: Record, rows: Sequence[Row] | BadRow) -> None:
        value = record.value or b""
        self.last = record.offset
        self.records += 1
        self.bytes += len(value)
        self.digest.update(len(value).to_bytes(4, "big"))
        self.digest.update(value)
        if not isinstance(rows, BadRow):
            for row in rows:
                self.rows.setdefault(row.table.name, (row.table, []))[1].append(row.values)
            return
        self.bad[rows.reason] += 1
        if self.first_bad is None:
            self.first_bad = record.offset

    def cut(self, place: Place) -> Batch:
        rows = tuple((table, _thinned(table, values)) for table, values in self.rows.values())
        return Batch(
            place=place,
            first=self.first,
            last=self.last,
            rows=rows,
            records=self.records,
            bytes=self.bytes,
            oldest_ms=self.oldest_ms,
            bad=tuple(sorted(self.bad.items())),
            first_bad=self.first_bad,
            token=f"{place[0]}-{place[1]}-{self.first}-{self.last}-{self.digest.hexdigest()}",
        )


def _thinned(table: Table, values: list[Values]) -> tuple[Values, ...]:
    return tuple(last_of_each_hour(values) if table is STATUSES else values)


@dataclass(frozen=True, slots=True)
class Jump:
    """A record that does not follow on the one before it in its partition.

    (No topic that is read here is compacted or written in transactions, so offsets follow on each other.)
    """

    place: Place
    expected: int
    found: int
    is_lost: bool = False
    """The gap was there at the second reading too: what lay in it is gone from the log."""

    @property
    def is_back(self) -> bool:
        """The broker counts from an earlier offset again: it has lost its memory, or its newest records."""
        return self.found < self.expected


class Freezer:
    """Gathers records by partition, cuts them into batches, and holds each until it is acknowledged.

    What is held of a partition always follows without a gap on what was acknowledged last, so an acknowledged batch's
    `last + 1` may be committed. Time is an argument: seconds of a clock that never steps back.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        rows_of: Callable[[Record], Sequence[Row] | BadRow] = OUTPUTS.rows_of,
    ) -> None:
        self.limits: Final = limits or Limits()
        self._rows_of = rows_of
        self._growing: dict[Place, _Growing] = {}
        self._frozen: deque[Batch] = deque()
        self._next: dict[Place, int] = {}
        """The offset that follows on what was taken of each partition, held or acknowledged."""
        self._gaps: dict[Place, int] = {}
        """The offset from which a partition was read a second time, because it was missing."""

    def add(self, records: Iterable[Record], at_s: float) -> list[Jump]:
        """Take in records as they were read, and tell where they do not follow on each other.

        - A gap: nothing behind it is taken, or a commit would pass over what a reader has lost. Read again from
          `expected`; when it is missing then too, it is lost and passed.
        - Back: the log has new records under old offsets. They are taken, and what is held of the old ones is still
          written but commits nothing: the offset would be one of the new log.
        """
        waiting: dict[Place, Jump] = {}
        told: list[Jump] = []
        for record in records:
            place = (record.topic, record.partition)
            if place in waiting:
                continue
            expected = self._next.get(place, record.offset)
            if record.offset < expected:
                self._begin_anew(place)
                told.append(Jump(place, expected, record.offset))
            elif record.offset > expected:
                if self._gaps.get(place) != expected:
                    self._gaps[place] = expected
                    waiting[place] = Jump(place, expected, record.offset)
                    continue
                told.append(Jump(place, expected, record.offset, is_lost=True))
            self._take(place, record, at_s)
        return [*told, *waiting.values()]

    def _begin_anew(self, place: Place) -> None:
        if place in self._growing:
            self._cut(place)
        self._gaps.pop(place, None)
        self._frozen = deque(replace(batch, commits=False) if batch.place == place else batch for batch in self._frozen)

    def _take(self, place: Place, record: Record, at_s: float) -> None:
        self._next[place] = record.offset + 1
        growing = self._growing.get(place)
        if growing is None:
            growing = self._growing[place] = _Growing(record.offset, at_s, record.arrived_ms)
        growing.oldest_ms = min(growing.oldest_ms, record.arrived_ms)
        growing.add(record, self._rows_of(record))
        if growing.records >= self.limits.batch_records or growing.bytes >= self.limits.batch_bytes:
            self._cut(place)

    def freeze(self, at_s: float, *, everything: bool = False) -> None:
        """Cut what has waited long enough, or everything.

        Where a batch of the partition waits already, the next one goes on growing: after an hour without ClickHouse
        there are a few large batches to write, not thousands of a second each.
        """
        waiting = {batch.place for batch in self._frozen}
        for place, growing in list(self._growing.items()):
            is_due = at_s - growing.since_s >= self.limits.batch_age_s and place not in waiting
            if everything or is_due:
                self._cut(place)

    def head(self) -> Batch | None:
        """Return the batch that is next to be written: the same one until it is acknowledged or forgotten."""
        return self._frozen[0] if self._frozen else None

    def acknowledge(self, batch: Batch) -> None:
        """Let go of the head, which ClickHouse has."""
        if not self._frozen or self._frozen[0] is not batch:
            raise ValueError(f"{batch.token} is not the batch that was next")
        self._frozen.popleft()

    def forget(self, places: Mapping[Place, int | None]) -> None:
        """Let go of all that is held of these partitions: another has them now, or they are read again.

        Each with the offset from which it is read again, None where that is not known.
        """
        for place, offset in places.items():
            self._growing.pop(place, None)
            self._next.pop(place, None)
            self._gaps.pop(place, None)
            if offset is not None:
                self._next[place] = offset
        self._frozen = deque(batch for batch in self._frozen if batch.place not in places)

    @property
    def records(self) -> int:
        """Records held, cut or not."""
        return sum(one.records for one in self._all())

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be read."""
        held = list(self._all())
        return (
            sum(one.records for one in held) >= self.limits.held_records
            or sum(one.bytes for one in held) >= self.limits.held_bytes
        )

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest record held was written to the log, UTC milliseconds; None while nothing is held."""
        return min((one.oldest_ms for one in self._all()), default=None)

    def _all(self) -> Iterable[Batch | _Growing]:
        yield from self._frozen
        yield from self._growing.values()

    def _cut(self, place: Place) -> None:
        self._frozen.append(self._growing.pop(place).cut(place))
