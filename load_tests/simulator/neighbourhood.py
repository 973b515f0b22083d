"""A synthetic neighbourhood of people who live alone: seeded, repeatable, with everything injected written down."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from load_tests.messages import Message
from load_tests.simulator.care import Care, ask_now, call, keep_company
from load_tests.simulator.chronic import faded
from load_tests.simulator.delivery import Sender, deliver, sender_of
from load_tests.simulator.life import Calendar, live, wake_time
from load_tests.simulator.people import (
    APP,
    BAND,
    GATEWAY,
    PROVIDER,
    ROBOT,
    TELECOM,
    Household,
    household_of,
    rng_of,
)
from load_tests.simulator.phone import use_phone, wear_band
from load_tests.simulator.phrases import Phrases, Said
from load_tests.simulator.plan import DAY_MS, LOCAL_MS, WINDOW_DAYS, Plan, Rates, plan_of
from load_tests.simulator.sensors import sense_life, sense_nothing, sense_others
from load_tests.truth import Truth
from schemas.events import Data
from schemas.households import Absence, HouseholdRecord
from schemas.times import to_rfc3339

TUNING_SEEDS: Final = (11, 12, 13)
"""Seeds on which thresholds and the simulator itself may be tuned."""
JUDGING_SEEDS: Final = (2026, 2027, 2028)
"""Seeds that judge: nothing is ever tuned on them."""
DEFAULT_RATES: Final = Rates()
"""200 households and 30 days give about 40 collapses, 60 emergencies and 10 slow ones."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Synthetic households from `from_ms` to `until_ms`; the same arguments give the same messages in any process."""

    seed: int
    from_ms: int
    until_ms: int
    households: tuple[Household, ...]
    plans: tuple[Plan, ...]
    truth: tuple[Truth, ...]

    def records(self) -> list[HouseholdRecord]:
        """Registry record of every household, its declared absences included."""
        return [_record(house, plan) for house, plan in zip(self.households, self.plans, strict=True)]

    def messages(self) -> Iterator[Message]:
        """Every message in order of `sent_ms`, made day by day: a few days of events are in memory at a time.

        Messages that would arrive after `until_ms` are left out.
        """
        first = (self.from_ms + LOCAL_MS) // DAY_MS
        last = (self.until_ms - 1 + LOCAL_MS) // DAY_MS
        days = [_Days(house, plan, self.seed, first) for house, plan in zip(self.households, self.plans, strict=True)]
        waiting: list[Message] = []
        for day in range(first - 1, last + 1):
            midnight_ms = day * DAY_MS - LOCAL_MS
            end_ms = midnight_ms + DAY_MS
            for days_of_one in days:
                waiting += days_of_one.next(day, self.from_ms, self.until_ms)
            # Stable: of two messages of one moment the household with the lower number comes first.
            waiting.sort(key=_sent)
            cut = next((i for i, m in enumerate(waiting) if m.sent_ms >= end_ms), len(waiting))
            for message in waiting[:cut]:
                if message.sent_ms >= self.until_ms:
                    return
                yield message
            waiting = waiting[cut:]


def _sent(message: Message) -> int:
    return message.sent_ms


def simulate(
    households: int, days: int, seed: int, *, start_ms: int, injections: bool = True, rates: Rates = DEFAULT_RATES
) -> Neighbourhood:
    """Make a neighbourhood of `households` over `days` from `start_ms` (UTC milliseconds).

    Household number k of a seed is the same however many there are. `injections=False` leaves every emergency out;
    outages and journeys stay.

    Raises:
        ValueError: a count below 1, a seed below 0, or rates that come to more than one a household.

    """
    if households < 1 or days < 1:
        raise ValueError("at least one household and one day")
    if seed < 0:
        raise ValueError("a seed is 0 or more")
    if (rates.collapses + rates.emergencies + rates.slow) * min(days, WINDOW_DAYS) > WINDOW_DAYS:
        raise ValueError("rates of injection come to more than one a household")
    until_ms = start_ms + days * DAY_MS
    people = tuple(household_of(seed, number) for number in range(households))
    plans = tuple(plan_of(house, seed, start_ms, until_ms, rates if injections else None) for house in people)
    truth = sorted((t for plan in plans for t in plan.truth), key=lambda t: (t.at_ms, t.household, t.kind))
    return Neighbourhood(seed, start_ms, until_ms, people, plans, tuple(truth))


def _record(house: Household, plan: Plan) -> HouseholdRecord:
    absences = [
        Absence(to_rfc3339(a.from_ms), to_rfc3339(a.until_ms), "hospital" if a.hospital else "trip")
        for a in plan.away
        if a.declared
    ]
    return msgspec.structs.replace(house.record, absences=absences)


