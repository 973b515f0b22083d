"""What `anbu board` tells of itself: whether it reads, how fast it answers, who it turns away. Nothing of who looks at whom."""

from typing import Final

from prometheus_client import CollectorRegistry

from streams.metrics.naming import Naming

ANSWERS: Final = ("shown", "sent_on", "refused", "too_many", "failed")
PAGE_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_SENT_ON, _REFUSED, _TOO_MANY, _FAILED = 300, 400, 429, 500


class BoardPrometheus:
    """What the responders' board tells."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version of the software."""
        new = Naming(registry)
        self.build = new.build(engine)
        self.reached = new.info("anbu_board", "1, with the address that browsers use: dashboards link to it", "url")
        self.requests = new.counter(
            "anbu_board_requests_total",
            "requests by what became of each: shown; sent on, to sign-in or after a form; refused; too many of one session"
            " or address; failed, by the board's own fault",
            unit="requests",
            result=ANSWERS,
        )
        self.page_seconds = new.histogram(
            "anbu_board_page_seconds",
            "from a request to its whole answer; pages that are kept as they are now are not among them",
            unit="seconds",
            buckets=PAGE_BUCKETS,
        )
        self.sessions = new.gauge("anbu_board_sessions", "sign-ins that last", unit="sessions")
        self.streams = new.gauge("anbu_board_streams", "pages that are kept as they are now", unit="pages")
        self.behind_seconds = new.gauge(
            "anbu_board_behind_seconds",
            "how long ago the slower of the two readers last came back from the broker",
            unit="seconds",
        )
        self.believed = new.gauge(
            "anbu_board_believed",
            "1 while the board shows what stands: all is read, and every partition is watched; 0 while it is red",
            unit="1 or 0",
        )
        self.named: Final = tuple(new.named)

    def answered(self, status: int, took_s: float | None) -> None:
        """Count an answer by its HTTP status; `took_s` is None for one that goes on for as long as somebody looks."""
        result = "shown"
        if status >= _FAILED:
            result = "failed"
        elif status == _TOO_MANY:
            result = "too_many"
        elif status >= _REFUSED:
            result = "refused"
        elif status >= _SENT_ON:
            result = "sent_on"
        self.requests.labels(result).inc()
        if took_s is not None:
            self.page_seconds.observe(took_s)

    def stands(self, *, sessions: int, streams: int, behind_s: float, believed: bool) -> None:
        """Tell how it does now."""
        self.sessions.set(sessions)
        self.streams.set(streams)
        self.behind_seconds.set(behind_s)
        self.believed.set(believed)
