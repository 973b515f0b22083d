"""Which cases somebody may see: those of homes in their districts, and no others."""

from dataclasses import dataclass

from aiohttp import web

from schemas.incidents import Incident
from streams.board import duty
from streams.board.feed import Source
from streams.board.parts import BOARD, SESSION
from streams.board.rights import covers
from streams.board.sessions import Session
from streams.incident_fold import Case


@dataclass(frozen=True, slots=True)
class Home:
    """A home in the session's districts, with its open and its lately ended cases."""

    household: str
    token: str
    cases: tuple[Case, ...]

    @property
    def incidents(self) -> list[Incident]:
        """Every incident known of it, those that are open first."""
        return [incident for case in self.cases for incident in case.incidents]

    def incident(self, session: Session, token: str) -> Incident | None:
        """Return the incident of this home that a token of the session stands for."""
        meant = session.meant(token)
        return next((one for one in self.incidents if one.id == meant), None)


def district_of(case: Case) -> str:
    """District of a case's home; "" while nobody has said it."""
    return next((one.district for one in case.incidents if one.district), "")


def visible(source: Source, session: Session, now_ms: int) -> tuple[list[Case], list[Case]]:
    """Return the open cases in the session's districts, in the order in which somebody is needed, and the ended ones."""
    mine = [case for case in source.picture().cases if covers(session.districts, district_of(case))]
    return duty.ranked([case for case in mine if not case.ended], now_ms), [case for case in mine if case.ended]


def home_of(request: web.Request) -> Home:
    """Return the home that the token in the path stands for.

    Raises:
        HTTPNotFound: no token of this session, or of a home that is not in its districts any more: nobody is told which.

    """
    board, session = request.app[BOARD], request[SESSION]
    token = request.match_info["token"]
    household = session.meant(token)
    opened, ended = visible(board.source, session, board.clock())
    cases = tuple(case for case in (*opened, *ended) if case.household == household)
    if household is None or not cases:
        raise web.HTTPNotFound
    return Home(household, token, cases)
