"""Synthetic homes for the benchmark: one person, watched by one kind of source or by several, to whom nothing happens.

Nobody is injected a collapse here: the simulator plans an injected one ahead, and people would stay at home for it. A
collapse is a cut made afterwards, in `load_tests.bench_city.cut`.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import msgspec
import numpy as np

from detectors.hours import DAY_MS, HOUR_MS
from load_tests.bench_detection.homes import (
    LONGEST_ORDINARY_MS,
    MINUTE_MS,
    OUT_MS,
    Moments,
    before,
    known_ms,
    proofs_of,
)
from load_tests.messages import Message
from load_tests.simulator.neighbourhood import Neighbourhood
from load_tests.simulator.people import (
    APP,
    BAND,
    GATEWAY,
    TELECOM,
    Gateway,
    Home,
    Household,
    Phone,
    household_of,
    rng_of,
)
from load_tests.simulator.plan import plan_of
from schemas.events import Event
from schemas.households import HouseholdRecord, RiskGrade, Rung, Source

Kind = Literal["home", "phone", "records", "worn", "all"]
"""Home sensors alone; a phone's app alone; a telecom's hourly records alone; a step counter alone; sensors, exit door and app."""
KINDS: Final = get_args(Kind)
START_MS: Final = 1_788_102_000_000
"""2026-08-31 00:00 in Korea."""
WARM_UP_DAYS: Final = 14
AFTER_MS: Final = 7 * DAY_MS
"""How long a cut stream goes on: a collapse not found by then was never found."""
PURPOSE: Final = 21
"""Of the seed's random numbers; others are the simulator's."""


@dataclass(frozen=True, slots=True)
class CityHome:
    """One synthetic home: what is sent, minute by minute, and the proofs of life in it."""

    kind: Kind
    number: int
    record: HouseholdRecord
    answers: float
    """Probability that the person picks up while awake."""
    messages: list[Message]
    start_ms: int
    end_ms: int
    proofs: Moments
    leaves: np.ndarray[tuple[int], np.dtype[np.bool_]]
    gone: tuple[tuple[int, int], ...]
    """Journeys and outages of sources, declared or not: nobody collapses at home then."""
    counts: bool
    """The gateway counts triggers over five minutes."""

    @property
    def warm_ms(self) -> int:
        """When the first two weeks are over."""
        return self.start_ms + WARM_UP_DAYS * DAY_MS


def city_home(kind: Kind, seed: int, number: int, days: int) -> CityHome:
    """Return household `number` of a seed, watched as `kind` says, over `days`: the same in any process."""
    house = _watched(household_of(seed, number), kind, rng_of(seed, PURPOSE, number))
    until_ms = START_MS + days * DAY_MS
    plan = plan_of(house, seed, START_MS, until_ms, None)
    hood = Neighbourhood(seed, START_MS, until_ms, (house,), (plan,), ())
    messages = list(hood.messages())
    events = sorted({_same(e): e for m in messages for e in m.events}.values(), key=lambda e: (known_ms(e), e.at_ms))
    found = proofs_of(events)
    gone = [(away.from_ms, away.until_ms) for away in plan.away]
    gone += [(outage.from_ms, outage.until_ms) for outage in plan.outages if not outage.device]
    return CityHome(
        kind,
        number,
        hood.records()[0],
        house.person.answers,
        messages,
        START_MS,
        until_ms,
        np.array([at_ms for at_ms, _ in found], np.int64),
        np.array([out for _, out in found], np.bool_),
        tuple(sorted(gone)),
        house.home.gateway == "counts",
    )


def cuts_in(home: CityHome, count: int, from_ms: int, until_ms: int, random: np.random.Generator) -> list[int]:
    """Draw whole minutes at which the person was at home and seen; fewer where they hardly ever were.

    As with recorded homes: not while out, and not in a silence of 20 hours or more.
    """
    gaps = np.diff(home.proofs)
    fit = ~(home.leaves[:-1] & (gaps > OUT_MS)) & (gaps < LONGEST_ORDINARY_MS)
    drawn = random.uniform(from_ms, until_ms, 8 * count) // MINUTE_MS
    minutes = drawn.astype(np.int64) * MINUTE_MS
    inside = before(home.proofs, minutes)
    kept = minutes[(inside >= 0) & (inside < len(fit)) & fit[np.clip(inside, 0, len(fit) - 1)]]
    seen = [at_ms for at_ms in kept.tolist() if not any(a <= at_ms < b for a, b in home.gone)]
    return sorted(seen[:count])


def _watched(house: Household, kind: Kind, random: np.random.Generator) -> Household:
    """Return the same person in a home that is watched as `kind` says, at the sensitivity and limits of everybody."""
    home = house.home
    drawn = float(random.random())
    gateway: Gateway = home.gateway or ("raw" if drawn < 0.06 else "counts" if drawn < 0.28 else "single")
    has: dict[Kind, tuple[Gateway | None, Phone | None, bool]] = {
        "home": (gateway, None, False),
        "phone": (None, "live", False),
        "records": (None, "hourly", False),
        "worn": (None, None, True),
        "all": (gateway, "live", False),
    }
    sensors, phone, worn = has[kind]
    made: Home = replace(
        home,
        gateway=sensors,
        phone=phone,
        worn=worn,
        robot=False,
        calls_every_days=0,
        items=home.items if sensors == "single" else (),
        exit_door=home.exit_door or kind == "all",
    )
    sources = {"home": [GATEWAY], "phone": [APP], "records": [TELECOM], "worn": [BAND], "all": [GATEWAY, APP]}[kind]
    record = msgspec.structs.replace(
        house.record,
        risk_grade=RiskGrade.MEDIUM,
        sensitivity=1.0,
        latest_silence_h=None,
        needs=[],
        sources=[Source(source, 3600) for source in sources],
        ladder=[Rung("checkin_call", "c")] if kind == "all" else [Rung("officer", "c")],
    )
    return replace(house, home=made, record=record)


def _same(event: Event) -> tuple[object, ...]:
    return event.source, event.id, event.at_ms, event.kind


def hour_of(at_ms: int) -> float:
    """Return the hour on the wall in Korea."""
    return (at_ms + 9 * HOUR_MS) % DAY_MS / HOUR_MS
