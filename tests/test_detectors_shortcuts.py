"""What is reckoned in a shorter way is what the longer one says."""

import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from detector_homes import CALLS, GATEWAY, PHONE, Home
from detector_streams import START_MS, event
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calls import REACHED, UNANSWERED, Calls
from detectors.episodes import LINK_MS, Episodes
from detectors.fading import Fading, Fadings
from detectors.hazard import (
    AWAY_FLOOR,
    BUCKETS,
    NEVER_MS,
    NO_RATES,
    SHAPE,
    DayRates,
    FewRates,
    HazardTable,
    bucket,
    row_of,
)
from detectors.hours import DAY_MS, HOUR_MS, LocalHours
from detectors.meals import CORES, GAP_MS, HERE, OUT, UNSEEN, where
from detectors.medication import MISSED, TAKEN, Medication
from detectors.overview import overview
from detectors.priors import prior
from detectors.rhythm import Rhythm, _together
from detectors.room import of_few_homes, room
from detectors.silence import ALWAYS, Lane, Segments, Sight, is_dark_from, reach, reach_first, score
from detectors.source import Source
from detectors.stretches import Stretches, stretches_of
from detectors.tally import Tally
from detectors.weeks import Weeks, day_of, monday_of, month_of
from detectors.words import PHONE as WORDS_OF_PHONE
from detectors.words import WORD_BYTES, read, read_at
from schemas.profiles import DEFAULT_PROFILE
from schemas.views import HourlyDay

ZONES = ("Asia/Seoul", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu")
FROM_MS, UNTIL_MS = (int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) * 1000 for month in (1, 12))
RATES: DayRates = [0.02 + 0.01 * place / 7 for place in range(2 * 24 * BUCKETS)]
moments = st.integers(FROM_MS, UNTIL_MS)
hours = st.sampled_from([LocalHours(zone) for zone in ZONES])


@st.composite
def lanes(draw: st.DrawFn, start_ms: int) -> list[Lane]:
    out = []
    for name in draw(st.sampled_from([("home",), ("home", "phone"), ("home", "phone", "worn")])):
        since_ms = start_ms - draw(st.integers(0, 30)) * HOUR_MS // 2
        moments_ms = sorted(draw(st.sets(st.integers(-20, 40), max_size=3)))
        shares = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4))
        seen = (Sight(0, shares[3]), *(Sight(start_ms + h * HOUR_MS, shares[i]) for i, h in enumerate(moments_ms)))
        out.append(Lane(name, RATES, since_ms, draw(st.sampled_from([ALWAYS, seen]))))
    return out


@settings(deadline=None)
@given(st.data(), hours, moments)
def test_a_walk_along_a_silence_reads_the_cell_of_the_wall_clock_wherever_clocks_change(
    data: st.DataObject, zone: LocalHours, start_ms: int
) -> None:
    since_ms = start_ms - data.draw(st.integers(0, 100)) * HOUR_MS // 10
    end_ms = start_ms + data.draw(st.integers(1, 300)) * HOUR_MS // 2
    at_ms = start_ms
    along = Segments(zone, start_ms, end_ms, [Lane("home", RATES, since_ms)])
    while along.step():
        from_ms, until_ms = along.from_ms, along.until_ms
        weekend, hour, ends_ms = zone.cell(from_ms)
        k = bucket(from_ms - since_ms)
        assert along.rates == [along.rate] == [RATES[row_of(weekend, hour) + k] if k >= 0 else 0.0]
        assert from_ms == at_ms < until_ms <= ends_ms
        assert bucket(until_ms - 1 - since_ms) == k
        at_ms = until_ms
    assert at_ms == end_ms


@settings(deadline=None)
@given(st.data(), hours, moments)
def test_one_walk_finds_both_levels_where_two_find_them(data: st.DataObject, zone: LocalHours, start_ms: int) -> None:
    ways = data.draw(lanes(start_ms))
    end_ms = data.draw(st.sampled_from([NEVER_MS, start_ms + 30 * HOUR_MS, start_ms]))
    level, ask_at = data.draw(st.floats(-1, 60)), data.draw(st.floats(0.1, 60))
    per_hour = data.draw(st.sampled_from([0.0, 0.3, 2.0]))
    due_ms = reach(zone, start_ms, end_ms, ways, [], [level], per_hour)[0]
    ask_ms = reach(zone, start_ms, min(end_ms, due_ms), ways, [], [ask_at])[0]
    assert reach_first(zone, start_ms, end_ms, ways, level, per_hour, ask_at) == (ask_ms, due_ms)
    assert reach_first(zone, start_ms, end_ms, ways, level, per_hour, None) == (NEVER_MS, due_ms)


