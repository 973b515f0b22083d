"""`python -m load_tests.bench_priors`: what a prior by target group, or by how densely a home is watched, would change.

Return hazards are counted in one population of synthetic homes, once in all of them, once by target group, once by density. In
others the table of hazards begins with each in turn and learns as it does in service; in its first two weeks the score that
living people reach as often as the budget has it is the limit, and the time from a cut to that limit is compared. The other clocks
are left out: they know no prior by kind of hour. docs/learning.md has the figures.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import click
import numpy as np
from numpy.typing import NDArray

from detectors import hazard
from detectors.hazard import BUCKETS, EDGES_MS, SHAPE, DayRates, HazardTable, bucket_ends, row_of
from detectors.hours import DAY_MS, HOUR_MS, LocalHours
from load_tests.bench_city.homes import CityHome, Kind, city_home, cuts_in
from load_tests.bench_detection.homes import before
from load_tests.simulator.neighbourhood import TUNING_SEEDS
from load_tests.simulator.people import household_of, rng_of
from schemas.households import TargetGroup
from schemas.profiles import DEFAULT_PROFILE

Table = NDArray[np.float64]
"""Events an hour, [at home, away][hour][bucket]."""
Silence = tuple[int, int, bool]
"""From, until (UTC milliseconds), and whether the person had gone out."""
COUNTED_DAYS: Final = 28
LOOKED_DAYS: Final = 15
FIRST_DAY: Final = 3
CUTS: Final = 24
PURPOSE: Final = 33
WITHIN_MS: Final = 5 * DAY_MS
OWN_H: Final = 10.0
"""Exposure, hours, with which all hours of a bucket weigh against one."""
GROUPS: Final[dict[TargetGroup, str]] = {
    TargetGroup.ELDER: "elders and disabled",
    TargetGroup.DISABLED: "elders and disabled",
    TargetGroup.MIDDLE_AGED: "middle-aged",
    TargetGroup.RECLUSIVE: "reclusive and young",
    TargetGroup.YOUNG: "reclusive and young",
}
SHIPPED, ALL, BY_GROUP, BY_DENSITY = "as shipped", "counted in all", "by target group", "by density"
_SEOUL: Final = LocalHours("Asia/Seoul")


@dataclass(frozen=True, slots=True)
class _Home:
    group: str
    density: str
    silences: list[Silence]
    city: CityHome


def _home(kind: Kind, seed: int, number: int, days: int) -> _Home:
    house = household_of(seed, number)
    city = city_home(kind, seed, number, days)
    at, leaves = city.proofs.tolist(), city.leaves.tolist()
    silences = [
        (a, b, out)
        for a, b, out in zip(at, at[1:], leaves, strict=False)
        if b - a > EDGES_MS[0] and not any(start < b and end > a for start, end in city.gone)
    ]
    density = "every room seen" if len(house.home.rooms) > 3 and not house.home.unseen else "fewer rooms"
    return _Home(GROUPS[house.group], density, silences, city)


def _counted(homes: list[_Home]) -> Table:
    """Return the rates of a population, each home weighing alike; neighbouring hours count half."""
    cells = np.zeros((2, *SHAPE))
    for home in homes:
        table = HazardTable("home")
        table.learn_many(_SEOUL, home.silences)
        places, numbers = (np.frombuffer(part, of) for part, of in zip(table.state(), ("<u2", "<f4"), strict=True))
        mine = np.zeros(cells.size)
        mine[places] = numbers
        exposed = mine[mine.size // 2 :].sum()
        cells += mine.reshape(cells.shape) / max(exposed, 1.0) * COUNTED_DAYS * 12
    events, exposure = cells.sum(axis=2)
    events, exposure = (
        one + 0.5 * np.roll(one, 1, axis=1) + 0.5 * np.roll(one, -1, axis=1) for one in (events, exposure)
    )
    all_hours = (events.sum(axis=1, keepdims=True) + 0.5) / (exposure.sum(axis=1, keepdims=True) + 1.0)
    rates: Table = (events + OWN_H * all_hours) / (exposure + OWN_H)
    return rates


def _walk(rates: DayRates, since_ms: int, until_ms: float, limit: float) -> tuple[float, float]:
    """Return the score of a silence at a moment, or at the limit, and that moment."""
    at: float = since_ms + EDGES_MS[0]
    score, k = 0.0, 0
    while at < until_ms:
        weekend, hour, next_ms = _SEOUL.cell(int(at))
        stop = min(next_ms, since_ms + bucket_ends(k), until_ms)
        rate = rates[row_of(weekend, hour) + k]
        more = rate * (stop - at) / HOUR_MS
        if score + more >= limit:
            return limit, at + (limit - score) / rate * HOUR_MS
        score, at = score + more, stop
        if k + 1 < BUCKETS and at >= since_ms + bucket_ends(k):
            k += 1
    return score, at


def _looked(home: _Home, kind: str, prior: Table | None) -> tuple[list[float], list[tuple[DayRates, int, int]]]:
    """Return the scores of a home's silences in its first two weeks, and what is known at each cut: rates, last sign, cut."""

    def people(_kind: str, *, away: bool) -> Table:
        rates: Table = prior[int(away)].reshape(-1)  # type: ignore[index]
        return rates

    how, start_ms = DEFAULT_PROFILE.silence, home.city.start_ms
    cuts = cuts_in(home.city, CUTS, start_ms + FIRST_DAY * DAY_MS, start_ms + LOOKED_DAYS * DAY_MS, rng_of(5, PURPOSE))
    table = HazardTable(kind)
    scores: list[float] = []
    known: list[tuple[DayRates, int, int]] = []
    for day in range(2, LOOKED_DAYS):
        from_ms = start_ms + day * DAY_MS
        # As in service a day is learned more than a day after its end.
        table.fade(0.5 ** (1 / how.half_life_days))
        table.learn_many(
            _SEOUL, [one for one in home.silences if from_ms - 3 * DAY_MS <= one[1] < from_ms - 2 * DAY_MS]
        )
        if day < FIRST_DAY or not table.knows:
            continue
        args: dict[str, Any] = {"k0_h": how.k0_h, "k1_h": how.k1_h, "floor_per_h": how.floor_per_h}
        if prior is None:
            rates = table.rates(away=False, **args)
        else:
            with patch.object(hazard, "_people", people):
                rates = table.rates(away=False, **args)
        scores += [
            _walk(rates, a, b, np.inf)[0] for a, b, out in home.silences if from_ms <= b < from_ms + DAY_MS and not out
        ]
        for cut_ms in cuts:
            if from_ms <= cut_ms < from_ms + DAY_MS:
                last = int(before(home.city.proofs, np.array([cut_ms]))[0])
                known.append((rates, int(home.city.proofs[last]), cut_ms))
    return scores, known


