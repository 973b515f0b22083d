"""How many incidents each post was given in its shift, in one partition: what is beyond the cap is asked by machine first. Pure.

A cap is shared by the partitions in equal parts, for none of them knows of the others, and a part is at least 1. Only what
was given before the clock's last move counts: so it makes no difference in which order one moment's incidents are applied,
nor which household's state was kept a moment later than another's. What a home was given counts for its shift also when
the home has left.
"""

from collections import Counter
from typing import Final

from schemas.duty import Desk, Duty
from streams.cases.duty import Shift, shift_at
from streams.cases.given import Given
from streams.engine.roster import Roster
from streams.engine.watched import Watched

OLD_MS: Final = 4 * 86_400_000
"""Shifts that began longer ago are over everywhere."""


class Loads:
    """What was given in one partition. All of it stands in the households' own state; this finds it again."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._names = {*(watched.name for watched in roster if watched.given), *roster.formers()}

    def is_full(self, desk: Desk, shift: Shift, clock_ms: int) -> bool:
        """Tell whether a post has its share of the shift's cap."""
        if not desk.cap_per_shift:
            return False
        share = max(1, -(-desk.cap_per_shift // self._roster.partitions))
        return self._count(shift, clock_ms) >= share

    def note(self, watched: Watched, shift: Shift, clock_ms: int) -> None:
        """Note that an incident was given. Exercises are nobody's load."""
        if watched.counts:
            watched.ledger.note_given(clock_ms, shift.start_ms, shift.owner)
            self._names.add(watched.name)

    def now(self, duty: Duty, clock_ms: int) -> dict[str, tuple[int, int]]:
        """Return what each post on duty that has a cap was given here in its shift, and the whole cap of that shift."""
        out: dict[str, tuple[int, int]] = {}
        counts = Counter(
            (shift_ms, owner)
            for name in self._names
            for at_ms, shift_ms, owner in self._given_of(name)
            if at_ms <= clock_ms
        )
        for desk in duty.desks:
            if desk.cap_per_shift:
                shift = shift_at(duty, desk, clock_ms)
                cap = max(desk.cap_per_shift, out.get(shift.owner, (0, 0))[1])
                out[shift.owner] = (counts[shift.start_ms, shift.owner], cap)
        return out

    def _count(self, shift: Shift, clock_ms: int) -> int:
        found = 0
        for name in list(self._names):
            given = self._given_of(name)
            if not any(shift_ms > shift.start_ms - OLD_MS for _, shift_ms, _ in given):
                self._names.discard(name)
            found += sum(
                (shift_ms, owner) == (shift.start_ms, shift.owner) and at_ms < clock_ms
                for at_ms, shift_ms, owner in given
            )
        return found

    def _given_of(self, name: str) -> list[Given]:
        watched = self._roster.get(name)
        return self._roster.given_of_former(name) if watched is None else watched.given
