"""`python -m load_tests.bench_home_conditions`: cold and hot rooms, open doors, leaks, batteries, nights, in synthetic homes.

Everything is injected into the second half of a simulated life, one kind a home in turn; a fifth of the homes are left as they
are. How much of it is found, how late, and what is raised where nothing was injected. docs/detection.md has the figures.
"""

from collections import Counter, defaultdict
from itertools import pairwise
from random import Random
from statistics import median
from typing import Final

import click
from msgspec.structs import replace

from detectors.conditions import RULES
from detectors.findings import Finding
from detectors.household import Household
from detectors.meals import is_of_meals
from load_tests.simulator.neighbourhood import simulate
from load_tests.simulator.people import APP, GATEWAY, TELECOM
from load_tests.simulator.plan import Rates
from schemas.events import Data, Event
from schemas.generate import pretty
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_788_102_000_000
"""2026-08-31 00:00 in Korea."""
NIGHTS: Final = (IncidentKind.OUT_AT_NIGHT, IncidentKind.NIGHT_WANDERING, IncidentKind.DAY_NIGHT_REVERSAL)
KINDS: Final = (
    *RULES,
    *NIGHTS,
    IncidentKind.MISSED_MEALS,
    IncidentKind.DEVICE_OFFLINE,
    IncidentKind.PHONE_OFF,
    IncidentKind.CANNOT_SEE,
)
WITHIN_MS: Final[dict[IncidentKind, int]] = {
    IncidentKind.NIGHT_WANDERING: 14 * DAY_MS,
    IncidentKind.DAY_NIGHT_REVERSAL: 21 * DAY_MS,
    IncidentKind.MISSED_MEALS: 3 * DAY_MS,
    IncidentKind.DEVICE_OFFLINE: 7 * DAY_MS,
    IncidentKind.PHONE_OFF: 3 * DAY_MS,
    IncidentKind.CANNOT_SEE: 3 * DAY_MS,
}
"""Found later does not count; a day where none is given."""


def is_phone(event: Event) -> bool:
    """Whether a phone or its telecom says this."""
    return event.source.endswith((APP, TELECOM))


