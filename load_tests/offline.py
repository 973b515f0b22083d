"""The pure models over a whole neighbourhood, without any broker: the clock steps as the pipeline's ticks do.

Households do not touch each other. So each is looked at when a message of its own comes, and when the recording ends:
first every tick at which it had asked to be woken is made up for, in order. What comes out is what an engine decides
over the same log. From the shell: `python -m load_tests.offline --households 200 --days 30 --seed 11`.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Final, NamedTuple

from detectors.emergency import KINDS as EMERGENCY_KINDS
from detectors.emergency import emergencies
from detectors.findings import Finding, Output
from detectors.household import Household
from load_tests.columns.wire import Wire
from load_tests.demo.judge import HOUR_MS, Judgement, Told, judge
from load_tests.messages import Played
from load_tests.simulator.neighbourhood import Neighbourhood, simulate
from schemas.decode import decode
from schemas.events import FUTURE_TOLERANCE_MS, Event
from schemas.households import HouseholdRecord
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.times import to_rfc3339

TICK_MS: Final = 60_000
MERGED_MS: Final = 600_000
"""An emergency joins one of its kind that opened less than this before."""
START_MS: Final = 1_767_193_200_000
"""2026-01-01 in Korea: where the simulated month begins."""


class Said(NamedTuple):
    """One finding, and the clock at which it was made, UTC milliseconds."""

    household: str
    at_ms: int
    finding: Finding


class Asked(NamedTuple):
    """A check-in call that was asked for. Synthetic people answer the provider's own calls only, never these."""

    household: str
    at_ms: int


@dataclass(slots=True)
class Run:
    """What the models said over a recording, in order of time."""

    told: list[Told] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    events: int = 0

    def add(self, other: "Run") -> None:
        """Take in what was said over other households."""
        self.told = sorted([*self.told, *other.told], key=lambda one: (one.opened_ms, one.household, one.kind))
        self.asked = sorted([*self.asked, *other.asked], key=lambda one: (one.at_ms, one.household))
        self.said = sorted([*self.said, *other.said], key=lambda one: (one.at_ms, one.household))
        self.events += other.events


