"""Rules of the partition engine as its users see them, by hand-made logs: what stops it, who is heard, what is left."""

from functools import cache
from random import Random
from typing import Any

import msgspec
import pytest
from any_messages import any_message
from crashing import Told, compacted, states
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from logs import ENGINE, Log, Logs, logs_of, run, said
from street import DAY_MS, HOUR_MS, MINUTE_MS, SOURCES, START_MS, Street, told, what_is_left

from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.encode import encode
from schemas.events import TICK_KEY
from schemas.households import Source
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import LATEST_MS, from_rfc3339, to_rfc3339
from schemas.topics import EVENT_TOPICS, ORDER_OF, ORDERED_NAMES
from streams.cases.ended import SHOWN_MS
from streams.engine.order import LONGEST_TICK, read_tick
from streams.engine.partition import Output, Partition
from streams.incident_fold import INCIDENTS, OPEN, IncidentFold

SENSORS = ORDER_OF["home.sensors"]


# Total over any bytes.


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 30))
@example(seed=15675)  # a roster with limits of two years, told again and again
def test_whatever_bytes_come_on_whatever_topic_nothing_raises_nothing_stops_and_each_reading_is_accounted_for(
    seed: int,
) -> None:
    rnd = Random(seed)
    street, ids = Street(partitions=rnd.choice([1, 2])), ["none"]
    messages = 0
    for _ in range(60):
        for _ in range(rnd.randrange(12)):
            topic, key, value = any_message(rnd, street.now_ms, ids)
            street.put(topic, key, value)
            messages += topic in EVENT_TOPICS and key != TICK_KEY
        out = street.tick(rnd.choice([5_000, MINUTE_MS, HOUR_MS, DAY_MS, 9 * DAY_MS]))
        said(out)  # whatever is told can be written
        ids = (ids + [one.id for one in told(out)])[-30:]
        assert street.partition.clock_ms == street.now_ms
    counted = sum(sum(street.readings(topic).values()) for topic in EVENT_TOPICS)
    assert counted >= messages, "a reading is neither applied nor refused nor counted"
    assert street.partition.order.positions.offsets == [len(log) for log in street.logs]
    wanted = states(street.partition)
    street.restart()
    assert states(street.partition) == wanted


@pytest.mark.parametrize("name", ["k0_h", "k1_h", "half_life_days", "fixed_h"])
def test_a_profile_that_would_divide_by_nothing_is_refused_and_the_one_in_force_stays(name: str) -> None:
    street = Street()
    street.register()
    street.tick()
    for number in (0.0, 1.0):
        silence = msgspec.structs.replace(DEFAULT_PROFILE.silence, **{name: number})
        street.put(
            "profile", b"p", encode(msgspec.structs.replace(DEFAULT_PROFILE, id=f"p-{number:g}", silence=silence))
        )
        for _ in range(48):
            street.happen("door", state="on")
            street.tick(HOUR_MS)
        street.happen("gas")
        street.tick()
    assert [(one.topic, one.detail) for one in street.letters()] == [("profile", f"silence.{name}")]
    assert [one.profile for one in street.open(IncidentKind.GAS)] == ["default-1", "p-1"]


# Ticks that are rubbish.


@pytest.mark.parametrize(
    ("value", "is_tick"),
    [
        (b'{"tick":1788188400000,"mode":"simulated"}', True),
        (b'{"tick":1788188400000}', True),
        (b'{"tick":%d}' % LATEST_MS, False),
        (b'{"tick":-1}', False),
        (b'{"tick":1e400}', False),
        (b'{"tick":"1788188400000"}', False),
        (b'{"tick":1788188400000,"mode":"fast"}', False),
        (b'{"tick":1788188400000}' + b" " * LONGEST_TICK, False),
        (b"[" * 10_000, False),
        (b"\xff", False),
        (b"", False),
        (None, False),
    ],
)
def test_only_a_moment_that_can_be_meant_is_a_tick(value: bytes | None, is_tick: bool) -> None:
    assert (read_tick(value) is not None) is is_tick


@pytest.mark.parametrize(("tick_ms", "stops"), [(LATEST_MS, False), (10**15, False), (LATEST_MS - 1, True)])
def test_a_tick_of_a_moment_that_never_comes_does_not_stop_its_topic(tick_ms: int, stops: bool) -> None:
    street = Street()
    street.register()
    street.tick()
    street.logs[SENSORS].tick(tick_ms)
    street.happen("door", state="on")
    street.tick()
    street.tick()
    # Negative control: one within the century does, for a recording may say any time; the clock goes on by the others.
    assert street.readings()["applied"] == (0 if stops else 1)
    assert street.partition.clock_ms == street.now_ms


