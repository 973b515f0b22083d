"""What a partition keeps and how it comes back: rows of a checkpoint, and the roster of a recovered changelog. Pure."""

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.topics import ORDERED_NAMES
from streams.cases.alerts_in_force import AlertsInForce
from streams.cases.lessons import Leaving, leaving_of
from streams.districts.known import Districts
from streams.engine.order import Positions
from streams.engine.refused import Refused
from streams.engine.roster import Roster
from streams.engine.snapshot import HOT, POSITIONS, RECORD, RHYTHMS, Cut, Recovered, Stamp, pack
from streams.engine.watched import Watched, district_of

REWRITE_AT_ONCE: Final = 2_000
"""Households whose rows are written again at each checkpoint after a takeover, until all have been."""
AT_ONCE: Final = 16
"""Households whose rows are made in one step."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Rows of one checkpoint, in the order in which they must be written; the position row is the last."""

    number: int
    cut: Cut
    rows: list[tuple[bytes, bytes | None]]
    counts: dict[str, int]
    """Rows by kind, the position row not among them."""


@dataclass(slots=True)
class Whole:
    """State of the partition as a whole, kept in its position row."""

    positions: Positions
    profile: Profile = DEFAULT_PROFILE
    lost_records: int = 0
    alerts: AlertsInForce = field(default_factory=AlertsInForce)
    districts: Districts = field(default_factory=Districts)
    stage: bytes = b""
    """State of the stage that puts districts together; empty in partitions that have none."""
    stage_offset: int = 0
    """Next offset of what it reads."""
    gone: list[Leaving] = field(default_factory=list)
    """Lessons of homes that are watched no more, for the shared model."""
    engine: str = ""
    """Version of the engine: whoever goes on from the checkpoint may be another."""


class Keeper:
    """Makes checkpoints. Its stamp names the owner: epoch one above the highest found, so that a zombie's rows lose."""

    def __init__(self, owner: int, recovered: Recovered | None, roster: Roster) -> None:
        found = recovered or Recovered()
        self._stamp = Stamp(found.top_epoch + 1, owner, found.top_number)
        self._rewrite = roster.names()
        self._ended_keys = list(found.leftover)
        """Keys whose end the last checkpoint told, or a former owner's: their tombstones go out with the next one."""

    def has_work(self, roster: Roster) -> bool:
        """Tell whether a checkpoint would have more than a position to write."""
        return bool(roster.dirty or self._rewrite or self._ended_keys)

    def steps(self, roster: Roster, whole: Whole, refused: Refused) -> Generator[None, None, Checkpoint]:
        """Make what must be written so that another can go on from exactly here, in steps of so many households.

        Nothing may change between the steps. Rows of households that changed, of some more after a takeover (so that no late row of a former owner is ever the
        newest), tombstones of those whose end the last checkpoint told, and last the position row.
        """
        number = self._stamp.number + 1
        self._stamp = Stamp(self._stamp.epoch, self._stamp.owner, number)
        positions = whole.positions.copy()
        cut = Cut(positions.offsets, positions.ticks, positions.clock_ms, positions.live)
        rows: list[tuple[bytes, bytes | None]] = []
        counts = dict.fromkeys(("hot", "rhythm", "record", "tombstone"), 0)
        roster.pass_ends(cut)
        tombstones = [key for key in self._ended_keys if _is_over(key, roster)]
        # Whoever ended ahead of the position must stay known as such until the position has passed it.
        self._ended_keys = [key for key in self._ended_keys if key[2:].decode() in roster.ended_ahead]
        self._write_again(roster)
        for place, watched in enumerate(list(roster.dirty.values()), 1):
            if place % AT_ONCE == 0:
                yield
            for kind, key, payload in self._rows_of(watched, roster, cut):
                rows.append((key, pack(self._stamp, payload)))
                counts[kind] += 1
        rows += [(key, None) for key in tombstones]
        counts["tombstone"] = len(tombstones)
        state = [
            list(cut),
            msgspec.to_builtins(whole.profile),
            refused.state(),
            roster.ended_state(),
            whole.lost_records,
            whole.alerts.state(),
            whole.engine,
            roster.given_state(),
            [whole.districts.state(), whole.stage_offset, whole.stage],
            [list(one) for one in whole.gone],
        ]
        rows.append((POSITIONS[number % 2], pack(self._stamp, state)))
        roster.dirty = {}
        return Checkpoint(number, cut, rows, counts)

    def _write_again(self, roster: Roster) -> None:
        again, self._rewrite = self._rewrite[:REWRITE_AT_ONCE], self._rewrite[REWRITE_AT_ONCE:]
        for name in again:
            watched = roster.get(name)
            if watched is not None:
                watched.rhythm_kept, watched.record_dirty = -1, True
                roster.dirty.setdefault(name, watched)

    def _rows_of(self, watched: Watched, roster: Roster, cut: Cut) -> list[tuple[str, bytes, Any]]:
        name = watched.name.encode()
        if not roster.holds(watched):
            self._ended_keys += [prefix + name for prefix in (HOT, *RHYTHMS, RECORD)]
            return [
                (
                    "hot",
                    HOT + name,
                    [
                        list(cut),
                        list(watched.checks.slots),
                        list(watched.given),
                        [list(one) for one in watched.leaving],
                    ],
                )
            ]
        rows: list[tuple[str, bytes, Any]] = []
        rhythm = watched.rhythm_payload()
        if not watched.has_model and watched.rhythm_kept >= 0:
            self._ended_keys += [prefix + name for prefix in RHYTHMS]
            watched.rhythm_kept = -1
        if rhythm is not None:
            # Before the hot row that needs it.
            rows.append(("rhythm", RHYTHMS[watched.rhythm_place] + name, rhythm))
        heard = roster.hearing.last(watched.index)
        rows.append(("hot", HOT + name, watched.hot_payload(cut, self._stamp.number, heard)))
        if watched.record_dirty:
            rows.append(("record", RECORD + name, watched.record_bytes or None))
            watched.record_dirty = False
        return rows


