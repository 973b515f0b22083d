"""What a home's sensors say of a day that was lived, and what they say of nothing at all."""

from typing import Final

import numpy as np

from load_tests.simulator.life import AWAKE, COME, LEAVE, MEAL, NIGHT, Calendar, Floats, Ints, Life
from load_tests.simulator.people import Home
from load_tests.simulator.phrases import Phrases, Said, by_hand
from load_tests.simulator.plan import DAY_MS, HOUR_MS, Plan

_PER_MINUTE: Final = {"single": 0.75, "counts": 2.2, "raw": 3.6}
_LARGE: Final = np.array([0.10, 0.15, 0.15, 0.25, 0.35])
_SMALL: Final = np.array([0.5, 0.15, 0.35])
MISSED_DOOR: Final = 0.03
GHOST_APART_MS: Final = 1_000_000
"""Ghost triggers stand alone: no second one within a quarter of an hour."""


def to_ms(midnight_ms: int, seconds: Floats) -> Ints:
    """UTC milliseconds of seconds after a local midnight."""
    return midnight_ms + (seconds * 1000).astype(np.int64)


def _rooms_of(home: Home, life: Life, rng: np.random.Generator) -> Ints:
    n = len(home.rooms)
    weights = _LARGE if n == 5 else _SMALL
    room = np.searchsorted(np.cumsum(weights), rng.random(len(life.starts))).clip(0, n - 1)
    kitchen, bathroom = home.rooms.index("kitchen"), home.rooms.index("bathroom")
    room[life.why == MEAL] = kitchen
    room[life.why == NIGHT] = bathroom
    room[(life.why == LEAVE) | (life.why == COME)] = 0
    return room


def _motion(home: Home, phrases: Phrases, life: Life, rng: np.random.Generator, room: Ints) -> tuple[Floats, Ints]:
    rate = _PER_MINUTE[home.gateway or "single"] / 60
    n = rng.poisson(life.lengths * rate) + 1
    bout = np.repeat(np.arange(len(n)), n)
    at = life.starts[bout] + life.lengths[bout] * rng.random(len(bout))
    elsewhere = rng.random(len(bout)) < 0.2
    where = np.where(elsewhere, rng.integers(0, len(home.rooms), len(bout)), room[bout])
    on = np.array([phrases.number("motion", f"motion-{r}", "on") for r in home.rooms], np.int64)
    bedroom = home.rooms.index("bedroom") if "bedroom" in home.rooms else 0
    at = np.concatenate((at, life.restless))
    where = np.concatenate((where, np.full(len(life.restless), bedroom)))
    if home.unseen:
        seen = where != home.rooms.index(home.unseen)
        at, where = at[seen], where[seen]
    said = on[where]
    if home.gateway == "raw":
        off = np.array([phrases.number("motion", f"motion-{r}", "off") for r in home.rooms], np.int64)
        at = np.concatenate((at, at + rng.uniform(1.0, 6.0, len(at))))
        said = np.concatenate((said, off[where]))
    return at, said


def _switch(phrases: Phrases, kind: str, device: str, *, way_out: bool = False) -> tuple[int, int]:
    return (
        phrases.number(kind, device, "on", way_out=way_out),
        phrases.number(kind, device, "off", way_out=way_out),
    )


def _by_person(home: Home, phrases: Phrases, life: Life, rng: np.random.Generator) -> list[tuple[Floats, Ints | int]]:
    room = _rooms_of(home, life, rng)
    out: list[tuple[Floats, Ints | int]] = [_motion(home, phrases, life, rng, room)]
    if home.exit_door:
        times = np.array([t for span in life.outings for t in span])
        times = times[rng.random(len(times)) >= MISSED_DOOR]
        on, off = _switch(phrases, "door", "front-door", way_out=True)
        out += [(times, on), (times + rng.uniform(3, 20, len(times)), off)]
    if home.bed and home.gateway != "counts":
        on, off = _switch(phrases, "occupancy", "bed")
        down = [
            life.bed_s + rng.uniform(0, 900),
            *(n[0] for n in life.naps),
            *(life.visits + rng.uniform(180, 480, len(life.visits))),
        ]
        up = [life.next_wake_s - rng.uniform(0, 600), *(n[1] for n in life.naps), *(life.visits - 20)]
        out += [(np.array(down), on), (np.array(up), off)]
    kitchen = life.starts[(room == home.rooms.index("kitchen")) & (life.why != NIGHT)]
    bathroom = life.starts[room == home.rooms.index("bathroom")]
    for item in home.items:
        base = bathroom if item == "toilet" else kitchen if item == "fridge" else life.starts[life.why == COME]
        times = base[rng.random(len(base)) < 0.6] + rng.uniform(20, 90)
        on, off = _switch(phrases, "door", item)
        out += [(times, on), (times + rng.uniform(3, 40, len(times)), off)]
    if home.water:
        base = np.concatenate((kitchen[rng.random(len(kitchen)) < 0.5], bathroom[rng.random(len(bathroom)) < 0.8])) + 45
        litres = np.round(rng.uniform(0.5, 9.0, len(base)) * 2) / 2
        out.append((base, phrases.values("water", "meter", litres)))
    if home.plug:
        meals = life.starts[life.why == MEAL] + 30
        evening = life.starts[(life.why == AWAKE) & (life.starts > 18.5 * 3600)][:1]
        out += [
            (meals, phrases.number("power", "kettle", value=1800.0)),
            (meals + 180, phrases.number("power", "kettle", value=0.5)),
            (evening, phrases.number("power", "television", value=95.0)),
            (np.array([life.bed_s - 300] if len(evening) else []), phrases.number("power", "television", value=1.0)),
        ]
    return out


