"""Workers run for real on a broker: started, killed, and compared with an oracle that read the very same logs."""

import asyncio
import contextlib
import itertools
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from crashing import Told, states
from logs import logs_of, run
from prometheus_client.parser import text_string_to_metric_families

from infra.broker import Broker
from infra.ports import free_ports
from infra.processes import Child, start_command
from infra.topics import create_topics
from load_tests.demo_rubbish import with_rubbish
from load_tests.feed import feed
from load_tests.neighbourhood import Message, Played, Wire
from load_tests.recording import wire_of
from load_tests.simulator import Rates, simulate
from schemas.actions import ActionResult, ResponderAction
from schemas.encode import encode
from schemas.events import DeadLetter
from schemas.incidents import CheckinRequest, CloseCause, Incident, Status
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import ORDERED_NAMES, changelog_of
from streams.chunk import Chunk
from streams.delivery import CHUNKED
from streams.partition import Output, Partition
from streams.settings import Settings
from streams.snapshot import POSITIONS, Changelog, unpack
from streams.worker import ENGINE

START_MS = 1_788_188_400_000
CONTROLLED = Path(__file__).with_name("controlled_worker.py")
TOLD: dict[str, Any] = {
    "incidents": Incident,
    "incidents.open": Incident,
    "checkin.requests": CheckinRequest,
    "responder.results": ActionResult,
    "dead.letters": DeadLetter,
}
"""Topics that workers write, and what stands on them."""

_groups = itertools.count(1)

Place = tuple[str, int]


def wait_until(found: Callable[[], Any], within_s: float, what: str) -> Any:
    """Ask until there is something, and give it."""
    until_s = time.monotonic() + within_s
    while not (answer := found()):
        assert time.monotonic() < until_s, f"{what}: not within {within_s:g} s"
        time.sleep(0.05)
    return answer


# What stands in the logs.


def read_logs(bootstrap: str, starts: dict[Place, int]) -> dict[Place, Chunk]:
    """Each place from an offset to its end, as one chunk."""

    async def read() -> dict[Place, Chunk]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1 << 22,
            fetch_max_wait_ms=50,
        )
        await consumer.start()
        try:
            where = [TopicPartition(*place) for place in starts]
            first = await consumer.beginning_offsets(where)
            logs = {
                place: Chunk(max(start, first[at]), max(start, first[at]))
                for at, (place, start) in zip(where, starts.items(), strict=True)
            }
            consumer.assign(where)
            for at, log in zip(where, logs.values(), strict=True):
                consumer.seek(at, log.start)
            left = set(where)
            while left:
                for at, chunk in (await consumer.getmany(*left, timeout_ms=100)).items():
                    _append(logs[at.topic, at.partition], chunk)
                left = {
                    at for at in left if (end := consumer.highwater(at)) is None or logs[at.topic, at.partition].next < end
                }
        finally:
            await consumer.stop()
        return logs

    names = {topic for topic, _ in starts} - CHUNKED
    CHUNKED.update(names)
    try:
        return asyncio.run(read())
    finally:
        CHUNKED.difference_update(names)


def _append(log: Chunk, chunk: Chunk) -> None:
    log.offsets += chunk.offsets
    log.keys += chunk.keys
    log.values += chunk.values
    log.timestamps += chunk.timestamps
    log.next, log.broker_stamped = chunk.next, chunk.broker_stamped


def said(topic: str, log: Chunk) -> list[Output]:
    """What stands on an output topic. A status without its lag: that one word is no function of the logs."""
    decode, status = msgspec.json.Decoder(TOLD[topic]).decode, msgspec.json.Decoder(Status).decode
    out: list[Output] = []
    for key, value in zip(log.keys, log.values, strict=True):
        what: Any = None
        if value is not None:
            is_status = topic == "incidents" and not key
            what = msgspec.structs.replace(status(value), lag=None) if is_status else decode(value)
        out.append(Output(topic, key or b"", what))
    return out


@dataclass(frozen=True, slots=True)
class Judged:
    """A partition at the end of its logs: what was told of it, and every household bit for bit."""

    told: Told
    state: dict[str, Any]


