"""What is learned of a household once a day: its hazard tables, its threshold, its longest silences, its busy hours."""

import itertools
from array import array
from sys import intern
from typing import Any, ClassVar, Final, NamedTuple

from detectors.begun import HOURS, BegunAt
from detectors.contract import Law
from detectors.episodes import Episode, Episodes
from detectors.hazard import DayRates, HazardTable
from detectors.hours import HOUR_MS, LocalHours
from detectors.life import HOME, SEEING
from detectors.longest import LONGEST_ORDINARY_H, LongestSilence
from detectors.silence import Lane, score
from detectors.threshold import Threshold
from schemas.profiles import SilenceProfile

Spans = list[tuple[int, int]]

LONGEST_MS: Final = int(LONGEST_ORDINARY_H * HOUR_MS)
SHORT_MS: Final = HOUR_MS // 2
"""A shorter silence cannot reach anybody's once-a-week score: it need not be scored."""
MOST_BEGUN: Final = 1e6
"""Episodes in an hour that no home has."""


class Day(NamedTuple):
    """A day older than the horizon, and what is known of it. Times in UTC milliseconds."""

    start_ms: int
    end_ms: int
    hours: LocalHours
    rings: dict[str, Episodes]
    proofs: dict[str, list[Episode]]
    """The confirmed episodes of each ring."""
    untrue: Spans
    """Absences and open incidents: nothing is learned from days they touch."""
    dark: dict[str, Spans]
    """When a kind of channel reported nothing."""
    watched_from_ms: int


