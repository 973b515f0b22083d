"""The check-in ladder of one household's open incidents: questions go out, answers settle or climb, an officer knows in time. Pure.

All that is known of a ladder stands in the incidents themselves (`Incident.ladder`), so it survives whatever they survive.
Incidents of one household share its questions: nobody is asked twice about the same silence. An officer who has taken an
incident ends its ladder.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from msgspec.structs import replace

from detectors.emergency import emergencies
from detectors.hazard import NEVER_MS
from detectors.hours import hours_of
from detectors.household import Household
from detectors.ladder import Case, Home, Turn, has_ladder, officer_ms, turn
from schemas.alerts import Hazard
from schemas.checkins import CheckinRequest, Purpose
from schemas.events import Event
from schemas.exercise import status_of
from schemas.households import HouseholdRecord, Rung
from schemas.incidents import CloseCause, Incident, IncidentKind, LadderStep
from schemas.times import from_rfc3339, to_rfc3339
from schemas.vocabulary import CareTopic, Level
from streams.cases.identity import request_id
from streams.cases.ladder_steps import (
    CLIMBING,
    Outcome,
    answered,
    is_at_top,
    is_climbing,
    is_taken,
    is_waiting,
    lapsed,
    settles,
    shared,
    stands_at_top,
    waited_for,
)
from streams.cases.ledger import Close, Ledger
from streams.cases.open_incident import Open
from streams.cases.revisions import Teller, asking, put_into, settled
from streams.cases.wording import to_a_contact

OUTCOMES: Final[dict[str, Outcome]] = {
    "checkin_answered": "answered",
    "checkin_refused": "declined",
    "checkin_no_answer": "no_answer",
    "checkin_busy": "no_answer",
    "checkin_dead_number": "no_answer",
    "contact_reached": "reached",
    "contact_not_reached": "not_reached",
}
"""Kinds of events that answer a request, and what came of it."""
_PURPOSES: Final[dict[IncidentKind, Purpose]] = {
    IncidentKind.MISSED_MEDICATION: "medication",
    IncidentKind.DISASTER_NO_ANSWER: "disaster",
}


class Warned(NamedTuple):
    """The public alert that the questions of a disaster are about."""

    alert: str
    """`sender,id`."""
    hazard: Hazard
    guidance: str
    """What is read out, in the household's language."""


class Climbed(NamedTuple):
    """What came of a look at the ladder: revisions to tell, questions to put, incidents that an answer has closed."""

    revisions: list[Incident]
    requests: list[CheckinRequest]
    closes: list[Close]


