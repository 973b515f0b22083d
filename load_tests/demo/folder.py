"""The folder of a demo: held by one demo at a time, emptied of an earlier one, never of anything else."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

MARK: Final = ".anbu-demo"
"""Says that the folder is a demo's; whoever holds a lock on it is the demo that runs."""
CLICKHOUSE: Final = "clickhouse"
LOGS: Final = "logs"
_MADE: Final = (CLICKHOUSE, f"{CLICKHOUSE}.tmp", "faust", LOGS)


class FolderError(Exception):
    """The folder cannot be used; one line with the remedy."""


@contextlib.contextmanager
def held(folder: Path, remedy: str) -> Iterator[Path]:
    """Hold a folder, made if needed, without what an earlier demo made there; its absolute path.

    `remedy` tells how another folder is chosen.

    Raises:
        FolderError: another demo has it, it holds a database that is no demo's, or it cannot be written.

    """
    folder = folder.absolute()
    try:
        mark = _hold(folder, remedy)
    except OSError as error:
        raise FolderError(f"{folder} cannot be used: {error.strerror or error}") from error
    with mark:
        yield folder


def _hold(folder: Path, remedy: str) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MARK
    if not path.exists():
        foreign = next((name for name in _MADE if (folder / name).exists()), None)
        if foreign is not None:
            raise FolderError(f"{folder / foreign} was not made by a demo; {remedy}")
    mark = path.open("a")
    try:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError(f"another demo runs in {folder}; {remedy}") from None
        for name in _MADE:
            if (folder / name).exists():
                shutil.rmtree(folder / name)
    except BaseException:
        mark.close()
        raise
    return mark
