"""What would change a decision, in words: the code that each revision carries, and what it means for its kind."""

from typing import Final

from detectors.chronic import SEVERITIES
from schemas.incidents import EMERGENCIES, Incident, IncidentKind

Said = tuple[str, str]
"""(Korean, English), to be put behind a label."""
_OF_CODE: Final[dict[str, Said]] = {
    "life": ("생활 반응이 있거나 안부 확인에 응답하시면", "a sign of life, or an answer"),
    "answer": ("본인이나 보호자가 응답하시면", "an answer of the person, or of somebody who reached them"),
    "heartbeat": ("기기에서 신호가 다시 들어오면", "a report of any device"),
    "late_data": ("늦게 도착하는 기록이 달리 말하면", "data that come late and say otherwise"),
    "clear": ("원래대로 돌아오면", "its being as usual again"),
}
_SLOW: Final[Said] = ("며칠 이어서 평소처럼 지내시면", "some days as usual again")
_EMERGENCY: Final[Said] = (
    "해제 신호가 오면 해제로 표시되며, 담당자가 확인해야 끝납니다",
    "a signal that it is over marks it as cleared; it ends when an officer has made sure",
)
_OF_KIND: Final[dict[IncidentKind, Said]] = {
    **dict.fromkeys(SEVERITIES, _SLOW),
    **dict.fromkeys(EMERGENCIES, _EMERGENCY),
    IncidentKind.LOW_MOOD: ("다음 대화에서 기분이 나아졌다고 하시면", "a talk in which the mood is better"),
    IncidentKind.LASTING_CONCERN: ("다음 대화에서 걱정이 풀렸다고 하시면", "a talk in which the concern is resolved"),
    IncidentKind.FALLING_ANSWERS: ("안부 전화를 다시 예전처럼 받으시면", "calls answered as before"),
    IncidentKind.SHORTER_TALKS: ("대화가 다시 예전만큼 길어지면", "talks as long as before"),
    IncidentKind.MISSED_MEDICATION: ("약을 드신 것이 확인되면", "a dose taken"),
    IncidentKind.MISSED_MEALS: ("식사하신 흔적이 보이면", "a sign of a meal"),
    IncidentKind.COLD_ROOM: ("실내 온도가 기준 안으로 돌아오면", "a temperature within the limit"),
    IncidentKind.HOT_ROOM: ("실내 온도가 기준 안으로 돌아오면", "a temperature within the limit"),
    IncidentKind.DOOR_OPEN: ("문이 닫히면", "the door being closed"),
    IncidentKind.WATER_LEAK: ("누수 신호가 해제되면", "the sensor being dry again"),
    IncidentKind.WEAK_BATTERY: ("배터리를 갈거나 충전하면", "a new or a charged battery"),
    IncidentKind.PHONE_OFF: ("휴대전화가 다시 켜지면", "the phone being on again"),
    IncidentKind.OUT_AT_NIGHT: ("집에 돌아오신 기척이 있으면", "a sign of the person back at home"),
}
"""Kinds of which more can be said than their code does."""


def would_change(incident: Incident) -> Said | None:
    """Return what would change the decision; None where nothing would, because it is over."""
    code = incident.would_change
    if not code or incident.ended:
        return None
    return _OF_KIND.get(incident.kind) or _OF_CODE.get(code) or (code, code)