class Climb:
    """The ladder of one household at one clock. `told` are revisions made but not yet told: they may still be added to."""

    def __init__(
        self,
        ledger: Ledger,
        model: Household | None,
        teller: Teller,
        clock_ms: int,
        told: Sequence[Incident] = (),
        warned: Warned | None = None,
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._teller = teller
        self._clock_ms = clock_ms
        self._warned = warned
        self._out = list(told)
        self._new = {one.id for one in told if one.revision == 1 and one.kind in CLIMBING and not one.ended}

    def step(self) -> Climbed:
        """Take the next step where it is due: an incident that opens begins with its first question, or joins another's."""
        model, record = self._model, self._teller.record
        self._lapse()
        if model is None or record is None:
            return Climbed(self._out, [], [])
        new = self._new if has_ladder(record) else set()
        climbers = [one for one in self._entries() if is_climbing(one.incident) or one.incident.id in new]
        if not climbers:
            return Climbed(self._out, [], [])
        above = next((one.incident for one in self._entries() if stands_at_top(one.incident)), None)
        if above is not None:
            # Everybody was asked in vain about this home: what opens beside it goes to the officer too.
            for entry in climbers:
                asked = lapsed(entry.incident.ladder, self._clock_ms)
                self._tell(entry, shared([above.ladder, asked]), NEVER_MS, told=True)
            return Climbed(self._out, [], [])
        steps = shared(sorted((one.incident.ladder for one in climbers), key=len, reverse=True))
        severity = max((one.incident.severity for one in climbers), key=lambda one: one.rank)
        opened_ms = min(from_rfc3339(one.incident.opened_at) for one in climbers)
        case = Case(severity, opened_ms, [step.ask for step in steps if not is_waiting(step)])
        awaited = waited_for(steps, self._clock_ms)
        waits_ms = max((one.ask_ms for one in climbers if one.ask_ms < NEVER_MS), default=0)
        awaits_ms = from_rfc3339(awaited.deadline) if awaited is not None and awaited.deadline else 0
        limit_ms = officer_ms(case)
        # Nobody else wakes the home at the officer's limit: the next sign of life may be hours away, or never come.
        ask_ms = min(limit_ms, max(waits_ms, awaits_ms))
        if self._clock_ms < ask_ms:
            for entry in climbers:
                entry.ask_ms = ask_ms
                if entry.incident.id in new or entry.incident.ladder != steps:
                    self._tell(entry, steps, ask_ms)
            self._ledger.rearm()
            return Climbed(self._out, [], [])
        found = turn(self._home(record, model, climbers, opened_ms), case, self._clock_ms)
        if awaits_ms:
            found = found._replace(question=None)  # one is out: its answer still counts
        climbed = self._take(found, lapsed(steps, self._clock_ms), climbers, record, model, awaits_ms)
        if found.told is None and self._clock_ms < limit_ms:
            for entry in climbers:
                entry.ask_ms = min(entry.ask_ms, limit_ms)
            self._ledger.rearm()
        return climbed

    def _take(
        self,
        found: Turn,
        steps: list[LadderStep],
        climbers: list[Open],
        record: HouseholdRecord,
        model: Household,
        awaits_ms: int,
    ) -> Climbed:
        """Put the question of a turn, or tell the officer."""
        at = to_rfc3339(self._clock_ms)
        steps += [
            LadderStep(ask=ask, asked_at=at, outcome="skipped", outcome_at=at, why=why) for ask, why in found.skipped
        ]
        requests = []
        ask_ms = found.wait_ms or awaits_ms or NEVER_MS
        if found.waits_for is not None:
            until = to_rfc3339(found.wait_ms)
            steps.append(LadderStep(ask=found.waits_for.ask, asked_at=at, deadline=until, why="quiet_hours"))
        if found.question is not None:
            gravest = max(climbers, key=lambda one: one.incident.severity.rank).incident
            purpose = _PURPOSES.get(gravest.kind, "wellbeing")
            rung, ask_ms = found.question
            request = question(
                self._ledger.household,
                record,
                rung,
                purpose,
                self._clock_ms,
                ask_ms,
                incident=gravest.id,
                place=len(steps),
                warned=self._warned,
            )
            if rung.ask == "checkin_call" and purpose == "wellbeing":
                model.note_call(self._clock_ms)
            requests.append(request)
            steps.append(step_of(request, beside=found.told is not None))
        if found.told is not None:
            steps.append(LadderStep(ask="officer", asked_at=at, why=found.told))
        for entry in climbers:
            self._tell(entry, steps, ask_ms, told=found.told is not None)
        return Climbed(self._out, requests, [])

    def hear(self, event: Event) -> Climbed | None:
        """Take what came of a question; None where the event answers none of this household's."""
        outcome = OUTCOMES.get(event.kind)
        if outcome is None or not event.data.request:
            return None
        closes: list[Close] = []
        heard = False
        for entry in self._entries():
            steps = answered(entry.incident.ladder, event.data.request, outcome, self._clock_ms)
            if steps is None:
                continue
            heard = True
            incident = entry.latest
            cause = self._cause(incident, event, outcome)
            if cause is not None:
                step = next(one for one in steps if one.request == event.data.request)
                entry.pending = None
                is_disaster = incident.kind is IncidentKind.DISASTER_NO_ANSWER
                guided = bool(event.data.guidance_given) if is_disaster else None
                last = settled(incident, steps, step, guided=guided, needs_help=cause is CloseCause.MERGED)
                entry.incident = replace(last, revision=entry.incident.revision)
                self._out.append(self._ledger.end(self._teller, entry, cause, self._clock_ms, said_ms=event.at_ms))
                closes.append(Close(incident.kind, cause, entry.raised_ms or entry.happened_ms, event.at_ms))
                continue
            worries = incident.kind is IncidentKind.MISSED_MEDICATION and settles(incident.kind, outcome)
            if worries and not is_at_top(steps):
                at = to_rfc3339(self._clock_ms)
                steps.append(LadderStep(ask="officer", asked_at=at, why="concern"))
            over = settles(incident.kind, outcome) or is_at_top(steps) or is_taken(incident)
            self._tell(entry, steps, NEVER_MS if over else self._clock_ms, told=worries)
        return Climbed(self._out, [], closes) if heard else None

    def _cause(self, incident: Incident, event: Event, outcome: Outcome) -> CloseCause | None:
        """Return the cause with which an answer closes an incident by itself; None where a human or the next rung must see to it."""
        kind = incident.kind
        if not settles(kind, outcome) or is_taken(incident) or kind not in CLIMBING:
            return None
        if kind is IncidentKind.CANNOT_SEE:
            return None  # the person is well, but nobody would see it if that changed: the device stays to be mended
        if any(finding.change == "raise" for finding in emergencies(event)):
            # They answered and need somebody: that is an incident of its own. Only the question of the disaster is over.
            return CloseCause.MERGED if kind is IncidentKind.DISASTER_NO_ANSWER else None
        if kind is IncidentKind.MISSED_MEDICATION:
            level = (event.data.topics or {}).get(CareTopic.MEDICATION)
            if level in (Level.CONCERN, Level.ALARM):
                return None
        away = self._model is not None and self._model.away
        return CloseCause.SAFE_AWAY if away else CloseCause.SAFE_AT_HOME

    def _lapse(self) -> None:
        """Note what nobody has answered in time where no further question follows: an officer knows, or life was seen."""
        for entry in self._entries():
            if entry.ask_ms > self._clock_ms or (is_climbing(entry.incident) and self._teller.record is not None):
                continue
            entry.ask_ms = NEVER_MS
            steps = lapsed(entry.incident.ladder, self._clock_ms)
            if steps != entry.incident.ladder:
                self._tell(entry, steps, NEVER_MS)
            self._ledger.rearm()

    def _entries(self) -> list[Open]:
        return list(self._ledger.open.values())

    def _home(self, record: HouseholdRecord, model: Household, climbers: list[Open], since_ms: int) -> Home:
        is_wellbeing = any(one.incident.kind not in _PURPOSES for one in climbers)
        return Home(
            record,
            hours_of(record.time_zone),
            model.answer_rate,
            unanswered=model.unanswered,
            calls_left=not is_wellbeing or model.calls_left(self._clock_ms),
            chance=partial(self._ledger.answers.chance, since_ms=since_ms),
        )

    def _tell(self, entry: Open, steps: Sequence[LadderStep], ask_ms: int, *, told: bool = False) -> None:
        """Tell a revision with these steps, or put them into the one that is just being told."""
        entry.ask_ms = ask_ms
        after = asking(self._teller, entry.latest, steps, self._clock_ms, told=told)
        if put_into(self._out, entry, after):
            self._ledger.rearm()
            return
        self._out.append(self._ledger.tell(entry, after, self._clock_ms))


def step_of(request: CheckinRequest, *, beside: bool = False) -> LadderStep:
    """Return the step of a ladder that a request makes."""
    return LadderStep(
        ask=request.ask,
        request=request.id,
        asked_at=request.requested_at,
        deadline=request.deadline,
        why="beside" if beside else "",
    )


def question(
    household: str,
    record: HouseholdRecord,
    rung: Rung,
    purpose: Purpose,
    clock_ms: int,
    deadline_ms: int,
    *,
    incident: str | None = None,
    place: int = 0,
    warned: Warned | None = None,
    asked_by: str = "",
) -> CheckinRequest:
    """Return the request of a question. Its `place` in the ladder keeps two of one moment apart, as does the action that asked."""
    is_contact = rung.ask in ("guardian", "neighbour")
    about = warned if purpose == "disaster" else None
    hazard = about.hazard if about else None
    return CheckinRequest(
        id=request_id(household, f"{purpose}/{rung.ask}/{place}{asked_by and '/'}{asked_by}", clock_ms),
        household=household,
        ask=rung.ask,
        contact=rung.contact,
        purpose=purpose,
        language=record.language,
        requested_at=to_rfc3339(clock_ms),
        deadline=to_rfc3339(deadline_ms),
        incident=incident,
        sentence=to_a_contact(household, record.language, hazard) if is_contact else "",
        hazard=hazard,
        guidance=about.guidance if about else "",
        alert=about.alert if about else "",
        status=status_of(household),
    )
