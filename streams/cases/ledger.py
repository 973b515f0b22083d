"""The incidents of one household: opened, revised, acknowledged, closed or withdrawn, gathered in one case. Pure.

Every revision it returns has a deterministic id and number, so that whatever is said again after a restart is the same
record again, and readers drop it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from detectors.findings import Finding
from detectors.hazard import NEVER_MS
from schemas.actions import ActionResult, ResponderAction
from schemas.households import Absence
from schemas.incidents import EMERGENCIES, CloseCause, Incident, IncidentKind
from schemas.times import from_rfc3339, to_rfc3339
from streams.cases import revisions
from streams.cases.answers import Answers
from streams.cases.ended import Ended, Ends
from streams.cases.given import Given, given_of, with_one_more
from streams.cases.identity import case_id, emergency_id, incident_id
from streams.cases.lessons import Leaving, Lessons
from streams.cases.open_incident import Open
from streams.cases.revisions import Teller

MERGE_MS: Final = 600_000
"""An emergency this near another open one of its kind is the same one: a button pressed five times."""
QUIET_MS: Final = 600_000
"""At most one revision in this time, unless severity rises."""
DAY_MS: Final = 86_400_000
MOST_OPEN: Final = 64
MOST_SEEN: Final = 64
WAITS_MS: Final = DAY_MS
"""How long an action waits for its incident before it is answered as about nothing that is known."""
_FORMER: Final = 5
"""Elements of a state that a former version wrote."""


class Close(NamedTuple):
    """An action closed an incident: the household's model must hear of it."""

    kind: IncidentKind
    cause: CloseCause
    opened_ms: int
    """When it was raised; an emergency: when it happened."""
    said_ms: int
    """When a responder said so, or an answer did."""


class Kept(NamedTuple):
    """An action that waits for its incident."""

    action: ResponderAction
    since_ms: int


_NONE_OPEN: Final[Mapping[str, Open]] = MappingProxyType({})
_NONE_ENDED: Final = Ends()
_NO_ANSWERS: Final = Answers()
_NO_LESSONS: Final = Lessons()
_NONE_GIVEN: Final[list[Given]] = []
"""What is known of a home in which nothing was ever open: all such homes share it, and whoever writes makes its own first."""


