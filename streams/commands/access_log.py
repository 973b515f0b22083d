"""`anbu access-log`: whether who looked at whom is still what was written."""

from pathlib import Path

import click

from streams.access_log import AccessLogError, verify
from streams.commands.outcome import Failed, count, settings
from streams.commands.teach import TaughtGroup


@click.group("access-log", cls=TaughtGroup)
def access_log() -> None:
    """Look after the log of who looked at whom: append-only, each line bound to the one before by its hash."""


@access_log.command("verify")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--last", default="", help="A hash noted earlier: also finds a log that was cut off before it.")
def verify_(file: Path | None, last: str) -> None:
    """Follow the chain from its first line; without FILE, that of the board under ANBU_DATADIR.

    Note the hash it prints somewhere else, each day, and give it to --last the next time: lines cut off at the end leave
    a sound chain. Exit code 1 when anything was altered, taken out, moved or cut off.

    Example:
      anbu access-log verify --last 5f0c...
      1,204 lines are what was written; the last has hash 9b41...
    """
    path = file or settings().datadir / "board" / "access.log"
    try:
        found = verify(path, last=last)
    except AccessLogError as error:
        raise Failed(f"{path}: {error}") from error
    if found.wrong:
        raise Failed(f"{path}: {found.wrong}; {count(found.lines, 'line')} before it are what was written")
    said = "is" if found.lines == 1 else "are"
    click.echo(f"{count(found.lines, 'line')} {said} what was written; the last has hash {found.last}")
