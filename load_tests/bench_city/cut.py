"""A collapse: the stream is cut, and what does not need the person goes on. The model is given nothing they would have done.

What had happened before the cut but was sent after it (a telecom's hour, a step counter's quarter) still arrives.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

import numpy as np

from detectors.findings import Ask, Finding
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from load_tests.bench_city.homes import AFTER_MS, CityHome, hour_of
from load_tests.bench_detection.homes import MINUTE_MS, known_ms
from load_tests.messages import Message
from load_tests.simulator.people import GATEWAY, PROVIDER
from schemas.events import Data, Event
from schemas.incidents import IncidentKind
from schemas.profiles import Profile

BY_ITSELF: Final = frozenset({"heartbeat", "temperature", "humidity", "battery", "complete_until"})
"""Kinds that need nobody. Everything else of the time after a cut is left out, whether or not it is a sign of life."""
RINGS_MS: Final = 2 * MINUTE_MS
"""From the question to the outcome of the call."""
ASLEEP: Final = 0.5
"""Share of the calls between 23 and 7 that somebody who would answer by day picks up: assumed."""
Answers = Callable[[int], bool]


class Watch:
    """The model of one home as its worker drives it: messages, minutes, and calls that are answered or not."""

    def __init__(self, model: Household, clock_ms: int, answers: Answers | None = None) -> None:
        self.model = model
        self.clock_ms = clock_ms
        self.raised_ms: list[int] = []
        self.asked_ms: list[int] = []
        self._answers = answers
        self._calls: list[int] = []

    def take(self, message: Message) -> None:
        """Take one message in the minute in which it is sent."""
        self.pass_time(message.sent_ms // MINUTE_MS * MINUTE_MS)
        for event in message.events:
            self.model.learn_one(event, self.clock_ms, message.sent_ms)

    def pass_time(self, until_ms: int) -> None:
        """Let time pass to a whole minute, looking where the model asks to be woken; call outcomes come in between."""
        while True:
            tick_ms = max(-(-self.model.wake_ms // MINUTE_MS) * MINUTE_MS, self.clock_ms + MINUTE_MS)
            if self._calls and self._calls[0] <= min(tick_ms, until_ms):
                self._ring(self._calls.pop(0))
                continue
            if tick_ms > until_ms:
                self.clock_ms = max(self.clock_ms, until_ms)
                return
            self.clock_ms = tick_ms
            for one in self.model.advance(tick_ms):
                if isinstance(one, Ask):
                    self.asked_ms.append(tick_ms)
                    if self._answers is not None:
                        self._calls.append(tick_ms + RINGS_MS)
                elif _is_raised(one):
                    self.raised_ms.append(tick_ms)

    def _ring(self, at_ms: int) -> None:
        self.clock_ms = max(self.clock_ms, at_ms)
        answered = self._answers is not None and self._answers(at_ms)
        kind = "checkin_answered" if answered else "checkin_no_answer"
        data = Data(request=f"r{at_ms}", purpose="wellbeing", duration_s=60.0 if answered else None)
        event = Event(self.model.pseudonym, kind, PROVIDER, f"r{at_ms}", at_ms, data)
        self.model.learn_one(event, self.clock_ms, at_ms)


def answering(home: CityHome, random: np.random.Generator) -> Answers:
    """Return how a living person answers: by their own rate, less often asleep, three times of four while travelling."""

    def answers(at_ms: int) -> bool:
        rate = home.answers * (ASLEEP if not 7 <= hour_of(at_ms) < 23 else 1.0)
        if any(a <= at_ms < b for a, b in home.gone):
            rate *= 0.75
        return bool(random.random() < rate)

    return answers


def nobody(_at_ms: int) -> bool:
    """Answer no call."""
    return False


def watched(home: CityHome, profile: Profile, answers: Answers | None = None) -> Watch:
    """Return a new watch over a home from its first moment."""
    return Watch(Household(home.record.household, profile, home.record, start_ms=home.start_ms), home.start_ms, answers)


def kept(message: Message, cut_ms: int) -> Message | None:
    """Return what is left of a message sent after a cut; None for nothing. A count that ends later is left out whole."""
    events = [one for one in message.events if one.kind in BY_ITSELF or known_ms(one) <= cut_ms]
    return Message(message.topic, message.household, message.sent_ms, events) if events else None


def found_ms(
    home: CityHome,
    snapshot: bytes,
    profile: Profile,
    cut_ms: int,
    *,
    calls: bool = False,
    ghosts: np.random.Generator | None = None,
) -> int:
    """Return when silence is raised in a stream cut at `cut_ms`; a week after it when it never is.

    `snapshot` is the model at the cut, which was given only what had been sent by then. `calls`: what the model asks for
    is called, and nobody answers. `ghosts`: on each day a motion sensor triggers once by itself.
    """
    model = Household.from_snapshot(snapshot, profile, home.record)
    watch = Watch(model, cut_ms, nobody if calls else None)
    end_ms = cut_ms + AFTER_MS
    for message in rest_of(home, cut_ms, end_ms, ghosts):
        watch.take(message)
        if watch.raised_ms:
            return watch.raised_ms[0]
    watch.pass_time(end_ms)
    return watch.raised_ms[0] if watch.raised_ms else end_ms


def rest_of(home: CityHome, cut_ms: int, end_ms: int, ghosts: np.random.Generator | None = None) -> list[Message]:
    """Return what arrives after a cut, in order of sending."""
    first = bisect_right(home.messages, cut_ms, key=_sent_ms)
    last = bisect_right(home.messages, end_ms, key=_sent_ms)
    out = [left for one in home.messages[first:last] if (left := kept(one, cut_ms)) is not None]
    if ghosts is not None:
        out += [_ghost(home, int(cut_ms + day * DAY_MS + ghosts.uniform(0, DAY_MS))) for day in range(7)]
        out.sort(key=_sent_ms)
    return out


def _ghost(home: CityHome, at_ms: int) -> Message:
    data = Data(device="motion-ghost", state="on")
    if home.counts:
        at_ms = at_ms // (5 * MINUTE_MS) * 5 * MINUTE_MS
        data = Data(device="motion-ghost", state="on", count=1, over_s=300.0)
    event = Event(home.record.household, "motion", GATEWAY, f"ghost-{at_ms}", at_ms, data)
    return Message("home.sensors", home.record.household, at_ms + (5 * MINUTE_MS if home.counts else 1000), [event])


def delay_h(found: int, cut_ms: int) -> float:
    """Return the delay of a cut, hours."""
    return round((found - cut_ms) / HOUR_MS, 3)


def _is_raised(one: Finding) -> bool:
    return one.kind is IncidentKind.SILENCE and one.change == "raise"


def _sent_ms(message: Message) -> int:
    return message.sent_ms
