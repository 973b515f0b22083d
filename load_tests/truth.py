"""What was injected into a synthetic neighbourhood, and when an incident counts as having found it."""

from typing import Final

import msgspec

from schemas.incidents import EMERGENCIES, IncidentKind

HOUR_MS: Final = 3_600_000
FOUND_WITHIN_MS: Final = 72 * HOUR_MS
"""An incident belongs to an injected event of its kind when it opens this soon after it."""
FOUND_WITHIN_SLOW_MS: Final = 28 * 24 * HOUR_MS
"""The same for what only weeks of calls or doses can show."""
EARLY_MS: Final = 5_000
"""Clocks of devices may stand a little apart: an incident may seem to open this long before its event."""

COLLAPSE: Final = "collapse"
"""`code` of a collapse: from then on the person does nothing."""


class Truth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One injected event and the kind of incident it should raise.

    `code` says what was injected, for instance `collapse`, `button_five_times` or `gateway_outage`. `slow` marks what the
    household's sources cannot show within a day: doses missed in a row, calls unanswered in a row, and a collapse seen by
    weekly calls or next-morning batches alone. `must_find` is False for what may rightly be raised but is judged by nobody:
    consequences of a collapse (calls and doses it leaves unanswered) and outages of sources.
    """

    household: str
    kind: IncidentKind
    at_ms: int
    code: str
    slow: bool = False
    must_find: bool = True
    until_ms: int | None = None
    """When it ended: the person was found, the outage was over. None: not within the recording."""

    @property
    def is_immediate(self) -> bool:
        """One event proves it, so it must be found at once."""
        return self.kind in EMERGENCIES and self.must_find

    @property
    def is_collapse(self) -> bool:
        """The person went down; consequences are not counted twice."""
        return self.code == COLLAPSE and self.must_find

    def explains(self, household: str, kind: IncidentKind, opened_ms: int) -> bool:
        """Whether an incident of this household and kind that opened then is true because of this event.

        An event that lasts (an outage, a person down) explains what opens until 72 h (slow: 28 days) after its end.
        """
        within_ms = FOUND_WITHIN_SLOW_MS if self.slow else FOUND_WITHIN_MS
        end_ms = self.at_ms if self.must_find else max(self.at_ms, self.until_ms or self.at_ms)
        return (
            household == self.household
            and kind == self.kind
            and self.at_ms - EARLY_MS <= opened_ms <= end_ms + within_ms
        )
