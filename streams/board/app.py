"""The board put together: every page behind its guard, and nothing else."""

import secrets
from typing import Final

from aiohttp import web

from streams.board import case_pages, home_pages, live, part_pages, signing_in
from streams.board.guard import Page, add, add_headers, only_our_hosts, tell_errors
from streams.board.parts import BOARD, Board

PAGES: Final[tuple[Page, ...]] = (*signing_in.PAGES, *case_pages.PAGES, *home_pages.PAGES, *part_pages.PAGES)
"""All of them: whoever adds a page adds it here, with the right that it asks for."""
LARGEST_FORM: Final = 16_384
"""Bytes."""


def make_app(board: Board) -> web.Application:
    """Return the application around these parts."""
    board.form_key = board.form_key or secrets.token_bytes(32)
    app = web.Application(middlewares=[only_our_hosts, tell_errors], client_max_size=LARGEST_FORM)
    app[BOARD] = board
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(live.end_streams)
    add(app, PAGES)
    return app
