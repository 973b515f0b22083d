"""One sentence in Korean and one in English that a welfare officer would say aloud."""

import re
from collections.abc import Mapping
from typing import Final

from detectors.findings import Fact, Finding
from schemas.alerts import HAZARD_NAMES, Hazard
from schemas.exercise import MARK_EN, MARK_KO, is_exercise
from schemas.incidents import EMERGENCIES, KIND_NAMES, Incident, IncidentKind
from schemas.vocabulary import Ask

_OBJECT: Final[dict[Ask, str]] = {"guardian": "를", "neighbour": "을"}
"""The particle after whoever reached the person."""
_ASKED: Final[dict[Ask, tuple[str, str]]] = {
    "prompt": ("가정 내 알림", "the prompt in the home"),
    "sms": ("안부 문자", "a message"),
    "checkin_call": ("안부 전화", "a check-in call"),
    "robot": ("돌봄 로봇의 질문", "the care robot"),
    "guardian": ("보호자", "the guardian"),
    "neighbour": ("이웃", "a neighbour"),
}


_HABITS: Final[dict[str, tuple[str, str]]] = {
    "activity": (
        "최근 몇 주 사이 집 안에서의 활동이 평소보다 뚜렷이 줄었습니다.",
        "Over the last weeks there has been clearly less activity at home than usual.",
    ),
    "sleep": (
        "최근 몇 주 사이 밤에 깨어 움직이시는 일이 평소보다 잦아졌습니다.",
        "Over the last weeks the person has been up at night more often than usual.",
    ),
    "doses": (
        "최근 몇 주 사이 약을 거르시는 일이 평소보다 잦아졌습니다.",
        "Over the last weeks doses have been missed more often than usual.",
    ),
    "outings": (
        "최근 몇 주 사이 외출이 평소보다 뚜렷이 줄었습니다.",
        "Over the last weeks the person has gone out clearly less than usual.",
    ),
    "contacts": (
        "최근 몇 주 사이 전화나 문자로 연락을 주고받으시는 일이 평소보다 뚜렷이 줄었습니다.",
        "Over the last weeks there have been clearly fewer calls and messages than usual.",
    ),
}
"""What to say of a habit that got worse."""
_TOPICS: Final[dict[str, tuple[str, str]]] = {
    "health": ("건강", "health"),
    "meals": ("식사", "meals"),
    "sleep": ("수면", "sleep"),
    "exercise": ("운동", "exercise"),
    "outings": ("외출", "outings"),
    "mood": ("기분", "mood"),
    "medication": ("복약", "medication"),
}


_DEVICES: Final[dict[str, tuple[str, str]]] = {
    "device": ("댁의 센서 하나가", "A sensor at home"),
    "sensors": ("댁의 게이트웨이가", "The gateway at home"),
    "robot": ("돌봄 로봇이", "The care robot"),
    "phone": ("휴대전화가", "The phone"),
    "worn": ("착용 기기가", "The worn device"),
}


_AGE_KO: Final = re.compile(r"(?:방금|(?:\d+시간 )?\d+분 전) 감지되었습니다\.$")
_AGE_EN: Final = re.compile(r"(?:just now|(?:\d+ h )?\d+ min ago)\.$")


def _hours(value: object) -> tuple[str, str]:
    hours = float(value) if isinstance(value, int | float) else 0.0
    whole, minutes = int(hours), round(hours % 1 * 60)
    if minutes == 60:
        whole, minutes = whole + 1, 0
    korean = f"{whole}시간" + (f" {minutes}분" if minutes else "")
    return korean, f"{whole} h" + (f" {minutes} min" if minutes else "")


def _age(age_ms: int) -> tuple[str, str]:
    minutes = max(0, age_ms) // 60_000
    if not minutes:
        return "방금", "just now"
    if minutes < 60:
        return f"{minutes}분 전", f"{minutes} min ago"
    return f"{minutes // 60}시간 {minutes % 60}분 전", f"{minutes // 60} h {minutes % 60} min ago"


