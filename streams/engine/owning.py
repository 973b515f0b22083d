"""Who owns the open incidents of a household, and until when: by the duty roster and the clock of the log. Pure.

An incident belongs to the post on duty until an officer takes it. When a limit passes, the next owner is told with an
`escalated` revision, the last one again and again; when the duty changes hands, the next shift is told. While the home and its contacts are being asked
nobody owns it yet. All that is known stands in the incident itself, so it survives whatever the incident survives.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS, hours_of
from detectors.ladder import PATIENCE_MS, Home, first_to_resident_now
from schemas.checkins import CheckinRequest, Purpose
from schemas.duty import Desk, Duty
from schemas.incidents import EMERGENCIES, Incident, IncidentKind, NextStep, Severity
from schemas.times import LATEST_MS, from_rfc3339
from streams.cases import revisions
from streams.cases.climb import question, step_of
from streams.cases.duty import desk_of, owner_at, shift_at
from streams.cases.open_incident import Open
from streams.cases.revisions import Teller, put_into
from streams.engine.load import Loads
from streams.engine.watched import Watched

_MAY_WAIT: Final = frozenset({IncidentKind.SILENCE, IncidentKind.UNANSWERED_CALLS, IncidentKind.MISSED_MEDICATION})
"""Kinds that an answer settles. What was asked already (a ladder) has had its questions."""
MOST_DOUBLED: Final = 10
LONGEST_MS: Final = 30 * DAY_MS
"""Doubled limits end here: an open incident is told again at least once a month, where the roster has no longer limit."""


class Turn(NamedTuple):
    """Whose an incident is from now on."""

    owner: str
    until_ms: int
    """When their time is over."""
    look_ms: int
    """When to look again: the time is over, or the shift."""


class Owning:
    """The owners of one household's open incidents at one clock. `told` are revisions made but not yet told."""

    def __init__(
        self, watched: Watched, teller: Teller, duty: Duty, loads: Loads, clock_ms: int, told: list[Incident]
    ) -> None:
        self._watched = watched
        self._ledger = watched.ledger
        self._teller = teller
        self._duty = duty
        self._loads = loads
        self._clock_ms = clock_ms
        self._out = list(told)
        self.requests: list[CheckinRequest] = []
        """Questions put because a shift is full."""

    def step(self) -> list[Incident]:
        """Return the revisions to tell, those of `told` among them, each with its owner."""
        if self._clock_ms and self._ledger.open:
            for entry in list(self._ledger.open.values()):
                self._look(entry)
            self._ledger.rearm()
        return self._out

    def _look(self, entry: Open) -> None:
        incident = entry.incident
        if incident.snoozed_until is not None:
            until_ms = from_rfc3339(incident.snoozed_until)
            if self._clock_ms < until_ms:
                entry.owner_ms = until_ms
                return
            self._tell(entry, revisions.awake(entry.latest, self._clock_ms))
            incident = entry.incident
        desk = desk_of(self._duty, incident.district)
        # Only what nobody owns yet waits for an answer: a check that an officer asks for stops no owner's time.
        is_asking = (
            incident.next_step is NextStep.ASKING and incident.acknowledged_by is None and incident.owner is None
        )
        if desk is None or is_asking:
            entry.owner_ms = NEVER_MS
            return
        if incident.owner is None:
            self._begin(entry, desk)
        elif incident.taken:
            self._hurry(entry, desk)
        elif incident.step_until is not None and self._clock_ms >= from_rfc3339(incident.step_until):
            self._pass_on(entry, desk)
        elif incident.owner != self._owner(incident, incident.level):
            self._give(entry, self._turn(desk, incident, incident.level))  # the duty changed hands, or the roster
        else:
            until_ms = NEVER_MS if incident.step_until is None else from_rfc3339(incident.step_until)
            limit_ms = self._limit_ms(desk, incident, incident.level)
            if limit_ms < until_ms and self._is_new(incident):  # graver than it was: the old time is too long
                self._tell(entry, revisions.given(entry.latest, incident.owner, limit_ms, self._clock_ms))
                until_ms = limit_ms
            entry.owner_ms = min(until_ms, self._shift_end_ms(desk, incident.level))

    def _begin(self, entry: Open, desk: Desk) -> None:
        """Give what nobody owns to the post on duty; where its shift is full, the machine asks first."""
        incident = entry.incident
        if incident.level == 0 and incident.kind not in EMERGENCIES and incident.acknowledged_by is None:
            shift = shift_at(self._duty, desk, self._clock_ms)
            if may_wait(incident) and self._loads.is_full(desk, shift, self._clock_ms) and self._ask_first(entry):
                return
            self._loads.note(self._watched, shift, self._clock_ms)
        self._give(entry, self._turn(desk, incident, incident.level))

    def _ask_first(self, entry: Open) -> bool:
        """Put a question to the resident; unanswered, the ladder tells the officer. Nothing is dropped.

        A full shift is no reason to wake anybody, nor to spend more calls on them than their month has.
        """
        record, model = self._teller.record, self._watched.model
        if record is None or model is None or not self._watched.counts:
            return False
        purpose: Purpose = "medication" if entry.incident.kind is IncidentKind.MISSED_MEDICATION else "wellbeing"
        is_counted = purpose == "wellbeing"  # as the ladder counts them
        left = not is_counted or model.calls_left(self._clock_ms)
        home = Home(record, hours_of(record.time_zone), model.answer_rate, calls_left=left)
        rung = first_to_resident_now(home, entry.incident.severity, self._clock_ms)
        if rung is None:
            return False
        if rung.ask == "checkin_call" and is_counted:
            model.note_call(self._clock_ms)
        deadline_ms = self._clock_ms + PATIENCE_MS[rung.ask]
        request = question(
            self._watched.name,
            record,
            rung,
            purpose,
            self._clock_ms,
            deadline_ms,
            incident=entry.incident.id,
            asked_by="load",
        )
        self.requests.append(request)
        entry.ask_ms = deadline_ms
        entry.owner_ms = NEVER_MS
        steps = [replace(step_of(request), why="load")]
        self._tell(entry, revisions.asking(self._teller, entry.latest, steps, self._clock_ms))
        return True

    def _hurry(self, entry: Open, desk: Desk) -> None:
        """Look at what an officer has taken: until when they must have acted, by how grave it is now."""
        incident = entry.incident
        limit_ms = self._after(self._duty.act_min.of_ms(incident.severity))
        until_ms = limit_ms if incident.step_until is None else from_rfc3339(incident.step_until)
        if self._clock_ms >= until_ms:
            self._pass_on(entry, desk)
            return
        if incident.step_until is None or (limit_ms < until_ms and self._is_new(incident)):
            self._tell(entry, revisions.given(entry.latest, incident.owner or "", limit_ms, self._clock_ms))
            until_ms = limit_ms
        entry.owner_ms = until_ms

    def _give(self, entry: Open, turn: Turn) -> None:
        self._tell(entry, revisions.given(entry.latest, turn.owner, turn.until_ms, self._clock_ms))
        entry.owner_ms = turn.look_ms

    def _pass_on(self, entry: Open, desk: Desk) -> None:
        incident = entry.incident
        turn = self._turn(desk, incident, incident.level + 1)
        self._tell(entry, revisions.passed_on(entry.latest, turn.owner, turn.until_ms, self._clock_ms))
        entry.owner_ms = turn.look_ms

    def _turn(self, desk: Desk, incident: Incident, level: int) -> Turn:
        until_ms = self._limit_ms(desk, incident, level)
        return Turn(self._owner(incident, level), until_ms, min(until_ms, self._shift_end_ms(desk, level)))

    def _owner(self, incident: Incident, level: int) -> str:
        emergency = incident.kind in EMERGENCIES
        return owner_at(self._duty, incident.district, level, self._clock_ms, emergency=emergency)

    def _limit_ms(self, desk: Desk, incident: Incident, level: int) -> int:
        """Return until when it must be taken if its owner's time began now.

        After the last post there is nobody to move on to: the same one is told again, each time after twice as long. An open
        incident never falls silent so, and one that nobody closes does not fill the log.
        """
        again = level - len(desk.then)
        if again < 0:
            return self._after(self._duty.acknowledge_min.of_ms(incident.severity))
        once_ms = self._duty.act_min.of_ms(incident.severity)
        return self._after(max(once_ms, min(once_ms << min(again, MOST_DOUBLED), LONGEST_MS)))

    def _after(self, limit_ms: int) -> int:
        """Return when a limit ends that begins now: a moment that can be written, however long a roster makes it."""
        return min(self._clock_ms + limit_ms, LATEST_MS - 1)

    def _shift_end_ms(self, desk: Desk, level: int) -> int:
        """Return when another shift will own it; far away where it has moved on from those on duty."""
        if level > 0 and desk.then:
            return NEVER_MS
        return shift_at(self._duty, desk, self._clock_ms).end_ms

    def _is_new(self, incident: Incident) -> bool:
        return any((one.id, one.revision) == (incident.id, incident.revision) for one in self._out)

    def _tell(self, entry: Open, after: Incident) -> None:
        """Tell a revision, or put its owner into the one that is just being told."""
        if put_into(self._out, entry, after):
            return
        self._out.append(self._ledger.tell(entry, after, self._clock_ms))


def may_wait(incident: Incident) -> bool:
    """Tell whether a full shift may let the machine ask first: never about an emergency, or what is as grave as one."""
    return (
        incident.kind in _MAY_WAIT
        and incident.severity is not Severity.EXTREME
        and not incident.ladder
        and not incident.cleared
    )
