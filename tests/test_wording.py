"""What responders read of every kind: the usual beside what was found, in Korean and English that can be said aloud."""

import re

import pytest
from detector_homes import CALLS, GATEWAY, PHONE, ROBOT, Home, at
from msgspec.structs import replace

from detectors.findings import Fact, Finding
from detectors.hours import HOUR_MS
from detectors.household import Household
from detectors.usual import shares_of
from schemas.examples import RECORDS
from schemas.incidents import (
    EMERGENCIES,
    Certainty,
    CloseCause,
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
    Urgency,
)
from schemas.times import from_rfc3339
from schemas.vocabulary import CareTopic, Level
from streams.board.words import Words
from streams.cap.incidents import _parameters
from streams.cases.particles import object_of, subject, towards
from streams.cases.revisions import Teller, cleared, opened, updated
from streams.cases.wording import lasting, sentences
from streams.cases.wording_numbers import hours
from streams.cases.would_change import would_change

EXAMPLE = RECORDS["incident"]
assert isinstance(EXAMPLE, Incident)
KIND = IncidentKind
CASES: list[tuple[IncidentKind, dict[str, Fact], str, str]] = [
    (
        KIND.SILENCE,
        {"silent_h": 5.33, "usual_per_h": 4.2, "usual_longest_h": 8.1},
        "평소 이 시간에는 시간당 생활 반응이 4.2번 있으나, 5시간 20분째 없습니다.",
        "Usually 4.2 signs of life an hour at this time; none for 5 h 20 min.",
    ),
    (
        KIND.SILENCE,
        {"silent_h": 7, "usual_per_h": 0.3, "usual_longest_h": 8.1},
        "평소 이 시간에는 3시간에 한 번쯤 생활 반응이 있으나, 7시간째 없습니다.",
        "Usually a sign of life about every 3 hours at this time; none for 7 h.",
    ),
    (
        KIND.SILENCE,
        {"silent_h": 11, "usual_per_h": 0.0, "usual_longest_h": 8.1},
        "11시간째 생활 반응이 없습니다. 평소 하루 가운데 가장 긴 공백은 8시간쯤입니다.",
        "No signs of life for 11 h; the longest pause of an ordinary day is about 8 h.",
    ),
    (
        KIND.SILENCE,
        {"silent_h": 11, "usual_per_h": 4.2, "usual_longest_h": 3.4, "away": 1},
        "외출하신 뒤 11시간째 생활 반응이 없습니다. 평소 하루의 가장 긴 외출은 3시간 30분쯤입니다.",
        "No signs of life for 11 h since the person went out; the longest outing of an ordinary day is about 3 h 30 min.",
    ),
    (KIND.SILENCE, {"silent_h": 6}, "6시간째 생활 반응이 없습니다.", "No signs of life for 6 h."),
    (
        KIND.UNANSWERED_CALLS,
        {"in_a_row": 3, "usual": 0.97},
        "평소 이 시간대 전화는 거의 다 받으시지만, 안부 전화를 3번 연속 받지 못하셨습니다.",
        "3 check-in calls in a row were not answered; usually nearly all are at this hour.",
    ),
    (
        KIND.UNANSWERED_CALLS,
        {"in_a_row": 3, "usual": 0.71},
        "평소 이 시간대 전화는 10번 가운데 7번쯤 받으시지만, 안부 전화를 3번 연속 받지 못하셨습니다.",
        "3 check-in calls in a row were not answered; usually about 7 of 10 are at this hour.",
    ),
    (
        KIND.UNANSWERED_CALLS,
        {"in_a_row": 6, "usual": 0.2},
        "안부 전화를 6번 연속 받지 못하셨습니다. 평소에도 이 시간대에는 10번 가운데 2번쯤만 받으십니다.",
        "6 check-in calls in a row were not answered; usually only about 2 of 10 are at this hour.",
    ),
    (
        KIND.UNANSWERED_CALLS,
        {"in_a_row": 6, "usual": 0.0},
        "안부 전화를 6번 연속 받지 못하셨습니다. 평소에도 이 시간대에는 거의 받지 못하십니다.",
        "6 check-in calls in a row were not answered; hardly any ever is at this hour.",
    ),
    (
        KIND.UNANSWERED_CALLS,
        {"in_a_row": 1},
        "안부 전화를 한 번 받지 못하셨습니다.",
        "A check-in call was not answered.",
    ),
    (
        KIND.MISSED_MEDICATION,
        {"missed": 1, "usual": 0.998},
        "평소에는 거의 빠짐없이 드시지만, 약 드신 것이 한 번 확인되지 않았습니다.",
        "A dose was missed; usually hardly any is.",
    ),
    (
        KIND.MISSED_MEDICATION,
        {"missed": 3, "usual": 0.83},
        "평소에는 10번 가운데 8번쯤 확인되지만, 약 드신 것이 3번 연속 확인되지 않았습니다.",
        "3 doses in a row were missed; usually about 8 of 10 are taken.",
    ),
    (
        KIND.MISSED_MEDICATION,
        {"missed": 3, "usual": 0.3},
        "약 드신 것이 3번 연속 확인되지 않았습니다. 평소에도 10번 가운데 3번쯤만 확인됩니다.",
        "3 doses in a row were missed; usually only about 3 of 10 are taken.",
    ),
    (
        KIND.MISSED_MEDICATION,
        {"missed": 3, "usual": 0.0},
        "약 드신 것이 3번 연속 확인되지 않았습니다. 평소에도 거의 확인되지 않습니다.",
        "3 doses in a row were missed; usually hardly any is taken.",
    ),
    (
        KIND.MISSED_MEDICATION,
        {"missed": 2},
        "약 드신 것이 2번 연속 확인되지 않았습니다.",
        "2 doses in a row were missed.",
    ),
    (
        KIND.CANNOT_SEE,
        {"blind_h": 26, "usual_h": 0.25},
        "평소에는 15분 안에 신호가 오지만, 26시간째 어떤 기기에서도 신호가 없어 안부를 확인할 수 없습니다.",
        "Usually something reports within 15 min; nothing has for 26 h: Anbu cannot see this home.",
    ),
    (
        KIND.CANNOT_SEE,
        {"blind_h": 26, "usual_h": 0.0},
        "26시간째 어떤 기기에서도 신호가 없어 안부를 확인할 수 없습니다.",
        "Nothing has reported for 26 h: Anbu cannot see this home.",
    ),
    (
        KIND.CANNOT_SEE,
        {"state_lost": 1, "raised_ms": 5},
        "이 댁에 관한 기록이 손상되어, 다음 생활 반응이 있을 때까지 안부를 확인할 수 없습니다.",
        "What was known of this home was damaged: Anbu cannot see it until the next sign of life.",
    ),
    (
        KIND.DISASTER_NO_ANSWER,
        {"hazard": "flood"},
        "홍수·침수 재난 안부 확인에 아직 응답이 없습니다.",
        "No answer yet to the question whether they are safe (flood).",
    ),
    (
        KIND.DISTRICT_OUTAGE,
        {"channel": "phone", "expected": 812, "heard": 31},
        (
            "이 지역에서 평소 이 시간에 약 812가구의 휴대전화에서 신호가 오지만 지금은 31가구뿐입니다."
            " 통신이나 전원 장애로 보입니다. 신호가 끊긴 가구의 안부는 확인할 수 없습니다."
        ),
        (
            "Usually phones of about 812 homes in this district report at this time; now 31 do."
            " It looks like an outage of network or power. Homes that went quiet with it cannot be seen."
        ),
    ),
    (
        KIND.SLOW_DECLINE,
        {"habit": "activity", "usual": 29.8, "lately": 14.1},
        "휴대전화를 쓰시는 일이 평소에는 하루 30번쯤이었으나 최근에는 14번쯤입니다.",
        "Times of using the phone: usually about 30 a day, lately about 14 a day.",
    ),
    (
        KIND.SLOW_DECLINE,
        {"habit": "pace", "usual": 16.2, "lately": 10.6},
        "집에 계실 때 움직이시는 시간이 평소에는 한 시간에 16분쯤이었으나 최근에는 11분쯤입니다.",
        "Up and about at home: usually about 16 min an hour, lately about 11 min an hour.",
    ),
    (
        KIND.SLOW_DECLINE,
        {"habit": "sleep", "usual": 0.0, "lately": 3.4},
        "밤에 깨어 움직이시는 일이 평소에는 거의 없었으나 최근에는 하룻밤 3.4번쯤입니다.",
        "Being up at night: usually hardly ever, lately about 3.4 a night.",
    ),
    (
        KIND.SLOW_DECLINE,
        {"habit": "doses", "usual": 0.94, "lately": 0.55},
        "약을 챙겨 드시는 일이 평소에는 10번 가운데 9번쯤이었으나 최근에는 6번쯤입니다.",
        "Doses taken: usually about 9 of 10, lately about 6 of 10.",
    ),
    (
        KIND.SLOW_DECLINE,
        {"habit": "pace", "usual": 20.0, "lately": 21.0},
        "최근 몇 주 사이 집 안에서의 활동이 평소보다 뚜렷이 줄었습니다.",
        "Over the last weeks there has been clearly less activity at home than usual.",
    ),
    (
        KIND.WITHDRAWAL,
        {"habit": "outings", "usual": 1.2, "lately": 0.24},
        "외출이 평소에는 하루 1.2번쯤이었으나 최근에는 4일에 한 번쯤입니다.",
        "Going out: usually about 1.2 a day, lately about once in 4 days.",
    ),
    (
        KIND.WITHDRAWAL,
        {"habit": "contacts", "usual": 3.0, "lately": 0.01},
        "전화나 문자로 연락을 주고받으시는 일이 평소에는 하루 3번쯤이었으나 최근에는 거의 없습니다.",
        "Calls and messages: usually about 3 a day, lately hardly ever.",
    ),
    (
        KIND.FALLING_ANSWERS,
        {"habit": "answers", "usual": 0.91, "lately": 0.38},
        "안부 전화를 받으시는 일이 평소에는 10번 가운데 9번쯤이었으나 최근에는 4번쯤입니다.",
        "Check-in calls answered: usually about 9 of 10, lately about 4 of 10.",
    ),
    (
        KIND.NIGHT_WANDERING,
        {"habit": "nights_out", "usual": 0.02, "lately": 0.31},
        "한밤중에 집을 나서시는 일이 평소에는 거의 없었으나 최근에는 3일에 한 번쯤입니다.",
        "Leaving home in the middle of the night: usually hardly ever, lately about once in 3 nights.",
    ),
    (
        KIND.DAY_NIGHT_REVERSAL,
        {"habit": "night_share", "usual": 0.4, "lately": 5.2},
        "낮과 밤이 바뀌어, 하루 활동 가운데 밤에 하시는 몫이 평소에는 4%쯤이었으나 최근에는 52%쯤입니다.",
        "Day and night are reversed; active at night: usually about 4 %, lately about 52 %.",
    ),
    (
        KIND.SHORTER_TALKS,
        {"habit": "talks", "usual": 11.0, "lately": 6.0},
        "안부 전화에서 나누시는 대화가 평소에는 한 번에 5분쯤이었으나 최근에는 1분쯤입니다.",
        "Talks in check-in calls: usually about 5 min, lately about 1 min.",
    ),
    (
        KIND.SHORTER_TALKS,
        {"habit": "dialogs", "usual": 8.0, "lately": 2.5},
        "돌봄 로봇과 나누시는 대화가 평소에는 한 번에 2분쯤이었으나 최근에는 30초쯤입니다.",
        "Talks with the care robot: usually about 2 min, lately about 30 s.",
    ),
    (
        KIND.LOW_MOOD,
        {"low": 3, "talks": 5, "usual_talks": 20, "usual_low": 2},
        "최근 대화 5번 가운데 3번에서 기분이 가라앉거나 외롭다고 하셨습니다. 그전에는 대화 20번 가운데 2번이었습니다.",
        "Low or lonely in 3 of the last 5 talks; before that in 2 of 20.",
    ),
    (
        KIND.LASTING_CONCERN,
        {"topic": "sleep", "days": 20, "usual_talks": 7, "usual_low": 0},
        "수면에 대한 걱정이 20일째 이어지고 있습니다. 그전 대화 7번에서는 그런 말씀이 없었습니다.",
        "A concern about sleep has lasted 20 days; in none of the 7 before.",
    ),
    (
        KIND.COLD_ROOM,
        {"value": 13.5, "lasts_h": 6.0, "limit": 16.0},
        "실내가 6시간 넘게 추운 상태였습니다(당시 13.5도, 기준 16도).",
        "It has been too cold at home for over 6 h (13.5 °C then, the limit is 16 °C).",
    ),
    (
        KIND.HOT_ROOM,
        {"value": 33.0, "lasts_h": 6.0, "limit": 32.0},
        "실내가 6시간 넘게 더운 상태였습니다(당시 33.0도, 기준 32도).",
        "It has been too hot at home for over 6 h (33.0 °C then, the limit is 32 °C).",
    ),
    (
        KIND.DOOR_OPEN,
        {"lasts_h": 1.0, "limit": 1.0},
        "출입문이 1시간 넘게 열려 있습니다.",
        "The front door has stood open for over 1 h.",
    ),
    (
        KIND.DOOR_OPEN,
        {"lasts_h": 2.5, "limit": 1.0},
        "출입문이 2시간 30분 넘게 열려 있습니다(기준 1시간).",
        "The front door has stood open for over 2 h 30 min (the limit is 1 h).",
    ),
    (
        KIND.WATER_LEAK,
        {"value": 0.0, "lasts_h": 0.0},
        "집 안에서 누수가 감지되었습니다.",
        "A leak of water was noticed at home.",
    ),
    (
        KIND.WEAK_BATTERY,
        {"value": 7.0, "limit": 10.0},
        "기기의 배터리가 7% 남아(기준 10%) 곧 꺼질 수 있습니다.",
        "A device has 7 % of its battery left (the limit is 10 %) and may soon go dark.",
    ),
    (
        KIND.OUT_AT_NIGHT,
        {"out_h": 0.5, "usual": 0.0},
        "평소 한밤중에는 거의 나가지 않으시는데, 집을 나서신 뒤 30분 넘게 돌아오지 않으셨습니다.",
        "Hardly ever goes out in the middle of the night; has not been back for over 30 min.",
    ),
    (
        KIND.OUT_AT_NIGHT,
        {"out_h": 0.75, "usual": 0.05},
        "평소 한밤중에 나가시는 일은 20일에 한 번쯤인데, 집을 나서신 뒤 45분 넘게 돌아오지 않으셨습니다.",
        "Goes out in the middle of the night about once in 20 nights; has not been back for over 45 min.",
    ),
    (
        KIND.MISSED_MEALS,
        {"missed": 3, "told": 0, "usual": 0.96},
        "평소 끼니때면 거의 빠짐없이 식사하신 흔적이 있으나, 댁에 계시는데도 3번 연속 없습니다.",
        "At home, but no sign of a meal 3 times in a row; usually there is one at nearly every mealtime.",
    ),
    (
        KIND.MISSED_MEALS,
        {"missed": 2, "told": 2},
        "최근 대화에서 2번 연속 식사를 걱정하셨습니다.",
        "Meals were named as a worry in 2 talks in a row.",
    ),
    (
        KIND.DEVICE_OFFLINE,
        {"what": "sensors", "offline_h": 5.0, "usual_h": 1.0, "count": 1},
        "댁의 게이트웨이에서 5시간째 신호가 없습니다. 평소에는 1시간 안에 신호가 옵니다.",
        "The gateway at home has said nothing for 5 h; usually it reports within 1 h.",
    ),
    (
        KIND.PHONE_OFF,
        {"what": "phone", "offline_h": 30.0, "usual_h": 9.0, "count": 1},
        "휴대전화가 30시간째 꺼져 있습니다. 평소에는 9시간 안에 다시 켜집니다.",
        "The phone has been off for 30 h; usually it is on again within 9 h.",
    ),
]
_UNREADABLE = re.compile(r"이\(가\)|을\(를\)|\(으\)로|은\(는\)|(?<!\d)0시간|(?<!\d)0 h|\b1 \w+s\b|nan|None|번이 번|  ")