@dataclass(slots=True)
class _Days:
    """One household as its days pass: what its sources have said but not yet sent, and what care remembers."""

    house: Household
    plan: Plan
    seed: int
    first_day: int
    rng: np.random.Generator = field(init=False)
    dirt: np.random.Generator = field(init=False)
    phrases: Phrases = field(default_factory=Phrases)
    said: dict[str, Said] = field(default_factory=dict)
    senders: dict[str, Sender] = field(default_factory=dict)
    care: Care = field(default_factory=Care)
    wake_s: float | None = None

    def __post_init__(self) -> None:
        number = self.house.number
        self.rng, self.dirt = rng_of(self.seed, 7, number), rng_of(self.seed, 8, number)
        for source in (s.source for s in self.house.record.sources):
            self.said[source] = Said()
            self.senders[source] = sender_of(self.house.name, self.house.home, source)

    def calendar(self, day: int) -> Calendar:
        """Day counts from 1970-01-01, a Thursday; the season turns on about the twentieth of June."""
        season = float(np.cos(2 * np.pi * ((day - 171) % 365.2425) / 365.2425))
        return Calendar(day - self.first_day, (day + 3) % 7, season)

    def next(self, day: int, from_ms: int, until_ms: int) -> list[Message]:
        """Live one more local day and return what its sources send of it."""
        house, plan, home = self.house, self.plan, self.house.home
        midnight_ms = day * DAY_MS - LOCAL_MS
        person = faded(house.person, plan.fades, midnight_ms)
        calendar = self.calendar(day)
        wake_s = wake_time(house.person, calendar, self.rng) if self.wake_s is None else self.wake_s
        next_wake_s = 86_400 + wake_time(house.person, self.calendar(day + 1), self.rng)
        self.wake_s = next_wake_s - 86_400
        stays_at = next(
            (
                (t.at_ms - midnight_ms) / 1000
                for t in plan.truth
                if t.code != "fades" and midnight_ms <= t.at_ms < midnight_ms + 36 * 3_600_000
            ),
            None,
        )
        life = live(person, calendar, self.rng, wake_s, next_wake_s, stays_at)
        phrases, said = self.phrases, self.said
        if GATEWAY in said:
            sense_life(home, phrases, plan, life, midnight_ms, self.rng, said[GATEWAY])
            sense_others(home, phrases, plan, midnight_ms, self.rng, said[GATEWAY], person.visitors)
            sense_nothing(home, phrases, calendar, midnight_ms, self.rng, said[GATEWAY])
        for phone in (APP, TELECOM):
            if phone in said:
                use_phone(home, person, phrases, plan, calendar, life, midnight_ms, self.rng, said[phone])
        if BAND in said:
            wear_band(phrases, plan, life, midnight_ms, self.rng, said[BAND])
        if ROBOT in said:
            keep_company(phrases, plan, life, midnight_ms, self.rng, said[ROBOT], self.care)
        if PROVIDER in said:
            call(
                home,
                person,
                phrases,
                plan,
                self.seed,
                house.number,
                calendar.number,
                midnight_ms,
                self.rng,
                said[PROVIDER],
                self.care,
            )
        self._inject(midnight_ms)
        return self._send(midnight_ms, from_ms, until_ms)

    def _inject(self, midnight_ms: int) -> None:
        """Say what was planned for this day: emergencies, the robot's outages, the last of a lost phone."""
        end_ms = midnight_ms + DAY_MS
        for acute in self.plan.acute:
            if not midnight_ms <= acute.at_ms < end_ms:
                continue
            said = self.said[acute.source]
            if acute.kind == "checkin_answered":
                ask_now(self.phrases, acute.at_ms, acute.data, said, self.care)
                continue
            said.add(np.array([acute.at_ms]), self.phrases.add(acute.kind, acute.data))
            if acute.off_after_s:
                off = Data(device=acute.data.device, state="off")
                said.add(np.array([acute.at_ms + acute.off_after_s * 1000]), self.phrases.add(acute.kind, off))
        for outage in self.plan.outages:
            if outage.source == ROBOT and midnight_ms <= outage.from_ms < end_ms:
                # Told by the robot's own cloud a moment before the robot falls silent.
                said = self.said[ROBOT]
                said.add(np.array([outage.from_ms - 1]), self.phrases.number("robot_offline", "robot"))
        for down in self.plan.down:
            if TELECOM in self.said and midnight_ms <= down.phone_dies_ms < min(end_ms, down.until_ms):
                self.said[TELECOM].add(np.array([down.phone_dies_ms]), self.phrases.number("power_off", "phone"))

    def _send(self, midnight_ms: int, from_ms: int, until_ms: int) -> list[Message]:
        out: list[Message] = []
        for source, said in self.said.items():
            at, phrase = said.take_before(midnight_ms + DAY_MS)
            if source == APP:
                for down in self.plan.down:
                    keep = ~((at >= down.phone_dies_ms) & (at < down.until_ms))
                    at, phrase = at[keep], phrase[keep]
            out += deliver(self.senders[source], self.phrases, self.plan, midnight_ms, at, phrase, self.dirt)
        return [
            m for m in out if m.sent_ms >= from_ms and m.events[0].at_ms >= from_ms and m.events[-1].at_ms < until_ms
        ]
