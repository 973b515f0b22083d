"""Numbers by number in one string of bytes, a few of them: a dict of three takes four times as much, and its numbers as much again."""

from collections.abc import Iterable
from typing import Final

_KEY: Final = 5
_SIZE: Final = 12
"""Bytes of a pair: a key of up to 39 bits and a number of up to 55."""


def pairs_of(items: Iterable[tuple[int, int]]) -> bytes:
    """Return pairs as bytes, in the order given; no key twice.

    Raises:
        OverflowError: a number is too large.

    """
    return b"".join([_pair(key, number) for key, number in items])


def items(pairs: bytes) -> list[tuple[int, int]]:
    """Return the pairs of bytes, in their order."""
    return [(_read(pairs, at, at + _KEY), _read(pairs, at + _KEY, at + _SIZE)) for at in range(0, len(pairs), _SIZE)]


def count(pairs: bytes) -> int:
    """Return how many pairs there are."""
    return len(pairs) // _SIZE


def number_of(pairs: bytes, key: int, otherwise: int) -> int:
    """Return the number of a key; another where it has none."""
    at = _place(pairs, key)
    return otherwise if at < 0 else _read(pairs, at + _KEY, at + _SIZE)


def with_pair(pairs: bytes, key: int, number: int) -> bytes:
    """Return the pairs with another number for a key, or one more."""
    at = _place(pairs, key)
    if at < 0:
        return pairs + _pair(key, number)
    return pairs[:at] + _pair(key, number) + pairs[at + _SIZE :]


def without(pairs: bytes, key: int) -> bytes:
    """Return the pairs but that of a key."""
    at = _place(pairs, key)
    return pairs if at < 0 else pairs[:at] + pairs[at + _SIZE :]


def _place(pairs: bytes, key: int) -> int:
    if not pairs:
        return -1
    wanted = key.to_bytes(_KEY, "big", signed=True)
    at = pairs.find(wanted)
    while at > 0 and at % _SIZE:  # the same bytes across two pairs, or within a number
        at = pairs.find(wanted, at + 1)
    return at


def _pair(key: int, number: int) -> bytes:
    return key.to_bytes(_KEY, "big", signed=True) + number.to_bytes(_SIZE - _KEY, "big", signed=True)


def _read(pairs: bytes, start: int, end: int) -> int:
    return int.from_bytes(pairs[start:end], "big", signed=True)
