"""While the clock stands, whoever reads the incidents says whom to tell of open emergencies: by the roster and the wall."""

import msgspec
from street import DAY_MS, MINUTE_MS, Street, told
from test_lifecycle_owners import DUTY, SILENCE, press, seoul, town

from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.partitions import partition_of
from schemas.times import from_rfc3339
from streams.call_out import call_outs
from streams.commands.districts import AWAY_MS, Districts
from streams.incident_fold import INCIDENTS, STANDS_AFTER_MS, IncidentFold
from streams.publish import BrokerAwayError
from streams.screen import call_out_text


def folded(street: Street, clock_ms: int) -> IncidentFold:
    fold = IncidentFold(1)
    for one in street.out:
        if one.topic == INCIDENTS and one.what is not None:
            fold.apply(INCIDENTS, one.key, encode(one.what), clock_ms)
    return fold


def test_while_the_clock_stands_the_duty_owner_by_the_wall_is_told_of_open_emergencies() -> None:
    street = town()
    press(street)
    now_ms = street.now_ms
    fold = folded(street, now_ms)
    assert fold.standing(now_ms + STANDS_AFTER_MS) == ()
    assert fold.standing(now_ms + STANDS_AFTER_MS + 1) == (0,)
    (call,) = call_outs(fold.incidents(), DUTY, (0,), 1, now_ms + 3 * MINUTE_MS)
    assert call.owner == "gangnam-day"
    (late,) = call_outs(fold.incidents(), DUTY, (0,), 1, now_ms + 16 * MINUTE_MS)
    assert late.owner == "supervisor", "the time of the first owner is over, though the engine could not say so"
    (later,) = call_outs(fold.incidents(), DUTY, (0,), 1, now_ms + 31 * MINUTE_MS)
    assert later.owner == "control-room", "and that of the second"
    (last,) = call_outs(fold.incidents(), DUTY, (0,), 1, now_ms + DAY_MS)
    assert last.owner == "control-room", "negative control: there is nobody after it"
    assert call_outs(fold.incidents(), DUTY, (), 1, now_ms) == []
    assert "tell supervisor now" in call_out_text([late]).plain
    assert not call_out_text([])


def test_an_emergency_told_on_arrival_into_a_standing_clock_rings_the_common_desk_at_night() -> None:
    street = town()
    at_ms = seoul("2026-09-01T22:00:00")
    street.now_ms = at_ms
    (arrived,) = told(street.send(street.event("emergency_button", device="d")).arrive())
    assert arrived.owner is None
    (call,) = call_outs([arrived], DUTY, (0,), 1, at_ms)
    assert (call.owner, call.incidents) == ("night-centre", (arrived,))


def test_what_an_officer_has_an_exercise_a_silence_and_a_running_partition_ring_nobody() -> None:
    street = town()
    incident = press(street)
    replace = msgspec.structs.replace
    taken = replace(incident, owner="officer-7", acknowledged_by="officer-7", step_until=None)
    rehearsed = replace(incident, status="Exercise")
    silence = replace(incident, kind=SILENCE)
    assert call_outs([taken, rehearsed, silence], DUTY, (0,), 1, street.now_ms) == []
    elsewhere = next(p for p in range(4) if p != partition_of("h-1", 4))
    assert call_outs([incident], DUTY, (elsewhere,), 4, street.now_ms) == []
    assert len(call_outs([incident], DUTY, (partition_of("h-1", 4),), 4, street.now_ms)) == 1


def test_an_emergency_that_the_engine_has_not_taken_up_moves_on_by_the_wall_all_the_same() -> None:
    street = town()
    (arrived,) = told(street.send(street.event("emergency_button", device="d")).arrive())
    assert arrived.step_until is None
    opened_ms, limit_ms = from_rfc3339(arrived.opened_at), DUTY.acknowledge_min.of_ms(arrived.severity)
    moments = [0, limit_ms - 1, limit_ms, 2 * limit_ms - 1, 2 * limit_ms, 9 * limit_ms]
    found = [call.owner for at in moments for call in call_outs([arrived], DUTY, (0,), 1, opened_ms + at)]
    assert found == ["gangnam-day", "gangnam-day", "supervisor", "supervisor", "control-room", "control-room"]


def test_an_emergency_that_says_no_district_yet_is_told_to_the_desk_of_its_home() -> None:
    own = Duty(desks=[Desk(district="dong-27", day="dong-27-day")])
    street = town(own)
    (arrived,) = told(street.send(street.event("emergency_button", device="d")).arrive())
    assert arrived.district is None
    (call,) = call_outs([arrived], own, (0,), 1, street.now_ms, {"h-1": "dong-27"}.__getitem__)
    assert call.owner == "dong-27-day"
    (nobody,) = call_outs([arrived], own, (0,), 1, street.now_ms)
    assert nobody.owner == "", "negative control"


def test_districts_come_from_other_incidents_or_the_registry_and_a_broker_that_is_away_is_not_waited_for_twice() -> (
    None
):
    asked: list[str] = []
    is_away = True

    def registered(household: str) -> str:
        asked.append(household)
        if is_away:
            raise BrokerAwayError("away")
        return "dong-28"

    street = town()
    press(street)
    now_ms = street.now_ms
    districts = Districts(folded(street, now_ms), registered, lambda: now_ms)
    assert (districts.of("h-1"), asked) == ("dong-27", [])
    assert (districts.of("h-2"), districts.of("h-3"), asked) == ("", "", ["h-2"])
    is_away, now_ms = False, now_ms + AWAY_MS
    assert (districts.of("h-2"), districts.of("h-2"), asked) == ("dong-28", "dong-28", ["h-2", "h-2"])
