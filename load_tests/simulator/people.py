"""Who lives in a synthetic household, what watches it, and how it stands in the registry.

The ranges rest on the recorded homes: 40 to 3,600 events a day, 20 to 125 active five-minute bins, one to nine silences
over an hour a day, longest silence of a day 2 to 12 h; phones unlocked 20 to 50 times a day, their nights 8 to 12 h.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from schemas.households import HouseholdRecord, Need, RiskGrade, Rung, Source, TargetGroup

GATEWAY: Final = "/sensors/gateway"
APP: Final = "/phone/app"
TELECOM: Final = "/phone/telecom"
BAND: Final = "/worn/band"
PROVIDER: Final = "/calls/provider"
ROBOT: Final = "/robot/companion"

Gateway = Literal["single", "counts", "raw"]
"""How motion is told: one trigger and then a rest, counts of five minutes, or every ON and OFF."""
Phone = Literal["live", "hourly", "daily"]
"""An app that reports at once, or telecom records each hour or the next morning."""

GOLDEN: Final = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Person:
    """One person's ordinary life. Hours are local; rates are per day unless named otherwise."""

    wake_h: float
    wake_sd_h: float
    sleep_h: float
    weekend_h: float
    still_min: float
    still_sigma: float
    bout_min: float
    visits: float
    restless: float
    naps: float
    rests: float
    outings: float
    works: bool
    sessions: float
    phone_edge_h: float
    """How long after waking and before sleeping the phone lies untouched."""
    answers: float
    sick: float
    trips_month: float
    visitors: float
    drift_h_month: float
    drift_activity_month: float
    pace: float = 1.0
    """Of what is ordinary for them: below 1 where their activity fades."""
    talks: float = 1.0
    """The same for calls and messages."""
    talk: float = 1.0
    """The same for how long they talk in a check-in call."""


@dataclass(frozen=True, slots=True)
class Home:
    """What watches a household. No gateway, no phone, no calls: each may be missing, never all."""

    gateway: Gateway | None
    rooms: tuple[str, ...]
    unseen: str
    """A room without a motion sensor; empty when every room has one."""
    exit_door: bool
    bed: bool
    items: tuple[str, ...]
    water: bool
    plug: bool
    radar: bool
    ghosts: float
    telemetry_every_s: int
    phone: Phone | None
    worn: bool
    robot: bool
    calls_every_days: int

    @property
    def only_slow(self) -> bool:
        """A collapse cannot be seen within a day: only calls or next-morning batches report."""
        return self.gateway is None and self.phone not in {"live", "hourly"} and not self.worn


@dataclass(frozen=True, slots=True)
class Household:
    """A synthetic household before anything has happened in it."""

    name: str
    number: int
    group: TargetGroup
    person: Person
    home: Home
    record: HouseholdRecord


