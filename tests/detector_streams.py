"""What the law suite feeds to detectors: ordinary days and numbers, and whatever a broken or ill-meaning sender may say."""

import random
from collections.abc import Iterator
from typing import Any, Final

from detectors.episodes import Episodes
from detectors.hours import DAY_MS, HOUR_MS, LocalHours
from detectors.rhythm import Day
from schemas.events import Data, Event
from schemas.vocabulary import KINDS, CareTopic, Level

START_MS: Final = 1_767_207_600_000
"""2026-01-01 04:00 in Korea, the beginning of a day of life."""
MINUTE_MS: Final = 60_000
SEOUL: Final = LocalHours("Asia/Seoul")

Arrived = tuple[Event, int]
"""An event, and the clock at which it arrives."""


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


def readings(rng: random.Random, n: int) -> list[Event]:
    """What the devices of two rooms say: ordinary, hot and cold; doors, leaks and batteries."""
    out = []
    for i in range(n):
        at, device = START_MS + i * 20 * MINUTE_MS, rng.choice(["hall", "front"])
        kind = rng.choice(["temperature", "temperature", "door", "moisture", "battery"])
        if kind in ("temperature", "battery"):
            value = rng.choice([5.0, 14.0, 22.0, 28.5, 35.0])
            out.append(event(kind, at, "/sensors/gw", i + 1, value=value, device=device))
        else:
            out.append(event(kind, at, "/sensors/gw", i + 1, state=rng.choice(["on", "off"]), device=device))
    return out


def any_readings(rng: random.Random, n: int) -> Iterator[Event]:
    for i in range(n):
        at = START_MS + rng.randrange(0, 4000 * DAY_MS)
        yield event("moisture", at, "/sensors/gw", i + 1, state=rng.choice(["on", "off"]), device=f"d{rng.random()}")
        yield event("temperature", at, "/sensors/gw", i + 1, value=rng.uniform(-1e6, 1e6), device=f"d{rng.random()}")


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
        rings = {"home": ring, "phone": phone}
        out.append(Day(start, start + DAY_MS, SEOUL, rings, untrue, dark, START_MS))
    return out


# Households.


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
