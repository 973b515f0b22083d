"""The day's learning: 30 hours after a day has ended, when no event and no absence can change it any more."""

from typing import Final

from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS, HOUR_MS
from detectors.rhythm import Day
from detectors.state import HORIZON_MS, State

MOST_DAYS: Final = 60
"""A clock that jumps further than this skips days nobody can have reported of, instead of walking them for minutes."""


def learn_due_days(state: State) -> bool:
    """Learn every day that is due by the state's clock; tell whether there was one."""
    before = state.rhythm_version
    while state.next_learning_ms <= state.clock_ms:
        start_ms = state.learned_ms
        end_ms = state.day_end(start_ms)
        if state.clock_ms - end_ms > MOST_DAYS * DAY_MS:
            end_ms = state.hours.day_start(state.clock_ms - MOST_DAYS // 2 * DAY_MS)
        _learn(state, start_ms, end_ms)
        state.next_learning_ms = state.learning_after(end_ms)
    return state.rhythm_version != before


def _learn(state: State, start_ms: int, end_ms: int) -> None:
    # Score, decide, learn: nothing is learned from a day that ends in an alarming silence, or the model would come to
    # expect that nobody moves. Whether it was told must not matter: what was known then depends on the order of arrival.
    untrue = [*state.paused, *state.untrue]
    if _ends_in_alarm(state, end_ms):
        untrue.append((start_ms, end_ms))
    if state.hospital_ms:
        untrue.append((state.hospital_ms, NEVER_MS))
    seeing, profile = state.seeing, state.profile
    dark = {kind: seeing.dark_spans(kind, end_ms, profile) for kind in seeing.kinds()}
    day = Day(start_ms, end_ms, state.hours, state.rings, untrue, dark, state.start_ms)
    state.rhythm.learn_one(day, profile.silence)
    state.calls.learn_before(end_ms, state.hours.hour, state.paused)
    state.medication.learn_before(end_ms, state.paused)
    seeing.learn_before(end_ms, profile)
    for ring in state.rings.values():
        ring.forget_before(end_ms)
    state.learned_ms = end_ms
    state.paused = [(a, b) for a, b in state.paused if b > end_ms - HORIZON_MS]
    state.untrue = [(a, b) for a, b in state.untrue if b > end_ms - HORIZON_MS]
    state.rhythm_version += 1


def _ends_in_alarm(state: State, end_ms: int) -> bool:
    """Tell whether the silence at the end of a day was longer than this household's longest ordinary one."""
    life_ms = max(state.life(end_ms), state.start_ms)
    how = state.profile.silence
    longest_h = state.rhythm.longest.deadline_h(how.longest_k, state.budget, away=state.away(end_ms))
    return end_ms - life_ms > longest_h * HOUR_MS
