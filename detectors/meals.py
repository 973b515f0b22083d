"""Missed meals: stretches of the day in which somebody who was at home opened no fridge and used no kettle, against their habit.

A day has three stretches: until 10:00, until 15:00, and the rest. How often this person lets each of them pass without a sign
of a meal is learned day by day. A missed one weighs -log of that share, in nats: a few in a row are told once they are
less likely than the kind's part of the budget allows, so that a household must be regular for few of them to matter.
"""

import math
import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from detectors.contract import Law
from detectors.findings import Lasting
from detectors.hours import DAY_BEGINS_H, DAY_MS, HOUR_MS, LocalHours
from detectors.pairs import count, items, number_of, pairs_of, with_pair, without
from schemas.events import Event

SLOTS: Final = ((4, 10), (10, 15), (15, 28))
"""Local hours of the three stretches."""
CORES: Final = ((7, 10), (11.5, 14), (17, 20))
"""Hours in which somebody must have been seen at home, or the stretch says nothing: they may have eaten elsewhere."""
UNSEEN, HERE, OUT = range(3)
"""Where the person was in a stretch: who went out may have eaten there; who was not seen may have been asleep."""
A_MONTH: Final = 3 * 30
KEEP: Final = 0.5 ** (1 / 45)
"""What a day leaves of the days before: half after 45."""
PRIOR: Final = 0.25
PRIOR_WEIGHT: Final = 2.0
"""Share of stretches without a sign among people whose kitchen is watched, with the weight of so many days (assumed)."""
FEWEST: Final = 12.0
"""Days of a stretch before which nothing is told of it."""
ROW_MS: Final = 3 * DAY_MS
"""Who was out may have eaten there: it says nothing of the meals at home before and after, but ends a row as old as this, which
would be of somebody who eats elsewhere now."""
SELDOM: Final = 0.35
"""A stretch that passes so often without a sign is none in which this person eats."""
WORD_NATS: Final = 2.5
"""What somebody's own word in a talk, that meals are a worry, adds to a row: so it is said in one talk of twelve."""
MOST_DAYS: Final = 8
WATTS: Final = 20.0
_DEVICE: Final = re.compile(
    r"fridge|refriger|freezer|kettle|stove|cooker|hob|oven|microwave|toaster|induction|pantry|dining|냉장고|밥솥|전자레인지|주전자|인덕션|가스레인지",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def is_of_meals(device: str) -> bool:
    """Tell by its name whether a device is one of those with which meals are made."""
    return _DEVICE.search(device) is not None


_NO_ROW: Final[tuple[int, int, float]] = (0, 0, 0.0)
_NOTHING: Final[Sequence[float]] = (0.0,) * 6
"""What is known of meals where none was learned: most homes share it."""


class Meals:
    """Signs of meals of the days not learned yet, how often each stretch passes without one, and the row of missed ones."""

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("_eaten", "_learned", "_row", "_settled_ms", "found")

    def __init__(self) -> None:
        self._eaten = b""
        """By day of life (`detectors.pairs`), one bit a stretch with a sign of a meal: setting a bit again is the same."""
        self._learned = _NOTHING
        """Of each stretch the faded count of days, then of those without a sign."""
        self._row = _NO_ROW
        """Meals missed in a row by the last learned day, since when (UTC milliseconds), and their nats."""
        self._settled_ms = 0
        self.found: Lasting | None = None
        """What was to be told at the last look, once a day."""

    def learn_one(self, event: Event, hours: LocalHours) -> bool:
        """Take one event of a door or an appliance; what is no sign of a meal changes nothing."""
        data = event.data
        if event.kind == "power":
            if (data.value or 0.0) < WATTS or not is_of_meals(data.device):
                return False
        elif event.kind != "door" or data.exit or not is_of_meals(data.device):
            return False
        local_ms = event.at_ms + hours.offset_ms(event.at_ms) - DAY_BEGINS_H * HOUR_MS
        day, within_ms = divmod(local_ms, DAY_MS)
        hour = within_ms / HOUR_MS + DAY_BEGINS_H
        bit = 1 << next(place for place, (_, until) in enumerate(SLOTS) if hour < until)
        known = number_of(self._eaten, day, 0)
        if known & bit:
            return False
        self._eaten = with_pair(self._eaten, day, known | bit)
        if count(self._eaten) > MOST_DAYS:
            self._eaten = without(self._eaten, min(items(self._eaten))[0])
        return True

    @property
    def watched(self) -> bool:
        """Tell whether this home has anything with which meals are seen."""
        return bool(self._eaten) or self._learned is not _NOTHING

    def learn_day(self, day: int, start_ms: int, at_home: tuple[int, ...]) -> None:
        """Learn a day of life in order: which of its stretches the person spent at home and seen."""
        if not self.watched:
            return
        self._row = self._after(self._row, day, start_ms, at_home)
        eaten = number_of(self._eaten, day, 0)
        learned = array("d", self._learned)
        for place, here in enumerate(at_home):
            if here == HERE:
                learned[place] = learned[place] * KEEP + 1.0
                learned[3 + place] = learned[3 + place] * KEEP + (not eaten >> place & 1)
        self._learned = learned if any(learned) else _NOTHING
        self._eaten = pairs_of((one, bits) for one, bits in items(self._eaten) if one > day)

    def missed_share(self, place: int) -> float:
        """Return how often this person lets a stretch pass without a sign of a meal."""
        days, missed = self._learned[place], self._learned[3 + place]
        return (missed + PRIOR_WEIGHT * PRIOR) / (days + PRIOR_WEIGHT)

    def is_regular(self, place: int) -> bool:
        """Tell whether a stretch is one in which this person is known to eat."""
        return self._learned[place] >= FEWEST and self.missed_share(place) <= SELDOM

    def look(self, live: list[tuple[int, int, tuple[int, ...]]], words: tuple[int, int], nats: float) -> None:
        """Judge the days that are over but not learned yet: (day, start, at home) of each, in order.

        `words`: how many talks in a row named meals as a worry, and since when. `nats`: how unlikely a row must be.
        """
        row = self._row
        for day, start_ms, at_home in live:
            row = self._after(row, day, start_ms, at_home)
        count, since_ms, weight = row
        told, told_ms = words
        if not count and told > 1:
            count, since_ms = told, told_ms  # a home whose kitchen nobody sees: two talks in a row
            weight = nats
        elif count:
            weight += told * WORD_NATS
        if since_ms <= self._settled_ms:
            count = 0
        self.found = Lasting(since_ms, {"missed": count, "told": told}) if count > 0 and weight >= nats else None

    def _after(
        self, row: tuple[int, int, float], day: int, start_ms: int, at_home: tuple[int, ...]
    ) -> tuple[int, int, float]:
        eaten = number_of(self._eaten, day, 0)
        for place, here in enumerate(at_home):
            if not self.is_regular(place):
                continue
            at_ms = start_ms + int((SLOTS[place][0] - DAY_BEGINS_H) * HOUR_MS)
            if eaten >> place & 1 or (here == OUT and at_ms - row[1] > ROW_MS):
                row = _NO_ROW
            elif here == HERE:
                if at_ms <= self._settled_ms:
                    continue
                row = (row[0] + 1, row[1] or at_ms, row[2] - math.log(self.missed_share(place)))
        return row

    def settle(self, clock_ms: int) -> None:
        """Take a responder's word that it was looked after: only what is missed from now on counts."""
        self._settled_ms, self.found, self._row = clock_ms, None, _NO_ROW

    def state(self) -> list[Any]:
        """Return plain numbers."""
        found = (
            None if self.found is None else [self.found.since_ms, self.found.facts["missed"], self.found.facts["told"]]
        )
        return [sorted(items(self._eaten)), list(self._learned), list(self._row), self._settled_ms, found]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self._eaten = pairs_of({day: bits for day, bits in state[0]}.items())  # noqa: C416 - pairs come back as lists
        self._learned = array("d", list(state[1])) if any(state[1]) else _NOTHING
        count, since_ms, weight = state[2]
        self._row = (count, since_ms, weight) if count else _NO_ROW
        self._settled_ms = state[3]
        self.found = None if state[4] is None else Lasting(state[4][0], {"missed": state[4][1], "told": state[4][2]})


def where(starts: list[int], leaves: list[bool], day_ms: int, place: int, *, out: bool) -> int:
    """Return whether somebody was at home and up in a stretch of a day (seen in its core without a long gap), out, or not seen.

    `starts`: beginnings of stretches of activity at home; `leaves`: which of them end at the way out. `out`: they were out when
    it began.
    """
    if out:
        return OUT
    first_h, last_h = CORES[place]
    first, last = day_ms + int((first_h - DAY_BEGINS_H) * HOUR_MS), day_ms + int((last_h - DAY_BEGINS_H) * HOUR_MS)
    before, longest_ms = first, 0
    is_seen = False
    for i, at_ms in enumerate(starts):
        if first <= at_ms < last:
            if leaves[i]:
                return OUT
            is_seen = True
            longest_ms = max(longest_ms, at_ms - before)
            before = at_ms
    return HERE if is_seen and max(longest_ms, last - before) <= GAP_MS else UNSEEN


GAP_MS: Final = int(1.75 * HOUR_MS)
"""Nobody is called at home for a stretch in whose core they were not seen for longer than this."""
