"""Every metric of Anbu, named once: its name, type, unit, labels, meaning and buckets. `docs/metrics.md` is made from here.

Names end in their base unit (`_seconds`, `_bytes`) and counters in `_total`. A label's values come from a closed set, or
are partition numbers; never a household, an incident or anything else that could name a person. Series of closed sets
exist from the start, at 0, so that `rate()` sees the first step of each.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_type_hints

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from detectors.delay import BANDS_H
from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.events import Reason
from schemas.incidents import IncidentKind, IncidentState
from schemas.rows import EVERY_TABLE, ROWS, BadReason
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES

# A second series beside every counter, with the moment at which it was made: twice the series, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

PARTITION: Final = ("0", "1", "…")
"""Stands for partition numbers: series come and go with the partitions a worker owns."""

OUTCOMES: Final = ("applied", "late", "dead_letter", "not_registered", "no_consent")
CHUNKS: Final = ("applied", "gap", "overlap", "dropped")
TICKS: Final = ("taken", "repeated", "refused")
ROW_KINDS: Final = ("hot", "rhythm", "record", "position", "tombstone")
RECOVERED: Final = ("used", "set_aside", "corrupt")
PARTITIONS: Final = ("topic_set", "given", "ready")
TRIES: Final = ("taken", "refused", "failed", "away", "put_aside")
PURPOSES: Final[tuple[str, ...]] = get_args(get_type_hints(CheckinRequest)["purpose"])
RESULTS: Final[tuple[str, ...]] = (
    "ok",
    *(reason for reason in get_args(get_type_hints(ActionResult)["reason"]) if reason),
)
"""What became of a responder's action: `ok`, or the reason of its `ActionResult`."""

DELAY_BOUNDS: Final = (*(f"{bound:g}" for bound in BANDS_H), "+Inf")
EMERGENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CHECKPOINT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RECOVERY_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Named:
    """One metric, as the table of docs/metrics.md tells it."""

    name: str
    """As it is scraped."""
    kind: str
    """counter, gauge, histogram or info."""
    unit: str
    labels: tuple[tuple[str, tuple[str, ...]], ...]
    """Each label with the values it may take; `PARTITION` for partition numbers, nothing for a version."""
    about: str
    buckets: tuple[float, ...] = ()


