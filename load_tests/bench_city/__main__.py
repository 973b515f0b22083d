"""`python -m load_tests.bench_city`: the truncation benchmark on synthetic homes; docs/detection.md tells how.

A run that is cut short goes on where it was: what was measured lies in build/bench-city/, by version of the code.
"""

import signal
from typing import Final

import click

from load_tests.bench_city.figures import by_kind, rows, tables
from load_tests.bench_city.homes import KINDS
from load_tests.bench_city.jobs import Job, results
from load_tests.bench_city.memory import measured
from load_tests.bench_detection_pages import FIGURES, put_figures, put_page
from load_tests.bench_detection_plots import draw_city
from load_tests.simulator import JUDGING_SEEDS, TUNING_SEEDS

DAYS: Final = 134
"""Two weeks of warm-up and four months."""
HOMES: Final = 1_270
"""Of each kind: 5,000 household-months."""
QUICK_HOMES: Final = 12
WEIGHED: Final = 60
"""Households of the usual mix whose state is weighed after 60 days."""


@click.command()
@click.option("--homes", type=click.IntRange(1), default=HOMES, show_default=True, help="Homes of each kind of source.")
@click.option("--quick", is_flag=True, help=f"{QUICK_HOMES} homes of each kind: a minute or two, to see that it runs.")
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this kind of source; may be repeated."
)
@click.option(
    "--tuning", is_flag=True, help="Homes of the seed on which settings may be tuned, instead of the judging one."
)
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; default: one a core.")
@click.option("--docs", is_flag=True, help=f"Write docs/detection.md and {FIGURES.name} too.")
def main(*, homes: int, quick: bool, kinds: tuple[str, ...], tuning: bool, workers: int | None, docs: bool) -> None:
    """Cut the streams of synthetic homes, by kind of source, and see who would notice when."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its processes end with it
    count = QUICK_HOMES if quick else homes
    seed = (TUNING_SEEDS if tuning else JUDGING_SEEDS)[0]
    chosen = [kind for kind in KINDS if not kinds or kind in kinds]
    # The kinds take turns: a run that is cut short has measured all of them.
    jobs = [Job(kind, seed, number, DAYS) for number in range(count) for kind in chosen]
    done = []
    for result in results(jobs, workers):
        done.append(result)
        if len(done) % 50 == 0:
            click.echo(f"{len(done)} of {len(jobs)} homes", err=True)
    found = by_kind(done)
    memory = measured(QUICK_HOMES if quick else WEIGHED, seed) if not kinds else None
    table, figures = tables(found), rows(found, memory)
    click.echo(table + "\n")
    for row in figures:
        click.echo(f"goal {row['goal']}: {row['simulator']} {row['interval']} ({row.get('note', '')})")
    if docs:
        put_page("city", table)
        draw_city(found)
        put_figures(figures, "simulator")


if __name__ == "__main__":
    main()
