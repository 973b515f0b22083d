"""What a public alert asks of one home: a question with the hazard's guidance, once, and an incident where nobody answers. Pure."""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from detectors.findings import Finding
from detectors.hazard import NEVER_MS
from detectors.hours import hours_of
from detectors.household import Household
from detectors.ladder import CALL, PATIENCE_MS, Case, Home, Question, turn
from detectors.life import CALLS, HOME, PHONE, ROBOT
from schemas.alerts import Hazard
from schemas.checkins import CheckinRequest
from schemas.events import Event
from schemas.guidance import guidance
from schemas.households import HouseholdRecord, RiskGrade
from schemas.incidents import Certainty, IncidentKind, LadderStep, Severity, Urgency
from schemas.times import from_rfc3339, to_rfc3339
from schemas.vocabulary import Ask as AskOf
from streams.cases.alerts_in_force import MOST as MOST_ALERTS
from streams.cases.alerts_in_force import Known
from streams.cases.climb import OUTCOMES, Warned, question, step_of
from streams.cases.ladder_steps import answered, lapsed, settles, waited_for

MOST_SLOTS: Final = 8
"""Turns of the minute's that one home remembers to have taken."""
ALERT: Final = "alert"
"""In place of a channel, where nobody could be asked: what is known is that the alert covers the home."""
_PEOPLE: Final = "people"
_CHANNELS: Final[dict[AskOf, str]] = {
    "prompt": HOME,
    "sms": PHONE,
    "checkin_call": CALLS,
    "robot": ROBOT,
    "guardian": _PEOPLE,
    "neighbour": _PEOPLE,
    "officer": _PEOPLE,
}
_GRADES: Final = (RiskGrade.HIGH, RiskGrade.MEDIUM, RiskGrade.LOW)


Outcome = Literal["", "guided", "reached", "unreached"]


class Asked(NamedTuple):
    """What a home was asked about one alert."""

    thread: str
    alert: str
    """`sender,id`."""
    hazard: Hazard
    severity: Severity
    at_ms: int
    """Clock at which its turn came; UTC milliseconds, as all times here."""
    steps: tuple[LadderStep, ...] = ()
    wait_ms: int = 0
    """Its quiet hours end then, and its turn comes again; 0: it waits for nothing."""
    outcome: Outcome = ""
    """What came of it: reached and told the guidance, reached, or told as an incident."""

    @property
    def is_done(self) -> bool:
        """Whatever follows is the incident's, or nothing does."""
        return bool(self.outcome)

    @property
    def is_out(self) -> bool:
        """A question is out and its answer is awaited."""
        return bool(self.steps) and not self.is_done


_NO_SLOTS: Final[list[int]] = []
"""Nobody writes into it: all homes that were never asked share it."""


