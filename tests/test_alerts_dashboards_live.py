"""Alerts and dashboards on a real run: quiet while all is well, loud when the worker is killed, and no panel empty."""

import math

import pytest
from test_dashboards import targets
from viewers_rules import alerts, seconds
from viewers_run import CLEAN_S, SCALE, Seen, play

from infra.viewers.preview import expanded

EXPRS = list(targets("expr"))
SQLS = list(targets("rawSql"))
EMPTY = 'anbu_lag_records{partition="99"}'
SLACK_S = 6.0
"""Scrapes and evaluations of every second come late on a busy machine; the alert's own wait is 3 s."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    exprs = [*(expr for _, expr in EXPRS), EMPTY]
    return play(tmp_path_factory.mktemp("viewers"), exprs, [sql for _, sql in SQLS])


@pytest.mark.slow
def test_an_alert_is_neither_firing_nor_about_to_while_all_is_well(seen: Seen) -> None:
    assert seen.clean == []
    assert seen.evaluated > CLEAN_S / 2  # the control: the watchdog was evaluated and fired all the time


@pytest.mark.slow
def test_alert_of_a_killed_worker_fires_within_its_stated_time_and_reaches_the_one_on_call(seen: Seen) -> None:
    stated_s = seconds(alerts()["AnbuWorkerDown"]["for"]) * SCALE + 2 * 1.0
    assert 0 < seen.down_after_s <= stated_s + SLACK_S
    assert seen.told["on-call"] == {"AnbuWorkerDown"}


@pytest.mark.slow
def test_alerts_that_only_follow_from_another_wake_nobody(seen: Seen) -> None:
    assert "AnbuWorkerLost" in seen.held_back
    assert "AnbuWorkerLost" not in seen.told.get("desk", set())


@pytest.mark.slow
def test_alert_of_the_watchdog_reaches_its_own_receiver(seen: Seen) -> None:
    assert seen.told["dead-man"] == {"AnbuWatchdog"}


@pytest.mark.slow
@pytest.mark.parametrize(("panel", "expr"), EXPRS)
def test_a_dashboard_panel_shows_what_prometheus_has(seen: Seen, panel: str, expr: str) -> None:
    values = [float(one["value"][1]) for one in seen.metrics[expr]]
    assert [value for value in values if not math.isnan(value)], f"{panel}: no data for {expr}"


@pytest.mark.slow
@pytest.mark.parametrize(("panel", "sql"), SQLS)
def test_a_dashboard_panel_shows_what_clickhouse_has(seen: Seen, panel: str, sql: str) -> None:
    found = seen.tables[sql]
    assert not isinstance(found, Exception), f"{panel}: {found}"
    assert found, f"{panel}: no row"
    assert any(value is not None for value in found[0]), f"{panel}: nothing in its first row"


@pytest.mark.slow
def test_a_dot_on_a_dashboard_leads_to_the_emergency_it_stands_for_and_names_nothing_else(seen: Seen) -> None:
    named = [set(one) for one in seen.exemplars]
    assert named
    assert all(labels == {"incident"} for labels in named)
    assert {one["incident"] for one in seen.exemplars} & seen.incidents


@pytest.mark.slow
def test_negative_control_a_dashboard_panel_about_nothing_would_be_found_empty(seen: Seen) -> None:
    assert seen.metrics[EMPTY] == []


def test_the_macros_of_a_dashboard_are_all_known() -> None:
    for panel, sql in SQLS:
        assert "$" not in expanded(sql, 0, 1, 1), panel
