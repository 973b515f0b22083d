"""What a ClickHouse writer copies: which topics, into which tables, as which consumer group. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.rows import ARCHIVE, ROWS, SNAPSHOTS, TABLES, BadRow, Row, Table, to_row
from schemas.topics import ORDERED_NAMES
from streams.archive.rows import archive_rows
from streams.tail import Record


@dataclass(frozen=True, slots=True)
class Job:
    """One copy of some topics; each has its own consumer group, so that none waits for another."""

    suffix: str
    topics: tuple[str, ...]
    tables: tuple[Table, ...]
    rows_of: Callable[[Record], Sequence[Row] | BadRow]
    """Total over any bytes whatever; never an empty sequence."""

    def group(self, group: str) -> str:
        """Consumer group of the writers that belong to a group of workers."""
        return f"{group}-{self.suffix}"


def _outputs(record: Record) -> Sequence[Row] | BadRow:
    row = to_row(record.topic, record.partition, record.offset, record.value)
    return row if isinstance(row, BadRow) else (row,)


def _inputs(record: Record) -> Sequence[Row]:
    return archive_rows(*record[:6], broker_stamped=record.broker_stamped)


OUTPUTS: Final = Job("writer", tuple(ROWS), TABLES, _outputs)
"""Incidents, statuses and dead letters."""
INPUTS: Final = Job("archive", ORDERED_NAMES, (ARCHIVE, SNAPSHOTS), _inputs)
"""The ordered inputs with their ticks, for replays; daily snapshots of the engine stand beside them."""
BOTH: Final = Job(
    OUTPUTS.suffix,
    (*OUTPUTS.topics, *INPUTS.topics),
    (*OUTPUTS.tables, *INPUTS.tables),
    lambda record: _outputs(record) if record.topic in ROWS else _inputs(record),
)
"""Both by one process: the embedded engine can be open in one only."""
