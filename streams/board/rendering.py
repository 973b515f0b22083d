"""Templates into pages: Jinja with everything escaped, and nothing undefined passed over."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.incidents import EMERGENCIES
from schemas.times import EPOCH, from_rfc3339
from schemas.vocabulary import CareTopic
from streams.board import duty
from streams.board.parts import BOARD, SESSION
from streams.board.rights import RIGHTS, Right
from streams.board.seeing import called_out
from streams.board.words import SEOUL, Words

_FOLDER = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(ms=from_rfc3339, duty=duty, EMERGENCIES=EMERGENCIES, topics=tuple(CareTopic))
    return made


def words_of(request: web.Request) -> Words:
    """Words in the language of whoever asks: chosen, else the user's, else Korean."""
    session = request.get(SESSION)
    return Words(request.cookies.get("anbu_language", "ko") if session is None else session.language)


def draw(request: web.Request, template: str, **data: Any) -> str:
    """Return a template filled in, a whole page or a part of one."""
    board = request.app[BOARD]
    session = request.get(SESSION)
    now_ms = board.clock()
    picture = board.source.picture()
    sees_persons = session is not None and Right.PERSONS in RIGHTS[session.user.role]
    return (
        _environment()
        .get_template(template)
        .render(
            w=words_of(request),
            session=session,
            may={right.value for right in (RIGHTS[session.user.role] if session else {Right.OPEN})},
            now=now_ms,
            picture=picture,
            calls=called_out(board.source, session, now_ms) if session is not None and sees_persons else [],
            path=request.path,
            log_now=_log_now(picture, now_ms),
            local=_local,
            **data,
        )
    )


def page(request: web.Request, template: str, *, status: int = 200, **data: Any) -> web.Response:
    """Return a template as a page."""
    return web.Response(text=draw(request, template, **data), status=status, content_type="text/html", charset="utf-8")


def _log_now(picture: Any, now_ms: int) -> int:
    """Return the clock that ages count from: the wall's, or that of a recording."""
    until_ms: int | None = picture.watching.data_until_ms
    return until_ms if picture.watching.recorded and until_ms is not None else now_ms


def _local(at_ms: int) -> str:
    """`2026-11-24T14:05` in Korea's time, as a browser's field for date and time wants it."""
    return f"{(EPOCH + timedelta(milliseconds=at_ms)).astimezone(SEOUL):%Y-%m-%dT%H:%M}"
