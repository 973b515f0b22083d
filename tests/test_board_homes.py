"""A home's page and the weekly list say what the engine's view says, and the past stays away without taking the rest along."""

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from board_scene import (
    NOW,
    USUAL,
    KeptHistory,
    StillSource,
    a_board,
    a_view,
    an_incident,
    in_loop,
    opened,
    sign_in,
)
from test_board_pages import text_of

from schemas.example_view import view_example
from schemas.views import ContactView, DelayView, HourlyDay, HouseholdView, TopicWeek, WeekView
from schemas.vocabulary import CareTopic, Level
from streams.board import home_pages
from streams.board.feed import Tables
from streams.board.heat import HOURS, heat
from streams.board.history import ClickHouseHistory, HistoryAwayError, Past
from streams.board.parts import Board
from streams.board.words import Words
from streams.board.worsening import Change, needs_a_look, worsened
from streams.clickhouse import ClickHouseAwayError
from streams.tail import Record

PAST = Past(
    "silence",
    "Severe",
    "closed",
    "helped",
    datetime(2026, 10, 2, 1, 5, tzinfo=UTC),
    datetime(2026, 10, 2, 3, 0, tzinfo=UTC),
    "kim",
    "12시간째 생활 반응이 없습니다.",
    "No signs of life for 12 h.",
    "Actual",
)


def with_homes(folder: Path, *views: HouseholdView, **said: Any) -> Board:
    board = a_board(folder, an_incident(), **said)
    assert isinstance(board.source, StillSource)
    board.source.known = {view.household: view for view in views}
    return board


async def home_text(client: TestClient[Any, Any], board: Board) -> str:
    session = next(iter(board.sessions._sessions.values()))
    return await text_of(client, f"/homes/{session.token('h-0017')}")


@in_loop
async def test_a_homes_page_tells_everything_the_engine_knows_of_it(tmp_path: Path) -> None:
    board = with_homes(tmp_path, a_view())
    async with opened(board) as client:
        await sign_in(client, "kim")
        text = await home_text(client, board)
    for said in (
        "독거 어르신 · 위험 등급 높음 · 도움이 필요한 점 청각",
        "열린 사례가 있습니다",
        "사례가 열리는 기준의 100%까지 왔습니다",
        "낮 5.2시간, 밤 9.6시간",
        "41일 동안 배운 리듬",
        "식사 나빠짐",
        "하루 외출 0.2번 (평소 1.1)",
        "식사 · 이어지는 중",
        "기분 · 풀림",
        "0.31 줄고 있음 최근 4주 0.31 · 그 전 4주 0.47",
        "식사 지원",
        "연결 지수: 연계 전 0.36, 뒤 0.31",
        "집 안 센서 /sensors/gw-17 정상 마지막 소식 20:02",
        "휴대전화 /phone/p-17 소식 없음",
        "친지 방문",
    ):
        assert said in text, said


@in_loop
async def test_while_clickhouse_is_down_only_the_past_is_missing(tmp_path: Path) -> None:
    # A port of this machine at which nobody listens.
    board = with_homes(tmp_path, a_view())
    board.history = ClickHouseHistory("clickhouse://anbu:x@127.0.0.1:1/anbu")
    async with opened(board) as client:
        await sign_in(client, "kim")
        text = await home_text(client, board)
        assert "기록을 볼 수 없습니다." in text
        assert "41일 동안 배운 리듬" in text
        assert "h-0017" in await text_of(client, "/cases")
        board.history = kept = KeptHistory()
        kept.kept = [PAST]
        text = await home_text(client, board)
        assert "기록을 볼 수 없습니다" not in text
        assert "생활 반응 없음 10월 2일 10:05 · 종결 · 결과: 도움을 드림 · kim" in text
        kept.kept = []
        assert "지난 사례가 없습니다" in await home_text(client, board)


@in_loop
async def test_a_clickhouse_that_hangs_holds_up_no_other_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ended = threading.Event(), threading.Event()

    class Hanging:
        def past(self, household: str) -> list[Past]:
            asked.set()
            ended.wait(60)
            raise HistoryAwayError(household)

    board = with_homes(tmp_path, a_view())
    board.history = Hanging()
    monkeypatch.setattr(home_pages, "HISTORY_WITHIN_S", 60.0)
    # All that the access log, the lists and every other page share.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with opened(board) as client:
        await sign_in(client, "kim")
        waiting = [asyncio.create_task(home_text(client, board)) for _ in range(3)]
        while not asked.is_set():
            await asyncio.sleep(0.01)
        try:
            assert "h-0017" in await asyncio.wait_for(text_of(client, "/homes"), 30)
            assert not any(one.done() for one in waiting), "negative control: the history hangs still"
        finally:
            ended.set()
        assert all("기록을 볼 수 없습니다." in text for text in await asyncio.gather(*waiting))
        # One that never comes back is not waited for either.
        ended.clear()
        monkeypatch.setattr(home_pages, "HISTORY_WITHIN_S", 0.05)
        assert "기록을 볼 수 없습니다." in await home_text(client, board)
        ended.set()