def test_rubbish_under_the_key_of_ticks_fills_no_memory() -> None:
    from streams.engine.order import _known  # noqa: PLC0415 - its memory is what is looked at

    _known.clear()
    street = Street()
    for n in range(50):
        for topic in ORDERED_NAMES:
            street.put(topic, TICK_KEY, b"%d" % n * 50_000)
    street.tick()
    assert len(_known) == 1


# Repeats.


@cache
def _ordinary_days() -> Logs:
    played = simulate(5, 5, 21, start_ms=START_MS, rates=Rates(collapses=1.0, emergencies=2.0, slow=0.5))
    return logs_of(played, tick_s=240)


def _with_days_of_quiet(logs: Logs) -> Logs:
    """A model notes the clock at which it last took anything: let each be woken once more, so that this is the same too."""
    last_ms = max(tick.tick for value in logs[0].values if (tick := read_tick(value)))
    for hour in range(1, 49):
        for log in logs:
            log.tick(last_ms + hour * HOUR_MS)
    return logs


def _doubled(logs: Logs, rnd: Random, shift_ms: int = 0) -> Logs:
    """Every message of the event topics twice, the second somewhere behind the first; `shift_ms` makes it another one."""
    out = []
    for name, log in zip(ORDERED_NAMES, logs, strict=True):
        placed = [(float(at), one) for at, one in enumerate(zip(log.keys, log.values, strict=True))]
        for at, one in enumerate(zip(log.keys, log.values, strict=True)):
            if name in EVENT_TOPICS and one[0] != TICK_KEY:
                away = rnd.randrange(rnd.choice([1, 10, 300, len(log)]))
                again = (one[0], _shifted(one[1], shift_ms)) if shift_ms else one
                placed.append((min(at + away, len(log) - 2) + 0.5, again))
        new = Log()
        for _, (key, value) in sorted(placed, key=lambda each: each[0]):
            new.put(key, value)
        out.append(new)
    return out


def _shifted(value: bytes | None, by_ms: int) -> bytes:
    tree = msgspec.json.decode(value or b"")
    for one in tree if isinstance(tree, list) else [tree]:
        moment = msgspec.convert(one["time"], str)
        one["time"] = to_rfc3339(from_rfc3339(moment) + by_ms)
    return encode(tree)


def _lived(logs: Logs) -> tuple[dict[str, Any], dict[Any, bytes], Partition]:
    partition, heard = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40), Told()
    heard.take(run(partition, _with_days_of_quiet(logs)))
    found = states(partition)
    del found["!"]
    assert not heard.differing
    # Whatever comes, also again, shows that a home's channel works: of how many that is so is counted as it comes.
    told = {key: value for key, value in heard.records.items() if key[0] != "district.counts"}
    return found, told, partition


def _copy(logs: Logs) -> Logs:
    return [Log([*log.keys], [*log.values]) for log in logs]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 20))
def test_every_batch_sent_twice_at_any_distance_gives_the_same_state_and_says_the_same(seed: int) -> None:
    wanted_state, wanted, _ = _lived(_copy(_ordinary_days()))
    state, records, partition = _lived(_doubled(_ordinary_days(), Random(seed)))
    assert records == wanted
    assert state == wanted_state
    assert partition.counts.repeated_messages > 1_000
    assert any(key[0] == "incidents" for key in wanted)


def test_negative_control_batches_of_a_few_minutes_later_are_no_repeats() -> None:
    wanted_state, wanted, _ = _lived(_copy(_ordinary_days()))
    state, records, _ = _lived(_doubled(_ordinary_days(), Random(1), shift_ms=-17 * MINUTE_MS))
    assert state != wanted_state
    assert records != wanted


# Who comes later.


