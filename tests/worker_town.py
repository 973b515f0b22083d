"""Days of a synthetic neighbourhood with everything in them that a partition must get right, fed into a broker."""

import asyncio
from collections.abc import Iterable
from random import Random

from logs import logs_of, run
from worker_logs import START_MS
from worker_runs import Town

from infra.broker import Broker
from infra.topics import create_topics
from load_tests.columns.wire import Wire
from load_tests.demo.rubbish import with_rubbish
from load_tests.feed import feed
from load_tests.messages import Played
from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.actions import ResponderAction
from schemas.encode import encode
from schemas.incidents import CloseCause, Incident
from schemas.times import from_rfc3339, to_rfc3339
from streams.engine.partition import Partition
from streams.worker.run import ENGINE

HOUR_MS = 3_600_000
EVENTFUL = Rates(collapses=1.0, emergencies=1.5, slow=0.5)


def town_messages() -> tuple[Played, list[Wire]]:
    """Days of synthetic households: emergencies, collapses, rubbish, repeats, and what responders did about it all."""
    town = simulate(30, 6, 41, start_ms=START_MS, rates=EVENTFUL)
    wires = list(with_rubbish(map(wire_of, town.messages()), town.from_ms, town.until_ms))
    rnd = Random(3)
    again = [one.sent_at(one.sent_ms + rnd.randrange(1, 6 * HOUR_MS)) for one in rnd.sample(wires, 1_000)]
    wires = sorted([*wires, *again, *_actions(town, rnd)], key=lambda one: one.sent_ms)
    return town, [one for one in wires if one.sent_ms < town.until_ms]


def _actions(town: Played, rnd: Random) -> list[Wire]:
    """Acknowledge, close with and without contact: for every incident that these days hold."""
    partition = Partition(0, 1, engine=ENGINE, buffer_records=1 << 40)
    opened = [
        one.what
        for one in run(partition, logs_of(town))
        if isinstance(one.what, Incident) and one.topic == "incidents" and one.what.revision <= 2 and one.what.case
    ]
    out = []
    for number, incident in enumerate({one.id: one for one in opened}.values()):
        at_ms = from_rfc3339(incident.at)
        for turn, (action, cause) in enumerate(
            (("acknowledge", None), ("close", CloseCause.NO_CONTACT), ("close", rnd.choice([*CloseCause][:6])))
        ):
            sent_ms = at_ms + rnd.randrange(60_000, 20 * HOUR_MS) * (turn + 1)
            act = ResponderAction(
                id=f"act-{number}-{turn}",
                household=incident.household,
                incident=incident.id,
                action=action,
                who="officer-1",
                revision=9,
                at=to_rfc3339(sent_ms),
                cause=cause,
            )
            out.append(Wire("responder.actions", incident.household, sent_ms, encode(act)))
    return out


def build_town(broker: Broker, played: Played, partitions: int, messages: Iterable[Wire]) -> Town:
    """Feed everything in small batches, and let the oracle judge it."""
    create_topics(broker.bootstrap, partitions)
    asyncio.run(feed(broker.bootstrap, played, partitions=partitions, messages=iter(messages), slice_s=1_800))
    return Town(broker, partitions).look()
