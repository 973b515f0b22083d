"""A household's share of its district's false-alarm budget, by risk grade and sensitivity.

With w the grade's share (`Profile.grade_shares`) times the officer's sensitivity, and W the mean of w over the district's homes
(`Profile.district_shares`), a home may have

    budget x w / W

false alarms a month, so that the homes of a district together have its budget, however they are graded. The means stand in
the profile, a record in the log: worked out by the engine, each would change with every home that comes or goes, and a
partition knows its own homes only.
"""

from collections.abc import Iterable
from typing import Final

from schemas.households import HouseholdRecord, RiskGrade
from schemas.profiles import Profile

LEAST: Final = 0.25
MOST: Final = 4.0
"""A sensitivity is not believed beyond these: a slip of the finger alarms at most as a 4 does."""


def weight(record: HouseholdRecord, profile: Profile) -> float:
    """Return what a household weighs in its district: an ordinary one weighs 1."""
    shares, grade = profile.grade_shares, record.risk_grade
    of_grade = shares.medium
    if grade is not RiskGrade.MEDIUM:
        of_grade = shares.high if grade is RiskGrade.HIGH else shares.low
    return min(MOST, max(LEAST, record.sensitivity)) * float(of_grade)


def share(record: HouseholdRecord | None, profile: Profile) -> float:
    """Return by how much a household's budgets differ from the profile's; 1 without a record."""
    return 1.0 if record is None else weight(record, profile) / profile.district_shares.get(record.district, 1.0)


def mean_shares(records: Iterable[HouseholdRecord], profile: Profile) -> dict[str, tuple[int, float]]:
    """Return the homes of each district and their mean weight, by district; homes of no district are left out."""
    weights: dict[str, list[float]] = {}
    for record in records:
        if record.district:
            weights.setdefault(record.district, []).append(weight(record, profile))
    return {name: (len(found), sum(sorted(found)) / len(found)) for name, found in sorted(weights.items())}
