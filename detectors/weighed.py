"""The three clocks as one: what each makes of a silence is weighed, and the sum alarms.

Each clock says how rarely a living person's silence goes as far as this one, as -log of a rate a household-month. An alarm at
the earliest of three spends its budget on the ordinary days of each: at equal false alarms the weighted mean of the three is
earlier, for a silence that is odd by every clock is rarer than one that is odd by a single one (R. A. Fisher's and S. A.
Stouffer's ways of combining tests; weights and line measured on the tuning simulator, docs/detection.md).

Of the rhythm's score the mean is linear, and so it is of time: the deadline is that of the score with so many nats more for
each hour that was seen (`detectors.silence.reach`).
"""

import math
from typing import Final, NamedTuple

from detectors.begun import K_PER_LOG_BUDGET, REFERENCE_BUDGET, BegunAt
from detectors.longest import LongestSilence
from detectors.threshold import WEEKLY, Threshold
from schemas.profiles import SilenceProfile

RHYTHM: Final = 0.4
LONGEST: Final = 0.4
BEGUN: Final = 0.2
MONTHLY: Final = 7.5
"""The score, nats, that the population's silences exceed once a household-month,"""
PER_NAT: Final = 1.04
"""and by how many e-th parts rarer they are for each nat more: a line through `threshold.POPULATION`."""
ONCE_A_MONTH: Final = -1.3
"""The weighed sum that is exceeded once a household-month at most, by silences of people who live,"""
PER_LOG_RATE: Final = 1.05
"""and by how much more it is for each e-th part of that."""
FURTHEST: Final = 50.0
"""No budget is told further from once a month than e to this."""
_REFERENCE: Final = -math.log(REFERENCE_BUDGET)


class Weighed(NamedTuple):
    """The sum of the three clocks over one silence: fixed + per_nat x score + per_hour x hours seen."""

    fixed: float
    per_nat: float
    per_hour: float

    def level(self, budget: float) -> tuple[float, float]:
        """Return (nats, nats an hour): the sum alarms at a budget where score + the second x hours reaches the first."""
        wanted = ONCE_A_MONTH - PER_LOG_RATE * math.log(budget)
        return (wanted - self.fixed) / self.per_nat, self.per_hour / self.per_nat

    def budget_at(self, nats: float, seen_h: float) -> float:
        """Return the budget, false alarms a household-month, at which a score after so many hours alarms."""
        total = self.fixed + self.per_nat * nats + self.per_hour * seen_h
        rarer = (total - ONCE_A_MONTH) / PER_LOG_RATE
        return math.exp(-max(-FURTHEST, min(FURTHEST, rarer)))


def weighed(threshold: Threshold, longest: LongestSilence, begun: BegunAt, how: SilenceProfile, hour: int) -> Weighed:
    """Return the sum over a silence at home that began in a local hour."""
    mean_h, deviation_h = longest.usual()
    per_deviation = LONGEST / longest.k_per_log_budget
    begun_h, spread_h = begun.usual(hour)
    per_spread = BEGUN / K_PER_LOG_BUDGET
    per_nat = RHYTHM * PER_NAT / threshold.scale
    fixed = (
        RHYTHM * PER_NAT * (WEEKLY - MONTHLY)
        - per_nat * threshold.weekly
        + (LONGEST + BEGUN) * _REFERENCE
        - per_deviation * (mean_h / deviation_h + how.longest_k)
        - per_spread * (begun_h / spread_h + how.begun_k)
    )
    return Weighed(fixed, per_nat, per_deviation / deviation_h + per_spread / spread_h)