def dated(incident: Incident, at: str) -> tuple[str, str]:
    """Korean and English sentence of an incident, an emergency's with this time in the place of its age.

    "Just now" was true when it was told; whoever reads it later must not take it for now.
    """
    korean, english = incident.sentence_ko, incident.sentence_en
    if incident.kind not in EMERGENCIES:
        return korean, english
    return _AGE_KO.sub(f"{at}에 감지되었습니다.", korean), _AGE_EN.sub(f"{at}.", english)


def sentences(finding: Finding, now_ms: int) -> tuple[str, str]:
    """Korean and English sentence for a finding as it stands at `now_ms`, UTC milliseconds."""
    korean, english = KIND_NAMES[finding.kind]
    facts = finding.facts
    if finding.kind is IncidentKind.SILENCE:
        silent = _hours(facts.get("silent_h"))
        usual = facts.get("usual_per_h")
        if isinstance(usual, int | float) and usual:
            return (
                f"평소 이 시간에는 시간당 생활 반응이 {usual:.1f}번 있으나, {silent[0]}째 없습니다.",
                f"Usually {usual:.1f} signs of life an hour at this time; none for {silent[1]}.",
            )
        return f"{silent[0]}째 생활 반응이 없습니다.", f"No signs of life for {silent[1]}."
    if finding.kind is IncidentKind.UNANSWERED_CALLS:
        count = facts.get("in_a_row", 0)
        return f"안부 전화를 {count}번 연속 받지 않았습니다.", f"{count} check-in calls in a row were not answered."
    if finding.kind is IncidentKind.MISSED_MEDICATION:
        count = facts.get("missed", facts.get("in_a_row", 0))
        return f"복약을 {count}번 연속 걸렀습니다.", f"{count} doses in a row were missed."
    if finding.kind is IncidentKind.DISASTER_NO_ANSWER:
        hazard = HAZARD_NAMES[Hazard(str(facts.get("hazard", Hazard.OTHER)))]
        return (
            f"{hazard[0]} 재난 안부 확인에 아직 응답이 없습니다.",
            f"No answer yet to the question whether they are safe ({hazard[1]}).",
        )
    if finding.kind is IncidentKind.DISTRICT_OUTAGE:
        return _of_district(facts)
    if finding.kind is IncidentKind.CANNOT_SEE:
        blind = _hours(facts.get("blind_h"))
        return (
            f"{blind[0]}째 어떤 기기에서도 신호가 없어 안부를 확인할 수 없습니다.",
            f"Nothing has reported for {blind[1]}: Anbu cannot see this home.",
        )
    at_home = _of_the_home(finding.kind, facts)
    if at_home is not None:
        return at_home
    slowly = _slowly(finding.kind, facts)
    if slowly is not None:
        return slowly
    age = _age(now_ms - finding.event_from_ms)
    return f"{korean}: {age[0]} 감지되었습니다.", f"{english[:1].upper()}{english[1:]}, {age[1]}."


def _of_the_home(kind: IncidentKind, facts: Mapping[str, Fact]) -> tuple[str, str] | None:
    """Korean and English sentence for what devices say of the home, and for a night out; None for everything else."""
    lasts, value = _hours(facts.get("lasts_h")), facts.get("value", 0)
    if kind in (IncidentKind.COLD_ROOM, IncidentKind.HOT_ROOM):
        korean, english = ("추운", "cold") if kind is IncidentKind.COLD_ROOM else ("더운", "hot")
        return (
            f"실내가 {lasts[0]} 넘게 {korean} 상태였습니다(당시 {value}도).",
            f"It has been too {english} at home for over {lasts[1]} ({value} °C then).",
        )
    if kind is IncidentKind.DOOR_OPEN:
        return f"출입문이 {lasts[0]} 넘게 열려 있습니다.", f"The front door has stood open for over {lasts[1]}."
    if kind is IncidentKind.WATER_LEAK:
        return "집 안에서 누수가 감지되었습니다.", "A leak of water was noticed at home."
    if kind is IncidentKind.WEAK_BATTERY:
        return (
            f"기기의 배터리가 {float(value):.0f}% 남아 곧 꺼질 수 있습니다.",
            f"A device has {float(value):.0f} % of its battery left and may soon go dark.",
        )
    if kind in (IncidentKind.DEVICE_OFFLINE, IncidentKind.PHONE_OFF):
        what, gone = _DEVICES.get(str(facts.get("what")), _DEVICES["device"]), _hours(facts.get("offline_h"))
        off = (
            ("꺼져 있습니다", "been switched off")
            if kind is IncidentKind.PHONE_OFF
            else ("신호가 없습니다", "said nothing")
        )
        return f"{what[0]} {gone[0]}째 {off[0]}.", f"{what[1]} has {off[1]} for {gone[1]}."
    if kind is IncidentKind.MISSED_MEALS:
        return _meals(facts)
    if kind is IncidentKind.OUT_AT_NIGHT:
        out = tuple(part.removeprefix("0시간 ").removeprefix("0 h ") for part in _hours(facts.get("out_h")))
        return (
            f"평소와 달리 한밤중에 집을 나서신 뒤 {out[0]} 넘게 돌아오지 않으셨습니다.",
            f"Left home in the middle of the night, which is unusual, and has not been back for over {out[1]}.",
        )
    return None


