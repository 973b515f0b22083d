"""The logs of a partition read back from the archive: the same chunks, so the same canonical order and the same incidents."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.rows import ARCHIVE, Values
from schemas.topics import ORDER_OF, ORDERED_NAMES
from streams.archive.rows import ERASED, Message, message_of
from streams.clickhouse import failure_of
from streams.engine.chunk import Chunk
from streams.replay.run import Reader

PAGE_OFFSETS: Final = 20_000
"""Offsets of one topic read at a time: memory stays flat however long the archive is."""

_UNREAD: Final = {"topic": "''", "reason": "''", "detail": "''", "length": "0", "head": "''"}
"""Columns of which no message is made; a constant in their place costs nothing to read."""
_COLUMNS: Final = ", ".join(
    f"toUnixTimestamp64Milli({name}) AS {name}_ms"
    if kind.endswith(("'UTC')", "'UTC'))"))
    else f"{_UNREAD[name]} AS no_{name}"
    if name in _UNREAD
    else name
    for name, kind in ARCHIVE.columns.items()
)
_FORM: Final = tuple(ARCHIVE.columns).index("form")
_NO_UUID: Final = "00000000-0000-0000-0000-000000000000"
_OFFSET: Final = tuple(ARCHIVE.columns).index("log_offset")


@dataclass(slots=True)
class Bounds:
    """What the archive holds of one partition: first offset and the one after the last, of each ordered topic."""

    firsts: list[int] = field(default_factory=lambda: [0] * len(ORDERED_NAMES))
    ends: list[int] = field(default_factory=lambda: [0] * len(ORDERED_NAMES))


def bounds_of(client: Any) -> dict[int, Bounds]:
    """Return what the archive holds, by partition.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    rows = _rows(
        client,
        "SELECT topic, log_partition, min(log_offset), max(log_offset) + 1 FROM archive GROUP BY topic, log_partition",
    )
    found: dict[int, Bounds] = {}
    for topic, partition, first, end in rows:
        if topic in ORDER_OF:
            bounds = found.setdefault(int(partition), Bounds())
            bounds.firsts[ORDER_OF[topic]] = int(first)
            bounds.ends[ORDER_OF[topic]] = int(end)
    return found


def id_of(client: Any) -> str:
    """Return by what an archive is told from another one whose offsets are equal; empty where its database has no such thing.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    rows = _rows(
        client, "SELECT toString(uuid) FROM system.tables WHERE database = currentDatabase() AND name = 'archive'"
    )
    return "".join(str(one) for (one,) in rows if one != _NO_UUID)


def offsets_at(client: Any, at_ms: int) -> dict[tuple[str, int], int]:
    """Return, of each (topic, partition), the offset of the first tick at or after a moment; none where there is none."""
    rows = _rows(
        client,
        "SELECT topic, log_partition, min(log_offset) FROM archive"  # noqa: S608 - a number
        f" WHERE form = 'tick' AND at >= fromUnixTimestamp64Milli({int(at_ms)}, 'UTC') GROUP BY topic, log_partition",
    )
    return {(str(topic), int(partition)): int(first) for topic, partition, first in rows}


class ArchiveSource:
    """Reads one partition of every ordered topic from ClickHouse, always the topic whose turn it is.

    `erased` counts records of which nothing is left but their place. A record whose rows are not all there is a gap.

    Raises, while reading:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """

    def __init__(self, client: Any, partition: int, starts: list[int], ends: list[int]) -> None:
        """Take an open client, and of each topic the first offset to read and the one at which to stop."""
        self._client = client
        self._partition = partition
        self._starts = starts
        self._ends = ends
        self.erased = 0

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        """Give chunks as the engine needs them; where offsets are missing, the next chunk begins behind them."""
        while True:
            topic = engine.order.next_topic
            start = max(engine.order.positions.offsets[topic], self._starts[topic])
            if start >= self._ends[topic]:
                return
            messages = self._page(topic, start)
            if not messages:
                return  # what was left has gone meanwhile
            for chunk in _chunks(messages):
                yield topic, chunk

    def _page(self, topic: int, start: int) -> list[Message]:
        place = f"topic = '{ORDERED_NAMES[topic]}' AND log_partition = {self._partition}"
        while start < self._ends[topic]:
            stop = min(start + PAGE_OFFSETS, self._ends[topic])
            rows = _rows(
                self._client,
                f"SELECT {_COLUMNS} FROM archive FINAL WHERE {place} AND log_offset >= {start}"  # noqa: S608 - numbers
                f" AND log_offset < {stop} ORDER BY log_offset, log_index",
            )
            if messages := self._messages(rows):
                return messages
            ((after,),) = _rows(
                self._client,
                f"SELECT min(log_offset) FROM archive WHERE {place} AND log_offset >= {stop}",  # noqa: S608 - numbers
            )
            if int(after) < stop:
                break  # nothing is left
            start = int(after)
        return []

    def _messages(self, rows: list[Values]) -> list[Message]:
        found: list[Message] = []
        at = 0
        while at < len(rows):
            end = at + 1
            while end < len(rows) and rows[end][_OFFSET] == rows[at][_OFFSET]:
                end += 1
            record = rows[at:end]
            self.erased += record[0][_FORM] == ERASED or (end > at + 1 and any(row[_FORM] == ERASED for row in record))
            with suppress(ValueError):  # readings of it are missing: a gap
                found.append(message_of(record))
            at = end
        return found


def _chunks(messages: list[Message]) -> Iterator[Chunk]:
    """Cut messages where an offset is missing, and where the broker began or ceased to stamp."""
    first = 0
    for i in range(1, len(messages) + 1):
        before = messages[i - 1]
        if (
            i < len(messages)
            and messages[i].offset == before.offset + 1
            and messages[i].broker_stamped == before.broker_stamped
        ):
            continue
        part = messages[first:i]
        yield Chunk(
            part[0].offset,
            part[-1].offset + 1,
            [one.offset for one in part],
            [one.key for one in part],
            [one.value for one in part],
            [one.appended_ms for one in part],
            part[0].broker_stamped,
        )
        first = i


def _rows(client: Any, sql: str) -> list[Values]:
    try:
        return [tuple(row) for row in client.query(sql).result_rows]
    except ClickHouseError as error:
        raise failure_of(error) from error


__all__ = ["ArchiveSource", "Bounds", "bounds_of", "offsets_at"]
