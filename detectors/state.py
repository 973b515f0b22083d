"""Everything that is known of one household, and the questions that are asked of it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple
from zlib import crc32

from detectors.alarm import Alarm
from detectors.calls import Calls
from detectors.chatter import Chatter
from detectors.chronic import Chronic
from detectors.conditions import Conditions
from detectors.delay import Delay
from detectors.devices import Devices
from detectors.episodes import COMPANY_MS, Episodes
from detectors.hazard import NEVER_MS, NO_RATES, DayRates, FewRates
from detectors.hours import DAY_MS, HOUR_MS, hours_of
from detectors.life import HOME
from detectors.meals import Meals
from detectors.medication import Medication
from detectors.outcomes import Outcomes
from detectors.rhythm import Rhythm
from detectors.rings import Rings
from detectors.seeing import Seeing
from detectors.share import share
from detectors.silence import Lane, Step, blind_spans, is_dark_from, score
from detectors.thrift import Thrift
from detectors.verdict import Silence, Verdict, judge
from detectors.weeks import Weeks
from detectors.weighed import Weighed, weighed
from schemas.households import HouseholdRecord
from schemas.incidents import IncidentKind
from schemas.profiles import Profile

HORIZON_MS: Final = 30 * HOUR_MS
"""Events up to this late change what is learned; no order of arrival within it makes a difference."""
LEARN_MINUTE: Final = 615
"""Learning is due at 10:15 local time, plus up to an hour by household: 30 hours after the end of the day it learns, and
after the quarter of an hour in which company may still confirm what the day's last motion was."""
MOST_UNTRUE: Final = 64
"""Spans remembered that were no ordinary life."""
UNTIL_HOME: Final = -1
"""Instead of the end of such a span: a stay in hospital, which ends when the home shows life again."""
RHYTHM_SHARE: Final = 0.4
"""Share of the silence budget of the rhythm clock,"""
BEGUN_SHARE: Final = 0.3
"""and of the clock of the hour at which a silence began; the clock of the longest silence has the rest."""
RHYTHM_SHARE_CARRIED: Final = 1e-4
CARRIED_NATS: Final = 1.5
"""Where nothing at home sees the person: the hours at which somebody takes a phone or a step counter up say little, and the
rhythm clock would spend on quiet days what the other clock uses better. There it waits for so many times the score: only
unanswered calls bring it there first. Not so where the household has shown for weeks that its scores may be believed
(`detectors.steady`)."""


NEVER_UNSEEN: Final = (0, 0)
Few = Sequence[tuple[int, int]]
"""Spans of which most homes have none: those share the empty one."""


_NONE_TOLD: Final[Mapping[IncidentKind, "Told"]] = MappingProxyType({})
"""Of a home in which nothing else is open."""


_NO_VERDICT: Final = Verdict(NEVER_MS, "", NEVER_MS)
_NO_MEDICATION: Final = Medication()
_NO_THRIFT: Final = Thrift()
"""Of homes in which nobody tells of doses, and of such of which nothing was told: most share them."""


class Told(NamedTuple):
    """An open incident other than silence: when it was raised, how severe when last told, since when it holds."""

    raised_ms: int
    severity: int
    since_ms: int


