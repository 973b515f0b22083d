"""A consumer rests after a fetch that brought little, so that the next one brings more at once.

A fetched chunk costs about the same whether it holds one record or a thousand, and a broker answers as soon as there is one:
at a few thousand events a second nearly all work was fetching. The rest is as long as what came was large. So where little
happens a fetch waits at the broker for the next record, which comes at once; where much happens, records come together; and
a backlog, whose fetches are full, is read without a rest.
"""

from typing import Any, Final

from aiokafka.structs import TopicPartition

from streams.wallclock import monotonic_s

S_A_BYTE: Final = 4e-6
"""Rest for each byte that came: 2 ms for a message of one or two events."""
FULL_BYTES: Final = 64_000
"""A fetch that brought so much is followed by the next one at once."""


def rest_s(brought: int, most_s: float) -> float:
    """Return how long to rest after a fetch, seconds; `brought` in bytes."""
    return 0.0 if brought >= FULL_BYTES else min(most_s, brought * S_A_BYTE)


class Resting:
    """Stands between an aiokafka fetcher and its broker; reaches into aiokafka 0.14.0."""

    def __init__(self, fetcher: Any, most_s: float) -> None:
        """Let a fetcher rest for at most so long."""
        self._fetcher = fetcher
        self._most_s = most_s
        self._until_s: dict[int, float] = {}
        """Of each broker, until when nothing is fetched from it."""
        self._fetch, self._actions = fetcher._proc_fetch_request, fetcher._get_actions_per_node
        fetcher._proc_fetch_request, fetcher._get_actions_per_node = self.fetch, self.actions

    async def fetch(self, assignment: Any, node: int, request: Any) -> bool:
        """Fetch, and note how long to rest after that."""
        is_more: bool = await self._fetch(assignment, node, request)
        self._until_s[node] = monotonic_s() + rest_s(self._brought(request), self._most_s)
        return is_more

    def _brought(self, request: Any) -> int:
        """Count the bytes of what came: of these partitions nothing waited when it was asked for."""
        places = (TopicPartition(topic, at[0]) for topic, partitions in request.topics for at in partitions)
        records = (getattr(self._fetcher._records.get(place), "_partition_records", None) for place in places)
        return sum(one._records.size_in_bytes() for one in records if one is not None)

    def actions(self, assignment: Any) -> tuple[Any, ...]:
        """Return what the fetcher is to do, without fetches from brokers that rest; it asks again when one has rested."""
        fetches, resets, timeout_s, invalid, resumed = self._actions(assignment)
        now_s = monotonic_s()
        rests = [self._until_s.get(node, 0.0) - now_s for node, _ in fetches]
        if any(rest > 0 for rest in rests):
            fetches = [one for one, rest in zip(fetches, rests, strict=True) if rest <= 0]
            timeout_s = min(timeout_s, *(rest for rest in rests if rest > 0))
        return fetches, resets, timeout_s, invalid, resumed
