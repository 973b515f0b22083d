"""`python -m load_tests.bench_each`: every detector besides silence, each with its own sensitivity and false alarms.

Three runs on synthetic households inject what each kind should find: what fades over weeks, what befalls a home and its nights,
emergencies and what calls and doses show. A fourth injects nothing, and whatever it raises is false. What each run came to is
kept in `build/bench-each/`; a run that is cut short goes on with the next. docs/detection.md has the table.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, Final

import click
import msgspec
import numpy as np

from detectors.household import Household
from detectors.thrift import PARTS
from load_tests import bench_chronic, bench_home_conditions, bench_other_budget
from load_tests.bench_city.figures import poisson_interval
from load_tests.bench_detection.pages import ROOT, put_page
from load_tests.simulator.neighbourhood import simulate
from load_tests.simulator.plan import Rates
from schemas.generate import pretty
from schemas.incidents import EMERGENCIES, KIND_NAMES, IncidentKind
from schemas.profiles import DEFAULT_PROFILE

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = bench_chronic.START_MS
KEPT: Final = ROOT / "build" / "bench-each"
FIGURES: Final = ROOT / "docs" / "figures" / "detectors.json"
Z_90: Final = 1.6449
APART: Final = frozenset({IncidentKind.SILENCE, IncidentKind.DISASTER_DAMAGE, IncidentKind.DISASTER_NO_ANSWER})
"""Measured elsewhere: silence by cuts; what follows from a public alert by its own scenes."""


class Part(msgspec.Struct, frozen=True):
    """What one run came to: hours until each thing injected was told (None: not), or false alarms over household-months."""

    hours: dict[str, list[float | None]] = {}
    false: dict[str, int] = {}
    months: float = 0.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One detector: rates a household-month, 90 % intervals, delays in hours."""

    kind: str
    injected: int
    found: int
    sensitivity: list[float] | None
    median_h: float | None
    p90_h: float | None
    false_alarms: int
    household_months: float
    rate: float
    interval: list[float]
    budget: float | None


def wilson(found: int, of: int) -> list[float]:
    """Return the 90 % interval of a share (E. B. Wilson, JASA 22, 1927)."""
    share, spread = found / of, Z_90**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return [round(max(0.0, middle - half), 3), round(min(1.0, middle + half), 3)]


def fading(scale: float, seed: int) -> Part:
    """Let one habit fade, or a worry stay, in every household that shows it."""
    rates = Rates(collapses=0.0, emergencies=0.0, slow=0.0, fades=1.0)
    found, _, _ = bench_chronic.raised(max(1, round(60 * scale)), 120, seed, rates)
    return Part({kind: [one and one * 24 for one in days] for kind, days in found.items()})


def at_home(scale: float, seed: int) -> Part:
    """Inject one thing into the second half of each home."""
    found, _, _ = bench_home_conditions.measured(max(1, round(60 * scale)), 50, seed)
    return Part(dict(found.items()))


def befallen(scale: float, seed: int) -> Part:
    """Inject emergencies, doses that are missed and calls nobody answers, at most one a household in 30 days."""
    rates = Rates(collapses=0.0, emergencies=0.6, slow=0.4)
    hood = simulate(max(1, round(160 * scale)), 60, seed, start_ms=START_MS, rates=rates)
    # A household to which nothing slow happens needs no model: emergencies are proved by their event alone.
    slow = {one.household for one in hood.truth if one.slow}
    models = {
        one.household: Household(one.household, DEFAULT_PROFILE, one, start_ms=START_MS)
        for one in hood.records()
        if one.household in slow
    }
    opened: dict[str, list[tuple[IncidentKind, int]]] = defaultdict(list)
    for name, kind, at_ms in bench_other_budget.told(hood, models):
        opened[name].append((kind, at_ms))
    hours: dict[str, list[float | None]] = defaultdict(list)
    for truth in hood.truth:
        if truth.must_find:
            late = [
                (at - truth.at_ms) / HOUR_MS
                for kind, at in opened[truth.household]
                if truth.explains(truth.household, kind, at)
            ]
            hours[truth.kind].append(min(late, default=None))
    return Part(hours)


def quiet(scale: float, seed: int) -> Part:
    """Inject nothing; journeys, outages, illness and forgotten doses stay."""
    by_home, months = bench_other_budget.raised(max(1, round(140 * scale)), 134, seed, DEFAULT_PROFILE.other_budget)
    return Part(false=dict(sum(by_home.values(), Counter[IncidentKind]()).items()), months=months)