def _is_over(key: bytes, roster: Roster) -> bool:
    """Tell whether nobody needs a row any more."""
    name = key[2:].decode()
    watched = roster.get(name)
    if watched is None:
        return name not in roster.ended_ahead
    return not watched.has_model and key[:2] in RHYTHMS


def restore(recovered: Recovered | None, roster: Roster, refused: Refused) -> tuple[Whole, set[str]]:
    """Fill the roster from what a changelog held; the partition's state, and households whose rows cannot be used."""
    whole = Whole(Positions.start(len(ORDERED_NAMES)))
    unreadable: set[str] = set()
    if recovered is None:
        return whole, unreadable
    if recovered.position is not None:
        (offsets, ticks, clock_ms, live), profile, floods, ended, whole.lost_records, *rest = recovered.position
        whole.positions = Positions(list(offsets), list(ticks), clock_ms, live)
        whole.profile = msgspec.convert(profile, Profile)
        with suppress(ValueError, TypeError, msgspec.MsgspecError):
            # Counts of the last minute's refusals, by reasons that another version may have named otherwise.
            refused.restore(floods)
        roster.restore_ended(ended, rest[2] if len(rest) > 2 else [])
        whole.alerts.restore(rest[0] if rest else [], clock_ms)
        if len(rest) > 3 and rest[3]:
            districts, whole.stage_offset, whole.stage = rest[3]
            whole.districts.restore(districts)
        whole.gone = leaving_of(rest[4] if len(rest) > 4 else [])
    at = whole.positions
    position = Cut(at.offsets, at.ticks, at.clock_ms, at.live)
    roster.ended_ahead = {name: cut for name, cut in recovered.ended.items() if cut.is_ahead_of(position)}
    roster.ended_given = {name: recovered.ended_given.get(name, []) for name in roster.ended_ahead}
    roster.ended_slots = {name: recovered.ended_slots.get(name, []) for name in roster.ended_ahead}
    roster.ended_leaving = {name: recovered.ended_leaving.get(name, []) for name in roster.ended_ahead}
    known = {one.incident for one in whole.gone}
    ahead = [one for those in roster.ended_leaving.values() for one in those if one.incident not in known]
    whole.gone = sorted([*whole.gone, *ahead])
    roster.sleep.profile = whole.profile
    # Rows of a checkpoint that never became whole were written after everything told before it was acknowledged.
    roster.hearing.told_ms = max((cut.clock_ms for cut in roster.ended_ahead.values()), default=0)
    for name, rows in recovered.households.items():
        watched = roster.meet(name, at.clock_ms)
        try:
            since_ms = watched.take_rows(rows, position)
            if not watched.is_asleep:
                roster.rearm(watched)
                roster.look(watched)
        except Exception:  # noqa: BLE001 - whatever its rows hold, it costs this household alone
            roster.drop(watched)
            unreadable.add(name)
            continue
        roster.recall_heard(watched)
        if since_ms:
            watched.since_ms = since_ms
        else:
            roster.register(watched)
            roster.settle(watched, district_of(watched.record_bytes))
        if watched.is_asleep:
            roster.recall(watched)
        else:
            roster.rearm(watched)
            roster.sleep.settle()
    return whole, unreadable