def sense_life(
    home: Home, phrases: Phrases, plan: Plan, life: Life, midnight_ms: int, rng: np.random.Generator, said: Said
) -> None:
    """Say what the sensors see of the person, and nothing while the person is down or away."""
    for seconds, phrase in _by_person(home, phrases, life, rng):
        at_ms = to_ms(midnight_ms, seconds)
        seen = by_hand(plan, at_ms)
        said.add(at_ms[seen], phrase if isinstance(phrase, int) else phrase[seen])


def sense_others(
    home: Home, phrases: Phrases, plan: Plan, midnight_ms: int, rng: np.random.Generator, said: Said, visitors: float
) -> None:
    """Say what is caused by others: visitors, those who find a collapsed person, and the doors of a journey."""
    on, off = _switch(phrases, "door", "front-door", way_out=True)
    room = phrases.number("motion", f"motion-{home.rooms[0]}", "on")
    stays: list[tuple[int, int]] = []
    if rng.random() < visitors:
        from_ms = midnight_ms + int(rng.uniform(10, 18) * HOUR_MS)
        stays.append((from_ms, from_ms + int(rng.uniform(0.5, 2.5) * HOUR_MS)))
    stays = [s for s in stays if not any(d.from_ms - HOUR_MS <= s[1] and s[0] < d.until_ms for d in plan.down)]
    stays += [
        (d.until_ms, d.until_ms + 38 * 60_000)
        for d in plan.down
        if d.found and midnight_ms <= d.until_ms < midnight_ms + DAY_MS
    ]
    for from_ms, until_ms in stays:
        if home.exit_door:
            said.add(np.array([from_ms, until_ms]), on)
            said.add(np.array([from_ms + 9000, until_ms + 9000]), off)
        said.add(np.sort(rng.integers(from_ms, until_ms, 12)), room)
    if home.exit_door:
        for away in plan.away:
            moments = [away.from_ms - 30_000] if not away.hospital else []
            moments.append(away.until_ms)
            times = np.array([m for m in moments if midnight_ms <= m < midnight_ms + DAY_MS], np.int64)
            said.add(times, on)
            said.add(times + 8000, off)


def sense_nothing(
    home: Home, phrases: Phrases, calendar: Calendar, midnight_ms: int, rng: np.random.Generator, said: Said
) -> None:
    """Say what needs nobody: heartbeats, temperature, humidity, batteries, and ghosts."""
    hours = midnight_ms + np.arange(24, dtype=np.int64) * HOUR_MS
    said.add(hours + int(rng.integers(0, 60_000)), phrases.number("heartbeat", "gateway"))
    n = 86_400 // home.telemetry_every_s
    at_ms = midnight_ms + np.arange(n, dtype=np.int64) * (home.telemetry_every_s * 1000) + 17_000
    hour = np.arange(n) * 24 / n
    warm = 21.5 + 3 * calendar.season + 1.2 * np.sin((hour - 9) / 24 * 2 * np.pi) + rng.normal(0, 0.2, n)
    said.add(at_ms, phrases.values("temperature", "climate", np.round(warm, 1)))
    damp = 48 + 14 * calendar.season + rng.normal(0, 1.5, n)
    said.add(at_ms, phrases.values("humidity", "climate", np.round(damp)))
    level = float(max(5, 100 - calendar.number // 9 % 95))
    for device in ("front-door", f"motion-{home.rooms[0]}"):
        said.add(midnight_ms + rng.integers(0, DAY_MS, 1), phrases.number("battery", device, value=level))
    ghosts = np.sort(rng.integers(GHOST_APART_MS, DAY_MS - GHOST_APART_MS, int(rng.poisson(home.ghosts))))
    if len(ghosts):
        apart = np.concatenate(([True], np.diff(ghosts) > GHOST_APART_MS))
        room = phrases.number("motion", f"motion-{home.rooms[-1]}", "on")
        said.add(midnight_ms + ghosts[apart], room)
