"""What closings of one home teach the shared model, and when: not before nothing has been open there for 30 hours. Pure.

A lesson is what an incident looked like when a responder, or an answer, said how it ended. Which closing was heard first
makes no difference: a lesson shows the incident as it was told before that was said, and all that wait leave together, 30
hours after the last word on anything that was open in the home. Until then another closing may still be on its way. They
leave at a full five minutes of the partition's clock, and stay known for a while after that: whoever goes on from an
earlier position says the same again.

An incident that is raised again without any sign of life since takes its lesson back: it was not over, and what its last
closing says counts.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from schemas.district import MARK_MS, MOST_LESSONS
from schemas.incidents import CloseCause, Incident

WAITS_MS: Final = 30 * 3_600_000
KNOWN_MS: Final = 5 * 86_400_000
"""How long a lesson that has left is known."""
MOST: Final = 16
"""Lessons of one home; beyond that the earliest are forgotten, so that no home teaches everybody."""
MOST_TOLD: Final = 16
NEEDED: Final = frozenset({CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL, CloseCause.DECEASED})
NOT_NEEDED: Final = frozenset(
    {
        CloseCause.SAFE_AT_HOME,
        CloseCause.SAFE_AWAY,
        CloseCause.WRONG_CONTACT,
        CloseCause.DEVICE_FAULT,
        CloseCause.SOURCE_OUTAGE,
    }
)


class Told(NamedTuple):
    """What an incident looked like when it was told, UTC milliseconds: features, and last the log-odds of the prior."""

    at_ms: int
    x: list[float]


class Taught(NamedTuple):
    """A lesson of a home."""

    said_ms: int
    incident: str
    kind: str
    life: str
    """The last sign of life that was known; empty where none was, or none is looked for."""
    y: float
    x: list[float]
    left_ms: int = 0
    """When it left; 0 while it waits."""


class Leaving(NamedTuple):
    """A lesson and the five minutes at which it leaves. Their natural order names nobody."""

    at_ms: int
    y: float
    x: list[float]
    incident: str


def with_told(known: Sequence[Told], one: Told, age: int) -> list[Told]:
    """Return what is known with one more; one that differs from the last by its age alone (its place is given) is none."""
    if known and _but(known[-1].x, age) == _but(one.x, age):
        return list(known)
    others = known[:-1] if known and known[-1].at_ms == one.at_ms else known
    return [*others[:1], *others[1:][-(MOST_TOLD - 2) :], one]


def _but(x: Sequence[float], place: int) -> list[float]:
    return [*x[:place], *x[place + 1 :]]


class Lessons:
    """The lessons of one home."""

    __slots__ = ("_all", "_ended_ms")

    def __init__(self) -> None:
        self._all: tuple[Taught, ...] = ()
        """In the order in which they were said."""
        self._ended_ms = 0
        """When it was last said, by the log's clock at the latest, that something ended here."""

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._all)

    def begin(self, incident: Incident, clock_ms: int, *, is_open: bool) -> None:
        """Note that an incident opens; `is_open`: another one is open already."""
        if not is_open:
            self._let_go(clock_ms)
        life = incident.last_sign_of_life
        if life and self._all:
            same = (str(incident.kind), life)
            self._all = tuple([one for one in self._all if one.left_ms or (one.kind, one.life) != same])

    def end(
        self, incident: Incident, cause: CloseCause | None, told: Sequence[Told], said_ms: int | None, clock_ms: int
    ) -> None:
        """Note that an incident ended: said at `said_ms`, or by itself. What came over 30 hours late counts from the clock on."""
        in_time = said_ms is not None and 0 <= clock_ms - said_ms < WAITS_MS
        since_ms = said_ms if in_time and said_ms is not None else clock_ms
        self._ended_ms = max(self._ended_ms, since_ms)
        if said_ms is None or not told or not (cause in NEEDED or cause in NOT_NEEDED):
            return
        x = next((one.x for one in reversed(told) if one.at_ms <= since_ms), told[0].x)
        life = incident.last_sign_of_life or ""
        one = Taught(since_ms, incident.id, str(incident.kind), life, float(cause in NEEDED), x)
        self._all = tuple(sorted([*self._all, one])[-MOST:])

    def leaving(self, *, is_open: bool) -> list[Leaving]:
        """Return those of which it is known when they leave, or left: none that waits while something `is_open`."""
        next_ms = 0 if is_open else _mark(self._ended_ms + WAITS_MS)
        marks = ((one.left_ms or next_ms, one) for one in self._all)
        return [Leaving(at_ms, one.y, one.x, one.incident) for at_ms, one in marks if at_ms]

    def forget(self, clock_ms: int) -> None:
        """Let time pass: what left long ago is forgotten."""
        if self._all:
            next_ms = _mark(self._ended_ms + WAITS_MS)
            self._all = tuple([one for one in self._all if (one.left_ms or next_ms) + KNOWN_MS > clock_ms])

    def inherit(self, left: Iterable[Leaving]) -> None:
        """Take what a former life of the home has said or will say: a state that knows of its end must not lose it."""
        known = [Taught(one.at_ms - WAITS_MS, one.incident, "", "", one.y, one.x, one.at_ms) for one in left]
        self._all = tuple(sorted([*self._all, *known])[-MOST:])

    def _let_go(self, clock_ms: int) -> None:
        at_ms = _mark(self._ended_ms + WAITS_MS)
        if self._all and at_ms <= clock_ms:
            self._all = tuple([one if one.left_ms else one._replace(left_ms=at_ms) for one in self._all])

    def state(self) -> list[Any]:
        """Return plain data."""
        return [self._ended_ms, [list(one) for one in self._all]] if self._ended_ms else []

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> "Lessons":
        """Return the lessons of a `state()`.

        Raises:
            ValueError, TypeError: not such a state.

        """
        lessons = cls()
        if state:
            ended_ms, known = state
            lessons._ended_ms = int(ended_ms)
            lessons._all = tuple([Taught(*one) for one in known])
        return lessons


def leaving_of(state: Iterable[Any]) -> list[Leaving]:
    """Return lessons that leave, of plain data.

    Raises:
        ValueError, TypeError: it is no such data.

    """
    return [Leaving(int(at_ms), float(y), [float(v) for v in x], str(name)) for at_ms, y, x, name in state]


def by_mark(leaving: Iterable[Leaving]) -> dict[int, list[Leaving]]:
    """Return which leave when: no record holds more than a bound, and those beyond it leave with the next.

    The same incident may be known twice, by a home and by its former life.
    """
    out: dict[int, list[Leaving]] = {}
    at_ms = 0
    for one in sorted({each.incident: each for each in leaving}.values()):
        at_ms = max(at_ms, one.at_ms)
        if len(out.get(at_ms, ())) >= MOST_LESSONS:
            at_ms += MARK_MS
        out.setdefault(at_ms, []).append(one)
    return out


def _mark(at_ms: int) -> int:
    """Return the first full five minutes that is not before a moment."""
    return -(-at_ms // MARK_MS) * MARK_MS