def _fold(records: list[Output]) -> IncidentFold:
    fold = IncidentFold(1)
    for one in records:
        fold.apply(one.topic, one.key, None if one.what is None else encode(one.what), 0)
    return fold


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_who_reads_the_open_ones_and_then_the_tail_knows_what_they_know_who_read_everything(seed: int) -> None:
    rnd = Random(seed)
    street = Street()
    for _ in range(60):
        name = f"h-{rnd.randrange(3)}"
        match rnd.randrange(8):
            case 0:
                street.register(name, latest_silence_h=3.0)
            case 1 if rnd.random() < 0.4:
                street.remove(name)
            case 2 | 3:
                street.happen(
                    rnd.choice(["gas", "emergency_button"]), name, state=rnd.choice(["on", "off"]), device="d"
                )
            case 4 | 5 if street.open():
                what, cause = rnd.choice(["acknowledge", "close"]), rnd.choice([*CloseCause])
                street.act(rnd.choice(street.open()), what, cause=cause, revision=99)
            case _:
                street.happen("door", name, state="on")
        street.tick(rnd.choice([MINUTE_MS, HOUR_MS, 5 * HOUR_MS, 2 * DAY_MS]))
        if rnd.random() < 0.1:
            street.restart()
    following = [one for one in street.out if one.topic == INCIDENTS]
    wanted = [encode(one) for one in _fold(following).incidents()]
    places = [at for at, one in enumerate(street.out) if one.topic == INCIDENTS]
    for at in rnd.sample(places, min(12, len(places))):
        before = [one for one in street.out[:at] if one.topic == OPEN]
        left = {one.key: one for one in before}  # compacted
        tail = [one for one in street.out[max(0, at - 4) :] if one.topic == INCIDENTS]
        late = _fold([*left.values(), *tail])
        assert [encode(one) for one in late.incidents()] == wanted
    # And what is left at the end is what stands: no incident is open for newcomers alone.
    at_end = {one.key: one for one in street.out if one.topic == OPEN}
    assert [encode(one) for one in _fold([*at_end.values()]).incidents()] == wanted


def test_the_topic_of_open_incidents_does_not_grow_with_those_that_ended() -> None:
    street = Street()
    street.register()
    street.tick()
    for _ in range(30):
        street.happen("emergency_button", device="d")
        street.tick()
        for one in street.open():
            street.act(one, "close", cause=CloseCause.TEST)
        street.tick(HOUR_MS)
    street.pass_ms(SHOWN_MS, HOUR_MS)
    street.tick()
    left = {one.key: one.what for one in street.out if one.topic == OPEN}
    shown = [what.kind for what in left.values() if isinstance(what, Incident)]
    assert IncidentKind.EMERGENCY_BUTTON not in shown
    assert len(left) >= 30 > len(shown)


# Ends.


def _watched(street: Street, name: str = "h-1") -> bool:
    return name in street.partition.names()


def test_a_null_record_ends_everything_and_leaves_nothing_in_the_changelog_nor_among_the_open_ones() -> None:
    street = Street()
    street.register(latest_silence_h=3.0)
    street.happen("door", state="on")
    street.pass_ms(4 * HOUR_MS)
    street.happen("gas")
    street.tick()
    assert {one.kind for one in street.open()} == {IncidentKind.SILENCE, IncidentKind.GAS}
    street.keep()
    street.remove()
    street.tick()
    assert {one.cause for one in street.incidents().values()} == {CloseCause.LEFT_SERVICE}
    left = {one.key: one.what for one in street.out if one.topic == OPEN}
    assert not [what for what in left.values() if what is not None]
    assert not _watched(street)
    assert street.status().open == 0
    street.keep()
    street.keep()
    assert not [key for key in what_is_left(street.changelog) if key.endswith(b"h-1")]
    applied = street.readings()
    street.happen("door", state="on")
    street.pass_ms(3 * DAY_MS)
    assert street.readings()["applied"] == applied["applied"]
    assert street.readings()["not_registered"] == 1
    assert not street.open()
    street.register()
    street.tick()
    assert _watched(street)


def test_a_death_ends_the_watching_and_the_daily_repeat_of_the_record_does_not_bring_it_back() -> None:
    street = Street()
    street.register()
    street.tick()
    street.happen("fall")
    street.tick()
    (incident,) = street.open()
    street.act(incident, "close", cause=CloseCause.DECEASED)
    street.tick()
    assert not _watched(street)
    assert street.incidents()[incident.id].cause is CloseCause.DECEASED
    for _ in range(60):
        street.register()
        street.tick(DAY_MS)
        assert not _watched(street)
        if street.now_ms % 7 == 0:
            street.restart()
    # Negative control: a record that says something new does.
    street.register(language="en")
    street.tick()
    assert _watched(street)


def test_an_action_on_a_household_that_left_is_answered() -> None:
    street = Street()
    street.register()
    street.tick()
    street.happen("fall")
    street.tick()
    (incident,) = street.open()
    street.remove()
    street.tick()
    street.act(incident, "close", cause=CloseCause.HELPED)
    street.act(incident, "note")
    street.tick()
    assert [(one.ok, one.reason) for one in street.results()] == [(False, "already_ended"), (True, "")]


