"""A look that is spared would have found nothing: whatever comes, the household that rests is the one that was looked at."""

import random
from collections.abc import Callable
from itertools import islice

import pytest
from detector_streams import START_MS, Arrived, any_events, any_readings, arriving, event, readings

from detectors import calm, household
from detectors.calm import is_at_rest
from detectors.findings import Ask, Output
from detectors.hours import HOUR_MS, hours_of
from detectors.household import Household
from detectors.state import State
from schemas.households import Absence, HouseholdRecord, Source
from schemas.incidents import CloseCause, IncidentKind
from schemas.times import to_rfc3339

SOURCES = ("/sensors/gw", "/phone/app")
Lived = tuple[list[Output], list[bytes]]


def at_home(rng: random.Random, n: int) -> list[Arrived]:
    """Ordinary days, with what the devices say of the home, and reports that come late."""
    said = readings(rng, 60)
    well = {
        "temperature": {"value": 22.0},
        "battery": {"value": 90.0},
        "door": {"state": "off"},
        "moisture": {"state": "off"},
    }
    for device in ("hall", "front"):  # or one leak would keep the home from resting for good
        said += [event(kind, said[-1].at_ms + HOUR_MS, device=device, **good) for kind, good in well.items()]
    devices = [(one, one.at_ms + rng.randrange(0, HOUR_MS)) for one in said]
    return sorted([*arriving(rng, n), *devices], key=lambda one: (one[1], one[0].at_ms, one[0].kind))


