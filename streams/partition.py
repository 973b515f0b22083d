"""The engine of one partition: everything it says and everything it keeps is a pure function of its logs.

It reads no clock, does no I/O and never raises on data. Chunks go in as they were fetched; what comes out is what stands
on the output topics, and rows for the changelog. Wherever it is stopped and restored from a whole checkpoint, it goes on
as if nothing had happened, and what it says again has the same ids and revisions.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from detectors.emergency import KINDS, emergencies
from detectors.findings import Ask, Finding
from detectors.findings import Output as Found
from detectors.household import Household
from schemas.actions import ActionResult, ResponderAction
from schemas.checkins import CheckinRequest
from schemas.decode import decode
from schemas.events import FUTURE_TOLERANCE_MS, DeadLetter, Event, Fault, Reason
from schemas.exercise import status_of
from schemas.households import HouseholdRecord, Removal
from schemas.incidents import Certainty, CloseCause, Incident, IncidentKind, Severity, Status, Urgency
from schemas.profiles import Profile
from schemas.times import to_rfc3339
from schemas.topics import ORDERED_NAMES
from streams.chunk import Chunk
from streams.climb import OUTCOMES as ANSWERS
from streams.climb import Climb, Climbed
from streams.identity import case_id, request_id
from streams.keeping import Checkpoint, Keeper, restore
from streams.ledger import Close, answer
from streams.order import Applied, CanonicalOrder, Moved
from streams.refused import Refused
from streams.repeats import Repeats
from streams.revisions import Teller, arrived, ended
from streams.roster import Roster
from streams.scan import Scanner
from streams.snapshot import Recovered
from streams.watched import Watched

MINUTE_MS: Final = 60_000
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
    repeated_messages: int = 0


@dataclass(frozen=True, slots=True)
class Controls:
    """Negative controls of the tests: each takes away one rule and shows what it prevents."""

    check_contiguity: bool = True
    canonical_order: bool = True
    offset_guard: bool = True
    whole_checkpoints: bool = True


class Partition:
    """The engine of one partition.

    `offer` takes a chunk and returns what must be told at once; `pump` gives the rest, in canonical order; `checkpoint`
    gives what must be kept. `recovered` is what the changelog held. `engine` is the version every incident carries.
    `fixed_profile` is for replays that ask what would have been: it holds from the beginning, whatever the log says.
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
        fixed_profile: Profile | None = None,
    ) -> None:
        self.number = number
        self.engine = engine
        self.counts = Counts()
        self.pumped = 0
        """Records and moves of the clock that the last `pump` took."""
        self._controls = controls or Controls()
        self._roster = Roster(number, partitions)
        self._refused = Refused(number)
        self._whole, self.unreadable = restore(recovered, self._roster, self._refused)
        """`unreadable`: households whose rows could not be used, to be salvaged before anything is applied."""
        self._is_profile_fixed = fixed_profile is not None
        if fixed_profile is not None:
            self._whole.profile = fixed_profile
        self._keeper = Keeper(owner, recovered, self._roster)
        self._scanner = Scanner(engine, len(ORDERED_NAMES), self._whole.positions)
        self._repeats = Repeats()
        self._gaps: list[tuple[int, int, int]] = []
        """What retention has taken and the position has not passed yet: topic, next offset, offsets lost."""
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
        self.order = CanonicalOrder(
            self._whole.positions,
            buffer_records=buffer_records,
            check_contiguity=self._controls.check_contiguity,
            as_fetched=not self._controls.canonical_order,
        )
        self._minute = self.clock_ms // MINUTE_MS
        self._begun = self.clock_ms > 0

    # What others may ask.

    @property
    def clock_ms(self) -> int:
        """The partition's clock, UTC milliseconds; 0 before every topic has had its first tick."""
        return self.order.positions.clock_ms

    @property
    def households(self) -> int:
        """Households watched, those of exercises left out."""
        return len(self._roster) - self._roster.exercises

    @property
    def exercises(self) -> int:
        """Households of exercises."""
        return self._roster.exercises

    @property
    def blind(self) -> int:
        """Households of which nothing can be seen."""
        return self._roster.blind

    @property
    def open_incidents(self) -> int:
        """Incidents not yet ended."""
        return self._roster.open_incidents

    @property
    def dirty(self) -> bool:
        """Whether a checkpoint has anything to write."""
        return self._keeper.has_work(self._roster)

    def names(self) -> list[str]:
        """Return the pseudonyms of all households watched, sorted."""
        return [watched.name for watched in self._roster]

    def household(self, name: str) -> Watched | None:
        """Return a household as it stands, for tests and explanations; None when it is not watched."""
        return self._roster.get(name)

    # Chunks in, outputs out.

    def offer(self, topic: int, chunk: Chunk) -> tuple[list[Output], int | None]:
        """Take a fetched chunk: emergencies to be told at once, and the offset to seek to where it is not the next one."""
        told = [
            _told(incident, appended_ms)
            for incident, appended_ms in self._scanner.look(topic, chunk)
            if (known := self._roster.get(incident.household)) is None or not known.ledger.knows(incident.id)
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
        """Pass what retention has taken before it was read; return how many offsets are lost. Told in every status.

        It counts once the position is past it, or whoever takes over before that would count it again.
        """
        lost = self.order.skip_to(topic, offset)
        if lost:
            self._gaps.append((topic, offset, lost))
        return lost

    def _count_gaps(self) -> None:
        offsets = self.order.positions.offsets
        self._whole.lost_records += sum(lost for topic, offset, lost in self._gaps if offsets[topic] >= offset)
        self._gaps = [gap for gap in self._gaps if offsets[gap[0]] < gap[1]]

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
            elif isinstance(profile, Profile) and profile != self._whole.profile and not self._is_profile_fixed:
                self._whole.profile = profile
                for watched in self._roster:
                    out += self._put_in_force(watched, profile, one)
        return out

    def _put_in_force(self, watched: Watched, profile: Profile, one: Applied) -> list[Output]:
        model = watched.model
        if model is None:
            return []
        if self._knows(watched, one):
            # It was judged by this profile already: judged once more, it would look again at other hours than it did.
            watched.model = Household.restore(model.hot(), model.rhythm(), profile, watched.record)
            return []
        out = self._findings(watched, model.apply_profile(profile, self.clock_ms))
        self._judged(watched)
        return out

    def _apply_household(self, one: Applied) -> list[Output]:
        record = decode("households", one.key, one.value)[0]
        if not isinstance(record, HouseholdRecord | Removal):
            return self._faults(one, [record] if isinstance(record, Fault) else [])
        if not self._roster.is_mine(record.household):
            return self._faults(one, [Fault(Reason.WRONG_KEY, 0, "key")])
        if isinstance(record, Removal):
            ending = self._roster.get(record.household)
            if ending is not None and self._knows(ending, one):
                return []  # it has come back since
            return self._remove(record.household, CloseCause.LEFT_SERVICE, by_registry=True)
        if self._roster.ended_before(record.household, one.topic, one.offset) and self._controls.offset_guard:
            return []
        if self._roster.stays_ended(record.household, one.value or b"", self.clock_ms):
            return []
        watched = self._roster.get(record.household) or self._roster.meet(record.household, self.clock_ms)
        if self._knows(watched, one) or watched.record_bytes == one.value:
            return []  # published again each day
        self._roster.register(watched)
        watched.record, watched.record_bytes, watched.record_dirty = record, one.value or b"", True
        out: list[Output] = []
        if watched.model is not None:
            out = self._findings(watched, watched.model.apply_record(record, self.clock_ms))
        elif self.clock_ms:
            watched.model = self._model(watched, self.clock_ms)
        self._judged(watched)
        return out

    def _apply_action(self, one: Applied) -> list[Output]:
        action = decode("responder.actions", one.key, one.value)[0]
        if not isinstance(action, ResponderAction):
            return self._faults(one, [action] if isinstance(action, Fault) else [])
        watched = self._roster.get(action.household)
        if watched is None:
            if self._roster.ended_before(action.household, one.topic, one.offset):
                return []
            if not self._roster.is_mine(action.household):
                return self._faults(one, [Fault(Reason.WRONG_KEY, 0, "key")])
            if self._roster.has_ended(action.household):
                reason = "already_ended" if action.action == "close" else ""
                return [Output("responder.results", one.key or b"", answer(action, self.clock_ms, reason))]
            if self._roster.is_full:
                self.counts.readings[one.topic][_NOT_REGISTERED] += 1
                return []
            watched = self._roster.meet(action.household, self.clock_ms)
        if self._knows(watched, one):
            return []
        teller = self._teller(watched)
        out = self._acted(watched, *watched.ledger.act(teller, action, self.clock_ms))
        self._judged(watched)
        return out

    def _acted(
        self, watched: Watched, revisions: list[Incident], result: ActionResult | None, close: Close | None
    ) -> list[Output]:
        out = _revised(watched, revisions)
        if result is not None:
            out.append(Output("responder.results", watched.name.encode(), result))
        if close is None:
            return out
        if close.cause in (CloseCause.DECEASED, CloseCause.LEFT_SERVICE):
            return out + self._remove(watched.name, close.cause, by_registry=False)
        return out + self._settle(watched, close)

    def _apply_events(self, one: Applied) -> list[Output]:
        out: list[Output] = []
        watched: Watched | None = None
        if self._repeats.has(one.value):
            self.counts.repeated_messages += 1
        for index, event in enumerate(decode(ORDERED_NAMES[one.topic], one.key, one.value)):
            if not isinstance(event, Event):
                if isinstance(event, Fault):
                    out += self._faults(one, [event])
                continue
            if watched is None or not self._roster.holds(watched):
                watched = self._roster.get(event.household) or self._meet(one, event, index, out)
                if watched is None:
                    continue
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
            if not self._roster.holds(watched):
                return  # an action that waited for it has ended the watching
        if one.arrival_ms and max(event.at_ms, event.until_ms) > one.arrival_ms + FUTURE_TOLERANCE_MS:
            out += self._faults(one, [Fault(Reason.FUTURE_TIME, index, "time")])
            return
        if watched.since_ms and (watched.has_expired(clock_ms) or self._roster.has_ended(watched.name)):
            self.counts.readings[one.topic][_NOT_REGISTERED] += 1
            self._roster.hear_ended(watched.name, clock_ms)
            return
        model = watched.model
        if model is None:
            if not clock_ms:
                # Before the log's clock nobody can tell its time from that of a device whose clock was never set.
                self.counts.readings[one.topic][_LATE] += 1
                return
            model = watched.model = self._model(watched, clock_ms)
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
            self._roster.look(watched)
        if watched.lost_since_ms and model.last_life_ms != life:
            out += self._seen_again(watched)
        if event.kind in ANSWERS and event.data.request:
            out += self._hear(watched, event)

    def _emergencies(self, watched: Watched, event: Event) -> list[Output]:
        out: list[Output] = []
        for finding in emergencies(event):
            revisions = watched.ledger.take_emergency(self._teller(watched), finding, self.clock_ms)
            if revisions is None:
                self.counts.repeated_emergencies += 1
                continue
            out += _revised(watched, revisions)
            out += self._act_late(watched)
            if not self._roster.holds(watched):
                break
        return out

    def _act_late(self, watched: Watched) -> list[Output]:
        out: list[Output] = []
        for acted in watched.ledger.act_late(self._teller(watched), self.clock_ms):
            out += self._acted(watched, *acted)
        return out

    def _move(self, clock_ms: int) -> list[Output]:
        """Let the clock move: deadlines by (deadline, household), summaries, expiries, and the status of each minute."""
        out: list[Output] = []
        if not self._begun:
            self._begin_models(clock_ms)
        for watched in self._roster.due(clock_ms):
            out += self._wake(watched, clock_ms)
        out += [self._dead(letter) for letter in self._refused.flush(clock_ms)]
        if self._minute != clock_ms // MINUTE_MS:
            self._minute = clock_ms // MINUTE_MS
            self._roster.forget_ended(clock_ms)
            out.append(Output("incidents", b"", self._status(clock_ms)))
        return out

    def _wake(self, watched: Watched, clock_ms: int) -> list[Output]:
        out: list[Output] = []
        if watched.guard is not None and self._controls.offset_guard and clock_ms <= watched.guard.clock_ms:
            return out
        if watched.model is not None:
            out += self._findings(watched, watched.model.advance(clock_ms))
            if not self._roster.holds(watched):
                return out
        revisions, gone = watched.ledger.wake(clock_ms)
        out += _tombstones(gone) + self._climbed(watched, self._climb(watched, revisions).step())
        if watched.has_expired(clock_ms):
            out += self._expire(watched, clock_ms)
        self._judged(watched)
        return out

    def _expire(self, watched: Watched, clock_ms: int) -> list[Output]:
        """Stop watching a household that was never registered; it goes once its last incident is forgotten."""
        watched.model = None
        ends = watched.ledger.close_judged(self._teller(watched), CloseCause.LEFT_SERVICE, clock_ms)
        if watched.is_idle:
            self._roster.expire(watched, clock_ms)
        return _revised(watched, ends)

    def _begin_models(self, clock_ms: int) -> None:
        """Begin to watch whoever was met before there was a clock."""
        self._begun = True
        for watched in self._roster:
            if watched.since_ms:
                watched.since_ms = clock_ms
                self._touch(watched)
            elif watched.model is None and watched.record is not None:
                watched.model = self._model(watched, clock_ms)
                self._judged(watched)

    def _status(self, clock_ms: int) -> Status:
        self._count_gaps()
        return Status(
            partition=self.number,
            clock=to_rfc3339(clock_ms),
            households=self.households,
            exercise=self.exercises,
            blind=self._roster.blind,
            unregistered=self._roster.unregistered,
            open=self.open_incidents,
            lost=self._whole.lost_records,
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
            told = watched.ledger.take(teller, one, self.clock_ms)
            out += self._climbed(watched, self._climb(watched, told).step())
            out += self._act_late(watched)
            if not self._roster.holds(watched):
                break
        return out

    def _climb(self, watched: Watched, told: list[Incident] | None = None) -> Climb:
        return Climb(watched.ledger, watched.model, self._teller(watched), self.clock_ms, told or [])

    def _climbed(self, watched: Watched, climbed: Climbed) -> list[Output]:
        out = _revised(watched, climbed.revisions)
        out += [Output("checkin.requests", watched.name.encode(), request) for request in climbed.requests]
        for close in climbed.closes:
            out += self._settle(watched, close)
        return out

    def _hear(self, watched: Watched, event: Event) -> list[Output]:
        """Take an answer to one of the household's questions: it settles an incident, or the next one is asked."""
        heard = self._climb(watched).hear(event)
        if heard is None:
            return []
        climbed = self._climb(watched, heard.revisions).step()
        out = self._climbed(watched, climbed._replace(closes=heard.closes))
        self._judged(watched)
        return out

    def _settle(self, watched: Watched, close: Close) -> list[Output]:
        if watched.model is None:
            return []
        return self._findings(watched, watched.model.settle(close.kind, close.cause, close.opened_ms, self.clock_ms))

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
            ask=ask.rung.ask,
            contact=ask.rung.contact,
            purpose=ask.purpose,
            language=record.language if record else "ko",
            requested_at=to_rfc3339(ask.at_ms),
            deadline=to_rfc3339(ask.until_ms),
            incident=open_ids[0] if open_ids else None,
            status=status_of(watched.name),
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
        return Teller(self.engine, self._whole.profile.id, watched.record)

    # Who is watched.

    def _meet(self, one: Applied, event: Event, index: int, out: list[Output]) -> Watched | None:
        """Meet the household of an event; None where the event is not taken, which is told or counted."""
        name = event.household
        if not self._roster.is_mine(name):
            out += self._faults(one, [Fault(Reason.WRONG_KEY, index, "key")])
            return None
        if self._roster.ended_before(name, one.topic, one.offset):
            return None
        if self._roster.is_full or (self._roster.has_ended(name) and not self._cries_after_end(event)):
            self.counts.readings[one.topic][_NOT_REGISTERED] += 1
            self._roster.hear_ended(name, self.clock_ms)
            if self._roster.has_ended(name):
                out += self._ended_on_arrival(event)
            return None
        return self._roster.meet(name, self.clock_ms)

    def _cries_after_end(self, event: Event) -> bool:
        """Tell whether an event is an emergency since the watching of its household ended: somebody must close it."""
        return event.at_ms > self._roster.ended_ms(event.household) and any(
            finding.change == "raise" for finding in emergencies(event)
        )

    def _ended_on_arrival(self, event: Event) -> list[Output]:
        """End what was told on arrival of a household that is not watched: else its revision 1 would stay open for ever."""
        out: list[Output] = []
        for finding in emergencies(event):
            if finding.change == "raise":
                first = arrived(event.household, finding, self.clock_ms, self.engine)
                joined = replace(first, case=case_id(event.household, self.clock_ms))
                teller = Teller(self.engine, self._whole.profile.id)
                out += _kept(ended(teller, joined, CloseCause.LEFT_SERVICE, self.clock_ms))
        return out

    def _model(self, watched: Watched, start_ms: int) -> Household:
        return Household(watched.name, self._whole.profile, watched.record, start_ms=start_ms)

    def _remove(self, household: str, cause: CloseCause, *, by_registry: bool) -> list[Output]:
        """End the watching: incidents close, deadlines and the model go, rows become tombstones."""
        watched = self._roster.get(household)
        out: list[Output] = []
        if watched is not None:
            out += map(_told, watched.ledger.close_all(self._teller(watched), cause, self.clock_ms))
            out += _tombstones(watched.ledger.bury())
        self._roster.end(household, self.clock_ms, by_registry=by_registry)
        return out

    def _knows(self, watched: Watched, one: Applied) -> bool:
        if watched.guard is None or not self._controls.offset_guard:
            return False
        return watched.knows(one.topic, one.offset)

    def _touch(self, watched: Watched) -> None:
        if self._roster.holds(watched):
            self._roster.touch(watched)

    def _judged(self, watched: Watched) -> None:
        """Note that a model was woken or judged."""
        if self._roster.holds(watched):
            self._roster.touch(watched)
            self._roster.look(watched)

    def checkpoint(self) -> Checkpoint:
        """Return what must be kept, as it stands now. Everything told before must be acknowledged before it is written."""
        self._count_gaps()
        return self._keeper.checkpoint(self._roster, self._whole, self._refused)

    def salvage(self, name: str, record: bytes | None, incidents: list[Incident]) -> list[Output]:
        """Begin anew with a household whose rows could not be used.

        It takes its registry record and open incidents from their topics, continues their revisions, and is told as
        "cannot see" until its next sign of life: what was known of it before is gone.
        """
        watched = self._roster.meet(name, self.clock_ms)
        decoded = decode("households", name.encode(), record) if record else []
        if decoded and isinstance(decoded[0], HouseholdRecord):
            watched.record, watched.record_bytes, watched.record_dirty = decoded[0], record or b"", True
            self._roster.register(watched)
        watched.ledger.adopt(incidents, self.clock_ms)
        out: list[Output] = []
        if self.clock_ms:
            watched.lost_since_ms = self.clock_ms
            watched.model = self._model(watched, self.clock_ms)
            out = self._findings(watched, [self._blindness(watched, "raise")])
        self._judged(watched)
        return out

    def _seen_again(self, watched: Watched) -> list[Output]:
        found: list[Found] = [self._blindness(watched, "clear")]
        watched.lost_since_ms = 0
        self._roster.look(watched)
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


def _revised(watched: Watched, revisions: list[Incident]) -> list[Output]:
    """Return revisions, and tombstones of what its ledger had to forget for them."""
    return [each for incident in revisions for each in _kept(incident)] + _tombstones(watched.ledger.forgotten())


def _tombstones(names: list[str]) -> list[Output]:
    return [Output("incidents.open", name.encode(), None) for name in names]