def test_an_emergency_after_the_end_can_be_closed_and_a_repeat_from_before_opens_nothing() -> None:
    street = Street()
    street.register()
    street.tick()
    before = street.happen("smoke", device="d")
    street.tick()
    street.remove()
    street.tick()
    street.send(before)
    street.tick(HOUR_MS)
    assert not street.open()
    street.happen("smoke", device="d")
    street.happen("door", state="on")
    street.tick()
    (incident,) = street.open()
    assert incident.revision == 2
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.model is None, "nothing is learned of somebody who left"
    street.act(incident, "close", cause=CloseCause.HELPED)
    street.tick()
    assert not street.open()
    street.pass_ms(40 * DAY_MS, 6 * HOUR_MS)
    assert street.partition.households == 0


def test_a_close_that_waited_and_ends_the_watching_ends_it_within_the_batch() -> None:
    other, street = Street(), Street()
    for each in (other, street):
        each.register()
        each.tick()
    press = street.event("emergency_button", device="d")
    other.send(press)
    other.tick()
    (incident,) = other.open()
    street.act(incident, "close", cause=CloseCause.DECEASED)
    street.tick()
    assert street.results()[-1].reason == "kept_for_later"
    street.send(press, street.event("door", state="on"), street.event("gas", at_ms=START_MS, device="d"))
    street.tick()
    assert not _watched(street)
    assert street.incidents()[incident.id].cause is CloseCause.DECEASED
    assert street.readings()["applied"] == 0
    assert street.status().open == 0


# Consent.


def test_a_source_whose_consent_is_withdrawn_is_counted_and_heard_again_when_it_is_given() -> None:
    street = Street()
    street.register()
    street.tick()
    for consent, outcome in ((False, "no_consent"), (True, "applied")):
        street.register(consent=consent)
        street.tick()
        before = street.readings()[outcome]
        street.happen("door", state="on")
        street.tick()
        assert street.readings()[outcome] == before + 1
    street.restart()
    street.register(consent=False)
    street.tick()
    street.happen("door", state="on")
    street.tick()
    assert street.readings()["no_consent"] == 1


# Closes feed back.


def test_hospital_is_an_absence_until_life_and_safe_at_home_is_none() -> None:
    for cause, silent in ((CloseCause.HOSPITAL, True), (CloseCause.SAFE_AT_HOME, False)):
        street = Street()
        street.register(latest_silence_h=3.0, sources=[Source(SOURCES["home.sensors"])])
        street.happen("door", state="on")
        street.tick()
        street.happen("door", state="on")
        street.pass_ms(4 * HOUR_MS)
        (silence,) = street.open(IncidentKind.SILENCE)
        street.act(silence, "close", cause=cause)
        for _ in range(12):
            street.happen("heartbeat")
            street.pass_ms(HOUR_MS)
        assert (not street.open(IncidentKind.SILENCE)) is silent


def test_an_action_repeated_after_a_restart_is_answered_once() -> None:
    street = Street()
    street.register()
    street.tick()
    street.happen("gas")
    street.tick()
    action = street.act(street.open()[0])
    for _ in range(3):
        street.tick()
        street.restart()
        street.put("responder.actions", b"h-1", encode(action))
    street.tick()
    assert len(street.results()) == 1
    assert [one.state for one in street.open()] == [IncidentState.ACKNOWLEDGED]


# Before the log has a clock.


def test_an_emergency_before_the_first_tick_can_be_read_by_whoever_comes_later() -> None:
    street = Street()
    for log in street.logs[:SENSORS]:
        log.tick(START_MS)  # the sensors have their turn, and the partition no clock yet
    street.happen("gas")
    out = street.arrive()
    assert street.partition.clock_ms == 0
    fold = _fold([one for one in out if one.topic == OPEN])
    assert fold.unread == 0
    assert [one.kind for one in fold.incidents()] == [IncidentKind.GAS]


