"""The engine of one partition: everything it says and everything it keeps is a pure function of its logs.

It reads no clock, does no I/O and never raises on data. Chunks go in as they were fetched; what comes out is what stands
on the output topics, and rows for the changelog. Wherever it is stopped and restored from a whole checkpoint, it goes on
as if nothing had happened, and what it says again has the same ids and revisions.

Its pieces: `applying` takes records, `waking` lets time pass, `watching` begins and ends with households, `consequences`
turns findings and actions into what is told, `shared` is the state they have in common.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Final

from schemas.incidents import Incident
from schemas.profiles import Profile
from schemas.topics import ORDERED_NAMES
from streams.engine.alerting import Alerting
from streams.engine.applying import Applying
from streams.engine.chunk import Chunk
from streams.engine.consequences import Consequences
from streams.engine.counts import OUTCOMES, Controls, Counts
from streams.engine.gathering import STAGE, Gathering
from streams.engine.keeping import Checkpoint, Keeper, restore
from streams.engine.order import CanonicalOrder, Moved, Turn
from streams.engine.outputs import SAID, Output, told
from streams.engine.refused import Refused
from streams.engine.roster import Roster
from streams.engine.scan import Scanner
from streams.engine.shared import Shared
from streams.engine.sleep import ALL, Sleep
from streams.engine.snapshot import Recovered
from streams.engine.views import Views
from streams.engine.waking import MINUTE_MS, Waking
from streams.engine.watched import Watched
from streams.engine.watching import Watching

ASK_EVERY: Final = 4
"""Records, or households of a move of the clock, between two looks at whether it is enough for now."""

__all__ = ["MINUTE_MS", "OUTCOMES", "SAID", "Controls", "Counts", "Output", "Partition"]


class Partition:
    """The engine of one partition.

    `offer` takes a chunk and returns what must be told at once; `pump` gives the rest, in canonical order; `checkpoint`
    gives what must be kept, between two moves of the clock. `recovered` is what the changelog held. `engine` is the version every incident carries.
    `fixed_profile` is for replays that ask what would have been: it holds from the beginning, whatever the log says.
    `views=False`: nobody reads what households look like and how the partition does, so it is not said; decisions are the same.
    `repeats=False`: nobody reads how many messages came again, so that is not counted.
    `awake`: so many households are objects at once, the others sleep as their rows; what is told and kept is the same.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        *,
        engine: str,
        recovered: Recovered | None = None,
        owner: int = 1,
        buffer_records: int = 20_000,
        controls: Controls | None = None,
        fixed_profile: Profile | None = None,
        views: bool = True,
        repeats: bool = True,
        awake: int = ALL,
    ) -> None:
        self.number = number
        self.engine = engine
        self.pumped = 0
        """Records and moves of the clock that the last `pump` took."""
        self.is_done = True
        """Whether the last `pump` left nothing that has its turn."""
        self.steps = 0
        """Households that moves of the clock, and records that bear on all, have passed: who watches it sees it work."""
        self.life: set[str] = set()
        """Nothing is in it, and it goes when the engine does: of a compiled object no weak reference can be had, of a set one can."""
        self._under_way: Iterator[list[Output]] | None = None
        """The rest of a move of the clock, or of a record that bears on all households."""
        controls = controls or Controls()
        self._roster = Roster(number, partitions, Sleep(awake))
        self._refused = Refused(number)
        self._whole, self.unreadable = restore(recovered, self._roster, self._refused)
        """`unreadable`: households whose rows could not be used, to be salvaged before anything is applied."""
        self._whole.engine = engine
        if fixed_profile is not None:
            self._whole.profile = self._roster.sleep.profile = fixed_profile
        self._gathering = Gathering(self._whole, number, partitions) if number == STAGE else None
        self._keeper = Keeper(owner, recovered, self._roster)
        self._scanner = Scanner(engine, len(ORDERED_NAMES), self._whole.positions)
        self._gaps: list[tuple[int, int, int]] = []
        """What retention has taken and the position has not passed yet: topic, next offset, offsets lost."""
        shared = Shared(number, engine, self._roster, self._refused, self._whole, controls, views=views)
        self._shared = shared
        consequences = Consequences(shared)
        self._watching = Watching(shared, consequences)
        alerting = Alerting(shared, consequences)
        self._applying = Applying(
            shared,
            consequences,
            self._watching,
            alerting,
            is_profile_fixed=fixed_profile is not None,
            counts_repeats=repeats,
        )
        self._views = Views(shared)
        self._waking = Waking(shared, consequences, self._watching, alerting, self._views)
        self.order = CanonicalOrder(
            self._whole.positions,
            buffer_records=buffer_records,
            check_contiguity=controls.check_contiguity,
            as_fetched=not controls.canonical_order,
        )

    # What others may ask.

    @property
    def counts(self) -> Counts:
        """What was counted since it was last taken: whoever takes it puts new counts in its place."""
        return self._shared.counts

    @counts.setter
    def counts(self, counts: Counts) -> None:
        # All pieces count in one place: counts put beside it would stay at 0 for ever.
        self._shared.counts = counts

    @property
    def clock_ms(self) -> int:
        """The partition's clock, UTC milliseconds; 0 before every topic has had its first tick."""
        return self.order.positions.clock_ms

    @property
    def households(self) -> int:
        """Households watched, those of exercises left out."""
        return self._roster.homes

    @property
    def exercises(self) -> int:
        """Households of exercises."""
        return self._roster.exercises

    @property
    def blind(self) -> int:
        """Households of which nothing can be seen."""
        return self._roster.blind

    @property
    def districts_out(self) -> int:
        """Districts in which a channel is out, as this partition was told."""
        return self._whole.districts.outages(self.clock_ms)

    @property
    def slow(self) -> int:
        """Households whose sources make a collapse be found late."""
        return self._roster.slow

    @property
    def delays(self) -> list[list[int]]:
        """Households by band of their expected detection delay, by day and by night: `detectors.delay.BANDS_H`."""
        return self._roster.delays

    @property
    def sleep(self) -> Sleep:
        """Who of them is awake."""
        return self._roster.sleep

    @property
    def sources(self) -> list[int]:
        """Sources by channel and health, a place each: `detectors.health`."""
        return self._roster.sources

    @property
    def budgets(self) -> tuple[float, float, float]:
        """What the profile in force allows a household and month: false silence alarms, other ones, check-in calls."""
        profile = self._whole.profile
        return profile.silence_budget, profile.other_budget, profile.checkins_per_month

    def loads(self) -> dict[str, tuple[int, int]]:
        """Return what each post on duty with a cap was given here in its shift, and the whole cap of that shift."""
        return self._shared.loads.now(self._whole.profile.duty, self.clock_ms)

    @property
    def open_incidents(self) -> int:
        """Incidents not yet ended."""
        return self._roster.open_incidents

    @property
    def dirty(self) -> bool:
        """Whether a checkpoint has anything to write."""
        return self._keeper.has_work(self._roster)

    def names(self) -> list[str]:
        """Return the pseudonyms of all households watched, sorted."""
        return self._roster.names()

    def household(self, name: str) -> Watched | None:
        """Return a household as it stands, for tests and explanations; None when it is not watched."""
        return self._roster.get(name)

    # Chunks in, outputs out.

    def look(self, topic: int, chunk: Chunk) -> list[Output]:
        """Return the emergencies of a fetched chunk that must be told at once. It may be asked at any moment."""
        return [
            told(incident, appended_ms)
            for incident, appended_ms in self._scanner.look(topic, chunk)
            if (known := self._roster.get(incident.household)) is None or not known.ledger.knows(incident.id)
        ]

    def offer(self, topic: int, chunk: Chunk) -> tuple[list[Output], int | None]:
        """Take a fetched chunk: emergencies to be told at once, and the offset to seek to where it is not the next one."""
        return self.look(topic, chunk), self.order.offer(topic, chunk)

    def pump(self, at_most: int = 1 << 62, is_enough: Callable[[], bool] = lambda: False) -> list[Output]:
        """Apply what has its turn: at most so many records and moves of the clock, and no more once it `is_enough`.

        It may stop between two households of a move of the clock, or of a record that bears on all: `is_moving` then. The
        next call goes on there, and what is told and kept is the same as if it had not stopped. With `at_most=0` it only
        ends what is under way.
        """
        out: list[Output] = []
        self.pumped = 0
        self.is_done = False
        if not self._go_on(out, is_enough) or at_most <= 0:
            return out
        for turn in self.order.pump():
            if isinstance(turn, Moved):
                self.pumped += 1
                if self._gaps:
                    self._count_gaps()
                self._under_way = self._views.after(self._waking.move(turn.clock_ms))
                if not self._go_on(out, is_enough) or self._is_enough(at_most, is_enough):
                    return out
            elif not self._take(turn, out, at_most, is_enough):
                return out
        self.is_done = True
        return out

    def _is_enough(self, at_most: int, is_enough: Callable[[], bool]) -> bool:
        return self.pumped >= at_most or (self.pumped % ASK_EVERY == 0 and is_enough())

    def _take(self, turn: Turn, out: list[Output], at_most: int, is_enough: Callable[[], bool]) -> bool:
        """Apply records; False where it was enough before all were."""
        apply, sleep = self._applying.by_topic[turn.topic], self._roster.sleep
        counts = self.counts.records
        while (one := turn.take()) is not None:
            self.pumped += 1
            counts[one.topic] += 1
            said = apply(one)
            if isinstance(said, list):
                if said:
                    out += said
                    out += self._views.of_revisions(said)
                if not sleep.is_settled or sleep.broken:
                    self._settle(out)
            else:
                self._under_way = self._views.after(said)
                if not self._go_on(out, is_enough):
                    return False
            if self.pumped >= at_most or (self.pumped % ASK_EVERY == 0 and is_enough()):
                return False
        return True

    @property
    def is_moving(self) -> bool:
        """Whether the last `pump` stopped within a move of the clock or a record that bears on all: nothing can be kept now."""
        return self._under_way is not None

    def _go_on(self, out: list[Output], is_enough: Callable[[], bool]) -> bool:
        """Go on with what is under way; False where it was enough before that was over."""
        for said in self._under_way or ():
            out += said
            self.steps += 1
            if self.steps % ASK_EVERY == 0 and is_enough():
                return False
        self._under_way = None
        self._settle(out)
        return True

    def _settle(self, out: list[Output]) -> None:
        self._roster.sleep.settle()
        if self._roster.sleep.broken:
            out += self._watching.begin_anew()

    @property
    def gathering(self) -> Gathering | None:
        """The stage that runs beside this engine; None beside the others."""
        return self._gathering

    def pass_gap(self, topic: int, offset: int) -> int:
        """Pass what retention has taken before it was read; return how many offsets are lost. Told in every status.

        It counts once the position is past it, or whoever takes over before that would count it again.
        """
        lost = self.order.skip_to(topic, offset)
        if lost:
            self._gaps.append((topic, offset, lost))
        return lost

    def _count_gaps(self) -> None:
        offsets = self.order.positions.offsets
        self._whole.lost_records += sum(lost for topic, offset, lost in self._gaps if offsets[topic] >= offset)
        self._gaps = [gap for gap in self._gaps if offsets[gap[0]] < gap[1]]

    def checkpoint(self) -> Checkpoint:
        """Return what must be kept, as it stands now. Everything told before must be acknowledged before it is written.

        Raises:
            RuntimeError: it `is_moving`: a clock that has moved and deadlines that have not been looked at are no state.

        """
        steps = self.checkpoint_steps()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                kept: Checkpoint = end.value
                return kept

    def checkpoint_steps(self) -> Generator[None, None, Checkpoint]:
        """Make a checkpoint, so many households at a time. Nothing may be applied before it is over; chunks may be taken.

        Raises:
            RuntimeError: as `checkpoint`.

        """
        if self.is_moving:
            raise RuntimeError("a checkpoint within a move of the clock")
        self._count_gaps()
        if self._gathering is not None:
            self._gathering.keep()
        return (yield from self._keeper.steps(self._roster, self._whole, self._refused))

    def salvage(self, name: str, record: bytes | None, incidents: list[Incident]) -> list[Output]:
        """Begin anew with a household whose rows could not be used.

        It takes its registry record and open incidents from their topics, continues their revisions, and is told as
        "cannot see" until its next sign of life: what was known of it before is gone.
        """
        return self._watching.salvage(name, record, incidents)
