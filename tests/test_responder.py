"""What responders do by command or program: sent once, answered by the real engine, the answer told as it is."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from click.testing import CliRunner, Result
from worker_logs import START_MS, wait_until, write_event, write_ticks
from worker_runs import Runner

from infra.broker import Broker
from infra.topics import create_topics
from schemas.actions import ActionKind, ActionResult
from schemas.encode import encode
from schemas.examples import RECORDS
from schemas.households import HouseholdRecord, Rung, Source
from schemas.incidents import Incident
from streams.commands.incidents import incidents
from streams.publish import Publisher
from streams.responder import REASONS, NoAnswerError, Responder
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber

HOME = "h-1"
MINUTE_MS = 60_000
OPEN = RECORDS["incident"]
assert isinstance(OPEN, Incident)


def test_every_answer_of_the_engine_has_words() -> None:
    assert set(REASONS) == set(get_args(get_type_hints(ActionResult)["reason"]))


def test_every_kind_of_action_has_a_command() -> None:
    named = {"ack": "acknowledge", "check": "request_check", "absence": "declare_absence"}
    commands = {named.get(name, name) for name in incidents.commands} - {"watch", "export"}
    assert commands == set(get_args(ActionKind))


@pytest.fixture
def settings(any_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    create_topics(any_broker.bootstrap, 1)
    chosen = Settings(
        kafka=any_broker.url, partitions=1, tick_every_s=0.5, checkpoint_every_s=0.5, datadir=tmp_path, metrics_port=0
    )
    for name, value in chosen.to_env().items():
        monkeypatch.setenv(name, value)
    return chosen


def said(*words: str) -> Result:
    return CliRunner().invoke(incidents, list(words))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("ack", "3f0c", "--who", "kim"), "at least 6 letters"),
        (("ack", "ffffff", "--who", "kim"), "no incident ffffff"),
        (("ack", OPEN.id, "--who", "kim", "--revision", "9"), "the last one is 2"),
        (("snooze", OPEN.id, "--until", "soon", "--who", "kim"), "--until: must be"),
        (("ack", OPEN.id, "--who", "kim\nlee"), "who"),
        (("ack", OPEN.id), "--who"),
        (("close", OPEN.id, "--who", "kim", "--cause", "merged"), "--cause"),
        (("ack", OPEN.id, "--who", "kim", "--within", "0.3"), "no answer within 0.3 s"),
    ],
)
def test_what_cannot_be_sent_or_is_not_answered_is_told_and_ends_with_a_code(
    settings: Settings, words: tuple[str, ...], named: str
) -> None:
    with Publisher(settings.bootstrap, 1) as pen:
        pen.send("incidents.open", OPEN.id, encode(OPEN))
    result = said(*words)
    assert result.exit_code in {1, 2}
    assert named in result.output


def test_two_incidents_that_begin_alike_are_not_taken_for_each_other(settings: Settings) -> None:
    import msgspec  # noqa: PLC0415 - beside its only use

    with Publisher(settings.bootstrap, 1) as pen:
        for name in ("abcdef1", "abcdef2"):
            pen.send("incidents.open", name, encode(msgspec.structs.replace(OPEN, id=name)))
    result = said("ack", "abcdef", "--who", "kim")
    assert result.exit_code == 2
    assert "2 incidents begin with abcdef" in result.output


def test_an_action_without_an_answer_stands_in_the_log_under_its_id(settings: Settings) -> None:
    with Responder(settings.bootstrap, 1, who="kim") as responder:
        with pytest.raises(NoAnswerError) as missed:
            responder.act(OPEN, "acknowledge", within_s=0.3)
        assert missed.value.action.revision == OPEN.revision
        assert responder.answer_to(missed.value.action) is None
        answer = ActionResult(
            action=missed.value.action.id, household=OPEN.household, incident=OPEN.id, ok=True, at=OPEN.at
        )
        with Publisher(settings.bootstrap, 1) as pen:
            pen.send("responder.results", OPEN.household, encode(answer))
        assert responder.answer_to(missed.value.action) == answer
        with pytest.raises(ValueError, match="incident: this action needs one"):
            responder.action_of(HOME, "close")
        with pytest.raises(ValueError, match="cause"):
            responder.act(OPEN, "close", cause="bored")


# With the engine.


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """A worker, and a home whose gas alarm is on."""
    worker = Runner(settings, tmp_path)
    try:
        with Publisher(settings.bootstrap, 1) as pen, IncidentSubscriber(settings.bootstrap) as subscriber:
            record = HouseholdRecord(household=HOME, sources=[Source("/sensors/gw-1")], ladder=[Rung("checkin_call")])
            pen.send("households", HOME, encode(record))
            write_ticks(pen, START_MS)
            write_event(pen, HOME, "gas", START_MS + 1_000)
            write_ticks(pen, START_MS + MINUTE_MS)
            pen.flush()
            found: list[Incident] = []

            def has_come() -> bool:
                subscriber.poll(0.1)
                found[:] = [one for one in subscriber.fold.incidents() if one.case]
                return bool(found)

            wait_until(has_come, 60, "the incident in its case")
        with time_passes(settings):
            yield found[0]
    finally:
        worker.child.kill()


@contextlib.contextmanager
def time_passes(settings: Settings) -> Iterator[None]:
    """A second of log time every fifth of a second: actions are taken in their turn, and turns come with ticks."""
    stop = threading.Event()

    def tick() -> None:
        with Publisher(settings.bootstrap, 1) as pen:
            at_ms = START_MS + MINUTE_MS
            while not stop.wait(0.2):
                at_ms += 1_000
                write_ticks(pen, at_ms)
                pen.flush()

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.slow
def test_an_officer_takes_an_incident_is_told_what_is_refused_and_closes_it_lifecycle(home: Incident) -> None:
    taken = said("ack", home.id[:8], "--who", "kim")
    assert taken.exit_code == 0, taken.output
    assert f"taken: acknowledge on {home.id} (gas, {HOME}), revision 2" in taken.output
    visited = said("visit", home.id, "--who", "kim", "--json")
    assert json.loads(visited.output)["ok"]
    refused = said("close", home.id, "--cause", "no_contact", "--who", "kim")
    assert refused.exit_code == 1
    assert "somebody has to reach the person" in refused.output
    put_off = said("snooze", home.id, "--until", "3h", "--who", "kim")
    assert put_off.exit_code == 1
    assert "an emergency cannot be put off" in put_off.output
    assert said("note", home.id, "--cause", "no_contact", "--who", "kim").exit_code == 0
    assert said("check", home.id, "--who", "kim").exit_code == 0
    closed = said("close", home.id, "--cause", "device_fault", "--who", "kim", "--id", "close-1")
    assert closed.exit_code == 0, closed.output
    # The same again is the same answer; another one comes too late.
    assert said("close", home.id, "--cause", "device_fault", "--who", "kim", "--id", "close-1").exit_code == 0
    late = said("close", home.id, "--cause", "helped", "--who", "lee")
    assert late.exit_code == 1
    assert "it has ended already" in late.output
