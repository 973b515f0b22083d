"""`python -m infra.viewers.preview PROMETHEUS_URL CLICKHOUSE_URL UID FILE`: one dashboard as a plain page, called a preview.

For machines without Grafana: the same JSON, the same queries, drawn simply. What Grafana would draw looks better.
"""

import contextlib
import html
import json
import math
import re
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from infra.viewers.generate import BOARDS, dashboards
from schemas.times import to_rfc3339
from streams.clickhouse import connect
from streams.wallclock import now_ms

Line = tuple[str, list[tuple[float, float]]]
"""Legend, and points of seconds and value."""

COLUMN_PX: Final = 72
ROW_PX: Final = 26
LEGEND_PX: Final = 18
AXIS_PX: Final = 16
COLOURS: Final = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642")
NAMED: Final = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "purple": "#b877d9",
    "gray": "#8e8ea0",
    "text": "#ccccdc",
    "blue": "#5794f2",
    "transparent": "none",
}
"""Grafana's colours by the names under which panels ask for them: a browser means darker ones by the same words."""
_STYLE: Final = """
body{background:#111217;color:#ccccdc;font:13px 'Noto Sans','Noto Sans CJK KR',sans-serif;margin:0;width:1728px}
h1{font-size:17px;margin:10px 12px}small{color:#8e8ea0;font-weight:normal}.grid{position:relative}
.p{position:absolute;background:#181b1f;border:1px solid #2c3235;box-sizing:border-box;overflow:hidden;padding:6px 8px}
.p b{display:block;font-weight:600;white-space:nowrap;margin-bottom:4px}.n{font-size:32px;text-align:center}
table{border-collapse:collapse;font-size:12px}td,th{text-align:left;padding:2px 8px;white-space:nowrap}th{color:#8e8ea0}
.bar{height:15px;background:#3274d9;margin:2px 0}.l{font-size:11px}.l.n1{white-space:nowrap}svg{display:block}
"""


def expanded(sql: str, from_s: int, until_s: int, step_s: int) -> str:
    """Put the chosen time in place of the macros of Grafana's ClickHouse plugin."""
    within = rf"(\1 >= toDateTime({from_s}) AND \1 <= toDateTime({until_s}))"
    sql = re.sub(r"\$__timeFilter\((\w+)\)", within, sql)
    return re.sub(r"\$__timeInterval\((\w+)\)", rf"toStartOfInterval(toDateTime(\1), INTERVAL {step_s} second)", sql)


