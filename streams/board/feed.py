"""What the board knows, read from Kafka by threads of its own: what is open, who is watched, what became of actions.

Pages read a `Picture` that no thread changes any more. ClickHouse has no part in it.
"""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

import msgspec

from schemas.actions import ActionResult
from schemas.duty import Duty
from schemas.incidents import Status
from schemas.partitions import partition_of
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.times import from_rfc3339
from schemas.views import HouseholdView
from streams.incident_fold import Case, Watching
from streams.publish import BrokerAwayError, TopicsDifferError, check_partitions
from streams.subscriber import IncidentSubscriber
from streams.tail import LogReader, Place, Record
from streams.wallclock import now_ms

RESULTS: Final = "responder.results"
VIEWS: Final = "households.view"
PROFILE: Final = "profile"
POLL_S: Final = 0.5
AGAIN_S: Final = 2.0
"""So long a reader that failed waits before it tries again."""
SILENT_AFTER_MS: Final = 15_000
"""What was read longer ago than this is not to be believed: the reader hangs, or has died."""
REFRESH_MS: Final = 5_000
LAST_RESULTS: Final = 500
MOST_RESULTS: Final = 5_000
_VIEW: Final = msgspec.json.Decoder(HouseholdView)
_NOBODY: Final = Watching(homes=0, blind=0, data_until_ms=None, stale=())


@dataclass(frozen=True, slots=True)
class Reading:
    """How one of the two readers does. One that never read, hangs or has died is not fresh."""

    read_ms: int = 0
    """When it last came back from the broker."""
    is_whole: bool = False
    """Everything that was in the log at its start has been read."""
    trouble: str = "nothing was read yet"
    """Why nothing comes; one line for engineers, nothing of a person in it."""

    def is_fresh(self, at_ms: int) -> bool:
        """Tell whether it still reads."""
        return at_ms - self.read_ms <= SILENT_AFTER_MS and not self.trouble


@dataclass(frozen=True, slots=True)
class Picture:
    """What stands at a moment. `cases`: the open ones, then those that ended lately."""

    incidents: Reading = Reading()
    tables: Reading = Reading()
    """How the reader of homes, answers and roster does."""
    cases: tuple[Case, ...] = ()
    watching: Watching = _NOBODY
    statuses: dict[int, Status] = field(default_factory=dict)
    unread: int = 0
    standing: tuple[int, ...] = ()
    """Partitions whose clock has stood for over 60 s: the engine tells nobody there that it is their turn."""
    partitions: int = 1

    @property
    def is_whole(self) -> bool:
        """Tell whether both readers have read everything that was in the log at their start."""
        return self.incidents.is_whole and self.tables.is_whole

    @property
    def trouble(self) -> str:
        """Why nothing comes; one line for engineers."""
        return "; ".join(dict.fromkeys(one.trouble for one in (self.incidents, self.tables) if one.trouble))

    def is_believed(self, at_ms: int) -> bool:
        """Tell whether this is what stands now: whole, fresh, and every partition watched."""
        return self.is_whole and self.is_fresh(at_ms) and self.watching.calm

    def is_fresh(self, at_ms: int) -> bool:
        """Tell whether both readers still read."""
        return self.incidents.is_fresh(at_ms) and self.tables.is_fresh(at_ms)


class Source(Protocol):
    """What pages ask; a double in tests."""

    def picture(self) -> Picture:
        """Return what stands now."""

    def result(self, action: str) -> ActionResult | None:
        """Return the engine's answer to an action, by the action's id; None while there is none."""

    def duty(self) -> Duty:
        """Return the roster in force."""

    def view(self, household: str) -> HouseholdView | None:
        """Return what is known of a household, None for nothing."""

    def views(self, is_asked: Callable[[str], bool]) -> list[HouseholdView]:
        """Return what is known of every household in the districts that are asked for."""

    def households(self, is_asked: Callable[[str], bool]) -> list[str]:
        """Return the names of the same households."""

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have `heard` called, from another thread, when something is new; return what ends that."""


class Listeners:
    """Whom to tell when something is new. Called from any thread."""

    def __init__(self) -> None:
        self._heard: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Add one; return what takes it away."""
        with self._lock:
            self._heard.append(heard)

        def end() -> None:
            with self._lock:
                if heard in self._heard:
                    self._heard.remove(heard)

        return end

    def tell(self) -> None:
        """Call all."""
        with self._lock:
            heard = list(self._heard)
        for one in heard:
            one()