def said(kind: IncidentKind, facts: dict[str, Fact], shares: dict[str, float] | None = None) -> tuple[str, str]:
    finding = Finding(
        kind=kind,
        severity=Severity.MODERATE,
        urgency=Urgency.EXPECTED,
        certainty=Certainty.LIKELY,
        shares=shares or {},
        event_from_ms=0,
        event_until_ms=0,
        facts=facts,
    )
    return sentences(finding, 60_000)


@pytest.mark.parametrize(("kind", "facts", "korean", "english"), CASES, ids=[case[0] for case in CASES])
def test_the_usual_stands_beside_what_was_found(
    kind: IncidentKind, facts: dict[str, Fact], korean: str, english: str
) -> None:
    assert said(kind, facts) == (korean, english)
    assert not any(_UNREADABLE.search(one) for one in (korean, english))


TOLD_OTHERWISE = EMERGENCIES | {KIND.SILENCE, KIND.DISASTER_NO_ANSWER, KIND.DISTRICT_OUTAGE}
"""Kinds whose shares are made where they are found."""


@pytest.mark.parametrize(("kind", "facts"), [case[:2] for case in CASES if case[0] not in TOLD_OTHERWISE])
def test_the_shares_of_every_kind_name_channels_and_sum_to_one(kind: IncidentKind, facts: dict[str, Fact]) -> None:
    home = Home(GATEWAY, PHONE, CALLS)
    home.live(2)
    shares = shares_of(home.model._state, kind, facts)
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.002)
    assert set(shares) <= {"home", "phone", "worn", "calls", "robot"}


