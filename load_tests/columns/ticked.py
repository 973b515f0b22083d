"""Records and the ticks between them, in the order of a log."""

from collections.abc import Sequence

Pair = tuple[bytes, bytes | None]
"""Key and value."""
Column = list[bytes | None]


def among_ticks(
    sent: list[int],
    names: list[bytes],
    whose: list[int],
    values: Column,
    ticks: Sequence[tuple[int, Pair]],
) -> tuple[Column, Column]:
    """Return keys and values with what was sent before a tick before it, in order of sending; at the very moment counts as after.

    `whose` has of each record the place of its key among `names`.
    """
    keys_out: Column = []
    values_out: Column = []
    i, count = 0, len(sent)
    for tick_ms, (key, value) in ticks:
        while i < count and sent[i] < tick_ms:
            keys_out.append(names[whose[i]])
            values_out.append(values[i])
            i += 1
        keys_out.append(key)
        values_out.append(value)
    while i < count:
        keys_out.append(names[whose[i]])
        values_out.append(values[i])
        i += 1
    return keys_out, values_out
