"""The stage that puts the counts of all partitions together: which districts have an outage, as all partitions are told. Pure.

It reads `district.counts`, where a record holds what a partition counts at a full five minutes, a mark; of very many districts
the last record without `more` ends it. A mark is judged once every partition has ended it, so what follows does not depend on the order
in which partitions come; one that is more than `LAGGING` marks behind the first is left out. Repeats, of whoever goes on
from an earlier position, are known by partition and mark.

Of a channel of a district it learns, for each hour of the day, the share of homes heard of at the least and at the highest of
its twelve marks, each as a mean over the days so far, exponentially weighted after two weeks:

    m' = m + a (x - m),    a = max(1 / n, 1 / 14)

Both, for gateways that all say their heartbeat at the full hour leave every home heard of then and hardly one half an hour
later: against their mean such a district would have an outage every hour. Expected are m times the homes that report, m the
least of the hour and its two neighbours. A mark is low where fewer than half of at least 20 expected homes are heard of, and that
by more than 5 standard deviations of the binomial distribution. An outage begins where two marks in a row are low for the least
of their hours, or all of more than an hour for the highest. It ends where all marks of an hour reach 70 % of the least, and one 70 % of
the highest. While it lasts nothing is learned. One that lasts three days is how things are now: it ends, and is learned anew.

The state is kept in one row, so it is bounded: `MOST_DISTRICTS` are judged, and of the marks that wait for a partition the
first is judged without it where more than `MOST_WAITING` sums wait.
"""

from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from typing import Final

import msgspec

from schemas.district import CHANNELS, MARK_MS, SHARED, DistrictCounts, DistrictState, Heard, Lesson, Outage
from schemas.times import from_rfc3339, to_rfc3339

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LAGGING: Final = 144
"""Marks, twelve hours: a partition further behind is not waited for, or all districts would go unwatched for its sake."""
LEAST_EXPECTED: Final = 20.0
LEAST_DAYS: Final = 3
"""Days of an hour before anything is expected of it."""
MEMORY: Final = 14
WHOLE: Final = 65_535
BEGINS_BELOW: Final = 0.5
ENDS_ABOVE: Final = 0.7
DEVIATIONS: Final = 5.0
BEGINS_AFTER: Final = 2
"""Marks in a row."""
A_WHOLE_HOUR: Final = 12
"""Marks: what is left of a district may say its heartbeats at one moment of each hour."""
MOST_DISTRICTS: Final = 1_000
MOST_WAITING: Final = 4_000
LONGEST_MS: Final = 3 * DAY_MS
_FORM: Final = 1
_pack: Final = msgspec.msgpack.Encoder(order="deterministic").encode