PARTS_OF_IT: Final[dict[str, Callable[[float, int], Part]]] = {
    "befallen": befallen,
    "at_home": at_home,
    "fading": fading,
    "quiet": quiet,
}


def measured(name: str, scale: float, seed: int, *, done: bool = False) -> Part:
    """Run a part, or read what an earlier run of the same size and seed came to; `done`: an empty one where there is none."""
    path = KEPT / f"{name}-{scale:g}-{seed}.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Part)
    if done:
        return Part()
    part = PARTS_OF_IT[name](scale, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(part))
    click.echo(f"{name} measured", err=True)
    return part


def rows_of(parts: list[Part]) -> list[Row]:
    """Return one row a kind, in the order of the kinds."""
    months = sum(part.months for part in parts)
    out = []
    for kind in IncidentKind:
        hours = [one for part in parts for one in part.hours.get(kind, [])]
        late = [one for one in hours if one is not None]
        false = sum(part.false.get(kind, 0) for part in parts)
        if kind in APART or not (hours or kind in PARTS):
            continue
        low, high = poisson_interval(false)
        median, p90 = np.percentile(late, (50, 90)).tolist() if late else (None, None)
        share = PARTS.get(kind)
        out.append(
            Row(
                kind=kind,
                injected=len(hours),
                found=len(late),
                sensitivity=wilson(len(late), len(hours)) if hours else None,
                median_h=None if median is None else round(median, 5),
                p90_h=None if p90 is None else round(p90, 5),
                false_alarms=false,
                household_months=round(months, 1),
                rate=round(false / months, 5),
                interval=[round(low / months, 5), round(high / months, 5)],
                budget=None if share is None else round(share * DEFAULT_PROFILE.other_budget, 5),
            )
        )
    return out


def _time(hours: float | None) -> str:
    if hours is None:
        return ""
    if hours < 0.1:
        return f"{max(0.0, hours) * 3600:.0f} s"
    if hours < 1.0:
        return f"{max(0.0, hours) * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 96 else f"{hours / 24:.0f} d"


def table_of(rows: list[Row]) -> str:
    """Return the rows as a table."""
    months = rows[0].household_months
    lines = [
        f"False alarms in {months:,.1f} household-months in which nothing was injected; 90 % intervals in brackets.",
        "",
        "| | injected | found | sensitivity | after: median, p90 | false alarms | a household-month | its part of the budget |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        kind = IncidentKind(row.kind)
        share = (
            ""
            if row.sensitivity is None
            else f"{row.found / row.injected:.2f} [{row.sensitivity[0]:.2f}-{row.sensitivity[1]:.2f}]"
        )
        budget = "never budgeted" if kind in EMERGENCIES else "apart" if row.budget is None else f"{row.budget:.4f}"
        delay = f"{_time(row.median_h)}, {_time(row.p90_h)}" if row.found else ""
        rate = f"{row.rate:.4f} [{row.interval[0]:.4f}-{row.interval[1]:.4f}]"
        cells = [KIND_NAMES[kind][1], row.injected, row.found, share, delay, row.false_alarms, rate, budget]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--scale", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Of the households.")
@click.option("--seed", type=click.IntRange(0), multiple=True, default=(2026,), show_default=True)
@click.option(
    "--part", "only", type=click.Choice(list(PARTS_OF_IT)), default=None, help="Run this and keep it; no table."
)
@click.option("--done", is_flag=True, help="Only what earlier runs have measured by now.")
@click.option("--docs", is_flag=True, help="Write docs/detection.md and docs/figures/detectors.json too.")
def main(scale: float, seed: tuple[int, ...], only: str | None, done: bool, docs: bool) -> None:
    """Measure each detector besides silence on synthetic households."""
    names = list(PARTS_OF_IT) if only is None else [only]
    parts = [measured(name, scale, one, done=done) for one in seed for name in names]
    if only is not None:
        return
    if not sum(part.months for part in parts):
        raise click.ClickException("nothing is known of false alarms yet: --part quiet")
    rows = rows_of(parts)
    table = table_of(rows)
    click.echo(table)
    if docs:
        put_page("each", table)
        made: dict[str, Any] = {"scale": scale, "seeds": list(seed), "detectors": msgspec.to_builtins(rows)}
        FIGURES.write_bytes(pretty(made))


if __name__ == "__main__":
    main()
