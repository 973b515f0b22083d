"""A partition is a pure function of its logs: whatever is fetched when, killed where, restored how often."""

from functools import cache
from random import Random
from typing import Any

import msgspec
import pytest
from crashing import Told, run_crashing, states
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from logs import ENGINE, Logs, logs_of, run, said

from detectors import state as of_homes
from detectors.medication import Medication
from detectors.thrift import Thrift
from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.actions import ResponderAction
from schemas.alerts import Hazard, PublicAlert
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, Event, Tick
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, Severity, Status, Urgency
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import DAY_MS, ORDER_OF
from streams.cases import disaster as of_checks
from streams.cases import ledger as of_ledgers
from streams.cases.answers import Answers
from streams.cases.disaster import Checks
from streams.cases.ended import Ends
from streams.cases.lessons import Lessons
from streams.engine import watched as of_watched
from streams.engine.partition import Controls, Partition


def few(examples: int) -> settings:
    """Runs are long, and a smaller seed is no simpler case: nothing is gained by shrinking."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )


START_MS = 1_788_188_400_000
DAYS = 9
EVENTFUL = Rates(collapses=1.0, emergencies=1.5, slow=0.5)


def put_behind_ticks(logs: Logs, topic: str, share: float, key: bytes, value: bytes | None) -> None:
    """Put a record into a log, so far through it."""
    log = logs[ORDER_OF[topic]]
    at = int(share * len(log))
    log.keys.insert(at, key)
    log.values.insert(at, value)


def put_at(logs: Logs, topic: str, at_ms: int, key: bytes, value: bytes) -> None:
    """Put a record into a log, before the first tick after a moment."""
    log = logs[ORDER_OF[topic]]
    ticks = (
        (i, msgspec.json.decode(log.values[i] or b"", type=Tick).tick) for i, k in enumerate(log.keys) if k == TICK_KEY
    )
    at = next((i for i, tick_ms in ticks if tick_ms > at_ms), len(log) - 1)
    log.keys.insert(at, key)
    log.values.insert(at, value)


def warning(name: str, share: float) -> PublicAlert:
    """A flood over all districts for a day, which begins so far through the logs."""
    begins_ms = START_MS + int(share * DAYS * DAY_MS)
    return PublicAlert(
        id=name,
        sender="weather@example.go.kr",
        sent=to_rfc3339(begins_ms),
        kind=Hazard.FLOOD,
        severity=Severity.SEVERE,
        urgency=Urgency.IMMEDIATE,
        districts=[f"d{number:02d}" for number in range(1, 26)],
        effective=to_rfc3339(begins_ms),
        expires=to_rfc3339(begins_ms + DAY_MS),
    )


def answer_some(logs: Logs, requests: list[CheckinRequest], rnd: Random) -> None:
    """Put answers to every second question behind it, and one in time to every third that is about an incident."""
    kinds = ("checkin_answered", "checkin_answered", "checkin_no_answer", "checkin_refused", "contact_reached")
    for n, request in enumerate(rnd.sample(requests, len(requests) // 2)):
        at_ms = from_rfc3339(request.requested_at) + rnd.randrange(1, 40) * 60_000
        data = Data(request=request.id, purpose=request.purpose)
        event = Event(request.household, rnd.choice(kinds), "/calls/p", f"answer-{n}", at_ms, data)
        put_at(logs, "care.calls", at_ms, request.household.encode(), encode_events([event]))
    for n, request in enumerate([one for one in requests if one.incident][::3]):
        at_ms = from_rfc3339(request.requested_at) + 60_000
        data = Data(request=request.id, purpose=request.purpose)
        event = Event(request.household, "checkin_answered", "/calls/p", f"in-time-{n}", at_ms, data)
        put_at(logs, "care.calls", at_ms, request.household.encode(), encode_events([event]))


@cache
def eventful() -> Logs:
    """Days of synthetic households with emergencies, late batches, repeats, rubbish, actions, a new profile and an end,
    two public alerts, and answers to some of the questions that come of them."""
    played = simulate(7, DAYS, 12, start_ms=START_MS, rates=EVENTFUL)
    logs = logs_of(played, tick_s=300, drop_ticks=0.1)
    names = [record.household for record in played.records()]
    rnd = Random(4)
    for n in range(60):
        topic = rnd.choice(["home.sensors", "phone.usage", "care.calls", "households", "responder.actions"])
        put_behind_ticks(logs, topic, rnd.random(), rnd.choice(names).encode(), b'{"n": %d, ' % n)
    stranger = Event("h-stranger", "motion", "/sensors/gw", "s-1", START_MS + 86_400_000, Data(device="m", state="on"))
    put_behind_ticks(logs, "home.sensors", 0.3, b"h-stranger", encode_events([stranger]))
    desk = Desk(day="day-office", night="night-centre", holiday="holiday-centre", then=["supervisor", "control-room"])
    profile = msgspec.structs.replace(
        DEFAULT_PROFILE,
        id="p-tuned",
        silence_budget=0.5,
        disaster_calls_per_minute=2.0,
        duty=Duty(desks=[desk]),
    )
    put_behind_ticks(logs, "profile", 0.75, b"p", encode(profile))
    for name, share in (("w-1", 0.4), ("w-2", 0.8)):
        put_behind_ticks(logs, "public.alerts", share, name.encode(), encode(warning(name, share)))
    partition = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    out = run(partition, logs)
    answer_some(logs, [one.what for one in out if isinstance(one.what, CheckinRequest)], rnd)
    told = [one.what for one in out if isinstance(one.what, Incident) and one.topic == "incidents"]
    opened = [one for one in told if one.state is IncidentState.OPENED and one.case]
    for n, incident in enumerate(opened):
        words: dict[str, Any] = {"household": incident.household, "incident": incident.id, "who": "officer-1"}
        at = to_rfc3339(START_MS)
        acts = [
            ResponderAction(id=f"a{n}", action="acknowledge", revision=1, at=at, **words),
            ResponderAction(id=f"b{n}", action="close", revision=9, at=at, cause=CloseCause.NO_CONTACT, **words),
            ResponderAction(
                id=f"c{n}", action="close", revision=9, at=at, cause=rnd.choice([*CloseCause][:6]), **words
            ),
        ]
        start_ms = START_MS + rnd.randrange(12 * 86_400_000)
        start, until = to_rfc3339(start_ms), to_rfc3339(start_ms + 8 * 3_600_000)
        also: list[dict[str, Any]] = [
            {"action": "visit"},
            {"action": "snooze", "revision": 9, "until": until},
            {"action": "request_check"},
            {"action": "request_check", "incident": "", "purpose": "follow_up"},
            {"action": "declare_absence", "incident": "", "start": start, "until": until, "absence": "trip"},
            {"action": "refer", "incident": "", "referral": "meals"},
            {"action": "acknowledge", "incident": f"unknown-{n}"},
        ]
        acts += [ResponderAction(id=f"d{n}-{k}", at=at, **(words | rnd.choice(also))) for k in range(3)]
        for act in acts:
            put_behind_ticks(logs, "responder.actions", rnd.uniform(0.3, 1.0), incident.household.encode(), encode(act))
    put_behind_ticks(logs, "households", 0.8, names[3].encode(), None)
    return logs


@cache
def oracle() -> tuple[Told, dict[str, Any]]:
    partition = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    told = Told()
    told.take(run(partition, eventful()))
    return told, states(partition)


def for_responders(told: Told) -> dict[tuple[Any, ...], bytes]:
    """What was told, but for statuses and dead letters: while a household whose newer row is used is ahead of the others,
    how many are blind or open may be counted differently, and refusals may be gathered in other summaries."""
    beside = {"status", "dead.letters"}
    assert {key[0] for key in told.differing} <= beside
    return {key: value for key, value in told.records.items() if key[0] not in beside}


def test_the_logs_of_these_tests_hold_what_they_are_to_try() -> None:
    told, _ = oracle()
    topics = {key[0] for key in told.records}
    assert topics >= {
        "checkin.requests",
        "incidents",
        "incidents.open",
        "arrived",
        "responder.results",
        "dead.letters",
        "status",
    }
    incidents = [msgspec.json.decode(v, type=Incident) for k, v in told.records.items() if k[0] == "incidents"]
    states = IncidentState
    assert {one.state for one in incidents} >= {states.OPENED, states.ESCALATED, states.ACKNOWLEDGED, states.CLOSED}
    assert {one.profile for one in incidents} == {"default-1", "p-tuned"}
    assert len({one.id for one in incidents}) >= 10
    outcomes = {step.outcome for one in incidents for step in one.ladder}
    assert outcomes >= {"answered", "no_answer", "skipped"}
    assert {one.kind for one in incidents if one.ladder} >= {IncidentKind.SILENCE, IncidentKind.DISASTER_NO_ANSWER}
    assert {one.owner for one in incidents} >= {None, "officer-1", "night-centre", "supervisor", "control-room"}


def test_what_homes_share_while_nothing_is_known_of_them_is_never_written_to() -> None:
    """Nearly all homes hold the same empty parts: a word written into one of those would be known of everybody."""
    pristine = [
        Medication().state(),
        Thrift().state(),
        Ends().state(),
        Answers().state(),
        Lessons().state(),
        Checks().state(),
        [],
        [],
        {},
    ]

    def shared() -> list[Any]:
        parts = [of_homes._NO_MEDICATION, of_homes._NO_THRIFT, of_ledgers._NONE_ENDED, of_ledgers._NO_ANSWERS]
        kept = [part.state() for part in [*parts, of_ledgers._NO_LESSONS, of_watched._NEVER_ASKED]]
        return [*kept, of_ledgers._NONE_GIVEN, of_checks._NO_SLOTS, dict(of_ledgers._NONE_OPEN)]

    oracle()
    assert shared() == pristine
    of_homes._NO_MEDICATION.settled_ms = 1  # the fault this is about
    assert shared() != pristine
    of_homes._NO_MEDICATION.settled_ms = 0


def test_a_status_tells_how_many_households_nobody_has_registered() -> None:
    statuses = [msgspec.json.decode(v, type=Status) for k, v in oracle()[0].records.items() if k[0] == "status"]
    assert {one.unregistered for one in statuses} == {0, 1}


@few(4)
@given(seed=st.integers(0, 1 << 20))
def test_any_fetch_order_gives_the_same_state_and_says_the_same(seed: int) -> None:
    told, state, _ = run_crashing(eventful(), seed, crashes=0)
    assert not told.differing
    assert told.records == oracle()[0].records
    assert state == oracle()[1]


@few(4)
@given(seed=st.integers(0, 1 << 20))
def test_crashes_anywhere_lose_nothing_and_double_nothing(seed: int) -> None:
    told, state, crashed = run_crashing(eventful(), seed, crashes=6)
    assert crashed
    assert not told.differing
    assert told.records == oracle()[0].records
    assert state == oracle()[1]


@few(2)
@given(seed=st.integers(0, 1 << 20))
@example(seed=694)  # a household that left and came back since the last whole checkpoint
@example(seed=17_906)  # a profile that rows ahead of the position know already
def test_compaction_that_took_older_rows_does_no_harm(seed: int) -> None:
    told, state, _ = run_crashing(eventful(), seed, crashes=6, compact=True)
    assert for_responders(told) == for_responders(oracle()[0])
    assert state == oracle()[1]


def _some_run_differs(controls: Controls, *, compact: bool = False, crashes: int = 4, paused: float = 0.0) -> bool:
    wanted_told, wanted_state = oracle()
    for seed in range(12):
        told, state, _ = run_crashing(
            eventful(), seed, crashes=crashes, controls=controls, compact=compact, paused=paused
        )
        if state != wanted_state or told.records != wanted_told.records:
            return True
    return False


def test_negative_control_without_the_contiguity_check_events_are_lost() -> None:
    assert _some_run_differs(Controls(check_contiguity=False), crashes=0)


def test_negative_control_applied_as_fetched_states_differ() -> None:
    assert _some_run_differs(Controls(canonical_order=False), crashes=0)


def test_negative_control_an_unfinished_checkpoint_that_counts_gives_another_state() -> None:
    assert _some_run_differs(Controls(whole_checkpoints=False, offset_guard=False))


def test_negative_control_without_the_offset_guard_events_are_doubled_after_compaction() -> None:
    assert _some_run_differs(Controls(offset_guard=False), compact=True)


def pumped(partition: Partition, share: float) -> tuple[list[tuple[str, bytes, bytes | None]], int]:
    """All that is said, word by word, of pumps that stop at so many looks, and how often one stopped within a move."""
    rnd = Random(1)
    for topic, log in enumerate(eventful()):
        partition.offer(topic, log.chunk(0, len(log)))
    out, moving = partition.pump(is_enough=lambda: rnd.random() < share), 0
    while not partition.is_done:
        moving += partition.is_moving
        out += partition.pump(is_enough=lambda: rnd.random() < share)
    return said(out), moving


@cache
def unpaused() -> list[tuple[str, bytes, bytes | None]]:
    return pumped(Partition(0, 1, engine=ENGINE, buffer_records=1 << 40), 0.0)[0]


def test_a_pump_that_stops_between_any_two_households_says_word_by_word_what_it_would_have_said() -> None:
    partition = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    words, moving = pumped(partition, 0.5)
    assert moving > 100
    assert words == unpaused()
    assert states(partition) == oracle()[1]


@few(2)
@given(seed=st.integers(0, 1 << 20))
def test_crashes_of_pumps_that_stop_anywhere_lose_nothing_and_double_nothing(seed: int) -> None:
    told, state, crashed = run_crashing(eventful(), seed, crashes=6, paused=0.3)
    assert crashed
    assert not told.differing
    assert told.records == oracle()[0].records
    assert state == oracle()[1]


def test_within_a_move_of_the_clock_there_is_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    for topic, log in enumerate(eventful()):
        partition.offer(topic, log.chunk(0, len(log)))
    while not partition.is_moving:
        partition.pump(is_enough=lambda: True)
    with pytest.raises(RuntimeError, match="within a move"):
        partition.checkpoint()
    partition.pump(0)
    assert not partition.is_moving
    assert partition.checkpoint().rows
    # What it prevents: households that the move had not come to would never be woken for it.
    monkeypatch.setattr(Partition, "is_moving", property(lambda _: False))
    assert _some_run_differs(Controls(), paused=0.6)


def test_negative_control_a_pump_that_forgets_the_rest_of_a_move_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Partition.pump

    def forgetful(partition: Partition, *limits: Any, **options: Any) -> Any:
        partition._under_way = None  # the fault this is about
        return whole(partition, *limits, **options)

    monkeypatch.setattr(Partition, "pump", forgetful)
    assert pumped(Partition(0, 1, engine=ENGINE, buffer_records=1 << 40), 0.5)[0] != unpaused()
