"""Bytewax with keyed state in memory; its recovery store is off, which only helps it.   PROGRAM BOOTSTRAP MARKS."""

import sys

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main

from load_tests.peers.meter import Meter
from load_tests.peers.trivial import after, events_of

TOPICS = ["home.sensors", "phone.usage", "care.calls"]


def main() -> None:
    """Run the flow; the meter ends it."""
    meter = Meter(sys.argv[2])
    flow = Dataflow("bench")
    stream = op.input("in", flow, KafkaSource([sys.argv[1]], TOPICS, batch_size=10_000))
    events = op.flat_map("decode", stream, lambda message: events_of(message.value))
    keyed = op.key_on("home", events, lambda one: one.subject)

    def update(state: tuple[int, float] | None, one: object) -> tuple[tuple[int, float], int]:
        data = one.data  # type: ignore[attr-defined]
        state = after(state, data.value if data else None)
        meter.take()
        return state, state[0]

    counted = op.stateful_map("model", keyed, update)
    nothing = op.filter("end", counted, lambda _: False)
    op.output("out", nothing, TestingSink([]))
    run_main(flow)


if __name__ == "__main__":
    main()