def ranged(prometheus: str, expr: str, legend: str, from_s: float, until_s: float) -> list[Line]:
    """Ask Prometheus for the lines of an expression.

    Raises:
        OSError: it does not answer, or refuses the expression.

    """
    expr = expr.replace("$__rate_interval", "15s")
    asked = {"query": expr, "start": from_s, "end": until_s, "step": max(1, int(until_s - from_s) // 200)}
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(asked)}") as answer:  # noqa: S310 - the caller's own
        found = json.loads(answer.read())["data"]["result"]
    out: list[Line] = []
    for one in found:
        named = re.sub(r"\{\{(\w+)\}\}", lambda label: str(one["metric"].get(label[1], "")), legend)  # noqa: B023 - used at once
        points = [(float(at), float(value)) for at, value in one["values"]]
        out.append((named, [point for point in points if not math.isnan(point[1])]))
    return [line for line in out if line[1]]


def shown(value: Any, unit: str) -> str:
    """Write a value in its unit, shortly."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, datetime):
        return _moment(value.timestamp())
    if not isinstance(value, int | float):
        return str(value)
    if unit == "s":
        for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
            if value >= size:
                return f"{value / size:.1f} {name}"
        return f"{value:.3g} s"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes":
        return f"{value / 1_048_576:.0f} MiB"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"


def svg(lines: Sequence[Line], unit: str, width: int, height: int, chosen: dict[str, str] | None = None) -> str:
    """Draw lines with their legend; `chosen` are colours by legend."""
    colours = [(chosen or {}).get(name, COLOURS[i % len(COLOURS)]) for i, (name, _) in enumerate(lines)]
    points = [point for _, line in lines for point in line]
    if not points:
        return "no data"
    from_s, until_s = min(at for at, _ in points), max(at for at, _ in points)
    top = max(value for _, value in points) or 1.0
    height -= LEGEND_PX * (1 + (sum(len(name) + 3 for name, _ in lines) * 6 > width))

    def place(at: float, value: float) -> str:
        x = 50 + (width - 56) * (at - from_s) / max(1.0, until_s - from_s)
        return f"{x:.1f},{height - AXIS_PX - (height - AXIS_PX - 6) * value / top:.1f}"

    drawn = "".join(
        f'<polyline fill="none" stroke="{colours[i]}" stroke-width="1.5" points="{" ".join(place(*p) for p in line)}"/>'
        for i, (_, line) in enumerate(lines)
    )
    dots = "".join(
        f'<circle cx="{xy[0]}" cy="{xy[1]}" r="2" fill="{colours[i]}"/>'
        for i, (_, line) in enumerate(lines)
        if len(line) < 60
        for xy in (place(*p).split(",") for p in line)
    )
    legend = " ".join(
        f'<span style="color:{colours[i]}">{html.escape(name)}</span>' for i, (name, _) in enumerate(lines)
    )
    axis = f'<text x="2" y="12" fill="#8e8ea0" font-size="11">{html.escape(shown(top, unit))}</text>'
    axis += f'<text x="2" y="{height - 16}" fill="#8e8ea0" font-size="11">0</text>'
    for at_s, x, anchor in ((from_s, 50, "start"), (until_s, width - 6, "end")):
        axis += f'<text x="{x}" y="{height - 2}" fill="#8e8ea0" font-size="10" text-anchor="{anchor}">{_moment(at_s)}</text>'
    return f'<svg width="{width}" height="{height}">{axis}{drawn}{dots}</svg><div class="l">{legend}</div>'


def _moment(at_s: float) -> str:
    return to_rfc3339(int(at_s * 1000))[5:16].replace("T", " ") + " UTC"


def table_lines(names: Sequence[str], found: Sequence[Sequence[Any]]) -> list[Line]:
    """Make lines of rows: a time, perhaps a name, and a value; or a time and several values, each a line of its column."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        has_name = len(one) == 3 and isinstance(one[1], str)
        for column in range(2 if has_name else 1, len(one)):
            if one[column] is not None:
                legend = str(one[1]) if has_name else names[column]
                lines.setdefault(legend, []).append((one[0].timestamp(), float(one[column])))
    return list(lines.items())


def panel_html(panel: dict[str, Any], ask: Callable[[str], Any], lines: Callable[[str, str], list[Line]]) -> str:
    """Draw one panel; `ask` gives columns and rows of SQL, `lines` those of an expression."""
    place, unit = panel["gridPos"], panel["fieldConfig"]["defaults"]["unit"]
    width, height = place["w"] * COLUMN_PX - 18, place["h"] * ROW_PX - 34
    if "rawSql" in panel["targets"][0]:
        names, found = ask(panel["targets"][0]["rawSql"])
        drawn = _rows_html(panel, names, found, width, height)
    else:
        got = [line for target in panel["targets"] for line in lines(target["expr"], target["legendFormat"])]
        number = panel["type"] == "stat"
        drawn = (
            _number_html(panel, got[0][1][-1][1] if got else None)
            if number
            else svg(got, unit, width, height, _chosen(panel))
        )
    at = f"left:{place['x'] * COLUMN_PX}px;top:{place['y'] * ROW_PX}px;width:{place['w'] * COLUMN_PX - 4}px"
    return f'<div class="p" style="{at};height:{place["h"] * ROW_PX - 4}px"><b>{html.escape(panel["title"])}</b>{drawn}</div>'


def _number_html(panel: dict[str, Any], value: Any) -> str:
    """Draw a value in the colour of the last threshold that it reaches."""
    if value is None:
        return '<div class="n">no data</div>'
    defaults = panel["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"] if isinstance(value, int | float) else ()
    reached = ["text", *(one["color"] for one in steps if one["value"] is None or value >= one["value"])]
    return f'<div class="n" style="color:{NAMED[reached[-1]]}">{html.escape(shown(value, defaults["unit"]))}</div>'


def _chosen(panel: dict[str, Any]) -> dict[str, str]:
    return {
        override["matcher"]["options"]: NAMED[one["value"]["fixedColor"]]
        for override in panel["fieldConfig"].get("overrides", [])
        for one in override["properties"]
        if one["id"] == "color"
    }


def _rows_html(panel: dict[str, Any], names: Sequence[str], found: Sequence[Any], width: int, height: int) -> str:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if panel["type"] == "stat":
        return _number_html(panel, found[0][0] if found else None)
    if panel["type"] == "timeseries":
        return svg(table_lines(names, found), unit, width, height)
    if panel["type"] == "bargauge":
        most = max((one[1] for one in found), default=1)
        return "".join(
            f'<div class="l n1">{html.escape(str(name))}: {value}</div><div class="bar" style="width:{width * value / most:.0f}px"></div>'
            for name, value in found[: height // 36]
        )
    units = {
        override["matcher"]["options"]: override["properties"][0]["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["properties"][0]["id"] == "unit"
    }
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(shown(v, units.get(n, 'none'))[:46])}</td>" for n, v in zip(names, one, strict=True)
        )
        + "</tr>"
        for one in found[: height // 20]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def page_html(
    board: dict[str, Any], ask: Callable[[str], Any], lines: Callable[[str, str], list[Line]], about: str
) -> str:
    """Draw a whole dashboard."""
    panels = board["panels"]
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * ROW_PX
    drawn = "\n".join(panel_html(panel, ask, lines) for panel in panels)
    head = f"<h1>{html.escape(board['title'])} <small>preview, not Grafana: {html.escape(about)}</small></h1>"
    return (
        f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>{head}'
        f'<div class="grid" style="height:{bottom}px">{drawn}</div>\n'
    )


def boards() -> dict[str, dict[str, Any]]:
    """Return the JSON of the dashboards that have figures, by uid."""
    found = {path.stem: json.loads(text) for path, text in dashboards().items()}
    return {board.uid: found[board.uid] for board in BOARDS}


def panel_queries(board: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a dashboard asks Prometheus: expressions with their legends."""
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    return [(target["expr"], target["legendFormat"]) for target in targets if "expr" in target]


def table_of(clickhouse: Any, board: dict[str, Any]) -> Callable[[str], tuple[Sequence[str], Sequence[Any]]]:
    """Return what asks ClickHouse, a client, about the time a dashboard shows."""
    until_s = now_ms() // 1000
    days = {"now-30d": 30, "now-24h": 1}.get(board["time"]["from"], 1)

    def ask(sql: str) -> tuple[Sequence[str], Sequence[Any]]:
        found = clickhouse.query(expanded(sql, until_s - days * 86_400, until_s + 60, 3_600))
        return found.column_names, found.result_rows

    return ask


def preview(prometheus: str, clickhouse: Any, uid: str, *, minutes: float, about: str) -> str:
    """Ask both and draw one dashboard; `clickhouse` is a client, `minutes` the span of what Prometheus is asked."""
    board = boards()[uid]
    until_s = now_ms() / 1000

    def lines(expr: str, legend: str) -> list[Line]:
        return ranged(prometheus, expr, legend, until_s - minutes * 60, until_s)

    return page_html(board, table_of(clickhouse, board), lines, about)


def main() -> None:
    """Write one page."""
    prometheus, clickhouse, uid, file = sys.argv[1:]
    with contextlib.closing(connect(clickhouse)) as client:
        text = preview(prometheus.rstrip("/"), client, uid, minutes=180, about="the last 3 hours")
    Path(file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
