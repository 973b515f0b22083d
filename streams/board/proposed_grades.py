"""Homes for which another risk grade is proposed, as the command line lists them. Pure."""

from collections.abc import Iterator

import msgspec

from schemas.households import RiskGrade
from schemas.views import GradeReason, HouseholdView
from streams.board.words import Words


class ProposedGrade(msgspec.Struct, frozen=True):
    """A home, its grade in the registry, and the one that its record speaks for. `at`: RFC 3339, up to when it was judged."""

    household: str
    district: str
    at: str
    now: RiskGrade | None
    proposed: RiskGrade
    reasons: list[GradeReason]


def proposed_grade(view: HouseholdView) -> ProposedGrade | None:
    """Return what is proposed for a home; None where nothing is, and of an exercise."""
    one = view.grade_proposal
    if one is None or view.status != "Actual":
        return None
    return ProposedGrade(view.household, view.district, view.at, view.risk_grade, one.grade, one.reasons)


def grade_lines(one: ProposedGrade, words: Words) -> Iterator[str]:
    """Yield a line for the home and one for each reason."""
    now = words.name("grade", one.now) if one.now else "-"
    yield f"{one.household}  {one.district or words.say('unknown_district')}  {now} → {words.name('grade', one.proposed)}"
    yield from (f"  {words.reason(reason)}" for reason in one.reasons)
