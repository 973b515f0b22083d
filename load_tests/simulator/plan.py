"""What will befall a household: injected emergencies, absences and outages, all known before its first event."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from load_tests.simulator.chronic import Fade, fade_of
from load_tests.simulator.people import APP, GATEWAY, PROVIDER, ROBOT, Home, Household, rng_of
from load_tests.truth import COLLAPSE, Truth
from schemas.events import Data
from schemas.incidents import IncidentKind
from schemas.vocabulary import CareTopic, DisasterAnswer, Distress, Level

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LOCAL_MS: Final = 9 * HOUR_MS
"""Korea: UTC+9 all year."""
WINDOW_DAYS: Final = 30
_SLOTS: Final = 40


@dataclass(frozen=True, slots=True)
class Rates:
    """Injected per household and 30 days. In any 30 days a household has at most one of them."""

    collapses: float = 0.2
    emergencies: float = 0.35
    slow: float = 0.075
    fades: float = 0.0
    """Share of the households in which something fades over weeks; needs a recording of months."""
    fading: IncidentKind | None = None
    """Only this fades, where the home's sources can show it."""


@dataclass(frozen=True, slots=True)
class Down:
    """The person collapsed; `until_ms` is when somebody came, or the end of the recording."""

    from_ms: int
    until_ms: int
    found: bool
    phone_dies_ms: int


@dataclass(frozen=True, slots=True)
class Away:
    """Not at home for days. In hospital the phone lies in a drawer."""

    from_ms: int
    until_ms: int
    declared: bool
    hospital: bool = False


