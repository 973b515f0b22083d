"""Rows that a checksum calls sound and no household can be: told as damaged when they are read, and never in the middle of judging."""

import random
from functools import cache, partial
from typing import Any

import msgspec
import pytest
from crashing import Told, run_crashing, states
from damaged_rows import changed
from detector_cases import RECORD, ask_all, feed, household
from detector_streams import START_MS, any_events, arriving, event
from logs import ENGINE, run
from street import Street, recovered_from
from test_partition import eventful
from test_snapshot import NAMES, lived

from detectors import rows as rows_of
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from schemas.households import HouseholdRecord
from schemas.incidents import CloseCause, IncidentKind
from schemas.profiles import DEFAULT_PROFILE
from streams.engine.partition import Partition
from streams.engine.shared import Shared
from streams.engine.snapshot import HOT, POSITIONS, RHYTHMS, pack, unpack

ROUNDS = 60
whole = partial(Partition, 0, 1, engine=ENGINE, buffer_records=1 << 40)


@cache
def homes() -> tuple[tuple[bytes, bytes, HouseholdRecord | None, int], ...]:
    """Rows of a synthetic home with an ordinary life, of one after incidents, and of one whose senders made up everything."""
    ordinary, settled = household(), household()
    for one in arriving(random.Random(3), 900):
        feed(ordinary, one)
    for one in arriving(random.Random(4), 700):
        feed(settled, one)
    settled.settle(IncidentKind.SILENCE, CloseCause.HELPED, settled.clock_ms - HOUR_MS, settled.clock_ms)
    settled.note_referrals([(settled.clock_ms - DAY_MS, "visit")])
    settled.advance(settled.clock_ms + 4 * DAY_MS)
    wild = Household("h", DEFAULT_PROFILE, start_ms=START_MS)
    for one in any_events(random.Random(9), 1500):
        feed(wild, one)
    known = ((ordinary, RECORD), (settled, RECORD), (wild, None))
    return tuple((model.hot(), model.rhythm(), record, model.clock_ms) for model, record in known)


def go_on(model: Household, clock_ms: int) -> None:
    """Three days of a home: whatever it is asked, it answers."""
    sent: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("motion", "/sensors/gw", {"device": "m-hall", "state": "on"}),
        ("unlock", "/phone/app", {}),
        ("temperature", "/sensors/gw", {"device": "hall", "value": 5.0}),
        ("door", "/sensors/gw", {"device": "front", "state": "on", "exit": True}),
        ("medication_missed", "/robot/r", {}),
        ("checkin_no_answer", "/calls/p", {"request": "r"}),
        ("power", "/sensors/gw", {"device": "kettle", "value": 900.0}),
    )
    for _ in range(2):
        ask_all(model)
        model.overview(model.clock_ms)
        model.source_health(model.clock_ms)
        assert len(model.delay.bands) == 2
        for kind, source, data in sent:
            clock_ms += HOUR_MS // 2
            model.advance(clock_ms)
            model.learn_one(event(kind, clock_ms - 30_000, source, **data), clock_ms)
        clock_ms += DAY_MS + 8 * HOUR_MS
        model.advance(clock_ms)
    for kind in (IncidentKind.SILENCE, IncidentKind.MISSED_MEALS, IncidentKind.COLD_ROOM):
        model.settle(kind, CloseCause.SAFE_AT_HOME, clock_ms - DAY_MS, clock_ms)
    again = Household.restore(model.hot(), model.rhythm(), DEFAULT_PROFILE, model.record)
    assert (again.hot(), again.rhythm()) == (model.hot(), model.rhythm())


def fates(seed: int, rounds: int = ROUNDS) -> tuple[int, int, list[BaseException]]:
    """How many changed rows were refused as they were read, how many homes went on, and what the others broke off at."""
    rng = random.Random(seed)
    told, fine = 0, 0
    later: list[BaseException] = []
    for round_ in range(rounds):
        hot, rhythm, record, clock_ms = homes()[round_ % len(homes())]
        pair = (changed(hot, rng), rhythm) if rng.random() < 0.5 else (hot, changed(rhythm, rng))
        try:
            model = Household.restore(*pair, DEFAULT_PROFILE, record)
        except ValueError:
            told += 1
            continue
        try:
            go_on(model, clock_ms)
            fine += 1
        except Exception as error:  # noqa: BLE001 - that is what is counted
            later.append(error)
    return told, fine, later


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_row_that_no_household_can_be_is_refused_as_it_is_read_and_no_other_breaks_off_later(seed: int) -> None:
    told, fine, later = fates(seed)
    assert not later
    assert told > ROUNDS // 3
    assert fine


def test_negative_control_rows_that_are_not_checked_part_by_part_break_off_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows_of, "check", lambda _hot, _rhythm: None)
    assert fates(1)[2]


def test_the_rows_of_every_synthetic_home_are_read_and_it_goes_on() -> None:
    for hot, rhythm, record, clock_ms in homes():
        go_on(Household.restore(hot, rhythm, DEFAULT_PROFILE, record), clock_ms)


# In a partition.


