"""A synthetic provider of check-ins: reads `checkin.requests` and lets synthetic people and their contacts answer on `care.calls`.

In real time only. A recording runs ahead of whoever would answer it: its people answer the calls of their own provider.
"""

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from zlib import crc32

import msgspec

from load_tests.simulator.neighbourhood import Neighbourhood
from load_tests.simulator.people import rng_of
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.events import Data, Event
from schemas.times import from_rfc3339
from schemas.vocabulary import BY_NAME, Ask, CareTopic, DisasterAnswer, Level
from streams.publish import BrokerAwayError, Publisher
from streams.settings import Settings
from streams.tail import LogReader
from streams.wallclock import now_ms

SOURCE: Final = "/calls/provider"
WILLING: Final[dict[Ask, float]] = {
    "checkin_call": 1.0,
    "robot": 0.8,
    "sms": 0.6,
    "prompt": 0.4,
    "guardian": 0.8,
    "neighbour": 0.6,
}
"""How much more rarely than a call each is answered by a synthetic person; of contacts, how often they reach them."""
WAIT_MS: Final[dict[Ask, tuple[int, int]]] = {
    "checkin_call": (25_000, 60_000),
    "robot": (10_000, 90_000),
    "prompt": (10_000, 120_000),
    "sms": (60_000, 900_000),
    "guardian": (120_000, 1_200_000),
    "neighbour": (120_000, 1_200_000),
}
"""How long an answer takes: at least, at most."""
_POLL_MS: Final = 500


class Answering(msgspec.Struct, frozen=True):
    """How a synthetic home answers: the chance that a call is picked up, and when its person lies helpless."""

    answers: float = 0.85
    is_down: Callable[[int], bool] = lambda _at_ms: False


def answer(request: CheckinRequest, home: Answering, seed: int, asked_ms: int) -> Event | None:
    """Return what comes of a request put at a moment; None where nothing ever comes, as of a message that nobody reads.

    The same request always has the same answer. Nobody who lies helpless answers, and nobody is told to have been reached.
    """
    dice = rng_of(seed, 9, crc32(request.id.encode()))
    least_ms, most_ms = WAIT_MS[request.ask]
    at_ms = asked_ms + int(dice.uniform(least_ms, most_ms))
    is_contact = request.ask in ("guardian", "neighbour")
    chance = WILLING[request.ask] * (1.0 if is_contact else home.answers)
    is_reached = float(dice.random()) < chance and not home.is_down(at_ms)
    data = Data(request=request.id, channel=request.ask, purpose=request.purpose)
    if is_contact:
        kind = "contact_reached" if is_reached else "contact_not_reached"
    elif is_reached:
        kind, data = "checkin_answered", _words(request, data)
    elif request.ask in ("checkin_call", "robot"):
        kind = "checkin_no_answer"
    else:
        return None
    return Event(request.household, kind, SOURCE, f"answer-{request.id}", at_ms, data)


def _words(request: CheckinRequest, data: Data) -> Data:
    """Add what a person says who answers."""
    if request.purpose == "disaster":
        return msgspec.structs.replace(data, disaster=DisasterAnswer.SAFE, guidance_given=bool(request.guidance))
    if request.purpose == "medication":
        return msgspec.structs.replace(data, topics={CareTopic.MEDICATION: Level.OK})
    asked = [concern.topic for concern in request.concerns]
    topics = {CareTopic.HEALTH: Level.OK} | dict.fromkeys(asked, Level.OK)
    return msgspec.structs.replace(data, topics=topics, resolved=asked or None, duration_s=90.0)


def homes_of(town: Neighbourhood) -> dict[str, Answering]:
    """Return how the homes of a synthetic neighbourhood answer."""
    return {
        house.name: Answering(house.person.answers, plan.is_down)
        for house, plan in zip(town.households, town.plans, strict=True)
    }


@contextmanager
def provider(settings: Settings, homes: dict[str, Answering], seed: int) -> Iterator[None]:
    """Answer requests of these homes, as they come from now on, until the end of the block. A broker that is away is waited for."""
    over = threading.Event()
    thread = threading.Thread(target=_answer_all, args=(settings, homes, seed, over), name="provider", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5.0)


def _answer_all(settings: Settings, homes: dict[str, Answering], seed: int, over: threading.Event) -> None:
    while not over.is_set():
        try:
            _answer_some(settings, homes, seed, over)
        except BrokerAwayError:
            over.wait(1.0)


def _answer_some(settings: Settings, homes: dict[str, Answering], seed: int, over: threading.Event) -> None:
    reader = LogReader(settings.bootstrap)
    waiting: list[tuple[int, str, Event]] = []
    try:
        places = [("checkin.requests", partition) for partition in range(settings.partitions)]
        reader.follow({place: end for place, (_, end) in reader.bounds(places).items()})
        with Publisher(settings.bootstrap, settings.partitions) as pen:
            while not over.is_set():
                for record in reader.poll(_POLL_MS):
                    request = msgspec.json.decode(record.value or b"", type=CheckinRequest)
                    home = homes.get(request.household)
                    if home is None or from_rfc3339(request.deadline) < now_ms():
                        continue  # somebody else's, or told late by a worker that catches up
                    found = answer(request, home, seed, now_ms())
                    if found is not None:
                        heapq.heappush(waiting, (found.at_ms, found.id, found))
                while waiting and waiting[0][0] <= now_ms():
                    event = heapq.heappop(waiting)[2]
                    pen.send(BY_NAME[event.kind].topic, event.household, encode_events([event]))
                pen.flush()
    finally:
        reader.close()
