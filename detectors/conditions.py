"""What a home's devices say of the home itself: too cold, too hot, a door left open, a leak, a battery nearly empty.

A condition holds while the newest bad reading of a device is newer than its newest good one, and is told once it has held
for as long as its rule says. Only the newest readings of each device are kept, so that repeats and any order of arrival
leave the same: nothing is counted, the latest word stands.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, NamedTuple
from zlib import crc32

from detectors.contract import Law
from detectors.findings import Fact, Lasting
from detectors.hazard import NEVER_MS
from detectors.hours import DAY_MS, HOUR_MS, LocalHours
from detectors.life import is_exit
from detectors.pairs import count, items, number_of, pairs_of, with_pair, without
from detectors.thrift import LEAST
from schemas.events import Event
from schemas.incidents import IncidentKind, Severity

MOST: Final = 64
"""Devices remembered of each household."""
MOST_TIMES: Final = 32
"""Times remembered at which a device said again that a condition stands."""


class Rule(NamedTuple):
    """When a condition is told. `lasts_ms`: how long it must have held; `quiet_ms`: not again so soon after it was closed.

    `standing`: one reading holds until another comes (a door stands open); otherwise it must be read again to have lasted.
    """

    severity: Severity
    lasts_ms: int
    quiet_ms: int
    standing: bool


RULES: Final[dict[IncidentKind, Rule]] = {
    IncidentKind.COLD_ROOM: Rule(Severity.MODERATE, 6 * HOUR_MS, DAY_MS, standing=False),
    IncidentKind.HOT_ROOM: Rule(Severity.MODERATE, 4 * HOUR_MS, DAY_MS, standing=False),
    IncidentKind.DOOR_OPEN: Rule(Severity.MINOR, HOUR_MS, 6 * HOUR_MS, standing=True),
    IncidentKind.WATER_LEAK: Rule(Severity.MODERATE, 0, 6 * HOUR_MS, standing=True),
    IncidentKind.WEAK_BATTERY: Rule(Severity.MINOR, 0, 7 * DAY_MS, standing=True),
}
KINDS: Final = tuple(RULES)
COLD_PLACE: Final = KINDS.index(IncidentKind.COLD_ROOM)
HOT_PLACE: Final = KINDS.index(IncidentKind.HOT_ROOM)
DOOR_PLACE: Final = KINDS.index(IncidentKind.DOOR_OPEN)
LEAK_PLACE: Final = KINDS.index(IncidentKind.WATER_LEAK)
BATTERY_PLACE: Final = KINDS.index(IncidentKind.WEAK_BATTERY)
ORDINARY: Final = 7
"""Place of a temperature that is neither cold nor hot: one word for both, so that little is kept of an ordinary room."""
READ: Final = frozenset({"temperature", "door", "moisture", "battery"})
"""Kinds of event that a condition is read from."""
COLD: Final[tuple[float, ...]] = (12.0, 16.0)
"""°C below which a room is cold: in the warm half of the year, in the cold half. Housing should hold 18 °C in the cold season
(WHO, "Housing and health guidelines", 2018); below 16 °C illness follows. A sensor at a window reads low, so it must last."""
HOT: Final[tuple[float, ...]] = (31.0, 29.0)
"""°C above which a room is hot: in the warm half of the year, and in the cold half, where only a heater makes it so.
(Both assumed; heat above 30 °C indoors is where the deaths of old people in heat waves begin to rise.)"""
SLOT_MS: Final = HOUR_MS // 2
HYSTERESIS: Final = 1.0
"""°C back from the limit at which it is over: in between, neither is said."""
BATTERY: Final[tuple[float, ...]] = (10.0, 20.0)
"""Percent below which a battery is nearly empty, and above which it was changed."""
LONGEST_MS: Final = 15 * HOUR_MS
"""No condition must last longer than this: no more half hours of it are remembered."""
WARM_MONTHS: Final = frozenset(range(5, 10))


def _as_measured(_kind: IncidentKind) -> float:
    return 1.0


class Bad(NamedTuple):
    """Bad readings of a device, and the newest value.

    `times`, UTC milliseconds, oldest first: of a standing condition those newer than the newest good one; of others the first
    of each half hour, for 16 hours back, and the newest.
    """

    times: list[int]
    value: float


_NONE_BAD: Final[Mapping[int, Bad]] = {}
_NONE_SETTLED: Final[Mapping[IncidentKind, int]] = {}
"""Nothing is ever written into them: most homes share them."""


class Conditions:
    """The newest readings of the devices of a household, by kind of condition. Times in UTC milliseconds."""

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("_bad", "_good", "_settled")

    def __init__(self) -> None:
        self._good = b""
        """The newest good reading (`detectors.pairs`), by device and kind of condition, or by device alone for an ordinary temperature."""
        self._bad = _NONE_BAD
        self._settled = _NONE_SETTLED
        """Until when a kind that was closed is quiet."""

    def learn_one(self, event: Event, hours: LocalHours) -> bool:
        """Take one event of a kind in `READ`; tell whether what holds may have changed."""
        changed = False
        device = crc32(event.data.device.encode()) << 3
        for place, bad in _read(event, hours):
            key = device | place
            changed |= self._take_bad(key, event) if bad else self._take_good(key, event.at_ms)
        return changed

    @property
    def stands(self) -> bool:
        """Whether any bad reading is known: else nothing can be found, however much time passes."""
        return bool(self._bad)

    def _take_good(self, key: int, at_ms: int) -> bool:
        if at_ms <= number_of(self._good, key, 0):
            return False
        self._good = with_pair(self._good, key, at_ms)
        if count(self._good) > MOST:
            self._good = without(self._good, max(items(self._good))[0])
        if not self._bad:
            return False
        keys = (key & ~7 | COLD_PLACE, key & ~7 | HOT_PLACE) if key & 7 == ORDINARY else (key,)
        changed = False
        for one in keys:
            bad = self._bad.get(one)
            changed |= bad is not None and bad.times[-1] <= at_ms
            if bad is not None and RULES[KINDS[one & 7]].standing:
                times = [time for time in bad.times if time > at_ms]
                self._put_bad(one, bad._replace(times=times) if times else None)
        return changed

    def _take_bad(self, key: int, event: Event) -> bool:
        rule, at_ms = RULES[KINDS[key & 7]], event.at_ms
        known = self._bad.get(key)
        good_ms = self._good_ms(key)
        if rule.standing and at_ms <= good_ms:
            return False
        value = event.data.value or 0.0
        if known is None:
            self._put_bad(key, Bad([at_ms], value))
            return True
        newest = (known.times[-1], known.value)
        times = sorted({*known.times, at_ms})
        times = [times[0], *times[1:][-MOST_TIMES:]] if rule.standing else _thinned(times)
        self._put_bad(key, Bad(times, max(newest, (at_ms, value))[1]))
        # A row of bad readings is looked at only where it may have lasted long enough by now.
        return newest[0] <= good_ms < at_ms or times[-1] - _first_after(times, good_ms) >= rule.lasts_ms * LEAST

    def _put_bad(self, key: int, bad: Bad | None) -> None:
        known = dict(self._bad)
        if bad is None:
            del known[key]
        else:
            known[key] = bad
            _bound(known)
        self._bad = known or _NONE_BAD

    def _good_ms(self, key: int) -> int:
        good_ms = number_of(self._good, key, 0)
        if key & 7 in (COLD_PLACE, HOT_PLACE):
            good_ms = max(good_ms, number_of(self._good, key & ~7 | ORDINARY, 0))
        return good_ms

    def found(
        self, clock_ms: int, hours: LocalHours, factor: Callable[[IncidentKind], float] = _as_measured
    ) -> tuple[dict[IncidentKind, Lasting], int]:
        """Return what holds long enough at a moment, and when to look again. `factor`: how strictly a kind is judged here."""
        out: dict[IncidentKind, Lasting] = {}
        next_ms = NEVER_MS
        for key, bad in sorted(self._bad.items()):
            good_ms = self._good_ms(key)
            if bad.times[-1] <= good_ms:
                continue
            kind = KINDS[key & 7]
            rule = RULES[kind]
            # Not from the good reading on: an older bad one that is over must not make hours of a single new one.
            since_ms = _first_after(bad.times, good_ms)
            until_ms = clock_ms if rule.standing else bad.times[-1]
            lasts_ms = min(int(rule.lasts_ms * factor(kind)), LONGEST_MS)
            due_ms = max(since_ms + lasts_ms, self._settled.get(kind, 0))
            if until_ms < due_ms:
                next_ms = min(next_ms, due_ms) if rule.standing else next_ms
                continue
            known = out.get(kind)
            if known is None or since_ms < known.since_ms:
                lasts_h = round((until_ms - since_ms) / HOUR_MS, 2)
                facts: dict[str, Fact] = {"value": round(bad.value, 1), "lasts_h": lasts_h}
                if kind is not IncidentKind.WATER_LEAK:
                    facts["limit"] = _limit(kind, bad.times[-1], lasts_ms, hours)
                out[kind] = Lasting(since_ms, facts)
        return out, next_ms

    def settle(self, kind: IncidentKind, clock_ms: int) -> None:
        """Take a responder's word that it was looked after."""
        self._settled = {**self._settled, kind: clock_ms + RULES[kind].quiet_ms}

    def forget_before(self, at_ms: int) -> None:
        """Forget what was well since before a moment, older than any event that may still come."""
        for key, bad in list(self._bad.items()):
            good_ms = self._good_ms(key)
            if bad.times[-1] <= good_ms and bad.times[-1] < at_ms:
                self._put_bad(key, None)
            elif bad.times[0] <= good_ms < min(at_ms, bad.times[-1]):
                self._put_bad(key, bad._replace(times=[time for time in bad.times if time > good_ms]))
        self._good = pairs_of((key, good_ms) for key, good_ms in items(self._good) if good_ms >= at_ms)
        settled = {kind: until_ms for kind, until_ms in self._settled.items() if until_ms >= at_ms}
        self._settled = settled or _NONE_SETTLED

    def state(self) -> list[Any]:
        """Return plain numbers."""
        return [
            sorted(items(self._good)),
            [[key, one.times, one.value] for key, one in sorted(self._bad.items())],
            [[kind.value, until_ms] for kind, until_ms in sorted(self._settled.items())],
        ]

    def restore(self, state: list[Any]) -> None:
        """Take the lists of a `state()`.

        Raises:
            ValueError: no such lists, or of conditions that there are not.

        """
        self._good = pairs_of(dict(state[0]).items())
        self._bad = {key: Bad(list(times), value) for key, times, value in state[1]} or _NONE_BAD
        self._settled = {IncidentKind(kind): until_ms for kind, until_ms in state[2]} or _NONE_SETTLED
        if any(key & 7 >= len(KINDS) for key in self._bad):
            raise ValueError("no such condition")