def test_a_share_follows_the_channel_that_saw_it() -> None:
    home, phone = Home(GATEWAY, PHONE, CALLS), Home(PHONE)
    home.live(2)
    phone.live(2)
    assert shares_of(home.model._state, KIND.SLOW_DECLINE, {"habit": "pace"}) == {"home": 1.0}
    assert shares_of(phone.model._state, KIND.SLOW_DECLINE, {"habit": "activity"}) == {"phone": 1.0}
    assert shares_of(home.model._state, KIND.WITHDRAWAL, {"habit": "contacts"}) == {"phone": 1.0}
    assert shares_of(home.model._state, KIND.CANNOT_SEE, {}) == {"home": 0.5, "phone": 0.5}
    assert shares_of(home.model._state, KIND.UNANSWERED_CALLS, {}) == {"calls": 1.0}


@pytest.mark.parametrize(
    ("certainty", "chance", "by"),
    [
        (Certainty.OBSERVED, None, "observed"),
        (Certainty.LIKELY, 0.6, "calibrated"),
        (Certainty.POSSIBLE, 0.2, "calibrated"),
        (Certainty.POSSIBLE, None, "assumed"),  # a silence while the person is out, too: no rate is known
        (Certainty.LIKELY, None, "assumed"),
    ],
)
def test_an_incident_says_whether_its_certainty_is_calibrated(
    certainty: Certainty, chance: float | None, by: str
) -> None:
    finding = Finding(
        kind=KIND.SILENCE if chance else KIND.SLOW_DECLINE,
        severity=Severity.MODERATE,
        urgency=Urgency.EXPECTED,
        certainty=certainty,
        chance=chance,
        event_from_ms=at(1, 1),
        event_until_ms=at(1, 1),
    )
    teller = Teller("e", "p", None)
    first = opened(teller, "h-1", finding, "i-1", "c-1", at(1, 2))
    assert first.certainty_by == by
    assert updated(teller, first, finding, at(1, 3)).certainty_by == by
    assert ("certainty_by", by) in _parameters(first, 0)
    for language in ("ko", "en"):
        assert Words(language).has("certainty_by", by) is (by != "observed")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (KIND.SILENCE, {"usual_per_h": 4.2, "usual_longest_h": 8.1}),
        (KIND.SILENCE, {"usual_per_h": 0.3, "clock": "latest"}),
        (KIND.SILENCE, {"usual_per_h": 0.0, "usual_longest_h": 8.1, "away": 1}),
        (KIND.CANNOT_SEE, {"usual_h": 1.0}),
        (KIND.CANNOT_SEE, {}),
        (KIND.DEVICE_OFFLINE, {"what": "robot", "usual_h": 2.0}),
        (KIND.PHONE_OFF, {"what": "phone", "usual_h": 9.0}),
    ],
)
def test_a_list_says_for_how_long_it_has_lasted_by_now(kind: IncidentKind, facts: dict[str, Fact]) -> None:
    names = {KIND.SILENCE: "silent_h", KIND.CANNOT_SEE: "blind_h"}

    def at_hours(h: float) -> tuple[str, str]:
        return said(kind, {**facts, names.get(kind, "offline_h"): h})

    korean, english = at_hours(6.0)
    since = "2026-11-24T00:00:00.000Z"
    told = replace(EXAMPLE, kind=kind, event_from=since, cleared=False, sentence_ko=korean, sentence_en=english)
    now_ms = from_rfc3339(since) + int(30.5 * HOUR_MS)
    assert lasting(told, (korean, english), now_ms) == at_hours(30.5)
    for over in (replace(told, cleared=True), replace(told, state=IncidentState.CLOSED)):
        assert lasting(over, (korean, english), now_ms) == (korean, english)