class Ledger:
    """Open and recently ended incidents of one household, actions that wait for theirs, and the case."""

    __slots__ = (
        "absences",
        "answers",
        "checked_ms",
        "ended",
        "given",
        "household",
        "is_stirred",
        "lessons",
        "open",
        "referrals",
        "seen",
        "waiting",
        "wake_ms",
    )

    def __init__(self, household: str) -> None:
        self.household = household
        self.open = _NONE_OPEN
        self.ended = _NONE_ENDED
        self.waiting: tuple[Kept, ...] = ()
        """In the order in which they came."""
        self.seen: tuple[str, ...] = ()
        """Ids of the last actions: a repeated one changes nothing and is not answered again."""
        self.answers = _NO_ANSWERS
        """What came of its questions."""
        self.lessons = _NO_LESSONS
        """What its closings teach the shared model."""
        self.absences: tuple[Absence, ...] = ()
        """Declared by responders and not over; those of the registry are not among them."""
        self.referrals: tuple[tuple[int, str], ...] = ()
        """When the person was referred to which service, the last ones."""
        self.given = _NONE_GIVEN
        """What was given to a post of late."""
        self.checked_ms = 0
        """When a responder last asked for a check."""
        self.wake_ms = NEVER_MS
        self.is_stirred = True
        """Something other than time may have moved what comes of it, a new registry record for one, since it was looked at."""

    def __bool__(self) -> bool:
        """Say whether there is anything to remember."""
        return bool(self.open or self.ended or self.waiting or self.seen)

    def is_quiet(self, clock_ms: int) -> bool:
        """Tell whether nothing comes of it at a clock: there is nothing, or it was looked at and only time has passed since."""
        if not (self.open or self.waiting or self.ended):
            return True
        return clock_ms < self.wake_ms and not (self.is_stirred or self.waiting or self.lessons)

    @property
    def leaving(self) -> list[Leaving]:
        """Its lessons of which it is known when they leave."""
        return self.lessons.leaving(is_open=bool(self.open)) if self.lessons else []

    def knows(self, name: str) -> bool:
        """Tell whether an incident is open or was ended a while ago."""
        return name in self.open or self.ended.of(name) is not None

    def goes_on_in(self, ended: Ended) -> Open | None:
        """Return the open incident into which one was merged, over however many merges; None where it has ended."""
        return self.open.get(self.ended.last_of(ended))

    def forget_absences(self, clock_ms: int) -> None:
        """Forget declared absences that are over: the model knows which days they were."""
        self.absences = tuple([one for one in self.absences if from_rfc3339(one.end) > clock_ms])

    def note_given(self, at_ms: int, shift_ms: int, owner: str) -> None:
        """Note that an incident was given to a post in a shift."""
        self.given = with_one_more(self.given, (at_ms, shift_ms, owner))

    def take(self, teller: Teller, finding: Finding, clock_ms: int) -> list[Incident]:
        """Take what a detector found, emergencies excepted; return the revisions to tell."""
        raised_ms = int(finding.facts["raised_ms"])
        entry = self._raised(finding.kind, raised_ms)
        if finding.change == "raise" and entry is None:
            return self._open(teller, finding, raised_ms, clock_ms)
        if entry is None:
            return []  # a responder closed it meanwhile
        if finding.change == "withdraw":
            return [self.end(teller, entry, None, clock_ms)]
        if finding.change == "clear":
            if finding.kind in (IncidentKind.CANNOT_SEE, IncidentKind.DISTRICT_OUTAGE):
                back = revisions.back_again(self.household, finding)
                return [self.end(teller, entry, CloseCause.SOURCE_OUTAGE, clock_ms, said=back)]
            return (
                []
                if entry.incident.cleared
                else [self.tell(entry, revisions.cleared(teller, entry.latest, finding, clock_ms), clock_ms)]
            )
        return self._update(teller, entry, finding, clock_ms)

    def take_emergency(self, teller: Teller, finding: Finding, clock_ms: int) -> list[Incident] | None:
        """Take an emergency whose turn in the order has come; None for a repeat of one that is known.

        Its revision 1 was told on arrival. Here it joins the household's case as revision 2, or ends as merged.
        """
        if finding.change == "clear":
            return self._clear_hazard(teller, finding, clock_ms)
        name = emergency_id(
            self.household, finding.source, finding.device, finding.kind, finding.event_from_ms, finding.event_id
        )
        if self.knows(name):
            return None
        first = revisions.arrived(self.household, finding, clock_ms, teller.engine)
        entry = Open(first, clock_ms)
        entry.happened_ms = finding.event_from_ms
        entry.alarm(finding.source, finding.device, finding.event_from_ms)
        near = [
            one
            for one in self.open.values()
            if one.incident.kind is finding.kind
            and one.happened_ms
            and abs(one.happened_ms - entry.happened_ms) < MERGE_MS
        ]
        case = self._case(clock_ms)
        self._put(entry, clock_ms)
        if near:
            return self._merge(
                teller, entry, case, min(near, key=lambda one: (one.happened_ms, one.incident.id)), finding, clock_ms
            )
        out = [self.tell(entry, revisions.joined(teller, first, case, clock_ms), clock_ms)]
        return out + self._bounded(teller, clock_ms)

    def wake(self, clock_ms: int) -> tuple[list[Incident], list[str]]:
        """Let time pass: return revisions that waited, and ids of ended incidents to be forgotten everywhere."""
        out = []
        for entry in list(self.open.values()):
            if entry.pending is not None and clock_ms >= entry.told_ms + QUIET_MS:
                pending, entry.pending = entry.pending, None
                if revisions.differs(entry.incident, pending):
                    out.append(self.tell(entry, msgspec.structs.replace(pending, at=to_rfc3339(clock_ms)), clock_ms))
        due = self.ended.wake(clock_ms)
        self.lessons.forget(clock_ms)
        self.rearm()
        return out, due

    def close_all(self, teller: Teller, cause: CloseCause, clock_ms: int, said_ms: int | None = None) -> list[Incident]:
        """End everything: the household is no longer watched. Only what a responder closed teaches, and that has ended."""
        for entry in self.open.values():
            entry.told = []
        return [self.end(teller, entry, cause, clock_ms, said_ms=said_ms) for entry in list(self.open.values())]

    def close_judged(self, teller: Teller, cause: CloseCause, clock_ms: int) -> list[Incident]:
        """End what detectors raised: nobody judges the household any more. Emergencies are left to responders."""
        judged = [entry for entry in self.open.values() if entry.incident.kind not in EMERGENCIES]
        return [self.end(teller, entry, cause, clock_ms) for entry in judged]

    def adopt(self, incidents: list[Incident], clock_ms: int) -> None:
        """Take open incidents from their topic: the rows that held them are damaged. Their detector has forgotten them."""
        for incident in sorted(incidents, key=lambda one: (one.opened_at, one.id)):
            self._put(Open.adopted(incident, clock_ms), clock_ms)
        self.rearm()

    def _open(self, teller: Teller, finding: Finding, raised_ms: int, clock_ms: int) -> list[Incident]:
        opening_ms = raised_ms
        while self.knows(name := incident_id(self.household, finding.kind, opening_ms)):
            opening_ms += 1  # withdrawn and raised anew while the clock stood still: it is another one
        first = revisions.opened(teller, self.household, finding, name, self._case(clock_ms), clock_ms)
        # One that life has cleared and nobody has closed goes on in the new one, or they would gather without end. So does
        # an unanswered alert in that of a graver one.
        milder = finding.kind is IncidentKind.DISASTER_NO_ANSWER
        of_kind = [one for one in self.open.values() if one.incident.kind is finding.kind]
        old = [one for one in of_kind if one.incident.cleared or milder]
        entry = Open(first, clock_ms, raised_ms=raised_ms)
        self._put(entry, clock_ms)
        out = [first]
        out += [self.end(teller, one, CloseCause.MERGED, clock_ms, f"{first.id}/{first.revision}") for one in old]
        return out + self._bounded(teller, clock_ms)

    def _update(self, teller: Teller, entry: Open, finding: Finding, clock_ms: int) -> list[Incident]:
        after = revisions.updated(teller, entry.incident, finding, clock_ms)
        if not revisions.differs(entry.incident, after):
            entry.pending = None
            self.rearm()
            return []
        if after.severity.rank <= entry.incident.severity.rank and clock_ms < entry.told_ms + QUIET_MS:
            entry.pending = after
            self.rearm()
            return []
        return [self.tell(entry, after, clock_ms)]

    def _merge(
        self, teller: Teller, entry: Open, case: str, into: Open, finding: Finding, clock_ms: int
    ) -> list[Incident]:
        """End an emergency as part of one that is open; that one alarms again, and is as grave as the graver of the two."""
        into.alarm(finding.source, finding.device, finding.event_from_ms)
        known, latest = into.incident, into.latest
        still_off = latest.cleared and into.is_off  # it came late: its device has said off since
        after = revisions.again(teller, latest, finding, clock_ms, cleared=still_off)
        entry.incident = msgspec.structs.replace(entry.incident, case=case)
        out = [self.end(teller, entry, CloseCause.MERGED, clock_ms, f"{known.id}/{known.revision}")]
        if after.severity is not latest.severity or (not still_off and revisions.differs(known, after)):
            out.append(self.tell(into, after, clock_ms))
            if known.cleared and not after.cleared:
                into.grave_since = after.revision
        elif not still_off:
            into.pending = None
            self.rearm()
        return out

    def _clear_hazard(self, teller: Teller, finding: Finding, clock_ms: int) -> list[Incident]:
        out = []
        key = (finding.source, finding.device)
        for entry in self.open.values():
            if entry.incident.kind is not finding.kind or key not in entry.alarms:
                continue
            chatters = entry.say_off(*key, finding.event_from_ms)
            if not entry.is_off or entry.latest.cleared:
                continue
            after = revisions.cleared(teller, entry.latest, finding, clock_ms)
            if chatters and clock_ms < entry.told_ms + QUIET_MS:
                entry.pending = after
            else:
                out.append(self.tell(entry, after, clock_ms))
        self.rearm()
        return out

    def _raised(self, kind: IncidentKind, raised_ms: int) -> Open | None:
        for entry in self.open.values():
            if entry.incident.kind is kind and entry.raised_ms == raised_ms and kind not in EMERGENCIES:
                return entry
        return None

    def _case(self, clock_ms: int) -> str:
        """Return the case that is open, or the id of a new one."""
        for entry in self.open.values():
            if entry.incident.case:
                return entry.incident.case
        return case_id(self.household, clock_ms)

    def _put(self, entry: Open, clock_ms: int) -> None:
        self.lessons.begin(entry.incident, clock_ms, is_open=bool(self.open))
        self._put_back(entry)

    def _put_back(self, entry: Open) -> None:
        self.open = {**self.open, entry.incident.id: entry}

    def tell(self, entry: Open, after: Incident, clock_ms: int) -> Incident:
        """Tell a revision of an incident; the check-in ladder and responders tell by the same rules."""
        if after.severity is not entry.incident.severity:
            entry.grave_since = after.revision
        entry.incident, entry.told_ms, entry.pending = after, clock_ms, None
        self.rearm()
        return after

    def end(
        self,
        teller: Teller,
        entry: Open,
        cause: CloseCause | None,
        clock_ms: int,
        reference: str = "",
        owner: str | None = None,
        said_ms: int | None = None,
        said: tuple[str, str] | None = None,
    ) -> Incident:
        """End an incident, by whoever's word."""
        incident = entry.latest
        if said is not None:
            incident = msgspec.structs.replace(incident, sentence_ko=said[0], sentence_en=said[1])
        if owner is not None:
            incident = msgspec.structs.replace(incident, owner=owner)
        last = revisions.ended(teller, incident, cause, clock_ms, [reference] if reference else [])
        if self.answers is _NO_ANSWERS:
            self.answers = Answers()
        self.answers.learn(incident.kind, incident.ladder, cause, clock_ms)
        self._own_lessons().end(incident, cause, entry.told, said_ms, clock_ms)
        self.open = {name: one for name, one in self.open.items() if name != incident.id} or _NONE_OPEN
        if self.ended is _NONE_ENDED:
            self.ended = Ends()
        self.ended.add(Ended(incident.id, incident.kind, entry.raised_ms, clock_ms, reference.partition("/")[0]))
        self.rearm()
        return last

    def inherit(self, left: Iterable[Leaving]) -> None:
        """Take what a former life of the home has taught or will teach."""
        self._own_lessons().inherit(left)

    def _own_lessons(self) -> Lessons:
        if self.lessons is _NO_LESSONS:
            self.lessons = Lessons()
        return self.lessons

    def _bounded(self, teller: Teller, clock_ms: int) -> list[Incident]:
        """Merge the oldest into the newest of its kind beyond a bound: a device gone mad must not fill the state.

        Of the kind that there are most of: a flood of alarms must not end a silence that nobody has looked at.
        """
        out = []
        while len(self.open) > MOST_OPEN:
            kinds = Counter(entry.incident.kind for entry in self.open.values())
            most = max(kinds, key=lambda kind: (kinds[kind], kind))
            of_kind = [entry for entry in self.open.values() if entry.incident.kind is most]
            oldest, newest = of_kind[0], of_kind[-1].incident
            out.append(self.end(teller, oldest, CloseCause.MERGED, clock_ms, f"{newest.id}/{newest.revision}"))
        return out

    def rearm(self) -> None:
        """Note when the ledger wants to be woken next."""
        due = [entry.told_ms + QUIET_MS for entry in self.open.values() if entry.pending is not None]
        due += [min(entry.ask_ms, entry.owner_ms) for entry in self.open.values()]
        due += [one.since_ms + WAITS_MS for one in self.waiting[:1]]
        due.append(self.ended.wake_ms)
        self.wake_ms = min(due, default=NEVER_MS)

    def state(self) -> list[Any]:
        """Return plain data for a snapshot row."""
        plain = msgspec.to_builtins
        return [
            [one.state() for one in self.open.values()],
            self.ended.state(),
            [[plain(one.action), one.since_ms] for one in self.waiting],
            list(self.seen),
            self.ended.buried,
            [plain(one) for one in self.absences],
            [list(one) for one in self.referrals],
            self.checked_ms,
            [list(one) for one in self.given],
            self.answers.state(),
            self.lessons.state(),
        ]

    @classmethod
    def from_state(cls, household: str, state: list[Any]) -> "Ledger":
        """Return the ledger of a `state()`.

        Raises:
            ValueError, TypeError, IndexError: not such a state.

        """
        ledger = cls(household)
        for one in state[0]:
            entry = Open.from_state(one)
            ledger._put_back(entry)
        if state[1] or state[4]:
            ledger.ended = Ends.from_state(state[1], state[4])
        ledger.waiting = tuple([_kept(one) for one in state[2]])
        ledger.seen = tuple(state[3])
        if len(state) > _FORMER:
            absences, referrals, ledger.checked_ms, *rest = state[_FORMER:]
            ledger.given = given_of(rest[0] if rest else []) or _NONE_GIVEN
            if len(rest) > 1 and rest[1]:
                ledger.answers = Answers.from_state(rest[1])
            if len(rest) > 2 and rest[2]:
                ledger.lessons = Lessons.from_state(rest[2])
            ledger.absences = tuple([msgspec.convert(one, Absence) for one in absences])
            ledger.referrals = tuple([(at_ms, service) for at_ms, service in referrals])
        ledger.rearm()
        return ledger


def _kept(state: Any) -> Kept:
    """Return a kept action of a snapshot; one of a former version had no time, and waits from now on."""
    action, since_ms = state if isinstance(state, list) else (state, 0)
    return Kept(msgspec.convert(action, ResponderAction), since_ms)


def answer(action: ResponderAction, clock_ms: int, reason: Any = "") -> ActionResult:
    """Return the answer to an action."""
    return ActionResult(
        action=action.id,
        household=action.household,
        incident=action.incident,
        ok=reason in ("", "kept_for_later"),
        reason=reason,
        at=to_rfc3339(clock_ms),
    )
