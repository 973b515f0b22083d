"""`python -m load_tests.bench_city`: the truncation benchmark on synthetic homes; docs/detection.md tells how.

False alarms are rare: they are counted in many homes. Delays are not: fewer homes are cut. A run that is cut short goes on
where it was, for what was measured lies in build/bench-city/.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

from load_tests.bench_city import quiet, rivals
from load_tests.bench_city.figures import by_kind, rows, tables
from load_tests.bench_city.homes import KINDS
from load_tests.bench_city.jobs import Job, Kept, Result, results, run
from load_tests.bench_city.memory import measured
from load_tests.bench_detection.pages import FIGURES, put_figures, put_page
from load_tests.bench_detection.plots import draw_city
from load_tests.simulator.neighbourhood import JUDGING_SEEDS, TUNING_SEEDS

DAYS: Final = 134
"""Two weeks of warm-up and four months."""
HOMES: Final = 1_270
"""Of each kind: 5,000 household-months."""
CUT_HOMES: Final = 62
"""Homes of each kind that are cut: 620 collapses after the warm-up."""
QUICK_HOMES: Final = 12
WEIGHED: Final = 60
"""Households of the usual mix whose state is weighed after 60 days."""


@click.command()
@click.option("--homes", type=click.IntRange(1), default=HOMES, show_default=True, help="Homes of each kind of source.")
@click.option(
    "--cut", "cut_homes", type=click.IntRange(1), default=CUT_HOMES, show_default=True, help="So many are cut."
)
@click.option("--quick", is_flag=True, help=f"{QUICK_HOMES} homes of each kind: a minute or two, to see that it runs.")
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this kind of source; may be repeated."
)
@click.option(
    "--tuning", is_flag=True, help="Homes of the seed on which settings may be tuned, instead of the judging one."
)
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; default: one a core.")
@click.option(
    "--done", "only_done", is_flag=True, help="Show what a run that was cut short has measured; measure nothing."
)
@click.option("--docs", is_flag=True, help=f"Write docs/detection.md and {FIGURES.name} too.")
def main(
    *,
    homes: int,
    cut_homes: int,
    quick: bool,
    kinds: tuple[str, ...],
    tuning: bool,
    workers: int | None,
    only_done: bool,
    docs: bool,
) -> None:
    """Count false alarms and cut the streams of synthetic homes, by kind of source, and see who would notice when."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its processes end with it
    count, cut_count = (QUICK_HOMES, QUICK_HOMES) if quick else (homes, min(homes, cut_homes))
    seed = (TUNING_SEEDS if tuning else JUDGING_SEEDS)[0]
    chosen = [kind for kind in KINDS if not kinds or kind in kinds]

    def jobs(of: int) -> list[Job]:
        # The kinds take turns: a run that is cut short has measured all of them.
        return [Job(kind, seed, number, DAYS) for number in range(of) for kind in chosen]

    def done(of: int, do: Callable[[Job], Kept], form: type[Kept], path: Path | None, what: str) -> Iterator[Kept]:
        return _told(results(jobs(of), workers, path=path, do=do, form=form, only_done=only_done), what)

    cut = by_kind(done(cut_count, run, Result, None, "homes cut"))
    tried = rivals.points(cut, done(cut_count, rivals.run, rivals.RivalResult, rivals.kept_in(), "homes by rivals"))
    lived = by_kind(done(count, quiet.run, Result, quiet.kept_in(), "homes left as they are"))
    memory = measured(QUICK_HOMES if quick else WEIGHED, seed) if not kinds else None
    table, figures = tables(cut, lived), rows(cut, lived, memory) + rivals.rows(tried)
    beside = rivals.table(rivals.beside(tried))
    click.echo(f"{table}\n\n{beside}\n")
    for row in figures:
        click.echo(f"goal {row['goal']}: {row['simulator']} {row['interval']} ({row.get('note', '')})")
    if docs:
        put_page("city", table)
        put_page("rivals", beside)
        draw_city(cut, lived)
        put_figures(figures, "simulator")


def _told(done: Iterator[Kept], what: str) -> Iterator[Kept]:
    for place, result in enumerate(done, 1):
        yield result
        if place % 100 == 0:
            click.echo(f"{place} {what}", err=True)


if __name__ == "__main__":
    main()
