"""A board in this process for a browser in this process: people and cases given by hand, served from a thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from streams.board.app import make_app
from streams.board.parts import Board, Reached


@contextmanager
def served(board: Board) -> Iterator[str]:
    """Serve a board on a free port of this machine; its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="served-board")
    thread.start()

    def wait_for(what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, loop).result(20)

    try:
        server = wait_for(_started(make_app(board)))
        board.reached = Reached(frozenset({f"127.0.0.1:{server.port}"}))
        try:
            yield f"http://127.0.0.1:{server.port}"
        finally:
            wait_for(server.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started(app: web.Application) -> TestServer:
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    return server
