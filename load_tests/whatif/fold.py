"""What is kept of a run: one line an incident. Every revision goes to a file as it is told, so that memory stays flat."""

from collections.abc import Iterable
from typing import BinaryIO, Final

import msgspec

from load_tests.whatif.homes import Home
from schemas.checkins import CheckinRequest
from schemas.encode import encode
from schemas.incidents import Incident, IncidentState, NextStep
from schemas.times import from_rfc3339
from streams.engine.outputs import Output
from streams.replay.run import Gap

VISITS: Final = frozenset({NextStep.VISIT_NOW, NextStep.VISIT_TODAY, NextStep.CALL_119})
"""Next steps for which somebody has to go there."""


class Opened(msgspec.Struct, gc=False):
    """An incident as a responder saw it, over all its revisions. Times are UTC milliseconds."""

    id: str
    household: str
    kind: str
    severity: str
    opened_ms: int
    event_from_ms: int
    district: str
    target_group: str
    sentence_ko: str
    sentence_en: str
    revision: int = 0
    visit: bool = False
    """A next step at some time was to go there."""
    withdrawn: bool = False
    merged: bool = False
    cause: str = ""
    closed_ms: int = 0
    score: float | None = None
    threshold: float | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A question that was asked for."""

    household: str
    at_ms: int
    ask: str
    purpose: str


class Played(msgspec.Struct):
    """What came of one profile over one partition."""

    opened: list[Opened]
    asked: list[Asked]
    readings: int = 0
    dead_letters: int = 0
    households: int = 0
    household_ms: int = 0
    from_ms: int = 0
    until_ms: int = 0
    cpu_s: float = 0.0
    """Processor time of this partition."""
    homes: list[Home] = []
    """Of topics: whom the engine watched at the end. Of a spool the registry is known without it."""
    gaps: list[Gap] = []
    clocks_ms: list[int] = []
    """Where the clock of each partition stood at the end."""
    erased: int = 0
    """Records of an archive of which only their place is left."""


class Fold:
    """Takes what an engine says: writes revisions out, and keeps one line an incident."""

    def __init__(self, file: BinaryIO) -> None:
        """Choose where revisions go, one a line."""
        self._file = file
        self._of: dict[str, Opened] = {}
        self._asked: list[Asked] = []

    def take(self, outputs: Iterable[Output]) -> None:
        """Take outputs in the order in which they were told."""
        for one in outputs:
            what = one.what
            if isinstance(what, Incident):
                if one.topic == "incidents":
                    self._file.write(encode(what) + b"\n")
                    self._revise(what)
            elif isinstance(what, CheckinRequest) and what.status == "Actual":
                asked_ms = from_rfc3339(what.requested_at)
                self._asked.append(Asked(what.household, asked_ms, what.ask, what.purpose))

    def _revise(self, one: Incident) -> None:
        if one.status == "Exercise":
            return  # played, and nobody's alarm
        known = self._of.get(one.id)
        if known is None:
            known = self._of[one.id] = Opened(
                one.id,
                one.household,
                one.kind.value,
                one.severity.value,
                from_rfc3339(one.opened_at),
                from_rfc3339(one.event_from),
                one.district or "",
                one.target_group or "",
                one.sentence_ko,
                one.sentence_en,
                score=one.score,
                threshold=one.threshold,
            )
        if one.revision <= known.revision:
            return
        known.revision = one.revision
        known.visit |= one.next_step in VISITS
        known.withdrawn |= one.state is IncidentState.WITHDRAWN
        # What an emergency says of itself on arrival knows no registry yet.
        known.district = known.district or one.district or ""
        known.target_group = known.target_group or one.target_group or ""
        if one.state is IncidentState.CLOSED:
            known.closed_ms = from_rfc3339(one.at)
            known.cause = one.cause.value if one.cause else ""
            known.merged = known.cause == "merged"

    def opened(self) -> list[Opened]:
        """Return the incidents, merged repeats left out, by the time of opening."""
        return sorted((one for one in self._of.values() if not one.merged), key=lambda one: (one.opened_ms, one.id))

    def asked(self) -> list[Asked]:
        """Return the questions that were asked for."""
        return self._asked
