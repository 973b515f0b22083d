"""What a finding is held against: how often this home ordinarily does it, and on which of its sources the finding rests.

Facts for the sentence alone: nothing is decided by them.
"""

import math
from typing import Final

from detectors.calls import Row
from detectors.chronic import DOSES, NIGHTS_OUT
from detectors.devices import Devices
from detectors.findings import Fact
from detectors.hours import DAY_MS, HOUR_MS
from detectors.life import CALLS, HOME, NAMED, PHONE, ROBOT
from detectors.meals import SLOTS, WORD_NATS, Meals
from detectors.source import Source
from detectors.state import State
from detectors.weeks import monday_of
from detectors.words import COUNTS, LEVELS, TOPICS
from schemas.incidents import IncidentKind
from schemas.profiles import Profile
from schemas.vocabulary import CareTopic

Shares = dict[str, float]
_HABITS: Final[dict[str, str]] = {
    "activity": PHONE,
    "contacts": PHONE,
    "answers": CALLS,
    "talks": CALLS,
    "dialogs": ROBOT,
}
"""Channel by which a habit is seen; the others are seen at home."""
_WORDS: Final = frozenset({IncidentKind.LOW_MOOD, IncidentKind.LASTING_CONCERN})
_DEVICES: Final = frozenset({IncidentKind.DEVICE_OFFLINE, IncidentKind.PHONE_OFF})


def shares_of(state: State, kind: IncidentKind, facts: dict[str, Fact]) -> Shares:
    """Return the share of each channel in a finding other than silence, summing to 1; empty where it cannot be told."""
    if kind is IncidentKind.CANNOT_SEE:
        dark = [source.kind for source in state.seeing.all]
        return {name: round(dark.count(name) / len(dark), 3) for name in state.seeing.kinds()}
    if kind is IncidentKind.MISSED_MEALS:
        return _meals(state.meals, facts)
    if kind in _WORDS:
        return _words(state, facts)
    if kind in _DEVICES:
        return {NAMED.get(str(facts.get("what")), HOME): 1.0}
    if kind is IncidentKind.UNANSWERED_CALLS:
        return {CALLS: 1.0}
    if kind is IncidentKind.MISSED_MEDICATION or facts.get("habit") == "doses":
        return {ROBOT if state.has_robot else HOME: 1.0}
    return {_HABITS.get(str(facts.get("habit")), HOME): 1.0}


def of_calls(state: State, row: Row) -> dict[str, Fact]:
    """Return how often this person answers a call at the hour of the last one that nobody answered; nothing if unknown."""
    hour = state.hours.hour(row.last_ms or state.clock_ms)
    return {"usual": round(state.calls.answer_rate(hour), 3)} if state.calls.is_known(hour) else {}


def of_doses(state: State) -> dict[str, Fact]:
    """Return what share of the doses this person takes; nothing where none was learned."""
    return {"usual": round(state.chronic.usual(DOSES), 3)} if state.chronic.knows(DOSES) else {}


def of_reports(state: State) -> dict[str, Fact]:
    """Return within how long some source of a home ordinarily reports, hours."""
    return {"usual_h": round(min(map(_gap_h, state.seeing.all), default=0.0), 2)}


def of_source(source: Source, profile: Profile) -> dict[str, Fact]:
    """Return within how long a source ordinarily reports, or for how long a phone is ordinarily off, hours."""
    if source.is_off:
        return {"usual_h": round((source.dark_at(profile) - source.off_ms) / HOUR_MS, 2)}
    return {"usual_h": round(_gap_h(source), 2)}


def of_devices(devices: Devices) -> dict[str, Fact]:
    """Return within how many hours the device that is offline ordinarily reports."""
    return {"usual_h": round(devices.usual_ms / HOUR_MS, 2)}


def of_nights(state: State) -> dict[str, Fact]:
    """Return in what share of their nights the person is ordinarily out."""
    return {"usual": round(state.chronic.usual(NIGHTS_OUT), 3)}


def of_meals(meals: Meals) -> dict[str, Fact]:
    """Return at what share of their ordinary mealtimes a sign of a meal is seen; nothing where no kitchen is."""
    shares = _missed(meals)
    return {"usual": round(1.0 - sum(shares) / len(shares), 3)} if shares else {}


def of_words(state: State, kind: IncidentKind, facts: dict[str, Fact], since_ms: int) -> dict[str, Fact]:
    """Return how a topic was told before a moment: in `usual_talks` talks, of which `usual_low` were a worry."""
    if kind not in _WORDS:
        return {}
    topic = CareTopic.MOOD if kind is IncidentKind.LOW_MOOD else CareTopic(str(facts["topic"]))
    first = COUNTS + TOPICS.index(topic) * len(LEVELS)
    before = monday_of((since_ms + state.hours.offset_ms(since_ms)) // DAY_MS)
    told = [row[first : first + len(LEVELS)] for monday, row in state.weeks.weeks(state.hours) if monday < before]
    return {"usual_talks": sum(map(sum, told)), "usual_low": sum(sum(one[1:]) for one in told)}


def _gap_h(source: Source) -> float:
    return source.cadence_ms / HOUR_MS if source.cadence_ms else source.longest_h


def _missed(meals: Meals) -> list[float]:
    return [meals.missed_share(place) for place in range(len(SLOTS)) if meals.is_regular(place)]


def _words(state: State, facts: dict[str, Fact]) -> Shares:
    """Return who heard it; empty where a row of an earlier version does not say."""
    heard, by_robot = int(facts.get("heard", facts.get("low", 0))), int(facts.get("by_robot", 0))
    if not heard:
        return {} if state.has_robot else {CALLS: 1.0}
    parts = {CALLS: round(1 - by_robot / heard, 3), ROBOT: round(by_robot / heard, 3)}
    return {channel: share for channel, share in parts.items() if share}


def _meals(meals: Meals, facts: dict[str, Fact]) -> Shares:
    missed, told = int(facts.get("missed", 0)), int(facts.get("told", 0))
    shares = _missed(meals)
    if not told or not shares:
        return {CALLS: 1.0} if told else {HOME: 1.0}
    nats = missed * -math.log(sum(shares) / len(shares))
    whole = nats + told * WORD_NATS
    return {HOME: round(nats / whole, 3), CALLS: round(told * WORD_NATS / whole, 3)}
