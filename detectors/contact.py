"""The contact index: how much contact a person has, from what can be seen of it."""

from typing import Final, NamedTuple

from detectors.decimals import rounded
from detectors.words import ANSWERED, DAYS, OUTINGS, PHONE, PHONE_DAYS, TALKS, UNANSWERED

HALF_PHONE: Final = 2.0
HALF_OUTINGS: Final = 1.0
HALF_ROBOT: Final = 1.0
"""So many a day make half of the part: the second call of a day matters more than the tenth."""
LEAST_DAYS: Final = 7
LEAST_CALLS: Final = 2
"""With fewer, a part is not known."""
MOVED: Final = 0.1
"""A change of the index from four weeks to the next four that is called a trend."""


class Contact(NamedTuple):
    """The index (`overall`) and its parts, 0 to 1 each; None for what cannot be seen."""

    overall: float | None
    phone: float | None
    outings: float | None
    checkins: float | None
    robot: float | None


def contact(rows: list[list[int]], *, goes_out: bool, robot: bool) -> Contact:
    """Return the contact of some weeks, or of a month, from their counts.

    A part is `n / (n + half)` of n a day, for calls the share answered; the index is the mean of the parts that are
    known. `goes_out`: a way out was ever seen, so that none is news and not a home without a sensor at its door.
    """
    if not rows:
        return Contact(None, None, None, None, None)
    days = _sum(rows, DAYS)
    answered = _sum(rows, ANSWERED)
    calls = answered + _sum(rows, UNANSWERED)
    phone = _part(_sum(rows, PHONE), _sum(rows, PHONE_DAYS), HALF_PHONE)
    outings = _part(_sum(rows, OUTINGS), days, HALF_OUTINGS) if goes_out else None
    checkins = rounded(answered / calls, 3) if calls >= LEAST_CALLS else None
    talks = _part(_sum(rows, TALKS), days, HALF_ROBOT) if robot else None
    known = [part for part in (phone, outings, checkins, talks) if part is not None]
    return Contact(rounded(sum(known) / len(known), 3) if known else None, phone, outings, checkins, talks)


def _part(count: int, days: int, half: float) -> float | None:
    if days < LEAST_DAYS:
        return None
    rate = count / days
    return rounded(rate / (rate + half), 3)


def _sum(rows: list[list[int]], place: int) -> int:
    total = 0
    for row in rows:
        total += row[place]
    return total
