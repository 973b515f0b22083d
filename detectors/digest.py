"""Ids as small numbers: a sender's long names must not fill a household's state, nor stand in it."""

from hashlib import blake2b


def digest(text: str) -> int:
    """Return 56 bits that stand for an id. Two ids of one household meet in them about never."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest())
