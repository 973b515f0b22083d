"""The household's own wall clock: hours of the day for habits, UTC for elapsed time."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
FARTHEST_MS: Final = 1 << 47
"""Year 6429: no calendar reckons with what lies far beyond it."""
DAY_BEGINS_H: Final = 4
"""A day of life runs from 04:00 to 04:00: the quietest hour, so that one night is not cut in two."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER_MS: Final = 900_000
"""Offsets of time zones change on a quarter of an hour at the finest: since 2012 everywhere but at one polar station."""
QUARTERS: Final = DAY_MS // QUARTER_MS
"""Of a day that begins and ends at one offset none is asked in between: nowhere have the clocks changed twice within three days."""
STEADY_DAYS: Final = 3
MOST_DAYS: Final = 4096
"""Days whose offsets are remembered, or a recording of centuries would fill the memory."""


class LocalHours:
    """Hours of one time zone. Pure: the same moment always gives the same answer (the memo only saves time)."""

    __slots__ = ("_days", "_steady", "_zone")

    def __init__(self, time_zone: str) -> None:
        """Take an IANA name.

        Raises:
            KeyError: no such time zone.
            ValueError: a malformed name.

        """
        self._zone = ZoneInfo(time_zone)
        self._days: dict[int, int | list[int]] = {}
        """Of each UTC day its offset, or those of its quarters where the clocks change in it."""
        self._steady: dict[int, int | None] = {}
        """Of each UTC day its offset where the clocks change neither in it nor in the three days before and after it."""

    def offset_ms(self, at_ms: int) -> int:
        """Return local time minus UTC, milliseconds, at a moment."""
        offsets = self._days.get(at_ms // DAY_MS)
        if offsets is None:
            offsets = self._day(at_ms // DAY_MS)
        return offsets if offsets.__class__ is int else offsets[at_ms % DAY_MS // QUARTER_MS]  # type: ignore[index]

    def _day(self, day: int) -> int | list[int]:
        start_ms = day * DAY_MS
        first, last = self._offset(start_ms), self._offset(start_ms + (QUARTERS - 1) * QUARTER_MS)
        offsets: int | list[int] = first
        if first != last:
            offsets = [self._offset(start_ms + quarter * QUARTER_MS) for quarter in range(QUARTERS)]
        if len(self._days) >= MOST_DAYS:
            self._days.clear()
        self._days[day] = offsets
        return offsets

    def _offset(self, at_ms: int) -> int:
        moment = EPOCH + timedelta(milliseconds=at_ms)
        offset = moment.astimezone(self._zone).utcoffset() or timedelta()
        return (offset.days * 86_400 + offset.seconds) * 1000

    def cell(self, at_ms: int) -> tuple[int, int, int]:
        """Return (1 on a weekend else 0, hour of the day, UTC milliseconds at which that hour ends)."""
        hours, past = divmod(at_ms + self.offset_ms(at_ms), HOUR_MS)
        day, hour = divmod(hours, 24)
        return is_weekend(day), hour, at_ms + HOUR_MS - past

    def hour(self, at_ms: int) -> int:
        """Return the hour of the day, 0 to 23."""
        return (at_ms + self.offset_ms(at_ms)) % DAY_MS // HOUR_MS

    def hours_at(self, moments: list[int]) -> list[int]:
        """Return the `hour` of each of some moments, oldest first."""
        if moments and moments[-1] < self.steady_until(moments[0]):
            offset_ms = self.offset_ms(moments[0])
            return [(at_ms + offset_ms) % DAY_MS // HOUR_MS for at_ms in moments]
        return [self.hour(at_ms) for at_ms in moments]

    def minute(self, at_ms: int) -> int:
        """Return the minute of the day, 0 to 1439."""
        return (at_ms + self.offset_ms(at_ms)) % DAY_MS // 60_000

    def day_start(self, at_ms: int) -> int:
        """Return the last local 04:00 at or before a moment, UTC milliseconds."""
        return self.last_at(at_ms, DAY_BEGINS_H * 60)

    def date(self, at_ms: int) -> str:
        """Return the local date, such as 2026-12-25."""
        return (EPOCH + timedelta(milliseconds=at_ms + self.offset_ms(at_ms))).date().isoformat()

    def last_at(self, at_ms: int, minute_of_day: int) -> int:
        """Return the last moment at or before `at_ms` at which the local clock showed this minute of the day."""
        offset_ms = self._steady_offset(at_ms)
        if offset_ms is None:
            return max(moment for moment in self._around(at_ms, minute_of_day) if moment <= at_ms)
        past_ms = (at_ms + offset_ms - minute_of_day * 60_000) % DAY_MS
        return at_ms - past_ms

    def next_at(self, after_ms: int, minute_of_day: int) -> int:
        """Return the first moment after `after_ms` at which the local clock shows this minute of the day."""
        offset_ms = self._steady_offset(after_ms)
        if offset_ms is None:
            return min(moment for moment in self._around(after_ms, minute_of_day) if moment > after_ms)
        past_ms = (after_ms + offset_ms - minute_of_day * 60_000) % DAY_MS
        return after_ms - past_ms + DAY_MS

    def steady_until(self, at_ms: int) -> int:
        """Return until when the offset of a moment holds for certain, three days or more; 0 where the clocks change near it."""
        return 0 if self._steady_offset(at_ms) is None else (at_ms // DAY_MS + STEADY_DAYS + 1) * DAY_MS

    def _steady_offset(self, at_ms: int) -> int | None:
        """Return the offset of the days around a moment; None where the clocks change in one of them."""
        day = at_ms // DAY_MS
        if day not in self._steady:
            offsets = {self._offset_of_day(day + ahead) for ahead in range(-STEADY_DAYS, STEADY_DAYS + 1)}
            if len(self._steady) >= MOST_DAYS:
                self._steady.clear()
            self._steady[day] = offsets.pop() if len(offsets) == 1 else None
        return self._steady[day]

    def _offset_of_day(self, day: int) -> int | None:
        offsets = self._days.get(day)
        if offsets is None:
            offsets = self._day(day)
        return offsets if isinstance(offsets, int) else None

    def _around(self, at_ms: int, minute_of_day: int) -> list[int]:
        """Return when the wall clock shows a minute of the day, from two days before to two days after."""
        today = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone)
        wall = datetime(today.year, today.month, today.day, minute_of_day // 60, minute_of_day % 60, tzinfo=self._zone)
        days = (wall + timedelta(days=ahead) for ahead in range(-2, 3))
        return [(day.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1) for day in days]


def date_of(day: int) -> str:
    """Return a day, counted from 1970-01-01, as `2026-11-24`."""
    date = _dates.get(day)
    if date is None:
        date = (EPOCH + timedelta(days=day)).date().isoformat()
        if len(_dates) >= MOST_DAYS:
            _dates.clear()
        _dates[day] = date
    return date


_dates: Final[dict[int, str]] = {}


def is_weekend(day: int) -> int:
    """Return 1 for a day, counted from 1970-01-01, on a Saturday or Sunday, else 0."""
    return 1 if (day + 3) % 7 >= 5 else 0


@lru_cache(maxsize=64)
def hours_of(time_zone: str) -> LocalHours:
    """Return the hours of a time zone; of Asia/Seoul when there is no such zone: a typing slip must not stop the watching."""
    try:
        return LocalHours(time_zone)
    except (KeyError, ValueError, OSError):
        return LocalHours("Asia/Seoul")
