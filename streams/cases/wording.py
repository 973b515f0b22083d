"""One sentence in Korean and one in English that a welfare officer would say aloud."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from detectors.findings import Fact, Finding
from detectors.hours import HOUR_MS
from schemas.alerts import HAZARD_NAMES, Hazard
from schemas.exercise import MARK_EN, MARK_KO, is_exercise
from schemas.incidents import EMERGENCIES, KIND_NAMES, Incident, IncidentKind
from schemas.times import from_rfc3339
from schemas.vocabulary import Ask
from streams.cases.particles import object_of, subject
from streams.cases.wording_numbers import Said, hours, in_a_row, number, of_ten
from streams.cases.wording_slow import slowly

Facts = dict[str, Fact]
_ASKED: Final[dict[Ask, tuple[str, str]]] = {
    "prompt": ("가정 내 알림", "the prompt in the home"),
    "sms": ("안부 문자", "a message"),
    "checkin_call": ("안부 전화", "a check-in call"),
    "robot": ("돌봄 로봇의 질문", "the care robot"),
    "guardian": ("보호자", "the guardian"),
    "neighbour": ("이웃", "a neighbour"),
}
_DEVICES: Final[dict[str, tuple[str, str]]] = {
    "device": ("댁의 센서 하나", "A sensor at home"),
    "sensors": ("댁의 게이트웨이", "The gateway at home"),
    "robot": ("돌봄 로봇", "The care robot"),
    "phone": ("휴대전화", "The phone"),
    "worn": ("착용 기기", "The worn device"),
}
SELDOM_AN_HOUR: Final = 0.1
"""Signs of life an hour up to which an hour is usually quiet: the longest pause of an ordinary day says more then."""
MOST_OF_TEN: Final = 5
"""From so many of ten on, the usual stands before what was found, as what it differs from."""
SELDOM_OUT: Final = 0.03
"""Nights out a night up to which somebody hardly ever goes out at night."""


RUNNING: Final = frozenset(
    {IncidentKind.SILENCE, IncidentKind.CANNOT_SEE, IncidentKind.DEVICE_OFFLINE, IncidentKind.PHONE_OFF}
)
"""Kinds whose sentence says for how long something has lasted, counted from the incident's `event_from`."""
_LASTS_KO: Final = re.compile(r"(?:1분 미만|\d+시간(?: \d+분)?|\d+분)째")
_LASTS_EN: Final = re.compile(r"(?<=\bfor )(?:less than a minute|\d+ h(?: \d+ min)?|\d+ min)(?=[.:; ])")
_AGE_KO: Final = re.compile(r"(?:방금|(?:\d+시간 )?\d+분 전) 감지되었습니다\.$")
_AGE_EN: Final = re.compile(r"(?:just now|(?:\d+ h )?\d+ min ago)\.$")


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


def lasting(incident: Incident, said: Said, now_ms: int) -> Said:
    """Return both sentences of an incident that goes on, for as long as it has lasted by now.

    A revision comes when a decision changes, not as time passes: "nothing for 6 h" of a home that has been dark for a day
    would send nobody.
    """
    if incident.kind not in RUNNING or incident.cleared or incident.ended:
        return said
    korean, english = hours(max(0, now_ms - from_rfc3339(incident.event_from)) / HOUR_MS)
    return _LASTS_KO.sub(f"{korean}째", said[0], count=1), _LASTS_EN.sub(english, said[1], count=1)


def sentences(finding: Finding, now_ms: int) -> Said:
    """Korean and English sentence for a finding as it stands at `now_ms`, UTC milliseconds.

    Where the facts hold what is usual in this home, or the limit, it stands beside what was found.
    """
    say = _SAYING.get(finding.kind)
    said = slowly(finding.kind, finding.facts) if say is None else say(finding.facts)
    if said is not None:
        return said
    korean, english = KIND_NAMES[finding.kind]
    age = _age(now_ms - finding.event_from_ms)
    return f"{korean}: {age[0]} 감지되었습니다.", f"{english[:1].upper()}{english[1:]}, {age[1]}."


_LIMITS: Final[dict[str, Said]] = {
    "latest": ("담당자가 정해 둔 시한이 지나 알립니다.", "The limit that an officer set for this home has passed."),
    "fixed": ("모든 가구에 두는 시한이 지나 알립니다.", "The limit that every home has has passed."),
}
"""By whose clock a silence was told, where it was not the home's own rhythm: else a sentence beside the usual surprises."""


def _silence(facts: Facts) -> Said:
    korean, english = _silent(facts)
    why = _LIMITS.get(str(facts.get("clock")))
    return (korean, english) if why is None else (f"{korean} {why[0]}", f"{english} {why[1]}")