def test_what_retention_took_is_counted_once_however_often_a_worker_dies_before_it_is_passed() -> None:
    street = Street()
    street.tick()
    for n in range(5):
        street.happen("door", state="on", device=f"d{n}")
    for log in street.logs[1:]:
        log.tick(street.now_ms + MINUTE_MS)  # the first topic stands, so that nothing has its turn
    for _ in range(3):
        at = street.partition.order.expected(SENSORS)
        assert street.partition.pass_gap(SENSORS, at + 3) == 3
        street.restart()
    street.partition.pass_gap(SENSORS, at + 3)
    street.logs[0].tick(street.now_ms + MINUTE_MS)
    street.arrive()
    street.tick(2 * MINUTE_MS)
    assert street.status().lost == 3
    assert street.readings()["applied"] == 2
    street.restart()
    street.tick()
    assert street.status().lost == 3


# Rows ahead of the position.


def test_a_household_whose_rows_are_ahead_is_not_judged_again_by_a_profile_it_knows() -> None:
    """Two unanswered calls wait for the next move of the clock. Judged too early, what they mean would be told to nobody."""
    wanted, street = _silent_with_a_new_profile(), _silent_with_a_new_profile()
    _die_and_compact(street)
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.guard is not None
    street.out = [*wanted.out]
    street.arrive()
    for one in (wanted, street):
        one.pass_ms(2 * HOUR_MS, MINUTE_MS)
    assert [encode(one) for one in street.incidents().values()] == [encode(one) for one in wanted.incidents().values()]
    assert [one.state for one in street.open()] == [IncidentState.ESCALATED]
    assert states(street.partition) == states(wanted.partition)


def _silent_with_a_new_profile() -> Street:
    street = Street()
    street.register(latest_silence_h=3.0)
    street.happen("door", state="on")
    street.tick()
    street.keep()
    profile = msgspec.structs.replace(DEFAULT_PROFILE, id="p-2", silence_budget=0.2)
    street.put("profile", b"p", encode(profile))
    street.pass_ms(4 * HOUR_MS)
    assert [one.kind for one in street.open()] == [IncidentKind.SILENCE]
    for request in ("q1", "q2"):
        street.happen("checkin_no_answer", request=request)
    for log in street.logs[: ORDER_OF["care.calls"]]:
        log.tick(street.now_ms + MINUTE_MS)  # the calls have their turn, and the clock stands
    street.arrive()
    return street


@pytest.mark.parametrize("killed_in_between", [False, True])
def test_a_household_that_left_and_came_back_since_the_last_whole_checkpoint_is_not_met_as_a_stranger(
    killed_in_between: bool,
) -> None:
    street, wanted = Street(), Street()
    for one in (wanted, street):
        one.register()
        one.tick()
        one.keep()
        one.happen("gas")
        one.tick()
        one.remove()
        one.tick()
        if one is street and killed_in_between:
            _die_and_compact(street)
            street.keep()
            street.arrive()
        one.register()
        one.happen("smoke")
        one.tick()
        if one is street:
            _die_and_compact(street)
        one.arrive()
        one.tick()
    assert states(street.partition) == states(wanted.partition)
    assert [encode(each) for each in street.incidents().values()] == [
        encode(each) for each in wanted.incidents().values()
    ]
    assert {one.kind: one.cause for one in street.incidents().values()} == {
        IncidentKind.GAS: CloseCause.LEFT_SERVICE,
        IncidentKind.SMOKE: None,
    }
    revisions: dict[tuple[str, int], bytes] = {}
    for each in told(street.out):
        if each.case:
            assert revisions.setdefault((each.id, each.revision), encode(each)) == encode(each), (
                "said twice, differently"
            )


def _die_and_compact(street: Street) -> None:
    """Kill it between the last row and the position row, and let compaction leave the last row of each key."""
    unfinished = street.keep()
    street.changelog = compacted([*street.changelog[: -len(unfinished)], *unfinished[:-1]])
    street.crash()


# What must not cost more with every household.


def test_an_emergency_flood_of_one_home_leaves_its_state_bounded_and_its_neighbours_alone() -> None:
    street = Street()
    for name in ("h-1", "h-2"):
        street.register(name)
    street.tick()
    street.happen("gas", "h-2")
    for n in range(3_000):
        street.happen("emergency_button", at_ms=START_MS - n * 11 * MINUTE_MS, device=f"d{n}")
    street.tick()
    rows = {key: value for key, value in street.keep() if value}
    assert len(rows[b"h:h-1"]) < 300_000
    assert street.status().open == 64 + 1
    assert len(street.open(IncidentKind.GAS)) == 1
    left = {one.key: one.what for one in street.out if one.topic == OPEN}
    shown = [what for what in left.values() if what is not None]
    assert len(shown) < 400, "ended ones that were forgotten have their tombstones"
    assert sum(isinstance(what, Incident) and not what.ended for what in shown) == 65
