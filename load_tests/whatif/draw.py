"""Pictures as inline SVG: lines, points, bars, a heat map. Every text is escaped."""

import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any, Final

WIDTH: Final = 460
HEIGHT: Final = 250
LEFT: Final = 46
RIGHT: Final = 14
TOP: Final = 26
BOTTOM: Final = 38
MOST_BARS: Final = 8
MOST_NAMED: Final = 8
NAME_PX: Final = 15
COLOURS: Final = 4
"""Runs that have a colour of their own; with more, the picture of all profiles stands for them."""

Point = tuple[float, float]


class Frame:
    """Axes from 0 to `x_max` and `y_max`, rounded up to whole ticks, with their names."""

    def __init__(
        self,
        x_max: float,
        y_max: float,
        x_name: str,
        y_name: str,
        *,
        percent: bool = False,
        whole: bool = False,
        x_ticks: Sequence[float] = (),
    ) -> None:
        """Choose the ends and the names of the axes; with `x_ticks` the last of them is the end."""
        self.x_ticks, self.x_max = (list(x_ticks), x_ticks[-1]) if x_ticks else _ticks(x_max)
        self.y_ticks, self.y_max = ([0, 0.25, 0.5, 0.75, 1], 1.0) if percent else _ticks(y_max, whole=whole)
        self._names = (x_name, y_name)
        self._percent = percent

    def x(self, value: float) -> float:
        """Place on the picture."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(value, self.x_max) / self.x_max

    def y(self, value: float) -> float:
        """Place on the picture."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, self.y_max) / self.y_max

    def drawn(self, inside: str, title: str) -> str:
        """Return the whole picture."""
        parts = []
        for value in self.y_ticks:
            at = self.y(value)
            text = f"{value:.0%}" if self._percent else f"{value:g}"
            parts.append(f'<path class="axis" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
        under = HEIGHT - BOTTOM + 16
        parts += [f'<text x="{self.x(v):.1f}" y="{under}" text-anchor="middle">{v:g}</text>' for v in self.x_ticks]
        x_name, y_name = (escape(name) for name in self._names)
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{x_name}</text>')
        parts.append(f'<text x="2" y="11">{y_name}</text>')
        return svg(WIDTH, HEIGHT, "".join(parts) + inside, title)


def svg(width: float, height: float, inside: str, title: str) -> str:
    """Return a picture with words for whoever cannot see it."""
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def path(points: Sequence[Point], css: str) -> str:
    """Return a line through places on the picture."""
    if not points:
        return ""
    text = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path class="{css}" d="M{text}"/>'


def dot(x: float, y: float, css: str, words: str, radius: float = 5) -> str:
    """Return a point that says what it is when pointed at."""
    return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"><title>{escape(words)}</title></circle>'


def _ticks(largest: float, *, whole: bool = False) -> tuple[list[float], float]:
    largest = largest if largest > 0 and math.isfinite(largest) else 1.0
    step = 10 ** math.floor(math.log10(largest / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10, 20) if step * factor * 4 >= largest * 0.999)
    if whole:
        step = math.ceil(step)
    count = math.ceil(largest / step - 1e-9)
    return [round(i * step, 10) for i in range(count + 1)], count * step


def cumulative(runs: Sequence[dict[str, Any]]) -> str:
    """Draw the incidents opened up to each day."""
    days = max(len(run["days"]) for run in runs)
    frame = Frame(days, max(max(run["days"], default=0) for run in runs) or 1, "days", "incidents so far", whole=True)
    lines = [
        path([(frame.x(0), frame.y(0)), *((frame.x(i + 1), frame.y(n)) for i, n in enumerate(run["days"]))], f"l{k}")
        for k, run in enumerate(runs)
    ]
    return frame.drawn("".join(lines), "Incidents opened up to each day")


def delays(runs: Sequence[dict[str, Any]]) -> str:
    """Draw the share of the artificial collapses found within so many hours."""
    latest = max((max(run["cuts"]["delays_h"], default=0.0) for run in runs), default=1.0)
    frame = Frame(min(max(latest, 12), 72), 1, "hours after the collapse", "found", percent=True)
    lines = []
    for k, run in enumerate(runs):
        made, found = run["cuts"]["made"], run["cuts"]["delays_h"]
        points = [(frame.x(0), frame.y(0))]
        for i, delay in enumerate(found):
            if delay <= frame.x_max and made:
                points += [(frame.x(delay), points[-1][1]), (frame.x(delay), frame.y((i + 1) / made))]
        points.append((frame.x(frame.x_max), points[-1][1]))
        lines.append(path(points, f"l{k}"))
    return frame.drawn("".join(lines), "Share of artificial collapses found within so many hours")


def tradeoff(points: Sequence[dict[str, Any]]) -> str:
    """Draw false silences against delay; the best ones joined."""
    frame = Frame(
        max(one["false_per_household_month"] for one in points) * 1.08,
        max(one["delay_h"] for one in points) * 1.08,
        "false silences a household-month",
        "hours of delay in the middle",
    )
    front = sorted(
        ((one["false_per_household_month"], one["delay_h"]) for one in points if one["best"]),
        key=lambda p: (p[0], -p[1]),
    )
    # In steps: between two profiles nothing was tried, and who accepts more alarms has the better delay only from there on.
    corners = [point for (x, y), (_, before) in zip(front[1:], front, strict=False) for point in ((x, before), (x, y))]
    inside = path([(frame.x(x), frame.y(y)) for x, y in [*front[:1], *corners]], "front")
    named: list[float] = []
    for one in sorted(points, key=lambda point: not point["best"]):
        x, y = frame.x(one["false_per_household_month"]), frame.y(one["delay_h"])
        words = f"{one['name']}: {one['false_per_household_month']:g} false a household-month, {one['delay_h']:g} h"
        inside += dot(x, y, "f2" if one["best"] else "rest", words, 5.5 if one["best"] else 4)
        if (one["best"] and len(front) <= MOST_NAMED) or len(points) <= MOST_NAMED:
            # To the inside of the picture, where there is room; above the line on the left, below it on the right.
            side, down, anchor = (x - 9, 14, "end") if x > WIDTH / 2 else (x + 9, -8, "start")
            if not one["best"] or len(front) == 1:
                down = 4  # no line passes here: above or below, it would look like the next dot's
            if not one["best"] and any(abs(y + down - other) < NAME_PX for other in named):
                continue  # two names on each other say neither; its dot still tells its own
            named.append(y + down)
            name = escape(_short(one["name"]))
            css = ' class="ink"' if one["best"] else ""
            inside += f'<text{css} x="{side:.1f}" y="{y + down:.1f}" text-anchor="{anchor}">{name}</text>'
    return frame.drawn(inside, "False silences against delay, one point a profile")


def _short(name: str) -> str:
    return name if len(name) <= 22 else name[:21] + "…"


def calibration(points: Sequence[dict[str, Any]]) -> str:
    """Draw false silences promised against those that came, with a 90 % interval and the line of a kept promise."""
    top = max(max(one["promised"], (one["interval"] or [0, 0])[1], one["came"]) for one in points)
    right = max(one["promised"] for one in points)
    frame = Frame(right * 1.15, top * 1.05, "promised, a household-month", "came, a household-month")
    until = min(frame.x_max, frame.y_max)
    inside = path([(frame.x(0), frame.y(0)), (frame.x(until), frame.y(until))], "even")
    for k, one in enumerate(points):
        line, point = (f"l{k} thin", f"f{k}") if len(points) <= COLOURS else ("rests", "rest")
        x = frame.x(one["promised"])
        if one["interval"]:
            low, high = (frame.y(value) for value in one["interval"])
            inside += path([(x, low), (x, high)], line)
        words = f"{one['name']}: promised {one['promised']:g}, came {one['came']:g}"
        inside += dot(x, frame.y(one["came"]), point, words)
    return frame.drawn(inside, "False silences promised against those that came")


def hours(runs: Sequence[dict[str, Any]]) -> str:
    """Draw the incidents by hour of the day."""
    counts = [[part["incidents"] for part in run["by"]["hour"]] for run in runs]
    frame = Frame(
        24, max(map(max, counts)) or 1, "hour of the day", "incidents", whole=True, x_ticks=(0, 6, 12, 18, 24)
    )
    each = (frame.x(1) - frame.x(0)) * 0.8 / len(runs)
    inside = ""
    for k, mine in enumerate(counts):
        for hour, count in enumerate(mine):
            if count:
                x, y = frame.x(hour) + each * (k + 0.12), frame.y(count)
                inside += (
                    f'<rect class="f{k}" x="{x:.1f}" y="{y:.1f}" width="{each:.1f}" height="{frame.y(0) - y:.1f}" rx="1">'
                    f"<title>{hour:02d}: {count}</title></rect>"
                )
    return frame.drawn(inside, "Incidents by hour of the day")


def bars(runs: Sequence[dict[str, Any]], what: str) -> str:
    """Draw incidents a household-month of each part, a bar a run; the parts with the most incidents where there are many."""
    most: Counter[str] = Counter()
    for run in runs:  # of all runs: a part that only another profile alarms for is what somebody looks for here
        most.update({part["name"]: part["incidents"] for part in run["by"][what]})
    names = sorted(sorted(most, key=lambda name: (-most[name], name))[:MOST_BARS])
    values = [{part["name"]: part for part in run["by"][what]} for run in runs]
    largest = max((part["per_household_month"] or 0 for mine in values for part in mine.values()), default=0) or 1
    thick, gap, y = 9, 30, 4.0
    inside = ""
    for name in names:
        months = values[0][name]["household_months"]
        inside += f'<text class="ink" x="0" y="{y + 12:.0f}">{escape(name.replace("_", " "))}</text>'
        inside += f'<text x="{WIDTH}" y="{y + 12:.0f}" text-anchor="end">{months:g} household-months</text>'
        y += 18
        for k, mine in enumerate(values):
            rate = mine[name]["per_household_month"] or 0
            width = max((WIDTH - 60) * rate / largest, 1.5)
            inside += f'<rect class="f{k}" x="0" y="{y:.0f}" width="{width:.1f}" height="{thick}" rx="2"/>'
            inside += f'<text x="{width + 6:.1f}" y="{y + 9:.0f}">{rate:.3g}</text>'
            y += thick + 3
        y += gap - 18
    return svg(WIDTH, max(y, 10), inside, f"Incidents a household-month by {what.replace('_', ' ')}")
