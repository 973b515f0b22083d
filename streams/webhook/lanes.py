"""What waits for a receiver: in order for each household, none held up by another's, nothing let go before it is taken. Pure.

A household is a lane. The first of a lane is tried; where the receiver refuses it or fails over it, the lane waits and
the others go on. Where it fails over several lanes in a row, or cannot be reached at all, everything waits, and one of
them is tried again from time to time. What is grave goes first.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.backoff import Backoff
from streams.tail import Place

AT_MOST: Final = 1_000
"""Deliveries that wait; beyond them nothing more is read, and the log keeps the rest."""
ALL_FAIL: Final = 3
"""Lanes in a row over which a receiver fails before it counts as away."""
FIRST_S: Final = 1.0
MOST_S: Final = 60.0
"""Longest wait between two tries of one that fails, where others are taken."""
AWAY_S: Final = 15.0
"""Longest wait between two tries of a receiver that takes nothing: so late may an emergency be once it is back."""


class Delivery(NamedTuple):
    """One revision on its way: its place in the log, its id, and whose it is."""

    place: Place
    offset: int
    id: str
    household: str
    body: bytes
    appended_ms: int
    is_grave: bool = False
    """Goes before what others wait for."""


@dataclass(slots=True)
class _Lane:
    backoff: Backoff
    waiting: deque[Delivery] = field(default_factory=deque)
    not_before_s: float = 0.0
    grave: int = 0
    """So many of it are grave."""
    refusals: int = 0
    """How often the first of it was refused,"""
    refused_after: int = 0
    """and how much the receiver had taken when it was for the first time."""


class Lanes:
    """`add` what is read, try what `next` gives, and say how it went; `committable` is what may be told to the broker.

    Seconds are on a clock that never steps back; `draw` is a source of numbers in 0..1.
    """

    def __init__(self, draw: Callable[[], float], *, at_most: int = AT_MOST) -> None:
        self._draw = draw
        self._at_most = at_most
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._pending: dict[Place, dict[int, Delivery]] = {}
        self._next: dict[Place, int] = {}
        self._waiting = 0
        self._all = Backoff(draw, first_s=FIRST_S, most_s=AWAY_S)
        self._in_a_row: set[str] = set()
        self._not_before_s = 0.0
        self._taken = 0

    def __len__(self) -> int:
        """Count the deliveries that wait."""
        return self._waiting

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read."""
        return self._waiting >= self._at_most

    @property
    def is_away(self) -> bool:
        """Whether the receiver takes nothing."""
        return self._all.failures > 0

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest of what waits was appended to the log, UTC milliseconds."""
        firsts = [next(iter(pending.values())) for pending in self._pending.values() if pending]
        return min((one.appended_ms for one in firsts), default=None)

    def holds(self, place: Place) -> bool:
        """Whether anything of a place waits."""
        return bool(self._pending.get(place))

    def begin(self, place: Place, offset: int) -> None:
        """Note where reading of a place begins."""
        self._next[place] = offset

    def pass_over(self, place: Place, offset: int) -> None:
        """Note a record of which nothing is to be delivered."""
        self._next[place] = max(offset + 1, self._next.get(place, 0))

    def add(self, delivery: Delivery) -> None:
        """Note a record that is to be delivered."""
        self.pass_over(delivery.place, delivery.offset)
        self._pending.setdefault(delivery.place, {})[delivery.offset] = delivery
        lane = self._lanes.get(delivery.household)
        if lane is None:
            lane = self._lanes[delivery.household] = _Lane(Backoff(self._draw, first_s=FIRST_S, most_s=MOST_S))
        lane.waiting.append(delivery)
        lane.grave += delivery.is_grave
        self._waiting += 1

    def next(self, now_s: float) -> Delivery | None:
        """Return what is to be tried now, lanes in which something grave waits first; None where nothing is due."""
        if now_s < self._not_before_s:
            return None
        found = None
        for lane in self._lanes.values():
            if now_s >= lane.not_before_s:
                if lane.grave:
                    return lane.waiting[0]
                found = found or lane
        return None if found is None else found.waiting[0]

    def due_s(self) -> float | None:
        """Return when the next try is due; None where nothing waits."""
        if not self._lanes:
            return None
        return max(self._not_before_s, min(lane.not_before_s for lane in self._lanes.values()))

    def taken(self, delivery: Delivery) -> None:
        """Note that the receiver has it."""
        self._taken += 1
        self._all.succeed()
        self._in_a_row.clear()
        self._not_before_s = 0.0
        self._let_go(delivery)

    def put_aside(self, delivery: Delivery) -> None:
        """Give it up: the receiver answers, and will not take it."""
        self._all.succeed()
        self._in_a_row.clear()
        self._let_go(delivery)

    def refused(self, delivery: Delivery, now_s: float) -> int:
        """Note that the receiver would not take this one; return how often by now, 0 while it takes nothing else. Its lane waits.

        A receiver with a wrong secret or path refuses each delivery with the same words as one that it cannot use. Were they
        counted before it has taken another, it would lose every emergency within a quarter of a minute.
        """
        lane = self._wait(delivery, now_s, 0.0)
        if not lane.refusals:
            lane.refused_after = self._taken
        lane.refusals += 1
        self._row(delivery, now_s)
        return lane.refusals if self._taken > lane.refused_after else 0

    def failed(self, delivery: Delivery, now_s: float, *, at_all: bool = False, after_s: float = 0.0) -> None:
        """Note that the receiver failed over it, or could not be reached `at_all`; it asks for `after_s` of rest."""
        self._wait(delivery, now_s, after_s)
        self._row(delivery, now_s, at_all=at_all, after_s=after_s)

    def _row(self, delivery: Delivery, now_s: float, *, at_all: bool = False, after_s: float = 0.0) -> None:
        self._in_a_row.add(delivery.household)
        if at_all or after_s or len(self._in_a_row) >= ALL_FAIL:
            self._not_before_s = now_s + max(after_s, self._all.fail())

    def committable(self) -> dict[Place, int]:
        """Offset of each place before which everything has been taken, put aside or passed over."""
        return {
            place: min(self._pending[place]) if self._pending.get(place) else offset
            for place, offset in self._next.items()
        }

    def _wait(self, delivery: Delivery, now_s: float, after_s: float) -> _Lane:
        lane = self._lanes[delivery.household]
        lane.not_before_s = now_s + max(after_s, lane.backoff.fail())
        self._lanes.move_to_end(delivery.household)
        return lane

    def _let_go(self, delivery: Delivery) -> None:
        lane = self._lanes[delivery.household]
        lane.waiting.popleft()
        lane.grave -= delivery.is_grave
        lane.backoff.succeed()
        lane.not_before_s, lane.refusals = 0.0, 0
        del self._pending[delivery.place][delivery.offset]
        self._waiting -= 1
        if lane.waiting:
            self._lanes.move_to_end(delivery.household)
        else:
            del self._lanes[delivery.household]
