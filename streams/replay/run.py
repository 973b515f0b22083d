"""Replay: the very engine of the live run over a stretch of the past, and how two runs differ. Pure but for its source.

A partition's state and everything it says are a function of its logs, so replaying the topics of a live run from their
beginning gives the same incidents, ids and revisions. With a profile of one's own it answers "what would have been".
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import msgspec

from schemas.checkins import CheckinRequest
from schemas.incidents import Incident
from schemas.topics import ORDERED_NAMES
from streams.engine.applied import Applied
from streams.engine.chunk import Chunk
from streams.engine.order import CanonicalOrder, Moved, Positions
from streams.engine.partition import Output, Partition

log = logging.getLogger("anbu.replay")
MONTH_MS: Final = 30.4 * 86_400_000
STEP_RECORDS: Final = 500
"""So many are applied at a time, less than an hour of an empty log: how long a home was watched is known to that."""


class Reader(Protocol):
    """Whoever reads logs: an engine, or somebody who only listens."""

    @property
    def order(self) -> CanonicalOrder:
        """The order in which it takes records: it tells whose turn it is."""


class Source(Protocol):
    """The logs of one partition."""

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        """Give (topic, chunk) until the logs end; the engine tells whose turn it is."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets of a topic that its source no longer has, or never had: from the first missing one to the next there is."""

    topic: str
    partition: int
    first: int
    next: int

    @property
    def is_beginning(self) -> bool:
        """Whether the replay simply began behind it: what came before is not lost but left out."""
        return self.first == 0


@dataclass(slots=True)
class Run:
    """What came of a replay, of one partition or of several together."""

    incidents: list[Incident] = field(default_factory=list)
    """Every revision, in the order in which it was told; revision 1 of an emergency among them."""
    requests: list[CheckinRequest] = field(default_factory=list)
    households: int = 0
    household_ms: int = 0
    """Households times the log time they were watched."""
    from_ms: int = 0
    until_ms: int = 0
    readings: int = 0
    dead_letters: int = 0
    gaps: list[Gap] = field(default_factory=list)
    clocks_ms: list[int] = field(default_factory=list)
    """Where the clock of each partition stood at the end."""
    erased: int = 0
    """Records of an archive of which only their place is left: their household's data were erased."""

    def add(self, other: "Run") -> None:
        """Add the run of another partition."""
        self.incidents += other.incidents
        self.requests += other.requests
        self.households += other.households
        self.household_ms += other.household_ms
        self.from_ms = min(self.from_ms or other.from_ms, other.from_ms or self.from_ms)
        self.until_ms = max(self.until_ms, other.until_ms)
        self.readings += other.readings
        self.dead_letters += other.dead_letters
        self.gaps += other.gaps
        self.clocks_ms += other.clocks_ms
        self.erased += other.erased

    @property
    def household_months(self) -> float:
        """Months of 30.4 days watched, over all households."""
        return self.household_ms / MONTH_MS

    def opened(self) -> dict[str, Incident]:
        """Return the first revision of each incident, merged repeats left out: what a responder would have had to look at."""
        first: dict[str, Incident] = {}
        merged = {one.id for one in self.incidents if one.cause is not None and one.cause.value == "merged"}
        for one in self.incidents:
            if one.status == "Exercise":
                continue  # played, and nobody's alarm
            if one.id not in merged and (one.id not in first or one.revision < first[one.id].revision):
                first[one.id] = one
        return first


