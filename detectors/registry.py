"""What a registry record changes in a household: who may be seen, how closely, and when nobody is at home."""

from typing import Final

from detectors.calls import Calls
from detectors.chatter import Chatter
from detectors.chronic import Chronic
from detectors.conditions import Conditions
from detectors.devices import Devices
from detectors.hazard import NEVER_MS
from detectors.hours import hours_of
from detectors.life import CALLS, HOME, channel_of
from detectors.meals import Meals
from detectors.rhythm import Spans
from detectors.state import State
from detectors.weeks import Weeks
from schemas.households import HouseholdRecord
from schemas.times import from_rfc3339

MOST_SPANS: Final = 64


def take_record(state: State, record: HouseholdRecord) -> None:
    """Put a record in force at the state's clock."""
    before, state.record = state.record, record
    state.hours = hours_of(record.time_zone)
    state.next_learning_ms = state.learning_after(state.learned_ms)
    for known in state.seeing.all:
        known.cadence_ms, known.enrolled = 0, False
    for enrolled in record.sources:
        if enrolled.consent:
            source = state.seeing.meet(enrolled.source, state.clock_ms)
            if source is not None:
                source.cadence_ms, source.enrolled = max(0, enrolled.expect_every_s) * 1000, True
        elif before is None or _consented(before, enrolled.source):
            erase(state, enrolled.source)
    # An absence that the registry no longer lists was cut short: the part that is over stays out of the baseline.
    over = [(a, min(b, state.clock_ms)) for a, b in state.paused if a < state.clock_ms]
    declared = absences(record)
    state.paused = tuple(sorted({*declared, *(span for span in over if not _within(span, declared))})[-MOST_SPANS:])
    state.know_kinds()


def erase(state: State, name: str) -> None:
    """Erase what a source has taught. Sources of one kind share their features: the others teach them anew."""
    kind = channel_of(name)
    known = state.seeing.forget(name)
    if known is None and state.rings.get(kind) is None:
        return
    state.rings.put(kind, None)
    state.rhythm.forget(kind)
    if kind == CALLS:
        state.calls = Calls()
    # Doses and talks come through the home's channel, outings through its doors: what was counted of all is counted anew.
    state.weeks, state.chronic, state.conditions = Weeks(), Chronic(), Conditions()
    state.meals, state.devices = Meals(), Devices()
    if kind == HOME:
        state.chatter = Chatter()
    state.rhythm_version += 1
    # The silence starts anew, or erasing the last sign of life would look like a collapse.
    state.restart_ms = max(state.restart_ms, state.clock_ms)


def absences(record: HouseholdRecord) -> Spans:
    """Return the declared absences, UTC milliseconds; one that cannot be read or ends before it starts is none."""
    spans = []
    for absence in record.absences:
        try:
            span = from_rfc3339(absence.start), from_rfc3339(absence.end)
        except ValueError:
            continue
        if span[0] < span[1] < NEVER_MS:
            spans.append(span)
    return sorted(set(spans))


def _consented(record: HouseholdRecord, name: str) -> bool:
    return all(one.consent for one in record.sources if one.source == name)


def _within(span: tuple[int, int], spans: Spans) -> bool:
    return any(a <= span[0] and span[1] <= b for a, b in spans)