def _limit(kind: IncidentKind, at_ms: int, lasts_ms: int, hours: LocalHours) -> float:
    """Return what a reading of that moment is held against: °C, percent, or for how many hours a door may stand open."""
    if kind in (IncidentKind.COLD_ROOM, IncidentKind.HOT_ROOM):
        return (COLD if kind is IncidentKind.COLD_ROOM else HOT)[_is_cold_half(at_ms, hours)]
    return round(lasts_ms / HOUR_MS, 2) if kind is IncidentKind.DOOR_OPEN else BATTERY[0]


def _is_cold_half(at_ms: int, hours: LocalHours) -> bool:
    return int(hours.date(at_ms)[5:7]) not in WARM_MONTHS


def _first_after(times: list[int], good_ms: int) -> int:
    """Return when the row of bad readings after the newest good one began; the newest of them where none is after it."""
    return next((time for time in times if time > good_ms), times[-1])


def _thinned(times: list[int]) -> list[int]:
    """Return the first of each half hour and the newest, of the last half hours: the same in whatever order they came."""
    firsts: dict[int, int] = {}
    for time in times:
        firsts.setdefault(time // SLOT_MS, time)
    kept = list(firsts.values())[-MOST_TIMES:]
    return kept if kept[-1] == times[-1] else [*kept, times[-1]]


def _bound(kept: dict[int, Any]) -> None:
    """Let one device go where there are too many, the same one in whatever order they came."""
    if len(kept) > MOST:
        del kept[max(kept)]


def _read(event: Event, hours: LocalHours) -> list[tuple[int, bool]]:
    """Return which conditions, by place, an event speaks of, and whether it says bad (True) or good."""
    kind, data = event.kind, event.data
    if kind == "door":
        return [(DOOR_PLACE, data.state != "off")] if is_exit(event) else []
    if kind == "moisture":
        return [(LEAK_PLACE, data.state != "off")]
    value = data.value
    if value is None:
        return []
    if kind == "battery":
        low, changed = BATTERY
        return [(BATTERY_PLACE, value < low)] if value < low or value > changed else []
    # In between nothing depends on the season: no calendar is asked for an ordinary room.
    if max(COLD) + HYSTERESIS < value < min(HOT) - HYSTERESIS:
        return [(ORDINARY, False)]
    cold_half = _is_cold_half(event.at_ms, hours)
    cold, hot = COLD[cold_half], HOT[cold_half]
    out = []
    if value < cold or value > cold + HYSTERESIS:
        out.append((COLD_PLACE, value < cold))
    if value > hot or value < hot - HYSTERESIS:
        out.append((HOT_PLACE, value > hot))
    return out
