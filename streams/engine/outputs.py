"""What a partition writes, nearly always for the partition of the same number of a topic. Pure."""

from typing import NamedTuple

from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.district import DistrictCounts, DistrictState
from schemas.events import DeadLetter
from schemas.incidents import Incident, Status
from schemas.views import HouseholdView
from streams.engine.watched import Watched

SAID = Incident | Status | CheckinRequest | ActionResult | DeadLetter | HouseholdView | DistrictCounts | DistrictState


class Output(NamedTuple):
    """One record to be written; `what` is None in a tombstone."""

    topic: str
    key: bytes
    what: SAID | None
    appended_ms: int = 0
    """Kafka timestamp of the event of an emergency that is told on arrival; for measuring, not for deciding."""
    to: int | None = None
    """The partition it is written to; None for that of the same number as the one it comes from."""


def told(incident: Incident, appended_ms: int = 0) -> Output:
    """Return a revision for those who follow."""
    return Output("incidents", incident.household.encode(), incident, appended_ms)


def kept(incident: Incident) -> tuple[Output, Output]:
    """Return a revision for those who follow and for those who come later; told on arrival it goes to the first alone.

    A repeat of revision 1 written over the last revision of an open incident would hide it from who comes later.
    """
    return told(incident), Output("incidents.open", incident.id.encode(), incident)


def revised(watched: Watched, revisions: list[Incident]) -> list[Output]:
    """Return revisions, and tombstones of what its ledger had to forget for them."""
    return [each for incident in revisions for each in kept(incident)] + tombstones(watched.ledger.ended.forgotten())


def tombstones(names: list[str]) -> list[Output]:
    """Return what takes ended incidents out of the topic of open ones, by their ids."""
    return [Output("incidents.open", name.encode(), None) for name in names]
