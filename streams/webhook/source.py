"""Revisions for one target: from where it was last told of, or, the first time, from whatever is open."""

from collections import OrderedDict
from typing import Any, Final

import msgspec
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.incidents import Incident
from streams.incident_fold import INCIDENTS, OPEN
from streams.publish import TopicsDifferError, broker_answers
from streams.subscriber import begin
from streams.tail import LogReader, Place, Record

MOST_SEEN: Final = 100_000
"""Incidents of which the last revision is remembered, to drop repeats. One that was forgotten is delivered again, under
the same id."""
BEFORE: Final[Place] = (OPEN, -1)
"""Place of what was open before the first record was read; nothing is committed before all of it has been taken."""

_DECODER: Final = msgspec.json.Decoder(Incident)


def group_of(group: str, target: str) -> str:
    """Return the consumer group under which the place of a target is kept."""
    return f"{group}-webhook-{target}"


class RevisionSource:
    """Reads `incidents` under a group of its own, so that no receiver holds up another.

    Raises:
        BrokerAwayError: the broker does not answer.
        TopicsDifferError: it has no `incidents`.

    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._reader = LogReader(bootstrap, group=group)
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._committed: dict[Place, int] = {}
        self.first: list[tuple[Incident, int]] = []
        """What is open, where nothing was committed yet, each with the moment at which it was appended."""
        self.lost = 0
        """Records that retention had deleted before they were read."""
        try:
            self.starts = self._starts()
            """Where reading begins in each place."""
            self._reader.follow(self.starts)
        except BaseException:
            self._reader.close()
            raise

    def poll(self, within_ms: int) -> list[tuple[Record, Incident | None]]:
        """Return what has come, each with its revision; None for a status, a repeat, and what cannot be read."""
        self._reader.follow_grown([INCIDENTS])
        return [(record, self._revision(record)) for record in self._reader.poll(within_ms)]

    def commit(self, places: dict[Place, int]) -> None:
        """Keep how far everything has been taken."""
        new = {
            place: offset
            for place, offset in places.items()
            if place != BEFORE and self._committed.get(place) != offset
        }
        if not new:
            return
        kept = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in new.items()}
        with broker_answers(self._reader.bootstrap):
            self._reader.consumer.commit(kept, timeout_ms=5_000)
        self._committed.update(new)

    def close(self) -> None:
        """End the connection."""
        self._reader.close()

    def _starts(self) -> dict[Place, int]:
        count = self._reader.partitions(INCIDENTS)
        if count == 0:
            raise TopicsDifferError(f"topic {INCIDENTS} is missing; create it with: anbu topics create")
        places = [(INCIDENTS, partition) for partition in range(count)]
        kept = {place: self._kept(place) for place in places}
        bounds = self._reader.bounds(places)
        starts = {}
        for place, (first, end) in bounds.items():
            offset = kept[place]
            starts[place] = begin(first, end, offset, kept.values()) if offset is None else max(first, offset)
            self.lost += max(0, first - offset) if offset is not None else 0
        if all(offset is None for offset in kept.values()):
            self._read_open(starts)
        return starts

    def _kept(self, place: Place) -> int | None:
        with broker_answers(self._reader.bootstrap):
            found: int | None = self._reader.consumer.committed(TopicPartition(*place), timeout_ms=10_000)
        return found

    def _read_open(self, starts: dict[Place, int]) -> None:
        """Take what is open and is not told by the log from where it is read on: there each revision comes in its turn.

        The log is read to its end after `incidents.open`, so that what was written meanwhile is known to be there.
        """
        last: dict[bytes, Any] = {}
        for record in self._reader.read_whole(OPEN):
            if record.key is not None:
                last[record.key] = record
        told = {one.id for record in self._reader.read_to_end(starts) if (one := _incident(record)) is not None}
        for record in last.values():
            incident = _incident(record)
            if incident is not None and incident.id not in told:
                self._seen[incident.id] = incident.revision
                self.first.append((incident, record.arrived_ms))
        self.first.sort(key=lambda one: (one[0].opened_at, one[0].id))

    def _revision(self, record: Record) -> Incident | None:
        incident = _incident(record)
        if incident is None or incident.revision <= self._seen.get(incident.id, 0):
            return None
        self._seen[incident.id] = incident.revision
        self._seen.move_to_end(incident.id)
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return incident


def _incident(record: Record) -> Incident | None:
    if not record.value:
        return None
    try:
        return _DECODER.decode(record.value)
    except msgspec.MsgspecError:
        return None
