"""Workers run for real on a broker: started, killed, and compared with an oracle that read the very same logs."""

import contextlib
import itertools
import sys
import urllib.error
import urllib.request
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import msgspec
from crashing import Told, states
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from prometheus_client.parser import text_string_to_metric_families
from worker_logs import TOLD, Judged, judge, read_inputs, read_logs, said, wait_until

from infra.broker import Broker
from infra.ports import free_ports
from infra.processes import Child, start_command
from infra.topics import create_topics
from schemas.district import DistrictCounts
from schemas.topics import changelog_of
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.engine.snapshot import POSITIONS, Changelog, unpack
from streams.publish import Publisher
from streams.settings import Settings
from streams.tail import Place
from streams.worker.run import ENGINE

CONTROLLED = Path(__file__).with_name("controlled_worker.py")

_groups = itertools.count(1)


# Workers.


class Runner:
    """One worker process."""

    def __init__(
        self, settings: Settings, logs: Path, wanted: dict[str, Any] | None = None, *, port: int | None = None
    ) -> None:
        self.settings = replace(settings, metrics_port=free_ports(1)[0] if port is None else port)
        log = logs / ("worker.log" if wanted is None else "controlled.log")
        self._log_at = log.stat().st_size if log.exists() else 0
        if wanted is None:
            self.child = start_command("worker", settings=self.settings, logs=logs)
        else:
            command = [sys.executable, str(CONTROLLED), msgspec.json.encode(wanted).decode()]
            self.child = Child("controlled worker", command, log=log, env=self.settings.to_env())

    def has_begun(self) -> bool:
        """Whether the first of its partitions is rebuilt; sooner known than from `/ready`, which is told once a second."""
        with self.child.log.open("rb") as log:
            log.seek(self._log_at)
            return b" households from " in log.read()

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
    """A broker whose inputs were written, and what an oracle makes of them. Runs take turns: they share the outputs."""

    broker: Broker
    partitions: int
    logs: list[list[Chunk]] = field(default_factory=list)
    oracle: list[Judged] = field(default_factory=list)

    def look(self) -> Self:
        """Read everything again, and let the oracle judge it."""
        self.logs = read_inputs(self.broker.bootstrap, self.partitions)
        self.oracle = [judge(logs, number, self.partitions) for number, logs in enumerate(self.logs)]
        return self

    @property
    def records(self) -> int:
        return sum(log.next for logs in self.logs for log in logs)


