"""A replay of topics that several machines share: a Kafka consumer group, like the live one.

The group deals the partitions out; each machine replays its own in processes of their own and writes what came of them
to ClickHouse. When a machine is lost the group gives its partitions to others, who begin them anew: what it had written
counts for nothing. Whoever has nothing left to do stands by until every partition is done, so that none is left over.
"""

import contextlib
import logging
import multiprocessing
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any, Final

import msgspec
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from load_tests.whatif.fold import Played
from load_tests.whatif.results import Results, digest_of
from load_tests.whatif.runs import PartFailedError, Variant, Work, begin, play_unit, together
from load_tests.whatif.signals import apart
from schemas.topics import ORDERED_NAMES
from streams.publish import BrokerAwayError, broker_answers
from streams.wallclock import monotonic_s

log = logging.getLogger("anbu.replay")

LOOK_EVERY_S: Final = 1.0
STANDS_STILL_S: Final = 60.0
"""How long a machine may do nothing but wait, for ClickHouse at the longest, and still have its partitions."""
AWAY_S: Final = 60.0
"""How long the broker may be away before a machine says so and ends."""


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    variant: Variant
    partition: int
    unit: int

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def play_shared(
    work: Work,
    variants: Sequence[Variant],
    results: Results,
    at: Callable[[float], None],
    *,
    group: str,
    session_timeout_s: float,
) -> dict[str, Played]:
    """Replay the partitions that the group gives to this machine until all are done on whatever machine; return the whole.

    `at` is told the share of the work that is done, what other machines have finished among it.

    Raises:
        BrokerAwayError: the broker does not answer.
        PartFailedError: a process ended before its partition did.
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    if work.topics is None:
        raise ValueError("only topics are shared")
    member = _Member(work.topics.bootstrap, group, session_timeout_s)
    sharing = _Sharing(work, variants, results, digest_of(work.topics))
    looked_s = 0.0
    try:
        mine: set[int] = set()
        while not sharing.is_done:
            given = member.turn()
            if given is not None:
                mine = given
                sharing.leave(mine)
            sharing.finish(member.turn)
            if monotonic_s() - looked_s >= LOOK_EVERY_S:
                looked_s = monotonic_s()
                sharing.look()
                sharing.begin(mine)
            at(sharing.share())
    finally:
        sharing.leave(set())
        member.close()
    return sharing.whole()


class _Sharing:
    """What this machine does at present, and what is done by all."""

    def __init__(self, work: Work, variants: Sequence[Variant], results: Results, plan: str) -> None:
        self._work = work
        self._results = results
        self._plan = plan
        self._variants = {one.name: one for one in variants}
        self._units = [(one.name, p) for p in range(work.partitions) for one in variants]
        self._cores = os.cpu_count() or 1
        self._children: list[_Child] = []
        self._done: set[tuple[str, int]] = set()
        # Spawned, not forked: client threads do not survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._progress = self._context.Array("d", len(self._units), lock=False)

    @property
    def is_done(self) -> bool:
        return self._done >= set(self._units)

    def look(self) -> None:
        """Ask which are done."""
        self._done = self._results.done(self._plan)

    def share(self) -> float:
        done = sum(1.0 if one in self._done else self._progress[i] for i, one in enumerate(self._units))
        return float(done) / len(self._units)

    def leave(self, mine: set[int]) -> None:
        """End what belongs to another machine now."""
        for child in [one for one in self._children if one.partition not in mine]:
            log.info("partition %d has gone to another machine", child.partition)
            child.end()
            self._children.remove(child)
            self._progress[child.unit] = 0.0

    def begin(self, mine: set[int]) -> None:
        """Begin with what is mine and nobody has done, as many at once as there are cores."""
        busy = {(one.variant.name, one.partition) for one in self._children}
        for unit, (name, partition) in enumerate(self._units):
            if len(self._children) >= self._cores:
                return
            if partition not in mine or (name, partition) in self._done | busy:
                continue
            variant = self._variants[name]
            # What an earlier life of this command has left is of this plan too: its name holds the digest.
            arguments = (self._progress, self._work, variant, partition, unit)
            process = self._context.Process(target=_play, args=arguments, daemon=True)
            with apart():
                process.start()
            self._children.append(_Child(process, variant, partition, unit))

    def finish(self, keep_alive: Callable[[], Any]) -> None:
        """Store what has come to its end."""
        for child in [one for one in self._children if not one.process.is_alive()]:
            child.process.join()
            self._children.remove(child)
            if child.process.exitcode:
                raise PartFailedError(f"partition {child.partition} could not be replayed; the lines above say why")
            file = self._work.result(child.variant, child.partition)
            played = msgspec.msgpack.decode(file.read_bytes(), type=Played)
            revisions = self._work.revisions(child.variant, child.partition)
            attempt = secrets.token_hex(8)
            for _ in self._results.store(child.variant, child.partition, self._plan, attempt, played, revisions):
                keep_alive()
            self._done.add((child.variant.name, child.partition))

    def whole(self) -> dict[str, Played]:
        """Read what came of every partition back, and its revisions into the files where they would lie here."""
        out = {}
        for name, variant in self._variants.items():
            for partition in range(self._work.partitions):
                self._results.write_revisions(variant, partition, self._work.revisions(variant, partition))
            out[name] = together([self._results.played(variant, p, self._plan) for p in range(self._work.partitions)])
        return out


def _play(progress: Any, work: Work, variant: Variant, partition: int, unit: int) -> None:
    begin(progress)
    if not work.result(variant, partition).exists():
        play_unit(work, variant, partition, unit)


class _Member:
    """A member of the group, for the sake of its partitions alone: it reads nothing."""

    def __init__(self, bootstrap: str, group: str, session_timeout_s: float) -> None:
        self._bootstrap = bootstrap
        session_ms = int(session_timeout_s * 1000)
        with broker_answers(bootstrap):
            self._consumer: Any = KafkaConsumer(
                bootstrap_servers=bootstrap,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                session_timeout_ms=session_ms,
                # A machine that stands still, its heartbeats going on, must not hold up the others for five minutes.
                max_poll_interval_ms=int(STANDS_STILL_S * 1000),
                heartbeat_interval_ms=max(1, session_ms // 3),
                max_poll_records=1,
                fetch_max_bytes=1,
                max_partition_fetch_bytes=1,
            )
        self._consumer.subscribe([ORDERED_NAMES[0]])
        self._heard_s = monotonic_s()

    def turn(self) -> set[int] | None:
        """Stay in the group, and say which partitions it has given to this machine; None while that is not known.

        What is not known must end nothing: a replay that is half done would begin anew at each stumble of the broker.

        Raises:
            BrokerAwayError: the broker refuses, or has been away for a minute.

        """
        try:
            self._consumer.poll(timeout_ms=100)
            given = self._consumer.assignment()
            with contextlib.suppress(KeyError):  # given away in this very moment, by the client's own thread
                self._consumer.pause(*given)
        except (KafkaError, OSError) as error:
            is_short = monotonic_s() - self._heard_s < AWAY_S
            if not is_short or not getattr(error, "retriable", isinstance(error, OSError)):
                raise BrokerAwayError(f"the broker at {self._bootstrap} refuses ({type(error).__name__})") from error
            return None
        self._heard_s = monotonic_s()
        return {at.partition for at in given} if given else None

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._consumer.close(autocommit=False, timeout_ms=3_000)
