"""An officer's day on the board, in a real browser, in Korean: from sign-in to closing, at a desk and on a phone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from board_browser import AXE, DESK, PHONE, WCAG, Day, a_browser
from board_day import Street, a_board_process

import streams.board
from infra.embedded import EmbeddedBroker
from schemas.incidents import CloseCause
from streams.access_log import verify
from streams.wallclock import now_ms


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as running:
        yield running


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Street, Path]]:
    folder = tmp_path_factory.mktemp("board")
    with EmbeddedBroker() as broker, a_board_process(broker, folder) as (url, street):
        yield url, street, folder


def test_board_an_officers_day_at_a_desk_from_sign_in_to_closing(browser: Any, board: tuple[str, Street, Path]) -> None:
    url, street, folder = board
    day = Day(browser, url, DESK)
    page = day.page
    day.sign_in("not the password")
    day.shows("아이디나 비밀번호가 맞지 않습니다.")
    day.sign_in()

    # Of two partitions one has been silent for 3 minutes; it speaks again, and the board says so by itself.
    page.locator(".watching.is-red").wait_for()
    day.shows("▲ 지금 살피지 못하고 있습니다")
    day.picture("red")
    street.speak(1, now_ms())
    page.locator(".watching.is-calm").wait_for()
    day.shows("363가구 살피는 중")

    # The list: this district alone, the exercise last and marked.
    lines = page.locator(".case")
    assert lines.count() == 4
    assert page.get_by_text("h-0500").count() == 0
    assert "훈련" in lines.last.inner_text()

    # Somebody presses a button: the line comes by itself, on top, and is said aloud.
    street.press()
    page.locator(".case-step", has_text="119에 신고").wait_for()
    assert "h-0203" in lines.first.inner_text()
    assert "5건" in page.locator("#spoken").inner_text()

    # By keyboard alone: to the first case, and to take it.
    page.keyboard.press("Tab")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('case-link')"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "one sees where one is"
    page.keyboard.press("Enter")
    day.shows("에 감지되었습니다.")
    page.get_by_role("button", name="접수하기").focus()
    page.keyboard.press("Enter")
    day.shows("처리되었습니다")
    day.shows("kim (나)")
    page.get_by_role("button", name="접수하기").wait_for(state="hidden")

    # The silence: why, and what was asked; then who lives there, once it is taken.
    page.get_by_role("link", name="목록으로").click()
    page.locator(".case", has_text="h-0017").click()
    day.shows("AI 안부 전화")
    assert page.locator(".heat td.missing").count() or page.locator(".heat td.h0").count()
    page.get_by_role("button", name="접수하기").click()
    page.get_by_role("button", name="이름과 주소 보기").wait_for()
    page.get_by_role("button", name="이름과 주소 보기").click()
    day.shows("강북구 가상로 1, 101호")

    # Closing: "no contact" is no ending, and the answer comes by itself.
    page.locator("summary", has_text="종결하기").click()
    closing = page.locator("details[open] form")
    assert closing.locator("input[value=no_contact]").count() == 0
    closing.locator("input[value=safe_at_home]").check()
    closing.get_by_role("button").click()
    day.shows("종결 · 집에서 안전")
    page.get_by_role("button", name="접수하기").wait_for(state="detached")
    assert [(one.action, one.cause) for one in street.actions] == [
        ("acknowledge", None),
        ("acknowledge", None),
        ("close", CloseCause.SAFE_AT_HOME),
    ]

    # The district's homes, one of them, and those that went worse.
    page.get_by_role("link", name="담당 가구").click()
    day.shows("h-0017")
    page.locator(".home-line", has_text="h-0017").click()
    day.shows("기록을 볼 수 없습니다.")
    page.locator("summary", has_text="서비스 연계").click()
    page.locator("details[open] input[value=meals]").check()
    page.locator("details[open] button").click()
    day.shows("처리되었습니다")
    assert street.actions[-1].referral == "meals"
    page.get_by_role("link", name="주간 점검").click()
    day.shows("식사: 걱정 → 위험")

    page.get_by_role("button", name="로그아웃").click()
    page.locator("#password").wait_for()
    page.go_back()
    page.reload()
    page.locator("#password").wait_for()
    day.close()
    assert not verify(folder / "board" / "access.log").wrong


def test_board_the_same_day_on_a_phone_needs_no_sideways_scrolling(
    browser: Any, board: tuple[str, Street, Path]
) -> None:
    url, street, _ = board
    street.speak(0, now_ms())
    street.speak(1, now_ms())
    day = Day(browser, url, PHONE)
    page = day.page
    day.sign_in()
    page.locator(".watching.is-calm").wait_for()
    page.locator(".case", has_text="h-0088").tap()
    day.shows("복약을 3번 연속 걸렀습니다.")
    page.get_by_role("button", name="접수하기").tap()
    day.shows("처리되었습니다")
    page.locator("summary", has_text="종결하기").tap()
    page.locator("details[open] input[value=safe_at_home]").check()
    page.locator("details[open] button").tap()
    day.shows("종결 · 집에서 안전")
    page.get_by_role("link", name="담당 가구").tap()
    page.locator(".home-line", has_text="h-0017").tap()
    day.shows("기억해 둔 걱정")
    page.get_by_role("button", name="English").tap()
    day.shows("Remembered concerns")
    assert page.locator("html").get_attribute("lang") == "en"

    # Cut off from the board, the page says that what it shows may be old.
    page.locator("#disconnected").wait_for(state="hidden")
    page.route("**/live", lambda route: route.abort())
    page.reload()
    page.locator("#disconnected").wait_for()
    assert all("ERR_FAILED" in one for one in day.wrong)
    day.wrong.clear()
    day.close()


CASE: Final = """<!doctype html><html lang="ko"><title>1</title><body data-live="/live">
<p id="disconnected" hidden></p><div id="facts">the first incident</div><p id="forms-past" hidden>past</p>
<details class="act" open><summary>note</summary><form method="post" data-act><input name="incident" value="first">
<input name="revision" value="1" data-revision><button>send</button></form></details>
<script src="/board.js"></script></body></html>"""
HEARD: Final = """window.EventSource = class extends EventTarget {
  constructor() { super(); window.hear = (name, told) =>
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(told) })); }
};"""


def an_open_form(browser: Any) -> Any:
    """Return a page with a form unfolded; `hear` plays what the board sends. Nothing leaves the browser."""
    page = browser.new_page()
    page.add_init_script(HEARD)
    script = Path(streams.board.__file__).with_name("static") / "board.js"
    page.route("http://127.0.0.1:9/case", lambda route: route.fulfill(body=CASE, content_type="text/html"))
    page.route("http://127.0.0.1:9/board.js", lambda route: route.fulfill(path=script))
    page.goto("http://127.0.0.1:9/case")
    return page


@pytest.mark.parametrize("now", [{"incident": "second"}, {"ended": True}], ids=["another", "ended"])
def test_board_a_form_cannot_be_sent_about_an_incident_that_the_page_no_longer_shows(
    browser: Any, now: dict[str, Any]
) -> None:
    page = an_open_form(browser)
    told = {"incident": "first", "ended": False, "taken": False}
    hear = "told => hear('revision', told)"
    page.evaluate(hear, told | {"revision": 2})
    # Negative control: a new revision of the same incident leaves the form as it was filled in.
    assert page.locator("button").is_enabled()
    assert page.locator("[data-revision]").input_value() == "1"
    page.evaluate(hear, told | {"revision": 3} | now)
    assert page.locator("button").is_disabled()
    assert page.locator("#forms-past").is_visible()
    with page.expect_navigation():
        page.locator("summary").click()
    page.close()


def test_board_a_folded_form_takes_the_revision_that_came_while_it_was_open(browser: Any) -> None:
    page = an_open_form(browser)
    page.evaluate("told => hear('revision', told)", {"incident": "first", "ended": False, "taken": True, "revision": 2})
    page.locator("summary").click()
    page.wait_for_function("document.querySelector('[data-revision]').value === '2'")
    page.close()


def test_negative_control_axe_finds_a_barrier(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(
        "<html lang='ko'><title>t</title><main><h1>t</h1><input><p style='color:#ccc'>희미한 글</p></main>"
    )
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(WCAG)}}})")
    assert {"label", "color-contrast"} <= {one["id"] for one in found["violations"]}
    page.close()
