"""Looks that need not be taken: a household woken to find that there was life meanwhile is armed anew, without being judged.

Nearly every wake asks whether the person has been silent for the shortest time, and nearly always they have not. What a
whole look would find then is known beforehand: nothing. Each whole look (`detectors.decide`) says until when that holds,
`state.calm_ms`: the earliest moment at which anything but the silence could change by time alone. Whatever an event may
change at once calls `stir`, and the next look is a whole one. Sources that see move their own moments with every report,
so those are asked anew each time.

So a new detector has two duties: the moment at which time alone may change what it finds goes into the moments of
`decide`, and the events it reads call `stir` where they may bring what it finds, or that moment, nearer.
A law holds both ways to the same rows: `tests/test_detectors_calm.py`.
"""

from typing import TYPE_CHECKING, Final

from detectors.chronic import BY_DAY
from detectors.conditions import RULES
from detectors.hours import HOUR_MS
from schemas.incidents import IncidentKind

if TYPE_CHECKING:
    from detectors.state import State

LIFELESS: Final = frozenset({*BY_DAY, *RULES, IncidentKind.MISSED_MEALS})
"""Kinds of which a sign of life says nothing: they hang on learned days, on what devices say of the home, and on responders."""


def stir(state: "State") -> None:
    """Let the next look be a whole one."""
    state.calm_ms = 0


def settle(state: "State", changes_ms: int) -> None:
    """Note after a whole look when time alone may change what was found, the silence left out; 0 while life may end anything."""
    is_open = state.silence is not None or state.past is not None or state.hospital_ms or listens(state)
    state.calm_ms = 0 if is_open else changes_ms


def listens(state: "State") -> bool:
    """Tell whether a sign of life may change what is told of the household.

    A decline or a door stays open for weeks, in which every sign of life would be followed by a whole look.
    """
    return bool(state.told) and not state.told.keys() <= LIFELESS


def is_only_alive(state: "State") -> bool:
    """Tell whether a look at the state's clock would find life and nothing else; then `wake_ms` is armed anew."""
    if state.clock_ms >= state.calm_ms:
        return False
    earliest_ms = earliest_silence(state)
    if not state.clock_ms < earliest_ms < state.calm_ms:
        return False
    if not state.seeing.stays(state.profile, state.clock_ms, earliest_ms):
        return False
    state.wake_ms = earliest_ms
    return True


def earliest_silence(state: "State") -> int:
    """Return the first moment at which the person will have been silent for the shortest time."""
    since_ms = max(state.life(), state.restart_ms, state.start_ms)
    return since_ms + int(state.profile.silence.shortest_h * HOUR_MS)
