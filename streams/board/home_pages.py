"""The homes of an officer's districts: all of them, each by itself, and those that went worse this week."""

import asyncio
from itertools import groupby
from typing import Any, Final

from aiohttp import web

from schemas.views import HouseholdView
from streams.board import acting, worsening
from streams.board.guard import Page
from streams.board.heat import heat
from streams.board.history import HistoryAwayError
from streams.board.live import Drawn, stream
from streams.board.parts import BOARD, SESSION
from streams.board.rendering import draw, page
from streams.board.rights import Right
from streams.board.seeing import Home, home_of, homes_of
from streams.board.sending import new_id, send

ROWS: Final = 60
"""Homes on a page."""
HISTORY_WITHIN_S: Final = 4.0
"""A page waits so long for its turn and the answer together, and then comes without the past."""
_GRADES: Final = ("high", "medium", "low", None)


async def show_homes(request: web.Request) -> web.Response:
    """List the homes, those first for whom something is open or who have been silent for long."""
    board, session = request.app[BOARD], request[SESSION]
    homes = sorted(await asyncio.to_thread(homes_of, board.source, session), key=_turn)
    pages = max(1, -(-len(homes) // ROWS))
    asked = request.query.get("page", "1")
    number = min(max(1, int(asked)), pages) if asked.isdecimal() and len(asked) < 6 else 1
    shown = homes[(number - 1) * ROWS : number * ROWS]
    await board.access.note(session, "homes", [(view.household, "") for view in shown] or [("", "")])
    return page(request, "homes.html", homes=shown, count=len(homes), number=number, pages=pages)


async def show_weekly(request: web.Request) -> web.Response:
    """List the homes that went worse, by district."""
    board, session = request.app[BOARD], request[SESSION]
    homes = [one for one in await asyncio.to_thread(homes_of, board.source, session) if worsening.needs_a_look(one)]
    homes.sort(key=lambda view: (view.district, worsening.turn(view)))
    await board.access.note(session, "weekly", [(view.household, "") for view in homes] or [("", "")])
    groups = [(district, list(some)) for district, some in groupby(homes, key=lambda view: view.district)]
    return page(request, "weekly.html", groups=groups, count=len(homes), worsened=worsening.worsened)


async def show_home(request: web.Request) -> web.Response:
    """Show all that is known of a home."""
    home = _known(request)
    await request.app[BOARD].access.note(request[SESSION], "home", [(home.household, "")])
    return page(request, "home.html", **await _data(request, home))


async def stream_home(request: web.Request) -> web.StreamResponse:
    """Keep the answers to actions, and whether anybody watches, as they are now."""
    board, session = request.app[BOARD], request[SESSION]
    _known(request)

    async def drawing() -> Drawn:
        home = _known(request)
        await board.access.note_new(session, "live", [(home.household, "")])
        return {
            "watching": {"html": draw(request, "watching.html")},
            "results": {"html": draw(request, "results.html", answers=_answers(request, home), may_look_up=False)},
        }

    return await stream(request, drawing)


async def act_for_home(request: web.Request) -> web.Response:
    """Send an action for a home that needs no incident."""
    home = _known(request)
    await send(request, home, acting.FOR_HOUSEHOLD)
    raise web.HTTPSeeOther(f"/homes/{home.token}#results")


def _known(request: web.Request) -> Home:
    home = home_of(request)
    if home.view is None:
        raise web.HTTPNotFound
    return home


def _answers(request: web.Request, home: Home) -> list[Any]:
    sent = request[SESSION].sent_about(home.household)
    return [(one, request.app[BOARD].source.result(one.id)) for one in reversed(sent)]


async def _data(request: web.Request, home: Home) -> dict[str, Any]:
    board = request.app[BOARD]
    view = home.view
    assert view is not None  # noqa: S101 - `_known` saw to it
    try:
        async with asyncio.timeout(HISTORY_WITHIN_S):
            asking = asyncio.get_running_loop().run_in_executor
            past = await asking(board.past_thread, board.history.past, home.household)
    except (HistoryAwayError, TimeoutError):
        past = None
    return {
        "home": home,
        "view": view,
        "rows": heat(view, 14),
        "past": past,
        "changes": {change.topic: change for change in worsening.worsened(view)},
        "forms": acting.FOR_HOUSEHOLD,
        "may_look_up": False,
        "answers": _answers(request, home),
        "new_id": new_id,
        "link": None if board.link is None else board.link.link(home.household),
    }


def _turn(view: HouseholdView) -> tuple[bool, int, float, int, str]:
    """Those with open incidents first, the gravest first; then by how long they have been silent, then by risk."""
    return (
        view.status != "Actual",
        -max((one.severity.rank + 1 for one in view.incidents), default=0),
        -(view.silence or 0.0),
        _GRADES.index(view.risk_grade),
        view.household,
    )


PAGES: Final = (
    Page("GET", "/homes", show_homes, Right.PERSONS),
    Page("GET", "/homes/{token}", show_home, Right.PERSONS),
    Page("GET", "/homes/{token}/live", stream_home, Right.PERSONS),
    Page("POST", "/homes/{token}", act_for_home, Right.ACT),
    Page("GET", "/weekly", show_weekly, Right.PERSONS),
)
