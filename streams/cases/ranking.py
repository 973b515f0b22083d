"""In which order open incidents need somebody: the chance that somebody needs help, times how much an hour costs. Pure.

    need = chance x urgency

*Chance* that somebody needs help. An emergency has that of its kind, a table below. A silence of score s (cumulative
hazard in nats, so a living person stays silent this long with probability e^-s) by Bayes' rule from a prior q:

    chance = q / (q + (1 - q) e^-s)

A silence that was told without reaching its threshold (another clock was earlier) counts as if it had: each clock spends its
share of the same budget, so one is as rare in ordinary life as the other.

Life seen since, or a device that said off, divides it by ten. *Urgency*: CAP's word for it, times severity, times how fast
help loses its worth for the kind.

The tables are assumed, not measured: they order what is open, they decide nothing. An incident that was told in
its turn carries its chance and what that is made of (`streams.cases.help_model`), corrected by what closings taught.
"""

from math import exp
from typing import Final

from schemas.incidents import Incident, IncidentKind, NextStep, Severity, Urgency
from schemas.times import from_rfc3339

PRIOR: Final = 1e-3
"""Probability that somebody who lives alone lies helpless on a given day, before anything is known of that day."""
CHANCE: Final[dict[IncidentKind, float]] = {
    IncidentKind.EMERGENCY_BUTTON: 0.5,
    IncidentKind.GAS: 0.4,
    IncidentKind.SMOKE: 0.4,
    IncidentKind.CARBON_MONOXIDE: 0.6,
    IncidentKind.HEAT: 0.5,
    IncidentKind.FALL: 0.5,
    IncidentKind.DISTRESS: 0.8,
    IncidentKind.WISH_TO_DIE: 0.9,
    IncidentKind.CALL_ALARM: 0.7,
    IncidentKind.DISASTER_HELP: 0.9,
    IncidentKind.DISASTER_DAMAGE: 0.5,
    IncidentKind.UNANSWERED_CALLS: 0.3,
    IncidentKind.MISSED_MEDICATION: 0.1,
    IncidentKind.CANNOT_SEE: 0.02,
    IncidentKind.DISASTER_NO_ANSWER: 0.2,
    IncidentKind.SLOW_DECLINE: 0.05,
    IncidentKind.WITHDRAWAL: 0.05,
    IncidentKind.LOW_MOOD: 0.1,
    IncidentKind.FALLING_ANSWERS: 0.03,
    IncidentKind.LASTING_CONCERN: 0.05,
    IncidentKind.COLD_ROOM: 0.1,
    IncidentKind.HOT_ROOM: 0.1,
    IncidentKind.DOOR_OPEN: 0.02,
    IncidentKind.WATER_LEAK: 0.05,
    IncidentKind.WEAK_BATTERY: 0.002,
    IncidentKind.OUT_AT_NIGHT: 0.2,
    IncidentKind.NIGHT_WANDERING: 0.1,
    IncidentKind.DAY_NIGHT_REVERSAL: 0.05,
    IncidentKind.MISSED_MEALS: 0.1,
    IncidentKind.SHORTER_TALKS: 0.03,
    IncidentKind.DEVICE_OFFLINE: 0.002,
    IncidentKind.PHONE_OFF: 0.01,
    IncidentKind.DISTRICT_OUTAGE: 0.05,
}
"""How likely somebody needs help; of a silence without a score, as of unanswered calls."""
PACE: Final[dict[IncidentKind, float]] = {
    IncidentKind.GAS: 20.0,
    IncidentKind.SMOKE: 20.0,
    IncidentKind.CARBON_MONOXIDE: 20.0,
    IncidentKind.HEAT: 20.0,
    IncidentKind.WISH_TO_DIE: 20.0,
    IncidentKind.EMERGENCY_BUTTON: 10.0,
    IncidentKind.FALL: 10.0,
    IncidentKind.DISTRESS: 10.0,
    IncidentKind.DISASTER_HELP: 10.0,
    IncidentKind.CALL_ALARM: 3.0,
}
"""How fast help loses its worth, against a silence of hours (1)."""
URGENCY: Final[dict[Urgency, float]] = {
    Urgency.IMMEDIATE: 1.0,
    Urgency.EXPECTED: 0.3,
    Urgency.FUTURE: 0.1,
    Urgency.PAST: 0.1,
}
SEVERITY: Final[dict[Severity, float]] = {
    Severity.MINOR: 0.1,
    Severity.MODERATE: 0.3,
    Severity.SEVERE: 0.7,
    Severity.EXTREME: 1.0,
}
CLEARED: Final = 0.1


def chance(incident: Incident) -> float:
    """Return how likely it is that somebody needs help, 0 to 1: as the incident says, which knows what closings taught."""
    return prior_chance(incident) if incident.chance is None else incident.chance


def prior_chance(incident: Incident) -> float:
    """Return how likely it is that somebody needs help, 0 to 1, before anything was learned from closings."""
    if incident.kind is IncidentKind.SILENCE and incident.score is not None:
        nats = max(0.0, incident.score, incident.threshold or 0.0)
        known = PRIOR / (PRIOR + (1 - PRIOR) * exp(-nats))
    else:
        known = CHANCE.get(incident.kind, CHANCE[IncidentKind.UNANSWERED_CALLS])
    return known * CLEARED if incident.cleared else known


def urgency(incident: Incident) -> float:
    """Return what an hour of waiting costs if somebody does need help, against a grave silence (1)."""
    return URGENCY[incident.urgency] * SEVERITY[incident.severity] * PACE.get(incident.kind, 1.0)


def need(incident: Incident) -> float:
    """Return by how much an open incident needs somebody: the more, the sooner."""
    return chance(incident) * urgency(incident)


def attention(incident: Incident, now_ms: int) -> float:
    """Return the need for somebody who is not there yet, at a moment (UTC milliseconds): the order of a list.

    Half of it where an officer has it still, a quarter where the home is being asked or it was put off, twice where the owner's
    time is over.
    """
    waits = incident.next_step is NextStep.ASKING or incident.snoozed_until is not None
    factor = 0.25 if waits else 0.5 if incident.taken else 1.0
    late = incident.step_until is not None and now_ms > from_rfc3339(incident.step_until)
    return need(incident) * factor * (2.0 if late else 1.0)
