"""The engine of one partition: everything it says and everything it keeps is a pure function of its logs.

It reads no clock, does no I/O and never raises on data. Chunks go in as they were fetched; what comes out is what stands
on the output topics, and rows for the changelog. Wherever it is stopped and restored from a whole checkpoint, it goes on
as if nothing had happened, and what it says again has the same ids and revisions.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.emergency import KINDS, emergencies
from detectors.findings import Ask, Finding
from detectors.findings import Output as Found
from detectors.hazard import NEVER_MS
from detectors.household import Household
from schemas.actions import ActionResult, ResponderAction
from schemas.decode import decode
from schemas.events import FUTURE_TOLERANCE_MS, DeadLetter, Event, Fault, Reason
from schemas.households import HouseholdRecord, Removal
from schemas.incidents import Certainty, CheckinRequest, CloseCause, Incident, IncidentKind, Severity, Status, Urgency
from schemas.partitions import partition_of
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.times import to_rfc3339
from schemas.topics import ORDERED_NAMES
from streams.chunk import Chunk
from streams.identity import request_id
from streams.ledger import Close
from streams.order import Applied, CanonicalOrder, Moved, Positions
from streams.refused import Refused
from streams.revisions import Teller
from streams.scan import Scanner
from streams.snapshot import HOT, POSITIONS, RECORD, RHYTHM, Cut, Recovered, Stamp, pack
from streams.watched import Watched

MINUTE_MS: Final = 60_000
UNREGISTERED_MS: Final = 7 * 86_400_000
"""How long a household without a registry record is learned from."""
MOST_UNREGISTERED: Final = 10_000
"""Households without a record in one partition: a sender that makes up keys must not fill the memory."""
GONE_MS: Final = 30 * 86_400_000
"""How long an ended household is known as such."""
REWRITE_AT_ONCE: Final = 2_000
"""Households whose rows are written again at each checkpoint after a takeover, until all have been."""

SAID = Incident | Status | CheckinRequest | ActionResult | DeadLetter


class Output(NamedTuple):
    """One record to be written to the partition of the same number; `what` is None in a tombstone."""

    topic: str
    key: bytes
    what: SAID | None
    appended_ms: int = 0
    """Kafka timestamp of the event of an emergency that is told on arrival; for measuring, not for deciding."""


OUTCOMES: Final = ("applied", "late", "dead_letter", "not_registered", "no_consent")
_APPLIED, _LATE, _REFUSED, _NOT_REGISTERED, _NO_CONSENT = range(len(OUTCOMES))


@dataclass(slots=True)
class Counts:
    """What became of records and readings, for metrics; not part of the state."""

    records: list[int] = field(default_factory=lambda: [0] * len(ORDERED_NAMES))
    readings: list[list[int]] = field(default_factory=lambda: [[0] * len(OUTCOMES) for _ in ORDERED_NAMES])
    """By topic, then by outcome in the order of `OUTCOMES`."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (topic, reason)."""
    repeated_emergencies: int = 0


