"""Times on the wire: RFC 3339 text; times inside: UTC milliseconds since 1970 as int."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01: an earlier event time is a clock that was never set."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01."""


def to_rfc3339(at_ms: int) -> str:
    """`2026-11-24T00:13:54.000Z` of UTC milliseconds."""
    return (EPOCH + timedelta(milliseconds=at_ms)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def from_rfc3339(text: str) -> int:
    """UTC milliseconds of an RFC 3339 time with an offset.

    Raises:
        ValueError: the text is no time, has no offset, or lies outside 2000..2100.

    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    delta = moment - EPOCH
    at_ms = delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000
    if not EARLIEST_MS <= at_ms < LATEST_MS:
        raise ValueError("a time outside 2000..2100")
    return at_ms
