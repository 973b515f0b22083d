"""The two snapshot rows of a household: plain numbers in msgpack, the same bytes for the same state."""

import struct
from typing import Any, Final

import msgspec

from detectors.alarm import Alarm
from detectors.episodes import Episodes
from detectors.hours import hours_of
from detectors.medication import Medication
from detectors.row_forms import check
from detectors.state import NEVER_UNSEEN, State, Told
from detectors.thrift import Thrift
from schemas.households import HouseholdRecord
from schemas.incidents import IncidentKind
from schemas.profiles import Profile

FORMAT: Final = 1
_NO_DOSES: Final = Medication().state()
_NO_THRIFT: Final = Thrift().state()
"""What is said of most homes."""
_NOT_A_ROW: Final = (
    *(msgspec.DecodeError, struct.error, ValueError, TypeError, LookupError, AttributeError, OverflowError),
    RecursionError,  # lists in lists without end
)


def hot_row(state: State) -> bytes:
    """Return what changes with every event. Lists only: no order of keys can change the bytes."""
    return msgspec.msgpack.encode(
        [
            FORMAT,
            state.pseudonym,
            state.start_ms,
            state.clock_ms,
            state.wake_ms,
            [[kind, ring.state()] for kind, ring in state.rings.items()],
            state.seeing.state(),
            state.calls.state(),
            state.medication.state(),
            state.paused,
            state.untrue,
            [state.restart_ms, state.hospital_ms, state.quiet_ms],
            state.silence.state() if state.silence else None,
            state.past.state() if state.past else None,
            [[kind, *state.told[kind]] for kind in sorted(state.told)],
            state.asks,
            [state.alert_factor, state.dark_until_ms, state.followed_ms],
            state.weeks.state(),
            state.shown,
            state.conditions.state(),
            state.outcomes.waiting,
            [state.meals.state(), state.devices.state(), state.thrift.state(), state.quiet_offline_ms, state.unseen],
        ]
    )


def rhythm_row(state: State) -> bytes:
    """Return what changes once a day."""
    return msgspec.msgpack.encode(
        [
            FORMAT,
            state.rhythm_version,
            state.learned_ms,
            state.next_learning_ms,
            state.rhythm.state(),
            state.calls.rates_state(),
            state.seeing.gaps_state(),
            state.weeks.slow_state(),
            state.chronic.state(),
            state.delay.state(),
            [state.outcomes.state(), state.chatter.state()],
        ]
    )


def is_row(row: bytes) -> bool:
    """Tell by its beginning whether bytes are a row of this format, as `state_of` would read it."""
    at = 1 if row[:1] < b"\xa0" else 3  # where a list of few elements begins, and of many
    return row[:1] >= b"\x90" and row[at : at + 1] == bytes([FORMAT])


def state_of(hot: bytes, rhythm: bytes, profile: Profile, record: HouseholdRecord | None) -> State:
    """Return the state of two rows, bit for bit.

    Raises:
        ValueError: the bytes are not rows of this format, or hold what no household can be.

    """
    try:
        check(hot, rhythm)
        row, slow = msgspec.msgpack.decode(hot), msgspec.msgpack.decode(rhythm)
        return _restored(row, slow, profile, record)
    except _NOT_A_ROW as error:
        raise ValueError("not the snapshot rows of a household in this format") from error


def _restored(row: list[Any], slow: list[Any], profile: Profile, record: HouseholdRecord | None) -> State:
    if row[0] != FORMAT or slow[0] != FORMAT:
        raise ValueError(f"format {row[0]} and {slow[0]}, not {FORMAT}")
    name = row[1] if record is None or record.household != row[1] else record.household
    state = State(name, profile, record, row[2])
    state.clock_ms, state.wake_ms = row[3:5]
    for kind, ring in row[5]:
        state.rings.put(kind, Episodes.from_state(ring))
    state.seeing.restore(row[6])
    state.calls.restore(row[7])
    if row[8] != _NO_DOSES:
        state.own_medication().restore(row[8])
    state.paused = tuple([(a, b) for a, b in row[9]])
    state.untrue = tuple([(a, b) for a, b in row[10]])
    state.restart_ms, state.hospital_ms, state.quiet_ms = row[11]
    state.silence = Alarm.from_state(row[12]) if row[12] else None
    state.past = Alarm.from_state(row[13]) if row[13] else None
    for kind, *rest in row[14]:
        state.tell(IncidentKind(kind), Told(*rest))
    state.asks = tuple(row[15])
    if len(row) > 16:
        state.alert_factor, state.dark_until_ms, *followed = row[16]
        state.followed_ms = followed[0] if followed else 0
    if len(row) > 17:  # rows of a version that counted no weeks are shorter
        state.weeks.restore(row[17])
        state.shown = row[18]
    if len(row) > 19:
        state.conditions.restore(row[19])
    if len(row) > 20:
        state.outcomes.waiting = tuple([(at_ms, what) for at_ms, what in row[20]])
    if len(row) > 21:
        state.meals.restore(row[21][0])
        state.devices.restore(row[21][1])
        if row[21][2] != _NO_THRIFT:
            state.own_thrift().restore(row[21][2])
        state.quiet_offline_ms = row[21][3]
        if len(row[21]) > 4:
            since_ms, until_ms = row[21][4]
            state.unseen = (since_ms, until_ms) if since_ms else NEVER_UNSEEN
    state.rhythm_version, state.learned_ms, state.next_learning_ms = slow[1:4]
    state.rhythm.restore(slow[4])
    state.calls.restore_rates(slow[5])
    state.seeing.restore_gaps(slow[6])
    if len(slow) > 7:
        state.weeks.restore_slow(slow[7])
    if len(slow) > 8:
        state.chronic.restore(slow[8])
    if len(slow) > 9:
        state.delay.restore(slow[9])
    if len(slow) > 10:
        state.outcomes.restore(slow[10][0])
        state.chatter.restore(slow[10][1])
    state.know_kinds()
    if record is not None:
        state.hours = hours_of(record.time_zone)
    return state