@settings(deadline=None)
@given(st.data(), hours, moments)
def test_the_table_of_what_sees_nothing_of_a_silence_need_not_be_read(
    data: st.DataObject, zone: LocalHours, start_ms: int
) -> None:
    ways = data.draw(lanes(start_ms))
    end_ms = start_ms + 20 * HOUR_MS
    spared = [lane._replace(rates=NO_RATES) if is_dark_from(lane.seen, start_ms) else lane for lane in ways]
    assert score(zone, start_ms, end_ms, spared) == score(zone, start_ms, end_ms, ways)
    if score(zone, start_ms, end_ms, ways) != [0.0] * len(ways):
        assert spared != [lane._replace(rates=NO_RATES) for lane in ways]


columns = st.sets(st.integers(0, 30), max_size=12)


@given(columns, columns, columns, st.data())
def test_stretches_of_several_channels_stand_in_order_of_time(
    home: set[int], phone: set[int], calls: set[int], data: st.DataObject
) -> None:
    lived = {}
    for kind, starts in (("calls", calls), ("home", home), ("phone", phone)):
        ends = [at_ms + data.draw(st.sampled_from([0, 0, 1])) for at_ms in sorted(starts)]
        leaves = [data.draw(st.booleans()) for _ in ends]
        if starts or data.draw(st.booleans()):
            lived[kind] = Stretches(sorted(starts), ends, leaves, [99] if kind == "home" else [], 0)
    kinds, together = _together(lived)
    found = list(zip(together.starts, together.ends, kinds, together.leaves, strict=True))
    every = [
        (*each, kind, gone)
        for kind, one in lived.items()
        for *each, gone in zip(one.starts, one.ends, one.leaves, strict=True)
    ]
    assert found == sorted(every)
    assert together.ghosts == ([99] if "home" in lived else [])


@given(st.lists(st.tuples(st.integers(1, 120), st.booleans(), st.booleans()), max_size=40), st.integers(0, 100))
def test_a_ring_forgets_all_but_the_last_proof_and_the_last_ghost_after_it(
    signs: list[tuple[int, bool, bool]], day: int
) -> None:
    ring, at_ms = Episodes(), FROM_MS
    for minutes, sure, is_exit in signs:
        at_ms += minutes * 60_000
        ring.learn_one(at_ms, "motion", sure=sure, exit_door=is_exit and sure)
    before_ms = FROM_MS + day * HOUR_MS // 2
    proofs, ghosts = ring.proofs(), ring.lone(0, NEVER_MS)
    old = [one for one in proofs if one.start < before_ms][-1:]
    lone = [one for one in ghosts if (old[0].start if old else 0) < one[0] < before_ms][:1]
    ring.forget_before(before_ms)
    assert ring.proofs() == old + [one for one in proofs if one.start >= before_ms]
    assert ring.lone(0, NEVER_MS) == [one for one in ghosts if one[0] >= before_ms] + lone
    assert Episodes.from_state(ring.state()).state() == ring.state()


@given(st.dictionaries(st.integers(0, 288), st.booleans(), max_size=30), st.integers(0, 2), st.booleans())
def test_who_was_at_home_for_a_meal_is_told_in_one_walk(starts: dict[int, bool], place: int, out: bool) -> None:
    begun = {FROM_MS + minute * 300_000: gone for minute, gone in sorted(starts.items())}
    first, last = (FROM_MS + int((hour - 4) * HOUR_MS) for hour in CORES[place])
    inside = {at_ms: gone for at_ms, gone in begun.items() if first <= at_ms < last}
    gaps = [b - a for a, b in pairwise([first, *inside, last])]
    here = HERE if inside and max(gaps) <= GAP_MS else UNSEEN
    found = where(list(begun), list(begun.values()), FROM_MS, place, out=out)
    assert found == (OUT if out or any(inside.values()) else here)


