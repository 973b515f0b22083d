"""An officer's day against the engine itself: worker, board, ticker as they run, ClickHouse down; nobody plays a part.

With ANBU_REGENERATE=1 it takes the pictures in docs/pictures anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_browser import DESK, PHONE, Day, a_browser
from board_engine import AWAY, HOMES, LADDER, PRESSED, SILENT, Site, a_town_at_work
from board_scene import PASSWORD

from infra.broker import Broker
from schemas.incidents import CloseCause, IncidentState
from streams.access_log import verify

pytestmark = pytest.mark.slow
IN_THE_DIRECTORY = ("이가상", "가상로", "02-000-0000", "이모의", "010-0000-0000", "경비실")
"""What `a_directory` holds of the silent home."""


@pytest.fixture
def site(own_broker: Broker, tmp_path: Path) -> Iterator[Site]:
    with a_town_at_work(own_broker, tmp_path) as running:
        yield running


def test_board_an_officers_day_from_sign_in_to_closing_is_answered_by_the_engine_itself(site: Site) -> None:
    with a_browser() as browser:
        day = Day(browser, site.url, DESK)
        day.sign_in()
        # The log's clock stands 5 minutes behind: nobody is watching, whatever the list shows.
        day.page.locator(".watching.is-red").wait_for()
        day.shows("지금 살피지 못하고 있습니다")
        site.start("ticker")
        day.page.locator(".watching.is-calm").wait_for()
        day.shows("가구 살피는 중")
        at_the_desk(day, site)
        day.close()
        phone = Day(browser, site.url, PHONE)
        on_the_phone(phone)
        phone.close()
    told = {(one.action, one.cause): site.answers()[one.id] for one in site.actions()}
    assert {key: (one.ok, one.reason) for key, one in told.items()} == {
        ("acknowledge", None): (True, ""),
        ("note", CloseCause.NO_CONTACT): (True, ""),
        ("visit", None): (True, ""),
        ("close", CloseCause.HELPED): (True, ""),
        ("close", CloseCause.SAFE_AT_HOME): (True, ""),
    }
    for household, cause in ((SILENT, CloseCause.HELPED), (PRESSED, CloseCause.SAFE_AT_HOME)):
        last = max(site.revisions(household), key=lambda one: (one.opened_at, one.revision))
        assert (last.state, last.cause, last.acknowledged_by) == (IncidentState.CLOSED, cause, "kim")
    assert not verify(site.folder / "board" / "access.log").wrong
    nothing_of_a_person_was_written(site)


def nothing_of_a_person_was_written(site: Site) -> None:
    """Who lives there was looked up: it reached no topic, log or metric; and a pseudonym is in no log or metric."""
    found = site.written()
    assert {where for where, said in found.items() if SILENT.encode() in said} >= {"incidents", "responder.actions"}
    for secret in (*IN_THE_DIRECTORY, PASSWORD):
        assert {where for where, said in found.items() if secret.encode() in said} == set(), secret
    beside = {"metrics", *(where for where in found if where.endswith(".log"))}
    assert {where for where in beside if b"sim-0" in found[where]} == set()
    assert b"anbu_" in found["metrics"], "negative control: they were read"


def answered(day: Day, action: str) -> None:
    """Wait until the board shows, by itself, that the engine has done it: nothing is opened anew for it."""
    day.page.locator(".results .is-good", has_text=action).first.wait_for()


def unfold(day: Day, name: str) -> Any:
    """Unfold a form and return it."""
    day.page.locator("summary", has_text=name).click()
    return day.page.locator("details[open] form")


def at_the_desk(day: Day, site: Site) -> None:
    """The silent home: taken, noted, visited, not ended by "no contact", and closed."""
    page = day.page
    site.press(PRESSED)
    page.locator(".case-step", has_text="119에 신고").wait_for()
    assert PRESSED in page.locator(".case").first.inner_text(), "an emergency stands on top"
    day.is_open_to_all()
    day.picture("cases")
    page.locator(".case", has_text=SILENT).click()
    day.shows("응답 없음")
    assert page.locator(".rung").count() == len(LADDER), "every rung with its outcome"
    page.get_by_role("button", name="접수하기").click()
    answered(day, "접수하기")
    day.shows("kim (나)")
    day.is_open_to_all()
    day.picture("case", whole=True)
    page.get_by_role("button", name="이름과 주소 보기").click()
    day.shows("강북구 가상로 1, 101호")
    page.get_by_role("link", name="목록으로").click()
    page.locator(".case", has_text=SILENT).click()

    noting = unfold(day, "확인 결과 남기기")
    noting.locator("input[value=no_contact]").check()
    noting.get_by_role("button").click()
    answered(day, "확인 결과 남기기")
    page.get_by_role("button", name="방문 기록").click()
    answered(day, "방문 기록")

    # "No contact" is not offered as an ending, and a form that says so all the same is refused before it is sent.
    closing = unfold(day, "종결하기")
    assert closing.locator("input[value=no_contact]").count() == 0
    closing.locator("input[value=helped]").evaluate("one => { one.value = 'no_contact'; one.checked = true; }")
    closing.get_by_role("button").click()
    day.shows("입력을 확인해 주세요")
    day.is_open_to_all()
    page.go_back()
    closing = unfold(day, "종결하기")
    closing.locator("input[value=helped]").check()
    closing.get_by_role("button").click()
    day.shows("종결 · 도움을 드림")

    page.get_by_role("link", name="담당 가구").click()
    assert page.locator(".home-line").count() == HOMES - len(AWAY), "the homes of this district alone"
    page.locator(".home-line", has_text=SILENT).click()
    day.shows("기록을 볼 수 없습니다.")
    day.is_open_to_all()
    day.picture("home", whole=True)
    page.get_by_role("link", name="주간 점검").click()
    day.is_open_to_all()
    day.picture("weekly")
    page.get_by_role("button", name="로그아웃").click()
    page.locator("#password").wait_for()


def on_the_phone(day: Day) -> None:
    """The button: taken and closed with a thumb."""
    page = day.page
    day.sign_in()
    page.locator(".watching.is-calm").wait_for()
    day.is_open_to_all()
    day.picture("phone-cases")
    page.locator(".case", has_text=PRESSED).tap()
    page.get_by_role("button", name="접수하기").tap()
    answered(day, "접수하기")
    day.is_open_to_all()
    day.picture("phone-case")
    page.locator("summary", has_text="종결하기").tap()
    page.locator("details[open] input[value=safe_at_home]").check()
    page.locator("details[open] button").tap()
    day.shows("종결 · 집에서 안전")
