"""The preview of a dashboard draws what it is given, and says that it is none of Grafana's."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.viewers.generate import dashboards
from infra.viewers.preview import NAMED, Line, expanded, page_html, panel_html, shown, svg, table_lines

JSON = {path.stem: json.loads(text) for path, text in dashboards().items()}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (90, "s", "1.5 min"),
        (0.0042, "s", "0.0042 s"),
        (0.25, "percentunit", "25 %"),
        (3 << 20, "bytes", "3 MiB"),
        (12_345, "none", "12,345"),
        (2_380.4, "none", "2,380"),
        (float("nan"), "s", ""),
        (None, "s", ""),
        ("d07", "none", "d07"),
        (datetime(2026, 1, 1, 12, 34, tzinfo=UTC), "none", "01-01 12:34 UTC"),
    ],
)
def test_a_value_is_shown_in_its_unit(value: Any, unit: str, text: str) -> None:
    assert shown(value, unit) == text


@pytest.mark.parametrize(("partitions", "colour"), [(0.0, "green"), (1.0, "red")])
def test_a_number_has_the_colour_of_the_threshold_that_it_reaches(partitions: float, colour: str) -> None:
    (panel,) = (one for one in JSON["anbu-now"]["panels"] if one["title"] == "Partitions judged by nobody")
    drawn = panel_html(panel, lambda _sql: None, lambda _expr, legend: [(legend, [(0.0, partitions)])])
    assert f'style="color:{NAMED[colour]}">{partitions:.0f}<' in drawn


def test_macros_become_the_chosen_time() -> None:
    sql = "SELECT $__timeInterval(at) FROM t WHERE $__timeFilter(at)"
    assert expanded(sql, 10, 20, 5) == (
        "SELECT toStartOfInterval(toDateTime(at), INTERVAL 5 second) FROM t"
        " WHERE (at >= toDateTime(10) AND at <= toDateTime(20))"
    )


def test_rows_over_time_become_a_line_for_each_name() -> None:
    at = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (0, 1)]
    lines = table_lines(["time", "kind", "n"], [(at[0], "fall", 1), (at[0], "gas", 2), (at[1], "fall", 3)])
    assert [(name, [value for _, value in points]) for name, points in lines] == [("fall", [1.0, 3.0]), ("gas", [2.0])]


def test_lines_without_a_point_say_so() -> None:
    assert svg([], "s", 100, 100) == "no data"
    assert svg([("a", [(0.0, 1.0), (1.0, 2.0)])], "s", 100, 100).count("<polyline") == 1


@pytest.mark.parametrize("uid", ["anbu-now", "anbu-quality", "anbu-pipeline", "anbu-sources"])
def test_every_panel_is_drawn_and_nothing_of_a_table_becomes_a_page(uid: str) -> None:
    def ask(sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        if " AS time" in sql:
            return ["time", "n"], [(datetime(2026, 1, 1, tzinfo=UTC), 2.0)]
        return ["of", "n"], [("<script>", 2.0)]

    def lines(expr: str, legend: str) -> list[Line]:
        return [(legend, [(0.0, 1.0), (60.0, 2.0)])]

    page = page_html(JSON[uid], ask, lines, "synthetic")
    assert page.count('class="p"') == len(JSON[uid]["panels"])
    assert "preview, not Grafana" in page
    assert "no data" not in page
    assert "<script>" not in page
