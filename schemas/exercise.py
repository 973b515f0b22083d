"""Exercises: what is played through the live path and must never be taken for a person in need.

Whether something belongs to an exercise follows from the pseudonym of its household and from nothing else, so that an
emergency told on arrival, before any registry record is known, carries the mark as well.
"""

from typing import Final, Literal

EXERCISE_PREFIX: Final = "exercise-"
"""Pseudonyms that begin so are of exercises. The registry's import refuses them: nobody real may be marked by accident."""

CapStatus = Literal["Actual", "Exercise"]
"""CAP 1.2 `status`, as far as Anbu says it: for real, or played."""

MARK_KO: Final = "[훈련] "
MARK_EN: Final = "[EXERCISE] "


def is_exercise(household: str) -> bool:
    """Tell whether a household is one of an exercise."""
    return household.startswith(EXERCISE_PREFIX)


def status_of(household: str) -> CapStatus:
    """CAP status of whatever is said about a household."""
    return "Exercise" if is_exercise(household) else "Actual"
