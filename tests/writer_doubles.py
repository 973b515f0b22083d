"""A log, a store and a clock made of lists and numbers, for tests of the writer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from schemas.encode import encode
from schemas.examples import RECORDS
from schemas.incidents import Incident, Status
from schemas.rows import Table, Values
from schemas.times import to_rfc3339
from streams.clickhouse import ClickHouseAwayError
from streams.settings import Settings
from streams.tail import Place, Record
from streams.writer.batches import Limits
from streams.writer.run import Writer
from streams.writer.source import Polled
from streams.writer.store import Store

NOW = 1_795_000_000_000
MINUTE = 60_000
INCIDENT: Incident = RECORDS["incident"]  # type: ignore[assignment]
STATUS: Status = RECORDS["status"]  # type: ignore[assignment]
SETTINGS = Settings()


def incident_bytes(name: str, **changes: Any) -> bytes:
    return encode(msgspec.structs.replace(INCIDENT, id=name, **changes))


def a_record(offset: int, partition: int = 0, value: bytes | None = None) -> Record:
    """The record of incident `i-PARTITION-OFFSET`, unless its bytes are given."""
    value = incident_bytes(f"i-{partition}-{offset}") if value is None else value
    return Record("incidents", partition, offset, b"h", value, NOW + offset)


def a_status(offset: int, partition: int, minute: int) -> Record:
    status = msgspec.structs.replace(STATUS, partition=partition, clock=to_rfc3339(NOW + minute * MINUTE))
    return a_record(offset, partition, encode(status))


ROUGH = Limits(batch_records=4, batch_bytes=10**9, batch_age_s=1.0, held_records=10, held_bytes=10**9)


class KilledError(BaseException):
    """What kill -9 is to a test: nothing after it runs."""


@dataclass
class Log:
    """A partitioned log and the committed offsets: what outlives a writer."""

    records: list[Record]
    committed: dict[Place, int] = field(default_factory=dict)


class ListSource:
    """Reads a `Log` from the committed offsets on, in pieces of random size."""

    def __init__(self, log: Log, random: Random, clock: "Clock", *, commits_as_it_reads: bool = False) -> None:
        self.log = log
        self.polls = 0
        self.paused = False
        # A group gives its partitions out first of all.
        self.restarts: set[Place] = {(record.topic, record.partition) for record in log.records}
        self._random = random
        self._clock = clock
        self._position = dict(log.committed)
        self._commits_as_it_reads = commits_as_it_reads

    @property
    def owned(self) -> int:
        return len(self._position)

    @property
    def numbers(self) -> set[int]:
        return {partition for _, partition in self._position}

    def poll(self, within_s: float) -> Polled:
        self.polls += 1
        self._clock.at_s += max(within_s, 0.01)
        restarted = {place: self.log.committed.get(place, 0) for place in sorted(self.restarts)}
        self.restarts.clear()
        self._position.update(restarted)
        found: list[Record] = []
        for record in self.log.records if not self.paused and not restarted else ():
            place = (record.topic, record.partition)
            if record.offset == self._position.get(place, 0) and len(found) < self._size:
                self._position[place] = record.offset + 1
                found.append(record)
                if self._commits_as_it_reads:
                    self.log.committed[place] = record.offset + 1
        return Polled(found, dict(restarted))

    @property
    def _size(self) -> int:
        return self._random.randint(1, 7)

    @property
    def at_end(self) -> bool:
        ends = {(r.topic, r.partition): r.offset + 1 for r in self.log.records}
        return all(self._position.get(place, 0) == end for place, end in ends.items())

    def commit(self, place: Place, offset: int) -> None:
        self.log.committed[place] = offset

    def rewind(self, place: Place, offset: int) -> None:
        self._position[place] = offset

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def close(self) -> None:
        pass


@dataclass
class Clock:
    at_s: float = 0.0

    def __call__(self) -> float:
        return self.at_s


@dataclass
class ListStore:
    """Tables as lists. Does to each write what `fate` says: "", "before" (not stored), "after" (stored, not told)."""

    fate: Callable[[], str] = lambda: ""
    tables: dict[str, list[Values]] = field(default_factory=dict)
    tokens: set[tuple[str, str]] = field(default_factory=set)
    minds_tokens: bool = True

    def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
        fate = self.fate()
        if fate == "before":
            raise ClickHouseAwayError("away")
        if fate == "killed before":
            raise KilledError
        if not self.minds_tokens or (table.name, token) not in self.tokens:
            self.tokens.add((table.name, token))
            self.tables.setdefault(table.name, []).extend(rows)
        if fate == "after":
            raise ClickHouseAwayError("away")
        if fate == "killed after":
            raise KilledError

    def close(self) -> None:
        pass

    @property
    def names(self) -> list[str]:
        return [row[1] for row in self.tables.get("incidents", [])]


def a_log(count: int, partitions: int = 2) -> Log:
    return Log([a_record(offset, partition) for offset in range(count) for partition in range(partitions)])


def a_writer(source: ListSource, store: Store, clock: Clock, **more: Any) -> Writer:
    return Writer(
        SETTINGS, source=source, store=store, clock=clock, wall=lambda: NOW, draw=lambda: 0.5, limits=ROUGH, **more
    )


def drain(writer: Writer, source: ListSource) -> None:
    for _ in range(2_000):
        writer.step()
        if source.at_end and writer._freezer.records == 0:
            return
    raise AssertionError("the writer never got to the end of the log")
