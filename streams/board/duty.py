"""Whose turn it is: owner, their time limit, and the order in which cases are shown."""

from typing import Final

from schemas.incidents import Certainty, Incident, NextStep, Urgency
from schemas.times import from_rfc3339
from streams.incident_fold import Case

NOT_YET: Final = frozenset({NextStep.ASKING})
"""Next steps for which nobody need go: Anbu is asking."""
_URGENT: Final = (Urgency.IMMEDIATE, Urgency.EXPECTED, Urgency.FUTURE, Urgency.PAST)
_CERTAIN: Final = (Certainty.OBSERVED, Certainty.LIKELY, Certainty.POSSIBLE, Certainty.UNLIKELY)


def is_taken(incident: Incident) -> bool:
    """Tell whether a human has taken it."""
    return incident.acknowledged_by is not None


def limit_ms(incident: Incident) -> int | None:
    """Return when the present owner's time is over, UTC milliseconds; None while no clock runs."""
    return None if incident.step_until is None else from_rfc3339(incident.step_until)


def is_late(incident: Incident, now_ms: int) -> bool:
    """Tell whether the owner's time has passed."""
    until_ms = limit_ms(incident)
    return until_ms is not None and now_ms > until_ms


def ranked(cases: list[Case], now_ms: int) -> list[Case]:
    """Return open cases in the order in which somebody is needed.

    Real ones before exercises; then by severity; those nobody has taken before those somebody has, and those the machine
    still asks about last; overdue ones first; then the more urgent, the more certain, and the older.
    """
    return sorted(cases, key=lambda case: _turn(case, now_ms))


def _turn(case: Case, now_ms: int) -> tuple[bool, int, bool, bool, bool, int, int, int, str]:
    one = case.gravest
    return (
        one.status != "Actual",
        -one.severity.rank,
        one.next_step in NOT_YET,
        is_taken(one),
        not is_late(one, now_ms),
        _URGENT.index(one.urgency),
        _CERTAIN.index(one.certainty),
        case.opened_ms,
        case.id,
    )
