"""The household's own wall clock."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.hours import DAY_MS, QUARTER_MS, STEADY_DAYS, LocalHours

ZONES = (
    "Asia/Seoul",
    "Europe/London",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
)
FROM_S, UNTIL_S = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2012, 2038))


@given(st.sampled_from(ZONES), st.integers(FROM_S * 1000, UNTIL_S * 1000))
def test_the_memo_of_offsets_says_what_the_time_zone_says(zone: str, at_ms: int) -> None:
    moment = datetime.fromtimestamp(at_ms // QUARTER_MS * QUARTER_MS / 1000, ZoneInfo(zone))
    offset = moment.utcoffset()
    assert offset is not None
    assert LocalHours(zone).offset_ms(at_ms) == offset.total_seconds() * 1000


def test_since_2012_clocks_change_on_a_quarter_of_an_hour_at_the_finest() -> None:
    zoneinfo = pytest.importorskip("zoneinfo._zoneinfo", reason="the transitions are read from the pure Python reader")
    changes = [
        (zone, at_s)
        for zone in sorted(available_timezones() - {"Antarctica/Casey"})
        for at_s in zoneinfo.ZoneInfo(zone)._trans_utc
        if FROM_S <= at_s < UNTIL_S
    ]
    assert len(changes) > 1000
    assert not [change for change in changes if change[1] * 1000 % QUARTER_MS]


def test_nowhere_do_clocks_change_twice_within_three_days() -> None:
    """Or a day that begins and ends at one offset might have another in between, and is asked of its ends alone."""
    zoneinfo = pytest.importorskip("zoneinfo._zoneinfo", reason="the transitions are read from the pure Python reader")
    apart_s = [
        after_s - before_s
        for zone in sorted(available_timezones())
        for before_s, after_s in pairwise(zoneinfo.ZoneInfo(zone)._trans_utc)
    ]
    assert len(apart_s) > 10_000
    assert min(apart_s) * 1000 > STEADY_DAYS * DAY_MS


def test_in_a_day_in_which_clocks_change_each_quarter_has_its_offset() -> None:
    zoneinfo = pytest.importorskip("zoneinfo._zoneinfo", reason="the transitions are read from the pure Python reader")
    changed = 0
    for zone in ZONES:
        hours, place = LocalHours(zone), ZoneInfo(zone)
        days = {at_s * 1000 // DAY_MS for at_s in zoneinfo.ZoneInfo(zone)._trans_utc if FROM_S <= at_s < UNTIL_S}
        for day in days:
            quarters = [day * DAY_MS + quarter * QUARTER_MS for quarter in range(DAY_MS // QUARTER_MS)]
            wanted = [datetime.fromtimestamp(at_ms / 1000, place).utcoffset() for at_ms in quarters]
            assert [hours.offset_ms(at_ms) for at_ms in quarters] == [
                one.total_seconds() * 1000 for one in wanted if one is not None
            ]
            changed += len(set(wanted)) > 1
    assert changed > 100
