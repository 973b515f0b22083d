"""A day is learned in shorter ways than its definitions say; here the definitions are reckoned beside them, to the bit."""

import struct
from datetime import UTC, datetime
from random import Random
from typing import Final

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors import hazard, pairs
from detectors.begun import AROUND, HALF_LIFE_DAYS, HOURS, BegunAt
from detectors.hazard import EDGES_MS, LONGEST_MS, HazardTable, bucket, bucket_ends, row_of
from detectors.hours import HOUR_MS, LocalHours
from detectors.household import Household
from detectors.pack import packed, unpacked
from detectors.room import Room, of_few_homes, room
from detectors.single import single
from detectors.tally import MOST, Tally
from schemas.events import Data, Event

ZONES: Final = [LocalHours(name) for name in ("Asia/Seoul", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu")]
CLOCKS_CHANGE_MS: Final = [
    int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp()) * 1000
    for month, day, hour in ((3, 29, 1), (4, 4, 15), (10, 3, 15), (10, 25, 1), (7, 1, 0))
]
"""Forth and back in London, and by half an hour on Lord Howe Island; the last is an ordinary night."""
zones = st.sampled_from(ZONES)
minutes = st.integers(-3 * 24 * 60, 3 * 24 * 60)
moments = st.builds(lambda at_ms, by: at_ms + by * 60_000, st.sampled_from(CLOCKS_CHANGE_MS), minutes)
CELLS: Final = 2688


@given(zones, st.lists(moments, max_size=20))
def test_the_hours_of_many_moments_are_those_of_each(zone: LocalHours, moments_ms: list[int]) -> None:
    moments_ms.sort()
    assert zone.hours_at(moments_ms) == [zone.hour(at_ms) for at_ms in moments_ms]


@settings(deadline=None)
@given(zones, st.lists(st.tuples(moments, st.integers(0, LONGEST_MS + HOUR_MS), st.booleans()), max_size=12))
@example(ZONES[1], [(CLOCKS_CHANGE_MS[-1], 2 * HOUR_MS, False), (CLOCKS_CHANGE_MS[0] - 5 * HOUR_MS, 2 * HOUR_MS, True)])
def test_a_table_learns_cell_by_cell_of_the_wall_clock_in_single_precision(
    zone: LocalHours, drawn: list[tuple[int, int, bool]]
) -> None:
    """In any order: a table does not ask for the first silence first, though a day gives it so."""
    silences = [(from_ms, from_ms + span_ms, away) for from_ms, span_ms, away in drawn]
    table = HazardTable("home")
    table.learn_many(zone, silences)
    cells = np.zeros(CELLS, np.float32)
    for from_ms, until_ms, away in silences:
        at_ms, place = from_ms + EDGES_MS[0], 0
        if not EDGES_MS[0] < until_ms - from_ms <= LONGEST_MS:
            continue
        weekend, hour, hour_ends_ms = zone.cell(at_ms)
        while at_ms < until_ms:
            if at_ms >= hour_ends_ms:
                weekend, hour, hour_ends_ms = zone.cell(at_ms)
            k = bucket(at_ms - from_ms)
            stop_ms = min(hour_ends_ms, from_ms + bucket_ends(k), until_ms)
            place = away * CELLS // 4 + row_of(weekend, hour) + k
            cells[CELLS // 2 + place] += np.float32((stop_ms - at_ms) / HOUR_MS)
            at_ms = stop_ms
        cells[place] += np.float32(1.0)
    where = np.flatnonzero(cells)
    assert table.state() == [where.astype("<u2").tobytes(), cells[where].astype("<f4").tobytes()]


@given(st.dictionaries(st.integers(0, CELLS - 1), st.sampled_from([1e-45, 3e-45, 1e-38, 0.3, 7.0]), max_size=300))
def test_what_fades_to_nothing_is_no_longer_a_cell(cells: dict[int, float]) -> None:
    places = sorted(cells)
    table = HazardTable("home")
    table.restore([struct.pack(f"<{len(places)}H", *places), struct.pack(f"<{len(places)}f", *map(cells.get, places))])
    table.fade(0.3)
    faded = np.array([cells[at] for at in places], np.float32) * np.float32(0.3)
    left = np.array(places, np.uint16)[faded != 0]
    assert table.state() == [left.astype("<u2").tobytes(), faded[faded != 0].astype("<f4").tobytes()]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["learn", "fade", "ask"]), st.booleans()), max_size=20))
def test_rates_that_were_asked_last_are_those_of_the_cells_there_are(steps: list[tuple[int, str, bool]]) -> None:
    """Two homes by turns: whoever remembers rates must not give those of before the day, or of the neighbour."""
    tables = [HazardTable("home"), HazardTable("home")]
    told = []
    for i, (home, what, away) in enumerate(steps):
        at_ms = CLOCKS_CHANGE_MS[-1] + i * HOUR_MS
        if what == "learn":
            tables[home].learn_one(ZONES[0], at_ms, at_ms + (1 + home) * HOUR_MS, away=away)
        elif what == "fade":
            tables[home].fade(0.9)
        rates = tables[home].rates(away=away, k0_h=5.0, k1_h=8.0, floor_per_h=0.01)
        told.append((tables[home].state(), away, rates))
    for state, away, rates in told:
        anew = HazardTable("home")
        anew.restore(state)
        hazard._rates.clear()  # or what was remembered would be held against itself
        assert list(rates) == list(anew.rates(away=away, k0_h=5.0, k1_h=8.0, floor_per_h=0.01))


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.1, 7.3]), min_size=HOURS, max_size=HOURS), max_size=5))
def test_the_hours_at_which_silences_begin_are_learned_in_single_precision(days: list[list[float]]) -> None:
    begun = BegunAt()
    known = np.zeros((3, HOURS), np.float32)
    for longest_h in days:
        begun.learn_one(longest_h)
        one = np.array(longest_h, np.float32)
        near = np.max([np.roll(one, shift) for shift in range(-AROUND, AROUND + 1)], axis=0)
        count = np.where(near > 0, known[0] * np.float32(0.5 ** (1 / HALF_LIFE_DAYS)) + 1, known[0])
        share = np.where(near > 0, 1 / np.maximum(count, 1), 0)
        known = np.stack([count, known[1] + share * (near - known[1]), known[2] + share * (near * near - known[2])])
    assert begun.state() == ([known.astype("<f4").tobytes()] if days else [])


