"""`anbu worker`."""

import click

from streams.commands.outcome import settings, told
from streams.commands.teach import Taught
from streams.worker import run_worker


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
    code = run_worker(settings())
    if code:
        raise click.exceptions.Exit(code)
