"""What a partition reads of a household's rows without waking it, apart from the household: a compiler of typed Python cannot make such classes."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from detectors.health import BITS, PLACES
from detectors.row_forms import Amount, Count, Ever
from streams.cases.given import Given
from streams.cases.lessons import Leaving
from streams.districts.hearing import NEVER


class Placed(msgspec.Struct):
    """Of a registry record, where it says that the household lies."""

    district: str | None = None


PLACED: Final = msgspec.json.Decoder(Placed)


class Brief(msgspec.Struct, array_like=True, frozen=True):
    """What the partition as a whole must know of a household that sleeps. It stands in the hot row."""

    wake_ms: Ever
    open_count: Count
    blind: bool
    slow: bool
    delay_bands: tuple[int, int]
    delay_version: int
    alerted: tuple[Amount, Ever]
    given: list[Given]
    sources: Annotated[bytes, Meta(max_length=BITS * PLACES // 8 + 1)] = b""
    """`Watched.source_health`, little-endian: it has more bits than a number of the row may have."""
    heard: tuple[int, int] = NEVER
    """When it was last heard of: `hearing.Last`."""
    leaving: list[Leaving] = []


BRIEF: Final = msgspec.msgpack.Decoder(Brief)
