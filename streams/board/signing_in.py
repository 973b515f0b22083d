"""Signing in and out, and the language."""

import asyncio
import contextlib
from typing import Final, Literal

from aiohttp import web

from streams.board.guard import (
    AFTER_COOKIE,
    FORM_COOKIE,
    SIGN_IN,
    Page,
    address_of,
    cookie_name,
    form_token,
    new_form_cookie,
    wanted_page,
)
from streams.board.parts import BOARD, SESSION, Board
from streams.board.rendering import page
from streams.board.rights import RIGHTS, Right
from streams.board.users import LONGEST_PASSWORD, User
from streams.board.words import LANGUAGES

AT_ONCE: Final = 2
"""Passwords checked at a time: each costs 32 MB and a core."""
YEAR_S: Final = 365 * 86_400
_checking: Final = asyncio.Semaphore(AT_ONCE)


async def show_sign_in(request: web.Request) -> web.Response:
    """Show the form."""
    if SESSION in request:
        raise web.HTTPSeeOther("/")
    return _form(request)


async def sign_in(request: web.Request) -> web.Response:
    """Check name and password; both wrong look the same, and too many tries must wait."""
    board = request.app[BOARD]
    fields = await request.post()
    name, password = str(fields.get("name", ""))[:64], str(fields.get("password", ""))[: LONGEST_PASSWORD + 1]
    address = address_of(request)
    wait_ms = _wait_ms(board, name, address)
    if wait_ms:
        response = _form(request, status=429, wait_min=-(-wait_ms // 60_000))
        response.headers["Retry-After"] = str(-(-wait_ms // 1000))
        return response
    # Counted before the check, or many at once would all be let through.
    _note_try(board, name, address)
    async with _checking:
        user = await asyncio.to_thread(board.users.check, name, password)
    if user is None:
        # A name that nobody has may be a password typed into the wrong field: it is not kept.
        known = board.users.get(name)
        await board.access.write(known.name if known else "", "", address, "sign_in_refused", [("", "")])
        return _form(request, status=401, is_wrong=True)
    # One address may be a whole office: who signs in there leaves its count as it was.
    board.limits.addresses.undo(address)
    board.limits.names.forget(f"{name} {address}")
    board.limits.everywhere.forget(name)
    await board.access.write(user.name, user.role, address, "sign_in", [("", "")])
    return _begin(request, board, user, address)


async def sign_out(request: web.Request) -> web.Response:
    """End the session, whether or not the access log takes it: who cannot sign out leaves the screen open."""
    board, session = request.app[BOARD], request[SESSION]
    board.sessions.end(session)
    with contextlib.suppress(web.HTTPServiceUnavailable):
        await board.access.note(session, "sign_out", [("", "")])
    response = web.HTTPSeeOther(SIGN_IN)
    response.del_cookie(cookie_name(board), path="/", secure=board.reached.https, httponly=True, samesite="Strict")
    raise response


async def choose_language(request: web.Request) -> web.Response:
    """Take the other language, and go back to the page."""
    board = request.app[BOARD]
    fields = await request.post()
    language = str(fields.get("language", ""))
    if language not in LANGUAGES:
        raise web.HTTPBadRequest
    if SESSION in request:
        request[SESSION].language = language
        board.sessions.keep(request[SESSION])
    back = str(fields.get("back", "/"))
    # Only a path of this board: "//elsewhere" would be another host.
    response = web.HTTPSeeOther(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/")
    response.set_cookie(
        "anbu_language",
        language,
        max_age=YEAR_S,
        httponly=True,
        samesite="Strict",
        secure=board.reached.https,
    )
    raise response


async def go_home(request: web.Request) -> web.Response:
    """Go to the first page this user may see."""
    may = RIGHTS[request[SESSION].user.role]
    wanted = wanted_page(request)
    if wanted:
        response = web.HTTPSeeOther(wanted)
        response.del_cookie(AFTER_COOKIE)
        raise response
    raise web.HTTPSeeOther("/cases" if Right.PERSONS in may else "/totals")


def _form(request: web.Request, *, status: int = 200, is_wrong: bool = False, wait_min: int = 0) -> web.Response:
    board = request.app[BOARD]
    cookie = request.cookies.get(FORM_COOKIE) or new_form_cookie()
    response = page(
        request,
        "sign_in.html",
        status=status,
        is_wrong=is_wrong,
        wait_min=wait_min,
        form_token=form_token(board, cookie),
    )
    strict: Literal["Strict"] = "Strict"
    response.set_cookie(FORM_COOKIE, cookie, httponly=True, samesite=strict, secure=board.reached.https)
    return response


def _begin(request: web.Request, board: Board, user: User, address: str) -> web.Response:
    if SESSION in request:
        board.sessions.end(request[SESSION])
    session = board.sessions.begin(user, address, board.clock())
    chosen = request.cookies.get("anbu_language")
    if chosen in LANGUAGES:
        session.language = chosen
        board.sessions.keep(session)
    response = web.HTTPSeeOther("/")
    response.set_cookie(
        cookie_name(board), session.id, httponly=True, samesite="Strict", secure=board.reached.https, path="/"
    )
    raise response


def _wait_ms(board: Board, name: str, address: str) -> int:
    now_ms, limits = board.clock(), board.limits
    return max(
        limits.names.wait_ms(f"{name} {address}", now_ms),
        limits.addresses.wait_ms(address, now_ms),
        limits.everywhere.wait_ms(name, now_ms),
    )


def _note_try(board: Board, name: str, address: str) -> None:
    now_ms, limits = board.clock(), board.limits
    limits.names.note(f"{name} {address}", now_ms)
    limits.addresses.note(address, now_ms)
    limits.everywhere.note(name, now_ms)


PAGES: Final = (
    Page("GET", "/", go_home, Right.SIGNED_IN),
    Page("GET", SIGN_IN, show_sign_in, Right.OPEN),
    Page("POST", SIGN_IN, sign_in, Right.OPEN),
    Page("POST", "/sign-out", sign_out, Right.SIGNED_IN),
    Page("POST", "/language", choose_language, Right.OPEN),
)