def rng_of(seed: int, *path: int) -> np.random.Generator:
    """Return the random numbers of one purpose: the same in any process, whatever else was drawn before."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=path)))


def _spread(seed: int, number: int, purpose: int) -> float:
    """Place household `number` evenly in 0..1, so that any hundred households hold the stated shares."""
    return float((rng_of(seed, 9, purpose).random() + number * GOLDEN) % 1.0)


_GROUPS: Final = (
    (TargetGroup.ELDER, 0.46),
    (TargetGroup.DISABLED, 0.10),
    (TargetGroup.MIDDLE_AGED, 0.30),
    (TargetGroup.RECLUSIVE, 0.09),
    (TargetGroup.YOUNG, 0.05),
)

# Share, sensors, phone, worn, robot, days between calls. Most victims are men of 50-69, often in rooms without any sensor.
_Mix = tuple[float, bool, Phone | None, bool, bool, int]
_MIXES: Final[dict[TargetGroup, tuple[_Mix, ...]]] = {
    TargetGroup.ELDER: (
        (0.34, True, None, False, False, 7),
        (0.18, True, "hourly", False, False, 7),
        (0.12, True, "live", False, True, 7),
        (0.08, True, None, False, True, 0),
        (0.10, True, "daily", False, False, 0),
        (0.06, True, "live", True, False, 4),
        (0.06, False, "hourly", False, True, 7),
        (0.06, False, None, False, False, 4),
    ),
    TargetGroup.DISABLED: (
        (0.40, True, "live", False, False, 7),
        (0.25, True, None, False, True, 7),
        (0.20, True, "hourly", True, False, 7),
        (0.15, True, None, False, False, 4),
    ),
    TargetGroup.MIDDLE_AGED: (
        (0.30, False, "live", False, False, 0),
        (0.22, False, "hourly", False, False, 7),
        (0.16, False, "live", False, False, 7),
        (0.10, False, None, False, False, 4),
        (0.07, False, "daily", False, False, 7),
        (0.09, True, "live", False, False, 0),
        (0.06, False, "live", True, False, 0),
    ),
    TargetGroup.RECLUSIVE: (
        (0.50, False, "live", False, False, 0),
        (0.25, True, "hourly", False, False, 0),
        (0.25, False, "hourly", False, False, 7),
    ),
    TargetGroup.YOUNG: ((0.70, False, "live", False, False, 0), (0.30, False, "live", True, False, 7)),
}


def _pick_group(u: float) -> TargetGroup:
    for group, share in _GROUPS:
        if u < share:
            return group
        u -= share
    return TargetGroup.ELDER


def _pick_mix(group: TargetGroup, u: float) -> _Mix:
    for mix in _MIXES[group]:
        if u < mix[0]:
            return mix
        u -= mix[0]
    return _MIXES[group][0]


def _person(group: TargetGroup, rng: np.random.Generator) -> Person:
    old = group in {TargetGroup.ELDER, TargetGroup.DISABLED}
    recluse = group in {TargetGroup.RECLUSIVE, TargetGroup.YOUNG}
    works = group == TargetGroup.MIDDLE_AGED and rng.random() < 0.45
    wake = rng.normal(6.3, 0.8) if old else rng.normal(10.5, 1.8) if recluse else rng.normal(7.2, 1.0)
    return Person(
        wake_h=float(np.clip(wake, 4.5, 13.0)),
        wake_sd_h=float(rng.uniform(0.25, 0.6) if old else rng.uniform(0.4, 1.0)),
        sleep_h=float(np.clip(rng.normal(7.4, 0.7), 5.5, 9.0)),
        weekend_h=float(rng.uniform(0.5, 1.5) if works else rng.uniform(0.0, 0.4)),
        still_min=float(np.clip(rng.lognormal(np.log(9.5), 0.45), 4.0, 22.0)),
        still_sigma=float(rng.uniform(1.0, 1.25)),
        bout_min=float(rng.uniform(2.0, 6.0)),
        visits=float(rng.uniform(0.8, 2.6) if old else rng.uniform(0.2, 1.2)),
        restless=float(rng.uniform(0.5, 4.0)),
        naps=0.5 if old else 0.15,
        rests=float(rng.uniform(0.4, 1.0)),
        outings=float(rng.uniform(0.1, 0.4) if recluse else rng.uniform(0.6, 1.6)),
        works=works,
        sessions=float(np.clip(rng.lognormal(np.log(26 if old else 38), 0.35), 15, 90)),
        phone_edge_h=float(rng.uniform(0.1, 2.2)),
        answers=float(rng.uniform(0.82, 0.97)),
        sick=float(rng.uniform(0.005, 0.02)),
        trips_month=float(rng.uniform(0.05, 0.6)),
        visitors=float(rng.uniform(0.02, 0.25)),
        drift_h_month=float(rng.normal(0, 0.2)),
        drift_activity_month=float(rng.normal(0, 0.06)),
    )


def _home(group: TargetGroup, mix: _Mix, rng: np.random.Generator) -> Home:
    _, sensors, phone, worn, robot, calls = mix
    gateway: Gateway | None = None
    if sensors:
        u = rng.random()
        gateway = "raw" if u < 0.06 else "counts" if u < 0.28 else "single"
    rooms = ("hall", "bedroom", "bathroom", "kitchen", "living")
    small = group in {TargetGroup.RECLUSIVE, TargetGroup.MIDDLE_AGED} or rng.random() < 0.25
    items = tuple(x for x in ("fridge", "wardrobe", "toilet") if rng.random() < 0.5) if gateway == "single" else ()
    unseen = "" if rng.random() < 0.65 else "kitchen" if rng.random() < 0.3 else "room" if small else "living"
    return Home(
        gateway=gateway,
        rooms=("room", "bathroom", "kitchen") if small else rooms,
        unseen=unseen,
        exit_door=bool(rng.random() < 0.9),
        bed=bool(rng.random() < 0.4),
        items=items,
        water=bool(rng.random() < 0.3),
        plug=bool(rng.random() < 0.5),
        radar=bool(rng.random() < 0.5),
        ghosts=float(rng.uniform(0.3, 2.0) if rng.random() < 0.15 else 0.03),
        telemetry_every_s=int(rng.choice([1800, 3600])),
        phone=phone,
        worn=worn,
        robot=robot,
        calls_every_days=calls,
    )


def _sources(home: Home) -> list[Source]:
    """Enrol sources in the order in which they were installed, with the cadence they promise."""
    out = []
    if home.gateway is not None:
        out.append(Source(GATEWAY, 3600))
    if home.phone == "live":
        out.append(Source(APP, 3600))
    elif home.phone is not None:
        out.append(Source(TELECOM, 3600 if home.phone == "hourly" else 86_400))
    if home.worn:
        out.append(Source(BAND, 3600))
    if home.robot:
        out.append(Source(ROBOT, 3600))
    if home.calls_every_days:
        out.append(Source(PROVIDER))
    return out


def _record(name: str, group: TargetGroup, home: Home, rng: np.random.Generator) -> HouseholdRecord:
    risk = RiskGrade.HIGH if rng.random() < 0.15 else RiskGrade.LOW if rng.random() < 0.3 else RiskGrade.MEDIUM
    needs = [
        need for need in Need if rng.random() < (0.12 if group in {TargetGroup.ELDER, TargetGroup.DISABLED} else 0.02)
    ]
    district = int(rng.integers(1, 26))
    ladder = [Rung("robot" if home.robot else "checkin_call", f"c-{name}-0", quiet_from="21:00", quiet_until="08:00")]
    if rng.random() < 0.6:
        ladder.append(Rung("guardian", f"c-{name}-1"))
    ladder.append(Rung("officer", f"c-{name}-2"))
    return HouseholdRecord(
        household=name,
        target_group=group,
        risk_grade=risk,
        latest_silence_h=36.0 if risk == RiskGrade.HIGH else None,
        needs=needs,
        language="ko" if rng.random() < 0.96 else "en",
        district=f"d{district:02d}",
        area_code=f"11{district:02d}0",
        sources=_sources(home),
        ladder=ladder,
    )


def household_of(seed: int, number: int) -> Household:
    """Household `number` of a seed: the same however many there are."""
    name = f"sim-{number:05d}"
    rng = rng_of(seed, 1, number)
    group = _pick_group(_spread(seed, number, 1))
    mix = _pick_mix(group, float(rng.random()))
    person = _person(group, rng)
    home = _home(group, mix, rng)
    return Household(name, number, group, person, home, _record(name, group, home, rng))
