"""`python -m load_tests.bench_certainty`: how often a silence that is called so likely a collapse is one, on synthetic homes.

Living people's silences are those raised in the uncut streams; collapses are cuts at home, each of which stands for its
share of COLLAPSES a household-month. Both are asked when they are raised, and hours later while they still last.
"""

from bisect import bisect_right
from typing import Final

import click
from msgspec import convert, json

from detectors.certainty import COLLAPSES, CONCLUDED, chance_at, chance_of
from detectors.household import Household
from load_tests.bench_city.cut import Watch, rest_of
from load_tests.bench_city.homes import AFTER_MS, CityHome, Kind, city_home, cuts_in
from load_tests.bench_detection.play import profile_for
from load_tests.bench_each import FIGURES, Row
from load_tests.simulator.neighbourhood import TUNING_SEEDS
from load_tests.simulator.people import rng_of
from schemas.incidents import KIND_NAMES, IncidentKind

DAYS: Final = 134
CUTS: Final = 6
PURPOSE: Final = 32
LATER_H: Final = (0.0, 1.0, 2.0, 4.0)
EDGES: Final = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
HOUR_MS: Final = 3_600_000
MONTH_MS: Final = 30.4 * 24 * HOUR_MS
Asked = tuple[float, float, float]
"""Hours after the alarm, chance stated, and what it weighs."""


class _Asking(Watch):
    """A watch that asks how likely a collapse is, at the alarm and later, while the silence lasts."""

    def __init__(self, model: Household, clock_ms: int) -> None:
        super().__init__(model, clock_ms)
        self.asked: list[tuple[int, float, float]] = []
        self._due: list[tuple[int, int, float]] = []

    def pass_time(self, until_ms: int) -> None:
        while True:
            known = len(self.raised_ms)
            stop_ms = min(until_ms, self._due[0][0]) if self._due else until_ms
            super().pass_time(stop_ms)
            for raised_ms in self.raised_ms[known:]:
                self._due += [(max(raised_ms + int(h * HOUR_MS), self.clock_ms), raised_ms, h) for h in LATER_H]
                self._due.sort()
            if not self._due or self._due[0][0] > until_ms:
                if stop_ms >= until_ms:
                    return
                continue
            _, raised_ms, h = self._due.pop(0)
            state = self.model._state  # noqa: SLF001 - asked as the model asks itself
            if state.silence is None or state.silence.raised_ms > raised_ms + 60_000:
                continue
            silence, _ = state.verdict(clock_ms=self.clock_ms)
            chance = chance_of(state, silence, self.clock_ms)
            if chance is not None:
                self.asked.append((raised_ms, h, chance))


def asked(home: CityHome, budget: float) -> tuple[list[Asked], list[Asked]]:
    """Return what was stated of living people's silences and of collapses after the warm-up."""
    profile = profile_for(budget)
    watch = _Asking(Household(home.record.household, profile, home.record, start_ms=home.start_ms), home.start_ms)
    random = rng_of(0, PURPOSE, home.number)
    cuts = cuts_in(home, CUTS, home.warm_ms, home.end_ms - AFTER_MS, random)
    real: list[Asked] = []
    months = (home.end_ms - home.warm_ms) / MONTH_MS
    for message in home.messages:
        while cuts and cuts[0] < message.sent_ms:
            cut_ms = cuts.pop(0)
            watch.pass_time(cut_ms)
            if watch.model._state.silence is not None:  # noqa: SLF001 - somebody looks already
                continue
            end = _Asking(Household.from_snapshot(watch.model.snapshot(), profile, home.record), cut_ms)
            for left in rest_of(home, cut_ms, cut_ms + AFTER_MS // 2):
                end.take(left)
                if len(end.asked) >= len(LATER_H):
                    break
            else:
                end.pass_time(cut_ms + AFTER_MS // 2)
            real += [(h, chance, COLLAPSES * months / CUTS) for _, h, chance in end.asked[: len(LATER_H)]]
        watch.take(message)
    away = [a for a, _ in home.gone]
    false = [
        (h, chance, 1.0)
        for raised_ms, h, chance in watch.asked
        if raised_ms >= home.warm_ms and not _in(home.gone, away, raised_ms)
    ]
    return false, real


def _in(gone: tuple[tuple[int, int], ...], starts: list[int], at_ms: int) -> bool:
    place = bisect_right(starts, at_ms) - 1
    return place >= 0 and at_ms < gone[place][1]


def concluded(rows: list[Row]) -> str:
    """Return, for each kind besides silence, the chance stated in a new home against the share of true ones among what was raised.

    True ones are those found of what was injected, weighed as often as the kind is assumed to begin; the interval joins the
    ends of those of both counts.
    """
    lines = ["| | stated | share that was true | found | false alarms |", "|---|---|---|---|---|"]
    for row in rows:
        kind = IncidentKind(row.kind)
        if kind not in CONCLUDED or not row.sensitivity or row.budget is None:
            continue
        begins, _ = CONCLUDED[kind]
        share, low, high = (
            begins * found / max(begins * found + rate, 1e-9)
            for found, rate in (
                (row.found / row.injected, row.rate),
                (row.sensitivity[0], row.interval[1]),
                (row.sensitivity[1], row.interval[0]),
            )
        )
        lines.append(
            f"| {KIND_NAMES[kind][1]} | {chance_at(kind, row.budget):.2f} | {share:.2f} [{low:.2f}-{high:.2f}]"
            f" | {row.found} of {row.injected} | {row.false_alarms} |"
        )
    return "\n".join(lines)


@click.command()
@click.option(
    "--concluded", "only", is_flag=True, help="Of the kinds besides silence, as `bench_each --docs` left them."
)
@click.option("--homes", type=click.IntRange(1), default=60, show_default=True)
@click.option("--kind", type=click.Choice(["home", "worn", "phone"]), default="home", show_default=True)
@click.option("--budget", type=float, default=1.0, show_default=True, help="A larger one gives more silences to count.")
def main(homes: int, kind: Kind, budget: float, *, only: bool) -> None:
    """Print what was stated against how often it was so."""
    if only:
        kept = json.decode(FIGURES.read_bytes())["detectors"]
        click.echo(concluded(convert(kept, list[Row])))
        return
    false: list[Asked] = []
    real: list[Asked] = []
    for number in range(homes):
        one, other = asked(city_home(kind, TUNING_SEEDS[0], number, DAYS), budget)
        false += one
        real += other
    click.echo(
        "| stated chance of a collapse | living | collapses, weighed | mean stated | frequency |\n|---|---|---|---|---|"
    )
    for low, high in zip((0.0, *EDGES), (*EDGES, 1.01), strict=True):
        alive = [(p, w) for _, p, w in false if low <= p < high]
        fallen = [(p, w) for _, p, w in real if low <= p < high]
        n, m = sum(w for _, w in alive), sum(w for _, w in fallen)
        if n + m:
            stated = sum(p * w for p, w in [*alive, *fallen]) / (n + m)
            click.echo(f"| {low:g} to {min(high, 1.0):g} | {n:.0f} | {m:.2f} | {stated:.2f} | {m / (n + m):.2f} |")


if __name__ == "__main__":
    main()
