"""Pages without anybody's data: totals for viewers, the state of the parts for engineers."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Final

from aiohttp import web

from schemas.incidents import Severity
from streams.board.guard import Page
from streams.board.live import Drawn, stream
from streams.board.parts import BOARD
from streams.board.rendering import draw, page
from streams.board.rights import Right

_STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {"board.css": "text/css", "board.js": "text/javascript", "mark.svg": "image/svg+xml"}


async def show_totals(request: web.Request) -> web.Response:
    """Show how many cases are open, by severity: no district, no kind, or a number could be a person."""
    return page(request, "totals.html", totals=_totals(request))


async def show_parts(request: web.Request) -> web.Response:
    """Show each partition's last word."""
    return page(request, "parts.html")


async def stream_totals(request: web.Request) -> web.StreamResponse:
    """Keep the totals as they are now."""

    async def drawing() -> Drawn:
        await asyncio.sleep(0)
        return {
            "watching": {"html": draw(request, "watching.html")},
            "totals": {"html": draw(request, "totals_table.html", totals=_totals(request))},
        }

    return await stream(request, drawing)


async def stream_parts(request: web.Request) -> web.StreamResponse:
    """Keep the state of the parts as it is now."""

    async def drawing() -> Drawn:
        await asyncio.sleep(0)
        return {
            "watching": {"html": draw(request, "watching.html")},
            "parts": {"html": draw(request, "parts_table.html")},
        }

    return await stream(request, drawing)


async def stream_watching(request: web.Request) -> web.StreamResponse:
    """Keep whether anybody watches as it is now, on pages where nothing else moves."""

    async def drawing() -> Drawn:
        await asyncio.sleep(0)
        return {"watching": {"html": draw(request, "watching.html")}}

    return await stream(request, drawing)


async def file(request: web.Request) -> web.StreamResponse:
    """Send one of the files that pages need; there are no others."""
    name = request.match_info["name"]
    if name not in FILES:
        raise web.HTTPNotFound
    return web.FileResponse(_STATIC / name, headers={"Cache-Control": "no-cache", "Content-Type": FILES[name]})


async def is_up(request: web.Request) -> web.Response:
    """Say whether the process serves and its feed reads, for whoever restarts processes."""
    board = request.app[BOARD]
    fresh = board.source.picture().is_fresh(board.clock())
    return web.Response(text="reading\n" if fresh else "not reading\n", status=200 if fresh else 503)


def _totals(request: web.Request) -> dict[str, int]:
    found = Counter(
        case.severity
        for case in request.app[BOARD].source.picture().cases
        if not case.ended and case.gravest.status == "Actual"
    )
    return {severity.value: found[severity] for severity in reversed(Severity)}


PAGES: Final = (
    Page("GET", "/watching/live", stream_watching, Right.SIGNED_IN),
    Page("GET", "/totals", show_totals, Right.TOTALS),
    Page("GET", "/totals/live", stream_totals, Right.TOTALS),
    Page("GET", "/parts", show_parts, Right.PARTS),
    Page("GET", "/parts/live", stream_parts, Right.PARTS),
    Page("GET", "/static/{name}", file, Right.OPEN),
    Page("GET", "/up", is_up, Right.OPEN),
)
