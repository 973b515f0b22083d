"""What lies in the folder of a replay: one writes there at a time, and what a killed one has left is used or removed."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

LOCK: Final = "lock"
EVENTS: Final = "events-"
SPOOL: Final = "spool-"


class FolderTakenError(Exception):
    """Another replay writes into the same folder; one line."""


@contextmanager
def folder_of(out: Path | None) -> Iterator[Path]:
    """Give the folder in which results are kept until the report is written: that of `out`, or one that goes with the run.

    Raises:
        FolderTakenError: another replay is at work there: the two would write into each other's files.
        OSError: the folder cannot be made or written to.

    """
    if out is None:
        with tempfile.TemporaryDirectory(prefix="anbu-replay-") as name:
            yield Path(name)
        return
    folder = out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTakenError(f"{out}: another replay writes there now; choose another --out") from None
        # Killed outright, a replay leaves every event of every household behind.
        drop(folder, EVENTS)
        yield folder


def drop(folder: Path, prefix: str, *, but: Path | None = None) -> None:
    """Remove the folders of a prefix."""
    for one in folder.glob(f"{prefix}*"):
        if one != but:
            shutil.rmtree(one)


@contextmanager
def whole(file: Path) -> Iterator[IO[bytes]]:
    """Write a file that is there whole or not at all: half of one would stop the run that goes on, or take a report's place."""
    half = file.with_name(f"{file.name}.half")
    try:
        with half.open("wb") as out:
            yield out
        half.replace(file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def write_whole(file: Path, body: bytes) -> None:
    """Write a file at once, whole or not at all."""
    with whole(file) as out:
        out.write(body)
