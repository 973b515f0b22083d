"""One watched household in a partition: its model, its incidents, its registry record, and how it is kept."""

from typing import Any, Final, TypeVar
from zlib import crc32

import msgspec

from detectors.delay import BANDS_H
from detectors.hazard import NEVER_MS
from detectors.household import Household
from detectors.rows import is_row
from schemas.district import is_district
from schemas.exercise import is_exercise
from schemas.households import HouseholdRecord
from streams.cases.disaster import Checks
from streams.cases.given import Given
from streams.cases.ledger import Ledger
from streams.cases.ledger_form import check_checks, check_ledger
from streams.cases.lessons import Leaving
from streams.districts.hearing import NEVER, Last
from streams.engine.brief import BRIEF, PLACED, Brief
from streams.engine.records import packed, record_of, unpacked
from streams.engine.sleep import Sleep
from streams.engine.snapshot import Cut, Rows, plain

UNREGISTERED_MS: Final = 7 * 86_400_000
"""How long a household without a registry record is learned from."""

_T = TypeVar("_T")
_RECORD: Final = msgspec.json.Decoder(HouseholdRecord)


_CALM: Final = (1.0, 0)
"""What public alerts make of a home that none covers: `Household.alerted`."""
_NO_BANDS: Final = (-1, -1)
_BANDS: Final = {_NO_BANDS: _NO_BANDS}
"""The bands there are: 64 pairs, which all households share."""
_HEALTHS: Final[dict[bytes, int]] = {}
"""The counts of sources there are: some hundred, which households share."""
_NONE_GIVEN: Final[list[Given]] = []
_NONE_LEAVING: Final[list[Leaving]] = []
_NO_LEDGER: Final = plain(Ledger("").state())
_NO_CHECKS: Final = plain(Checks().state())
_NEVER_ASKED: Final = Checks()


