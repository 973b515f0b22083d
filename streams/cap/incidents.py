"""Incidents as CAP 1.2 messages, one for each revision. Pure."""

from collections import OrderedDict
from typing import Final

from schemas.exercise import MARK_EN, MARK_KO
from schemas.incidents import KIND_NAMES, CloseCause, Incident, IncidentKind, IncidentState, NextStep
from schemas.times import from_rfc3339, to_rfc3339
from streams.cap.form import Group, write
from streams.cases.would_change import would_change

MOST_KNOWN: Final = 100_000
"""Revisions whose time is remembered, for what refers to them."""

_CATEGORY: Final[dict[IncidentKind, tuple[str, ...]]] = {
    IncidentKind.EMERGENCY_BUTTON: ("Rescue", "Health"),
    IncidentKind.GAS: ("Fire", "Safety"),
    IncidentKind.SMOKE: ("Fire",),
    IncidentKind.CARBON_MONOXIDE: ("Health", "Safety"),
    IncidentKind.HEAT: ("Fire",),
    IncidentKind.DISASTER_HELP: ("Rescue",),
    IncidentKind.CANNOT_SEE: ("Infra",),
    IncidentKind.WEAK_BATTERY: ("Infra",),
    IncidentKind.DEVICE_OFFLINE: ("Infra",),
    IncidentKind.PHONE_OFF: ("Infra",),
    IncidentKind.WATER_LEAK: ("Infra", "Safety"),
    IncidentKind.DOOR_OPEN: ("Safety",),
}
"""What is not here is about somebody's health."""

_RESPONSE: Final[dict[NextStep, str]] = {
    NextStep.CALL_119: "Execute",
    NextStep.CRISIS_PROTOCOL: "Execute",
    NextStep.CHECK_DEVICE: "Monitor",
    NextStep.FOLLOW_UP: "Monitor",
    NextStep.EMOTIONAL_SUPPORT: "Monitor",
    NextStep.NONE: "None",
}
"""What is not here asks somebody to find out how the person is."""

STEP_WORDS: Final[dict[NextStep, tuple[str, str]]] = {
    NextStep.CALL_119: ("119에 신고하십시오.", "Call 119."),
    NextStep.REHEARSE_119: ("훈련입니다. 119에 신고하지 마십시오.", "This is an exercise. Do not call 119."),
    NextStep.CRISIS_PROTOCOL: ("위기 대응 절차를 시작하십시오.", "Begin the crisis protocol."),
    NextStep.VISIT_NOW: ("지금 방문해 안부를 확인하십시오.", "Visit now."),
    NextStep.VISIT_TODAY: ("오늘 안으로 방문해 안부를 확인하십시오.", "Visit today."),
    NextStep.ASKING: (
        "안부를 묻고 있습니다. 아직 방문하지 않아도 됩니다.",
        "The home is being asked; nobody need go yet.",
    ),
    NextStep.CALL_RESIDENT: ("전화로 안부를 확인하십시오.", "Call the resident."),
    NextStep.CHECK_DEVICE: ("기기와 통신 상태를 확인하십시오.", "Check the devices and their connection."),
    NextStep.FOLLOW_UP: ("상황이 해소되었는지 확인하십시오.", "Make sure that it is over."),
    NextStep.EMOTIONAL_SUPPORT: (
        "출동이 아니라 정서 지원을 연결하십시오.",
        "Offer emotional support; nobody need be sent.",
    ),
}
"""(Korean, English) words for a next step; one that is not here is given by its code."""


class CapTeller:
    """Tells revisions as CAP messages of one sender, and remembers when each was told.

    `sender` names who sends them, unique in the world (a domain name or an address of the municipality's own); no spaces,
    commas, `<` and `&`. A message that replaces another must give that one's time: a revision whose predecessor was never
    seen is told as an Alert of its own.

    Raises:
        CapError: in `tell`, when the sender cannot be one.

    """

    def __init__(self, sender: str) -> None:
        self.sender = sender
        self._sent: OrderedDict[str, str] = OrderedDict()

    def tell(self, incident: Incident, link: str | None = None) -> bytes:
        """Return the message of a revision; `link` leads into the municipality's own system."""
        before = [self._sent[name] for name in own_references(incident) if name in self._sent]
        self._sent[f"{incident.id}/{incident.revision}"] = incident.at
        if len(self._sent) > MOST_KNOWN:
            self._sent.popitem(last=False)
        return write(message_of(incident, self.sender, before[-1] if before else None, link))


