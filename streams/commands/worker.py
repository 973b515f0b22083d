"""`anbu worker`."""

import logging
import os
import sys

import click

from schemas.compiled import state
from streams.commands.outcome import settings, told
from streams.commands.teach import Taught


@click.command(cls=Taught, short_help="Judge the events: the Faust worker.")
@told
def worker() -> None:
    """Judge the events: a Faust worker that reads every ordered topic and writes incidents.

    Run several: the partitions are shared among them, and a worker that dies is taken over from its last checkpoint,
    nothing lost, nothing doubled. It ends with a non-zero code and one line on stderr when it cannot go on. Metrics,
    /live and /ready are served on ANBU_METRICS_PORT.

    Example:
      anbu worker
      curl -s http://127.0.0.1:9310/ready
    """
    from streams.worker.run import run_worker  # noqa: PLC0415 - loads Faust, which no other command needs

    chosen = settings()
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    for library in ("faust", "mode", "aiokafka", "kafka", "streams.worker.delivery"):
        logging.getLogger(library).setLevel(logging.ERROR)
    click.echo(
        f"judging {chosen.partitions} partitions on {chosen.bootstrap} as group {chosen.group}; engine: {state()}",
        err=True,
    )
    code = run_worker(chosen)
    sys.stdout.flush()
    sys.stderr.flush()
    # Faust's threads may hang on a broker that is gone; everything that had to be written has been acknowledged.
    os._exit(code)
