"""Times on the wire: RFC 3339 text; times inside: UTC milliseconds since 1970 as int."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, final

import msgspec

from schemas.compiled import is_compiled

Rfc3339 = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""A time on the wire, such as `2026-11-24T00:13:54.000Z`. Text to Python; a `date-time` to the JSON Schemas."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01: an earlier event time is a clock that was never set."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01."""

_HOUR_MS: Final = 3_600_000
_WIDEST_OFFSET_MS: Final = 24 * _HOUR_MS
_TEXT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)

# Compiled, the digits of a time are reckoned one by one. To plain Python each of them costs as much as a look-up, and a time
# is three parts that few texts fill: `2026-11-24T00`, `:13:54`, `.123Z`. Looking each up costs less there than any parser that
# builds a datetime. Bounded, or a sender that plays with offsets would fill the memory.
_IS_COMPILED: Final = is_compiled()
_REMEMBERED: Final = 16_384
_LONGEST_TAIL: Final = len(".123+09:00")
_hours: dict[str, int] = {}
_minutes: dict[str, int] = {}
_tails: dict[str, int] = {}


class ImpossibleTimeError(ValueError):
    """Written as a time, but no moment that can be meant: the 30th of February, the year 1970."""


def to_rfc3339(at_ms: int) -> str:
    """`2026-11-24T00:13:54.000Z` of UTC milliseconds."""
    hour = at_ms // _HOUR_MS
    rest_ms = at_ms - hour * _HOUR_MS
    seconds = rest_ms // 1000
    return _hour_text(hour) + _MINUTES[seconds] + _TAILS[rest_ms - seconds * 1000]


def from_rfc3339(text: str) -> int:
    """UTC milliseconds of an RFC 3339 time with an offset; what is finer than a millisecond is cut off.

    A space may stand for the `T`, and small letters for `T` and `Z`, as RFC 3339 allows.

    Raises:
        ImpossibleTimeError: the text has the form of a time but names no moment in 2000..2100.
        ValueError: the text is no time, or has no offset.

    """
    if _IS_COMPILED:
        at_ms = _last.read(text)
        return _read(text) if at_ms < 0 else at_ms
    try:
        return _hours[text[:13]] + _minutes[text[13:19]] + _tails[text[19:]]
    except KeyError:
        return _read(text)


