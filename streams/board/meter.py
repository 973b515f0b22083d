"""How the board does, for metrics and for whoever restarts processes: answers are counted, and a heart beats in its loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streams.board.parts import BOARD, Board
from streams.health import Answer, Heart
from streams.metrics import BoardPrometheus
from streams.wallclock import monotonic_s

BEAT_S: Final = 1.0


class BoardHealth:
    """Asked by `HealthServer` from its own threads: live while the loop goes round, ready while both readers read."""

    def __init__(self, board: Board, metrics: BoardPrometheus) -> None:
        """Begin now."""
        self._board = board
        self._metrics = metrics
        self._began_ms = board.clock()
        self._heart = Heart(monotonic_s())

    def beat(self) -> None:
        """Take down that the loop goes round, and show how things stand."""
        board, now_ms = self._board, self._board.clock()
        self._heart.beat(monotonic_s())
        picture = board.source.picture()
        read_ms = min(picture.incidents.read_ms, picture.tables.read_ms)
        self._metrics.stands(
            sessions=len(board.sessions),
            streams=sum(map(len, board.streams.values())),
            # Before anything was read it is behind by all of its life, not by all that lies since 1970.
            behind_s=max(0.0, (now_ms - max(read_ms, self._began_ms)) / 1000),
            believed=picture.is_believed(now_ms),
        )

    def live(self, at_s: float) -> Answer:
        """Tell whether the loop goes round."""
        why = self._heart.why_not(at_s)
        return Answer(not why, {"live": not why, "why": why})

    def ready(self, at_s: float) -> Answer:
        """Tell whether it goes round and both readers read."""
        why = self._heart.why_not(at_s)
        picture = self._board.source.picture()
        if not picture.is_fresh(self._board.clock()):
            why.append(picture.trouble or "nothing comes from the broker")
        return Answer(not why, {"ready": not why, "why": why})


def _count_answers(metrics: BoardPrometheus) -> Middleware:
    """Return the middleware that counts every answer, whichever way it went."""

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s = monotonic_s()
        try:
            response = await handler(request)
        except web.HTTPException as error:
            metrics.answered(error.status, monotonic_s() - began_s)
            raise
        is_live = response.content_type == "text/event-stream"
        metrics.answered(response.status, None if is_live else monotonic_s() - began_s)
        return response

    return counted


async def _keep_beating(health: BoardHealth) -> None:
    """Beat until the application ends."""
    while True:
        health.beat()
        await asyncio.sleep(BEAT_S)


def _beating(health: BoardHealth) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what the application runs beside its pages."""

    async def run(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_keep_beating(health))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return run


def meter(app: web.Application, metrics: BoardPrometheus, url: str) -> BoardHealth:
    """Count the answers of an application and let its heart beat; `url` is what browsers use."""
    metrics.reached.info({"url": url})
    health = BoardHealth(app[BOARD], metrics)
    app.middlewares.insert(0, _count_answers(metrics))
    app.cleanup_ctx.append(_beating(health))
    return health
