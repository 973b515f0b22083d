"""The benchmark of replays: it ends, and every part of it reads all that there is."""

from pathlib import Path

import pytest

from load_tests.bench_replay import READINGS_A_DAY, followed, measured, rows, spooled


@pytest.mark.parametrize("part", ["prepare", "read", "engine", "whole"])
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
