"""What a ClickHouse writer tells of itself."""

from typing import Final

from prometheus_client import CollectorRegistry

from schemas.rows import EVERY_TABLE, ROWS, BadReason
from schemas.topics import ORDERED_NAMES
from streams.metrics.naming import Naming


class WriterPrometheus:
    """What a ClickHouse writer tells: `streams.writer.run.WriterMetrics`, as Prometheus metrics."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version of the software."""
        new = Naming(registry)
        self.build = new.build(engine)
        tables = [table.name for table in EVERY_TABLE]
        self.rows = new.counter(
            "anbu_writer_rows_total", "rows that ClickHouse acknowledged", unit="rows", table=tables
        )
        self.inserts = new.counter(
            "anbu_writer_inserts_total", "inserts that ClickHouse acknowledged", unit="inserts", table=tables
        )
        self.retries = new.counter(
            "anbu_writer_retries_total", "batches that ClickHouse did not take and that are tried again", unit="batches"
        )
        self.skips = new.counter(
            "anbu_writer_skipped_total",
            "records that gave no row; they stay in the log",
            unit="records",
            topic=sorted(ROWS),
            reason=[reason.value for reason in BadReason],
        )
        self.losses = new.counter(
            "anbu_writer_lost_total",
            "records that retention had deleted before the writer read them: real loss to the tables",
            unit="records",
            topic=sorted({*ROWS, *ORDERED_NAMES}),
        )
        self.partitions = new.gauge(
            "anbu_writer_partitions",
            "partitions that the group has given to this writer; those of a job together have 2 for each of the topic set,"
            " those of the archive 8",
            unit="partitions",
        )
        self.held_records = new.gauge("anbu_writer_held_records", "records that wait for ClickHouse", unit="records")
        self.behind_seconds = new.gauge(
            "anbu_writer_behind_seconds",
            "how long ago the oldest record that waits was appended to the log; 0 while none waits",
            unit="seconds",
        )
        self.named: Final = tuple(new.named)

    def wrote(self, table: str, rows: int) -> None:
        """Count one acknowledged insert."""
        self.rows.labels(table).inc(rows)
        self.inserts.labels(table).inc()

    def retried(self) -> None:
        """Count a batch that was not taken."""
        self.retries.inc()

    def skipped(self, topic: str, reason: str, records: int) -> None:
        """Count records that gave no row."""
        self.skips.labels(topic, reason).inc(records)

    def lost(self, topic: str, records: int) -> None:
        """Count records that were gone."""
        self.losses.labels(topic).inc(records)

    def owns(self, partitions: int) -> None:
        """Tell how much it reads."""
        self.partitions.set(partitions)

    def held(self, records: int, behind_s: float) -> None:
        """Tell what waits."""
        self.held_records.set(records)
        self.behind_seconds.set(behind_s)
