"""A change of risk grade that the home's record speaks for: proposed with its reasons, and never made. An officer decides.

Up by one where somebody needed help here within the last half year or so, or where two other things are worse than they
were. Down by one where nothing of the kind is known of half a year and the rhythm is. The limits are assumed, not
measured, and what follows from them stands in the proposal for the officer to judge.
"""

from typing import Final

from detectors.chronic import SEVERITIES
from detectors.hours import DAY_MS
from detectors.state import State
from schemas.households import RiskGrade
from schemas.views import ConcernView, ContactView, GradeProposal, GradeReason
from schemas.vocabulary import Level

GRADES: Final = (RiskGrade.LOW, RiskGrade.MEDIUM, RiskGrade.HIGH)
REAL: Final = 0.5
"""Faded count of real ones from which on one speaks by itself: one within half a year."""
OTHERS: Final = 2
CALM_FOR_MS: Final = 180 * DAY_MS
DAYS_KNOWN: Final = 60.0
"""Days learned, faded, before a quiet home counts as known."""
MISSED: Final = 3
"""Doses or calls in a row that speak of a change."""


def propose_grade(
    state: State, clock_ms: int, contact: ContactView | None, known: list[ConcernView]
) -> GradeProposal | None:
    """Return the change that the record speaks for; None where it speaks for none, or no grade was given."""
    if state.record is None:
        return None
    reasons = _reasons(state, contact, known)
    place = GRADES.index(state.record.risk_grade)
    is_graver = any(one.reason == "needed_help" for one in reasons) or len(reasons) >= OTHERS
    if is_graver and place < len(GRADES) - 1:
        return GradeProposal(GRADES[place + 1], reasons)
    is_known = clock_ms - state.start_ms >= CALM_FOR_MS and state.rhythm.days >= DAYS_KNOWN
    if is_known and not reasons and state.outcomes.real < REAL / 2 and place > 0 and not _is_troubled(state):
        return GradeProposal(GRADES[place - 1], [GradeReason("calm", round((clock_ms - state.start_ms) / DAY_MS))])
    return None


def _reasons(state: State, contact: ContactView | None, known: list[ConcernView]) -> list[GradeReason]:
    out = []
    if state.outcomes.real >= REAL:
        out.append(GradeReason("needed_help", max(1, round(state.outcomes.real))))
    worse = [kind for kind in SEVERITIES if kind in state.told]
    if worse:
        out.append(GradeReason("worse_over_weeks", len(worse)))
    if contact is not None and contact.trend == "falling":
        out.append(GradeReason("contact_falling", contact.index))
    alarming = [one for one in known if one.state == "open" and one.level is Level.ALARM]
    if alarming:
        out.append(GradeReason("alarming_concern", len(alarming)))
    missed = state.medication.row(state.paused).doses
    if missed >= MISSED:
        out.append(GradeReason("doses_missed", missed))
    unanswered = state.calls.row(state.life(), state.paused).calls
    if unanswered >= MISSED:
        out.append(GradeReason("calls_unanswered", unanswered))
    return out


def _is_troubled(state: State) -> bool:
    return bool(state.told or state.silence or state.hospital_ms)
