"""Reading incidents as a responder: every open one first, then each change once, and calm told from dead.

    from streams.subscriber import IncidentSubscriber

    with IncidentSubscriber("127.0.0.1:9092") as subscriber:
        while True:
            if subscriber.poll():                # each new revision, once
                show(subscriber.cases())         # one line a case
            if subscriber.watching().stale:      # somebody must look: these partitions are not watched
                ring()                           # asked also when nothing comes: that is when it matters

Delivery is at least once and this class removes the repeats: a revision not above the highest seen of its incident is
dropped. What it cannot read is counted in `fold.unread` and never stops it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.incidents import Incident
from streams.incident_fold import INCIDENTS, OPEN, Case, IncidentFold, Watching
from streams.publish import BrokerAwayError, TopicsDifferError, broker_answers
from streams.tail import LogReader, Place, Record
from streams.wallclock import now_ms

OVERLAP: Final = 1_000
"""Records of `incidents` per partition read again before the meeting point. The worker writes a revision to both
topics a moment apart: without the overlap one that is not yet in `incidents.open` could fall between them."""


def begin(first: int, end: int, kept: int | None, of_all: Iterable[int | None]) -> int:
    """Return where to begin in a partition that holds `first` to `end`, of a group that `kept` this place in it.

    A partition of which nothing is kept while something is of others came since, when the set was grown: all of it is new.
    """
    if kept is not None:
        return max(first, min(end - OVERLAP, kept))
    return first if any(one is not None for one in of_all) else max(first, end - OVERLAP)


class IncidentSubscriber:
    """Follows incidents on a broker: one process, every partition, state in memory.

    It first reads `incidents.open` whole, then `incidents` from where the two meet, so that an incident older than the
    retention of `incidents` is found too. `group`, if given, is a name under which the place reached is kept: a
    subscriber that starts again under it also hears of incidents that opened and ended while it was away. What `poll`
    returned counts as handled at the next `poll`. Use a group in one process at a time. `from_start` reads all of
    `incidents` that the broker still has instead.

    Raises:
        BrokerAwayError: the broker does not answer at the start. Later absences are waited out; `watching` tells of them.
        TopicsDifferError: the broker has no `incidents`.

    """

    def __init__(
        self,
        bootstrap: str,
        *,
        group: str | None = None,
        from_start: bool = False,
        clock: Callable[[], int] = now_ms,
        within_s: float = 5.0,
    ) -> None:
        self._clock = clock
        self._group = group
        self._reader = LogReader(bootstrap, group=group, within_s=within_s)
        try:
            self.fold = IncidentFold(self._count())
            self.caught_up = False
            """True once everything that was in the log at the start has been read."""
            self._handled: dict[Place, int] = {}
            # The meeting point is taken before `incidents.open` is read: what is written meanwhile is then behind it.
            starts = self._starts(from_start=from_start)
            self._first = [] if from_start else self._read_open()
            self._reader.follow(starts)
        except BaseException:
            self._reader.close()
            raise

    def _count(self) -> int:
        partitions = self._reader.partitions(INCIDENTS)
        if partitions == 0:
            raise TopicsDifferError(f"topic {INCIDENTS} is missing; create it with: anbu topics create")
        return partitions

    def _starts(self, *, from_start: bool) -> dict[Place, int]:
        places = [(INCIDENTS, partition) for partition in range(self.fold.partitions)]
        bounds = self._reader.bounds(places)
        kept: dict[Place, int | None] = dict.fromkeys(places)
        if self._group is not None and not from_start:
            kept = {place: self._kept(place) for place in places}
        starts = {
            place: first if from_start else begin(first, end, kept[place], kept.values())
            for place, (first, end) in bounds.items()
        }
        # Kept at the first poll, or a partition in which nothing came yet would look like one that is new.
        self._handled = {place: start for place, start in starts.items() if kept[place] is None}
        return starts

    def _kept(self, place: Place) -> int | None:
        with broker_answers(self._reader.bootstrap):
            found: int | None = self._reader.consumer.committed(TopicPartition(*place), timeout_ms=10_000)
        return found

    def _read_open(self) -> list[Incident]:
        """Read the topic whole; a broker that does not compact holds old revisions and tombstones too: only the end counts."""
        for record in self._reader.read_whole(OPEN):
            self.fold.apply(OPEN, record.key, record.value, record.arrived_ms, record.partition)
        return self.fold.incidents()

    def poll(self, within_s: float = 1.0) -> list[Incident]:
        """Return what is new, in log order per household; empty when nothing came within the time."""
        self._commit()
        first, self._first = self._first, []
        try:
            self._take_up_grown()
            records = self._reader.poll(0 if first else int(within_s * 1000))
        except BrokerAwayError:
            time.sleep(0.2)  # or an error that comes back at once would make this a busy loop
            records = []
        new = first + [incident for record in records if (incident := self._apply(record))]
        if not self.caught_up:
            self.caught_up = self._reader.at_end()
        return new

    def _take_up_grown(self) -> None:
        """Follow the partitions of a set that was grown meanwhile; until they are heard of they count as unwatched."""
        for count in self._reader.follow_grown([INCIDENTS]).values():
            self.fold.grow(count)

    def catch_up(self, within_s: float = 30.0) -> list[Incident]:
        """Read on until the end of the log was reached once; return everything new on the way."""
        new: list[Incident] = []
        until = self._clock() + int(within_s * 1000)
        while not self.caught_up:
            if self._clock() > until:
                raise BrokerAwayError("the end of the incidents topic was not reached in time")
            new += self.poll(0.2)
        return new

    def _apply(self, record: Record) -> Incident | None:
        self._handled[(record.topic, record.partition)] = record.offset + 1
        # History keeps the time it was written; what is read as it comes has arrived now, whatever its producer's clock.
        arrived_ms = self._clock() if self.caught_up else record.arrived_ms
        return self.fold.apply(record.topic, record.key, record.value, arrived_ms)

    def _commit(self) -> None:
        if self._group is None or not self._handled:
            return
        places = {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in self._handled.items()}
        try:
            with broker_answers(self._reader.bootstrap):
                self._reader.consumer.commit(places, timeout_ms=5_000)
        except BrokerAwayError:
            return  # told again at the next poll; until then a restart repeats, and the fold drops the repeats
        self._handled = {}

    def __iter__(self) -> Iterator[Incident]:
        """Every new revision, for ever."""
        while True:
            yield from self.poll()

    def cases(self, *, ended: bool = False) -> list[Case]:
        """Return what stands now, one entry a case."""
        return self.fold.cases(ended=ended)

    def watching(self) -> Watching:
        """Who is watched at this moment."""
        return self.fold.watching(self._clock())

    def close(self) -> None:
        """Keep the place of what was handled, and end the connection."""
        self._commit()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._handled = {}  # what the caller failed on is not handled: it comes again
        self.close()


__all__ = ["Case", "Incident", "IncidentFold", "IncidentSubscriber", "Watching"]
