"""Events as the engine sees them, the CloudEvents form they arrive in, and the records that travel beside them."""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas.data import Data
from schemas.event import Event
from schemas.times import Rfc3339
from schemas.vocabulary import Channel

__all__ = [
    "FUTURE_TOLERANCE_MS",
    "MAX_DEPTH",
    "MAX_MESSAGE_BYTES",
    "MAX_READINGS",
    "PSEUDONYM",
    "SOURCE",
    "TICK_KEY",
    "CloudEvent",
    "Data",
    "DeadLetter",
    "Event",
    "Fault",
    "Reason",
    "Tick",
    "TickMode",
]

TICK_KEY: Final = b"!tick"
"""The Kafka key of a tick. No household pseudonym can hold an exclamation mark."""

PSEUDONYM: Final = r"^[A-Za-z0-9_-]{1,64}$"
"""What a household pseudonym may look like; it is the Kafka key of everything about the household."""

SOURCE: Final = rf"^/({'|'.join(Channel)})/[A-Za-z0-9._-]{{1,64}}(/[A-Za-z0-9._-]{{1,64}}){{0,3}}$"
"""What a source may look like: its channel and a name of up to four parts, `/sensors/gw-1`."""

MAX_MESSAGE_BYTES: Final = 262_144
"""A larger message is a dead letter: no gateway's batch of one household needs more."""

MAX_READINGS: Final = 4096
"""An array of more is "too_large": so many events cannot fit into a message, only rubbish can."""

MAX_DEPTH: Final = 8
"""Nesting beyond this is a dead letter before any parser recurses into it."""

FUTURE_TOLERANCE_MS: Final = 300_000
"""An event further ahead of its arrival is a dead letter "future_time" and no sign of life, or it would hide a death."""


class CloudEvent(msgspec.Struct, frozen=True, gc=False):
    """A CloudEvents 1.0 event in JSON format, structured mode. `subject` is the household's pseudonym."""

    specversion: Literal["1.0"]
    type: str
    source: Annotated[str, Meta(extra_json_schema={"pattern": SOURCE})]
    id: Annotated[str, Meta(min_length=1, max_length=128)]
    time: Rfc3339
    subject: Annotated[str, Meta(extra_json_schema={"pattern": PSEUDONYM})]
    data: Data = Data()


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
    at: Rfc3339
    """Clock of the partition, RFC 3339."""
