"""What an event of a recorded home costs in the detectors alone: CPU microseconds, averaged over everything that the home told.

    python -m load_tests.bench_event --homes FOLDER        # --docs: into docs/performance.md, and beside goal 11
    ANBU_PURE=1 python -m load_tests.bench_event           # in plain Python

The public model is measured as a worker drives it: `Household.learn_one` with each event, `Household.advance` in the minutes in
which it asked to be woken, so deadlines, judging and the day's learning are in it, and the loop that calls it. Reading, JSON, the
order of topics, telling and checkpoints are not: `load_tests.bench_engine` has those. Each round of a home runs in a process of its own,
or one home would find what another has asked of the time zone.
"""

import gc
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from detectors.findings import Output
from detectors.hours import DAY_MS
from detectors.household import Household
from load_tests.bench_detection.homes import Home, read_homes
from load_tests.bench_detection.pages import ROOT, put_figures, put_page
from load_tests.bench_detection.play import household_for, play
from schemas.compiled import state
from schemas.events import Event
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE

PAGE: Final = ROOT / "docs" / "performance.md"
GOAL_US: Final = 2.0
HEAD: Final = "| recording | homes | events | events a home and day | us an event | taking events | learning days | other looks at the clock | the loop |"


class Cost(NamedTuple):
    """One home, played once. CPU seconds of the process."""

    events: int
    days: float
    total_s: float
    """Of a play without a probe."""
    learning_s: float
    """Of the looks at the clock after which something more was known of the home, once a day: in another play, with a probe."""
    looks_s: float
    """Of all others."""
    loop_s: float
    """The same loop around a model that does nothing."""
    digest: str
    """Of what was raised, and of the home's rows at the end."""

    @property
    def taking_s(self) -> float:
        """What is left: taking the events."""
        return self.total_s - self.learning_s - self.looks_s - self.loop_s


class Looked:
    """A model whose looks at the clock are timed."""

    def __init__(self, model: Household) -> None:
        self.model = model
        self.learn_one: Final = model.learn_one
        """The model's own: a call in between would cost as much as many an event."""
        self.learning_s = self.looks_s = 0.0

    @property
    def wake_ms(self) -> int:
        """Return when the model wants to be woken."""
        return self.model.wake_ms

    def advance(self, clock_ms: int) -> list[Output]:
        """Let time pass, and note what that took."""
        known, before_s = self.model.rhythm_version, time.process_time()
        out = self.model.advance(clock_ms)
        spent_s = time.process_time() - before_s
        if self.model.rhythm_version == known:
            self.looks_s += spent_s
        else:
            self.learning_s += spent_s
        return out

    def due(self, *, reports_continue: bool = True) -> dict[IncidentKind, int]:
        """Return what is due: nothing is cut here."""
        return self.model.due(reports_continue=reports_continue)


class Nothing:
    """A model that does nothing."""

    wake_ms: Final = 1 << 60

    def learn_one(self, _event: Event, _clock_ms: int | None = None, _arrival_ms: int = 0) -> list[Output]:
        """Take an event."""
        return []

    def advance(self, _clock_ms: int) -> list[Output]:
        """Let time pass."""
        return []

    def due(self, *, reports_continue: bool = True) -> dict[IncidentKind, int]:  # noqa: ARG002 - as the model's
        """Return what is due."""
        return {}


def cost_of(home: Home) -> Cost:
    """Play a home around nothing, then whole, then once more with its looks at the clock timed."""
    gc.collect()
    gc.freeze()  # the worker does so too: the recording is not walked through again and again
    play(
        Nothing(), home.batches, []
    )  # or the first to touch an event would pay for the page that the process gets of its own
    began_s = time.process_time()
    play(Nothing(), home.batches, [])
    loop_s = time.process_time() - began_s
    model = household_for(home, DEFAULT_PROFILE)
    began_s = time.process_time()
    play(model, home.batches, [])
    total_s = time.process_time() - began_s
    looked = Looked(household_for(home, DEFAULT_PROFILE))
    said = play(looked, home.batches, [])
    digest = blake2b(repr(said).encode() + looked.model.snapshot(), digest_size=8).hexdigest()
    events = sum(len(batch) for _, batch in home.batches)
    days = (home.batches[-1][0] - home.batches[0][0]) / DAY_MS
    return Cost(events, days, total_s, looked.learning_s, looked.looks_s, loop_s, digest)


