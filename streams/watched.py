"""One watched household in a partition: its model, its incidents, its registry record, and how it is kept."""

from typing import Any, Final

import msgspec

from detectors.hazard import NEVER_MS
from detectors.household import Household
from schemas.exercise import is_exercise
from schemas.households import HouseholdRecord
from schemas.profiles import Profile
from streams.disaster import Checks
from streams.ledger import Ledger
from streams.snapshot import Cut, Rows

UNREGISTERED_MS: Final = 7 * 86_400_000
"""How long a household without a registry record is learned from."""

_RECORD: Final = msgspec.json.Decoder(HouseholdRecord)


class Watched:
    """A household of a partition. `model` is None before its first event or clock, and after its watching has expired."""

    __slots__ = (
        "blind",
        "checks",
        "counts",
        "delay_bands",
        "delay_version",
        "first_kept",
        "guard",
        "index",
        "ledger",
        "lost_since_ms",
        "model",
        "name",
        "open_count",
        "record",
        "record_bytes",
        "record_dirty",
        "rhythm_kept",
        "rhythm_place",
        "since_ms",
        "slow",
        "wake_ms",
    )

    def __init__(self, name: str, index: int, since_ms: int) -> None:
        self.name = name
        self.index = index
        """Its place in the partition's array of deadlines."""
        self.since_ms = since_ms
        """Clock at which it was first heard of without a registry record; 0 once it is registered."""
        self.model: Household | None = None
        self.ledger = Ledger(name)
        self.checks = Checks()
        """What public alerts asked of it."""
        self.record: HouseholdRecord | None = None
        self.record_bytes = b""
        self.record_dirty = False
        self.rhythm_kept = -1
        """Version of the rhythm row that the changelog has."""
        self.rhythm_place = 0
        """Which of the two keys of rhythm rows holds that version."""
        self.wake_ms = NEVER_MS
        self.open_count = 0
        """Its open incidents, as the partition has counted them."""
        self.counts = 0 if is_exercise(name) else 1
        """What it adds to the partition's counts of homes and incidents: one of an exercise is in none of them."""
        self.blind = False
        self.slow = False
        self.delay_bands = (-1, -1)
        """Which bands of the expected delay, by day and by night, it is counted in."""
        self.delay_version = -1
        """Version of the rhythm that these are of."""
        self.lost_since_ms = 0
        """Its state was damaged at this clock and nothing has shown life since: told as "cannot see"."""
        self.first_kept = 0
        """Number of the checkpoint that first held it."""
        self.guard: Cut | None = None
        """Its rows came from a checkpoint that never became whole: it knows everything before this cut already, so those
        records and deadlines are skipped."""

    def knows(self, topic: int, offset: int) -> bool:
        """Tell whether its state already holds this record."""
        return self.guard is not None and offset < self.guard.offsets[topic]

    def due_ms(self) -> int:
        """Return when it wants to be woken: its model, its ledger, or the end of its time without a registry record."""
        model_ms = NEVER_MS if self.model is None else self.model.wake_ms
        due_ms = min(model_ms, self.ledger.wake_ms, self.checks.wake_ms if self.checks else NEVER_MS)
        if self.since_ms and (self.model is not None or self.is_idle):
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

    def hot_payload(self, cut: Cut, number: int) -> list[Any]:
        """Return its hot row. One that is ahead of the checkpoint says so, or it would be taught twice after a restart."""
        if self.guard is not None and not self.guard.is_ahead_of(cut):
            self.guard = None
        known = cut if self.guard is None else self.guard.joined(cut)
        model = b"" if self.model is None else self.model.hot()
        version = -1 if self.model is None else self.model.rhythm_version
        self.first_kept = self.first_kept or number
        ledger = self.ledger.state()
        return [
            list(known),
            model,
            version,
            ledger,
            self.since_ms,
            self.lost_since_ms,
            self.first_kept,
            self.rhythm_place,
            self.checks.state(),
        ]

    def rhythm_payload(self) -> list[Any] | None:
        """Return its rhythm row where the changelog does not have it yet, and go on to the other of its two places."""
        if self.model is None or self.model.rhythm_version == self.rhythm_kept:
            return None
        self.rhythm_kept = self.model.rhythm_version
        self.rhythm_place = 1 - self.rhythm_place
        return [self.model.rhythm_version, self.model.rhythm()]

    def take_rows(self, rows: Rows, profile: Profile, position: Cut) -> int:
        """Take the rows of a snapshot; return since when the household has been watched without a registry record.

        Rows that are ahead of the position of the last whole checkpoint know what will be applied again.

        Raises:
            ValueError: they cannot be read.

        """
        try:
            if rows.record is not None:
                self.record_bytes = rows.record
                self.record = _RECORD.decode(rows.record)
            if rows.hot is None:
                raise ValueError("no hot row")
            cut, model, version, ledger, since_ms, self.lost_since_ms, self.first_kept, self.rhythm_place, *rest = (
                rows.hot
            )
            self.checks = Checks.from_state(rest[0] if rest else [])
            self.ledger = Ledger.from_state(self.name, ledger)
            if model:
                self.model = Household.restore(model, rows.rhythm[1], profile, self.in_force)
                self.rhythm_kept = version
            known = Cut(*cut)
            if known.is_ahead_of(position):
                self.guard = known
        except (msgspec.MsgspecError, TypeError, IndexError, KeyError) as error:
            raise ValueError(f"rows of a household that cannot be read: {type(error).__name__}") from error
        return int(since_ms)
