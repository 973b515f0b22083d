"""`python -m load_tests.bench_other_recorded --homes FOLDER`: what asks a human to act, besides silence, on recorded homes.

Nothing is known to have happened to the people in them, so whatever is raised counts as false. docs/detection.md has the figures.
"""

from collections import Counter, defaultdict
from pathlib import Path

import click

from detectors.findings import Finding
from detectors.household import Household
from detectors.thrift import PARTS
from load_tests.bench_detection.homes import Home, read_homes
from schemas.generate import pretty
from schemas.households import HouseholdRecord, Source
from schemas.profiles import DEFAULT_PROFILE


def raised(home: Home) -> Counter[str]:
    """Return what was raised of the kinds that share the budget besides silence, with everything that the home's sources told."""
    sources = sorted({event.source for _, events in home.batches for event in events})
    record = HouseholdRecord(household=home.name, sources=[Source(source) for source in sources])
    model = Household(home.name, DEFAULT_PROFILE, record, start_ms=home.start_ms)
    out: Counter[str] = Counter()
    for sent_ms, events in home.batches:
        while model.wake_ms <= sent_ms:
            said = [one for one in model.advance(max(model.wake_ms, model.clock_ms)) if isinstance(one, Finding)]
            out.update(one.kind.value for one in said if one.change == "raise" and one.kind in PARTS)
        for event in events:
            model.learn_one(event, max(sent_ms, model.clock_ms), sent_ms)
    return out


@click.command()
@click.option("--homes", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
def main(homes: Path) -> None:
    """Count what is raised besides silence on the recordings of a folder."""
    found = [(home, raised(home)) for home in read_homes(homes)]
    total = sum((counts for _, counts in found), Counter[str]())
    months: dict[str, float] = defaultdict(float)
    for home, _ in found:
        months[home.kind] += home.months
    click.echo(
        pretty(
            {
                "household_months": {kind: round(count, 1) for kind, count in sorted(months.items())},
                "raised": dict(sorted(total.items())),
                "homes": {home.name: dict(sorted(counts.items())) for home, counts in found if counts},
            }
        ).decode()
    )


if __name__ == "__main__":
    main()
