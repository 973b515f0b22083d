"""The life of incidents end to end: a real worker, killed on the way, and officers who act over the log, at night in Seoul."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from worker_logs import START_MS, read_logs, said, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.broker import Broker
from infra.topics import create_topics
from schemas.actions import ActionResult, ResponderAction
from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.households import HouseholdRecord, Source
from schemas.incidents import CloseCause, Incident, IncidentState
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import to_rfc3339
from streams.publish import Publisher

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000
TWO = 120
"""Two at night; the logs begin at midnight in Seoul."""
TAKEN, LEFT, CLOSED = "h-taken", "h-left", "h-closed"
DUTY = Duty(desks=[Desk(day="day-office", night="night-centre", then=["supervisor", "control-room"])])


@pytest.fixture
def site(any_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    create_topics(any_broker.bootstrap, 1)
    with a_run(Town(any_broker, 1), tmp_path) as run:
        yield run


def told(site: Run, topic: str) -> list[Any]:
    found = read_logs(site.settings.bootstrap, {(topic, 0): site.starts[topic, 0]})
    return [one.what for one in said(topic, found[topic, 0])]


def revisions(site: Run, household: str) -> list[Incident]:
    """Every revision of a household's one incident, each once."""
    found = {
        one.revision: one for one in told(site, "incidents") if isinstance(one, Incident) and one.household == household
    }
    return [found[number] for number in sorted(found)]


def results(site: Run) -> dict[str, ActionResult]:
    return {one.action: one for one in told(site, "responder.results")}


def act(pen: Publisher, incident: Incident, name: str, what: Any, **fields: Any) -> None:
    at = to_rfc3339(START_MS + TWO * MINUTE_MS)
    words: dict[str, Any] = {"revision": incident.revision, "who": f"officer-{name}", "at": at, **fields}
    action = ResponderAction(id=name, household=incident.household, incident=incident.id, action=what, **words)
    pen.send("responder.actions", incident.household, encode(action))
    pen.flush()


def test_officers_act_on_presses_at_night_and_the_next_owner_is_told_though_the_worker_was_killed(site: Run) -> None:
    worker = site.start()
    with Publisher(site.settings.bootstrap, 1) as pen:
        pen.broadcast("profile", "p-duty", encode(replace(DEFAULT_PROFILE, id="p-duty", duty=DUTY)))
        for name in (TAKEN, LEFT, CLOSED):
            record = HouseholdRecord(household=name, sources=[Source("/sensors/gw-1")])
            pen.send("households", name, encode(record))
        for minute in range(TWO - 10, TWO + 1):
            write_ticks(pen, START_MS + minute * MINUTE_MS)
        for name in (TAKEN, LEFT, CLOSED):
            write_event(pen, name, "emergency_button", START_MS + TWO * MINUTE_MS + 1_000)
        pen.flush()
        wait_until(lambda: all(revisions(site, name) for name in (TAKEN, LEFT, CLOSED)), 90, "three presses on arrival")
        (on_arrival,) = revisions(site, TAKEN)
        assert (on_arrival.revision, on_arrival.owner) == (1, None)
        act(pen, on_arrival, "early", "acknowledge")  # its turn in the order has not come: the clock stands
        write_ticks(pen, START_MS + (TWO + 1) * MINUTE_MS)
        pen.flush()
        wait_until(lambda: "early" in results(site), 60, "an answer")
        closing = revisions(site, CLOSED)[-1]
        act(pen, closing, "nobody", "close", cause=CloseCause.NO_CONTACT)
        act(pen, closing, "first", "close", cause=CloseCause.HELPED)
        act(pen, closing, "second", "close", cause=CloseCause.HELPED)
        worker.child.kill()
        site.start()
        for minute in range(TWO + 2, TWO + 40):
            write_ticks(pen, START_MS + minute * MINUTE_MS)
        pen.flush()
        site.town.look()
        site.finish()
        site.check()
    answers = {name: (one.ok, one.reason) for name, one in results(site).items()}
    assert answers == {
        "early": (True, ""),
        "nobody": (False, "no_contact_does_not_close"),
        "first": (True, ""),
        "second": (False, "already_ended"),
    }
    taken, left, closed = (revisions(site, name) for name in (TAKEN, LEFT, CLOSED))
    assert (taken[-1].state, taken[-1].owner) == (IncidentState.ACKNOWLEDGED, "officer-early")
    assert (closed[-1].state, closed[-1].cause, closed[-1].owner) == (
        IncidentState.CLOSED,
        CloseCause.HELPED,
        "officer-first",
    )
    assert [(one.owner, one.level) for one in left][:3] == [(None, 0), ("night-centre", 0), ("supervisor", 1)]
    assert left[2].state is IncidentState.ESCALATED
