"""`anbu writer`."""

import logging
from importlib.metadata import version
from typing import Final

import click

from streams.archive.daily import DailySnapshots
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import Taught
from streams.health import HealthError, HealthServer
from streams.metrics import WriterPrometheus, new_registry
from streams.settings import masked
from streams.writer.health import WriterHealth
from streams.writer.job import BOTH, INPUTS, OUTPUTS
from streams.writer.run import Writer, WriterError
from streams.writer.store import ClickHouseStore

JOBS: Final = {None: OUTPUTS, "too": BOTH, "only": INPUTS}


@click.command(cls=Taught, short_help="Write incidents, statuses and dead letters to ClickHouse; and the archive.")
@click.option(
    "--archive",
    type=click.Choice(["too", "only"]),
    help="Store the decoded inputs for replays: beside the rest, or (a process of its own) nothing else.",
)
@told
def writer(archive: str | None) -> None:
    """Write incidents, statuses and dead letters to ClickHouse; with --archive the inputs too.

    The archive has a snapshot of each partition's engine a day, from which a replay can begin. Each job is a consumer
    group of its own: when ClickHouse is away it waits with backoff and nothing is lost or doubled, and incidents still
    reach responders through Kafka. SIGTERM and Ctrl-C end it after a last write, a second one at once. With a
    chdb:// URL it is the one process that can have the embedded engine open.

    Example:
      anbu migrate && anbu writer
      writing from 127.0.0.1:9092 to clickhouse://anbu:***@127.0.0.1:8123/anbu; health at http://127.0.0.1:9311/ready

    Example:
      ANBU_WRITER_METRICS_PORT=9314 anbu writer --archive only
      writing from 127.0.0.1:9092 to clickhouse://anbu:***@127.0.0.1:8123/anbu; health at http://127.0.0.1:9314/ready
    """
    chosen = settings()
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    registry = new_registry()
    health = WriterHealth(WriterPrometheus(registry, engine=version("anbu")))
    try:
        with HealthServer(
            health, registry, chosen.metrics_host, chosen.writer_metrics_port, port_setting="writer_metrics_port"
        ) as server:
            where = f"writing from {chosen.bootstrap} to {masked(chosen.clickhouse)}"
            click.echo(f"{where}; health at {server.url}/ready", err=True)
            job = JOBS[archive]
            store = ClickHouseStore(chosen.clickhouse, tables=job.tables)
            daily = None if archive is None else DailySnapshots(chosen, store)
            Writer(chosen, job=job, metrics=health, store=store, daily=daily).run()
    except HealthError as error:
        raise Misconfigured(str(error)) from error
    except WriterError as error:
        raise Failed(str(error)) from error