def judge(logs: Sequence[Chunk], number: int, partitions: int) -> Judged:
    """The oracle: one engine in memory, never stopped, over the logs of one partition."""
    partition, told = Partition(number, partitions, engine=ENGINE, buffer_records=1 << 40), Told()
    for topic, log in enumerate(logs):
        partition.pass_gap(topic, log.start)
        told.take(partition.offer(topic, log)[0])
    told.take(partition.pump())
    return Judged(told, states(partition))


# Workers.


class Runner:
    """One worker process."""

    def __init__(self, settings: Settings, logs: Path, wanted: dict[str, Any] | None = None) -> None:
        self.settings = replace(settings, metrics_port=free_ports(1)[0])
        if wanted is None:
            self.child = start_command("worker", settings=self.settings, logs=logs)
        else:
            command = [sys.executable, str(CONTROLLED), msgspec.json.encode(wanted).decode()]
            log = logs / "controlled.log"
            self.child = Child("controlled worker", command, log=log, env=self.settings.to_env())

    def ask(self, path: str) -> str:
        """What it answers; nothing while it does not."""
        url = f"http://127.0.0.1:{self.settings.metrics_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError:
            return ""

    def partitions(self) -> dict[int, dict[str, Any]]:
        """How each of its partitions does."""
        text = self.ask("/ready")
        return {one["partition"]: one for one in msgspec.json.decode(text)["partitions"]} if text else {}

    @property
    def ready(self) -> bool:
        return bool((text := self.ask("/ready")) and msgspec.json.decode(text)["ready"])

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's series that have these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.ask("/metrics"))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@dataclass(slots=True)
class Town:
    """A broker with everything in its logs, and what an oracle makes of them. Runs take turns: they share the outputs."""

    broker: Broker
    partitions: int
    logs: list[list[Chunk]]
    oracle: list[Judged]

    @property
    def records(self) -> int:
        return sum(log.next for logs in self.logs for log in logs)


def town_messages() -> tuple[Played, list[Wire]]:
    """Days of synthetic households: emergencies, collapses, rubbish, repeats, and what responders did about it all."""
    town = simulate(30, 8, 41, start_ms=START_MS, rates=Rates(collapses=1.0, emergencies=1.5, slow=0.5))
    wires = list(with_rubbish(map(wire_of, town.messages()), town.from_ms, town.until_ms))
    rnd = Random(3)
    again = [replace_sent(one, one.sent_ms + rnd.randrange(1, 6 * 3_600_000)) for one in rnd.sample(wires, 1_000)]
    wires = sorted([*wires, *again, *_actions(town, rnd)], key=lambda one: one.sent_ms)
    return town, [one for one in wires if one.sent_ms < town.until_ms]


def replace_sent(wire: Wire, sent_ms: int) -> Wire:
    """The same bytes, sent at another time."""
    return msgspec.structs.replace(wire, sent_ms=sent_ms)


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
            sent_ms = at_ms + rnd.randrange(60_000, 20 * 3_600_000) * (turn + 1)
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


def build_town(broker: Broker, played: Played, partitions: int, messages: Iterable[Message | Wire]) -> Town:
    """Feed everything in small batches, and let the oracle judge it."""
    create_topics(broker.bootstrap, partitions)
    asyncio.run(feed(broker.bootstrap, played, partitions=partitions, messages=iter(messages), slice_s=1_800))
    logs = read_inputs(broker.bootstrap, partitions)
    return Town(broker, partitions, logs, [judge(logs[number], number, partitions) for number in range(partitions)])


def read_inputs(bootstrap: str, partitions: int) -> list[list[Chunk]]:
    """The ordered topics of each partition."""
    found = read_logs(bootstrap, {(topic, p): 0 for topic in ORDERED_NAMES for p in range(partitions)})
    return [[found[topic, p] for topic in ORDERED_NAMES] for p in range(partitions)]


