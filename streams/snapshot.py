"""Rows of the changelog, and what a partition can be rebuilt from: a checkpoint counts whole or not at all. Pure.

A row's value is `crc32 | epoch | owner | number | payload`. Rows of one checkpoint share epoch, owner and number; the
position row of that checkpoint comes last and makes it whole. Two keys hold positions by turns, so that compaction always
leaves the one before the last.
"""

from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

_HEAD: Final = Struct("<IQQQ")
_FORMAT: Final = 1

HOT: Final = b"h:"
"""What changes with every event of a household: `[cut, model, rhythm version, ledger, since, lost, number of the checkpoint
that first held it, which of the two rhythm keys]`; at its end `[cut]` alone."""
RHYTHMS: Final = (b"r:", b"s:")
"""What is learned of it, at most once a day: `[version, model]`. Versions are written to two keys by turns: a hot row needs
its own version, and the next one must not be able to compact it away."""
RECORD: Final = b"g:"
"""Its registry record as it was published."""
POSITIONS: Final = (b"!position-0", b"!position-1")
KINDS: Final = frozenset({HOT, *RHYTHMS, RECORD})


class Stamp(NamedTuple):
    """Whose row it is: the owner's epoch, its random mark, and the number of the checkpoint."""

    epoch: int
    owner: int
    number: int


NO_STAMP: Final = Stamp(0, 0, 0)


class Cut(NamedTuple):
    """Where a checkpoint was taken: next offset of each ordered topic, last tick of each, and the clock."""

    offsets: list[int]
    ticks: list[int]
    clock_ms: int
    live: bool

    def is_ahead_of(self, other: "Cut") -> bool:
        """Tell whether anything is known here that is not known there."""
        return self.clock_ms > other.clock_ms or any(
            mine > theirs for mine, theirs in zip(self.offsets, other.offsets, strict=True)
        )

    def joined(self, other: "Cut") -> "Cut":
        """Return what is known by one or the other."""
        offsets = [max(pair) for pair in zip(self.offsets, other.offsets, strict=True)]
        ticks = [max(pair) for pair in zip(self.ticks, other.ticks, strict=True)]
        return Cut(offsets, ticks, max(self.clock_ms, other.clock_ms), self.live or other.live)


def pack(stamp: Stamp, payload: Any) -> bytes:
    """Bytes of a row."""
    body = msgspec.msgpack.encode([_FORMAT, payload])
    head = _HEAD.pack(0, *stamp)[4:]
    return crc32(head + body).to_bytes(4, "little") + head + body


def unpack(value: bytes) -> tuple[Stamp, Any]:
    """Stamp and payload of a row.

    Raises:
        ValueError: the row is damaged, or of another format.

    """
    if len(value) < _HEAD.size or crc32(value[4:]) != int.from_bytes(value[:4], "little"):
        raise ValueError("a damaged row")
    _, epoch, owner, number = _HEAD.unpack_from(value)
    try:
        form, payload = msgspec.msgpack.decode(value[_HEAD.size :])
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise ValueError("a row that cannot be read") from error
    if form != _FORMAT:
        raise ValueError(f"a row of format {form}")
    return Stamp(epoch, owner, number), payload


@dataclass(slots=True)
class Rows:
    """The usable rows of one household, as payloads; None where there is none."""

    hot: Any = None
    rhythm: Any = None
    record: Any = None
    guarded: bool = False
    """From a checkpoint that never became whole: records and deadlines they know already must be skipped."""


@dataclass(slots=True)
class Recovered:
    """What the changelog of a partition holds. `position` is None where no whole checkpoint is left."""

    position: Any = None
    households: dict[str, Rows] = field(default_factory=dict)
    ended: dict[str, Cut] = field(default_factory=dict)
    """Households whose watching ended, and up to where that is known."""
    lost: set[str] = field(default_factory=set)
    """Households whose rows are damaged, or of which only a zombie's are left: salvage them from other topics."""
    top_epoch: int = 0
    top_number: int = 0
    """Highest number of any checkpoint, whole or not: the next owner counts on from here, so that no number comes twice."""
    used: int = 0
    set_aside: int = 0
    corrupt: int = 0


