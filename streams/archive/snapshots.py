"""Checkpoints of the engine kept beside the archive: taken from the changelog, stored whole, and gone on from in a replay.

A snapshot is what a worker would recover from: rows of the changelog in their own format, its position row last. It is
read from the changelog, so no worker waits for ClickHouse, and it counts when all its rows are there.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.profiles import Profile
from schemas.rows import Values
from schemas.times import to_rfc3339
from streams.clickhouse import failure_of
from streams.engine.snapshot import HOT, POSITIONS, RECORD, RHYTHMS, Changelog, Recovered, Stamp, pack, unpack
from streams.tail import LogReader, Record

_WHOLE: Final = (
    "SELECT log_partition, toUnixTimestamp64Milli(clock) AS clock_ms, number, any(engine) AS made_by,"
    " any(partitions) AS of_partitions FROM snapshots GROUP BY log_partition, clock, number"
    " HAVING uniqExact(row) = any(rows)"
)
LAST_OF_EACH: Final = f"SELECT log_partition, max(clock_ms) FROM ({_WHOLE}) GROUP BY log_partition"  # noqa: S608 - our own
"""Of each partition the clock of its last snapshot that is whole, UTC milliseconds."""
_STAMP: Final = Stamp(1, 1, 1)


class Held(NamedTuple):
    """A snapshot that the archive holds."""

    partition: int
    clock_ms: int
    number: int
    engine: str
    """Version of the engine that made it; empty: it did not say."""
    partitions: int

    def __str__(self) -> str:
        """Say which it is."""
        return f"partition {self.partition} at {to_rfc3339(self.clock_ms)}"


class Snapshot(NamedTuple):
    """A whole checkpoint, ready to be stored."""

    held: Held
    rows: list[tuple[bytes, bytes]]

    def values(self, first: int, count: int) -> list[Values]:
        """Return rows of the table `snapshots`, from one place on."""
        partition, clock_ms, number, engine, partitions = self.held
        return [
            (
                partition,
                clock_ms,
                number,
                first + i,
                len(self.rows),
                partitions,
                engine,
                key.decode("ascii", "replace"),
                b64encode(value).decode("ascii"),
            )
            for i, (key, value) in enumerate(self.rows[first : first + count])
        ]


def clock_of(reader: LogReader, changelog: str, partition: int) -> int:
    """Return the clock of the last position row of a changelog partition; 0 where there is none.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    found = reader.find_last((changelog, partition), _is_position)
    return 0 if found is None else _clock_of(found.value or b"")


def _is_position(record: Record) -> bool:
    return record.key in POSITIONS and record.value is not None


def _clock_of(value: bytes) -> int:
    try:
        return int(unpack(value)[1][0][2])
    except (ValueError, TypeError, LookupError):
        return 0


def read_snapshot(reader: LogReader, changelog: str, partition: int, partitions: int) -> Snapshot | None:
    """Read the last whole checkpoint of a partition; None where there is none, or where rows of it cannot be used.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    kept = Changelog()
    for record in reader.read_whole(changelog, partition):
        kept.take(record.key, record.value)
    return snapshot_of(kept, partition, partitions)


def snapshot_of(kept: Changelog, partition: int, partitions: int) -> Snapshot | None:
    """Return the last whole checkpoint that a changelog holds; None as `read_snapshot` says."""
    rows = kept.rows()
    if not rows or not kept.is_clean:
        return None
    stamp, position = unpack(rows[-1][1])
    clock_ms = int(position[0][2])
    engine = str(position[6]) if len(position) > 6 else ""
    return Snapshot(Held(partition, clock_ms, stamp.number, engine, partitions), rows) if clock_ms else None


def held_in(client: Any) -> list[Held]:
    """Return the snapshots that are there whole, oldest first.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    rows = _rows(client, f"{_WHOLE} ORDER BY clock_ms, log_partition, number")
    return [
        Held(int(p), int(clock_ms), int(number), str(made_by), int(count))
        for p, clock_ms, number, made_by, count in rows
    ]


def newest(held: Iterable[Held], partitions: int, until_ms: int) -> tuple[Held | None, ...]:
    """Choose of each partition the newest snapshot whose clock is not after a moment; None where there is none."""
    found: list[Held | None] = [None] * partitions
    for one in sorted(held, key=lambda one: (one.clock_ms, one.number)):
        if one.partitions == partitions and one.clock_ms <= until_ms:
            found[one.partition] = one
    return tuple(found)


def load(client: Any, held: Held, profile: Profile | None = None) -> Recovered:
    """Read a snapshot back as what an engine goes on from; with a `profile`, under that one.

    Raises:
        ValueError: rows of it are gone, or cannot be used by this version.
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    rows = _rows(client, f"SELECT key, value FROM snapshots FINAL WHERE {_where(held)} ORDER BY row")  # noqa: S608 - numbers
    kept = Changelog()
    for key, value in rows:
        if key:
            kept.take(str(key).encode(), b64decode(value))
    found = kept.result()
    if found.position is None or found.corrupt:
        raise ValueError(f"the snapshot of {held} cannot be read by this version")
    if profile is not None:
        found.position[1] = _plain(profile)
    return found


def _plain(profile: Profile) -> Any:
    # As a position row holds it.
    return unpack(pack(_STAMP, profile))[1]


def _where(held: Held) -> str:
    moment = f"fromUnixTimestamp64Milli({held.clock_ms}, 'UTC')"
    return f"log_partition = {held.partition} AND clock = {moment} AND number = {held.number}"


def erase_from_snapshots(client: Any, household: str) -> int:
    """Take a household out of every snapshot; their other rows stay, and they still count as whole.

    Returns how many snapshots held it. `household` must be a pseudonym: it goes into SQL.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says; the user needs ALTER.

    """
    keys = ", ".join(f"'{prefix.decode()}{household}'" for prefix in (HOT, *RHYTHMS, RECORD))
    ((count,),) = _rows(
        client,
        f"SELECT uniqExact(log_partition, clock, number) FROM snapshots WHERE key IN ({keys})",  # noqa: S608 - checked
    )
    if count:
        _command(client, f"ALTER TABLE snapshots UPDATE key = '', value = '' WHERE key IN ({keys})")
    positions = ", ".join(f"'{key.decode()}'" for key in POSITIONS)
    for partition, clock_ms, number, value in _rows(
        client,
        "SELECT log_partition, toUnixTimestamp64Milli(clock) AS clock_ms, number, value"  # noqa: S608 - checked
        f" FROM snapshots FINAL WHERE key IN ({positions}) AND position(base64Decode(value), '{household}') > 0",
    ):
        told = b64encode(_without(b64decode(value), household)).decode("ascii")
        held = Held(int(partition), int(clock_ms), int(number), "", 0)
        _command(client, f"ALTER TABLE snapshots UPDATE value = '{told}' WHERE {_where(held)} AND key IN ({positions})")
    return int(count)


def _without(row: bytes, household: str) -> bytes:
    """Return a position row that does not name a household among those that ended."""
    stamp, position = unpack(row)
    for place in (3, 7):  # those that ended, and what they were given to a post of late
        if len(position) > place:
            position[place] = [one for one in position[place] if one[0] != household]
    return pack(stamp, position)


def _command(client: Any, sql: str) -> None:
    try:
        client.command(f"{sql} SETTINGS mutations_sync = 2")
    except ClickHouseError as error:
        raise failure_of(error) from error


def _rows(client: Any, sql: str) -> Sequence[Values]:
    try:
        return [tuple(row) for row in client.query(sql).result_rows]
    except ClickHouseError as error:
        raise failure_of(error) from error
