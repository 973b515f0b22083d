"""What an event costs is measured of every event, and what a look at the clock costs is told apart."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_bench_detection import lived

from detectors.findings import Output
from detectors.household import Household
from load_tests import bench_event
from load_tests.bench_detection.homes import Home, home_of, read_homes
from load_tests.bench_detection.play import household_for, play
from schemas.profiles import DEFAULT_PROFILE

DAYS = 23
SLOW_S = 0.2


@pytest.fixture(scope="module")
def home() -> Home:
    made = home_of("h", lived(DAYS))
    assert made is not None
    return made


def test_every_event_is_counted_and_played(home: Home) -> None:
    cost = bench_event.cost_of(home)
    assert cost.events == sum(len(batch) for _, batch in home.batches)
    assert cost.days == pytest.approx(DAYS, abs=1)
    assert min(cost.taking_s, cost.learning_s, cost.looks_s, cost.loop_s) > 0


def test_what_is_timed_says_what_the_model_says(home: Home) -> None:
    alone, looked = household_for(home, DEFAULT_PROFILE), bench_event.Looked(household_for(home, DEFAULT_PROFILE))
    assert play(alone, home.batches, []) == play(looked, home.batches, [])
    assert alone.snapshot() == looked.model.snapshot()


def test_a_slow_look_that_learns_nothing_is_no_learning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bench_event.cost_of(home)
    advance = Household.advance
    slow: list[Household] = []

    def slower(model: Household, clock_ms: int) -> list[Output]:
        known = model.rhythm_version
        out = advance(model, clock_ms)
        if model.rhythm_version == known and not any(model is one for one in slow):
            slow.append(model)
            until_s = time.process_time() + SLOW_S
            while time.process_time() < until_s:
                pass
        return out

    monkeypatch.setattr(Household, "advance", slower)
    after = bench_event.cost_of(home)
    assert after.total_s > SLOW_S < after.looks_s
    assert after.learning_s < SLOW_S
    assert after.digest == before.digest


def test_recordings_are_told_each_and_together(tmp_path: Path) -> None:
    lines = ["household,timestamp_iso,source,device,kind,value\n"]
    for name in ("one", "other"):
        lines += [
            f"{name},2026-03-{day:02}T{hour:02}:{minute:02}:00,sensor,{room},motion,ON\n"
            for day in range(1, 26)
            for hour in range(7, 22)
            for minute, room in ((0, "a"), (1, "b"), (30, "a"))
        ]
    (tmp_path / "homes.csv").write_text("".join(lines), encoding="utf-8")
    done = CliRunner().invoke(bench_event.main, ["--homes", str(tmp_path), "--rounds", "2"])
    assert done.exit_code == 0, done.output
    one, other = (sum(len(batch) for _, batch in home.batches) for home in read_homes(tmp_path))
    assert f"| one | 1 | {one:,} |" in done.output
    assert f"| other | 1 | {other:,} |" in done.output
    assert f"| all together | 2 | {one + other:,} |" in done.output
    assert CliRunner().invoke(bench_event.main, ["--homes", str(tmp_path / "nowhere")]).exit_code != 0
