"""What is read once a day, or only to be told, in fewer bytes; nothing that a look asks is kept so."""

import zlib
from typing import Final

_BITS: Final = 10
"""A packer sets up what it looks back over: for a kilobyte that takes 5 us, for the usual 32 three times as long."""


def packed(raw: bytes) -> bytes:
    """Return bytes packed; none as none."""
    if not raw:
        return raw
    packer = zlib.compressobj(6, zlib.DEFLATED, -_BITS, 2)
    return packer.compress(raw) + packer.flush()


def unpacked(kept: bytes) -> bytes:
    """Return the bytes of a `packed`."""
    return zlib.decompress(kept, -_BITS) if kept else kept
