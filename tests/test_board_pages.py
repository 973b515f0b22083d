"""The board says what stands, in whose words, and calm is told from dead; actions go out as the wire form has them."""

import asyncio
import contextlib
import re
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from aiohttp import ClientPayloadError
from aiohttp.test_utils import TestClient
from board_scene import (
    HOUR,
    MINUTE,
    NOW,
    Hands,
    KeptSender,
    StillSource,
    a_board,
    a_ladder,
    a_status,
    an_incident,
    form_token,
    in_loop,
    opened,
    sign_in,
)
from hypothesis import given
from hypothesis import strategies as st

from detectors.findings import Finding
from schemas.actions import ActionResult, ResponderAction
from schemas.duty import Desk, Duty
from schemas.households import RiskGrade, TargetGroup
from schemas.incidents import (
    Certainty,
    CertaintyBy,
    CloseCause,
    DisasterCounts,
    IncidentKind,
    IncidentState,
    LadderStep,
    NextStep,
    Severity,
    Urgency,
)
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import to_rfc3339
from schemas.views import Slow
from streams.board import acting
from streams.board.acting import FOR_INCIDENT, FormError, action_of, choices_of
from streams.board.duty import ranked
from streams.board.feed import Tables
from streams.board.limits import MOST_KEYS, Limit
from streams.board.live import MOST_STREAMS
from streams.board.parts import Board
from streams.board.rights import Role
from streams.board.words import Words, tables
from streams.cases.disaster import ALERT
from streams.cases.wording import sentences
from streams.engine.watching import RECORD
from streams.household_link import LinkTemplate, token_of
from streams.incident_fold import STALE_AFTER_MS, STANDS_AFTER_MS, Case
from streams.publish import BrokerAwayError
from streams.tail import Record

Browser = TestClient[Any, Any]
KO = Words("ko")


