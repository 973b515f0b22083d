"""Which households of a partition are objects, and which are asleep as the bytes of their rows.

An awake household takes many times the memory of its rows, and making it of them takes a tenth of a millisecond. So many
may be awake at once; those unused for longest fall asleep between two records. Nothing that is told or kept hangs on who
sleeps: a household wakes bit for bit as it fell asleep, as it does after a restart.
"""

from typing import TYPE_CHECKING, Final

from schemas.profiles import DEFAULT_PROFILE, Profile

if TYPE_CHECKING:
    from streams.engine.watched import Watched

ALL: Final = 1 << 62
"""Let all be awake."""


class Sleep:
    """The awake households of one partition, and what those that wake need."""

    __slots__ = ("_awake", "broken", "is_settled", "most", "profile", "slept", "woken")

    def __init__(self, most: int = ALL) -> None:
        self.most = most
        """So many may be awake once a record is done."""
        self.profile: Profile = DEFAULT_PROFILE
        """The profile in force: rows do not hold it."""
        self.broken: list[Watched] = []
        """Households whose rows turned out to be unreadable as they woke: they begin anew before anything else is done."""
        self.is_settled = True
        """Nobody has woken since the last `settle`, or nobody need fall asleep for it."""
        self.woken = 0
        self.slept = 0
        self._awake: dict[Watched, None] = {}

    def __len__(self) -> int:
        """Count those awake."""
        return len(self._awake)

    def note(self, watched: "Watched") -> None:
        """Note that a household is awake."""
        self._awake[watched] = None
        if len(self._awake) > self.most:
            self.is_settled = False

    def forget(self, watched: "Watched") -> None:
        """Note that a household is watched no more."""
        self._awake.pop(watched, None)

    def settle(self) -> None:
        """Let households fall asleep until no more than may be are awake: by turns, one used since its last turn stays."""
        self.is_settled = True
        awake = self._awake
        while len(awake) > self.most:
            watched = next(iter(awake))
            del awake[watched]
            if watched.used:
                watched.used = False
                awake[watched] = None
            else:
                watched.fall_asleep()
                self.slept += 1
