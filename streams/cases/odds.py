"""Chances as log-odds, nats: what adds up."""

from math import exp, log
from typing import Final

USUAL: Final = "usual"
"""Part of an incident's chance that is known before anything was learned from closings."""
SURE: Final = 1e-6
"""No chance is believed to be nearer to 0 or 1."""


def log_odds(chance: float) -> float:
    """Return the log-odds of a chance, four decimals."""
    sure = min(1 - SURE, max(SURE, chance))
    return round(log(sure / (1 - sure)), 4)


def chance_at(odds: float) -> float:
    """Return the chance of log-odds."""
    return 1 / (1 + exp(-max(-50.0, min(50.0, odds))))
