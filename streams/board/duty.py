"""Whose turn it is: owner, their time limit, and the order in which cases are shown."""

from schemas.incidents import Incident
from schemas.times import from_rfc3339
from streams.cases.ranking import attention
from streams.incident_fold import Case


def limit_ms(incident: Incident) -> int | None:
    """Return when the present owner's time is over, UTC milliseconds; None while no clock runs."""
    return None if incident.step_until is None else from_rfc3339(incident.step_until)


def is_late(incident: Incident, now_ms: int) -> bool:
    """Tell whether the owner's time has passed."""
    until_ms = limit_ms(incident)
    return until_ms is not None and now_ms > until_ms


def ranked(cases: list[Case], now_ms: int) -> list[Case]:
    """Return open cases in the order in which somebody is needed (`streams.cases.ranking`), exercises after real ones.

    Of equals the graver first, then the older. A case needs somebody as much as the one of its incidents that does most.
    """
    return sorted(cases, key=lambda case: _turn(case, now_ms))


def _turn(case: Case, now_ms: int) -> tuple[bool, float, int, int, str]:
    most = max(attention(one, now_ms) for one in case.incidents)
    one = case.gravest
    return one.status != "Actual", -most, -one.severity.rank, case.opened_ms, case.id