async def text_of(client: Browser, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, path
    return " ".join(re.sub(r"<[^>]*>", " ", await answer.text()).split())


async def case_path(client: Browser) -> str:
    found = re.search(r'href="(/cases/[0-9a-f]{32})"', await (await client.get("/cases")).text())
    assert found
    return found[1]


def hands(board: Board) -> Hands:
    assert isinstance(board.clock, Hands)
    return board.clock


def source(board: Board) -> StillSource:
    assert isinstance(board.source, StillSource)
    return board.source


@in_loop
async def test_the_board_says_on_every_page_how_many_homes_are_watched_and_up_to_when(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "park")
        for path in ("/cases", await case_path(client), "/totals", "/parts"):
            assert "50가구 살피는 중 20:06까지의 자료" in await text_of(client, path)


@in_loop
async def test_the_watching_line_says_how_many_homes_would_be_found_late(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        assert "늦게 알 수 있는" not in await text_of(client, "/cases")
        assert isinstance(board.source, StillSource)
        board.source.take(a_status(0, NOW + 1, slow=7))
        assert "늦게 알 수 있는 7가구" in await text_of(client, "/cases")


@in_loop
async def test_the_watching_line_says_how_many_homes_a_public_alert_has_reached(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        assert "재난 안부" not in await text_of(client, "/cases")
        counts = DisasterCounts(homes=2000, asked=1950, reached=1850, guided=1800, unreached=100)
        source(board).take(a_status(0, NOW + 1, disaster=counts))
        text = await text_of(client, "/cases")
        assert "재난 안부: 대상 2,000가구 중 확인 요청 1,950 · 연락됨 1,850 · 연락 안 됨 100" in text


@in_loop
async def test_the_board_calls_out_when_a_status_is_over_three_minutes_old_or_never_came(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        hands(board).now_ms += STALE_AFTER_MS
        assert "지금 살피지 못하고 있습니다" not in await text_of(client, "/cases")
        assert "담당 가구를 모두 살피고 있습니다" in await text_of(client, "/cases")
        hands(board).now_ms += 1
        text = await text_of(client, "/cases")
        assert "▲ 지금 살피지 못하고 있습니다" in text
        assert "사례가 없다고 할 수 없습니다" in text, "an empty list must not look calm"
        source(board).take(a_status(0, hands(board).now_ms))
        assert "지금 살피지 못하고 있습니다" not in await text_of(client, "/cases")
        source(board).fold.partitions = 2
        assert "▲ 지금 살피지 못하고 있습니다" in await text_of(client, "/cases")


@in_loop
async def test_while_the_clock_stands_the_board_names_who_must_be_told_of_open_emergencies(tmp_path: Path) -> None:
    gas = an_incident("i-2", kind=IncidentKind.GAS, severity=Severity.EXTREME, district="gangbuk")
    for name, incident, is_told in (
        ("kim", gas, True),
        ("kim", msgspec.structs.replace(gas, acknowledged_by="kim", owner="kim"), False),
        ("kim", an_incident(), False),
        ("lee", gas, False),
        ("view", gas, False),
    ):
        folder = tmp_path / f"{name}-{incident.kind}-{incident.owner}"
        board = a_board(folder, incident)
        source(board).roster = Duty(desks=[Desk(day="gangbuk-day", night="gangbuk-night")])
        async with opened(board) as client:
            await sign_in(client, name)
            path = "/totals" if name == "view" else "/cases"
            hands(board).now_ms += STANDS_AFTER_MS
            assert "시계가 멈춰" not in await text_of(client, path)
            hands(board).now_ms += 1
            text = await text_of(client, path)
            assert ("열린 긴급 사례 1건을 gangbuk-night에 직접 알리세요" in text) == is_told, name
            assert "지금 살피지 못하고" not in text, "that is said after three minutes"


@in_loop
async def test_the_board_calls_out_when_it_reads_nothing_itself(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        assert (await client.get("/up")).status == 200
        source(board).trouble = "the broker does not answer"
        assert "상황판이 자료를 받지 못하고 있습니다" in await text_of(client, "/cases")
        assert (await client.get("/up")).status == 503


@in_loop
async def test_a_case_is_one_line_with_its_sentence_severity_step_and_owner(tmp_path: Path) -> None:
    gas = an_incident("i-2", kind=IncidentKind.GAS, severity=Severity.MODERATE, owner="lee")
    async with opened(a_board(tmp_path, an_incident(owner="kim"), gas)) as client:
        await sign_in(client, "kim")
        text = await text_of(client, "/cases")
        assert text.count("h-0017") == 1
        for said in ("경계", "14시간째 없습니다", "바로 방문", "kim (나)", "20분", "외 1건"):
            assert said in text
        case = await text_of(client, await case_path(client))
        assert "가스 누출" in case


@in_loop
async def test_an_exercise_is_marked_in_list_and_case_and_comes_after_every_real_case(tmp_path: Path) -> None:
    played = an_incident("i-9", household="exercise-1", case="c-9", status="Exercise", severity=Severity.EXTREME)
    async with opened(a_board(tmp_path, an_incident(), played)) as client:
        await sign_in(client, "kim")
        text = await text_of(client, "/cases")
        assert text.index("h-0017") < text.index("훈련") < text.index("exercise-1")
        paths = re.findall(r'href="(/cases/[0-9a-f]{32})"', await (await client.get("/cases")).text())
        assert "훈련입니다. 실제로 위험에 처한 사람은 없습니다." in await text_of(client, paths[1])
        assert "훈련입니다" not in await text_of(client, paths[0])


@in_loop
async def test_a_case_shows_evidence_in_percent_and_its_ladder_with_times_and_outcomes(tmp_path: Path) -> None:
    incident = an_incident(
        shares={"home": 0.72, "phone": 0.28}, ladder=a_ladder(NOW - 20 * MINUTE), would_change="life", chance=0.623
    )
    async with opened(a_board(tmp_path, incident)) as client:
        await sign_in(client, "kim")
        text = await text_of(client, await case_path(client))
        for said in (
            "집 안 센서 72%",
            "휴대전화 28%",
            "확실성 그럴 가능성이 높음 · 도움이 필요할 가능성 62%",
            "판단이 바뀌려면 생활 반응이 있거나 안부 확인에 응답하시면",
            "집 안 음성 안내 응답 없음 확인 요청 19:46 · 결과 19:56",
            "문자 건너뜀 · 동의하지 않으셔서",
            "가족·보호자 답을 기다리는 중 확인 요청 19:58 · 응답 시한 20:28",
        ):
            assert said in text, said


@in_loop
async def test_a_case_that_ended_shows_its_cause_and_offers_nothing_more(tmp_path: Path) -> None:
    ended = an_incident(revision=2, state=IncidentState.CLOSED, cause=CloseCause.HELPED)
    async with opened(a_board(tmp_path, ended)) as client:
        await sign_in(client, "kim")
        text = await text_of(client, await case_path(client))
        assert "종결 · 도움을 드림" in text
        assert "접수하기" not in text


@in_loop
async def test_an_action_goes_out_once_as_the_wire_form_has_it_and_its_answer_is_shown(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident(revision=3))
    sender = board.sender
    assert isinstance(sender, KeptSender)
    async with opened(board) as client:
        await sign_in(client, "kim")
        path = await case_path(client)
        page = await (await client.get(path)).text()
        form = re.findall(r'<form method="post" action="/cases.*?</form>', page, re.DOTALL)
        close = next(one for one in form if 'value="close"' in one)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', close)) | {"cause": "safe_at_home"}
        for _ in range(2):
            assert (await client.post(path, data=fields, allow_redirects=False)).status == 303
        assert len({action.id for action in sender.sent}) == 1, "sent twice it is one action to the engine"
        action = sender.sent[0]
        assert (action.household, action.incident, action.revision, action.who) == ("h-0017", "i-1", 3, "kim")
        assert (action.action, action.cause) == ("close", CloseCause.SAFE_AT_HOME)
        assert "보냈습니다. 답을 기다립니다" in await text_of(client, path)
        result = ActionResult(
            action=action.id, household="h-0017", incident="i-1", ok=False, reason="changed_since", at=to_rfc3339(NOW)
        )
        source(board).results[action.id] = result
        assert "그사이 더 심각해졌습니다" in await text_of(client, path)
        source(board).results[action.id] = msgspec.structs.replace(result, ok=True, reason="")
        assert "종결하기 생활 반응 없음 20:06 처리되었습니다" in await text_of(client, path)
        # Another incident of the home goes on: the page turns to it, and still says what became of the silence.
        more = [an_incident(f"d-{n}", kind=IncidentKind.DEVICE_OFFLINE, severity=Severity.MINOR) for n in range(12)]
        gone = an_incident(revision=4, state=IncidentState.CLOSED, cause=CloseCause.SAFE_AT_HOME)
        source(board).take(*more, gone)
        text = await text_of(client, path)
        assert "종결하기 생활 반응 없음 20:06 처리되었습니다" in text
        assert "외 2건" in text
        source(board).take(*(msgspec.structs.replace(one, revision=2, state=IncidentState.CLOSED) for one in more[3:]))
        text = await text_of(client, path)
        also = text.partition("같은 가구의 다른 사례")[2]
        assert "생활 반응 없음" in also
        assert f"종결 · {KO.name('cause', 'safe_at_home')}" in also
        found = await client.get("/incidents/i-1", allow_redirects=False)
        assert (found.status, found.headers["Location"]) == (303, path)


@in_loop
async def test_an_action_that_the_log_did_not_take_is_said_to_be_not_sent(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    assert isinstance(board.sender, KeptSender)
    board.sender.error = BrokerAwayError("away")
    async with opened(board) as client:
        await sign_in(client, "kim")
        path = await case_path(client)
        session = next(iter(board.sessions._sessions.values()))
        fields = {"action": "acknowledge", "id": "b" * 32, "incident": session.token("i-1"), "revision": "1"}
        fields["form_token"] = await form_token(client, "/totals")
        await client.post(path, data=fields, allow_redirects=False)
        assert "보내지 못했습니다" in await text_of(client, path)


@in_loop
async def test_a_new_case_comes_to_an_open_page_by_itself_and_only_one_of_the_district(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        async with client.get("/cases/live") as live:
            assert live.headers["Content-Type"].startswith("text/event-stream")
            first = await asyncio.wait_for(live.content.readuntil(b"event: beat\n"), 5)
            assert "열린 사례가 없습니다" in first.decode()
            source(board).take(
                an_incident("i-2", household="h-0099", case="c-2", district="dobong"),
                an_incident(sentence_ko="<b>주의</b>"),
            )
            heard = (await asyncio.wait_for(live.content.readuntil(b"event: beat\n"), 5)).decode()
    assert "h-0017" in heard
    assert "h-0099" not in heard
    assert "&lt;b&gt;주의" in heard, "what a sentence holds is text, never markup"


@in_loop
async def test_the_newest_live_pages_of_a_session_are_served_and_all_end_when_it_does(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        lives = []
        for _ in range(MOST_STREAMS + 1):
            lives.append(live := await client.get("/cases/live"))
            assert live.status == 200
            await live.content.readuntil(b"event: beat\n")
        with pytest.raises(ClientPayloadError):
            await asyncio.wait_for(lives[0].content.read(), 5)
        session = next(iter(board.sessions._sessions.values()))
        assert len(board.streams[session.id]) == MOST_STREAMS
        board.sessions.end(session)
        source(board).listeners.tell()
        for live in lives[1:]:
            assert b"event: reload" in await asyncio.wait_for(live.content.read(), 5)
        assert not board.streams


@in_loop
async def test_totals_name_no_home_no_district_and_no_kind(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path, an_incident())) as client:
        await sign_in(client, "view")
        text = await text_of(client, "/totals")
        assert "경계 1" in text
        for hidden in ("h-0017", "gangbuk", "생활 반응"):
            assert hidden not in text


@in_loop
async def test_the_board_speaks_english_when_asked_and_leads_nowhere_else(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path, an_incident())) as client:
        await sign_in(client, "kim")
        fields = {"form_token": await form_token(client, "/totals"), "language": "en", "back": "/cases"}
        answer = await client.post("/language", data=fields, allow_redirects=False)
        assert answer.headers["Location"] == "/cases"
        page = await (await client.get("/cases")).text()
        assert '<html lang="en">' in page
        assert "watching 50 homes" in page
        assert "none for 14 h" in page
        for elsewhere in ("//evil.example", "/\\evil.example", "https://evil.example"):
            answer = await client.post("/language", data=fields | {"back": elsewhere}, allow_redirects=False)
            assert answer.headers["Location"] == "/"


@in_loop
async def test_the_link_into_the_citys_system_holds_a_token_and_not_the_pseudonym(tmp_path: Path) -> None:
    key = b"k" * 32
    board = a_board(tmp_path, an_incident(), link=LinkTemplate("https://care.example.org/home/{token}", key))
    async with opened(board) as client:
        await sign_in(client, "kim")
        page = await (await client.get(await case_path(client))).text()
        assert f"https://care.example.org/home/{token_of('h-0017', key)}" in page


def test_the_board_offers_each_action_of_the_wire_form_that_it_can_fill_in_and_no_other() -> None:
    assert {form.action for form in FOR_INCIDENT} == set(choices_of("action"))
    assert "merged" not in acting.ENDINGS
    assert "no_contact" not in acting.ENDINGS
    assert set(acting.FOUND) | set(acting.ENDINGS) <= set(CloseCause)


def fields_of(action: str, **said: str) -> dict[str, str]:
    return {"action": action, "id": "c" * 32} | said


def made(fields: dict[str, str]) -> ResponderAction:
    return action_of(fields, offered=FOR_INCIDENT, household="h", incident="i", revision=1, who="kim", now_ms=NOW)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        fields_of("close"),
        fields_of("close", cause="no_contact"),
        fields_of("close", cause="merged"),
        fields_of("close", cause="bored"),
        fields_of("dance"),
        fields_of("acknowledge") | {"id": "not hexadecimal"},
    ],
)
def test_a_board_form_that_was_never_offered_is_no_action(fields: dict[str, str]) -> None:
    with pytest.raises(FormError):
        made(fields)


@given(st.dictionaries(st.sampled_from(["action", "id", "cause", "until", "start", "absence", "referral"]), st.text()))
def test_any_board_form_is_an_action_or_a_form_error(fields: dict[str, str]) -> None:
    with contextlib.suppress(FormError):
        assert made(fields).action in choices_of("action")


def cases_of(*incidents: Any) -> list[Case]:
    return [Case(one.id, one.household, (one,), ended=False) for one in incidents]


def test_cases_are_ranked_by_who_needs_somebody_most_who_has_nobody_yet_first() -> None:
    grave = an_incident("grave", severity=Severity.EXTREME, opened_ms=NOW - HOUR)
    free = an_incident("free", opened_ms=NOW - HOUR)
    older = an_incident("older", opened_ms=NOW - 2 * HOUR)
    taken = an_incident("taken", owner="kim", acknowledged_by="kim", opened_ms=NOW - 9 * HOUR)
    asking = an_incident("asking", next_step=NextStep.ASKING, opened_ms=NOW - 9 * HOUR)
    played = an_incident("played", severity=Severity.EXTREME, status="Exercise")
    shuffled = cases_of(played, asking, taken, free, older, grave)
    assert [case.id for case in ranked(shuffled, NOW)] == ["grave", "older", "free", "taken", "asking", "played"]
    assert ranked(list(reversed(shuffled)), NOW) == ranked(shuffled, NOW)


def test_every_code_the_board_shows_has_a_name_in_both_languages() -> None:
    reasons = get_args(ActionResult.__annotations__["reason"])
    closed_sets = {
        "severity": Severity,
        "state": IncidentState,
        "step": NextStep,
        "cause": CloseCause,
        "action": choices_of("action"),
        "action_about": choices_of("action"),
        "result": [reason for reason in reasons if reason],
        "ask": get_args(LadderStep.__annotations__["ask"]),
        "outcome": [word for word in get_args(LadderStep.__annotations__["outcome"]) if word],
        "why": [word for word in get_args(LadderStep.__annotations__["why"]) if word],
        "purpose": choices_of("purpose"),
        "referral": choices_of("referral"),
        "absence": choices_of("absence"),
        "group": TargetGroup,
        "grade": RiskGrade,
        "role": Role,
        "channel": ["home", "phone", "worn", "calls", "robot", "people", ALERT, RECORD],
        "certainty_by": [word for word in get_args(CertaintyBy) if word not in ("", "observed")],
        "certainty": Certainty,
        "slow": [word for word in get_args(Slow) if word],
    }
    for table, codes in closed_sets.items():
        assert not [str(code) for code in codes if not KO.has(table, str(code))], table
    for korean, english in chain.from_iterable(table.values() for table in tables().values()):
        assert korean
        assert english
        assert set(re.findall(r"{\w+}", korean)) == set(re.findall(r"{\w+}", english))


def test_board_times_are_koreas_and_name_the_day_only_when_it_is_another() -> None:
    assert KO.clock(NOW, NOW) == "20:06"
    assert KO.clock(to_rfc3339(NOW - 24 * HOUR), NOW) == "11월 17일 20:06"
    assert Words("en").clock(NOW - 24 * HOUR, NOW) == "17 Nov 20:06"
    assert KO.clock(None, NOW) == KO.clock("no time", NOW) == "알 수 없음"
    assert KO.age(-1) == "1분 미만"
    assert KO.age(26 * HOUR) == "1일 2시간"


def test_the_roster_is_the_one_of_the_last_profile_whatever_ticks_come_between() -> None:
    tables = Tables()
    roster = Duty(desks=[Desk(day="gangbuk-day")])
    record = Record(
        "profile", 0, 0, b"p", msgspec.json.encode(msgspec.structs.replace(DEFAULT_PROFILE, duty=roster)), NOW
    )
    assert tables.take(record)
    assert not tables.take(record._replace(value=b'{"tick": 1}'))
    assert tables.duty == roster
    assert tables.unread == 0


@pytest.mark.parametrize(
    ("language", "said", "shown"),
    [
        ("ko", "응급 버튼: 방금 감지되었습니다.", "응급 버튼: 19:46에 감지되었습니다."),
        ("ko", "[훈련] 낙상: 1시간 3분 전 감지되었습니다.", "[훈련] 낙상: 19:46에 감지되었습니다."),
        ("en", "Emergency button, just now.", "Emergency button, 19:46."),
        ("en", "Gas leak, 1 h 3 min ago.", "Gas leak, 19:46."),
        ("ko", "다르게 말한 것", "다르게 말한 것"),
    ],
)
def test_just_now_is_not_said_of_what_was_a_day_ago(language: str, said: str, shown: str) -> None:
    told = {"sentence_ko": said, "sentence_en": said}
    incident = an_incident(kind=IncidentKind.EMERGENCY_BUTTON, **told)
    assert Words(language).sentence(incident, NOW) == shown
    silence = an_incident(**told)
    assert Words(language).sentence(silence, NOW) == said, "the engine's own words for all else"


def test_a_sentence_of_the_engine_is_one_whose_age_the_board_knows() -> None:
    for age_ms in (0, 5 * MINUTE, 70 * MINUTE):
        finding = Finding(
            kind=IncidentKind.GAS,
            change="raise",
            severity=Severity.EXTREME,
            urgency=Urgency.IMMEDIATE,
            certainty=Certainty.OBSERVED,
            event_from_ms=NOW - age_ms,
            event_until_ms=NOW - age_ms,
        )
        korean, english = sentences(finding, NOW)
        incident = an_incident(kind=IncidentKind.GAS, sentence_ko=korean, sentence_en=english)
        assert KO.sentence(incident, NOW) != korean
        assert Words("en").sentence(incident, NOW) != english


def test_answers_of_the_engine_are_kept_by_action_and_rubbish_is_counted_and_passed() -> None:
    tables = Tables()
    kept = ActionResult(action="a", household="h", incident="i", ok=True, reason="kept_for_later", at=to_rfc3339(NOW))
    done = msgspec.structs.replace(kept, reason="")

    def take(value: bytes | None) -> bool:
        return tables.take(Record("responder.results", 0, 0, b"h", value, NOW))

    assert take(msgspec.json.encode(kept))
    assert not take(msgspec.json.encode(kept))
    assert take(msgspec.json.encode(done))
    assert not take(b"{")
    assert not take(None)
    assert tables.result("a") == done
    assert tables.unread == 1


@given(st.lists(st.integers(0, 20)))
def test_no_key_is_let_through_more_often_than_its_limit_in_any_window(steps: list[int]) -> None:
    limit, at_ms, let = Limit(3, 10), 0, []
    for step in steps:
        at_ms += step
        if not limit.wait_ms("k", at_ms):
            limit.note("k", at_ms)
            let.append(at_ms)
    assert all(sum(1 for one in let if start <= one < start + 10) <= 3 for start in let)


def test_a_limit_remembers_a_bounded_number_of_keys() -> None:
    limit = Limit(1, 10)
    for key in range(MOST_KEYS + 10):
        limit.note(str(key), 0)
    assert len(limit._tries) == MOST_KEYS
    assert limit.wait_ms(str(MOST_KEYS), 1)
