"""What phones and worn devices say of a day that was lived."""

import numpy as np

from load_tests.simulator.life import AWAKE, HOUR_S, Calendar, Floats, Life
from load_tests.simulator.people import Home, Person
from load_tests.simulator.phrases import Phrases, Said, by_hand
from load_tests.simulator.plan import HOUR_MS, Plan
from load_tests.simulator.sensors import to_ms


def _sessions(person: Person, calendar: Calendar, life: Life, rng: np.random.Generator) -> Floats:
    rate = person.sessions * (1.1 if calendar.weekend else 1.0) * (0.6 if life.sick else 1.0)
    n = int(rng.poisson(rate))
    first = life.wake_s + person.phone_edge_h * HOUR_S * rng.uniform(0.5, 1.5)
    last = life.bed_s - person.phone_edge_h * HOUR_S * rng.uniform(0.3, 1.0)
    # Some mornings it stays in the coat, some evenings in the kitchen.
    lazy = rng.random(2) < 0.12
    first += rng.uniform(0.5, 4.0) * HOUR_S if lazy[0] else 0.0
    last -= rng.uniform(0.5, 3.0) * HOUR_S if lazy[1] else 0.0
    times = first + (last - first) * rng.random(n)
    edges = np.array([first, last])
    night = life.bed_s + (life.next_wake_s - life.bed_s) * rng.random(int(rng.poisson(0.12)))
    times = np.concatenate((times, edges, night))
    for nap in life.naps:
        times = times[(times < nap[0]) | (times > nap[1])]
    if rng.random() < 0.03:
        flat = life.wake_s + rng.uniform(2, 9) * HOUR_S
        times = times[(times < flat) | (times > flat + rng.uniform(2, 7) * HOUR_S)]
    return np.sort(times)


def use_phone(
    home: Home,
    person: Person,
    phrases: Phrases,
    plan: Plan,
    calendar: Calendar,
    life: Life,
    midnight_ms: int,
    rng: np.random.Generator,
    said: Said,
) -> None:
    """Say derived use only: an app knows unlocks, steps and charging, telecom records know calls and active data."""
    times = _sessions(person, calendar, life, rng)
    n = len(times)
    dice = rng.random((4, n))
    app = home.phone == "live"
    shares = (0.5, 0.03, 0.02, 0.03) if app else (0.75, 0.1, 0.05, 0.08)
    shares = (shares[0], shares[1] * person.talks, shares[2] * person.talks, shares[3] * person.talks)
    kinds = ("data_active", "call_out", "sms_out", "call_in_answered")
    later = rng.uniform(5, 90, n)
    parts = [
        (times[dice[i] < shares[i]] + later[dice[i] < shares[i]], phrases.number(kinds[i], "phone")) for i in range(4)
    ]
    if app:
        parts.append((times, phrases.number("unlock", "phone")))
        parts.append((np.array([life.bed_s + rng.uniform(-1200, 600)]), phrases.number("charge", "phone", "on")))
        parts.append((np.array([life.next_wake_s + rng.uniform(0, 2400)]), phrases.number("charge", "phone", "off")))
    else:
        # Telecom records cannot tell hand from pocket for every session: at least the first and last of a day count.
        parts.append((times[[0, -1]], phrases.number("data_active", "phone")))
    for seconds, phrase in parts:
        at_ms = to_ms(midnight_ms, seconds)
        said.add(at_ms[by_hand(plan, at_ms, phone=True)], phrase)
    if app:
        _pocket_steps(phrases, plan, life, midnight_ms, rng, said)


def _pocket_steps(
    phrases: Phrases, plan: Plan, life: Life, midnight_ms: int, rng: np.random.Generator, said: Said
) -> None:
    first = int(life.wake_s // HOUR_S) + 1
    hours = np.arange(first, first + int((life.next_wake_s - life.wake_s) // HOUR_S), dtype=np.int64)
    out = np.zeros(len(hours))
    for leave, back in life.outings:
        out += np.clip(np.minimum(back, hours * HOUR_S) - np.maximum(leave, (hours - 1) * HOUR_S), 0, HOUR_S) / HOUR_S
    awake = hours * HOUR_S < life.bed_s
    steps = np.round(rng.gamma(1.2, 1, len(hours)) * (np.minimum(out, 1) * 1400 + awake * 60) / 10) * 10
    at_ms = midnight_ms + hours * HOUR_MS + 5_000
    # A step belongs to the hour before the reading: the hour in which the person fell is not told as life afterwards.
    lived = by_hand(plan, at_ms, phone=True) & by_hand(plan, at_ms - HOUR_MS, phone=True)
    steps = np.where(lived, steps, 0.0)
    tell = (steps > 0) | (rng.random(len(hours)) < 0.25)
    said.add(at_ms[tell], phrases.values("steps", "phone", steps[tell]))


def wear_band(phrases: Phrases, plan: Plan, life: Life, midnight_ms: int, rng: np.random.Generator, said: Said) -> None:
    """Say steps per walking minute; on some days the band lies on a table."""
    if rng.random() < 0.05:
        return
    starts = np.concatenate((life.starts, np.array([a for a, _ in life.outings])))
    lengths = np.concatenate((life.lengths, np.array([b - a for a, b in life.outings])))
    n = np.maximum(lengths // 60, 1).astype(np.int64)
    which = np.repeat(np.arange(len(n)), n)
    minute = np.concatenate([np.arange(k) for k in n.tolist()]) if len(n) else np.empty(0)
    share = np.concatenate((np.where(life.why == AWAKE, 0.35, 0.5), np.full(len(life.outings), 0.3)))
    walking = rng.random(len(which)) < share[which]
    at = (starts[which] // 60 + minute)[walking] * 60
    at_ms = np.unique(to_ms(midnight_ms, at))
    at_ms = at_ms[by_hand(plan, at_ms, phone=True)]
    steps = np.clip(np.round(rng.gamma(1.6, 18, len(at_ms))), 2, 130)
    said.add(at_ms, phrases.values("steps", "band", steps))