def test_a_silence_that_is_over_says_how_it_ended_and_not_that_nothing_is_seen() -> None:
    home = Home(GATEWAY)
    home.live(8, until_hour=12)
    home.pass_time(at(8, 6), reports=True)
    raised = home.findings(KIND.SILENCE)[-1]
    assert "없습니다" in sentences(raised, home.model.clock_ms)[0]
    met = Home(GATEWAY)
    met.live(8, until_hour=12)
    met.pass_time(at(8, 6), reports=True)
    home.take(home.moves(at(8, 6.5)))
    home.pass_time(at(8, 6.6))
    met.said += met.model.settle(KIND.MISSED_MEDICATION, CloseCause.SAFE_AT_HOME, at(8, 6), met.model.clock_ms)
    for one, korean, english in (
        (
            home,
            r"^\d+시간( \d+분)? 만에 다시 생활 반응이 있었습니다\.$",
            r"^Signs of life again, after \d+ h( \d+ min)?\.$",
        ),
        (met, r"^담당자가 안부를 확인했습니다\.$", r"^A responder has been in contact with the person\.$"),
    ):
        (clear,) = one.findings(KIND.SILENCE, "clear")
        first = opened(Teller("e"), "h-1", raised, "i", "c", at(8, 6))
        told = cleared(Teller("e"), first, clear, at(8, 7))
        assert re.search(korean, told.sentence_ko)
        assert re.search(english, told.sentence_en)


