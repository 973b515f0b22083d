"""The text of one revision of an incident: from what a detector found to what responders read. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from detectors.findings import Finding
from schemas.exercise import MARK_EN, MARK_KO, is_exercise, status_of
from schemas.households import HouseholdRecord
from schemas.incidents import (
    Certainty,
    CertaintyBy,
    CloseCause,
    Incident,
    IncidentKind,
    IncidentState,
    LadderStep,
    NextStep,
    Severity,
    Urgency,
)
from schemas.times import to_rfc3339
from streams.cases.identity import emergency_id
from streams.cases.ladder_steps import step_to_take
from streams.cases.odds import USUAL, log_odds
from streams.cases.open_incident import Open
from streams.cases.wording import after_answer, guidance_given, guidance_not_given, repaired, sentences

PAST_AFTER_MS: Final = 3_600_000
"""An emergency told this long after it happened is past: still told, no longer immediate."""
MOVED: Final = 0.10
"""A share that moved by more is worth a revision."""

_NEXT_STEP: Final[dict[IncidentKind, NextStep]] = {
    IncidentKind.EMERGENCY_BUTTON: NextStep.CALL_119,
    IncidentKind.GAS: NextStep.CALL_119,
    IncidentKind.SMOKE: NextStep.CALL_119,
    IncidentKind.CARBON_MONOXIDE: NextStep.CALL_119,
    IncidentKind.HEAT: NextStep.CALL_119,
    IncidentKind.FALL: NextStep.CALL_119,
    IncidentKind.DISTRESS: NextStep.CALL_119,
    IncidentKind.DISASTER_HELP: NextStep.CALL_119,
    IncidentKind.WISH_TO_DIE: NextStep.CRISIS_PROTOCOL,
    IncidentKind.CALL_ALARM: NextStep.CALL_RESIDENT,
    IncidentKind.SILENCE: NextStep.CALL_RESIDENT,
    IncidentKind.UNANSWERED_CALLS: NextStep.VISIT_NOW,
    IncidentKind.MISSED_MEDICATION: NextStep.CALL_RESIDENT,
    IncidentKind.CANNOT_SEE: NextStep.CHECK_DEVICE,
    IncidentKind.DISASTER_DAMAGE: NextStep.VISIT_TODAY,
    IncidentKind.DISASTER_NO_ANSWER: NextStep.VISIT_NOW,
    IncidentKind.SLOW_DECLINE: NextStep.FOLLOW_UP,
    IncidentKind.WITHDRAWAL: NextStep.EMOTIONAL_SUPPORT,
    IncidentKind.LOW_MOOD: NextStep.EMOTIONAL_SUPPORT,
    IncidentKind.FALLING_ANSWERS: NextStep.FOLLOW_UP,
    IncidentKind.LASTING_CONCERN: NextStep.FOLLOW_UP,
    IncidentKind.COLD_ROOM: NextStep.CALL_RESIDENT,
    IncidentKind.HOT_ROOM: NextStep.CALL_RESIDENT,
    IncidentKind.DOOR_OPEN: NextStep.CALL_RESIDENT,
    IncidentKind.WATER_LEAK: NextStep.CALL_RESIDENT,
    IncidentKind.WEAK_BATTERY: NextStep.CHECK_DEVICE,
    IncidentKind.OUT_AT_NIGHT: NextStep.CALL_RESIDENT,
    IncidentKind.NIGHT_WANDERING: NextStep.FOLLOW_UP,
    IncidentKind.DAY_NIGHT_REVERSAL: NextStep.FOLLOW_UP,
    IncidentKind.MISSED_MEALS: NextStep.CALL_RESIDENT,
    IncidentKind.SHORTER_TALKS: NextStep.FOLLOW_UP,
    IncidentKind.DEVICE_OFFLINE: NextStep.CHECK_DEVICE,
    IncidentKind.PHONE_OFF: NextStep.CHECK_DEVICE,
    IncidentKind.DISTRICT_OUTAGE: NextStep.CHECK_DEVICE,
}
_TOLD: Final = ("severity", "certainty", "kind", "owner", "next_step", "deadline", "cleared")
_LASTING: Final = (IncidentState.ACKNOWLEDGED, IncidentState.ESCALATED)
"""States that an update leaves as they are."""


class Teller(NamedTuple):
    """Who speaks: the engine's version, the profile in force, and the household's registry record if there is one."""

    engine: str
    profile: str | None = None
    record: HouseholdRecord | None = None


def arrived(household: str, finding: Finding, arrival_ms: int, engine: str) -> Incident:
    """Revision 1 of an emergency, made from its event alone when it arrives, before its turn in the order.

    `arrival_ms` is the last tick known of its topic, 0 when none is; the event's age is counted to it. Repeats have the
    same id and revision, so that readers drop them.
    """
    at_ms = max(arrival_ms, finding.event_from_ms)
    name = emergency_id(
        household, finding.source, finding.device, finding.kind, finding.event_from_ms, finding.event_id
    )
    return _first(Teller(engine), household, finding, name, None, finding.event_from_ms, at_ms)


def opened(teller: Teller, household: str, finding: Finding, name: str, case: str, at_ms: int) -> Incident:
    """Revision 1 of any other incident, opened at the partition's clock."""
    return _first(teller, household, finding, name, case, at_ms, at_ms)


