"""Who is watched, who wants to be woken, who is no longer watched: counted without looking at everybody, and bounded."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from street import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Street, what_is_left

from schemas.incidents import CloseCause, IncidentKind
from streams.cases.ended import SHOWN_MS
from streams.engine.roster import ENDED_MS, MOST_ENDED, MOST_UNREGISTERED, NEAR_MS, Roster
from streams.engine.snapshot import HOT, RECORD, RHYTHMS
from streams.engine.watched import UNREGISTERED_MS
from streams.worker.outbox import BATCH_BYTES


def test_households_are_woken_by_deadline_and_then_by_name_and_only_those_due() -> None:
    roster = Roster(0, 1)
    for name, wake_ms in (("c", 5), ("b", 9), ("a", 5), ("d", 3)):
        watched = roster.meet(name, START_MS)
        watched.since_ms = 0
        watched.ledger.wake_ms = wake_ms
        roster.rearm(watched)
    assert [one.name for one in roster.due(5)] == ["d", "a", "c"]
    assert roster.due(2) == []
    assert [one.name for one in roster] == ["a", "b", "c", "d"]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_a_place_that_was_freed_is_given_again_and_never_wakes_who_had_it(seed: int) -> None:
    rnd = Random(seed)
    roster = Roster(0, 1)
    wanted: dict[str, int] = {}
    for _ in range(400):
        name = f"h-{rnd.randrange(30)}"
        watched = roster.get(name)
        if watched is None:
            watched = roster.meet(name, START_MS)
            watched.since_ms = 0
        elif rnd.random() < 0.4:
            roster.drop(watched)
            wanted.pop(name, None)
            continue
        watched.ledger.wake_ms = wanted[name] = rnd.randrange(100)
        roster.rearm(watched)
        clock_ms = rnd.randrange(100)
        assert {one.name for one in roster.due(clock_ms)} == {name for name, at in wanted.items() if at <= clock_ms}
    assert len(roster._at) <= 30


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_what_a_status_counts_is_what_counting_everybody_gives(seed: int) -> None:
    rnd = Random(seed)
    street = Street()
    for _ in range(60):
        name = f"h-{rnd.randrange(5)}"
        match rnd.randrange(7):
            case 0:
                street.register(name, latest_silence_h=3.0, language=rnd.choice(["ko", "en"]))
            case 1:
                street.remove(name)
            case 2:
                street.happen(rnd.choice(["gas", "smoke", "emergency_button"]), name)
            case 3 if street.open():
                street.act(rnd.choice(street.open()), "close", cause=rnd.choice([*CloseCause]), revision=99)
            case 4:
                street.happen("checkin_no_answer", name)
            case _:
                street.happen(rnd.choice(["door", "motion", "heartbeat"]), name)
        street.tick(rnd.choice([MINUTE_MS, HOUR_MS, 8 * HOUR_MS]))
        if rnd.random() < 0.1:
            street.restart()
        households = [street.partition.household(name) for name in street.partition.names()]
        status = street.status()
        assert status.open == sum(len(one.ledger.open) for one in households if one is not None)
        assert status.blind == sum(
            bool(one.lost_since_ms) or (one.model is not None and one.model.blind)
            for one in households
            if one is not None
        )
        assert status.households == len(households)
        roster = street.partition._roster
        for one in households:
            assert one is not None
            assert one.wake_ms == one.due_ms() == roster._wakes[one.index], "its deadline is what its parts want"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_whoever_is_due_is_found_as_by_looking_at_everybody_however_far_ahead_deadlines_lie(seed: int) -> None:
    assert _found_by_looking_ahead(seed, forgets=False)


def test_deadlines_brought_nearer_would_be_missed_if_only_those_of_the_last_look_were_known() -> None:
    assert not all(_found_by_looking_ahead(seed, forgets=True) for seed in range(5))


def _found_by_looking_ahead(seed: int, *, forgets: bool) -> bool:
    """Tell whether `due` gives those whose deadline has passed, in their order; `forgets`: what is armed between looks is not noted."""
    rnd, roster, clock_ms = Random(seed), Roster(0, 1), START_MS
    for _ in range(300):
        name = f"h-{rnd.randrange(12)}"
        watched = roster.get(name) or roster.meet(name, START_MS)
        if rnd.random() < 0.1:
            roster.drop(watched)
        else:
            watched.since_ms = 0
            watched.ledger.wake_ms = clock_ms + rnd.choice([-5, 0, 1, MINUTE_MS, NEAR_MS - 1, NEAR_MS, DAY_MS])
            roster.rearm(watched)
        if forgets:
            roster._near = []
        clock_ms += rnd.choice([0, 0, 1000, MINUTE_MS, NEAR_MS, HOUR_MS])
        everybody = [one for one in map(roster.get, roster.names()) if one is not None]
        wanted = sorted((one.wake_ms, one.name) for one in everybody if one.wake_ms <= clock_ms)
        if [(one.wake_ms, one.name) for one in roster.due(clock_ms)] != wanted:
            return False
    return True


# Without a record.


def test_senders_that_make_up_households_fill_neither_memory_nor_the_places_of_others_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.engine.roster.MOST_UNREGISTERED", 50)
    street = Street()
    street.register("h-registered")
    street.tick()
    for n in range(80):
        street.happen("door", f"made-up-{n}", state="on")
    street.register("h-later")
    street.happen("door", "h-later", state="on")
    street.tick()
    assert street.partition.households == 52
    assert street.readings()["not_registered"] == 30
    street.pass_ms(UNREGISTERED_MS + SHOWN_MS, 12 * HOUR_MS)
    street.tick()
    assert street.partition.names() == ["h-later", "h-registered"]
    street.happen("door", "h-new", state="on")
    street.tick()
    assert "h-new" in street.partition.names()


def test_the_bound_of_made_up_households_is_what_the_documents_say() -> None:
    assert MOST_UNREGISTERED == 10_000


def test_actions_on_made_up_households_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.roster.MOST_UNREGISTERED", 20)
    street = Street()
    street.register()
    street.tick()
    for n in range(50):
        street.put("responder.actions", b"made-up-%d" % n, _action_of(f"made-up-{n}"))
    street.tick()
    assert street.partition.households == 21
    street.pass_ms(UNREGISTERED_MS, 12 * HOUR_MS)
    street.tick()
    assert street.partition.households == 1


def _action_of(household: str) -> bytes:
    return b'{"id":"a","household":"%s","incident":"i","action":"note","revision":1,"who":"o","at":"%s"}' % (
        household.encode(),
        b"2026-09-01T00:00:00Z",
    )


def test_a_household_without_a_record_is_learned_from_for_seven_days_and_then_nothing_of_it_is_left() -> None:
    street = Street()
    street.tick()
    first_ms = street.now_ms
    while street.now_ms <= first_ms + UNREGISTERED_MS - HOUR_MS:
        street.happen("door", state="on")
        street.tick(HOUR_MS)
    assert street.readings()["not_registered"] == 0
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.model is not None
    street.keep()
    applied = street.readings()["applied"]
    street.pass_ms(2 * HOUR_MS)
    assert street.partition.household("h-1") is None
    street.keep()
    street.keep()
    assert not [key for key in dict(street.changelog) if b"h-1" in key and dict(street.changelog)[key] is not None]
    for _ in range(50):  # as long as it sends, it is not met anew
        street.happen("door", state="on")
        street.tick(DAY_MS)
    assert street.readings()["applied"] == applied
    assert street.readings()["not_registered"] == 50
    assert street.partition.households == 0


def test_its_time_ends_by_the_clock_although_nothing_more_comes_and_it_raises_no_alarm_after_it() -> None:
    street = Street()
    street.tick()
    street.happen("door", state="on")
    street.tick()
    street.pass_ms(UNREGISTERED_MS + HOUR_MS)
    opened = [one.opened_at for one in street.incidents().values()]
    street.pass_ms(20 * DAY_MS, HOUR_MS)
    assert [one.opened_at for one in street.incidents().values()] == opened
    watched = street.partition.household("h-1")
    assert watched is None or watched.model is None


def test_what_was_judged_of_it_ends_with_its_time_and_an_emergency_is_left_to_responders() -> None:
    street = Street()
    street.tick()
    street.happen("gas")
    street.happen("door", state="on")
    street.tick()
    street.pass_ms(UNREGISTERED_MS - HOUR_MS, HOUR_MS)
    assert {one.kind for one in street.open()} == {IncidentKind.GAS, IncidentKind.CANNOT_SEE}
    street.keep()
    assert {key[:2] for key in what_is_left(street.changelog)} & {*RHYTHMS}
    street.pass_ms(2 * HOUR_MS, HOUR_MS)
    (incident,) = street.open()
    assert incident.kind is IncidentKind.GAS
    street.keep()
    told = [*street.changelog]
    street.keep()
    assert {key[:2] for key in what_is_left(street.changelog) if key.endswith(b"h-1")} <= {HOT, RECORD}
    street.changelog = told  # and whoever takes over in between finishes it
    street.crash()
    street.keep()
    assert {key[:2] for key in what_is_left(street.changelog) if key.endswith(b"h-1")} <= {HOT, RECORD}
    assert {one.cause for one in street.incidents(IncidentKind.CANNOT_SEE).values()} == {CloseCause.LEFT_SERVICE}
    street.act(incident, "close", cause=CloseCause.HELPED)
    street.tick()
    assert street.results()[-1].ok
    assert not street.open()
    street.pass_ms(31 * DAY_MS, 6 * HOUR_MS)
    assert street.partition.households == 0


def test_a_household_met_before_the_first_tick_has_its_seven_days_too() -> None:
    street = Street()
    street.happen("door", state="on")
    street.arrive()
    for _ in range(3):
        street.tick()
        street.happen("door", state="on")
    street.tick()
    assert street.readings() == {"applied": 3, "late": 1, "dead_letter": 0, "not_registered": 0, "no_consent": 0}


@pytest.mark.parametrize("years", [-20, 20])
def test_a_device_whose_clock_was_never_set_cannot_spoil_a_household_before_the_first_tick(years: int) -> None:
    street = Street()
    street.register(latest_silence_h=4.0)
    street.happen("door", state="on", at_ms=START_MS + years * 365 * DAY_MS)
    street.tick()
    assert not street.open()
    street.happen("door", state="on")
    street.pass_ms(5 * HOUR_MS)
    (one,) = street.open()
    assert one.kind is IncidentKind.SILENCE  # it is watched, from the first tick on


# Ended.


def _end(roster: Roster, name: str, clock_ms: int, record: bytes | None) -> None:
    watched = roster.meet(name, clock_ms)
    if record is not None:
        roster.register(watched)
        watched.record_bytes = record
    roster.end(name, clock_ms, by_registry=record is None)


def test_the_daily_repeat_does_not_bring_back_whom_a_responder_ended_and_another_record_does() -> None:
    roster = Roster(0, 1)
    _end(roster, "h-1", START_MS, b"record")
    for day in range(90):
        roster.forget_ended(START_MS + day * DAY_MS)
        assert roster.stays_ended("h-1", b"record", START_MS + day * DAY_MS)
    assert not roster.stays_ended("h-1", b"another", START_MS)
    # Negative control: whom the registry itself ended, any record of it brings back.
    _end(roster, "h-2", START_MS, None)
    assert not roster.stays_ended("h-2", b"record", START_MS)


def test_an_end_is_forgotten_a_month_after_the_last_that_came_and_not_while_it_comes() -> None:
    roster = Roster(0, 1)
    _end(roster, "h-1", START_MS, None)
    _end(roster, "h-2", START_MS, None)
    roster.hear_ended("h-1", START_MS + 20 * DAY_MS)
    roster.forget_ended(START_MS + ENDED_MS)
    assert (roster.has_ended("h-1"), roster.has_ended("h-2")) == (True, False)
    assert roster.ended_ms("h-1") == START_MS


def test_null_records_of_made_up_households_are_bounded_and_do_not_push_out_the_deceased() -> None:
    street = Street()
    street.register("h-deceased")
    street.tick()
    street.happen("fall", "h-deceased")
    street.tick()
    (incident,) = street.open()
    street.act(incident, "close", cause=CloseCause.DECEASED)
    street.tick()
    for n in range(MOST_ENDED + 500):
        street.remove(f"{n:064d}")
    street.tick()
    (position,) = [value for key, value in street.keep() if key.startswith(b"!position")]
    assert position is not None
    assert len(position) < BATCH_BYTES, "a position row that no batch can hold would end every worker"
    street.restart()
    street.register("h-deceased")
    street.tick()
    assert street.partition.households == 0


def test_what_is_known_of_the_ended_comes_back_with_the_state() -> None:
    roster, other = Roster(0, 1), Roster(0, 1)
    _end(roster, "h-1", START_MS, b"record")
    other.restore_ended(roster.ended_state())
    assert other.ended_state() == roster.ended_state()
    assert other.stays_ended("h-1", b"record", START_MS)


def test_whoever_ended_ahead_of_the_position_is_known_as_such_until_it_is_passed() -> None:
    street = Street()
    street.register()
    street.tick()
    street.keep()
    street.remove()
    street.tick()
    rows = street.keep()
    # Compaction took the older rows of the household, and the position row never came.
    street.changelog = [row for row in street.changelog[: -len(rows)] if b"h-1" not in row[0]] + rows[:-1]
    street.crash()
    assert street.partition._roster.ended_ahead
    street.keep()
    street.crash()
    assert street.partition._roster.ended_ahead, (
        "it has not been passed yet, and must still be known after another crash"
    )
    street.arrive()
    street.keep()
    assert not street.partition._roster.ended_ahead
    street.keep()
    assert not [key for key, value in dict(street.changelog).items() if b"h-1" in key and value is not None]


def test_a_move_of_the_clock_looks_only_at_households_that_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street()
    for n in range(300):
        street.register(f"h-{n}")
    street.tick()
    touched: list[str] = []
    for name in ("rearm", "note_learned"):
        known = getattr(Roster, name)
        noted = lambda self, one, *rest, known=known: (touched.append(one.name), known(self, one, *rest))[1]  # noqa: E731
        monkeypatch.setattr(Roster, name, noted)
    monkeypatch.setattr(Roster, "__iter__", lambda self: pytest.fail("looked through everybody"))
    street.happen("door", "h-7", state="on")
    for _ in range(3):
        street.tick(5_000)
    assert set(touched) == {"h-7"}
    street.tick(MINUTE_MS)  # with a status
    assert street.status().households == 300


def test_a_home_whose_watching_has_expired_is_counted_as_slow_no_more_and_a_restart_counts_the_same() -> None:
    street = Street()
    street.tick()
    for day in range(9):
        street.happen("checkin_answered", purpose="wellbeing")
        street.pass_ms(DAY_MS // 2, HOUR_MS)
        if day == 6:
            street.happen("emergency_button", device="d")
            assert street.status().slow == 1
        street.pass_ms(DAY_MS // 2, HOUR_MS)
    live = street.status().slow
    street.restart()
    street.tick()
    assert live == street.status().slow == 0
