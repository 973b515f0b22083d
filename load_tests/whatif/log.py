"""What is replayed of a log: its topics or their archive, from where to where, and how each partition is read."""

import atexit
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from load_tests.whatif.cut_log import CutSource
from load_tests.whatif.spool import Cut
from schemas.partitions import partition_of
from schemas.profiles import Profile
from schemas.topics import ORDERED_NAMES
from streams.archive.snapshots import Held, load
from streams.archive.source import ArchiveSource, Bounds, bounds_of
from streams.archive.source import id_of as archive_id_of
from streams.archive.source import offsets_at as archive_offsets_at
from streams.clickhouse import connect
from streams.engine.partition import Partition
from streams.publish import TopicsDifferError, check_partitions, partition_counts
from streams.replay.moments import offsets_at
from streams.replay.run import Source
from streams.tail import reading

UNBOUNDED = 1 << 62
EMBEDDED = "chdb://"


@dataclass(frozen=True, slots=True)
class Past:
    """What is replayed: the topics of a broker, or their archive, up to the ends they had when asked."""

    partitions: int
    bootstrap: str = ""
    ends: tuple[tuple[int, ...], ...] = ()
    """Of each partition, the end of each ordered topic."""
    firsts: tuple[tuple[int, ...], ...] = ()
    """Of each partition, the offset of each topic at which the replay begins: above 0, what came before is gone or left out."""
    archive: str = ""
    """URL of the ClickHouse that has the archive, where that is what is replayed."""
    snapshots: tuple[Held | None, ...] = ()
    """Of each partition the checkpoint from which its engine goes on; none: it begins anew."""
    shelf: str = ""
    """URL of the ClickHouse that has the snapshots."""
    cluster: str = ""
    """What has the log: the cluster of the topics, or the archive; empty where it is not known. Two logs may have equal offsets."""
    cuts: tuple[Cut, ...] = ()
    """Artificial collapses, copies of households in their own partitions."""

    @property
    def is_whole(self) -> bool:
        """Whether everything is there from the first record, or from the snapshot, on: only then the live run must come out."""
        return all(
            (p < len(self.snapshots) and self.snapshots[p] is not None) or not any(firsts)
            for p, firsts in enumerate(self.firsts)
        )

    def is_of_another(self, other: "Past") -> bool:
        """Tell whether two pasts are of two clusters or archives, as far as both are known."""
        return bool(self.cluster and other.cluster) and self.cluster != other.cluster

    def standing(self) -> list[str]:
        """Say of which partitions nothing is judged, for a topic of theirs has nothing there: without its ticks no clock moves."""
        told = []
        for p, (firsts, ends) in enumerate(zip(self.firsts, self.ends, strict=True)):
            bare = [name for name, first, end in zip(ORDERED_NAMES, firsts, ends, strict=True) if first >= end]
            if bare and not self.begun_ms(p):
                told.append(
                    f"Partition {p} is not judged: nothing of {', '.join(bare)} lies there, and no clock moves without."
                )
        return told

    @property
    def is_apart(self) -> bool:
        """Whether processes of their own can replay it: the embedded ClickHouse can be open in one only."""
        return not (self.archive.startswith(EMBEDDED) or (self.shelf.startswith(EMBEDDED) and any(self.snapshots)))

    def begun_ms(self, partition: int) -> int:
        """Return the clock of the snapshot from which a partition goes on; 0 where it begins anew."""
        held = self.snapshots[partition] if partition < len(self.snapshots) else None
        return held.clock_ms if held else 0

    def engine(self, partition: int, profile: Profile | None) -> Partition:
        """Return the engine of one partition as the replay begins.

        Raises:
            ValueError: the snapshot cannot be used.
            ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

        """
        held = self.snapshots[partition] if partition < len(self.snapshots) else None
        return Partition(
            partition,
            self.partitions,
            engine=version("anbu"),
            recovered=load(opened(self.shelf), held, profile) if held else None,
            buffer_records=UNBOUNDED,
            fixed_profile=profile,
            views=False,
            repeats=False,
        )

    def source(self, partition: int) -> Source:
        """Return the logs of one partition."""
        starts, ends = list(self.firsts[partition]), list(self.ends[partition])
        if self.begun_ms(partition):
            starts = [0] * len(starts)  # it goes on where the snapshot stands, whatever --since says
        source: Source
        if self.archive:
            source = ArchiveSource(opened(self.archive), partition, starts, ends)
        else:
            from streams.replay.topics import TopicSource  # noqa: PLC0415 - a replay of files would load Faust in each process

            source = TopicSource(self.bootstrap, partition, ends, starts)
        mine = [one for one in self.cuts if partition_of(one.household, self.partitions) == partition]
        return CutSource(source, mine) if mine else source