def _prior(finding: Finding) -> dict[str, float]:
    """Return what the detector says of the chance, as `chance_by` of an incident begins; empty where it says nothing."""
    return {} if finding.chance is None else {USUAL: log_odds(finding.chance)}


def _certainty_by(finding: Finding) -> CertaintyBy:
    """Return what a certainty rests on: of silences, and of what the detector says so, a chance was held against what came true."""
    if finding.certainty is Certainty.OBSERVED:
        return "observed"
    return "assumed" if finding.chance is None and not finding.calibrated else "calibrated"


def _first(
    teller: Teller, household: str, finding: Finding, name: str, case: str | None, opened_ms: int, at_ms: int
) -> Incident:
    said_ko, said_en = _said(household, finding, at_ms)
    record = teller.record
    return Incident(
        id=name,
        status=status_of(household),
        revision=1,
        msg_type="Alert",
        household=household,
        case=case,
        state=IncidentState.OPENED,
        kind=finding.kind,
        severity=finding.severity,
        urgency=_urgency(finding, at_ms),
        certainty=finding.certainty,
        certainty_by=_certainty_by(finding),
        score=finding.score,
        threshold=finding.threshold,
        shares=finding.shares,
        chance_by=_prior(finding),
        opened_at=to_rfc3339(opened_ms),
        at=to_rfc3339(at_ms),
        event_from=to_rfc3339(finding.event_from_ms),
        event_until=to_rfc3339(finding.event_until_ms),
        last_sign_of_life=_time(finding.last_life_ms),
        deadline=_time(finding.deadline_ms),
        would_change=finding.would_change,
        next_step=next_step(finding.kind, finding.severity, household),
        district=record.district if record and record.district else None,
        target_group=record.target_group.value if record else None,
        profile=teller.profile,
        engine=teller.engine,
        sentence_ko=said_ko,
        sentence_en=said_en,
    )


def joined(teller: Teller, incident: Incident, case: str, at_ms: int) -> Incident:
    """Revision 2 of an emergency: its turn in the order has come, and it joins the household's case."""
    record = teller.record
    return replace(
        _next(incident, at_ms),
        case=case,
        district=record.district if record and record.district else None,
        target_group=record.target_group.value if record else None,
        profile=teller.profile,
        engine=teller.engine,
    )


def updated(teller: Teller, incident: Incident, finding: Finding, at_ms: int) -> Incident:
    """Return a revision with what the detector says now; a rise in severity escalates, also what is acknowledged."""
    said_ko, said_en = _said(incident.household, finding, at_ms)
    rises = finding.severity.rank > incident.severity.rank
    state = (
        IncidentState.ESCALATED if rises else incident.state if incident.state in _LASTING else IncidentState.UPDATED
    )
    return replace(
        _next(incident, at_ms),
        state=state,
        severity=finding.severity,
        urgency=_urgency(finding, at_ms),
        certainty=finding.certainty,
        certainty_by=_certainty_by(finding),
        score=finding.score,
        threshold=finding.threshold,
        shares=finding.shares,
        chance_by=_prior(finding),
        event_from=to_rfc3339(finding.event_from_ms),
        event_until=to_rfc3339(finding.event_until_ms),
        last_sign_of_life=_time(finding.last_life_ms),
        deadline=_time(finding.deadline_ms),
        would_change=finding.would_change,
        next_step=_step_now(replace(incident, severity=finding.severity)),
        snoozed_until=None if rises else incident.snoozed_until,
        cleared=False,
        profile=teller.profile,
        engine=teller.engine,
        sentence_ko=said_ko,
        sentence_en=said_en,
    )