def _silent(facts: Facts) -> Said:
    silent, usual = hours(number(facts, "silent_h")), number(facts, "usual_per_h")
    if usual is None:
        return f"{silent[0]}째 생활 반응이 없습니다.", f"No signs of life for {silent[1]}."
    if usual > SELDOM_AN_HOUR and not facts.get("away"):
        each = round(1 / usual)
        if each > 1 and each >= (number(facts, "silent_h") or 0.0):
            # It has not lasted longer than it usually may at this hour: nothing to set against it.
            return (
                f"{silent[0]}째 생활 반응이 없습니다. 평소 이 시간에는 {each}시간에 한 번쯤 있습니다.",
                f"No signs of life for {silent[1]}; usually there is one about every {each} hours at this time.",
            )
        if each > 1:
            return (
                f"평소 이 시간에는 {each}시간에 한 번쯤 생활 반응이 있으나, {silent[0]}째 없습니다.",
                f"Usually a sign of life about every {each} hours at this time; none for {silent[1]}.",
            )
        return (
            f"평소 이 시간에는 시간당 생활 반응이 {usual:.1f}번 있으나, {silent[0]}째 없습니다.",
            f"Usually {usual:.1f} signs of life an hour at this time; none for {silent[1]}.",
        )
    longest = number(facts, "usual_longest_h")
    out = ("외출하신 뒤 ", " since the person went out") if facts.get("away") else ("", "")
    korean, english = f"{out[0]}{silent[0]}째 생활 반응이 없습니다.", f"No signs of life for {silent[1]}{out[1]}"
    if not longest:
        return korean, f"{english}."
    pause = hours(round(longest * 2) / 2)
    if out[0]:
        return (
            f"{korean} 평소 하루의 가장 긴 외출은 {pause[0]}쯤입니다.",
            f"{english}; the longest outing of an ordinary day is about {pause[1]}.",
        )
    return (
        f"{korean} 평소 하루 가운데 가장 긴 공백은 {pause[0]}쯤입니다.",
        f"{english}; the longest pause of an ordinary day is about {pause[1]}.",
    )


def _calls(facts: Facts) -> Said:
    count = int(number(facts, "in_a_row") or 0)
    korean = f"안부 전화를 {in_a_row(count)[0]} 받지 못하셨습니다."
    english = "A check-in call was not answered" if count == 1 else f"{count} check-in calls in a row were not answered"
    return _beside_share(
        (korean, english),
        number(facts, "usual"),
        nearly_all=("평소 이 시간대 전화는 거의 다 받으시지만, ", "usually nearly all are at this hour"),
        most=("평소 이 시간대 전화는 10번 가운데 {ten}번쯤 받으시지만, ", "usually about {ten} of 10 are at this hour"),
        few=(
            " 평소에도 이 시간대에는 10번 가운데 {ten}번쯤만 받으십니다.",
            "usually only about {ten} of 10 are at this hour",
        ),
        hardly_any=(" 평소에도 이 시간대에는 거의 받지 못하십니다.", "hardly any ever is at this hour"),
    )


def _doses(facts: Facts) -> Said:
    count = int(number(facts, "missed") or 0)
    korean = f"약 드신 것이 {in_a_row(count)[0]} 확인되지 않았습니다."
    english = "A dose was missed" if count == 1 else f"{count} doses in a row were missed"
    return _beside_share(
        (korean, english),
        number(facts, "usual"),
        nearly_all=("평소에는 거의 빠짐없이 드시지만, ", "usually hardly any is"),
        most=("평소에는 10번 가운데 {ten}번쯤 확인되지만, ", "usually about {ten} of 10 are taken"),
        few=(" 평소에도 10번 가운데 {ten}번쯤만 확인됩니다.", "usually only about {ten} of 10 are taken"),
        hardly_any=(" 평소에도 거의 확인되지 않습니다.", "usually hardly any is taken"),
    )


def _beside_share(
    found: Said, usual: float | None, *, nearly_all: Said, most: Said, few: Said, hardly_any: Said
) -> Said:
    """Return what was found beside the usual share: in Korean before it where it differs, behind it where it was to be expected."""
    korean, english = found
    if usual is None:
        return korean, f"{english}."
    ten = of_ten(usual)
    often = ten >= MOST_OF_TEN
    said = (nearly_all if ten == 10 else most) if often else few if ten else hardly_any
    said_ko, said_en = (words.format(ten=ten) for words in said)
    return f"{said_ko}{korean}" if often else f"{korean}{said_ko}", f"{english}; {said_en}."


def _disaster(facts: Facts) -> Said:
    hazard = HAZARD_NAMES[Hazard(str(facts.get("hazard", Hazard.OTHER)))]
    return (
        f"{hazard[0]} 재난 안부 확인에 아직 응답이 없습니다.",
        f"No answer yet to the question whether they are safe ({hazard[1]}).",
    )


