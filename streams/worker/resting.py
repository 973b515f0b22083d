"""A consumer rests after a fetch that brought little, so that the next one brings more at once.

A fetched chunk costs about the same whether it holds one record or a thousand, and a broker answers as soon as there is one:
at a few thousand events a second nearly all work was fetching. The rest is as long as what came was large. So where little
happens a fetch waits at the broker for the next record, which comes at once; where much happens, records come together; and
a backlog, whose fetches are full, is read without a rest.

A topic that is far ahead of the others is left out of fetches for a while: what it brings is looked through for emergencies,
dropped, and fetched once more when its turn has come.
"""

import math
from collections.abc import Container, Mapping
from typing import Any, Final

from aiokafka.structs import TopicPartition

from streams.wallclock import monotonic_s

S_A_BYTE: Final = 4e-6
"""Rest for each byte that came: 2 ms for a message of one or two events."""
FULL_BYTES: Final = 64_000
"""A fetch that brought so much is followed by the next one at once."""


AHEAD_S: Final = 0.25
"""Between two fetches of a topic whose records are dropped, while the others have a backlog: 4 MB/s of it are looked through,
several times what an engine applies."""


def rest_s(brought: int, most_s: float) -> float:
    """Return how long to rest after a fetch, seconds; `brought` in bytes."""
    return 0.0 if brought >= FULL_BYTES else min(most_s, brought * S_A_BYTE)


class Resting:
    """Stands between an aiokafka fetcher and its broker; reaches into aiokafka 0.14.0."""

    def __init__(self, fetcher: Any, most_s: float, held_off: Mapping[TopicPartition, float]) -> None:
        """Let a fetcher rest for at most so long; `held_off` tells what is not fetched before which moment."""
        self._fetcher = fetcher
        self._held_off = held_off
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
        # In one go: the other thread may add to it meanwhile.
        off = {place: until_s for place, until_s in list(self._held_off.items()) if until_s > now_s}
        if off:
            wait_s = min(off.values()) - now_s
            fetches = [(node, request) for node, request in fetches if _leave_out(request, off, wait_s)]
            timeout_s = min(timeout_s, wait_s)
        return fetches, resets, timeout_s, invalid, resumed


def _leave_out(request: Any, off: Container[TopicPartition], wait_s: float) -> bool:
    """Take partitions out of a fetch; whether any are left. It waits for those no longer than until the others may come back."""
    left = [
        (topic, [one for one in partitions if TopicPartition(topic, one[0]) not in off])
        for topic, partitions in request.topics
    ]
    request._topics = [(topic, partitions) for topic, partitions in left if partitions]
    request._max_wait_ms = min(request._max_wait_ms, math.ceil(wait_s * 1000))
    return bool(request._topics)
