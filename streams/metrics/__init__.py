"""Every metric of Anbu, each named once, a file a process. `docs/metrics.md` is made from `EVERY`."""

from typing import Final

from streams.metrics.board import BoardPrometheus
from streams.metrics.naming import (
    MOST_POSTS,
    OTHERS,
    PARTITION,
    POST,
    Named,
    metrics_table,
    new_registry,
    outside_their_sets,
)
from streams.metrics.webhook import WebhookPrometheus
from streams.metrics.worker import BUDGETS, DELAY_BOUNDS, RESULTS, WorkerMetrics
from streams.metrics.writer import WriterPrometheus

__all__ = [
    "BUDGETS",
    "DELAY_BOUNDS",
    "EVERY",
    "MOST_POSTS",
    "OTHERS",
    "PARTITION",
    "POST",
    "RESULTS",
    "BoardPrometheus",
    "Maker",
    "Named",
    "WebhookPrometheus",
    "WorkerMetrics",
    "WriterPrometheus",
    "metrics_table",
    "new_registry",
    "outside_their_sets",
]

Maker = type[WorkerMetrics | WriterPrometheus | WebhookPrometheus | BoardPrometheus]

EVERY: Final[dict[str, Maker]] = {
    "worker": WorkerMetrics,
    "writer": WriterPrometheus,
    "webhook": WebhookPrometheus,
    "board": BoardPrometheus,
}
"""What each process tells."""