@dataclass(slots=True)
class Run:
    """One group of workers on a town, from its first record to its last; a context manager that leaves none behind."""

    town: Town
    folder: Path
    settings: Settings
    workers: list[Runner] = field(default_factory=list)
    starts: dict[Place, int] = field(default_factory=dict)
    begun: int = 0
    """How many workers were started, those that ended long ago among them."""

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
        self.begun += 1
        return worker

    def finish(self, within_s: float = 180.0) -> None:
        """Wait until everything is applied, then stop politely."""
        wait_until(self.is_done, within_s, "the end of the logs")
        for log in {worker.child.log for worker in self.workers}:
            assert b"a mistake of ours" not in log.read_bytes(), (
                "judging a home broke off, which costs it alone and no test"
            )
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
            for one in said(topic, log):
                # What all partitions count goes to one, where the stage is.
                out[one.what.partition if isinstance(one.what, DistrictCounts) else number].take([one])
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
                    with contextlib.suppress(ValueError):  # damaged by a test
                        out.append((number, sum(unpack(value)[1][0][0])))
        return out

    def share(self) -> float:
        """How much of the logs the last whole checkpoints have behind them."""
        return sum(dict(self.kept()).values()) / self.town.records

    def check(self, *, but: Container[str] = (), loosely: bool = False) -> None:
        """Nothing lost, nothing said twice differently, every household bit for bit; `but` names some that are not compared.

        `loosely` leaves out statuses, counts and dead letters: where the last whole checkpoint is not all that is known, a household
        may be ahead of the others, and be counted otherwise for a while.
        """
        for number, one in enumerate(self.differences(but=but, loosely=loosely)):
            for what, found in asdict(one).items():
                assert not found, f"partition {number}: {len(found)} {what}, such as {found[:3]}"

    def differences(self, *, but: Container[str] = (), loosely: bool = False) -> list["Difference"]:
        """How each partition differs from the run that was never stopped."""
        beside = {"status", "dead.letters", "district.counts"} if loosely or but else set()
        out = []
        for number, (told, state) in enumerate(zip(self.told(), self.state(), strict=True)):
            judged = self.town.oracle[number]
            found = words_of(told, beside, but)
            wanted = words_of(judged.told, beside, but)
            names = [name for name in {*state, *judged.state} if name not in but]
            out.append(
                Difference(
                    twice=sorted(str(key) for key in told.differing if key[0] not in beside),
                    lost=sorted(map(str, wanted.keys() - found.keys())),
                    beside=sorted(map(str, found.keys() - wanted.keys())),
                    otherwise=sorted(str(key) for key in found.keys() & wanted.keys() if found[key] != wanted[key]),
                    states=sorted(name for name in names if state.get(name) != judged.state.get(name)),
                )
            )
        return out

    def append(self, number: int, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Write rows behind the changelog of a partition."""
        with Publisher(self.settings.bootstrap, self.town.partitions) as pen:
            for key, value in rows:
                pen.send(changelog_of(self.settings.group), key, value, partition=number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for worker in self.workers:
            with contextlib.suppress(OSError):
                worker.child.kill()


@dataclass(frozen=True, slots=True)
class Difference:
    """How what a run left differs from what an engine leaves that was never stopped."""

    twice: list[str]
    """Said twice under one id, and differently."""
    lost: list[str]
    beside: list[str]
    """Said, and not to be said."""
    otherwise: list[str]
    states: list[str]
    """Households that are not the same bit for bit."""


def words_of(told: Told, beside: Container[str], but: Container[str]) -> dict[tuple[Any, ...], bytes]:
    """What was told, without some topics and without a word of some households."""
    incidents = {key[1]: msgspec.json.decode(value) for key, value in told.records.items() if key[0] == "incidents"}
    theirs = {name for name, one in incidents.items() if one["household"] in but}
    return {
        key: value
        for key, value in told.records.items()
        if key[0] not in beside
        and not (len(key) > 1 and (key[1] in theirs or (isinstance(key[1], bytes) and _is_about(key[1], theirs, but))))
    }


def _is_about(record: bytes, incidents: set[str], but: Container[str]) -> bool:
    if record[:1] != b"{":
        return record.decode() in incidents  # a tombstone
    return msgspec.json.decode(record).get("household") in but


@contextlib.contextmanager
def a_run(town: Town, folder: Path, **options: Any) -> Iterator[Run]:
    """A run whose processes are gone afterwards."""
    with Run.of(town, folder, **options) as run:
        yield run


# On Apache Kafka.


def compact(run: Run) -> None:
    """Have the changelog compacted now, all of it, as the broker may do at any time once its lag has passed."""
    topic, bootstrap = changelog_of(run.settings.group), run.settings.bootstrap
    at_once = {
        "min.compaction.lag.ms": "0",
        "max.compaction.lag.ms": "1",
        "min.cleanable.dirty.ratio": "0.0",
        "delete.retention.ms": "0",
        "segment.ms": "100",
    }
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=at_once)])
    finally:
        admin.close()

    def is_compacted() -> bool:
        # A record of a new segment: only those before it are compacted. Tombstones of nobody.
        for number in range(run.town.partitions):
            run.append(number, [(b"h:nobody", None)])
        logs = run.changelog()
        return all(_repeats(log.keys) <= 2 for log in logs)

    wait_until(is_compacted, 60, "a compaction")


def _repeats(keys: list[bytes | None]) -> int:
    """Records that are not the last of their key, those of the tombstones excepted."""
    known = [key for key in keys if key != b"h:nobody"]
    return len(known) - len(set(known))
