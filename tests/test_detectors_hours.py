"""The household's own wall clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.hours import QUARTER_MS, LocalHours

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
