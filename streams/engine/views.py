"""Views of households for the board: what is said of one, and when it is said again. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final
from zlib import crc32

from detectors.household import Household
from schemas.exercise import status_of
from schemas.incidents import Incident
from schemas.times import to_rfc3339
from schemas.views import MOST_ABSENCES, MOST_INCIDENTS, HouseholdView, OpenIncidentView, UnseenView
from streams.engine.outputs import Output
from streams.engine.shared import Shared
from streams.engine.watched import Watched

MINUTE_MS: Final = 60_000
LIVE_MINUTES: Final = 60
"""A household's view is looked at this often."""
SIMULATED_MINUTES: Final = 1440
"""The same in a recording, which nobody watches hour by hour: a month of it in a minute would be mostly views."""


class Views:
    """Says the views of a partition's households: at most once an hour where something changed, and at each revision."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._wanted = shared.views

    def of_minutes(self, first: int, last: int) -> Iterator[list[Output]]:
        """Give the views that are due in some minutes of the clock, and say something new, household by household.

        A household that knows what lies ahead had its view when the clock first passed here.
        """
        if not self._wanted:
            return
        shared = self._shared
        every = LIVE_MINUTES if shared.positions.live else SIMULATED_MINUTES
        minutes = range(max(first, last - every + 1), last + 1)
        for watched in shared.roster.in_turn(shared.roster.whose_turn(minutes, every)):
            if self._is_ahead(watched) or watched.model is None:
                continue
            yield self._in_turn(watched, watched.model)

    def _in_turn(self, watched: Watched, model: Household) -> list[Output]:
        shared = self._shared
        try:
            if shared.roster.weigh(watched, shared.clock_ms):
                shared.roster.touch(watched)
            mark = mark_of(watched, shared.clock_ms)
            return [self._say(watched, mark)] if mark != model.shown else []
        except Exception as error:  # noqa: BLE001 - it costs this view alone: whoever says no views must judge the same
            return shared.note(error)

    def of_revisions(self, said: Iterable[Output]) -> list[Output]:
        """Return the views of the households whose incidents were just revised, one each."""
        if not self._wanted:
            return []
        return [view for name in _revised(said) for view in self._of_revised(name)]

    def after(self, steps: Iterable[list[Output]]) -> Iterator[list[Output]]:
        """Give what is said step by step, then the views of all households whose incidents were revised in any of them."""
        revised: dict[str, None] = {}
        for said in steps:
            if said and self._wanted:
                revised |= _revised(said)
            yield said
        for name in revised:
            yield self._of_revised(name)

    def _of_revised(self, name: str) -> list[Output]:
        watched = self._shared.roster.get(name)
        if watched is None or watched.model is None:
            return []
        try:
            return [self._say(watched, mark_of(watched, self._shared.clock_ms))]
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this household alone
            return self._shared.note(error)

    def _is_ahead(self, watched: Watched) -> bool:
        shared = self._shared
        return watched.guard is not None and shared.controls.offset_guard and shared.clock_ms <= watched.guard.clock_ms

    def _say(self, watched: Watched, mark: int) -> Output:
        shared = self._shared
        if watched.model is not None:
            watched.model.shown = mark
        shared.roster.touch(watched)
        view = view_of(watched, shared.clock_ms, shared.whole.profile.id, shared.engine)
        return Output("households.view", watched.name.encode(), view)


def _revised(said: Iterable[Output]) -> dict[str, None]:
    revised: dict[str, None] = {}
    for one in said:
        what = one.what
        if isinstance(what, Incident) and one.topic == "incidents":
            revised[what.household] = None
    return revised


def view_of(watched: Watched, clock_ms: int, profile: str, engine: str) -> HouseholdView:
    """Return the view of a household at a clock, from its state alone: the same state gives the same bytes."""
    record = watched.in_force
    fields: dict[str, Any] = {} if watched.model is None else watched.model.overview(clock_ms)
    if watched.lost_since_ms:
        fields |= {"blind": True, "unseen": UnseenView(to_rfc3339(watched.lost_since_ms))}
    if record is not None:
        fields |= {
            "district": record.district,
            "target_group": record.target_group,
            "risk_grade": record.risk_grade,
            "needs": record.needs,
            "language": record.language,
            "time_zone": record.time_zone,
            "absences": record.absences[-MOST_ABSENCES:],
        }
    return HouseholdView(
        household=watched.name,
        status=status_of(watched.name),
        at=to_rfc3339(clock_ms),
        registered=watched.record is not None,
        incidents=[_open(entry.incident) for entry in watched.ledger.open.values()][-MOST_INCIDENTS:],
        profile=profile,
        engine=engine,
        **fields,
    )


def mark_of(watched: Watched, clock_ms: int) -> int:
    """Return a number that is another when there is something new to show of a household. Never 0."""
    record = watched.record_sum
    open_ = watched.ledger.open
    told = repr([(one.incident.id, one.incident.revision) for one in open_.values()]) if open_ else "[]"
    model = 0 if watched.model is None else watched.model.mark(clock_ms)
    return crc32(told.encode(), record ^ model) or 1


def _open(incident: Incident) -> OpenIncidentView:
    return OpenIncidentView(incident.id, incident.revision, incident.kind, incident.severity, incident.state)
