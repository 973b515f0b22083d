"""The board is calm only while both of its readers read; an emergency that no district knows of is hidden from nobody."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import pytest
from board_scene import NOW, Hands, StillSource, a_board, a_view, an_incident, in_loop, logged, opened, sign_in
from msgspec import structs
from test_board_pages import source, text_of

from schemas.duty import Desk, Duty
from schemas.incidents import IncidentKind, IncidentState
from schemas.partitions import partition_of
from streams.board import feed as board_feed
from streams.board.feed import SILENT_AFTER_MS, KafkaFeed, Picture, Reading
from streams.incident_fold import STANDS_AFTER_MS, IncidentFold, Watching
from streams.publish import BrokerAwayError, TopicsDifferError
from streams.tail import Place, Record

READS = Reading(NOW, is_whole=True, trouble="")
CALM = Watching(homes=50, blind=0, data_until_ms=NOW, stale=())
VIEW = Record("households.view", 0, 0, b"h-0017", msgspec.json.encode(a_view()), NOW)


class CalmSubscriber:
    """Incidents of a neighbourhood where all is well."""

    def __init__(self, _bootstrap: str, **_said: Any) -> None:
        self.fold, self.caught_up = IncidentFold(1), True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def poll(self, _within_s: float) -> list[Any]:
        threading.Event().wait(0.001)
        return []

    def cases(self, **_: bool) -> list[Any]:
        return []

    def watching(self) -> Watching:
        return CALM


class HandReader:
    """A reader of one view. It fails of `error` where `fails_at` says, and is at the end when `ended` is set."""

    fails_at = ""
    error: Exception = RuntimeError()
    ended = True
    grown: ClassVar[dict[str, int]] = {}

    def __init__(self, _bootstrap: str) -> None:
        self.left = [VIEW]

    def _may_fail(self, at: str) -> None:
        if HandReader.fails_at == at:
            raise HandReader.error

    def partitions(self, _topic: str) -> int:
        self._may_fail("partitions")
        return 1

    def bounds(self, places: list[Place]) -> dict[Place, tuple[int, int]]:
        return dict.fromkeys(places, (0, 1))

    def follow(self, starts: dict[Place, int]) -> None:
        pass

    def follow_grown(self, _topics: tuple[str, ...]) -> dict[str, int]:
        return HandReader.grown

    def poll(self, _within_ms: int) -> list[Record]:
        self._may_fail("poll")
        threading.Event().wait(0.001)
        news, self.left = self.left, []
        return news

    def at_end(self) -> bool:
        return HandReader.ended

    def close(self) -> None:
        pass


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> type[HandReader]:
    monkeypatch.setattr(board_feed, "IncidentSubscriber", CalmSubscriber)
    monkeypatch.setattr(board_feed, "LogReader", HandReader)
    monkeypatch.setattr(board_feed, "AGAIN_S", 0.001)
    for name, value in (("fails_at", ""), ("error", RuntimeError()), ("ended", True), ("grown", {})):
        monkeypatch.setattr(HandReader, name, value)
    return HandReader


def heard_until(feed: KafkaFeed, stands: Callable[[Picture], bool]) -> Picture:
    """Return the first picture of which this is true; the feed tells its listeners of each change."""
    told = threading.Event()
    end = feed.listen(told.set)
    try:
        while not stands(feed.picture()):
            assert told.wait(20), feed.picture()
            told.clear()
        return feed.picture()
    finally:
        end()


def test_a_board_whose_set_is_grown_keeps_views_by_the_new_count_and_turns_red_for_it_cannot_act(
    reader: type[HandReader],
) -> None:
    """A set that was grown leaves a tombstone where each moved home had been: by the old count it would take the view away."""
    feed = KafkaFeed("nowhere", 1, clock=Hands())
    feed.start()
    try:
        heard_until(feed, lambda picture: picture.is_believed(NOW))
        assert feed.tables.partitions == 1, "control: the count of the start"
        home, moved = next((f"h-{n}", at) for n in range(99) if (at := partition_of(f"h-{n}".encode(), 3)))
        reader.grown = {"households.view": 3}
        picture = heard_until(feed, lambda picture: "start the board anew" in picture.trouble)
        assert not picture.is_believed(NOW)
        assert feed.tables.partitions == 3
        view = msgspec.json.encode(structs.replace(a_view(), household=home))
        assert feed.tables.take(Record("households.view", moved, 0, home.encode(), view, NOW))
        assert not feed.tables.take(Record("households.view", 0, 1, home.encode(), None, NOW))
        assert feed.view(home) is not None
    finally:
        feed.close()


@pytest.mark.parametrize(
    ("fails_at", "error", "said"),
    [
        ("partitions", TopicsDifferError("topic households.view is missing"), "topic households.view is missing"),
        ("poll", BrokerAwayError("the broker does not answer"), "the broker does not answer"),
        (
            "poll",
            AttributeError("of h-0017, a synthetic home"),
            "reading failed: AttributeError at test_board_reading.py:",
        ),
    ],
)
def test_the_board_is_not_calm_while_its_reader_of_homes_fails_of_whatever_and_is_when_it_reads_again(
    reader: type[HandReader], fails_at: str, error: Exception, said: str
) -> None:
    feed = KafkaFeed("nowhere", clock=Hands())
    feed.start()
    try:
        assert heard_until(feed, lambda picture: picture.is_believed(NOW)).is_fresh(NOW), "control: it reads"
        assert feed.view("h-0017") is not None
        reader.error = error
        reader.fails_at = fails_at
        if fails_at == "partitions":  # only a reader that begins asks for them
            feed.close()
            feed = KafkaFeed("nowhere", clock=Hands())
            feed.start()
        picture = heard_until(feed, lambda picture: said in picture.trouble and picture.incidents.is_fresh(NOW))
        assert not picture.is_fresh(NOW)
        assert not picture.is_believed(NOW)
        assert "h-0017" not in picture.trouble, "an error may hold what it failed on"
        reader.fails_at = ""
        assert heard_until(feed, lambda picture: picture.is_believed(NOW)).trouble == ""
    finally:
        feed.close()


def test_the_board_is_not_whole_before_the_homes_are_read(reader: type[HandReader]) -> None:
    reader.ended = False
    feed = KafkaFeed("nowhere", clock=Hands())
    feed.start()
    try:
        picture = heard_until(feed, lambda picture: picture.is_fresh(NOW))
        assert picture.incidents.is_whole
        assert not picture.is_whole
        reader.ended = True
        assert heard_until(feed, lambda picture: picture.is_whole).is_believed(NOW)
    finally:
        feed.close()


def test_a_reader_that_never_read_or_died_without_a_word_is_not_believed_either() -> None:
    assert Picture(READS, READS, watching=CALM).is_believed(NOW + SILENT_AFTER_MS)
    for dead in (Reading(), Reading(NOW - 1, is_whole=True, trouble="")):
        for picture in (Picture(READS, dead, watching=CALM), Picture(dead, READS, watching=CALM)):
            assert not picture.is_fresh(NOW + SILENT_AFTER_MS)
            assert not picture.is_believed(NOW + SILENT_AFTER_MS)


@in_loop
async def test_no_list_of_homes_is_called_empty_while_homes_are_unread_or_do_not_come(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    reading, failing = Reading(NOW, trouble=""), Reading(NOW, is_whole=True, trouble="gone")
    async with opened(board) as client:
        await sign_in(client, "park")
        for tables, said, line, up in (
            (None, "없습니다", "50가구 살피는 중", 200),
            (reading, "가구 정보를 읽고 있어", "열린 사례를 읽고 있습니다", 200),
            (failing, "이 목록은 오래된 것일 수 있습니다", "▲ 상황판이 일부 자료를 받지 못하고 있습니다", 503),
            (Reading(), "가구 정보를 읽고 있어", "▲ 상황판이 일부 자료를 받지 못하고 있습니다", 503),
        ):
            source(board).tables = tables
            weekly, homes = await text_of(client, "/weekly"), await text_of(client, "/homes")
            assert ("이번 주에 나빠진 가구가 없습니다" in weekly) == (tables is None)
            assert ("담당 지역의 가구가 아직 알려지지 않았습니다" in homes) == (tables is None)
            cases = await text_of(client, "/cases")
            assert ("담당 가구를 모두 살피고 있습니다" in cases) == (tables is None)
            assert ("자료 받기 정상" in await text_of(client, "/parts")) == (tables in {None, reading})
            assert said in (homes if tables else weekly)
            assert said in weekly
            for text in (weekly, homes, cases):
                assert line in text
            assert (await client.get("/up")).status == up


def gas(**said: Any) -> Any:
    return an_incident(**{"kind": IncidentKind.GAS, "district": None, "case": None} | said)


@in_loop
async def test_an_emergency_of_no_known_district_is_on_every_responders_list_without_its_home(tmp_path: Path) -> None:
    board = a_board(tmp_path, gas())
    async with opened(board) as client:
        for name, sees_home in (("kim", False), ("lee", False), ("choi", False), ("park", True)):
            client.session.cookie_jar.clear()
            await sign_in(client, name)
            page, text = await (await client.get("/cases")).text(), await text_of(client, "/cases")
            assert "가스 누출" in text
            assert "열린 사례 1 " in text
            assert "열린 사례가 없습니다" not in text
            assert ("지역 확인 필요" in text) != sees_home
            assert ('href="/cases/' in page) == ("h-0017" in page) == sees_home
            async with client.get("/cases/live") as stream:
                heard = (await stream.content.readuntil(b"event: beat\n")).decode()
            assert '"count":1' in heard
            assert ("h-0017" in heard) == sees_home
            mine = next(one for one in board.sessions._sessions.values() if one.user.name == name)
            assert (await client.get(f"/cases/{mine.token('h-0017')}")).status == (200 if sees_home else 404)
        seen = {line["who"] for line in logged(tmp_path) if line["household"] == "h-0017"}
        assert seen == {"park"}, "who saw no home is not said to have seen one"


@in_loop
async def test_an_emergency_leaves_the_other_districts_as_soon_as_its_own_is_known(tmp_path: Path) -> None:
    for name, is_shown in (("kim", True), ("lee", False)):
        board = a_board(tmp_path / name, gas())
        async with opened(board) as client:
            await sign_in(client, name)
            assert "가스 누출" in await text_of(client, "/cases"), "control"
            source(board).known["h-0017"] = a_view()
            text = await text_of(client, "/cases")
            assert ("가스 누출" in text) == is_shown
            assert "지역 확인 필요" not in text


@in_loop
async def test_what_is_no_emergency_or_has_ended_or_has_a_district_is_never_shown_to_others(tmp_path: Path) -> None:
    for place, incident in enumerate(
        (
            an_incident(district=None, case=None),
            gas(state=IncidentState.CLOSED, revision=2),
            gas(district="gangbuk"),
        )
    ):
        async with opened(a_board(tmp_path / str(place), incident)) as client:
            await sign_in(client, "lee")
            text = await text_of(client, "/cases")
            assert "지역 확인 필요" not in text
            assert "열린 사례 0 " in text


@in_loop
async def test_while_the_clock_stands_an_emergency_of_no_known_district_is_called_out_to_all(tmp_path: Path) -> None:
    for place, (incident, is_told) in enumerate(((gas(), True), (gas(district="gangbuk"), False))):
        board = a_board(tmp_path / str(place), incident)
        still = board.source
        assert isinstance(still, StillSource)
        still.roster = Duty(desks=[Desk(day="day-desk", night="night-desk")])
        still.tables = Reading()
        async with opened(board) as client:
            await sign_in(client, "lee")
            assert isinstance(board.clock, Hands)
            board.clock.now_ms += STANDS_AFTER_MS + 1
            assert ("열린 긴급 사례 1건을 night-desk에 직접 알리세요" in await text_of(client, "/cases")) == is_told