def _blind(facts: Facts) -> Said:
    if facts.get("state_lost"):
        return (
            "이 댁에 관한 기록이 손상되어, 다음 생활 반응이 있을 때까지 안부를 확인할 수 없습니다.",
            "What was known of this home was damaged: Anbu cannot see it until the next sign of life.",
        )
    blind, usual = hours(number(facts, "blind_h")), number(facts, "usual_h")
    korean = f"{blind[0]}째 어떤 기기에서도 신호가 없어 안부를 확인할 수 없습니다."
    if not usual:
        return korean, f"Nothing has reported for {blind[1]}: Anbu cannot see this home."
    often = hours(usual)
    return (
        f"평소에는 {often[0]} 안에 신호가 오지만, {korean}",
        f"Usually something reports within {often[1]}; nothing has for {blind[1]}: Anbu cannot see this home.",
    )


def _room(kind: IncidentKind, facts: Facts) -> Said:
    lasts, value, limit = hours(number(facts, "lasts_h")), facts.get("value", 0), number(facts, "limit")
    korean, english = ("추운", "cold") if kind is IncidentKind.COLD_ROOM else ("더운", "hot")
    held = ("", "") if limit is None else (f", 기준 {limit:g}도", f", the limit is {limit:g} °C")
    return (
        f"실내가 {lasts[0]} 넘게 {korean} 상태였습니다(당시 {value}도{held[0]}).",
        f"It has been too {english} at home for over {lasts[1]} ({value} °C then{held[1]}).",
    )


def _door(facts: Facts) -> Said:
    lasts, limit = hours(number(facts, "lasts_h")), number(facts, "limit")
    # It is told as soon as the limit is reached: the same number need not be said twice.
    held = None if limit is None or hours(limit) == lasts else hours(limit)
    return (
        f"출입문이 {lasts[0]} 넘게 열려 있습니다{f'(기준 {held[0]})' if held else ''}.",
        f"The front door has stood open for over {lasts[1]}{f' (the limit is {held[1]})' if held else ''}.",
    )


def _leak(_facts: Facts) -> Said:
    return "집 안에서 누수가 감지되었습니다.", "A leak of water was noticed at home."


def _battery(facts: Facts) -> Said:
    left, limit = number(facts, "value") or 0.0, number(facts, "limit")
    held = ("", "") if limit is None else (f"(기준 {limit:g}%)", f" (the limit is {limit:g} %)")
    return (
        f"기기의 배터리가 {left:.0f}% 남아{held[0]} 곧 꺼질 수 있습니다.",
        f"A device has {left:.0f} % of its battery left{held[1]} and may soon go dark.",
    )


def _offline(kind: IncidentKind, facts: Facts) -> Said:
    what = _DEVICES.get(str(facts.get("what")), _DEVICES["device"])
    gone, usual = hours(number(facts, "offline_h")), number(facts, "usual_h")
    within = hours(usual)
    if kind is IncidentKind.PHONE_OFF:
        korean, english = f"{subject(what[0])} {gone[0]}째 꺼져 있습니다.", f"{what[1]} has been off for {gone[1]}"
        if not usual:
            return korean, f"{english}."
        return (
            f"{korean} 평소에는 {within[0]} 안에 다시 켜집니다.",
            f"{english}; usually it is on again within {within[1]}.",
        )
    korean, english = f"{what[0]}에서 {gone[0]}째 신호가 없습니다.", f"{what[1]} has said nothing for {gone[1]}"
    if not usual:
        return korean, f"{english}."
    return (
        f"{korean} 평소에는 {within[0]} 안에 신호가 옵니다.",
        f"{english}; usually it reports within {within[1]}.",
    )


def _night(facts: Facts) -> Said:
    out, usual = hours(number(facts, "out_h")), number(facts, "usual")
    if usual is None:
        return (
            f"평소와 달리 한밤중에 집을 나서신 뒤 {out[0]} 넘게 돌아오지 않으셨습니다.",
            f"Left home in the middle of the night, which is unusual, and has not been back for over {out[1]}.",
        )
    gone = f"집을 나서신 뒤 {out[0]} 넘게 돌아오지 않으셨습니다."
    if usual < SELDOM_OUT:
        return (
            f"평소 한밤중에는 거의 나가지 않으시는데, {gone}",
            f"Hardly ever goes out in the middle of the night; has not been back for over {out[1]}.",
        )
    nights = round(1 / usual)
    return (
        f"평소 한밤중에 나가시는 일은 {nights}일에 한 번쯤인데, {gone}",
        f"Goes out in the middle of the night about once in {nights} nights; has not been back for over {out[1]}.",
    )


