"""Who is on duty when, and whom an incident moves on to: questions to the roster of a profile. Pure."""

from typing import NamedTuple

from detectors.hours import hours_of
from schemas.duty import Desk, Duty


class Shift(NamedTuple):
    """A stretch of one owner's duty, UTC milliseconds."""

    owner: str
    start_ms: int
    end_ms: int


def desk_of(duty: Duty, district: str | None) -> Desk | None:
    """Return the desk that answers for a district: its own, or the one for all that have none."""
    common = None
    for desk in duty.desks:
        if desk.district == (district or ""):
            return desk
        if not desk.district:
            common = desk
    return common


def shift_at(duty: Duty, desk: Desk, at_ms: int) -> Shift:
    """Return the shift at a moment. It ends where the next one begins, by the desk's own clock."""
    hours = hours_of(desk.time_zone)
    opens, closes = _minute(desk.day_from), _minute(desk.day_until)
    night = desk.night or desk.day
    owner = night
    if opens <= hours.minute(at_ms) < closes:
        is_free = hours.cell(at_ms)[0] == 1 or hours.date(at_ms) in duty.holidays
        owner = (desk.holiday or night) if is_free else desk.day
    start_ms = max(hours.last_at(at_ms, opens), hours.last_at(at_ms, closes))
    return Shift(owner, start_ms, min(hours.next_at(at_ms, opens), hours.next_at(at_ms, closes)))


def owner_at(duty: Duty, district: str | None, level: int, at_ms: int, *, emergency: bool = False) -> str:
    """Return who answers for a district after so many owners let the time pass; empty where no desk is known."""
    desk = desk_of(duty, district)
    if desk is None:
        return ""
    if level <= 0 or not desk.then:
        return (desk.emergency if emergency else "") or shift_at(duty, desk, at_ms).owner
    return desk.then[min(level, len(desk.then)) - 1]


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)
