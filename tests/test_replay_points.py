"""What ClickHouse has of a replay's report: every curve and group by the point, for whoever charts profiles side by side."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from test_partition import START_MS

from load_tests.recordings.recording import write
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif.command import Asked, what_if
from load_tests.whatif.results import Results
from load_tests.whatif.runs import Variant
from schemas.profiles import DEFAULT_PROFILE
from streams.worker.run import ENGINE

ROOT = Path(__file__).parents[1]
BOLD = msgspec.structs.replace(DEFAULT_PROFILE, id="p-bold", silence_budget=20.0)
CHARTS: list[str] = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/tuning.md").read_text("utf-8"), re.DOTALL)


def replayed(client: Any, folder: Path, run: str) -> dict[str, Any]:
    street = folder / "street"
    neighbourhood = simulate(4, 8, 8, start_ms=START_MS)
    write(street, neighbourhood, neighbourhood.truth)
    asked = Asked(
        source=street,
        topics=None,
        variants=[Variant("today", DEFAULT_PROFILE), Variant("bolder", BOLD)],
        partitions=1,
        out=None,
        cuts=4,
        timelines=0,
        workers=0,
        results=Results(client, run, ENGINE),
    )
    return what_if(asked, Console(quiet=True))


@pytest.fixture
def found(client: Any, tmp_path: Path) -> dict[str, Any]:
    return replayed(client, tmp_path, "winter")


def rows(client: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(sql).result_rows]


def test_every_chart_of_the_documentation_shows_the_figures_of_the_report(client: Any, found: dict[str, Any]) -> None:
    figures, districts, days, delays = (rows(client, sql) for sql in CHARTS)
    runs = {run["name"]: run for run in found["runs"]}
    assert {*runs} == {"today", "bolder"}
    wanted = [
        (figure, name, runs[name][part][what])
        for figure in ("calls.count", "cuts.median_h", "incidents.per_household_month")
        for part, what in (figure.split("."),)
        for name in ("bolder", "today")
        if runs[name][part][what] is not None
    ]
    assert figures == wanted
    assert districts == sorted(
        (line["name"], name, line["per_household_month"])
        for name, run in runs.items()
        for line in run["by"]["district"]
    )
    for name, run in runs.items():
        assert [count for _, variant, count in days if variant == name] == run["days"]
        mine = [(hours, share) for variant, hours, share in delays if variant == name]
        assert [hours for hours, _ in mine] == run["cuts"]["delays_h"]
        if mine:
            assert mine[-1][1] == run["cuts"]["found"] / run["cuts"]["made"]
    assert str(days[0][0]) == found["source"]["from"][:10]
    assert sum(run["cuts"]["found"] for run in runs.values()), "nothing was found, and nothing is shown"


def test_what_is_only_in_one_profile_and_the_interval_are_figures(client: Any, found: dict[str, Any]) -> None:
    stored = {
        (variant, figure): value
        for variant, figure, value in rows(client, "SELECT variant, figure, value FROM replay_figures FINAL")
    }
    (pair,) = found["compared"]
    for what in ("both", "only_a", "only_b"):
        assert stored["bolder", f"against_first.{what}"] == pair[what]
    for run in found["runs"]:
        low, high = run["false_silences"]["interval"]
        assert stored[run["name"], "false_silences.interval.low"] == low
        assert stored[run["name"], "false_silences.interval.high"] == high


def test_a_report_that_is_kept_again_counts_once_and_another_name_has_none_of_it(
    client: Any, found: dict[str, Any]
) -> None:
    before = rows(client, "SELECT * EXCEPT stored_at FROM replay_points FINAL ORDER BY ALL")
    Results(client, "winter", ENGINE).report(found)
    assert rows(client, "SELECT * EXCEPT stored_at FROM replay_points FINAL ORDER BY ALL") == before
    Results(client, "summer", ENGINE).report(found)
    assert len(rows(client, "SELECT 1 FROM replay_points FINAL WHERE run = 'winter'")) == len(before)
    points = len(before)
    assert rows(client, "SELECT count() FROM replay_points FINAL") == [(2 * points,)]


def test_no_point_names_a_home(client: Any, found: dict[str, Any]) -> None:
    assert found["runs"]
    names = {str(name) for (name,) in rows(client, "SELECT DISTINCT name FROM replay_points FINAL")}
    homes = {str(name) for (name,) in rows(client, "SELECT DISTINCT household FROM replay_incidents")}
    assert homes
    assert not names & homes
