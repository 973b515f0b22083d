"""The benchmark's tables, as Markdown: one a kind of source."""

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from load_tests.bench_detection.goals import ANBU, Points, anbu
from load_tests.bench_detection.measure import Point, fastest, interval

SHOWN_FIXED: Final = tuple(f"{hours} h" for hours in (8, 10, 12, 14, 16, 18, 20, 24, 50))
LEVELS: Final = (1.0, 0.3, 0.1)
TITLES: Final = {"home": "Home sensors", "worn": "Body-worn steps alone", "phone": "A phone alone"}
NAMES: Final = {
    ANBU: "Anbu",
    "fixed": "fixed",
    "longest": "longest silence alone",
    "poisson": "hour-of-day Poisson",
    "cuddihy": "Cuddihy 2007",
    "floeck": "Floeck 2011",
    "moshtaghi": "Moshtaghi 2015",
    "wilhelm": "Wilhelm & Wahl 2024",
    "gaussian": "river GaussianScorer",
    "trees": "river HalfSpaceTrees",
    "oracle": "oracle",
}
SWEPT: Final = ("longest", "poisson", "cuddihy", "floeck", "moshtaghi", "wilhelm", "gaussian", "trees")
HEAD: Final = (
    "| | false alarms a month | while out | in silences over 20 h | all hours: median, p90 | 08-20 h | 22-06 h |\n"
    "|---|---|---|---|---|---|---|"
)


def tables(points: Points, shown: Collection[str]) -> str:
    """Return every table; intervals in brackets are 90 %, bootstrapped over homes, none for a single home.

    `shown` are Anbu's settings that have a line.
    """
    of_kinds = (_table(kind, of_kind, shown) for kind, of_kind in points.items())
    return "\n\n".join([*of_kinds, *_each(points.get("home", []))])


def _each(points: list[Point]) -> list[str]:
    """Each home with sensors by itself, at the default profile and at the other rules' settings of the pool's table."""
    if not points:
        return []
    mine = anbu(points)[0]
    rivals = [
        (family, fastest([p for p in points if p.family == family], 0.1)) for family in ("fixed", "longest", "oracle")
    ]
    columns = [(f"{NAMES[ANBU]} {mine.setting}", mine)]
    columns += [(f"{NAMES[family]} {rival.setting}", rival) for family, rival in rivals if rival is not None]
    lines = [
        "**Home sensors, home by home**: false alarms a month; all hours: median, p90; 08-20 h: median, p90",
        "",
        "| recording | months | " + " | ".join(name for name, _ in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for place, one in enumerate(mine.outcomes):
        cells = [_alone(point.of([place])) for _, point in columns]
        lines.append(f"| {one.home} | {one.months:.1f} | " + " | ".join(cells) + " |")
    return ["\n".join(lines)]


def _alone(point: Point) -> str:
    hours = [f"{delays.median:.1f}, {delays.p90:.1f}" for delays in (point.delays(), point.delays("day"))]
    return "; ".join([f"{point.false_per_month():.2f}", *hours])


def _table(kind: str, points: list[Point], shown: Collection[str]) -> str:
    homes = points[0].outcomes
    months = sum(one.months for one in homes)
    title = f"**{TITLES[kind]}**: {len(homes)} recordings, {months:.1f} household-months after the warm-up"
    lines = [_line(name, point) for name, point in _shown(points, shown)]
    return "\n".join([title, "", HEAD, *lines])


def _shown(points: list[Point], shown: Collection[str]) -> Iterator[tuple[str, Point]]:
    for point in points:
        if (
            (point.family == ANBU and point.setting in shown)
            or (point.family == "fixed" and point.setting in SHOWN_FIXED)
            or point.family == "oracle"
        ):
            yield f"{NAMES[point.family]} {point.setting}", point
    for family in SWEPT:
        best = ((level, fastest([one for one in points if one.family == family], level)) for level in LEVELS)
        for point, levels in groupby(best, key=itemgetter(1)):
            least = min(level for level, _ in levels)
            if point is not None:
                yield f"{NAMES[family]}, fastest with at most {least:g} ({point.setting})", point


def _line(name: str, point: Point) -> str:
    cells = [
        name,
        _number(point.false_per_month(), interval([point], Point.false_per_month), 2),
        f"{point.out_per_month():.2f}",
        f"{point.long_per_month():.2f}",
        *(_delays(point, part) for part in ("all", "day", "night")),
    ]
    return "| " + " | ".join(cells) + " |"


def _delays(point: Point, part: str) -> str:
    delays = point.delays(part)
    median = _number(delays.median, interval([point], lambda p: p.delays(part).median), 1)
    return f"{median}, " + _number(delays.p90, interval([point], lambda p: p.delays(part).p90), 1)


def _number(value: float, between: list[float] | None, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text if between is None else f"{text} [{between[0]:.{digits}f}-{between[1]:.{digits}f}]"
