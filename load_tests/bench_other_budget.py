"""`python -m load_tests.bench_other_budget`: what asks a human to act, besides silence, where nothing is injected.

Synthetic households of the city's mix, with all their sources, outages, journeys and forgotten doses. Every incident is counted,
by kind, and the sum of the kinds that share the profile's other budget is set beside it. docs/detection.md has the figures.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

import click
from msgspec.structs import replace

from detectors.emergency import emergencies
from detectors.findings import Finding
from detectors.household import Household
from detectors.thrift import PARTS
from load_tests.bench_city.figures import chance_of, poisson_interval
from load_tests.simulator.neighbourhood import Neighbourhood, simulate
from schemas.generate import pretty
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
START_MS: Final = 1_788_102_000_000
"""2026-08-31 00:00 in Korea."""
WARM_UP_MS: Final = 14 * DAY_MS
TIMES: Final = 3.0


def told(hood: Neighbourhood, models: dict[str, Household]) -> Iterator[tuple[str, IncidentKind, int]]:
    """Play a neighbourhood, and yield what is raised: household, kind and moment.

    Its event alone proves an emergency. All else is told by the models, perhaps not of every household, woken once an hour.
    """
    clock_ms = START_MS
    for message in hood.messages():
        if message.sent_ms >= clock_ms + HOUR_MS:
            clock_ms = message.sent_ms
            for name, model in models.items():
                while model.wake_ms <= clock_ms:
                    step_ms = min(max(model.wake_ms, model.clock_ms + 1), clock_ms)
                    said = [one for one in model.advance(step_ms) if isinstance(one, Finding)]
                    yield from ((name, one.kind, step_ms) for one in said if one.change == "raise")
        for event in message.events:
            proved = [one.kind for one in emergencies(event) if one.change == "raise"]
            yield from ((message.household, kind, message.sent_ms) for kind in proved)
            if message.household in models:
                of_it = models[message.household]
                of_it.learn_one(event, max(clock_ms, of_it.clock_ms), message.sent_ms)


def raised(households: int, days: int, seed: int, budget: float) -> tuple[dict[str, Counter[IncidentKind]], float]:
    """Return what was raised after two weeks by household and kind, and the household-months."""
    profile = replace(DEFAULT_PROFILE, other_budget=budget)
    hood = simulate(households, days, seed, start_ms=START_MS, injections=False)
    models = {one.household: Household(one.household, profile, one, start_ms=START_MS) for one in hood.records()}
    out: dict[str, Counter[IncidentKind]] = defaultdict(Counter)
    for name, kind, at_ms in told(hood, models):
        if at_ms >= START_MS + WARM_UP_MS:
            out[name][kind] += 1
    return out, households * (days * DAY_MS - WARM_UP_MS) / (30.4 * DAY_MS)


@click.command()
@click.option("--households", type=click.IntRange(1), default=100, show_default=True)
@click.option("--days", type=click.IntRange(40), default=134, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True)
@click.option("--budget", type=float, default=DEFAULT_PROFILE.other_budget, show_default=True)
def main(households: int, days: int, seed: int, budget: float) -> None:
    """Count what is raised besides silence in synthetic households to whom nothing is done, against the other budget."""
    by_home, months = raised(households, days, seed, budget)
    total = sum(by_home.values(), Counter[IncidentKind]())
    shared = {name: sum(count for kind, count in kinds.items() if kind in PARTS) for name, kinds in by_home.items()}
    each = months / households
    low, high = (edge / months for edge in poisson_interval(sum(shared.values())))
    click.echo(
        pretty(
            {
                "household_months": round(months, 1),
                "seed": seed,
                "budget": budget,
                "of_the_budget": {kind.value: [total[kind], round(budget * PARTS[kind] * months, 1)] for kind in PARTS},
                "sum_a_household_month": round(sum(shared.values()) / months, 4),
                "interval": [round(low, 4), round(high, 4)],
                "homes_over_three_times": sum(
                    chance_of(count, TIMES * budget * each) < 0.01 for count in shared.values()
                ),
                "apart": {kind.value: total[kind] for kind in sorted(total) if kind not in PARTS},
            }
        ).decode()
    )


if __name__ == "__main__":
    main()
