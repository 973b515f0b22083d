"""What responders do, taken by the ledger of their household: each action once, answered, in the words of a closed set. Pure.

An action on an incident that is not yet reached is kept and applied when it is. One on an incident that was merged counts
for the one into which it was merged, a close excepted.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from detectors.hazard import NEVER_MS
from detectors.hours import hours_of
from detectors.household import Household
from detectors.ladder import PATIENCE_MS, Home, first_to_resident
from schemas.actions import ABOUT_AN_INCIDENT, ActionResult, ResponderAction
from schemas.checkins import CheckinRequest
from schemas.households import Absence, HouseholdRecord
from schemas.incidents import EMERGENCIES, CloseCause, Incident, IncidentState
from schemas.times import from_rfc3339, to_rfc3339
from schemas.views import MOST_REFERRALS
from streams.cases import revisions
from streams.cases.climb import question, step_of
from streams.cases.ledger import MOST_SEEN, WAITS_MS, Close, Kept, Ledger, answer
from streams.cases.open_incident import Open
from streams.cases.revisions import Teller

HOUR_MS: Final = 3_600_000
MOST_WAITING: Final = 32
LONGEST_SNOOZE_MS: Final = 12 * HOUR_MS
BEHIND_MS: Final = 120_000
"""The clock of the log runs behind the officer's: twelve hours from now must not be refused as more than twelve."""
LONGEST_ABSENCE_MS: Final = 92 * 24 * HOUR_MS
MOST_ABSENCES: Final = 8
CHECK_AGAIN_MS: Final = 15 * 60_000
"""Two officers who ask for a check at once make the phone ring once."""


class Acted(NamedTuple):
    """What came of an action."""

    revisions: list[Incident]
    result: ActionResult | None
    """None for an action that was answered before."""
    close: Close | None = None
    """An incident was closed: the household's model must hear of it."""
    is_absence: bool = False
    """Somebody's absence was declared: the household's model must hear of it."""
    request: CheckinRequest | None = None


