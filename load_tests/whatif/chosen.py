"""The logs of some households alone."""

from collections.abc import Iterator

from schemas.events import TICK_KEY
from schemas.topics import BY_NAME, ORDERED_NAMES
from streams.engine.chunk import Chunk
from streams.replay.run import Reader, Source


class Chosen:
    """The logs of some households alone: what is keyed by others is left out, what is for all and the ticks stay."""

    def __init__(self, source: Source, households: frozenset[bytes]) -> None:
        """Take the logs, and whose records stay."""
        self._source = source
        self._households = households

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        """Give what the logs give of them."""
        for topic, chunk in self._source.chunks(engine):
            if BY_NAME[ORDERED_NAMES[topic]].broadcast:
                yield topic, chunk
                continue
            left = [i for i, key in enumerate(chunk.keys) if key == TICK_KEY or key in self._households]
            yield (
                topic,
                Chunk(
                    chunk.start,
                    chunk.next,
                    [chunk.offsets[i] for i in left],
                    [chunk.keys[i] for i in left],
                    [chunk.values[i] for i in left],
                    [chunk.timestamps[i] for i in left],
                    chunk.broker_stamped,
                ),
            )
