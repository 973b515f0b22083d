"""Where in the topics a moment of the log lies: by their ticks, as in the archive, never by the broker's timestamps.

What was played in has the timestamps of the day on which it was played, and the embedded broker finds every time at the
beginning: a replay since some day would be one of something else.
"""

from collections.abc import Mapping
from typing import Final

from streams.engine.order import read_tick
from streams.tail import LogReader, Place

SCANNED: Final = 5_000
"""Records that are read on from an earlier tick before the stretch is halved again: they have come with one fetch."""


def offsets_at(reader: LogReader, bounds: Mapping[Place, tuple[int, int]], at_ms: int) -> dict[Place, int | None]:
    """Return, of each place, the offset of the first tick at or after a moment; None where there is none.

    `bounds` has the first offset and the end of each place.

    Raises:
        BrokerAwayError: the broker brings nothing.

    """
    return {place: _offset_at(reader, place, first, end, at_ms) for place, (first, end) in bounds.items()}


def _offset_at(reader: LogReader, place: Place, low: int, high: int, at_ms: int) -> int | None:
    """Halve the stretch: ticks before `low` are earlier, and the first that is not is the last one found."""
    found: int | None = None
    while low < high:
        middle = (low + high) // 2
        read = 0  # from the first earlier tick on
        is_later = False
        for record in reader.read_to_end({place: middle}):
            if record.offset >= high or read >= SCANNED:
                break
            tick = read_tick(record.value)
            if tick is not None and tick.tick >= at_ms:
                found, is_later = record.offset, True
                break
            if tick is not None:
                low = record.offset + 1
            if read or tick is not None:
                read += 1
        if not read:
            high = middle
        elif is_later or read < SCANNED:
            break  # right before what was found, or before the end of the stretch, stands an earlier one
    return found