def test_history_asks_a_failing_clickhouse_only_now_and_then_and_never_opens_the_embedded_one() -> None:
    asked = []

    def opening(url: str, *, within_s: float) -> Any:
        asked.append((url, within_s))
        raise ClickHouseAwayError("away")

    for url, tries in (("clickhouse://h/d", 1), ("chdb:///somewhere", 0)):
        asked.clear()
        history = ClickHouseHistory(url, opening=opening)
        for _ in range(3):
            try:
                history.past("h-0017")
            except HistoryAwayError:
                continue
            raise AssertionError("it answered")
        assert len(asked) == tries


def test_history_asks_for_one_household_by_parameter_and_returns_the_newest_first() -> None:
    class Client:
        def query(self, sql: str, parameters: dict[str, Any]) -> Any:
            assert "h-'; --" not in sql
            assert parameters["household"] == "h-'; --"
            rows = [PAST, PAST._replace(opened_at=datetime(2026, 11, 1, tzinfo=UTC))]
            return type("Result", (), {"result_rows": [tuple(row) for row in rows]})()

        def close(self) -> None:
            pass

    history = ClickHouseHistory("clickhouse://h/d", opening=lambda _url, within_s: Client())
    assert [one.opened_at.month for one in history.past("h-'; --")] == [11, 10]
    history.close()


@in_loop
async def test_the_list_of_homes_puts_those_with_open_incidents_and_long_silence_first(tmp_path: Path) -> None:
    quiet = a_view("h-1", silence=0.1)
    nearly = a_view("h-2", silence=0.9)
    grave = msgspec.structs.replace(
        view_example("h-3", "2026-11-24T00:00:00.000Z", "i", "test"), household="h-3", district="gangbuk", silence=0.0
    )
    async with opened(with_homes(tmp_path, quiet, nearly, grave)) as client:
        await sign_in(client, "kim")
        text = await text_of(client, "/homes")
        assert text.index("h-3") < text.index("h-2") < text.index("h-1")


@in_loop
async def test_a_long_list_of_homes_has_pages_and_any_page_number_is_answered(tmp_path: Path) -> None:
    views = [a_view(f"h-{i:04d}", silence=0.0) for i in range(130)]
    board = with_homes(tmp_path, *views)
    async with opened(board) as client:
        await sign_in(client, "kim")
        seen = [await text_of(client, f"/homes?page={number}") for number in (1, 2, 3)]
        assert [text.count("gangbuk") for text in seen] == [60, 60, 10]
        for number in ("0", "99", "-1", "x", "9" * 50, "²"):
            assert "가구" in await text_of(client, f"/homes?page={number}")


@in_loop
async def test_the_weekly_list_names_the_homes_that_went_worse_and_no_others(tmp_path: Path) -> None:
    well = a_view("h-0001", weeks=a_view().weeks[:2], contact=None)
    async with opened(with_homes(tmp_path, a_view(), well)) as client:
        await sign_in(client, "kim")
        text = await text_of(client, "/weekly")
        assert "h-0001" not in text
        assert "식사: 걱정 → 위험" in text
        assert "외출: 걱정" in text
        assert "사회적 연결이 줄고 있음 0.47 → 0.31" in text


@in_loop
async def test_every_page_of_somebody_signed_in_keeps_the_watching_line_as_it_is_now(tmp_path: Path) -> None:
    board = with_homes(tmp_path, a_view())
    async with opened(board) as client:
        await sign_in(client, "park")
        home = re.findall(r'href="(/homes/[0-9a-f]{32})"', await (await client.get("/homes")).text())[0]
        for path in ("/cases", "/homes", "/weekly", "/totals", "/parts", home):
            live = re.findall(r'<body data-live="([^"]+)">', await (await client.get(path)).text())
            assert len(live) == 1, path
            async with client.get(live[0]) as stream:
                heard = await asyncio.wait_for(stream.content.readuntil(b"event: beat\n"), 5)
            assert b"event: watching" in heard, path


def weeks(*levels: Level | None) -> HouseholdView:
    told = [
        WeekView(
            monday=f"2026-11-{7 * place + 2:02d}", topics={CareTopic.MOOD: TopicWeek(level=level)} if level else {}
        )
        for place, level in enumerate(levels)
    ]
    return HouseholdView(household="h", at="2026-11-24T00:00:00.000Z", engine="test", weeks=told)


def test_a_topic_is_worse_when_its_last_word_is_graver_than_the_one_before() -> None:
    ok, concern, alarm = Level.OK, Level.CONCERN, Level.ALARM
    assert [change.after for change in worsened(weeks(ok, concern))] == [concern]
    assert worsened(weeks(ok, None, alarm)) == [Change(CareTopic.MOOD, ok, alarm, "2026-11-16")]
    assert worsened(weeks(None, concern)) == [Change(CareTopic.MOOD, None, concern, "2026-11-09")]
    for same in ((concern, concern), (alarm, concern), (concern, ok), (None, ok), (ok, concern, None, None), ()):
        assert worsened(weeks(*same)) == [], same


