"""Figures of live measurements, with their rounds."""

import statistics
from collections.abc import Sequence

import msgspec


class Scaled(msgspec.Struct):
    """One round of two workers against one, real detection on the same stretch of the same stream."""

    one_us: float
    """CPU us an event of one worker that has both partitions."""
    two_us: float
    """Both workers' CPU over both workers' events."""
    one_broker_us: float
    two_broker_us: float
    """CPU us an event of the broker beside them."""
    load: float

    @property
    def ratio(self) -> float:
        """Events per CPU second of two workers together over those of one."""
        return self.one_us / self.two_us


class Latency(msgspec.Struct):
    """One run at one rate: from the moment an emergency was to be sent until its incident was read from the topic."""

    per_s: float
    """Events a second that were asked for."""
    sent_per_s: float
    emergencies: int
    unheard: int
    """Emergencies whose incident had not come within the run."""
    p50_ms: float
    p99_ms: float
    p999_ms: float
    longest_ms: float
    worker_cores: float
    broker_cores: float
    generator_cores: float
    """CPU seconds a second. The generator reads the incidents too."""
    lag_s: float
    """Events not yet applied over the rate: last third of the run less the first. Near 0 where the worker keeps up."""
    load: float

    @property
    def is_flat(self) -> bool:
        """Whether the worker kept up."""
        return self.lag_s < 0.5


class Swept(msgspec.Struct):
    """One round of deadlines: what a look through all of them costs, and how late what is due is found."""

    households: int
    sweep_us: float
    """A look when nobody is due, wall clock, median of many."""
    sweep_p99_us: float
    found: int
    """Homes that fell silent and were found."""
    latest_ticks: float
    """Of those, the latest: clock of its incident less its deadline, in ticks."""
    load: float


class Live(msgspec.Struct):
    """Everything that was measured on live workers, each with its rounds."""

    scaling: list[Scaled] = []
    capacity_per_s: float | None = None
    """Highest rate tried at which the worker kept up."""
    capacity: Latency | None = None
    """The run at that rate: what each of the three used."""
    drained_per_s: list[float] = []
    """Of each round, what the worker applies a second of a backlog."""
    latency: dict[str, list[Latency]] = {}
    """By name of the rate."""
    deadlines: list[Swept] = []
    not_measured: dict[str, str] = {}
    engines: dict[str, str] = {}
    """Of each part, whether the engine ran compiled."""
    settings: dict[str, str] = {}
    """The worker's settings, one configuration for all rows of latency."""

    def forget(self, part: str) -> None:
        """Begin anew with a part."""
        self.not_measured.pop(part, None)
        self.engines.pop(part, None)
        if part == "latency":
            self.not_measured.pop("capacity", None)
            self.capacity_per_s = self.capacity = None
            self.drained_per_s, self.latency, self.settings = [], {}, {}
        else:
            setattr(self, part, [])


def percentile(found: Sequence[float], share: float) -> float:
    """Return the smallest of the values that at least this share of all does not exceed."""
    ordered = sorted(found)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def spread(found: Sequence[float], form: str = "{:.2f}") -> str:
    """Return median (least to most)."""
    if not found:
        return "-"
    middle, least, most = statistics.median(found), min(found), max(found)
    if len(found) == 1:
        return form.format(middle)
    return f"{form.format(middle)} ({form.format(least)} to {form.format(most)})"
