"""How sure it is that a silence is a collapse, and that what is told besides silence is so.

A silence: how rarely living people are silent this long, against how often people collapse. Silences that go as far as this one
are given by living people at most `rate` times a household-month: the budget at which the home would alarm just now, by the three
clocks weighed as one or, once a call is left unanswered, by the rhythm clock at its share, whichever finds it rarer. A collapse
gives COLLAPSES. So, with the home's record of R real and F false alarms (`detectors.outcomes`),

    odds = COLLAPSES (A + R) / (rate (A + F)),    chance = odds / (1 + odds)

Of what is concluded besides silence (`CONCLUDED`) a kind begins `begins` times a household-month, is found with `found` where it
does, and is raised falsely as often as its part of the budget has it, `rate`; with how incidents of the kind were closed in this
home,

    odds = begins found (A + R) / (rate (A + F))

CAP 1.2 calls more than one half `Likely`, else `Possible`. `Observed` is what a device or a person said itself.
How often what is called so likely is so: docs/learning.md.
"""

from typing import Final

from detectors.hours import HOUR_MS
from detectors.outcomes import WEIGHT
from detectors.state import RHYTHM_SHARE, RHYTHM_SHARE_CARRIED, State
from detectors.thrift import PARTS
from detectors.verdict import Silence
from schemas.incidents import Certainty, IncidentKind

COLLAPSES: Final = 0.03
"""Collapses a household-month: the prior of `streams.cases.ranking`, 1 in 1,000 a day. Assumed."""
CONCLUDED: Final[dict[IncidentKind, tuple[float, float]]] = {
    IncidentKind.SLOW_DECLINE: (0.01, 0.95),
    IncidentKind.WITHDRAWAL: (0.01, 0.86),
    IncidentKind.LOW_MOOD: (0.01, 0.89),
    IncidentKind.LASTING_CONCERN: (0.01, 1.0),
    IncidentKind.FALLING_ANSWERS: (0.005, 0.83),
    IncidentKind.SHORTER_TALKS: (0.005, 0.74),
    IncidentKind.NIGHT_WANDERING: (0.003, 1.0),
    IncidentKind.DAY_NIGHT_REVERSAL: (0.003, 0.8),
    IncidentKind.OUT_AT_NIGHT: (0.005, 1.0),
    IncidentKind.MISSED_MEALS: (0.01, 0.72),
}
"""(begins, found): how often each begins a household-month, assumed, and the share that is found, measured on synthetic homes
(docs/detection.md). About one person of nine a year for whom something gets worse over weeks."""
LIKELY_FROM: Final = 0.5
RAREST: Final = 1e-4
"""The tails are not believed further out."""


def chance_of(state: State, silence: Silence, clock_ms: int, scores: dict[str, float] | None = None) -> float | None:
    """Return how likely it is that a silence at home is a collapse; None while the person is out, where no rate is known.

    `scores` are those of the silence by the clock, where they are known already.
    """
    if silence.away:
        return None
    rate = max(RAREST, rate_of(state, silence, clock_ms, scores))
    found = state.outcomes
    odds = COLLAPSES * (WEIGHT + found.real) / (rate * (WEIGHT + found.false))
    return odds / (1 + odds)


def chance_of_kind(state: State, kind: IncidentKind) -> float | None:
    """Return how likely an incident of a kind besides silence is true, once it is raised; None where nothing was measured."""
    if kind not in CONCLUDED:
        return None
    right, wrong = state.thrift.record(kind)
    return chance_at(kind, state.other_budget * PARTS[kind], right, wrong)


def chance_at(kind: IncidentKind, rate: float, right: float = 0.0, wrong: float = 0.0) -> float:
    """Return the same at a false-alarm rate, a household-month, with so many closings that said so and that did not."""
    begins, found = CONCLUDED[kind]
    odds = begins * found * (WEIGHT + right) / (max(RAREST, rate) * (WEIGHT + wrong))
    return odds / (1 + odds)


def rate_of(state: State, silence: Silence, clock_ms: int, scores: dict[str, float] | None = None) -> float:
    """Return the budget, false alarms a household-month, at which the home would alarm just now; `scores` as in `chance_of`."""
    how, rhythm = state.profile.silence, state.rhythm
    since_ms = silence.since_ms
    spans = [min(clock_ms, b) - max(a, since_ms) for a, b in silence.blind if a < clock_ms and b > since_ms]
    seen_h = max(0.0, clock_ms - since_ms - sum(spans)) / HOUR_MS
    if not state.sees_at_home:
        rate = rhythm.longest.budget_at(how.longest_k, seen_h) / (1 - RHYTHM_SHARE_CARRIED)
        trust = state.trust
        if trust:
            nats = sum((state.scores(silence, clock_ms) if scores is None else scores).values())
            rate = min(rate, rhythm.steady.budget_at(nats) / trust)
        return rate
    if scores is None:
        scores = state.scores(silence, clock_ms)
    calls = scores.get("calls", 0.0)
    nats = sum([part for name, part in scores.items() if name != "calls"])
    if silence.ghost_ms:
        nats -= how.ghost_nats * silence.ghost_share
    rate = state.weighed(since_ms).budget_at(nats, seen_h)
    return min(rate, rhythm.threshold.budget_at(nats + calls) / RHYTHM_SHARE) if calls else rate


def certainty_of(chance: float | None) -> Certainty:
    """Return CAP's word for a chance."""
    return Certainty.LIKELY if chance is not None and chance > LIKELY_FROM else Certainty.POSSIBLE