def replay(
    source: Source,
    engine: Partition,
    sink: Callable[[Iterable[Output]], None] | None = None,
    look: Callable[[], None] | None = None,
) -> Run:
    """Run an engine over the logs of its partition to their end.

    With a `sink` what is told goes there as it is told, and the run holds only its counts: memory stays flat. `look` is
    called after every few hundred records, however much a source brings at once.
    """
    run = Run()
    take = sink or partial(_take, run)
    for topic, chunk in source.chunks(engine):
        told, seek = engine.offer(topic, chunk)
        if seek is not None:
            offset = engine.order.expected(topic)
            run.gaps.append(Gap(ORDERED_NAMES[topic], engine.number, offset, chunk.start))
            engine.pass_gap(topic, chunk.start)
            if engine.order.expected(topic) != chunk.start:
                raise ValueError(f"a source that goes back: offset {chunk.start} after {offset}")
            told_again, _ = engine.offer(topic, chunk)
            told += told_again
        take(told)
        while not engine.clock_ms:
            # One by one until the clock begins: a whole chunk later it would not be known when that was.
            take(engine.pump(1))
            if not engine.pumped:
                break
        run.from_ms = run.from_ms or engine.clock_ms
        is_more = True
        while is_more:
            before_ms = engine.clock_ms
            take(engine.pump(STEP_RECORDS))
            is_more = engine.pumped >= STEP_RECORDS
            if engine.clock_ms > before_ms:
                run.household_ms += engine.households * (engine.clock_ms - before_ms)
                run.until_ms = engine.clock_ms
            if look is not None:
                look()
        readings = engine.counts.readings
        run.readings = sum(map(sum, readings))
        run.dead_letters = sum(engine.counts.refused.values())
    for mistake, times in engine.counts.mistakes.items():
        log.error("partition %d: a mistake of ours, %d times: %s", engine.number, times, mistake)
    run.households = engine.households
    run.clocks_ms = [engine.clock_ms]
    run.erased = getattr(source, "erased", 0)
    return run


class Listener:
    """Reads logs in their order and applies nothing: what is in them, before an engine replays them."""

    def __init__(self) -> None:
        self.order = CanonicalOrder(Positions.start(len(ORDERED_NAMES)), buffer_records=1 << 62)

    def listen(self, source: Source) -> Iterator[Applied | Moved]:
        """Give everything in its turn; missing offsets are passed by."""
        for topic, chunk in source.chunks(self):
            if self.order.offer(topic, chunk) is not None:
                self.order.skip_to(topic, chunk.start)
                self.order.offer(topic, chunk)
            yield from self.order.each()


def _take(run: Run, outputs: Iterable[Output]) -> None:
    for one in outputs:
        if isinstance(one.what, Incident) and one.topic == "incidents":
            run.incidents.append(one.what)
        elif isinstance(one.what, CheckinRequest) and one.what.status != "Exercise":
            run.requests.append(one.what)


@dataclass(frozen=True, slots=True)
class Differences:
    """How two sets of revisions differ; each entry is `incident id/revision`."""

    only_here: list[str]
    only_there: list[str]
    otherwise: list[str]
    """The same id and revision, but not the same content."""

    def __bool__(self) -> bool:
        """Say whether they differ at all."""
        return bool(self.only_here or self.only_there or self.otherwise)


def differences(here: Iterable[Incident], there: Iterable[Incident]) -> Differences:
    """Compare two runs revision by revision; repeats count once.

    Of revision 1 of an emergency, told on arrival, age and urgency depend on the last tick that was known when it was
    fetched: what it says of itself is compared without them. Revision 2, from its turn in the order, says both exactly.
    """
    mine, theirs = _folded(here), _folded(there)
    names = {key: f"{key[0]}/{key[1]}" for key in {*mine, *theirs}}
    return Differences(
        sorted(names[key] for key in mine.keys() - theirs.keys()),
        sorted(names[key] for key in theirs.keys() - mine.keys()),
        sorted(names[key] for key in mine.keys() & theirs.keys() if mine[key] != theirs[key]),
    )


def _folded(incidents: Iterable[Incident]) -> dict[tuple[str, int], Incident]:
    return {(one.id, one.revision): comparable(one) for one in incidents}


def comparable(one: Incident) -> Incident:
    """Leave out of a revision told on arrival what depends on when it was fetched."""
    if one.case is not None or one.revision > 1:
        return one
    return msgspec.structs.replace(one, at=one.opened_at, urgency=one.urgency.PAST, sentence_ko="", sentence_en="")