@dataclass(slots=True)
class Run:
    """One group of workers on a town, from its first record to its last; a context manager that leaves none behind."""

    town: Town
    folder: Path
    settings: Settings
    workers: list[Runner] = field(default_factory=list)
    starts: dict[Place, int] = field(default_factory=dict)

    @classmethod
    def of(cls, town: Town, folder: Path, **options: Any) -> Self:
        """Begin anew, as a group that never ran. Small fetches and many checkpoints: kills are to hit the middle."""
        group = f"g{next(_groups)}"
        create_topics(town.broker.bootstrap, town.partitions, group=group)
        words: dict[str, Any] = {
            "session_timeout_s": 2.0,
            "checkpoint_every_s": 0.2,
            "fetch_max_bytes": 8_192,
            "buffer_records": 2_000,
            **options,
        }
        settings = Settings(
            kafka=town.broker.url, group=group, partitions=town.partitions, datadir=folder / group, **words
        )
        run = cls(town, folder / group, settings)
        places = {(topic, p): 0 for topic in TOLD for p in range(town.partitions)}
        run.starts = {place: log.next for place, log in read_logs(town.broker.bootstrap, places).items()}
        return run

    def start(self, wanted: dict[str, Any] | None = None, **options: Any) -> Runner:
        worker = Runner(replace(self.settings, **options), self.folder, wanted)
        self.workers.append(worker)
        return worker

    def finish(self, within_s: float = 120.0) -> None:
        """Wait until everything is applied, then stop politely."""
        wait_until(self.is_done, within_s, "the end of the logs")
        for worker in self.workers:
            if worker.child.alive:
                assert worker.child.stop(20) == 0, worker.child.tail()

    def is_done(self) -> bool:
        applied: dict[int, int] = {}
        for worker in self.workers:
            code = worker.child.exit_code
            assert code is None or code < 0 or code == 0, f"a worker ended with {code}: {worker.child.tail()}"
            if code is None:
                applied |= {number: one["applied"] for number, one in worker.partitions().items()}
        assert any(worker.child.alive for worker in self.workers), "no worker is left"
        return applied == {number: sum(log.next for log in logs) for number, logs in enumerate(self.town.logs)}

    def told(self) -> list[Told]:
        """What was told since the run began, by partition."""
        found = read_logs(self.settings.bootstrap, self.starts)
        out = [Told() for _ in range(self.town.partitions)]
        for (topic, number), log in found.items():
            out[number].take(said(topic, log))
        return out

    def changelog(self) -> list[Chunk]:
        """The changelog by partition."""
        topic = changelog_of(self.settings.group)
        found = read_logs(self.settings.bootstrap, {(topic, p): 0 for p in range(self.town.partitions)})
        return [found[topic, p] for p in range(self.town.partitions)]

    def state(self) -> list[dict[str, Any]]:
        """What the next worker would begin with, by partition."""
        out = []
        for number, log in enumerate(self.changelog()):
            rows = Changelog()
            for key, value in zip(log.keys, log.values, strict=True):
                rows.take(key, value)
            recovered = Partition(number, self.town.partitions, engine=ENGINE, recovered=rows.result(), owner=0)
            assert not recovered.unreadable
            out.append(states(recovered))
        return out

    def kept(self) -> list[tuple[int, int]]:
        """Every whole checkpoint in order: its partition, and how many records it has behind it."""
        out = []
        for number, log in enumerate(self.changelog()):
            for key, value in zip(log.keys, log.values, strict=True):
                if key in POSITIONS and value is not None:
                    out.append((number, sum(unpack(value)[1][0][0])))
        return out

    def check(self) -> None:
        """Nothing lost, nothing said twice differently, every household bit for bit."""
        for number, (told, state) in enumerate(zip(self.told(), self.state(), strict=True)):
            wanted = self.town.oracle[number]
            assert not told.differing, f"partition {number}"
            missing = wanted.told.records.keys() - told.records.keys()
            beside = told.records.keys() - wanted.told.records.keys()
            assert not missing, f"partition {number}: {len(missing)} lost, such as {sorted(map(str, missing))[:3]}"
            assert not beside, f"partition {number}: {len(beside)} beside, such as {sorted(map(str, beside))[:3]}"
            assert told.records == wanted.told.records
            differing = [name for name in {*state, *wanted.state} if state.get(name) != wanted.state.get(name)]
            assert not differing, f"partition {number}: {sorted(differing)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for worker in self.workers:
            with contextlib.suppress(OSError):
                worker.child.kill()


@contextlib.contextmanager
def a_run(town: Town, folder: Path, **options: Any) -> Iterator[Run]:
    """A run whose processes are gone afterwards."""
    with Run.of(town, folder, **options) as run:
        yield run