class Tables:
    """The latest of each key of the other topics. Written by one thread, read by many: each field is set whole."""

    def __init__(self) -> None:
        self._results: dict[str, ActionResult] = {}
        self.duty = DEFAULT_PROFILE.duty
        """The roster of the profile in force."""
        self._views: dict[str, tuple[str, bytes]] = {}
        """Household -> (district, record): some 4 KB each, decoded when they are asked for."""
        self.partitions = 0
        """Of the views; 0 while nobody has looked. What stands in another partition than its home's is from before the set
        was grown, and so is its tombstone."""
        self.unread = 0
        self.reading = Reading()

    def note_read(self, at_ms: int, *, is_whole: bool, wanted: int | None) -> bool:
        """Note that the reader came back from the broker; tell whether that changes what may be believed.

        `wanted` is the partition count of the settings. A board that writes by another one can look and not act: every
        action would be refused, so it must not look well.
        """
        trouble = ""
        try:
            check_partitions({VIEWS: self.partitions}, {} if wanted is None else {VIEWS: wanted})
        except TopicsDifferError as error:
            trouble = f"{error}, and start the board anew: it cannot send actions"
        before, self.reading = self.reading, Reading(at_ms, is_whole, trouble)
        return (before.is_whole, before.trouble) != (is_whole, trouble)

    def take(self, record: Record) -> bool:
        """Take one record; tell whether it said something new."""
        try:
            if record.topic == PROFILE:
                return self._take_profile(record.value)
            if record.topic == VIEWS:
                is_left = self.partitions and partition_of(record.key or b"", self.partitions) != record.partition
                return not is_left and self._take_view(record.key, record.value)
            if record.topic == RESULTS and record.value is not None:
                return self._take_result(msgspec.json.decode(record.value, type=ActionResult))
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            self.unread += 1
        return False

    def _take_profile(self, value: bytes | None) -> bool:
        try:
            self.duty = msgspec.json.decode(value or b"", type=Profile).duty
        except msgspec.MsgspecError:
            return False  # a tick, or what the engine refuses too
        return True

    def _take_view(self, key: bytes | None, value: bytes | None) -> bool:
        if value is None:
            return key is not None and self._views.pop(key.decode(errors="replace"), None) is not None
        view = _VIEW.decode(value)
        from_rfc3339(view.at)
        self._views[view.household] = (view.district, value)
        return True

    def _take_result(self, result: ActionResult) -> bool:
        if self._results.get(result.action) == result:
            return False
        # An action that came too early is answered twice: kept, then what became of it.
        self._results[result.action] = result
        if len(self._results) > MOST_RESULTS:
            del self._results[next(iter(self._results))]
        return True

    def result(self, action: str) -> ActionResult | None:
        """Return the last answer to an action."""
        return self._results.get(action)

    def view(self, household: str) -> HouseholdView | None:
        """Return the last view of a household."""
        kept = self._views.get(household)
        return None if kept is None else _VIEW.decode(kept[1])

    def views(self, is_asked: Callable[[str], bool]) -> list[HouseholdView]:
        """Return the last view of each household in the districts that are asked for."""
        return [_VIEW.decode(value) for district, value in list(self._views.values()) if is_asked(district)]

    def households(self, is_asked: Callable[[str], bool]) -> list[str]:
        """Return the names of the same households."""
        return [name for name, (district, _) in list(self._views.items()) if is_asked(district)]


