"""An incident that is open and not due is passed by when its home is woken: whoever looked at it would find nothing."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import msgspec
import pytest
from crashing import states
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import Logs, run, said
from street import HOUR_MS, MINUTE_MS, Street, told
from test_ladder_engine import LADDER, answer, silent
from test_lifecycle_owners import DUTY, on_duty
from test_partition import DAYS, EVENTFUL, START_MS, eventful, put_at

from detectors.ladder import OFFICER_AFTER_MS
from load_tests.simulator.neighbourhood import simulate
from schemas.encode import encode
from schemas.households import Absence, Rung
from schemas.incidents import Incident, IncidentKind
from schemas.times import from_rfc3339, to_rfc3339
from streams.cases.ledger import Ledger
from streams.engine.partition import Partition

DAY_MS = 86_400_000


def days(seed: int) -> Logs:
    """Eventful days with actions, alerts and answers, and beside them a roster and records that change or come again after an end."""
    rnd = Random(seed)
    logs = deepcopy(eventful())
    for record in simulate(7, DAYS, 12, start_ms=START_MS, rates=EVENTFUL).records():
        for _ in range(2):
            at_ms = START_MS + rnd.randrange(DAYS * DAY_MS)
            away = Absence(to_rfc3339(at_ms), to_rfc3339(at_ms + rnd.randrange(DAY_MS)), "trip")
            changed = msgspec.structs.replace(record, absences=[away], ladder=rnd.choice([record.ladder, []]))
            put_at(logs, "households", at_ms, record.household.encode(), encode(changed))
        if rnd.random() < 0.3:
            put_at(logs, "households", START_MS + rnd.randrange(DAYS * DAY_MS), record.household.encode(), None)
    for _ in range(2):
        put_at(logs, "profile", START_MS + rnd.randrange(DAYS * DAY_MS), b"p", encode(on_duty(DUTY)))
    return logs


def played(logs: Logs) -> tuple[list[tuple[str, bytes, bytes | None]], dict[str, Any]]:
    partition = Partition(0, 1, engine="test", buffer_records=1 << 40)
    return said(run(partition, logs)), states(partition)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_passing_by_what_is_not_due_says_and_keeps_the_same(seed: int) -> None:
    logs = days(seed)
    shorter = played(logs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Ledger, "is_quiet", lambda ledger, clock_ms: False)
        assert played(logs) == shorter


def test_control_passing_by_what_is_due_says_something_else() -> None:
    logs = days(7)
    whole = played(logs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Ledger, "is_quiet", lambda ledger, clock_ms: not ledger.is_stirred)
        assert played(logs) != whole


STIRS: dict[str, Callable[[Street, Incident], object]] = {
    "a record": lambda street, _: street.register(ladder=LADDER, latest_silence_h=5.0),
    "an action": lambda street, incident: street.act(incident),
    "a profile": lambda street, _: street.put("profile", b"p", encode(on_duty(DUTY))),
    "an emergency": lambda street, _: street.happen("emergency_button", device="d"),
    "an answer": lambda street, _: answer(street, street.requests()[-1], "checkin_no_answer"),
}


@pytest.mark.parametrize("what", STIRS)
def test_whatever_is_not_time_has_an_open_incident_looked_at_again(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That time alone moves nothing before it is due can be seen of a ledger; of records and actions nobody need prove it."""
    street = silent()
    asked: list[bool] = []
    is_quiet = Ledger.is_quiet

    def noted(ledger: Ledger, clock_ms: int) -> bool:
        asked.append(ledger.is_stirred)
        return is_quiet(ledger, clock_ms)

    monkeypatch.setattr(Ledger, "is_quiet", noted)

    def woken() -> bool:
        """Let time pass until the home has been woken; return whether it was looked at as one that something had stirred."""
        asked.clear()
        while not asked:
            street.happen("temperature", value=20.0)
            street.tick()
        return asked[0]

    while woken():
        pass
    assert not woken()
    STIRS[what](street, street.open(IncidentKind.SILENCE)[0])
    assert woken()


@pytest.mark.parametrize("way", ["as it is", "looked at whenever woken", "restarted", "asleep in between"])
def test_an_officer_is_told_at_the_limit_of_what_joined_a_wait_however_the_home_is_woken(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A milder incident waits for the end of quiet hours; a graver one that joins it must not wait as long, nor for a sign of life."""
    if way == "looked at whenever woken":
        monkeypatch.setattr(Ledger, "is_quiet", lambda ledger, clock_ms: False)
    street = Street(**({"awake": 1} if way == "asleep in between" else {}))
    street.register(
        latest_silence_h=9.0, ladder=[Rung("checkin_call", "c-1", "21:00", "08:00"), Rung("officer", "c-9")]
    )
    street.tick(15 * HOUR_MS)
    for n in range(6):
        street.happen("door", state="on")
        street.tick(10 * MINUTE_MS)
        street.happen("checkin_no_answer", request=f"own-{n}")
        street.tick(50 * MINUTE_MS)
    street.happen("door", state="on")
    street.tick(30 * MINUTE_MS)
    for _ in range(2):
        street.happen("medication_missed", source="/robot/r-1")
        street.tick(10 * MINUTE_MS)
    for n in range(66):
        if way == "restarted" and n == 30:
            street.restart()
        if n in (6, 20):
            street.happen("door", state="on")
        for household in ("h-2", "h-1", "h-3"):
            street.happen("temperature", household, value=20.0)
        street.tick(10 * MINUTE_MS)
    (dose,) = street.incidents(IncidentKind.MISSED_MEDICATION).values()
    first = next(
        one for one in told(street.out) if one.id == dose.id and any(step.ask == "officer" for step in one.ladder)
    )
    opened_ms = min(from_rfc3339(one.opened_at) for one in street.incidents(IncidentKind.UNANSWERED_CALLS).values())
    assert opened_ms < from_rfc3339(first.opened_at), "it joined another"
    assert from_rfc3339(first.at) == opened_ms + OFFICER_AFTER_MS[first.severity]