class State:
    """The state of one household. Times in UTC milliseconds; 0 means never."""

    __slots__ = (
        "alert_factor",
        "asks",
        "calls",
        "calm_ms",
        "chatter",
        "chronic",
        "clock_ms",
        "conditions",
        "dark_until_ms",
        "delay",
        "devices",
        "followed_ms",
        "hospital_ms",
        "hours",
        "learned_ms",
        "lull_ms",
        "meals",
        "medication",
        "next_learning_ms",
        "outcomes",
        "past",
        "paused",
        "profile",
        "pseudonym",
        "quiet_ms",
        "quiet_offline_ms",
        "record",
        "restart_ms",
        "rhythm",
        "rhythm_version",
        "rings",
        "seeing",
        "shown",
        "silence",
        "start_ms",
        "thrift",
        "told",
        "unseen",
        "untrue",
        "wake_ms",
        "weeks",
    )

    def __init__(self, pseudonym: str, profile: Profile, record: HouseholdRecord | None, start_ms: int) -> None:
        self.pseudonym = pseudonym
        self.profile = profile
        self.record = record
        self.start_ms = start_ms
        self.clock_ms = start_ms
        self.wake_ms = start_ms
        self.calm_ms = 0
        """Until when nothing but the silence can call for a look: see `detectors.calm`. Not kept: 0 says that nobody knows."""
        self.lull_ms = 0
        """Until when the silence cannot either, if it goes on. Not kept: 0 says that nobody knows."""
        self.hours = hours_of(record.time_zone if record else "Asia/Seoul")
        self.rings = Rings()
        self.calls = Calls()
        self.medication = _NO_MEDICATION
        """To be read; `own_medication` is written to."""
        self.weeks = Weeks()
        self.chronic = Chronic()
        self.delay = Delay()
        self.conditions = Conditions()
        self.outcomes = Outcomes()
        self.chatter = Chatter()
        self.meals = Meals()
        self.devices = Devices()
        self.thrift = _NO_THRIFT
        """To be read; `own_thrift` is written to."""
        self.rhythm = Rhythm()
        self.rhythm_version = 0
        self.learned_ms = self.hours.day_start(start_ms)
        """Days before this are learned and their details forgotten."""
        self.next_learning_ms = self.learning_after(self.learned_ms)
        self.seeing = Seeing(self.learned_ms)
        self.paused: Few = ()
        """Declared absences."""
        self.untrue: Few = ()
        """Spans that responders found to be no ordinary life, as `untrue_span` reads them: how long they lasted may still
        come late."""
        self.restart_ms = 0
        """Silence is counted from here at the earliest: a responder's contact, an erased source."""
        self.hospital_ms = 0
        """In hospital since, until the home shows life again."""
        self.alert_factor = 1.0
        """What public alerts make of the silence budget."""
        self.followed_ms = 0
        """When remembered concerns were last asked about."""
        self.dark_until_ms = 0
        """A blackout explains until then that nothing reports."""
        self.quiet_ms = 0
        """A blindness closed by a responder is not told again before this."""
        self.quiet_offline_ms = 0
        """The same of a device offline in a home that is seen."""
        self.unseen = NEVER_UNSEEN
        """The last time that nothing could be seen: since when, and when something reported again; 0 while nothing does."""
        self.silence: Alarm | None = None
        self.past: Alarm | None = None
        """The last silence that life has cleared: late evidence may still withdraw it."""
        self.told: Mapping[IncidentKind, Told] = _NONE_TOLD
        """Written by `tell` alone."""
        self.asks: tuple[int, ...] = ()
        """Check-in calls asked for within a month."""
        self.shown = 0
        """Mark of what was last shown of the household; 0 when nothing was."""

    def learning_after(self, learned_ms: int) -> int:
        """Return when the day after `learned_ms` is due for learning.

        Households are spread over an hour, or a whole city would learn in the same second.
        """
        minute = LEARN_MINUTE + crc32(self.pseudonym.encode()) % 60
        return self.hours.next_at(self.day_end(learned_ms) + HORIZON_MS + COMPANY_MS - 1, minute)

    def day_end(self, start_ms: int) -> int:
        """Return the end of the day of life that starts at a moment: 23 to 26 hours later where clocks change."""
        return self.hours.day_start(start_ms + DAY_MS + 2 * HOUR_MS)

    @property
    def warm_ms(self) -> int:
        """When the warm-up ends."""
        return self.start_ms + int(self.profile.silence.warm_up_h * HOUR_MS)

    @property
    def budget(self) -> float:
        """The silence budget, false alarms a household-month."""
        own = share(self.record, self.profile)
        return max(1e-6, self.profile.silence_budget * own * self.alert_factor * self.outcomes.factor)

    @property
    def budgets(self) -> tuple[float, float, float]:
        """Shares of the silence budget: of the rhythm, the longest silence, the hour it began.

        The last is 0 where that clock is not used. Where only carried devices see, what the rhythm has beyond the first is not taken
        from the longest silence, so that nobody is missed later for being believed: on synthetic people both together
        spend less than the budget but with telecom records at the smallest.
        """
        budget = self.budget
        if self.rhythm.longest.kind != HOME:
            return budget * (self.trust or RHYTHM_SHARE_CARRIED), budget * (1 - RHYTHM_SHARE_CARRIED), 0.0
        return budget * RHYTHM_SHARE, budget * (1 - RHYTHM_SHARE - BEGUN_SHARE), budget * BEGUN_SHARE

    @property
    def other_budget(self) -> float:
        """What the home may have of false alarms a month besides silence."""
        return self.profile.other_budget * share(self.record, self.profile)

    def own_medication(self) -> Medication:
        """Return its doses, to be written to."""
        if self.medication is _NO_MEDICATION:
            self.medication = Medication()
        return self.medication

    def own_thrift(self) -> Thrift:
        """Return how strictly it is judged, to be written to."""
        if self.thrift is _NO_THRIFT:
            self.thrift = Thrift()
        return self.thrift

    def tell(self, kind: IncidentKind, told: Told | None) -> None:
        """Remember what was told of a kind other than silence; None: that it is over."""
        others = {one: known for one, known in self.told.items() if one is not kind}
        if told is not None:
            others[kind] = told
        self.told = others or _NONE_TOLD

    @property
    def sees_at_home(self) -> bool:
        """Whether sensors in the home see the person; else what they carry does."""
        return self.rhythm.longest.kind == HOME

    @property
    def threshold(self) -> float:
        """The score at which the rhythm clock alarms, nats."""
        return self._threshold(self.budgets[0])

    def _threshold(self, budget: float) -> float:
        """Return that score at the rhythm clock's share of the budget."""
        known = self.rhythm
        if known.longest.kind == HOME:
            return known.threshold.score_one(budget)
        untrusted = self.budget * RHYTHM_SHARE_CARRIED
        nats = CARRIED_NATS * known.threshold.score_one(untrusted)
        return min(nats, known.steady.score_one(budget)) if budget > untrusted else nats

    @property
    def trust(self) -> float:
        """The rhythm clock's share of the budget where only carried devices see the person; 0 while it is not trusted there."""
        return self.rhythm.trust(self.seeing.kinds())

    def factor(self, kind: IncidentKind) -> float:
        """Return by how much the limit of a kind besides silence is moved in this home.

        What was told is not over because it was told: the step that this has cost does not count against it.
        """
        factor = self.thrift.factor(kind, self.other_budget)
        return min(1.0, factor) if kind in self.told else factor

    @property
    def blind(self) -> bool:
        """There are sources, and none of them is healthy."""
        return self.seeing.blind_at(self.profile) <= self.clock_ms

    def consents(self, source: str) -> bool:
        """Tell whether a source may be used: yes unless the registry says that consent was withdrawn."""
        return self.record is None or all(one.consent for one in self.record.sources if one.source == source)

    def pause_at(self, at_ms: int) -> bool:
        """Tell whether a moment lies in a declared absence or a stay in hospital."""
        return bool(self.hospital_ms) or self.absent_at(at_ms)

    def absent_at(self, at_ms: int) -> bool:
        """Tell whether a moment lies in a declared absence."""
        return any(a <= at_ms < b for a, b in self.paused)

    @property
    def has_robot(self) -> bool:
        """Tell whether a care robot stands in the home."""
        return any(source.name.startswith("/robot/") for source in self.seeing.all)

    def know_kinds(self) -> None:
        """Take the population of the sources there are as this household's."""
        kinds = self.seeing.kinds()
        self.rhythm.longest.kind = kinds[0] if kinds else HOME

    def life(self, until_ms: int = NEVER_MS) -> int:
        """Return the last proof of life on any channel, not after `until_ms`; 0 without any."""
        life_ms = 0
        for ring in self.rings.values():
            ring_ms = ring.life_ms(until_ms)
            if ring_ms > life_ms:  # noqa: PLR1730 - each call would cost more than the rest
                life_ms = ring_ms
        return life_ms

    def away(self, until_ms: int = NEVER_MS) -> bool:
        """Tell whether the home's last proof of life was a way out."""
        ring = self.rings.get(HOME)
        last = None if ring is None else ring.life_before(until_ms)
        return last is not None and last.leaves and last.end <= until_ms

    def verdict(
        self,
        until_ms: int = NEVER_MS,
        *,
        reports_continue: bool = False,
        but_dark: bool = False,
        clock_ms: int | None = None,
        asks: bool = True,
        judged: bool = True,
    ) -> tuple[Silence, Verdict]:
        """Judge the silence after the last proof of life (not after `until_ms`) as it looks at a clock.

        A declared absence pauses it: where the alarm would fall due after an absence has begun, the silence starts anew
        at its end. `reports_continue` supposes that every source goes on reporting, `but_dark` that only those do that see. Without `asks` the verdict does not say
        when a call is worth asking for, which costs as much as the rest; without `judged` it says nothing, and the silence alone is
        meant.
        """
        clock_ms = self.clock_ms if clock_ms is None else clock_ms
        how = self.profile.silence
        away = self.away(until_ms)
        kinds = self.seeing.kinds()
        rates: dict[str, DayRates | FewRates] = {}
        sight = {
            kind: self.seeing.sight(kind, self.profile, clock_ms, reports_continue=reports_continue, but_dark=but_dark)
            for kind in kinds
        }
        lasts = {kind: ring.life_ms(until_ms) for kind, ring in self.rings.items()}
        carried = away and self.seeing.carried(self.profile, clock_ms)
        budgets = self.budgets
        threshold = self._threshold(budgets[0])
        life_ms = max(lasts.values(), default=0)
        anchor_ms = max(self.restart_ms, self.start_ms)
        pauses = iter(self.paused)
        while True:
            since_ms = max(life_ms, anchor_ms)
            steps = [
                Step(at_ms, self.calls.score_one(self.hours.hour(at_ms)))
                for at_ms in self.calls.unanswered_since(since_ms)
                if at_ms <= clock_ms
            ]
            for kind in kinds:
                if kind not in rates and not is_dark_from(sight[kind], since_ms):
                    rates[kind] = self.rhythm.few_rates(kind, how, away=away)
            lanes = [
                Lane(kind, rates.get(kind, NO_RATES), max(lasts.get(kind, 0), anchor_ms), sight[kind]) for kind in kinds
            ]
            # Nobody is seen at home while they are out: there only what they carry can tell silence from absence.
            blind = blind_spans([lane for lane in lanes if lane.name != HOME] if carried else lanes) if lanes else []
            home = self.rings.get(HOME)
            ghost_ms = 0 if home is None else home.last_ghost(since_ms, until_ms)
            share = self._ghost_share(since_ms, until_ms) if ghost_ms else 1.0
            silence = Silence(since_ms, lanes, steps, away, ghost_ms, threshold, blind, share)
            if not judged and not self.paused:
                return silence, _NO_VERDICT
            verdict = self._judged(silence, budgets, asks=asks)
            if ghost_ms:
                verdict = self._not_calmer(silence, verdict, budgets, asks=asks)
            if self.hospital_ms:
                return silence, _NO_VERDICT
            pause = next(((a, b) for a, b in pauses if b > since_ms), None)
            if pause is None or pause[0] >= verdict.due_ms:
                return silence, verdict
            anchor_ms = pause[1]

    def judge(self, silence: Silence, *, asks: bool = True) -> Verdict:
        """Judge a silence at this household's budget and hours; without `asks` nothing is said of calls."""
        return self._judged(silence, self.budgets, asks=asks)

    def _judged(self, silence: Silence, budgets: tuple[float, float, float], *, asks: bool) -> Verdict:
        together = None if silence.away or not self.sees_at_home else self.weighed(silence.since_ms)
        return judge(
            silence,
            self.hours,
            self.profile,
            self.rhythm.longest,
            budget=budgets[1] if together is None else sum(budgets),
            together=together,
            latest_silence_h=self.record.latest_silence_h if self.record else None,
            warm_ms=self.warm_ms,
            asks=asks,
        )

    def weighed(self, since_ms: int) -> Weighed:
        """Return the three clocks as one, over a silence at home that began at a moment."""
        known = self.rhythm
        hour = self.hours.hour(since_ms)
        return weighed(known.threshold, known.longest, known.begun, self.profile.silence, hour)

    def _ghost_share(self, since_ms: int, until_ms: int) -> float:
        """Return what the lone triggers of a silence weigh: as much as the one that is most to be believed."""
        home = self.rings.get(HOME)
        if not self.chatter.alone or home is None:
            return 1.0
        nats = self.profile.silence.ghost_nats
        return max(self.chatter.share(device, nats) for _, device in home.lone(since_ms, until_ms))

    def silence_around(self, at_ms: int) -> tuple[int, int]:
        """Return the silence in which a moment lies: from the last proof of life to the next one, if there is one yet."""
        after = [one.start for ring in self.rings.values() for one in ring.proofs() if one.start > at_ms]
        return self.life(at_ms), min(after, default=NEVER_MS)

    def home_again(self, at_ms: int) -> int:
        """Return the first sign of life at home after a moment; `NEVER_MS` while there is none.

        Where no source could see the person come home, any sign of life counts: nobody may stay unwatched for ever.
        """
        at_home = HOME in self.seeing.kinds()
        rings = [ring for kind, ring in self.rings.items() if kind == HOME or not at_home]
        return min((one.start for ring in rings for one in ring.proofs() if one.start > at_ms), default=NEVER_MS)

    def untrue_span(self, span: tuple[int, int], end_ms: int) -> tuple[int, int]:
        """Return a span that was no ordinary life, as it is known when all before `end_ms` is.

        One without length is the silence around that moment, which begins with that moment where it lies after `end_ms`:
        when the silence began may still come late. One until home ends with the first sign of life there.
        """
        a, b = span
        if b == UNTIL_HOME:
            return a, self.home_again(a)
        if a < b:
            return span
        from_ms, until_ms = self.silence_around(a)
        return (from_ms if a < end_ms else a), until_ms

    def _not_calmer(
        self, silence: Silence, verdict: Verdict, budgets: tuple[float, float, float], *, asks: bool
    ) -> Verdict:
        """Return the verdict, but never a later one than if the ghost had been the person: doubt must not calm more than proof."""
        at_ms = silence.ghost_ms
        lanes = [lane._replace(since_ms=at_ms) if lane.name == HOME else lane for lane in silence.lanes]
        steps = [step for step in silence.steps if step.at_ms > at_ms]
        known = silence._replace(since_ms=at_ms, lanes=lanes, steps=steps, ghost_ms=0)
        proven = self._judged(known, budgets, asks=asks)
        due = min(verdict, proven, key=_due)
        return due._replace(ask_ms=min(verdict.ask_ms, proven.ask_ms))

    def scores(self, silence: Silence, clock_ms: int) -> dict[str, float]:
        """Return what each channel, and the unanswered calls, add to the score of a silence by a moment, nats."""
        nats = score(self.hours, silence.since_ms, clock_ms, silence.lanes)
        out = {lane.name: part for lane, part in zip(silence.lanes, nats, strict=True)}
        if silence.steps:
            out["calls"] = sum(step.nats for step in silence.steps if step.at_ms <= clock_ms)
        return out


def last_life(ring: Episodes, until_ms: int) -> int:
    """Return the last confirmed sign of life in a ring, not after a moment; 0 without any."""
    return ring.life_ms(until_ms)


def _due(verdict: Verdict) -> int:
    return verdict.due_ms
