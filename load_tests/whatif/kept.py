"""What lies in the folder of a replay: one writes there at a time, and what a killed one has left is used or removed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

LOCK: Final = "lock"
EVENTS: Final = "events-"
SPOOL: Final = "spool-"
TEMPORARY: Final = "anbu-replay-"


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
        drop_left()
        with _own_folder() as own:
            yield own
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


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Give a temporary folder that is locked as long as this process lives: whoever finds it unlocked may remove it."""
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    try:
        with (folder / "locking").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Only now under its name: one that is found there is locked, or nobody's.
            (folder / "locking").replace(folder / LOCK)
            try:
                yield folder
            finally:
                shutil.rmtree(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drop_left() -> None:
    """Remove the temporary folders of own replays that were killed outright: they hold every event of every household.

    The lock says whose time is over, not a number of a process: another one may have it by now, or live in another container.
    """
    for one in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        try:
            if one.is_symlink() or one.lstat().st_uid != os.getuid():
                continue
            with (one / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(one, ignore_errors=True)
        except OSError:
            continue  # locked by one that lives, not begun, or gone meanwhile


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
