"""Remembered concerns: which of them are due to be asked about again, at the hour at which a day is learned."""

from typing import Final

from detectors.findings import Ask
from detectors.hours import DAY_MS, HOUR_MS
from detectors.ladder import Home, first_to_resident
from detectors.silent import ASKS_A_SILENCE, calls_left
from detectors.state import State
from detectors.weeks import Concern
from detectors.words import LEVELS, TOPICS
from schemas import checkins
from schemas.households import HouseholdRecord
from schemas.times import to_rfc3339
from schemas.vocabulary import Level

AFTER_MS: Final[dict[Level, int]] = {Level.CONCERN: 7 * DAY_MS, Level.ALARM: 3 * DAY_MS}
"""How long after it was last spoken of a concern is asked about again."""
AGAIN_MS: Final = 7 * DAY_MS
"""At most one follow-up in this time."""
REMEMBERED_MS: Final = 30 * DAY_MS
"""A concern that is over is named in a follow-up this long."""
ANSWER_WITHIN_MS: Final = 8 * HOUR_MS


def follow_up(state: State) -> list[Ask]:
    """Return the question after remembered concerns, where one is due; it names all that are remembered.

    An open concern is asked about a week after it was last spoken of, an alarming one after three days, and that one once
    even where it was resolved: what alarmed somebody is looked at again. It keeps to the month's budget of machine calls
    and leaves two of them to a silence. Nobody is asked while away, nor while a silence is open.
    """
    clock_ms = state.clock_ms
    if clock_ms - state.followed_ms < AGAIN_MS or state.silence is not None or state.pause_at(clock_ms):
        return []
    known = state.weeks.concerns()
    if not any(_is_due(one, clock_ms, state.followed_ms) for one in known):
        return []
    may_call = calls_left(state, clock_ms)
    if not may_call or len(state.asks) + ASKS_A_SILENCE >= state.profile.checkins_per_month:
        return []
    record = state.record or HouseholdRecord(household=state.pseudonym)
    rung = first_to_resident(Home(record, state.hours, state.calls.answer_rate))
    if rung is None:
        return []
    state.asks = (*state.asks, clock_ms)
    state.followed_ms = clock_ms
    remembered = [one for one in known if not one.resolved_ms or clock_ms - one.resolved_ms < REMEMBERED_MS]
    named = tuple(_named(one) for one in remembered)
    until_ms = clock_ms + ANSWER_WITHIN_MS
    return [Ask(purpose="follow_up", at_ms=clock_ms, until_ms=until_ms, rung=rung, concerns=named)]


def _is_due(one: Concern, clock_ms: int, followed_ms: int) -> bool:
    level = LEVELS[one.level]
    if clock_ms - max(one.told_ms, one.resolved_ms) < AFTER_MS[level]:
        return False
    return not one.resolved_ms or (level is Level.ALARM and followed_ms < one.told_ms)


def _named(one: Concern) -> checkins.Concern:
    return checkins.Concern(
        topic=TOPICS[one.topic],
        level=LEVELS[one.level],
        since=to_rfc3339(one.since_ms),
        state="resolved" if one.resolved_ms else "open",
    )
