"""A neighbourhood as the log sees it: registry records, messages in order of sending, and what was injected."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from load_tests.columns.wire import Wire
from load_tests.truth import Truth
from schemas.events import Event
from schemas.households import HouseholdRecord


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of one household: its events in the order in which the sender wrote them.

    `sent_ms` is when it reaches the log, UTC milliseconds: never before the last of its events happened.
    """

    topic: str
    household: str
    sent_ms: int
    events: list[Event]


Span = tuple[int, int]


class Played(Protocol):
    """What can be fed into a broker: a simulated neighbourhood, a recording on disk, imported homes."""

    @property
    def from_ms(self) -> int:
        """First moment, UTC milliseconds."""

    @property
    def until_ms(self) -> int:
        """Moment after the last message, UTC milliseconds."""

    def records(self) -> list[HouseholdRecord]:
        """Registry record of every household."""

    def messages(self) -> Iterator[Message | Wire]:
        """Every message in order of `sent_ms`."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Households and messages that lie in memory, such as imported homes."""

    from_ms: int
    until_ms: int
    households: list[HouseholdRecord]
    sent: list[Message]
    truth: tuple[Truth, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict)
    """Households that are not there all the time: watched from the first moment to the second, UTC milliseconds."""

    def records(self) -> list[HouseholdRecord]:
        """Registry record of every household."""
        return self.households

    def messages(self) -> Iterator[Message | Wire]:
        """Every message in order of `sent_ms`."""
        return iter(self.sent)


def spans_of(played: Played) -> Mapping[str, Span]:
    """Return when each household begins and ends to be watched; one that is not named is there all the time."""
    spans: Mapping[str, Span] = getattr(played, "spans", {})
    return spans
