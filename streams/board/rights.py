"""Who may see and do what on the board: a closed table, and nothing that is not in it."""

from enum import StrEnum
from typing import Final

EVERYWHERE: Final = "*"
"""In a supervisor's districts: all of them, and homes of no known district."""


class Role(StrEnum):
    """What somebody who signs in is there for."""

    RESPONDER = "responder"
    """Welfare officer or duty officer of named districts."""
    SUPERVISOR = "supervisor"
    ENGINEER = "engineer"
    """Sees whether the parts work, and nobody's data."""
    VIEWER = "viewer"
    """Sees totals."""


class Right(StrEnum):
    """What a page asks of whoever opens it."""

    OPEN = "open"
    """Nothing: the sign-in page, its style sheet, and whether the process is up."""
    SIGNED_IN = "signed_in"
    TOTALS = "totals"
    PERSONS = "persons"
    """Data of persons, in the districts of the user alone."""
    ACT = "act"
    """Send responder's actions, in the districts of the user alone."""
    PARTS = "parts"
    """How each partition and each source of the board is."""


RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.RESPONDER: frozenset({Right.OPEN, Right.SIGNED_IN, Right.TOTALS, Right.PERSONS, Right.ACT}),
    Role.SUPERVISOR: frozenset({Right.OPEN, Right.SIGNED_IN, Right.TOTALS, Right.PERSONS, Right.ACT, Right.PARTS}),
    Role.ENGINEER: frozenset({Right.OPEN, Right.SIGNED_IN, Right.TOTALS, Right.PARTS}),
    Role.VIEWER: frozenset({Right.OPEN, Right.SIGNED_IN, Right.TOTALS}),
}


def covers(districts: frozenset[str], district: str) -> bool:
    """Tell whether a home of a district, "" for an unknown one, is among a user's."""
    return EVERYWHERE in districts or (district != "" and district in districts)
