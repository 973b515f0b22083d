"""A replay on all cores: one process a partition, one progress line, the runs of all partitions together."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from load_tests.recording import read
from load_tests.replay_played import PlayedSource
from schemas.profiles import Profile
from schemas.topics import ORDERED_NAMES
from streams.partition import Partition
from streams.replay import Run, Source, replay
from streams.replay_topics import TopicSource
from streams.tail import reading

UNBOUNDED = 1 << 62


@dataclass(frozen=True, slots=True)
class Past:
    """What is replayed: a recording's folder, or the topics of a broker up to the ends they had when asked."""

    partitions: int
    folder: Path | None = None
    bootstrap: str = ""
    ends: tuple[tuple[int, ...], ...] = ()
    """Of each partition, the end of each ordered topic."""
    firsts: tuple[tuple[int, ...], ...] = ()
    """Of each partition, the first offset of each topic: above 0, what came before is gone."""

    @property
    def is_whole(self) -> bool:
        """Whether everything from the first record on is there: only then the live run must come out."""
        return not any(offset for firsts in self.firsts for offset in firsts)

    def source(self, partition: int) -> Source:
        """Return the logs of one partition."""
        if self.folder is not None:
            return PlayedSource(read(self.folder), partition, self.partitions)
        return TopicSource(self.bootstrap, partition, list(self.ends[partition]))


def past_of_topics(bootstrap: str, partitions: int) -> Past:
    """Take the topics of a broker as they stand now.

    Raises:
        BrokerAwayError: it does not answer.

    """
    places = [(topic, partition) for partition in range(partitions) for topic in ORDERED_NAMES]
    with reading(bootstrap) as reader:
        bounds = reader.bounds(places)
        # The embedded broker tells an end too low: what the last fetches say is right.
        ends = {place: end for place, (_, end) in bounds.items()}
        for record in reader.read_last(places, 1):
            place = (record.topic, record.partition)
            ends[place] = max(ends[place], record.offset + 1)
    return Past(
        partitions,
        bootstrap=bootstrap,
        ends=tuple(tuple(ends[topic, p] for topic in ORDERED_NAMES) for p in range(partitions)),
        firsts=tuple(tuple(bounds[topic, p][0] for topic in ORDERED_NAMES) for p in range(partitions)),
    )


def run_partition(past: Past, partition: int, profile: Profile | None) -> Run:
    """Replay one partition; called in a process of its own."""
    engine = Partition(
        partition,
        past.partitions,
        engine=version("anbu"),
        buffer_records=UNBOUNDED,
        fixed_profile=profile,
        views=False,
    )
    return replay(past.source(partition), engine)


def run_all(past: Past, profile: Profile | None, progress: Callable[[int], None]) -> Run:
    """Replay every partition on all cores; `progress` is called with the number of partitions done."""
    whole = Run()
    runs: dict[int, Run] = {}
    # Spawned, not forked: the embedded ClickHouse and client threads do not survive a fork.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(run_partition, past, p, profile): p for p in range(past.partitions)}
        for done in as_completed(waiting):
            runs[waiting[done]] = done.result()
            progress(len(runs))
    for partition in sorted(runs):
        whole.add(runs[partition])
    return whole
