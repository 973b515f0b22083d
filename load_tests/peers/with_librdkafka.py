"""Plain loop over librdkafka: the same decoding, a dictionary, no durable state.   PROGRAM BOOTSTRAP MARKS."""

import os
import sys

from confluent_kafka import Consumer

from load_tests.peers.meter import Meter
from load_tests.peers.trivial import after, events_of

TOPICS = ["home.sensors", "phone.usage", "care.calls"]


def main() -> None:
    """Consume for ever; the meter ends it."""
    meter = Meter(sys.argv[2])
    consumer = Consumer(
        {
            "bootstrap.servers": sys.argv[1],
            "group.id": f"bench-librdkafka-{os.getpid()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,  # by default it idles a second whenever its queue was full
        }
    )
    consumer.subscribe(TOPICS)
    homes: dict[str, tuple[int, float]] = {}
    while True:
        for message in consumer.consume(10_000, 0.1):
            found = events_of(message.value())
            for one in found:
                homes[one.subject] = after(homes.get(one.subject), one.data.value if one.data else None)
            meter.take(len(found))


if __name__ == "__main__":
    main()
