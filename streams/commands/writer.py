"""`anbu writer`."""

import logging

import click

from streams.commands.outcome import Failed, settings, told
from streams.commands.teach import Taught
from streams.settings import masked
from streams.writer import Writer, WriterError


@click.command(cls=Taught, short_help="Write incidents, statuses and dead letters to ClickHouse.")
@told
def writer() -> None:
    """Write incidents, statuses and dead letters to ClickHouse.

    Its own consumer group: when ClickHouse is away it waits with backoff and nothing is lost or doubled, and incidents
    still reach responders through Kafka. SIGTERM and Ctrl-C end it after a last write. With a chdb:// URL it is the one
    process that can have the embedded engine open.

    Example:
      anbu migrate && anbu writer
      writing from 127.0.0.1:9092 to clickhouse://anbu:***@127.0.0.1:8123/anbu
    """
    chosen = settings()
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    click.echo(f"writing from {chosen.bootstrap} to {masked(chosen.clickhouse)}", err=True)
    try:
        Writer(chosen).run()
    except WriterError as error:
        raise Failed(str(error)) from error
