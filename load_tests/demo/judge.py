"""The demo's rule: incidents that were told, held against what was injected into a synthetic neighbourhood."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from load_tests.truth import Truth
from schemas.incidents import EMERGENCIES, IncidentKind

HOUR_MS: Final = 3_600_000
MONTH_MS: Final = 30 * 24 * HOUR_MS
COLLAPSE_WITHIN_MS: Final = 24 * HOUR_MS
COLLAPSES_IN_TIME: Final = 0.9
"""At least this share of the collapses (not the slow ones) is found within 24 h."""
FALSE_ALARMS_PER_MONTH: Final = 0.5
"""At most so many false alarms a household-month, of all kinds together."""


class Told(NamedTuple):
    """One incident as a responder saw it open. `withdrawn`: late evidence took it back afterwards."""

    household: str
    kind: IncidentKind
    opened_ms: int
    withdrawn: bool = False


class Found(NamedTuple):
    """An injected event that must be found, and how long after it the first incident opened; None: never."""

    truth: Truth
    delay_ms: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found, how late, and what was raised for nothing."""

    found: list[Found]
    """Every injected event that must be found, in the order of the truth."""
    false_alarms: list[Told]
    """Incidents of any kind that no injected event explains, withdrawn ones too: a responder saw them."""
    household_months: float
    told: int
    """Incidents in all."""
    by_kind: dict[IncidentKind, int] = field(default_factory=dict)
    """False alarms of each kind, the most frequent first."""

    @property
    def false_alarms_per_month(self) -> float:
        """False alarms a household-month of 30 days."""
        return len(self.false_alarms) / self.household_months

    @property
    def immediate(self) -> list[Found]:
        """Emergencies that one event proves."""
        return [one for one in self.found if one.truth.is_immediate]

    @property
    def collapses(self) -> list[Found]:
        """Collapses that the household's sources can show within a day."""
        return [one for one in self.found if one.truth.is_collapse and not one.truth.slow]

    @property
    def slow(self) -> list[Found]:
        """What only weeks of calls or doses can show: told, never part of the rule."""
        return [one for one in self.found if one.truth.slow]

    @property
    def collapses_in_time(self) -> float | None:
        """Share of the collapses found within 24 h; None when none was injected."""
        collapses = self.collapses
        if not collapses:
            return None
        return sum(one.delay_ms is not None and one.delay_ms <= COLLAPSE_WITHIN_MS for one in collapses) / len(
            collapses
        )

    @property
    def passed(self) -> bool:
        """The rule holds."""
        return not self.failures()

    def failures(self) -> list[str]:
        """Return one sentence for each part of the rule that does not hold."""
        out = []
        missed = [one.truth.kind for one in self.immediate if one.delay_ms is None]
        if missed:
            kinds = ", ".join(sorted(set(missed)))
            out.append(f"{len(missed)} of {len(self.immediate)} immediate emergencies were not found ({kinds}).")
        share = self.collapses_in_time
        if share is not None and share < COLLAPSES_IN_TIME:
            out.append(
                f"Only {share:.0%} of {len(self.collapses)} collapses were found within 24 h;"
                f" {COLLAPSES_IN_TIME:.0%} are asked for."
            )
        if self.false_alarms_per_month > FALSE_ALARMS_PER_MONTH:
            out.append(
                f"{self.false_alarms_per_month:.2f} false alarms a household-month;"
                f" at most {FALSE_ALARMS_PER_MONTH} are allowed."
            )
        emergencies = sum(one.kind in EMERGENCIES for one in self.false_alarms)
        if not self.found and emergencies:
            out.append(f"Nothing was injected, and yet emergencies were opened: {emergencies}.")
        return out


def judge(truth: Sequence[Truth], told: Iterable[Told], *, households: int, from_ms: int, until_ms: int) -> Judgement:
    """Hold incidents against the truth. Times are UTC milliseconds; the order of `told` makes no difference.

    An incident that was withdrawn finds nothing: it was taken back. It is a false alarm unless the truth explains it.

    Raises:
        ValueError: no household, or no time.

    """
    if households < 1 or until_ms <= from_ms:
        raise ValueError("at least one household and a span of time")
    truths: dict[tuple[str, IncidentKind], list[int]] = defaultdict(list)
    for i, one in enumerate(truth):
        truths[one.household, one.kind].append(i)
    delays: dict[int, int] = {}
    false_alarms: list[Told] = []
    incidents = sorted(told)
    for incident in incidents:
        household, kind, opened_ms, withdrawn = incident
        explained = [i for i in truths[household, kind] if truth[i].explains(household, kind, opened_ms)]
        if not explained:
            false_alarms.append(incident)
        for i in explained:
            if not withdrawn:
                delay_ms = max(0, opened_ms - truth[i].at_ms)
                delays[i] = min(delay_ms, delays.get(i, delay_ms))
    kinds = [one.kind for one in false_alarms]
    return Judgement(
        found=[Found(one, delays.get(i)) for i, one in enumerate(truth) if one.must_find],
        false_alarms=false_alarms,
        household_months=households * (until_ms - from_ms) / MONTH_MS,
        told=len(incidents),
        by_kind={kind: kinds.count(kind) for kind in sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kind))},
    )