class KafkaFeed:
    """Follows the topics on a broker until it is closed; waits out a broker that is away, at the start too."""

    def __init__(
        self,
        bootstrap: str,
        partitions: int | None = None,
        *,
        clock: Callable[[], int] = now_ms,
        profile: Callable[[], Profile] = lambda: DEFAULT_PROFILE,
    ) -> None:
        """Take where to read, the count by which actions are sent, and what finds the profile in force at the start."""
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._profile = profile
        self._clock = clock
        self._listeners = Listeners()
        self._picture = Picture()
        self.tables = Tables()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(self._incidents, self._note_incidents), name="board-incidents", daemon=True
            ),
            threading.Thread(
                target=self._run, args=(self._others, self._note_tables), name="board-tables", daemon=True
            ),
        ]

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End both readers."""
        self._closing.set()
        for thread in self._threads:
            thread.join(10.0)

    def picture(self) -> Picture:
        """Return what stands now, and how both readers do."""
        tables = self.tables
        return replace(self._picture, tables=tables.reading, unread=self._picture.unread + tables.unread)

    def result(self, action: str) -> ActionResult | None:
        """Return the engine's answer to an action."""
        return self.tables.result(action)

    def duty(self) -> Duty:
        """Return the roster in force."""
        return self.tables.duty

    def view(self, household: str) -> HouseholdView | None:
        """Return what is known of a household."""
        return self.tables.view(household)

    def views(self, is_asked: Callable[[str], bool]) -> list[HouseholdView]:
        """Return what is known of every household in the districts that are asked for."""
        return self.tables.views(is_asked)

    def households(self, is_asked: Callable[[str], bool]) -> list[str]:
        """Return the names of the same households."""
        return self.tables.households(is_asked)

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have `heard` called when something is new."""
        return self._listeners.listen(heard)

    def _run(self, read: Callable[[], None], note: Callable[[str], None]) -> None:
        while not self._closing.is_set():
            try:
                read()
            except (BrokerAwayError, TopicsDifferError) as error:
                trouble = str(error)
            except Exception as error:  # noqa: BLE001 - a reader that ended for good would leave a board that looks alive
                # Where it failed, never with what: messages of errors hold values, and values are personal.
                last = traceback.extract_tb(error.__traceback__)[-1]
                trouble = f"reading failed: {type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            else:
                continue
            note(trouble)
            self._listeners.tell()
            self._closing.wait(AGAIN_S)

    def _note_incidents(self, trouble: str) -> None:
        self._picture = replace(self._picture, incidents=replace(self._picture.incidents, trouble=trouble))

    def _note_tables(self, trouble: str) -> None:
        self.tables.reading = replace(self.tables.reading, trouble=trouble)

    def _incidents(self) -> None:
        with IncidentSubscriber(self._bootstrap, clock=self._clock) as subscriber:
            drawn_ms, was_calm = 0, None
            while not self._closing.is_set():
                news = subscriber.poll(POLL_S)
                at_ms = self._clock()
                watching = subscriber.watching()
                if not news and at_ms - drawn_ms < REFRESH_MS and watching.calm == was_calm:
                    continue
                drawn_ms, was_calm = at_ms, watching.calm
                self._picture = Picture(
                    incidents=Reading(at_ms, subscriber.caught_up, trouble=""),
                    cases=tuple(subscriber.cases(ended=True)),
                    watching=watching,
                    statuses=subscriber.fold.statuses(),
                    unread=subscriber.fold.unread,
                    standing=subscriber.fold.standing(at_ms),
                    partitions=subscriber.fold.partitions,
                )
                self._listeners.tell()

    def _others(self) -> None:
        reader = LogReader(self._bootstrap)
        try:
            starts = self._starts(reader)
            # After the ends were noted, so that no profile falls between. Read once: it lies somewhere among many ticks.
            self.tables.duty = self._profile().duty
            reader.follow(starts)
            is_whole = False
            while not self._closing.is_set():
                # Each view of a home that moved is read again in its new partition, whatever was read of the old one.
                self.tables.partitions = reader.follow_grown((VIEWS, RESULTS)).get(VIEWS, self.tables.partitions)
                news = [self.tables.take(record) for record in reader.poll(int(POLL_S * 1000))]
                is_whole = is_whole or reader.at_end()
                changed = self.tables.note_read(self._clock(), is_whole=is_whole, wanted=self._partitions)
                if changed or any(news):
                    self._listeners.tell()
        finally:
            reader.close()

    def _starts(self, reader: LogReader) -> dict[Place, int]:
        """Return where to begin: every view that the broker still has, and the last answers."""
        starts: dict[Place, int] = {}
        if reader.partitions(PROFILE):
            starts[(PROFILE, 0)] = reader.bounds([(PROFILE, 0)])[(PROFILE, 0)][1]
        for topic in (VIEWS, RESULTS):
            places = [(topic, partition) for partition in range(reader.partitions(topic))]
            if not places:
                raise TopicsDifferError(f"topic {topic} is missing; create it with: anbu topics create")
            self.tables.partitions = len(places)
            for place, (first, end) in reader.bounds(places).items():
                starts[place] = first if topic == VIEWS else max(first, end - LAST_RESULTS)
        return starts
