"""How the sources of a home do, counted by channel and packed into one number, so that 200,000 homes can be summed."""

from typing import Final

from detectors.calls import UNANSWERED
from detectors.life import CALLS, channel_of
from detectors.state import State

CHANNELS: Final = ("sensors", "robot", "phone", "worn", "calls")
"""First segments of sources' names."""
HEALTH: Final = ("healthy", "overdue", "dark", "off", "never")
"""healthy: it reports as it does. overdue: two declared reports are missing. dark: told dark. off: switched off. never:
in the registry, and nothing has come yet. Of calls: the last one reached the person; did not; so many in a row did not
that it is an incident; the number is dead; nobody was called yet."""
PLACES: Final = len(CHANNELS) * len(HEALTH)
BITS: Final = 6
"""A home has 32 sources at most."""

_HEALTHY, _OVERDUE, _DARK, _OFF, _NEVER = range(len(HEALTH))
_CALLS: Final = CHANNELS.index("calls")
_ONE: Final = [1 << BITS * place for place in range(2 * len(HEALTH))]
_REMEMBERED: Final = 4096
_channels: dict[str, int] = {}


def health_counts(state: State, clock_ms: int) -> int:
    """Return the counts at a clock: `BITS` bits a place, a place for each channel and health."""
    profile = state.profile
    # Two channels a number: those of the machine hold no more, and each source would make a long one anew.
    counts = [0, 0, 0]
    for source in state.seeing.all:
        if not source.seen_ms and not source.until_ms and not source.off_ms:
            health = _NEVER
        elif source.is_off:
            health = _OFF
        else:
            dark_ms = source.dark_at(profile)
            health = _DARK if dark_ms <= clock_ms else _HEALTHY
            if not health and source.overdue_at(profile, dark_ms) <= clock_ms:
                health = _OVERDUE
        channel = _channel(source.name)
        counts[channel >> 1] += _ONE[(channel & 1) * len(HEALTH) + health]
    called = _calls(state)
    if called >= 0:
        counts[_CALLS >> 1] += _ONE[(_CALLS & 1) * len(HEALTH) + called]
    total = counts[0]
    for i in range(1, len(counts)):
        if counts[i]:
            total |= counts[i] << i * 2 * BITS * len(HEALTH)
    return total


def unpacked(packed: int) -> list[int]:
    """Return the counts that a number holds, one a place."""
    return [packed >> (BITS * place) & (1 << BITS) - 1 for place in range(PLACES)]


def _channel(name: str) -> int:
    channel = _channels.get(name)
    if channel is None:
        channel = CHANNELS.index(name.split("/", 2)[1])
        if len(_channels) >= _REMEMBERED:
            _channels.clear()
        _channels[name] = channel
    return channel


def _calls(state: State) -> int:
    """Return how calls to this home do; -1 where nobody calls it."""
    if not state.calls.has_called:
        record = state.record
        listed = record is not None and any(one.consent and channel_of(one.source) == CALLS for one in record.sources)
        return _NEVER if listed else -1
    last = state.calls.last
    if last is None or last.kind not in UNANSWERED:
        return _HEALTHY
    if last.kind == "checkin_dead_number":
        return _OFF
    in_a_row = state.calls.row(0, state.paused).calls  # how many are not proven hangs on life, their number does not
    return _DARK if in_a_row >= state.profile.unanswered_in_a_row else _OVERDUE
