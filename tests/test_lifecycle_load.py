"""A shift takes so many, emergencies always: what is more is asked by machine first, told later, and never dropped."""

from random import Random
from typing import Any

import msgspec
from crashing import Told, run_crashing, states
from logs import ENGINE, run
from street import HOUR_MS, MINUTE_MS, START_MS, Street, told

from detectors.hours import hours_of
from detectors.household import Household
from detectors.ladder import Home, first_to_resident_now
from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.households import HouseholdRecord, Rung
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity, Urgency
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import from_rfc3339
from streams.cases.duty import Shift
from streams.cases.ranking import attention, chance, need
from streams.engine.load import Loads
from streams.engine.partition import Partition
from streams.engine.roster import Roster

SILENCE = IncidentKind.SILENCE
HOMES = [f"h-{n}" for n in range(6)]


def block(cap: int, **fields: Any) -> Street:
    """Six homes in Seoul at noon whose people stir one after the other, so that their silences fall due one by one."""
    street = Street()
    desk = Desk(day="day-office", night="night-centre", then=["supervisor"], cap_per_shift=cap)
    street.put("profile", b"p", encode(msgspec.structs.replace(DEFAULT_PROFILE, id="p-1", duty=Duty(desks=[desk]))))
    for home in HOMES:
        street.register(home, latest_silence_h=2.0, **fields)
    street.tick(from_rfc3339("2026-09-01T12:00:00+09:00") - street.now_ms)
    for home in HOMES:
        street.happen("door", home, state="on")
        street.tick(5 * MINUTE_MS)
    return street


def go_on(street: Street, span_ms: int) -> Street:
    until_ms = street.now_ms + span_ms
    while street.now_ms < until_ms:
        for home in HOMES:
            street.happen("temperature", home, value=20.0)
        street.tick(5 * MINUTE_MS)
    return street


def first_owners(street: Street) -> dict[str, str | None]:
    return {one.household: one.owner for one in told(street.out) if one.kind is SILENCE and one.revision == 1}


def test_beyond_the_cap_the_machine_asks_first_and_the_cap_holds_its_number() -> None:
    street = go_on(block(2), 2 * HOUR_MS)
    owners = first_owners(street)
    assert len(owners) == len(HOMES)
    assert [owners[home] for home in HOMES] == ["day-office", "day-office", None, None, None, None]
    over = [one for one in told(street.out) if one.household == "h-2" and one.kind is SILENCE]
    assert (over[0].next_step, over[0].ladder[0].why, over[0].step_until) == (NextStep.ASKING, "load", None)
    (request,) = [one for one in street.requests() if one.incident == over[0].id]
    assert over[0].ladder[0].request == request.id


def test_negative_control_without_a_cap_all_are_given_at_once() -> None:
    assert set(first_owners(go_on(block(0), 2 * HOUR_MS)).values()) == {"day-office"}


def test_nothing_is_dropped_what_nobody_answered_is_given_all_the_same() -> None:
    street = go_on(block(1), 3 * HOUR_MS)
    for one in street.open(SILENCE):
        assert one.owner is not None
        assert one.next_step is not NextStep.ASKING
    given = [one for one in told(street.out) if one.household == "h-3" and one.owner == "day-office"]
    assert given[0].state is IncidentState.ESCALATED
    assert [step.ask for step in given[0].ladder] == ["checkin_call", "officer"]


def test_an_answered_machine_check_closes_without_an_officer() -> None:
    street = block(1)
    while "h-1" not in first_owners(street):
        go_on(street, 5 * MINUTE_MS)
    request = next(one for one in street.requests() if one.household == "h-1" and one.incident)
    street.happen("checkin_answered", "h-1", request=request.id)
    street.tick()
    (closed,) = [one for one in street.incidents(SILENCE).values() if one.household == "h-1"]
    assert (closed.cause, closed.owner) == (CloseCause.SAFE_AT_HOME, None)


def test_emergencies_are_never_capped_and_take_nobodys_place() -> None:
    street = block(1)
    for home in HOMES:
        street.happen("emergency_button", home, device="d")
    street.tick()
    presses = street.open(IncidentKind.EMERGENCY_BUTTON)
    assert [one.owner for one in presses] == ["day-office"] * len(HOMES)
    assert not [one for one in street.requests() if one.incident]
    go_on(street, 2 * HOUR_MS)
    assert first_owners(street)["h-0"] == "day-office"


