"""The worker: Faust agents around partition engines. A thin shell that fetches, tells, keeps and looks after itself.

The order of a checkpoint, so that it counts whole or not at all:

1. Take the state between two moves of the clock, while nothing that follows from it waits to be handed over and nothing
   is applied (`Pumping.cut`).
2. Wait until the broker has acknowledged everything told: rows must never know of an incident that nobody heard of.
3. Ask whether the group still knows this worker; one that was away too long must not write over its successor's rows.
4. Write the rows, and wait for their acknowledgement.
5. Write the position row, and wait: from here on the checkpoint is whole.
6. Commit the same offsets to the group, for displays of lag only.
"""

import asyncio
import contextlib
import logging
import random
import signal
import sys
from collections.abc import Coroutine, Iterable
from importlib.metadata import version
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.types.tuples import TP

from schemas.topics import ALL, ORDER_OF, ORDERED_NAMES, changelog_of
from streams.engine.chunk import Chunk
from streams.engine.partition import Controls, Output, Partition
from streams.engine.snapshot import Changelog
from streams.health import Health, HealthError, HealthServer
from streams.metrics import WorkerMetrics, new_registry
from streams.publish import check_partitions, partition_counts
from streams.settings import Settings
from streams.wallclock import monotonic_s
from streams.worker.collecting import Collecting
from streams.worker.delivery import ChunkApp
from streams.worker.gather_reader import gather
from streams.worker.gauge import Gauges
from streams.worker.outbox import NotDeliveredError, Outbox
from streams.worker.owned import Owned
from streams.worker.progress import Progress
from streams.worker.pumping import MANY, Pumping
from streams.worker.rebuild import CannotRebuildError, Rebuilder, read_for_salvage
from streams.worker.resting import AHEAD_S

log = logging.getLogger("anbu.worker")

ENGINE: Final = version("anbu")
SWITCH_S: Final = 0.0005
"""The consumer's thread waits so long for the interpreter while an engine is pumped; it needs it several times a fetch."""
LOOK_EVERY_S: Final = 5.0
BROKER_AWAY_S: Final = 30.0
"""A broker that does not answer for so long ends the worker: whoever restarts it is told, and the embedded one never returns."""
SEEK_AGAIN_S: Final = 10.0
"""A topic that brings nothing for so long although its log goes on is asked for again."""
SETTLE_WITHIN_S: Final = 1.0
STOP_WITHIN_S: Final = 10.0


