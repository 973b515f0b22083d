"""Nothing of a person is shown or done before the access log has it on the disk."""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from schemas.incidents import Incident
from streams.access_log import AccessLog, AccessLogError
from streams.board.sessions import Session
from streams.directory import Contact, Directory, DirectoryError, NotAllowedError


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

    async def look_up(
        self, session: Session, opening: Callable[[], Directory], household: str, incident: Incident
    ) -> Contact | None:
        """Return who lives there. The directory itself sees to the rule of who may, and to the line in the log.

        Raises:
            HTTPForbidden: the user has not acknowledged this incident, or it has ended.
            HTTPServiceUnavailable: the log does not take it.
            HTTPBadGateway: the directory cannot be read.

        """

        def find() -> Contact | None:
            return opening().look_up(
                household,
                who=session.user.name,
                role=session.user.role,
                incident=incident,
                at_ms=self._clock(),
                log=self._log,
                address=session.address,
            )

        try:
            return await asyncio.to_thread(find)
        except NotAllowedError as error:
            raise web.HTTPForbidden from error
        except AccessLogError as error:
            raise web.HTTPServiceUnavailable(reason="the access log does not take it") from error
        except DirectoryError as error:
            raise web.HTTPBadGateway(reason="the directory cannot be read") from error
