"""An officer's day without a mouse: every step by keys alone, and one always sees where one is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_browser import DESK, Day, a_browser
from board_scene import (
    MINUTE,
    NOW,
    PASSWORD,
    KeptSender,
    StillSource,
    a_board,
    a_directory,
    a_ladder,
    a_view,
    an_incident,
)
from board_served import served

from schemas.incidents import CloseCause, IncidentState
from streams.board.parts import Board

MOST_TABS = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as running:
        yield running


class Keys:
    """Hands on a keyboard."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def to(self, wanted: str) -> None:
        """Tab until something is reached; it must be seen that it is."""
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
                style = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert style == "solid", f"one sees that one is at {wanted}"
                return
        raise AssertionError(f"{wanted} is not reached by the keyboard at {self.page.url}")

    def press(self, wanted: str) -> None:
        """Reach something and press it, and wait for the page that comes."""
        self.to(wanted)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def unfold(self, form: str) -> None:
        """Unfold a form."""
        self.to(f".act-{form} summary")
        self.page.keyboard.press("Enter")
        self.page.locator(f".act-{form}[open]").wait_for()

    def choose(self, value: str) -> None:
        """Choose among radio buttons with the arrows."""
        self.to("details[open] input[type=radio]")
        self.page.keyboard.press("Space")
        for _ in range(20):
            if self.page.evaluate("document.activeElement.value") == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"{value} is not reached by the arrows")


def a_morning(folder: Path) -> Board:
    board = a_board(
        folder, an_incident(ladder=a_ladder(NOW - 31 * MINUTE), shares={"home": 1.0}), directory=a_directory(folder)
    )
    assert isinstance(board.source, StillSource)
    board.source.known = {"h-0017": a_view("h-0017")}
    return board


def test_board_an_officers_day_by_the_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    board = a_morning(tmp_path)
    assert isinstance(board.source, StillSource)
    assert isinstance(board.sender, KeptSender)
    with served(board) as url:
        day = Day(browser, url, DESK)
        page, keys = day.page, Keys(day.page)
        page.goto(url)
        page.keyboard.type("kim")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", "the first way leads past the menu"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"

        keys.press(".case-link")
        keys.press(".act-acknowledge button")
        mine = {"state": IncidentState.ACKNOWLEDGED, "owner": "kim", "acknowledged_by": "kim"}
        board.source.take(an_incident(revision=2, **mine))
        page.locator("#look-up").wait_for()
        keys.press("#look-up")
        day.shows("강북구 가상로 1, 101호")
        keys.press(".crumb a")
        keys.press(".case-link")
        keys.unfold("note")
        keys.choose("no_contact")
        keys.press("details[open] button")
        keys.press(".act-visit button")
        keys.unfold("close")
        keys.choose("helped")
        keys.press("details[open] button")

        keys.press("nav a[href='/homes']")
        keys.press(".home-line a")
        keys.to(".scroll")  # what is wider than a phone is scrolled by the arrows
        keys.unfold("refer")
        keys.choose("meals")
        keys.press("details[open] button")
        keys.press("nav a[href='/weekly']")
        keys.press("form[action='/language'] button")
        keys.press("form[action='/sign-out'] button")
        page.locator("#password").wait_for()
        page.goto("about:blank")
        day.close()
    assert [(one.action, one.cause or one.referral) for one in board.sender.sent] == [
        ("acknowledge", None),
        ("note", CloseCause.NO_CONTACT),
        ("visit", None),
        ("close", CloseCause.HELPED),
        ("refer", "meals"),
    ]


def test_negative_control_what_no_key_reaches_is_found(browser: Any) -> None:
    page = browser.new_page()
    page.set_content("<main><a href='#a'>a</a><div onclick='x()' class='only-a-mouse'>press</div></main>")
    with pytest.raises(AssertionError, match="not reached"):
        Keys(page).to(".only-a-mouse")
    page.close()