def _meals(facts: Mapping[str, Fact]) -> tuple[str, str]:
    told, missed = facts.get("told", 0), facts.get("missed", 0)
    if told and told == missed:
        return (
            f"최근 대화에서 {told}번 연속 식사를 걱정하셨습니다.",
            f"Meals were named as a worry in {told} talks in a row.",
        )
    return (
        f"댁에 계시는데도 평소와 달리 {missed}번 연속 식사하신 흔적이 없습니다.",
        f"At home, but no sign of a meal {missed} times in a row, which is unusual.",
    )


def repaired(finding: Finding) -> tuple[str, str] | None:
    """Korean and English sentence for what is seen again, with how long it was not; None for everything else."""
    if "repaired_h" not in finding.facts:
        return None
    gone = _hours(finding.facts["repaired_h"])
    if finding.kind is IncidentKind.CANNOT_SEE:
        return f"{gone[0]} 만에 다시 신호가 들어옵니다.", f"Something reports again, after {gone[1]}."
    if finding.kind is IncidentKind.PHONE_OFF:
        return f"휴대전화가 {gone[0]} 만에 다시 켜졌습니다.", f"No phone is off any more, after {gone[1]}."
    if finding.kind is IncidentKind.DEVICE_OFFLINE:
        # It may have been taken away as well: nobody knows that it was repaired.
        return (
            f"{gone[0]} 만에, 연결이 끊긴 기기가 더 이상 없습니다.",
            f"No device is offline any more, after {gone[1]}.",
        )
    return None


def _slowly(kind: IncidentKind, facts: Mapping[str, Fact]) -> tuple[str, str] | None:
    """Korean and English sentence for what gets worse over weeks; None for everything else."""
    if kind in (IncidentKind.SLOW_DECLINE, IncidentKind.WITHDRAWAL):
        return _HABITS.get(str(facts.get("habit")), _HABITS["activity"])
    if kind is IncidentKind.NIGHT_WANDERING:
        return (
            "최근 한밤중에 집을 나서시는 일이 평소보다 잦아졌습니다.",
            "Lately the person has left home in the middle of the night more often than usual.",
        )
    if kind is IncidentKind.DAY_NIGHT_REVERSAL:
        return (
            "최근 며칠 사이 밤에 활동하고 낮에 쉬시는 등 낮과 밤이 바뀌었습니다.",
            "Over the last days the person has been active at night instead of by day.",
        )
    if kind is IncidentKind.FALLING_ANSWERS:
        return (
            "안부 전화를 받으시는 일이 예전보다 뚜렷이 줄었습니다.",
            "Check-in calls are answered clearly less often than before.",
        )
    if kind is IncidentKind.SHORTER_TALKS and facts.get("habit") == "dialogs":
        return (
            "돌봄 로봇과 나누시는 대화가 예전보다 뚜렷이 짧아졌습니다.",
            "The talks with the care robot have become clearly shorter than before.",
        )
    if kind is IncidentKind.SHORTER_TALKS:
        return (
            "안부 전화에서 나누시는 대화가 예전보다 뚜렷이 짧아졌습니다.",
            "The talks in check-in calls have become clearly shorter than before.",
        )
    if kind is IncidentKind.LOW_MOOD:
        low, talks = facts.get("low", 0), facts.get("talks", 0)
        return (
            f"최근 대화 {talks}번 가운데 {low}번에서 기분이 가라앉거나 외롭다고 하셨습니다.",
            f"Low or lonely in {low} of the last {talks} talks.",
        )
    if kind is IncidentKind.LASTING_CONCERN:
        korean, english = _TOPICS.get(str(facts.get("topic")), ("생활", "daily life"))
        days = facts.get("days", 0)
        return (
            f"{korean}에 대한 걱정이 {days}일째 이어지고 있습니다.",
            f"A concern about {english} has lasted {days} days.",
        )
    return None


