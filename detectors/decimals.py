"""Rounding for people: what `round` says, at a tenth of what it costs a view that rounds forty numbers."""

from typing import Final

_SCALES: Final[tuple[float, ...]] = (1.0, 10.0, 100.0, 1000.0)
_NEAR: Final = 1e-6
"""So near to a tie the product may lie on its other side: then `round` is asked, which reckons with decimals."""
_LARGEST: Final = 1e9
"""Below it a product by a thousand is off by far less than `_NEAR`."""


def rounded(x: float, digits: int) -> float:
    """Return `round(x, digits)` of a number, to at most three digits."""
    if not 0.0 <= x < _LARGEST:
        return round(x, digits)
    scale = _SCALES[digits]
    wide = x * scale
    whole = int(wide)
    over = wide - whole
    if 0.5 - _NEAR < over < 0.5 + _NEAR:
        return round(x, digits)
    # The quotient of two whole numbers is the double that lies nearest to the decimal, as `round` has it.
    return float(whole + 1 if over > 0.5 else whole) / scale