class Changelog:
    """Takes the records of one changelog partition in offset order and says what counts.

    A worker whose checkpoint breaks off never writes another one, so everything an owner wrote before one of its position
    rows belongs to a whole checkpoint, even where an earlier position row of its is damaged. Rows of an owner that is no
    longer the newest are a zombie's and count for nothing. `whole=False` is a negative control: rows count as they come.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._whole = whole
        self._committed: dict[bytes, Any] = {}
        self._pending: dict[bytes, Any] = {}
        self._aside: dict[bytes, Any] = {}
        self._damaged: set[bytes] = set()
        self._damaged_pending: set[bytes] = set()
        self._zombies: set[bytes] = set()
        self._position: Any = None
        self._stamp = NO_STAMP
        self._owner = (0, 0)
        self._former: set[tuple[int, int]] = set()
        self._set_aside = self._corrupt = self._top_number = 0
        self.owners: set[int] = set()
        """Marks of all who wrote here: a worker that kept its state over a rebalance looks for others than itself."""

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take the next record; a tombstone counts at once, for it is written when its household's end was whole."""
        if key is None:
            return
        if value is None:
            for rows in (self._committed, self._pending, self._aside):
                rows.pop(key, None)
            for keys in (self._damaged, self._damaged_pending, self._zombies):
                keys.discard(key)
            return
        try:
            stamp, payload = unpack(value)
        except ValueError:
            self._corrupt += 1
            self._damaged_pending.add(key)
            self._pending.pop(key, None)
            return
        self.owners.add(stamp.owner)
        self._top_number = max(self._top_number, stamp.number)
        if not self._is_newest(stamp):
            self._set_aside += 1
            self._zombies.add(key)
        elif key in POSITIONS:
            self._commit(stamp, payload)
        else:
            self._damaged_pending.discard(key)
            self._pending[key] = payload
            if not self._whole:
                self._committed[key] = payload

    def _is_newest(self, stamp: Stamp) -> bool:
        owner = (stamp.epoch, stamp.owner)
        if owner == self._owner:
            return True
        if stamp.epoch < self._owner[0] or owner in self._former:
            return False
        self._former.add(self._owner)
        self._owner = owner
        # What its predecessor left unfinished is kept apart, for keys of which compaction has left nothing else.
        self._put_aside()
        return True

    def _put_aside(self) -> None:
        self._set_aside += len(self._pending)
        for key, payload in self._pending.items():
            # First met after the last whole checkpoint: it will be met again, and did not exist there.
            is_new = key[:2] == HOT and len(payload) > 1 and payload[6] > self._stamp.number
            if not is_new:
                self._aside[key] = payload
        self._pending = {}
        self._damaged_pending = set()

    def _commit(self, stamp: Stamp, payload: Any) -> None:
        self._committed.update(self._pending)
        self._damaged.difference_update(self._pending)
        self._damaged.update(self._damaged_pending)
        for key in self._pending:
            self._aside.pop(key, None)
            self._zombies.discard(key)
        self._pending, self._damaged_pending = {}, set()
        self._position, self._stamp = payload, stamp

    def result(self) -> Recovered:
        """Return what counts, after the last record."""
        self._put_aside()
        found = Recovered(self._position, top_epoch=self._owner[0], top_number=self._top_number)
        keys = {*self._committed, *self._aside, *self._damaged, *self._zombies}
        for name in sorted({key[2:] for key in keys if key[:2] in KINDS}):
            self._choose(name, found)
        found.set_aside = self._set_aside
        found.corrupt = self._corrupt
        return found

    def _choose(self, name: bytes, found: Recovered) -> None:
        household = name.decode("utf-8", "replace")
        hot_key, record_key = HOT + name, RECORD + name
        record = self._committed.get(record_key, self._aside.get(record_key))
        if hot_key not in self._damaged:
            for rows in (self._committed, self._committed | self._aside_of(name)):
                hot = rows.get(hot_key)
                if hot is None:
                    continue
                if len(hot) == 1:
                    found.ended[household] = Cut(*hot[0])
                    return
                rhythm_key = RHYTHMS[hot[7]] + name
                rhythm = None if rhythm_key in self._damaged else rows.get(rhythm_key)
                if not hot[1] or (rhythm is not None and rhythm[0] == hot[2]):
                    found.households[household] = Rows(hot, rhythm, record)
                    found.used += 1
                    return
            if not {hot_key} & {*self._committed, *self._aside, *self._zombies}:
                return  # only a record or a rhythm of a household that had not begun
        found.households[household] = Rows(record=record)
        found.lost.add(household)

    def _aside_of(self, name: bytes) -> dict[bytes, Any]:
        keys = (HOT + name, *(prefix + name for prefix in RHYTHMS))
        return {key: self._aside[key] for key in keys if key in self._aside}
