"""Dashboards: made from code, about metrics that exist, laid out without overlap, with units, words and runbooks."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from viewers_rules import ALERTMANAGER, NAMED, ROOT, alerts, rules, wrong_in

from infra.viewers.boards import row
from infra.viewers.generate import BOARDS, FOLDER, dashboards, drifted
from infra.viewers.now import NOW
from schemas.rows import TABLES
from streams.board.app import PAGES

JSON = {path.stem: json.loads(text) for path, text in dashboards().items()}
PANELS = [(uid, panel) for uid, board in JSON.items() for panel in board["panels"]]
WATCHING = [one for one in PANELS if one[0] != "anbu-runbooks"]
PROVISIONING = ROOT / "infra" / "grafana" / "provisioning"
OF_PLUGIN = {"prometheus": "anbu-prometheus", "grafana-clickhouse-datasource": "anbu-clickhouse"}


def name_of(one: tuple[str, dict[str, Any]]) -> str:
    return f"{one[0]}: {one[1]['title']}"


def each_panel() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", WATCHING, ids=name_of)


def targets(kind: str) -> Iterator[tuple[str, str]]:
    """Panel and query, of every panel that asks Prometheus (`expr`) or ClickHouse (`rawSql`)."""
    for one in WATCHING:
        for target in one[1]["targets"]:
            if kind in target:
                yield name_of(one), target[kind]


def test_the_json_is_what_the_code_says() -> None:
    assert drifted() == [], "run: make docs"


def test_negative_control_json_that_was_edited_by_hand_or_is_left_over_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / FOLDER, tmp_path / FOLDER)
    shutil.copytree(ROOT / "docs" / "runbooks", tmp_path / "docs" / "runbooks")
    assert drifted(tmp_path) == []
    now = tmp_path / FOLDER / "anbu-now.json"
    now.write_text(now.read_text("utf-8").replace("Homes watched", "Homes"), "utf-8")
    (tmp_path / FOLDER / "mine.json").write_text("{}", "utf-8")
    assert drifted(tmp_path) == [FOLDER / "anbu-now.json", FOLDER / "mine.json"]


@pytest.mark.parametrize("uid", JSON)
def test_no_panel_overlaps_another_and_each_has_its_number(uid: str) -> None:
    panels = JSON[uid]["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    for one, other in itertools.combinations([panel["gridPos"] for panel in panels], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in (panel["gridPos"] for panel in panels))


def test_negative_control_panels_that_do_not_fill_a_row_are_refused() -> None:
    panel = NOW.panels[0]
    with pytest.raises(ValueError, match="do not make 24"):
        row(4, panel, panel, widths=(12, 13))


def counts_what_was_played(sql: str) -> bool:
    """Whether a query counts incidents without leaving those of exercises out."""
    return bool(re.search(r"FROM incidents", sql)) and not re.search(r"status = 'Actual'", sql)


def test_no_panel_counts_incidents_that_were_played() -> None:
    asked = [(name, sql) for name, sql in targets("rawSql") if "FROM incidents" in sql]
    assert len(asked) > 5
    assert [name for name, sql in asked if counts_what_was_played(sql)] == []
    assert counts_what_was_played("SELECT count() FROM incidents FINAL")


@each_panel()
def test_a_panel_says_what_it_means_and_in_which_unit(one: tuple[str, dict[str, Any]]) -> None:
    panel = one[1]
    assert len(panel["description"]) > 20
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]


@each_panel()
def test_a_panel_asks_the_source_it_names(one: tuple[str, dict[str, Any]]) -> None:
    panel = one[1]
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert OF_PLUGIN[target["datasource"]["type"]] == target["datasource"]["uid"]
        assert ("expr" in target) == (target["datasource"]["type"] == "prometheus")


def test_titles_are_not_there_twice_on_a_page() -> None:
    for board in JSON.values():
        titles = [panel["title"] for panel in board["panels"]]
        assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("panel", "expr"), list(targets("expr")))
def test_a_query_asks_only_for_metrics_labels_and_values_that_exist(panel: str, expr: str) -> None:
    recorded = {one["record"] for one in rules() if "record" in one}
    assert not list(wrong_in(expr))
    assert set(re.findall(r"\banbu:[\w:]+", expr)) <= recorded


@pytest.mark.parametrize(("panel", "sql"), list(targets("rawSql")))
def test_whatever_counts_rows_reads_them_without_repeats(panel: str, sql: str) -> None:
    tables = "|".join(table.name for table in TABLES)
    for table, after in re.findall(rf"FROM ({tables})\b(\w*)\s+(?:FINAL)?", sql):
        assert after == "_current" or f"FROM {table} FINAL" in sql
    assert not re.search(rf"(?:FROM|JOIN) (?:{tables})(?!_current| FINAL)\b", sql)


def test_every_alert_is_reached_from_a_panel_and_every_link_leads_to_its_runbook() -> None:
    numbers = {panel["title"]: panel["id"] for panel in JSON["anbu-runbooks"]["panels"]}
    assert set(numbers) == set(alerts())
    linked = {}
    for _, panel in WATCHING:
        for link in panel.get("links", []):
            linked[link["title"]] = link["url"]
    assert linked == {name: f"/d/anbu-runbooks?viewPanel={number}" for name, number in numbers.items()}


def test_an_incident_on_a_panel_leads_to_its_page_on_the_board_by_its_id_alone() -> None:
    linked = {}
    for name, panel in ((name_of(one), one[1]) for one in WATCHING):
        for override in panel["fieldConfig"]["overrides"]:
            for properties in override["properties"]:
                if properties["id"] == "links":
                    linked[name, override["matcher"]["options"]] = properties["value"][0]["url"]
    assert linked == {("anbu-now: Open cases", "incident"): "${board}/incidents/${__value.raw}"}
    assert ("GET", "/incidents/{incident}") in {(page.method, page.path) for page in PAGES}
    (variable,) = JSON["anbu-now"]["templating"]["list"]
    assert variable["name"] == "board"
    assert not list(wrong_in(str(variable["query"])))
    assert "anbu_board_info" in NAMED


def test_no_address_on_a_dashboard_holds_a_household() -> None:
    text = "".join(map(json.dumps, JSON.values()))
    assert not [url for url in re.findall(r'"url": "([^"]*)"', text) if "household" in url or "h-" in url]


def test_the_runbooks_are_there_word_for_word() -> None:
    for panel in JSON["anbu-runbooks"]["panels"]:
        assert "## What to do" in panel["options"]["content"]
        assert ".md)" not in panel["options"]["content"]


def test_grafana_finds_its_sources_and_dashboards_as_provisioned() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources" / "anbu.yml").read_text("utf-8"))["datasources"]
    assert {one["type"]: one["uid"] for one in sources} == OF_PLUGIN
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "anbu.yml").read_text("utf-8"))["providers"]
    assert provider["options"]["path"] == "/etc/anbu/dashboards"
    assert {board.uid for board in BOARDS} | {"anbu-runbooks"} == {board["uid"] for board in JSON.values()}
    assert ALERTMANAGER.exists()
