"""The way to every page: who asks, what they may, and whether the form was ours. Whatever is not allowed is refused."""

import hmac
import logging
import re
import secrets
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from streams.board.parts import BOARD, SESSION, Board
from streams.board.rendering import page
from streams.board.rights import RIGHTS, Right
from streams.board.sessions import Session, same
from streams.board.users import UsersError

SIGN_IN: Final = "/sign-in"
FORM_COOKIE: Final = "anbu_form"
AFTER_COOKIE: Final = "anbu_after"
_LINK: Final = re.compile(r"/incidents/[0-9a-f]{1,64}")
"""A link from a dashboard or a message: it names an incident by its id, never a home."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would make browsers send forms with the origin "null".
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ERRORS: Final = {
    400: "bad_form",
    403: "refused",
    404: "not_found",
    405: "not_found",
    409: "form_old",
    429: "too_many",
    502: "directory_broken",
    503: "log_broken",
}
_log = logging.getLogger(__name__)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Page:
    """A route, and the right it asks for: there is no route without one."""

    method: str
    path: str
    answer: Answer
    right: Right


def add(app: web.Application, pages: tuple[Page, ...]) -> None:
    """Add pages, each behind its guard."""
    for one in pages:
        app.router.add_route(one.method, one.path, guarded(one))


def guarded(one: Page) -> Answer:
    """Return the page's answer for those who may have it, and a refusal for everybody else."""

    async def answer(request: web.Request) -> web.StreamResponse:
        board = request.app[BOARD]
        session = find_session(request)
        if session is not None:
            session.address = address_of(request)  # where it is now, not where it was signed in
            request[SESSION] = session
        if one.right is not Right.OPEN:
            if session is None:
                raise _sign_in_first(request) if request.method == "GET" else web.HTTPForbidden
            if one.right not in RIGHTS[session.user.role]:
                raise web.HTTPForbidden
            _count(board, session)
        if request.method != "GET":
            await _check_form(request, session)
        return await one.answer(request)

    return answer


def _sign_in_first(request: web.Request) -> web.HTTPException:
    """Send to the form; whoever came by a link to an incident is brought there afterwards."""
    response = web.HTTPSeeOther(SIGN_IN)
    if _LINK.fullmatch(request.path):
        secure = request.app[BOARD].reached.https
        response.set_cookie(AFTER_COOKIE, request.path, max_age=600, httponly=True, samesite="Strict", secure=secure)
    return response


def wanted_page(request: web.Request) -> str:
    """Return the path of the incident that somebody wanted to see before they signed in; "" for none."""
    path = request.cookies.get(AFTER_COOKIE, "")
    return path if _LINK.fullmatch(path) else ""


def find_session(request: web.Request) -> Session | None:
    """Return the session that the browser's cookie names, while it lasts and its user is still the same."""
    board = request.app[BOARD]
    now_ms = board.clock()
    session = board.sessions.find(request.cookies.get(cookie_name(board), ""), now_ms)
    if session is None or not is_still_allowed(board, session):
        return None
    board.sessions.use(session, now_ms)
    return session


def is_still_allowed(board: Board, session: Session) -> bool:
    """Tell whether the user of a session is still in the file with this password; take over what else changed."""
    try:
        user = board.users.get(session.user.name)
    except UsersError:
        user = None  # whom nobody can look up may do nothing
    if user is None or user.password != session.user.password:
        board.sessions.end(session)
        return False
    session.user = user
    return True


def cookie_name(board: Board) -> str:
    """With TLS a name that browsers let no other host and no plain connection set."""
    return "__Host-anbu" if board.reached.https else "anbu_session"


def address_of(request: web.Request) -> str:
    """Return who asks: the peer, or whom the proxy in front names last, where that is an address at all."""
    peer = request.remote or ""
    if not request.app[BOARD].reached.https:
        return peer
    # A header may come in several lines: the proxy's own is the last of all.
    named = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    try:
        return str(ip_address(named.partition("%")[0]))
    except ValueError:
        return peer


def form_token(board: Board, cookie: str) -> str:
    """Return what a form carries before anybody is signed in: only this board can make it for the browser's cookie."""
    return hmac.new(board.form_key, cookie.encode(), "sha256").hexdigest()


def new_form_cookie() -> str:
    """Return a fresh value for a browser that has none."""
    return secrets.token_urlsafe(24)


def _count(board: Board, session: Session) -> None:
    now_ms = board.clock()
    if board.limits.requests.wait_ms(session.id, now_ms):
        raise web.HTTPTooManyRequests
    board.limits.requests.note(session.id, now_ms)


async def _check_form(request: web.Request, session: Session | None) -> None:
    """Refuse a form that another site sent, or one of another sign-in."""
    board = request.app[BOARD]
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() not in board.reached.hosts:
        raise web.HTTPForbidden
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise web.HTTPForbidden
    given = str((await request.post()).get("form_token", ""))
    if session is not None:
        is_ours = same(given, session.form_token)
    else:
        cookie = request.cookies.get(FORM_COOKIE, "")
        is_ours = bool(cookie) and same(given, form_token(board, cookie))
    if not is_ours:
        raise web.HTTPConflict


@web.middleware
async def only_our_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse names under which nobody reaches the board: a page elsewhere may point a name of its own at it."""
    if request.host.lower() not in request.app[BOARD].reached.hosts:
        return web.Response(status=421, text="no such host here\n")
    return await handler(request)


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals and failures into a page in the reader's language, without a word of what failed."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        status = error.status
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:  # noqa: BLE001 - a page that fails must not show why, nor end the board
        # Where it failed, never with what: messages of errors hold values, and values are personal.
        places = traceback.extract_tb(error.__traceback__)
        where = f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else "?"
        _log.error("a page failed: %s at %s (%s)", type(error).__name__, where, request.match_info.route.resource)
        return web.Response(status=500, text="문제가 생겼습니다. Something went wrong.\n")
    response = page(request, "error.html", status=status, code=_ERRORS.get(status, "trouble"))
    if status == web.HTTPTooManyRequests.status_code:
        response.headers["Retry-After"] = "60"
    return response


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer what keeps browsers strict, live streams too."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.popall("Server", None)
    if request.app[BOARD].reached.https:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
