"""A silence that was told, and what it looked like when it was: what must be known to update, clear or withdraw it."""

from typing import Any, Final, NamedTuple

from detectors.hours import HOUR_MS
from schemas.incidents import Severity

MOVED: Final = 0.10
"""A share that moved by more is worth a revision."""
EXTREME_FROM: Final = 0.9
"""A collapse this likely is as good as sure. It alone does not alarm once more: whoever has just taken a silence needs time."""
EXTREME_AFTER_MS: Final = 12 * HOUR_MS
"""This long after its deadline a silence is as bad as it gets."""


class Alarm(NamedTuple):
    """An open or just cleared silence. Times in UTC milliseconds."""

    life_ms: int
    """Last sign of life when it was raised, moved on by late events that change nothing else."""
    since_ms: int
    """Where the silence began to be counted: the last sign of life, or later, the end of an absence or a contact."""
    deadline_ms: int
    raised_ms: int
    severity: int
    """Rank last told."""
    shares: dict[str, float]
    """Shares last told."""
    away: bool
    cleared_ms: int = 0
    likely: bool = False
    """It was last told as likely a collapse, not only a possible one."""

    def grown(self, clock_ms: int, unanswered: int, chance: float | None = None) -> Severity:
        """Return how severe it is by now: it grows with the chance of a collapse and with unanswered calls.

        However little is known of the home, `EXTREME_AFTER_MS` after its deadline it is as bad as it gets; half of that where
        a collapse is as good as sure.
        """
        over_ms = clock_ms - self.deadline_ms
        is_sure = chance is not None and chance >= EXTREME_FROM
        if over_ms >= (EXTREME_AFTER_MS // 2 if is_sure else EXTREME_AFTER_MS) or unanswered >= 2:
            return Severity.EXTREME
        return Severity.MODERATE if self.away else Severity.SEVERE

    def moved(self, shares: dict[str, float]) -> bool:
        """Tell whether a share moved by more than 10 points since it was last told."""
        return any(abs(shares.get(k, 0.0) - self.shares.get(k, 0.0)) > MOVED for k in {*shares, *self.shares})

    def state(self) -> list[Any]:
        """Return plain numbers."""
        shares = [[k, v] for k, v in sorted(self.shares.items())]
        return [*self[:5], shares, self.away, self.cleared_ms, self.likely]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Alarm":
        """Return the alarm of a `state()`."""
        life, since, deadline, raised, severity, shares, away, cleared, *rest = state
        return cls(life, since, deadline, raised, severity, dict(shares), away, cleared, bool(rest and rest[0]))
