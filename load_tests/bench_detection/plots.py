"""The benchmark's pictures: small SVG files beside the page, each line with its 90 % interval as a band."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.life import PHONE
from load_tests.bench_city.figures import TITLES, Kinds, Picked, at, cold, counted, cuts, ghosts
from load_tests.bench_city.jobs import BUDGETS, GHOST_BUDGET, Result
from load_tests.bench_detection.goals import ANBU, Points
from load_tests.bench_detection.measure import INTERVAL
from load_tests.bench_detection.pages import ROOT
from load_tests.bench_detection.tables import NAMES
from load_tests.whatif.draw import Frame, Point, path

PICTURES: Final = ROOT / "docs" / "pictures"
COLOURS: Final = ("#1b6ca8", "#c8553d", "#3a7d44", "#7a5195", "#8a6d1d", "#555555", "#b5179e", "#0f9ba8")
STYLE: Final = (
    "text{font:11px sans-serif;fill:#444;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}"
    ".axis{stroke:#ddd;fill:none}"
    + "".join(
        f".l{i}{{stroke:{c};fill:none;stroke-width:1.8}}.b{i}{{fill:{c};opacity:.16}}" for i, c in enumerate(COLOURS)
    )
    + "".join(f".t{i}{{fill:{c}}}" for i, c in enumerate(COLOURS))
)
DRAWN: Final = 60
"""Times homes are drawn anew for a band."""
DEFAULT: Final = min(BUDGETS)
Numbers = NDArray[np.float64]


class Line(NamedTuple):
    """One line: its name, its points, and below and above each of them; no band where these are empty."""

    name: str
    points: Sequence[Point]
    low: Sequence[Point] = ()
    high: Sequence[Point] = ()


def write(name: str, title: str, frame: Frame, lines: Sequence[Line], folder: Path = PICTURES) -> None:
    """Write one picture. Its legend stands where lines seldom are: shares end at the top, delays and rates lie below."""
    inside = []
    top = 196 - 13 * (len(lines) - 1) if frame.y_max == 1 else 24
    for i, line in enumerate(lines):
        band = [(frame.x(x), frame.y(y)) for x, y in [*line.high, *reversed(line.low)]]
        inside.append(path(band, f"b{i}"))
        inside.append(path([(frame.x(x), frame.y(y)) for x, y in line.points], f"l{i}"))
        inside.append(f'<text class="t{i}" x="446" y="{top + 13 * i}" text-anchor="end">{escape(line.name)}</text>')
    drawn = frame.drawn("".join(inside), title)
    head = f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
    drawn = drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f">{head}", 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(drawn + "\n", encoding="utf-8")


def draw_city(cut: Kinds, lived: Kinds, folder: Path = PICTURES) -> None:
    """Draw what synthetic homes show: by hour of collapse, calibration, the first two weeks, ghosts, several sources."""
    if cut:
        frame = Frame(24, 24, "local hour of the collapse", "hours until found: median")
        lines = [_by_hour(TITLES[kind], homes) for kind, homes in cut.items()]
        write("detection-by-hour", "Hours until a collapse is found, by its hour", frame, lines, folder)
        frame = Frame(1, 1.5, "budget, false alarms a household-month", "measured")
        even = Line("as budgeted", [(0, 0), (1, 1)])
        write("detection-calibration", "False alarms measured against budgeted", frame, [even, *_kept(lived)], folder)
    home, fused = cut.get("home"), cut.get("all")
    hours = Frame(24, 1, "hours after the collapse", "share found", percent=True)
    if home:
        lines = [
            _found("after two weeks", home, DEFAULT, cuts),
            _found("in the first two weeks", home, DEFAULT, cold),
        ]
        write("detection-first-weeks", "Share found over time, home sensors alone", hours, lines, folder)
        lines = [_found("no ghosts", home, GHOST_BUDGET, cuts), _found("a ghost a day", home, GHOST_BUDGET, ghosts)]
        write("detection-ghosts", "Share found over time, with a lone motion trigger a day", hours, lines, folder)
    if home and fused:
        lines = [_found(TITLES[kind], homes, DEFAULT, cuts) for kind, homes in cut.items()]
        write("detection-fusion", "Share found over time, by what watches the home", hours, lines, folder)


def draw_homes(points: Points, folder: Path = PICTURES) -> None:
    """Draw the median delay of recorded homes against measured false alarms: one picture a kind of source and part of day.

    One phone over less than a month is no curve: it is left out.
    """
    for kind, of_kind in points.items():
        if kind == PHONE:
            continue
        for part, words in (("day", "08 to 20 h"), ("night", "22 to 06 h")):
            lines = []
            for family in (ANBU, "fixed", *(name for name in NAMES if name not in (ANBU, "fixed", "oracle"))):
                mine = [point for point in of_kind if point.family == family]
                pairs = sorted((point.false_per_month(), point.delays(part).median) for point in mine)
                shown = [(x, y) for x, y in pairs if x <= 2 and y <= 24]
                if shown:
                    lines.append(Line(NAMES[family], shown))
            title = f"Median delay against false alarms, {kind}, collapse {words}"
            frame = Frame(2, 24, "false alarms a household-month, measured", "hours until found: median")
            write(f"detection-curve-{kind}-{part}", title, frame, lines[: len(COLOURS)], folder)


def _found(name: str, homes: list[Result], budget: float, pick: Picked) -> Line:
    """Return the share found by each hour; the band is over homes drawn anew."""
    delays = [np.array([delay for _, delay in pick(at(one, budget))], np.float64) for one in homes]
    grid = np.arange(0, 24.5, 0.5)
    totals = np.array([[(one <= hour).sum() for hour in grid] for one in delays], np.float64)
    sizes = np.array([len(one) for one in delays], np.float64)

    def share(places: NDArray[np.int64]) -> Numbers:
        found: Numbers = totals[places].sum(axis=0) / max(float(sizes[places].sum()), 1.0)
        return found

    random = np.random.default_rng(0)
    count = len(homes)
    drawn = np.quantile([share(random.integers(0, count, count)) for _ in range(DRAWN)], INTERVAL, axis=0)
    return Line(name, *(_pairs(grid, ys) for ys in (share(np.arange(count)), *drawn)))


def _by_hour(name: str, homes: list[Result]) -> Line:
    """Return the median delay by three hours of the day; the band is over homes drawn anew."""
    pairs = [np.array(at(one, DEFAULT).delays, np.float64).reshape(-1, 2) for one in homes]
    middles = np.arange(1.5, 24, 3)

    def medians(places: Sequence[int]) -> Numbers:
        pooled = np.concatenate([pairs[place] for place in places])
        parts = [pooled[np.abs(pooled[:, 0] - middle) <= 1.5, 1] for middle in middles]
        return np.array([np.median(part) if len(part) else np.nan for part in parts])

    random = np.random.default_rng(0)
    count = len(homes)
    drawn = np.quantile([medians(random.integers(0, count, count).tolist()) for _ in range(DRAWN)], INTERVAL, axis=0)
    return Line(name, *(_pairs(middles, ys) for ys in (medians(range(count)), *drawn)))


def _kept(kinds: Kinds) -> list[Line]:
    lines = []
    for kind, homes in kinds.items():
        counts = [counted(homes, budget) for budget in sorted(BUDGETS)]
        budgets = np.array([one.budget for one in counts])
        edges = np.array([one.interval for one in counts])
        rates = np.array([one.rate for one in counts])
        lines.append(Line(TITLES[kind], *(_pairs(budgets, ys) for ys in (rates, edges[:, 0], edges[:, 1]))))
    return lines


def _pairs(xs: Numbers, ys: Numbers) -> list[Point]:
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True) if not np.isnan(y)]
