"""The slow clock: what gets worse over days and weeks. Its findings ask for support or a word, never for a dispatch.

The habits of a household are tested day by day (`detectors.drift`), and what calls and robots were told is looked at
over several talks. Judged once a day, and when a call has come.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from detectors.contract import Law
from detectors.drift import SINCE_AT, STATE_BYTES, Habit
from detectors.findings import Fact, Lasting
from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS
from detectors.pack import packed, unpacked
from detectors.weeks import Concern, Mood
from detectors.words import LEVELS, TOPICS
from schemas.incidents import IncidentKind, Severity
from schemas.vocabulary import CareTopic

QUIET_MS: Final = 28 * DAY_MS
"""What a responder has closed is not raised again before this."""
MOOD_TALKS: Final = 5
MOOD_LOW: Final = 3
"""So many of the last talks in which the mood was low are more than a bad day."""
MOOD_OVER_MS: Final = 5 * DAY_MS
MOOD_WITHIN_MS: Final = 45 * DAY_MS
LASTING_MS: Final = 13 * DAY_MS
"""A concern told again this long after it was first told, and never well between, has lasted."""
FORGOTTEN_MS: Final = 60 * DAY_MS
"""A concern of which nobody spoke for so long is not raised."""


class Way(NamedTuple):
    """How a habit is tested: see `Habit.learn_one`. `kind`: what it raises."""

    kind: IncidentKind
    sign: float
    noise: float
    """Least variance: this share of the usual (a count varies at least so much), and never below a twentieth."""
    delta: float
    limit: float
    prior: float = 0.0
    weight: float = 0.0
    """What is usual among people, with the weight of so many values: calls are few."""
    matter: float = 0.0
    """A change for the worse by less than this share of the usual is no matter: where days are alike, a test finds that
    26 times of activity have become 24, and nobody can do anything about it."""

    def habit(self) -> Habit:
        """Return a new habit."""
        return Habit(self.prior, self.weight)


WAYS: Final[dict[str, Way]] = {
    "activity": Way(IncidentKind.SLOW_DECLINE, -1.0, 0.5, 0.2, 8.0, matter=0.1),
    "sleep": Way(IncidentKind.SLOW_DECLINE, 1.0, 1.0, 0.2, 11.0, matter=0.25),
    "doses": Way(IncidentKind.SLOW_DECLINE, -1.0, 0.0, 0.2, 10.0, 0.95, 8.0),
    "outings": Way(IncidentKind.WITHDRAWAL, -1.0, 0.7, 0.2, 9.5, matter=0.2),
    "contacts": Way(IncidentKind.WITHDRAWAL, -1.0, 1.0, 0.2, 7.0, matter=0.2),
    "answers": Way(IncidentKind.FALLING_ANSWERS, -1.0, 0.0, 0.2, 6.5, 0.85, 8.0, matter=0.15),
    "nights_out": Way(IncidentKind.NIGHT_WANDERING, 1.0, 0.0, 0.2, 4.0, 0.02, 14.0),
    "night_share": Way(IncidentKind.DAY_NIGHT_REVERSAL, 1.0, 0.5, 0.7, 5.5),
    "talks": Way(IncidentKind.SHORTER_TALKS, -1.0, 0.3, 0.2, 4.5, 8.0, 6.0),
    "dialogs": Way(IncidentKind.SHORTER_TALKS, -1.0, 0.3, 0.2, 9.0, 8.0, 6.0),
    "pace": Way(IncidentKind.SLOW_DECLINE, -1.0, 0.2, 0.2, 8.0, matter=0.1),
}
"""In the order in which rows name them: new ones come last. `activity` is how often a day a phone is used, where nothing
sees the home; `pace` how many minutes of an hour at home somebody is up and about."""
PACE: Final = "pace"
ACTIVITY: Final = "activity"
DOSES: Final = "doses"
NIGHTS_OUT: Final = "nights_out"
NIGHT_SHARE: Final = "night_share"
HABITS: Final = tuple(WAYS)
KINDS: Final = (
    IncidentKind.SLOW_DECLINE,
    IncidentKind.WITHDRAWAL,
    IncidentKind.LOW_MOOD,
    IncidentKind.FALLING_ANSWERS,
    IncidentKind.LASTING_CONCERN,
    IncidentKind.NIGHT_WANDERING,
    IncidentKind.DAY_NIGHT_REVERSAL,
    IncidentKind.SHORTER_TALKS,
)
SEVERITIES: Final[dict[IncidentKind, Severity]] = {
    IncidentKind.SLOW_DECLINE: Severity.MODERATE,
    IncidentKind.WITHDRAWAL: Severity.MODERATE,
    IncidentKind.LOW_MOOD: Severity.MODERATE,
    IncidentKind.FALLING_ANSWERS: Severity.MINOR,
    IncidentKind.LASTING_CONCERN: Severity.MINOR,
    IncidentKind.NIGHT_WANDERING: Severity.MODERATE,
    IncidentKind.DAY_NIGHT_REVERSAL: Severity.MODERATE,
    IncidentKind.SHORTER_TALKS: Severity.MINOR,
}
BY_DAY: Final = frozenset(way.kind for way in WAYS.values())
"""Kinds that habits raise and end: nothing but a learned day changes what is found of them, and a responder's word."""
_MOOD: Final = TOPICS.index(CareTopic.MOOD)
Factor = Callable[[IncidentKind], float]
_SETS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}
"""Which habits are known, in the order in which homes came to know them: a few, which homes share."""
MOST_SETS: Final = 4096


