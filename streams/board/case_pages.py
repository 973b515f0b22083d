"""The list of open cases, one line a case, and the page of a case with what can be done about it."""

from typing import Any, Final

from aiohttp import web

from schemas.incidents import Incident
from streams.board import acting
from streams.board.guard import Page
from streams.board.heat import heat
from streams.board.live import Drawn, stream
from streams.board.parts import BOARD, SESSION
from streams.board.rendering import draw, page
from streams.board.rights import Right
from streams.board.seeing import Home, home_of, unplaced, visible
from streams.board.sending import new_id, send
from streams.incident_fold import Case

ROWS: Final = 100
"""Lines of a list; what is beyond is counted, gravest first."""
ENDED_ROWS: Final = 20
OTHERS: Final = 10
"""Further incidents of a home that its page lists; what is beyond is counted."""
LONGEST_NUMBER: Final = 9
DAYS_SHOWN: Final = 2
"""Today and yesterday."""


async def show_cases(request: web.Request) -> web.Response:
    """Show the open cases of the user's districts."""
    board, session = request.app[BOARD], request[SESSION]
    opened, ended = visible(board.source, session, board.clock())
    shown = _seen(opened[:ROWS], ended[:ENDED_ROWS])
    await board.access.note(session, "list", shown or [("", "")])
    return page(request, "cases.html", **_list(opened, ended, unplaced(board.source, session, board.clock())))


async def stream_cases(request: web.Request) -> web.StreamResponse:
    """Keep the list as it is now."""
    board, session = request.app[BOARD], request[SESSION]

    async def drawing() -> Drawn:
        opened, ended = visible(board.source, session, board.clock())
        await board.access.note_new(session, "live", _seen(opened[:ROWS], ended[:ENDED_ROWS]))
        data = _list(opened, ended, unplaced(board.source, session, board.clock()))
        return {
            "watching": {"html": draw(request, "watching.html")},
            "cases": {"html": draw(request, "case_list.html", **data), "count": data["count"]},
        }

    return await stream(request, drawing)


async def find_incident(request: web.Request) -> web.Response:
    """Go to the case of an incident. Dashboards and messages link here: they know its id, and no home's page."""
    board, session = request.app[BOARD], request[SESSION]
    wanted = request.match_info["incident"]
    opened, ended = visible(board.source, session, board.clock())
    for case in (*opened, *ended):
        if any(one.id == wanted for one in (*case.incidents, *case.over)):
            raise web.HTTPSeeOther(f"/cases/{session.token(case.household)}")
    raise web.HTTPNotFound  # of another district as well: nobody is told which


async def show_case(request: web.Request) -> web.Response:
    """Show one home's case: why, since when, who has it, what was asked, what can be done."""
    home = _with_case(request)
    await request.app[BOARD].access.note(request[SESSION], "case", _of(home))
    return page(request, "case.html", **_case(request, home), contact=None, is_looked_up=False)


async def stream_case(request: web.Request) -> web.StreamResponse:
    """Keep a case as it is now."""
    board, session = request.app[BOARD], request[SESSION]
    _with_case(request)

    async def drawing() -> Drawn:
        home = _with_case(request)
        await board.access.note_new(session, "live", _of(home))
        data = _case(request, home)
        gravest = home.cases[0].gravest
        return {
            "watching": {"html": draw(request, "watching.html")},
            "facts": {"html": draw(request, "case_facts.html", **data)},
            "results": {"html": draw(request, "results.html", **data)},
            "revision": {
                "revision": gravest.revision,
                "incident": session.token(gravest.id),
                "ended": gravest.ended,
                "taken": gravest.acknowledged_by == session.user.name,
            },
        }

    return await stream(request, drawing)


