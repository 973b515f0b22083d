"""`anbu topics grow` on Apache Kafka: a live set with state is moved to more partitions, and goes on as if nothing had been."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from crashing import Told
from test_growing import people, words
from worker_logs import judge, read_inputs, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.broker import Broker
from infra.growing import Grown, grow
from infra.kafka_node import KafkaNode
from infra.topics import TopicError, create_topics
from load_tests.feed import feed
from load_tests.messages import Played
from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.events import TICK_KEY
from schemas.topics import ORDERED, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.engine.snapshot import Changelog
from streams.publish import Publisher, TopicsDifferError
from streams.subscriber import IncidentSubscriber
from streams.worker.run import ENGINE

pytestmark = pytest.mark.slow

START_MS = 1_788_188_400_000
DAY_MS = 86_400_000
NOON_MS = START_MS + DAY_MS + DAY_MS // 2
GROWN_MS = NOON_MS + 60_000
FEW, MANY = 2, 5


@dataclass(slots=True)
class Drained:
    """A set of few partitions whose first day and a half was judged to its last tick."""

    run: Run
    played: Played
    folder: Path

    def grow(self) -> Grown:
        old = self.run.settings
        return grow(old.bootstrap, old.group, f"{old.group}-2", MANY, engine=ENGINE, owner=7)


@pytest.fixture
def drained(kafka: KafkaNode, any_broker: Broker, tmp_path: Path) -> Iterator[Drained]:
    played = simulate(12, 3, 43, start_ms=START_MS, rates=Rates(collapses=1.0, emergencies=1.5, slow=0.5))
    create_topics(any_broker.bootstrap, FEW)
    asyncio.run(feed(any_broker.bootstrap, played, partitions=FEW, until_ms=NOON_MS))
    with Publisher(any_broker.bootstrap, FEW) as pen:
        for record in played.records()[::2]:
            write_event(pen, record.household, "emergency_button", NOON_MS + 1_000)
        write_ticks(pen, GROWN_MS, FEW)
    with a_run(Town(any_broker, FEW), tmp_path) as run:
        worker = run.start()
        run.town.look()
        wait_until(run.is_done, 90, "the tick of noon")
        assert worker.child.stop(20) == 0
        yield Drained(run, played, tmp_path)


@pytest.fixture
def closed_at_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def in_one(logs: Sequence[Sequence[Chunk]]) -> list[Chunk]:
    """The same logs as if there had been one partition: what lies between two ticks, one partition behind the other."""
    out = []
    for number, topic in enumerate(ORDERED):
        merged, between = Chunk(0, 0), [_between_ticks(each[number]) for each in logs]
        for at in range(max(map(len, between))):
            rows = [
                row
                for each in (between[:1] if topic.broadcast else between)
                for row in each[at : at + 1]
                for row in row
            ]
            ticks = [row for row in rows if row[0] == TICK_KEY]
            for key, value in [*(row for row in rows if row[0] != TICK_KEY), *ticks[:1]]:
                merged.keys.append(key)
                merged.values.append(value)
        merged.next = len(merged.keys)
        merged.offsets, merged.timestamps = list(range(merged.next)), [0] * merged.next
        out.append(merged)
    return out


def _between_ticks(log: Chunk) -> list[list[tuple[Any, Any]]]:
    """Records up to each tick, it included; a partition that is younger begins with the ticks it did not have."""
    out: list[list[tuple[Any, Any]]] = [[]]
    for row in zip(log.keys, log.values, strict=True):
        out[-1].append(row)
        if row[0] == TICK_KEY:
            out.append([])
    return out[:-1]


def refuses(pen: Publisher) -> bool:
    """Tell whether a writer knows by now that the set has grown: its client asks every ten seconds."""
    try:
        pen._check("responder.actions")
    except TopicsDifferError:
        return True
    return False


def test_a_live_set_that_is_grown_goes_on_with_the_same_incidents_and_every_home_bit_for_bit(
    drained: Drained, closed_at_end: ExitStack
) -> None:
    run, bootstrap = drained.run, drained.run.settings.bootstrap
    before = read_inputs(bootstrap, FEW)
    with IncidentSubscriber(bootstrap) as subscriber:
        subscriber.catch_up()
        open_before = subscriber.fold.incidents()
    assert open_before
    # A board that goes on reading, and what it would write with.
    onlooker = closed_at_end.enter_context(IncidentSubscriber(bootstrap))
    onlooker.catch_up()
    pen = Publisher(bootstrap, FEW)
    closed_at_end.callback(pen.close, drop=True)
    pen._check("responder.actions")  # control: it writes while the counts agree
    done = drained.grow()
    assert (done.before, done.after, done.households) == (FEW, MANY, 12)
    assert 0 < done.moved <= 12
    wait_until(lambda: [onlooker.poll(0.2)] and onlooker.fold.partitions == MANY, 30, "the onlooker to notice")
    assert set(range(FEW, MANY)) <= set(onlooker.watching().stale)
    assert onlooker.fold.incidents() == open_before
    wait_until(lambda: refuses(pen), 30, "the writer to be refused")
    # Who forgets to change the settings is told, and nothing is applied twice.
    stale = run.start()
    assert stale.child.wait(60) == 1
    assert f"has {MANY} partitions, the settings say {FEW}" in stale.child.tail(1)
    # Responders see the same as before, whichever partition is read first.
    with IncidentSubscriber(bootstrap) as subscriber:
        subscriber.catch_up()
        assert subscriber.fold.incidents() == open_before
    rest = [one for one in drained.played.messages() if one.sent_ms >= GROWN_MS]
    asyncio.run(feed(bootstrap, drained.played, partitions=MANY, from_ms=GROWN_MS, messages=iter(rest)))
    after = read_inputs(bootstrap, MANY)
    wanted = judge(in_one([*_joined(before, after)]), 0, 1)
    larger = Run(
        Town(run.town.broker, MANY, after),
        run.folder,
        replace(run.settings, group=f"{run.settings.group}-2", partitions=MANY),
    )
    with larger:
        # One more worker than before, and one that dies in the middle.
        first, second = larger.start(), larger.start()
        wait_until(lambda: first.ready and second.ready, 60, "two workers")
        wait_until(lambda: first.partitions() and second.partitions(), 60, "a share for each")
        second.child.kill()
        larger.finish()
        told = Told()
        larger.starts = dict.fromkeys(run.starts, 0) | {
            (topic, number): 0 for topic, _ in run.starts for number in range(MANY)
        }
        for one in larger.told():
            told.records |= {key: value for key, value in one.records.items() if key not in told.records}
            told.differing += one.differing
        assert not [key for key in told.differing if key[0] not in {"status", "dead.letters"}]
        found, truth = words(told), words(wanted.told)
        assert {key for key in truth if key[0] != "incidents.open"} <= found.keys()
        assert {key: value for key, value in found.items() if key[0] == "incidents"} == {
            key: value for key, value in truth.items() if key[0] == "incidents"
        }
        with IncidentSubscriber(bootstrap) as fresh:
            fresh.catch_up()
            wait_until(
                lambda: [onlooker.poll(0.2)] and onlooker.fold.incidents() == fresh.fold.incidents(), 30, "the onlooker"
            )
        assert _homes(larger) == {name: one for name, one in wanted.state.items() if name != "!"}


def _joined(before: list[list[Chunk]], after: list[list[Chunk]]) -> Iterator[list[Chunk]]:
    """Each partition's logs; a new one has had the ticks of the old ones, and what grow copied into any is left out."""
    for number in range(MANY):
        topics = []
        for topic, _ in enumerate(ORDERED_NAMES):
            old = before[number][topic] if number < FEW else None
            log, joined = after[number][topic], Chunk(0, 0)
            first = before[0][topic]
            ticks = [(k, v) for k, v in zip(first.keys, first.values, strict=True) if k == TICK_KEY]
            rows = list(zip(old.keys, old.values, strict=True)) if old is not None else ticks
            new = [(k, v) for k, v in zip(log.keys, log.values, strict=True)][len(rows) if old is not None else 0 :]
            rows += new
            joined.keys, joined.values = [k for k, _ in rows], [v for _, v in rows]
            topics.append(joined)
        yield topics


