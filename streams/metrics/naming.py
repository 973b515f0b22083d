"""What a metric is called, and what becomes of that: the metric itself, its row in the documentation, and a check on labels.

Names end in their base unit (`_seconds`, `_bytes`) and counters in `_total`. A label's values come from a closed set, are
partition numbers, or are a few posts of the profile; never a household, an incident or anything else that could name a
person. Series of closed sets exist from the start, at 0, so that `rate()` sees the first step of each.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

# A second series beside every counter, with the moment at which it was made: twice the series, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

PARTITION: Final = ("0", "1", "…")
"""Stands for partition numbers: series come and go with the partitions a worker owns."""

POST: Final = ("…",)
"""Stands for posts of the profile's roster, codes that its operator chose: `MOST_POSTS` of them, and what they are called
when there are more, `OTHERS`."""
MOST_POSTS: Final = 16
OTHERS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class Named:
    """One metric, as the table of docs/metrics.md tells it."""

    name: str
    """As it is scraped."""
    kind: str
    """counter, gauge, histogram or info."""
    unit: str
    labels: tuple[tuple[str, tuple[str, ...]], ...]
    """Each label with the values it may take; `PARTITION` for partition numbers, `POST` for posts, nothing for a version."""
    about: str
    buckets: tuple[float, ...] = ()


class Naming:
    """Makes metrics in a registry and keeps what each was called."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Choose the registry."""
        self.registry = registry
        self.named: list[Named] = []
        self.by_partition: list[Gauge] = []

    def counter(self, name: str, about: str, *, unit: str, **labels: Sequence[str]) -> Counter:
        """Make a counter; every series of its closed sets is there at once."""
        sets = self._keep(name, "counter", unit, about, labels)
        made = Counter(name, about, list(labels), registry=self.registry)
        for values in itertools.product(*sets) if sets else ():
            made.labels(*values)
        return made

    def gauge(self, name: str, about: str, *, unit: str, **labels: Sequence[str]) -> Gauge:
        """Make a gauge; one by partition is forgotten with it."""
        self._keep(name, "gauge", unit, about, labels)
        made = Gauge(name, about, list(labels), registry=self.registry)
        if "partition" in labels:
            self.by_partition.append(made)
        return made

    def histogram(self, name: str, about: str, *, unit: str, buckets: Sequence[float]) -> Histogram:
        """Make a histogram of classic buckets: Prometheus's Python client has no native ones."""
        self.named.append(Named(name, "histogram", unit, (), about, tuple(buckets)))
        return Histogram(name, about, registry=self.registry, buckets=buckets)

    def build(self, engine: str) -> Info:
        """Make the metric that says which version runs."""
        about = "1, with the version of the engine that runs"
        self.named.append(Named("anbu_build_info", "info", "", (("engine", ()),), about))
        made = Info("anbu_build", about, registry=self.registry)
        made.info({"engine": engine})
        return made

    def info(self, name: str, about: str, label: str) -> Info:
        """Make a metric that is always 1 and says something in words: `name` without `_info`."""
        self.named.append(Named(f"{name}_info", "info", "", ((label, ()),), about))
        return Info(name, about, registry=self.registry)

    def _keep(
        self, name: str, kind: str, unit: str, about: str, labels: dict[str, Sequence[str]]
    ) -> list[tuple[str, ...]]:
        sets = [tuple(values) for values in labels.values()]
        self.named.append(Named(name, kind, unit, tuple(zip(labels, sets, strict=True)), about))
        return sets


def new_registry() -> CollectorRegistry:
    """Make a registry with the process's own metrics: memory, processor time, open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def outside_their_sets(registry: CollectorRegistry, named: Sequence[Named]) -> list[str]:
    """Series whose labels or names are not of `named`: what a test asks of a process that has worked for a while."""
    allowed = {one.name: dict(one.labels) for one in named}
    found = []
    for family in registry.collect():
        if not family.name.startswith("anbu_"):
            continue
        name = {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key != "le"}
            if not _fits(labels, allowed.get(name)):
                found.append(f"{sample.name}{labels}")
    return found


def _fits(labels: dict[str, Any], sets: dict[str, tuple[str, ...]] | None) -> bool:
    if sets is None or set(labels) != set(sets):
        return False
    for key, value in labels.items():
        if sets[key] == PARTITION:
            if not (value.isdecimal() and len(value) <= 4):
                return False
        elif sets[key] not in ((), POST) and value not in sets[key]:
            return False
    return True


def metrics_table(named: Sequence[Named]) -> str:
    """Markdown table, a row a metric."""
    head = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|"
    return "\n".join([head, *map(_row, named)])


def _row(one: Named) -> str:
    about = one.about
    if one.buckets:
        about += f" (buckets: {', '.join(f'{bucket:g}' for bucket in one.buckets)})"
    return f"| `{one.name}` | {one.kind} | {one.unit} | {'<br>'.join(map(_label, one.labels))} | {about} |"


def _label(label: tuple[str, tuple[str, ...]]) -> str:
    name, values = label
    if not values:
        return f"`{name}`"
    if values == PARTITION:
        return f"`{name}`: a number"
    if values == POST:
        return f"`{name}`: a post of the profile, {MOST_POSTS} at most, and `{OTHERS}`"
    return f"`{name}`: {', '.join(values)}"