async def act(request: web.Request) -> web.Response:
    """Send what a responder did, and go back to the case, where the engine's answer will be seen."""
    home = home_of(request)
    fields = await request.post()
    incident = home.incident(request[SESSION], str(fields.get("incident", "")))
    revision = str(fields.get("revision", ""))
    if incident is None or not revision.isdecimal() or len(revision) > LONGEST_NUMBER:
        raise web.HTTPBadRequest
    await send(request, home, acting.FOR_INCIDENT, incident=incident, revision=int(revision))
    raise web.HTTPSeeOther(f"/cases/{home.token}#results")


async def show_contact(request: web.Request) -> web.Response:
    """Show the case with who lives there, to whoever has acknowledged it. A form asks, so no link can."""
    board, session = request.app[BOARD], request[SESSION]
    home = _with_case(request)
    if board.directory is None:
        raise web.HTTPNotFound
    incident = _mine(home, session.user.name) or home.cases[0].gravest
    contact = await board.access.look_up(session, board.directory, home.household, incident)
    await board.access.note(session, "case", _of(home))
    return page(request, "case.html", **_case(request, home), contact=contact, is_looked_up=True)


def _with_case(request: web.Request) -> Home:
    """Return the home of the path, which has a case; one that has none has no page here."""
    home = home_of(request)
    if not home.cases:
        raise web.HTTPNotFound
    return home


def _offered(case: Case, who: str) -> tuple[acting.Form, ...]:
    """Return what can still be done: nothing about an ended case, and nobody takes what they have."""
    if case.ended:
        return ()
    has_it = case.gravest.acknowledged_by == who
    return tuple(form for form in acting.FOR_INCIDENT if form.action != "acknowledge" or not has_it)


def _mine(home: Home, who: str) -> Incident | None:
    """Return an open incident of the home that the user has acknowledged, or None."""
    return next((one for one in home.incidents if not one.ended and one.owner == one.acknowledged_by == who), None)


def _list(opened: list[Case], ended: list[Case], nowhere: list[Incident]) -> dict[str, Any]:
    return {
        "unplaced": nowhere[:ROWS],
        "count": len(opened) + len(nowhere),
        "opened": opened[:ROWS],
        "more": max(0, len(opened) - ROWS),
        "ended": ended[:ENDED_ROWS],
    }


def _case(request: web.Request, home: Home) -> dict[str, Any]:
    board, session = request.app[BOARD], request[SESSION]
    first = home.cases[0]
    others = [one for one in home.incidents if one.id != first.gravest.id]
    answers = [(sent, board.source.result(sent.id)) for sent in reversed(session.sent_about(home.household))]
    return {
        "home": home,
        "case": first,
        "incident": first.gravest,
        "others": others[:OTHERS],
        "more_others": max(0, len(others) - OTHERS),
        "forms": _offered(first, session.user.name),
        "answers": answers,
        "new_id": new_id,
        "view": home.view,
        "rows": [] if home.view is None else heat(home.view, DAYS_SHOWN),
        "may_look_up": board.directory is not None and _mine(home, session.user.name) is not None,
        "link": None if board.link is None else board.link.link(home.household),
    }


def _of(home: Home) -> list[tuple[str, str]]:
    return [(home.household, incident.id) for incident in home.incidents]


def _seen(*lists: list[Case]) -> list[tuple[str, str]]:
    """(household, incident) of each line: only the gravest incident of a case is told of."""
    return sorted({(case.household, case.gravest.id) for cases in lists for case in cases})


PAGES: Final = (
    Page("GET", "/cases", show_cases, Right.PERSONS),
    Page("GET", "/cases/live", stream_cases, Right.PERSONS),
    Page("GET", "/incidents/{incident}", find_incident, Right.PERSONS),
    Page("GET", "/cases/{token}", show_case, Right.PERSONS),
    Page("GET", "/cases/{token}/live", stream_case, Right.PERSONS),
    Page("POST", "/cases/{token}", act, Right.ACT),
    Page("POST", "/cases/{token}/contact", show_contact, Right.ACT),
)
