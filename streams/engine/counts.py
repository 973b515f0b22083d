"""What became of records and readings, for metrics, and the negative controls of the tests."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from schemas.topics import ORDERED_NAMES

OUTCOMES: Final = ("applied", "late", "dead_letter", "not_registered", "no_consent")
APPLIED: Final = 0
LATE: Final = 1
REFUSED: Final = 2
NOT_REGISTERED: Final = 3
NO_CONSENT: Final = 4


@dataclass(slots=True)
class Counts:
    """What became of records and readings, for metrics; not part of the state."""

    records: list[int] = field(default_factory=lambda: [0] * len(ORDERED_NAMES))
    readings: list[list[int]] = field(default_factory=lambda: [[0] * len(OUTCOMES) for _ in ORDERED_NAMES])
    """By topic, then by outcome in the order of `OUTCOMES`."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (topic, reason)."""
    repeated_emergencies: int = 0
    unseen_s: list[float] = field(default_factory=list)
    """How long homes that were told as "cannot see" were not seen, seconds of log time; exercises not counted."""
    repeated_messages: int = 0
    mistakes: Counter[str] = field(default_factory=Counter)
    """Errors that cost one household something, and where they were raised: names and lines of the program, no data."""
    begun_anew: int = 0
    """Households that began anew: their rows turned out to be unreadable as they woke, or judging them broke off."""


@dataclass(frozen=True, slots=True)
class Controls:
    """Negative controls of the tests: each takes away one rule and shows what it prevents."""

    check_contiguity: bool = True
    canonical_order: bool = True
    offset_guard: bool = True
    whole_checkpoints: bool = True
