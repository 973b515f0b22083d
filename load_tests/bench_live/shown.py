"""Figures of live measurements as lines for a terminal and as tables for the documentation."""

import statistics
from collections.abc import Callable, Sequence
from typing import Final

from load_tests.bench_live.engine import shortly
from load_tests.bench_live.figures import Latency, Live, spread

GOALS_MS: Final = {"200/s": 25.0, "50 %": 100.0}
"""p99 that is not to be exceeded."""
FRUGAL_CORES: Final = 0.15
"""At 2,000 events a second."""
SCALING: Final = 0.9
SWEEP_US: Final = 1000.0


def line_of(one: Latency) -> str:
    """Return a run in one line."""
    unheard = f", {one.unheard} not heard" if one.unheard else ""
    return (
        f"p50 {one.p50_ms:.1f}, p99 {one.p99_ms:.1f}, p99.9 {one.p999_ms:.1f} ms of {one.emergencies}{unheard}; worker"
        f" {one.worker_cores:.1%}, broker {one.broker_cores:.1%}, generator {one.generator_cores:.1%} of a core;"
        f" lag grew by {one.lag_s:.2f} s; load {one.load:.1f}"
    )


def lines_of(live: Live) -> list[str]:
    """Return all of it, medians with least and most, goals beside them."""
    return [
        line.replace("**", "").replace("| ", "  ").replace("|", "") for line in tables_of(live) if "---" not in line
    ]


def tables_of(live: Live) -> list[str]:
    """Return the tables of the documentation."""
    lines = [*_scaling(live), *_latency(live), *_deadlines(live)]
    return [*lines, *(f"Not measured: {name}: {why}." for name, why in sorted(live.not_measured.items()))]


def _scaling(live: Live) -> list[str]:
    found = live.scaling
    if not found:
        return []
    ratio = [one.ratio for one in found]
    return [
        f"| workers, real detection{_engine(live, 'scaling')}, 2 partitions | CPU us an event | broker, CPU us an event |",
        "|---|---|---|",
        f"| one | {spread([one.one_us for one in found])} | {spread([one.one_broker_us for one in found])} |",
        f"| two, summed | {spread([one.two_us for one in found])} | {spread([one.two_broker_us for one in found])} |",
        f"| two over one, events per CPU second | {spread(ratio)}, goal {SCALING}: {_reached(ratio, at_least=SCALING)} | |",
        "",
    ]


def _latency(live: Live) -> list[str]:
    if not live.latency:
        return []
    told = ", ".join(f"{name} {value}" for name, value in live.settings.items())
    lines = [f"Settings of every row: {told}{_engine(live, 'latency')}.", ""]
    if live.capacity is not None:
        lines += [f"Capacity: {live.capacity_per_s:,.0f} events/s. At it: {line_of(live.capacity)}.", ""]
    lines += [
        "| events/s | p50 ms | p99 ms | p99.9 ms | worker, of a core | broker | generator | emergencies | rounds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in live.latency.items():
        p99, cores = [one.p99_ms for one in runs], [one.worker_cores * 100 for one in runs]
        goal = f", goal {GOALS_MS[name]:g}: {_reached(p99, at_most=GOALS_MS[name])}" if name in GOALS_MS else ""
        frugal = (
            f", goal {FRUGAL_CORES * 100:g}: {_reached(cores, at_most=FRUGAL_CORES * 100)}" if name == "2,000/s" else ""
        )
        many = sum(one.emergencies for one in runs)
        rate = name if name.endswith("/s") else f"{name} of capacity, {runs[0].per_s:,.0f}/s"
        lines.append(
            f"| {rate} | {_each(runs, lambda one: one.p50_ms)} | {spread(p99, '{:.1f}')}{goal}"
            f" | {_each(runs, lambda one: one.p999_ms)} | {spread(cores, '{:.1f}')} %{frugal}"
            f" | {_each(runs, lambda one: one.broker_cores * 100)} % | {_each(runs, lambda one: one.generator_cores * 100)} %"
            f" | {many} | {len(runs)} |"
        )
    return [*lines, ""]


def _each(runs: Sequence[Latency], value: Callable[[Latency], float]) -> str:
    return spread([value(one) for one in runs], "{:.1f}")


def _deadlines(live: Live) -> list[str]:
    found = live.deadlines
    if not found:
        return []
    looks, late = [one.sweep_us for one in found], [one.latest_ticks for one in found]
    look = f"{spread(looks, '{:.0f}')}, goal {SWEEP_US:g}: {_reached(looks, at_most=SWEEP_US)}"
    return [
        f"| deadlines{_engine(live, 'deadlines')} | |",
        "|---|---|",
        f"| a look through those of {found[0].households:,} households, us | {look} |",
        f"| homes that fell silent and were found | {spread([float(one.found) for one in found], '{:.0f}')} |",
        f"| found behind their deadline, ticks, the latest | {spread(late)}, goal 1: {_reached([max(late)], at_most=1.0)} |",
        "",
    ]


def _engine(live: Live, part: str) -> str:
    engine = shortly(live.engines.get(part, ""))
    return f", {engine}" if engine else ""


def _reached(found: Sequence[float], *, at_most: float | None = None, at_least: float | None = None) -> str:
    middle = statistics.median(found)
    holds = (at_most is None or middle <= at_most) and (at_least is None or middle >= at_least)
    return "reached" if holds else "**missed**"
