"""Going out in the middle of the night, from a home where nobody does: told while the person is out."""

from typing import Final

from detectors.chronic import NIGHTS_OUT
from detectors.hazard import NEVER_MS
from detectors.hours import HOUR_MS
from detectors.life import HOME
from detectors.state import State
from schemas.incidents import IncidentKind

NIGHT_UNTIL_H: Final = 4
"""The night of this file runs from midnight to here, local time."""
OUT_MS: Final = HOUR_MS // 2
"""Who is back within this took out the rubbish."""
STEP_MS: Final = 60_000
"""A door alone takes no longer than this."""
SELDOM: Final = 0.05
"""Nights out a night up to which going out at night is unusual for a home: the second in a few weeks is, the third is not."""
SELDOM_THERE: Final = 0.1
"""The same where responders found more often than not that such a night was rightly told."""


def is_night(state: State, at_ms: int) -> bool:
    """Tell whether a moment is in the middle of the household's night."""
    return state.hours.hour(at_ms) < NIGHT_UNTIL_H


def out_at_night(state: State) -> tuple[int, int]:
    """Return since when the person is out in an unusual night, 0 when they are not, and when to look again."""
    ring = state.rings.get(HOME)
    last = None if ring is None else ring.life_before(NEVER_MS)
    if last is None or not last.leaves or not is_night(state, last.end) or state.pause_at(last.end):
        return 0, NEVER_MS
    if last.end - last.start < STEP_MS and state.away(last.start - 1):
        return 0, NEVER_MS  # they were out before, and a door alone is how somebody comes home late and goes to bed
    true, untrue = state.thrift.record(IncidentKind.OUT_AT_NIGHT)
    seldom = SELDOM_THERE if true > untrue else SELDOM
    if last.end <= state.restart_ms or last.end < state.warm_ms or state.chronic.usual(NIGHTS_OUT) > seldom:
        return 0, NEVER_MS
    # Whoever shows life elsewhere, on the phone they carry, is out all the same: only the home can tell their return.
    due_ms = last.end + int(OUT_MS * state.factor(IncidentKind.OUT_AT_NIGHT))
    return (last.end, NEVER_MS) if state.clock_ms >= due_ms else (0, due_ms)
