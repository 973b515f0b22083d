"""`python -m load_tests.bench_detection`: cut recordings of people to whom nothing happened, and see who would notice when.

Anbu's own model and the rules it is measured against, side by side in one run; docs/detection.md tells how.
"""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final

import click

from load_tests.bench_detection.goals import ANBU, Points, rows
from load_tests.bench_detection.homes import Home, cuts_of, read_homes
from load_tests.bench_detection.measure import Outcome, Point, outcome_of_played, outcome_of_rule
from load_tests.bench_detection.pages import ROOT, put_figures, put_page
from load_tests.bench_detection.play import household_for, play, profile_for
from load_tests.bench_detection.plots import draw_homes
from load_tests.bench_detection.rules import rules_for
from load_tests.bench_detection.tables import tables
from schemas.profiles import DEFAULT_PROFILE

BUDGETS: Final = (1.0, 0.5, 0.3, 0.2, 0.1, 0.02, 0.002)
"""Budgets beside the default profile's that the tables show; what is measured at each is shown, whatever was asked for."""
STEP: Final = 1.15
GRID: Final = tuple(float(f"{STEP**-place:.3g}") for place in range(5, 50))
"""Budgets between and beyond them, from 0.5 to 0.001: a comparison at equal false alarms must not hang on a gap in Anbu's settings."""
OF_TABLES: Final = frozenset({f"default ({DEFAULT_PROFILE.silence_budget:g})", *(f"budget {one:g}" for one in BUDGETS)})


def measured(homes: list[Home], cuts: int, seed: int, workers: int | None = None) -> Points:
    """Return every operating point by kind of source. No home's figures depend on another home."""
    out: dict[str, dict[tuple[str, str], list[Outcome]]] = {}
    longest_first = sorted(range(len(homes)), key=lambda place: -homes[place].months)
    found: dict[int, list[tuple[tuple[str, str], Outcome]]] = {}
    with ProcessPoolExecutor(workers) as pool:
        todo = {pool.submit(_measured, homes[place], cuts, seed + place): place for place in longest_first}
        for done in as_completed(todo):
            found[todo[done]] = done.result()
            click.echo(f"{len(found)} of {len(homes)} recordings", err=True)
    for place, home in enumerate(homes):
        for setting, one in found[place]:
            out.setdefault(home.kind, {}).setdefault(setting, []).append(one)
    return {
        kind: [Point(family, setting, outcomes) for (family, setting), outcomes in out[kind].items()]
        for kind in ("home", "worn", "phone")
        if kind in out
    }


def _measured(home: Home, cuts: int, seed: int) -> list[tuple[tuple[str, str], Outcome]]:
    """Return what came of one home: Anbu at every budget, the default profile's first, then every rule."""
    profiles = {f"default ({DEFAULT_PROFILE.silence_budget:g})": DEFAULT_PROFILE}
    profiles |= {f"budget {budget:g}": profile_for(budget) for budget in (*BUDGETS, *GRID)}
    moments = cuts_of(home, cuts, seed)
    out = []
    for setting, profile in profiles.items():
        played = play(household_for(home, profile), home.batches, moments.tolist())
        out.append(((ANBU, setting), outcome_of_played(home, moments, played)))
    rules = rules_for(home)
    return out + [((rule.family, rule.setting), outcome_of_rule(home, moments, rule.deadlines)) for rule in rules]


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--cuts", type=click.IntRange(10, 10_000), default=300, show_default=True, help="Cuts of each recording.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed cuts at the same moments.")
@click.option("--docs", is_flag=True, help="Write docs/detection.md and docs/figures/detection.json too.")
def main(folder: Path | None, cuts: int, seed: int, docs: bool) -> None:
    """Run the truncation benchmark on a folder of recorded homes in the CSV form (docs/recordings.md)."""
    chosen = folder or Path(os.environ.get("ANBU_DATA") or ROOT.parent / "shared" / "data")
    if not chosen.is_dir():
        raise click.ClickException(f"{chosen} is no folder: name one of CSV files, such as DATA=homes")
    if next(chosen.glob("*.csv*"), None) is None:
        raise click.ClickException(f"{chosen} holds no CSV file; docs/recordings.md gives their form")
    homes = read_homes(chosen, lambda said: click.echo(said, err=True))
    if not homes:
        raise click.ClickException(f"{chosen} holds no recording of three weeks or more")
    points = measured(homes, cuts, seed)
    table, figures = tables(points, OF_TABLES), rows(points)
    click.echo(table + "\n")
    for row in figures:
        click.echo(
            f"goal {row['goal']}: {row['figure']}\n  {row['development_homes']}, goal {row['goal_value']} ({row['note']})"
        )
    if docs:
        put_page("detection", table)
        draw_homes(points)
        put_figures(figures, "development_homes")


if __name__ == "__main__":
    main()