def injected(events: list[Event], kind: IncidentKind, at_ms: int, rnd: Random) -> list[Event]:
    """Return a home's events with a thing injected from a moment on, in order of time."""
    out: list[Event] = []
    ends_ms = at_ms + 12 * HOUR_MS
    phone = next((one.source for one in events if is_phone(one)), None)
    for one in events:
        after = at_ms <= one.at_ms
        change = {IncidentKind.COLD_ROOM: -11.0, IncidentKind.HOT_ROOM: 11.0}.get(kind)
        if change and after and one.at_ms < ends_ms and one.kind == "temperature":
            out.append(one.with_(data=replace(one.data, value=(one.data.value or 0.0) + change)))
        elif kind is IncidentKind.WEAK_BATTERY and after and one.kind == "battery":
            out.append(one.with_(data=replace(one.data, value=8.0)))
        elif kind is IncidentKind.DOOR_OPEN and after and one.at_ms < ends_ms and one.data.device == "front-door":
            pass  # nobody shuts it, and it tells of nothing else
        elif (
            kind is IncidentKind.MISSED_MEALS
            and at_ms <= one.at_ms < at_ms + 2 * DAY_MS
            and is_of_meals(one.data.device)
        ):
            pass  # up and about, and nothing is cooked or taken from the fridge
        elif (kind is IncidentKind.DEVICE_OFFLINE and after and one.data.device == "climate") or (
            kind is IncidentKind.PHONE_OFF and after and one.source == phone
        ):
            pass
        elif kind is IncidentKind.CANNOT_SEE and at_ms <= one.at_ms < at_ms + 4 * DAY_MS:
            pass  # the home's line is out: no source says anything
        elif kind is IncidentKind.DAY_NIGHT_REVERSAL and after:
            out.append(one.with_(at_ms=one.at_ms + 12 * HOUR_MS))
        else:
            out.append(one)
    source = next(one.source for one in events if one.kind == "temperature")
    said = Event(events[0].household, "door", source, "injected", at_ms, events[0].data)
    front = replace(events[0].data, device="front-door", state="on", value=None, count=None, over_s=None, exit=True)
    if kind is IncidentKind.DOOR_OPEN:
        out.append(said.with_(data=front))
    elif kind is IncidentKind.PHONE_OFF and phone is not None:
        out.append(said.with_(kind="power_off", source=phone, data=Data(device="phone")))
    elif kind is IncidentKind.WATER_LEAK:
        out.append(said.with_(kind="moisture", data=replace(front, device="sink", exit=False)))
    elif kind in (IncidentKind.OUT_AT_NIGHT, IncidentKind.NIGHT_WANDERING):
        # One night out of two hours; or every second night for two weeks, of twenty minutes.
        nights, out_ms = (1, 2 * HOUR_MS) if kind is IncidentKind.OUT_AT_NIGHT else (7, HOUR_MS // 3)
        midnight_ms = START_MS + (at_ms - START_MS) // DAY_MS * DAY_MS
        for n in range(nights):
            leaves_ms = midnight_ms + 2 * n * DAY_MS + int(rnd.uniform(1, 2) * HOUR_MS)
            back_ms = leaves_ms + out_ms
            out = [
                one
                for one in out
                if not (leaves_ms - HOUR_MS <= one.at_ms <= back_ms and one.kind in ("motion", "door"))
            ]
            steps = [(leaves_ms, "on"), (leaves_ms + 8000, "off"), (back_ms, "on"), (back_ms + 8000, "off")]
            out += [said.with_(at_ms=at, id=f"n-{at}", data=replace(front, state=state)) for at, state in steps]
            moves = [(back_ms + 60_000 * (m + 1), f"m{m}") for m in range(3)]
            out += [
                said.with_(kind="motion", at_ms=at, id=f"n-{at}", data=replace(front, device=device, exit=False))
                for at, device in moves
            ]
    return sorted(out, key=lambda one: (one.at_ms, one.id))


def heard(model: Household, events: list[Event]) -> list[tuple[IncidentKind, int]]:
    """Return what is raised, and when; time passes by minutes at least."""
    out: list[tuple[IncidentKind, int]] = []
    for one, after in pairwise([*events, events[-1]]):
        model.learn_one(one)
        while model.wake_ms <= after.at_ms:
            clock_ms = max(model.wake_ms, model.clock_ms)
            said = [one for one in model.advance(clock_ms) if isinstance(one, Finding)]
            out += [(one.kind, clock_ms) for one in said if one.change == "raise" and one.kind in KINDS]
    return out


Hours = dict[IncidentKind, list[float | None]]
"""By kind, after how many hours each thing injected was told; None for what was not."""


def measured(
    households: int, days: int, seed: int, only: IncidentKind | None = None
) -> tuple[Hours, Counter[IncidentKind], float]:
    """Return what was found and how late, false alarms by kind, and household-months with nothing injected yet.

    `only`: this is injected into every home.
    """
    plan: list[IncidentKind | None] = [*KINDS, None, None] if only is None else [only]
    found: Hours = defaultdict(list)
    false: Counter[IncidentKind] = Counter()
    healthy_ms = n = 0
    tried = seed * 1000
    while n < households:
        tried += 1
        hood = simulate(1, days, tried, start_ms=START_MS, injections=False, rates=Rates())
        [record] = hood.records()
        kind = plan[n % len(plan)]
        if not {GATEWAY, *([APP] if kind is IncidentKind.PHONE_OFF else [])} <= {one.source for one in record.sources}:
            continue
        events = sorted(
            (one for message in hood.messages() for one in message.events), key=lambda one: (one.at_ms, one.id)
        )
        if not any(one.data.device == "front-door" and one.kind == "door" for one in events):
            continue
        if kind is IncidentKind.MISSED_MEALS and not any(is_of_meals(one.data.device) for one in events):
            continue
        n += 1
        rnd = Random(tried)
        at_ms = START_MS + int(rnd.uniform(0.5, 0.6) * days * DAY_MS)
        if kind in NIGHTS or kind is IncidentKind.MISSED_MEALS:
            at_ms -= (at_ms - START_MS) % DAY_MS  # midnight in Korea
        if kind is not None:
            events = injected(events, kind, at_ms, rnd)
        said = heard(Household(record.household, DEFAULT_PROFILE, record, start_ms=START_MS), events)
        until_ms = at_ms if kind is not None else START_MS + days * DAY_MS
        healthy_ms += until_ms - START_MS
        # What was injected has other consequences too: after its beginning nothing of that home is called false.
        false.update(one for one, when in said if when < until_ms - DAY_MS)
        if kind is not None:
            late = [when - at_ms for one, when in said if one is kind and when >= at_ms - DAY_MS]
            hit = bool(late) and min(late) <= WITHIN_MS.get(kind, DAY_MS)
            found[kind].append(min(late) / HOUR_MS if hit else None)
    return found, false, healthy_ms / (30 * DAY_MS)


@click.command()
@click.option("--households", type=click.IntRange(1), default=90, show_default=True)
@click.option("--days", type=click.IntRange(40), default=80, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True)
@click.option(
    "--kind", "only", type=click.Choice([kind.value for kind in KINDS]), default=None, help="Only this, into each home."
)
def main(households: int, days: int, seed: int, only: str | None) -> None:
    """Measure what is told of homes and nights on synthetic households with sensors and an exit door."""
    found, false, months = measured(households, days, seed, None if only is None else IncidentKind(only))
    out = {}
    for kind in KINDS:
        hours = [one for one in found[kind] if one is not None]
        out[kind.value] = {
            "injected": len(found[kind]),
            "found": len(hours),
            "median_hours": round(median(hours), 1) if hours else None,
            "false_alarms": false[kind],
            "false_alarms_per_household_month": round(false[kind] / months, 4),
        }
    click.echo(
        pretty(
            {"household_months": round(months, 1), "households": households, "days": days, "seed": seed, "kinds": out}
        ).decode()
    )


if __name__ == "__main__":
    main()
