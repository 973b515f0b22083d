"""A source or a single device that has gone dark in a home that is otherwise seen: told, and cleared with the time to repair."""

from typing import Final

from detectors.findings import Fact, Lasting
from detectors.hazard import NEVER_MS
from detectors.hours import HOUR_MS
from detectors.life import PHONE
from detectors.state import State
from detectors.usual import of_devices, of_source
from schemas.incidents import IncidentKind

KINDS: Final = (IncidentKind.DEVICE_OFFLINE, IncidentKind.PHONE_OFF)
LATE_MS: Final = 24 * HOUR_MS
"""A source is told offline this long after it counts as dark: most come back by themselves."""


def offline(state: State, *, blind: bool) -> tuple[dict[IncidentKind, Lasting], int]:
    """Return what is offline at the state's clock though the home is seen, and when to look again.

    Where nothing is seen it is the whole home's blindness that is told, and in an absence nobody misses a device.
    """
    clock_ms, profile = state.clock_ms, state.profile
    if blind or clock_ms < max(state.quiet_offline_ms, state.dark_until_ms) or state.pause_at(clock_ms):
        return _still(state), NEVER_MS
    late_ms = -1
    found: dict[IncidentKind, list[tuple[int, str, dict[str, Fact]]]] = {}
    next_ms = NEVER_MS
    for source in state.seeing.all:
        if not (source.seen_ms or source.until_ms):
            continue
        off = source.kind == PHONE and source.is_off
        dark_ms = source.dark_at(profile)
        if dark_ms > clock_ms:  # nearly always
            continue
        if late_ms < 0:
            late_ms = int(LATE_MS * state.factor(IncidentKind.DEVICE_OFFLINE))
        due_ms = dark_ms + (0 if off else late_ms)
        if due_ms > clock_ms:
            next_ms = min(next_ms, due_ms)
            continue
        kind = IncidentKind.PHONE_OFF if off else IncidentKind.DEVICE_OFFLINE
        found.setdefault(kind, []).append((source.told_ms, source.name.split("/", 2)[1], of_source(source, profile)))
    if state.devices.since_ms:
        found.setdefault(IncidentKind.DEVICE_OFFLINE, []).append(
            (state.devices.since_ms, "device", of_devices(state.devices))
        )
    return {kind: _lasting(state, min(ones, key=_by_age), len(ones)) for kind, ones in found.items()}, next_ms


def _by_age(one: tuple[int, str, dict[str, Fact]]) -> tuple[int, str]:
    return one[:2]


def _lasting(state: State, worst: tuple[int, str, dict[str, Fact]], count: int) -> Lasting:
    since_ms, what, usual = worst
    facts: dict[str, Fact] = {
        **usual,
        "what": what,
        "offline_h": round((state.clock_ms - since_ms) / HOUR_MS, 1),
        "count": count,
    }
    return Lasting(since_ms, facts)


def _still(state: State) -> dict[IncidentKind, Lasting]:
    """Return what was told, as still holding: nothing can be said of a device while nothing is seen at all."""
    return {kind: Lasting(state.told[kind].since_ms, {}) for kind in KINDS if kind in state.told}
