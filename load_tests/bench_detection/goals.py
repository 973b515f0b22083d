"""The figures the benchmark answers for, each beside its goal: what was measured, or null."""

from collections.abc import Sequence
from typing import Any, Final

from load_tests.bench_city.figures import GOAL_4, poisson_interval
from load_tests.bench_detection.measure import Outcome, Point, fastest, interval, wholly_worse

ANBU: Final = "anbu"
RIVALS: Final = ("fixed", "longest")
Points = dict[str, list[Point]]
"""Operating points by kind of source, each on the homes of that kind."""


def rows(points: Points) -> list[dict[str, Any]]:
    """Return one row a goal. `figure` says what the numbers are; intervals are 90 %, bootstrapped over homes."""
    home = points.get("home", [])
    carried = pooled([points[kind] for kind in ("worn", "phone") if kind in points])
    return [
        _delay_row(
            1,
            "home sensors, collapse 08 to 20 h, at most 0.1 false alarms a month: median, p90 (h)",
            "day",
            0.1,
            [5.0, 9.0],
            home,
        ),
        _delay_row(
            2,
            "home sensors, all hours, at most 0.1 false alarms a month: median, p90 (h)",
            "all",
            0.1,
            [6.8, 11.0],
            home,
        ),
        _against_fixed(home),
        _budgets_kept(points),
        _delay_row(
            9,
            "worn or phone alone, all hours, at most 0.15 false alarms a month: median, p90 (h)",
            "all",
            0.15,
            [11.5, 15.0],
            carried,
        ),
        _against_rivals(points),
    ]


def pooled(kinds: Sequence[list[Point]]) -> list[Point]:
    """Return the points of several kinds of source as one."""
    if not kinds:
        return []
    return [
        Point(same[0].family, same[0].setting, [one for point in same for one in point.outcomes])
        for same in zip(*kinds, strict=True)
    ]


def anbu(points: Sequence[Point]) -> list[Point]:
    """Return Anbu's operating points; the default profile's comes first."""
    return [point for point in points if point.family == ANBU]


def _row(goal: int, figure: str, goal_value: Any, value: Any, between: Any, note: str) -> dict[str, Any]:
    return {
        "goal": goal,
        "figure": figure,
        "goal_value": goal_value,
        "development_homes": value,
        "simulator": None,
        "interval": between,
        "note": note,
    }


def _delay_row(
    goal: int, figure: str, part: str, most: float, goal_value: list[float], points: list[Point]
) -> dict[str, Any]:
    chosen = fastest(anbu(points), most)
    if chosen is None:
        return _row(goal, figure, goal_value, None, None, "no operating point has so few false alarms")
    delays = chosen.delays(part)
    between = [
        interval([chosen], lambda p: p.delays(part).median),
        interval([chosen], lambda p: p.delays(part).p90),
    ]
    note = f"at {chosen.setting}, measured {chosen.false_per_month():.2f} a month on {len(chosen.outcomes)} homes"
    return _row(goal, figure, goal_value, [round(delays.median, 2), round(delays.p90, 2)], between, note)


def _against_fixed(points: list[Point]) -> dict[str, Any]:
    figure = "home sensors, day median of a fixed 24 h rule over Anbu's at no more raw false alarms (times)"
    fixed = next((point for point in points if (point.family, point.setting) == ("fixed", "24 h")), None)
    chosen = None if fixed is None else fastest(anbu(points), fixed.false_per_month(raw=True), raw=True)
    if fixed is None or chosen is None:
        return _row(3, figure, 4.5, None, None, "no operating point has so few raw false alarms")
    between = interval([fixed, chosen], _shorter)
    note = (
        f"at {chosen.setting}, {chosen.false_per_month(raw=True):.2f} raw false alarms a month against "
        f"{fixed.false_per_month(raw=True):.2f}"
    )
    return _row(3, figure, 4.5, round(_shorter(fixed, chosen), 2), between, note)


def _shorter(fixed: Point, chosen: Point) -> float:
    return fixed.delays("day").median / max(chosen.delays("day").median, 0.01)


def _budgets_kept(points: Points) -> dict[str, Any]:
    """Set the false alarms measured beside each budget: the quotient, and its exact 90 % Poisson interval."""
    measured: dict[str, list[float | None]] = {}
    between: dict[str, list[list[float] | None]] = {}
    for kind, of_kind in points.items():
        by_setting = {point.setting: point for point in anbu(of_kind)}
        found = [(budget, by_setting.get(f"budget {budget:g}")) for budget in GOAL_4]
        measured[kind] = [None if one is None else round(one.false_per_month() / budget, 2) for budget, one in found]
        between[kind] = [None if one is None else _poisson(one, budget) for budget, one in found]
    figure = "measured false alarms over the budget, at 1, 0.3 and 0.1 a household-month, by kind of source"
    return _row(4, figure, [0.7, 1.1], measured, between, "few household-months: the intervals are wide")


def _poisson(point: Point, budget: float) -> list[float]:
    months = sum(one.months for one in point.outcomes)
    edges = poisson_interval(sum(one.false for one in point.outcomes))
    return [round(edge / months / budget, 2) for edge in edges]


def _against_rivals(points: Points) -> dict[str, Any]:
    """Set Anbu's default profile beside the best setting, in hindsight, of each rival with no more false alarms."""
    figure = (
        "largest excess over the best fixed threshold and the longest-silence rule at no more false alarms, of any kind "
        "of source: median, p90 (h); homes wholly worse"
    )
    excess: list[tuple[float, float]] = []
    worse: set[str] = set()
    notes = []
    for kind, of_kind in points.items():
        mine = anbu(of_kind)[0]
        for family in RIVALS:
            rival = fastest([p for p in of_kind if p.family == family], mine.false_per_month())
            if rival is None:
                continue
            ours, theirs = mine.delays(), rival.delays()
            excess.append((ours.median - theirs.median, ours.p90 - theirs.p90))
            notes.append(f"{kind}, {family} {rival.setting}: {excess[-1][0]:+.1f}, {excess[-1][1]:+.1f}")
            worse |= {a.home for a, b in zip(mine.outcomes, rival.outcomes, strict=True) if _worse(a, b)}
    if not excess:
        return _row(10, figure, [0, 0, 0], None, None, "no rival has so few false alarms")
    value = [round(max(median for median, _ in excess), 2), round(max(p90 for _, p90 in excess), 2), len(worse)]
    return _row(10, figure, [0, 0, 0], value, None, "; ".join(notes))


def _worse(mine: Outcome, rival: Outcome) -> bool:
    return mine.home == rival.home and wholly_worse(mine, rival)
