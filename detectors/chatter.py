"""Motion sensors that stir where nobody is: their lone triggers say less of the person.

A lone trigger lowers the score of a silence by at most `ghost_nats`: so much likelier is it that the person stirred than
that the device did by itself. What a device does by itself is seen while nobody is at home (out by the door, a declared
absence, hospital) and in silences that a responder closed as a device's fault. With c lone triggers a day there, drawn to
a population's guess, and the same c0 for which a trigger weighs in full, its odds and so its weight are

    nats = log(1 + (e^ghost_nats - 1) c0 / c), at most ghost_nats

Ordinary nights do not count: a person who gets up once is what a lone trigger is believed for.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from detectors.episodes import Episodes
from detectors.hours import DAY_MS
from detectors.silence import Spans

USUAL_A_DAY: Final = 0.1
"""Lone triggers of one device in a day without anybody. Assumed."""
WEIGHT_DAYS: Final = 3.0
"""Days of absence with which that guess weighs against the device's own."""
HALF_LIFE_DAYS: Final = 60.0
MOST_DEVICES: Final = 32
LEAST: Final = 0.01
"""Fewer faded triggers than this are forgotten."""


_NONE: Final[Mapping[int, float]] = {}
"""Nothing is ever written into it: most homes share it."""


class Chatter:
    """Faded lone triggers by device (a checksum) while nobody was there, and for how many days nobody was."""

    __slots__ = ("alone", "days")

    def __init__(self) -> None:
        self.alone = _NONE
        self.days = 0.0

    def learn_before(self, home: Episodes, start_ms: int, end_ms: int, nobody: Iterable[tuple[int, int]]) -> None:
        """Learn a day's lone triggers within the spans in which nobody was at home."""
        spans = united((max(a, start_ms), min(b, end_ms)) for a, b in nobody)
        keep = 0.5 ** ((end_ms - start_ms) / DAY_MS / HALF_LIFE_DAYS)
        self.days = self.days * keep + sum(b - a for a, b in spans) / DAY_MS
        alone = {device: count * keep for device, count in self.alone.items() if count * keep >= LEAST}
        if spans:
            for at_ms, device in home.lone(start_ms, end_ms):
                if any(a < at_ms < b for a, b in spans):
                    alone[device] = alone.get(device, 0.0) + 1.0
        most = sorted(alone, key=lambda device: (-alone[device], device))[:MOST_DEVICES]
        self.alone = {device: alone[device] for device in sorted(most)} or _NONE

    def share(self, device: int, ghost_nats: float) -> float:
        """Return what a lone trigger of a device weighs, as a share of `ghost_nats`: 1 where nothing speaks against it."""
        count = self.alone.get(device, 0.0)
        if not count or ghost_nats <= 0:
            return 1.0
        a_day = (count + WEIGHT_DAYS * USUAL_A_DAY) / (self.days + WEIGHT_DAYS)
        return min(1.0, math.log1p(math.expm1(ghost_nats) * USUAL_A_DAY / a_day) / ghost_nats)

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [self.days, [[device, count] for device, count in self.alone.items()]]

    def restore(self, state: list[Any]) -> None:
        """Take the numbers of a `state()`."""
        self.days = state[0] or 0.0
        self.alone = dict(state[1]) or _NONE


def united(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return spans in order of time, those that meet as one; empty ones are left out."""
    out: Spans = []
    for a, b in sorted(one for one in spans if one[0] < one[1]):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out
