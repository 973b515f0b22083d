"""Emergencies that one event proves: a pure function of the event alone, called when it arrives."""

from typing import Final

import msgspec

from detectors.findings import Fact, Finding
from detectors.life import named_channel
from schemas.events import Event
from schemas.incidents import Certainty, IncidentKind, Severity, Urgency
from schemas.vocabulary import DisasterAnswer, Distress, Level

_HAZARDS: Final[dict[str, tuple[IncidentKind, Severity, Certainty]]] = {
    "emergency_button": (IncidentKind.EMERGENCY_BUTTON, Severity.SEVERE, Certainty.OBSERVED),
    "gas": (IncidentKind.GAS, Severity.EXTREME, Certainty.LIKELY),
    "smoke": (IncidentKind.SMOKE, Severity.EXTREME, Certainty.LIKELY),
    "carbon_monoxide": (IncidentKind.CARBON_MONOXIDE, Severity.EXTREME, Certainty.LIKELY),
    "heat": (IncidentKind.HEAT, Severity.SEVERE, Certainty.LIKELY),
    "fall": (IncidentKind.FALL, Severity.SEVERE, Certainty.LIKELY),
    "robot_distress": (IncidentKind.DISTRESS, Severity.SEVERE, Certainty.LIKELY),
}
_CALLS: Final = frozenset({"checkin_answered", "checkin_refused", "contact_reached"})
KINDS: Final = frozenset(_HAZARDS) | _CALLS
"""Kinds of event that may hold an emergency: the engine need not ask about any other."""


def emergencies(event: Event) -> list[Finding]:
    """Return what this event alone proves; nothing for nearly every event.

    A hazard's `off` comes back as a finding with `change="clear"`. A wish to die is a kind of its own, whatever else the
    same words said. Repeats give equal findings, so sending them again is harmless.
    """
    if event.kind not in KINDS:
        return []
    if event.kind in _CALLS:
        return _in_a_call(event)
    kind, severity, certainty = _HAZARDS[event.kind]
    if event.data.state == "off":
        return [_finding(event, kind, Severity.MINOR, certainty, change_to_clear=True)]
    if kind is not IncidentKind.DISTRESS:
        return [_finding(event, kind, severity, certainty)]
    return _distress(event, or_else=True)


def _distress(event: Event, *, or_else: bool) -> list[Finding]:
    codes = sorted(set(event.data.codes or []))
    out = []
    if Distress.WISH_TO_DIE in codes:
        out.append(_finding(event, IncidentKind.WISH_TO_DIE, Severity.EXTREME, Certainty.LIKELY))
    others = [code for code in codes if code is not Distress.WISH_TO_DIE]
    if others or (or_else and not out):
        worst = Severity.EXTREME if Distress.FALLEN in others or Distress.CRY_FOR_HELP in others else Severity.SEVERE
        facts: dict[str, Fact] = {"codes": ",".join(others)} if others else {}
        out.append(_finding(event, IncidentKind.DISTRESS, worst, Certainty.LIKELY, facts))
    return out


def _in_a_call(event: Event) -> list[Finding]:
    out = _distress(event, or_else=False)
    alarming = sorted(topic for topic, level in (event.data.topics or {}).items() if level is Level.ALARM)
    if alarming:
        facts: dict[str, Fact] = {"topics": ",".join(alarming)}
        out.append(_finding(event, IncidentKind.CALL_ALARM, Severity.SEVERE, Certainty.LIKELY, facts))
    if event.data.disaster is DisasterAnswer.DAMAGE:
        found = _finding(event, IncidentKind.DISASTER_DAMAGE, Severity.MODERATE, Certainty.OBSERVED)
        out.append(msgspec.structs.replace(found, urgency=Urgency.EXPECTED))
    if event.data.disaster is DisasterAnswer.NEEDS_HELP:
        out.append(_finding(event, IncidentKind.DISASTER_HELP, Severity.EXTREME, Certainty.OBSERVED))
    return out


def _finding(
    event: Event,
    kind: IncidentKind,
    severity: Severity,
    certainty: Certainty,
    facts: dict[str, Fact] | None = None,
    *,
    change_to_clear: bool = False,
) -> Finding:
    return Finding(
        kind=kind,
        change="clear" if change_to_clear else "raise",
        severity=severity,
        urgency=Urgency.PAST if change_to_clear else Urgency.IMMEDIATE,
        certainty=certainty,
        event_from_ms=event.at_ms,
        event_until_ms=event.at_ms,
        shares={} if change_to_clear else {named_channel(event.source): 1.0},
        would_change="" if change_to_clear else "clear",
        source=event.source,
        device=event.data.device,
        event_id=event.id,
        facts=facts or {},
    )
