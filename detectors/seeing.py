"""Whether Anbu can see at all: which sources report, since when they are dark, and what they saw before."""

from itertools import pairwise
from sys import intern
from typing import Any, ClassVar, Final

from detectors.contract import Law
from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS, HOUR_MS
from detectors.life import HOME, SEEING, channel_of
from detectors.silence import ALWAYS, Sight, Spans
from detectors.source import Source
from schemas.profiles import Profile

MOST_SOURCES: Final = 32
FORGOTTEN_MS: Final = 30 * DAY_MS


class Seeing:
    """The sources of a household that see it live; check-in calls are not among them.

    `learn_one(source, at)` takes a report; `score_one(clock)` is the share of sources that are healthy, None without any.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset()

    __slots__ = ("all", "base_h")

    def __init__(self, base_ms: int) -> None:
        self.base_h = base_ms // HOUR_MS
        self.all: tuple[Source, ...] = ()
        """The sources, in the order in which they came: a dict of two takes four times as much."""

    @property
    def sources(self) -> dict[str, Source]:
        """The sources by name; made anew for whoever asks."""
        return {source.name: source for source in self.all}

    def in_order(self) -> list[Source]:
        """Return the sources by name."""
        found = list(self.all)
        for i in range(1, len(found)):
            if found[i].name < found[i - 1].name:
                return self._by_name()
        return found

    def find(self, name: str) -> Source | None:
        """Return a source that is known."""
        for source in self.all:
            if source.name == name:
                return source
        return None

    def forget(self, name: str) -> Source | None:
        """Forget a source, and return it if it was known."""
        known = self.find(name)
        self.all = tuple([source for source in self.all if source is not known])
        return known

    def meet(self, name: str, at_ms: int) -> Source | None:
        """Return a source, new if need be; None for a source of calls."""
        kind = channel_of(name)
        if kind not in SEEING:
            return None
        source = self.find(name)
        if source is None:
            source = Source(kind, at_ms, intern(name))
            self.all = (*self.all, source)
            if len(self.all) > MOST_SOURCES:
                self._drop_one(source)
        return source

    def learn_one(self, source: Source, at_ms: int, *, off: bool = False, until_ms: int = 0) -> bool:
        """Take one report of a source that was met, and tell whether it changed anything."""
        return source.learn_one(at_ms, self.base_h, off=off, until_ms=until_ms)

    def score_one(self, clock_ms: int, profile: Profile) -> float | None:
        """Return the share of sources that are healthy at a moment; None when there is none to see with."""
        if not self.all:
            return None
        return sum(s.dark_at(profile) > clock_ms for s in self.all) / len(self.all)

    def blind_at(self, profile: Profile) -> int:
        """Return when the last source goes dark if nothing further comes; never for a household of calls alone."""
        blind_ms = 0
        for source in self.all:
            dark_ms = source.dark_at(profile)
            blind_ms = max(blind_ms, dark_ms)
        return blind_ms if self.all else NEVER_MS

    def look(self, profile: Profile, clock_ms: int) -> tuple[int, int, int]:
        """Note which sources do not see now, so that their next report is looked at.

        Return when the next goes dark if nothing further comes, when the next of those that do not see already does, and when the
        last one does: `blind_at`.
        """
        next_ms = unseen_ms = NEVER_MS
        blind_ms = 0
        for source in self.all:
            dark_ms = source.dark_at(profile)
            source.dark = source.is_off or source.overdue_at(profile, dark_ms) <= clock_ms
            if dark_ms > blind_ms:  # noqa: PLR1730 - each call would cost more than the rest
                blind_ms = dark_ms
            if clock_ms < dark_ms < next_ms:
                next_ms = dark_ms
            if source.dark and clock_ms < dark_ms < unseen_ms:
                unseen_ms = dark_ms
        return next_ms, unseen_ms, blind_ms if self.all else NEVER_MS

    def goes_on(self, profile: Profile, clock_ms: int) -> int:
        """Return when the next goes dark if nothing further comes; 0 where a `look` would not note what the last one did.

        What does not see already is left out: its next report asks for a look, and when it goes dark the last one has said.
        """
        next_ms = NEVER_MS
        for source in self.all:
            if source.dark:
                continue
            dark_ms = source.dark_at(profile)
            if source.overdue_at(profile, dark_ms) <= clock_ms:
                return 0
            if dark_ms < next_ms:  # noqa: PLR1730 - each call would cost more than the rest
                next_ms = dark_ms
        return next_ms

    @property
    def has_batches(self) -> bool:
        """Tell whether one that sees reports in batches: what it says of now comes later."""
        return any(source.until_ms and not source.dark for source in self.all)

    def is_whole(self, profile: Profile) -> bool:
        """Tell whether there is no hole in the reports of what sees: what it says, but for batches, is that it always saw."""
        return not any(not source.dark and source.has_hole(self.base_h, profile) for source in self.all)

    def kinds(self) -> list[str]:
        """Return the kinds of channel there are, in a fixed order."""
        have = {source.kind for source in self.all}
        return [kind for kind in SEEING if kind in have]

    def carried(self, profile: Profile, clock_ms: int) -> bool:
        """Tell whether a phone or a worn device reports: what the person carries sees them away from home."""
        return any(
            source.kind != HOME and not source.is_off and source.dark_at(profile) > clock_ms for source in self.all
        )

    def sight(
        self,
        kind: str,
        profile: Profile,
        clock_ms: int,
        *,
        reports_continue: bool = False,
        but_dark: bool = False,
    ) -> tuple[Sight, ...]:
        """Return the share of the sources of a kind that see, over time, at least one entry.

        `reports_continue` supposes that every source reports from now on; `but_dark`: of those that the last look found to see.
        """
        return _overlaid(
            [
                source.unseen(
                    self.base_h,
                    profile,
                    clock_ms,
                    reports_continue=reports_continue and not (but_dark and source.dark),
                )
                for source in self.all
                if source.kind == kind
            ]
        )

    def dark_spans(self, kind: str, end_ms: int, profile: Profile) -> Spans:
        """Return when no source of a kind saw anything before a moment, as far back as hours are kept.

        Later reports change nothing: whichever of them have arrived, the same is learned of the time before.
        """
        sources = [source for source in self.all if source.kind == kind]
        sight = _overlaid([source.unseen_before(self.base_h, end_ms, profile) for source in sources])
        return [
            (one.from_ms, after.from_ms) for one, after in pairwise([*sight, Sight(NEVER_MS, 1.0)]) if one.share <= 0.0
        ]

    def learn_before(self, end_ms: int, profile: Profile) -> None:
        """Learn the longest gap of each source in hours older than `end_ms`, and forget those hours."""
        end_h = end_ms // HOUR_MS
        for source in self.all:
            source.learn_before(self.base_h, end_h, profile)
        self.base_h = max(self.base_h, end_h)
        kept = tuple([s for s in self.all if s.enrolled or end_ms - s.reported_ms <= FORGOTTEN_MS])
        if kept:  # the last ones are kept: they are why the household is blind
            self.all = kept

    def _drop_one(self, but: Source) -> None:
        """Forget the source that was silent longest: an endless list of names must not fill the state."""
        others = [source for source in self.all if source is not but]
        dropped = min(others, key=lambda source: (source.enrolled, source.reported_ms, source.name))
        self.all = tuple([source for source in self.all if source is not dropped])

    def state(self) -> list[Any]:
        """Return plain numbers and names, sorted by name."""
        return [self.base_h, [[source.name, *source.state()] for source in self._by_name()]]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`.

        Raises:
            ValueError: a source is of a kind that sees nobody live.

        """
        self.base_h = state[0]
        by_name: dict[str, Source] = {}
        for name, *numbers in state[1]:
            if channel_of(name) not in SEEING:
                raise ValueError("no source that sees")
            source = by_name[name] = Source(channel_of(name), 0, intern(name))
            source.restore(numbers)
        self.all = tuple(by_name.values())

    def gaps_state(self) -> list[Any]:
        """Return what was learned of each source: its longest gap, hours."""
        return [[source.name, source.longest_h] for source in self._by_name()]

    def restore_gaps(self, state: list[Any]) -> None:
        """Take the numbers of a `gaps_state()`."""
        for name, longest_h in state:
            source = self.find(name)
            if source is not None:
                source.longest_h = longest_h

    def _by_name(self) -> list[Source]:
        return sorted(self.all, key=lambda source: source.name)


def _overlaid(unseen: list[Spans]) -> tuple[Sight, ...]:
    """Return the share of the sources that see, of what each of them did not see."""
    if unseen and not any(unseen):
        return ALWAYS
    moments = {0, *(moment for spans in unseen for span in spans for moment in span if moment < NEVER_MS)}
    out: list[Sight] = []
    for at_ms in sorted(moments):
        blind = sum(any(a <= at_ms < b for a, b in spans) for spans in unseen)
        share = 1.0 - blind / len(unseen) if unseen else 0.0
        if not out or share != out[-1].share:
            out.append(Sight(at_ms, share))
    return tuple(out)