def again(teller: Teller, incident: Incident, finding: Finding, at_ms: int, *, cleared: bool) -> Incident:
    """Return a revision of an emergency into which another one merged: it goes on, as grave as the graver of the two."""
    rises = finding.severity.rank > incident.severity.rank
    severity = finding.severity if rises else incident.severity
    known = _next(incident, at_ms)
    if cleared:
        return replace(known, severity=severity)
    updated_state = incident.state if incident.state in _LASTING else IncidentState.UPDATED
    return replace(
        known,
        state=IncidentState.ESCALATED if rises else updated_state,
        severity=severity,
        urgency=_urgency(finding, at_ms),
        event_until=max(incident.event_until, to_rfc3339(finding.event_until_ms)),
        would_change=finding.would_change,
        next_step=_step_now(replace(incident, severity=severity)),
        cleared=False,
        profile=teller.profile,
        engine=teller.engine,
    )


def cleared(teller: Teller, incident: Incident, finding: Finding, at_ms: int) -> Incident:
    """Return a revision that says: the device said off, or life was seen again. Told, never closing by itself."""
    said_ko, said_en = back_again(incident.household, finding) or (incident.sentence_ko, incident.sentence_en)
    return replace(
        _next(incident, at_ms),
        state=incident.state if incident.state is IncidentState.ACKNOWLEDGED else IncidentState.UPDATED,
        sentence_ko=said_ko,
        sentence_en=said_en,
        urgency=Urgency.PAST,
        event_until=to_rfc3339(max(finding.event_until_ms, finding.event_from_ms)),
        last_sign_of_life=_time(finding.last_life_ms) or incident.last_sign_of_life,
        chance_by={},
        would_change="",
        next_step=NextStep.FOLLOW_UP,
        cleared=True,
        profile=teller.profile,
        engine=teller.engine,
    )


def back_again(household: str, finding: Finding) -> tuple[str, str] | None:
    """Korean and English sentence for what is seen again, with how long it was not; None for everything else."""
    back = repaired(finding)
    return _marked(household, back) if back else None


def ended(
    teller: Teller, incident: Incident, cause: CloseCause | None, at_ms: int, references: Sequence[str] = ()
) -> Incident:
    """Return the last revision: closed with a cause, or withdrawn without one."""
    known = _next(incident, at_ms)
    return replace(
        known,
        msg_type="Cancel",
        references=[*known.references, *references],
        state=IncidentState.WITHDRAWN if cause is None else IncidentState.CLOSED,
        cause=cause,
        urgency=Urgency.PAST,
        would_change="",
        next_step=NextStep.NONE,
        step_until=None,
        snoozed_until=None,
        profile=teller.profile,
        engine=teller.engine,
    )


def acknowledged(incident: Incident, who: str, at_ms: int) -> Incident:
    """Return a revision that an officer has taken; until when they must have acted is said by whoever knows the roster."""
    taken = replace(
        _next(incident, at_ms),
        state=IncidentState.ACKNOWLEDGED,
        owner=who,
        acknowledged_by=who,
        step_until=None,
        snoozed_until=None,
    )
    return replace(taken, next_step=_step_now(taken)) if incident.next_step is NextStep.ASKING else taken


def visited(incident: Incident, who: str, at_ms: int) -> Incident:
    """Return a revision that says: somebody goes there."""
    taken = acknowledged(incident, who, at_ms)
    return replace(taken, visited_at=taken.at)


def snoozed(incident: Incident, who: str, until_ms: int, at_ms: int) -> Incident:
    """Return a revision that an officer has put off."""
    until = to_rfc3339(until_ms)
    return replace(acknowledged(incident, who, at_ms), step_until=until, snoozed_until=until)


def given(incident: Incident, owner: str, until_ms: int | None, at_ms: int) -> Incident:
    """Return a revision with an owner, and until when they have time."""
    return replace(_next(incident, at_ms), owner=owner, step_until=_time(until_ms))


def passed_on(incident: Incident, owner: str, until_ms: int | None, at_ms: int) -> Incident:
    """Return a revision that moves on to the next owner: the one before let the time pass."""
    given_on = given(incident, owner, until_ms, at_ms)
    return replace(given_on, state=IncidentState.ESCALATED, level=incident.level + 1)


def awake(incident: Incident, at_ms: int) -> Incident:
    """Return a revision of what was put off: its time has come, and somebody must take it again."""
    known = _next(incident, at_ms)
    return replace(known, state=IncidentState.UPDATED, owner=None, step_until=None, snoozed_until=None)


