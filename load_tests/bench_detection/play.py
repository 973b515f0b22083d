"""Plays a recording through the model that the worker runs, minute by minute, and asks it at every cut.

What is due is known in advance, so the stream need not really be cut: the answer is taken at the cut, from a model that
was given only what had been sent by then.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from detectors.findings import Finding, Output
from detectors.hazard import NEVER_MS
from detectors.household import Household
from load_tests.bench_detection.homes import MINUTE_MS, Batch, Home
from schemas.events import Event
from schemas.households import HouseholdRecord, Source
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE, Profile


class Model(Protocol):
    """What is played: `detectors.household.Household`, or something else under the same clock."""

    @property
    def wake_ms(self) -> int:
        """When it wants to be told that time has passed."""

    def learn_one(self, event: Event, clock_ms: int | None = None, arrival_ms: int = 0) -> list[Output]:
        """Take one event."""

    def advance(self, clock_ms: int) -> list[Output]:
        """Let time pass."""

    def due(self, *, reports_continue: bool = True) -> dict[IncidentKind, int]:
        """Return when each incident would be raised if nothing further came."""


class Played(NamedTuple):
    """What a model said of one recording, UTC milliseconds."""

    due_ms: list[int]
    """For each cut: when silence would have been raised."""
    raised_ms: list[int]
    """Silences raised in the uncut recording, in which nobody collapsed."""


def profile_for(budget: float) -> Profile:
    """Return the default profile with another budget of false silences a household-month."""
    return msgspec.structs.replace(DEFAULT_PROFILE, id=f"bench-{budget:g}", silence_budget=budget)


def household_for(home: Home, profile: Profile) -> Household:
    """Return a new model of a recorded home, told of its sources as a registry would."""
    sources = sorted({event.source for _, batch in home.batches for event in batch})
    record = HouseholdRecord(household=home.name, sources=[Source(source) for source in sources])
    return Household(home.name, profile, record, start_ms=home.start_ms)


def play(model: Model, batches: Sequence[Batch], cuts: Sequence[int]) -> Played:
    """Play batches in order and ask at each cut (whole minutes, ascending): the batch of a minute comes before its cut."""
    due_ms: list[int] = []
    raised_ms: list[int] = []
    clock_ms = batches[0][0] - MINUTE_MS
    waiting = 0
    for sent_ms, batch in batches:
        while waiting < len(cuts) and cuts[waiting] < sent_ms:
            clock_ms = _pass_time(model, clock_ms, cuts[waiting], raised_ms)
            due_ms.append(_due(model))
            waiting += 1
        clock_ms = _pass_time(model, clock_ms, sent_ms - MINUTE_MS, raised_ms)
        for event in batch:
            model.learn_one(event, clock_ms, sent_ms)
        clock_ms = _pass_time(model, clock_ms, sent_ms, raised_ms)
    for cut_ms in cuts[waiting:]:
        clock_ms = _pass_time(model, clock_ms, cut_ms, raised_ms)
        due_ms.append(_due(model))
    return Played(due_ms, raised_ms)


def _due(model: Model) -> int:
    return model.due(reports_continue=True).get(IncidentKind.SILENCE, NEVER_MS)


def _pass_time(model: Model, clock_ms: int, until_ms: int, raised_ms: list[int]) -> int:
    """Give the ticks after `clock_ms` up to a moment that find something due, and return the clock; others change nothing."""
    while True:
        tick_ms = max(-(-model.wake_ms // MINUTE_MS) * MINUTE_MS, clock_ms + MINUTE_MS)
        if tick_ms > until_ms:
            return max(clock_ms, until_ms)
        raised_ms += _silences(model.advance(tick_ms))
        clock_ms = tick_ms


def _silences(said: list[Output]) -> list[int]:
    return [
        int(one.facts["raised_ms"])
        for one in said
        if isinstance(one, Finding) and one.kind is IncidentKind.SILENCE and one.change == "raise"
    ]