class Worker:
    """One worker: any number of partitions, whichever the group gives it."""

    def __init__(self, settings: Settings, *, controls: Controls | None = None) -> None:
        """Choose settings; `controls` take away a rule, for negative controls in tests."""
        self._settings = settings
        self._controls = controls or Controls()
        self._changelog = changelog_of(settings.group)
        self._owner = random.SystemRandom().getrandbits(63)
        registry = new_registry()
        self.metrics = WorkerMetrics(registry, engine=ENGINE)
        self.health = Health(monotonic_s())
        self._registry = registry
        self._collecting = Collecting(lambda: [engine.life for engine in self._engines()])
        self._gauges = Gauges(self.metrics)
        self._progress = Progress()
        self._outbox = Outbox(settings.bootstrap, acknowledged=self._gauges.acknowledged, failed=self._refuse)
        self._rebuilder = Rebuilder(settings.bootstrap, self._changelog)
        self._pumping = Pumping(self._send, self._seek)
        self._owned: dict[int, Owned] = {}
        self._parked: dict[int, Owned] = {}
        """Partitions of the last generation: their state still counts if nobody else has written since."""
        self._dealt: set[int] = set()
        """Partitions of the last deal, whether they became ready or not."""
        self._ended = asyncio.Event()
        self._failure: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._answered_s = monotonic_s()
        self._joined_s = 0.0
        """When the group last dealt: it knew this worker then."""
        self._app = self._make_app()

    def _make_app(self) -> Any:
        chosen = self._settings
        session_s = chosen.session_timeout_s
        app = ChunkApp(
            chosen.group,
            broker=chosen.kafka,
            store="memory://",
            datadir=str(chosen.datadir / "faust"),
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            topic_partitions=chosen.partitions,
            broker_session_timeout=session_s,
            broker_heartbeat_interval=session_s / 3,
            broker_rebalance_timeout=max(session_s, 6.0),
            broker_request_timeout=max(40.0, 2 * session_s),
            consumer_max_fetch_size=chosen.fetch_max_bytes,
            stream_buffer_maxsize=16,
            stream_wait_empty=False,
        )
        app.gather_s = chosen.gather_ms / 1000
        topic = app.chunk_topic(*ORDERED_NAMES)
        app.agent(topic, name="judge")(self._judge)
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_partitions_assigned.connect(self._on_assigned)
        return app

    async def run(self) -> str | None:
        """Work until SIGTERM or SIGINT; None then, or in one line why it cannot go on.

        Raises:
            BrokerAwayError, TopicsDifferError: at the start, the broker is not there or lacks a topic.
            HealthError: the port of the metrics cannot be had.

        """
        loop = asyncio.get_running_loop()
        # First, or a worker that is told to stop while it starts ends as if killed.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        counts = await asyncio.to_thread(partition_counts, self._settings.bootstrap)
        wanted = dict.fromkeys([*(topic.name for topic in ALL), self._changelog], self._settings.partitions)
        check_partitions(counts, wanted)
        with (
            self._collecting,
            HealthServer(self.health, self._registry, self._settings.metrics_host, self._settings.metrics_port),
        ):
            try:
                await self._outbox.start()
                await self._rebuilder.start()
                await self._app.start()
                for task in (self._beat, self._look, self._keep, self._await_crash):
                    self._begin(task())
                # A task that is cancelled before its first step leaves a warning of what was never awaited.
                await asyncio.sleep(0)
                await self._ended.wait()
            finally:
                await self._close()
        return self._failure

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                if self._failure is None:
                    for owned in list(self._owned.values()):
                        await self._checkpoint(owned)
                for task in self._tasks:
                    task.cancel()
                await self._app.stop()
                await self._rebuilder.stop()
                await self._outbox.stop()
        except Exception as error:  # noqa: BLE001 - it ends all the same, and what was not kept is applied again
            log.warning("stopping was cut short: %s", type(error).__name__)

    def _fail(self, why: str) -> None:
        """End the worker, with the first reason given."""
        if self._failure is None:
            self._failure = why
        self._ended.set()

    def _refuse(self, why: str) -> None:
        self.metrics.send_failures.inc()
        self._fail(why)

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a task whose failure ends the worker: one that only died would leave it silent."""

        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except NotDeliveredError as error:
                self._fail(f"the broker did not take what was written: {error}")
            except CannotRebuildError as error:
                self._fail(str(error))
            except Exception as error:
                log.exception("a mistake of ours")
                self._fail(f"{type(error).__name__} in the worker; the log has the place")

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Whose partitions.

    async def _on_revoked(self, *_args: Any, **_options: Any) -> None:
        """Nothing is applied or kept from here on until the group has dealt anew."""
        self.metrics.rebalances.inc()
        await self._settle()
        self._park()

    async def _settle(self) -> None:
        """Let checkpoints under way become whole: one that breaks off costs the partition its engine."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_WITHIN_S):
                await asyncio.gather(*(owned.settle() for owned in self._owned.values()))

    def _park(self) -> None:
        for number, owned in self._owned.items():
            owned.stop()
            if owned.may_be_kept():
                self._parked[number] = owned
        self._owned = {}

    def _engines(self) -> list[Partition]:
        holders = [*self._owned.values(), *self._parked.values()]
        holders += [owned.kept for owned in holders if owned.kept is not None]
        return [owned.engine for owned in holders if owned.engine is not None]

    async def _on_assigned(self, *args: Any, **_options: Any) -> None:
        self._joined_s = monotonic_s()
        assigned: Iterable[TP] = args[-1]
        dealt: dict[int, set[str]] = {}
        for tp in assigned:
            if tp.topic in ORDER_OF:
                dealt.setdefault(tp.partition, set()).add(tp.topic)
        self._park()
        for number, topics in sorted(dealt.items()):
            if topics != set(ORDERED_NAMES):
                self._fail(f"the group dealt partition {number} in pieces: all workers must run the same version")
                return
            kept = self._parked.pop(number, None)
            self._progress.drop(number)
            owned = self._owned[number] = Owned(number, ENGINE, kept)
            owned.task = self._begin(self._take_over(owned))
        for number in self._dealt - set(dealt):
            self.metrics.forget_partition(number)
        self._parked, self._dealt = {}, set(dealt)
        self._collecting.thaw()
        log.info("partitions: %s", ", ".join(map(str, sorted(dealt))) or "none")

    async def _take_over(self, owned: Owned) -> None:
        """Make the engine of a partition ready: the one kept over the rebalance, or one rebuilt from the changelog."""
        began_s = monotonic_s()
        if owned.kept is not None:
            since = Changelog()
            owned.changelog_next = await self._rebuilder.read(owned.number, owned.kept.changelog_next, since)
            if since.owners <= {self._owner}:
                read_again = owned.changelog_next - owned.kept.changelog_next
                owned.engine, owned.kept = owned.kept.engine, None
                await self._ready(owned, began_s)
                log.info("partition %d: kept over the rebalance, %d rows read again", owned.number, read_again)
                return
            owned.kept = None
            self._collecting.thaw()
        with self._collecting.building():
            changelog = Changelog(whole=self._controls.whole_checkpoints)
            owned.changelog_next = await self._rebuilder.read(owned.number, 0, changelog)
            recovered = await asyncio.to_thread(changelog.result)
            engine = await asyncio.to_thread(
                lambda: Partition(
                    owned.number,
                    self._settings.partitions,
                    engine=ENGINE,
                    recovered=recovered,
                    owner=self._owner,
                    buffer_records=self._settings.buffer_records,
                    awake=self._settings.awake,
                    controls=self._controls,
                )
            )
        self._collecting.watch(engine.life)
        self._gauges.recovered(recovered)
        if engine.unreadable:
            await self._salvage(owned, engine)
        owned.engine = engine
        await self._ready(owned, began_s)
        log.info("partition %d: %d households from %d rows", owned.number, engine.households, recovered.used)

    async def _salvage(self, owned: Owned, engine: Partition) -> None:
        names = set(engine.unreadable)
        log.error("partition %d: rows of %d households cannot be used; they begin anew", owned.number, len(names))
        found = await asyncio.to_thread(read_for_salvage, self._settings.bootstrap, owned.number, names)
        for name in sorted(names):
            record, incidents = found[name]
            await self._send(owned, engine.salvage(name, record, incidents))

    async def _ready(self, owned: Owned, began_s: float) -> None:
        """Go on where the engine stands: past what retention has taken, and at these offsets."""
        engine = owned.engine
        if engine is None or not owned.active:
            return
        first, owned.ends = await self._rebuilder.bounds(owned.number)
        self._pass_gaps(owned, engine, first)
        owned.ready = True
        # At once, so that the rows of a former owner that may still come are older than these.
        await self._checkpoint(owned, at_once=True)
        for topic in range(len(ORDERED_NAMES)):
            await self._seek(owned, topic)
        self.metrics.recovery_seconds.observe(monotonic_s() - began_s)
        # A kept engine may hold what it was about to apply; at the end of the logs no chunk comes to make it go on.
        owned.feed()
        self._begin(self._pumping.run(owned))
        if engine.gathering is not None:
            self._begin(gather(self._settings.bootstrap, owned, self._send))

    def _pass_gaps(self, owned: Owned, engine: Partition, first: list[int]) -> list[int]:
        """Pass what retention has taken; the topics of which it took something. `first` is where each log begins now."""
        gone = [topic for topic, offset in enumerate(first) if offset > engine.order.expected(topic)]
        for topic in gone:
            lost = engine.pass_gap(topic, first[topic])
            name = ORDERED_NAMES[topic]
            self.metrics.records_lost_to_retention.labels(name).inc(lost)
            log.error("%s/%d: retention took %d records before they were read", name, owned.number, lost)
        return gone

    async def _go_on_behind(self, owned: Owned, topics: list[int]) -> None:
        """Fetch behind a gap, and apply what waited for it: perhaps nothing comes that would make it go on."""
        for topic in topics:
            await self._seek(owned, topic)
        if topics:
            owned.feed()

    async def _seek(self, owned: Owned, topic: int) -> None:
        if owned.active and owned.engine is not None:
            owned.sought_s[topic] = monotonic_s()
            tp = TP(ORDERED_NAMES[topic], owned.number)
            self._app.held_off[TopicPartition(*tp)] = 0.0
            await self._app.consumer.seek_to(tp, owned.engine.order.expected(topic))

    # Chunks in, outputs out.

    async def _judge(self, stream: Any) -> None:
        """Take chunks for ever. It never raises: what leaves an agent's body is lost and committed by Faust."""
        async for event in stream.noack().events():
            try:
                await self._take(event.message.topic, event.message.partition, event.value)
            except asyncio.CancelledError:
                raise
            except NotDeliveredError as error:
                self._fail(f"the broker did not take what was written: {error}")
            except Exception as error:
                log.exception("a mistake of ours")
                self._fail(f"{type(error).__name__} while judging; the log has the place")
            if self._failure is not None:
                await asyncio.Event().wait()

    async def _take(self, topic_name: str, number: int, chunk: Chunk) -> None:
        owned = self._owned.get(number)
        if owned is None:
            return
        topic = ORDER_OF[topic_name]
        engine = owned.engine
        if engine is None or not owned.ready:
            # Read again when the engine is there; its emergencies need not wait for that.
            told = [Output("incidents", i.household.encode(), i, at) for i, at in owned.scanner.look(topic, chunk)]
            await self._send(owned, told)
            return
        owned.heard_s[topic] = monotonic_s()
        # Neither a move of the clock nor a checkpoint is waited for. What breaks off here is fetched and looked at again.
        is_new = chunk.next > owned.looked_through[topic]
        if is_new and not await self._send(owned, engine.look(topic, chunk)):
            return
        await owned.room.wait()
        if not owned.active:
            return
        if engine.order.offer(topic, chunk) is not None:
            await self._mend(owned, topic)
            return
        owned.feed()
        await self._pass_looked_through(owned, topic, chunk)

    async def _pass_looked_through(self, owned: Owned, topic: int, chunk: Chunk) -> None:
        """Fetch a topic that runs ahead from where nobody has looked for emergencies yet, or each lap would look again.

        Not in every lap where it brings much and others have a backlog of their own: what is dropped is fetched twice.
        """
        engine, seen = owned.engine, owned.looked_through[topic]
        owned.looked_through[topic] = max(seen, chunk.next)
        if not owned.active or engine is None or not engine.order.is_full(topic):
            return
        tp = TP(ORDERED_NAMES[topic], owned.number)
        if len(chunk) > MANY and owned.is_behind(MANY):
            self._app.held_off[TopicPartition(*tp)] = monotonic_s() + AHEAD_S
        if chunk.next < seen:
            await self._app.consumer.seek_to(tp, seen)

    async def _mend(self, owned: Owned, topic: int) -> None:
        """Mend a missing chunk: fetch again from where it should begin, or pass what is no longer there."""
        engine = owned.engine
        owned.gaps[topic] += 1
        if engine is not None and owned.gaps[topic] % 3 == 0:
            try:
                first, owned.ends = await self._rebuilder.bounds(owned.number)
            except KafkaError:
                return  # the next chunk asks again, and whoever looks after the broker tells if it stays away
            gone = self._pass_gaps(owned, engine, first)
            await self._go_on_behind(owned, gone)
            if topic in gone:
                return
        # A fetch under way brings later chunks once more; asking again for each of them would never end.
        if monotonic_s() - owned.sought_s[topic] > 0.05 or owned.gaps[topic] % 50 == 0:
            await self._seek(owned, topic)

    async def _send(self, owned: Owned, outputs: list[Output]) -> bool:
        """Send outputs; False where the partition was taken away first: what a successor has told must not be told over."""
        if outputs:
            await self._confirmed(owned)
            if not owned.active:
                return False
            await self._outbox.send(owned.number, outputs, owned.lag())
        return True

    async def _confirmed(self, owned: Owned) -> None:
        """Wait while the group has not confirmed this worker for a session: it may have been replaced meanwhile."""
        while owned.active and not self._is_member():
            await asyncio.sleep(0.05)

    def _is_member(self) -> bool:
        confirmed_s = max(self._joined_s, float(self._app.consumer.confirmed_s))
        return monotonic_s() - confirmed_s < self._settings.session_timeout_s

    # What is kept.

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.checkpoint_every_s)
            for owned in list(self._owned.values()):
                await self._checkpoint(owned)

    async def _checkpoint(self, owned: Owned, *, at_once: bool = False) -> None:
        engine = owned.engine
        if engine is None or not owned.ready or not owned.active:
            return
        async with owned.keeping:
            if not owned.active or not (at_once or engine.dirty or owned.moved(engine)):
                return
            began_s = monotonic_s()
            kept = await self._pumping.cut(owned, engine)
            if kept is None:
                return
            await self._outbox.delivered(owned.number)
            await self._confirmed(owned)
            if not owned.active:
                return
            *rows, position = kept.rows
            if rows:
                owned.wrote(await self._outbox.write_rows(self._changelog, owned.number, rows))
            owned.wrote(await self._outbox.write_rows(self._changelog, owned.number, [position]))
            owned.whole = True
            owned.kept_at(kept.cut)
            self._gauges.kept(owned.number, kept, monotonic_s() - began_s)
            if owned.active:
                offsets = {TP(t, owned.number): o for t, o in zip(ORDERED_NAMES, kept.cut.offsets, strict=True)}
                await self._app.consumer.commit_positions(offsets)

    # How it does.

    async def _beat(self) -> None:
        while True:
            at_s = monotonic_s()
            self.health.heartbeat(at_s)
            self.health.partitions([owned.health(self._progress, at_s) for owned in self._owned.values()])
            for owned in self._owned.values():
                self._gauges.show(owned, self._progress.standing(owned.number, at_s))
            self._gauges.show_partitions(self._settings.partitions, self._owned.values())
            await asyncio.sleep(1.0)

    async def _look(self) -> None:
        """Ask the broker how far the logs have grown: fetches that stand still cannot tell that they do."""
        while True:
            # Without a partition of its own it asks about one: whoever stands by must notice a broker that is gone.
            for number in list(self._owned) or [0]:
                try:
                    first, ends = await self._rebuilder.bounds(number)
                except Exception as error:  # noqa: BLE001 - whatever it is, the broker did not answer
                    self._miss(error)
                    break
                self._answered_s = monotonic_s()
                owned = self._owned.get(number)
                if owned is None:
                    continue
                owned.ends = ends
                engine = owned.engine
                if engine is not None and owned.ready:
                    # Where retention has taken all there was, no chunk comes that would show the gap.
                    await self._go_on_behind(owned, self._pass_gaps(owned, engine, first))
                    await self._seek_again(owned, engine)
                    self._progress.note(
                        owned.number,
                        sum(engine.order.positions.offsets),
                        owned.end(),
                        engine.clock_ms,
                        monotonic_s(),
                        waits_for_tick=owned.waits_for_tick(),
                        steps=engine.steps,
                    )
            stalled = [number for number in self._progress.stalled(monotonic_s()) if number in self._owned]
            if stalled:
                self._fail(f"no progress in partition {', '.join(map(str, stalled))} while its log grows")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _seek_again(self, owned: Owned, engine: Partition) -> None:
        for topic, end in enumerate(owned.ends):
            silent_s = monotonic_s() - max(owned.heard_s[topic], owned.sought_s[topic])
            if engine.order.expected(topic) < end and silent_s > SEEK_AGAIN_S and not engine.order.is_full(topic):
                log.warning(
                    "%s/%d brings nothing although its log goes on: asked again", ORDERED_NAMES[topic], owned.number
                )
                await self._seek(owned, topic)

    def _miss(self, error: Exception) -> None:
        away_s = monotonic_s() - self._answered_s
        if away_s > BROKER_AWAY_S:
            self._fail(
                f"the broker at {self._settings.bootstrap} has not answered for {away_s:.0f} s ({type(error).__name__})"
            )

    async def _await_crash(self) -> None:
        """Faust gives up by itself for reasons of its own: whatever they are, they are told."""
        await self._app.wait_until_stopped()
        reason = self._app.crash_reason
        why = f"{type(reason).__name__}: {reason}" if reason is not None else "without a reason"
        self._fail(f"Faust stopped {why}")


def run_worker(settings: Settings, *, controls: Controls | None = None) -> int:
    """Run a worker until it is told to stop; its exit code. Why it could not go on is told in one line on stderr.

    Raises:
        BrokerAwayError, TopicsDifferError: at the start, the broker is not there or lacks a topic.

    """
    sys.setswitchinterval(SWITCH_S)

    async def work() -> str | None:
        return await Worker(settings, controls=controls).run()

    try:
        failure = asyncio.run(work())
    except HealthError as error:
        failure = str(error)
    if failure is not None:
        sys.stderr.write(f"anbu worker: {failure}\n")
    return 0 if failure is None else 1
