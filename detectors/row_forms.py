"""What the two rows of a household may hold, part by part: types, ranges and lengths, read by msgspec in one pass.

A row is bytes that somebody wrote. One whose checksum is right may still say what no household ever was: a version with a
mistake wrote it. Found here it costs its home the model; found later it stops the judging of a whole partition.
Elements that rows of former versions do not have are optional, and what a later version added is passed over.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from detectors.calls import MOST as MOST_CALLS
from detectors.calls import PARTS_OF_DAY
from detectors.chronic import HABITS
from detectors.devices import WINDOW
from detectors.episodes import MOST as MOST_EPISODES
from detectors.hazard import NEVER_MS
from detectors.hours import FARTHEST_MS
from detectors.medication import MOST as MOST_DOSES
from detectors.outcomes import MOST_WAITING
from detectors.source import MOST_HOURS
from detectors.words import LEVELS, TOPICS
from schemas.incidents import IncidentKind, Severity
from schemas.views import Slow

_EARLIEST_MS: Final = -(1 << 45)
_MOST: Final = 1e15

Moment = Annotated[int, Meta(ge=_EARLIEST_MS, le=FARTHEST_MS)]
"""UTC milliseconds; 0 means never."""
Ever = Annotated[int, Meta(ge=_EARLIEST_MS, le=NEVER_MS)]
"""The same, or a moment that never comes."""
Number = Annotated[float, Meta(ge=-_MOST, le=_MOST)]
"""No number without end, and none that is not one: a deadline reckoned with it would never come, and nobody would know."""
Amount = Annotated[float, Meta(ge=0, le=_MOST)]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]
_Hour = Annotated[int, Meta(ge=_EARLIEST_MS // 3_600_000, le=FARTHEST_MS // 3_600_000)]
_Day = Annotated[int, Meta(ge=_EARLIEST_MS // 86_400_000, le=FARTHEST_MS // 86_400_000)]
_Marks = Annotated[bytes, Meta(max_length=MOST_HOURS // 8)]
_Grave = Annotated[int, Meta(ge=0, le=len(Severity) - 1)]
_Id = Annotated[int, Meta(ge=0)]
_Kind = Literal["home", "phone", "worn"]
_Faded = tuple[Amount, Number, Amount]


class _Part(msgspec.Struct, array_like=True, gc=False):
    """Elements in their order; more of them are passed over."""


class _Ring(_Part):
    first: Moment
    apart: bytes
    kinds: Annotated[bytes, Meta(max_length=MOST_EPISODES)]
    others: list[Annotated[int, Meta(ge=0, le=FARTHEST_MS)]]


class _Source(_Part):
    name: str
    first_ms: Moment
    seen_ms: Moment
    on_ms: Moment
    until_ms: Moment
    off_ms: Moment
    cadence_ms: Annotated[int, Meta(ge=0, le=FARTHEST_MS)]
    enrolled: bool
    hours: _Marks
    until_hours: _Marks
    before_h: _Hour
    dark: bool


class _Alarm(_Part):
    life_ms: Moment
    since_ms: Moment
    deadline_ms: Ever
    raised_ms: Moment
    severity: _Grave
    shares: list[tuple[str, Number]]
    away: bool
    cleared_ms: Moment
    likely: bool = False


_Call = tuple[Moment, str, _Id, _Id]
_Calls = tuple[
    Annotated[list[_Call], Meta(max_length=MOST_CALLS)], Annotated[list[_Call], Meta(max_length=MOST_CALLS)], Moment
]
_Doses = tuple[
    Annotated[list[tuple[Moment, str, _Id]], Meta(max_length=MOST_DOSES)], tuple[Count, Moment, Moment], Moment
]
_Spans = list[tuple[Ever, Ever]]
_Conditions = tuple[
    list[tuple[_Id, Moment]],
    list[tuple[_Id, Annotated[list[Moment], Meta(min_length=1)], Number]],
    list[tuple[IncidentKind, Moment]],
]
_Meals = tuple[
    list[tuple[_Day, Annotated[int, Meta(ge=0, le=7)]]],
    Annotated[list[Amount], Meta(min_length=6, max_length=6)],
    tuple[Count, Moment, Number],
    Moment,
    tuple[Moment, Count, Count] | None,
]
_Devices = tuple[Moment, list[tuple[_Id, _Day, Annotated[int, Meta(ge=0, lt=1 << WINDOW)]]]]


class _Thrift(_Part):
    at_ms: Moment
    steps: list[tuple[IncidentKind, Amount]]
    closed: list[tuple[IncidentKind, Amount, Amount]] = []


class _Alerted(_Part):
    factor: Amount
    dark_until_ms: Ever
    followed_ms: Moment = 0


class _Home(_Part):
    meals: _Meals
    devices: _Devices
    thrift: _Thrift
    quiet_offline_ms: Moment
    unseen: tuple[Moment, Moment] = (0, 0)


class Hot(_Part):
    """The row that changes with every event."""

    form: int
    pseudonym: str
    start_ms: Moment
    clock_ms: Moment
    wake_ms: Ever
    rings: list[tuple[Literal["home", "phone", "worn", "calls"], _Ring]]
    seeing: tuple[_Hour, list[_Source]]
    calls: _Calls
    doses: _Doses
    paused: _Spans
    untrue: _Spans
    since: tuple[Moment, Moment, Moment]
    silence: _Alarm | None
    past: _Alarm | None
    told: list[tuple[IncidentKind, Moment, _Grave, Moment]]
    asks: list[Moment]
    alerted: _Alerted | None = None
    words: bytes = b""
    shown: int = 0
    conditions: _Conditions = ([], [], [])
    waiting: Annotated[list[tuple[Moment, Literal[0, 1, 2]]], Meta(max_length=MOST_WAITING)] = []
    home: _Home | None = None


class _Concern(_Part):
    topic: Annotated[int, Meta(ge=0, lt=len(TOPICS))]
    level: Annotated[int, Meta(ge=0, lt=len(LEVELS))]
    since_ms: Moment
    told_ms: Moment
    resolved_ms: Moment
    by_call: Count = 0
    by_robot: Count = 0


class _Mood(_Part):
    at_ms: Moment
    level: Annotated[int, Meta(ge=0, lt=len(LEVELS))]
    by_robot: Annotated[int, Meta(ge=0, le=1)] = 0


class _Weeks(_Part):
    days: bytes
    weeks: bytes
    months: bytes
    concerns: list[_Concern]
    referrals: list[tuple[Moment, str, Number | None, Number | None]]
    moods: list[_Mood] = []


class _Rhythm(_Part):
    tables: list[tuple[_Kind, tuple[bytes, bytes]]]
    threshold: tuple[Amount, Amount, Amount, Moment]
    longest: tuple[_Faded, _Faded]
    busy: Annotated[list[Amount], Meta(min_length=24, max_length=24)]
    days: Amount
    begun: Annotated[list[bytes], Meta(max_length=1)] = []
    tail: Annotated[list[Amount], Meta(max_length=3)] = []
    steady: Annotated[list[Amount], Meta(max_length=4)] = []


_Place = Annotated[int, Meta(ge=0, lt=len(HABITS))]


class Slowly(_Part):
    """The row that changes once a day."""

    form: int
    version: Count
    learned_ms: Moment
    next_learning_ms: Moment
    rhythm: _Rhythm
    rates: Annotated[list[_Faded], Meta(min_length=PARTS_OF_DAY, max_length=PARTS_OF_DAY)]
    gaps: list[tuple[str, Annotated[float, Meta(ge=0, le=1e6)]]]
    weeks: _Weeks | None = None
    chronic: tuple[list[tuple[_Place, bytes]], list[tuple[IncidentKind, Moment]]] | None = None
    delay: tuple[Number, _Faded, _Faded, Slow] | None = None
    outcomes: tuple[tuple[Amount, Amount], tuple[Amount, list[tuple[_Id, Amount]]]] | None = None


_HOT: Final[Any] = msgspec.msgpack.Decoder(Hot).decode
_SLOW: Final[Any] = msgspec.msgpack.Decoder(Slowly).decode


def check(hot: bytes, slow: bytes) -> None:
    """Check the two rows of a household.

    Raises:
        msgspec.DecodeError: a part of one is of another type, or beyond its range or length.

    """
    _HOT(hot)
    _SLOW(slow)
