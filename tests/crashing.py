"""A partition that is fetched for badly, checkpointed, killed and restored, in memory; and how two runs are compared."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from logs import ENGINE, TOPICS, Logs

from schemas.encode import encode
from schemas.incidents import Incident, Status
from streams.engine.partition import Controls, Output, Partition
from streams.engine.snapshot import Changelog


@dataclass
class Told:
    """What stands on the output topics, as a reader would fold it: repeats of one id and revision are one."""

    records: dict[tuple[Any, ...], bytes] = field(default_factory=dict)
    differing: list[tuple[Any, ...]] = field(default_factory=list)
    """Said twice under one id, and differently."""
    repeats: int = 0

    def take(self, outputs: Iterable[Output]) -> None:
        for one in outputs:
            what = one.what
            value = b"" if what is None else encode(what)
            if isinstance(what, Incident):
                if one.topic == "incidents" and what.revision == 1 and what.case is None:
                    # Told on arrival: its age is counted to the last tick known then, which depends on what was fetched.
                    key, value = ("arrived", what.id), what.kind.value.encode()
                else:
                    key = (one.topic, what.id, what.revision)
            elif isinstance(what, Status):
                key = ("status", what.clock)
            elif what is None:
                key = (one.topic, one.key)
            else:
                key = (one.topic, value)
            if key in self.records:
                self.repeats += 1
                if self.records[key] != value:
                    self.differing.append(key)
            self.records[key] = value


def states(partition: Partition) -> dict[str, Any]:
    """Every household bit for bit, and the partition's own state."""
    found: dict[str, Any] = {}
    for name in partition.names():
        watched = partition.household(name)
        assert watched is not None
        model = None if watched.model is None else (watched.model.hot(), watched.model.rhythm())
        # Of a public alert's questions, the slots are bookkeeping of recovery: whether those of a former life are among
        # them depends on the checkpoints.
        since = (watched.since_ms, watched.lost_since_ms)
        found[name] = (model, watched.ledger.state(), watched.record_bytes, *since, watched.checks.state()[1:])
    positions = partition.order.positions
    found["!"] = (positions.offsets, positions.ticks, positions.clock_ms, positions.live)
    return found


def fresh(
    changelog: list[tuple[bytes, bytes | None]], owner: int, controls: Controls | None = None, **options: Any
) -> Partition:
    """The engine that a worker makes of a changelog."""
    controls = controls or Controls()
    rows = Changelog(whole=controls.whole_checkpoints)
    for key, value in changelog:
        rows.take(key, value)
    recovered = rows.result()
    return Partition(0, 1, engine=ENGINE, recovered=recovered, owner=owner, controls=controls, **options)


def offer(partition: Partition, logs: Logs, rnd: Random, cursors: list[int], told: Told, *, faults: bool) -> None:
    """Hand over one chunk as a fetcher with faults would: later ones first, repeated ones, cut ones."""
    topic = rnd.randrange(TOPICS)
    log, start = logs[topic], cursors[topic]
    fault = rnd.random() if faults else 1.0
    if fault < 0.1:
        start = min(len(log), start + rnd.randrange(1, 200))
    elif fault < 0.2:
        start = max(0, start - rnd.randrange(1, 200))
    end = min(len(log), start + rnd.randrange(1, 400))
    if start >= end:
        return
    outputs, seek = partition.offer(topic, log.chunk(start, end))
    told.take(outputs)
    cursors[topic] = end if seek is None else seek


def run_crashing(
    logs: Logs,
    seed: int,
    *,
    crashes: int,
    faults: bool = True,
    controls: Controls | None = None,
    buffer_records: int = 500,
    compact: bool = False,
    paused: float = 0.0,
    **options: Any,
) -> tuple[Told, dict[str, Any], int]:
    """Run to the end of the logs with so many crashes, some within a checkpoint; what was told, the state, the crashes.

    `paused` is the share of looks at which a pump is told that it is enough. `options` are the partition's.
    """
    rnd, pauses = Random(seed), Random(seed + 1)
    changelog: list[tuple[bytes, bytes | None]] = []
    told, crashed, owner = Told(), 0, 1
    ends = [len(log) for log in logs]
    total = sum(ends)

    def is_enough() -> bool:
        return pauses.random() < paused

    while True:
        partition = fresh(changelog, owner, controls, buffer_records=buffer_records, **options)
        cursors = list(partition.order.positions.offsets)
        lives_for = rnd.randrange(1, total // (crashes + 1) + 2) if crashed < crashes else 1 << 60
        done = 0
        while partition.order.positions.offsets != ends and done < lives_for:
            offer(partition, logs, rnd, cursors, told, faults=faults)
            told.take(partition.pump(rnd.choice([1, 50, 100_000]), is_enough))
            done += partition.pumped
            for topic, offset in partition.order.resumable():
                cursors[topic] = offset
            for topic in range(TOPICS):
                if cursors[topic] >= ends[topic]:
                    cursors[topic] = min(cursors[topic], partition.order.expected(topic))
            if rnd.random() < 0.03 and not partition.is_moving:
                changelog += partition.checkpoint().rows
        if partition.order.positions.offsets == ends:
            told.take(partition.pump(0))
            break
        crashed += 1
        owner += 1
        if rnd.random() < 0.5 and not partition.is_moving:
            # Killed between the first row and the position row.
            rows = partition.checkpoint().rows
            changelog += rows[: rnd.randrange(len(rows))]
        if compact:
            changelog = compacted(changelog)
    return told, states(partition), crashed


def compacted(changelog: list[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """What compaction leaves at its worst: the last record of each key, at its place."""
    last = {key: place for place, (key, _) in enumerate(changelog)}
    return [row for place, row in enumerate(changelog) if last[row[0]] == place]
