"""A record whose turn has come, apart from the order that gives it: a compiler of typed Python cannot make such a class."""

import msgspec


class Applied(msgspec.Struct, frozen=True, gc=False):
    """One record whose turn has come.

    `arrival_ms` is its topic's last tick before it; in a live log whose broker stamps arrivals, that stamp where it is
    later. Else everything that came while the ticker was away would seem to lie in the future.
    """

    topic: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrival_ms: int
