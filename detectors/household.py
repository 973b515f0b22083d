"""The model of one household: events in, findings and questions out; woken when it asks to be.

It reads no clock and never sleeps: `wake_ms` says when it wants to be told that time has passed. Score, decide, learn,
in this order; learning itself waits until no late event can change what is learned.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, final

import msgspec

from detectors.calls import REACHED, UNANSWERED
from detectors.calm import is_at_rest, listens, stir
from detectors.chronic import SEVERITIES
from detectors.conditions import READ as CONDITIONS
from detectors.conditions import RULES
from detectors.contract import Law
from detectors.decide import decide
from detectors.delay import Delay
from detectors.devices import TELEMETRY
from detectors.episodes import Episodes
from detectors.findings import Output
from detectors.follow_up import follow_up
from detectors.hazard import NEVER_MS
from detectors.health import health_counts
from detectors.hours import DAY_MS, HOUR_MS
from detectors.learning import learn_due_days
from detectors.life import channel_of, is_exit, rule_of, sign_by
from detectors.medication import MISSED, TAKEN
from detectors.night import is_night
from detectors.offline import KINDS as OFFLINE
from detectors.overview import mark, overview
from detectors.registry import take_record
from detectors.rows import hot_row, rhythm_row, state_of
from detectors.signs import Sign
from detectors.silent import calls_left, clear_by_contact
from detectors.source import Source
from detectors.state import MOST_UNTRUE, State
from detectors.words import KINDS, spoke
from schemas.events import FUTURE_TOLERANCE_MS, Event
from schemas.households import HouseholdRecord
from schemas.incidents import CloseCause, IncidentKind
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.vocabulary import KINDS as VOCABULARY

BLIND_AGAIN_MS: Final = 48 * HOUR_MS
"""A blindness that a responder closed is told again if it still lasts after this."""
CONTACT: Final = frozenset(
    {CloseCause.SAFE_AT_HOME, CloseCause.SAFE_AWAY, CloseCause.HOSPITAL, CloseCause.HELPED, CloseCause.EMERGENCY}
)
"""Close causes that mean that somebody met or spoke to the person."""
ORDINARY: Final = frozenset({CloseCause.SAFE_AT_HOME, CloseCause.MERGED})
"""Close causes after which the days of a silence stay part of the baseline: it was ordinary life."""
OFF_KINDS: Final = frozenset({"power_off", "robot_offline"})
DOSES: Final = frozenset({MISSED, TAKEN})
RARE: Final = frozenset({*UNANSWERED, *REACHED, *DOSES, *OFF_KINDS, "complete_until", "power_on"})
"""Kinds after which the household is judged as soon as the clock moves; all others wait for its wake."""
COUNTED: Final = KINDS - RARE
"""Kinds that are counted by week and otherwise ordinary."""
READ: Final = CONDITIONS | TELEMETRY | {"power"}
"""Kinds that tell of the home, its devices or of meals."""
PLAIN: Final = frozenset(kind.name for kind in VOCABULARY) - RARE - COUNTED - READ
"""All the others: signs of life and heartbeats, nearly every event."""


@final
class _Way:
    """How events of a kind are taken: in which of the sets above it is, asked once for all of them."""

    __slots__ = (
        "is_counted",
        "is_door",
        "is_of_conditions",
        "is_plain",
        "is_rare",
        "is_read",
        "is_telemetry",
        "rule",
        "turns_off",
    )

    def __init__(self, kind: str) -> None:
        self.rule = rule_of(kind)
        self.is_counted = kind in COUNTED
        self.is_door = kind == "door"
        self.is_of_conditions = kind in CONDITIONS
        self.is_plain = kind in PLAIN
        self.is_rare = kind in RARE
        self.is_read = kind in READ
        self.is_telemetry = kind in TELEMETRY
        self.turns_off = kind in OFF_KINDS


_WAYS: Final = {kind.name: _Way(kind.name) for kind in VOCABULARY}
Fate = Literal["learned", "late", "no_consent"]
"""What becomes of an event. One more than 5 minutes ahead is counted as learned, and is no sign of life."""
LEARNED: Final = "learned"
LATE: Final = "late"
"""The day in which it happened has been learned."""
NO_CONSENT: Final = "no_consent"
_SURE: Final = Sign.SURE
FURTHEST_MS: Final = 60 * DAY_MS
"""A clock that jumps further is not walked wake by wake."""


class Household:
    """One household. Pure: equal calls give equal outputs and equal snapshot bytes.

    Feed events with `learn_one`, and call `advance(clock)` once the clock has reached `wake_ms`: it returns what was
    found. Emergencies are not among it: `detectors.emergency.emergencies` is asked about each event at its arrival.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset()

    __slots__ = ("_shortest_ms", "_state")

    def __init__(
        self,
        pseudonym: str,
        profile: Profile = DEFAULT_PROFILE,
        record: HouseholdRecord | None = None,
        *,
        start_ms: int,
        kept: State | None = None,
    ) -> None:
        """Begin to watch at `start_ms`, UTC milliseconds; with `kept`, go on with that state alone."""
        if kept is not None:
            self._take(kept)
            return
        self._take(State(pseudonym, profile, record, start_ms))
        if record is not None:
            take_record(self._state, record)

    def _take(self, state: State) -> None:
        self._state = state
        self._shortest_ms = int(state.profile.silence.shortest_h * HOUR_MS)

    @property
    def pseudonym(self) -> str:
        """Whose model it is."""
        return self._state.pseudonym

    @property
    def profile(self) -> Profile:
        """The profile in force."""
        return self._state.profile

    @property
    def record(self) -> HouseholdRecord | None:
        """The registry record in force; None while the household is not registered."""
        return self._state.record

    @property
    def clock_ms(self) -> int:
        """The clock up to which it has been told of time, UTC milliseconds."""
        return self._state.clock_ms

    @property
    def wake_ms(self) -> int:
        """When `advance` must be called at the latest; far away when nothing is due. Re-armed lazily.

        A moment that is not after the clock asks to be looked at when the clock moves next.
        """
        return self._state.wake_ms

    @property
    def rhythm_version(self) -> int:
        """Grows whenever `rhythm()` has changed."""
        return self._state.rhythm_version

    @property
    def learned_ms(self) -> int:
        """Events before this are too late to change anything: their day has been learned."""
        return self._state.learned_ms

    @property
    def blind(self) -> bool:
        """There are sources, and none of them is healthy."""
        return self._state.blind

    def source_health(self, clock_ms: int) -> int:
        """Return how its sources do at a clock: `detectors.health`."""
        return health_counts(self._state, clock_ms)

    @property
    def outcomes(self) -> tuple[float, float]:
        """False alarms and real ones that responders found in this home, faded."""
        return self._state.outcomes.false, self._state.outcomes.real

    @property
    def delay(self) -> Delay:
        """How long after a collapse an incident is to be expected; learned once a day."""
        return self._state.delay

    @property
    def last_life_ms(self) -> int | None:
        """The last proof of life, UTC milliseconds; None before the first."""
        return self._state.life() or None

    @property
    def away(self) -> bool:
        """The last that the home saw of the person was a way out."""
        return self._state.away()

    @property
    def unanswered(self) -> int:
        """Calls since the last proof of life that nobody answered."""
        return len(self._state.calls.unanswered_since(self._state.life()))

    def answer_rate(self, hour: int) -> float:
        """Return the probability that this person answers a call in a local hour."""
        return self._state.calls.answer_rate(hour)

    def calls_left(self, clock_ms: int) -> bool:
        """Tell whether the month's budget of machine calls leaves one more."""
        return calls_left(self._state, clock_ms)

    def note_call(self, clock_ms: int) -> None:
        """Count a machine call that somebody else has asked for against the month's budget."""
        self._state.asks = (*self._state.asks, clock_ms)

    def consents(self, source: str) -> bool:
        """Tell whether a source may be used: yes unless the registry says that consent was withdrawn."""
        known = self._state.seeing.find(source)
        return (known is not None and known.ring is not None) or self._state.consents(source)

    def apply_record(self, record: HouseholdRecord, clock_ms: int) -> list[Output]:
        """Take a new registry record; the features of a source whose consent is withdrawn are erased."""
        self._pass(clock_ms)
        take_record(self._state, record)
        self._ask_anew()
        return decide(self._state)

    def apply_profile(self, profile: Profile, clock_ms: int) -> list[Output]:
        """Take a new profile."""
        self._pass(clock_ms)
        self._state.profile = profile
        self._shortest_ms = int(profile.silence.shortest_h * HOUR_MS)
        return decide(self._state)

    @property
    def alerted(self) -> tuple[float, int]:
        """Factor that public alerts put on the silence budget, and until when a blackout explains that nothing reports."""
        return self._state.alert_factor, self._state.dark_until_ms

    @alerted.setter
    def alerted(self, bearing: tuple[float, int]) -> None:
        self._state.alert_factor, self._state.dark_until_ms = bearing

    def apply_alert(self, bearing: tuple[float, int], clock_ms: int) -> list[Output]:
        """Take what public alerts make of this home, as `alerted`: the next deadline follows from it."""
        self._pass(clock_ms)
        self.alerted = bearing
        return decide(self._state)

    def note_unseen(self, since_ms: int, until_ms: int) -> None:
        """Take that nothing could be seen for another reason than dark sources: what was known of the home was damaged."""
        self._state.unseen = (since_ms, until_ms)

    def is_absent(self, clock_ms: int) -> bool:
        """Tell whether the person is in a declared absence or in hospital."""
        return self._state.pause_at(clock_ms)

    def learn_one(self, event: Event, clock_ms: int | None = None, arrival_ms: int = 0) -> list[Output]:
        """Take one event of this household, in any order and any number of times.

        Nothing is decided before the clock moves, or a batch read halfway would be told of: the list is always empty, and
        `wake_ms` says when to ask. `clock_ms` defaults to the later of the clock and the event's time. Nearly every event
        is a sign of life minutes after the last one: it moves the end of one episode and nothing else. Events older than
        what was learned are too late to change anything; one more than 5 minutes ahead of the clock, or of its arrival
        where that is later, is no sign of life.
        """
        clock_ms = event.at_ms if clock_ms is None else clock_ms
        self._pass(clock_ms)
        self.take(event, clock_ms, arrival_ms)
        return []

    def take(self, event: Event, clock_ms: int, arrival_ms: int = 0) -> Fate:
        """Take one event as `learn_one` does, and tell what became of it; one that is not taken passes no time."""
        state = self._state
        at = event.at_ms
        source = state.seeing.find(event.source)
        ring = None if source is None else source.ring
        if ring is None and not state.consents(event.source):
            return NO_CONSENT
        if at < state.learned_ms:
            return LATE
        if clock_ms > state.clock_ms:
            state.clock_ms = clock_ms
        else:
            clock_ms = state.clock_ms
        latest_ms = max(clock_ms, arrival_ms) + FUTURE_TOLERANCE_MS
        if at > latest_ms or event.until_ms > latest_ms:
            return LEARNED
        if ring is None:
            source, ring = self._meet(event.source, at)
        kind = event.kind
        way = _WAYS.get(kind) or _Way(kind)
        data = event.data
        changed = lived = False
        if source is not None:
            off = way.turns_off and data.state != "off"
            changed = source.learn_one(at, state.seeing.base_h, off=off, until_ms=event.until_ms)
        sign = sign_by(way.rule, data)
        if sign:
            lived = ring.learn_one(at, data.device, sure=sign is _SURE, exit_door=way.is_door and is_exit(event))
        if lived:
            state.lull_ms = 0
        # `look`: the household is judged as soon as the clock moves; `stirs`: by a whole look, see `detectors.calm`. What hangs
        # on life is judged so anyway.
        stirs = changed and source is not None and source.dark
        if way.is_plain:
            look = stirs or (lived and self._listens(at))
        elif way.is_rare:
            said = state.calls.learn_one(event) | (kind in DOSES and state.own_medication().learn_one(event))
            look = said or changed
            stirs |= said or way.turns_off
            self._count(event)
        else:
            if way.is_counted:
                self._count(event)
            look = stirs
            if way.is_read:
                if way.is_of_conditions:
                    look |= state.conditions.learn_one(event, state.hours)
                if way.is_telemetry:
                    state.devices.learn_one(event)
                else:
                    state.meals.learn_one(event, state.hours)
                look |= lived and way.is_door and is_night(state, at) and is_exit(event)
                stirs |= state.conditions.stands
            stirs |= look
            look |= lived and self._listens(at)
        if stirs:
            stir(state)
        # Only what is new asks for a look, or a batch sent twice would move what is told in between.
        if look:
            state.wake_ms = min(state.wake_ms, clock_ms)
        elif lived and at + self._shortest_ms < state.wake_ms:
            state.wake_ms = at + self._shortest_ms
        return LEARNED

    def advance(self, clock_ms: int) -> list[Output]:
        """Let time pass to `clock_ms`: deadlines that fell due, each at its own moment, and the days' learning.

        However large the steps are in which time passes, a deadline is told with the moment at which it fell due.
        """
        state = self._state
        if clock_ms - state.clock_ms > FURTHEST_MS:
            state.clock_ms = clock_ms
        out: list[Output] = []
        while state.wake_ms <= clock_ms:
            # A wake that is already past asks for a look at what has come since the clock last moved.
            state.clock_ms = state.wake_ms if state.wake_ms > state.clock_ms else max(state.clock_ms, clock_ms)
            if learn_due_days(state):
                self._ask_anew()
                out += follow_up(state)
            if not is_at_rest(state):
                out += decide(state)
        self._pass(clock_ms)
        return out

    def settle(
        self, kind: IncidentKind, cause: CloseCause, opened_ms: int, clock_ms: int, said_ms: int | None = None
    ) -> list[Output]:
        """Take a responder's word, given at `said_ms` (default: the clock), that an incident opened at `opened_ms` is closed.

        Whoever was met or spoken to lives: the silence starts anew, and one still open is told as cleared. A broken device
        or a wrong number proves nothing of the person; a silence closed for such a cause starts anew all the same, or it
        would be raised again at once. Unless it was ordinary life, its days leave the baseline. Hospital is an absence
        until the home shows life again. "No contact" closes nothing. What the closing says of the home is learned with the
        day on which the incident opened: until then it makes no difference when it was heard.
        """
        self._pass(clock_ms)
        state = self._state
        if cause is CloseCause.NO_CONTACT:
            return []
        state.outcomes.hear(kind, cause, opened_ms)
        if kind is IncidentKind.CANNOT_SEE:
            state.quiet_ms = state.clock_ms + BLIND_AGAIN_MS
        elif kind is IncidentKind.SILENCE or cause in CONTACT:
            state.restart_ms = state.clock_ms
        out: list[Output] = []
        if kind is not IncidentKind.SILENCE and cause in CONTACT:
            out = clear_by_contact(state)
        if kind is IncidentKind.SILENCE:
            if cause not in ORDINARY:
                state.untrue = sorted({*state.untrue, (opened_ms, opened_ms)})[-MOST_UNTRUE:]
            state.silence = state.past = None
        elif kind is IncidentKind.UNANSWERED_CALLS:
            state.calls.settled_ms = state.clock_ms
        elif kind is IncidentKind.MISSED_MEDICATION:
            state.own_medication().settled_ms = state.clock_ms
        elif kind in SEVERITIES:
            state.chronic.settle(kind, state.clock_ms)
            state.rhythm_version += 1
        elif kind is IncidentKind.MISSED_MEALS:
            state.meals.settle(state.clock_ms)
        elif kind in OFFLINE:
            state.quiet_offline_ms = state.clock_ms + BLIND_AGAIN_MS
        elif kind in RULES:
            state.conditions.settle(kind, state.clock_ms)
        elif kind is IncidentKind.OUT_AT_NIGHT:
            state.restart_ms = max(state.restart_ms, state.clock_ms)
        state.own_thrift().learn_one(kind, state.clock_ms, cause)
        state.tell(kind, None)
        if cause is CloseCause.HOSPITAL:
            said_ms = state.clock_ms if said_ms is None else min(max(said_ms, opened_ms), state.clock_ms)
            state.hospital_ms = max(said_ms, state.learned_ms)
        return out + decide(state)

    def due(self, *, reports_continue: bool = True) -> dict[IncidentKind, int]:
        """Return when each incident would be raised if nothing further came, UTC milliseconds.

        `reports_continue=True`: the person is silent and the sources go on reporting. `False`: the wire is cut, so that
        "cannot see" may come first, and no silence after it. An open silence shows the deadline it had.
        """
        state = self._state
        out: dict[IncidentKind, int] = {}
        blind_ms = state.seeing.blind_at(state.profile)
        if state.silence is not None:
            out[IncidentKind.SILENCE] = state.silence.deadline_ms
        else:
            end_ms = NEVER_MS if reports_continue else blind_ms
            # As time passes without reports, more and more is unseen: what is due must still be due when it comes.
            at_ms, due_ms = -1, state.clock_ms
            while at_ms < due_ms < end_ms:
                at_ms = due_ms
                _, verdict = state.verdict(
                    reports_continue=reports_continue,
                    clock_ms=state.clock_ms if reports_continue else at_ms,
                    asks=False,
                )
                due_ms = max(verdict.due_ms, at_ms)
                if reports_continue:
                    break
            if due_ms < end_ms:
                out[IncidentKind.SILENCE] = due_ms
        if not reports_continue and blind_ms < NEVER_MS:
            out[IncidentKind.CANNOT_SEE] = max(blind_ms, state.quiet_ms)
        return out

    def score_one(self, clock_ms: int | None = None) -> float | None:
        """Return the score of the silence by a moment (default: the clock), nats; None while warming up."""
        state = self._state
        if state.clock_ms < state.warm_ms:
            return None
        silence, _ = state.verdict(asks=False)
        return sum(state.scores(silence, state.clock_ms if clock_ms is None else clock_ms).values())

    def explain(self) -> dict[str, Any]:
        """Return what the household's state means, as plain data."""
        state = self._state
        silence, verdict = state.verdict(asks=False)
        mean_h, deviation_h = state.rhythm.longest.usual(away=silence.away)
        return {
            "household": state.pseudonym,
            "clock_ms": state.clock_ms,
            "last_life_ms": self.last_life_ms,
            "away": silence.away,
            "score": round(sum(state.scores(silence, state.clock_ms).values()), 2),
            "threshold": round(silence.threshold, 2),
            "deadline_ms": verdict.due_ms if verdict.due_ms < NEVER_MS else None,
            "deadline_by": verdict.clock,
            "usual_per_hour": state.rhythm.usual(),
            "usual_longest_h": round(mean_h, 1),
            "usual_longest_deviation_h": round(deviation_h, 1),
            "days_learned": round(state.rhythm.days, 1),
            "expected_delay_h": {
                part: None if hours is None else round(hours, 1)
                for part, hours in (("day", state.delay.day_h), ("night", state.delay.night_h))
            },
            "slow": state.delay.slow,
            "warm": state.clock_ms >= state.warm_ms,
            "blind": state.blind,
            "sources": [
                {
                    "source": name,
                    "kind": source.kind,
                    "healthy": source.dark_at(state.profile) > state.clock_ms and not source.is_off,
                    "reported_ms": source.reported_ms,
                    "healthy_for_h": round(source.limit_ms(state.profile) / HOUR_MS, 1),
                }
                for name, source in sorted(state.seeing.sources.items())
            ],
            "answer_rate": {hour: round(state.calls.answer_rate(hour), 2) for hour in (3, 9, 15, 21)},
            "unanswered_in_a_row": state.calls.row(state.life(), state.paused).calls,
            "missed_doses_in_a_row": state.medication.row(state.paused).doses,
            "open": sorted([*state.told, *([IncidentKind.SILENCE] if state.silence else [])]),
        }

    def overview(self, clock_ms: int) -> dict[str, Any]:
        """Return what is shown to people at a moment that is not before the clock, by field of `schemas.views.HouseholdView`."""
        return overview(self._state, clock_ms)

    def mark(self, clock_ms: int) -> int:
        """Return a number that changes when `overview` would say something worth showing again."""
        return mark(self._state, clock_ms)

    @property
    def shown(self) -> int:
        """Mark of what was last shown of the household, kept with it; 0 when nothing was."""
        return self._state.shown

    @shown.setter
    def shown(self, mark: int) -> None:
        self._state.shown = mark

    def note_referrals(self, referrals: Sequence[tuple[int, str]]) -> None:
        """Take (UTC milliseconds, service) of referrals: those not known yet are followed from now on."""
        state = self._state
        known = {(one.at_ms, one.service) for one in state.weeks.referrals}
        for at_ms, service in referrals:
            if (at_ms, service) not in known:
                state.weeks.refer(service, at_ms, state.hours, robot=state.has_robot)
                state.rhythm_version += 1

    def hot(self) -> bytes:
        """Return the snapshot row that changes with every event."""
        return hot_row(self._state)

    def rhythm(self) -> bytes:
        """Return the snapshot row that changes when `rhythm_version` grows: once a day, in most homes."""
        return rhythm_row(self._state)

    def snapshot(self) -> bytes:
        """Return both rows in one."""
        return msgspec.msgpack.encode([self.hot(), self.rhythm()])

    @classmethod
    def restore(
        cls,
        hot: bytes,
        rhythm: bytes | None = None,
        profile: Profile = DEFAULT_PROFILE,
        record: HouseholdRecord | None = None,
    ) -> "Household":
        """Return the household of two rows, or of a `snapshot()` alone, bit for bit as it was.

        Profile and registry record are no part of the rows: they stand in the log.

        Raises:
            ValueError: the bytes are not rows of this format.

        """
        if rhythm is None:
            return cls.from_snapshot(hot, profile, record)
        state = state_of(hot, rhythm, profile, record)
        return cls(state.pseudonym, profile, record, start_ms=state.start_ms, kept=state)

    @classmethod
    def from_snapshot(cls, snapshot: bytes, profile: Profile, record: HouseholdRecord | None) -> "Household":
        """Return the household of a `snapshot()`.

        Raises:
            ValueError: the bytes are not a snapshot of this format.

        """
        try:
            hot, rhythm = msgspec.msgpack.decode(snapshot, type=tuple[bytes, bytes])
        except msgspec.DecodeError as error:
            raise ValueError("not the snapshot of a household") from error
        return cls.restore(hot, rhythm, profile, record)

    def _count(self, event: Event) -> None:
        """Count what is shown by week; decisions depend only on what was spoken of."""
        state = self._state
        word = state.weeks.learn_one(event)
        if not word:
            return
        if spoke(word):
            stir(state)
        if state.weeks.bound(state.hours):
            state.rhythm_version += 1  # they stand in the other row now, or a restart would forget what was said

    def _listens(self, at_ms: int) -> bool:
        """Tell whether a sign of life at a moment may change what was told."""
        state = self._state
        if state.silence is not None or state.hospital_ms or listens(state):
            return True
        return state.past is not None and at_ms <= state.past.raised_ms

    def _pass(self, clock_ms: int) -> None:
        self._state.clock_ms = max(self._state.clock_ms, clock_ms)

    def _ask_anew(self) -> None:
        """Let the next event of each source ask again: it may be used no more, what it saw was erased, or another was forgotten."""
        for source in self._state.seeing.all:
            source.ring = None

    def _meet(self, name: str, at_ms: int) -> tuple[Source | None, Episodes]:
        """Return a source that may be used, None for one of calls, and the ring of its kind, remembered for the next event."""
        state = self._state
        seeing = state.seeing
        if seeing.find(name) is None:
            stir(state)
        source = seeing.meet(name, at_ms)
        ring = state.rings.meet(channel_of(name))
        if source is not None:
            source.ring = ring
        state.know_kinds()
        return source, ring
