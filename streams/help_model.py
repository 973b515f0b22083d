"""The chance that somebody needs help, as closings have taught it: a logistic regression over what is known of an incident.

    logit(chance) = logit(prior) + w . x, the last part between -2 and 2

The prior is what the detector says, else `streams.ranking.prior_chance`: with no lesson learned all w are 0 and the chance is the prior. river's
logistic regression learns w from incidents that responders closed (1: helped, emergency, hospital, deceased; 0: all was
well, or a device), with a penalty that draws it back to the prior. x names nobody: kind, severity, certainty, hour,
the home's earlier false and real alarms, how many sources spoke, its age, questions left unanswered. Every feature lies
between 0 and 1.
"""

from collections.abc import Sequence
from math import log1p
from typing import Any, Final, NamedTuple, Protocol

from msgspec.structs import replace
from river import linear_model, optim

from detectors.chronic import SEVERITIES
from detectors.conditions import RULES
from detectors.hours import HOUR_MS, hours_of
from schemas.incidents import EMERGENCIES, Certainty, CloseCause, Incident, IncidentKind
from schemas.times import from_rfc3339
from streams.odds import USUAL, chance_at, log_odds
from streams.ranking import prior_chance

MODEL: Final = "help"
"""Its name among the shared models."""
RATE: Final = 0.1
"""Step of the stochastic gradient: constant, so that the latest hundreds of closings count and older ones fade."""
PENALTY: Final = 0.002
"""What draws each weight back to the prior, with every lesson."""
NEEDED: Final = frozenset({CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL, CloseCause.DECEASED})
NOT_NEEDED: Final = frozenset(
    {
        CloseCause.SAFE_AT_HOME,
        CloseCause.SAFE_AWAY,
        CloseCause.WRONG_CONTACT,
        CloseCause.DEVICE_FAULT,
        CloseCause.SOURCE_OUTAGE,
    }
)
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
DAY: Final = range(8, 20)
FURTHEST: Final = 2.0
"""Closings move the log-odds by so much at most: they order what is open, and nothing may sink out of sight."""
SHOWN: Final = 0.05
"""A part that moves the log-odds by less is not worth a word."""


class History(NamedTuple):
    """What responders found in a home before, faded."""

    false: float = 0.0
    real: float = 0.0


class Lesson(Protocol):
    """What an incident that was closed teaches."""

    @property
    def x(self) -> list[float]:
        """Its features, and last the log-odds of the prior."""

    @property
    def y(self) -> float:
        """1 where somebody needed help, else 0."""


def features(incident: Incident, history: History, time_zone: str) -> list[float]:
    """Return what the model looks at, each between 0 and 1, by `NAMES`."""
    group = _GROUPS.get(incident.kind, "other")
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


def stamped(incident: Incident, history: History, time_zone: str, weights: Sequence[float]) -> Incident:
    """Return an incident with its chance and what that is made of, in log-odds; `usual` is the prior."""
    x = features(incident, history, time_zone)
    prior = _usual(incident)
    parts = {name: w * value for name, w, value in zip(NAMES, weights, x, strict=False) if w * value}
    odds = prior + max(-FURTHEST, min(FURTHEST, sum(parts.values())))
    told = {USUAL: prior}
    told |= {name: round(part, 2) for name, part in parts.items() if abs(part) >= SHOWN}
    return replace(incident, chance=round(chance_at(odds), 4), chance_by=told)


def taught(
    incident: Incident, cause: CloseCause | None, history: History, time_zone: str
) -> tuple[list[float], float] | None:
    """Return (x, y) of an incident that was closed, as it was last told; None where the cause says nothing of the person."""
    if cause in NEEDED or cause in NOT_NEEDED:
        x = [*features(incident, history, time_zone), _usual(incident)]
        return x, float(cause in NEEDED)
    return None


def _usual(incident: Incident) -> float:
    """Return the log-odds before closings: as the detector said, else by the tables."""
    return incident.chance_by.get(USUAL, log_odds(prior_chance(incident)))


class Learner:
    """The shared model. The same lessons in the same order give the same weights, bit for bit."""

    def __init__(self) -> None:
        self.lessons = 0
        self._model = _model([0.0] * len(NAMES))

    @property
    def models(self) -> dict[str, tuple[list[float], int]]:
        """Its weights by `NAMES` under its name, and how many lessons taught them."""
        return {MODEL: (self._weights(), self.lessons)}

    def learn_one(self, lesson: Lesson) -> None:
        """Take a lesson; one of another shape, of a version that knows other features, teaches nothing."""
        if len(lesson.x) != len(NAMES) + 1 or not all(abs(value) < 1e3 for value in lesson.x):
            return
        *x, prior = lesson.x
        self._model.intercept = prior
        self._model.learn_one(dict(zip(NAMES, x, strict=True)), lesson.y >= 1.0)
        self.lessons += 1

    def _weights(self) -> list[float]:
        known = self._model.weights
        return [float(known.get(name, 0.0)) for name in NAMES]

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [self.lessons, self._weights()]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        self.lessons, weights = state
        self._model = _model(weights)


def _model(weights: list[float]) -> Any:
    """Return river's logistic regression with these weights; the intercept is each lesson's own prior, and is not learned."""
    model = linear_model.LogisticRegression(optimizer=optim.SGD(RATE), l2=PENALTY, intercept_lr=0.0)
    model._weights.update(dict(zip(NAMES, weights, strict=True)))  # noqa: SLF001 - river has no other way to go on from weights
    return model