@given(st.integers(0, (1 << 47) - 1), st.binary(min_size=11, max_size=11))
def test_a_word_is_read_from_its_bytes_as_from_its_number(at_ms: int, rest: bytes) -> None:
    number = at_ms << 88 | int.from_bytes(rest, "big")
    word = read(number)
    assert read_at(b"..." + number.to_bytes(WORD_BYTES, "big") + b".", 3) == word
    assert read_at(number.to_bytes(WORD_BYTES + 1, "big"), 0) != word or not number


@pytest.mark.parametrize("batches", [False, True])
@settings(deadline=None)
@given(st.data())
def test_holes_in_the_reports_are_those_between_the_hours_of_reports(batches: bool, data: st.DataObject) -> None:
    base_h, profile = 490_000, DEFAULT_PROFILE
    source = Source("home", (base_h + data.draw(st.integers(-40, 40))) * HOUR_MS)
    source.longest_h = data.draw(st.sampled_from([1.0, 4.0, 12.0]))
    source.before_h = data.draw(st.sampled_from([0, base_h - 30, base_h - 1]))
    for hour in data.draw(st.sets(st.integers(0, 120), max_size=12)):
        source.learn_one((base_h + hour) * HOUR_MS, base_h, until_ms=(base_h + hour) * HOUR_MS if batches else 0)
    end_h = base_h + data.draw(st.integers(-60, 160))
    marks = [*(hour for hour in source.marks(base_h) if hour < end_h), end_h]
    limit_h = source.limit_ms(profile) / HOUR_MS
    holes = [((a + 1) * HOUR_MS, b * HOUR_MS) for a, b in pairwise(marks) if b - a - 1 >= limit_h]
    assert source.unseen_before(base_h, end_h * HOUR_MS + 5, profile) == holes


def test_the_hours_of_a_day_are_those_of_the_wall_clock_also_where_clocks_change() -> None:
    """In London clocks went forward on 2026-03-29 at 01:00 UTC: the day of life that began on the 28th had 23 hours."""
    elsewhere = []
    for name in ("Europe/London", "Asia/Seoul"):
        home = Home(time_zone=name)
        home.live(3, from_day=85, until_hour=30)
        state, zone = home.model._state, ZoneInfo(name)
        days: list[HourlyDay] = overview(state, home.model.clock_ms)["days"]
        (day,) = [one for one in days if one.date == "2026-03-28"]
        begun = [one.start for ring in state.rings.values() for one in ring.proofs()]
        wall = [datetime.fromtimestamp(at_ms / 1000, zone) - timedelta(hours=4) for at_ms in begun]
        hours = [moment.hour for moment in wall if moment.date().isoformat() == day.date]
        assert [count or 0 for count in day.begun] == [hours.count(place) for place in range(24)]
        first_ms = datetime(2026, 3, 28, 4, tzinfo=zone).timestamp() * 1000
        passed = [int((at_ms - first_ms) // HOUR_MS) for at_ms in begun]
        elsewhere.append([place for place in passed if 0 <= place < 24] != hours)
    assert elsewhere == [True, False], "reckoned from 04:00 on, some would stand in another hour in London"


def test_a_view_says_the_deadline_of_the_whole_verdict() -> None:
    alarms = 0
    for sources in ((GATEWAY,), (GATEWAY, PHONE), (PHONE,), (GATEWAY, CALLS)):
        home = Home(*sources)
        home.live(10, until_hour=20)
        state = home.model._state
        for clock_ms in range(home.model.clock_ms, home.model.clock_ms + DAY_MS, 3 * HOUR_MS):
            silence, verdict = state.verdict(clock_ms=clock_ms)
            unasked, shorter = state.verdict(clock_ms=clock_ms, asks=False)
            assert (silence.since_ms, silence.lanes) == (unasked.since_ms, unasked.lanes)
            assert shorter == verdict._replace(ask_ms=NEVER_MS)
            alarms += verdict.due_ms < NEVER_MS
    assert alarms


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.dictionaries(st.integers(0, 2), st.integers(1, 40_000)))), st.data())
def test_counts_shown_with_others_are_those_of_having_added_them(
    kept: list[tuple[int, dict[int, int]]], data: st.DataObject
) -> None:
    tally, added = Tally(3, 4), Tally(3, 4)
    for number, places in kept:
        tally.add(number, places)
        added.add(number, places)
    more = data.draw(st.dictionaries(st.integers(0, 10), st.dictionaries(st.integers(0, 2), st.integers(1, 40_000))))
    for number, places in more.items():
        added.add(number, places)
    before = tally.rows
    assert tally.plus(more) == added.all()
    assert tally.rows == before


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.lists(st.integers(0, 20 * 24 * 4), min_size=1, max_size=12))
def test_words_are_counted_in_the_week_and_month_of_their_day_also_where_clocks_change(
    name: str, quarters: list[int]
) -> None:
    """From 2026-03-20 on, over the change of clocks in London, and over the end of a month."""
    weeks, zone = Weeks(), LocalHours(name)
    from_ms = int(datetime(2026, 3, 20, tzinfo=UTC).timestamp()) * 1000
    by_week: dict[int, int] = {}
    by_month: dict[int, int] = {}
    for i, quarter in enumerate(quarters):
        at_ms = from_ms + quarter * HOUR_MS // 4
        assert weeks.learn_one(event("call_out", at_ms, "/phone/app", number=i + 1))
        day = day_of(at_ms, zone)
        by_week[monday_of(day)] = by_week.get(monday_of(day), 0) + 1
        by_month[month_of(day)] = by_month.get(month_of(day), 0) + 1
    shown, months = weeks.counts(zone)
    assert {monday: row[WORDS_OF_PHONE] for monday, row in shown} == by_week
    assert {month: row[WORDS_OF_PHONE] for month, row in months} == by_month


