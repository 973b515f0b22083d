"""How sure it is that a silence is a collapse: how rarely living people are silent this long, against how often people collapse.

Silences that go as far as this one are given by living people at most `rate` times a household-month: the budget at which
the home would alarm just now: by the three clocks weighed as one, or, once a call is left unanswered, by the rhythm clock
at its share, whichever finds it rarer. A collapse gives COLLAPSES. So, with the home's record of R real and F false alarms
(`detectors.outcomes`),

    odds = COLLAPSES (A + R) / (rate (A + F)),    chance = odds / (1 + odds)

CAP 1.2 calls more than one half `Likely`, else `Possible`. `Observed` is what a device or a person said itself.
How often what is called so likely is so: docs/learning.md.
"""

from typing import Final

from detectors.hours import HOUR_MS
from detectors.outcomes import WEIGHT
from detectors.state import RHYTHM_SHARE, RHYTHM_SHARE_CARRIED, State
from detectors.verdict import Silence
from schemas.incidents import Certainty

COLLAPSES: Final = 0.03
"""Collapses a household-month: the prior of `streams.cases.ranking`, 1 in 1,000 a day. Assumed."""
LIKELY_FROM: Final = 0.5
RAREST: Final = 1e-4
"""The tails are not believed further out."""


def chance_of(state: State, silence: Silence, clock_ms: int) -> float | None:
    """Return how likely it is that a silence at home is a collapse; None while the person is out, where no rate is known."""
    if silence.away:
        return None
    rate = max(RAREST, rate_of(state, silence, clock_ms))
    found = state.outcomes
    odds = COLLAPSES * (WEIGHT + found.real) / (rate * (WEIGHT + found.false))
    return odds / (1 + odds)


def rate_of(state: State, silence: Silence, clock_ms: int) -> float:
    """Return the budget, false alarms a household-month, at which the home would alarm just now."""
    how, rhythm = state.profile.silence, state.rhythm
    since_ms = silence.since_ms
    spans = [min(clock_ms, b) - max(a, since_ms) for a, b in silence.blind if a < clock_ms and b > since_ms]
    seen_h = max(0.0, clock_ms - since_ms - sum(spans)) / HOUR_MS
    if not state.sees_at_home:
        return rhythm.longest.budget_at(how.longest_k, seen_h) / (1 - RHYTHM_SHARE_CARRIED)
    scores = state.scores(silence, clock_ms)
    calls = scores.pop("calls", 0.0)
    nats = sum(scores.values())
    if silence.ghost_ms:
        nats -= how.ghost_nats * silence.ghost_share
    rate = state.weighed(since_ms).budget_at(nats, seen_h)
    return min(rate, rhythm.threshold.budget_at(nats + calls) / RHYTHM_SHARE) if calls else rate


def certainty_of(chance: float | None) -> Certainty:
    """Return CAP's word for a chance."""
    return Certainty.LIKELY if chance is not None and chance > LIKELY_FROM else Certainty.POSSIBLE
