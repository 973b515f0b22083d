"""What `anbu webhook` tells of itself."""

from typing import Final

from prometheus_client import CollectorRegistry

from streams.metrics.naming import Naming

TRIES: Final = ("taken", "refused", "failed", "away", "put_aside")


class WebhookPrometheus:
    """What `anbu webhook` tells: `streams.webhook.deliver.Tally`, as Prometheus metrics."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version of the software."""
        new = Naming(registry)
        self.build = new.build(engine)
        self.tries = new.counter(
            "anbu_webhook_tries_total",
            "requests to receivers by what became of each: taken; refused, where the answer speaks of this delivery;"
            " failed, where it speaks of the receiver; away, where there was none. Put aside is what was refused for good",
            unit="requests",
            result=TRIES,
        )
        self.targets = new.gauge(
            "anbu_webhook_targets",
            "targets by whether they take what they are sent",
            unit="targets",
            what=("all", "away"),
        )
        self.waiting = new.gauge(
            "anbu_webhook_waiting_records", "revisions that some target has not taken yet", unit="records"
        )
        self.behind_seconds = new.gauge(
            "anbu_webhook_behind_seconds",
            "how long ago the oldest revision that some target has not taken was appended to the log; 0 while none waits",
            unit="seconds",
        )
        self.named: Final = tuple(new.named)
        self._waits: dict[str, tuple[int, float, bool]] = {}

    def delivered(self, result: str) -> None:
        """Count a try."""
        self.tries.labels(result).inc()

    def waits(self, target: str, deliveries: int, behind_s: float, *, is_away: bool) -> None:
        """Tell what waits for all targets together: a target's name is a label that nobody bounds."""
        self._waits[target] = (deliveries, behind_s, is_away)
        all_of_them = list(self._waits.values())
        self.waiting.set(sum(one[0] for one in all_of_them))
        self.behind_seconds.set(max(one[1] for one in all_of_them))
        self.targets.labels("all").set(len(all_of_them))
        self.targets.labels("away").set(sum(one[2] for one in all_of_them))
