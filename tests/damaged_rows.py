"""Rows of a household that say something else than they did: one value in them of another type, beyond its range, or gone."""

import math
import random
from typing import Any, Final

import msgspec

VALUES: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        3,
        255,
        65_536,
        1 << 40,
        -(1 << 40),
        1 << 62,
        -(1 << 62),
        (1 << 63) - 1,
        (1 << 64) - 1,
    ),
    *(0.0, -0.5, 1.5, 1e12, -1e12, 1e308, -1e308, math.nan, math.inf, -math.inf),
    *("", "x", "silence", "/sensors/gw", b"", b"\x00", b"\xff" * 8, b"\xff" * 96),
    *([], [0], [1, 2, 3], ["x"], [[]], [None] * 4, {}),
)
"""What may stand where something else belongs."""


def changed(row: bytes, rng: random.Random) -> bytes:
    """The bytes of a row with one place of it changed, as no checksum would tell: whoever wrote it wrote it so."""
    tree = msgspec.msgpack.decode(row)
    part, place = _place(tree, rng)
    how = rng.random()
    if how < 0.1:
        del part[place]
    elif how < 0.2:
        part.insert(place, part[place] if rng.random() < 0.5 else rng.choice(VALUES))
    elif how < 0.5 and isinstance(part[place], bytes) and part[place]:
        part[place] = _bytes(part[place], rng)
    elif how < 0.5 and isinstance(part[place], int | float) and not isinstance(part[place], bool):
        part[place] = _near(part[place], rng)
    else:
        part[place] = rng.choice(VALUES)
    return msgspec.msgpack.encode(tree)


def _place(tree: list[Any], rng: random.Random) -> tuple[list[Any], int]:
    """A place anywhere in the lists of a row, those of few elements as often as those of many."""
    part = tree
    while True:
        place = rng.randrange(len(part))
        below = part[place]
        if not isinstance(below, list) or not below or rng.random() < 0.1:
            return part, place
        part = below


def _bytes(value: bytes, rng: random.Random) -> bytes:
    out = bytearray(value)
    for _ in range(rng.randrange(1, 4)):
        out[rng.randrange(len(out))] = rng.choice((0, 127, 128, 255, rng.randrange(256)))
    return bytes(out[: rng.randrange(len(out))] if rng.random() < 0.3 else out)


def _near(value: float, rng: random.Random) -> Any:
    near = rng.choice((-value, value + 1, value - 1, value * 1000, value * 2, value // 1000, float(value)))
    return max(-(1 << 62), min(1 << 62, near))
