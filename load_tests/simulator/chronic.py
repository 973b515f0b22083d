"""What fades over weeks in a synthetic household: activity, company, mood, answers, a worry that stays. All of it is truth."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from load_tests.simulator.people import Home, Person
from load_tests.truth import Truth
from schemas.incidents import IncidentKind
from schemas.vocabulary import CareTopic

DAY_MS: Final = 86_400_000
RAMP_DAYS: Final = 28
"""From the first sign to the full change."""
LEAST: Final = 0.4
"""What is left of a habit that has faded."""


@dataclass(frozen=True, slots=True)
class Fade:
    """One change for the worse, from a moment on and until the end of the recording."""

    kind: IncidentKind
    from_ms: int

    def left(self, at_ms: int) -> float:
        """Return what is left of the habit at a moment: 1 before it, falling to `LEAST` within four weeks."""
        share = min(1.0, max(0.0, (at_ms - self.from_ms) / (RAMP_DAYS * DAY_MS)))
        return 1.0 - (1.0 - LEAST) * share


_WORRY: Final = {IncidentKind.LOW_MOOD: CareTopic.MOOD, IncidentKind.LASTING_CONCERN: CareTopic.HEALTH}


def fade_of(
    household: str, home: Home, rng: np.random.Generator, start_ms: int, end_ms: int, only: IncidentKind | None = None
) -> tuple[Fade, Truth] | None:
    """Draw a change that the home's sources can show, in the middle third of the recording; None where there is none."""
    kinds = []
    if home.gateway is not None:
        kinds.append(IncidentKind.SLOW_DECLINE)
    if home.phone is not None or (home.gateway is not None and home.exit_door):
        kinds.append(IncidentKind.WITHDRAWAL)
    if home.calls_every_days:
        kinds += [
            IncidentKind.LOW_MOOD,
            IncidentKind.FALLING_ANSWERS,
            IncidentKind.LASTING_CONCERN,
            IncidentKind.SHORTER_TALKS,
        ]
    kinds = [kind for kind in kinds if only in (None, kind)]
    if not kinds:
        return None
    kind = kinds[int(rng.integers(len(kinds)))]
    at_ms = start_ms + int(rng.uniform(0.33, 0.5) * (end_ms - start_ms))
    return Fade(kind, at_ms), Truth(household=household, kind=kind, at_ms=at_ms, code="fades", slow=True)


def faded(person: Person, fades: list[Fade], at_ms: int) -> Person:
    """Return a person as they live at a moment."""
    for fade in fades:
        left = fade.left(at_ms)
        if fade.kind is IncidentKind.SLOW_DECLINE:
            person = replace(person, pace=left, visits=person.visits / left, outings=person.outings * left)
        elif fade.kind is IncidentKind.WITHDRAWAL:
            person = replace(person, talks=left, outings=person.outings * left)
        elif fade.kind is IncidentKind.FALLING_ANSWERS:
            person = replace(person, answers=person.answers * left)
        elif fade.kind is IncidentKind.SHORTER_TALKS:
            person = replace(person, talk=left)
    return person


def worry_at(fades: list[Fade], at_ms: int) -> CareTopic | None:
    """Return what a person is worried about in nearly every talk at a moment."""
    return next((_WORRY[fade.kind] for fade in fades if fade.kind in _WORRY and fade.from_ms <= at_ms), None)