def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(_SETS) >= MOST_SETS:
        _SETS.clear()
    return _SETS.setdefault(names, names)


_NOT_WORSE: Final = bytes(8)
"""`since` of a habit that is as it was."""
_NONE_SETTLED: Final[Mapping[IncidentKind, int]] = {}
"""Nothing is ever written into it: most homes share it."""


def _as_measured(_kind: IncidentKind) -> float:
    return 1.0


class Chronic:
    """The habits of a household, and until when a responder's word keeps a kind quiet.

    Each habit is the bytes of its ten numbers: as objects, the habits were an eighth of a home, and a day asks each once.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_habits", "_names", "_settled", "_worse")

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._habits = b""
        """Of each name the bytes of `Habit.state`, one after the other; packed once a day is learned, which asks for them. Nobody packs them as a home wakes."""
        self._worse = False
        """Whether any of them is worse than usual now: else none need be read to know."""
        self._settled = _NONE_SETTLED

    def _habit(self, name: str) -> Habit | None:
        return Habit.known(self._by_name()[name]) if name in self._names else None

    def _by_name(self) -> dict[str, bytes]:
        habits = unpacked(self._habits, STATE_BYTES * len(self._names))
        parts = range(0, len(habits), STATE_BYTES)
        return {name: habits[at : at + STATE_BYTES] for name, at in zip(self._names, parts, strict=True)}

    def _keep(self, habits: dict[str, bytes]) -> None:
        self._names = _shared(tuple(habits))
        self._habits = b"".join(habits.values())
        self._worse = False
        for numbers in habits.values():
            if numbers[SINCE_AT : SINCE_AT + len(_NOT_WORSE)] != _NOT_WORSE:
                self._worse = True

    def _all(self) -> dict[str, Habit]:
        return {name: Habit.known(numbers) for name, numbers in self._by_name().items()}

    def learn_one(self, day: dict[str, list[float]], at_ms: int, factor: Factor = _as_measured) -> None:
        """Take a day: values by habit, one of most of them, one a call or a dose of others. What was not seen is absent.

        `factor` tells by how much the limit of a kind is moved in this home.
        """
        habits = self._by_name()
        if PACE in day:  # a home that was known by its phone, or by how often something stirred, is known better now
            habits.pop(ACTIVITY, None)
        for name, values in day.items():
            way = WAYS[name]
            before = habits.get(name)
            habit = way.habit() if before is None else Habit.known(before)
            limit = way.limit * factor(way.kind)
            for x in values:
                noise = max(way.noise * habit.usual, 0.05)
                habit.learn_one(
                    x,
                    float(at_ms),
                    sign=way.sign,
                    least_variance=noise,
                    delta=way.delta,
                    limit=limit,
                    matter=way.matter,
                )
            habits[name] = habit.state()
        self._keep(habits)
        self._habits = packed(self._habits)

    def knows(self, name: str) -> bool:
        """Tell whether anything was learned of a habit."""
        return name in self._names

    def usual(self, name: str) -> float:
        """Return the usual value of a habit; what is usual among people where nothing was learned of it."""
        habit = self._habit(name)
        return WAYS[name].prior if habit is None else habit.usual

    def found(
        self, concerns: list[Concern], moods: list[Mood], clock_ms: int, factor: Factor = _as_measured
    ) -> dict[IncidentKind, Lasting]:
        """Return what is worse than usual now; `factor` as in `learn_one`."""
        out: dict[IncidentKind, Lasting] = {}
        for name, habit in self._all().items() if self._worse else ():
            kind = WAYS[name].kind
            if habit.since and not self._is_quiet(kind, clock_ms):
                score = habit.score_one() or 0.0
                known = out.get(kind)
                if known is None or score > float(known.facts["deviations"]):
                    facts: dict[str, Fact] = {"habit": name, "deviations": round(score, 2)}
                    facts |= {"usual": round(habit.usual, 3), "lately": round(habit.lately, 3)}
                    out[kind] = Lasting(int(habit.since), facts)
        decline = out.get(IncidentKind.SLOW_DECLINE)
        if IncidentKind.DAY_NIGHT_REVERSAL in out and decline is not None and decline.facts["habit"] == "sleep":
            del out[IncidentKind.SLOW_DECLINE]  # up at night because day and night are reversed: one thing, told once
        low = self._low_mood(moods, clock_ms, factor(IncidentKind.LOW_MOOD)) if moods else None
        if low is not None:
            out[IncidentKind.LOW_MOOD] = low
        lasting = self._lasting(concerns, clock_ms, factor(IncidentKind.LASTING_CONCERN)) if concerns else None
        if lasting is not None:
            out[IncidentKind.LASTING_CONCERN] = lasting
        return out

    def _low_mood(self, moods: list[Mood], clock_ms: int, factor: float) -> Lasting | None:
        kind = IncidentKind.LOW_MOOD
        if self._is_quiet(kind, clock_ms):
            return None
        settled_ms = self._settled.get(kind, 0)
        talks = [one for one in moods if one.at_ms > max(settled_ms, clock_ms - MOOD_WITHIN_MS)][-MOOD_TALKS:]
        low = [one for one in talks if one.level]
        if (
            len(low) < min(MOOD_TALKS, math.ceil(MOOD_LOW * factor - 0.5))
            or low[-1].at_ms - low[0].at_ms < MOOD_OVER_MS
            or not any(m.level for m in talks[-2:])
        ):
            return None
        return Lasting(
            low[0].at_ms, {"low": len(low), "talks": len(talks), "by_robot": sum(one.by_robot for one in low)}
        )

    def _lasting(self, concerns: list[Concern], clock_ms: int, factor: float) -> Lasting | None:
        kind = IncidentKind.LASTING_CONCERN
        if self._is_quiet(kind, clock_ms):
            return None
        settled_ms = self._settled.get(kind, 0)
        lasting = [
            one
            for one in concerns
            if not one.resolved_ms
            and one.topic != _MOOD
            and one.told_ms - max(one.since_ms, settled_ms) >= LASTING_MS * factor
            and clock_ms - one.told_ms < FORGOTTEN_MS
        ]
        if not lasting:
            return None
        worst = max(lasting, key=lambda one: (one.level, -one.since_ms))
        days = (worst.told_ms - worst.since_ms) // DAY_MS
        facts: dict[str, Fact] = {"topic": TOPICS[worst.topic].value, "level": LEVELS[worst.level].value, "days": days}
        # Rows of an earlier version do not say who told of it.
        heard = worst.by_call + worst.by_robot
        return Lasting(worst.since_ms, facts | ({"heard": heard, "by_robot": worst.by_robot} if heard else {}))

    def settle(self, kind: IncidentKind, clock_ms: int) -> None:
        """Take a responder's word that it was looked after."""
        self._settled = {**self._settled, kind: clock_ms}
        habits = self._by_name()
        for name, numbers in habits.items():
            if WAYS[name].kind is kind:
                habit = Habit.known(numbers)
                habit.forgive()
                habits[name] = habit.state()
        self._keep(habits)

    def quiet_until(self, clock_ms: int) -> int:
        """Return when the next kind that was settled may be told again; never when none was."""
        if not self._settled:
            return NEVER_MS
        ends = (at_ms + QUIET_MS for at_ms in self._settled.values())
        return min((end_ms for end_ms in ends if end_ms > clock_ms), default=NEVER_MS)

    def _is_quiet(self, kind: IncidentKind, clock_ms: int) -> bool:
        settled_ms = self._settled.get(kind, 0)
        return bool(settled_ms) and clock_ms < settled_ms + QUIET_MS

    def state(self) -> list[Any]:
        """Return plain numbers and packed ones."""
        return [
            [[HABITS.index(name), numbers] for name, numbers in sorted(self._by_name().items())],
            [[kind.value, at_ms] for kind, at_ms in sorted(self._settled.items())],
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self._keep({HABITS[place]: Habit.of(numbers).state() for place, numbers in state[0]})
        self._settled = {IncidentKind(kind): at_ms for kind, at_ms in state[1]} or _NONE_SETTLED