class Watched:
    """A household of a partition. `model` is None before its first event or clock, and after its watching has expired.

    It sleeps as the bytes of its rows, and wakes when its model or its ledger is asked for.
    """

    __slots__ = (
        "_alerted",
        "_checks",
        "_given",
        "_hot",
        "_leaving",
        "_ledger",
        "_ledger_row",
        "_model",
        "_packed",
        "_record",
        "_record_row",
        "_rhythm",
        "_sleep",
        "_version",
        "blind",
        "counts",
        "delay_bands",
        "delay_version",
        "first_kept",
        "guard",
        "heard",
        "index",
        "lost_since_ms",
        "name",
        "open_count",
        "record_dirty",
        "record_sum",
        "rhythm_kept",
        "rhythm_place",
        "since_ms",
        "slow",
        "source_health",
        "used",
        "wake_ms",
    )

    def __init__(self, name: str, index: int, since_ms: int, sleep: Sleep) -> None:
        self.name = name
        self.index = index
        """Its place in the partition's array of deadlines."""
        self.since_ms = since_ms
        """Clock at which it was first heard of without a registry record; 0 once it is registered."""
        self._sleep = sleep
        self._model: Household | None = None
        self._ledger: Ledger | None = Ledger(name)
        """None while it sleeps."""
        self._record: HouseholdRecord | None = None
        self._checks: Checks | None = None
        self._hot = self._rhythm = b""
        """Rows of its model while it sleeps; empty where it has none."""
        self._ledger_row = b""
        self._version = -1
        self._alerted = _CALM
        self._given = _NONE_GIVEN
        self._leaving = _NONE_LEAVING
        self.used = True
        """Something came of it since it was last looked at as one that might fall asleep."""
        self._record_row = b""
        """Its registry record as it was published; packed where `_packed` says so."""
        self._packed = False
        self.record_sum = 0
        """Checksum of that, 0 without any."""
        self.record_dirty = False
        self.rhythm_kept = -1
        """Version of the rhythm row that the changelog has."""
        self.rhythm_place = 0
        """Which of the two keys of rhythm rows holds that version."""
        self.wake_ms = NEVER_MS
        """When the partition wakes it."""
        self.open_count = 0
        """Its open incidents, as the partition has counted them."""
        self.counts = 0 if is_exercise(name) or is_district(name) else 1
        """What it adds to the partition's counts of homes and incidents: one of an exercise is in none of them."""
        self.blind = False
        self.slow = False
        self.delay_bands = _NO_BANDS
        """Which bands of the expected delay, by day and by night, it is counted in."""
        self.delay_version = -1
        """Version of the rhythm that these are of."""
        self.source_health = 0
        """How its sources do, as the partition has counted them: `detectors.health`."""
        self.heard = NEVER
        """When it was last heard of by the rows it came from; the partition's `Hearing` knows better since."""
        self.lost_since_ms = 0
        """Its state was damaged at this clock and nothing has shown life since: told as "cannot see"."""
        self.first_kept = 0
        """Number of the checkpoint that first held it."""
        self.guard: Cut | None = None
        """Its rows came from a checkpoint that never became whole: it knows everything before this cut already, so those
        records and deadlines are skipped."""
        sleep.note(self)

    @property
    def is_asleep(self) -> bool:
        """Whether it is no more than the bytes of its rows."""
        return self._ledger is None

    @property
    def model(self) -> Household | None:
        """Its model. It wakes for that."""
        if self._ledger is None:
            self._wake()
        return self._model

    @model.setter
    def model(self, model: Household | None) -> None:
        if self._ledger is None:
            self._wake()
        self._model = model

    @property
    def ledger(self) -> Ledger:
        """Its incidents. It wakes for that."""
        return self._wake() if self._ledger is None else self._ledger

    @property
    def record(self) -> HouseholdRecord | None:
        """Its registry record. It sleeps on."""
        if self._ledger is None:
            return record_of(self.record_bytes, self.name)
        return self._record

    @record.setter
    def record(self, record: HouseholdRecord | None) -> None:
        if self._ledger is None:
            self._wake()
        self._record = record

    @property
    def record_bytes(self) -> bytes:
        """Its registry record as it was published; empty without one. It sleeps on."""
        return unpacked(self._record_row) if self._packed else self._record_row

    @record_bytes.setter
    def record_bytes(self, raw: bytes) -> None:
        self._record_row, self._packed, self.record_sum = raw, False, crc32(raw)
        self.pack_record()

    def pack_record(self) -> None:
        """Pack what was published as its registry record: hardly anybody asks for it. Not as it wakes, for that is to be quick."""
        if self._record_row and not self._packed:
            self._record_row, self._packed = packed(self._record_row), True

    @property
    def checks(self) -> Checks:
        """What public alerts asked of it, to be read: of most homes the same, for nothing was ever asked. It sleeps on."""
        return _NEVER_ASKED if self._checks is None else self._checks

    @property
    def own_checks(self) -> Checks:
        """The same, to be written to. It sleeps on."""
        if self._checks is None:
            self._checks = Checks()
        return self._checks

    @property
    def has_model(self) -> bool:
        """Whether it has a model. It sleeps on."""
        return bool(self._hot) if self._ledger is None else self._model is not None

    @property
    def alerted(self) -> tuple[float, int]:
        """What public alerts make of its model: `Household.alerted`. It sleeps on."""
        return self._alerted if self._ledger is None or self._model is None else self._model.alerted

    @property
    def given(self) -> list[Given]:
        """What it was given to a post of late. It sleeps on."""
        return self._given if self._ledger is None else self._ledger.given

    @property
    def leaving(self) -> list[Leaving]:
        """Its lessons for the shared model of which it is known when they leave. It sleeps on."""
        return self._leaving if self._ledger is None else self._ledger.leaving

    def fall_asleep(self) -> None:
        """Become the bytes of its rows."""
        if self._ledger is None:
            return
        self._alerted, self._given = _shared(self.alerted, _CALM), self._ledger.given or _NONE_GIVEN
        self._leaving = self._ledger.leaving or _NONE_LEAVING
        if self._model is not None:
            self._hot, self._rhythm = self._model.hot(), self._model.rhythm()
            self._version = self._model.rhythm_version
        self._ledger_row = _shared(plain(self._ledger.state()), _NO_LEDGER)
        self._checks = self._checks or None
        self._model = self._ledger = self._record = None

    def _wake(self) -> Ledger:
        """Be as it was when it fell asleep; where its rows cannot be read, without what cannot be."""
        sleep = self._sleep
        sleep.woken += 1
        self.used = True
        try:
            self._record = record_of(self.record_bytes, self.name)
            self._ledger = Ledger.from_state(self.name, msgspec.msgpack.decode(self._ledger_row))
        except Exception:  # noqa: BLE001 - whatever its rows hold, it costs this household alone
            self._ledger = Ledger(self.name)
            sleep.broken.append(self)
        try:
            if self._hot:
                model = Household.restore(self._hot, self._rhythm, sleep.profile, self.in_force)
                if model.pseudonym != self.name:
                    raise ValueError("rows of another household")  # noqa: TRY301 - what follows is the same
                self._model = model
        except Exception:  # noqa: BLE001 - the same
            sleep.broken.append(self)
        self._hot = self._rhythm = self._ledger_row = b""
        self._version = -1
        self._given, self._leaving = _NONE_GIVEN, _NONE_LEAVING
        sleep.note(self)
        return self._ledger

    def adopt_anew(self, clock_ms: int) -> None:
        """Begin with its incidents anew: those that are open stay, and nothing else is known of them."""
        known = [one.incident for one in self.ledger.open.values()]
        self._ledger = Ledger(self.name)
        self._ledger.adopt(known, clock_ms)

    def knows(self, topic: int, offset: int) -> bool:
        """Tell whether its state already holds this record."""
        return self.guard is not None and offset < self.guard.offsets[topic]

    def due_ms(self) -> int:
        """Return when it wants to be woken: its model, its ledger, or the end of its time without a registry record."""
        due_ms = self.ledger.wake_ms  # it is awake from here on: its parts are read without asking again
        model = self._model
        if model is not None and model.wake_ms < due_ms:
            due_ms = model.wake_ms
        if self._checks and self._checks.wake_ms < due_ms:
            due_ms = self._checks.wake_ms
        if self.since_ms and (model is not None or self.is_idle):
            return min(due_ms, self.since_ms + UNREGISTERED_MS + 1)
        return due_ms

    @property
    def in_force(self) -> HouseholdRecord | None:
        """The registry record, with the absences that responders have declared beside it."""
        declared = self.ledger.absences
        if not declared:
            return self.record
        known = self.record or HouseholdRecord(household=self.name)
        return msgspec.structs.replace(known, absences=[*known.absences, *declared])

    @property
    def is_idle(self) -> bool:
        """No incident is open, and none ended a while ago."""
        return not self.ledger.open and not self.ledger.ended

    def has_expired(self, clock_ms: int) -> bool:
        """Tell whether it has been without a registry record for too long."""
        return bool(self.since_ms) and clock_ms - self.since_ms > UNREGISTERED_MS

    def hot_payload(self, cut: Cut, number: int, heard: Last) -> list[Any]:
        """Return its hot row, with when it was last heard of. One that is ahead of the checkpoint says so, or it would be taught twice after a restart."""
        if self.guard is not None and not self.guard.is_ahead_of(cut):
            self.guard = None
        known = cut if self.guard is None else self.guard.joined(cut)
        self.first_kept = self.first_kept or number
        if self._ledger is None:
            model, version, ledger = self._hot, self._version, msgspec.Raw(self._ledger_row)
        else:
            model = b"" if self._model is None else self._model.hot()
            version = -1 if self._model is None else self._model.rhythm_version
            ledger = msgspec.Raw(plain(self._ledger.state()))
        return [
            list(known),
            model,
            version,
            ledger,
            self.since_ms,
            self.lost_since_ms,
            self.first_kept,
            self.rhythm_place,
            self._checks.state() if self._checks else [],
            self._brief(heard),
        ]

    def _brief(self, heard: Last) -> Brief:
        return Brief(
            self.wake_ms,
            self.open_count,
            self.blind,
            self.slow,
            self.delay_bands,
            self.delay_version,
            self.alerted,
            self.given,
            self.source_health.to_bytes((self.source_health.bit_length() + 7) // 8, "little"),
            heard,
            self.leaving,
        )

    def rhythm_payload(self) -> list[Any] | None:
        """Return its rhythm row where the changelog does not have it yet, and go on to the other of its two places."""
        if not self.has_model:
            return None
        version = self._version if self._model is None else self._model.rhythm_version
        if version == self.rhythm_kept:
            return None
        self.rhythm_kept = version
        self.rhythm_place = 1 - self.rhythm_place
        return [version, self._rhythm if self._model is None else self._model.rhythm()]

    def take_rows(self, rows: Rows, position: Cut) -> int:
        """Take the rows of a snapshot; return since when the household has been watched without a registry record.

        It sleeps on, unless they are of an earlier version, which says too little of it for that.

        Rows that are ahead of the position of the last whole checkpoint know what will be applied again.

        Raises:
            ValueError: they cannot be read.

        """
        try:
            if rows.hot is None:
                raise ValueError("no hot row")
            cut, model, version, ledger, since_ms, self.lost_since_ms, self.first_kept, self.rhythm_place, *rest = (
                rows.hot
            )
            if rows.record is not None:
                # As it is: of all homes of a partition the packing would take a second or two.
                self._record_row, self._packed, self.record_sum = rows.record, False, crc32(rows.record)
                _RECORD.decode(rows.record)
            checks = bytes(rest[0]) if rest else _NO_CHECKS
            if checks == _NO_CHECKS:
                self._checks = None
            else:
                check_checks(checks)
                self._checks = Checks.from_state(msgspec.msgpack.decode(checks))
            self._ledger_row = _shared(bytes(ledger), _NO_LEDGER)
            if self._ledger_row is not _NO_LEDGER:
                check_ledger(self._ledger_row)  # now, while its topics can be asked what stood there
            if model:
                self._hot, self._rhythm, self._version = model, rows.rhythm[1], version
                self.rhythm_kept = version
            self._ledger = None
            self._sleep.forget(self)
            known = Cut(*cut)
            if known.is_ahead_of(position):
                self.guard = known
            brief = _brief_of(rest[1]) if len(rest) > 1 else None
            self.heard = NEVER if brief is None else Last(*brief.heard)
            if brief is None or (model and not (is_row(model) and is_row(self._rhythm))):
                self._wake_whole()
            else:
                self._recall(brief)
        except (msgspec.MsgspecError, TypeError, IndexError, KeyError) as error:
            raise ValueError(f"rows of a household that cannot be read: {type(error).__name__}") from error
        return int(since_ms)

    def _wake_whole(self) -> None:
        broken = self._sleep.broken
        known = len(broken)
        self._wake()
        if len(broken) > known:
            del broken[known:]
            raise ValueError("rows of a household that cannot be read")

    def _recall(self, brief: Brief) -> None:
        self.wake_ms, self.open_count, self.blind, self.slow = brief.wake_ms, brief.open_count, brief.blind, brief.slow
        self.delay_bands = _BANDS.setdefault(brief.delay_bands, brief.delay_bands)
        self.delay_version = brief.delay_version
        self.source_health = _HEALTHS.setdefault(brief.sources, int.from_bytes(brief.sources, "little"))
        self._alerted, self._given = _shared(brief.alerted, _CALM), brief.given or _NONE_GIVEN
        self._leaving = brief.leaving or _NONE_LEAVING


def district_of(record: bytes) -> str | None:
    """Return the district that a registry record names, without reading the rest of it; None without one."""
    return PLACED.decode(record).district if record else None


def _brief_of(row: Any) -> Brief | None:
    try:
        brief = BRIEF.decode(row)
    except msgspec.DecodeError:
        return None
    # A version with other bands: the household wakes whole and is counted by those of this one.
    return brief if all(-1 <= band <= len(BANDS_H) for band in brief.delay_bands) else None


def _shared(one: _T, usual: _T) -> _T:
    """Return the usual one where it is equal: nearly all households share it then."""
    return usual if one == usual else one
