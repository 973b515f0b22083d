"""`anbu writer`."""

import click

from streams.commands.outcome import settings, told
from streams.commands.teach import Taught
from streams.writer import Writer


@click.command(cls=Taught, short_help="Write the archive and the incidents to ClickHouse.")
@told
def writer() -> None:
    """Write incidents, dead letters and the archive of events to ClickHouse.

    Its own consumer group: when ClickHouse is away it waits with backoff and nothing is lost or doubled, and incidents
    still reach responders through Kafka.

    Example:
      anbu migrate && anbu writer
    """
    Writer(settings()).run()