class _Naming:
    """Makes metrics in a registry and keeps what each was called."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.named: list[Named] = []
        self.by_partition: list[Gauge] = []

    def counter(self, name: str, about: str, *, unit: str, **labels: Sequence[str]) -> Counter:
        sets = self._keep(name, "counter", unit, about, labels)
        made = Counter(name, about, list(labels), registry=self.registry)
        for values in itertools.product(*sets) if sets else ():
            made.labels(*values)
        return made

    def gauge(self, name: str, about: str, *, unit: str, **labels: Sequence[str]) -> Gauge:
        self._keep(name, "gauge", unit, about, labels)
        made = Gauge(name, about, list(labels), registry=self.registry)
        if "partition" in labels:
            self.by_partition.append(made)
        return made

    def histogram(self, name: str, about: str, *, unit: str, buckets: Sequence[float]) -> Histogram:
        self.named.append(Named(name, "histogram", unit, (), about, tuple(buckets)))
        return Histogram(name, about, registry=self.registry, buckets=buckets)

    def build(self, engine: str) -> Info:
        about = "1, with the version of the engine that runs"
        self.named.append(Named("anbu_build_info", "info", "", (("engine", ()),), about))
        made = Info("anbu_build", about, registry=self.registry)
        made.info({"engine": engine})
        return made

    def _keep(
        self, name: str, kind: str, unit: str, about: str, labels: dict[str, Sequence[str]]
    ) -> list[tuple[str, ...]]:
        sets = [tuple(values) for values in labels.values()]
        self.named.append(Named(name, kind, unit, tuple(zip(labels, sets, strict=True)), about))
        return sets


class WorkerMetrics:
    """What a worker tells. One for each registry; a process makes one of each."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version that decides."""
        new = _Naming(registry)
        self._by_partition = new.by_partition
        self.build = new.build(engine)

        self.records_applied = new.counter(
            "anbu_records_applied_total",
            "records applied in canonical order, ticks not among them",
            unit="records",
            topic=ORDERED_NAMES,
        )
        self.readings = new.counter(
            "anbu_readings_total",
            "readings of the event topics by what became of each: learned from, too late to be learned from, refused,"
            " of a household nobody registered, of a source whose consent is withdrawn",
            unit="readings",
            topic=sorted(EVENT_TOPICS),
            outcome=OUTCOMES,
        )
        self.messages_repeated = new.counter(
            "anbu_messages_repeated_total",
            "messages whose very bytes came before, as far as the last 32,768 of their partition reach; they change nothing",
            unit="messages",
        )
        self.dead_letters = new.counter(
            "anbu_dead_letters_total",
            "readings and records refused, those that a summary stands for among them",
            unit="readings",
            topic=ORDERED_NAMES,
            reason=[reason.value for reason in Reason],
        )
        self.incident_revisions = new.counter(
            "anbu_incident_revisions_total",
            "revisions of incidents that the broker acknowledged; again after a restart, for delivery is at least once",
            unit="revisions",
            kind=[kind.value for kind in IncidentKind],
            state=[state.value for state in IncidentState],
        )
        self.exercise_revisions = new.counter(
            "anbu_exercise_revisions_total",
            "revisions of incidents of exercises; they are in no other count of incidents, requests or actions",
            unit="revisions",
            kind=[kind.value for kind in IncidentKind],
        )
        self.emergency_seconds = new.histogram(
            "anbu_emergency_seconds",
            "from the moment the broker appended an emergency's event to the moment it acknowledged its incident; two"
            " clocks, so the skew between broker and worker is in it",
            unit="seconds",
            buckets=EMERGENCY_BUCKETS,
        )
        self.checkin_requests = new.counter(
            "anbu_checkin_requests_total", "check-in calls asked for", unit="requests", purpose=PURPOSES
        )
        self.actions = new.counter(
            "anbu_responder_actions_total",
            "actions of responders by the answer they got",
            unit="actions",
            result=RESULTS,
        )

        self.partitions = new.gauge(
            "anbu_partitions",
            "partitions of the topic set, of them given to this worker by the group, and of these recovered and judged;"
            " a partition of the set that is ready in no worker is watched by nobody",
            unit="partitions",
            what=PARTITIONS,
        )
        self.clock_seconds = new.gauge(
            "anbu_clock_timestamp_seconds",
            "the partition's clock: the smallest last tick of its topics, log time",
            unit="seconds since 1970",
            partition=PARTITION,
        )
        self.clock_stands_seconds = new.gauge(
            "anbu_clock_standing_seconds",
            "how long the partition's clock has not moved; while it stands nobody's silence is judged",
            unit="seconds",
            partition=PARTITION,
        )
        self.held_records = new.gauge(
            "anbu_held_records", "records that wait for their turn in the order", unit="records", partition=PARTITION
        )
        self.lag_records = new.gauge(
            "anbu_lag_records",
            "records between the position and the end of the inputs",
            unit="records",
            partition=PARTITION,
        )
        self.households = new.gauge("anbu_households", "households watched", unit="households", partition=PARTITION)
        self.households_blind = new.gauge(
            "anbu_households_blind",
            "households watched that no healthy source sees",
            unit="households",
            partition=PARTITION,
        )
        self.households_slow = new.gauge(
            "anbu_households_slow",
            "households whose sources make a collapse be found late: 12 hours or more, or calls alone",
            unit="households",
            partition=PARTITION,
        )
        self.households_by_delay = new.gauge(
            "anbu_households_by_delay",
            "households by their expected detection delay: those up to a bound of hours, by time of collapse",
            unit="households",
            partition=PARTITION,
            part=("day", "night"),
            hours=DELAY_BOUNDS,
        )
        self.households_exercise = new.gauge(
            "anbu_households_exercise",
            "households of an exercise that is being played; in none of the other counts of households",
            unit="households",
            partition=PARTITION,
        )
        self.incidents_open = new.gauge(
            "anbu_incidents_open", "incidents neither closed nor withdrawn", unit="incidents", partition=PARTITION
        )

        self.chunks = new.counter(
            "anbu_chunks_total",
            "fetched chunks by what became of each; a gap is read again, an overlap cut, a dropped one was above the"
            " bound of its buffer",
            unit="chunks",
            what=CHUNKS,
        )
        self.records_read_again = new.counter(
            "anbu_records_read_again_total",
            "records dropped above the bound of a buffer, after their emergencies were passed on, and fetched again later",
            unit="records",
        )
        self.ticks = new.counter(
            "anbu_ticks_total",
            "ticks by what became of each; refused ones lie far from their append time, or are simulated ones in a live log",
            unit="ticks",
            what=TICKS,
        )
        self.records_lost_to_retention = new.counter(
            "anbu_records_lost_to_retention_total",
            "offsets that retention had deleted before they were read: real loss",
            unit="records",
            topic=ORDERED_NAMES,
        )

        self.checkpoint_seconds = new.histogram(
            "anbu_checkpoint_seconds",
            "from the beginning of a checkpoint to the acknowledgement of its position row",
            unit="seconds",
            buckets=CHECKPOINT_BUCKETS,
        )
        self.checkpoint_rows = new.counter(
            "anbu_checkpoint_rows_total", "rows written to the changelog", unit="rows", kind=ROW_KINDS
        )
        self.checkpoint_last_seconds = new.gauge(
            "anbu_checkpoint_last_timestamp_seconds",
            "when the partition's last whole checkpoint was acknowledged, wall clock",
            unit="seconds since 1970",
            partition=PARTITION,
        )
        self.recovery_seconds = new.histogram(
            "anbu_recovery_seconds",
            "from the assignment of a partition to the first record it could apply",
            unit="seconds",
            buckets=RECOVERY_BUCKETS,
        )
        self.recovered_rows = new.counter(
            "anbu_recovered_rows_total",
            "rows of the changelog met in recovery: used, set aside because their position row never came, or corrupt",
            unit="rows",
            outcome=RECOVERED,
        )
        self.rebalances = new.counter(
            "anbu_rebalances_total", "times the group gave this worker other partitions", unit="rebalances"
        )
        self.send_failures = new.counter(
            "anbu_send_failures_total", "outputs that the broker did not take; each ends the worker", unit="records"
        )
        self.named: Final = tuple(new.named)

    def forget_partition(self, partition: int) -> None:
        """Remove the series of a partition that another worker has now: two would tell of it, one of them what was."""
        for gauge in self._by_partition:
            gauge.remove_by_labels({"partition": str(partition)})


class WriterPrometheus:
    """What a ClickHouse writer tells: `streams.writer.WriterMetrics`, as Prometheus metrics."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version of the software."""
        new = _Naming(registry)
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


class WebhookPrometheus:
    """What `anbu webhook` tells: `streams.webhook.deliver.Tally`, as Prometheus metrics."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version of the software."""
        new = _Naming(registry)
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
        elif sets[key] and value not in sets[key]:
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
    return f"`{name}`: {', '.join(values)}"
