"""From what detectors found and responders did to what is told: revisions, answers, questions. Pure."""

from msgspec.structs import replace

from detectors.emergency import emergencies
from detectors.findings import Ask, Finding
from detectors.findings import Output as Found
from detectors.household import CONTACT
from schemas.actions import ActionResult, ResponderAction
from schemas.checkins import CheckinRequest
from schemas.events import Event
from schemas.exercise import status_of
from schemas.incidents import CloseCause, Incident, IncidentKind
from schemas.times import to_rfc3339
from streams.cases.acting import Acted, Acting
from streams.cases.beside import call_beside
from streams.cases.climb import OUTCOMES, Climb, Climbed
from streams.cases.help_model import AGE, History, looks, stamped
from streams.cases.identity import request_id
from streams.cases.ladder_steps import ALIVE, shared
from streams.cases.ledger import Close, answer
from streams.cases.lessons import Told, with_told
from streams.engine.outputs import Output, revised, told, tombstones
from streams.engine.owning import Owning
from streams.engine.shared import Shared
from streams.engine.watched import Watched


class Consequences:
    """Takes findings and actions of one household at a time through its ledger.

    It may end the watching of a household: whoever goes on with one asks the roster whether it is still held.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def of_findings(self, watched: Watched, found: list[Found]) -> list[Output]:
        """Take what a model found: revisions, and the questions it asks for. Nearly every look finds nothing."""
        if not found:
            return []
        shared = self._shared
        out: list[Output] = []
        teller = shared.teller(watched)
        for one in found:
            if isinstance(one, Ask):
                out.append(self._request(watched, one))
                continue
            revisions = watched.ledger.take(teller, one, shared.clock_ms)
            if revisions and one.kind is IncidentKind.CANNOT_SEE and one.change == "clear" and watched.counts:
                shared.counts.unseen_s.append(max(0, shared.clock_ms - one.event_from_ms) / 1000)
            found_out = self._after_questions(watched, one, revisions)
            out += self._climbed(watched, self._climb(watched, found_out).step())
            out += self._act_late(watched)
            if not shared.roster.holds(watched):
                break
        return out

    def of_event(self, watched: Watched, event: Event) -> list[Output]:
        """Take an event that is an emergency by itself, in its turn."""
        shared = self._shared
        out: list[Output] = []
        for finding in emergencies(event):
            revisions = watched.ledger.take_emergency(shared.teller(watched), finding, shared.clock_ms)
            if revisions is None:
                shared.counts.repeated_emergencies += 1
                continue
            call = call_beside(watched.ledger, shared.teller(watched), revisions, shared.clock_ms)
            out += self._tell(watched, revisions)
            if call is not None:
                out.append(Output("checkin.requests", watched.name.encode(), call))
            out += self._act_late(watched)
            if not shared.roster.holds(watched):
                break
        return out

    def of_action(self, watched: Watched, action: ResponderAction) -> list[Output]:
        """Take what a responder did."""
        out = self._acted(watched, self._acting(watched).act(action))
        if watched.model is not None and action.action == "refer":
            watched.model.note_referrals(watched.ledger.referrals)
        return out

    def of_absences(self, watched: Watched) -> list[Output]:
        """Let the model know who is away: by the registry's word, and by that of responders."""
        record = watched.in_force
        if watched.model is None or record is None:
            return []
        return self.of_findings(watched, watched.model.apply_record(record, self._shared.clock_ms))

    def of_answer(self, watched: Watched, event: Event) -> list[Output]:
        """Take an answer to one of the household's questions: it settles an incident, or the next one is asked."""
        if watched.checks and OUTCOMES.get(event.kind) in ALIVE:
            self._gather(watched, event)
        heard = self._climb(watched).hear(event)
        unreached = watched.checks.hear(event, self._shared.clock_ms) if watched.checks else None
        if heard is None:
            return self.of_unreached(watched, [] if unreached is None else [unreached])
        if any(one.kind is IncidentKind.DISASTER_NO_ANSWER for one in heard.closes):
            watched.checks.reached(guided=bool(event.data.guidance_given))
        climbed = self._climb(watched, heard.revisions).step()
        out = self._climbed(watched, climbed._replace(closes=heard.closes))
        if unreached is not None and self._shared.roster.holds(watched):
            # The answer was heard for a milder alert; what it leaves open of a graver one must not be lost with it.
            out += self.of_unreached(watched, [unreached])
        self._shared.judged(watched)
        return out

    def _gather(self, watched: Watched, event: Event) -> None:
        """Let a home's open incident of an unanswered alert know the questions of another alert that is no milder.

        That one opened none beside it: an answer to its questions reaches the home all the same, also a late one.
        """
        for entry in watched.ledger.open.values():
            if entry.incident.kind is IncidentKind.DISASTER_NO_ANSWER:
                asked = watched.checks.asks_as_gravely(event.data.request or "", entry.incident.severity)
                if asked:
                    entry.incident = replace(entry.incident, ladder=shared([entry.incident.ladder, asked]))

    def of_time(self, watched: Watched) -> list[Output]:
        """Let time pass for what is open: revisions that waited, questions that are due, tombstones.

        What was looked at since anything but time has moved is passed by until it is due: an open incident wakes nobody to climb a
        ladder that cannot move.
        """
        if watched.ledger.is_quiet(self._shared.clock_ms) and not watched.checks:  # nearly every home that is woken
            return []
        revisions, gone = watched.ledger.wake(self._shared.clock_ms)
        out: list[Output] = []
        if watched.ledger.waiting:
            out += [_answered(watched, one) for one in self._acting(watched).give_up()]
        out += tombstones(gone)
        if revisions or watched.ledger.open:
            out += self._climbed(watched, self._climb(watched, revisions).step())
        out += self.of_unreached(watched, watched.checks.wake(self._shared.clock_ms) if watched.checks else [])
        watched.ledger.is_stirred = bool(out)
        return out

    def of_unreached(self, watched: Watched, found: list[Finding]) -> list[Output]:
        """Take that a public alert's question reached nobody: an incident, unless one of an alert as grave is open.

        A milder one goes on in the new one: whoever put off a heat wave has not put off a tsunami.
        """
        of_alerts = (one.incident for one in watched.ledger.open.values())
        open_ranks = [one.severity.rank for one in of_alerts if one.kind is IncidentKind.DISASTER_NO_ANSWER]
        if not found or found[-1].severity.rank <= max(open_ranks, default=-1):
            return []
        return self.of_findings(watched, list(found[-1:]))

    def _after_questions(self, watched: Watched, finding: Finding, revisions: list[Incident]) -> list[Incident]:
        """Let an incident of an unanswered alert begin with the questions that led to it: the ladder goes on from there."""
        if finding.kind is not IncidentKind.DISASTER_NO_ANSWER or not revisions:
            return revisions
        entry = watched.ledger.open[revisions[0].id]
        entry.incident = replace(revisions[0], ladder=watched.checks.steps_of(finding))
        return [entry.incident, *revisions[1:]]

    def remove(
        self, household: str, cause: CloseCause, *, by_registry: bool, said_ms: int | None = None
    ) -> list[Output]:
        """End the watching: incidents close, deadlines and the model go, rows become tombstones."""
        shared = self._shared
        watched = shared.roster.get(household)
        out: list[Output] = []
        if watched is not None:
            waiting = [one.action for one in watched.ledger.waiting]
            out += [_answered(watched, answer(one, shared.clock_ms, "not_watched")) for one in waiting]
            out += map(told, watched.ledger.close_all(shared.teller(watched), cause, shared.clock_ms, said_ms))
            out += tombstones(watched.ledger.ended.bury())
            out += shared.unseen(watched)
            shared.teaching.leave_behind(watched)
        shared.roster.end(household, shared.clock_ms, by_registry=by_registry)
        return out

    def of_roster(self, watched: Watched) -> list[Output]:
        """Let open incidents know of another duty roster."""
        return self._tell(watched, [])

    def _tell(self, watched: Watched, revisions: list[Incident]) -> list[Output]:
        """Tell revisions, each with whoever owns it."""
        revisions = self._ranked(watched, revisions)
        if watched.ledger.open:
            shared = self._shared
            teller, duty = shared.teller(watched), shared.whole.profile.duty
            owning = Owning(watched, teller, duty, shared.loads, shared.clock_ms, revisions)
            out = revised(watched, owning.step())
            return out + [Output("checkin.requests", watched.name.encode(), one) for one in owning.requests]
        return revised(watched, revisions)

    def _ranked(self, watched: Watched, revisions: list[Incident]) -> list[Incident]:
        """Give what is open its chance that somebody needs help."""
        out = []
        for known in revisions:
            if known.ended:
                out.append(known)
                continue
            x = looks(known, *self._of_home(watched))
            after = stamped(known, x, self._weights)
            entry = watched.ledger.open.get(known.id)
            if entry is not None and entry.incident.revision == known.revision:
                entry.incident = after
                if watched.counts:  # nobody learns from an exercise
                    entry.told = with_told(entry.told, Told(self._shared.clock_ms, x), AGE)
            out.append(after)
        return out

    @staticmethod
    def _of_home(watched: Watched) -> tuple[History, str]:
        """Return what responders found in a home before, and its time zone."""
        history = History() if watched.model is None else History(*watched.model.outcomes)
        return history, "Asia/Seoul" if watched.record is None else watched.record.time_zone

    @property
    def _weights(self) -> list[float]:
        """Return what closings of all partitions have taught: nothing before the first have."""
        return self._shared.whole.districts.weights

    def _climb(self, watched: Watched, told: list[Incident] | None = None) -> Climb:
        shared = self._shared
        record = watched.record
        warned = watched.checks.warned(record.language) if record is not None and watched.checks else None
        return Climb(watched.ledger, watched.model, shared.teller(watched), shared.clock_ms, told or [], warned)

    def _climbed(self, watched: Watched, climbed: Climbed) -> list[Output]:
        out = self._tell(watched, climbed.revisions)
        out += [Output("checkin.requests", watched.name.encode(), request) for request in climbed.requests]
        for close in climbed.closes:
            out += self._settle(watched, close)
        return out

    def _settle(self, watched: Watched, close: Close) -> list[Output]:
        self._shared.teaching.note(watched)
        if watched.model is None:
            return []
        clock_ms = self._shared.clock_ms
        settled = watched.model.settle(close.kind, close.cause, close.opened_ms, clock_ms, close.said_ms)
        return self.of_findings(watched, settled)

    def _act_late(self, watched: Watched) -> list[Output]:
        out: list[Output] = []
        for acted in self._acting(watched).act_late():
            out += self._acted(watched, acted)
        return out

    def _acting(self, watched: Watched) -> Acting:
        shared = self._shared
        return Acting(watched.ledger, shared.teller(watched), shared.clock_ms, watched.model)

    def _acted(self, watched: Watched, acted: Acted) -> list[Output]:
        """Tell what an action did in the ledger, answer it, and let the model hear of it."""
        out = self._tell(watched, acted.revisions)
        if acted.request is not None:
            out.append(Output("checkin.requests", watched.name.encode(), acted.request))
        if acted.result is not None:
            out.append(_answered(watched, acted.result))
        close = acted.close
        if close is not None and close.cause in (CloseCause.DECEASED, CloseCause.LEFT_SERVICE):
            return out + self.remove(watched.name, close.cause, by_registry=False, said_ms=close.said_ms)
        if close is not None:
            if close.kind is IncidentKind.DISASTER_NO_ANSWER and close.cause in CONTACT:
                watched.checks.reached(guided=False)
            out += self._settle(watched, close)
        if acted.is_absence:
            out += self.of_absences(watched)
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
            ask=ask.rung.ask,
            contact=ask.rung.contact,
            purpose=ask.purpose,
            language=record.language if record else "ko",
            requested_at=to_rfc3339(ask.at_ms),
            deadline=to_rfc3339(ask.until_ms),
            incident=open_ids[0] if open_ids else None,
            concerns=list(ask.concerns),
            status=status_of(watched.name),
        )
        return Output("checkin.requests", watched.name.encode(), request)


def _answered(watched: Watched, result: ActionResult) -> Output:
    return Output("responder.results", watched.name.encode(), result)