def test_homes_that_may_not_be_asked_are_given_whatever_the_load() -> None:
    street = go_on(block(1, ladder=[Rung("officer")]), 2 * HOUR_MS)
    assert set(first_owners(street).values()) == {"day-office"}


def test_a_full_shift_wakes_nobody_and_spends_no_more_calls_than_the_month_has() -> None:
    profile = msgspec.structs.replace(DEFAULT_PROFILE, id="p-2", checkins_per_month=0.0)
    street = block(1)
    duty = Duty(desks=[Desk(day="day-office", cap_per_shift=1)])
    street.put("profile", b"p", encode(msgspec.structs.replace(profile, duty=duty)))
    go_on(street, 2 * HOUR_MS)
    assert set(first_owners(street).values()) == {"day-office"}, "no call is left: the officer has it"
    record, hours = HouseholdRecord(household="h-1"), hours_of("Asia/Seoul")
    home = Home(record, hours, lambda _: 0.8)
    midnight, noon = START_MS, START_MS + 12 * HOUR_MS
    assert first_to_resident_now(home, Severity.MODERATE, midnight) is None
    assert first_to_resident_now(home, Severity.MODERATE, noon) is not None
    assert first_to_resident_now(home, Severity.SEVERE, midnight) is not None


def test_the_call_of_a_full_shift_counts_in_the_month_s_budget() -> None:
    street = go_on(block(1), 2 * HOUR_MS)
    calls = [one for one in street.requests() if one.household == "h-1" and one.ask == "checkin_call"]
    assert any(one.incident for one in calls)
    model = getattr(street.partition.household("h-1"), "model", None)
    assert model is not None
    for budget, left in ((len(calls), False), (len(calls) + 1, True)):
        profile = msgspec.structs.replace(DEFAULT_PROFILE, checkins_per_month=float(budget))
        assert Household.restore(model.hot(), model.rhythm(), profile, None).calls_left(street.now_ms) is left


def test_the_next_shift_has_a_cap_of_its_own() -> None:
    street = go_on(block(2), 2 * HOUR_MS)
    while street.now_ms < from_rfc3339("2026-09-01T17:00:00+09:00"):
        for home in HOMES:
            street.happen("door", home, state="on")
        street.tick(30 * MINUTE_MS)
    for one in street.open(SILENCE):
        street.act(one, "close", cause=CloseCause.SAFE_AT_HOME)
    for home in HOMES:
        street.tick(5 * MINUTE_MS)
        street.happen("door", home, state="on")
    street.restart()
    before = len(street.out)
    go_on(street, 3 * HOUR_MS)
    owners = [one.owner for one in told(street.out[before:]) if one.kind is SILENCE and one.revision == 1]
    assert sorted(owners, key=str) == [None] * 4 + ["night-centre"] * 2


def test_any_fetch_order_and_crashes_anywhere_give_the_same_owners_under_a_cap() -> None:
    street = go_on(block(2), 3 * HOUR_MS)
    oracle = Told()
    partition = Partition(0, 1, engine=ENGINE)
    oracle.take(run(partition, street.logs))
    wanted = states(partition)
    for seed in Random(3).sample(range(10_000), 6):
        found, state, _ = run_crashing(street.logs, seed, crashes=4)
        assert not found.differing
        assert found.records == oracle.records
        assert state == wanted


def leaving(street: Street, home: str, *, last: str = "h-2") -> Street:
    """Go on until a home was given, keep, and let it leave once the next one has been given too."""
    go_on(street, 5 * MINUTE_MS)
    while home not in first_owners(street):
        go_on(street, 5 * MINUTE_MS)
    street.tick()
    street.keep()
    while last not in first_owners(street):
        go_on(street, 5 * MINUTE_MS)
    street.remove(home)
    return street


def test_a_home_that_leaves_takes_no_load_of_the_shift_with_it() -> None:
    street = leaving(block(2), "h-0", last="h-1")
    go_on(street, 2 * HOUR_MS)
    assert [first_owners(street).get(home) for home in HOMES] == ["day-office", "day-office", None, None, None, None]
    street.restart()
    street.register("h-0", latest_silence_h=2.0)
    street.tick()
    watched = street.partition.household("h-0")
    assert watched is not None
    assert [owner for _, _, owner in watched.ledger.given] == ["day-office"], "nor when it comes back"


