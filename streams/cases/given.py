"""What was given to a post in its shift: kept with the household that it came from, and outlasting it. Pure."""

from collections.abc import Iterable
from typing import Any, Final

Given = tuple[int, int, str]
"""When it was given, when the shift began, UTC milliseconds, and whose shift it was."""
KNOWN_MS: Final = 4 * 86_400_000
"""How long that is known: longer than any shift."""
MOST: Final = 64
"""So many of one home: more than it can open in that time."""


def with_one_more(known: Iterable[Given], one: Given) -> list[Given]:
    """Return what is known with one more, without what is long over."""
    return [*(each for each in known if each[0] > one[0] - KNOWN_MS), one][-MOST:]


def given_of(state: Iterable[Any]) -> list[Given]:
    """Return it of plain data.

    Raises:
        ValueError, TypeError: it is no such data.

    """
    return [(int(at_ms), int(shift_ms), str(owner)) for at_ms, shift_ms, owner in state]