def _meals(facts: Facts) -> Said:
    told, missed, usual = facts.get("told", 0), int(number(facts, "missed") or 0), number(facts, "usual")
    if told and told == missed:
        return (
            f"최근 대화에서 {told}번 연속 식사를 걱정하셨습니다.",
            f"Meals were named as a worry in {told} talks in a row.",
        )
    row = (f"{missed}번 연속", f"{missed} times in a row") if missed > 1 else ("한 번", "once")
    if usual is None:
        return (
            f"댁에 계시는데도 평소와 달리 {row[0]} 식사하신 흔적이 없습니다.",
            f"At home, but no sign of a meal {row[1]}, which is unusual.",
        )
    ten = of_ten(usual)
    korean, english = (
        ("거의 빠짐없이", "nearly every mealtime")
        if ten == 10
        else (f"10번 가운데 {ten}번쯤", f"about {ten} of 10 mealtimes")
    )
    return (
        f"평소 끼니때면 {korean} 식사하신 흔적이 있으나, 댁에 계시는데도 {row[0]} 없습니다.",
        f"At home, but no sign of a meal {row[1]}; usually there is one at {english}.",
    )


def repaired(finding: Finding) -> tuple[str, str] | None:
    """Korean and English sentence for what is seen again, with how long it was not; None for everything else."""
    if finding.kind is IncidentKind.SILENCE:
        return _alive(finding)
    if "repaired_h" not in finding.facts:
        return None
    gone = hours(number(finding.facts, "repaired_h"))
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


def _alive(finding: Finding) -> Said:
    """Return how a silence ended: by life, or by a responder who met the person; "nothing for 11 h" was true before."""
    if (finding.last_life_ms or 0) <= (finding.deadline_ms or 0):
        return "담당자가 안부를 확인했습니다.", "A responder has been in contact with the person."
    gone = hours(number(finding.facts, "silent_h"))
    return f"{gone[0]} 만에 다시 생활 반응이 있었습니다.", f"Signs of life again, after {gone[1]}."


def after_answer(ask: Ask, outcome: str, *, needs_help: bool = False) -> tuple[str, str]:
    """Korean and English sentence for an incident that an answer has settled: they are safe, or have a new incident of their own."""
    korean, english = _ASKED[ask]
    if needs_help:
        return (
            f"{korean}에 응답하셔서 도움이 필요하다고 하셨습니다. 함께 열린 사례를 확인해 주십시오.",
            f"Answered {english} and needs help: see the incident opened beside this one.",
        )
    if outcome == "reached":
        who = english.removeprefix("the ").removeprefix("a ").capitalize()
        return f"{object_of(korean)} 통해 안부가 확인되었습니다.", f"{who} reached the person: safe."
    if outcome == "declined":
        return (
            f"{korean}에 통화를 원하지 않는다고 답하셔서, 무사하신 것이 확인되었습니다.",
            f"Answered {english}, not wishing to talk: safe.",
        )
    return f"{korean}에 응답하셔서 무사하신 것이 확인되었습니다.", f"Answered {english}: safe."


def guidance_given() -> tuple[str, str]:
    """Korean and English words for: the person was told what to do."""
    return "행동 요령을 안내했습니다.", "Told what to do."


def guidance_not_given() -> tuple[str, str]:
    """Korean and English words for: nobody has told them what to do yet."""
    return "행동 요령은 아직 안내하지 못했습니다.", "Not yet told what to do."


def _of_district(facts: Facts) -> Said:
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


_SAYING: Final[dict[IncidentKind, Callable[[Facts], Said]]] = {
    IncidentKind.SILENCE: _silence,
    IncidentKind.UNANSWERED_CALLS: _calls,
    IncidentKind.MISSED_MEDICATION: _doses,
    IncidentKind.DISASTER_NO_ANSWER: _disaster,
    IncidentKind.DISTRICT_OUTAGE: _of_district,
    IncidentKind.CANNOT_SEE: _blind,
    IncidentKind.COLD_ROOM: partial(_room, IncidentKind.COLD_ROOM),
    IncidentKind.HOT_ROOM: partial(_room, IncidentKind.HOT_ROOM),
    IncidentKind.DEVICE_OFFLINE: partial(_offline, IncidentKind.DEVICE_OFFLINE),
    IncidentKind.PHONE_OFF: partial(_offline, IncidentKind.PHONE_OFF),
    IncidentKind.DOOR_OPEN: _door,
    IncidentKind.WATER_LEAK: _leak,
    IncidentKind.WEAK_BATTERY: _battery,
    IncidentKind.MISSED_MEALS: _meals,
    IncidentKind.OUT_AT_NIGHT: _night,
}
