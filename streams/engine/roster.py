"""The households of one partition: who is watched, who wants to be woken when, who is no longer watched. Pure."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from detectors.delay import BANDS_H
from detectors.hazard import NEVER_MS
from detectors.health import PLACES, unpacked
from schemas.district import is_district
from schemas.exercise import is_exercise
from schemas.partitions import partition_of
from streams.cases.given import Given, given_of
from streams.cases.lessons import Leaving
from streams.districts.hearing import NEVER, Hearing
from streams.engine.sleep import Sleep
from streams.engine.snapshot import Cut
from streams.engine.watched import Watched

MOST_UNREGISTERED: Final = 10_000
"""Households without a record in one partition: a sender that makes up keys must not fill the memory."""
ENDED_MS: Final = 30 * 86_400_000
"""How long an ended household is known as such after the last that came from it."""
MOST_ENDED: Final = 4_096
"""Ended households known in one partition: they are kept in its position row."""


NEAR_MS: Final = 30 * 60_000
"""So far ahead deadlines are known by their order: of the next day alone those of a home would take kilobytes."""
MINUTES_OF_A_DAY: Final = 1440


_HEALTHS: Final[dict[int, int]] = {}
"""The counts of sources there are: some hundred, which households share."""
MOST_HEALTHS: Final = 4096


class End(NamedTuple):
    """The end of a household's watching."""

    at_ms: int
    heard_ms: int
    """When something last came from it."""
    checksum: int
    """Of the registry record then in force; 0 where a null record ended it, or there was none."""
    given: Sequence[Given] = ()
    """What it was given to a post of late: the shift has that load whoever leaves."""


