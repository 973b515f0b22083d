"""Replay equals live, and each thing that could make it differ does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from logs import ENGINE, Logs, logs_of, run
from test_partition import EVENTFUL, START_MS, eventful

from load_tests.recordings.recording import write
from load_tests.simulator.neighbourhood import simulate
from schemas.encode import encode
from schemas.events import TICK_KEY
from schemas.incidents import Incident
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import from_rfc3339
from schemas.topics import ORDER_OF
from streams.cli import cli
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.replay.run import Reader, Run, differences, replay


class LogSource:
    """Logs in memory, handed over in small pieces."""

    def __init__(self, logs: Logs) -> None:
        self.logs = logs

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        while True:
            topic = engine.order.next_topic
            start = engine.order.positions.offsets[topic]
            if start >= len(self.logs[topic]):
                return
            yield topic, self.logs[topic].chunk(start, start + 700)


def played(logs: Logs, **options: Any) -> Run:
    return replay(LogSource(logs), Partition(0, 1, engine=ENGINE, buffer_records=1 << 40, **options))


def copied(logs: Logs) -> Logs:
    return [type(log)(list(log.keys), list(log.values)) for log in logs]


@pytest.fixture(scope="module")
def one() -> Run:
    return played(eventful())


def test_a_replay_of_the_same_logs_tells_the_same_and_has_something_to_tell(one: Run) -> None:
    other = played(copied(eventful()))
    assert not differences(one.incidents, other.incidents)
    assert len(one.opened()) >= 10
    assert one.readings > 10_000
    assert one.dead_letters > 0


def test_negative_control_another_budget_differs(one: Run) -> None:
    bold = msgspec.structs.replace(DEFAULT_PROFILE, id="bold", silence_budget=20.0)
    assert differences(one.incidents, played(eventful(), fixed_profile=bold).incidents)


def test_negative_control_a_tick_taken_from_every_topic_differs(one: Run) -> None:
    # The tick at which an incident opened: without it in any topic the clock passes that moment by.
    opened = next(i for i in one.incidents if i.kind.value == "silence")
    at = f'"tick":{from_rfc3339(opened.opened_at)}'.encode()
    logs = copied(eventful())
    for log in logs:
        for i in reversed(range(len(log))):
            if log.keys[i] == TICK_KEY and at in (log.values[i] or b""):
                del log.keys[i], log.values[i]
    assert differences(one.incidents, played(logs).incidents)


def test_negative_control_two_records_of_a_household_exchanged_differ(one: Run) -> None:
    acted = sorted({i.household for i in one.incidents if i.state.value == "acknowledged"})

    def differs(household: str) -> bool:
        logs = copied(eventful())
        actions = logs[ORDER_OF["responder.actions"]]
        of = [
            value or b"" if key == household.encode() else b""
            for key, value in zip(actions.keys, actions.values, strict=True)
        ]
        taken = next(i for i, value in enumerate(of) if b'"acknowledge"' in value)
        closed = next(i for i, value in enumerate(of) if i > taken and b'"close"' in value)
        actions.values[taken], actions.values[closed] = actions.values[closed], actions.values[taken]
        return bool(differences(one.incidents, played(logs).incidents))

    assert any(differs(household) for household in acted)


def with_profile(logs: Logs, at_ms: int) -> Logs:
    out = copied(logs)
    log = out[ORDER_OF["profile"]]
    bold = msgspec.structs.replace(DEFAULT_PROFILE, id="p-bold", silence_budget=20.0)
    place = next(i for i, value in enumerate(log.values) if msgspec.json.decode(value or b"")["tick"] > at_ms)
    log.keys.insert(place, b"p-bold")
    log.values.insert(place, encode(bold))
    return out


def test_live_and_replay_switch_profile_at_the_same_record() -> None:
    logs = logs_of(simulate(5, 7, 12, start_ms=START_MS, rates=EVENTFUL), tick_s=300)
    times = sorted(from_rfc3339(one.at) for one in played(logs).incidents if one.case is not None)
    at_ms = times[len(times) // 2]
    switched = with_profile(logs, at_ms)
    # Live, each topic comes as it is fetched: here the whole of one before anything of the next.
    told = run(Partition(0, 1, engine=ENGINE, buffer_records=1 << 40), switched)
    live = [one.what for one in told if isinstance(one.what, Incident) and one.topic == "incidents"]
    again = played(switched).incidents
    assert {one.profile for one in again} >= {"default-1", "p-bold"}
    assert not differences(again, live)
    # Negative control: the same record before the first incident.
    assert differences(played(with_profile(logs, times[0] - 1)).incidents, live)


def test_a_recording_gives_the_logs_that_its_feed_would_write(tmp_path: Path) -> None:
    neighbourhood = simulate(7, 4, 12, start_ms=START_MS, rates=EVENTFUL)
    whole = played(logs_of(neighbourhood))
    assert whole.incidents
    write(tmp_path / "street", neighbourhood, neighbourhood.truth)
    out = tmp_path / "out"
    done = CliRunner(env={"ANBU_PARTITIONS": "2"}).invoke(
        cli, ["replay", str(tmp_path / "street"), "--out", str(out)], standalone_mode=False
    )
    assert done.exception is None, done.output
    lines = (out / "incidents-as-in-the-log.jsonl").read_bytes().splitlines()
    told = [msgspec.json.decode(line, type=Incident) for line in lines]
    assert {(one.id, one.revision) for one in told} == {(one.id, one.revision) for one in whole.incidents}
    assert json.loads((out / "report.json").read_bytes())["runs"][0]["readings"] == whole.readings