class _Usual(msgspec.Struct, array_like=True):
    """One channel of a district: what is usual by hour of the day (UTC), and the outage that lasts."""

    least: list[int]
    """Share at the least mark of each hour, in `WHOLE`ths: small numbers, for the state is one row."""
    most: list[int]
    """Share at its highest mark."""
    days: list[int]
    """Days of which each hour was learned, up to `MEMORY`."""
    hour: int = -1
    """The hour since 1970 that is under way,"""
    lowest: int = WHOLE
    highest: int = 0
    """and its shares so far."""
    row: int = 0
    """Marks in a row that are too low for their hour's least one; in an outage, those that are high enough again."""
    high_row: int = 0
    """Marks in a row that are too low for their hour's highest one."""
    row_ms: int = 0
    """The first of the former; in an outage, the last mark that is high enough for its hour's highest one."""
    since_ms: int = 0
    """Since when an outage lasts; 0 without one."""

    @classmethod
    def new(cls) -> "_Usual":
        """Return one that knows nothing."""
        return cls([0] * 24, [0] * 24, [0] * 24)

    def expected(self, shares: list[int], hour: int) -> float | None:
        """Return the share of `least` or `most` that an hour reaches at least; None while too little is known."""
        around = [(hour + step) % 24 for step in (-1, 0, 1)]
        if min(self.days[one] for one in around) < LEAST_DAYS:
            return None
        return min(shares[one] for one in around) / WHOLE

    def learn(self, hour: int, share: float) -> None:
        """Take the share at one mark; the hour since 1970 before it is over then."""
        if hour != self.hour:
            self._end_hour()
            self.hour, self.lowest, self.highest = hour, WHOLE, 0
        now = round(share * WHOLE)
        self.lowest, self.highest = min(self.lowest, now), max(self.highest, now)

    def _end_hour(self) -> None:
        if self.hour < 0:
            return
        of_day = self.hour % 24
        days = self.days[of_day] = min(self.days[of_day] + 1, MEMORY)
        for shares, now in ((self.least, self.lowest), (self.most, self.highest)):
            shares[of_day] += round((now - shares[of_day]) / days)

    def judge(self, at_ms: int, heard: Heard) -> bool:
        """Take one mark; tell whether an outage has begun or ended."""
        if self.since_ms and at_ms - self.since_ms >= LONGEST_MS:
            self.least, self.most, self.days, self.hour = [0] * 24, [0] * 24, [0] * 24, -1
            self.since_ms = self.row = self.row_ms = 0
            return True
        if not heard.homes:
            return False
        hour = at_ms // HOUR_MS
        least, most = (self.expected(shares, hour % 24) for shares in (self.least, self.most))
        if least is None or most is None:
            self.learn(hour, heard.heard / heard.homes)
            return False
        if self.since_ms:
            return self._ends(at_ms, heard, least, most)
        low, too_low = is_low(heard, least), is_low(heard, most)
        if low and not self.row:
            self.row_ms = at_ms
        self.row, self.high_row = (self.row + 1) * low, (self.high_row + 1) * too_low
        if self.row >= BEGINS_AFTER or self.high_row > A_WHOLE_HOUR:
            # Not before it began: a home last heard of just before that would count as one that goes on reporting.
            self.since_ms = self.row_ms if self.row >= BEGINS_AFTER else at_ms
            self.row = self.high_row = self.row_ms = 0
            return True
        if not low:
            self.learn(hour, heard.heard / heard.homes)
        return False

    def _ends(self, at_ms: int, heard: Heard, least: float, most: float) -> bool:
        """Tell whether an outage ends: for an hour every mark is high enough for a least one, and one for a highest one."""
        if heard.heard < ENDS_ABOVE * least * heard.homes:
            self.row = self.row_ms = 0
            return False
        self.row += 1
        if heard.heard >= ENDS_ABOVE * most * heard.homes:
            self.row_ms = at_ms
        if self.row < A_WHOLE_HOUR or at_ms - self.row_ms > HOUR_MS:
            return False
        self.since_ms = self.row = self.row_ms = 0
        return True


def is_low(heard: Heard, usual: float) -> bool:
    """Tell whether so few homes are heard of where a share of them is usual that chance does not explain it."""
    expected = usual * heard.homes
    spread = sqrt(max(expected * (1 - usual), 1.0))
    return (
        expected >= LEAST_EXPECTED
        and heard.heard < BEGINS_BELOW * expected
        and expected - heard.heard > DEVIATIONS * spread
    )


class _Lane(msgspec.Struct, array_like=True):
    """What was taken from one partition."""

    mark_ms: int = 0
    """The last mark that it has ended."""
    at_ms: int = 0
    """The mark that it is telling of,"""
    district: str = ""
    """and the last district that it told of there. It tells of them by their names."""


class _Sum(msgspec.Struct, array_like=True):
    """The homes of a district in all partitions, by channel: how many, how many heard."""

    home: tuple[int, int] = (0, 0)
    phone: tuple[int, int] = (0, 0)


class _State(msgspec.Struct, array_like=True):
    form: int
    judged_ms: int
    lanes: list[_Lane]
    marks: list[tuple[int, dict[str, _Sum], list[Lesson]]]
    """Those that are not judged yet, in their order: sums and lessons."""
    usual: dict[str, list[_Usual]]
    learner: bytes