class Checks:
    """The questions of public alerts to one home, those about alerts that are over left out."""

    __slots__ = ("_asked", "slots")

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self.slots = _NO_SLOTS
        """The last clocks at which it took a turn of the minute's: after a restart nobody else may have it. They outlast the
        alert, and the household's leaving and coming back."""

    def __bool__(self) -> bool:
        """Say whether there is anything to remember."""
        return bool(self._asked or self.slots)

    @property
    def wake_ms(self) -> int:
        """When an answer is overdue; far away when none is awaited."""
        dues = [from_rfc3339(one.steps[-1].deadline or "") for one in self._asked if one.is_out]
        return min(dues, default=NEVER_MS)

    def of(self, thread: str) -> Asked | None:
        """Return what was asked about an alert."""
        return next((one for one in self._asked if one.thread == thread), None)

    def counts_of(self, threads: set[str]) -> list[Outcome]:
        """Return what came of the questions about these alerts."""
        return [one.outcome for one in self._asked if one.thread in threads and (one.steps or one.outcome)]

    def is_due(self, known: Known, clock_ms: int) -> bool:
        """Tell whether it is this home's turn to be asked about an alert: not yet asked, and nothing else is being asked."""
        if any(one.is_out for one in self._asked):
            return False
        before = self.of(known.thread)
        return before is None or (not before.is_done and 0 < before.wait_ms <= clock_ms)

    def warned(self, language: str) -> Warned | None:
        """Return the alert that the last question was about."""
        if not self._asked:
            return None
        last = self._asked[-1]
        return Warned(last.alert, last.hazard, guidance(last.hazard, language))

    def ask(
        self, known: Known, record: HouseholdRecord, model: Household, clock_ms: int, *, may_ask: bool
    ) -> tuple[CheckinRequest | None, Finding | None]:
        """Take this home's turn: a question, a wait for its quiet hours, or, where nobody may be asked, a finding.

        The first rung is asked; where the registry lists nobody, a call. No budget of calls holds in a disaster. Without
        `may_ask` a question stays for a later turn, and so does a finding where quiet hours outlast the alert; what takes
        nobody's place comes all the same.
        """
        alert = known.alert
        asked = Asked(known.thread, f"{alert.sender},{alert.id}", alert.kind, known.severity, clock_ms)
        ladder = record.ladder or [CALL]
        home = Home(replace(record, ladder=ladder), hours_of(record.time_zone), model.answer_rate)
        # Not pressing: quiet hours are waited for, at most overnight.
        found = turn(home, Case(Severity.SEVERE if known.is_pressing else Severity.MINOR, clock_ms, ()), clock_ms)
        at = to_rfc3339(clock_ms)
        skipped = tuple(
            LadderStep(ask=ask, asked_at=at, outcome="skipped", outcome_at=at, why=why) for ask, why in found.skipped
        )
        if found.question is not None:
            if not may_ask:
                return None, None
            request = self._question(asked, found.question, record, len(skipped), clock_ms)
            self._put(asked._replace(steps=(*skipped, step_of(request))))
            self._take_slot(clock_ms)
            return request, None
        if found.wait_ms and found.wait_ms < known.expires_ms:
            self._put(asked._replace(wait_ms=found.wait_ms))
            return None, None
        if found.wait_ms:
            # The alert ends before their quiet hours do, which is so in every home at once: were each listed now, all
            # those around them would be called in the same minute.
            if not may_ask:
                return None, None
            self._take_slot(clock_ms)
        self._put(asked._replace(steps=skipped, outcome="unreached"))
        return None, self._finding(asked, clock_ms)

    def hear(self, event: Event, clock_ms: int) -> Finding | None:
        """Take an answer to one of these questions; a finding where it leaves the home unreached."""
        outcome = OUTCOMES.get(event.kind)
        if outcome is None or not event.data.request:
            return None
        for i, one in enumerate(self._asked):
            steps = answered(one.steps, event.data.request, outcome, clock_ms) if one.is_out else None
            if steps is None:
                continue
            settled = settles(IncidentKind.DISASTER_NO_ANSWER, outcome)
            reached: Outcome = "guided" if event.data.guidance_given else "reached"
            self._asked[i] = one._replace(steps=tuple(steps), outcome=reached if settled else "unreached")
            return None if settled else self._finding(one, clock_ms)
        return None

    def asks_as_gravely(self, request: str, severity: Severity) -> list[LadderStep]:
        """Return the questions one of which is this request, about an alert at least so grave; none where it is no such."""
        for one in self._asked:
            if request in [step.request for step in one.steps] and one.severity.rank >= severity.rank:
                return list(one.steps)
        return []

    def reached(self, *, guided: bool) -> None:
        """Note that a home listed as unreached has been reached after all."""
        outcome: Outcome = "guided" if guided else "reached"
        self._asked = [one._replace(outcome=outcome) if one.outcome == "unreached" else one for one in self._asked]

    def wake(self, clock_ms: int) -> list[Finding]:
        """Return the homes' silence: questions whose time is over without an answer."""
        out = []
        for i, one in enumerate(self._asked):
            if one.is_out and waited_for(one.steps, clock_ms) is None:
                self._asked[i] = one._replace(steps=tuple(lapsed(one.steps, clock_ms)), outcome="unreached")
                out.append(self._finding(one, clock_ms))
        return out

    def steps_of(self, finding: Finding) -> list[LadderStep]:
        """Return the questions that came before a finding of this home: its incident goes on from there."""
        one = self.of(str(finding.facts["thread"]))
        return [] if one is None else list(one.steps)

    def forget(self, threads: set[str]) -> bool:
        """Forget alerts that are over, but for what is still awaited; tell whether anything was forgotten."""
        kept = [one for one in self._asked if one.thread in threads or one.is_out]
        changed = len(kept) < len(self._asked)
        self._asked = kept
        return changed

    def _question(
        self, asked: Asked, put: Question, record: HouseholdRecord, place: int, clock_ms: int
    ) -> CheckinRequest:
        warned = Warned(asked.alert, asked.hazard, guidance(asked.hazard, record.language))
        return question(
            record.household,
            record,
            put.rung,
            "disaster",
            clock_ms,
            clock_ms + PATIENCE_MS[put.rung.ask],
            place=place,
            warned=warned,
        )

    def _take_slot(self, clock_ms: int) -> None:
        self.slots = [*self.slots, clock_ms][-MOST_SLOTS:]

    def _put(self, asked: Asked) -> None:
        # As many as may be in force: were fewer remembered, the home would be asked again about each that was pushed out.
        self._asked = [*(one for one in self._asked if one.thread != asked.thread), asked][-MOST_ALERTS:]

    def _finding(self, asked: Asked, clock_ms: int) -> Finding:
        grave = asked.severity.rank >= Severity.SEVERE.rank
        return Finding(
            kind=IncidentKind.DISASTER_NO_ANSWER,
            severity=asked.severity,
            urgency=Urgency.IMMEDIATE if grave else Urgency.EXPECTED,
            certainty=Certainty.POSSIBLE,
            event_from_ms=asked.at_ms,
            event_until_ms=clock_ms,
            shares=_shares(asked.steps),
            would_change="answer",
            facts={"raised_ms": clock_ms, "hazard": asked.hazard.value, "thread": asked.thread},
        )

    def state(self) -> list[Any]:
        """Return plain data."""
        plain = msgspec.to_builtins
        asked = [
            [one.thread, one.alert, one.hazard, one.severity, one.at_ms, plain(one.steps), one.wait_ms, one.outcome]
            for one in self._asked
        ]
        return [self.slots, asked] if self else []

    @classmethod
    def from_state(cls, state: list[Any]) -> "Checks":
        """Return the checks of a `state()`.

        Raises:
            ValueError, TypeError: not such a state.

        """
        checks = cls()
        if not state:
            return checks
        checks.slots = list(state[0])
        for thread, alert, hazard, severity, at_ms, steps, wait_ms, outcome in state[1]:
            known = tuple(msgspec.convert(steps, list[LadderStep]))
            asked = Asked(thread, alert, Hazard(hazard), Severity(severity), at_ms, known, wait_ms, outcome)
            checks._asked.append(asked)
        return checks


def _shares(steps: Sequence[LadderStep]) -> dict[str, float]:
    """Return by which channels the questions went that nobody answered; where nobody could be asked, the alert alone speaks."""
    put = [_CHANNELS[step.ask] for step in steps if step.outcome != "skipped"]
    return {name: round(put.count(name) / len(put), 3) for name in dict.fromkeys(put)} or {ALERT: 1.0}


def in_danger(record: HouseholdRecord) -> tuple[int, int, str]:
    """Key by which homes are asked, the most endangered first: the officer's grade, then how many needs there are."""
    return _GRADES.index(record.risk_grade), -len(record.needs), record.household