def gone_on(rows: list[tuple[bytes, bytes | None]]) -> Street:
    """A partition of these rows after some hours with signs of life of every home."""
    street = Street(Partition(0, 1, engine=ENGINE, recovered=recovered_from(rows)))
    for name in sorted(street.partition.unreadable):
        street.out += street.partition.salvage(name, None, [])
    street.now_ms = street.partition.clock_ms
    for log, offset in zip(street.logs, street.partition.order.positions.offsets, strict=True):
        log.keys, log.values = [b"x"] * offset, [b""] * offset
    for _ in range(6):
        for name in NAMES:
            street.happen("motion", name, state="on", device="m")
            street.happen("unlock", name)
        street.tick(HOUR_MS)
    street.keep()
    return street


@pytest.mark.parametrize("seed", range(12))
def test_whatever_rows_of_one_home_say_the_partition_goes_on_and_all_others_are_the_same_bit_for_bit(seed: int) -> None:
    rng = random.Random(seed)
    rows, _ = lived()
    wanted = states(gone_on(rows).partition)
    for _ in range(4):
        damaged = list(rows)
        name = rng.choice(("h-1", "h-2")).encode()
        keys = [prefix + name for prefix in (HOT, HOT, *RHYTHMS)]
        key = rng.choice(keys)
        place = max(i for i, row in enumerate(rows) if row[0] == key)
        stamp, payload = unpack(rows[place][1] or b"")
        inner = 1 if rng.random() < 0.4 else None
        if inner is None:
            payload = unpack(pack(stamp, _changed(payload, rng)))[1]
        else:
            payload[inner] = changed(payload[inner], rng)
        damaged[place] = key, pack(stamp, payload)
        have = states(gone_on(damaged).partition)
        assert have.keys() == wanted.keys()
        for other in {*wanted} - {name.decode()}:
            assert have[other] == wanted[other]


def _changed(payload: list[Any], rng: random.Random) -> Any:
    return msgspec.msgpack.decode(changed(msgspec.msgpack.encode(payload), rng))


@pytest.mark.parametrize("seed", range(10))
def test_whatever_a_position_row_says_the_partition_begins_with_it_or_with_the_one_before(seed: int) -> None:
    rng = random.Random(seed)
    rows, _ = lived()
    place = max(i for i, row in enumerate(rows) if row[0] in POSITIONS)
    key, value = rows[place]
    stamp, payload = unpack(value or b"")
    refused = 0
    for _ in range(12):
        damaged = [*rows[:place], (key, pack(stamp, _changed(payload, rng)))]
        found = recovered_from(damaged)
        refused += found.corrupt
        assert found.position is not None
        assert Partition(0, 1, engine=ENGINE, recovered=found).names() == [*NAMES]
    assert refused


# A mistake in judging.


class Mistake(Exception):  # noqa: N818 - what it is called in the log
    """Whatever it is that nobody thought of."""


def broken_by(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """Let the judging of one home break off at some of its events, and at some wakes."""
    take, advance = Household.take, Household.advance

    def bad_take(model: Household, one: Any, clock_ms: int, arrival_ms: int = 0) -> Any:
        if one.household == victim() and one.id.endswith("7"):
            raise error("of h-1")
        return take(model, one, clock_ms, arrival_ms)

    def bad_advance(model: Household, clock_ms: int) -> Any:
        if model.pseudonym == victim() and clock_ms // HOUR_MS % 5 == 0:
            raise error("of h-1")
        return advance(model, clock_ms)

    monkeypatch.setattr(Household, "take", bad_take)
    monkeypatch.setattr(Household, "advance", bad_advance)


@cache
def victim() -> str:
    return sorted(states_of_all())[1]


@cache
def states_of_all() -> dict[str, Any]:
    partition = whole()
    run(partition, eventful())
    return states(partition)


@pytest.mark.mistakes
def test_a_mistake_in_judging_one_home_costs_that_home_alone_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, name = states_of_all(), victim()
    broken_by(monkeypatch, Mistake)
    partition, told = whole(), Told()
    told.take(run(partition, eventful()))
    have = states(partition)
    assert {other for other in {*wanted} - {name} if have[other] != wanted[other]} == set()
    assert have[name] != wanted[name]
    counts = partition.counts
    assert counts.begun_anew
    assert counts.mistakes
    assert all(one.startswith("Mistake in test_damaged_rows.py:") for one in counts.mistakes)
    assert not [one for one in counts.mistakes if name in one]


@pytest.mark.mistakes
def test_whoever_goes_on_after_a_crash_breaks_off_at_the_same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    victim()
    broken_by(monkeypatch, Mistake)
    partition, once = whole(), Told()
    once.take(run(partition, eventful()))
    told, state, crashed = run_crashing(eventful(), 3, crashes=6)
    assert crashed
    assert told.records == once.records
    assert state == states(partition)


def test_negative_control_without_the_net_a_mistake_in_judging_ends_the_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fall(_shared: Shared, _watched: Any, error: Exception) -> Any:
        raise error

    victim()
    broken_by(monkeypatch, Mistake)
    monkeypatch.setattr(Shared, "broke", fall)
    with pytest.raises(Mistake):
        run(whole(), eventful())


@pytest.mark.mistakes
@pytest.mark.parametrize("error", [MemoryError, OSError])
def test_what_the_machine_lacks_is_nobodys_damage_and_ends_the_worker(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    victim()
    broken_by(monkeypatch, error)
    with pytest.raises(error):
        run(whole(), eventful())
