"""A record whose turn has come, as the pieces of an engine take it."""

from typing import final

from schemas.compiled import mypyc_attr


@mypyc_attr(acyclic=True, free_list_len=1)
@final
class Applied:
    """One record whose turn has come. Nobody changes it.

    `arrival_ms` is its topic's last tick before it; in a live log whose broker stamps arrivals, that stamp where it is
    later. Else everything that came while the ticker was away would seem to lie in the future.
    """

    __slots__ = ("arrival_ms", "key", "offset", "topic", "value")

    def __init__(self, topic: int, offset: int, key: bytes | None, value: bytes | None, arrival_ms: int) -> None:
        self.topic = topic
        self.offset = offset
        self.key = key
        self.value = value
        self.arrival_ms = arrival_ms