def opened(url: str) -> Any:
    """Open ClickHouse once for this process: the embedded engine can be open once only.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    if url not in _open:
        _open[url] = connect(url)
        atexit.register(close, url)
    return _open[url]


def close(url: str) -> None:
    """Close what `opened` has opened: until then this process can open no other folder of the embedded engine."""
    if (client := _open.pop(url, None)) is not None:
        client.close()


_open: dict[str, Any] = {}


def past_of_archive(url: str, partitions: int, *, since_ms: int = 0, until_ms: int = 0) -> Past:
    """Take the archive as it stands now, or the part of it between two moments of its ticks.

    Raises:
        TopicsDifferError: it holds another number of partitions.
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    client = opened(url)
    bounds = bounds_of(client)
    if bounds and (count := max(bounds) + 1) != partitions:
        raise TopicsDifferError(
            f"the archive holds {count} partitions, the settings say {partitions}; correct ANBU_PARTITIONS"
        )
    since = archive_offsets_at(client, since_ms) if since_ms else {}
    until = archive_offsets_at(client, until_ms) if until_ms else {}
    firsts, ends = [], []
    for p in range(partitions):
        held = bounds.get(p, Bounds())
        firsts.append(
            tuple(
                since.get((t, p), end if since_ms else first)
                for t, first, end in zip(ORDERED_NAMES, held.firsts, held.ends, strict=True)
            )
        )
        # The tick itself belongs to what came before it.
        ends.append(
            tuple(
                min(until[t, p] + 1, end) if (t, p) in until else end
                for t, end in zip(ORDERED_NAMES, held.ends, strict=True)
            )
        )
    return Past(partitions, archive=url, ends=tuple(ends), firsts=tuple(firsts), cluster=_id_of_archive(client, url))


def _id_of_archive(client: Any, url: str) -> str:
    """Return which archive it is: by its table, and of the embedded ClickHouse, whose tables have no ids, by its folder."""
    known = archive_id_of(client)
    if not known and url.startswith(EMBEDDED):
        found = Path(url.removeprefix(EMBEDDED)).stat()
        known = f"{found.st_dev:x}-{found.st_ino:x}"
    return f"archive {known}" if known else ""


def past_of_topics(bootstrap: str, partitions: int, *, since_ms: int = 0, until_ms: int = 0) -> Past:
    """Take the topics of a broker as they stand now, or the part between two moments of their ticks.

    Raises:
        BrokerAwayError: it does not answer.
        TopicsDifferError: a topic is missing, or has another number of partitions.

    """
    check_partitions(partition_counts(bootstrap), dict.fromkeys(ORDERED_NAMES, partitions))
    places = [(topic, partition) for partition in range(partitions) for topic in ORDERED_NAMES]
    with reading(bootstrap) as reader:
        cluster = f"cluster {known}" if (known := reader.cluster()) else ""
        bounds = reader.bounds(places)
        # The embedded broker tells an end too low: what the last fetches say is right.
        ends = {place: end for place, (_, end) in bounds.items()}
        for record in reader.read_last(places, 1):
            place = (record.topic, record.partition)
            ends[place] = max(ends[place], record.offset + 1)
        firsts = {place: first for place, (first, _) in bounds.items()}
        whole = {place: (firsts[place], ends[place]) for place in places}
        if since_ms:
            found = offsets_at(reader, whole, since_ms)
            firsts |= {place: ends[place] if at is None else at for place, at in found.items()}
        if until_ms:
            # The tick itself belongs to what came before it.
            ends |= {place: at + 1 for place, at in offsets_at(reader, whole, until_ms).items() if at is not None}
    return Past(
        partitions,
        bootstrap=bootstrap,
        cluster=cluster,
        ends=tuple(tuple(ends[topic, p] for topic in ORDERED_NAMES) for p in range(partitions)),
        firsts=tuple(tuple(firsts[topic, p] for topic in ORDERED_NAMES) for p in range(partitions)),
    )