@click.command()
@click.option("--kind", type=click.Choice(["home", "phone"]), default="home", show_default=True)
@click.option(
    "--counted", type=click.IntRange(8), default=150, show_default=True, help="Homes the priors are counted in."
)
@click.option("--homes", type=click.IntRange(4), default=100, show_default=True, help="Homes of each of two seeds.")
@click.option("--budget", type=float, default=0.3, show_default=True, help="False alarms a household-month.")
def main(kind: Kind, counted: int, homes: int, budget: float) -> None:
    """Compare priors on synthetic tuning homes in their first two weeks."""
    seed, *others = TUNING_SEEDS[1], TUNING_SEEDS[0], TUNING_SEEDS[2]
    population = [_home(kind, seed, number, COUNTED_DAYS) for number in range(counted)]
    of_all = _counted(population)
    by = {
        name: _counted([one for one in population if name in (one.group, one.density)])
        for name in sorted({name for one in population for name in (one.group, one.density)})
    }
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    known: dict[tuple[str, str], list[tuple[DayRates, int, int]]] = defaultdict(list)
    months: dict[str, float] = defaultdict(float)
    for one in (_home(kind, seed, number, LOOKED_DAYS + 2) for seed in others for number in range(homes)):
        months[one.group] += (LOOKED_DAYS - FIRST_DAY) / 30.4
        priors = {SHIPPED: None, ALL: of_all, BY_GROUP: by[one.group], BY_DENSITY: by[one.density]}
        for name, prior in priors.items():
            found, cuts = _looked(one, kind, prior)
            scores[one.group, name] += found
            known[one.group, name] += cuts
    click.echo("| group | household-months | prior | hours from a cut: median, p90, mean |\n|---|---|---|---|")
    for group in sorted(months):
        for name in (SHIPPED, ALL, BY_GROUP, BY_DENSITY):
            rank = max(1, round(budget * months[group]))
            limit = sorted(scores[group, name], reverse=True)[rank]
            late = [
                max(0.0, _walk(rates, last_ms, cut_ms + WITHIN_MS, limit)[1] - cut_ms) / HOUR_MS
                for rates, last_ms, cut_ms in known[group, name]
            ]
            median, p90 = np.percentile(late, (50, 90))
            click.echo(
                f"| {group} | {months[group]:.1f} | {name} | {median:.1f}, {p90:.1f}, {float(np.mean(late)):.1f} |"
            )


if __name__ == "__main__":
    main()