@given(st.floats(0, 1000))
def test_the_usual_of_an_hour_is_rounded_as_it_was(mean: float) -> None:
    rhythm = Rhythm()
    rhythm.restore([*rhythm.state()[:3], [mean if hour == 7 else 0.0 for hour in range(24)], 1.0])
    assert rhythm.usual()[7] == round(mean, 2)


WEEK_MS = 7 * DAY_MS


@settings(max_examples=60, deadline=None)
@given(data=st.data(), weeks=st.sampled_from([0, 1, 6, 8, 200]))
def test_episodes_are_those_of_single_linkage_however_far_a_ring_spans(data: st.DataObject, weeks: int) -> None:
    """Their columns count seven weeks from a base: what is longer, older or newer is counted another way."""
    span_ms = max(DAY_MS, weeks * WEEK_MS)
    near = st.integers(0, 40).map(lambda step: FROM_MS + step * LINK_MS // 2)
    moments_ms = data.draw(st.lists(st.one_of(near, st.integers(FROM_MS, FROM_MS + span_ms)), min_size=1, max_size=40))
    exits = data.draw(st.sets(st.sampled_from(moments_ms), max_size=5))
    ring = Episodes()
    for at_ms in moments_ms:
        ring.learn_one(at_ms, exit_door=at_ms in exits)
    linked: list[list[int]] = []
    for at_ms in sorted(set(moments_ms)):
        if linked and at_ms - linked[-1][-1] <= LINK_MS:
            linked[-1].append(at_ms)
        else:
            linked.append([at_ms])
    wanted = [(one[0], one[-1], max(exits & set(one), default=0)) for one in linked]
    assert list(ring.proofs()) == wanted
    before_ms = data.draw(st.sampled_from(moments_ms))
    for kept in (ring, Episodes.from_state(ring.state())):
        assert list(kept.proofs()) == wanted
        kept.forget_before(before_ms)
        kept.learn_one(FROM_MS + 2 * span_ms)
        assert list(kept.proofs()) == list(Episodes.from_state(kept.state()).proofs())
        left = [one for one in wanted if one[0] >= before_ms]
        older = [one for one in wanted if one[0] < before_ms][-1:]
        assert list(kept.proofs())[: len(left) + len(older)] == older + left


@given(data=st.data())
def test_the_stretches_of_a_day_are_the_episodes_that_prove_life(data: st.DataObject) -> None:
    """A day is learned from columns that are made another way than what a verdict asks of."""
    moments = st.integers(0, 60).map(lambda step: FROM_MS + step * LINK_MS // 2)
    ring = Episodes()
    for at_ms in data.draw(st.lists(moments, min_size=1)):
        is_sure = data.draw(st.booleans())
        ring.learn_one(at_ms, "hall", sure=is_sure, exit_door=is_sure and data.draw(st.booleans()))
    from_ms, until_ms = sorted((data.draw(moments), data.draw(moments)))
    found = stretches_of(ring, from_ms, until_ms)
    wanted = [one for one in ring.proofs() if one.start < until_ms]
    columns = zip(found.starts, found.ends, found.leaves, strict=True)
    assert list(columns) == [(one.start, one.end, one.leaves) for one in wanted]
    assert found.first == sum(one.start < from_ms for one in wanted)
    assert found.ghosts == [at_ms for at_ms, _ in reversed(ring.lone(0, until_ms - 1))]


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-50, 50)), max_size=30))
def test_means_held_together_are_those_held_apart(learned: list[tuple[int, float]]) -> None:
    together, apart = Fadings(7.0, 3), [Fading(7.0) for _ in range(3)]
    for place, x in learned:
        together.learn(place, x)
        apart[place].learn_one(x)
    kept = Fadings(7.0, 3)
    kept.restore(together.state())
    for each in (together, kept):
        assert [each[place].state() for place in range(3)] == [one.state() for one in apart]
        assert [each.count(place) for place in range(3)] == [one.count for one in apart]