def test_a_silence_within_the_usual_says_by_whose_limit_it_is_told() -> None:
    korean, english = said(KIND.SILENCE, {"silent_h": 4.0, "usual_per_h": 0.2, "clock": "latest"})
    assert korean == (
        "4시간째 생활 반응이 없습니다. 평소 이 시간에는 5시간에 한 번쯤 있습니다. 담당자가 정해 둔 시한이 지나 알립니다."
    )
    assert english == (
        "No signs of life for 4 h; usually there is one about every 5 hours at this time."
        " The limit that an officer set for this home has passed."
    )
    assert "시한" not in said(KIND.SILENCE, {"silent_h": 4.0, "usual_per_h": 0.2, "clock": "rhythm"})[0]


def test_what_a_robot_heard_and_what_a_call_heard_are_told_apart() -> None:
    home = Home(GATEWAY, ROBOT, CALLS)
    home.live(2)
    for day, (kind, source) in enumerate(
        [("robot_dialog", "/robot/r"), ("checkin_answered", "/calls/p"), ("robot_dialog", "/robot/r")]
    ):
        home.tell(
            kind, at(2 + 8 * day, 12), source, topics={CareTopic.SLEEP: Level.CONCERN, CareTopic.MOOD: Level.CONCERN}
        )
    found = home.model._state.chronic.found(
        home.model._state.weeks.concerns(), home.model._state.weeks.moods(), home.model.clock_ms
    )
    for kind in (KIND.LASTING_CONCERN, KIND.LOW_MOOD):
        shares = shares_of(home.model._state, kind, found[kind].facts)
        assert shares == {"calls": pytest.approx(0.333), "robot": pytest.approx(0.667)}, kind
    restored = Household.restore(home.model.hot(), home.model.rhythm(), home.model.profile, home.record)
    assert restored._state.weeks.moods() == home.model._state.weeks.moods()
    assert shares_of(home.model._state, KIND.LOW_MOOD, {}) == {}  # an earlier version did not say


