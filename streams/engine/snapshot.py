"""Rows of the changelog, and what a partition can be rebuilt from: a checkpoint counts whole or not at all. Pure.

A row's value is `crc32 | epoch | owner | number | payload`. Rows of one checkpoint share epoch, owner and number; the
position row of that checkpoint comes last and makes it whole. Two keys hold positions by turns, so that compaction always
leaves the one before the last.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Any, Final, Literal, NamedTuple
from zlib import crc32

import msgspec

from detectors.row_forms import Count, Moment
from schemas.alerts import PublicAlert
from schemas.profiles import Profile
from schemas.refusals import is_pseudonym
from schemas.topics import ORDERED_NAMES
from streams.cases.given import Given, given_of
from streams.cases.lessons import Leaving, leaving_of
from streams.engine.beside import Beside

_HEAD: Final = Struct("<IQQQ")
_FORMAT: Final = 1

HOT: Final = b"h:"
"""What changes with every event of a household: `[cut, model, rhythm version, ledger, since, lost, number of the checkpoint
that first held it, which of the two rhythm keys, what public alerts asked, a brief for while it sleeps]`; at its end `[cut, the clocks
at which public alerts asked it, what it was given to a post of late, its lessons for the shared model]` alone."""
RHYTHMS: Final = (b"r:", b"s:")
"""What is learned of it, at most once a day: `[version, model]`. Versions are written to two keys by turns: a hot row needs
its own version, and the next one must not be able to compact it away."""
RECORD: Final = b"g:"
"""Its registry record as it was published."""
POSITIONS: Final = (b"!position-0", b"!position-1")
KINDS: Final = frozenset({HOT, *RHYTHMS, RECORD})

_CUT = tuple[list[Count], list[int], Moment, bool]
_ENDED = tuple[_CUT, list[int], list[Given], list[Leaving]]
_ENDS = list[tuple[str, Moment, Moment, int]]
_LOADS = list[tuple[str, list[Given]]]
_ALERTS = list[tuple[PublicAlert, str, bool]]
_END_LENGTH: Final = 4
"""An end of the first versions is `[cut]`, of later ones `[cut, slots]` and `[cut, slots, given]`."""
_FORMS: Final[dict[bytes, Any]] = {
    HOT: tuple[_CUT, bytes, int, list[Any], Moment, Moment, int, Literal[0, 1], list[Any], list[Any]],
    **dict.fromkeys(RHYTHMS, tuple[int, bytes]),
    RECORD: bytes | None,
    **dict.fromkeys(
        POSITIONS, tuple[_CUT, Profile, list[Any], _ENDS, Count, _ALERTS, str, _LOADS, Beside, list[Leaving]]
    ),
}
_LATER: Final[dict[bytes, tuple[int, list[Any]]]] = {
    HOT: (8, [[], []]),
    **dict.fromkeys(POSITIONS, (5, [[], "", [], [], []])),
}
"""Elements that rows of the first versions do not have: how many those had, and what is taken for the others."""
"""What the payload of each kind of row looks like. Nothing else may reach the roster, whoever wrote it."""


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


plain: Final = msgspec.msgpack.Encoder(order="deterministic").encode
"""Bytes of plain data: the same whatever the order of its keys."""


def pack(stamp: Stamp, payload: Any) -> bytes:
    """Bytes of a row: the same for the same payload, whatever the order of its keys."""
    body = plain([_FORMAT, payload])
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


def is_sound(key: bytes, payload: Any) -> bool:
    """Tell whether a payload has the form of its key's rows, with places in as many topics as there are."""
    kind = key if key in POSITIONS else key[:2]
    is_end = kind == HOT and isinstance(payload, list) and len(payload) <= _END_LENGTH
    form = _ENDED if is_end else _FORMS.get(kind)
    length, later = (1, [[], [], []]) if is_end else _LATER.get(kind, (0, []))
    if isinstance(payload, list) and length <= len(payload) < length + len(later):
        payload = [*payload, *later[len(payload) - length :]]
    elif isinstance(payload, list) and kind in _LATER:
        # What a later version added means nothing here; a worker that was not upgraded yet must not take it for damage.
        payload = payload[: length + len(later)]
    try:
        found = msgspec.convert(payload, form)
    except msgspec.ValidationError:
        return False
    if form is None or kind in RHYTHMS or kind == RECORD:
        return form is not None
    offsets, ticks, _, _ = found[0]
    if kind in POSITIONS and (beside := payload[8]) and not (len(beside) == 3 and len(beside[0]) in (0, 3)):
        return False
    return len(offsets) == len(ticks) == len(ORDERED_NAMES)


