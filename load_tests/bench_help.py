"""`python -m load_tests.bench_help`: what closings teach of the chance that somebody needs help, on synthetic closings.

Incidents of every kind are drawn with made-up severities, histories and unanswered questions; whether somebody needed help
is drawn from a chance of our own. In one world the hand-set priors are right, in the other each group of kinds and the
home's record move the true log-odds away from them. A learner takes closings by hundreds; chances are then stated of others.
"""

from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from load_tests.simulator.people import rng_of
from schemas.district import Lesson
from schemas.incidents import IncidentKind
from streams.cases.help_model import FACTS, FURTHEST, GROUPS, NAMES, group_of
from streams.cases.odds import chance_at, log_odds
from streams.cases.ranking import CHANCE
from streams.districts.help_learner import Learner

PURPOSE: Final = 47
BATCH: Final = 5
"""Closings of one five minutes."""
SPREAD: Final = 0.8
"""Deviation of a group's true log-odds from the prior, in the world where priors are wrong: assumed."""
TRUE: Final = {"false_before": -1.5, "real_before": 1.5, "unanswered": 1.0, "likely": 0.5}
"""What else moves the true log-odds there: assumed."""


def drawn(random: np.random.Generator, number: int) -> tuple[list[list[float]], NDArray[np.float64]]:
    """Return what so many incidents look like, (number, features and prior), and their features alone."""
    kinds = sorted(IncidentKind)
    out = []
    for _ in range(number):
        kind = kinds[random.integers(len(kinds))]
        facts = {
            "severity": random.integers(4) / 3,
            "likely": float(random.integers(2)),
            "by_day": float(random.integers(2)),
            "false_before": random.choice([0.0, 0.35, 0.55]),
            "real_before": random.choice([0.0, 0.0, 0.35]),
            "sources": random.integers(1, 5) / 4,
            "age": random.uniform(0, 0.6),
            "unanswered": random.integers(3) / 4,
        }
        x = [float(group_of(kind) == name) for name in GROUPS] + [round(float(facts[name]), 4) for name in FACTS]
        out.append([*x, log_odds(CHANCE.get(kind, 0.3))])
    return out, np.array([x[:-1] for x in out])


def auc(stated: NDArray[np.float64], needed: NDArray[np.bool_]) -> float:
    """Return the chance that one who needed help was stated above one who did not; ties count half."""
    ranks = np.unique(stated, return_inverse=True)[1]
    counts = np.bincount(ranks)
    middle = np.cumsum(counts) - (counts - 1) / 2
    positive = int(needed.sum())
    return float((middle[ranks][needed].sum() - positive * (positive + 1) / 2) / (positive * (len(needed) - positive)))


@click.command()
@click.option("--lessons", type=int, multiple=True, default=(0, 10, 100, 1000, 5000), show_default=True)
@click.option("--others", type=int, default=5000, show_default=True)
@click.option("--runs", type=int, default=8, show_default=True)
def main(lessons: tuple[int, ...], others: int, runs: int) -> None:
    """Print AUC and Brier score by how many closings taught, in both worlds: the mean of several runs and the worst."""
    click.echo("| priors | closings | AUC | Brier score | Brier, worst run against the prior |\n|---|---|---|---|---|")
    for name, spread in (("wrong", SPREAD), ("right", 0.0)):
        found: dict[int, list[tuple[float, float]]] = {number: [] for number in lessons}
        for run in range(runs):
            random = rng_of(0, PURPOSE, run)
            true = np.array([random.normal(0, spread) if n in GROUPS else TRUE.get(n, 0.0) for n in NAMES])
            true = true if spread else true * 0
            taught, facts = drawn(random, max(lessons))
            told, others_facts = drawn(random, others)
            y = [_needed(random, x[-1], move) for x, move in zip(taught, facts @ true, strict=True)]
            needed = np.array([_needed(random, x[-1], move) for x, move in zip(told, others_facts @ true, strict=True)])
            learner, done = Learner(), 0
            for number in sorted(lessons):
                for at in range(done, number, BATCH):
                    some = zip(taught[at : at + BATCH], y[at : at + BATCH], strict=True)
                    learner.learn([Lesson(x=x, y=float(one)) for x, one in some])
                done = number
                moved = np.clip(others_facts @ np.array(learner.weights), -FURTHEST, FURTHEST)
                stated = np.array([chance_at(x[-1] + move) for x, move in zip(told, moved, strict=True)])
                found[number].append((auc(stated, needed), float(((stated - needed) ** 2).mean())))
        first = [brier for _, brier in found[min(lessons)]]
        for number, scores in found.items():
            areas, briers = zip(*scores, strict=True)
            worst = max(brier - before for brier, before in zip(briers, first, strict=True))
            click.echo(f"| {name} | {number} | {np.mean(areas):.3f} | {np.mean(briers):.4f} | {worst:+.4f} |")


def _needed(random: np.random.Generator, prior: float, move: float) -> bool:
    return bool(random.random() < chance_at(prior + move))


if __name__ == "__main__":
    main()