def test_every_kind_that_is_no_emergency_is_in_the_table_and_says_something_without_any_facts_too() -> None:
    assert {kind for kind, *_ in CASES} == set(IncidentKind) - EMERGENCIES
    for kind in set(IncidentKind) - {KIND.DISTRICT_OUTAGE}:
        assert not any(_UNREADABLE.search(one) for one in said(kind, {})), kind


def test_negative_control_what_cannot_be_said_aloud_is_noticed() -> None:
    for one in ("홍길동이(가) 접수", "0시간째 신호가 없어", "1 doses in a row", "Nothing for 0 h: None"):
        assert _UNREADABLE.search(one), one
    assert not _UNREADABLE.search("10시간째 신호가 없어, 20 h")


@pytest.mark.parametrize(
    ("value", "korean", "english"),
    [
        (0.0, "1분 미만", "less than a minute"),
        (0.5, "30분", "30 min"),
        (0.999, "1시간", "1 h"),
        (5.33, "5시간 20분", "5 h 20 min"),
        (None, "1분 미만", "less than a minute"),
    ],
)
def test_hours_are_said_without_a_nought(value: float | None, korean: str, english: str) -> None:
    assert hours(value) == (korean, english)


@pytest.mark.parametrize(
    ("word", "as_subject", "as_object", "as_goal"),
    [
        ("보호자", "보호자가", "보호자를", "보호자로"),
        ("이웃", "이웃이", "이웃을", "이웃으로"),
        ("관할", "관할이", "관할을", "관할로"),
        ("고위험", "고위험이", "고위험을", "고위험으로"),
        ("officer-1", "officer-1이", "officer-1을", "officer-1로"),
        ("officer-3", "officer-3이", "officer-3을", "officer-3으로"),
        ("kim", "kim이", "kim을", "kim으로"),
        ("park", "park가", "park를", "park로"),
        ("김담당(야간)", "김담당(야간)이", "김담당(야간)을", "김담당(야간)으로"),
        ("", "가", "를", "로"),
    ],
)
def test_a_particle_follows_the_last_sound_of_the_word(
    word: str, as_subject: str, as_object: str, as_goal: str
) -> None:
    assert (subject(word), object_of(word), towards(word)) == (as_subject, as_object, as_goal)


@pytest.mark.parametrize("kind", IncidentKind)
@pytest.mark.parametrize("code", ["life", "answer", "heartbeat", "late_data", "clear"])
def test_what_would_change_a_decision_is_in_words_for_every_kind_and_code_until_it_has_ended(
    kind: IncidentKind, code: str
) -> None:
    incident = replace(EXAMPLE, kind=kind, would_change=code, state=IncidentState.UPDATED)
    told = would_change(incident)
    assert told is not None
    assert code not in told
    assert re.search("[가-힣]", told[0])
    assert not re.search("[가-힣]", told[1])
    assert would_change(replace(incident, would_change="")) is None
    assert would_change(replace(incident, state=IncidentState.CLOSED)) is None
    in_cap = [_parameters(incident, language) for language in (0, 1)]
    assert [dict(one)["would_change"] for one in in_cap] == [*told]