_ASLEEP: Final = (3, 8, 9)
"""Places in a hot row of what is read when its household wakes: ledger, checks, brief."""
_QUICK: Final[dict[bytes, Any]] = {
    HOT: msgspec.msgpack.Decoder(
        tuple[
            int,
            tuple[msgspec.Raw, bytes, int, msgspec.Raw, Moment, Moment, int, Literal[0, 1], msgspec.Raw, msgspec.Raw],
        ]
    ).decode,
    **dict.fromkeys(RHYTHMS, msgspec.msgpack.Decoder(tuple[int, tuple[int, bytes]]).decode),
    RECORD: msgspec.msgpack.Decoder(tuple[int, bytes | None]).decode,
}
"""Rows of households as this version writes them: read in one pass, and of a hot row what only its household needs not at
all. A national partition has 200,000 of each, and nobody watches until they are read."""


_READ_CUT: Final = msgspec.msgpack.Decoder(_CUT).decode


@lru_cache(maxsize=64)
def _cut_of(raw: bytes) -> Any:
    """Return a cut: the rows of one checkpoint have the same one, and share it."""
    return _READ_CUT(raw)


@lru_cache(maxsize=256)
def _usual(raw: bytes) -> msgspec.Raw:
    """Return what nearly all households have the same, a ledger without incidents: they share it."""
    return msgspec.Raw(raw)


def _quickly(key: bytes, value: bytes) -> tuple[Stamp, Any] | None:
    """Stamp and payload of a sound row of a household in this version's form; None for any other."""
    decode = _QUICK.get(key[:2])
    if decode is None or len(value) < _HEAD.size or crc32(value[4:]) != int.from_bytes(value[:4], "little"):
        return None
    try:
        form, payload = decode(memoryview(value)[_HEAD.size :])
    except (msgspec.DecodeError, TypeError, ValueError):
        return None
    if form != _FORMAT:
        return None
    if key[:2] == HOT:
        raw, model, version, ledger, since_ms, lost_ms, kept, place, checks, brief = payload
        if not (_is_list(ledger) and _is_list(checks) and _is_list(brief)):
            return None
        try:
            cut = _cut_of(bytes(raw))
        except msgspec.DecodeError:
            return None
        if not len(cut[0]) == len(cut[1]) == len(ORDERED_NAMES):
            return None
        # Copies: a view would keep the whole value, and 200,000 of them doubled what a worker takes.
        ledger, checks, brief = _usual(bytes(ledger)), _usual(bytes(checks)), msgspec.Raw(bytes(brief))
        payload = (cut, model, version, ledger, since_ms, lost_ms, kept, place, checks, brief)
    _, epoch, owner, number = _HEAD.unpack_from(value)
    return Stamp(epoch, owner, number), payload


def _is_list(raw: msgspec.Raw) -> bool:
    first = memoryview(raw)[0]
    return 0x90 <= first <= 0x9F or first in (0xDC, 0xDD)


def _read(key: bytes, value: bytes) -> tuple[Stamp, Any] | None:
    """Stamp and payload of a row; None for one that cannot be used. Parts of a hot row that sleep on are bytes."""
    quick = _quickly(key, value)
    if quick is not None:
        return quick
    try:
        stamp, payload = unpack(value)
    except ValueError:
        return None
    if not is_sound(key, payload):
        return None
    if key[:2] == HOT and len(payload) > _END_LENGTH:
        for place in _ASLEEP:
            payload[place : place + 1] = [msgspec.Raw(plain(part)) for part in payload[place : place + 1]]
    return stamp, payload


