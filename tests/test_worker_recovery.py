"""What a worker makes of a changelog that is damaged or compacted, and of logs whose records are gone."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from kafka import KafkaAdminClient, TopicPartition
from worker_logs import read_logs, said, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run, compact

from infra.broker import Broker
from infra.kafka_node import KafkaNode
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.messages import Played
from load_tests.simulator.neighbourhood import simulate
from schemas.actions import ResponderAction
from schemas.encode import encode
from schemas.incidents import ENDED, Incident, IncidentKind, IncidentState, Status
from schemas.partitions import partition_of
from schemas.times import to_rfc3339
from schemas.topics import ORDER_OF, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.snapshot import HOT, POSITIONS
from streams.publish import Publisher

pytestmark = pytest.mark.slow

PARTITIONS = 2
START_MS = 1_788_188_400_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000
NOON_MS = START_MS + DAY_MS
SENSORS = ORDER_OF["home.sensors"]


@dataclass(slots=True)
class Halves:
    """Two days of a few synthetic households: the first day stands in the log, the second is written when it is asked for."""

    run: Run
    played: Played
    home: str
    """One whose button was pressed at the end of the first day."""
    now_ms: int

    @property
    def number(self) -> int:
        return partition_of(self.home, PARTITIONS)

    def stop_half_way(self) -> None:
        """Let a worker judge the first day and stop."""
        worker = self.run.start()
        self.run.town.look()
        wait_until(self.run.is_done, 60, "the end of the first day")
        assert worker.child.stop(20) == 0

    def go_on(self, minutes: int) -> None:
        """Write some ticks."""
        with Publisher(self.run.settings.bootstrap, PARTITIONS) as pen:
            for _ in range(minutes):
                self.now_ms += MINUTE_MS
                write_ticks(pen, self.now_ms, PARTITIONS)

    def stand_still(self, minutes: int) -> None:
        """Write some minutes in which the home moves a lot, and in which one topic has no ticks."""
        with Publisher(self.run.settings.bootstrap, PARTITIONS) as pen:
            for _ in range(minutes):
                for at_ms in range(40):
                    write_event(pen, self.home, "motion", self.now_ms + 1_000 + at_ms)
                self.now_ms += MINUTE_MS
                write_ticks(pen, self.now_ms, PARTITIONS, but={"care.calls"})

    def write_second_day(self) -> None:
        """Write the rest."""
        messages = [one for one in self.played.messages() if one.sent_ms >= self.now_ms]
        asyncio.run(
            feed(
                self.run.settings.bootstrap,
                self.played,
                partitions=PARTITIONS,
                from_ms=self.now_ms,
                messages=iter(messages),
            )
        )
        self.run.town.look()

    def incidents(self) -> list[Incident]:
        """Everything told of the home so far."""
        log = read_logs(self.run.settings.bootstrap, {("incidents", self.number): 0})["incidents", self.number]
        told = [one.what for one in said("incidents", log)]
        return [one for one in told if isinstance(one, Incident) and one.household == self.home]


@pytest.fixture
def halves(any_broker: Broker, tmp_path: Path) -> Iterator[Halves]:
    create_topics(any_broker.bootstrap, PARTITIONS)
    played = simulate(10, 2, 43, start_ms=START_MS)
    asyncio.run(feed(any_broker.bootstrap, played, partitions=PARTITIONS, until_ms=NOON_MS))
    home = next(one.household for one in played.records() if any(s.source[:9] == "/sensors/" for s in one.sources))
    with a_run(Town(any_broker, PARTITIONS), tmp_path) as run:
        halves = Halves(run, played, home, NOON_MS)
        with Publisher(any_broker.bootstrap, PARTITIONS) as pen:
            write_event(pen, home, "emergency_button", NOON_MS + 1_000)
        halves.go_on(1)
        yield halves


def last_value(log: Chunk, key: bytes) -> bytes:
    """The last row of a key."""
    return next(v for k, v in zip(reversed(log.keys), reversed(log.values), strict=True) if k == key and v is not None)


def last_position(log: Chunk) -> tuple[bytes, bytes]:
    """The last position row."""
    rows = zip(reversed(log.keys), reversed(log.values), strict=True)
    return next((k, v) for k, v in rows if k in POSITIONS and v is not None)


def flipped(value: bytes) -> bytes:
    """The same row with one bit turned."""
    return value[:-1] + bytes([value[-1] ^ 1])


@pytest.mark.integration
def test_a_damaged_row_costs_one_household_its_model_and_no_other_a_bit(halves: Halves) -> None:
    halves.stop_half_way()
    run, number, home = halves.run, halves.number, halves.home
    log = run.changelog()[number]
    key = HOT + home.encode()
    # Damaged where it counts: the position row behind it makes the damage part of a whole checkpoint.
    run.append(number, [(key, flipped(last_value(log, key))), last_position(log)])
    before = {one.id: one for one in halves.incidents()}
    worker = run.start()
    wait_until(lambda: worker.ready, 60, "a recovery")
    assert worker.metric("anbu_recovered_rows_total", outcome="corrupt") == 1

    def blind() -> list[Incident]:
        return [one for one in halves.incidents() if one.kind is IncidentKind.CANNOT_SEE and one.id not in before]

    (told,) = wait_until(blind, 20, "that nothing can be seen of the home")
    assert told.state is IncidentState.OPENED
    # Its open incident goes on where it stood.
    (button,) = [one for one in before.values() if one.kind is IncidentKind.EMERGENCY_BUTTON]
    act = ResponderAction(
        id="act-1",
        household=home,
        incident=button.id,
        action="acknowledge",
        revision=button.revision,
        who="officer-1",
        at=to_rfc3339(halves.now_ms),
    )
    with Publisher(run.settings.bootstrap, PARTITIONS) as pen:
        pen.send("responder.actions", home, encode(act))
    halves.go_on(1)
    wait_until(lambda: halves.incidents()[-1].owner == "officer-1", 20, "an owner")
    assert (halves.incidents()[-1].id, halves.incidents()[-1].revision) == (button.id, button.revision + 1)
    assert blind()[-1].state not in ENDED
    # The first sign of life ends it.
    halves.write_second_day()
    run.finish()
    assert blind()[-1].state in ENDED
    run.check(but={home})
    with pytest.raises(AssertionError):
        run.check(loosely=True)


@pytest.mark.integration
def test_negative_control_a_row_that_is_not_damaged_is_used(halves: Halves) -> None:
    halves.stop_half_way()
    log = halves.run.changelog()[halves.number]
    key = HOT + halves.home.encode()
    halves.run.append(halves.number, [(key, last_value(log, key)), last_position(log)])
    halves.run.start()
    halves.write_second_day()
    halves.run.finish()
    halves.run.check()


@pytest.mark.integration
def test_a_damaged_position_row_costs_nothing_but_the_way_from_the_checkpoint_before(halves: Halves) -> None:
    halves.stop_half_way()
    for number, log in enumerate(halves.run.changelog()):
        key, value = last_position(log)
        halves.run.append(number, [(key, flipped(value))])
    halves.run.start()
    halves.write_second_day()
    halves.run.finish()
    halves.run.check()


# On Apache Kafka, which compacts and deletes.


def test_kills_with_a_real_compaction_before_each_recovery_lose_nothing(
    kafka: KafkaNode, town: Town, tmp_path: Path
) -> None:
    rnd = Random(5)
    with a_run(town, tmp_path) as run:
        for share in (0.2, 0.5, 0.8):
            worker = run.start({"dies": ["position", rnd.randrange(1, 40)]} if share == 0.5 else None)
            wait_until(
                lambda worker=worker, share=share: run.share() > share or not worker.child.alive, 90, "its share"
            )
            worker.child.kill()
            assert run.share() < 1
            compact(run)
        run.start()
        run.finish()
        run.check(loosely=True)


def test_a_damaged_position_row_that_compaction_left_alone_gives_way_to_the_one_before(
    kafka: KafkaNode, halves: Halves
) -> None:
    halves.stop_half_way()
    for number, log in enumerate(halves.run.changelog()):
        key, value = last_position(log)
        halves.run.append(number, [(key, flipped(value))])
    compact(halves.run)
    halves.run.start()
    halves.write_second_day()
    halves.run.finish()
    halves.run.check(loosely=True)


def delete_before(bootstrap: str, topic: str, number: int, offset: int) -> None:
    """Let retention take everything before an offset."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_records({TopicPartition(topic, number): offset})
    finally:
        admin.close()


