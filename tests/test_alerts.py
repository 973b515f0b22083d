"""Alert rules: tried by Prometheus's own tools, about metrics that exist, each with a runbook and routes that reach somebody."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from test_docs import broken_links, commands_in, of_this_machine, why_not
from viewers_rules import (
    ALERTMANAGER,
    NAMED,
    PROMETHEUS,
    ROOT,
    RULES,
    alerts,
    rules,
    run,
    seconds,
    with_shorter_waits,
    wrong_in,
)

from schemas.profiles import DEFAULT_PROFILE
from streams.settings import Settings

TESTS = sorted(PROMETHEUS.glob("*_test.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
SEVERITIES = ("critical", "warning", "none")
EVALUATED_EVERY_S = 15
SECTIONS = ["What it means for residents", "What to look at", "What to do"]


def each_alert() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", sorted(alerts()))


def told_within_s(name: str) -> float:
    """Scrape, evaluation and `for`: the longest an alert takes once its condition holds."""
    return seconds(alerts()[name].get("for", "0s")) + 2 * EVALUATED_EVERY_S


def tried() -> dict[str, list[bool]]:
    """For each alert what its unit tests expect: True firing, False quiet."""
    out: dict[str, list[bool]] = {}
    for file in TESTS:
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for one in test["alert_rule_test"]:
                out.setdefault(one["alertname"], []).append(bool(one["exp_alerts"]))
    return out


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_every_rule_fires_and_keeps_quiet_as_its_unit_tests_say(file: Path) -> None:
    done = run("promtool", "test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_negative_control_a_wrong_threshold_is_found_by_its_unit_test(tmp_path: Path) -> None:
    text = RULES.read_text(encoding="utf-8")
    assert text.count("alarms of silence in 7 days") == 1
    changed = text.replace("* 7 / 30) + 3", "* 7 / 30) + 30")
    assert changed != text
    (tmp_path / "rules.yml").write_text(changed, encoding="utf-8")
    shutil.copy(PROMETHEUS / "rules_week_test.yml", tmp_path)
    done = run("promtool", "test", "rules", tmp_path / "rules_week_test.yml")
    assert done.returncode != 0
    assert "AnbuSilenceOverBudget" in done.stdout + done.stderr


def test_prometheus_and_alertmanager_take_their_files() -> None:
    for command in (
        ("promtool", "check", "rules", "--lint-fatal", RULES),
        ("promtool", "check", "config", PROMETHEUS / "prometheus.yml"),
        ("amtool", "check-config", ALERTMANAGER),
    ):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr


@each_alert()
def test_an_alert_is_shown_firing_and_quiet(name: str) -> None:
    if name == "AnbuWatchdog":
        assert tried()[name] == [True]  # its silence is the alarm
        return
    assert set(tried()[name]) == {True, False}


@each_alert()
def test_an_alert_says_how_grave_it_is_and_where_its_runbook_lies(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(alert["annotations"]) == {"summary", "runbook"}
    assert alert["annotations"]["runbook"] == f"docs/runbooks/{name}.md"


@each_alert()
def test_a_runbook_says_what_it_means_for_residents_where_to_look_and_what_to_do(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert [head for head in re.findall(r"^## (.+)$", text, re.MULTILINE) if head != "Afterwards"] == SECTIONS
    assert f"- Severity: {alerts()[name]['labels']['severity']}" in text
    within_s = told_within_s(name)
    within = f"{within_s:g} s" if within_s < 120 else f"{within_s / 60:g} minutes"
    assert f"- Fires within {within} once its condition holds" in text


@each_alert()
def test_a_runbook_names_commands_pages_and_metrics_that_exist(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert not {line: why for line in commands_in(text) if (why := why_not(line))}
    assert not broken_links(text, RUNBOOKS)
    assert not of_this_machine(text)
    assert set(re.findall(r"\banbu_[a-z_]*[a-z]\b", text)) <= set(NAMED)
    assert set(re.findall(r"\bANBU_[A-Z_]*[A-Z]\b", text)) <= set(Settings().to_env())


def test_the_line_to_the_one_on_call_is_tried_under_a_name_that_no_alert_has() -> None:
    """Under the name of a real alert the real one would count as told, and what follows from it would be held back."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    tried = re.findall(r"amtool alert add (\w+) severity=critical", page)
    assert tried
    assert not set(tried) & set(alerts())
    held = yaml.safe_load(ALERTMANAGER.read_text("utf-8"))["inhibit_rules"]
    assert not [name for name in tried for rule in held for one in rule["source_matchers"] if f'"{name}"' in one]


