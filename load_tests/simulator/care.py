"""What care robots and check-in calls say."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from load_tests.simulator.chronic import worry_at
from load_tests.simulator.life import HOUR_S, Life
from load_tests.simulator.people import Home, Person, rng_of
from load_tests.simulator.phrases import Phrases, Said, by_hand
from load_tests.simulator.plan import DAY_MS, HOUR_MS, Plan
from load_tests.simulator.sensors import to_ms
from schemas.events import Data
from schemas.vocabulary import CareTopic, DisasterAnswer, Level

_TOPICS: Final = tuple(CareTopic)
_DOSE_HOURS: Final = (8.5, 19.0)


@dataclass(slots=True)
class Care:
    """What is remembered from day to day: the last dose and the concerns of earlier calls."""

    missed_last: bool = False
    concerns: list[CareTopic] = field(default_factory=list)
    calls: int = 0


def keep_company(
    phrases: Phrases,
    plan: Plan,
    life: Life,
    midnight_ms: int,
    rng: np.random.Generator,
    said: Said,
    care: Care,
) -> None:
    """Say what the robot does: heartbeats, reminders with their outcome, and dialogs. It keeps still in an empty home."""
    hours = midnight_ms + np.arange(24, dtype=np.int64) * HOUR_MS
    said.add(hours + 41_000, phrases.number("heartbeat", "robot"))
    talks = life.starts[rng.random(len(life.starts)) < 0.08]
    talk_ms = to_ms(midnight_ms, talks + 60)
    said.add(talk_ms[by_hand(plan, talk_ms)], phrases.number("robot_dialog", "robot"))
    for hour in _DOSE_HOURS:
        due_s = max(hour * HOUR_S, life.wake_s + 1200)
        out = next((back for leave, back in life.outings if leave - 1800 <= due_s < back), None)
        due_s = due_s if out is None else out + 600
        at_ms = midnight_ms + int(due_s * 1000)
        delay_ms, dice = int(rng.uniform(60, 1500) * 1000), float(rng.random())
        if any(away.from_ms <= at_ms < away.until_ms for away in plan.away):
            continue
        said.add(np.array([at_ms]), phrases.number("medication_reminded", "robot"))
        refuses = any(a <= at_ms < b for a, b in plan.no_doses)
        # A person who forgot once is minded by the robot the next time: two in a row do not happen by themselves.
        forgets = dice < 0.02 and not care.missed_last
        care.missed_last = refuses or forgets or plan.is_down(at_ms + delay_ms)
        if care.missed_last:
            said.add(np.array([at_ms + HOUR_MS]), phrases.number("medication_missed", "robot"))
        else:
            said.add(np.array([at_ms + delay_ms]), phrases.number("medication_taken", "robot"))


def _answer(
    person: Person, care: Care, rng: np.random.Generator, request: str, purpose: str, worry: CareTopic | None
) -> Data:
    dice = rng.random(len(_TOPICS)).tolist()
    asked = _TOPICS[: 4 + int(rng.integers(0, 4))]
    topics = {t: Level.CONCERN if d < 0.04 else Level.OK for t, d in zip(asked, dice, strict=False)}
    if worry is not None and dice[_TOPICS.index(worry)] < 0.8:
        topics[worry] = Level.CONCERN
    resolved = [t for t in care.concerns if topics.get(t) != Level.CONCERN]
    care.concerns = [t for t, level in topics.items() if level == Level.CONCERN]
    return Data(
        request=request,
        purpose="follow_up" if resolved else purpose,  # type: ignore[arg-type]
        topics=topics,
        resolved=resolved or None,
        duration_s=float(round(rng.uniform(60, 260) * person.talk / person.answers)),
    )


def _reaches(plan: Plan, person: Person, at_ms: int, rng: np.random.Generator) -> bool:
    dice = float(rng.random())
    # Nobody who goes down during a call has answered it.
    if plan.is_down(at_ms) or plan.is_down(at_ms + 400_000) or any(a <= at_ms < b for a, b in plan.no_answer):
        return False
    away = any(a.from_ms <= at_ms < a.until_ms for a in plan.away)
    return dice < (0.75 if away else person.answers)


@lru_cache(maxsize=1024)
def _disaster_day(seed: int, day: int) -> bool:
    """One day of heavy rain a month on which everybody is asked."""
    month, place = divmod(day, 30)
    return month >= 0 and place == int(rng_of(seed, 6, month).integers(3, 27))


def call(
    home: Home,
    person: Person,
    phrases: Phrases,
    plan: Plan,
    seed: int,
    number: int,
    day: int,
    midnight_ms: int,
    rng: np.random.Generator,
    said: Said,
    care: Care,
) -> None:
    """Say the outcome of the day's check-in calls: up to three attempts, the last the next morning."""
    disaster = _disaster_day(seed, day)
    if not disaster and (day + number) % home.calls_every_days:
        return
    purpose = "disaster" if disaster else "wellbeing"
    hour = 9.5 + number % 8 * 0.9 + rng.uniform(0, 0.5)
    at_ms = midnight_ms + int(hour * HOUR_MS)
    again_ms = (0, int(rng.uniform(0.7, 2.5) * HOUR_MS), DAY_MS - int(rng.uniform(0, 0.5) * HOUR_MS))
    for wait_ms in again_ms:
        care.calls += 1
        request, moment = f"call-{care.calls}", at_ms + wait_ms
        said.add(np.array([moment]), phrases.add("checkin_requested", Data(request=request, purpose=purpose)))  # type: ignore[arg-type]
        ended = np.array([moment + int(rng.uniform(25, 45) * 1000)])
        if _reaches(plan, person, moment, rng):
            if disaster:
                data = Data(request=request, purpose="disaster", disaster=DisasterAnswer.SAFE, guidance_given=True)
            else:
                data = _answer(person, care, rng, request, purpose, worry_at(plan.fades, moment))
            refused = not disaster and rng.random() < 0.01
            kind = "checkin_refused" if refused else "checkin_answered"
            data = Data(request=request, purpose=data.purpose) if refused else data
            said.add(ended + int(data.duration_s or 60) * 1000, phrases.add(kind, data))
            return
        busy = rng.random() < 0.12 and not plan.is_down(moment)
        answer = DisasterAnswer.NO_ANSWER if disaster else None
        data = Data(request=request, purpose=purpose, disaster=answer)  # type: ignore[arg-type]
        said.add(ended, phrases.add("checkin_busy" if busy else "checkin_no_answer", data))


def ask_now(phrases: Phrases, at_ms: int, data: Data, said: Said, care: Care) -> None:
    """Say a call whose answer was injected."""
    care.calls += 1
    request = f"call-{care.calls}"
    asked = Data(request=request, purpose=data.purpose)
    said.add(np.array([at_ms - 90_000]), phrases.add("checkin_requested", asked))
    told = Data(
        request=request,
        purpose=data.purpose,
        topics=data.topics,
        disaster=data.disaster,
        guidance_given=data.guidance_given,
        codes=data.codes,
        duration_s=90.0,
    )
    said.add(np.array([at_ms]), phrases.add("checkin_answered", told))
