"""A district's outage: found from the counts of all partitions in any order, told to all, and no alarm in its homes."""

import random
from typing import Any

import pytest
from crashing import Told, run_crashing, states
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from street import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Street
from test_partition import few

from schemas.district import (
    MARK_MS,
    MOST_COUNTED,
    Counted,
    DistrictCounts,
    DistrictState,
    Heard,
    Lesson,
    Outage,
    is_district,
    name_of,
)
from schemas.encode import encode
from schemas.events import Reason, TickMode
from schemas.households import Source
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE
from schemas.refusals import is_pseudonym
from schemas.times import from_rfc3339, to_rfc3339
from streams.districts import stage as district_stage
from streams.districts.hearing import Hearing
from streams.districts.stage import A_WHOLE_HOUR, LAGGING, Stage
from streams.engine.partition import Output

BEGIN_MS = START_MS // DAY_MS * DAY_MS
DAYS = 5
OUT = range(4 * DAY_MS // MARK_MS, 4 * DAY_MS // MARK_MS + 30)
"""Marks at which hardly a home of the district is heard of."""


def counts(partition: int, mark: int, *, out: bool) -> DistrictCounts:
    """What one of three partitions counts at a mark: two districts of 60 homes here, 50 of which are heard of as a rule."""
    rng = random.Random(partition * 100_000 + mark)
    at = to_rfc3339(BEGIN_MS + mark * MARK_MS)
    found = [
        Counted(
            district=district,
            home=Heard(homes=60, heard=3 if out and district == "d1" else rng.randrange(46, 54)),
            phone=Heard(homes=40, heard=rng.randrange(10, 20)),
        )
        for district in ("d1", "d2")
    ]
    return DistrictCounts(partition=partition, at=at, districts=found, lessons=[Lesson(x=[mark], y=1.0)])


def lanes(marks: int = DAYS * DAY_MS // MARK_MS, *, out: range = OUT) -> list[list[DistrictCounts]]:
    """The records of each of three partitions, in the order in which it says them."""
    return [[counts(p, mark, out=mark in out) for mark in range(1, marks)] for p in range(3)]


def said(stage: Stage, records: list[DistrictCounts]) -> list[DistrictState]:
    return [state for one in records for state in stage.take(one)]


def mixed(rng: random.Random, kinds: list[list[DistrictCounts]], ahead: int) -> list[DistrictCounts]:
    """The records of all partitions as they may come: one runs up to so many records ahead, and some say things again."""
    out: list[DistrictCounts] = []
    places = [0] * len(kinds)
    while any(place < len(kind) for place, kind in zip(places, kinds, strict=True)):
        behind = min(place for place, kind in zip(places, kinds, strict=True) if place < len(kind))
        may = [n for n, kind in enumerate(kinds) if places[n] < len(kind) and places[n] <= behind + ahead]
        n = rng.choice(may)
        run = rng.randrange(1, 14)
        out += kinds[n][places[n] : places[n] + run]
        places[n] += run
        if rng.random() < 0.05:  # it goes on from an earlier checkpoint
            places[n] = max(0, places[n] - rng.randrange(1, 34))
    return out


def test_an_outage_of_a_district_is_told_once_with_its_channel_and_once_when_it_is_over() -> None:
    found = said(Stage(3), mixed(random.Random(1), lanes(), 0))
    assert [(one.district, [outage.channel for outage in one.outages]) for one in found] == [
        ("d1", ["home"]),
        ("d1", []),
    ]
    begun, ended = found
    assert begun.at == to_rfc3339(BEGIN_MS + (OUT.start + 1) * MARK_MS), "at the second mark"
    assert begun.outages[0].since == to_rfc3339(BEGIN_MS + OUT.start * MARK_MS)
    assert ended.at == to_rfc3339(BEGIN_MS + (OUT.stop + A_WHOLE_HOUR - 1) * MARK_MS), "after an hour"
    assert begun.outages[0].expected > 100 > begun.outages[0].heard


def test_no_outage_is_told_where_nobody_knows_yet_what_is_usual_nor_where_homes_are_few() -> None:
    early = range(2 * DAY_MS // MARK_MS, 2 * DAY_MS // MARK_MS + 30)
    assert not said(Stage(3), mixed(random.Random(1), lanes(out=early), 0))
    few_homes = [
        replace(one, districts=[replace(c, home=Heard(homes=15, heard=c.home.heard // 4)) for c in one.districts])
        for one in lanes()[0]
    ]
    assert not said(Stage(1), few_homes)


def at_the_full_hour(mark: int, *, homes: int = 200, left: float = 1.0) -> DistrictCounts:
    """A district at night whose gateways all say their heartbeat at the full hour; so many are left."""
    heard = round(homes * left * (0.97 if 1 <= mark % 12 <= 3 else 0.12))
    counted = [Counted(district="d1", home=Heard(homes=homes, heard=heard))]
    return DistrictCounts(partition=0, at=to_rfc3339(BEGIN_MS + mark * MARK_MS), districts=counted)


def test_a_district_whose_homes_all_report_at_the_full_hour_has_no_outage_in_between() -> None:
    assert not said(Stage(1), [at_the_full_hour(mark) for mark in range(1, 1400)])


@pytest.mark.parametrize("begins", range(1296, 1308, 2))
@pytest.mark.parametrize("left", [0.0, 0.2])
def test_its_outage_is_told_once_within_seventy_minutes_whenever_it_begins(begins: int, left: float) -> None:
    out = range(begins, begins + 48)
    records = [at_the_full_hour(mark, left=left if mark in out else 1.0) for mark in range(1, 1400)]
    begun, ended = said(Stage(1), records)
    assert BEGIN_MS + begins * MARK_MS <= from_rfc3339(begun.outages[0].since) <= from_rfc3339(begun.at)
    assert from_rfc3339(begun.at) <= BEGIN_MS + begins * MARK_MS + 70 * MINUTE_MS
    assert not ended.outages
    assert from_rfc3339(ended.at) > BEGIN_MS + out.stop * MARK_MS


def test_the_state_of_a_nation_fits_into_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that names a district for every home, and a partition that is waited for."""
    monkeypatch.setattr(district_stage, "MOST_DISTRICTS", 30)
    monkeypatch.setattr(district_stage, "MOST_WAITING", 100)
    stage, sizes = Stage(2), []
    for mark in range(1, 20):
        at = to_rfc3339(BEGIN_MS + mark * MARK_MS)
        counted = [Counted(district=f"d{n:03}", home=Heard(homes=9, heard=7)) for n in range(40)]
        stage.take(DistrictCounts(partition=0, at=at, districts=counted))
        sizes.append(len(stage.state()))
    assert max(sizes[10:]) <= max(sizes[:10]) + 30 * 8


@few(4)
@given(seed=st.integers(0, 1 << 20))
def test_whichever_worker_has_which_partition_and_whoever_crashes_the_districts_are_the_same(seed: int) -> None:
    """Partitions come in any order, one hours ahead of another; the stage goes on from a checkpoint anywhere."""
    rng = random.Random(seed)
    straight = Stage(3)
    wanted = said(straight, mixed(random.Random(0), lanes(), 0))
    records = mixed(rng, lanes(), rng.choice([3, 100]))
    stage, found = Stage(3), []
    for place, one in enumerate(records):
        found += stage.take(one)
        if rng.random() < 0.006:
            kept = stage.state()
            lost = records[place + 1 : place + 17]
            found += [state for later in lost for state in stage.take(later)]
            stage = Stage(3)
            stage.restore(kept)
    distinct = list({(one.district, one.at): one for one in found}.values())
    assert distinct == wanted
    assert stage.state() == straight.state()


def test_negative_control_a_stage_that_waits_for_nobody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = said(Stage(3), mixed(random.Random(0), lanes(), 0))
    monkeypatch.setattr(district_stage, "LAGGING", 0)
    assert said(Stage(3), mixed(random.Random(3), lanes(), 100)) != wanted


def test_a_partition_that_stands_still_for_hours_does_not_leave_all_districts_unwatched() -> None:
    first, second, third = lanes()
    stage = Stage(3)
    assert not said(stage, third[:30])
    found = said(stage, mixed(random.Random(1), [first, second], 0))
    assert [len(one.outages) for one in found] == [1, 0]
    assert stage.left_out == 1
    assert len(first) > LAGGING


def test_lessons_of_a_mark_are_learned_together_and_an_outage_of_three_days_is_how_things_are_now() -> None:
    batches: list[list[float]] = []

    def learn(lessons: Any) -> list[float]:
        batches.append([one.x[0] for one in lessons])
        return [1.0]

    long = range(OUT.start, OUT.start + 5 * DAY_MS // MARK_MS)
    found = said(Stage(3, learn), mixed(random.Random(2), lanes(long.stop, out=long), 0))
    assert batches[:3] == [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    states_of = [(one.at, len(one.outages)) for one in found if one.district == "d1"]
    assert [n for _, n in states_of] == [1, 1, 1, 0], "said again at each midnight, and over after three days"


# What the engines do with it.


HOMES = [f"h-{n}" for n in range(12)]


def a_street(district: str = "d1", **options: Any) -> Street:
    street = Street(**options)
    street.tick()
    for name in HOMES:
        street.register(name, district=district, sources=[Source("/sensors/gw-1", 1800)])
    street.register("h-phone", district=district, sources=[Source("/sensors/gw-1", 1800), Source("/phone/p-1", 1800)])
    for _ in range(24):
        live(street)
    return street


def live(street: Street, *, homes: bool = True, phone: bool = True) -> list[Output]:
    """Half an hour of a quiet street."""
    for name in [*HOMES, "h-phone"] if homes else []:
        street.happen("motion", name, state="on", device="m")
        street.happen("heartbeat", name)
    if phone:
        street.happen("unlock", "h-phone")
    return street.pass_ms(HOUR_MS // 2, 5 * MINUTE_MS)


def tell(street: Street, *channels: Any, district: str = "d1") -> None:
    """What the stage says."""
    at = street.now_ms
    outages = [Outage(channel=one, since=to_rfc3339(at - 20 * MINUTE_MS), expected=12, heard=0) for one in channels]
    street.put(
        "district.state",
        district.encode(),
        encode(DistrictState(district=district, at=to_rfc3339(at), outages=outages)),
    )


def dark(street: Street, hours: int, *channels: Any) -> dict[str, Any]:
    """So many hours without a word from any home, of which the stage says what is out; what was told of whom."""
    live(street, homes=False)
    tell(street, *channels)
    for _ in range(2 * hours):
        live(street, homes=False)
    return {one.household: one.kind for one in street.incidents().values()}


def test_homes_that_an_outage_silences_are_not_told_one_by_one() -> None:
    street = a_street()
    assert dark(street, 22, "home") == {"district-d1": IncidentKind.DISTRICT_OUTAGE}


def test_a_latest_silence_that_an_officer_set_holds_during_an_outage() -> None:
    street = a_street()
    street.register("h-0", district="d1", sources=[Source("/sensors/gw-1", 1800)], latest_silence_h=8)
    found = dark(street, 12, "home")
    assert found == {"h-0": IncidentKind.SILENCE, "district-d1": IncidentKind.DISTRICT_OUTAGE}


def test_an_outage_is_one_incident_of_its_district_which_an_officer_takes_and_its_end_closes() -> None:
    street = a_street()
    dark(street, 2, "home")
    [one] = street.incidents().values()
    assert (one.household, one.district, one.kind) == ("district-d1", "d1", IncidentKind.DISTRICT_OUTAGE)
    assert "12 homes" in one.sentence_en
    assert "12가구" in one.sentence_ko
    assert one.shares == {"home": 1.0}
    assert street.partition.households == len(HOMES) + 1, "nobody lives there"
    street.act(one)
    street.tick()
    tell(street, "home")  # said again
    street.tick()
    [one] = street.incidents().values()
    assert one.acknowledged_by == "officer-1"
    tell(street)
    live(street)
    [one] = street.incidents().values()
    assert (one.state, one.cause) == ("closed", "source_outage")


@pytest.mark.parametrize(("code", "name"), [("dong-27", "district-dong-27"), ("동구", None), ("x" * 70, None)])
def test_a_district_has_a_pseudonym_whatever_its_code(code: str, name: str | None) -> None:
    found = name_of(code)
    assert is_pseudonym(found)
    assert is_district(found)
    assert name in (None, found)


def test_an_outage_explains_a_home_for_a_day_and_then_each_is_told() -> None:
    street = a_street()
    dark(street, 20, "home")
    tell(street, "home")  # it lasts
    for _ in range(10):
        live(street, homes=False)
    assert {*HOMES} <= {one.household for one in street.incidents().values() if one.kind is IncidentKind.CANNOT_SEE}


def test_negative_control_without_the_outage_every_home_is_told() -> None:
    found = dark(a_street(), 26)
    assert set(found) == {*HOMES, "h-phone"} - ({"h-phone"} if "h-phone" not in found else set())
    assert IncidentKind.CANNOT_SEE in found.values()


def test_when_it_is_over_whoever_does_not_report_within_an_hour_is_told() -> None:
    street = a_street()
    dark(street, 20, "home")
    tell(street)
    for name in HOMES[1:]:
        street.happen("motion", name, state="on", device="m")
    street.happen("motion", "h-phone", state="on", device="m")
    street.pass_ms(HOUR_MS // 2)
    assert {one.household for one in street.incidents().values()} == {"district-d1"}
    street.pass_ms(HOUR_MS)
    assert {one.household for one in street.incidents().values()} == {"district-d1", HOMES[0]}


def test_an_outage_that_nobody_speaks_of_again_explains_nothing_for_ever() -> None:
    found = dark(a_street(), 40, "home")
    assert {*HOMES} <= set(found)


def test_a_home_that_is_heard_of_again_is_judged_as_ever_and_one_with_a_phone_always_was() -> None:
    street = a_street()
    dark(street, 2, "home")
    for name in ("h-0", "h-phone"):
        watched = street.partition.household(name)
        assert watched is not None
        assert (watched.alerted != (1.0, 0)) == (name == "h-0")
    street.happen("heartbeat", "h-0")
    street.tick()
    watched = street.partition.household("h-0")
    assert watched is not None
    assert watched.alerted == (1.0, 0)


@pytest.mark.parametrize("hours", [11, 13])
def test_a_home_that_was_silent_for_half_a_day_before_an_outage_is_not_explained_by_it(hours: int) -> None:
    street = a_street()
    for _ in range(2 * hours):
        for name in HOMES[1:]:
            street.happen("heartbeat", name)
        street.pass_ms(HOUR_MS // 2, 5 * MINUTE_MS)
    tell(street, "home")
    street.tick()
    watched, other = (street.partition.household(name) for name in HOMES[:2])
    assert watched is not None
    assert other is not None
    assert (watched.alerted == (1.0, 0)) == (hours > 12)
    assert other.alerted != (1.0, 0)


def test_garbage_about_a_district_is_a_dead_letter_and_the_next_record_is_taken() -> None:
    street = a_street()
    for value in (b"{", b'{"district": "d1", "at": "now"}', None):
        street.put("district.state", b"d1", value)
    street.tick()
    letters = [one for one in street.letters() if one.topic == "district.state"]
    assert [one.reason for one in letters] == [Reason.NOT_JSON, Reason.BAD_TIME, Reason.MISSING_FIELD]
    assert not street.partition.districts_out
    tell(street, "home")
    street.tick()
    assert street.partition.districts_out == 1


def test_what_a_partition_counts_is_each_home_once_and_no_exercise() -> None:
    street = a_street()
    street.register("exercise-1", district="d1", sources=[Source("/sensors/gw-1", 1800)])
    street.happen("heartbeat", "exercise-1")
    street.happen("heartbeat", "h-0")
    street.pass_ms(15 * MINUTE_MS, 5 * MINUTE_MS)
    found = [one.what for one in street.out if one.topic == "district.counts"]
    last = found[-1]
    assert isinstance(last, DistrictCounts)
    assert last.districts == [Counted(district="d1", home=Heard(homes=13, heard=1), phone=Heard(homes=1, heard=0))]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_counts_are_those_of_going_through_all_homes_whatever_came_between(seed: int) -> None:
    assert _counted_as_one_by_one(seed, stale=False)


def test_homes_that_begin_to_report_would_be_missed_if_only_the_first_count_of_them_were_known() -> None:
    assert not all(_counted_as_one_by_one(seed, stale=True) for seed in range(5))


def _counted_as_one_by_one(seed: int, *, stale: bool) -> bool:
    """Tell whether a `Hearing` counts as a loop over all homes does; `stale`: changes of who reports are not noted."""
    rnd, hearing, clock_ms = random.Random(seed), Hearing(), START_MS
    lies: dict[int, str | None] = {}
    last: dict[tuple[int, int], int] = {}
    for _ in range(300):
        place, reporting = rnd.randrange(len(lies) + 1), hearing._reporting
        if place == len(lies) or rnd.random() < 0.05:
            hearing.begin(place)
            lies[place], last[place, 0], last[place, 1] = None, 0, 0
        elif rnd.random() < 0.3:
            lies[place] = rnd.choice([None, "", "d1", "d2", "d3"])
            hearing.settle(place, lies[place])
        else:
            channel, at_ms = rnd.randrange(2), clock_ms + rnd.choice([0, 0, 20 * MINUTE_MS])
            hearing.hear(channel, place, at_ms)
            last[place, channel] = at_ms // MINUTE_MS
            if stale:
                hearing._reporting = reporting
        clock_ms += rnd.choice([0, MINUTE_MS, 15 * MINUTE_MS])
        wanted = []
        for district in sorted({each for each in lies.values() if each}):
            homes = [home for home in lies if lies[home] == district]
            each = [[last[home, channel] for home in homes if last[home, channel]] for channel in range(2)]
            at_home, carried = (
                Heard(homes=len(one), heard=sum(minute > clock_ms // MINUTE_MS - 15 for minute in one)) for one in each
            )
            if at_home.homes or carried.homes:
                wanted.append(Counted(district=district, home=at_home, phone=carried))
        if hearing.counts(clock_ms) != wanted:
            return False
    return True


def test_a_district_for_every_home_is_counted_in_records_that_a_broker_takes() -> None:
    street, homes = Street(), MOST_COUNTED + 7
    street.tick()
    names = [f"h-{n}" for n in range(homes)]
    for name in names:
        street.register(name, district="x" * 60 + name, sources=[Source("/sensors/gw-1", 1800)])
        street.happen("heartbeat", name)
    street.pass_ms(10 * MINUTE_MS, 5 * MINUTE_MS)
    records = [one.what for one in street.out if isinstance(one.what, DistrictCounts)]
    of_mark = [one for one in records if one.at == records[-1].at]
    assert [(len(one.districts), one.more) for one in of_mark] == [(MOST_COUNTED, True), (7, False)]
    assert max(len(encode(one)) for one in of_mark) < 1 << 18
    again, straight = Stage(1), Stage(1)
    said(straight, of_mark)
    said(again, [of_mark[0], *of_mark])  # a worker that died between the two goes on from before
    assert again.state() == straight.state()
    whole = Stage(1)
    said(whole, [replace(of_mark[1], districts=[*of_mark[0].districts, *of_mark[1].districts])])
    assert whole.state() == straight.state()


def test_homes_that_report_while_the_ticker_is_away_have_been_heard_of_when_it_is_back() -> None:
    street = Street()
    stamps: list[list[int]] = [[] for _ in street.logs]
    street.register("h-1", district="d1")

    def arrive() -> list[Output]:
        """Hand over what is new, stamped by the broker."""
        out: list[Output] = []
        for topic, log in enumerate(street.logs):
            at = street.partition.order.expected(topic)
            stamps[topic] += [street.now_ms] * (len(log) - len(stamps[topic]))
            chunk = log.chunk(at, len(log))
            chunk.timestamps, chunk.broker_stamped = stamps[topic][at:], True
            street.partition.offer(topic, chunk)
        return out + street.partition.pump()

    def tick() -> list[Output]:
        for log in street.logs:
            log.tick(street.now_ms, TickMode.LIVE)
        return arrive()

    tick()
    for away in (False, False, True, True, True, True, True, True):
        street.now_ms += 5 * MINUTE_MS
        street.happen("heartbeat", "h-1")
        arrive() if away else tick()
    street.now_ms += 5 * MINUTE_MS
    found = [one.what for one in tick() if isinstance(one.what, DistrictCounts)]
    assert [each.home for one in found for each in one.districts] == [Heard(homes=1, heard=1)]


def test_what_is_counted_is_the_same_under_any_profile_so_a_what_if_has_the_outages_of_the_log() -> None:
    found = []
    for budget in (0.05, 3.0):
        street = a_street(fixed_profile=replace(DEFAULT_PROFILE, id=f"p-{budget}", silence_budget=budget))
        dark(street, 26)
        found.append(([one for one in street.out if one.topic == "district.counts"], street.incidents()))
    (counted, told), (counted_too, told_too) = found
    assert counted == counted_too
    assert counted
    assert told != told_too, "each under its own profile"


@few(3)
@given(seed=st.integers(0, 1 << 20))
def test_crashes_during_an_outage_change_nothing_that_is_told_counted_or_kept(seed: int) -> None:
    street = a_street()
    dark(street, 14, "home")
    tell(street)
    live(street)
    live(street)
    wanted = Told()
    wanted.take(street.out)
    told, state, crashed = run_crashing(street.logs, seed, crashes=5)
    assert crashed
    assert not told.differing
    assert told.records == wanted.records
    assert state == states(street.partition)


@pytest.mark.parametrize("knows", [True, False], ids=["", "control"])
def test_counts_that_were_told_before_are_not_counted_again(knows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home whose row is ahead of the position knows when it was heard of last, and no longer when it was before that."""
    if not knows:
        monkeypatch.setattr(Hearing, "told_ms", property(lambda _: 0, lambda _, __: None))
    street = a_street()
    street.keep()
    before = len(street.out)
    street.pass_ms(HOUR_MS, 5 * MINUTE_MS)
    street.happen("heartbeat", "h-0")
    street.tick()
    *rows, _ = street.partition.checkpoint().rows
    first, again = Told(), Told()
    first.take(street.out[before:])
    # It breaks off before its position row, and compaction takes what was there before.
    street.changelog = [row for row in street.changelog if row[0] not in dict(rows)] + rows
    again.take(street.crash().arrive())
    assert not again.differing
    assert (set(again.records) <= set(first.records)) == knows
