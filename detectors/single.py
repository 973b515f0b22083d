"""Single precision in plain numbers: what is learned is kept in it, and few numbers are rounded sooner so than as an array."""

import struct
from typing import Final

_SPLIT: Final = float((1 << 29) + 1)
"""Takes 29 of the 53 bits of a number: T. J. Dekker, "A floating-point technique", Numerische Mathematik 18 (1971)."""
_SMALL: Final = 1e-30
_ONE: Final = struct.Struct("<f")


def single(x: float) -> float:
    """Return the nearest number of single precision, the even one of two that are equally near.

    Of a sum, product or quotient of two such numbers it is what an array of single precision holds.
    """
    if -_SMALL < x < _SMALL:
        return _packed(x)
    wide = x * _SPLIT
    near = wide - (wide - x)
    other = near + 2.0 * (x - near)
    wide = other * _SPLIT
    # Where the other one is a number of single precision too, nothing lies nearer: dividing so may take the odd one.
    return _packed(x) if other != x and wide - (wide - other) == other else near


def _packed(x: float) -> float:
    (rounded,) = _ONE.unpack(_ONE.pack(x))
    return float(rounded)