_SHORTEST: Final = 20
"""Letters of `2026-11-24T00:13:54Z`."""
_USUAL: Final = 24
"""Letters of `2026-11-24T00:13:54.000Z`."""
_CENTURY: Final = 20
_SPACE: Final = 32
_PLUS: Final = 43
_MINUS: Final = 45
_DOT: Final = 46
_NOUGHT: Final = 48
_NINE: Final = 57
_COLON: Final = 58
_T: Final = 84
_Z: Final = 90
_SMALL_T: Final = 116
_SMALL_Z: Final = 122
_DAYS_BEFORE: Final = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
_DAYS_IN: Final = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def by_digits(text: str) -> int:
    """UTC milliseconds of a time written in a year from 2000 to 2099, as `from_rfc3339`; -1 for any other text."""
    size = len(text)
    if size < _SHORTEST:
        return -1
    if ord(text[4]) != _MINUS or ord(text[7]) != _MINUS or ord(text[13]) != _COLON or ord(text[16]) != _COLON:
        return -1
    between = ord(text[10])
    if between not in (_T, _SMALL_T, _SPACE):
        return -1
    year, month, day = _two(text, 2), _two(text, 5), _two(text, 8)
    hour, minute, second = _two(text, 11), _two(text, 14), _two(text, 17)
    if _two(text, 0) != _CENTURY or year < 0 or not 0 <= hour <= 23 or not 0 <= minute <= 59 or not 0 <= second <= 59:
        return -1
    if not 1 <= month <= 12:
        return -1
    leap = 1 if year & 3 == 0 else 0
    if not 1 <= day <= _DAYS_IN[month] + (leap if month == 2 else 0):
        return -1
    days = year * 365 + (year + 3 >> 2) + _DAYS_BEFORE[month] + (leap if month > 2 else 0) + day - 1
    at_ms = EARLIEST_MS + (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000
    i = _SHORTEST - 1
    sign = ord(text[i])
    if sign == _DOT:
        weight = 100
        i += 1
        first = i
        while i < size:
            digit = ord(text[i])
            if not _NOUGHT <= digit <= _NINE:
                break
            if weight:
                at_ms += (digit - _NOUGHT) * weight
                weight = 10 if weight == 100 else 1 if weight == 10 else 0
            i += 1
        if i in (first, size):
            return -1
        sign = ord(text[i])
    if sign in (_Z, _SMALL_Z):
        return at_ms if i + 1 == size and at_ms < LATEST_MS else -1
    if sign not in (_PLUS, _MINUS) or i + 6 != size or ord(text[i + 3]) != _COLON:
        return -1
    hours, minutes = _two(text, i + 1), _two(text, i + 4)
    if not 0 <= hours <= 23 or not 0 <= minutes <= 59:
        return -1
    offset_ms = (hours * 60 + minutes) * 60_000
    at_ms += offset_ms if sign == _MINUS else -offset_ms
    return at_ms if EARLIEST_MS <= at_ms < LATEST_MS else -1


@final
class LastMinute:
    """The minute that was read last: events that come together are of few minutes, and only their seconds are read then."""

    __slots__ = ("begins", "begins_ms")

    def __init__(self) -> None:
        self.begins = "-"
        self.begins_ms = 0

    def read(self, text: str) -> int:
        """UTC milliseconds, as `by_digits`."""
        if len(text) == _USUAL and text.startswith(self.begins) and ord(text[19]) == _DOT and ord(text[23]) == _Z:
            s10, s1 = ord(text[17]) - _NOUGHT, ord(text[18]) - _NOUGHT
            ms100, ms10, ms1 = ord(text[20]) - _NOUGHT, ord(text[21]) - _NOUGHT, ord(text[22]) - _NOUGHT
            if 0 <= s10 <= 5 and 0 <= s1 <= 9 and 0 <= ms100 <= 9 and 0 <= ms10 <= 9 and 0 <= ms1 <= 9:
                return self.begins_ms + s10 * 10_000 + s1 * 1000 + ms100 * 100 + ms10 * 10 + ms1
        at_ms = by_digits(text)
        if at_ms >= 0 and len(text) == _USUAL and ord(text[23]) == _Z:
            self.begins = text[:17]
            self.begins_ms = at_ms - at_ms % 60_000
        return at_ms


_last: Final = LastMinute()


def _two(text: str, i: int) -> int:
    """Return the number of two digits at a place, -1 where they are none."""
    tens, ones = ord(text[i]) - _NOUGHT, ord(text[i + 1]) - _NOUGHT
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


def _read(text: str) -> int:
    short = text[:23] + text[23:].lstrip("0123456789")
    if short != text and short[23:24] in {"Z", "z", "+", "-"}:
        # Micro- and nanoseconds would miss the memory every time.
        return from_rfc3339(short)
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 time with an offset")
    year, month, day, hour, minute, second, fraction, sign, offset_h, offset_m = found.groups()
    try:
        start = datetime(int(year), int(month), int(day), int(hour), tzinfo=UTC) - EPOCH
    except ValueError as error:
        raise ImpossibleTimeError("no such day or hour") from error
    if minute > "59" or second > "59" or (sign and (offset_h > "23" or offset_m > "59")):
        raise ImpossibleTimeError("no such minute, second or offset")
    hour_ms = start.days * 86_400_000 + start.seconds * 1000
    minute_ms = int(minute) * 60_000 + int(second) * 1000
    offset_ms = (int(offset_h) * 60 + int(offset_m)) * 60_000 if sign else 0
    tail_ms = int(((fraction or "") + "000")[:3]) + (offset_ms if sign == "-" else -offset_ms)
    at_ms = hour_ms + minute_ms + tail_ms
    if not EARLIEST_MS <= at_ms < LATEST_MS:
        raise ImpossibleTimeError("a time outside 2000..2100")
    if EARLIEST_MS + _WIDEST_OFFSET_MS <= hour_ms < LATEST_MS - 2 * _WIDEST_OFFSET_MS:
        # Hours near the bounds are left out: with another offset they would slip past the check above.
        _remember(_hours, text[:13], hour_ms)
    _remember(_minutes, text[13:19], minute_ms)
    if len(text) - 19 <= _LONGEST_TAIL:
        _remember(_tails, text[19:], tail_ms)
    return at_ms


def _remember(memo: dict[str, int], part: str, ms: int) -> None:
    if len(memo) >= _REMEMBERED:
        memo.clear()
    memo[part] = ms


_TAILS: Final = [f".{ms:03d}Z" for ms in range(1000)]
_MINUTES: Final = [f":{minute:02d}:{second:02d}" for minute in range(60) for second in range(60)]
_hour_texts: dict[int, str] = {}


def _hour_text(hour: int) -> str:
    text = _hour_texts.get(hour)
    if text is None:
        moment = EPOCH + timedelta(hours=hour)
        text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment.hour:02d}"
        if len(_hour_texts) >= _REMEMBERED:
            _hour_texts.clear()
        _hour_texts[hour] = text
    return text
