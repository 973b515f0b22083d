"""What every detector promises; `tests/test_detector_laws.py` holds each of them to it.

A detector learns with `learn_one`, which leaves its input alone, and shows with `state()` plain numbers from which
`restore()` makes one that goes on identically, bit for bit. Asking it anything changes nothing. Its state stays bounded
whatever it is fed, and equal calls give equal bytes. It may opt out, by name, of the laws below.
"""

from enum import StrEnum


class Law(StrEnum):
    """A law of the suite that a detector may opt out of; its `opts_out` names it, and the suite checks that it must."""

    SCORE = "score"
    """`score_one` says how unusual something is. Those who opt out only remember, or are scored by what holds them."""
    ANY_ORDER = "any order"
    """What is learned does not depend on the order of learning. Those who opt out are fed in order of time, which the
    household sees to: it learns a day when no event of it can come any more."""
    REPEATS = "repeats"
    """Learning the same again changes nothing. Those who opt out are fed once by what holds them."""
