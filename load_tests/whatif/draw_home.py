"""One household in close-up: its hours as a heat map, and under it how near the silence came to its threshold."""

import math
from html import escape
from typing import Any, Final

from load_tests.whatif.draw import path, svg
from schemas.incidents import KIND_NAMES, IncidentKind

WIDTH: Final = 960
LEFT: Final = 44
ROW: Final = 7
HEAT_TOP: Final = 20
HEAT_BOTTOM: Final = HEAT_TOP + 24 * ROW
CURVE_TOP: Final = HEAT_BOTTOM + 52
CURVE_BOTTOM: Final = CURVE_TOP + 90
HIGHEST: Final = 1.6
"""A score beyond this many thresholds is drawn at this height."""


def close_up(home: dict[str, Any]) -> str:
    """Return the picture of one household."""
    span_ms: int = max(home["until_ms"] - home["from_ms"], 1)

    from_ms: int = home["from_ms"]

    def x(at_ms: float) -> float:
        return LEFT + (WIDTH - LEFT) * (at_ms - from_ms) / span_ms

    return svg(WIDTH, CURVE_BOTTOM + 20, _heat(home) + _curves(home, x) + _marks(home, x), _words(home))


def _words(home: dict[str, Any]) -> str:
    return f"Signs of life of {home['household']} by day and hour, and the score of its silence against the threshold"


def _heat(home: dict[str, Any]) -> str:
    days = home["days"]
    if not days:
        return ""
    most = max(max(day["hours"]) for day in days) or 1
    width = (WIDTH - LEFT) / len(days)
    out = [
        f'<text x="{LEFT - 6}" y="{HEAT_TOP + hour * ROW + 9}" text-anchor="end">{hour:02d}</text>'
        for hour in (0, 6, 12, 18)
    ]
    every = max(math.ceil(len(days) / 9), 1)
    for i, day in enumerate(days):
        left = LEFT + i * width
        if i % every == 0:
            out.append(f'<text x="{left:.1f}" y="12">{escape(day["day"][5:])}</text>')
        for hour, count in enumerate(day["hours"]):
            if count:
                # By the logarithm: one door at night must be seen beside a hundred triggers at noon.
                strength = 0.12 + 0.88 * math.log1p(count) / math.log1p(most)
                out.append(
                    f'<rect class="heat" opacity="{strength:.2f}" x="{left:.1f}" y="{HEAT_TOP + hour * ROW}"'
                    f' width="{max(width - 1, 1):.1f}" height="{ROW - 1}"/>'
                )
    return "".join(out)


def _curves(home: dict[str, Any], x: Any) -> str:
    def y(share: float) -> float:
        return CURVE_BOTTOM - (CURVE_BOTTOM - CURVE_TOP) * min(max(share, 0), HIGHEST) / HIGHEST

    out = [
        f'<path class="axis" d="M{LEFT} {CURVE_BOTTOM}H{WIDTH}"/>',
        f'<path class="even" d="M{LEFT} {y(1):.1f}H{WIDTH}"/>',
        f'<text x="{LEFT - 6}" y="{y(1) + 4:.1f}" text-anchor="end">alarm</text>',
        f'<text x="{LEFT - 6}" y="{CURVE_BOTTOM + 3}" text-anchor="end">0</text>',
        f'<text x="{LEFT}" y="{CURVE_TOP - 8}">how near the silence came to its threshold</text>',
    ]
    for k, points in enumerate(home["scores"].values()):
        out.append(path([(x(at), y(score / limit if limit else 0)) for at, score, limit in points], f"l{k} thin"))
    return "".join(out)


def _marks(home: dict[str, Any], x: Any) -> str:
    out = []
    if home["cut_at"]:
        at = x(home["cut_ms"])
        out.append(f'<path class="warn" d="M{at:.1f} {HEAT_TOP - 4}V{CURVE_BOTTOM}"/>')
        out.append(
            f'<text class="ink" x="{at - 5:.1f}" y="{HEAT_BOTTOM + 13}" text-anchor="end">collapse (artificial)</text>'
        )
    for k, mine in enumerate(home["incidents"].values()):
        for one in mine:
            at = x(one["opened_ms"])
            name = KIND_NAMES[IncidentKind(one["kind"])][1]
            css = f"f{k % 4}"
            top = HEAT_BOTTOM + 4 + 8 * (k % 4)
            out.append(
                f'<path class="{css}" d="M{at:.1f} {top}l4.5 8h-9z"><title>{escape(name)}, {escape(one["at"])}:'
                f" {escape(one['sentence'])}</title></path>"
            )
    return "".join(out)