class Stage:
    """The districts of a topic set. `learn` takes lessons of one mark, in any order, and returns the weights they lead to."""

    def __init__(self, partitions: int, learn: Callable[[Sequence[Lesson]], list[float]] | None = None) -> None:
        self._lanes = [_Lane() for _ in range(partitions)]
        self._judged_ms = 0
        self._sums: dict[int, dict[str, _Sum]] = {}
        self._lessons: dict[int, list[Lesson]] = {}
        self._usual: dict[str, list[_Usual]] = {}
        self._learn = learn
        self.left_out = 0
        """Partitions that were too far behind at the last mark."""

    def take(self, counts: DistrictCounts) -> list[DistrictState]:
        """Take one record; return what all partitions are to be told."""
        if not 0 <= counts.partition < len(self._lanes):
            return []
        lane, at_ms = self._lanes[counts.partition], from_rfc3339(counts.at)
        if at_ms <= max(lane.mark_ms, self._judged_ms) or at_ms < lane.at_ms:
            return []
        if at_ms > lane.at_ms:
            lane.at_ms, lane.district = at_ms, ""
        for one in counts.districts:
            if one.district <= lane.district:
                continue
            lane.district = one.district
            found = self._sums.setdefault(at_ms, {}).setdefault(one.district, _Sum())
            found.home = _plus(found.home, one.home)
            found.phone = _plus(found.phone, one.phone)
        if counts.more:
            return []
        lane.mark_ms = at_ms
        known = self._lessons.get(at_ms, [])
        self._lessons[at_ms] = sorted([*known, *counts.lessons], key=lambda one: (one.x, one.y))
        return list(self._judge_ended())

    def _judge_ended(self) -> Iterator[DistrictState]:
        first_ms = max(lane.mark_ms for lane in self._lanes)
        waited_ms = first_ms - LAGGING * MARK_MS
        self.left_out = sum(lane.mark_ms <= waited_ms for lane in self._lanes)
        ended_ms = min(max(lane.mark_ms, waited_ms) for lane in self._lanes)
        for at_ms in sorted(self._sums.keys() | self._lessons.keys()):
            if at_ms > ended_ms and sum(map(len, self._sums.values())) <= MOST_WAITING:
                break
            yield from self._judge(at_ms, self._sums.pop(at_ms, {}), self._lessons.pop(at_ms, []))
            self._judged_ms = at_ms

    def _judge(self, at_ms: int, sums: dict[str, _Sum], lessons: list[Lesson]) -> Iterator[DistrictState]:
        is_new_day = at_ms // DAY_MS != self._judged_ms // DAY_MS
        at = to_rfc3339(at_ms)
        for district in sorted(sums.keys() | (self._usual.keys() if is_new_day else set())):
            if district not in self._usual and len(self._usual) >= MOST_DISTRICTS:
                continue
            usual = self._usual.setdefault(district, [_Usual.new() for _ in CHANNELS])
            known = sums.get(district, _Sum())
            heard = [Heard(homes=homes, heard=n) for homes, n in (known.home, known.phone)]
            changed = [one.judge(at_ms, those) for one, those in zip(usual, heard, strict=True)]
            lasts = any(one.since_ms for one in usual)
            if any(changed) or (is_new_day and lasts):
                yield DistrictState(district=district, at=at, outages=list(_outages(at_ms, usual, heard)))
        if self._learn is not None and (lessons or is_new_day):
            weights = self._learn(lessons)
            if any(weights):
                yield DistrictState(district=SHARED, at=at, weights=weights)

    def state(self, learner: bytes = b"") -> bytes:
        """Return all that it knows; the same however the records came that it follows from."""
        waiting = sorted(self._sums.keys() | self._lessons.keys())
        marks = [(at_ms, self._sums.get(at_ms, {}), self._lessons.get(at_ms, [])) for at_ms in waiting]
        return _pack(_State(_FORM, self._judged_ms, self._lanes, marks, self._usual, learner))

    def restore(self, state: bytes) -> bytes:
        """Take what a `state()` holds, and return the learner's.

        Raises:
            ValueError: it is no such state, or of a topic set with another number of partitions.

        """
        try:
            known = msgspec.msgpack.decode(state, type=_State)
        except msgspec.MsgspecError as error:
            raise ValueError("no state of a stage") from error
        if known.form != _FORM or len(known.lanes) != len(self._lanes):
            raise ValueError("a stage of another form, or of another number of partitions")
        self._judged_ms, self._lanes = known.judged_ms, known.lanes
        self._sums = {at_ms: sums for at_ms, sums, _ in known.marks if sums}
        self._lessons = {at_ms: lessons for at_ms, _, lessons in known.marks}
        self._usual = known.usual
        return known.learner


def _plus(known: tuple[int, int], one: Heard) -> tuple[int, int]:
    return known[0] + one.homes, known[1] + one.heard


def _outages(at_ms: int, usual: list[_Usual], heard: list[Heard]) -> Iterator[Outage]:
    hour = at_ms // HOUR_MS % 24
    for channel, one, those in zip(CHANNELS, usual, heard, strict=True):
        if one.since_ms:
            expected = round((one.expected(one.least, hour) or 0.0) * those.homes)
            yield Outage(channel=channel, since=to_rfc3339(one.since_ms), expected=expected, heard=those.heard)
