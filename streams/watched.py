"""One watched household in a partition: its model, its incidents, its registry record, and how it is kept."""

from typing import Any, Final

import msgspec

from detectors.hazard import NEVER_MS
from detectors.household import Household
from schemas.households import HouseholdRecord
from schemas.profiles import Profile
from streams.ledger import Ledger
from streams.snapshot import Cut, Rows

_RECORD: Final = msgspec.json.Decoder(HouseholdRecord)


class Watched:
    """A household of a partition. `model` is None before its first event or clock, and after its watching has expired."""

    __slots__ = (
        "blind",
        "guard",
        "index",
        "ledger",
        "lost_since_ms",
        "model",
        "name",
        "record",
        "record_bytes",
        "record_dirty",
        "rhythm_kept",
        "since_ms",
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
        self.record: HouseholdRecord | None = None
        self.record_bytes = b""
        self.record_dirty = False
        self.rhythm_kept = -1
        """Version of the rhythm row that the changelog has."""
        self.wake_ms = NEVER_MS
        self.blind = False
        self.lost_since_ms = 0
        """Its state was damaged at this clock and nothing has shown life since: told as "cannot see"."""
        self.guard: Cut | None = None
        """Its rows came from a checkpoint that never became whole: it knows everything before this cut already."""

    def knows(self, topic: int, offset: int) -> bool:
        """Tell whether its state already holds this record."""
        return self.guard is not None and offset < self.guard.offsets[topic]

    def due_ms(self) -> int:
        """Return when it wants to be woken: its model or its ledger, whichever is earlier."""
        model_ms = NEVER_MS if self.model is None else self.model.wake_ms
        return min(model_ms, self.ledger.wake_ms)

    def hot_payload(self, cut: Cut) -> list[Any]:
        """Return its hot row."""
        model = b"" if self.model is None else self.model.hot()
        version = -1 if self.model is None else self.model.rhythm_version
        return [list(cut), model, version, self.ledger.state(), self.since_ms, self.lost_since_ms]

    def rhythm_payload(self) -> list[Any] | None:
        """Return its rhythm row where the changelog does not have it yet."""
        if self.model is None or self.model.rhythm_version == self.rhythm_kept:
            return None
        return [self.model.rhythm_version, self.model.rhythm()]

    def take_rows(self, rows: Rows, profile: Profile) -> None:
        """Take the rows of a snapshot.

        Raises:
            ValueError: they cannot be read.

        """
        try:
            if rows.record is not None:
                self.record_bytes = rows.record
                self.record = _RECORD.decode(rows.record)
            cut, model, version, ledger, self.since_ms, self.lost_since_ms = rows.hot
            self.ledger = Ledger.from_state(self.name, ledger)
            if model:
                self.model = Household.restore(model, rows.rhythm[1], profile, self.record)
                self.rhythm_kept = version
            if rows.guarded:
                self.guard = Cut(*cut)
        except (msgspec.MsgspecError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise ValueError(f"rows of a household that cannot be read: {type(error).__name__}") from error
        self.blind = self.model is not None and self.model.blind
