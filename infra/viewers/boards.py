"""A dashboard: rows of panels laid side by side, numbered in reading order, each with the runbooks of its alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from infra.viewers.panels import PROMETHEUS, RUNBOOKS_UID, Panel

GRID: Final = 24
"""Columns of Grafana's page."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels of one height, each with its width in columns; together 24."""

    height: int
    panels: tuple[tuple[int, Panel], ...]


def row(height: int, *panels: Panel, widths: Sequence[int] = ()) -> Row:
    """Lay panels side by side, of equal width unless `widths` says otherwise.

    Raises:
        ValueError: they do not fill the page.

    """
    chosen = tuple(widths) or (GRID // len(panels),) * len(panels)
    if len(chosen) != len(panels) or sum(chosen) != GRID:
        raise ValueError(f"{', '.join(panel.title for panel in panels)}: widths {chosen} do not make {GRID}")
    return Row(height, tuple(zip(chosen, panels, strict=True)))


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    since: str = "now-24h"
    refresh: str = "30s"
    leads_to_board: bool = False
    """Its panels link to the board: the page has its address as a variable."""

    @property
    def panels(self) -> list[Panel]:
        """Its panels in reading order."""
        return [panel for one in self.rows for _, panel in one.panels]


def made(board: Board, runbook_number: dict[str, int]) -> model.Dashboard:
    """Build the dashboard. `runbook_number`: the panel of each alert's runbook on the dashboard of runbooks."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["anbu"])
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(board.since, "now")
        .refresh(board.refresh)
        .readonly()
        .link(
            dashboard.DashboardLink("Anbu")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["anbu"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    if board.leads_to_board:
        builder = builder.with_variable(
            dashboard.QueryVariable("board")
            .label("Board")
            .description("Address of the responders' board, as the board itself tells it (ANBU_BOARD_URL).")
            .datasource(PROMETHEUS)
            .query("label_values(anbu_board_info, url)")
            .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        )
    number, top = 0, 0
    for one in board.rows:
        left = 0
        for width, panel in one.panels:
            number += 1
            place = model.GridPos(h=one.height, w=width, x=left, y=top)
            built = panel.builder.id(number).title(panel.title).description(panel.about).grid_pos(place)
            if panel.runbooks:
                built = built.links([_runbook(alert, runbook_number[alert]) for alert in panel.runbooks])
            builder = builder.with_panel(built)
            left += width
        top += one.height
    return builder.build()


def _runbook(alert: str, number: int) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(alert).type(model.DashboardLinkType.LINK).url(f"/d/{RUNBOOKS_UID}?viewPanel={number}")
    )
