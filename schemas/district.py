"""What crosses partitions: counts of one partition, and what all partitions together know of a district."""

import math
import re
from hashlib import blake2b
from typing import Annotated, Final, Literal, get_args

import msgspec

from schemas.events import PSEUDONYM
from schemas.times import Rfc3339

SHARED: Final = ""
"""The district of what belongs to none: lessons of closings, and the weights that they teach."""
PREFIX: Final = "district-"
"""Incidents of a district are told of a household that nobody lives in, whose pseudonym begins so."""
MOST_LESSONS: Final = 256
"""Lessons of one record; more go out with the next."""
MOST_COUNTED: Final = 500
"""Districts of one record: with long codes it stays far below what a broker takes."""
MOST_FEATURES: Final = 64
Channel = Literal["home", "phone"]
"""What may fail together: gateways and sensors of homes, or phones and worn devices."""
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
MARK_MS: Final = 5 * 60_000
"""Partitions count at full multiples of this."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Homes of one district in one partition, and how many of them were heard of lately."""

    homes: int = 0
    """Registered homes with a source of this channel that has ever reported; those of exercises left out."""
    heard: int = 0
    """Those of which a record was applied in the quarter of an hour before the clock."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident that was closed teaches the shared model. It names nobody."""

    x: Annotated[list[float], msgspec.Meta(max_length=MOST_FEATURES)]
    """Features of the incident, and last the log-odds of its prior."""
    y: float
    """1 where somebody needed help, else 0."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Of one district, how many homes one partition heard of lately."""

    district: str
    home: Heard = Heard()
    phone: Heard = Heard()


class DistrictCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition counts every five minutes of its clock. A pure function of that partition's logs."""

    partition: int
    at: Rfc3339
    """The partition's clock, a full five minutes: with the partition it names what is counted, and repeats are ignored."""
    districts: Annotated[list[Counted], msgspec.Meta(max_length=MOST_COUNTED)] = []
    """Those with homes that report, by their codes."""
    lessons: Annotated[list[Lesson], msgspec.Meta(max_length=MOST_LESSONS)] = []
    more: bool = False
    """Further records of this moment follow, with districts of later codes: it is not ended yet."""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of a district of which far fewer homes are heard than is usual at this hour."""

    channel: Channel
    since: Rfc3339
    """From when on homes that were not heard of count as explained by it."""
    expected: int
    """Homes that are usually heard of in a quarter of an hour at this time of day."""
    heard: int
    """Homes that were, when this was written."""


class DistrictState(msgspec.Struct, frozen=True, kw_only=True):
    """What all partitions together know of a district, written to every partition when it changes and each midnight while an outage lasts."""

    district: str
    """Empty: what belongs to no district, `weights`."""
    at: Rfc3339
    """Clock of the counts it follows from. A record that is not later than the last of its district changes nothing."""
    outages: list[Outage] = []
    """Those that last; one that is no longer among them has ended."""
    weights: Annotated[list[float], msgspec.Meta(max_length=MOST_FEATURES)] = []
    """Of the shared model that tells the chance that somebody needs help, by its features."""
    lessons: int = 0
    """How many closings have taught the weights."""


def name_of(district: str) -> str:
    """Return the pseudonym under which a district's own incidents are told; a code that cannot stand in one is hashed."""
    name = PREFIX + district
    return name if re.fullmatch(PSEUDONYM, name) else PREFIX + blake2b(district.encode(), digest_size=8).hexdigest()


def is_district(household: str) -> bool:
    """Tell whether a pseudonym is that of a district: nobody lives there."""
    return household.startswith(PREFIX)


def is_sound_lesson(lesson: Lesson) -> bool:
    """Tell whether every number of a lesson is finite and of a size that can be learned from."""
    return lesson.y in (0.0, 1.0) and all(math.isfinite(value) and abs(value) <= 1e3 for value in lesson.x)