@given(
    st.lists(st.lists(st.sampled_from([0, 1, 7, 254, 255, 256, 65_534, 65_535]), min_size=3, max_size=3), max_size=5)
)
def test_counts_whose_upper_bytes_are_left_out_are_the_counts_they_were(counts: list[list[int]]) -> None:
    numbers = [20_000 + 300 * i for i in range(len(counts))]
    rows = b"".join(struct.pack("<4H", number, *row) for number, row in zip(numbers, counts, strict=True))
    tally = Tally(3, 5)
    tally.restore(rows)
    assert tally.rows == rows
    assert tally.all() == list(zip(numbers, counts, strict=True))
    assert tally.numbers() == numbers
    if counts:
        tally.add(numbers[-1], {1: 1})
        assert tally.all()[-1][1] == [counts[-1][0], min(65_535, counts[-1][1] + 1), counts[-1][2]]


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 2687), st.floats(0.125, 300, width=32), min_size=1, max_size=900),
    st.sampled_from(["home", "phone"]),
    st.booleans(),
)
def test_rates_are_those_of_the_cells_and_the_hours_around_them(cells: dict[int, float], kind: str, away: bool) -> None:
    table, whole = HazardTable(kind), np.zeros((2, *SHAPE), np.float32)
    places = sorted(cells)
    whole.reshape(-1)[places] = [cells[at] for at in places]
    table.restore([np.array(places, "<u2").tobytes(), whole.reshape(-1)[places].astype("<f4").tobytes()])
    n, e = whole[:, int(away)].astype(np.float64)
    n, e = ((np.roll(one, 1, axis=1) + np.roll(one, -1, axis=1)) * 0.5 + one for one in (n, e))
    all_days = (n[0] + n[1] + 5.0 * np.array(prior(kind)[int(away)])) / (e[0] + e[1] + 5.0)
    floor = 0.05 if kind == "home" and not away else AWAY_FLOOR * 0.05
    rates = np.maximum((n + 8.0 * all_days) / (e + 8.0), floor).reshape(-1).tolist()
    assert list(table.rates(away=away, k0_h=5.0, k1_h=8.0, floor_per_h=0.05)) == rates
    kept, count = table._kept, table._count
    packed = HazardTable(kind)
    packed._keep(whole.reshape(-1).copy())
    for form in (kept, packed._kept):  # as a row leaves it, and as a learned day does
        few = FewRates(form, count, kind, 5.0, 8.0, AWAY_FLOOR * 0.05 if kind != "home" or away else 0.05, away=away)
        assert [few.at(place) for place in [*range(len(rates)), 0]] == [*rates, rates[0]]
    first = places[0]
    whole.reshape(-1)[first] = np.nextafter(np.float32(cells[first]), np.float32(1e9))
    other = HazardTable(kind)
    other._keep(whole.reshape(-1))
    few = FewRates(other._kept, count, kind, 5.0, 8.0, 0.0, away=away)
    is_of_this_context = first % 1344 // 672 == away
    assert (
        [few.at(place) for place in range(len(rates))]
        != list(table.rates(away=away, k0_h=5.0, k1_h=8.0, floor_per_h=0.0))
    ) == (is_of_this_context), "the last bit of one cell is seen"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["learn", "fade", "vanish", "ask", "row", "close"]), st.integers(0, 2), st.booleans()
        ),
        max_size=24,
    )
)
def test_a_table_that_is_kept_whole_is_the_one_that_is_not(steps: list[tuple[str, int, bool]]) -> None:
    zone, told, whole = LocalHours("Asia/Seoul"), list[list[object]](), []
    for most in (0, 2):
        said = list[object]()
        tables = [HazardTable(kind) for kind in ("home", "home", "phone")]
        with of_few_homes():
            room.tables = most
            for i, (what, which, away) in enumerate(steps):
                table, at_ms = tables[which], FROM_MS + i * HOUR_MS
                if what == "learn":
                    table.learn_many(
                        zone, [(at_ms, at_ms + (2 + which) * HOUR_MS, away), (at_ms, at_ms + HOUR_MS, away)]
                    )
                elif what == "fade":
                    table.fade(0.9)
                elif what == "vanish":
                    table.fade(1e-30)
                elif what == "row":
                    tables[which] = HazardTable(table.kind)
                    tables[which].restore(table.state())
                elif what == "close":
                    table.close()
                rates = tables[which].rates(away=away, k0_h=5.0, k1_h=8.0, floor_per_h=0.01)
                said.append((list(rates), tables[which].state(), tables[which].knows))
            whole.append(len(room.whole))
            assert len(room.whole) <= most
        told.append([*said, [table.state() for table in tables]])
    assert told[0] == told[1]
    assert not room.whole, "nobody keeps them who has no room"
    assert not whole[0]


