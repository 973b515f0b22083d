"""`python -m load_tests.bench_outcomes`: what responders' closings change, on synthetic homes with synthetic responders.

Each home is played twice with the same responder, who closes every silence some hours later for its true cause: once as it
is, once with the home's factor held at 1. Nobody collapses, so every silence is a false alarm. How long a collapse would
go unnoticed is asked at cuts. What real ones change is asked of the same homes after closings with `helped`.
"""

from typing import Final

import click
import numpy as np

from detectors.household import Household
from detectors.outcomes import Outcomes
from load_tests.bench_city.cut import Watch
from load_tests.bench_city.homes import CityHome, Kind, city_home, cuts_in
from load_tests.bench_detection.homes import LONGEST_ORDINARY_MS, MINUTE_MS, before
from load_tests.bench_detection.play import profile_for
from load_tests.simulator.neighbourhood import TUNING_SEEDS
from load_tests.simulator.people import rng_of
from schemas.incidents import CloseCause, IncidentKind

DAYS: Final = 134
CUTS: Final = 12
PURPOSE: Final = 31
WITHIN_H: Final = (1.0, 8.0)
"""A synthetic responder closes a silence between so many hours after it was raised: assumed."""
HOUR_MS: Final = 3_600_000
MONTH_MS: Final = 30.4 * 24 * HOUR_MS


class _Held(Outcomes):
    """Closings are heard and do not move the budget."""

    @property
    def factor(self) -> float:
        return 1.0


def played(home: CityHome, budget: float, *, learns: bool, helped: int = 0) -> tuple[int, list[float]]:
    """Return (false alarms in ordinary silences after the warm-up, hours from each cut to its alarm)."""
    profile = profile_for(budget)
    model = Household(home.record.household, profile, home.record, start_ms=home.start_ms)
    if not learns:
        model._state.outcomes = _Held()  # noqa: SLF001 - the negative control
    for day in range(helped):
        opened_ms = home.start_ms + day * 24 * HOUR_MS
        model.settle(IncidentKind.FALL, CloseCause.HELPED, opened_ms, home.start_ms)
    watch = Watch(model, home.start_ms)
    random = rng_of(0, PURPOSE, home.number)
    cuts = cuts_in(home, CUTS, home.warm_ms, home.end_ms, random)
    waits = random.uniform(*WITHIN_H, 10_000)
    heard = 0
    closing: tuple[int, int] | None = None
    delays = []
    for message in home.messages:
        while closing is not None and closing[0] <= message.sent_ms:
            at_ms, opened_ms = closing
            watch.pass_time(at_ms)
            gone = any(a <= opened_ms < b for a, b in home.gone)
            cause = CloseCause.SAFE_AWAY if gone else CloseCause.SAFE_AT_HOME
            model.settle(IncidentKind.SILENCE, cause, opened_ms, watch.clock_ms)
            closing = None
            heard += 1
            closing = _next(watch.raised_ms, heard, waits)
        while cuts and cuts[0] < message.sent_ms:
            watch.pass_time(cuts[0])
            due_ms = model.due(reports_continue=True).get(IncidentKind.SILENCE)
            if due_ms is not None:
                delays.append(max(0, due_ms - cuts[0]) / HOUR_MS)
            cuts.pop(0)
        watch.take(message)
        closing = closing or _next(watch.raised_ms, heard, waits)
    raised = np.array(watch.raised_ms, np.int64)
    places = np.clip(before(home.proofs, raised), 0, len(home.proofs) - 1)
    gaps = np.diff(home.proofs, append=home.end_ms)[places]
    return int(((raised >= home.warm_ms) & (gaps < LONGEST_ORDINARY_MS)).sum()), delays


def _next(
    raised_ms: list[int], heard: int, waits: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> tuple[int, int] | None:
    if heard >= len(raised_ms):
        return None
    at_ms = raised_ms[heard] + int(waits[heard] * HOUR_MS) // MINUTE_MS * MINUTE_MS
    return at_ms, raised_ms[heard]


@click.command()
@click.option("--homes", type=click.IntRange(1), default=60, show_default=True)
@click.option("--kind", type=click.Choice(["home", "worn", "phone"]), default="home", show_default=True)
@click.option("--budget", "budgets", type=float, multiple=True, default=(1.0, 0.3), show_default=True)
def main(homes: int, kind: Kind, budgets: tuple[float, ...]) -> None:
    """Count false alarms and delays with and without what closings teach."""
    click.echo(
        "| budget | closings | homes | false alarms a month | most in one home | delay: median, p90 (h) |\n|---|---|---|---|---|---|"
    )
    settings = (("heard, factor held at 1", False, 0), ("learned", True, 0), ("learned, two real ones before", True, 2))
    found: dict[tuple[float, str], list[tuple[int, list[float], float]]] = {}
    for number in range(homes):
        home = city_home(kind, TUNING_SEEDS[0], number, DAYS)
        months = (home.end_ms - home.warm_ms) / MONTH_MS
        for budget in budgets:
            for name, learns, helped in settings:
                found.setdefault((budget, name), []).append(
                    (*played(home, budget, learns=learns, helped=helped), months)
                )
    for (budget, name), outcomes in found.items():
        false = sum(one for one, _, _ in outcomes) / sum(months for _, _, months in outcomes)
        most = max(one / months for one, _, months in outcomes)
        delays = [delay for _, some, _ in outcomes for delay in some]
        middle, late = np.percentile(delays, [50, 90])
        click.echo(f"| {budget:g} | {name} | {homes} | {false:.2f} | {most:.2f} | {middle:.1f}, {late:.1f} |")


if __name__ == "__main__":
    main()
