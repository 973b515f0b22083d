"""What a household weighs in memory after 60 days, and what one of its events costs."""

import gc
import time
import tracemalloc
from typing import Final, NamedTuple

from detectors.household import Household
from load_tests.bench_city.homes import START_MS
from load_tests.messages import Message
from load_tests.simulator.neighbourhood import simulate
from schemas.profiles import DEFAULT_PROFILE

DAYS: Final = 60
TIMED_DAYS: Final = 10
DAY_MS: Final = 86_400_000


class Memory(NamedTuple):
    """What was measured."""

    households: int
    bytes_each: float
    event_us: float
    events: int


def measured(households: int, seed: int) -> Memory:
    """Play a city of the usual mix for 60 days, then restore every household anew and weigh what that allocates."""
    models, event_us, events = lived(households, DAYS, seed)
    rows = [(one.snapshot(), one.record) for one in models]
    models.clear()
    gc.collect()
    tracemalloc.start()
    restored = [Household.from_snapshot(row, DEFAULT_PROFILE, record) for row, record in rows]
    gc.collect()
    bytes_now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Memory(households, bytes_now / len(restored), event_us, events)


def lived(households: int, days: int, seed: int) -> tuple[list[Household], float, int]:
    """Return the households of a city after so many days, CPU microseconds an event of the last ten days, and how many those were."""
    hood = simulate(households, days, seed, start_ms=START_MS, injections=False)
    models = {
        one.household: Household(one.household, DEFAULT_PROFILE, one, start_ms=START_MS) for one in hood.records()
    }
    last: list[Message] = []
    for message in hood.messages():
        if message.sent_ms < hood.until_ms - TIMED_DAYS * DAY_MS:
            _take(models, message)
        else:
            last.append(message)
    before_s = time.process_time()
    for message in last:
        _take(models, message)
    spent_s = time.process_time() - before_s
    events = sum(len(message.events) for message in last)
    return list(models.values()), spent_s / events * 1e6, events


def _take(models: dict[str, Household], message: Message) -> None:
    model = models[message.household]
    if model.wake_ms <= message.sent_ms:
        model.advance(message.sent_ms)
    for event in message.events:
        model.learn_one(event, message.sent_ms, message.sent_ms)
