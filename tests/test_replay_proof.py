"""The proof: a live run with everything in it comes out again from its topics and from its archive, and nothing else does."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace as changed
from replays import run_all
from worker_logs import START_MS, read_inputs, wait_until
from worker_runs import Run as LiveRun
from worker_runs import Town
from worker_town import _actions

import load_tests.whatif.log
from infra.broker import Broker
from infra.migrations import migrate
from infra.topics import create_topics
from load_tests.columns.wire import Wire
from load_tests.feed import feed
from load_tests.messages import Played
from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import Rates, simulate
from load_tests.whatif.log import close, past_of_archive, past_of_topics
from schemas.actions import ResponderAction
from schemas.build import encode_events
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, Event
from schemas.households import Absence
from schemas.incidents import CloseCause, Incident, IncidentState
from schemas.partitions import partition_of
from schemas.profiles import DEFAULT_PROFILE
from schemas.rows import SNAPSHOTS
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import BY_NAME, ORDERED_NAMES, changelog_of
from streams.archive.snapshots import Snapshot, read_snapshot
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.replay.equal import equality
from streams.replay.live import told_live
from streams.replay.run import Reader, differences, replay
from streams.settings import Settings
from streams.tail import reading
from streams.worker.run import ENGINE
from streams.writer.job import INPUTS
from streams.writer.run import Writer

PARTITIONS = 2
HOMES, DAYS = 48, 4
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CHANGED_MS = START_MS + 60 * HOUR_MS
"""When the profile changes, some are absent and some leave."""
LATE_MS = START_MS + 40 * HOUR_MS
TICK_S = 300
"""As coarse as a clock may be: what seems to come from further ahead is refused."""


def messages() -> tuple[Played, list[Wire]]:
    """Days of synthetic homes: emergencies, collapses, gateways that report a day late, actions, a changed registry, a profile."""
    town = simulate(HOMES, DAYS, 43, start_ms=START_MS, rates=Rates(collapses=2.0, emergencies=4.0, slow=0.5))
    names = sorted(record.household for record in town.records())
    late = set(names[::3])
    rnd = Random(5)
    wires = []
    for wire in map(wire_of, town.messages()):
        held = wire.key in late and LATE_MS <= wire.sent_ms < LATE_MS + 22 * HOUR_MS
        wires.append(wire.sent_at(LATE_MS + 24 * HOUR_MS + rnd.randrange(HOUR_MS)) if held else wire)
    wires += _actions(town, rnd)
    for name in names:
        for day in range(DAYS):
            at_ms = START_MS + day * DAY_MS + rnd.randrange(DAY_MS)
            data = Data(device="b", state="on")
            press = Event(name, "emergency_button", "/sensors/gw-2", f"press-{at_ms}", at_ms, data)
            wires.append(Wire("home.sensors", name, at_ms + 2_000, encode_events([press])))
    for record in list(town.records())[1::7]:
        away = Absence(to_rfc3339(CHANGED_MS), to_rfc3339(CHANGED_MS + DAY_MS), "trip")
        told = encode(changed(record, sensitivity=2.0, absences=[away]))
        wires.append(Wire("households", record.household, CHANGED_MS, told))
    profile = encode(changed(DEFAULT_PROFILE, id="p-bold", silence_budget=1.0))
    for partition in range(PARTITIONS):
        # Under a key that leads there: the topic is written to every partition.
        key = next(f"p-{n}" for n in range(99) if partition_of(f"p-{n}", PARTITIONS) == partition)
        wires.append(Wire("profile", key, CHANGED_MS, profile))
    return town, sorted((w for w in wires if w.sent_ms < town.until_ms), key=lambda one: one.sent_ms)


def live_run(broker: Broker, folder: Path) -> tuple[list[Incident], list[Snapshot]]:
    """Workers over these days, one killed by kill -9 and two more that join; what they told, and checkpoints on the way."""
    town = Town(broker, PARTITIONS)
    town.logs = read_inputs(broker.bootstrap, PARTITIONS)
    with LiveRun.of(town, folder, session_timeout_s=6.0) as run:
        first = run.start()
        wait_until(lambda: run.share() > 0.15, 120, "a part of the logs")
        first.child.kill()
        second = run.start()
        wait_until(lambda: second.ready, 60, "the second worker")
        snapshots = [taken(broker, run.settings.group, number) for number in range(PARTITIONS)]
        run.start()
        log = folder / run.settings.group / "worker.log"
        # A fast machine has judged everything before the third has joined.
        wait_until(lambda: "kept over the rebalance" in log.read_text(), 60, "the third worker to join")
        run.finish(300)
    return told_live(broker.bootstrap), snapshots


def taken(broker: Broker, group: str, number: int) -> Snapshot:
    """Read a checkpoint of a partition as the writer of the archive does, while its worker works."""
    found: list[Snapshot] = []

    def is_there() -> bool:
        with reading(broker.bootstrap) as reader:
            if snapshot := read_snapshot(reader, changelog_of(group), number, PARTITIONS):
                found.append(snapshot)
        return bool(found)

    wait_until(is_there, 30, "a whole checkpoint")
    return found[0]


def archived(broker: Broker, url: str, records: int) -> None:
    """Write the archive of the topics with the real writer into the embedded ClickHouse."""
    client = load_tests.whatif.log.opened(url)
    migrate(client)
    # Not short: while the engine of this process was busy, a writer with a session of 6 s was put out of its group.
    chosen = Settings(kafka=broker.url, partitions=PARTITIONS, clickhouse=url, session_timeout_s=45.0)
    writer = Writer(chosen, job=INPUTS)

    def is_whole() -> bool:
        for _ in range(10):  # counting is dearer than writing
            writer.step()
        count = "SELECT uniqExact(topic, log_partition, log_offset) FROM archive"
        return bool(client.query(count).result_rows[0][0] == records)

    # Its own client too: a failure's traceback would keep that alive.
    with closing(writer._store), closing(writer._open_source()):
        wait_until(is_whole, 200, "the archive")


class Chunks:
    """Logs as they were read, for controls that change them."""

    def __init__(self, logs: list[Chunk]) -> None:
        self.logs = logs

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        yield from enumerate(self.logs)


def judged(log: list[Chunk], number: int, **options: Any) -> list[Incident]:
    """What a partition tells of these logs."""
    engine = Partition(number, PARTITIONS, engine=ENGINE, buffer_records=1 << 40, **options)
    return replay(Chunks(log), engine).incidents


def rewritten(log: Chunk, keep: Callable[[int], bool]) -> Chunk:
    """A log without some records, its offsets counted anew."""
    kept = [i for i in range(len(log)) if keep(i)]
    return Chunk(
        0,
        len(kept),
        list(range(len(kept))),
        [log.keys[i] for i in kept],
        [log.values[i] for i in kept],
        [log.timestamps[i] for i in kept],
        log.broker_stamped,
    )


def exchanged(logs: list[list[Chunk]], live: list[Incident]) -> tuple[int, list[Chunk]]:
    """Exchange two records of a household in its topic: an officer takes an incident, and closes it.

    Not any two will do. An action that comes before its incident is kept until that opens, and one that comes after its end
    changes nothing: of two such the order is rightly without consequence. Nor does it matter in which order two topics
    were written between two ticks, for the canonical order takes one topic after the other. But an incident that was first
    taken and then closed has another history when the two change places.
    """
    states: dict[str, list[str]] = {}
    for one in live:
        states.setdefault(one.id, []).append(one.state.value)
    topic = ORDERED_NAMES.index("responder.actions")
    for number, mine in enumerate(logs):
        log = mine[topic]
        first: dict[str, int] = {}
        for i, value in enumerate(log.values):
            if log.keys[i] == TICK_KEY or value is None:
                continue
            act = msgspec.json.decode(value, type=ResponderAction)
            had = states.get(act.incident, [])
            if act.action == "acknowledge" and "acknowledged" in had and "closed" in had[had.index("acknowledged") :]:
                first[act.incident] = i
            elif act.action == "close" and act.cause is not CloseCause.NO_CONTACT and act.incident in first:
                values = list(log.values)
                values[first[act.incident]], values[i] = value, values[first[act.incident]]
                other = Chunk(log.start, log.next, log.offsets, log.keys, values, log.timestamps, log.broker_stamped)
                return number, [other if t == topic else one for t, one in enumerate(mine)]
    raise AssertionError("no incident was taken and then closed")


@pytest.mark.integration
@pytest.mark.slow
def test_a_live_run_comes_out_of_its_topics_and_of_its_archive_and_any_change_of_them_shows(
    any_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    create_topics(any_broker.bootstrap, PARTITIONS)
    played, wires = messages()
    # The feed writes for households only; a profile in the middle of the days goes the same way here.
    monkeypatch.setitem(BY_NAME, "profile", dataclasses.replace(BY_NAME["profile"], broadcast=False))
    asyncio.run(feed(any_broker.bootstrap, played, partitions=PARTITIONS, messages=iter(wires), slice_s=1_800))
    live, snapshots = live_run(any_broker, tmp_path)
    ids = {one.id for one in live}
    assert len(ids) >= 200, len(ids)
    assert len([one for one in live if one.state is IncidentState.WITHDRAWN]) >= 5
    assert {one.profile for one in live} >= {"default-1", "p-bold"}
    assert len([one for one in live if one.case is None]) >= 50, "emergencies told on arrival"
    assert {"acknowledged", "closed"} <= {one.state.value for one in live}

    logs = read_inputs(any_broker.bootstrap, PARTITIONS)
    url = f"chdb://{tmp_path / 'clickhouse'}"
    # Before it is opened: left open by a failure, the embedded engine would refuse every later test of this process.
    request.addfinalizer(lambda: close(url))
    archived(any_broker, url, sum(log.next for mine in logs for log in mine))
    past = past_of_topics(any_broker.bootstrap, PARTITIONS)
    assert "incidents" not in ORDERED_NAMES, "a replay reads the ordered inputs alone"
    from_topics = run_all(past)
    from_archive = run_all(past_of_archive(url, PARTITIONS))
    for name, found in (("topics", from_topics), ("archive", from_archive)):
        differing = differences(found.incidents, live)
        assert not differing, (name, differing, found.gaps, found.clocks_ms)
        equal = equality(found.incidents, live, engine=ENGINE, until_ms=min(found.clocks_ms))
        assert equal, equal.details

    # From checkpoints taken in the middle of that run: what was told from there on, and nothing of it anew.
    for one in snapshots:
        load_tests.whatif.log.opened(url).insert(
            "snapshots", one.values(0, 1 << 30), column_names=SNAPSHOTS.names, column_type_names=SNAPSHOTS.types
        )
    found = run_all(replace(past, snapshots=tuple(one.held for one in snapshots), shelf=url))
    equal = equality(
        found.incidents,
        live,
        engine=ENGINE,
        until_ms=min(found.clocks_ms),
        begun_ms=lambda household: snapshots[partition_of(household, PARTITIONS)].held.clock_ms,
    )
    assert equal, equal.details
    assert 100 <= equal.revisions < len({(one.id, one.revision) for one in live})
    assert found.readings < from_topics.readings

    # Negative controls, in one partition: as it is, and with one thing changed at a time.
    number, turned = exchanged(logs, live)
    mine = [one for one in live if partition_of(one.household, PARTITIONS) == number]
    assert not differences(judged(logs[number], number), mine)
    assert differences(judged(turned, number), mine)
    bold = changed(DEFAULT_PROFILE, id="bold", silence_budget=20.0)
    assert differences(judged(logs[number], number, fixed_profile=bold), mine)
    opened = next(one for one in mine if one.kind.value == "silence" and one.revision == 1)
    tick = f'"tick":{from_rfc3339(opened.opened_at)}'.encode()
    without = [
        rewritten(log, lambda i, log=log: not (log.keys[i] == TICK_KEY and tick in (log.values[i] or b"")))  # type: ignore[misc]
        for log in logs[number]
    ]
    assert differences(judged(without, number), mine)
