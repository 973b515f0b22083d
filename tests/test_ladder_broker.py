"""The check-in ladder end to end: a real worker, killed on the way, and a provider that answers over the log."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from worker_logs import START_MS, read_logs, said, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.broker import Broker
from infra.topics import create_topics
from schemas.alerts import Hazard, PublicAlert
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.encode import encode
from schemas.events import Data, Event
from schemas.guidance import guidance
from schemas.households import HouseholdRecord, Rung, Source
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity
from schemas.times import to_rfc3339
from schemas.vocabulary import DisasterAnswer
from streams.publish import Publisher

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000
NOON = 12 * 60
"""The logs begin at midnight in Seoul; minutes from there."""
ANSWERS, SILENT = "h-answers", "h-silent"
LADDER = [Rung("checkin_call", "c-1"), Rung("guardian", "c-2"), Rung("officer", "c-9")]
EXPOSED = [f"d-{number:02d}" for number in range(20)]
DEAF_TO_IT = set(EXPOSED[::10])
PROVIDER = "/calls/provider-1"


@pytest.fixture
def site(any_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    create_topics(any_broker.bootstrap, 1)
    with a_run(Town(any_broker, 1), tmp_path) as run:
        yield run


def register(pen: Publisher, name: str, **fields: Any) -> None:
    record = HouseholdRecord(household=name, sources=[Source("/sensors/gw-1"), Source(PROVIDER)], **fields)
    pen.send("households", name, encode(record))


def told(site: Run, topic: str) -> list[Any]:
    found = read_logs(site.settings.bootstrap, {(topic, 0): site.starts[topic, 0]})
    return [one.what for one in said(topic, found[topic, 0])]


def requests(site: Run, household: str = "", purpose: str = "") -> list[CheckinRequest]:
    found = [one for one in told(site, "checkin.requests") if one.purpose == (purpose or one.purpose)]
    unique = {one.id: one for one in found if one.household == (household or one.household)}
    return list(unique.values())


def incidents(site: Run, kind: IncidentKind) -> dict[str, Incident]:
    """The last revision of each household's incident."""
    out: dict[str, Incident] = {}
    for one in told(site, "incidents"):
        if isinstance(one, Incident) and one.kind is kind:
            known = out.get(one.household)
            out[one.household] = one if known is None or one.revision >= known.revision else known
    return out


def answer(pen: Publisher, request: CheckinRequest, minute: int, kind: str, **data: Any) -> None:
    at_ms = START_MS + minute * MINUTE_MS - 1_000
    words = Data(request=request.id, purpose=request.purpose, **data)
    event = Event(request.household, kind, PROVIDER, f"answer-{request.id}", at_ms, words)
    pen.send("care.calls", request.household, encode_events([event]))


def silence_two_homes(pen: Publisher) -> int:
    """Two homes stir before noon and then only report; the minute at which 4 hours of that are just over."""
    for name in (ANSWERS, SILENT):
        register(pen, name, ladder=LADDER, latest_silence_h=4.0)
    for minute in range(NOON - 60, NOON, 20):
        write_ticks(pen, START_MS + minute * MINUTE_MS)
    for name in (ANSWERS, SILENT):
        write_event(pen, name, "door", START_MS + (NOON - 20) * MINUTE_MS + 1_000)
    for minute in range(NOON, NOON + 250, 10):
        for name in (ANSWERS, SILENT):
            write_event(pen, name, "temperature", START_MS + (minute - 10) * MINUTE_MS + 1_000)
        write_ticks(pen, START_MS + minute * MINUTE_MS)
    pen.flush()
    return NOON + 240


