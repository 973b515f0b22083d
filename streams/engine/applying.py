"""Records whose turn has come, topic by topic: what each changes and what is told of it. Pure, and total on any bytes."""

from collections.abc import Callable, Iterator
from typing import Final

from detectors.emergency import KINDS
from detectors.household import LATE as TOO_LATE
from detectors.household import LEARNED, Household
from schemas.actions import ABOUT_AN_INCIDENT, ResponderAction
from schemas.decode import decode
from schemas.events import FUTURE_TOLERANCE_MS, Event, Fault, Reason
from schemas.households import HouseholdRecord, Removal
from schemas.incidents import CloseCause
from schemas.profiles import Profile
from schemas.topics import ORDERED_NAMES
from streams.cases.climb import OUTCOMES as ANSWERS
from streams.cases.ledger import answer
from streams.engine.alerting import Alerting
from streams.engine.applied import Applied
from streams.engine.consequences import Consequences
from streams.engine.counts import APPLIED, LATE, NO_CONSENT, NOT_REGISTERED
from streams.engine.outputs import Output
from streams.engine.records import sharing
from streams.engine.repeats import Repeats
from streams.engine.shared import Shared
from streams.engine.watched import Watched
from streams.engine.watching import Watching

SPEAK: Final = KINDS.union(ANSWERS)
"""Kinds of events of which more may follow than that the model takes them."""


