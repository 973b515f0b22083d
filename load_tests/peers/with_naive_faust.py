"""Stock Faust as its guide shows it: a Record of each event, a Table of each household.   PROGRAM BOOTSTRAP MARKS [real].

`real`: the table holds the snapshot of Anbu's own detectors, read and written with each event. Runs in Anbu's environment.
"""

import os
import sys
import tempfile
from typing import Any

import faust

from load_tests.peers.meter import Meter
from load_tests.peers.trivial import NO_VALUE, SHARE

TOPICS = ("home.sensors", "phone.usage", "care.calls")
BOOTSTRAP, MARKS, IS_REAL = sys.argv[1], sys.argv[2], sys.argv[3:] == ["real"]


class Reading(faust.Record):
    """A CloudEvent, as far as the model needs it."""

    subject: str
    type: str
    source: str
    id: str
    time: str
    data: dict[str, Any]


class Home(faust.Record):
    """The state of a household."""

    count: int = 0
    mean: float = 0.0


app = faust.App(
    f"bench-naive-{os.getpid()}",
    broker=f"kafka://{BOOTSTRAP}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="bench-naive-"),
    web_enabled=False,
    topic_partitions=1,
    topic_disable_leader=True,
)
readings = app.topic(*TOPICS, value_serializer="json")
homes = (
    app.Table("homes-real", key_type=str, value_type=bytes, partitions=1, schema=faust.Schema(value_serializer="raw"))
    if IS_REAL
    else app.Table("homes", key_type=str, value_type=Home, partitions=1)
)
meter = Meter(MARKS)


@app.agent(readings)
async def judge(stream: Any) -> None:
    """Take one message after the other."""
    async for value in stream:
        for one in value if isinstance(value, list) else [value]:
            if "subject" in one:
                reading = Reading.from_data(one)
                if IS_REAL:
                    homes[reading.subject] = judged(homes.get(reading.subject), reading)
                else:
                    home = homes.get(reading.subject) or Home()
                    home.count += 1
                    x = reading.data.get("value")
                    home.mean += SHARE * ((NO_VALUE if x is None else x) - home.mean)
                    homes[reading.subject] = home
                meter.take()


def judged(snapshot: bytes | None, reading: Reading) -> bytes:
    """Return the household's snapshot after one event."""
    from detectors.household import Household  # noqa: PLC0415 - only where the detectors are asked for
    from schemas.events import Data, Event  # noqa: PLC0415
    from schemas.profiles import DEFAULT_PROFILE  # noqa: PLC0415
    from schemas.times import from_rfc3339  # noqa: PLC0415

    at_ms = from_rfc3339(reading.time)
    known = {
        name: value for name, value in reading.data.items() if name in ("device", "state", "value", "count", "exit")
    }
    until = reading.data.get("until")
    event = Event(
        reading.subject,
        reading.type.split(".")[1],
        reading.source,
        reading.id,
        at_ms,
        Data(**known),
        from_rfc3339(until) if until else 0,
    )
    if snapshot is None:
        home = Household(reading.subject, start_ms=at_ms)
    else:
        home = Household.from_snapshot(snapshot, DEFAULT_PROFILE, None)
    home.learn_one(event)
    if home.wake_ms <= at_ms:
        home.advance(at_ms)
    return home.snapshot()


if __name__ == "__main__":
    sys.argv = ["naive", "worker", "-l", "error", "--without-web"]
    app.main()