def test_an_answered_call_settles_one_silence_without_an_officer_and_the_other_climbs_to_one(site: Run) -> None:
    worker = site.start()
    with Publisher(site.settings.bootstrap, 1) as pen:
        minute = silence_two_homes(pen)
        asked = wait_until(
            lambda: len(found := [one for one in requests(site) if one.incident]) == 2 and found, 90, "two questions"
        )
        assert {(one.household, one.ask) for one in asked} == {(ANSWERS, "checkin_call"), (SILENT, "checkin_call")}
        # Killed between question and answer: its successor must know what was asked.
        worker.child.kill()
        site.start()
        (mine,) = [one for one in asked if one.household == ANSWERS]
        answer(pen, mine, minute + 2, "checkin_answered")
        for later in range(minute + 2, minute + 70):
            write_ticks(pen, START_MS + later * MINUTE_MS)
        pen.flush()
        site.town.look()
        site.finish()
        site.check()
    found = incidents(site, IncidentKind.SILENCE)
    settled, climbed = found[ANSWERS], found[SILENT]
    assert (settled.state, settled.cause) == (IncidentState.CLOSED, CloseCause.SAFE_AT_HOME)
    assert (settled.acknowledged_by, [step.outcome for step in settled.ladder]) == (None, ["answered"])
    assert (climbed.state, climbed.next_step) == (IncidentState.ESCALATED, NextStep.VISIT_NOW)
    assert [(step.ask, step.outcome) for step in climbed.ladder] == [
        ("checkin_call", "no_answer"),
        ("guardian", "no_answer"),
        ("officer", ""),
    ]
    assert [one.ask for one in requests(site, ANSWERS) if one.incident] == ["checkin_call"]


def warn(pen: Publisher, minute: int) -> None:
    at_ms = START_MS + minute * MINUTE_MS
    alert = PublicAlert(
        id="a-1",
        sender="weather@example.go.kr",
        sent=to_rfc3339(at_ms),
        kind=Hazard.FLOOD,
        severity=Severity.SEVERE,
        districts=["dong-1"],
        effective=to_rfc3339(at_ms),
        expires=to_rfc3339(at_ms + 24 * 60 * MINUTE_MS),
    )
    pen.broadcast("public.alerts", alert.id, encode(alert))


def test_a_disaster_alert_asks_every_exposed_home_and_lists_who_did_not_answer(site: Run) -> None:
    worker = site.start()
    with Publisher(site.settings.bootstrap, 1) as pen:
        for name in EXPOSED:
            register(pen, name, district="dong-1", ladder=[Rung("checkin_call", f"c-{name}"), Rung("officer", "c-9")])
        register(pen, "d-elsewhere", district="dong-2", ladder=LADDER)
        for minute in range(0, NOON + 1, 60):
            write_ticks(pen, START_MS + minute * MINUTE_MS)
        warn(pen, NOON)
        for minute in range(NOON + 1, NOON + 4):
            write_ticks(pen, START_MS + minute * MINUTE_MS)
        pen.flush()
        asked = wait_until(
            lambda: len(found := requests(site, purpose="disaster")) == len(EXPOSED) and found, 90, "a question a home"
        )
        worker.child.kill()
        site.start()
        assert {one.household for one in asked} == set(EXPOSED)
        assert {(one.hazard, one.guidance) for one in asked} == {(Hazard.FLOOD, guidance(Hazard.FLOOD, "ko"))}
        for one in asked:
            if one.household not in DEAF_TO_IT:
                said_safe = {"disaster": DisasterAnswer.SAFE, "guidance_given": True}
                answer(pen, one, NOON + 4, "checkin_answered", **said_safe)
        for minute in range(NOON + 4, NOON + 40):
            write_ticks(pen, START_MS + minute * MINUTE_MS)
        pen.flush()
        site.town.look()
        site.finish()
        site.check()
    found = incidents(site, IncidentKind.DISASTER_NO_ANSWER)
    assert set(found) == DEAF_TO_IT
    assert {one.next_step for one in found.values()} == {NextStep.VISIT_NOW}
    assert all(not one.ended for one in found.values())
    assert len(requests(site, purpose="disaster")) == len(EXPOSED), (
        "nobody was asked twice, before the kill and after it"
    )
    assert all(a.requested_at <= b.requested_at for a, b in pairwise(requests(site, purpose="disaster")))
