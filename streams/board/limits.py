"""How often something may be tried: counted per key within a sliding time, in bounded memory. No clock of its own."""

from collections import OrderedDict, deque
from typing import Final

MOST_KEYS: Final = 10_000
"""Keys remembered; an attacker with many addresses pushes out the oldest, never the memory's bound."""


class Limit:
    """At most `most` tries of one key within `within_ms`."""

    def __init__(self, most: int, within_ms: int) -> None:
        self._most = most
        self._within_ms = within_ms
        self._tries: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_ms(self, key: str, now_ms: int) -> int:
        """Return how long this key must wait before its next try, 0 for not at all."""
        tries = self._tries.get(key)
        if tries is None:
            return 0
        while tries and tries[0] <= now_ms - self._within_ms:
            tries.popleft()
        if len(tries) < self._most:
            return 0
        return tries[0] + self._within_ms - now_ms

    def note(self, key: str, now_ms: int) -> None:
        """Count a try."""
        tries = self._tries.setdefault(key, deque(maxlen=self._most))
        tries.append(now_ms)
        self._tries.move_to_end(key)
        while len(self._tries) > MOST_KEYS:
            self._tries.popitem(last=False)

    def undo(self, key: str) -> None:
        """Take the last try back: it was none of those that are counted."""
        tries = self._tries.get(key)
        if tries:
            tries.pop()

    def forget(self, key: str) -> None:
        """Let a key begin anew: it has shown who it is."""
        self._tries.pop(key, None)