def test_falling_contact_alone_puts_a_home_on_the_weekly_list() -> None:
    assert not needs_a_look(weeks(Level.OK, Level.OK))
    fading = msgspec.structs.replace(weeks(Level.OK), contact=ContactView(index=0.2, before=0.5, trend="falling"))
    assert needs_a_look(fading)


def test_the_heat_map_tells_quiet_from_unseen_and_from_what_is_to_come() -> None:
    usual, today, yesterday = heat(a_view(), 2)
    assert (usual.date, today.date, yesterday.date) == ("", "2026-11-18", "2026-11-17")
    assert [cell.hour for cell in today.cells] == list(HOURS)
    assert [cell.count for cell in today.cells][:3] == [0, 2, 0]
    assert [cell.count for cell in today.cells][-1] is None
    assert today.cells[2].is_missing, "usually about at 06:00, and today nothing"
    assert not today.cells[0].is_missing, "nobody is usually about at 04:00"
    unseen = next(row for row in heat(a_view(), 14) if row.date == "2026-11-09").cells[3]
    assert not unseen.is_missing
    blind = heat(a_view(days=[HourlyDay("2026-11-18", [0] * 24, [3])]), 1)[1].cells[3]
    assert blind.is_unseen
    assert not blind.is_missing, "what nobody could see is not quiet"


@in_loop
async def test_a_day_is_called_today_only_while_it_is(tmp_path: Path) -> None:
    view = a_view()
    async with opened(with_homes(tmp_path, view)) as client:
        await sign_in(client, "kim")
        path = re.findall(r'href="(/homes/[0-9a-f]{32})"', await (await client.get("/homes")).text())[0]
        case = path.replace("homes", "cases")
        assert "평소 0.1" in (text := await text_of(client, case))
        assert "오늘 0 2" in text
        assert "어제" in text
    old = a_view(days=view.days[:-1])
    async with opened(with_homes(tmp_path / "old", old)) as client:
        await sign_in(client, "kim")
        text = await text_of(
            client, re.findall(r'href="(/cases/[0-9a-f]{32})"', await (await client.get("/cases")).text())[0]
        )
        assert "어제" in text
        assert "오늘 0" not in text, "the last known day is yesterday's"


def test_more_activity_is_never_paler_and_an_unknown_rhythm_has_no_map() -> None:
    cells = sorted(heat(a_view(), 14)[0].cells, key=lambda cell: cell.count or 0.0)
    shades = [cell.shade for cell in cells]
    assert shades == sorted(shades)
    assert shades[0] == 0
    assert heat(a_view(usual=[], days=[]), 14) == []
    assert [row.date for row in heat(a_view(usual=[]), 1)] == ["2026-11-18"]
    assert heat(a_view(usual=USUAL, days=[]), 2)[0].cells


def test_views_are_kept_by_household_and_a_null_ends_one() -> None:
    tables = Tables()
    record = Record("households.view", 0, 0, b"h-0017", msgspec.json.encode(a_view()), NOW)
    assert tables.take(record)
    assert tables.view("h-0017") == a_view()
    assert tables.views(lambda district: district == "gangbuk") == [a_view()]
    assert tables.views(lambda district: district == "dobong") == []
    assert not tables.take(record._replace(value=b"{}"))
    assert tables.unread == 1
    assert tables.take(record._replace(value=None))
    assert tables.view("h-0017") is None


def test_what_sensors_measured_is_said_with_its_unit_beside_the_usual() -> None:
    korean, english = Words("ko"), Words("en")
    assert korean.measured("medication", 0.75, 0.97) == "75% 복용 (평소 97%)"
    assert korean.measured("outings", 0.2, 1.1) == "하루 외출 0.2번 (평소 1.1)"
    assert english.measured("sleep", 0.5, None) == "up 0.5 times a night"
    assert english.measured("exercise", 38.0, 41.5) == "38 stretches of activity a day (usually 41.5)"


@in_loop
async def test_how_long_a_case_would_take_is_said_where_it_is_known_and_only_there(tmp_path: Path) -> None:
    board = with_homes(tmp_path, a_view("h-0017", delay=DelayView(night_h=9.6, slow="calls_only")))
    assert isinstance(board.source, StillSource)
    async with opened(board) as client:
        await sign_in(client, "kim")
        session = next(iter(board.sessions._sessions.values()))
        for page in ("homes", "cases"):
            path = f"/{page}/{session.token('h-0017')}"
            text = await (await client.get(path)).text()
            assert "낮 알 수 없음, 밤 9.6시간" in text
            assert "안부 전화 말고는 살필 길이 없어" in text
        assert "늦게 알 수 있음" in await text_of(client, "/homes")
        board.source.known["h-0017"] = a_view("h-0017", delay=None)
        for page in ("homes", "cases"):
            path = f"/{page}/{session.token('h-0017')}"
            assert "사례까지 걸리는 시간" not in await (await client.get(path)).text()