def _homes(run: Run) -> dict[str, Any]:
    partitions = []
    for number, log in enumerate(run.changelog()):
        rows = Changelog()
        for key, value in zip(log.keys, log.values, strict=True):
            rows.take(key, value)
        partitions.append(Partition(number, MANY, engine=ENGINE, recovered=rows.result(), owner=0))
    return people(partitions)


def test_growing_that_broke_off_is_done_again_and_comes_to_the_same(drained: Drained, monkeypatch: Any) -> None:
    def break_off(*_args: object) -> None:
        raise KeyboardInterrupt

    for place in ("_move_records", "_ends", "_check_written"):
        with monkeypatch.context() as patched:
            patched.setattr(f"infra.growing.{place}", break_off)
            with pytest.raises(KeyboardInterrupt):
                drained.grow()
    assert drained.grow().households == drained.grow().households == 12


def test_a_set_with_records_that_nobody_has_judged_or_with_a_worker_is_not_grown(drained: Drained) -> None:
    run, bootstrap = drained.run, drained.run.settings.bootstrap
    worker = run.start()
    wait_until(lambda: worker.ready, 60, "a worker")
    with pytest.raises(TopicError, match="has 1 workers"):
        drained.grow()
    assert worker.child.stop(20) == 0
    asyncio.run(feed(bootstrap, drained.played, partitions=FEW, from_ms=GROWN_MS, until_ms=GROWN_MS + 3_600_000))
    with pytest.raises(TopicError, match="records that no worker has judged"):
        drained.grow()