@dataclass(frozen=True, slots=True)
class Controls:
    """Negative controls of the tests: each takes away one rule and shows what it prevents."""

    check_contiguity: bool = True
    canonical_order: bool = True
    offset_guard: bool = True
    whole_checkpoints: bool = True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Rows of one checkpoint, in the order in which they must be written; the position row is the last."""

    number: int
    cut: Cut
    rows: list[tuple[bytes, bytes | None]]
    counts: dict[str, int]


class Partition:
    """The engine of one partition.

    `offer` takes a chunk and returns what must be told at once; `pump` gives the rest, in canonical order; `checkpoint`
    gives what must be kept. `recovered` is what the changelog held. `engine` is the version every incident carries.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        *,
        engine: str,
        recovered: Recovered | None = None,
        owner: int = 1,
        buffer_records: int = 20_000,
        controls: Controls | None = None,
    ) -> None:
        self.number = number
        self.engine = engine
        self.counts = Counts()
        self.pumped = 0
        """Records and moves of the clock that the last `pump` took."""
        self.unreadable: set[str] = set()
        """Households whose rows could not be used: to be salvaged (`salvage`) before anything is applied."""
        self._partitions = partitions
        self._controls = controls or Controls()
        self._profile = DEFAULT_PROFILE
        self._households: dict[str, Watched] = {}
        self._gone: dict[str, tuple[int, int]] = {}
        """Households whose watching has ended: when, and a checksum of the record that was then in force (0: none). What
        still comes from them is dropped, and the daily repeat of that very record does not bring them back."""
        self._ended_rows: list[bytes] = []
        """Keys whose end the last checkpoint told: their tombstones go out with the next one."""
        self._dirty: dict[str, Watched] = {}
        self._wakes: NDArray[np.int64] = np.full(256, NEVER_MS, np.int64)
        self._at: list[Watched | None] = []
        self._free: list[int] = []
        self._unregistered = 0
        self._blind = 0
        self._refused = Refused(number)
        self._lost_records = 0
        self._scanner = Scanner(engine, len(ORDERED_NAMES))
        self._apply = (
            self._apply_profile,
            self._apply_nothing,
            self._apply_nothing,
            self._apply_household,
            self._apply_events,
            self._apply_events,
            self._apply_events,
            self._apply_action,
        )
        positions = Positions.start(len(ORDERED_NAMES))
        self._stamp = Stamp(1, owner, 0)
        if recovered is not None:
            positions = self._restore(recovered, owner)
        self.order = CanonicalOrder(
            positions,
            buffer_records=buffer_records,
            check_contiguity=self._controls.check_contiguity,
            as_fetched=not self._controls.canonical_order,
        )
        self._minute = positions.clock_ms // MINUTE_MS
        self._begun = positions.clock_ms > 0
        self._rewrite = list(self._households)

    # What others may ask.

    @property
    def clock_ms(self) -> int:
        """The partition's clock, UTC milliseconds; 0 before every topic has had its first tick."""
        return self.order.positions.clock_ms

    @property
    def households(self) -> int:
        """Households watched."""
        return len(self._households)

    @property
    def blind(self) -> int:
        """Households of which nothing can be seen."""
        return self._blind

    @property
    def open_incidents(self) -> int:
        """Incidents not yet ended."""
        return sum(len(one.ledger.open) for one in self._households.values() if one.ledger.open)

    @property
    def dirty(self) -> bool:
        """Whether a checkpoint has anything to write."""
        return bool(self._dirty or self._ended_rows or self._rewrite)

    def household(self, name: str) -> Watched | None:
        """Return a household as it stands, for tests and explanations; None when it is not watched."""
        return self._households.get(name)

    # Chunks in, outputs out.

    def offer(self, topic: int, chunk: Chunk) -> tuple[list[Output], int | None]:
        """Take a fetched chunk: emergencies to be told at once, and the offset to seek to where it is not the next one."""
        told = [
            _told(incident, appended_ms)
            for incident, appended_ms in self._scanner.look(topic, chunk)
            if (known := self._households.get(incident.household)) is None or not known.ledger.knows(incident.id)
        ]
        return told, self.order.offer(topic, chunk)

    def pump(self, at_most: int = 1 << 62) -> list[Output]:
        """Apply what has its turn, at most so many records and moves of the clock; nothing is left to do when fewer were."""
        apply, counts = self._apply, self.counts.records
        out: list[Output] = []
        self.pumped = 0
        for one in self.order.pump():
            self.pumped += 1
            if isinstance(one, Moved):
                out += self._move(one.clock_ms)
            else:
                counts[one.topic] += 1
                out += apply[one.topic](one)
            if self.pumped >= at_most:
                break
        return out

    def pass_gap(self, topic: int, offset: int) -> int:
        """Pass what retention has taken before it was read; return how many offsets are lost. Told in every status."""
        lost = self.order.skip_to(topic, offset)
        self._lost_records += lost
        return lost

    def _apply_nothing(self, one: Applied) -> list[Output]:
        """District state and public alerts are ordered and checked; nothing depends on them yet."""
        return self._faults(
            one, [f for f in decode(ORDERED_NAMES[one.topic], one.key, one.value) if isinstance(f, Fault)]
        )

    def _apply_profile(self, one: Applied) -> list[Output]:
        out: list[Output] = []
        for profile in decode("profile", one.key, one.value):
            if isinstance(profile, Fault):
                out += self._faults(one, [profile])
            elif isinstance(profile, Profile) and profile != self._profile:
                self._profile = profile
                for watched in sorted(self._households.values(), key=lambda each: each.name):
                    if watched.model is not None:
                        found = watched.model.apply_profile(profile, self.clock_ms)
                        if not self._knows(watched, one):
                            out += self._findings(watched, found)
                        self._touch(watched)
        return out

    def _apply_household(self, one: Applied) -> list[Output]:
        record = decode("households", one.key, one.value)[0]
        if isinstance(record, Removal):
            return self._remove(record.household, CloseCause.LEFT_SERVICE)
        if not isinstance(record, HouseholdRecord):
            return self._faults(one, [record] if isinstance(record, Fault) else [])
        if not self._is_mine(record.household):
            return self._faults(one, [Fault(Reason.WRONG_KEY, 0, "key")])
        gone = self._gone.get(record.household)
        if gone is not None:
            if gone[1] and gone[1] == crc32(one.value or b""):
                self._gone[record.household] = (self.clock_ms, gone[1])
                return []
            del self._gone[record.household]
        watched = self._households.get(record.household) or self._meet(record.household)
        if self._knows(watched, one) or watched.record_bytes == one.value:
            return []  # published again each day
        if watched.since_ms:
            self._unregistered -= 1
        watched.since_ms = 0
        watched.record, watched.record_bytes, watched.record_dirty = record, one.value or b"", True
        out: list[Output] = []
        if watched.model is not None:
            out = self._findings(watched, watched.model.apply_record(record, self.clock_ms))
        elif self.clock_ms:
            watched.model = self._model(watched, self.clock_ms)
        self._touch(watched)
        return out

    def _apply_action(self, one: Applied) -> list[Output]:
        action = decode("responder.actions", one.key, one.value)[0]
        if not isinstance(action, ResponderAction):
            return self._faults(one, [action] if isinstance(action, Fault) else [])
        watched = self._households.get(action.household)
        if watched is None:
            if action.household in self._gone or not self._is_mine(action.household):
                return []
            watched = self._meet(action.household)
        if self._knows(watched, one):
            return []
        teller = self._teller(watched)
        out = self._acted(watched, *watched.ledger.act(teller, action, self.clock_ms))
        self._touch(watched)
        return out

    def _acted(
        self, watched: Watched, revisions: list[Incident], answer: ActionResult | None, close: Close | None
    ) -> list[Output]:
        out = [each for incident in revisions for each in _kept(incident)]
        if answer is not None:
            out.append(Output("responder.results", watched.name.encode(), answer))
        if close is None:
            return out
        if close.cause in (CloseCause.DECEASED, CloseCause.LEFT_SERVICE):
            return out + self._remove(watched.name, close.cause)
        if watched.model is not None:
            out += self._findings(
                watched, watched.model.settle(close.kind, close.cause, close.opened_ms, self.clock_ms)
            )
        return out

    def _apply_events(self, one: Applied) -> list[Output]:
        out: list[Output] = []
        watched: Watched | None = None
        for index, event in enumerate(decode(ORDERED_NAMES[one.topic], one.key, one.value)):
            if not isinstance(event, Event):
                if isinstance(event, Fault):
                    out += self._faults(one, [event])
                continue
            if watched is None:
                watched = self._households.get(event.household)
                if watched is None:
                    refusal = self._refusal(one, event)
                    if refusal is not None:
                        return out + refusal
                    watched = self._meet(event.household)
                if self._knows(watched, one):
                    return out
            self._take(watched, event, index, one, out)
        if watched is not None:
            self._touch(watched)
        return out

    def _take(self, watched: Watched, event: Event, index: int, one: Applied, out: list[Output]) -> None:
        """Take one event of a household that is watched."""
        clock_ms = self.order.positions.clock_ms
        if event.kind in KINDS:
            out += self._emergencies(watched, event)
        if one.arrival_ms and max(event.at_ms, event.until_ms) > one.arrival_ms + FUTURE_TOLERANCE_MS:
            out += self._faults(one, [Fault(Reason.FUTURE_TIME, index, "time")])
            return
        if watched.since_ms and clock_ms - watched.since_ms > UNREGISTERED_MS:
            self.counts.readings[one.topic][_NOT_REGISTERED] += 1
            watched.model = None
            return
        model = watched.model
        if model is None:
            model = watched.model = self._model(watched, clock_ms or event.at_ms)
        if not model.consents(event.source):
            self.counts.readings[one.topic][_NO_CONSENT] += 1
            return
        if event.at_ms < model.learned_ms:
            self.counts.readings[one.topic][_LATE] += 1
            return
        self.counts.readings[one.topic][_APPLIED] += 1
        life = model.last_life_ms if watched.lost_since_ms else None
        found = model.learn_one(event, clock_ms, one.arrival_ms)
        if found:
            out += self._findings(watched, found)
        if watched.lost_since_ms and model.last_life_ms != life:
            out += self._seen_again(watched)

    def _emergencies(self, watched: Watched, event: Event) -> list[Output]:
        out: list[Output] = []
        for finding in emergencies(event):
            revisions = watched.ledger.take_emergency(self._teller(watched), finding, self.clock_ms)
            if revisions is None:
                self.counts.repeated_emergencies += 1
                continue
            out += [each for incident in revisions for each in _kept(incident)]
            for acted in watched.ledger.act_late(self._teller(watched), self.clock_ms):
                out += self._acted(watched, *acted)
        return out

    def _move(self, clock_ms: int) -> list[Output]:
        """Let the clock move: deadlines by (deadline, household), summaries, expiries, and the status of each minute."""
        out: list[Output] = []
        if not self._begun:
            self._begin_models(clock_ms)
        due = np.flatnonzero(self._wakes[: len(self._at)] <= clock_ms)
        if len(due):
            waiting = sorted(((w.wake_ms, w.name, w) for i in due if (w := self._at[int(i)])), key=lambda d: d[:2])
            for _, _, watched in waiting:
                out += self._wake(watched, clock_ms)
        out += [self._dead(letter) for letter in self._refused.flush(clock_ms)]
        if self._minute != clock_ms // MINUTE_MS:
            self._minute = clock_ms // MINUTE_MS
            self._forget_gone(clock_ms)
            out.append(Output("incidents", b"", self._status(clock_ms)))
        return out

    def _wake(self, watched: Watched, clock_ms: int) -> list[Output]:
        out: list[Output] = []
        if watched.guard is not None and self._controls.offset_guard and clock_ms <= watched.guard.clock_ms:
            return out
        if watched.model is not None:
            out += self._findings(watched, watched.model.advance(clock_ms))
        revisions, gone = watched.ledger.wake(clock_ms)
        out += [each for incident in revisions for each in _kept(incident)]
        out += [Output("incidents.open", name.encode(), None) for name in gone]
        self._touch(watched)
        return out

    def _begin_models(self, clock_ms: int) -> None:
        """Begin to watch whoever was registered before there was a clock."""
        self._begun = True
        for watched in self._households.values():
            if watched.model is None and watched.record is not None:
                watched.model = self._model(watched, clock_ms)
                self._touch(watched)

    def _status(self, clock_ms: int) -> Status:
        return Status(
            partition=self.number,
            clock=to_rfc3339(clock_ms),
            households=len(self._households),
            blind=self._blind,
            open=self.open_incidents,
            lost=self._lost_records,
            engine=self.engine,
        )

    # Findings and refusals.

    def _findings(self, watched: Watched, found: list[Found]) -> list[Output]:
        out: list[Output] = []
        teller = self._teller(watched)
        for one in found:
            if isinstance(one, Ask):
                out.append(self._request(watched, one))
                continue
            for incident in watched.ledger.take(teller, one, self.clock_ms):
                out += _kept(incident)
            for acted in watched.ledger.act_late(teller, self.clock_ms):
                out += self._acted(watched, *acted)
        return out

    def _request(self, watched: Watched, ask: Ask) -> Output:
        record = watched.record
        open_ids = [
            one.incident.id
            for one in watched.ledger.open.values()
            if one.incident.kind in (IncidentKind.SILENCE, IncidentKind.UNANSWERED_CALLS)
        ]
        request = CheckinRequest(
            id=request_id(watched.name, ask.purpose, ask.at_ms),
            household=watched.name,
            purpose=ask.purpose,
            language=record.language if record else "ko",
            requested_at=to_rfc3339(ask.at_ms),
            deadline=to_rfc3339(ask.until_ms),
            incident=open_ids[0] if open_ids else None,
        )
        return Output("checkin.requests", watched.name.encode(), request)

    def _faults(self, one: Applied, faults: list[Fault]) -> list[Output]:
        topic = ORDERED_NAMES[one.topic]
        out = []
        for fault in faults:
            self.counts.refused[topic, fault.reason.value] += 1
            self.counts.readings[one.topic][_REFUSED] += 1
            letter = self._refused.take(topic, one.offset, fault, one.value, self.clock_ms)
            if letter is not None:
                out.append(self._dead(letter, one.key))
        return out

    def _dead(self, letter: DeadLetter, key: bytes | None = None) -> Output:
        return Output("dead.letters", key or b"", letter)

    def _teller(self, watched: Watched) -> Teller:
        return Teller(self.engine, self._profile.id, watched.record)

    # Who is watched.

    def _is_mine(self, household: str) -> bool:
        return partition_of(household, self._partitions) == self.number

    def _refusal(self, one: Applied, event: Event) -> list[Output] | None:
        """Say why the events of a household not yet known are not taken; None where they are."""
        if not self._is_mine(event.household):
            return self._faults(one, [Fault(Reason.WRONG_KEY, 0, "key")])
        if event.household in self._gone or self._unregistered >= MOST_UNREGISTERED:
            self.counts.readings[one.topic][_NOT_REGISTERED] += 1
            return []
        return None

    def _meet(self, household: str) -> Watched:
        """Begin with a household that is not registered, as far as is known."""
        if self._free:
            index = self._free.pop()
        else:
            index = len(self._at)
            self._at.append(None)
            if index >= len(self._wakes):
                self._wakes = np.concatenate((self._wakes, np.full(len(self._wakes), NEVER_MS, np.int64)))
        watched = Watched(household, index, self.clock_ms or 1)
        self._at[index] = watched
        self._households[household] = watched
        self._unregistered += 1
        return watched

    def _model(self, watched: Watched, start_ms: int) -> Household:
        return Household(watched.name, self._profile, watched.record, start_ms=start_ms)

    def _remove(self, household: str, cause: CloseCause) -> list[Output]:
        """End the watching: incidents close, deadlines and the model go, rows become tombstones."""
        watched = self._households.pop(household, None)
        by_record = cause is CloseCause.LEFT_SERVICE or watched is None or not watched.record_bytes
        self._gone[household] = (self.clock_ms, 0 if by_record or watched is None else crc32(watched.record_bytes))
        if watched is None:
            return []
        out = [
            each
            for incident in watched.ledger.close_all(self._teller(watched), cause, self.clock_ms)
            for each in _kept(incident)
        ]
        self._unregistered -= 1 if watched.since_ms else 0
        self._blind -= 1 if watched.blind else 0
        self._wakes[watched.index] = NEVER_MS
        self._at[watched.index] = None
        self._free.append(watched.index)
        self._dirty[household] = watched
        return out

    def _forget_gone(self, clock_ms: int) -> None:
        if self._gone:
            self._gone = {name: gone for name, gone in self._gone.items() if clock_ms - gone[0] < GONE_MS}

    def _knows(self, watched: Watched, one: Applied) -> bool:
        if watched.guard is None or not self._controls.offset_guard:
            return False
        return watched.knows(one.topic, one.offset)

    def _touch(self, watched: Watched) -> None:
        """Note that a household changed: its deadline, whether it is seen, and that its rows must be written."""
        if self._households.get(watched.name) is not watched:
            return
        self._dirty[watched.name] = watched
        wake_ms = watched.due_ms()
        if wake_ms != watched.wake_ms:
            watched.wake_ms = wake_ms
            self._wakes[watched.index] = wake_ms
        blind = bool(watched.lost_since_ms) or (watched.model is not None and watched.model.blind)
        if blind != watched.blind:
            watched.blind = blind
            self._blind += 1 if blind else -1

    # What is kept.

    def checkpoint(self) -> Checkpoint:
        """Return what must be written so that another can go on from exactly here. Everything told before must be written first.

        Rows of households that changed, of some more after a takeover (so that no late row of a former owner is ever the
        newest), tombstones of those whose end the last checkpoint told, and last the position row.
        """
        number = self._stamp.number + 1
        self._stamp = Stamp(self._stamp.epoch, self._stamp.owner, number)
        positions = self.order.positions.copy()
        cut = Cut(positions.offsets, positions.ticks, positions.clock_ms, positions.live)
        rows: list[tuple[bytes, bytes | None]] = []
        counts = dict.fromkeys(("hot", "rhythm", "record", "tombstone"), 0)
        tombstones = [key for key in self._ended_rows if key[2:].decode() not in self._households]
        self._ended_rows = []
        for watched in self._to_write():
            name = watched.name.encode()
            for kind, key, payload in self._rows_of(watched, cut, name):
                rows.append((key, pack(self._stamp, payload)))
                counts[kind] += 1
        rows += [(key, None) for key in tombstones]
        counts["tombstone"] = len(tombstones)
        position = [
            list(cut),
            msgspec.to_builtins(self._profile),
            self._refused.state(),
            self._gone_state(),
            self._lost_records,
        ]
        rows.append((POSITIONS[number % 2], pack(self._stamp, position)))
        self._dirty = {}
        return Checkpoint(number, cut, rows, counts)

    def _to_write(self) -> list[Watched]:
        again, self._rewrite = self._rewrite[:REWRITE_AT_ONCE], self._rewrite[REWRITE_AT_ONCE:]
        for name in again:
            watched = self._households.get(name)
            if watched is not None:
                watched.rhythm_kept, watched.record_dirty = -1, True
                self._dirty.setdefault(name, watched)
        return list(self._dirty.values())

    def _rows_of(self, watched: Watched, cut: Cut, name: bytes) -> list[tuple[str, bytes, Any]]:
        if self._households.get(watched.name) is not watched:
            self._ended_rows += [HOT + name, RHYTHM + name, RECORD + name]
            return [("hot", HOT + name, None)]
        rows: list[tuple[str, bytes, Any]] = [("hot", HOT + name, watched.hot_payload(cut))]
        rhythm = watched.rhythm_payload()
        if rhythm is not None:
            rows.append(("rhythm", RHYTHM + name, rhythm))
            watched.rhythm_kept = rhythm[0]
        if watched.record_dirty:
            rows.append(("record", RECORD + name, watched.record_bytes or None))
            watched.record_dirty = False
        return rows

    def _gone_state(self) -> list[Any]:
        return [[name, *gone] for name, gone in self._gone.items()]

    def _restore(self, recovered: Recovered, owner: int) -> Positions:
        """Take what the changelog held; the owner's epoch is one more than the highest found."""
        self._stamp = Stamp(recovered.top_epoch + 1, owner, recovered.stamp.number)
        positions = Positions.start(len(ORDERED_NAMES))
        if recovered.position is not None:
            cut, profile, refused, gone, self._lost_records = recovered.position
            offsets, ticks, clock_ms, live = cut
            positions = Positions(list(offsets), list(ticks), clock_ms, live)
            self._profile = msgspec.convert(profile, Profile)
            self._refused.restore(refused)
            self._gone = {name: (at_ms, checksum) for name, at_ms, checksum in gone}
        for name, rows in recovered.households.items():
            watched = self._meet(name)
            watched.since_ms = 0
            try:
                if rows.hot is None:
                    raise ValueError("no rows")  # noqa: TRY301 - damaged rows and missing ones are one case
                watched.take_rows(rows, self._profile)
            except ValueError:
                self.unreadable.add(name)
                self._forget(watched)
                continue
            self._unregistered -= 0 if watched.since_ms else 1
            watched.wake_ms = watched.due_ms()
            self._wakes[watched.index] = watched.wake_ms
            watched.blind = bool(watched.lost_since_ms) or watched.blind
            self._blind += watched.blind
        return positions

    def _forget(self, watched: Watched) -> None:
        self._households.pop(watched.name, None)
        self._wakes[watched.index] = NEVER_MS
        self._at[watched.index] = None
        self._free.append(watched.index)
        self._unregistered -= 1

    def salvage(self, name: str, record: bytes | None, incidents: list[Incident]) -> list[Output]:
        """Begin anew with a household whose rows could not be used.

        It takes its registry record and open incidents from their topics, continues their revisions, and is told as
        "cannot see" until its next sign of life: what was known of it before is gone.
        """
        watched = self._meet(name)
        decoded = decode("households", name.encode(), record) if record else []
        if decoded and isinstance(decoded[0], HouseholdRecord):
            watched.record, watched.record_bytes, watched.record_dirty = decoded[0], record or b"", True
            watched.since_ms = 0
            self._unregistered -= 1
        watched.ledger.adopt(incidents, self.clock_ms)
        watched.lost_since_ms = self.clock_ms or 1
        watched.model = self._model(watched, self.clock_ms)
        out = self._findings(watched, [self._blindness(watched, "raise")])
        self._touch(watched)
        return out

    def _seen_again(self, watched: Watched) -> list[Output]:
        found: list[Found] = [self._blindness(watched, "clear")]
        watched.lost_since_ms = 0
        return self._findings(watched, found)

    def _blindness(self, watched: Watched, change: Literal["raise", "clear"]) -> Finding:
        since_ms = watched.lost_since_ms
        return Finding(
            kind=IncidentKind.CANNOT_SEE,
            change=change,
            severity=Severity.MODERATE,
            urgency=Urgency.EXPECTED,
            certainty=Certainty.OBSERVED,
            event_from_ms=since_ms,
            event_until_ms=max(self.clock_ms, since_ms),
            would_change="life",
            facts={"raised_ms": since_ms, "state_lost": 1},
        )


def _told(incident: Incident, appended_ms: int = 0) -> Output:
    return Output("incidents", incident.household.encode(), incident, appended_ms)


def _kept(incident: Incident) -> tuple[Output, Output]:
    """Return a revision for those who follow and for those who come later; told on arrival it goes to the first alone.

    A repeat of revision 1 written over the last revision of an open incident would hide it from who comes later.
    """
    return _told(incident), Output("incidents.open", incident.id.encode(), incident)
