"""Looks that need not be taken: a household of which nothing can be found is armed anew, without being judged.

Nearly every wake asks whether the person has been silent for the shortest time, and nearly always they have not, or goes on
through a night in which nothing but reports came. What a whole look would find then is known beforehand: nothing. Each whole
look (`detectors.decide`) says until when that holds, `state.calm_ms`: the earliest moment at which anything but the silence
could change by time alone. Whatever an event may change at once calls `stir`, and the next look is a whole one. Sources that
see move their own moments with every report, so those are asked anew each time.

Of a silence that goes on a whole look says `state.lull_ms`: before that none is told nor asked about, however well its sources
go on reporting, unless there is a sign of life. Less can be seen of it than was supposed, so that it is told later; never more.

So a new detector has two duties: the moment at which time alone may change what it finds goes into the moments of
`decide`, and the events it reads call `stir` where they may bring what it finds, or that moment, nearer.
A law holds both ways to the same rows: `tests/test_detectors_calm.py`.
"""

from typing import TYPE_CHECKING, Final

from detectors.chronic import BY_DAY
from detectors.conditions import RULES
from detectors.hours import DAY_MS, HOUR_MS
from schemas.incidents import IncidentKind

if TYPE_CHECKING:
    from detectors.state import State

LIFELESS: Final = frozenset({*BY_DAY, *RULES, IncidentKind.MISSED_MEALS})
"""Kinds of which a sign of life says nothing: they hang on learned days, on what devices say of the home, and on responders."""
SAID: Final = frozenset({*LIFELESS, IncidentKind.MISSED_MEDICATION})
"""Kinds of which whatever says anything calls for a whole look by itself."""
MONTH_MS: Final = 30 * DAY_MS
"""So long a check-in call counts against the month's budget."""


def stir(state: "State") -> None:
    """Let the next look be a whole one."""
    state.calm_ms = 0


def settle(state: "State", changes_ms: int) -> None:
    """Note after a whole look when time alone may change what was found, the silence left out; 0 while life may end anything."""
    is_open = state.silence is not None or state.past is not None or state.hospital_ms or _hangs_on_life(state)
    state.calm_ms = 0 if is_open else changes_ms


def listens(state: "State") -> bool:
    """Tell whether a sign of life may change what is told of the household.

    A decline or a door stays open for weeks, in which every sign of life would be followed by a whole look.
    """
    return bool(state.told) and not state.told.keys() <= LIFELESS


def _hangs_on_life(state: "State") -> bool:
    """Tell whether a sign of life may change what is told of the household now.

    Calls that nobody answered may stand told for weeks: once the person has shown life after the last of them, only a call can
    change that.
    """
    for kind in state.told:
        if kind in SAID:
            continue
        if kind is not IncidentKind.UNANSWERED_CALLS or state.calls.row(state.life(), state.paused).unproven:
            return True
    return False


def is_at_rest(state: "State") -> bool:
    """Tell whether a look at the state's clock would find nothing; then `wake_ms` is armed anew, as that look would."""
    clock_ms, calm_ms = state.clock_ms, state.calm_ms
    if clock_ms >= calm_ms:
        return False
    wake_ms = state.seeing.goes_on(state.profile, clock_ms)
    if not wake_ms:
        return False
    earliest_ms = earliest_silence(state)
    if clock_ms < earliest_ms < wake_ms:
        wake_ms = earliest_ms
    if wake_ms >= calm_ms:
        # Another moment at which something may change is none for which it wakes, but for the next day's learning.
        if calm_ms != state.next_learning_ms:
            return False
        wake_ms = calm_ms
    if clock_ms >= earliest_ms and not _goes_on(state, wake_ms):
        return False
    state.wake_ms = wake_ms
    return True


def _goes_on(state: "State", until_ms: int) -> bool:
    """Tell whether a silence goes on until a moment of which a whole look would find nothing until then."""
    if until_ms >= state.lull_ms:
        return False
    if state.asks and state.asks[0] <= state.clock_ms - MONTH_MS:
        return False  # a call of the month's budget comes back
    return state.seeing.is_whole(state.profile)


def earliest_silence(state: "State") -> int:
    """Return the first moment at which the person will have been silent for the shortest time."""
    since_ms = max(state.life(), state.restart_ms, state.start_ms)
    return since_ms + int(state.profile.silence.shortest_h * HOUR_MS)
