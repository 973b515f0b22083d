"""From a form to the log: checked, counted, kept in the access log, sent."""

import asyncio
import secrets

from aiohttp import web

from schemas.incidents import Incident
from streams.board import acting
from streams.board.parts import BOARD, SESSION
from streams.board.seeing import Home
from streams.board.sessions import Sent
from streams.publish import BrokerAwayError, TopicsDifferError


async def send(
    request: web.Request,
    home: Home,
    offered: tuple[acting.Form, ...],
    *,
    incident: Incident | None = None,
    revision: int = 0,
) -> None:
    """Send what a form asks for. Whether it went out, and what the engine answers, is kept for the page.

    Raises:
        HTTPBadRequest: the form is none of ours.
        HTTPTooManyRequests: too many actions in a minute.
        HTTPServiceUnavailable: the access log does not take it; nothing was sent.

    """
    board, session = request.app[BOARD], request[SESSION]
    fields = {name: str(value) for name, value in (await request.post()).items()}
    now_ms = board.clock()
    name = incident.id if incident else ""
    try:
        action = acting.action_of(
            fields,
            offered=offered,
            household=home.household,
            incident=name,
            revision=revision,
            who=session.user.name,
            now_ms=now_ms,
        )
    except acting.FormError as error:
        raise web.HTTPBadRequest from error
    if board.limits.actions.wait_ms(session.id, now_ms):
        raise web.HTTPTooManyRequests
    board.limits.actions.note(session.id, now_ms)
    await board.access.note(session, f"act_{action.action}", [(home.household, name)])
    try:
        await asyncio.to_thread(board.sender.send, action)
        is_sent = True
    except (BrokerAwayError, TopicsDifferError):
        is_sent = False
    session.say(
        Sent(home.household, action.id, action.action, now_ms, is_sent, incident.kind.value if incident else "")
    )


def new_id() -> str:
    """Return the id of an action that a form may become."""
    return secrets.token_hex(16)
