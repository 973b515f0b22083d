"""Who is watched: households are met, begun, salvaged from damage, seen again, and what is told of those who left. Pure."""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec.structs import replace

from detectors.emergency import emergencies
from detectors.findings import Fact, Finding
from detectors.findings import Output as Found
from detectors.hours import HOUR_MS
from schemas.decode import decode
from schemas.events import Event, Fault, Reason
from schemas.households import HouseholdRecord
from schemas.incidents import Certainty, CloseCause, Incident, IncidentKind, Severity, Urgency
from streams.cases.identity import case_id
from streams.cases.revisions import Teller, arrived, ended
from streams.engine.applied import Applied
from streams.engine.consequences import Consequences
from streams.engine.counts import NOT_REGISTERED
from streams.engine.outputs import Output, kept
from streams.engine.shared import Shared
from streams.engine.watched import Watched

RECORD: Final = "record"
"""In place of a channel: Anbu's own record of the home was damaged, whatever its devices say."""


class Watching:
    """Begins and goes on watching the households of a partition."""

    def __init__(self, shared: Shared, consequences: Consequences) -> None:
        self._shared = shared
        self._consequences = consequences

    def meet(self, one: Applied, event: Event, index: int, out: list[Output]) -> Watched | None:
        """Meet the household of an event; None where the event is not taken, which is told or counted."""
        shared, roster = self._shared, self._shared.roster
        name = event.household
        if not roster.is_mine(name):
            out += shared.faults(one, [Fault(Reason.WRONG_KEY, index, "key")])
            return None
        if roster.ended_before(name, one.topic, one.offset):
            return None
        if roster.is_full or (roster.has_ended(name) and not self._cries_after_end(event)):
            shared.counts.readings[one.topic][NOT_REGISTERED] += 1
            roster.hear_ended(name, shared.clock_ms)
            if roster.has_ended(name):
                out += self._ended_on_arrival(event)
            return None
        return roster.meet(name, shared.clock_ms)

    def begin(self, clock_ms: int) -> Iterator[list[Output]]:
        """Begin to watch whoever was met before there was a clock, one by one. Nothing is said of that."""
        shared = self._shared
        for watched in shared.roster:
            if watched.guard is None or watched.guard.clock_ms < clock_ms:
                # Whatever was told before there was a clock belongs to nobody yet.
                for entry in watched.ledger.open.values():
                    entry.owner_ms = clock_ms
                watched.ledger.rearm()
            if watched.since_ms:
                watched.since_ms = clock_ms
                shared.touch(watched)
            elif watched.model is None and watched.record is not None:
                watched.model = shared.model(watched, clock_ms)
                shared.judged(watched)
            yield []

    def salvage(self, name: str, record: bytes | None, incidents: list[Incident]) -> list[Output]:
        """Begin anew with a household whose rows could not be used."""
        shared = self._shared
        watched = shared.roster.meet(name, shared.clock_ms)
        decoded = decode("households", name.encode(), record) if record else []
        if decoded and isinstance(decoded[0], HouseholdRecord):
            watched.record, watched.record_bytes, watched.record_dirty = decoded[0], record or b"", True
            shared.roster.register(watched)
        watched.ledger.adopt(incidents, shared.clock_ms)
        out: list[Output] = []
        if shared.clock_ms:
            watched.lost_since_ms = shared.clock_ms
            watched.model = shared.model(watched, shared.clock_ms)
            out = self._consequences.of_findings(watched, [self._blindness(watched, "raise")])
        shared.judged(watched)
        return out

    def begin_anew(self) -> list[Output]:
        """Begin anew with the models that could not be read as their households woke: those are told as "cannot see"."""
        shared = self._shared
        broken, shared.roster.sleep.broken = shared.roster.sleep.broken, []
        out: list[Output] = []
        for watched in dict.fromkeys(broken):
            if not shared.clock_ms or not shared.roster.holds(watched):
                continue
            shared.counts.begun_anew += 1
            is_told = bool(watched.lost_since_ms)
            watched.lost_since_ms = watched.lost_since_ms or shared.clock_ms
            try:
                out += self._lose(watched, is_told=is_told)
            except Exception as error:  # noqa: BLE001 - what is left of it cannot be gone on with either
                out += shared.broke(watched, error)
                shared.roster.sleep.broken.remove(watched)
                out += self._lose(watched, is_told=is_told)
        return out

    def _lose(self, watched: Watched, *, is_told: bool) -> list[Output]:
        shared = self._shared
        watched.model = shared.model(watched, shared.clock_ms)
        out = [] if is_told else self._consequences.of_findings(watched, [self._blindness(watched, "raise")])
        shared.judged(watched)
        return out

    def see_again(self, watched: Watched) -> list[Output]:
        """Note the first sign of life since a household's state was lost."""
        found: list[Found] = [self._blindness(watched, "clear")]
        if watched.model is not None:
            watched.model.note_unseen(watched.lost_since_ms, self._shared.clock_ms)
        watched.lost_since_ms = 0
        self._shared.roster.look(watched)
        return self._consequences.of_findings(watched, found)

    def _cries_after_end(self, event: Event) -> bool:
        """Tell whether an event is an emergency since the watching of its household ended: somebody must close it."""
        return event.at_ms > self._shared.roster.ended_ms(event.household) and any(
            finding.change == "raise" for finding in emergencies(event)
        )

    def _ended_on_arrival(self, event: Event) -> list[Output]:
        """End what was told on arrival of a household that is not watched: else its revision 1 would stay open for ever."""
        shared = self._shared
        out: list[Output] = []
        for finding in emergencies(event):
            if finding.change == "raise":
                first = arrived(event.household, finding, shared.clock_ms, shared.engine)
                joined = replace(first, case=case_id(event.household, shared.clock_ms))
                teller = Teller(shared.engine, shared.whole.profile.id)
                out += kept(ended(teller, joined, CloseCause.LEFT_SERVICE, shared.clock_ms))
        return out

    def _blindness(self, watched: Watched, change: Literal["raise", "clear"]) -> Finding:
        since_ms = watched.lost_since_ms
        facts: dict[str, Fact] = {"raised_ms": since_ms, "state_lost": 1}
        if change == "clear":
            facts["repaired_h"] = round(max(0, self._shared.clock_ms - since_ms) / HOUR_MS, 1)
        return Finding(
            kind=IncidentKind.CANNOT_SEE,
            change=change,
            severity=Severity.MODERATE,
            urgency=Urgency.EXPECTED,
            certainty=Certainty.OBSERVED,
            event_from_ms=since_ms,
            event_until_ms=max(self._shared.clock_ms, since_ms),
            shares={RECORD: 1.0} if change == "raise" else {},
            would_change="life",
            facts=facts,
        )
