"""`anbu archive`: what may no longer be kept goes out of ClickHouse's archive of the inputs."""

import contextlib

import click

from streams.archive.upkeep import erase as erase_from
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError, connect
from streams.commands.outcome import Failed, Misconfigured, count, settings, told
from streams.commands.teach import TaughtGroup
from streams.settings import masked


@click.group(cls=TaughtGroup, short_help="The archive of the inputs: take a household out of it.")
def archive() -> None:
    """See to the archive of the inputs, which `anbu writer --archive` fills and replays read."""


@archive.command("erase")
@click.argument("household")
@click.option("--source", default="", help="Only this source, such as /phone/telecom-1, whose consent was withdrawn.")
@told
def erase(household: str, source: str) -> None:
    """Take out what the archive holds of a household that left, or of a source that it no longer consents to.

    The places of the records stay, empty: every replay says how many were erased. The topics keep their own records until
    their retention ends, so stop their senders first. A writer that reads the log again would store them again.

    Example:
      anbu archive erase h-000123
      4,117 readings erased

    Example:
      anbu archive erase h-000123 --source /phone/telecom-1
      812 readings erased
    """
    chosen = settings()
    try:
        with contextlib.closing(connect(chosen.clickhouse)) as client:
            erased = erase_from(client, household, source=source)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    except (ClickHouseAwayError, ClickHouseRefusedError) as error:
        raise Failed(f"{masked(chosen.clickhouse)}: {error}") from error
    click.echo(f"{count(erased, 'reading')} erased")
