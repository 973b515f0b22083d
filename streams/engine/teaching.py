"""Lessons of a partition's homes leave for the shared model: in the record that ends a full five minutes. Pure.

Which leave is found in the homes' own state and in what those that are gone left behind, so a partition that goes on from an
earlier position says the same again; readers know a record by its partition and five minutes.
"""

from schemas.district import Lesson
from streams.cases.lessons import KNOWN_MS, Leaving, by_mark
from streams.engine.roster import Roster
from streams.engine.watched import Watched


class Teaching:
    """What a partition has to teach."""

    def __init__(self, roster: Roster, gone: list[Leaving]) -> None:
        self._roster = roster
        self.gone = gone
        """Lessons of homes that are watched no more; the position row holds them."""
        self._names = {one.name for one in roster if one.leaving or one.open_count}

    def note(self, watched: Watched) -> None:
        """Note that a home may have something to teach."""
        self._names.add(watched.name)

    def leave_behind(self, watched: Watched) -> None:
        """Take the lessons of a home whose watching ends: they name nobody, and death is the gravest of them."""
        self.gone += watched.leaving

    def pass_time(self, since_ms: int, clock_ms: int) -> dict[int, list[Lesson]]:
        """Return what leaves as the clock moves from one moment to another, by the full five minutes at which it does."""
        self.gone[:] = [one for one in self.gone if one.at_ms + KNOWN_MS > clock_ms]
        leaving = [*self.gone, *self._of_homes()]
        return {
            at_ms: [Lesson(x=one.x, y=one.y) for one in those]
            for at_ms, those in by_mark(leaving).items()
            if since_ms < at_ms <= clock_ms
        }

    def _of_homes(self) -> list[Leaving]:
        out: list[Leaving] = []
        for name in sorted(self._names):
            watched = self._roster.get(name)
            leaving = [] if watched is None else watched.leaving
            if watched is None or not (leaving or watched.open_count):
                self._names.discard(name)
            out += leaving
        return out