def test_a_worker_that_dies_as_a_home_leaves_counts_what_that_home_was_given() -> None:
    for is_known in (True, False):
        street = leaving(block(2), "h-0")
        street.tick()
        rows = street.keep()
        # Compaction took the older rows of the home, and the position row never came.
        ends = [(key, value) for key, value in rows[:-1] if b"h-0" in key]
        street.changelog = [row for row in street.changelog[: -len(rows)] if b"h-0" not in row[0]] + ends
        wanted = first_owners(street)
        assert wanted["h-2"] is None
        street.out.clear()
        street.crash()
        if not is_known:  # negative control
            street.partition._roster.ended_given.clear()
            street.partition._shared.loads = Loads(street.partition._roster)
        street.arrive()
        assert first_owners(street)
        told_again = {home: wanted[home] for home in first_owners(street)}
        assert (first_owners(street) == told_again) is is_known


def test_a_cap_is_shared_by_the_partitions_in_equal_parts_of_at_least_one() -> None:
    shift = Shift("day-office", START_MS, START_MS + HOUR_MS)
    for cap, partitions, share in ((8, 4, 2), (9, 4, 3), (1, 4, 1)):
        roster = Roster(0, partitions)
        loads = Loads(roster)
        desk = Desk(day="day-office", cap_per_shift=cap)
        for n in range(share):
            assert not loads.is_full(desk, shift, START_MS + HOUR_MS)
            loads.note(roster.meet(f"h-{n}", START_MS), shift, START_MS + n)
        assert loads.is_full(desk, shift, START_MS + HOUR_MS)
        assert not loads.is_full(desk, shift._replace(owner="night-centre"), START_MS + HOUR_MS)


# In which order.


def incident(kind: IncidentKind = SILENCE, **fields: Any) -> Incident:
    words: dict[str, Any] = {
        "severity": Severity.SEVERE,
        "urgency": Urgency.IMMEDIATE,
        "score": 8.0,
        "chance": None,
    } | fields
    street = Street()
    street.register()
    street.tick()
    street.happen("emergency_button", device="d")
    street.tick()
    return msgspec.structs.replace(street.open()[0], kind=kind, **words)


def test_the_longer_a_silence_for_this_person_the_more_it_needs_somebody() -> None:
    chances = [chance(incident(score=score)) for score in (0.0, 4.0, 8.0, 14.0)]
    assert chances == sorted(chances)
    assert chances[0] == 0.001
    assert 0.7 < chances[2] < 0.8
    assert chances[3] > 0.99


def test_a_silence_needs_somebody_whichever_clock_told_it() -> None:
    by_rhythm = incident(score=9.8, threshold=9.8)
    by_longest = incident(score=2.0, threshold=9.8)
    assert need(by_longest) == need(by_rhythm) > need(incident(IncidentKind.MISSED_MEDICATION, score=None))
    # Negative control: a score that no threshold stands beside is what it says.
    assert need(incident(score=2.0)) < need(by_longest)


def test_fire_comes_before_a_button_a_button_before_a_silence_and_a_silence_before_a_missed_dose() -> None:
    kinds = [IncidentKind.SMOKE, IncidentKind.EMERGENCY_BUTTON, SILENCE, IncidentKind.MISSED_MEDICATION]
    needs = [need(incident(kind, score=14.0)) for kind in kinds]
    assert needs == sorted(needs, reverse=True)


def test_what_was_cleared_is_past_or_less_grave_needs_less() -> None:
    now = incident(IncidentKind.GAS)
    for less in ({"cleared": True}, {"urgency": Urgency.PAST}, {"severity": Severity.MINOR}):
        assert need(msgspec.structs.replace(now, **less)) < need(now)


def test_what_an_officer_let_lapse_needs_somebody_as_much_as_what_nobody_took() -> None:
    nobodys = incident(owner="day-office", step_until=None)
    taken = msgspec.structs.replace(nobodys, owner="officer-7", acknowledged_by="officer-7")
    lapsed = msgspec.structs.replace(taken, owner="supervisor", level=1)
    needs = [attention(one, START_MS) for one in (nobodys, taken, lapsed)]
    assert needs == [needs[0], needs[0] / 2, needs[0]]


def test_every_kind_has_a_chance() -> None:
    assert all(0 < chance(incident(kind, score=None)) <= 1 for kind in IncidentKind)
