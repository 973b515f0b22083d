"""What is learned of a household once a day: its hazard tables, its threshold, its longest silences, its busy hours."""

import struct
from bisect import bisect_right
from sys import intern
from typing import Any, ClassVar, Final

from detectors.begun import HOURS, BegunAt
from detectors.contract import Law
from detectors.episodes import Episodes
from detectors.hazard import DayRates, FewRates, HazardTable
from detectors.hours import HOUR_MS, LocalHours
from detectors.life import CALLS, HOME, SEEING
from detectors.longest import LONGEST_ORDINARY_H, LongestSilence
from detectors.pack import packed, unpacked
from detectors.silence import Lane, score
from detectors.steady import Steady
from detectors.stretches import Stretches, stretches_of
from detectors.threshold import Threshold
from schemas.profiles import SilenceProfile

Spans = list[tuple[int, int]]

LONGEST_MS: Final = int(LONGEST_ORDINARY_H * HOUR_MS)
SHORT_MS: Final = HOUR_MS // 2
"""A shorter silence cannot reach anybody's once-a-week score: it need not be scored."""
MOST_BEGUN: Final = 1e6
"""Episodes in an hour that no home has."""


_BUSY: Final = struct.Struct("<24d")
_NOT_BUSY: Final = packed(bytes(_BUSY.size))
_SHOWN: Final = struct.Struct("<24H")
_SHOWN_WIDE: Final = struct.Struct("<24I")


class Day:
    """A day older than the horizon, and what is known of it. Times in UTC milliseconds."""

    __slots__ = ("begun", "dark", "end_ms", "hours", "lived", "start_ms", "untrue", "watched_from_ms")

    def __init__(
        self,
        start_ms: int,
        end_ms: int,
        hours: LocalHours,
        rings: dict[str, Episodes],
        untrue: Spans,
        dark: dict[str, Spans],
        watched_from_ms: int,
    ) -> None:
        self.start_ms = start_ms
        self.end_ms = end_ms
        self.hours = hours
        self.untrue = untrue
        """Absences and open incidents: nothing is learned from days they touch."""
        self.dark = dark
        """When a kind of channel reported nothing."""
        self.watched_from_ms = watched_from_ms
        self.lived = {kind: stretches_of(ring, start_ms, end_ms) for kind, ring in rings.items()}
        """The confirmed episodes of each ring that had begun by the end of the day."""
        self.begun = {kind: _counted(hours, lived) for kind, lived in self.lived.items()}
        """How many of them began in each local hour of the day."""

    def touched(self, spans: Spans) -> bool:
        """Tell whether one of some spans meets the day."""
        return _touch(spans, self.start_ms, self.end_ms)


