"""An emergency is told when it arrives: it waits for no tick, no buffer and no model, and a reader hears of it once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_logs import START_MS, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.broker import Broker
from infra.topics import create_topics
from schemas.encode import encode
from schemas.households import HouseholdRecord, Source
from schemas.incidents import Incident, IncidentKind, IncidentState
from streams.publish import Publisher
from streams.subscriber import IncidentSubscriber

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000
BOUND = 100
HOME = "h-1"
"""Its record, its ticks and its silence are all synthetic."""


@pytest.fixture
def site(any_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    """One partition and one household, whose calls come without a tick from the third minute on."""
    create_topics(any_broker.bootstrap, 1)
    with a_run(Town(any_broker, 1), tmp_path, buffer_records=BOUND) as run:
        yield run


def stop_ticks(pen: Publisher, topic: str) -> int:
    """Let one topic's ticks end, and ten times the bound of a buffer pass on the others; the minute it is then."""
    record = HouseholdRecord(household=HOME, sources=[Source("/sensors/gw-1")])
    pen.send("households", HOME, encode(record))
    for minute in range(3):
        write_ticks(pen, START_MS + minute * MINUTE_MS)
    for minute in range(3, 23):
        for number in range(BOUND // 2 + 1):
            write_event(pen, HOME, "motion", START_MS + minute * MINUTE_MS - 59_000 + number)
        write_ticks(pen, START_MS + minute * MINUTE_MS, but={topic})
    pen.flush()
    return 23


def hear_of(subscriber: IncidentSubscriber, within_s: float) -> list[Incident]:
    """What is told first, and how long at most it may take."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if told := [one for one in subscriber.poll(0.1) if one.kind is IncidentKind.EMERGENCY_BUTTON]:
            return told
    raise AssertionError(f"no word of the emergency within {within_s:g} s")


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("stopped", ["care.calls", "home.sensors"])
def test_a_button_is_heard_of_while_a_topic_without_ticks_holds_up_everything_else(
    site: Run, stopped: str, is_killed: bool
) -> None:
    worker = site.start()
    with Publisher(site.settings.bootstrap, 1) as pen, IncidentSubscriber(site.settings.bootstrap) as subscriber:
        minute = stop_ticks(pen, stopped)
        wait_until(lambda: worker.partitions().get(0, {}).get("applied", 0) > 0, 60, "a beginning")
        subscriber.catch_up()
        if is_killed:
            worker.child.kill()
        write_event(pen, HOME, "emergency_button", START_MS + minute * MINUTE_MS)
        pen.flush()
        if is_killed:
            worker = site.start()
            wait_until(lambda: worker.ready, 60, "a successor")
        told = hear_of(subscriber, 5)
        assert [(one.revision, one.state) for one in told][:1] == [(1, IncidentState.OPENED)]
        assert worker.ready
        if stopped == "care.calls":
            # The broker may have given all before this in one chunk, which is taken whole.
            write_event(pen, HOME, "motion", START_MS + minute * MINUTE_MS + 1)
            pen.flush()
            wait_until(lambda: worker.metric("anbu_chunks_total", what="dropped") > 0, 60, "a buffer that is full")
        # When the ticks come back, what was told is what an oracle tells that read it all at once.
        for later in range(minute + 1, minute + 4):
            write_ticks(pen, START_MS + later * MINUTE_MS)
        pen.flush()
        site.town.look()
        site.finish()
        site.check()


def test_a_button_pressed_five_times_is_one_line_and_an_hour_later_another_incident(site: Run) -> None:
    worker = site.start()
    with Publisher(site.settings.bootstrap, 1) as pen, IncidentSubscriber(site.settings.bootstrap) as subscriber:
        pen.send("households", HOME, encode(HouseholdRecord(household=HOME, sources=[Source("/sensors/gw-1")])))
        write_ticks(pen, START_MS)
        pressed = [START_MS + 1_000 + 4_000 * number for number in range(5)]
        for at_ms in pressed:
            write_event(pen, HOME, "emergency_button", at_ms)
        write_ticks(pen, START_MS + MINUTE_MS)
        pen.flush()
        wait_until(lambda: subscriber.poll(0.1) and len(subscriber.fold.incidents(ended=True)) == 5, 60, "five of them")
        wait_until(lambda: subscriber.poll(0.1) is not None and len(subscriber.fold.incidents()) == 1, 20, "one open")
        (case,) = subscriber.cases()
        assert [one.kind for one in case.incidents] == [IncidentKind.EMERGENCY_BUTTON]
        first = case.gravest.id
        for minute in range(2, 61):
            write_ticks(pen, START_MS + minute * MINUTE_MS)
        write_event(pen, HOME, "emergency_button", START_MS + 61 * MINUTE_MS - 1_000)
        write_ticks(pen, START_MS + 61 * MINUTE_MS)
        pen.flush()
        wait_until(lambda: subscriber.poll(0.1) is not None and len(subscriber.fold.incidents()) == 2, 20, "the second")
        wait_until(lambda: subscriber.poll(0.1) is not None and len(subscriber.cases()) == 1, 20, "its case")
        assert first in {one.id for one in subscriber.cases()[0].incidents}
        assert worker.ready
        site.town.look()
        site.finish()
        site.check()