def lost_of(run: Run, number: int) -> int:
    """What the last status of a partition says was lost."""
    log = read_logs(run.settings.bootstrap, {("incidents", number): 0})["incidents", number]
    statuses = [one.what for one in said("incidents", log) if isinstance(one.what, Status)]
    return statuses[-1].lost if statuses else 0


@pytest.mark.parametrize("when", ["before the start", "while it runs", "while it runs, to the end"])
def test_records_that_retention_took_are_counted_told_and_passed(kafka: KafkaNode, halves: Halves, when: str) -> None:
    run, number = halves.run, halves.number
    halves.stop_half_way()
    position = run.town.logs[number][SENSORS].next
    worker = None
    if when == "before the start":
        halves.write_second_day()
    else:
        # It stands for want of a tick, and its buffer is full.
        worker = run.start(buffer_records=100)
        wait_until(lambda: worker.ready, 60, "a beginning")
        halves.stand_still(30)
        wait_until(lambda: worker.metric("anbu_chunks_total", what="dropped") > 0, 30, "a buffer that is full")
    end = run.town.look().logs[number][SENSORS].next
    cut = end if when.endswith("to the end") else end - 20
    assert cut - position > 200
    delete_before(run.settings.bootstrap, "home.sensors", number, cut)
    if worker is None:
        worker = run.start()
    else:
        # The tick that all wait for, and no other: now the worker comes for what it had dropped.
        with Publisher(run.settings.bootstrap, PARTITIONS) as pen:
            write_ticks(pen, halves.now_ms, PARTITIONS, but={*ORDERED_NAMES} - {"care.calls"})
        # Where nothing is left of the others' ticks either, no chunk comes that would show the gap.
        lost_to = {"name": "anbu_records_lost_to_retention_total", "topic": "home.sensors"}
        wait_until(lambda: worker.metric(**lost_to) > 0, 30, "the gap")
        halves.go_on(1)
        run.town.look()
    ends: dict[int, int] = {n: sum(log.next for log in logs) for n, logs in enumerate(run.town.logs)}
    wait_until(lambda: {n: one["applied"] for n, one in worker.partitions().items()} == ends, 60, "the end of the logs")
    lost = worker.metric("anbu_records_lost_to_retention_total", topic="home.sensors")
    assert 0 < lost <= cut - position
    if when == "before the start":
        assert lost == cut - position
    halves.go_on(2)
    wait_until(lambda: lost_of(run, number) == lost, 30, "a word of the loss")
    assert worker.child.stop(20) == 0


def test_a_broker_that_dies_and_comes_back_in_the_middle_costs_nothing(
    kafka: KafkaNode, town: Town, tmp_path: Path
) -> None:
    with a_run(town, tmp_path) as run:
        worker = run.start()
        wait_until(lambda: run.share() > 0.05, 60, "a first checkpoint")
        assert run.share() < 1
        town.broker.stop(kill=True)
        town.broker.start()
        # It goes on by itself, or it ends and says why; whoever restarts it goes on from there.
        wait_until(lambda: not worker.child.alive or run.is_done(), 120, "the end of the worker or of the logs")
        if not worker.child.alive:
            assert worker.child.exit_code == 1
            assert worker.child.tail(1).startswith("anbu worker: ")
            run.workers.remove(worker)
            run.start()
        run.finish()
        run.check()
