"""What the pieces of a partition's engine share: its state as a whole, its households, and small steps on both. Pure."""

from pathlib import PurePath
from typing import Final

from detectors.household import Household
from schemas.district import is_district
from schemas.events import DeadLetter, Fault
from schemas.households import HouseholdRecord
from schemas.topics import ORDERED_NAMES
from streams.cases.revisions import Teller
from streams.districts.hearing import CHANNEL_OF
from streams.engine.applied import Applied
from streams.engine.counts import REFUSED, Controls, Counts
from streams.engine.keeping import Whole
from streams.engine.load import Loads
from streams.engine.outputs import Output, kept
from streams.engine.refused import Refused
from streams.engine.roster import Roster
from streams.engine.teaching import Teaching
from streams.engine.watched import Watched

OF_THE_MACHINE: Final = (MemoryError, OSError)


class Shared:
    """One partition's state, as all who change it see it."""

    __slots__ = (
        "controls",
        "counts",
        "engine",
        "loads",
        "number",
        "positions",
        "refused",
        "roster",
        "teaching",
        "views",
        "whole",
    )

    def __init__(
        self,
        number: int,
        engine: str,
        roster: Roster,
        refused: Refused,
        whole: Whole,
        controls: Controls,
        *,
        views: bool,
    ) -> None:
        self.number = number
        self.engine = engine
        self.roster = roster
        self.refused = refused
        self.whole = whole
        self.positions = whole.positions
        """Those of the canonical order: they move as records are given."""
        self.controls = controls
        self.counts = Counts()
        self.loads = Loads(roster)
        """What each post was given in its shift."""
        self.teaching = Teaching(roster, whole.gone)
        """What its homes teach the shared model."""
        self.views = views
        """Whether views of the households and statuses are said: a replay may do without."""

    @property
    def clock_ms(self) -> int:
        """The partition's clock, UTC milliseconds; 0 before every topic has had its first tick."""
        return self.positions.clock_ms

    def teller(self, watched: Watched) -> Teller:
        """Return in whose name a household's incidents are told; those of a district with its code, for its desk."""
        if is_district(watched.name):
            record = HouseholdRecord(household=watched.name, district=self.whole.districts.code_of(watched.name) or "")
            return Teller(self.engine, self.whole.profile.id, record)
        return Teller(self.engine, self.whole.profile.id, watched.record)

    def model(self, watched: Watched, start_ms: int) -> Household:
        """Return a model that begins now."""
        model = Household(watched.name, self.whole.profile, watched.in_force, start_ms=start_ms)
        model.alerted = self.whole.alerts.bearing(watched.record, self.whole.profile)
        return model

    def knows(self, watched: Watched, one: Applied) -> bool:
        """Tell whether a household's state already holds a record."""
        if watched.guard is None or not self.controls.offset_guard:
            return False
        return watched.knows(one.topic, one.offset)

    def hear(self, watched: Watched, one: Applied) -> None:
        """Note that a record of a household came, and when it came."""
        channel = CHANNEL_OF.get(one.topic)
        if channel is not None and self.roster.holds(watched):
            # Not the clock alone: it stands while the ticker is away, and no home would seem to be heard of lately after that.
            self.roster.hearing.hear(channel, watched.index, max(one.arrival_ms, self.positions.clock_ms))

    def touch(self, watched: Watched) -> None:
        """Note that a household changed."""
        watched.ledger.is_stirred = True
        if self.roster.holds(watched):
            self.roster.touch(watched)

    def judged(self, watched: Watched) -> None:
        """Note that a model was judged for another reason than time."""
        watched.ledger.is_stirred = True
        self.woken(watched)

    def woken(self, watched: Watched) -> None:
        """Note that time has passed for a household."""
        if self.roster.holds(watched):
            self.roster.touch(watched)
            self.roster.look(watched)

    def broke(self, watched: Watched, error: Exception) -> list[Output]:
        """Take that the judging of a household broke off: its model begins anew, and nobody else notices.

        What was told at this clock is said again, for it may not have been said: readers drop what they know. Of one that had
        begun anew and breaks off again, the ledger begins anew as well, with the incidents that are open. All of it is a
        function of the logs like anything else: whoever goes on from an earlier checkpoint breaks off at the same place.

        Raises:
            MemoryError, OSError: not the data is at fault but the machine, and a worker that is started again may do better.

        """
        self.note(error)
        if watched.lost_since_ms:
            watched.adopt_anew(self.clock_ms)
        watched.model = None
        self.roster.sleep.broken.append(watched)
        told = (one.incident for one in watched.ledger.open.values() if one.told_ms == self.clock_ms)
        return [each for incident in told for each in kept(incident)]

    def note(self, error: Exception) -> list[Output]:
        """Note a mistake that costs one household something, but for what is of the machine: nothing is said of it.

        Raises:
            MemoryError, OSError: as `broke`.

        """
        if isinstance(error, OF_THE_MACHINE):
            raise error
        self.counts.mistakes[place_of(error)] += 1
        return []

    def unseen(self, watched: Watched) -> list[Output]:
        """Return what takes a household's view away: its watching ends."""
        return [Output("households.view", watched.name.encode(), None)] if self.views else []

    def faults(self, one: Applied, faults: list[Fault]) -> list[Output]:
        """Count what a record has wrong; return the dead letters that are written about it."""
        topic = ORDERED_NAMES[one.topic]
        out = []
        for fault in faults:
            self.counts.refused[topic, fault.reason.value] += 1
            self.counts.readings[one.topic][REFUSED] += 1
            letter = self.refused.take(topic, one.offset, fault, one.value, self.clock_ms)
            if letter is not None:
                out.append(dead(letter, one.key))
        return out


def place_of(error: Exception) -> str:
    """Return what an error is and where it was raised: no word of what was judged."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    where = "" if step is None else f" in {PurePath(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}"
    return f"{type(error).__name__}{where}"


def dead(letter: DeadLetter, key: bytes | None = None) -> Output:
    """Return a dead letter as it is written."""
    return Output("dead.letters", key or b"", letter)
