"""The steps of a check-in ladder as they stand in an incident: who was asked, what is awaited, what came of it. Pure."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec.structs import replace

from schemas.incidents import Incident, IncidentKind, IncidentState, LadderStep, NextStep, Severity
from schemas.times import from_rfc3339, to_rfc3339

Outcome = Literal["answered", "no_answer", "declined", "reached", "not_reached"]

CLIMBING: Final = frozenset(
    {
        IncidentKind.SILENCE,
        IncidentKind.CANNOT_SEE,
        IncidentKind.UNANSWERED_CALLS,
        IncidentKind.MISSED_MEDICATION,
        IncidentKind.DISASTER_NO_ANSWER,
    }
)
"""Kinds that ask first. Emergencies never do."""
ALIVE: Final = frozenset({"answered", "declined", "reached"})
"""Outcomes after which the person is known to live."""
_NOT_BY_REFUSAL: Final = frozenset({IncidentKind.MISSED_MEDICATION, IncidentKind.DISASTER_NO_ANSWER})
"""Kinds that are not settled by somebody who does not want to talk: the dose is still missed, the guidance not heard."""


def is_taken(incident: Incident) -> bool:
    """Tell whether a human has taken an incident: whatever is heard then is told to them, and closes nothing."""
    return incident.state is IncidentState.ACKNOWLEDGED or incident.acknowledged_by is not None


def is_at_top(steps: Sequence[LadderStep]) -> bool:
    """Tell whether an officer was told."""
    return any(step.ask == "officer" for step in steps)


def is_settled(incident: Incident) -> bool:
    """Tell whether an answer has said what the ladder wanted to know."""
    return any(settles(incident.kind, step.outcome) for step in incident.ladder)


def settles(kind: IncidentKind, outcome: str) -> bool:
    """Tell whether an outcome says what the ladder of such an incident wants to know."""
    return outcome in ALIVE and (outcome != "declined" or kind not in _NOT_BY_REFUSAL)


def is_climbing(incident: Incident) -> bool:
    """Tell whether the ladder still has something to do about an incident."""
    return _may_climb(incident) and not is_at_top(incident.ladder)


def stands_at_top(incident: Incident) -> bool:
    """Tell whether everybody was asked in vain and an officer was told: what opens beside it need not ask again."""
    return (_may_climb(incident) or is_taken(incident)) and not incident.cleared and is_at_top(incident.ladder)


def _may_climb(incident: Incident) -> bool:
    return (
        incident.kind in CLIMBING
        and bool(incident.ladder)
        and not incident.cleared
        and not is_taken(incident)
        and not is_settled(incident)
    )


def waited_for(steps: Sequence[LadderStep], clock_ms: int) -> LadderStep | None:
    """Return the question whose answer is awaited; None when there is none, or its time is over."""
    return next((step for step in reversed(steps) if _is_out(step) and not _is_over(step, clock_ms)), None)


def lapsed(steps: Sequence[LadderStep], clock_ms: int) -> list[LadderStep]:
    """Return the steps, those unanswered whose time is over noted as such, and without one that only waits."""
    at = to_rfc3339(clock_ms)
    return [
        replace(step, outcome="no_answer", outcome_at=at) if _is_out(step) and _is_over(step, clock_ms) else step
        for step in steps
        if not is_waiting(step)
    ]


def shared(ladders: Sequence[Sequence[LadderStep]]) -> list[LadderStep]:
    """Return the first ladder with the questions that others have put beside it, in the order in which they were asked.

    Incidents of one home share their questions, and each keeps those that were put before it shared any: an answer to one
    of them is an answer still.
    """
    steps = list(ladders[0])
    for ladder in ladders[1:]:
        known = {step.request for step in steps}
        steps += [step for step in ladder if step.request and step.request not in known]
    return sorted(steps, key=lambda step: step.asked_at)


def is_waiting(step: LadderStep) -> bool:
    """Tell whether a step is no question yet: somebody's quiet hours end at its deadline, and they are asked then."""
    return not step.request and not step.outcome and step.ask != "officer"


def answered(steps: Sequence[LadderStep], request: str, outcome: Outcome, clock_ms: int) -> list[LadderStep] | None:
    """Return the steps with the outcome of a request; None where it changes nothing.

    What comes late is said to be late. Nobody who was reached is later not reached.
    """
    for i, step in enumerate(steps):
        if step.request != request or step.outcome in ALIVE or (step.outcome and outcome not in ALIVE):
            continue
        why = "late" if _is_over(step, clock_ms) else step.why
        after = replace(step, outcome=outcome, outcome_at=to_rfc3339(clock_ms), why=why)
        return [*steps[:i], after, *steps[i + 1 :]]
    return None


def step_to_take(incident: Incident, or_else: NextStep) -> NextStep:
    """Return what a responder should do next about an incident with a ladder; `or_else` where there is none to speak of.

    While somebody is asked nobody need go, but a device that is not seen may be mended meanwhile, and whose time runs
    already is not told to wait. It ends with the last question: where none follows, somebody must go after all.
    """
    if not incident.ladder or is_settled(incident) or incident.kind not in CLIMBING:
        return or_else
    if is_at_top(incident.ladder):
        at_once = incident.severity.rank >= Severity.SEVERE.rank
        return NextStep.VISIT_NOW if at_once else NextStep.VISIT_TODAY
    if is_taken(incident) or incident.owner is not None or incident.kind is IncidentKind.CANNOT_SEE:
        return or_else
    is_asking = any(_is_out(step) or is_waiting(step) for step in incident.ladder)
    return NextStep.ASKING if is_asking else or_else


def _is_out(step: LadderStep) -> bool:
    return bool(step.request) and not step.outcome


def _is_over(step: LadderStep, clock_ms: int) -> bool:
    return step.deadline is not None and from_rfc3339(step.deadline) <= clock_ms
