"""Every detector as the law suite sees it: how to make, feed and ask it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from detector_streams import (
    MINUTE_MS,
    SEOUL,
    START_MS,
    Arrived,
    any_doses,
    any_events,
    any_number,
    any_outcomes,
    any_readings,
    any_reports,
    any_signs,
    arriving,
    days,
    doses,
    gaps,
    hours_of_silence,
    outcomes,
    readings,
    reports,
    scores,
    signs,
)
from msgspec.structs import replace

from detectors.begun import BegunAt
from detectors.calls import Calls
from detectors.chronic import HABITS, Chronic
from detectors.conditions import Conditions
from detectors.contract import Law
from detectors.delay import Delay
from detectors.devices import Devices
from detectors.drift import Habit
from detectors.episodes import Episodes
from detectors.fading import Fading
from detectors.hazard import HazardTable
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from detectors.life import PHONE
from detectors.longest import LongestSilence, Tail
from detectors.meals import Meals
from detectors.medication import Medication
from detectors.rhythm import Rhythm
from detectors.seeing import Seeing
from detectors.source import Source
from detectors.steady import Steady
from detectors.stretches import stretches_of
from detectors.threshold import Threshold
from detectors.thrift import PARTS, Thrift
from detectors.weeks import Weeks
from schemas.households import HouseholdRecord
from schemas.households import Source as Enrolled
from schemas.incidents import CloseCause, IncidentKind
from schemas.profiles import DEFAULT_PROFILE, SilenceProfile

HOW: Final = SilenceProfile()


@dataclass(frozen=True)
class Case:
    """A detector: `learn` feeds it one thing and returns what it says, `look` asks it everything it can be asked."""

    name: str
    kind: type[Any]
    make: Callable[[], Any]
    learn: Callable[[Any, Any], Any]
    look: Callable[[Any], Any]
    state: Callable[[Any], bytes]
    restore: Callable[[bytes], Any]
    ordinary: Callable[[random.Random, int], list[Any]]
    hostile: Callable[[random.Random, int], Iterator[Any]]
    most_bytes: int
    """The state is never larger, whatever it is fed."""
    reordered: Callable[[Any], Any] = lambda one: one
    """The same thing with its keys in another order."""

    def keeps(self, law: Law) -> bool:
        """Tell whether the detector has not opted out of a law."""
        opts_out: frozenset[Law] = self.kind.opts_out
        return law not in opts_out


def packed(state: Any) -> bytes:
    return msgspec.msgpack.encode(state)


def plain(make: Callable[[], Any]) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """State and restore of a detector that has both."""

    def restore(state: bytes) -> Any:
        detector = make()
        detector.restore(msgspec.msgpack.decode(state))
        return detector

    return (lambda detector: packed(detector.state())), restore


def restored_carried(state: bytes) -> LongestSilence:
    longest = LongestSilence(PHONE)
    known, tail = msgspec.msgpack.decode(state)
    longest.restore(known)
    longest.restore_tail(tail)
    return longest


# Households.

RECORD: Final = HouseholdRecord(
    household="h",
    sources=[
        Enrolled("/sensors/gw", 3600),
        Enrolled("/phone/app", 3600),
        Enrolled("/calls/p"),
        Enrolled("/robot/r", 3600),
    ],
)


def household() -> Household:
    return Household("h", DEFAULT_PROFILE, RECORD, start_ms=START_MS)


def feed(model: Household, arrived: Arrived) -> list[Any]:
    """Let the clock move by minutes to the arrival, as ticks do, then take the event."""
    one, at_ms = arrived
    clock_ms = at_ms // MINUTE_MS * MINUTE_MS
    said: list[Any] = []
    while model.wake_ms <= clock_ms and model.clock_ms < clock_ms:
        said += model.advance(max(-(-model.wake_ms // MINUTE_MS), model.clock_ms // MINUTE_MS + 1) * MINUTE_MS)
    said += model.learn_one(one, clock_ms)
    return said


def ask_all(model: Household) -> Any:
    return [
        model.score_one(),
        model.score_one(model.clock_ms + 5 * HOUR_MS),
        model.due(),
        model.due(reports_continue=False),
        model.explain(),
        model.blind,
        model.last_life_ms,
        model.wake_ms,
        model.hot(),
        model.rhythm(),
    ]


def topics_reversed(arrived: Arrived) -> Arrived:
    one, clock_ms = arrived
    if not one.data.topics:
        return arrived
    topics = dict(reversed(one.data.topics.items()))
    return one.with_(data=msgspec.structs.replace(one.data, topics=topics)), clock_ms


def _calls_restored(state: bytes) -> Calls:
    calls = Calls()
    exact, rates = msgspec.msgpack.decode(state)
    calls.restore(exact)
    calls.restore_rates(rates)
    return calls


def _seeing_restored(state: bytes) -> Seeing:
    seeing = Seeing(START_MS)
    exact, slow = msgspec.msgpack.decode(state)
    seeing.restore(exact)
    seeing.restore_gaps(slow)
    return seeing


def _weeks_restored(state: bytes) -> Weeks:
    weeks = Weeks()
    exact, slow = msgspec.msgpack.decode(state)
    weeks.restore(exact)
    weeks.restore_slow(slow)
    return weeks


def _count(weeks: Weeks, one: Any) -> None:
    if weeks.learn_one(one):
        weeks.bound(SEOUL)


def _live_a_day(habit: Habit, x: float) -> None:
    habit.learn_one(x, 1.0, sign=1.0, least_variance=1.0, delta=0.3, limit=5.0)


def _habit_restored(state: bytes) -> Habit:
    habit = Habit()
    habit.restore(state)
    return habit


def habits(rng: random.Random, n: int) -> list[tuple[dict[str, list[float]], int]]:
    """Days of an ordinary person who goes out less and less."""
    return [
        (
            {"pace": [rng.gauss(16, 3)], "outings": [max(0.0, 2 - i / 40)], "answers": [float(rng.random() < 0.8)]},
            START_MS + i * DAY_MS,
        )
        for i in range(n)
    ]


def any_habits(rng: random.Random, n: int) -> Iterator[tuple[dict[str, list[float]], int]]:
    for i in range(n):
        yield {name: [rng.uniform(0, 1e6) for _ in range(3)] for name in HABITS}, START_MS + i * DAY_MS


def told(rng: random.Random, n: int) -> list[tuple[IncidentKind, int, CloseCause | None]]:
    """What was told of a home, and how it was closed."""
    kinds, causes = list(IncidentKind), [None, *CloseCause]
    return [(rng.choice(kinds), START_MS + i * DAY_MS, rng.choice(causes)) for i in range(n)]


def _see(seeing: Seeing, report: tuple[str, int, bool, int]) -> None:
    name, at_ms, off, until_ms = report
    source = seeing.meet(name, at_ms)
    if source is not None:
        seeing.learn_one(source, at_ms, off=off, until_ms=until_ms)


def _report(source: Source, report: tuple[str, int, bool, int]) -> None:
    source.learn_one(report[1], START_MS // HOUR_MS, off=report[2], until_ms=report[3])


def _source() -> Source:
    return Source("phone", START_MS)


def _learn_sign(ring: Episodes, sign: tuple[int, str, bool, bool]) -> None:
    ring.learn_one(sign[0], sign[1], sure=sign[2], exit_door=sign[3])


CASES: Final = (
    Case(
        "household",
        Household,
        household,
        feed,
        ask_all,
        lambda model: model.snapshot(),
        lambda state: Household.from_snapshot(state, DEFAULT_PROFILE, RECORD),
        arriving,
        any_events,
        180_000,
        topics_reversed,
    ),
    Case(
        "episodes",
        Episodes,
        Episodes,
        _learn_sign,
        lambda ring: [
            [(one.start, one.end, one.leaves) for one in ring.proofs()],
            stretches_of(ring, 0, 1 << 60).ghosts,
            ring.last_ghost(0, 1 << 60),
        ],
        lambda ring: packed(ring.state()),
        lambda state: Episodes.from_state(msgspec.msgpack.decode(state)),
        signs,
        any_signs,
        20_000,
    ),
    Case(
        "hazard table",
        HazardTable,
        lambda: HazardTable("home"),
        lambda table, gap: table.learn_one(SEOUL, gap[0], gap[1], away=gap[2]),
        lambda table: table.rates(away=False, k0_h=5, k1_h=8, floor_per_h=0.4),
        *plain(lambda: HazardTable("home")),
        gaps,
        lambda rng, n: iter(gaps(rng, n)),
        33_000,
    ),
    Case(
        "threshold",
        Threshold,
        Threshold,
        lambda threshold, one: threshold.learn_one(*one),
        lambda threshold: threshold.score_one(0.1),
        *plain(Threshold),
        scores,
        lambda rng, n: ((x, START_MS + i) for i, x in enumerate(any_number(rng, n))),
        50,
    ),
    Case(
        "longest silence",
        LongestSilence,
        LongestSilence,
        lambda longest, hours: longest.learn_one(hours),
        lambda longest: [longest.score_one(9.0), longest.usual(away=True), longest.deadline_h(3.0, 0.05)],
        *plain(LongestSilence),
        hours_of_silence,
        any_number,
        70,
    ),
    Case(
        "longest silence of a carried device",
        LongestSilence,
        lambda: LongestSilence(PHONE),
        lambda longest, hours: longest.learn_one(hours),
        lambda longest: [longest.score_one(9.0), longest.deadline_h(3.0, 0.05), longest.budget_at(3.0, 12.0)],
        lambda longest: packed([longest.state(), longest.tail_state()]),
        restored_carried,
        hours_of_silence,
        any_number,
        100,
    ),
    Case(
        "trust in scores",
        Steady,
        Steady,
        lambda steady, nats: steady.learn_one(nats),
        lambda steady: [steady.score_one(0.05), steady.budget_at(7.0), steady.share],
        *plain(Steady),
        hours_of_silence,
        any_number,
        70,
    ),
    Case(
        "tail of longest silences",
        Tail,
        Tail,
        lambda tail, hours: tail.learn_one((hours - 8) / 2),
        lambda tail: [tail.score_one(0.05), tail.budget_at(2.5)],
        *plain(Tail),
        hours_of_silence,
        any_number,
        70,
    ),
    Case(
        "silences by the hour at which they begin",
        BegunAt,
        BegunAt,
        lambda begun, hours: begun.learn_one([hours * (hour % 3) / 2 for hour in range(24)]),
        lambda begun: [begun.usual(3), begun.usual(13), begun.usual(22)],
        *plain(BegunAt),
        hours_of_silence,
        any_number,
        300,
    ),
    Case(
        "fading",
        Fading,
        lambda: Fading(30.0),
        lambda fading, x: fading.learn_one(x),
        lambda fading: fading.shrunk(8.0, 4.0, 4.0, 8.0),
        *plain(lambda: Fading(30.0)),
        hours_of_silence,
        any_number,
        40,
    ),
    Case(
        "delay",
        Delay,
        Delay,
        lambda delay, x: delay.learn_one(x, 2 * x, 0.1, ["home"]),
        lambda delay: [delay.day_h, delay.night_h, delay.bands, delay.slow],
        *plain(Delay),
        hours_of_silence,
        any_number,
        80,
    ),
    Case(
        "habit",
        Habit,
        Habit,
        _live_a_day,
        lambda habit: [habit.score_one(), habit.since, habit.usual],
        Habit.state,
        _habit_restored,
        hours_of_silence,
        any_number,
        80,
    ),
    Case(
        "chronic",
        Chronic,
        Chronic,
        lambda chronic, day: chronic.learn_one(*day),
        lambda chronic: chronic.found([], [], START_MS + 300 * DAY_MS),
        *plain(Chronic),
        habits,
        any_habits,
        950,
    ),
    Case(
        "conditions",
        Conditions,
        Conditions,
        lambda conditions, one: conditions.learn_one(one, SEOUL),
        lambda conditions: conditions.found(START_MS + 300 * DAY_MS, SEOUL),
        *plain(Conditions),
        readings,
        any_readings,
        20_000,
    ),
    Case(
        "meals",
        Meals,
        Meals,
        lambda meals, one: meals.learn_one(one, SEOUL),
        lambda meals: [meals.watched, meals.missed_share(1)],
        *plain(Meals),
        lambda rng, n: [one.with_(data=replace(one.data, device="fridge")) for one in readings(rng, n)],
        lambda rng, n: (one.with_(kind="door") for one in any_readings(rng, n)),
        1_000,
    ),
    Case(
        "devices",
        Devices,
        Devices,
        lambda devices, one: devices.learn_one(one),
        lambda devices: devices.offline(START_MS + 300 * DAY_MS),
        *plain(Devices),
        lambda rng, n: [one for one in readings(rng, 20 * n) if rng.random() < 0.05],
        any_readings,
        2_000,
    ),
    Case(
        "thrift",
        Thrift,
        Thrift,
        lambda thrift, one: thrift.learn_one(*one),
        lambda thrift: [thrift.factor(kind, 0.05) for kind in PARTS],
        *plain(Thrift),
        told,
        lambda rng, n: iter(told(rng, n)),
        1_000,
    ),
    Case(
        "calls",
        Calls,
        Calls,
        lambda calls, one: calls.learn_one(one),
        lambda calls: [calls.score_one(10), calls.row(0, []), calls.unanswered_since(START_MS)],
        lambda calls: packed([calls.state(), calls.rates_state()]),
        _calls_restored,
        lambda rng, n: outcomes(rng, min(n, 200)),
        any_outcomes,
        16_000,
    ),
    Case(
        "medication",
        Medication,
        Medication,
        lambda medication, one: medication.learn_one(one),
        lambda medication: [medication.score_one(), medication.row([(0, START_MS)])],
        *plain(Medication),
        lambda rng, n: doses(rng, min(n, 200)),
        any_doses,
        12_000,
    ),
    Case(
        "weeks",
        Weeks,
        Weeks,
        _count,
        lambda weeks: [weeks.weeks(SEOUL), weeks.counts(SEOUL)[1], weeks.concerns()],
        lambda weeks: packed([weeks.state(), weeks.slow_state()]),
        _weeks_restored,
        lambda rng, n: outcomes(rng, min(n, 120)) + doses(rng, min(n, 120)),
        lambda rng, n: (one for pair in zip(any_outcomes(rng, n), any_doses(rng, n), strict=True) for one in pair),
        16_000,
    ),
    Case(
        "seeing",
        Seeing,
        lambda: Seeing(START_MS),
        _see,
        lambda seeing: [
            seeing.score_one(START_MS + DAY_MS, DEFAULT_PROFILE),
            seeing.blind_at(DEFAULT_PROFILE),
            seeing.sight("phone", DEFAULT_PROFILE, START_MS + 3 * DAY_MS),
            seeing.dark_spans("phone", START_MS + DAY_MS, DEFAULT_PROFILE),
        ],
        lambda seeing: packed([seeing.state(), seeing.gaps_state()]),
        _seeing_restored,
        reports,
        any_reports,
        16_000,
    ),
    Case(
        "source",
        Source,
        _source,
        _report,
        lambda source: [source.dark_at(DEFAULT_PROFILE), source.unseen(START_MS // HOUR_MS, DEFAULT_PROFILE, START_MS)],
        *plain(_source),
        reports,
        any_reports,
        160,
    ),
    Case(
        "rhythm",
        Rhythm,
        Rhythm,
        lambda rhythm, day: rhythm.learn_one(day, HOW),
        lambda rhythm: [rhythm.rates("home", HOW, away=False), rhythm.threshold.score_one(0.1)],
        *plain(Rhythm),
        lambda rng, n: days(rng, min(n, 30)),
        lambda rng, n: iter(days(rng, min(n, 400))),
        100_000,
    ),
)