def asking(
    teller: Teller, incident: Incident, steps: Sequence[LadderStep], at_ms: int, *, told: bool = False
) -> Incident:
    """Return a revision with the steps of the check-in ladder; `told`: an officer must know now."""
    state = incident.state if incident.state in _LASTING else IncidentState.UPDATED
    after = replace(
        _next(incident, at_ms),
        ladder=list(steps),
        state=IncidentState.ESCALATED if told else state,
        profile=teller.profile,
        engine=teller.engine,
    )
    return after if after.cleared else replace(after, next_step=_step_now(after))


def put_into(out: list[Incident], entry: Open, after: Incident) -> bool:
    """Put what comes after an entry's incident into its revision where that one is just being told; False where it is not.

    One step of the clock tells one revision: readers would see an owner or a question come a moment after the incident.
    """
    known = entry.incident
    for i, before in enumerate(out):
        if (before.id, before.revision) == (known.id, known.revision):
            out[i] = entry.incident = replace(
                after,
                revision=before.revision,
                msg_type=before.msg_type,
                references=before.references,
                at=before.at,
                # What opens at the top of its ladder has opened; it was nothing less before.
                state=before.state if before.revision == 1 else after.state,
            )
            return True
    return False


def settled(
    incident: Incident,
    steps: Sequence[LadderStep],
    step: LadderStep,
    *,
    guided: bool | None = None,
    needs_help: bool = False,
) -> Incident:
    """Return an incident in the words of the answer that settles it, before its last revision is made of them.

    `guided`: whether the person was told what to do in the disaster that it is about; None where it is about none.
    `needs_help`: the answer opened an incident of its own, so this one must not call them safe.
    """
    korean, english = after_answer(step.ask, step.outcome, needs_help=needs_help)
    if guided is not None:
        said = guidance_given() if guided else guidance_not_given()
        korean, english = f"{korean} {said[0]}", f"{english} {said[1]}"
    if is_exercise(incident.household):
        korean, english = MARK_KO + korean, MARK_EN + english
    return replace(incident, ladder=list(steps), sentence_ko=korean, sentence_en=english)


def differs(before: Incident, after: Incident) -> bool:
    """Tell whether a revision is worth telling: its state, one of `_TOLD`, or a share by over 10 points.

    An incident that goes from opened to updated and nothing else is none.
    """
    moved = any(
        round(abs(after.shares.get(name, 0.0) - before.shares.get(name, 0.0)), 6) > MOVED
        for name in {*before.shares, *after.shares}
    )
    ordinary = {IncidentState.OPENED, IncidentState.UPDATED}
    return (
        moved
        or (before.state is not after.state and not {before.state, after.state} <= ordinary)
        or any(getattr(before, name) != getattr(after, name) for name in _TOLD)
    )


def next_step(kind: IncidentKind, severity: Severity, household: str) -> NextStep:
    """Return what a responder should do next: somebody must go where a silence is as bad as it gets.

    In an exercise nobody calls 119; who has that part rehearses it.
    """
    if kind is IncidentKind.SILENCE and severity is Severity.EXTREME:
        return NextStep.VISIT_NOW
    if kind is IncidentKind.DISASTER_NO_ANSWER and severity.rank < Severity.SEVERE.rank:
        return NextStep.VISIT_TODAY
    step = _NEXT_STEP[kind]
    return NextStep.REHEARSE_119 if step is NextStep.CALL_119 and is_exercise(household) else step


def _step_now(incident: Incident) -> NextStep:
    """Return the next step of an incident as it stands, its ladder included."""
    return step_to_take(incident, next_step(incident.kind, incident.severity, incident.household))


def _said(household: str, finding: Finding, at_ms: int) -> tuple[str, str]:
    """Return both sentences; those of an exercise begin with the mark, for whoever sees nothing but the sentence."""
    return _marked(household, sentences(finding, at_ms))


def _marked(household: str, said: tuple[str, str]) -> tuple[str, str]:
    korean, english = said
    return (MARK_KO + korean, MARK_EN + english) if is_exercise(household) else (korean, english)


def _next(incident: Incident, at_ms: int) -> Incident:
    return replace(
        incident,
        revision=incident.revision + 1,
        msg_type="Update",
        references=[f"{incident.id}/{incident.revision}"],
        # Before the log's clock there is no time to tell, and readers refuse 1970.
        at=to_rfc3339(at_ms) if at_ms else incident.at,
    )


def _urgency(finding: Finding, at_ms: int) -> Urgency:
    late = finding.urgency is Urgency.IMMEDIATE and finding.event_id and at_ms - finding.event_from_ms > PAST_AFTER_MS
    return Urgency.PAST if late else finding.urgency


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else to_rfc3339(at_ms)
