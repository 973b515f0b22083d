"""Events as the engine sees them, the CloudEvents form they arrive in, and the records that travel beside them."""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from schemas.vocabulary import CareTopic, DisasterAnswer, Distress, Level

TICK_KEY: Final = b"!tick"
"""The Kafka key of a tick. No household pseudonym can hold an exclamation mark."""

PSEUDONYM: Final = r"^[A-Za-z0-9_-]{1,64}$"
"""What a household pseudonym may look like; it is the Kafka key of everything about the household."""

MAX_MESSAGE_BYTES: Final = 262_144
"""A larger message is a dead letter: no gateway's batch of one household needs more."""

MAX_DEPTH: Final = 8
"""Nesting beyond this is a dead letter before any parser recurses into it."""

FUTURE_TOLERANCE_MS: Final = 300_000
"""An event further ahead of its arrival is a dead letter "future_time" and no sign of life, or it would hide a death."""


class Data(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`data` of a CloudEvent. Which fields must be there is the kind's `Form`; unknown fields are ignored."""

    device: str = ""
    state: Literal["on", "off"] | None = None
    value: float | None = None
    count: int | None = None
    over_s: float | None = None
    exit: bool = False
    until: str | None = None
    request: str | None = None
    purpose: Literal["wellbeing", "follow_up", "medication", "disaster"] | None = None
    topics: dict[CareTopic, Level] | None = None
    resolved: list[CareTopic] | None = None
    disaster: DisasterAnswer | None = None
    guidance_given: bool | None = None
    codes: list[Distress] | None = None
    duration_s: float | None = None


class CloudEvent(msgspec.Struct, frozen=True, gc=False):
    """A CloudEvents 1.0 event in JSON format, structured mode. `subject` is the household's pseudonym."""

    specversion: Literal["1.0"]
    type: str
    source: str
    id: str
    time: str
    subject: str
    data: Data = Data()


class Event(msgspec.Struct, frozen=True, gc=False):
    """A decoded, checked event of one household. `at_ms` is when it happened, UTC milliseconds since 1970."""

    household: str
    kind: str
    source: str
    id: str
    at_ms: int
    data: Data = Data()
    until_ms: int = 0
    """For `complete_until` only: the moment up to which the source has reported."""

    @property
    def channel(self) -> str:
        """First segment of the source: sensors, phone, worn, calls or robot."""
        return self.source[1 : self.source.index("/", 1)]

    @property
    def is_on(self) -> bool:
        """False only for an explicit `state: "off"`."""
        return self.data.state != "off"


class TickMode(StrEnum):
    """Whether a tick was written as its moment passed, or for a recording."""

    LIVE = "live"
    SIMULATED = "simulated"


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The clock in the log: everything written to this partition before it was sent before `tick`, UTC milliseconds."""

    tick: int
    mode: TickMode = TickMode.LIVE


class Reason(StrEnum):
    """Why a record became a dead letter: a closed set."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    LONE_SURROGATE = "lone_surrogate"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    NON_FINITE = "non_finite"
    BAD_TIME = "bad_time"
    IMPOSSIBLE_TIME = "impossible_time"
    FUTURE_TIME = "future_time"
    WRONG_KEY = "wrong_key"
    UNKNOWN_TYPE = "unknown_type"
    NO_HOUSEHOLD = "no_household"


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Why one reading could not be used; `index` is its place in an array, 0 for a single event."""

    reason: Reason
    index: int = 0
    detail: str = ""
    """Field name or type involved. Never a value: values may be personal."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a refused record: where it lies, why, and how it begins, masked. Kept 7 days."""

    topic: str
    partition: int
    offset: int
    index: int
    reason: Reason
    detail: str = ""
    length: int
    sha256: str
    head: str
    """First 64 bytes with every letter as `a` and every digit as `9`."""
    count: int = 1
    """More than 1 in a summary: this many of one reason, in `offset`..`last_offset`, when a source floods."""
    last_offset: int | None = None
    at: str
    """Clock of the partition, RFC 3339."""