class Applying:
    """Applies one record at a time; `by_topic` has what applies those of each ordered topic.

    What is said comes as a list, or, of a record that bears on every household, household by household.
    """

    def __init__(
        self,
        shared: Shared,
        consequences: Consequences,
        watching: Watching,
        alerting: Alerting,
        *,
        is_profile_fixed: bool,
        counts_repeats: bool,
    ) -> None:
        self._shared = shared
        self._consequences = consequences
        self._watching = watching
        self._alerting = alerting
        self._is_profile_fixed = is_profile_fixed
        self._repeats = Repeats() if counts_repeats else None
        self.by_topic: tuple[Callable[[Applied], list[Output] | Iterator[list[Output]]], ...] = (
            self._profile,
            alerting.take_district,
            alerting.take,
            lambda one: self._contained(self._household, one),
            self._events,
            self._events,
            self._events,
            lambda one: self._contained(self._action, one),
        )

    def _contained(self, apply: Callable[[Applied], list[Output]], one: Applied) -> list[Output]:
        """Apply a record of one household; where that breaks off, it costs that household alone."""
        try:
            return apply(one)
        except Exception as error:
            watched = self._shared.roster.get((one.key or b"").decode("ascii", "replace"))
            if watched is None:
                raise
            return self._shared.broke(watched, error)

    def _profile(self, one: Applied) -> Iterator[list[Output]]:
        shared = self._shared
        for profile in decode("profile", one.key, one.value):
            if isinstance(profile, Fault):
                yield shared.faults(one, [profile])
            elif isinstance(profile, Profile) and profile != shared.whole.profile and not self._is_profile_fixed:
                shared.whole.profile = shared.roster.sleep.profile = profile
                for watched in shared.roster:
                    yield self._put_in_force(watched, profile, one)

    def _put_in_force(self, watched: Watched, profile: Profile, one: Applied) -> list[Output]:
        try:
            return self._judge_anew(watched, profile, one)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this household alone
            return self._shared.broke(watched, error)

    def _judge_anew(self, watched: Watched, profile: Profile, one: Applied) -> list[Output]:
        shared = self._shared
        model = watched.model
        if model is None:
            # Its watching is over, but an emergency of it may still be open: a new roster says whose it is.
            if not watched.ledger.open or shared.knows(watched, one):
                return []
            out = self._consequences.of_roster(watched)
            shared.touch(watched)
            return out
        if shared.knows(watched, one):
            # It was judged by this profile already: judged once more, it would look again at other hours than it did.
            watched.model = Household.restore(model.hot(), model.rhythm(), profile, watched.in_force)
            return []
        out = self._consequences.of_findings(watched, model.apply_profile(profile, shared.clock_ms))
        out += self._alerting.bear_on(watched)
        out += self._consequences.of_roster(watched)
        shared.judged(watched)
        return out

    def _household(self, one: Applied) -> list[Output]:
        shared, roster = self._shared, self._shared.roster
        record = decode("households", one.key, one.value)[0]
        if not isinstance(record, HouseholdRecord | Removal):
            return shared.faults(one, [record] if isinstance(record, Fault) else [])
        if not roster.is_mine(record.household):
            return shared.faults(one, [Fault(Reason.WRONG_KEY, 0, "key")])
        if isinstance(record, Removal):
            ending = roster.get(record.household)
            if ending is not None and shared.knows(ending, one):
                return []  # it has come back since
            return self._consequences.remove(record.household, CloseCause.LEFT_SERVICE, by_registry=True)
        if roster.ended_before(record.household, one.topic, one.offset) and shared.controls.offset_guard:
            return []
        if roster.stays_ended(record.household, one.value or b"", shared.clock_ms):
            return []
        watched = roster.get(record.household) or roster.meet(record.household, shared.clock_ms)
        if shared.knows(watched, one) or watched.record_bytes == one.value:
            watched.pack_record()
            return []  # published again each day
        roster.register(watched)
        roster.settle(watched, record.district)
        watched.record = sharing(record, watched.name)
        watched.record_bytes, watched.record_dirty = one.value or b"", True
        out: list[Output] = []
        if watched.model is not None:
            out = self._consequences.of_absences(watched)
            out += self._alerting.bear_on(watched)
        elif shared.clock_ms:
            watched.model = shared.model(watched, shared.clock_ms)
        shared.judged(watched)
        return out

    def _action(self, one: Applied) -> list[Output]:
        shared, roster = self._shared, self._shared.roster
        action = decode("responder.actions", one.key, one.value)[0]
        if not isinstance(action, ResponderAction):
            return shared.faults(one, [action] if isinstance(action, Fault) else [])
        watched = roster.get(action.household)
        if watched is None:
            if roster.ended_before(action.household, one.topic, one.offset):
                return []
            if not roster.is_mine(action.household):
                return shared.faults(one, [Fault(Reason.WRONG_KEY, 0, "key")])
            is_about_incident = action.action in ABOUT_AN_INCIDENT
            if roster.has_ended(action.household) or not is_about_incident:
                reason = "not_watched" if not is_about_incident else "already_ended" if action.action == "close" else ""
                return [Output("responder.results", one.key or b"", answer(action, shared.clock_ms, reason))]
            if roster.is_full:
                shared.counts.readings[one.topic][NOT_REGISTERED] += 1
                return []
            watched = roster.meet(action.household, shared.clock_ms)
        if shared.knows(watched, one):
            return []
        out = self._consequences.of_action(watched, action)
        shared.judged(watched)
        return out

    def _events(self, one: Applied) -> list[Output]:
        shared = self._shared
        out: list[Output] = []
        watched: Watched | None = None
        is_plain = True
        if self._repeats is not None and self._repeats.has(one.value):
            shared.counts.repeated_messages += 1
        for index, event in enumerate(decode(ORDERED_NAMES[one.topic], one.key, one.value)):
            if not isinstance(event, Event):
                if isinstance(event, Fault):
                    out += shared.faults(one, [event])
                continue
            if watched is None or not shared.roster.holds(watched):
                watched = shared.roster.get(event.household) or self._watching.meet(one, event, index, out)
                if watched is None:
                    continue
                if shared.knows(watched, one):
                    return out
            try:
                if not self._event(watched, event, index, one, out):
                    is_plain = False
            except Exception as error:  # noqa: BLE001 - whatever it is, it costs this household alone
                is_plain = False
                out += shared.broke(watched, error)
        if watched is not None:
            shared.hear(watched, one)
            out += self._alerting.hear(watched)
            if is_plain and not out and watched.model is not None:
                shared.roster.note_learned(watched, watched.model.wake_ms)
            else:
                shared.touch(watched)
        return out

    def _event(self, watched: Watched, event: Event, index: int, one: Applied, out: list[Output]) -> bool:
        """Take one event of a household that is watched; tell whether, unless something is said, its model alone may have changed."""
        shared = self._shared
        clock_ms, arrival_ms, kind = shared.positions.clock_ms, one.arrival_ms, event.kind
        is_plain = kind not in SPEAK
        if not is_plain and kind in KINDS:
            out += self._consequences.of_event(watched, event)
            if not shared.roster.holds(watched):
                return False  # an action that waited for it has ended the watching
        latest_ms = arrival_ms + FUTURE_TOLERANCE_MS
        if arrival_ms and (event.at_ms > latest_ms or event.until_ms > latest_ms):
            out += shared.faults(one, [Fault(Reason.FUTURE_TIME, index, "time")])
            return is_plain
        readings = shared.counts.readings[one.topic]
        if watched.since_ms and (watched.has_expired(clock_ms) or shared.roster.has_ended(watched.name)):
            readings[NOT_REGISTERED] += 1
            shared.roster.hear_ended(watched.name, clock_ms)
            return False
        model = watched.model
        if model is None:
            if not clock_ms:
                # Before the log's clock nobody can tell its time from that of a device whose clock was never set.
                readings[LATE] += 1
                return False
            model = watched.model = shared.model(watched, clock_ms)
            is_plain = False
        life = model.last_life_ms if watched.lost_since_ms else None
        became = model.take(event, clock_ms, arrival_ms)
        if became is not LEARNED:
            readings[LATE if became is TOO_LATE else NO_CONSENT] += 1
            return is_plain
        readings[APPLIED] += 1
        if watched.lost_since_ms and model.last_life_ms != life:
            out += self._watching.see_again(watched)
        if not is_plain and kind in ANSWERS and event.data.request:
            out += self._consequences.of_answer(watched, event)
        return is_plain
