"""The logs that a feed would write of a recording, for one partition, made without a broker: what `anbu replay FOLDER` reads."""

from collections.abc import Iterator

from load_tests.feed import SLICE_S, _Clock, _interleave, _Registry, _slices
from load_tests.neighbourhood import Played, spans_of
from schemas.events import TickMode
from schemas.partitions import partition_of
from schemas.topics import ORDER_OF, ORDERED_NAMES
from streams.chunk import Chunk
from streams.partition import Partition


class PlayedSource:
    """Topics of one partition as `load_tests.feed.feed` writes them, a slice of log time at a time.

    Ticks come from the times of the messages, on a grid of `tick_every_s`: a recording has none of its own.
    """

    def __init__(self, played: Played, partition: int, partitions: int, *, tick_every_s: int = 60) -> None:
        """Choose the partition of `partitions`."""
        self._played = played
        self._partition = partition
        self._partitions = partitions
        self._every_ms = tick_every_s * 1000

    def chunks(self, engine: Partition) -> Iterator[tuple[int, Chunk]]:  # noqa: ARG002 - all topics advance together
        """Give a chunk of every topic for each slice."""
        played, mine = self._played, self._partition
        clock = _Clock(self._every_ms, TickMode.SIMULATED)
        start_ms, stop_ms = clock.next_after(played.from_ms), clock.next_after(played.until_ms)
        step_ms = max(SLICE_S * 1000 // self._every_ms, 1) * self._every_ms
        registry = _Registry(played.records(), self._partitions, played.from_ms, spans_of(played))
        ends = [*range(start_ms, stop_ms, step_ms), stop_ms]
        offsets = [0] * len(ORDERED_NAMES)
        of_key: dict[str, int] = {}
        ticked_ms = start_ms - self._every_ms
        for end_ms, wires in _slices(iter(played.messages()), ends):
            held = {place: sent for place, sent in registry.due_before(end_ms).items() if place[1] == mine}
            for wire in wires:
                if of_key.setdefault(wire.key, partition_of(wire.key, self._partitions)) == mine:
                    place = (wire.topic, mine)
                    held.setdefault(place, []).append((wire.sent_ms, (wire.key.encode(), wire.value)))
            ticks = clock.between(ticked_ms, end_ms)
            ticked_ms = end_ms
            for topic in ORDERED_NAMES:
                pairs = _interleave(held.get((topic, mine), []), ticks)
                number = ORDER_OF[topic]
                first = offsets[number]
                offsets[number] = first + len(pairs)
                if pairs:
                    places = list(range(first, first + len(pairs)))
                    keys: list[bytes | None] = [key for key, _ in pairs]
                    values: list[bytes | None] = [value for _, value in pairs]
                    yield number, Chunk(first, first + len(pairs), places, keys, values, [0] * len(pairs))
