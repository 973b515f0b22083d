"""The writer's side of the broker: its own consumer group, positions committed by hand, nothing read twice unseen."""

import contextlib
import logging
import threading
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from streams.publish import BrokerAwayError, TopicsDifferError, broker_answers, find_listener, partition_counts
from streams.settings import Settings
from streams.tail import LOG_APPEND_TIME, Place, Record
from streams.wallclock import monotonic_s
from streams.writer.job import OUTPUTS, Job

log = logging.getLogger("anbu.writer")

POLL_RECORDS: Final = 5_000
MAX_POLL_INTERVAL_S: Final = 300
"""The group gives the partitions away when the writer did not poll for so long; no single write may take longer."""
SILENT_S: Final = 30.0
"""After so long without a record the broker is looked for: the client library waits for an absent one without a word."""


class Polled(NamedTuple):
    """What one poll brought. Of `restarted` partitions nothing read before counts: forget what is held of them."""

    records: list[Record]
    restarted: dict[Place, int | None]
    """Each with the offset of the record that comes next, None where that is not known."""


class KafkaSource:
    """Reads the topics of a job as a member of the group of its writers.

    Raises:
        BrokerAwayError: the broker does not answer at the start. A later absence is told once and waited out.
        TopicsDifferError: a topic is missing.

    """

    def __init__(self, settings: Settings, job: Job = OUTPUTS) -> None:
        self._bootstrap = settings.bootstrap
        counts = partition_counts(self._bootstrap)
        for topic in job.topics:
            if topic not in counts:
                # Asking for it would create it on the embedded broker, with one partition.
                raise TopicsDifferError(f"topic {topic} is missing; create it with: anbu topics create")
        session_ms = int(settings.session_timeout_s * 1000)
        with broker_answers(self._bootstrap):
            self._consumer: Any = KafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=job.group(settings.group),
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=max(1, session_ms // 3),
                max_poll_interval_ms=MAX_POLL_INTERVAL_S * 1000,
                max_poll_records=POLL_RECORDS,
                fetch_max_wait_ms=200,
                fetch_max_bytes=8_000_000,
            )
        self._first = job.topics[0]
        self._moves = _Moves()
        self._consumer.subscribe(job.topics, listener=self._moves)
        self._is_paused = False
        self._heard_s = monotonic_s()
        self._is_away = False

    @property
    def owned(self) -> int:
        """How many partitions the group has given to this member; none while the broker is away."""
        return 0 if self._is_away else len(self._consumer.assignment())

    @property
    def numbers(self) -> set[int]:
        """Return the numbers of these partitions, by the first topic: one writer of several has each."""
        return (
            set() if self._is_away else {at.partition for at in self._consumer.assignment() if at.topic == self._first}
        )

    def poll(self, within_s: float) -> Polled:
        """Read what has come, at most `within_s` long. Must be called again within 5 minutes to stay in the group.

        Raises:
            BrokerAwayError: the broker refuses for good.

        """
        batches: dict[TopicPartition, list[Any]] = {}
        moved: set[TopicPartition] = set()
        try:
            batches = self._consumer.poll(timeout_ms=int(within_s * 1000))
            moved = self._moves.take()
            starts = self._start_over(moved)
            if self._is_paused:
                # A partition that was given to us meanwhile knows nothing of the pause.
                self._pause_all()
        except (KafkaError, OSError) as error:
            if not getattr(error, "retriable", isinstance(error, OSError)):
                raise BrokerAwayError(f"the broker at {self._bootstrap} refuses ({type(error).__name__})") from error
            log.warning("the broker at %s: %s; trying on", self._bootstrap, type(error).__name__)
            # The client has moved past what this poll brought, and nobody will have it: read it again.
            self._moves.add(moved | set(batches))
            return Polled([], {(at.topic, at.partition): None for at in moved | set(batches)})
        self._watch(heard=bool(batches))
        records = [
            Record(at.topic, at.partition, r.offset, r.key, r.value, r.timestamp, r.timestamp_type == LOG_APPEND_TIME)
            for at, found in batches.items()
            if at not in moved
            for r in found
        ]
        return Polled(records, starts)

    def rewind(self, place: Place, offset: int) -> None:
        """Go on reading a partition at `offset`."""
        with contextlib.suppress(ValueError, KeyError):  # another has it meanwhile
            self._consumer.seek(TopicPartition(*place), offset)

    def _start_over(self, moved: set[TopicPartition]) -> dict[Place, int | None]:
        """Go back to the committed offsets of partitions that changed hands.

        The client calls its listener from a thread of its own, so what a poll returned may be from before or after the
        change. Neither is used: whatever was read and not acknowledged is read again.
        """
        starts: dict[Place, int | None] = {(at.topic, at.partition): None for at in moved}
        for at in moved & set(self._consumer.assignment()):
            kept = self._consumer.committed(at, timeout_ms=10_000)
            starts[at.topic, at.partition] = kept
            with contextlib.suppress(ValueError, KeyError):  # it has moved on meanwhile, which the next poll will tell
                if kept is None:
                    self._consumer.seek_to_beginning(at)
                else:
                    self._consumer.seek(at, kept)
        return starts

    def commit(self, place: Place, offset: int) -> None:
        """Keep that everything before `offset` is stored. A failure is told and mended by the next commit or start."""
        try:
            self._consumer.commit({TopicPartition(*place): OffsetAndMetadata(offset, "", -1)}, timeout_ms=10_000)
        except (KafkaError, OSError) as error:
            log.warning("offset %d of %s/%d is not committed: %s", offset, *place, type(error).__name__)

    def pause(self) -> None:
        """Bring nothing more until `resume`, and stay in the group all the same as long as `poll` is called."""
        self._is_paused = True
        self._pause_all()

    def resume(self) -> None:
        """Go on reading."""
        self._is_paused = False
        for at in self._consumer.paused():
            with contextlib.suppress(KeyError):
                self._consumer.resume(at)

    def _pause_all(self) -> None:
        for at in self._consumer.assignment():
            with contextlib.suppress(KeyError):  # given away in this very moment, by the client's own thread
                self._consumer.pause(at)

    def close(self) -> None:
        """Leave the group."""
        with contextlib.suppress(Exception):
            self._consumer.close(autocommit=False, timeout_ms=3_000)

    def _watch(self, *, heard: bool) -> None:
        now_s = monotonic_s()
        if heard:
            self._heard_s = now_s
        elif now_s - self._heard_s >= SILENT_S:
            self._heard_s = now_s
            try:
                find_listener(self._bootstrap, 1.0)
            except BrokerAwayError as error:
                if not self._is_away:
                    log.error("%s; waiting for it", error)  # noqa: TRY400 - one line, no trace
                self._is_away = True
                return
        else:
            return
        if self._is_away:
            log.warning("the broker at %s answers again", self._bootstrap)
        self._is_away = False


class _Moves(ConsumerRebalanceListener):  # type: ignore[misc] # the library has no types
    """Remembers which partitions changed hands. Called from the client's own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moved: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.add(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.add(assigned)

    def add(self, moved: Iterable[TopicPartition]) -> None:
        with self._lock:
            self._moved.update(moved)

    def take(self) -> set[TopicPartition]:
        with self._lock:
            moved, self._moved = self._moved, set()
        return moved


__all__ = ["KafkaSource", "Polled"]
