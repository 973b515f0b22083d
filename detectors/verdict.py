"""When a silence will be told: by three clocks, at home weighed as one, or by calls nobody answers; within fixed hours of the service."""

from typing import Final, NamedTuple

from detectors.hazard import NEVER_MS
from detectors.hours import HOUR_MS, LocalHours
from detectors.longest import LongestSilence
from detectors.silence import Lane, Spans, Step, reach, reach_first, seen_for
from detectors.weighed import Weighed
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
    """`together` (at home: hazard table, longest ordinary silence, the same by the hour at which it began, as one); `rhythm` (hazard
    table: at home once a call is left unanswered; away or where only something carried sees, at any time) or `longest` (away or
    carried); `fixed` or `latest` (set by an officer)."""
    ask_ms: int


def judge(
    silence: Silence,
    hours: LocalHours,
    profile: Profile,
    longest: LongestSilence,
    *,
    budget: float,
    together: Weighed | None = None,
    latest_silence_h: float | None,
    warm_ms: int,
    asks: bool = True,
) -> Verdict:
    """Return the verdict over a silence.

    `budget`: false alarms a household-month, of `together`, the three clocks as one, or where that is None, of the clock of the
    longest silence; the rhythm clock alarms at the silence's `threshold`. Beside `together` it does so only once a call is left
    unanswered: what a call says is worth its nats there, and would be diluted by clocks that it does not move.
    `warm_ms` is when the warm-up ends: before it only an officer's `latest_silence_h` alarms. Nothing alarms before
    `shortest_h`, nor by time that no channel has seen. A household of calls alone is seen only when it is called: there the
    officer's hour alarms once a call stays unanswered, and asks for that call. Without `asks` no moment of asking is looked for.
    """
    how = profile.silence
    since = silence.since_ms
    earliest = since + int(how.shortest_h * HOUR_MS)
    clocks: list[tuple[int, str]] = []
    ask_ms = NEVER_MS
    if silence.lanes and how.enabled:
        fixed_h = how.fixed_h * (AWAY_FACTOR if silence.away else 1.0)
        clocks = [(seen_for(since, int(fixed_h * HOUR_MS), silence.blind), "fixed")]
        lowered = how.ghost_nats * silence.ghost_share if silence.ghost_ms else 0.0
        ask_at = min(how.ask_at * silence.threshold / REFERENCE_THRESHOLD, silence.threshold) + lowered
        if together is None:
            ordinary_h = longest.deadline_h(how.longest_k, budget, away=silence.away)
            clocks.append((seen_for(since, int(ordinary_h * HOUR_MS), silence.blind), "longest"))
        else:
            level, per_hour = together.level(budget)
            end_ms = min(clocks[0][0], _last_sight(silence))
            ask_ms, due_ms = reach_first(
                hours,
                since,
                end_ms,
                silence.lanes,
                level + lowered,
                per_hour,
                ask_at if asks and not silence.steps else None,
            )
            clocks.append((due_ms, "together"))
        if together is None or silence.steps:
            levels = [ask_at] * asks + [silence.threshold + lowered]
            end_ms = min(min(clocks)[0], _last_change(silence))
            *asked, alarm_ms = reach(hours, since, end_ms, silence.lanes, silence.steps, levels)
            ask_ms = min(asked, default=NEVER_MS)
            clocks.append((alarm_ms if together is None else max(alarm_ms, min(silence.steps).at_ms), "rhythm"))
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
    if not asks:
        return Verdict(due_ms, clock, NEVER_MS)
    ask_ms = max(min(ask_ms, unasked_ms - ASK_AHEAD_MS), earliest, min(warm_ms, unasked_ms) - ASK_AHEAD_MS)
    return Verdict(due_ms, clock, ask_ms)


def _last_sight(silence: Silence) -> int:
    """Return the moment from which nothing sees any more; `NEVER_MS` where something does."""
    return NEVER_MS if not silence.blind or silence.blind[-1][1] < NEVER_MS else silence.blind[-1][0]


def _last_change(silence: Silence) -> int:
    """Return the moment after which nothing adds to the score any more: nothing sees, and no call is left unanswered."""
    if not silence.blind or silence.blind[-1][1] < NEVER_MS:
        return NEVER_MS
    return max(silence.blind[-1][0], *(step.at_ms + 1 for step in silence.steps), silence.since_ms)
