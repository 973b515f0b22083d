"""Which engine a worker under measurement runs: it says so itself, in a line of its own."""

import os
from collections.abc import Iterable
from typing import Final

from schemas.compiled import COMPILED, state

PLAIN: Final = "plain Python"
AS_PLAIN: Final = "_plain"
"""What ends the name of a worker of ours that runs as plain Python although its engine is compiled."""
_SAYS: Final = "engine "


def say() -> None:
    """Say it on standard output; Faust takes sys.stdout for its log."""
    os.write(1, f"{_SAYS}{state()}\n".encode())


def heard(lines: Iterable[str], before: str = "") -> str:
    """Return what was said among these lines, or before."""
    return next((line.removeprefix(_SAYS) for line in lines if line.startswith(_SAYS)), before)


def shortly(engine: str) -> str:
    """Return its name for a table; why it is plain Python is said by the run."""
    return engine if engine in ("", COMPILED) else PLAIN
