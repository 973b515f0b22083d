"""`anbu ticker`."""

import logging

import click

from streams.commands.outcome import settings, told
from streams.commands.teach import Taught
from streams.ticker import run_ticker


@click.command(cls=Taught, short_help="Write the clock into the log.")
@click.option(
    "--beats", type=click.IntRange(min=1), default=None, help="Stop after so many; default: run until Ctrl-C."
)
@told
def ticker(beats: int | None) -> None:
    """Write the clock into the log: a tick into every partition of every ordered topic, every few seconds.

    Detection never reads a wall clock; these ticks are its time. Run as many tickers as you like, repeats are
    harmless; with none, the engine's clock stands and every reader is told. After a pause only the present moment is
    written. When the broker is away it says so once and tries on.

    Example:
      anbu ticker
      ticking 8 topics x 4 partitions every 5 s on 127.0.0.1:9092

    Period and partition count come from ANBU_TICK_EVERY_S and ANBU_PARTITIONS.
    """
    chosen = settings()
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    click.echo(
        f"ticking 8 topics x {chosen.partitions} partitions every {chosen.tick_every_s:g} s on {chosen.bootstrap}",
        err=True,
    )
    run_ticker(chosen.bootstrap, chosen.partitions, chosen.tick_every_s, beats=beats)
