"""`anbu doctor`."""

import click

from streams.commands.outcome import settings, told
from streams.commands.teach import Taught
from streams.doctor import examine
from streams.look import BrokerLook
from streams.screen import make_console
from streams.settings import masked
from streams.wallclock import now_ms


@click.command(cls=Taught, short_help="Look at every part: one line each, with the remedy.")
@told
def doctor() -> None:
    """Look at every part: broker, topics, ticks, worker, ClickHouse. One line each, with the remedy.

    Exit code 1 when any part fails. It only reads.

    Example:
      anbu doctor
      OK    broker      127.0.0.1:9092 answers, 15 topics
      OK    topics      all 15 topics with 4 partitions
      FAIL  ticks       the last is 12 min old in profile/0, profile/1 and 30 more
            remedy: run anbu ticker (it may run several times)
      OK    worker      watching 200 homes, 1 of them unseen; clock 4 s behind
      OK    clickhouse  version 26.9.2.1 answers and has its 5 tables
    """
    chosen = settings()
    console = make_console()
    failed = False
    with BrokerLook(chosen) as look:
        for line in examine(
            look,
            partitions=chosen.partitions,
            broker=chosen.bootstrap,
            store=masked(chosen.clickhouse),
            now_ms=now_ms(),
        ):
            style = "green" if line.ok else "bold red"
            console.print(f"{'OK' if line.ok else 'FAIL':<4}", style=style, end="")
            console.print(f"  {line.part:<10}  {line.said}", markup=False, soft_wrap=True)
            if not line.ok:
                failed = True
                console.print(f"      remedy: {line.remedy}", markup=False, soft_wrap=True)
    if failed:
        raise click.exceptions.Exit(1)
