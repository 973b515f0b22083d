"""`python -m load_tests.bench_chronic`: what fades over weeks in synthetic households, and who notices when.

How much of it is found, how late, and what is raised where nothing fades. docs/detection.md has the figures.
"""

from collections import Counter, defaultdict
from statistics import median
from typing import Final

import click

from detectors.chronic import KINDS
from detectors.findings import Finding
from detectors.household import Household
from load_tests.simulator.neighbourhood import simulate
from load_tests.simulator.plan import Rates
from schemas.generate import pretty
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

DAY_MS: Final = 86_400_000
START_MS: Final = 1_788_102_000_000
"""2026-08-31 00:00 in Korea."""
FOUND_WITHIN_MS: Final = 60 * DAY_MS


def raised(
    households: int, days: int, seed: int, rates: Rates | None
) -> tuple[dict[IncidentKind, list[float | None]], Counter[IncidentKind], float]:
    """Return, by kind, days until each change was found (None: never), false alarms, and household-months."""
    hood = simulate(households, days, seed, start_ms=START_MS, injections=rates is not None, rates=rates or Rates())
    models = {
        one.household: Household(one.household, DEFAULT_PROFILE, one, start_ms=START_MS) for one in hood.records()
    }
    opened: dict[str, list[tuple[IncidentKind, int]]] = defaultdict(list)
    clock_ms = START_MS
    for message in hood.messages():
        if message.sent_ms >= clock_ms + DAY_MS // 24:
            clock_ms = message.sent_ms
            for name, model in models.items():
                if model.wake_ms <= clock_ms:
                    for one in model.advance(clock_ms):
                        if isinstance(one, Finding) and one.kind in KINDS and one.change == "raise":
                            opened[name].append((one.kind, clock_ms))
        model = models[message.events[0].household]
        for event in message.events:
            model.learn_one(event, message.sent_ms)
    found: dict[IncidentKind, list[float | None]] = defaultdict(list)
    false: Counter[IncidentKind] = Counter()
    fading = {one.household: one for one in hood.truth if one.code == "fades"}
    for name, truth in fading.items():
        late = [at - truth.at_ms for kind, at in opened[name] if kind is truth.kind and at >= truth.at_ms]
        found[truth.kind].append(min(late) / DAY_MS if late and min(late) <= FOUND_WITHIN_MS else None)
    for name, incidents in opened.items():
        known = fading.get(name)
        # What fades has other consequences too: after its beginning nothing of that household is called false.
        false.update(kind for kind, at in incidents if known is None or at < known.at_ms)
    healthy_ms = sum((fading[name].at_ms if name in fading else hood.until_ms) - START_MS for name in models)
    return found, false, healthy_ms / (30 * DAY_MS)


@click.command()
@click.option("--households", type=click.IntRange(1), default=150, show_default=True)
@click.option("--days", type=click.IntRange(60), default=150, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True)
@click.option(
    "--kind", "only", type=click.Choice([kind.value for kind in KINDS]), default=None, help="Only this fades."
)
def main(households: int, days: int, seed: int, only: str | None) -> None:
    """Measure the slow clock on synthetic households, in half of which something fades."""
    rates = Rates(
        collapses=0.0, emergencies=0.0, slow=0.0, fades=0.5, fading=None if only is None else IncidentKind(only)
    )
    found, false, months = raised(households, days, seed, rates)
    out = {}
    for kind in KINDS:
        late = [one for one in found[kind] if one is not None]
        out[kind.value] = {
            "injected": len(found[kind]),
            "found_within_60_days": len(late),
            "median_days": round(median(late), 1) if late else None,
            "false_alarms": false[kind],
            "false_alarms_per_household_month": round(false[kind] / months, 4),
        }
    click.echo(
        pretty({"household_months": round(months, 1), "households": households, "seed": seed, "kinds": out}).decode()
    )


if __name__ == "__main__":
    main()
