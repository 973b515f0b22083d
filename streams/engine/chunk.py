"""A fetched chunk of one topic partition, as columns: no object per record."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Chunk:
    """Records in offset order.

    `start` is the offset at which the chunk was fetched, not its first record's: compaction and control records leave
    gaps that are not losses. `next` is the offset at which the following chunk must start.
    """

    start: int
    next: int
    offsets: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    """Kafka timestamps, UTC milliseconds; they mean something only where the broker stamped them."""
    broker_stamped: bool = False

    def __len__(self) -> int:
        """Count the records."""
        return len(self.offsets)

    def __bool__(self) -> bool:
        """Say yes even when empty: an empty chunk still moves the position past a gap."""
        return True

    def cut_before(self, offset: int) -> "Chunk":
        """Give the part at and after `offset`, for a chunk that overlaps what was taken already."""
        at = next((i for i, one in enumerate(self.offsets) if one >= offset), len(self.offsets))
        return Chunk(
            max(offset, self.start),
            self.next,
            self.offsets[at:],
            self.keys[at:],
            self.values[at:],
            self.timestamps[at:],
            self.broker_stamped,
        )
