"""What a worker tells of itself and of its partitions."""

from typing import Final, get_args, get_type_hints

from prometheus_client import CollectorRegistry

from detectors.delay import BANDS_H
from detectors.health import CHANNELS, HEALTH
from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.events import Reason
from schemas.incidents import IncidentKind, IncidentState
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.metrics.naming import PARTITION, POST, Naming

OUTCOMES: Final = ("applied", "late", "dead_letter", "not_registered", "no_consent")
CHUNKS: Final = ("applied", "gap", "overlap", "dropped")
TICKS: Final = ("taken", "repeated", "refused")
ROW_KINDS: Final = ("hot", "rhythm", "record", "position", "tombstone")
RECOVERED: Final = ("used", "set_aside", "corrupt")
PARTITIONS: Final = ("topic_set", "given", "ready")
BUDGETS: Final = ("silence", "other", "checkins")
PURPOSES: Final[tuple[str, ...]] = get_args(get_type_hints(CheckinRequest)["purpose"])
RESULTS: Final[tuple[str, ...]] = (
    "ok",
    *(reason for reason in get_args(get_type_hints(ActionResult)["reason"]) if reason),
)
"""What became of a responder's action: `ok`, or the reason of its `ActionResult`."""

DELAY_BOUNDS: Final = (*(f"{bound:g}" for bound in BANDS_H), "+Inf")
EMERGENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CHECKPOINT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
UNSEEN_BUCKETS: Final = tuple(3600 * hours for hours in (1, 3, 6, 12, 24, 48, 72, 168, 336))
RECOVERY_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class WorkerMetrics:
    """What a worker tells. One for each registry; a process makes one of each."""

    def __init__(self, registry: CollectorRegistry, *, engine: str = "") -> None:
        """Make every metric in `registry`; `engine` is the version that decides."""
        new = Naming(registry)
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
            "messages whose very bytes came before, as far as some 65,536 messages of their partition are remembered; they change nothing",
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
        self.unseen_seconds = new.histogram(
            "anbu_unseen_seconds",
            "how long a home that was told as cannot see was not seen, when something reported again; log time, exercises"
            " not counted",
            unit="seconds",
            buckets=UNSEEN_BUCKETS,
        )
        self.districts_out = new.gauge(
            "anbu_districts_out",
            "districts in which a channel is out, as this partition was told",
            unit="districts",
            partition=PARTITION,
        )
        self.partitions_left_out = new.gauge(
            "anbu_partitions_left_out",
            "partitions so far behind that districts are judged without them; of the partition that judges them",
            unit="partitions",
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
        self.sources = new.gauge(
            "anbu_sources",
            "sources of the households by what they are and how they do, at the last look at each home, an hour ago at"
            " most: it reports; two reports are missing; it is told dark; it is switched off; it is registered and has told"
            " nothing yet. Calls are counted a home: the last one reached somebody; did not; so many in a row did not that"
            " it is an incident; the number is dead; there was none yet",
            unit="sources",
            partition=PARTITION,
            channel=CHANNELS,
            health=HEALTH,
        )
        self.budget = new.gauge(
            "anbu_budget",
            "what the profile in force allows a household and month: false alarms of silence, other false alarms,"
            " check-in calls",
            unit="a household and month",
            partition=PARTITION,
            what=BUDGETS,
        )
        self.shift_given = new.gauge(
            "anbu_shift_given",
            "incidents that each post on duty was given in its shift, emergencies and exercises not counted; posts without"
            " a cap are not told of",
            unit="incidents",
            partition=PARTITION,
            post=POST,
        )
        self.shift_cap = new.gauge(
            "anbu_shift_cap",
            "the cap of the shift of each post on duty, all partitions together",
            unit="incidents",
            partition=PARTITION,
            post=POST,
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
        self.households_begun_anew = new.counter(
            "anbu_households_begun_anew_total",
            "homes whose rows turned out to be unreadable as they woke, or whose judging broke off: each begins anew",
            unit="households",
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
