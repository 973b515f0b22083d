"""What is read once a day, or only to be told, in fewer bytes; nothing that a look asks is kept so."""

import zlib
from typing import Final

from detectors.room import room

_BITS: Final = 10
"""A packer sets up what it looks back over: for a kilobyte that takes 5 us, for the usual 32 three times as long."""


def packed(raw: bytes) -> bytes:
    """Return bytes packed, or as they are where that is no shorter: so none that are packed have the length of the others."""
    if not room.packs:
        return raw
    packer = zlib.compressobj(6, zlib.DEFLATED, -_BITS, 2)
    shorter = packer.compress(raw) + packer.flush()
    return shorter if len(shorter) < len(raw) else raw


def unpacked(kept: bytes, size: int) -> bytes:
    """Return the bytes of a `packed`; there are so many."""
    return kept if len(kept) == size else zlib.decompress(kept, -_BITS)
