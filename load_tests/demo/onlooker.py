"""What a responder would have seen, kept from the first record to the last, and how far every partition's clock has come."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from load_tests.demo.judge import Told
from schemas.events import DeadLetter
from schemas.incidents import EMERGENCIES, CloseCause, Incident, IncidentState, Severity
from schemas.times import from_rfc3339
from streams.incident_fold import INCIDENTS, IncidentFold, Watching
from streams.tail import LogReader, Place, Record

DEAD_LETTERS: Final = "dead.letters"
_DEAD_LETTER: Final = msgspec.json.Decoder(DeadLetter)


class Story:
    """One incident from its first revision to its last."""

    __slots__ = ("last", "revisions", "severity", "told_ms")

    def __init__(self, first: Incident) -> None:
        """Begin with the first revision seen."""
        self.told_ms = from_rfc3339(first.at)
        """Log time at which it was first told, UTC milliseconds: for an emergency its arrival, not when it happened."""
        self.severity: Severity = first.severity
        """The gravest it ever had."""
        self.revisions = 1
        self.last = first

    def take(self, incident: Incident) -> None:
        """Take a later revision."""
        self.revisions += 1
        self.last = incident
        if incident.severity.rank > self.severity.rank:
            self.severity = incident.severity

    @property
    def withdrawn(self) -> bool:
        """Late evidence took it back."""
        return self.last.state is IncidentState.WITHDRAWN

    @property
    def is_repeat(self) -> bool:
        """An emergency told on arrival that turned out to be part of another: a button pressed five times is one line."""
        return self.last.cause is CloseCause.MERGED and self.last.kind in EMERGENCIES

    @property
    def told(self) -> Told:
        """As the judge takes it."""
        return Told(self.last.household, self.last.kind, self.told_ms, self.withdrawn)


class Stories:
    """Records of `incidents` and `dead.letters` folded into stories and counts. Pure: no Kafka, no clock."""

    def __init__(self, partitions: int) -> None:
        """Begin with nothing heard."""
        self.partitions = partitions
        self.by_id: dict[str, Story] = {}
        """Every incident ever told, in the order of their first revisions."""
        self.dead: Counter[str] = Counter()
        """Refused readings by reason, those that a summary stands for among them."""
        self.dead_records = 0
        """Dead letters, a summary being one."""
        self._fold = IncidentFold(partitions, keep_ended=0)
        self._dead_seen: set[tuple[str, int, int, int, str, int]] = set()

    def apply(self, record: Record) -> Incident | None:
        """Take one record; return the incident when it tells something new."""
        if record.topic == DEAD_LETTERS:
            self._count_dead(record.value)
            return None
        incident = self._fold.apply(record.topic, record.key, record.value, record.arrived_ms)
        if incident is None:
            return None
        story = self.by_id.get(incident.id)
        if story is None:
            self.by_id[incident.id] = Story(incident)
        else:
            story.take(incident)
        return incident

    def _count_dead(self, value: bytes | None) -> None:
        if value is None:
            return
        letter = _DEAD_LETTER.decode(value)
        key = (letter.topic, letter.partition, letter.offset, letter.index, letter.reason.value, letter.count)
        if key not in self._dead_seen:  # delivery is at least once
            self._dead_seen.add(key)
            self.dead_records += 1
            self.dead[letter.reason.value] += letter.count

    @property
    def clock_ms(self) -> int | None:
        """Log time up to which every partition has judged everything; None before each has said so once."""
        statuses = self._fold.statuses()
        if len(statuses) < self.partitions:
            return None
        return min(from_rfc3339(status.clock) for status in statuses.values())

    @property
    def homes(self) -> int:
        """Households watched, by the last word of each partition."""
        return sum(status.households for status in self._fold.statuses().values())

    @property
    def blind(self) -> int:
        """Of them, those that no healthy source sees."""
        return sum(status.blind for status in self._fold.statuses().values())

    def watching(self, at_ms: int) -> Watching:
        """Say who is watched, judged at a moment of the wall clock, UTC milliseconds."""
        return self._fold.watching(at_ms)

    def lines(self) -> list[Story]:
        """Return what a reader sees as lines of its own, oldest first; repeats of an emergency are none."""
        return [story for story in self.by_id.values() if not story.is_repeat]

    def told(self) -> Iterable[Told]:
        """Return what the judge takes."""
        return (story.told for story in self.lines())


class Onlooker:
    """Reads the outputs from the beginning of the log. One thread at a time may call it.

    Raises:
        BrokerAwayError: the broker does not answer.

    """

    def __init__(self, bootstrap: str, partitions: int) -> None:
        """Connect; read nothing yet."""
        self.stories = Stories(partitions)
        self._reader = LogReader(bootstrap)
        self._reader.follow({(t, p): 0 for t in (INCIDENTS, DEAD_LETTERS) for p in range(partitions)})
        self._ends: dict[Place, int] = {}

    def look(self, within_ms: int = 200) -> list[Incident]:
        """Return the revisions that have come, perhaps none."""
        out = []
        for record in self._reader.poll(within_ms):
            self._ends[record.topic, record.partition] = record.offset + 1
            if (incident := self.stories.apply(record)) is not None:
                out.append(incident)
        return out

    def at_end(self) -> bool:
        """Whether everything has been read that the last fetches knew of."""
        return self._reader.at_end()

    def ends(self) -> dict[Place, int]:
        """Offset behind the last record read of each place; the embedded broker tells no others that are right."""
        return dict(self._ends)

    def close(self) -> None:
        """End the connection."""
        self._reader.close()
