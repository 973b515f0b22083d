"""When a silence will be told: the earliest of three clocks, within the service's own fixed hours."""

from typing import Final, NamedTuple

from detectors.hazard import NEVER_MS
from detectors.hours import HOUR_MS, LocalHours
from detectors.longest import LongestSilence
from detectors.silence import Lane, Spans, Step, reach, seen_for
from schemas.profiles import Profile

ASK_AHEAD_MS: Final = HOUR_MS
"""A call is asked for at the latest this long before the alarm, whichever clock will raise it."""
REFERENCE_THRESHOLD: Final = 9.8
"""The population's threshold at 0.1 a month, to which `ask_at` belongs: it is scaled as this home's threshold is."""
AWAY_FACTOR: Final = 2.0
"""Fixed hours count double while the person is known to be out, or each longer trip would be an alarm."""


class Silence(NamedTuple):
    """A silence to be judged. Times in UTC milliseconds."""

    since_ms: int
    lanes: list[Lane]
    steps: list[Step]
    away: bool
    ghost_ms: int
    """When a lone motion trigger last stirred in it, perhaps the person; 0 when none did."""
    threshold: float
    """Nats."""
    blind: Spans
    """When nothing saw the person. While they are out, the home does not count where something carried reports."""
    ghost_share: float = 1.0
    """What that trigger weighs: less than 1 where its device is known to stir by itself."""


class Verdict(NamedTuple):
    """When a silence alarms if nothing further comes, by which clock, and when a call is worth asking for before."""

    due_ms: int
    clock: str
    """`rhythm` (hazard table), `longest` (longest ordinary silence), `begun` (the same by the hour at which it began),
    `fixed` or `latest` (set by an officer)."""
    ask_ms: int


def judge(
    silence: Silence,
    hours: LocalHours,
    profile: Profile,
    longest: LongestSilence,
    *,
    budget: float,
    begun_h: float | None = None,
    latest_silence_h: float | None,
    warm_ms: int,
) -> Verdict:
    """Return the verdict over a silence.

    `budget` is the share of the clock of the longest silence, false alarms a household-month; `begun_h` is after how many hours the
    clock of the hour alarms at which it began, None where that is not used; `warm_ms` is when the warm-up ends:
    before it only an officer's `latest_silence_h` alarms. Nothing alarms before `shortest_h`, nor by time that no
    channel has seen. A household of calls alone is seen only when it is called: there the officer's hour alarms once a
    call stays unanswered, and asks for that call.
    """
    how = profile.silence
    since = silence.since_ms
    earliest = since + int(how.shortest_h * HOUR_MS)
    clocks: list[tuple[int, str]] = []
    asks: list[int] = []
    if silence.lanes and how.enabled:
        ordinary_h = longest.deadline_h(how.longest_k, budget, away=silence.away)
        fixed_h = how.fixed_h * (AWAY_FACTOR if silence.away else 1.0)
        clocks = [
            (seen_for(since, int(span_h * HOUR_MS), silence.blind), name)
            for span_h, name in ((ordinary_h, "longest"), (fixed_h, "fixed"), (begun_h, "begun"))
            if span_h is not None
        ]
        lowered = how.ghost_nats * silence.ghost_share if silence.ghost_ms else 0.0
        ask_at = min(how.ask_at * silence.threshold / REFERENCE_THRESHOLD, silence.threshold)
        levels = [ask_at + lowered, silence.threshold + lowered]
        end_ms = min(min(clocks)[0], _last_change(silence))
        ask_ms, alarm_ms = reach(hours, since, end_ms, silence.lanes, silence.steps, levels)
        clocks.append((alarm_ms, "rhythm"))
        asks.append(ask_ms)
    due_ms, clock = min(clocks, default=(NEVER_MS, ""))
    due_ms = max(due_ms, earliest, warm_ms)
    unasked_ms = due_ms
    if latest_silence_h is not None:
        latest_ms = max(since + int(latest_silence_h * HOUR_MS), earliest)
        unasked_ms = min(due_ms, latest_ms)
        if not silence.lanes:
            latest_ms = max(latest_ms, silence.steps[0].at_ms) if silence.steps else NEVER_MS
        latest_ms = next((end for start, end in silence.blind if start <= latest_ms < end), latest_ms)
        if latest_ms < due_ms:
            due_ms, clock = latest_ms, "latest"
    ask_ms = max(min([*asks, unasked_ms - ASK_AHEAD_MS]), earliest, min(warm_ms, unasked_ms) - ASK_AHEAD_MS)
    return Verdict(due_ms, clock, ask_ms)


def _last_change(silence: Silence) -> int:
    """Return the moment after which nothing adds to the score any more: nothing sees, and no call is left unanswered."""
    if not silence.blind or silence.blind[-1][1] < NEVER_MS:
        return NEVER_MS
    return max(silence.blind[-1][0], *(step.at_ms + 1 for step in silence.steps), silence.since_ms)
