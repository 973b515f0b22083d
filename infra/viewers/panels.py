"""Panels of one look: each asks Prometheus or ClickHouse, says its unit and what it means, and leads to its runbooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import text as text_model

Threshold = tuple[float, str]
"""From which value on which colour; the first begins below everything."""

PROMETHEUS: Final = model.DataSourceRef(type_val="prometheus", uid="anbu-prometheus")
CLICKHOUSE: Final = model.DataSourceRef(type_val="grafana-clickhouse-datasource", uid="anbu-clickhouse")
RUNBOOKS_UID: Final = "anbu-runbooks"
TO_INCIDENT: Final = "${board}/incidents/${__value.raw}"
"""The board's page of an incident; it asks who looks. `board` is a variable of the dashboard, told by the board itself."""

GREEN: Final = "green"
AMBER: Final = "orange"
RED: Final = "red"
ZERO_IS_WELL: Final[tuple[Threshold, ...]] = ((0, GREEN), (1, RED))


class Sql(cog.Builder[variants.Dataquery], variants.Dataquery):
    """A ClickHouse query as Grafana's plugin keeps it. The kit has no type for that plugin."""

    def __init__(self, sql: str, *, over_time: bool) -> None:
        """Ask for rows of a table, or for points of lines (first column `time`)."""
        self._sql = "\n".join(line.strip() for line in sql.strip().splitlines())
        self._over_time = over_time

    def build(self) -> variants.Dataquery:
        """Return itself: it never changes."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return the plugin's form."""
        return {
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "format": 0 if self._over_time else 1,
            "queryType": "timeseries" if self._over_time else "table",
            "rawSql": self._sql,
            "refId": "A",
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel before it has its place."""

    title: str
    about: str
    builder: Any
    runbooks: tuple[str, ...] = ()
    """Alerts that this panel helps to understand."""


def _target(expr: str, legend: str, number: int, *, instant: bool, exemplars: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).ref_id(chr(ord("A") + number)).datasource(PROMETHEUS)
    query = query.legend_format(legend)
    if exemplars:
        query = query.exemplar(True)
    return query.instant() if instant else query.range()


def _thresholds(steps: Sequence[Threshold]) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(None if number == 0 else value, color) for number, (value, color) in enumerate(steps)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def number(
    title: str,
    about: str,
    *,
    unit: str,
    expr: str = "",
    sql: str = "",
    steps: Sequence[Threshold] = ((0, "text"),),
    runbooks: tuple[str, ...] = (),
    decimals: int | None = None,
) -> Panel:
    """Show one large number: what `expr` gives now, or the one row of `sql`."""
    builder = stat.Panel().unit(unit).thresholds(_thresholds(steps)).color_mode(common_model.BigValueColorMode.VALUE)
    builder = builder.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    if decimals is not None:
        builder = builder.decimals(decimals)
    if expr:
        builder = builder.with_target(_target(expr, title, 0, instant=True)).datasource(PROMETHEUS)
        builder = builder.graph_mode(common_model.BigValueGraphMode.NONE)
    else:
        builder = builder.with_target(Sql(sql, over_time=False)).datasource(CLICKHOUSE)
        builder = builder.graph_mode(common_model.BigValueGraphMode.NONE)
    return Panel(title, about, builder, runbooks)


def lines(
    title: str,
    about: str,
    *exprs: tuple[str, str],
    unit: str,
    sql: str = "",
    stacked: bool = False,
    steps: Sequence[Threshold] = (),
    runbooks: tuple[str, ...] = (),
    exemplars: bool = False,
    colours: dict[str, str] | None = None,
) -> Panel:
    """Draw lines over time: pairs of expression and legend, or `sql` with a column `time`. `steps` are drawn as lines.

    `exemplars` marks single incidents beside the lines; each leads to its page on the board, as the data source says.
    `colours` by legend, for lines whose meaning has a colour; others get the next one of the palette.
    """
    builder = timeseries.Panel().unit(unit).fill_opacity(20 if stacked else 0).line_width(1).min(0)
    builder = builder.show_points(common_model.VisibilityMode.AUTO)
    builder = builder.legend(
        common.VizLegendOptions()
        .display_mode(common_model.LegendDisplayMode.LIST)
        .placement(common_model.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    builder = builder.tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
    if stacked:
        builder = builder.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A"))
    if steps:
        builder = builder.thresholds(_thresholds(steps)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED)
        )
    for at, (expr, legend) in enumerate(exprs):
        builder = builder.with_target(
            _target(expr, legend, at, instant=False, exemplars=exemplars and at == 0)
        ).datasource(PROMETHEUS)
    if sql:
        builder = builder.with_target(Sql(sql, over_time=True)).datasource(CLICKHOUSE)
    for legend, colour in (colours or {}).items():
        fixed = model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        builder = builder.override_by_name(legend, [fixed])
    return Panel(title, about, builder, runbooks)


def bars(title: str, about: str, *, unit: str, sql: str, runbooks: tuple[str, ...] = ()) -> Panel:
    """Draw one horizontal bar a row: the first column names it, the second is its length."""
    builder = bargauge.Panel().unit(unit).min(0).orientation(common_model.VizOrientation.HORIZONTAL)
    builder = builder.display_mode(common_model.BarGaugeDisplayMode.BASIC).thresholds(_thresholds(((0, "blue"),)))
    builder = builder.reduce_options(common.ReduceDataOptions().values(True).calcs(["lastNotNull"]))
    builder = builder.with_target(Sql(sql, over_time=False)).datasource(CLICKHOUSE)
    return Panel(title, about, builder, runbooks)


def rows(
    title: str,
    about: str,
    *,
    sql: str,
    units: dict[str, str] | None = None,
    widths: dict[str, int] | None = None,
    links: dict[str, str] | None = None,
    runbooks: tuple[str, ...] = (),
) -> Panel:
    """Lay out a table. `units`, `widths` (pixels) and `links` by column; others have the plain one."""
    builder = table.Panel().unit("none").with_target(Sql(sql, over_time=False)).datasource(CLICKHOUSE)
    for column in {**(units or {}), **(widths or {}), **(links or {})}:
        properties = []
        if column in (units or {}):
            properties.append(model.DynamicConfigValue("unit", (units or {})[column]))
        if column in (widths or {}):
            properties.append(model.DynamicConfigValue("custom.width", (widths or {})[column]))
        if column in (links or {}):
            link = {"title": "Open on the board", "url": (links or {})[column], "targetBlank": True}
            properties.append(model.DynamicConfigValue("links", [link]))
        builder = builder.override_by_name(column, properties)
    return Panel(title, about, builder, runbooks)


def page(title: str, about: str, content: str) -> Panel:
    """Show Markdown."""
    builder = text.Panel().mode(text_model.TextMode.MARKDOWN).content(content)
    return Panel(title, about, builder)
