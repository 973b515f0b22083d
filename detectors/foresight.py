"""What would have happened: when the silence would have alarmed, had the person collapsed at a moment of a day that is over.

Two moments a day are asked, at other hours each day, so that it costs next to nothing. `detectors.delay` keeps the answers.
"""

from typing import Final

from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS, HOUR_MS
from detectors.silence import Lane
from detectors.state import State, last_life
from detectors.verdict import Silence

DAY_AFTER_H: Final[tuple[float, ...]] = (4.5, 7.5, 10.5, 13.5)
"""Moments of the day that are asked, hours after 04:00: in the middle of the quarters of 08:00 to 20:00, a day each;"""
NIGHT_AFTER_H: Final[tuple[float, ...]] = (17.5, 20.5, 23.0, 2.0)
"""and of 20:00 to 08:00."""


def learn_delay(state: State, start_ms: int, *, whole: bool) -> None:
    """Ask two moments of a day that began at `start_ms`, before its details are forgotten.

    Nothing is asked of a day that was not `whole`, or while a public alert moves the budget: it is not the household's own.
    """
    day_h = night_h = None
    if whole and state.alert_factor == 1.0:
        turn = start_ms // (DAY_MS) % len(DAY_AFTER_H)
        day_h = delay_at(state, start_ms + int(DAY_AFTER_H[turn] * HOUR_MS))
        night_h = delay_at(state, start_ms + int(NIGHT_AFTER_H[turn] * HOUR_MS))
        state.delay.learn_one(day_h, night_h, state.budget, state.seeing.kinds())
    elif state.rings.values() and not state.seeing.kinds():
        state.delay.learn_one(None, None, state.budget, [])


def delay_at(state: State, at_ms: int) -> float | None:
    """Return the hours from a collapse at a moment to the alarm; None while warming up, away, or where nothing would alarm.

    Every source is supposed to see, and to go on reporting: what outages and unanswered calls change is not foretold.
    """
    kinds = state.seeing.kinds()
    lasts = {kind: last_life(ring, at_ms) for kind, ring in state.rings.items()}
    since_ms = max(lasts.values(), default=0)
    if not kinds or not since_ms or at_ms < state.warm_ms or state.away(at_ms):
        return None
    rates = {kind: state.rhythm.rates(kind, state.profile.silence, away=False) for kind in kinds}
    lanes = [Lane(kind, rates[kind], lasts.get(kind, 0) or state.start_ms) for kind in kinds]
    silence = Silence(since_ms, lanes, [], away=False, ghost_ms=0, threshold=state.threshold, blind=[])
    verdict = state.judge(silence, asks=False)
    return None if verdict.due_ms >= NEVER_MS else max(0, verdict.due_ms - at_ms) / HOUR_MS