class Rhythm:
    """Everything that changes at most once a day. `learn_one(day)`; its parts do the scoring."""

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE, Law.ANY_ORDER, Law.REPEATS})

    __slots__ = ("_hundredths", "begun", "busy", "days", "longest", "tables", "threshold")

    def __init__(self) -> None:
        self.tables: dict[str, HazardTable] = {}
        self.threshold = Threshold()
        self.longest = LongestSilence()
        self.begun = BegunAt()
        self.busy = array("d", bytes(24 * 8))
        """Episodes of activity begun in each hour of an ordinary day."""
        self._hundredths: array[int] | None = None
        """`busy` as it is shown; None where nobody has asked since it was learned."""
        self.days = 0.0
        """Days learned, faded."""

    def usual(self) -> list[float]:
        """Return the episodes begun in each hour of an ordinary day, rounded to hundredths."""
        if self._hundredths is None:
            self._hundredths = array("I", [round(100 * round(mean, 2)) for mean in self.busy])
        return [hundredths / 100 for hundredths in self._hundredths]

    def table(self, kind: str) -> HazardTable:
        """Return the table of a kind of channel."""
        if kind not in self.tables:
            self.tables[kind] = HazardTable(kind)
        return self.tables[kind]

    def forget(self, kind: str) -> None:
        """Erase what was learned through a kind of channel: its source's consent was withdrawn."""
        self.tables.pop(kind, None)

    def rates(self, kind: str, how: SilenceProfile, *, away: bool) -> DayRates:
        """Return the hazard rates of a kind of channel."""
        return self.table(kind).rates(away=away, k0_h=how.k0_h, k1_h=how.k1_h, floor_per_h=how.floor_per_h)

    def learn_one(self, day: Day, how: SilenceProfile) -> None:
        """Learn one day, unless an absence or an open incident touched it."""
        share = 0.5 ** (1.0 / how.half_life_days)
        for table in self.tables.values():
            table.fade(share)
        if _touch(day.untrue, day.start_ms, day.end_ms):
            return
        self._learn_silences(day, how)
        self._learn_tables(day)
        self._learn_hours(day, share)

    def _learn_silences(self, day: Day, how: SilenceProfile) -> None:
        """Score the day's silences over all channels, with the rates as they were before the day, and note the longest."""
        merged = sorted(
            ((e.start, e.end, kind, e.leaves) for kind, episodes in day.proofs.items() for e in episodes),
            key=lambda one: one[:3],
        )
        ghosts = day.rings[HOME].ghosts() if HOME in day.rings else []
        rates: dict[str, DayRates] = {}
        since: dict[str, int] = {}
        last, away = 0, False
        longest = {True: 0, False: 0}
        begun = [0] * HOURS
        dark = [span for spans in day.dark.values() for span in spans]
        untold = day.untrue + dark
        for start, end, kind, leaves in merged:
            told = last and start > last and day.start_ms <= start < day.end_ms and not _touch(untold, last, start)
            if told and not away:
                hour = day.hours.hour(last)
                begun[hour] = max(begun[hour], start - last)
            if told and start - last > SHORT_MS:
                longest[away] = max(longest[away], start - last)
                if not away:
                    for seen in SEEING:
                        if seen in since and seen not in rates:
                            rates[seen] = self.rates(seen, how, away=False)
                    lanes = [Lane(seen, rates[seen], since[seen]) for seen in rates if seen in since]
                    nats = sum(score(day.hours, last, start, lanes))
                    ghostly = any(last < ghost < start for ghost in ghosts)
                    self.threshold.learn_one(max(0.0, nats - (how.ghost_nats if ghostly else 0.0)), start)
            last = max(last, end)
            if kind in SEEING:
                since[kind] = end
            if kind == HOME:
                away = leaves
        self.threshold.pass_time(day.end_ms)
        whole = day.watched_from_ms <= day.start_ms and not _touch(dark, day.start_ms, day.end_ms)
        if whole:
            for was_away, span_ms in longest.items():
                self.longest.learn_one(span_ms / HOUR_MS, away=was_away)
            self.begun.learn_one([span_ms / HOUR_MS if span_ms < LONGEST_MS else 0.0 for span_ms in begun])

    def _learn_tables(self, day: Day) -> None:
        home = day.proofs.get(HOME, [])
        for kind, episodes in day.proofs.items():
            if kind not in SEEING:
                continue
            table = self.table(kind)
            dark = day.dark.get(kind, [])
            silences: list[tuple[int, int, bool]] = []
            for before, after in itertools.pairwise(episodes):
                if not day.start_ms <= after.start < day.end_ms:
                    continue
                if _touch(day.untrue + dark, before.end, after.start):
                    continue
                away = before.leaves if kind == HOME else _away_at(home, before.end)
                silences.append((before.end, after.start, away))
            table.learn_many(day.hours, silences)

    def _learn_hours(self, day: Day, share: float) -> None:
        if any(_touch(spans, day.start_ms, day.end_ms) for spans in day.dark.values()):
            return
        begun = [0] * 24
        for episodes in day.proofs.values():
            for episode in episodes:
                if day.start_ms <= episode.start < day.end_ms:
                    begun[day.hours.hour(episode.start)] += 1
        self.days = self.days * share + 1.0
        self.busy = array("d", [mean + (n - mean) / self.days for mean, n in zip(self.busy, begun, strict=True)])
        self._hundredths = None

    def state(self) -> list[Any]:
        """Return plain numbers and packed counts."""
        return [
            # A table that was only asked is none: the row would hang on who looked, and after a crash nobody had.
            [[kind, self.tables[kind].state()] for kind in sorted(self.tables) if self.tables[kind].knows],
            self.threshold.state(),
            self.longest.state(),
            self.busy.tolist(),
            self.days,
            self.begun.state(),
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`."""
        self.tables = {}
        for kind, cells in state[0]:
            self.table(intern(kind)).restore(cells)
        self.threshold.restore(state[1])
        self.longest.restore(state[2])
        self.busy, self._hundredths = array("d", list(state[3])), None
        if len(self.busy) != 24 or not all(0 <= mean < MOST_BEGUN for mean in self.busy):
            raise ValueError("no episodes by hour")  # damaged: a view could not be made of it
        self.days = state[4]
        if len(state) > 5:  # rows of a version without this clock are shorter
            self.begun.restore(state[5])


def _touch(spans: Spans, start_ms: int, end_ms: int) -> bool:
    return any(a < end_ms and b > start_ms for a, b in spans)


def _away_at(home: list[Episode], at_ms: int) -> bool:
    """Tell whether the home's last episode that began before a moment had ended with a way out."""
    away = False
    for episode in home:
        if episode.start > at_ms:
            break
        away = episode.leaves and episode.end <= at_ms
    return away