class Roster:
    """Households by pseudonym, their deadlines as one array: 200,000 are looked through in a tenth of a millisecond."""

    def __init__(self, number: int, partitions: int, sleep: Sleep | None = None) -> None:
        self.sleep = Sleep() if sleep is None else sleep
        """Who of them is awake."""
        self.hearing = Hearing()
        """When each was last heard of, by its place."""
        self.blind = 0
        """Households of which nothing can be seen, those of exercises left out, as in `open_incidents`."""
        self.slow = 0
        """Households whose collapse would be found late by what their sources allow, told so; exercises left out."""
        self.delays = [[0] * (len(BANDS_H) + 1) for _ in ("day", "night")]
        """Households by band of their expected detection delay, by day and by night; exercises left out."""
        self.sources = [0] * PLACES
        """Sources by channel and health, at the last look at each home, an hour ago at most; exercises left out."""
        self.exercises = 0
        """Households of exercises."""
        self.districts = 0
        """Those that stand for a district, in which nobody lives."""
        self.unregistered = 0
        """Households without a registry record, those of exercises left out."""
        self._strangers = 0
        """The same with those of exercises: the bound is on all of them."""
        self.open_incidents = 0
        """Incidents not yet ended."""
        self.dirty: dict[str, Watched] = {}
        """Those that changed since the last checkpoint, ended ones among them."""
        self.ended_ahead: dict[str, Cut] = {}
        """Households whose end is known from a checkpoint that never became whole: what lies before it is over."""
        self.ended_slots: dict[str, list[int]] = {}
        """Of those, the clocks at which public alerts asked them."""
        self.ended_given: dict[str, list[Given]] = {}
        """Of those, what they were given to a post of late."""
        self.ended_leaving: dict[str, list[Leaving]] = {}
        """Of those, their lessons for the shared model."""
        self._given_back: dict[str, list[Given]] = {}
        """The same of one that comes back this very moment."""
        self._number = number
        self._partitions = partitions
        self._households: dict[str, Watched] = {}
        self._ended: dict[str, End] = {}
        self._wakes: NDArray[np.int64] = np.full(256, NEVER_MS, np.int64)
        self._near_ms = 0
        """Deadlines before this are in `_near`, so few moves of the clock look through all of them."""
        self._near: list[tuple[int, int]] = []
        """A heap of (deadline, place); one that has changed since may still be in it."""
        self._woken: list[tuple[int, int]] = []
        """What `due` gave last: whose deadline has been left as it was is given again."""
        self._by_turn: list[array[int] | None] = [None] * MINUTES_OF_A_DAY
        """The places of households by their minute of the day: what is done of all in turn is not done of all at once."""
        self._at: list[Watched | None] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """Count the households watched."""
        return len(self._households)

    @property
    def homes(self) -> int:
        """Households watched in which somebody lives, those of exercises left out."""
        return len(self._households) - self.exercises - self.districts

    def __iter__(self) -> Iterator[Watched]:
        """Give them in the order of their pseudonyms: the same in every run. Between two of them others fall asleep."""
        return self.in_turn([self._households[name] for name in sorted(self._households)])

    def in_turn(self, those: Iterable[Watched]) -> Iterator[Watched]:
        """Give households one by one; between two of them others fall asleep, so that any number may have their turn."""
        sleep = self.sleep
        for watched in those:
            yield watched
            if len(sleep) > sleep.most:
                sleep.settle()

    def names(self) -> list[str]:
        """Return their pseudonyms, sorted."""
        return sorted(self._households)

    def get(self, name: str) -> Watched | None:
        """Return a household that is watched."""
        return self._households.get(name)

    def holds(self, watched: Watched) -> bool:
        """Tell whether this very one is still watched: its household may have ended and come back as another."""
        return self._households.get(watched.name) is watched

    @property
    def partitions(self) -> int:
        """How many partitions the topics have."""
        return self._partitions

    def is_mine(self, name: str) -> bool:
        """Tell whether a household belongs to this partition."""
        return partition_of(name, self._partitions) == self._number

    @property
    def is_full(self) -> bool:
        """Whether no further household without a registry record is taken."""
        return self._strangers >= MOST_UNREGISTERED

    def meet(self, name: str, clock_ms: int) -> Watched:
        """Begin with a household that is not registered, as far as is known."""
        if self._free:
            index = self._free.pop()
        else:
            index = len(self._at)
            self._at.append(None)
            if index >= len(self._wakes):
                self._wakes = np.concatenate((self._wakes, np.full(len(self._wakes), NEVER_MS, np.int64)))
        watched = Watched(name, index, clock_ms or 1, self.sleep)
        former = self.dirty.get(name)
        if former is not None:
            # It ended since the last checkpoint. Its new rows take the place of its old ones: who finds nothing else must
            # not think that it was first met after that checkpoint.
            watched.first_kept, watched.rhythm_place = former.first_kept, former.rhythm_place
            watched.own_checks.slots = list(former.checks.slots)
            watched.ledger.inherit(former.leaving)
        elif name in self.ended_ahead:
            watched.first_kept = 1
            watched.own_checks.slots = list(self.ended_slots.get(name, []))
            watched.ledger.inherit(self.ended_leaving.get(name, []))
        if given := self._given_back.pop(name, []) or self.given_of_former(name):
            watched.ledger.given = given
        self._at[index] = watched
        self.hearing.begin(index)
        turn = _turn_of(name)
        those = self._by_turn[turn]
        if those is None:
            self._by_turn[turn] = array("i", [index])
        else:
            those.append(index)
        self._households[name] = watched
        self._strangers += 1
        self.unregistered += watched.counts
        self.exercises += is_exercise(name)
        self.districts += is_district(name)
        return watched

    def register(self, watched: Watched) -> None:
        """Note that a household has a registry record."""
        if watched.since_ms:
            self._strangers -= 1
            self.unregistered -= watched.counts
            watched.since_ms = 0

    def of_district(self, district: str) -> Iterator[Watched]:
        """Give the registered households of a district by their pseudonyms; between two of them others fall asleep."""
        found = (self._at[place] for place in self.hearing.places(district))
        return self.in_turn(sorted((one for one in found if one is not None), key=lambda one: one.name))

    def recall_heard(self, watched: Watched) -> None:
        """Take when a restored household was last heard of, and up to where that has been told."""
        self.hearing.restore(watched.index, watched.heard)
        watched.heard = NEVER
        if watched.guard is not None:
            self.hearing.told_ms = max(self.hearing.told_ms, watched.guard.clock_ms)

    def settle(self, watched: Watched, district: str | None) -> None:
        """Note in which district a registered household lies."""
        self.hearing.settle(watched.index, district if watched.counts else None)

    def touch(self, watched: Watched) -> None:
        """Note that a household changed: its deadline, and that its rows must be written."""
        watched.used = True
        self.dirty[watched.name] = watched
        self.rearm(watched)

    def note_learned(self, watched: Watched, wake_ms: int) -> None:
        """Note that a household's model alone took something: that brings its deadline nearer or leaves it.

        The same as a `touch`, for nearly every message: of all that its deadline hangs on only the model's is new.
        """
        watched.used = True
        self.dirty[watched.name] = watched
        if wake_ms < watched.wake_ms:
            watched.wake_ms = wake_ms
            self._arm(watched.index, wake_ms)

    def recall(self, watched: Watched) -> None:
        """Count a household that sleeps as it was when it fell asleep."""
        self.open_incidents += watched.open_count * watched.counts
        self._arm(watched.index, watched.wake_ms)
        self.blind += watched.counts if watched.blind else 0
        self._count_delay(watched, watched.counts)
        for place, count in enumerate(unpacked(watched.source_health)):
            self.sources[place] += count

    def look(self, watched: Watched) -> None:
        """Note whether anything can be seen of a household; that changes only where its model was woken or judged."""
        blind = bool(watched.lost_since_ms) or (watched.model is not None and watched.model.blind)
        if blind != watched.blind:
            watched.blind = blind
            self.blind += watched.counts if blind else -watched.counts
        self.weigh(watched, 0 if watched.model is None else watched.model.clock_ms)
        if watched.model is not None and watched.model.rhythm_version != watched.delay_version:
            watched.delay_version = watched.model.rhythm_version
            self._forget_delay(watched)
            delay = watched.model.delay
            watched.slow, watched.delay_bands = bool(delay.slow), delay.bands
            self._count_delay(watched, watched.counts)
        elif watched.model is None and watched.delay_version != -1:
            watched.delay_version = -1
            self._forget_delay(watched)

    def weigh(self, watched: Watched, clock_ms: int) -> bool:
        """Note how a household's sources do at a clock, and tell whether that is something new: its rows hold it."""
        if not watched.counts:
            return False
        before = watched.source_health
        self._take_health(watched, 0 if watched.model is None else watched.model.source_health(clock_ms))
        return before != watched.source_health

    def _take_health(self, watched: Watched, now: int) -> None:
        if now != watched.source_health:
            both = zip(unpacked(now), unpacked(watched.source_health), strict=True)
            for place, (after, before) in enumerate(both):
                self.sources[place] += after - before
            if len(_HEALTHS) >= MOST_HEALTHS:  # of whoever makes up sources without end
                _HEALTHS.clear()
            watched.source_health = _HEALTHS.setdefault(now, now)

    def _forget_delay(self, watched: Watched) -> None:
        self._count_delay(watched, -watched.counts)
        watched.slow, watched.delay_bands = False, (-1, -1)

    def _count_delay(self, watched: Watched, by: int) -> None:
        self.slow += by if watched.slow else 0
        for counts, band in zip(self.delays, watched.delay_bands, strict=True):
            if band >= 0:
                counts[band] += by

    def rearm(self, watched: Watched) -> None:
        """Note when a household wants to be woken, and how many incidents it has open."""
        count = len(watched.ledger.open)
        if count != watched.open_count:
            self.open_incidents += (count - watched.open_count) * watched.counts
            watched.open_count = count
        wake_ms = watched.due_ms()
        if wake_ms != watched.wake_ms:
            watched.wake_ms = wake_ms
            self._arm(watched.index, wake_ms)

    def _arm(self, place: int, wake_ms: int) -> None:
        self._wakes[place] = wake_ms
        if wake_ms < self._near_ms:
            heappush(self._near, (wake_ms, place))

    def due(self, clock_ms: int) -> list[Watched]:
        """Return those that want to be woken by a clock, by (deadline, household)."""
        if clock_ms >= self._near_ms:
            self._look_ahead(clock_ms)
        near = self._near
        for one in self._woken:
            heappush(near, one)
        woken: list[tuple[int, int]] = []
        found: list[Watched] = []
        while near and near[0][0] <= clock_ms:
            one = heappop(near)
            watched = self._at[one[1]]
            # Equal ones leave a heap one after the other: who was armed twice for one moment is woken once.
            if watched is not None and watched.wake_ms == one[0] and (not woken or woken[-1] != one):
                woken.append(one)
                found.append(watched)
        self._woken = woken
        if len(found) > 1:
            found.sort(key=_by_deadline)
        return found

    def _look_ahead(self, clock_ms: int) -> None:
        """Look through all deadlines for those of the next minutes."""
        self._near_ms = clock_ms + NEAR_MS
        wakes = self._wakes[: len(self._at)]
        (places,) = (wakes < self._near_ms).nonzero()
        self._near = sorted(zip(wakes[places].tolist(), places.tolist(), strict=True))
        self._woken = []

    def whose_turn(self, minutes: Sequence[int], every: int) -> list[Watched]:
        """Return those whose turn falls into some minutes since 1970, where each has one every so many minutes, by name."""
        found: list[Watched] = []
        for first in {minute % every for minute in minutes}:
            for turn in range(first, MINUTES_OF_A_DAY, every):
                those = self._by_turn[turn]
                if those is not None:
                    for place in those:
                        watched = self._at[place]
                        if watched is not None:
                            found.append(watched)
        if len(found) > 1:
            found.sort(key=_by_name)
        return found

    def drop(self, watched: Watched) -> None:
        """Let go of a household without a word."""
        del self._households[watched.name]
        self.sleep.forget(watched)
        self.hearing.settle(watched.index, None)
        if watched.since_ms:
            self._strangers -= 1
            self.unregistered -= watched.counts
        self.exercises -= is_exercise(watched.name)
        self.districts -= is_district(watched.name)
        self.blind -= watched.counts if watched.blind else 0
        self._forget_delay(watched)
        self._take_health(watched, 0)
        self.open_incidents -= watched.open_count * watched.counts
        self._wakes[watched.index] = NEVER_MS
        if those := self._by_turn[_turn_of(watched.name)]:
            those.remove(watched.index)
        self._at[watched.index] = None
        self._free.append(watched.index)

    def end(self, name: str, clock_ms: int, *, by_registry: bool) -> None:
        """End the watching of a household: what still comes from it is dropped.

        Unless the registry itself ended it, the daily repeat of the record then in force does not bring it back.
        """
        watched = self._households.get(name)
        checksum = 0 if watched is None or by_registry else watched.record_sum
        given = self.given_of_former(name) if watched is None else watched.given
        self._remember(name, End(clock_ms, clock_ms, checksum, tuple(given)))
        if watched is not None:
            self._let_go(watched)

    def expire(self, watched: Watched, clock_ms: int) -> None:
        """End the watching of a household without a registry record; one that had ended before stays what it was."""
        end = self._ended.get(watched.name, End(clock_ms, clock_ms, 0))
        self._remember(watched.name, end._replace(given=tuple(watched.given)))
        self._let_go(watched)

    def _remember(self, name: str, end: End) -> None:
        self._ended[name] = end
        self.ended_given.pop(name, None)  # this end knows more than one found ahead of the position
        if len(self._ended) > MOST_ENDED:
            # Those first whom the daily repeat of a record would not bring back.
            unrecorded = (known for known, one in self._ended.items() if not one.checksum)
            del self._ended[next(unrecorded, next(iter(self._ended)))]

    def _let_go(self, watched: Watched) -> None:
        self.drop(watched)
        self.dirty[watched.name] = watched

    def given_of_former(self, name: str) -> list[Given]:
        """Return what a household that is watched no more was given to a post of late."""
        if name in self.ended_given:  # it knows all that the end before it knew
            return self.ended_given[name]
        ended = self._ended.get(name)
        return [] if ended is None else list(ended.given)

    def formers(self) -> list[str]:
        """Return the households that are watched no more and had something given to a post of late."""
        return [*(name for name, one in self._ended.items() if one.given), *self.ended_given]

    def has_ended(self, name: str) -> bool:
        """Tell whether the watching of a household has ended, and something came from it within a month."""
        return name in self._ended

    def ended_ms(self, name: str) -> int:
        """Return the clock at which the watching of a household ended; 0 when it is not known to have."""
        ended = self._ended.get(name)
        return 0 if ended is None else ended.at_ms

    def hear_ended(self, name: str, clock_ms: int) -> None:
        """Note that something still comes from a household that has ended: it must not be met anew."""
        ended = self._ended.get(name)
        if ended is not None:
            self._ended[name] = ended._replace(heard_ms=clock_ms)

    def ended_before(self, name: str, topic: int, offset: int) -> bool:
        """Tell whether a record comes from before the end of a household that is over already."""
        cut = self.ended_ahead.get(name)
        return cut is not None and offset < cut.offsets[topic]

    def pass_ends(self, cut: Cut) -> None:
        """Note that the partition stands at a cut: ends before it are known from its own state."""
        if self.ended_ahead:
            self.ended_ahead = {name: end for name, end in self.ended_ahead.items() if end.is_ahead_of(cut)}
            self.ended_slots = {name: self.ended_slots.get(name, []) for name in self.ended_ahead}
            self.ended_given = {name: self.ended_given.get(name, []) for name in self.ended_ahead}
            self.ended_leaving = {name: self.ended_leaving.get(name, []) for name in self.ended_ahead}

    def stays_ended(self, name: str, record: bytes, clock_ms: int) -> bool:
        """Tell whether a registry record leaves an ended household what it is; any other record brings it back."""
        ended = self._ended.get(name)
        if ended is None:
            return False
        if ended.checksum and ended.checksum == crc32(record):
            self.hear_ended(name, clock_ms)
            return True
        self._given_back[name] = list(ended.given)
        del self._ended[name]
        return False

    def forget_ended(self, clock_ms: int) -> None:
        """Forget households that ended long ago."""
        if self._ended:
            self._ended = {name: one for name, one in self._ended.items() if clock_ms - one.heard_ms < ENDED_MS}

    def ended_state(self) -> list[Any]:
        """Return what is known of ended households, as plain data."""
        return [[name, *one[:3]] for name, one in self._ended.items()]

    def given_state(self) -> list[Any]:
        """Return what ended households were given to posts of late, as plain data."""
        return [[name, list(one.given)] for name, one in self._ended.items() if one.given]

    def restore_ended(self, state: list[Any], given: Sequence[Any] = ()) -> None:
        """Take the data of an `ended_state()` and a `given_state()`."""
        self._ended = {name: End(*one) for name, *one in state}
        for name, those in given:
            if name in self._ended:
                self._ended[name] = self._ended[name]._replace(given=tuple(given_of(those)))


def _turn_of(name: str) -> int:
    """Return the minute of the day of a household."""
    return crc32(name.encode()) % MINUTES_OF_A_DAY


def _by_name(watched: Watched) -> str:
    return watched.name


def _by_deadline(watched: Watched) -> tuple[int, str]:
    return watched.wake_ms, watched.name