class Rhythm:
    """Everything that changes at most once a day. `learn_one(day)`; its parts do the scoring."""

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_busy", "_hundredths", "_steady", "_tables", "begun", "days", "longest", "threshold")

    def __init__(self) -> None:
        self._tables: tuple[HazardTable, ...] = ()
        self.threshold = Threshold()
        self.longest = LongestSilence()
        self.begun = BegunAt()
        self._busy = _NOT_BUSY
        """`busy`, doubles; packed once a day is learned: a day asks for them, and who is told of an alarm. Nobody packs them as a home wakes."""
        self._hundredths = b""
        """`busy` as it is shown, 16 bits or 32; empty where nobody has asked since it was learned."""
        self.days = 0.0
        """Days learned, faded."""
        self._steady = b""
        """Numbers of `Steady`, of carried devices only."""

    def usual(self) -> list[float]:
        """Return the episodes begun in each hour of an ordinary day, rounded to hundredths."""
        if not self._hundredths:
            shown = [round(100 * round(mean, 2)) for mean in self.busy]
            self._hundredths = (_SHOWN if max(shown) < 1 << 16 else _SHOWN_WIDE).pack(*shown)
        form = _SHOWN if len(self._hundredths) == _SHOWN.size else _SHOWN_WIDE
        return [hundredths / 100 for hundredths in form.unpack(self._hundredths)]

    @property
    def busy(self) -> tuple[float, ...]:
        """Return the episodes begun in each hour of an ordinary day."""
        return _BUSY.unpack(unpacked(self._busy, _BUSY.size))

    def table(self, kind: str) -> HazardTable:
        """Return the table of a kind of channel."""
        for table in self._tables:
            if table.kind == kind:
                return table
        table = HazardTable(kind)
        self._tables = (*self._tables, table)
        return table

    def forget(self, kind: str) -> None:
        """Erase what was learned through a kind of channel: its source's consent was withdrawn."""
        self._tables = tuple([table for table in self._tables if table.kind != kind])
        self._steady = b""

    @property
    def steady(self) -> Steady:
        """Return what this household's scores have shown of themselves; whoever learns by it gives it back."""
        return Steady(self._steady)

    def trust(self, kinds: list[str]) -> float:
        """Return the rhythm clock's share of the budget where only carried devices see; 0 where the table of one knows nothing yet."""
        if not self._steady or self.longest.kind == HOME:
            return 0.0
        share = self.steady.share
        return share if share and all(self.table(kind).knows for kind in kinds) else 0.0

    def rates(self, kind: str, how: SilenceProfile, *, away: bool) -> DayRates:
        """Return the hazard rates of a kind of channel."""
        return self.table(kind).rates(away=away, k0_h=how.k0_h, k1_h=how.k1_h, floor_per_h=how.floor_per_h)

    def few_rates(self, kind: str, how: SilenceProfile, *, away: bool) -> DayRates | FewRates:
        """Return the same for who asks a few of them."""
        return self.table(kind).few_rates(away=away, k0_h=how.k0_h, k1_h=how.k1_h, floor_per_h=how.floor_per_h)

    def learn_one(self, day: Day, how: SilenceProfile) -> None:
        """Learn one day, unless an absence or an open incident touched it."""
        share = 0.5 ** (1.0 / how.half_life_days)
        for table in self._tables:
            table.fade(share)
        if day.touched(day.untrue):
            return
        self._learn_silences(day, how)
        self._learn_tables(day)
        self._learn_hours(day, share)

    def _learn_silences(self, day: Day, how: SilenceProfile) -> None:
        """Score the day's silences over all channels, with the rates as they were before the day, and note the longest."""
        kinds, lived = _together(day.lived)
        starts, ends, out = lived.starts, lived.ends, lived.leaves
        rates: dict[str, DayRates] = {}
        since: dict[str, int] = {}
        last, away = 0, False
        longest_ms = longest_away_ms = 0
        highest = 0.0
        begun_ms: list[int] = []
        spans_ms: list[int] = []
        dark = [span for spans in day.dark.values() for span in spans]
        untold = day.untrue + dark
        for i, kind in enumerate(kinds):
            start, end = starts[i], ends[i]
            told = last != 0 and start > last and start >= day.start_ms and not _touch(untold, last, start)
            if told and not away:
                begun_ms.append(last)
                spans_ms.append(start - last)
            if told and start - last > SHORT_MS and away:
                longest_away_ms = max(longest_away_ms, start - last)
            elif told and start - last > SHORT_MS:
                longest_ms = max(longest_ms, start - last)
                for seen in SEEING:
                    if seen in since and seen not in rates:
                        rates[seen] = self.rates(seen, how, away=False)
                lanes = [Lane(seen, rates[seen], since[seen]) for seen in rates if seen in since]
                nats = sum(score(day.hours, last, start, lanes))
                ghostly = bool(lived.ghosts) and any(last < ghost < start for ghost in lived.ghosts)
                self.threshold.learn_one(max(0.0, nats - (how.ghost_nats if ghostly else 0.0)), start)
                if highest < nats and start - last < LONGEST_MS:
                    highest = nats
            if end > last:  # noqa: PLR1730 - as below
                last = end
            if kind != CALLS:
                since[kind] = end
            if kind == HOME:
                away = out[i]
        self.threshold.pass_time(day.end_ms)
        whole = day.watched_from_ms <= day.start_ms and not day.touched(dark)
        if self.longest.kind != HOME:
            self._learn_steady(day, highest, whole=whole)
        if whole:
            self.longest.learn_one(longest_away_ms / HOUR_MS, away=True)
            self.longest.learn_one(longest_ms / HOUR_MS, away=False)
            begun = [0] * HOURS
            for i, hour in enumerate(day.hours.hours_at(begun_ms)):
                if spans_ms[i] > begun[hour]:  # noqa: PLR1730 - each call would cost more than the rest
                    begun[hour] = spans_ms[i]
            self.begun.learn_one([span_ms / HOUR_MS if span_ms < LONGEST_MS else 0.0 for span_ms in begun])

    def _learn_steady(self, day: Day, highest: float, *, whole: bool) -> None:
        """Learn the day's highest score; of a day that was not seen whole it is known only that it was no less."""
        steady = self.steady
        if whole or highest > steady.weekly:
            steady.learn_one(highest)
        if any(one.starts and kind in SEEING and not self.table(kind).knows for kind, one in day.lived.items()):
            steady.doubt()  # a device that was met today: its table is people's yet, and its scores are too
        self._steady = steady.numbers

    def _learn_tables(self, day: Day) -> None:
        home = day.lived.get(HOME)
        for kind, lived in day.lived.items():
            if kind not in SEEING:
                continue
            table = self.table(kind)
            untold = day.untrue + day.dark.get(kind, [])
            silences: list[tuple[int, int, bool]] = []
            for i in range(max(lived.first, 1), len(lived.starts)):
                from_ms, until_ms = lived.ends[i - 1], lived.starts[i]
                if _touch(untold, from_ms, until_ms):
                    continue
                away = lived.leaves[i - 1] if kind == HOME else home is not None and _away_at(home, from_ms)
                silences.append((from_ms, until_ms, away))
            table.learn_many(day.hours, silences)

    def _learn_hours(self, day: Day, share: float) -> None:
        if any(day.touched(spans) for spans in day.dark.values()):
            return
        begun = [0] * 24
        for counts in day.begun.values():
            begun = [known + count for known, count in zip(begun, counts, strict=True)]
        self.days = days = self.days * share + 1.0
        self._busy = packed(_BUSY.pack(*[mean + (n - mean) / days for mean, n in zip(self.busy, begun, strict=True)]))
        self._hundredths = b""

    def state(self) -> list[Any]:
        """Return plain numbers and packed counts."""
        return [
            # A table that was only asked is none: the row would hang on who looked, and after a crash nobody had.
            sorted([[table.kind, table.state()] for table in self._tables if table.knows]),
            self.threshold.state(),
            self.longest.state(),
            self.busy,
            self.days,
            self.begun.state(),
            self.longest.tail_state(),
            self.steady.state() if self._steady else [],
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self._tables = ()
        for kind, cells in state[0]:
            self.table(intern(kind)).restore(cells)
        self.threshold.restore(state[1])
        self.longest.restore(state[2])
        busy = list(state[3])
        if len(busy) != 24 or not all(0 <= mean < MOST_BEGUN for mean in busy):
            raise ValueError("no episodes by hour")  # damaged: a view could not be made of it
        self._busy, self._hundredths = _BUSY.pack(*busy), b""
        self.days = state[4]
        if len(state) > 5:  # rows of a version without this clock are shorter
            self.begun.restore(state[5])
        self.longest.restore_tail(state[6] if len(state) > 6 else [])
        self._steady = b""
        if len(state) > 7 and state[7]:
            steady = Steady()
            steady.restore(state[7])
            self._steady = steady.numbers


def _together(lived: dict[str, Stretches]) -> tuple[list[str], Stretches]:
    """Return the stretches of all channels in order of time, of which channel each is, and the ghosts of the home."""
    if len(lived) == 1:
        for kind, one in lived.items():
            return [kind] * len(one.starts), one
    kinds: list[str] = []
    together = Stretches([], [], [], [], 0)
    for kind, one in lived.items():
        if kinds:
            kinds, together = _merged(kinds, together, kind, one)
        else:
            kinds, together = [kind] * len(one.starts), one
    return kinds, Stretches(
        together.starts, together.ends, together.leaves, lived[HOME].ghosts if HOME in lived else [], 0
    )


def _merged(kinds: list[str], together: Stretches, kind: str, one: Stretches) -> tuple[list[str], Stretches]:
    """Return stretches of which channel each is with those of one more; both begin one after the other."""
    count, more = len(kinds), len(one.starts)
    of: list[str] = []
    out = Stretches([], [], [], together.ghosts, 0)
    i = j = 0
    while i < count or j < more:
        if j == more:
            first = True
        elif i == count:
            first = False
        else:
            start, other = together.starts[i], one.starts[j]
            first = start < other or (start == other and (together.ends[i], kinds[i]) < (one.ends[j], kind))
        if first:
            of.append(kinds[i])
            out.starts.append(together.starts[i])
            out.ends.append(together.ends[i])
            out.leaves.append(together.leaves[i])
            i += 1
        else:
            of.append(kind)
            out.starts.append(one.starts[j])
            out.ends.append(one.ends[j])
            out.leaves.append(one.leaves[j])
            j += 1
    return of, out


def _touch(spans: Spans, start_ms: int, end_ms: int) -> bool:
    for a, b in spans:  # noqa: SIM110 - asked of each silence of a day, and nearly always of no span
        if a < end_ms and b > start_ms:
            return True
    return False


def _away_at(home: Stretches, at_ms: int) -> bool:
    """Tell whether the home's last episode that began before a moment had ended with a way out."""
    last = bisect_right(home.starts, at_ms) - 1
    return last >= 0 and home.leaves[last] and home.ends[last] <= at_ms


def _counted(hours: LocalHours, lived: Stretches) -> list[int]:
    """Return how many of the stretches asked for began in each local hour."""
    counts = [0] * 24
    for hour in hours.hours_at(lived.starts[lived.first :]):
        counts[hour] += 1
    return counts
