"""Pathway with its native reducers over single events: it reads no arrays, so batches are unrolled for it.   PROGRAM BOOTSTRAP MARKS."""

import os
import sys

import pathway as pw

from load_tests.peers.meter import Meter


class Reading(pw.Schema):  # type: ignore[misc]
    """What is read of an event."""

    subject: str
    value: float | None


def main() -> None:
    """Run the graph; the meter ends it."""
    meter = Meter(sys.argv[2])
    source = {
        "bootstrap.servers": sys.argv[1],
        "group.id": f"bench-pathway-{os.getpid()}",
        "session.timeout.ms": "6000",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    readings = pw.io.kafka.read(
        source,
        topic="bench.single",
        schema=Reading,
        format="json",
        json_field_paths={"value": "/data/value"},
        autocommit_duration_ms=100,
    )
    readings = readings.select(pw.this.subject, value=pw.coalesce(pw.this.value, 1.0))
    homes = readings.groupby(pw.this.subject).reduce(
        pw.this.subject, count=pw.reducers.count(), mean=pw.reducers.avg(pw.this.value)
    )
    total = homes.reduce(count=pw.reducers.sum(pw.this.count))

    def on_change(key: object, row: dict[str, int], time: int, is_addition: bool) -> None:  # noqa: ARG001 - its form
        if is_addition:
            meter.take(row["count"] - meter.count)

    pw.io.subscribe(total, on_change)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
