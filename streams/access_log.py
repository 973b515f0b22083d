"""Who looked at whom: an append-only log in which each line holds the hash of the one before.

One JSON object a line: `n` (1, 2, ...), `at`, `who`, `role`, `household`, `incident`, `what`, `address`, `before` (hash of
the line before) and `hash` (SHA-256 over all the rest). A changed, removed or reordered line breaks the chain. Lines cut
off at the end leave a sound chain: whoever must find that keeps the last hash elsewhere and gives it to `verify`.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.encode import encode
from schemas.times import to_rfc3339

FIRST: Final = "0" * 64
"""What stands as `before` in the first line."""
REPAIRED: Final = "torn_line_cut"
"""`what` of the line that says: a write was cut off by a kill, and its remains were taken away."""


class AccessLogError(Exception):
    """The log cannot be written or is broken. Whoever wanted to show something must not show it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: sound lines, the hash of the last of them, and what is wrong after it ("" for nothing)."""

    lines: int
    last: str
    wrong: str = ""


class AccessLog:
    """Appends lines; each is on the disk (fsync) when `write` returns. Several processes may write one file.

    Raises:
        AccessLogError: the file cannot be opened.

    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AccessLogError(f"the access log cannot be opened ({error.strerror})") from error

    def write(
        self, *, who: str, role: str, household: str, what: str, at_ms: int, incident: str = "", address: str = ""
    ) -> None:
        """Append one line and wait until the disk has it; `at_ms` in UTC milliseconds.

        Raises:
            AccessLogError: the disk refused it, or the last line is not one of this chain.

        """
        line = {
            "who": who,
            "role": role,
            "household": household,
            "what": what,
            "incident": incident,
            "address": address,
        }
        self.write_all([line], at_ms=at_ms)

    def write_all(self, lines: Iterable[Mapping[str, str]], *, at_ms: int) -> None:
        """Append lines with the fields of `write` together, and wait for the disk once: all of a list that is shown.

        Raises:
            AccessLogError: the disk refused them, or the last line is not one of this chain.

        """
        said = [{**line, "at": to_rfc3339(at_ms)} for line in lines]
        if not said:
            return
        try:
            with self._lock:
                fcntl.flock(self._file, fcntl.LOCK_EX)
                try:
                    self._append(said)
                finally:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
        except OSError as error:
            raise AccessLogError(f"the access log cannot be written ({error.strerror})") from error

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _append(self, said: list[dict[str, Any]]) -> None:
        whole, torn = _last_line(self._file)
        number, before = _place(whole)
        if torn:
            # Left as it is, the torn line would swallow the next one; what is cut is told in the chain, by length only.
            os.ftruncate(self._file, os.fstat(self._file).st_size - torn)
            said = [dict.fromkeys(said[0], "") | {"what": REPAIRED, "at": said[0]["at"], "cut_bytes": torn}, *said]
        data = b""
        for one in said:
            number += 1
            line = {**one, "n": number, "before": before}
            before = line["hash"] = _hash(line)
            data += encode(line) + b"\n"
        if os.write(self._file, data) != len(data):
            raise AccessLogError("the access log took only a part of a line: is the disk full?")
        os.fsync(self._file)


def verify(path: Path, *, last: str = "") -> Verdict:
    """Follow the chain from its first line. With `last`, a hash noted earlier, a log cut off before it is found too.

    Raises:
        AccessLogError: the file cannot be read.

    """
    number, before, is_reached = 0, FIRST, not last
    try:
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    return Verdict(number, before, f"line {number + 1} is torn: the next write will cut it and say so")
                found = _parse(line)
                if found is None or found["n"] != number + 1 or found["before"] != before:
                    return Verdict(number, before, f"line {number + 1} is not what was written")
                number, before = number + 1, found["hash"]
                is_reached = is_reached or before == last
    except OSError as error:
        raise AccessLogError(f"the access log cannot be read ({error.strerror})") from error
    return Verdict(number, before, "" if is_reached else "the line noted earlier is gone: the log was cut off")


def _parse(line: bytes) -> dict[str, Any] | None:
    """Line whose own hash fits, None for anything else."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not {"n", "before", "hash"} <= set(found):
        return None
    rest = {name: value for name, value in found.items() if name != "hash"}
    return found if found["hash"] == _hash(rest) and encode(found) + b"\n" == line else None


def _hash(line: dict[str, Any]) -> str:
    return hashlib.sha256(encode(line)).hexdigest()


def _place(line: bytes) -> tuple[int, str]:
    if not line:
        return 0, FIRST
    found = _parse(line)
    if found is None:
        raise AccessLogError("the last line of the access log was altered; look with streams.access_log.verify")
    return found["n"], found["hash"]


def _last_line(file: int, piece: int = 4096) -> tuple[bytes, int]:
    """Last whole line, b"" if there is none, and the bytes of a torn one behind it."""
    size = os.fstat(file).st_size
    tail = b""
    while len(tail) < size and tail.count(b"\n") < 2:
        start = max(0, size - len(tail) - piece)
        tail = os.pread(file, size - len(tail) - start, start) + tail
    end = tail.rfind(b"\n") + 1
    return tail[tail.rfind(b"\n", 0, max(0, end - 1)) + 1 : end], len(tail) - end
