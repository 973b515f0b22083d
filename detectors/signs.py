"""What an event says of the person, apart from the rules that tell it: a compiler of typed Python cannot make such a class."""

from enum import IntEnum


class Sign(IntEnum):
    """What an event says of the person."""

    NONE = 0
    SOFT = 1
    """A motion trigger: proof only with company."""
    SURE = 2
