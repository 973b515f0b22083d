"""The benchmark of replays: it ends, and every part of it reads all that there is."""

from pathlib import Path

import pytest

from load_tests.bench_replay import READINGS_A_DAY, followed, measured, rows, rows_like, spooled
from load_tests.recordings.recording import write
from load_tests.simulator.neighbourhood import simulate


@pytest.mark.parametrize("part", ["prepare", "read", "engine", "whole", "both"])
def test_every_part_comes_to_its_end(part: str, tmp_path: Path) -> None:
    file = tmp_path / "homes.csv"
    file.write_text("".join(rows(2, 1, seed=1)), encoding="utf-8")
    took_s, size = measured("files", tmp_path / "spool", str(file), part)
    assert took_s > 0
    assert size > 0


def test_a_log_is_followed_to_its_end_and_each_chunk_given_once(tmp_path: Path) -> None:
    file = tmp_path / "homes.csv"
    file.write_text("".join(rows(2, 3, seed=1)), encoding="utf-8")
    chunks = list(followed(spooled(file, tmp_path / "spool").source(0)))
    starts = [(topic, chunk.start) for topic, chunk in chunks]
    assert len(starts) == len(set(starts))
    readings = sum(value.count(b"anbu.motion") for _, chunk in chunks for value in chunk.values if value)
    assert readings == 2 * 3 * READINGS_A_DAY


def test_homes_like_a_recorded_one_live_its_days_each_begun_on_another(tmp_path: Path) -> None:
    recorded = tmp_path / "home.csv"
    told = [f"home,2011-06-{15 + day}T0{hour}:00:00,sensor,room-{day},motion,ON" for day in range(3) for hour in (7, 8)]
    recorded.write_text("\n".join(["household,timestamp_iso,source,device,kind,value", *told]), encoding="utf-8")
    _, *lines = rows_like(recorded, homes=2, days=4)
    assert len(lines) == 2 * 4 * 2
    times = [line.split(",")[1] for line in lines]
    assert times == sorted(times)
    lived = {home: [line.split(",")[3] for line in lines if line.startswith(f"h-{home},")][::2] for home in (0, 1)}
    assert lived == {0: ["room-0", "room-1", "room-2", "room-0"], 1: ["room-1", "room-2", "room-0", "room-1"]}
    first, *_ = times
    assert first == "2026-03-02T07:00:00+09:00", "hours stay those of the recording, in the homes' own zone"


@pytest.mark.parametrize("part", ["prepare", "read", "whole", "both"])
def test_a_past_that_is_named_is_measured_as_it_is(part: str, tmp_path: Path) -> None:
    write(tmp_path / "street", simulate(2, 1, 5, start_ms=1_788_188_400_000))
    took_s, size = measured("past", tmp_path / "spool", str(tmp_path / "street"), part)
    assert took_s > 0
    assert size > 0
