"""One partition fed by hand: put records into its logs, let time pass, and look at what was said."""

from collections.abc import Iterable
from typing import Any, Self

import msgspec
from logs import ENGINE, Logs, empty_logs

from schemas.actions import ActionResult, ResponderAction
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.encode import encode
from schemas.events import Data, DeadLetter, Event, TickMode
from schemas.households import HouseholdRecord, Source
from schemas.incidents import Incident, IncidentKind, Status
from schemas.times import to_rfc3339
from schemas.topics import ORDER_OF
from schemas.vocabulary import BY_NAME
from streams.engine.partition import Output, Partition
from streams.engine.snapshot import Changelog, Recovered

START_MS = 1_788_188_400_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SOURCES = {"home.sensors": "/sensors/gw-1", "phone.usage": "/phone/p-1", "care.calls": "/calls/c-1"}


class Street:
    """A partition with its logs. `now_ms` is the last tick; everything put before a tick was sent before it."""

    def __init__(self, partition: Partition | None = None, **options: Any) -> None:
        self.partition = partition or Partition(0, options.pop("partitions", 1), engine=ENGINE, **options)
        self.logs: Logs = empty_logs()
        self.now_ms = START_MS
        self.out: list[Output] = []
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self._ids = 0

    # What is put into the logs.

    def put(self, topic: str, key: bytes | None, value: bytes | None) -> Self:
        self.logs[ORDER_OF[topic]].put(key, value)
        return self

    def event(self, kind: str, household: str = "h-1", **fields: Any) -> Event:
        """An event that happened a second ago, with an id of its own."""
        self._ids += 1
        topic = BY_NAME[kind].topic
        words = {"source": SOURCES[topic], "id": f"e{self._ids}", "at_ms": self.now_ms - 1000, "until_ms": 0}
        given = {name: fields.pop(name, default) for name, default in words.items()}
        return Event(household=household, kind=kind, data=Data(**fields), **given)

    def send(self, *events: Event) -> Self:
        return self.put(BY_NAME[events[0].kind].topic, events[0].household.encode(), encode_events(events))

    def happen(self, kind: str, household: str = "h-1", **fields: Any) -> Event:
        event = self.event(kind, household, **fields)
        self.send(event)
        return event

    def register(self, household: str = "h-1", *, consent: bool = True, **fields: Any) -> HouseholdRecord:
        sources = fields.pop("sources", [Source(source, consent=consent) for source in SOURCES.values()])
        record = HouseholdRecord(household=household, sources=sources, **fields)
        self.put("households", household.encode(), encode(record))
        return record

    def remove(self, household: str = "h-1") -> Self:
        return self.put("households", household.encode(), None)

    def act(self, incident: Incident, what: Any = "acknowledge", **fields: Any) -> ResponderAction:
        self._ids += 1
        words: dict[str, Any] = {"id": f"a{self._ids}", "revision": incident.revision, "who": "officer-1"}
        words["at"] = to_rfc3339(self.now_ms)
        action = ResponderAction(household=incident.household, incident=incident.id, action=what, **(words | fields))
        self.put("responder.actions", incident.household.encode(), encode(action))
        return action

    # How time passes.

    def arrive(self) -> list[Output]:
        """Hand over what is new in every log, and apply what has its turn."""
        out: list[Output] = []
        for topic, log in enumerate(self.logs):
            told, seek = self.partition.offer(topic, log.chunk(self.partition.order.expected(topic), len(log)))
            assert seek is None
            out += told
        out += self.partition.pump()
        self.out += out
        return out

    def tick(self, after_ms: int = MINUTE_MS, mode: TickMode = TickMode.SIMULATED) -> list[Output]:
        """Let the clock of all topics move."""
        self.now_ms += after_ms
        for log in self.logs:
            log.tick(self.now_ms, mode)
        return self.arrive()

    def pass_ms(self, span_ms: int, step_ms: int = 10 * MINUTE_MS) -> list[Output]:
        out: list[Output] = []
        until_ms = self.now_ms + span_ms
        while self.now_ms < until_ms:
            out += self.tick(min(step_ms, until_ms - self.now_ms))
        return out

    # What is kept.

    def keep(self) -> list[tuple[bytes, bytes | None]]:
        rows = self.partition.checkpoint().rows
        self.changelog += rows
        return rows

    def recovered(self) -> Recovered:
        return recovered_from(self.changelog)

    def restart(self, **options: Any) -> Self:
        """Keep, and go on with an engine that has nothing but what was kept."""
        self.keep()
        return self.crash(**options)

    def crash(self, **options: Any) -> Self:
        """Go on with an engine that has nothing but what was kept before."""
        self.partition = Partition(0, 1, engine=ENGINE, recovered=self.recovered(), **options)
        return self

    # What was said.

    def incidents(self, kind: IncidentKind | None = None) -> dict[str, Incident]:
        """The last revision of each incident, as a reader of `incidents` folds them."""
        found: dict[str, Incident] = {}
        for one in told(self.out):
            if kind in (None, one.kind) and one.revision > (found[one.id].revision if one.id in found else 0):
                found[one.id] = one
        return found

    def open(self, kind: IncidentKind | None = None) -> list[Incident]:
        return [one for one in self.incidents(kind).values() if not one.ended]

    def letters(self) -> list[DeadLetter]:
        return [one.what for one in self.out if isinstance(one.what, DeadLetter)]

    def results(self) -> list[ActionResult]:
        return [one.what for one in self.out if isinstance(one.what, ActionResult)]

    def requests(self) -> list[CheckinRequest]:
        return [one.what for one in self.out if isinstance(one.what, CheckinRequest)]

    def status(self) -> Status:
        return [one.what for one in self.out if isinstance(one.what, Status)][-1]

    def readings(self, topic: str = "home.sensors") -> dict[str, int]:
        """What became of the readings of a topic."""
        from streams.engine.partition import OUTCOMES  # noqa: PLC0415 - beside the engine it comes from

        return dict(zip(OUTCOMES, self.partition.counts.readings[ORDER_OF[topic]], strict=True))


def told(outputs: Iterable[Output]) -> list[Incident]:
    """The revisions among what stands on `incidents`, in their order."""
    return [one.what for one in outputs if one.topic == "incidents" and isinstance(one.what, Incident)]


def recovered_from(rows: Iterable[tuple[bytes, bytes | None]]) -> Recovered:
    changelog = Changelog()
    for key, value in rows:
        changelog.take(key, value)
    return changelog.result()


def what_is_left(rows: Iterable[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    """What compaction leaves of a changelog in the end: the last row of each key, tombstones gone."""
    left: dict[bytes, bytes | None] = dict(rows)
    return {key: value for key, value in left.items() if value is not None}


def plain(thing: Any) -> Any:
    return msgspec.to_builtins(thing)
