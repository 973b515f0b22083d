"""What engines count, brought into the worker's metrics."""

import logging
from collections.abc import Collection
from itertools import accumulate
from typing import Final

from detectors.health import CHANNELS, HEALTH
from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.exercise import is_exercise
from schemas.incidents import Incident
from schemas.topics import ORDERED_NAMES
from streams.engine.keeping import Checkpoint
from streams.engine.order import OrderCounts
from streams.engine.partition import OUTCOMES, Counts, Output, Partition
from streams.engine.snapshot import Recovered
from streams.metrics import BUDGETS, DELAY_BOUNDS, MOST_POSTS, OTHERS, WorkerMetrics
from streams.wallclock import now_ms
from streams.worker.owned import Owned

log = logging.getLogger("anbu.worker")
EXEMPLAR: Final = "incident"
"""What an exemplar names: an incident's id, a hash that only the board makes anything of, for who may see that district."""


def few_posts(loads: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return posts by name, at most `MOST_POSTS`; the rest together, under one name."""
    names = sorted(loads)
    out = {name: loads[name] for name in names[:MOST_POSTS]}
    if rest := [loads[name] for name in names[MOST_POSTS:]]:
        out[OTHERS] = (sum(given for given, _ in rest), sum(cap for _, cap in rest))
    return out


class Gauges:
    """Adds to the counters what was counted since the last time, and sets the gauges."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        """Choose the metrics."""
        self._metrics = metrics
        self._posts: dict[int, set[str]] = {}

    def show(self, owned: Owned, stands_s: float) -> None:
        """Bring up to date what is shown of a partition."""
        engine = owned.engine
        if engine is None or not owned.ready:
            return
        metrics, partition = self._metrics, owned.number
        counts, engine.counts = engine.counts, Counts()
        order, engine.order.counts = engine.order.counts, OrderCounts()
        self._count(counts)
        if counts.begun_anew:
            metrics.households_begun_anew.inc(counts.begun_anew)
            log.error("partition %d: %d homes begin anew", partition, counts.begun_anew)
        for mistake, times in counts.mistakes.items():
            log.error("partition %d: a mistake of ours, %d times: %s", partition, times, mistake)
        for what, number in (("gap", order.gaps), ("overlap", order.overlaps), ("dropped", order.dropped_chunks)):
            metrics.chunks.labels(what).inc(number)
        metrics.chunks.labels("applied").inc(order.taken_chunks)
        metrics.records_read_again.inc(order.dropped_records)
        metrics.ticks.labels("taken").inc(order.taken_ticks)
        metrics.ticks.labels("repeated").inc(order.repeated_ticks)
        metrics.ticks.labels("refused").inc(order.refused_ticks)
        metrics.clock_seconds.labels(partition).set(engine.clock_ms / 1000)
        metrics.clock_stands_seconds.labels(partition).set(stands_s)
        metrics.held_records.labels(partition).set(engine.order.held)
        metrics.lag_records.labels(partition).set(owned.lag() or 0)
        self._show_households(partition, engine)
        self._show_profile(partition, engine)

    def show_partitions(self, topic_set: int, owned: Collection[Owned]) -> None:
        """Bring up to date how many partitions there are, and how many of them this worker judges."""
        partitions = self._metrics.partitions
        partitions.labels("topic_set").set(topic_set)
        partitions.labels("given").set(len(owned))
        partitions.labels("ready").set(sum(1 for one in owned if one.ready and one.active))

    def _show_households(self, partition: int, engine: Partition) -> None:
        self._metrics.households.labels(partition).set(engine.households)
        self._metrics.households_blind.labels(partition).set(engine.blind)
        self._metrics.households_slow.labels(partition).set(engine.slow)
        self._metrics.districts_out.labels(partition).set(engine.districts_out)
        if engine.gathering is not None:
            self._metrics.partitions_left_out.labels(partition).set(engine.gathering.left_out)
        for part, counts in zip(("day", "night"), engine.delays, strict=True):
            for bound, number in zip(DELAY_BOUNDS, accumulate(counts), strict=True):
                self._metrics.households_by_delay.labels(partition, part, bound).set(number)
        for at, number in enumerate(engine.sources):
            channel, health = divmod(at, len(HEALTH))
            self._metrics.sources.labels(partition, CHANNELS[channel], HEALTH[health]).set(number)
        self._metrics.households_exercise.labels(partition).set(engine.exercises)
        self._metrics.incidents_open.labels(partition).set(engine.open_incidents)

    def _show_profile(self, partition: int, engine: Partition) -> None:
        metrics = self._metrics
        for what, allowed in zip(BUDGETS, engine.budgets, strict=True):
            metrics.budget.labels(partition, what).set(allowed)
        loads = few_posts(engine.loads())
        for post in self._posts.get(partition, set()) - set(loads):
            for gauge in (metrics.shift_given, metrics.shift_cap):
                gauge.remove_by_labels({"partition": str(partition), "post": post})
        self._posts[partition] = set(loads)
        for post, (given, cap) in loads.items():
            metrics.shift_given.labels(partition, post).set(given)
            metrics.shift_cap.labels(partition, post).set(cap)

    def _count(self, counts: Counts) -> None:
        for topic, records in enumerate(counts.records):
            if records:
                self._metrics.records_applied.labels(ORDERED_NAMES[topic]).inc(records)
        for topic, readings in enumerate(counts.readings):
            for outcome, number in zip(OUTCOMES, readings, strict=True):
                if number:
                    self._metrics.readings.labels(ORDERED_NAMES[topic], outcome).inc(number)
        self._metrics.messages_repeated.inc(counts.repeated_messages)
        for unseen_s in counts.unseen_s:
            self._metrics.unseen_seconds.observe(unseen_s)
        for (name, reason), number in counts.refused.items():
            self._metrics.dead_letters.labels(name, reason).inc(number)

    def acknowledged(self, output: Output) -> None:
        """Count an output that the broker has."""
        what = output.what
        if isinstance(what, Incident) and output.topic == "incidents":
            if what.status == "Exercise":
                # Nor is its lateness told here, or a drill of 200 homes at once would wake somebody: the drill says it.
                self._metrics.exercise_revisions.labels(what.kind.value).inc()
                return
            self._metrics.incident_revisions.labels(what.kind.value, what.state.value).inc()
            if output.appended_ms > 0:
                took_s = max(0.0, (now_ms() - output.appended_ms) / 1000)
                self._metrics.emergency_seconds.observe(took_s, {EXEMPLAR: what.id})
        elif isinstance(what, CheckinRequest) and what.status != "Exercise":
            self._metrics.checkin_requests.labels(what.purpose).inc()
        elif isinstance(what, ActionResult) and not is_exercise(what.household):
            self._metrics.actions.labels(what.reason or "ok").inc()

    def kept(self, partition: int, kept: Checkpoint, took_s: float) -> None:
        """Note a whole checkpoint."""
        self._metrics.checkpoint_seconds.observe(took_s)
        for kind, rows in kept.counts.items():
            self._metrics.checkpoint_rows.labels(kind).inc(rows)
        self._metrics.checkpoint_rows.labels("position").inc()
        self._metrics.checkpoint_last_seconds.labels(partition).set(now_ms() / 1000)

    def recovered(self, found: Recovered) -> None:
        """Note what the changelog of a partition held."""
        self._metrics.recovered_rows.labels("used").inc(found.used)
        self._metrics.recovered_rows.labels("set_aside").inc(found.set_aside)
        self._metrics.recovered_rows.labels("corrupt").inc(found.corrupt)
