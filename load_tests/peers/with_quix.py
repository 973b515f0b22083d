"""Quix Streams with its state (RocksDB, changelog), as its guide shows it.   PROGRAM BOOTSTRAP MARKS."""

import os
import sys
import tempfile
from typing import Any

from quixstreams import Application

from load_tests.peers.meter import Meter
from load_tests.peers.trivial import after_plain

TOPICS = ("home.sensors", "phone.usage", "care.calls")


def main() -> None:
    """Run the application; the meter ends it."""
    meter = Meter(sys.argv[2])
    app = Application(
        broker_address=sys.argv[1],
        consumer_group=f"bench-quix-{os.getpid()}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        loglevel="ERROR",
    )

    def update(value: dict[str, Any], state: Any) -> None:
        state.set("home", after_plain(state.get("home"), value))
        meter.take()

    for name in TOPICS:
        frame = app.dataframe(app.topic(name, key_deserializer="str", value_deserializer="json"))
        frame = frame.apply(lambda value: value if isinstance(value, list) else [value], expand=True)
        frame = frame.filter(lambda value: "subject" in value)
        frame.update(update, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
