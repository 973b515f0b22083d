"""Every page of the board can be used by everybody: both languages, a desk and a phone, by day and in a dark room."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from board_browser import DESK, PHONE, Day, a_browser
from board_scene import (
    HOUR,
    MINUTE,
    NOW,
    KeptHistory,
    StillSource,
    a_board,
    a_directory,
    a_ladder,
    a_view,
    an_incident,
)
from board_served import served

from schemas.incidents import Certainty, CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity
from schemas.times import EPOCH, to_rfc3339
from streams.access_log import AccessLogError
from streams.board.app import PAGES
from streams.board.history import Past
from streams.board.limits import Limit
from streams.board.parts import Board, Limits
from streams.board.sessions import Session
from streams.directory import DirectoryError

LOOKS = [("ko", DESK, "light"), ("en", PHONE, "dark")]
"""Each page in each language, on each screen and in each light, once: axe-core takes a second a page."""
LEADS_ON = {"/", "/up", "/incidents/{incident}"}
"""No pages: they lead to one, or answer a machine."""
AT = EPOCH + timedelta(milliseconds=NOW - 400 * HOUR)
PAST = Past("silence", "Severe", "closed", "safe_at_home", AT, AT, "kim", "조용했습니다.", "It was quiet.", "Actual")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as running:
        yield running


def incidents() -> list[Incident]:
    """One of each kind that a page draws otherwise."""
    at = NOW - 31 * MINUTE
    button: dict[str, Any] = {
        "kind": IncidentKind.EMERGENCY_BUTTON,
        "severity": Severity.EXTREME,
        "certainty": Certainty.OBSERVED,
        "next_step": NextStep.CALL_119,
    }
    mine = {"state": IncidentState.ACKNOWLEDGED, "owner": "kim", "acknowledged_by": "kim"}
    return [
        an_incident(
            "i-1",
            opened_ms=at,
            shares={"home": 0.72, "phone": 0.28},
            ladder=a_ladder(at),
            step_until=to_rfc3339(NOW - MINUTE),
            level=1,
            **mine,
        ),
        an_incident(
            "i-2",
            household="h-0088",
            case="c-2",
            kind=IncidentKind.MISSED_MEDICATION,
            cleared=True,
            severity=Severity.MODERATE,
            next_step=NextStep.ASKING,
            ladder=a_ladder(at)[:1],
        ),
        an_incident(
            "i-3",
            household="h-0111",
            case="c-3",
            kind=IncidentKind.CANNOT_SEE,
            severity=Severity.MINOR,
            next_step=NextStep.CHECK_DEVICE,
        ),
        an_incident("i-4", household="h-0203", case="c-4", **button),
        an_incident("i-5", household="exercise-1", case="c-5", status="Exercise", **button),
        an_incident(
            "i-6",
            household="h-0300",
            case="c-6",
            state=IncidentState.CLOSED,
            cause=CloseCause.HELPED,
            next_step=NextStep.NONE,
        ),
        an_incident("i-7", household="h-0999", case="c-7", district="", **button),
    ]


def a_street(folder: Path) -> Board:
    """A board with everything on it that it can show."""
    board = a_board(folder, *incidents(), directory=a_directory(folder))
    assert isinstance(board.source, StillSource)
    assert isinstance(board.history, KeptHistory)
    sparse: dict[str, Any] = {"weeks": [], "usual": [], "days": [], "concerns": [], "contact": None, "referrals": []}
    sparse |= {"sources": [], "absences": [], "silence": None, "deadline": None, "delay": None, "warm": False}
    views = [
        a_view("h-0017"),
        a_view("h-0203", **sparse),
        a_view("exercise-1", status="Exercise", blind=True, away=True),
    ]
    board.source.known = {view.household: view for view in views}
    board.history.kept = [PAST]
    return board


class Walk:
    """A walk through pages, each looked at for barriers."""

    def __init__(self, day: Day, board: Board) -> None:
        self.day, self.board, self.page = day, board, day.page
        self.seen: set[str] = set()
        self.looked = 0

    def look(self) -> None:
        self.day.is_open_to_all()
        self.seen.add(re.sub(r"^https?://[^/]+", "", self.page.url).partition("?")[0].partition("#")[0])
        self.looked += 1

    def open(self, path: str) -> None:
        self.page.goto(self.day.url + path)
        self.look()

    def sign_in(self, name: str) -> None:
        self.day.context.clear_cookies()
        self.day.context.add_cookies([{"name": "anbu_language", "value": self.day.language, "url": self.day.url}])
        self.day.sign_in(name=name)
        self.page.locator("nav").wait_for()

    @property
    def session(self) -> Session:
        (mine,) = [one for one in self.board.sessions._sessions.values() if one.user.name == "kim"]
        return mine

    def token(self, household: str) -> str:
        return self.session.token(household)

    def unfold_all(self) -> None:
        self.page.evaluate(
            "document.querySelectorAll('details').forEach((one) => { one.removeAttribute('name'); one.open = true; })"
        )


@pytest.mark.parametrize(
    ("language", "screen", "scheme"), LOOKS, ids=lambda one: one if isinstance(one, str) else one["width"]
)
def test_board_no_page_has_a_barrier(
    browser: Any, tmp_path: Path, language: str, screen: dict[str, int], scheme: str
) -> None:
    board = a_street(tmp_path)
    with served(board) as url:
        day = Day(browser, url, screen, language, scheme)
        day.context.add_cookies([{"name": "anbu_language", "value": language, "url": url}])
        walk = Walk(day, board)
        signing_in(walk)
        an_officer(walk)
        errors(walk)
        others(walk)
        day.page.goto("about:blank")
        day.close()
    asked = {one.path for one in PAGES if one.method == "GET" and not one.path.endswith("/live")} - LEADS_ON
    missed = {
        path for path in asked if not any(re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", path), seen) for seen in walk.seen)
    }
    assert {path for path in missed if not path.startswith("/static")} == set(), "every page was looked at"


def signing_in(walk: Walk) -> None:
    walk.open("/sign-in")
    walk.day.sign_in("not the password")
    walk.page.locator("#wrong").wait_for()
    walk.look()
    before, walk.board.limits = walk.board.limits, Limits(addresses=Limit(1, MINUTE))
    walk.board.limits.addresses.note("127.0.0.1", NOW)
    walk.day.sign_in("not the password")
    walk.page.locator("#wrong").wait_for()
    walk.look()
    walk.board.limits = before


def an_officer(walk: Walk) -> None:
    walk.sign_in("kim")
    walk.unfold_all()
    walk.look()
    for household in ("h-0203", "h-0300", "exercise-1"):
        walk.open(f"/cases/{walk.token(household)}")
    walk.page.goto(f"{walk.day.url}/cases/{walk.token('h-0017')}")
    walk.page.locator("#look-up").click()
    walk.page.locator(".contact-card").wait_for()
    walk.unfold_all()
    walk.look()
    walk.open("/homes")
    walk.page.goto(f"{walk.day.url}/homes/{walk.token('h-0017')}")
    walk.unfold_all()
    walk.look()
    walk.open(f"/homes/{walk.token('h-0203')}")
    walk.open("/weekly")
    walk.open("/totals")


def errors(walk: Walk) -> None:
    """Every refusal and failure that has a page."""
    board = walk.board
    for path in ("/parts", "/nowhere"):
        walk.open(path)
    limits, log, directory = board.limits, board.access._log.write_all, board.directory

    def no_log(*_given: object, **_named: object) -> None:
        raise AccessLogError("the disk is full")

    def no_directory() -> Any:
        raise DirectoryError("the key is gone")

    board.access._log.write_all = no_log  # type: ignore[method-assign]
    walk.open("/cases")
    board.access._log.write_all = log  # type: ignore[method-assign]
    board.limits = replace(limits, requests=Limit(1, MINUTE))
    board.limits.requests.note(walk.session.id, NOW)
    walk.open("/cases")
    board.limits = limits
    board.directory = no_directory
    walk.page.goto(f"{walk.day.url}/cases/{walk.token('h-0017')}")
    walk.page.locator("#look-up").click()
    walk.page.locator(".notice").wait_for()
    walk.look()
    board.directory = directory
    for spoilt in ("input[name=action]", "input[name=form_token]"):
        walk.page.goto(f"{walk.day.url}/cases/{walk.token('h-0017')}")
        walk.page.evaluate(
            f"const form = document.querySelector('form.act'); form.querySelector('{spoilt}').value = 'x'; form.submit()"
        )
        walk.page.locator(".notice").wait_for()
        walk.look()


def others(walk: Walk) -> None:
    """Empty lists, an alarm over a list, and the pages of those who see nobody's data."""
    walk.sign_in("lee")
    for path in ("/cases", "/homes", "/weekly"):
        walk.open(path)
    source = walk.board.source
    assert isinstance(source, StillSource)
    source.trouble = "the broker is away"
    walk.open("/cases")
    source.trouble = ""
    walk.sign_in("park")
    walk.open("/parts")
    walk.sign_in("view")
    walk.look()
