"""Server-sent events: whatever changes is drawn anew and sent, for as long as the session lasts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from streams.board.guard import is_still_allowed
from streams.board.parts import BOARD, SESSION

BEAT_S: Final = 10.0
"""At least this often something is sent: a browser that hears nothing for three of these says so in red."""
GATHER_S: Final = 0.3
"""What comes within this is drawn once."""
MOST_STREAMS: Final = 4
"""Pages of one session that are kept as they are now. A browser opens six connections to a host that speaks HTTP/1.1:
two are left for forms and pages."""

Drawn = dict[str, Any]
"""Event name -> what it says: plain data."""


async def stream(request: web.Request, drawing: Callable[[], Awaitable[Drawn]]) -> web.StreamResponse:
    """Send what `drawing` returns, each event when it differs from what was sent last, until the browser leaves."""
    board, session = request.app[BOARD], request[SESSION]
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a handler runs in a task
    mine = board.streams.setdefault(session.id, [])
    # The page that was just opened is the one that somebody looks at. A browser whose stream ends asks again by itself,
    # so pages beyond the number take turns.
    while len(mine) >= MOST_STREAMS:
        mine.pop(0).cancel()
    mine.append(task)
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(woken.set)

    end = board.source.listen(wake)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    response.headers["X-Accel-Buffering"] = "no"
    try:
        await response.prepare(request)
        sent: Drawn = {}
        while board.sessions.is_open(session, board.clock()) and is_still_allowed(board, session):
            board.sessions.use(session, board.clock())  # a screen that shows the board is in use
            woken.clear()
            try:
                drawn = await drawing()
            except web.HTTPException:
                # What may not be seen any more, or cannot be logged: the page is opened anew and says why.
                await _send(response, "reload", {})
                return response
            for name, data in drawn.items():
                if sent.get(name) != data:
                    await _send(response, name, data)
            sent = drawn
            await _send(response, "beat", {})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), BEAT_S)
                await asyncio.sleep(GATHER_S)
        await _send(response, "reload", {})
    except ConnectionError:
        pass  # the browser has left
    finally:
        end()
        if task in mine:
            mine.remove(task)
        if not mine and board.streams.get(session.id) is mine:
            del board.streams[session.id]
    return response


async def end_streams(app: web.Application) -> None:
    """End every open stream: a server that is told to stop would else wait for browsers to leave."""
    for task in [task for tasks in app[BOARD].streams.values() for task in tasks]:
        task.cancel()


async def _send(response: web.StreamResponse, name: str, data: Any) -> None:
    await response.write(b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n")