def test_no_runbook_is_of_an_alert_that_is_gone() -> None:
    assert {file.stem for file in RUNBOOKS.glob("*.md")} == set(alerts())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert", rule.get("record")))
def test_a_rule_asks_only_for_metrics_labels_and_values_that_exist(rule: dict[str, str]) -> None:
    recorded = {one["record"] for one in rules() if "record" in one}
    assert not list(wrong_in(rule["expr"]))
    assert set(re.findall(r"\banbu:[\w:]+", rule["expr"])) <= recorded


def test_negative_control_metrics_and_labels_that_nobody_tells_are_found() -> None:
    assert list(wrong_in('sum(anbu_lag_recordz) + anbu_partitions{what="redy"} + anbu_lag_records{topic="x"}')) == [
        "no metric anbu_lag_recordz",
        "anbu_partitions: what is never redy",
        "anbu_lag_records has no label topic",
    ]
    assert not list(wrong_in('rate(anbu_emergency_seconds_bucket{le="5"}[5m]) + anbu_lag_records{partition="7"}'))


def test_no_alert_names_a_home() -> None:
    labels = {label for of in NAMED.values() for label in of}
    for alert in alerts().values():
        assert set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"])) <= {
            *labels,
            "instance",
            "mountpoint",
        }


def test_the_budget_in_the_rules_is_the_one_of_the_profile_in_force_and_no_number_of_their_own() -> None:
    budget = next(rule for rule in rules() if rule.get("record") == "anbu:silence_budget:per_household_month")
    assert budget["expr"] == 'max(anbu_budget{what="silence"})'
    expressions = "".join(rule["expr"] for rule in rules() if "silence" in rule["expr"])
    assert str(DEFAULT_PROFILE.silence_budget) not in expressions


def test_waits_are_shortened_and_nothing_else() -> None:
    text = RULES.read_text(encoding="utf-8")
    short = {rule["alert"]: rule for rule in rules(with_shorter_waits(text, 0.05)) if "alert" in rule}
    for name, alert in alerts().items():
        assert short[name] | {"for": 0} == alert | {"for": 0}
        if "for" in alert:
            assert short[name]["for"] == f"{seconds(alert['for']) * 50:.0f}ms"


# Who is told.


@each_alert()
def test_whoever_must_hear_an_alert_is_the_one_it_goes_to(name: str) -> None:
    severity = alerts()[name]["labels"]["severity"]
    done = run(
        *("amtool", "config", "routes", "test", "--config.file", ALERTMANAGER),
        *(f"alertname={name}", f"severity={severity}"),
    )
    assert done.stdout.strip() == {"critical": "on-call", "warning": "desk", "none": "dead-man"}[severity]


def test_an_alert_is_held_back_only_by_one_that_is_at_least_as_grave() -> None:
    severity = {name: SEVERITIES.index(alert["labels"]["severity"]) for name, alert in alerts().items()}
    pattern = re.compile(r'alertname =~? "([^"]+)"')
    for rule in yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))["inhibit_rules"]:
        (source,) = (pattern.fullmatch(one)[1] for one in rule["source_matchers"])
        targets = [name for name in severity for one in rule["target_matchers"] if pattern.fullmatch(one)]
        held = [name for name in targets if re.fullmatch(pattern.fullmatch(rule["target_matchers"][0])[1], name)]
        assert held
        assert source not in held
        assert all(severity[source] <= severity[name] for name in held), (source, held)
        # Alerts of other partitions or topics are not explained by this one.
        for label in rule.get("equal", []):
            assert all(label in by_labels(name) for name in (source, *held))


def by_labels(name: str) -> str:
    return str(alerts()[name]["expr"]) + str(alerts()[name]["annotations"]["summary"])
