"""What the row of a household's incidents may hold: types, ranges and lengths, read by msgspec in one pass.

It is checked when a partition is taken over, not when its household wakes: what is damaged can be taken from its topics then.
Elements that rows of former versions do not have are optional, and what a later version added is passed over.
"""

from typing import Any, Final

import msgspec

from detectors.hazard import NEVER_MS
from detectors.row_forms import Count, Ever, Moment, Number
from schemas.actions import ResponderAction
from schemas.alerts import Hazard
from schemas.households import Absence
from schemas.incidents import Incident, IncidentKind, LadderStep, Severity
from schemas.times import from_rfc3339
from schemas.vocabulary import Ask
from streams.cases.disaster import Outcome


class _Part(msgspec.Struct, array_like=True):
    """Elements in their order; more of them are passed over."""


class _Open(_Part):
    incident: Incident
    told_ms: Moment
    raised_ms: Moment
    happened_ms: Moment
    grave_since: Count
    pending: Incident | None
    alarms: list[tuple[str, str, Moment, Moment]]
    ask_ms: Ever = NEVER_MS
    owner_ms: Ever = NEVER_MS
    told: list[tuple[Moment, list[Number]]] = []


class _Ended(_Part):
    id: str
    kind: IncidentKind
    raised_ms: Moment
    ended_ms: Moment
    into: str = ""


class _Taught(_Part):
    said_ms: Moment
    incident: str
    kind: str
    life: str
    y: Number
    x: list[Number]
    left_ms: Moment = 0


class _Lessons(_Part):
    ended_ms: Moment = 0
    all: list[_Taught] = []


class Form(_Part):
    """The row of a ledger."""

    open: list[_Open]
    ended: list[_Ended]
    waiting: list[Any]
    """Actions that wait and since when; one of a former version had no time."""
    seen: list[str]
    buried: Count
    absences: list[Absence] = []
    referrals: list[tuple[Moment, str]] = []
    checked_ms: Moment = 0
    given: list[tuple[Moment, Moment, str]] = []
    answers: list[tuple[Moment, str, Ask, bool]] = []
    lessons: _Lessons | None = None


class _Asked(_Part):
    thread: str
    alert: str
    hazard: Hazard
    severity: Severity
    at_ms: Moment
    steps: list[LadderStep]
    wait_ms: Moment
    outcome: Outcome


class Checked(_Part):
    """The row of what public alerts asked of a household."""

    slots: list[Moment] = []
    asked: list[_Asked] = []


_LEDGER: Final[Any] = msgspec.msgpack.Decoder(Form).decode
_CHECKS: Final[Any] = msgspec.msgpack.Decoder(Checked).decode


def check_ledger(row: bytes) -> None:
    """Check the row of a household's incidents.

    Raises:
        msgspec.DecodeError: a part is of another type, or beyond its range.
        ValueError: a time in it is none.

    """
    form: Form = _LEDGER(row)
    for waiting in form.waiting:
        msgspec.convert(waiting if isinstance(waiting, list) else [waiting, 0], tuple[ResponderAction, Moment])
    for one in form.open:
        _check_times(one.incident)
        if one.pending is not None:
            _check_times(one.pending)
    for absence in form.absences:
        from_rfc3339(absence.end)


def check_checks(row: bytes) -> None:
    """Check the row of what public alerts asked of a household.

    Raises:
        msgspec.DecodeError: a part is of another type, or beyond its range.

    """
    _CHECKS(row)


def _check_times(incident: Incident) -> None:
    times = [incident.opened_at, incident.at, incident.event_from, incident.event_until]
    times += [one for one in (incident.deadline, incident.last_sign_of_life, incident.step_until) if one is not None]
    for step in incident.ladder:
        times += [step.asked_at] if step.deadline is None else [step.asked_at, step.deadline]
    for one in times:
        from_rfc3339(one)