def after_answer(ask: Ask, outcome: str, *, needs_help: bool = False) -> tuple[str, str]:
    """Korean and English sentence for an incident that an answer has settled: they are safe, or have a new incident of their own."""
    korean, english = _ASKED[ask]
    if needs_help:
        return (
            f"{korean}에 응답하여 도움이 필요하다고 하셨습니다. 함께 열린 사례를 확인해 주십시오.",
            f"Answered {english} and needs help: see the incident opened beside this one.",
        )
    if outcome == "reached":
        who = english.removeprefix("the ").removeprefix("a ").capitalize()
        return f"{korean}{_OBJECT.get(ask, '을')} 통해 안부가 확인되었습니다.", f"{who} reached the person: safe."
    if outcome == "declined":
        return (
            f"{korean}에 통화를 원하지 않는다고 답하여 무사한 것이 확인되었습니다.",
            f"Answered {english}, not wishing to talk: safe.",
        )
    return f"{korean}에 응답하여 무사한 것이 확인되었습니다.", f"Answered {english}: safe."


def guidance_given() -> tuple[str, str]:
    """Korean and English words for: the person was told what to do."""
    return "행동 요령을 안내했습니다.", "Told what to do."


def guidance_not_given() -> tuple[str, str]:
    """Korean and English words for: nobody has told them what to do yet."""
    return "행동 요령은 아직 안내하지 못했습니다.", "Not yet told what to do."


def _of_district(facts: Mapping[str, Fact]) -> tuple[str, str]:
    ways = {"home": ("가정 기기", "devices at home"), "phone": ("휴대전화", "phones")}
    korean, english = ways[str(facts["channel"])]
    heard, expected = facts["heard"], facts["expected"]
    said_ko = (
        f"이 지역에서 평소 이 시간에 약 {expected}가구의 {korean}에서 신호가 오지만 지금은 {heard}가구뿐입니다."
        " 통신이나 전원 장애로 보입니다. 신호가 끊긴 가구의 안부는 확인할 수 없습니다."
    )
    said_en = (
        f"Usually {english} of about {expected} homes in this district report at this time; now {heard} do."
        " It looks like an outage of network or power. Homes that went quiet with it cannot be seen."
    )
    return said_ko, said_en


def to_a_contact(household: str, language: str, hazard: Hazard | None) -> str:
    """Return the one sentence that a guardian or neighbour is told. It holds nothing of how the person lives."""
    if language.partition("-")[0].casefold() == "ko":
        why = f"{HAZARD_NAMES[hazard][0]} 재난으로 안부를 여쭈었으나 " if hazard else ""
        said = (
            f"{why}연락이 닿지 않아 안부를 확인하고 있습니다. 직접 연락하거나 찾아가 보시고, 만나셨는지 알려 주십시오."
        )
        return (MARK_KO if is_exercise(household) else "") + said
    why = f" about the emergency ({HAZARD_NAMES[hazard][1]})" if hazard else ""
    said = f"We could not reach the person you look after{why}. Please call or visit, and tell us whether you reached them."
    return (MARK_EN if is_exercise(household) else "") + said