@dataclass(frozen=True, slots=True)
class Acute:
    """One injected event; several of the same moment make one truth."""

    at_ms: int
    source: str
    kind: str
    data: Data
    off_after_s: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A source says nothing. `device` names a single sensor; empty is the whole source."""

    from_ms: int
    until_ms: int
    source: str
    device: str = ""
    buffered: bool = False


@dataclass(slots=True)
class Plan:
    """Everything that will befall one household."""

    down: list[Down] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)
    acute: list[Acute] = field(default_factory=list)
    no_answer: list[tuple[int, int]] = field(default_factory=list)
    no_doses: list[tuple[int, int]] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    fades: list[Fade] = field(default_factory=list)

    def is_down(self, at_ms: int) -> bool:
        """Whether the person lies helpless."""
        return any(down.from_ms <= at_ms < down.until_ms for down in self.down)

    def touches(self, from_ms: int, until_ms: int) -> bool:
        """Whether anything injected lies within the span."""
        return any(from_ms <= t.at_ms <= until_ms for t in self.truth) or any(
            d.from_ms <= until_ms and from_ms <= d.until_ms for d in self.down
        )


def _moment(rng: np.random.Generator, from_ms: int, until_ms: int, hours: tuple[float, float]) -> int | None:
    """Draw a moment in the span whose local hour lies between `hours` (the second may pass 24), None when there is none."""
    first = (from_ms + LOCAL_MS) // DAY_MS - 1
    last = (until_ms + LOCAL_MS) // DAY_MS
    days = rng.integers(first, last + 1, 64)
    offsets = rng.uniform(hours[0], hours[1], 64)
    for day, hour in zip(days.tolist(), offsets.tolist(), strict=True):
        at_ms = int(day * DAY_MS + hour * HOUR_MS) - LOCAL_MS
        if from_ms <= at_ms < until_ms:
            return at_ms
    return None


def _collapse(
    house: Household, plan: Plan, rng: np.random.Generator, span: tuple[int, int], end_ms: int, *, night: bool
) -> None:
    home = house.home
    from_ms, until_ms = span
    length = until_ms - from_ms
    settle_ms = 4 * DAY_MS if length >= 8 * DAY_MS else 2 * DAY_MS if length >= 4 * DAY_MS else length // 3
    latest_ms = min(until_ms, end_ms - 30 * HOUR_MS)
    if home.only_slow:
        latest_ms = from_ms + settle_ms + (length - settle_ms) // 2
    at_ms = _moment(rng, from_ms + settle_ms, latest_ms, (22.0, 30.0) if night else (8.0, 20.0))
    if at_ms is None:
        return
    found_ms = at_ms + int(rng.uniform(2, 5) * DAY_MS)
    found = bool(rng.random() < 0.5) and found_ms < end_ms - DAY_MS
    down_until_ms = found_ms if found else end_ms
    phone_dies_ms = at_ms + int(rng.uniform(26, 60) * HOUR_MS)
    plan.down.append(Down(at_ms, down_until_ms, found, phone_dies_ms))
    until = found_ms if found else None
    by_calls = home.gateway is None and home.phone is None and not home.worn and not home.robot
    must_find = not by_calls or down_until_ms - at_ms >= (home.calls_every_days + 2) * DAY_MS
    plan.truth.append(
        Truth(
            household=house.name,
            kind=IncidentKind.UNANSWERED_CALLS if by_calls else IncidentKind.SILENCE,
            at_ms=at_ms,
            code=COLLAPSE,
            slow=home.only_slow,
            must_find=must_find,
            until_ms=until,
        )
    )
    also: list[tuple[IncidentKind, str, bool]] = []
    if home.calls_every_days and not by_calls:
        also.append((IncidentKind.UNANSWERED_CALLS, "collapse_leaves_calls", True))
    if home.robot:
        also.append((IncidentKind.MISSED_MEDICATION, "collapse_leaves_doses", True))
    if home.phone is not None and phone_dies_ms < down_until_ms:
        also.append((IncidentKind.CANNOT_SEE, "collapse_leaves_phone", True))
    plan.truth += [
        Truth(household=house.name, kind=k, at_ms=at_ms, code=code, slow=slow, must_find=False, until_ms=until)
        for k, code, slow in also
    ]
    if found:
        back_ms = found_ms + int(rng.uniform(4, 9) * DAY_MS)
        plan.away.append(Away(found_ms + 40 * 60_000, min(back_ms, end_ms), declared=True, hospital=True))


def _on(device: str) -> Data:
    return Data(device=device, state="on")


def _call(purpose: str = "wellbeing", **fields: object) -> Data:
    return Data(purpose=purpose, **fields)  # type: ignore[arg-type]


_FINE: Final = dict.fromkeys((CareTopic.HEALTH, CareTopic.MEALS, CareTopic.SLEEP), Level.OK)

# code, incident kind, source, event kind, data, presses, seconds until the device says off
_Scene = tuple[str, IncidentKind, str, str, Data, int, int]
_AT_HOME: Final[tuple[_Scene, ...]] = (
    ("button", IncidentKind.EMERGENCY_BUTTON, GATEWAY, "emergency_button", _on("button"), 1, 0),
    ("smoke", IncidentKind.SMOKE, GATEWAY, "smoke", _on("smoke-kitchen"), 1, 900),
    ("gas", IncidentKind.GAS, GATEWAY, "gas", _on("gas-kitchen"), 1, 1800),
    ("button_five_times", IncidentKind.EMERGENCY_BUTTON, GATEWAY, "emergency_button", _on("button"), 5, 0),
    ("fall", IncidentKind.FALL, GATEWAY, "fall", _on("radar-bathroom"), 1, 0),
    ("heat", IncidentKind.HEAT, GATEWAY, "heat", _on("heat-kitchen"), 1, 1200),
    ("carbon_monoxide", IncidentKind.CARBON_MONOXIDE, GATEWAY, "carbon_monoxide", _on("co-boiler"), 1, 2400),
)
_CRY: Final[_Scene] = (
    "robot_distress",
    IncidentKind.DISTRESS,
    ROBOT,
    "robot_distress",
    Data(device="robot", state="on", codes=[Distress.CRY_FOR_HELP, Distress.PAIN]),
    1,
    0,
)
_WISH: Final[_Scene] = (
    "robot_wish_to_die",
    IncidentKind.WISH_TO_DIE,
    ROBOT,
    "robot_distress",
    Data(device="robot", state="on", codes=[Distress.WISH_TO_DIE]),
    1,
    0,
)
_BY_ROBOT: Final[tuple[_Scene, ...]] = (_CRY, _CRY, _WISH, _CRY)
_BY_CALL: Final[tuple[_Scene, ...]] = (
    (
        "call_alarm",
        IncidentKind.CALL_ALARM,
        PROVIDER,
        "checkin_answered",
        _call(topics={**_FINE, CareTopic.HEALTH: Level.ALARM}),
        1,
        0,
    ),
    (
        "call_wish_to_die",
        IncidentKind.WISH_TO_DIE,
        PROVIDER,
        "checkin_answered",
        _call(topics={**_FINE, CareTopic.MOOD: Level.CONCERN}, codes=[Distress.WISH_TO_DIE]),
        1,
        0,
    ),
    (
        "disaster_needs_help",
        IncidentKind.DISASTER_HELP,
        PROVIDER,
        "checkin_answered",
        _call("disaster", disaster=DisasterAnswer.NEEDS_HELP, guidance_given=True),
        1,
        0,
    ),
)


def _scenes(home: Home, rng: np.random.Generator) -> tuple[_Scene, ...]:
    """Scenes of one source of the home. Robots are few: theirs are preferred, so that small neighbourhoods hold them too."""
    robot, sensors = rng.random(2).tolist()
    if home.robot and robot < 0.7:
        return _BY_ROBOT
    if home.gateway is not None and (sensors < 0.6 or not home.calls_every_days):
        return _AT_HOME
    return _BY_CALL if home.calls_every_days else ()


def _emergency(house: Household, plan: Plan, rng: np.random.Generator, span: tuple[int, int], turn: int) -> None:
    scenes = _scenes(house.home, rng)
    if not scenes:
        return
    code, kind, source, event, data, presses, off_s = scenes[turn % len(scenes)]
    hours = (9.0, 19.0) if source == PROVIDER else (22.0, 31.0) if turn % 3 == 0 else (7.0, 22.0)
    at_ms = _moment(rng, span[0] + HOUR_MS, span[1] - HOUR_MS, hours)
    if at_ms is None:
        return
    later = [0, *np.cumsum(rng.integers(4_000, 25_000, presses - 1)).tolist()]
    plan.acute += [Acute(at_ms + ms, source, event, data, off_s) for ms in later]
    plan.truth.append(Truth(household=house.name, kind=kind, at_ms=at_ms, code=code))


def _slow(house: Household, plan: Plan, rng: np.random.Generator, span: tuple[int, int]) -> None:
    home = house.home
    length = span[1] - span[0]
    if not home.robot and not home.calls_every_days:
        return
    at_ms = span[0] + int(rng.uniform(0.15, 0.5) * length)
    # Robots are few: where there is one, doses are missed.
    if home.robot:
        until_ms = at_ms + int(rng.uniform(1.5, 3) * DAY_MS)
        plan.no_doses.append((at_ms, until_ms))
        kind, code, must_find = IncidentKind.MISSED_MEDICATION, "doses_missed", until_ms < span[1]
    else:
        until_ms = at_ms + int((home.calls_every_days * 2 + 1) * DAY_MS)
        plan.no_answer.append((at_ms, until_ms))
        needed_ms = (home.calls_every_days + 2) * DAY_MS
        kind, code, must_find = IncidentKind.UNANSWERED_CALLS, "calls_unanswered", span[1] - at_ms > needed_ms
    plan.truth.append(
        Truth(
            household=house.name, kind=kind, at_ms=at_ms, code=code, slow=True, must_find=must_find, until_ms=until_ms
        )
    )


def _inject(house: Household, plan: Plan, seed: int, start_ms: int, end_ms: int, rates: Rates) -> None:
    block, place = divmod(house.number, _SLOTS)
    windows = -(-(end_ms - start_ms) // (WINDOW_DAYS * DAY_MS))
    for window in range(windows):
        from_ms = start_ms + window * WINDOW_DAYS * DAY_MS
        span = (from_ms, min(from_ms + WINDOW_DAYS * DAY_MS, end_ms))
        share = (span[1] - span[0]) / (WINDOW_DAYS * DAY_MS)
        # Slots are dealt once to each forty households, so that every kind is there however few they are.
        slot = int(rng_of(seed, 2, block, window).permutation(_SLOTS)[place])
        u = (slot + 0.5) / _SLOTS / share
        rng = rng_of(seed, 3, house.number, window)
        if plan.touches(span[0] - 10 * DAY_MS, span[0] + 2 * DAY_MS):
            continue
        turn = slot + 5 * block + window
        if u < rates.collapses:
            _collapse(house, plan, rng, span, end_ms, night=slot % 2 == 1)
        elif u < rates.collapses + rates.emergencies:
            _emergency(house, plan, rng, span, turn)
        elif u < rates.collapses + rates.emergencies + rates.slow:
            _slow(house, plan, rng, span)


def _travel(house: Household, plan: Plan, rng: np.random.Generator, start_ms: int, end_ms: int) -> None:
    months = (end_ms - start_ms) / (30 * DAY_MS)
    for _ in range(int(rng.poisson(house.person.trips_month * months))):
        declared = bool(rng.random() < 0.7)
        from_ms = _moment(rng, start_ms + DAY_MS, end_ms, (8.0, 14.0))
        nights = rng.uniform(1.2, 5.0) if declared else rng.uniform(0.9, 2.0)
        if from_ms is None:
            continue
        until_ms = from_ms + int(nights * DAY_MS)
        clear = all(until_ms + DAY_MS < a.from_ms or a.until_ms + DAY_MS < from_ms for a in plan.away)
        if clear and not plan.touches(from_ms - DAY_MS, until_ms + DAY_MS):
            plan.away.append(Away(from_ms, until_ms, declared))


def _break_down(house: Household, plan: Plan, rng: np.random.Generator, start_ms: int, end_ms: int) -> None:
    months = (end_ms - start_ms) / (30 * DAY_MS)
    home = house.home

    def outage(
        source: str, per_month: float, hours: tuple[float, float], device: str = "", buffered: float = 0.0
    ) -> None:
        for _ in range(int(rng.poisson(per_month * months))):
            from_ms = int(rng.integers(start_ms, end_ms))
            length = float(np.clip(rng.lognormal(np.log(hours[0]), 1.0), 0.3, hours[1]))
            until_ms = from_ms + int(length * HOUR_MS)
            plan.outages.append(Outage(from_ms, until_ms, source, device, bool(rng.random() < buffered)))
            if not device and length > 4:
                plan.truth.append(
                    Truth(
                        household=house.name,
                        kind=IncidentKind.CANNOT_SEE,
                        at_ms=from_ms,
                        code="outage" + source.replace("/", "_"),
                        must_find=False,
                        until_ms=until_ms,
                    )
                )

    if home.gateway is not None:
        outage(GATEWAY, 0.12, (3.0, 40.0), buffered=0.6)
        outage(GATEWAY, 0.1, (60.0, 240.0), device=f"motion-{home.rooms[int(rng.integers(len(home.rooms)))]}")
    if home.robot:
        outage(ROBOT, 0.2, (3.0, 12.0))
    if home.phone == "live":
        outage(APP, 0.1, (5.0, 20.0))


def plan_of(house: Household, seed: int, start_ms: int, end_ms: int, rates: Rates | None) -> Plan:
    """Plan a household's fate; `rates=None` injects no emergency. Truth is in order of time."""
    plan = Plan()
    if rates is not None:
        _inject(house, plan, seed, start_ms, end_ms, rates)
    if rates is not None and rng_of(seed, 10, house.number).random() < rates.fades:
        drawn = fade_of(house.name, house.home, rng_of(seed, 11, house.number), start_ms, end_ms, rates.fading)
        if drawn is not None:
            plan.fades.append(drawn[0])
            plan.truth.append(drawn[1])
    _travel(house, plan, rng_of(seed, 4, house.number), start_ms, end_ms)
    _break_down(house, plan, rng_of(seed, 5, house.number), start_ms, end_ms)
    plan.away.sort(key=lambda away: away.from_ms)
    plan.truth.sort(key=lambda truth: (truth.at_ms, truth.kind))
    return plan