_homes: list[Home] = []


def _cost_at(place: int) -> Cost:
    return cost_of(_homes[place])


def measured(homes: Sequence[Home], rounds: int) -> list[list[Cost]]:
    """Return the costs of every home, a round each, homes by turns."""
    _homes[:] = homes
    places = [place for _ in range(rounds) for place in range(len(homes))]
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        found = pool.map(_cost_at, places, chunksize=1)
    return [found[place :: len(homes)] for place in range(len(homes))]


def row(name: str, costs: Sequence[Sequence[Cost]]) -> str:
    """Return a line of the table: homes taken together, the median of the rounds and the least and the most."""
    events = sum(one[0].events for one in costs)
    days = sum(one[0].days for one in costs)
    cells = [
        [sum(getattr(one, part) for one in each) / events * 1e6 for each in zip(*costs, strict=True)]
        for part in ("total_s", "taking_s", "learning_s", "looks_s", "loop_s")
    ]
    total = f"{statistics.median(cells[0]):.2f} ({min(cells[0]):.2f} to {max(cells[0]):.2f})"
    rest = " | ".join(f"{statistics.median(cell):.2f}" for cell in cells[1:])
    return f"| {name} | {len(costs)} | {events:,} | {events / days:,.0f} | {total} | {rest} |"


def table(named: dict[str, list[list[Cost]]]) -> str:
    """Return the table, as Markdown, and all recordings together under it."""
    lines = [HEAD, "|---" * 9 + "|", *(row(name, costs) for name, costs in named.items())]
    return "\n".join([*lines, row("all together", [one for costs in named.values() for one in costs])])


def figures(named: dict[str, list[list[Cost]]]) -> dict[str, Any]:
    """Return the row of goal 11 that recorded homes answer: all recordings together, each of them in the note."""

    def event_us(costs: Sequence[Sequence[Cost]]) -> float:
        each = [sum(one.total_s for one in a_round) for a_round in zip(*costs, strict=True)]
        return float(round(statistics.median(each) / sum(one[0].events for one in costs) * 1e6, 2))

    each = {name: event_us(costs) for name, costs in named.items()}
    return {
        "goal": 11,
        "development_homes": [None, event_us([one for costs in named.values() for one in costs])],
        "interval": None,
        "note": f"{state()}; " + ", ".join(f"{name} {found:g}" for name, found in each.items()),
    }


@click.command()
@click.option("--homes", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--docs", is_flag=True, help=f"Write docs/{PAGE.name} and the row of goal 11 too.")
def main(folder: Path | None, rounds: int, *, docs: bool) -> None:
    """Measure what an event costs in the detectors, on the recordings of a folder; those of one kind of worn device are taken together."""
    chosen = folder or Path(os.environ.get("ANBU_DATA") or ROOT.parent / "shared" / "data")
    if not chosen.is_dir():
        raise click.ClickException(f"{chosen} is no folder: name one of CSV files with --homes")
    homes = read_homes(chosen, lambda said: click.echo(said, err=True))
    if not homes:
        raise click.ClickException(f"{chosen} holds no recording of three weeks or more")
    named: dict[str, list[list[Cost]]] = {}
    for home, costs in zip(homes, measured(homes, rounds), strict=True):
        named.setdefault("step counters" if home.kind == "worn" else home.name, []).append(costs)
    digest = blake2b(
        repr([[one[0].digest for one in costs] for costs in named.values()]).encode(), digest_size=8
    ).hexdigest()
    shown = table(named)
    click.echo(
        f"{shown}\n\nengine: {state()}; goal: {GOAL_US:g} us; said and kept: {digest}; load {os.getloadavg()[0]:.1f}"
    )
    if docs:
        put_page("event", shown, PAGE)
        put_figures([figures(named)], "development_homes")


if __name__ == "__main__":
    main()
