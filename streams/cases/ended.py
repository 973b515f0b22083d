"""What of a household has ended: remembered for a while, so that a repeat opens nothing and a reader is told of each end once. Pure."""

from typing import Any, Final, NamedTuple

from detectors.hazard import NEVER_MS
from schemas.incidents import EMERGENCIES, IncidentKind

_DAY_MS: Final = 86_400_000
SHOWN_MS: Final = 7 * _DAY_MS
"""How long an ended incident stays on `incidents.open`; its tombstone comes after that."""
KNOWN_MS: Final = 30 * _DAY_MS
"""How long an ended emergency is known: as long as its event lies in the log, a repeat of it opens nothing."""
MOST_ENDED: Final = 256


class Ended(NamedTuple):
    """An incident that is closed or withdrawn, remembered for a while."""

    id: str
    kind: IncidentKind
    raised_ms: int
    ended_ms: int
    into: str = ""
    """The incident into which it was merged."""


class Ends:
    """The ended incidents of one household, in the order of their ends."""

    __slots__ = ("_all", "_forgotten", "buried")

    def __init__(self) -> None:
        self._all: tuple[Ended, ...] = ()
        self.buried = 0
        """So many of them, the first, have had their tombstone."""
        self._forgotten: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count those that are remembered."""
        return len(self._all)

    def all(self) -> list[Ended]:
        """Return all that are remembered."""
        return list(self._all)

    def of(self, name: str) -> Ended | None:
        """Return the end of an incident that ended a while ago; None for any other."""
        return next((one for one in self._all if one.id == name), None)

    def last_of(self, ended: Ended) -> str:
        """Return the incident in which one goes on that was merged, over however many merges; empty where it just ended."""
        for _ in range(MOST_ENDED):
            after = self.of(ended.into)
            if after is None:
                break
            ended = after
        return ended.into

    def add(self, ended: Ended) -> None:
        """Remember an end; the oldest makes room."""
        self._all = (*self._all, ended)
        if len(self._all) > MOST_ENDED:
            oldest, *rest = self._all
            self._all = tuple(rest)
            if self.buried:
                self.buried -= 1
            else:
                self._forgotten = (*self._forgotten, oldest.id)

    def forgotten(self) -> list[str]:
        """Return, once, the ids of those that had to make room: their tombstones are due now."""
        gone, self._forgotten = self._forgotten, ()
        return list(gone)

    def wake(self, clock_ms: int) -> list[str]:
        """Let time pass; return the ids whose tombstones are due."""
        due = [one for one in self._all[self.buried :] if one.ended_ms + SHOWN_MS <= clock_ms]
        buried = tuple(
            [
                one
                for one in self._all[: self.buried + len(due)]
                if one.kind in EMERGENCIES and one.ended_ms + KNOWN_MS > clock_ms
            ]
        )
        self._all = buried + self._all[self.buried + len(due) :]
        self.buried = len(buried)
        return [one.id for one in due]

    @property
    def wake_ms(self) -> int:
        """When the next is to be forgotten; far away where there is none."""
        due = [one.ended_ms + SHOWN_MS for one in self._all[self.buried : self.buried + 1]]
        due += [one.ended_ms + KNOWN_MS for one in self._all[: min(self.buried, 1)]]
        return min(due, default=NEVER_MS)

    def bury(self) -> list[str]:
        """Return the ids of all that had no tombstone yet: the household is no longer watched."""
        return [*self.forgotten(), *(one.id for one in self._all[self.buried :])]

    def state(self) -> list[Any]:
        """Return plain data."""
        return [list(one) for one in self._all]

    @classmethod
    def from_state(cls, state: list[Any], buried: int) -> "Ends":
        """Return the ends of a `state()`.

        Raises:
            ValueError, TypeError: not such a state.

        """
        ends = cls()
        ends._all = tuple([Ended(name, IncidentKind(kind), raised, *rest) for name, kind, raised, *rest in state])
        ends.buried = buried
        return ends
