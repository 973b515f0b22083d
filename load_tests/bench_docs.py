"""Writes the generated part of docs/performance.md from a run of the benchmark."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from load_tests.bench_live.figures import spread
from load_tests.bench_live.shown import tables_of
from load_tests.bench_peers.table import GOALS, Bench, called

PAGE: Final = Path("docs/performance.md")
BEGIN: Final = "<!-- bench: generated -->"
END: Final = "<!-- bench: end -->"


def write(bench: Bench, page: Path = PAGE) -> None:
    """Put the tables between the page's two marks.

    Raises:
        ValueError: the page has no such marks.

    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{tables(bench)}{END}{after}", encoding="utf-8")


def tables(bench: Bench) -> str:
    """Return the tables: medians, least and most in brackets."""
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in bench.machine.items())
    loads = [one.load for rounds in bench.figures.values() for one in rounds]
    load = f" Load at the end of the runs: {min(loads):.1f} to {max(loads):.1f}." if loads else ""
    lines = [f"{bench.households:,} synthetic households; {told}.{load} Median (least to most).", ""]
    if bench.figures:
        lines += [*_workers(bench), "", *_ratios(bench), ""]
    if bench.live is not None:
        lines += tables_of(bench.live)
    lines += [f"Not measured: {name}: {why}." for name, why in sorted(bench.not_measured.items())]
    return "\n".join(lines).rstrip() + "\n"


def _workers(bench: Bench) -> list[str]:
    lines = [
        "| worker | CPU us an event, warm | first 500,000 | events/s | rounds |",
        "|---|---|---|---|---|",
    ]
    for name, rounds in sorted(bench.figures.items(), key=lambda one: statistics.median(r.warm_us for r in one[1])):
        cold = [one.cold_us for one in rounds if one.cold_us is not None]
        per_s = statistics.median(one.warm_per_s for one in rounds)
        warm = spread([one.warm_us for one in rounds])
        lines.append(f"| {called(name, rounds)} | {warm} | {spread(cold)} | {per_s:,.0f} | {len(rounds)} |")
    return lines


def _ratios(bench: Bench) -> list[str]:
    lines = [
        "| events per CPU second, Anbu over | same model (goal) | real detection (goal) |",
        "|---|---|---|",
    ]
    for name, (same_goal, real_goal) in GOALS.items():
        against = "naive_faust_real" if name == "naive_faust" else name
        same = [] if name == "limit" else bench.paired(name, "anbu_trivial")
        real = bench.paired(against, "anbu_real")
        lines.append(f"| {name.replace('_', ' ')} | {_cell(same, same_goal)} | {_cell(real, real_goal)} |")
    return lines


def _cell(found: Sequence[float], goal: float | None) -> str:
    if not found:
        return "" if goal is None else f"not measured ({goal:g})"
    shown = spread(found, "{:.3g}")
    if goal is None:
        return shown
    return f"{shown} ({goal:g}): {'reached' if statistics.median(found) >= goal else '**missed**'}"
