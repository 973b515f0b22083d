"""Reading the log from outside the engine: whole topics, their last records, one record. All by kafka-python."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from streams.publish import LEARNED_WITHIN_MS, BrokerAwayError, broker_answers, find_listener
from streams.wallclock import monotonic_s

POLL_MS: Final = 200

FIRST_PIECE: Final = 2_000
"""Records read first when looking for the last of something."""


LOG_APPEND_TIME: Final = 1
"""Kafka's number for a timestamp that the broker set at arrival."""


class Record(NamedTuple):
    """One record of the log. `arrived_ms`: its Kafka timestamp, UTC milliseconds, set by the broker if `broker_stamped`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived_ms: int
    broker_stamped: bool = False


Place = tuple[str, int]
"""(topic, partition)"""


class LogReader:
    """A consumer without a group that reads given places of the log and knows where they end.

    The end of a partition is taken from fetch answers, never from ListOffsets: the embedded broker answers that with
    the last batch's first offset, and the records behind it would be missed.
    """

    def __init__(self, bootstrap: str, *, group: str | None = None, within_s: float = 5.0) -> None:
        self.bootstrap = bootstrap
        self._within_s = within_s
        within_ms = int(within_s * 1000)
        find_listener(bootstrap, within_s)
        with broker_answers(bootstrap):
            self.consumer: Any = KafkaConsumer(
                bootstrap_servers=bootstrap,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                bootstrap_timeout_ms=within_ms,
                # The library asks that it exceed the longest wait of a fetch, half a second.
                request_timeout_ms=max(within_ms, 2_000),
                fetch_max_wait_ms=POLL_MS,
                max_poll_records=5_000,
                # So soon a reader learns that a topic has grown (`follow_grown`); the library's own age is five minutes.
                metadata_max_age_ms=LEARNED_WITHIN_MS,
            )

    def cluster(self) -> str:
        """Id of the cluster; empty where the broker says none."""
        with broker_answers(self.bootstrap):
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=int(self._within_s * 1000))
            try:
                return str(admin.describe_cluster()["cluster_id"] or "")
            finally:
                admin.close()

    def topics(self) -> set[str]:
        """Names of the topics the broker has."""
        with broker_answers(self.bootstrap):
            return set(self.consumer.topics())

    def partitions(self, topic: str) -> int:
        """Partition count of a topic, 0 when the broker has no such topic (and it is not created by asking)."""
        if topic not in self.topics():
            return 0
        with broker_answers(self.bootstrap):
            return len(self.consumer.partitions_for_topic(topic))

    def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        """First offset and an offset not beyond the end of each place."""
        where = [TopicPartition(*place) for place in places]
        with broker_answers(self.bootstrap):
            first = self.consumer.beginning_offsets(where, timeout_ms=int(self._within_s * 1000))
            end = self.consumer.end_offsets(where, timeout_ms=int(self._within_s * 1000))
        return {(at.topic, at.partition): (int(first[at]), int(end[at])) for at in where}

    def follow(self, starts: dict[Place, int]) -> None:
        """Read these places from these offsets on, and no others."""
        with broker_answers(self.bootstrap):
            self.consumer.assign([TopicPartition(*place) for place in starts])
            for place, offset in starts.items():
                self.consumer.seek(TopicPartition(*place), offset)

    def follow_grown(self, topics: Iterable[str]) -> dict[str, int]:
        """Take up, from their beginning, the partitions that followed topics have gained; return those topics' counts.

        Costs no request: the client asks the broker about its topics every `LEARNED_WITHIN_MS` while it polls. What is
        followed already goes on from where it stands. Without this a reader of a set that was grown sees the old
        partitions alone, and looks well.
        """
        followed = self.consumer.assignment()
        grown, new = {}, []
        with broker_answers(self.bootstrap):
            for topic in topics:
                has = self.consumer.partitions_for_topic(topic)
                gained = [at for number in sorted(has) if (at := TopicPartition(topic, number)) not in followed]
                if gained:
                    grown[topic] = len(has)
                    new += gained
            if new:
                self.consumer.assign([*followed, *new])
                for at in new:
                    self.consumer.seek(at, 0)
        return grown

    def poll(self, within_ms: int = POLL_MS) -> list[Record]:
        """Return what has come for the followed places, perhaps nothing."""
        with broker_answers(self.bootstrap):
            batches = self.consumer.poll(timeout_ms=within_ms)
        return [
            Record(at.topic, at.partition, r.offset, r.key, r.value, r.timestamp, r.timestamp_type == LOG_APPEND_TIME)
            for at, records in batches.items()
            for r in records
        ]

    def at_end(self) -> bool:
        """Whether every followed place has been read up to where the broker said, in a fetch, that it ends."""
        for at in self.consumer.assignment():
            end = self.consumer.highwater(at)
            if end is None or (self.consumer.position(at, timeout_ms=1000) or 0) < end:
                return False
        return True

    def read_to_end(self, starts: dict[Place, int]) -> Iterator[Record]:
        """Everything from these offsets to the ends of the places as they stand while reading.

        Raises:
            BrokerAwayError: nothing came and no end was reached for `within_s`.

        """
        if not starts:
            return
        self.follow(starts)
        heard_s = monotonic_s()
        while True:
            records = self.poll()
            yield from records
            if self.at_end():
                return
            if records:
                heard_s = monotonic_s()
            elif monotonic_s() - heard_s > self._within_s:
                raise BrokerAwayError(f"the broker at {self.bootstrap} stopped answering while a topic was read")

    def read_whole(self, topic: str, partition: int | None = None) -> Iterator[Record]:
        """All records of a topic (or of one partition) that the broker still has; nothing where it has no such topic."""
        count = self.partitions(topic)
        places = [(topic, p) for p in range(count) if partition in (None, p)]
        yield from self.read_to_end({place: first for place, (first, _) in self.bounds(places).items()})

    def read_last(self, places: Iterable[Place], count: int) -> Iterator[Record]:
        """At least the last `count` records of each place that has so many, in order within a place."""
        bounds = self.bounds(places)
        yield from self.read_to_end({place: max(first, end - count) for place, (first, end) in bounds.items()})

    def find_last(self, place: Place, wanted: Callable[[Record], bool]) -> Record | None:
        """Return the last record of a place that is wanted, reading back from the end in growing pieces.

        A topic holds a tick every few seconds for months: what changed last is mostly near its end.
        """
        if place[1] >= self.partitions(place[0]):
            return None
        first, lower = self.bounds([place])[place]
        if lower <= first:
            return None
        upper, width = None, FIRST_PIECE
        while upper is None or upper > first:
            lower = max(first, lower - width)
            last = None
            for record in self.read_to_end({place: lower}):
                if upper is not None and record.offset >= upper:
                    break
                if wanted(record):
                    last = record
            if last is not None:
                return last
            upper, width = lower, width * 4
        return None

    def read_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """Return the record at an offset, or None: retention has taken it, or it never was."""
        if partition >= self.partitions(topic):
            return None
        first, _ = self.bounds([(topic, partition)])[(topic, partition)]
        if offset < first:
            return None
        for record in self.read_to_end({(topic, partition): offset}):
            # A reader sent past the end starts over at the beginning: the first record tells.
            return record if record.offset == offset else None
        return None

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(Exception):
            self.consumer.close()


@contextlib.contextmanager
def reading(bootstrap: str, *, within_s: float = 5.0) -> Iterator[LogReader]:
    """Open a reader for the length of a block."""
    reader = LogReader(bootstrap, within_s=within_s)
    try:
        yield reader
    finally:
        reader.close()
