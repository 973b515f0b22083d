"""How a ClickHouse writer does: `WriterMetrics` that are also asked by `HealthServer`."""

from collections.abc import Callable
from typing import Any, Final

from streams.health import Answer, Heart
from streams.wallclock import monotonic_s
from streams.writer.run import WriterMetrics
from streams.writer.source import MAX_POLL_INTERVAL_S

LIVE_WITHIN_S: Final = float(MAX_POLL_INTERVAL_S)
"""A turn may wait minutes for a server that hangs; one that takes longer has lost its place in the group as well."""


class WriterHealth:
    """Passes on what the writer tells, and keeps what its health is judged by.

    Ready while the group gives it partitions and ClickHouse takes what it is given. A writer that waits for ClickHouse is live: a restart would not help.
    """

    def __init__(self, metrics: WriterMetrics, clock: Callable[[], float] = monotonic_s) -> None:
        """Begin now; `clock` gives seconds that never step back."""
        self._metrics = metrics
        self._clock = clock
        self._heart = Heart(clock(), live_within_s=LIVE_WITHIN_S)
        self._refused_since_s: float | None = None
        self._held = (0, 0.0)
        self._partitions = 0

    def wrote(self, table: str, rows: int) -> None:
        """Pass on, and take down that ClickHouse answers."""
        self._refused_since_s = None
        self._metrics.wrote(table, rows)

    def retried(self) -> None:
        """Pass on, and take down that ClickHouse did not take a batch."""
        if self._refused_since_s is None:
            self._refused_since_s = self._clock()
        self._metrics.retried()

    def skipped(self, topic: str, reason: str, records: int) -> None:
        """Pass on."""
        self._metrics.skipped(topic, reason, records)

    def lost(self, topic: str, records: int) -> None:
        """Pass on."""
        self._metrics.lost(topic, records)

    def owns(self, partitions: int) -> None:
        """Pass on, and keep."""
        self._partitions = partitions
        self._metrics.owns(partitions)

    def held(self, records: int, behind_s: float) -> None:
        """Pass on, and take down that a turn was done."""
        self._held = (records, behind_s)
        self._heart.beat(self._clock())
        self._metrics.held(records, behind_s)

    def live(self, at_s: float) -> Answer:
        """Tell whether it does its turns."""
        why = self._heart.why_not(at_s)
        return Answer(not why, {"live": not why, "why": why, **self._told()})

    def ready(self, at_s: float) -> Answer:
        """Tell whether it does its turns, has something to read, and ClickHouse takes what it is given."""
        why = self._heart.why_not(at_s)
        if not self._partitions:
            why.append("owns no partition")
        since_s = self._refused_since_s
        if since_s is not None:
            why.append(f"ClickHouse has taken nothing for {at_s - since_s:.0f} s")
        return Answer(not why, {"ready": not why, "why": why, **self._told()})

    def _told(self) -> dict[str, Any]:
        records, behind_s = self._held
        return {"partitions": self._partitions, "held_records": records, "behind_s": round(behind_s, 1)}
