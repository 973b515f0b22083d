"""The access log: what was written cannot be changed or lost without being found."""

import os
from pathlib import Path

import orjson
import pytest

from streams.access_log import REPAIRED, AccessLog, AccessLogError, verify

AT_MS = 1_795_000_000_000


def written(path: Path, lines: int = 5) -> list[bytes]:
    log = AccessLog(path)
    for i in range(lines):
        log.write(
            who="officer-12", role="responder", household=f"h-{i}", what="view", at_ms=AT_MS + i, address="127.0.0.1"
        )
    log.close()
    return path.read_bytes().splitlines(keepends=True)


def test_a_log_nobody_touched_is_sound_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path)
    assert verify(path).wrong == ""
    assert verify(path).lines == len(lines) == 5
    assert path.stat().st_mode & 0o777 == 0o600
    assert orjson.loads(lines[2])["household"] == "h-2"


def test_an_altered_a_removed_and_a_moved_line_are_found(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path)
    for broken in (
        [*lines[:2], lines[2].replace(b"officer-12", b"officer-13"), *lines[3:]],
        [*lines[:2], *lines[3:]],
        [lines[1], lines[0], *lines[2:]],
        lines[1:],
    ):
        path.write_bytes(b"".join(broken))
        assert "not what was written" in verify(path).wrong


def test_lines_cut_off_at_the_end_are_found_by_a_hash_noted_earlier(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path)
    noted = verify(path).last
    path.write_bytes(b"".join(lines[:3]))
    assert verify(path).wrong == ""
    assert "cut off" in verify(path, last=noted).wrong


def test_a_line_torn_by_a_kill_is_cut_and_the_chain_says_so(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:30])
    assert "torn" in verify(path).wrong
    log = AccessLog(path)
    log.write(who="officer-9", role="responder", household="h-9", what="view", at_ms=AT_MS)
    log.close()
    after = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert verify(path).wrong == ""
    assert (after[4]["what"], after[4]["cut_bytes"], after[5]["who"]) == (REPAIRED, 30, "officer-9")


def test_a_file_that_holds_only_a_torn_line_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    path.write_bytes(b'{"at":')
    log = AccessLog(path)
    log.write(who="officer-9", role="responder", household="h-9", what="view", at_ms=AT_MS)
    log.close()
    assert verify(path).lines == 2


def test_nothing_is_written_behind_an_altered_last_line(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines).replace(b"h-4", b"h-5"))
    log = AccessLog(path)
    with pytest.raises(AccessLogError, match="altered"):
        log.write(who="officer-9", role="responder", household="h-9", what="view", at_ms=AT_MS)
    log.close()


def test_two_writers_make_one_chain_also_with_lines_longer_than_a_look(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    first, second = AccessLog(path), AccessLog(path)
    for i in range(6):
        log = (first, second)[i % 2]
        log.write(who="officer-1", role="responder", household="h-1", what="x" * 9000, at_ms=AT_MS + i)
    first.close()
    second.close()
    assert verify(path).lines == 6


def test_a_place_that_cannot_be_written_refuses_the_view(tmp_path: Path) -> None:
    with pytest.raises(AccessLogError):
        AccessLog(tmp_path / "missing" / "access.jsonl")


def test_a_disk_that_takes_half_a_line_refuses_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccessLog(tmp_path / "access.jsonl")
    real = os.write
    monkeypatch.setattr("streams.access_log.os.write", lambda file, data: real(file, data[:10]))
    with pytest.raises(AccessLogError, match="part of a line"):
        log.write(who="officer-9", role="responder", household="h-9", what="view", at_ms=AT_MS)
    monkeypatch.undo()
    log.write(who="officer-9", role="responder", household="h-9", what="view", at_ms=AT_MS)
    log.close()
    assert verify(tmp_path / "access.jsonl").lines == 2


def test_lines_of_a_list_are_written_together_and_each_is_a_link_of_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    written(path, 1)
    log = AccessLog(path)
    fields = dict.fromkeys(("who", "role", "what", "incident", "address"), "x")
    log.write_all([{**fields, "household": f"h-{i}"} for i in range(50)], at_ms=AT_MS)
    log.write_all([], at_ms=AT_MS)
    log.close()
    assert verify(path).wrong == ""
    assert verify(path).lines == 51
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:20], *lines[21:]]))
    assert "line 21" in verify(path).wrong
