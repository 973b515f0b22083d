"""Which cases somebody may see: those of homes in their districts; of an emergency in no known district, that it is."""

from dataclasses import dataclass

from aiohttp import web

from schemas.incidents import EMERGENCIES, Incident
from schemas.views import HouseholdView
from streams.board import duty
from streams.board.feed import Source
from streams.board.parts import BOARD, SESSION
from streams.board.rights import covers
from streams.board.sessions import Session
from streams.call_out import CallOut, call_outs
from streams.incident_fold import Case


@dataclass(frozen=True, slots=True)
class Home:
    """A home in the session's districts, with its open and its lately ended cases, and what is known of it."""

    household: str
    token: str
    cases: tuple[Case, ...]
    view: HouseholdView | None

    @property
    def incidents(self) -> list[Incident]:
        """Every incident known of it, those that are open first."""
        known = [incident for case in self.cases for incident in (*case.incidents, *case.over)]
        return sorted(known, key=lambda incident: incident.ended)

    def incident(self, session: Session, token: str) -> Incident | None:
        """Return the incident of this home that a token of the session stands for."""
        return next((one for one in self.incidents if session.token(one.id) == token), None)


def district_of(source: Source, case: Case) -> str:
    """District of a case's home; "" while nobody has said it.

    The first word of an emergency is told before the registry is asked: then the home's view knows.
    """
    said = next((one.district for one in case.incidents if one.district), "")
    if said:
        return said
    view = source.view(case.household)
    return "" if view is None else view.district


def visible(source: Source, session: Session, now_ms: int) -> tuple[list[Case], list[Case]]:
    """Return the open cases in the session's districts, in the order in which somebody is needed, and the ended ones."""
    mine = [case for case in source.picture().cases if covers(session.districts, district_of(source, case))]
    return duty.ranked([case for case in mine if not case.ended], now_ms), [case for case in mine if case.ended]


def unplaced(source: Source, session: Session, now_ms: int) -> list[Incident]:
    """Return the open emergencies of homes whose district nobody knows yet, one a home, for a session of some districts.

    The homes' views may not be read yet, or not come: then nobody else would know that it is theirs. That there is an
    emergency is for everybody; whose it is, for none but those who see every district.
    """
    cases = [case for case in source.picture().cases if not case.ended and not district_of(source, case)]
    found = []
    for case in duty.ranked([case for case in cases if not covers(session.districts, "")], now_ms):
        emergency = next((one for one in case.incidents if one.kind in EMERGENCIES), None)
        if emergency is not None:
            found.append(emergency)
    return found


def called_out(source: Source, session: Session, now_ms: int) -> list[CallOut]:
    """Return who must be told of which open emergencies by other means, because the engine's clock stands there."""
    picture = source.picture()
    # Without the tables too: a roster of before names somebody, and no roster still says that somebody must be told.
    if not picture.incidents.is_whole or not picture.standing:
        return []
    opened, _ = visible(source, session, now_ms)
    incidents = [incident for case in opened for incident in case.incidents]
    incidents += unplaced(source, session, now_ms)
    districts = {case.household: district_of(source, case) for case in opened}
    standing, partitions = picture.standing, picture.partitions
    return call_outs(incidents, source.duty(), standing, partitions, now_ms, lambda home: districts.get(home, ""))


def homes_of(source: Source, session: Session) -> list[HouseholdView]:
    """Return every home in the session's districts."""
    return source.views(lambda district: covers(session.districts, district))


def home_of(request: web.Request) -> Home:
    """Return the home that the token in the path stands for.

    Raises:
        HTTPNotFound: no token of this session, or of a home that is not in its districts any more: nobody is told which.

    """
    board, session = request.app[BOARD], request[SESSION]
    token = request.match_info["token"]
    household = session.meant(token) or _recalled(board.source, session, token)
    if household is None:
        raise web.HTTPNotFound
    opened, ended = visible(board.source, session, board.clock())
    cases = tuple(case for case in (*opened, *ended) if case.household == household)
    view = board.source.view(household)
    if view is not None and not covers(session.districts, view.district):
        view = None
    if view is None and not cases:
        raise web.HTTPNotFound
    return Home(household, token, cases, view)


def _recalled(source: Source, session: Session, token: str) -> str | None:
    """Return the home that a token meant before the board was started anew: a page that was open then still works."""
    if not session.is_restored:
        return None
    session.is_restored = not source.picture().is_whole  # else homes come that are not read yet
    names = source.households(lambda district: covers(session.districts, district))
    for household in {*names, *(case.household for case in source.picture().cases)}:
        session.token(household)
    return session.meant(token)