class Watch:
    """One household as an engine keeps it: its model, its clock, its open incidents."""

    def __init__(self, record: HouseholdRecord, start_ms: int, profile: Profile = DEFAULT_PROFILE) -> None:
        """Begin at the tick at or before `start_ms`."""
        self.clock_ms = start_ms // TICK_MS * TICK_MS
        self.household = Household(record.household, profile, record, start_ms=self.clock_ms)
        self.run = Run()
        self._opened: dict[tuple[IncidentKind, int], int] = {}
        self._emergencies: dict[IncidentKind, int] = {}
        self._proven: set[tuple[str, str, str, str, int]] = set()

    def pass_time(self, until_ms: int) -> None:
        """Take every tick up to a moment; the household is woken at the first one at or after its `wake_ms`."""
        last_ms = until_ms // TICK_MS * TICK_MS
        while self.household.wake_ms <= last_ms and self.clock_ms < last_ms:
            self.clock_ms = max(self.clock_ms + TICK_MS, -(-self.household.wake_ms // TICK_MS) * TICK_MS)
            self._take(self.household.advance(self.clock_ms))
        self.clock_ms = max(self.clock_ms, last_ms)

    def take(self, event: Event, sent_ms: int) -> None:
        """Take one event that arrived at `sent_ms`: emergencies first, then the model, at the clock of the last tick."""
        self.run.events += 1
        household = self.household
        if not household.consents(event.source):
            return
        if event.kind in EMERGENCY_KINDS:
            for finding in emergencies(event):
                self._open_emergency(finding, event, sent_ms)
        if event.at_ms <= self.clock_ms + TICK_MS + FUTURE_TOLERANCE_MS:
            self._take(household.learn_one(event, self.clock_ms))

    def _take(self, outputs: list[Output]) -> None:
        name = self.household.pseudonym
        for out in outputs:
            if not isinstance(out, Finding):
                self.run.asked.append(Asked(name, out.at_ms))
                continue
            self.run.said.append(Said(name, self.clock_ms, out))
            key = (out.kind, int(out.facts["raised_ms"]))
            if out.change == "raise":
                self._opened[key] = len(self.run.told)
                self.run.told.append(Told(name, out.kind, self.clock_ms))
            elif out.change == "withdraw":
                place = self._opened[key]
                self.run.told[place] = self.run.told[place]._replace(withdrawn=True)

    def _open_emergency(self, finding: Finding, event: Event, sent_ms: int) -> None:
        name, kind = self.household.pseudonym, finding.kind
        self.run.said.append(Said(name, sent_ms, finding))
        proof = (kind, event.source, event.data.device, event.id, event.at_ms)
        if finding.change != "raise" or proof in self._proven:
            return
        self._proven.add(proof)
        if sent_ms - self._emergencies.get(kind, -MERGED_MS) >= MERGED_MS:
            self._emergencies[kind] = sent_ms
            self.run.told.append(Told(name, kind, sent_ms))


def run(played: Played, profile: Profile = DEFAULT_PROFILE, *, watched: Callable[[Watch], None] | None = None) -> Run:
    """Run the models over a recording; `watched` is shown each household at the end."""
    watches = {record.household: Watch(record, played.from_ms, profile) for record in played.records()}
    for household, sent_ms, events in _messages(played):
        watch = watches[household]
        watch.pass_time(sent_ms)
        for event in events:
            watch.take(event, sent_ms)
    out = Run()
    for watch in watches.values():
        watch.pass_time(played.until_ms)
        out.told += watch.run.told
        out.asked += watch.run.asked
        out.said += watch.run.said
        out.events += watch.run.events
        if watched is not None:
            watched(watch)
    out.add(Run())
    return out


def _messages(played: Played) -> Iterator[tuple[str, int, list[Event]]]:
    for message in played.messages():
        if isinstance(message, Wire):
            records = decode(message.topic, message.key.encode(), message.value)
            yield message.key, message.sent_ms, [record for record in records if isinstance(record, Event)]
        else:
            yield message.household, message.sent_ms, message.events


def run_simulated(
    households: int,
    days: int,
    seed: int,
    *,
    injections: bool = True,
    start_ms: int = START_MS,
    profile: Profile = DEFAULT_PROFILE,
    processes: int = 1,
) -> tuple[Run, Neighbourhood]:
    """Simulate a neighbourhood and run the models over it, its households dealt to so many processes."""
    whole = simulate(households, days, seed, start_ms=start_ms, injections=injections)
    parts = [_Part(households, days, seed, injections, start_ms, profile, i, processes) for i in range(processes)]
    out = Run()
    if processes == 1:
        return _run_part(parts[0]), whole
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for one in pool.map(_run_part, parts):
            out.add(one)
    return out, whole


class _Part(NamedTuple):
    households: int
    days: int
    seed: int
    injections: bool
    start_ms: int
    profile: Profile
    number: int
    parts: int


def _run_part(part: _Part) -> Run:
    whole = simulate(part.households, part.days, part.seed, start_ms=part.start_ms, injections=part.injections)
    mine = slice(part.number, None, part.parts)
    return run(replace(whole, households=whole.households[mine], plans=whole.plans[mine]), part.profile)


def report(run_: Run, judged: Judgement) -> str:
    """Return what a person wants to read of a judged run."""
    asked_per_month = len(run_.asked) / judged.household_months
    lines = [
        f"{run_.events:,} synthetic events, {judged.household_months:.0f} household-months",
        f"incidents told: {len(run_.told)}",
        f"check-in calls asked for: {len(run_.asked)} ({asked_per_month:.2f} a month; synthetic people do not answer them)",
        "",
        f"{'kind':20} {'told':>6} {'true':>6} {'false':>6} {'withdrawn':>10}",
    ]
    told = Counter(one.kind for one in run_.told)
    taken_back = Counter(one.kind for one in run_.told if one.withdrawn)
    for kind in IncidentKind:
        false = judged.by_kind.get(kind, 0)
        if told[kind]:
            lines.append(f"{kind:20} {told[kind]:6} {told[kind] - false:6} {false:6} {taken_back[kind]:10}")
    lines.append("")
    for name, found in (("immediate", judged.immediate), ("collapses", judged.collapses), ("slow", judged.slow)):
        delays_h = sorted(one.delay_ms / HOUR_MS for one in found if one.delay_ms is not None)
        text = f"{name:10} {len(delays_h)} of {len(found)} found"
        if delays_h:
            p90_h = delays_h[min(len(delays_h) - 1, int(0.9 * len(delays_h)))]
            text += (
                f"; delay median {delays_h[len(delays_h) // 2]:.1f} h, p90 {p90_h:.1f} h, longest {delays_h[-1]:.1f} h"
            )
        lines.append(text)
    share = judged.collapses_in_time
    lines.append(f"collapses within 24 h: {'none injected' if share is None else f'{share:.1%}'}")
    lines.append(f"false alarms a household-month: {judged.false_alarms_per_month:.3f} ({len(judged.false_alarms)})")
    lines.append("passed" if judged.passed else "FAILED: " + " ".join(judged.failures()))
    return "\n".join(lines)


def details(run_: Run, judged: Judgement) -> str:
    """Return one line for each false alarm and for each collapse, with what the finding said."""
    raised = {
        (said.household, said.finding.kind, said.at_ms): said.finding
        for said in run_.said
        if said.finding.change == "raise"
    }
    lines = []
    for one in judged.false_alarms:
        finding = raised.get((one.household, one.kind, one.opened_ms))
        score = (
            f"{finding.score:.1f}/{finding.threshold:.1f}" if finding and finding.score and finding.threshold else ""
        )
        facts = dict(finding.facts) if finding else {}
        life = to_rfc3339(finding.last_life_ms) if finding and finding.last_life_ms else ""
        withdrawn = "withdrawn" if one.withdrawn else ""
        lines.append(
            f"false {one.household} {one.kind} {to_rfc3339(one.opened_ms)} life {life} {score} {facts} {withdrawn}"
        )
    for found in [*judged.collapses, *judged.slow, *judged.immediate]:
        delay = "missed" if found.delay_ms is None else f"{found.delay_ms / HOUR_MS:.1f} h"
        truth = found.truth
        lines.append(f"{truth.code} {truth.household} {to_rfc3339(truth.at_ms)} {'slow ' if truth.slow else ''}{delay}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run over a simulated neighbourhood and print the judgement; 1 when it fails."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.offline", description=__doc__)
    parser.add_argument("--households", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--no-injection", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--details", action="store_true", help="one line for each false alarm and injected event")
    asked = parser.parse_args(arguments)
    run_, played = run_simulated(
        asked.households, asked.days, asked.seed, injections=not asked.no_injection, processes=asked.processes
    )
    judged = judge(
        played.truth, run_.told, households=asked.households, from_ms=played.from_ms, until_ms=played.until_ms
    )
    if asked.details:
        sys.stdout.write(details(run_, judged) + "\n\n")
    sys.stdout.write(report(run_, judged) + "\n")
    return 0 if judged.passed else 1


if __name__ == "__main__":
    sys.exit(main())
