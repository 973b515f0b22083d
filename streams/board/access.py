"""Nothing of a person is shown or done before the access log has it on the disk."""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from streams.access_log import AccessLog, AccessLogError
from streams.board.sessions import Session


class Access:
    """Writes who does what to the access log, and refuses what cannot be written."""

    def __init__(self, log: AccessLog, clock: Callable[[], int]) -> None:
        self._log = log
        self._clock = clock

    async def note(self, session: Session, what: str, seen: Iterable[tuple[str, str]]) -> None:
        """Write one line for each (household, incident) that is about to be shown or acted on; "" for no incident.

        Raises:
            HTTPServiceUnavailable: the log did not take it; whatever was to be shown is not.

        """
        lines = list(seen)
        await self.write(session.user.name, session.user.role, session.address, what, lines)
        session.see(lines)

    async def note_new(self, session: Session, what: str, seen: Iterable[tuple[str, str]]) -> None:
        """Do the same for those alone that were not shown in this session before: what a live page adds."""
        await self.note(session, what, session.unseen(seen))

    async def write(self, who: str, role: str, address: str, what: str, seen: Iterable[tuple[str, str]]) -> None:
        """Write lines of somebody who need not be signed in."""
        lines = [
            {
                "who": who,
                "role": role,
                "household": household,
                "what": what,
                "incident": incident,
                "address": address,
            }
            for household, incident in seen
        ]
        try:
            await asyncio.to_thread(self._log.write_all, lines, at_ms=self._clock())
        except AccessLogError as error:
            raise web.HTTPServiceUnavailable(reason="the access log does not take it") from error
