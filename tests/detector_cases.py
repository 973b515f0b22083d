"""Every detector as the law suite sees it: how to make, feed and ask it, and what to feed it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from detectors.calls import Calls
from detectors.contract import Law
from detectors.episodes import Episodes
from detectors.fading import Fading
from detectors.hazard import HazardTable
from detectors.hours import DAY_MS, HOUR_MS, LocalHours
from detectors.household import Household
from detectors.longest import LongestSilence
from detectors.medication import Medication
from detectors.rhythm import Day, Rhythm
from detectors.seeing import Seeing
from detectors.source import Source
from detectors.threshold import Threshold
from schemas.events import Data, Event
from schemas.households import HouseholdRecord
from schemas.households import Source as Enrolled
from schemas.profiles import DEFAULT_PROFILE, SilenceProfile
from schemas.vocabulary import KINDS, CareTopic, Level

START_MS: Final = 1_767_207_600_000
"""2026-01-01 04:00 in Korea, the beginning of a day of life."""
MINUTE_MS: Final = 60_000
SEOUL: Final = LocalHours("Asia/Seoul")
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


def event(kind: str, at_ms: int, source: str = "/sensors/gw", number: int = 0, **data: Any) -> Event:
    until_ms = data.pop("until_ms", 0)
    return Event("h", kind, source, f"{kind}-{number or at_ms}", at_ms, Data(**data), until_ms)


# Numbers, spans and signs of life.


def hours_of_silence(rng: random.Random, n: int) -> list[float]:
    return [rng.lognormvariate(2.0, 0.3) for _ in range(n)]


def any_number(rng: random.Random, n: int) -> Iterator[float]:
    for _ in range(n):
        yield rng.choice([0.0, 1e-12, 1e9, rng.random(), rng.expovariate(0.1)])


def scores(rng: random.Random, n: int) -> list[tuple[float, int]]:
    return [(rng.expovariate(0.5), START_MS + i * 3 * HOUR_MS) for i in range(n)]


def gaps(rng: random.Random, n: int) -> list[tuple[int, int, bool]]:
    at, out = START_MS, []
    for _ in range(n):
        end = at + int(rng.expovariate(1 / HOUR_MS)) + 6 * MINUTE_MS
        out.append((at, end, rng.random() < 0.2))
        at = end
    return out


def signs(rng: random.Random, n: int) -> list[tuple[int, str, bool, bool]]:
    at, out = START_MS, []
    for _ in range(n):
        at += int(rng.expovariate(1 / (4 * MINUTE_MS)))
        sure = rng.random() < 0.3
        out.append((at, rng.choice(["hall", "kitchen", "bed"]), sure, sure and rng.random() < 0.2))
    return out


def any_signs(rng: random.Random, n: int) -> Iterator[tuple[int, str, bool, bool]]:
    for _ in range(n):
        yield START_MS + rng.randrange(0, 4000 * DAY_MS), f"d{rng.random()}", rng.random() < 0.5, rng.random() < 0.5


def reports(rng: random.Random, n: int) -> list[tuple[str, int, bool, int]]:
    out = []
    for i in range(n):
        at = START_MS + i * 20 * MINUTE_MS
        name = rng.choice(["/sensors/gw", "/phone/app", "/worn/band"])
        off = name == "/phone/app" and rng.random() < 0.05
        out.append((name, at, off, at - HOUR_MS if name == "/worn/band" else 0))
    return out


def any_reports(rng: random.Random, n: int) -> Iterator[tuple[str, int, bool, int]]:
    for _ in range(n):
        at = START_MS + rng.randrange(-400 * DAY_MS, 4000 * DAY_MS)
        yield f"/phone/{rng.random()}" + "x" * 90, at, rng.random() < 0.3, at if rng.random() < 0.5 else 0


def outcomes(rng: random.Random, n: int) -> list[Event]:
    kinds = ["checkin_answered", "checkin_no_answer", "checkin_busy", "checkin_refused"]
    return [
        event(rng.choice(kinds), START_MS + i * 5 * HOUR_MS, "/calls/p", i + 1, request=f"r{i // 2}") for i in range(n)
    ]


def any_outcomes(rng: random.Random, n: int) -> Iterator[Event]:
    for i in range(n):
        at = START_MS + rng.randrange(0, 4000 * DAY_MS)
        yield event("checkin_no_answer", at, "/calls/p", i + 1, request="r" * 100 + str(rng.random()))


def doses(rng: random.Random, n: int) -> list[Event]:
    kinds = ["medication_taken", "medication_missed"]
    return [event(rng.choice(kinds), START_MS + i * 11 * HOUR_MS, "/robot/r", i + 1) for i in range(n)]


def any_doses(rng: random.Random, n: int) -> Iterator[Event]:
    for i in range(n):
        yield event("medication_missed", START_MS + rng.randrange(0, 4000 * DAY_MS), "/robot/r" + "x" * 100, i + 1)


# Days.


def days(rng: random.Random, n: int) -> list[Day]:
    out = []
    for i in range(n):
        ring, phone = Episodes(), Episodes()
        start = START_MS + i * DAY_MS
        for at in sorted(rng.randrange(2 * HOUR_MS, 19 * HOUR_MS) for _ in range(40)):
            ring.learn_one(start + at, rng.choice(["hall", "bath"]), sure=rng.random() < 0.4)
            if rng.random() < 0.5:
                phone.learn_one(start + at + 90_000)
        untrue = [(start, start + DAY_MS)] if rng.random() < 0.1 else []
        dark = {"home": [(start, start + HOUR_MS)] if rng.random() < 0.1 else []}
        out.append(Day(start, start + DAY_MS, SEOUL, {"home": ring, "phone": phone}, untrue, dark, START_MS))
    return out


# Households.

Arrived = tuple[Event, int]
"""An event, and the clock at which it arrives."""

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


def lived(rng: random.Random, n: int) -> list[Event]:
    """About `n` events of ordinary days: waking hours with motion, doors, a phone, calls, doses, heartbeats, ghosts."""
    out: list[Event] = []
    day = 0
    while len(out) < n:
        start = START_MS + day * DAY_MS
        out += [event("heartbeat", start + h * HOUR_MS + 7_000, "/sensors/gw") for h in range(24)]
        out += [
            event("complete_until", start + h * HOUR_MS + 9_000, "/phone/app", until_ms=start + h * HOUR_MS)
            for h in range(1, 25)
        ]
        wake = rng.uniform(2.0, 3.5)
        for _ in range(60):
            at = start + int(rng.uniform(wake, 18.5) * HOUR_MS)
            room = rng.choice(["hall", "bath", "kitchen"])
            out.append(event("motion", at, device=f"m-{room}", state="on"))
            if rng.random() < 0.3:
                out.append(event("unlock", at + 40_000, "/phone/app"))
            if rng.random() < 0.05:
                out.append(event("door", at + 50_000, device="front-door", state="on", exit=True))
        if rng.random() < 0.3:
            out.append(event("motion", start + int(rng.uniform(20, 23) * HOUR_MS), device="m-hall", state="on"))
        kind = "medication_taken" if rng.random() < 0.8 else "medication_missed"
        out.append(event(kind, start + 5 * HOUR_MS, "/robot/r"))
        if day % 2:
            kind = "checkin_answered" if rng.random() < 0.7 else "checkin_no_answer"
            topics = {topic: rng.choice(list(Level)) for topic in list(CareTopic)[:3]} if kind.endswith("ed") else None
            out.append(event(kind, start + 6 * HOUR_MS, "/calls/p", request=f"r{day}", topics=topics))
        day += 1
    return sorted(out, key=lambda e: e.at_ms)


def arriving(rng: random.Random, n: int) -> list[Arrived]:
    """The same, each up to ten minutes late, in order of arrival; now and then a day without the person."""
    out = []
    for one in lived(rng, n):
        away = (one.at_ms - START_MS) // DAY_MS % 9 == 7 and one.kind in ("motion", "unlock", "door")
        if not away:
            out.append((one, one.at_ms + rng.randrange(2_000, 600_000)))
    return sorted(out, key=lambda a: (a[1], a[0].at_ms, a[0].kind))


def any_events(rng: random.Random, n: int) -> Iterator[Arrived]:
    """Whatever a broken or ill-meaning gateway may send: endless names, times, kinds; an hour passes in a hundred events."""
    kinds = [kind.name for kind in KINDS]
    clock = START_MS
    for i in range(n):
        clock += rng.randrange(0, 72_000)
        at = clock + rng.randrange(-40 * HOUR_MS, 10 * MINUTE_MS)
        channel = rng.choice(["sensors", "phone", "worn", "calls", "robot"])
        source = f"/{channel}/" + (rng.choice(["a", "b"]) if rng.random() < 0.7 else f"{rng.random()}" + "x" * 50)
        data = Data(
            device=f"{rng.random()}" + "y" * 100,
            state=rng.choice(["on", "off", None]),
            value=rng.choice([0.0, 1e12, -1e12, None]),
            count=rng.choice([None, 0, 10**9]),
            exit=rng.random() < 0.2,
            request=f"{rng.random()}",
        )
        yield (
            Event("h", rng.choice(kinds), source, f"{i}" + "z" * 100, at, data, at if rng.random() < 0.2 else 0),
            clock,
        )


def topics_reversed(arrived: Arrived) -> Arrived:
    one, clock_ms = arrived
    if not one.data.topics:
        return arrived
    topics = dict(reversed(one.data.topics.items()))
    return msgspec.structs.replace(one, data=msgspec.structs.replace(one.data, topics=topics)), clock_ms


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
            ring.ghosts(),
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
