"""The chance that somebody needs help, as closings have taught it: a logistic regression over what is known of an incident.

    logit(chance) = logit(prior) + w . x, the last part between -2 and 2

The prior is what the detector says, else `streams.cases.ranking.prior_chance`: with no lesson learned all w are 0 and the chance is the prior. river's
logistic regression learns w from incidents that responders closed (1: helped, emergency, hospital, deceased; 0: all was
well, or a device), with a penalty that draws it back to the prior. x names nobody: kind, severity, certainty, hour,
the home's earlier false and real alarms, how many sources spoke, its age, questions left unanswered. Every feature lies
between 0 and 1.
"""

from collections.abc import Sequence
from math import log1p
from typing import Final, NamedTuple

from msgspec.structs import replace

from detectors.chronic import SEVERITIES
from detectors.conditions import RULES
from detectors.hours import HOUR_MS, hours_of
from schemas.incidents import EMERGENCIES, Certainty, Incident, IncidentKind
from schemas.times import from_rfc3339
from streams.cases.odds import USUAL, chance_at, log_odds
from streams.cases.ranking import prior_chance

_DISASTERS: Final = (IncidentKind.DISASTER_DAMAGE, IncidentKind.DISASTER_NO_ANSWER)
_GROUPS: Final[dict[IncidentKind, str]] = {
    IncidentKind.SILENCE: "silence",
    IncidentKind.UNANSWERED_CALLS: "calls",
    IncidentKind.MISSED_MEDICATION: "doses",
    IncidentKind.CANNOT_SEE: "blind",
    **dict.fromkeys(SEVERITIES, "slow"),
    **dict.fromkeys(RULES, "at_home"),
    **dict.fromkeys(EMERGENCIES, "emergency"),
    **dict.fromkeys(_DISASTERS, "disaster"),
}
GROUPS: Final = ("silence", "calls", "doses", "blind", "slow", "at_home", "emergency", "disaster", "other")
FACTS: Final = ("severity", "likely", "by_day", "false_before", "real_before", "sources", "age", "unanswered")
NAMES: Final = (*GROUPS, *FACTS)
"""The features, in the order of the weights."""
AGE: Final = NAMES.index("age")
DAY: Final = range(8, 20)
FURTHEST: Final = 2.0
"""Closings move the log-odds by so much at most: they order what is open, and nothing may sink out of sight."""
SHOWN: Final = 0.05
"""A part that moves the log-odds by less is not worth a word."""


class History(NamedTuple):
    """What responders found in a home before, faded."""

    false: float = 0.0
    real: float = 0.0


def group_of(kind: IncidentKind) -> str:
    """Return the group of a kind, one of `GROUPS`."""
    return _GROUPS.get(kind, "other")


def features(incident: Incident, history: History, time_zone: str) -> list[float]:
    """Return what the model looks at, each between 0 and 1, by `NAMES`."""
    group = group_of(incident.kind)
    opened_ms = from_rfc3339(incident.opened_at)
    age_h = max(0, from_rfc3339(incident.at) - opened_ms) / HOUR_MS
    asked_in_vain = sum(step.outcome in ("no_answer", "not_reached") for step in incident.ladder)
    facts = (
        incident.severity.rank / 3,
        float(incident.certainty in (Certainty.LIKELY, Certainty.OBSERVED)),
        float(hours_of(time_zone).hour(opened_ms) in DAY),
        min(1.0, log1p(history.false) / 2),
        min(1.0, log1p(history.real) / 2),
        min(1.0, len(incident.shares) / 4),
        min(1.0, log1p(age_h) / 5),
        min(1.0, asked_in_vain / 4),
    )
    return [*(float(group == name) for name in GROUPS), *(round(fact, 4) for fact in facts)]


def looks(incident: Incident, history: History, time_zone: str) -> list[float]:
    """Return what an incident looks like to the model: its features, and last the log-odds of the prior."""
    return [*features(incident, history, time_zone), incident.chance_by.get(USUAL, log_odds(prior_chance(incident)))]


def stamped(incident: Incident, x: Sequence[float], weights: Sequence[float]) -> Incident:
    """Return an incident that looks like `x`, with its chance and what that is made of, in log-odds; `usual` is the prior."""
    *values, prior = x
    parts = {name: w * value for name, w, value in zip(NAMES, weights, values, strict=False) if w * value}
    odds = prior + max(-FURTHEST, min(FURTHEST, sum(parts.values())))
    told = {USUAL: prior}
    told |= {name: round(part, 2) for name, part in parts.items() if abs(part) >= SHOWN}
    return replace(incident, chance=round(chance_at(odds), 4), chance_by=told)
