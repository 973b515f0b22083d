"""Who was at home to eat: what the meals of a day are judged by, once a day, and what is learned of them when the day is."""

import math
from bisect import bisect_left
from typing import Final

from detectors.hazard import NEVER_MS
from detectors.hours import DAY_BEGINS_H, DAY_MS, HOUR_MS
from detectors.life import HOME
from detectors.meals import A_MONTH, SLOTS, UNSEEN, where
from detectors.silence import Spans
from detectors.state import State
from detectors.stretches import stretches_of
from detectors.thrift import PARTS
from detectors.weeks import day_of
from detectors.words import TOPICS
from schemas.incidents import IncidentKind
from schemas.vocabulary import CareTopic

TOLD_WITHIN_MS: Final = 10 * DAY_MS
"""What was said of meals longer ago than this is no sign of today."""
_MEALS: Final = TOPICS.index(CareTopic.MEALS)


def learn_at_table(state: State, start_ms: int, end_ms: int) -> None:
    """Learn the meals of a day of life that no event can change any more."""
    if state.meals.watched:
        state.meals.learn_day(day_of(start_ms, state.hours), start_ms, at_home(state, start_ms, end_ms))


def look_at_table(state: State) -> None:
    """Judge the days that are over: the learned ones, and the one or two after them of which something may still come."""
    told = _told(state)
    if not state.meals.watched and not told[0] and state.meals.found is None:
        return
    live = []
    start_ms = state.learned_ms
    while start_ms < state.clock_ms:
        end_ms = state.day_end(start_ms)
        if end_ms > state.clock_ms - HOUR_MS:
            break
        live.append((day_of(start_ms, state.hours), start_ms, at_home(state, start_ms, end_ms)))
        start_ms = end_ms
    kind, budget = IncidentKind.MISSED_MEALS, state.other_budget
    share = state.thrift.share(kind, budget)
    if kind in state.told:  # what was told is not over because it was told: that has made the limit stricter
        share = max(share, budget * PARTS[kind])
    state.meals.look(live, told, math.log(A_MONTH / share))


def at_home(state: State, start_ms: int, end_ms: int) -> tuple[int, ...]:
    """Tell of each stretch of a day whether the person was at home and seen in it."""
    ring = state.rings.get(HOME)
    if ring is None:
        return (UNSEEN,) * len(SLOTS)
    blind = state.seeing.dark_spans(HOME, min(end_ms, state.clock_ms), state.profile)
    spans = [*state.paused, *(state.untrue_span(one, end_ms) for one in state.untrue), *blind]
    if state.hospital_ms:
        spans.append((state.hospital_ms, NEVER_MS))
    lived = stretches_of(ring, start_ms - DAY_MS, end_ms)
    starts, leaves = lived.starts[lived.first :], lived.leaves[lived.first :]
    known_ms = max(state.start_ms, state.restart_ms)
    out: list[int] = []
    for place, (first, last) in enumerate(SLOTS):
        from_ms, until_ms = start_ms + (first - DAY_BEGINS_H) * HOUR_MS, start_ms + (last - DAY_BEGINS_H) * HOUR_MS
        if from_ms < known_ms or _touch(spans, from_ms, until_ms):
            out.append(UNSEEN)
            continue
        before = bisect_left(starts, from_ms)
        gone = before > 0 and leaves[before - 1]
        out.append(where(starts, leaves, start_ms, place, out=gone))
    return tuple(out)


def _touch(spans: Spans, from_ms: int, until_ms: int) -> bool:
    for a, b in spans:  # noqa: SIM110 - nearly always none: a generator would cost more than the rest
        if a < until_ms and b > from_ms:
            return True
    return False


def _told(state: State) -> tuple[int, int]:
    """Return in how many talks in a row meals were a worry (two stand for more), and since when."""
    for one in state.weeks.concerns():
        if one.topic == _MEALS and not one.resolved_ms and state.clock_ms - one.told_ms < TOLD_WITHIN_MS:
            return (2 if one.told_ms > one.since_ms else 1), one.since_ms
    return 0, 0