@given(
    st.floats(2**-149, 2**99, width=32),
    st.floats(-400, 400, width=32),
    st.integers(1 << 24, 1 << 27),
    st.integers(-30, 30),
)
@example(1.0, 1.0, (1 << 24) + 1, 0)  # half way: the even one
@example(1.0, 1.0, (1 << 24) + 3, 0)
def test_plain_numbers_are_rounded_as_an_array_of_single_precision_rounds_them(
    a: float, b: float, number: int, power: int
) -> None:
    for exact in (a + b, a - b, a * b, b / a, number * 2.0**power, -number * 2.0**power):
        if abs(exact) < 1e38:
            assert single(exact) == float(np.float32(exact))
    assert single(0.1) != 0.1


@given(
    st.lists(
        st.tuples(
            st.integers(20_000, 20_012),
            st.dictionaries(st.integers(0, 2), st.sampled_from([1, 100, 154, 254, 255, 40_000, MOST])),
        ),
        max_size=20,
    )
)
def test_counts_added_to_the_last_row_are_those_added_to_any(added: list[tuple[int, dict[int, int]]]) -> None:
    tally, wanted = Tally(3, 4), dict[int, list[int]]()
    for number, places in added:
        row = wanted.setdefault(number, [0, 0, 0])
        for place, count in places.items():
            row[place] = min(MOST, row[place] + count)
        tally.add(number, places)
        for oldest in sorted(wanted)[:-4]:
            del wanted[oldest]
        assert tally.all() == sorted(wanted.items())
        kept = Tally(3, 4)
        kept.restore(tally.rows)
        assert (kept.all(), kept.numbers()) == (tally.all(), sorted(wanted))
        assert Tally(3, 4, tally.kept).rows == tally.rows


NUMBERS: Final = (0, 1, -1, 255, 256, 1 << 8, 1 << 34, (1 << 39) - 1, -(1 << 39))
"""Keys whose bytes are found within other pairs as well, or across two of them."""


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from([*NUMBERS, (1 << 54) - 1, None])), max_size=30))
def test_pairs_are_what_a_dict_of_the_same_is(steps: list[tuple[int, int | None]]) -> None:
    kept, wanted = b"", dict[int, int]()
    for key, number in steps:
        if number is None:
            wanted.pop(key, None)
            kept = pairs.without(kept, key)
        else:
            wanted[key] = number
            kept = pairs.with_pair(kept, key, number)
        assert pairs.items(kept) == list(wanted.items())
        assert pairs.count(kept) == len(wanted)
        assert [pairs.number_of(kept, one, 77) for one in NUMBERS] == [wanted.get(one, 77) for one in NUMBERS]
    assert pairs.pairs_of(wanted.items()) == kept


@given(st.binary(max_size=2000))
def test_what_is_packed_comes_back(raw: bytes) -> None:
    assert unpacked(packed(raw), len(raw)) == raw


@given(st.lists(st.integers(0, CELLS - 1), unique=True, max_size=420))
@example([0, 255, 510, 511, 766, CELLS - 1])
@example(list(range(0, CELLS, 16)))  # as many as bits and places take the same for
@example(list(range(0, CELLS, 7)))
def test_cells_come_back_however_far_apart_and_however_many(places: list[int]) -> None:
    places.sort()
    state = [struct.pack(f"<{len(places)}H", *places), struct.pack(f"<{len(places)}f", *(1 + at for at in places))]
    table = HazardTable("home")
    table.restore(state)
    assert table.state() == state
    table.learn_many(ZONES[0], [])
    table.fade(1.0)
    assert table.state() == state
    table._keep(table._cells())
    assert table.state() == state


def test_a_home_given_more_room_is_told_and_kept_the_same() -> None:
    def lived() -> tuple[list[object], object]:
        home = Household("h-1", start_ms=1_772_000_000_000)
        told: list[object] = []
        random = Random(7)
        for hour in range(24 * 40):
            at_ms = 1_772_000_000_000 + hour * HOUR_MS
            for number in range(random.randrange(6) if 7 <= hour % 24 < 23 else 0):
                when_ms = at_ms + number * 600_000
                data = Data(device="k", state="on")
                told += home.advance(when_ms)
                told += home.learn_one(Event("h-1", "motion", "/sensors/gw", f"e{hour}-{number}", when_ms, data))
        told += home.advance(1_772_000_000_000 + 24 * 42 * HOUR_MS)
        return told, home.snapshot()

    plain = lived()
    with of_few_homes():
        assert (room.rates, room.packs) != (Room().rates, Room().packs)
        assert lived() == plain
        assert room.whole, "its table is kept whole"
    assert (room.rates, room.packs, room.tables) == (Room().rates, Room().packs, 0), "nobody else is given it"
    assert not room.whole
    assert plain[0], "somebody was told of the silence at the end"