@given(cells=st.dictionaries(st.integers(0, 2687), st.floats(0.125, 1e6, width=32), max_size=400))
def test_cells_of_a_table_are_the_same_whether_few_or_many_are_kept(cells: dict[int, float]) -> None:
    places = sorted(cells)
    state = [struct.pack(f"<{len(cells)}H", *places), struct.pack(f"<{len(cells)}f", *[cells[at] for at in places])]
    table = HazardTable("home")
    table.restore(state)
    assert table.state() == state
    table.fade(0.5)
    assert table.state() == [state[0], struct.pack(f"<{len(cells)}f", *[cells[at] / 2 for at in places])]


calls_and_doses = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([*UNANSWERED, *REACHED])), max_size=12)


@given(calls_and_doses, st.integers(0, 400), st.integers(0, 400))
def test_calls_that_end_with_one_that_reached_somebody_are_no_row(
    said: list[tuple[int, str]], settled: int, life: int
) -> None:
    calls = Calls()
    calls.settled_ms = START_MS + settled * HOUR_MS
    for number, (hour, kind) in enumerate(said):
        calls.learn_one(event(kind, START_MS + hour * HOUR_MS, "/calls/p", number + 1))
    open_ms: list[int] = []
    for one in calls._outcomes:
        open_ms = [] if one.kind in REACHED else [*open_ms, one.at_ms]
    open_ms = [at_ms for at_ms in open_ms if at_ms > calls.settled_ms]
    row = calls.row(START_MS + life * HOUR_MS, ())
    assert (row.calls, row.first_ms) == (len(open_ms), min(open_ms, default=0))
    assert row.unproven == sum(at_ms > START_MS + life * HOUR_MS for at_ms in open_ms)


@given(calls_and_doses, st.integers(0, 400))
def test_doses_that_end_with_one_that_was_taken_are_no_row(said: list[tuple[int, str]], settled: int) -> None:
    doses = Medication()
    doses.settled_ms = START_MS + settled * HOUR_MS
    for number, (hour, kind) in enumerate(said):
        name = TAKEN if kind in REACHED else MISSED
        doses.learn_one(event(name, START_MS + hour * HOUR_MS, "/robot/r", number + 1))
    missed_ms: list[int] = []
    for one in doses._doses:
        missed_ms = [] if one.kind == TAKEN else [*missed_ms, one.at_ms]
    missed_ms = [at_ms for at_ms in missed_ms if at_ms > doses.settled_ms]
    row = doses.row(())
    assert (row.doses, row.first_ms) == (len(missed_ms), min(missed_ms, default=0))


@given(data=st.data())
def test_the_last_sign_of_life_is_the_end_of_the_last_episode_that_proves_it(data: st.DataObject) -> None:
    moments = st.integers(0, 60).map(lambda step: FROM_MS + step * LINK_MS // 2)
    ring = Episodes()
    for at_ms in data.draw(st.lists(moments)):
        ring.learn_one(at_ms, "hall", sure=data.draw(st.booleans()))
    until_ms = data.draw(st.one_of(moments, st.just(NEVER_MS)))
    last = ring.life_before(until_ms)
    assert ring.life_ms(until_ms) == (0 if last is None else min(last.end, until_ms))