def at_odds(rng: random.Random, n: int) -> list[Arrived]:
    """Whatever a broken gateway may send, between ordinary days."""
    strange = [(one, one.at_ms) for one in islice(any_readings(rng, n), n)]
    return sorted([*arriving(rng, n), *any_events(rng, n), *strange[: n // 10]], key=lambda one: one[1])


def up_at_night(rng: random.Random, _n: int) -> list[Arrived]:
    """Even days, and from the fifth on a way out in each night: told as wandering, which then stays open for days."""
    said = []
    for day in range(16):
        day_ms = START_MS - START_MS % (24 * HOUR_MS) + day * 24 * HOUR_MS - 9 * HOUR_MS  # 00 h in Seoul
        said += [event("motion", day_ms + minute * 60_000 + rng.randrange(60_000)) for minute in range(420, 1380, 7)]
        said += [event("heartbeat", day_ms + hour * HOUR_MS, source) for hour in range(24) for source in SOURCES]
        if day >= 4:
            for minute, state in ((60, "on"), (61, "off"), (90, "on"), (91, "off")):
                said.append(event("door", day_ms + minute * 60_000, device="front", state=state))
            said.append(event("motion", day_ms + 92 * 60_000))
    return sorted([(one, one.at_ms) for one in said if one.at_ms >= START_MS], key=lambda one: one[1])


def by_batches(rng: random.Random, _n: int) -> list[Arrived]:
    """Even days and quiet nights, in which a phone says by the hour up to when it has seen, and what it had seen; now and then a day
    of which nothing stirs, a lone trigger at night, a gateway that says nothing for hours, and calls that nobody answers."""
    said: list[Arrived] = []
    for day in range(16):
        day_ms = START_MS + day * 24 * HOUR_MS
        quiet = day in (8, 13)
        up = range(180, 1080, 9) if not quiet else range(180, 300, 9)
        moments = [day_ms + minute * 60_000 + rng.randrange(60_000) for minute in up]
        said += [(event("motion", at_ms), at_ms) for at_ms in moments]
        if rng.random() < 0.4:
            at_ms = day_ms + rng.randrange(19 * 60, 25 * 60) * 60_000
            said.append((event("motion", at_ms, device="hall"), at_ms))
        hole = rng.randrange(24) if rng.random() < 0.1 else 99
        for hour in range(24):
            at_ms = day_ms + hour * HOUR_MS + rng.randrange(HOUR_MS)
            if not 0 <= hour - hole < 4:
                said.append((event("heartbeat", at_ms), at_ms))
            told_ms = at_ms - rng.randrange(HOUR_MS // 2)
            said.append((event("complete_until", at_ms, "/phone/app", until_ms=told_ms), at_ms))
            if rng.random() < 0.2 and (4 < hour < 18 or rng.random() < 0.2) and not quiet:
                used_ms = told_ms - rng.randrange(HOUR_MS)
                said.append((event("charge", used_ms, "/phone/app", state="on"), at_ms))
        calls = {4: ("checkin_no_answer", 400), 5: ("checkin_no_answer", 400), 9: ("checkin_busy", 1090)}
        kind, begin = calls.get(day, ("checkin_answered", 400))
        for minute in range(begin, begin + 90, 30) if day in (4, 5, 7, 9) else ():
            at_ms = day_ms + minute * 60_000
            said.append((event(kind, at_ms, "/calls/p", request=f"{day}/{minute}"), at_ms))
    return sorted(
        [one for one in said if one[0].at_ms >= START_MS], key=lambda one: (one[1], one[0].at_ms, one[0].kind)
    )


def lives(
    stream: Callable[[random.Random, int], list[Arrived]],
    seed: int,
    looks: Callable[[State], bool],
    *,
    closed: float = 0.01,
    away: bool = True,
) -> Lived:
    """Let a household live through a stream, its clock moving by minutes; what it found, and its rows hour by hour."""
    rng = random.Random(seed)
    events = stream(rng, 2500)
    model = Household("h", record=a_record(away=away), start_ms=START_MS)
    found: list[Output] = []
    rows: list[bytes] = []
    raised: list[tuple[IncidentKind, int]] = []
    clock_ms, i = START_MS, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(household, "is_at_rest", looks)
        while i < len(events) and clock_ms < START_MS + 16 * 24 * HOUR_MS:
            clock_ms += 60_000
            while i < len(events) and events[i][1] <= clock_ms:
                model.learn_one(events[i][0], clock_ms)
                i += 1
            new = model.advance(clock_ms) if model.wake_ms <= clock_ms else []
            found += new
            raised += [(one.kind, int(one.facts["raised_ms"])) for one in new if not isinstance(one, Ask)]
            for kind, raised_ms in raised if rng.random() < closed else []:
                found += model.settle(kind, rng.choice(list(CloseCause)), raised_ms, clock_ms)
            if clock_ms % HOUR_MS == 0:
                rows.append(model.snapshot())
    return found, rows


def a_record(*, away: bool) -> HouseholdRecord:
    days = [START_MS + days * 24 * HOUR_MS for days in (5, 6)]
    return HouseholdRecord(
        household="h",
        sources=[Source(one, 3600) for one in SOURCES],
        absences=[Absence(to_rfc3339(days[0]), to_rfc3339(days[1]))] if away else [],
        latest_silence_h=20.0,
    )


@pytest.mark.parametrize(("seed", "closed"), [(0, 0.01), (1, 0.01), (2, 0.0)])
@pytest.mark.parametrize("stream", [at_home, at_odds])
def test_a_household_that_rests_is_the_one_that_was_looked_at(
    stream: Callable[[random.Random, int], list[Arrived]], seed: int, closed: float
) -> None:
    spared = 0

    def counted(state: State) -> bool:
        nonlocal spared
        rests = is_at_rest(state)
        spared += rests
        return rests

    rested = lives(stream, seed, counted, closed=closed)
    assert rested == lives(stream, seed, lambda _: False, closed=closed)
    assert rested[0], "nothing was found: the comparison says nothing"
    assert spared > 20, "hardly a look was spared: the comparison says nothing"


def test_negative_control_a_look_spared_whatever_comes_leaves_another_household(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = lives(at_home, 0, lambda _: False)
    monkeypatch.setattr(household, "stir", lambda _: None)
    assert lives(at_home, 0, is_at_rest) != looked_at


@pytest.mark.parametrize("seed", range(4))
def test_a_silence_that_goes_on_is_the_one_that_was_looked_at(seed: int) -> None:
    spared = alone = 0

    def counted(state: State) -> bool:
        nonlocal spared, alone
        rests = is_at_rest(state)
        spared += rests and state.clock_ms >= calm.earliest_silence(state)
        alone += rests and IncidentKind.UNANSWERED_CALLS in state.told
        return rests

    rested = lives(by_batches, seed, counted, closed=0.0001, away=False)
    assert rested == lives(by_batches, seed, lambda _: False, closed=0.0001, away=False)
    assert any(isinstance(one, Ask) or one.kind is IncidentKind.SILENCE for one in rested[0]), "no silence was near"
    assert spared > 30, "hardly a look at a silence was spared: the comparison says nothing"
    assert alone > 50, "calls that nobody answered kept a home that lives from resting"


def _at_once(_state: State, _until_ms: int) -> bool:
    return True


def _never(_state: State) -> bool:
    return False


@pytest.mark.parametrize(("name", "wrong"), [("_goes_on", _at_once), ("_hangs_on_life", _never)])
def test_negative_control_a_silence_that_rests_whatever_is_due_leaves_another_household(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[..., bool]
) -> None:
    looked_at = [lives(by_batches, seed, lambda _: False, closed=0.0001, away=False) for seed in range(2)]
    monkeypatch.setattr(calm, name, wrong)
    assert [lives(by_batches, seed, is_at_rest, closed=0.0001, away=False) for seed in range(2)] != looked_at


@pytest.mark.parametrize("seed", range(2))
def test_a_home_with_a_decline_open_rests_as_it_did_before(seed: int) -> None:
    looks = 0

    def counted(state: State) -> bool:
        nonlocal looks
        rests = is_at_rest(state)
        looks += not rests and IncidentKind.NIGHT_WANDERING in state.told
        return rests

    found, rows = lives(up_at_night, seed, counted, closed=0)
    (told,) = [one for one in found if not isinstance(one, Ask)]
    assert told.kind is IncidentKind.NIGHT_WANDERING
    signs = sum(at_ms > told.event_until_ms for _, at_ms in up_at_night(random.Random(seed), 0))
    assert 0 < looks < signs / 20, "signs of life were followed by whole looks for as long as it stood open"
    assert (found, rows) == lives(up_at_night, seed, lambda _: False, closed=0)


def test_negative_control_a_home_that_rests_whatever_is_open_is_told_late_that_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = lives(at_odds, 0, lambda _: False, closed=0)
    for module in (household, calm):
        monkeypatch.setattr(module, "listens", lambda _: False)
    assert lives(at_odds, 0, is_at_rest, closed=0) != looked_at


@pytest.mark.parametrize("zone", ["Asia/Seoul", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_a_minute_of_the_day_is_found_as_the_calendar_has_it_where_clocks_change_and_where_they_do_not(
    zone: str,
) -> None:
    hours, rng = hours_of(zone), random.Random(1)
    for _ in range(400):
        at_ms, minute = START_MS + rng.randrange(-5 * 365 * 24, 365 * 24) * HOUR_MS // 4, rng.randrange(1440)
        around = hours._around(at_ms, minute)
        assert hours.last_at(at_ms, minute) == max(one for one in around if one <= at_ms)
        assert hours.next_at(at_ms, minute) == min(one for one in around if one > at_ms)