def _belong_together(hot: Any, rhythm: Any, record: Any) -> bool:
    """Tell whether a hot row has the rhythm that it was written with, and the record without which it counts for nothing."""
    # Without its record a registered household would be watched against its own wishes.
    return (hot[4] or record is not None) and (not hot[1] or (rhythm is not None and rhythm[0] == hot[2]))


@dataclass(slots=True)
class Rows:
    """The usable rows of one household, as payloads; None where there is none."""

    hot: Any = None
    rhythm: Any = None
    record: Any = None


@dataclass(slots=True)
class Recovered:
    """What the changelog of a partition holds. `position` is None where no whole checkpoint is left."""

    position: Any = None
    households: dict[str, Rows] = field(default_factory=dict)
    ended: dict[str, Cut] = field(default_factory=dict)
    """Households whose watching ended, and up to where that is known."""
    ended_slots: dict[str, list[int]] = field(default_factory=dict)
    """Clocks at which public alerts asked them."""
    ended_given: dict[str, list[Given]] = field(default_factory=dict)
    """What they were given to a post of late."""
    ended_leaving: dict[str, list[Leaving]] = field(default_factory=dict)
    """Their lessons for the shared model."""
    lost: set[str] = field(default_factory=set)
    """Households whose rows are damaged, or of which only a zombie's are left: salvage them from other topics."""
    leftover: list[bytes] = field(default_factory=list)
    """Keys that hold something of nobody who is watched, or of what nobody needs any more: their tombstones are due."""
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
    longer the newest are a zombie's and count for nothing. Of two owners of one epoch, who took over without knowing of
    each other, the later one counts until one of them has made a checkpoint whole: then the other's rows only come late.
    `whole=False` is a negative control: rows count as they come.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._whole = whole
        self._committed: dict[bytes, Any] = {}
        self._pending: dict[bytes, Any] = {}
        self._aside: dict[bytes, Any] = {}
        self._damaged: set[bytes] = set()
        self._damaged_pending: set[bytes] = set()
        self._damaged_aside: set[bytes] = set()
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
            for keys in (self._damaged, self._damaged_pending, self._damaged_aside, self._zombies):
                keys.discard(key)
            return
        row = _read(key, value)
        if row is None:
            self._corrupt += 1
            self._damaged_pending.add(key)
            self._pending.pop(key, None)
            return
        stamp, payload = row
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
        if stamp.epoch == self._owner[0] and self._stamp[:2] == self._owner:
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
            is_new = key[:2] == HOT and len(payload) > _END_LENGTH and payload[6] > self._stamp.number
            # A rhythm without the hot row that would have followed is of no use, and takes the place of one that is.
            if not is_new and HOT + key[2:] in self._pending:
                self._aside[key] = payload
        self._damaged_aside |= self._damaged_pending
        self._pending, self._damaged_pending = {}, set()

    def _commit(self, stamp: Stamp, payload: Any) -> None:
        self._committed.update(self._pending)
        self._damaged.difference_update(self._pending)
        self._damaged.update(self._damaged_pending)
        for key in self._pending:
            self._aside.pop(key, None)
            self._zombies.discard(key)
            self._damaged_aside.discard(key)
        self._pending, self._damaged_pending = {}, set()
        self._position, self._stamp = payload, stamp

    @property
    def is_clean(self) -> bool:
        """Whether every row is of a whole checkpoint, none damaged or of a zombie: only then `rows` is all there is."""
        return not (self._aside or self._damaged or self._damaged_aside or self._zombies)

    def rows(self) -> list[tuple[bytes, bytes]]:
        """Return the last whole checkpoint as rows that another `Changelog` takes, the position row last; none without one."""
        if self._position is None:
            return []
        rows = [(key, pack(self._stamp, payload)) for key, payload in sorted(self._committed.items())]
        return [*rows, (POSITIONS[self._stamp.number % 2], pack(self._stamp, self._position))]

    def result(self) -> Recovered:
        """Return what counts, after the last record."""
        self._put_aside()
        found = Recovered(self._position, top_epoch=self._owner[0], top_number=self._top_number)
        if self.is_clean:
            self._choose_clean(found)
            return self._counted(found)
        keys: dict[bytes, list[bytes]] = {}
        for key in {*self._committed, *self._aside, *self._damaged, *self._damaged_aside, *self._zombies}:
            if key[:2] in KINDS:
                keys.setdefault(key[2:], []).append(key)
        for name in sorted(keys):
            if is_pseudonym(name.decode("ascii", "replace")):
                self._choose(name, sorted(keys[name]), found)
        return self._counted(found)

    def _counted(self, found: Recovered) -> Recovered:
        found.set_aside, found.corrupt = self._set_aside, self._corrupt
        return found

    def _choose_clean(self, found: Recovered) -> None:
        """Choose where no row is damaged, late or a zombie's, as nearly always: the same as `_choose`, in a fifth of its time."""
        rows = self._committed
        for name in sorted({key[2:] for key in rows if key[:2] in KINDS}):
            household = name.decode("ascii", "replace")
            if not is_pseudonym(household):
                continue
            hot, record = rows.get(HOT + name), rows.get(RECORD + name)
            if hot is not None and len(hot) > _END_LENGTH and hot[1]:
                rhythm = rows.get(RHYTHMS[hot[7]] + name)
                if _belong_together(hot, rhythm, record):
                    found.households[household] = Rows(hot, rhythm, record)
                    found.used += 1
                    continue
            self._choose(name, sorted(key for prefix in KINDS if (key := prefix + name) in rows), found)

    def _choose(self, name: bytes, keys: list[bytes], found: Recovered) -> None:
        """Choose the rows of one household that has rows of these keys."""
        household = name.decode()
        hot_key, record_key = HOT + name, RECORD + name
        if hot_key not in self._damaged:
            for rows_of in (self._committed_of, self._newest_of):
                rows = rows_of(name)
                hot = rows.get(hot_key)
                if hot is None:
                    continue
                if len(hot) <= _END_LENGTH:
                    found.ended[household] = Cut(*hot[0])
                    found.ended_slots[household] = list(hot[1]) if len(hot) > 1 else []
                    found.ended_given[household] = given_of(hot[2]) if len(hot) > 2 else []
                    found.ended_leaving[household] = leaving_of(hot[3]) if len(hot) > 3 else []
                    found.leftover += keys
                    return
                rhythm, record = rows.get(RHYTHMS[hot[7]] + name), rows.get(record_key)
                if _belong_together(hot, rhythm, record):
                    found.households[household] = Rows(hot, rhythm, record)
                    found.used += 1
                    found.leftover += [] if hot[1] else [key for key in keys if key[:2] in RHYTHMS]
                    return
            if not any(hot_key in rows for rows in (self._committed, self._aside, self._damaged_aside, self._zombies)):
                found.leftover += keys  # only a record or a rhythm of a household that had not begun
                return
        found.households[household] = Rows(record=self._newest_of(name).get(record_key))
        found.lost.add(household)

    def _committed_of(self, name: bytes) -> dict[bytes, Any]:
        """Return what the last whole checkpoint had of a household."""
        keys = (HOT + name, RECORD + name, *(prefix + name for prefix in RHYTHMS))
        return {key: self._committed[key] for key in keys if key in self._committed and key not in self._damaged}

    def _newest_of(self, name: bytes) -> dict[bytes, Any]:
        """Return what a checkpoint that never became whole had of a household, and what it took for granted."""
        keys = (HOT + name, RECORD + name, *(prefix + name for prefix in RHYTHMS))
        late = {key: self._aside[key] for key in keys if key in self._aside}
        both = self._committed_of(name) | late
        return {key: payload for key, payload in both.items() if key not in self._damaged | self._damaged_aside}