def own_references(incident: Incident) -> list[str]:
    """Earlier revisions of the incident itself that this one replaces.

    An incident that was merged also refers to the one it went into. In CAP that would cancel the other one.
    """
    return [one for one in incident.references if one.rpartition("/")[0] == incident.id]


def message_of(incident: Incident, sender: str, replaced_at: str | None, link: str | None = None) -> Group:
    """Return the message of a revision. `replaced_at`: when the revision before was told; None where nobody knows."""
    is_update = incident.msg_type != "Alert" and replaced_at is not None
    message: Group = {
        "identifier": [_identifier(incident.id, incident.revision)],
        "sender": [sender],
        "sent": [cap_time(incident.at)],
        "status": [incident.status],
        "msgType": [incident.msg_type if is_update else "Alert"],
        "source": [f"Anbu {incident.engine}"],
        "scope": ["Restricted"],
        "restriction": ["responders on duty"],
        "incidents": [" ".join(_gathered(incident))],
        "info": [_info(incident, 0, link), _info(incident, 1, link)],
    }
    if is_update and replaced_at is not None:
        before = _identifier(incident.id, incident.revision - 1)
        message["references"] = [f"{sender},{before},{cap_time(replaced_at)}"]
    if incident.status == "Exercise":
        message["note"] = [f"{MARK_KO}훈련 상황이며 실제 위험은 없습니다. {MARK_EN}Nobody is in need."]
    return message


def cap_time(text: str) -> str:
    """`2026-11-24T00:13:54-00:00`: whole seconds, and UTC as the standard writes it."""
    return to_rfc3339(from_rfc3339(text))[:19] + "-00:00"


def _identifier(name: str, revision: int) -> str:
    return f"anbu-{name}-{revision}"


def _gathered(incident: Incident) -> list[str]:
    """Names under which messages about one thing are gathered: the case, or the incident; and what it merged into."""
    merged = [one.rpartition("/")[0] for one in incident.references]
    return list(dict.fromkeys([incident.case or incident.id, *(one for one in merged if one != incident.id)]))


def _info(incident: Incident, language: int, link: str | None) -> Group:
    korean_or_english = (incident.sentence_ko, incident.sentence_en)[language]
    info: Group = {
        "language": [("ko-KR", "en-US")[language]],
        "category": list(_CATEGORY.get(incident.kind, ("Health",))),
        "event": [KIND_NAMES[incident.kind][language]],
        "responseType": [_response(incident)],
        "urgency": [incident.urgency.value],
        "severity": [incident.severity.value],
        "certainty": [incident.certainty.value],
        "eventCode": [_pair("anbu:kind", incident.kind.value)],
        "effective": [cap_time(incident.at)],
        "onset": [cap_time(incident.event_from)],
        "headline": [korean_or_english],
        "parameter": [_pair(f"anbu:{name}", value) for name, value in _parameters(incident, language) if value],
        "area": [_area(incident, language)],
    }
    if not incident.ended:
        info["instruction"] = [_words(incident.next_step)[language]]
    if link:
        info["web"] = [link]
    return info


def _response(incident: Incident) -> str:
    if incident.state is IncidentState.WITHDRAWN or incident.cause is CloseCause.SAFE_AT_HOME:
        return "AllClear"
    return _RESPONSE.get(incident.next_step, "Assess")


def _words(step: NextStep) -> tuple[str, str]:
    return STEP_WORDS.get(step, (step.value, step.value))


def _parameters(incident: Incident, language: int) -> list[tuple[str, str]]:
    return [
        ("household", incident.household),
        ("incident", incident.id),
        ("revision", str(incident.revision)),
        ("case", incident.case or ""),
        ("state", incident.state.value),
        ("certainty_by", incident.certainty_by),
        ("cause", incident.cause.value if incident.cause else ""),
        ("next_step", incident.next_step.value),
        ("last_sign_of_life", incident.last_sign_of_life or ""),
        ("deadline", incident.deadline or ""),
        ("would_change", (would_change(incident) or ("", ""))[language]),
        ("profile", incident.profile or ""),
    ]


def _area(incident: Incident, language: int) -> Group:
    if not incident.district:
        return {"areaDesc": [("등록되지 않은 가구", "not registered")[language]]}
    return {"areaDesc": [incident.district], "geocode": [_pair("anbu:district", incident.district)]}


def _pair(name: str, value: str) -> Group:
    return {"valueName": [name], "value": [value]}