class Acting:
    """Takes actions of one household at one clock. `model` is asked how likely calls are answered."""

    def __init__(self, ledger: Ledger, teller: Teller, clock_ms: int, model: Household | None = None) -> None:
        self._ledger = ledger
        self._teller = teller
        self._clock_ms = clock_ms
        self._model = model
        self._takes: dict[str, Callable[[ResponderAction, Open | None], Acted]] = {
            "request_check": self._request_check,
            "declare_absence": self._declare_absence,
            "refer": self._refer,
        }
        self._takes_of_incident: dict[str, Callable[[ResponderAction, Open], Acted]] = {
            "acknowledge": self._acknowledge,
            "note": self._note,
            "visit": self._visit,
            "close": self._close,
            "snooze": self._snooze,
        }

    def act(self, action: ResponderAction) -> Acted:
        """Take one action."""
        ledger = self._ledger
        if action.id in ledger.seen:
            return Acted([], None)
        entry = ledger.open.get(action.incident)
        if action.action not in ABOUT_AN_INCIDENT:
            return self._takes[action.action](action, entry)
        if entry is None:
            ended = ledger.ended.of(action.incident)
            if ended is None:
                return self._keep(action)
            if action.action == "close":
                return self._answer(action, "already_ended")
            entry = ledger.goes_on_in(ended)
            if entry is None:
                return self._answer(action)
        return self._takes_of_incident[action.action](action, entry)

    def act_late(self) -> list[Acted]:
        """Apply the actions whose incident has been reached since."""
        ledger = self._ledger
        if not ledger.waiting:
            return []
        ready = [one.action for one in ledger.waiting if ledger.knows(one.action.incident)]
        if not ready:
            return []
        ledger.waiting = tuple([one for one in ledger.waiting if not ledger.knows(one.action.incident)])
        ledger.rearm()
        return [self.act(action) for action in ready]

    def give_up(self) -> list[ActionResult]:
        """Answer the actions whose incident never came: whoever was told that they are kept must hear that they are not."""
        ledger = self._ledger
        late = [one.action for one in ledger.waiting if one.since_ms + WAITS_MS <= self._clock_ms]
        if not late:
            return []
        ledger.waiting = ledger.waiting[len(late) :]
        ledger.rearm()
        return [answer(action, self._clock_ms, "not_known") for action in late]

    def _keep(self, action: ResponderAction) -> Acted:
        ledger = self._ledger
        if any(one.action.id == action.id for one in ledger.waiting):
            return Acted([], None)
        if len(ledger.waiting) >= MOST_WAITING:
            # Refused, not kept in another's place: that one was told that it is kept.
            return Acted([], answer(action, self._clock_ms, "too_many"))
        ledger.waiting = (*ledger.waiting, Kept(action, self._clock_ms))
        ledger.rearm()
        return Acted([], answer(action, self._clock_ms, "kept_for_later"))

    def _acknowledge(self, action: ResponderAction, entry: Open) -> Acted:
        incident = entry.incident
        is_theirs = incident.acknowledged_by == incident.owner == action.who
        if is_theirs and incident.state is IncidentState.ACKNOWLEDGED and incident.snoozed_until is None:
            return self._answer(action)
        return self._told(action, entry, revisions.acknowledged(entry.latest, action.who, self._clock_ms))

    def _note(self, action: ResponderAction, _: Open) -> Acted:
        return self._answer(action)

    def _visit(self, action: ResponderAction, entry: Open) -> Acted:
        return self._told(action, entry, revisions.visited(entry.latest, action.who, self._clock_ms))

    def _snooze(self, action: ResponderAction, entry: Open) -> Acted:
        if entry.incident.kind in EMERGENCIES:
            return self._answer(action, "emergency")
        if action.until is None:
            return self._answer(action, "until_needed")
        if action.revision < entry.grave_since:
            return self._answer(action, "changed_since")
        until_ms = from_rfc3339(action.until)
        if until_ms <= self._clock_ms:
            return self._answer(action, "over_already")
        if until_ms > self._clock_ms + LONGEST_SNOOZE_MS + BEHIND_MS:
            return self._answer(action, "too_long")
        return self._told(action, entry, revisions.snoozed(entry.latest, action.who, until_ms, self._clock_ms))

    def _close(self, action: ResponderAction, entry: Open) -> Acted:
        if action.cause is None:
            return self._answer(action, "cause_needed")
        if action.cause is CloseCause.NO_CONTACT:
            return self._answer(action, "no_contact_does_not_close")
        if action.revision < entry.grave_since:
            return self._answer(action, "changed_since")
        said_ms = from_rfc3339(action.at)
        close = Close(entry.incident.kind, action.cause, entry.raised_ms or entry.happened_ms, said_ms)
        last = self._ledger.end(self._teller, entry, action.cause, self._clock_ms, owner=action.who, said_ms=said_ms)
        return self._answer(action)._replace(revisions=[last], close=close)

    def _request_check(self, action: ResponderAction, entry: Open | None) -> Acted:
        ledger, clock_ms = self._ledger, self._clock_ms
        if ledger.checked_ms and clock_ms < ledger.checked_ms + CHECK_AGAIN_MS:
            return self._answer(action, "too_many")
        record = self._teller.record or HouseholdRecord(household=ledger.household)
        rate = (lambda _: 0.5) if self._model is None else self._model.answer_rate
        rung = first_to_resident(Home(record, hours_of(record.time_zone), rate))
        if rung is None:
            return self._answer(action, "nobody_to_ask")
        deadline_ms = clock_ms + PATIENCE_MS[rung.ask]
        steps = [] if entry is None else entry.latest.ladder
        request = question(
            ledger.household,
            record,
            rung,
            action.purpose or "wellbeing",
            clock_ms,
            deadline_ms,
            incident=None if entry is None else entry.incident.id,
            place=len(steps),
            asked_by=action.id,
        )
        ledger.checked_ms = clock_ms
        told = []
        if entry is not None:
            entry.ask_ms = deadline_ms if entry.ask_ms >= NEVER_MS else min(entry.ask_ms, deadline_ms)
            after = revisions.asking(self._teller, entry.latest, [*steps, step_of(request)], clock_ms)
            told = [ledger.tell(entry, after, clock_ms)]
        return self._answer(action)._replace(revisions=told, request=request)

    def _declare_absence(self, action: ResponderAction, _: Open | None) -> Acted:
        ledger, clock_ms = self._ledger, self._clock_ms
        if action.until is None:
            return self._answer(action, "until_needed")
        until_ms = from_rfc3339(action.until)
        start_ms = clock_ms or from_rfc3339(action.at)
        if action.start is not None:
            start_ms = from_rfc3339(action.start)
        if until_ms <= max(start_ms, clock_ms):
            return self._answer(action, "over_already")
        if until_ms - start_ms > LONGEST_ABSENCE_MS:
            return self._answer(action, "too_long")
        ledger.forget_absences(clock_ms)
        # A later word replaces an earlier one that it overlaps: so a stay is made longer, or cut short.
        others = [
            one for one in ledger.absences if from_rfc3339(one.end) <= start_ms or from_rfc3339(one.start) >= until_ms
        ]
        if len(others) >= MOST_ABSENCES:
            return self._answer(action, "too_many")
        ledger.absences = (
            *others,
            Absence(to_rfc3339(start_ms), to_rfc3339(until_ms), action.absence or "other"),
        )
        return self._answer(action)._replace(is_absence=True)

    def _refer(self, action: ResponderAction, _: Open | None) -> Acted:
        if action.referral is None:
            return self._answer(action, "referral_needed")
        ledger = self._ledger
        ledger.referrals = (*ledger.referrals, (self._clock_ms, action.referral))[-MOST_REFERRALS:]
        return self._answer(action)

    def _told(self, action: ResponderAction, entry: Open, after: Incident) -> Acted:
        told = self._ledger.tell(entry, after, self._clock_ms)
        return self._answer(action)._replace(revisions=[told])

    def _answer(self, action: ResponderAction, reason: str = "") -> Acted:
        ledger = self._ledger
        ledger.seen = (*ledger.seen, action.id)[-MOST_SEEN:]
        return Acted([], answer(action, self._clock_ms, reason))
