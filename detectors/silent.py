"""The life of a silence: asked about, raised at its deadline, updated as it grows, cleared by life, withdrawn by late evidence."""

from typing import Final, Literal

from detectors.alarm import Alarm
from detectors.calm import MONTH_MS, earliest_silence
from detectors.certainty import certainty_of, chance_of
from detectors.findings import Ask, Fact, Finding, Output
from detectors.hazard import NEVER_MS
from detectors.hours import HOUR_MS
from detectors.ladder import Home, first_to_resident
from detectors.state import HORIZON_MS, MOST_UNTRUE, UNTIL_HOME, State
from detectors.verdict import Silence, Verdict
from schemas.households import HouseholdRecord
from schemas.incidents import Certainty, IncidentKind, Severity, Urgency

ASK_AGAIN_MS: Final = HOUR_MS // 2
ASKS_A_SILENCE: Final = 2
LOOK_AGAIN_MS: Final = HOUR_MS
"""An open silence is looked at this often for its severity and shares,"""
LOOK_FOR_MS: Final = 48 * HOUR_MS
"""and for this long."""
ROUNDED_MS: Final = 1000
"""Sums made in other steps round otherwise: nothing in a verdict is as near as this by that."""

Change = Literal["raise", "update", "clear", "withdraw"]


def decide_silence(state: State, again_ms: int) -> tuple[list[Output], int]:
    """Return what is new about the silence, and when to look at it again; at `again_ms` it is looked at whatever is said here."""
    state.lull_ms = 0
    _come_home(state)
    out: list[Output] = _review_past(state)
    if state.silence is not None:
        out += _review(state, state.silence)
    if state.silence is not None:
        over_ms = state.clock_ms - state.silence.raised_ms
        return out, state.clock_ms + LOOK_AGAIN_MS if over_ms < LOOK_FOR_MS else NEVER_MS
    earliest_ms = earliest_silence(state)
    if state.clock_ms < earliest_ms:
        return out, earliest_ms
    lulls = _lulls(state)
    if lulls and state.seeing.has_batches:
        # What the next batch will say of is supposed to be seen already: nearly always it is looked at again before that matters.
        state.lull_ms = _lull(state, *state.verdict(reports_continue=True, but_dark=True))
        if state.lull_ms > max(again_ms, state.clock_ms):
            calls_left(state, state.clock_ms)
            return out, state.lull_ms
    silence, verdict = state.verdict()
    if verdict.due_ms <= state.clock_ms:
        if not state.blind:
            out.append(_raise(state, silence, verdict))
            return out, state.clock_ms + LOOK_AGAIN_MS
        return out, NEVER_MS  # the next report of a dark source asks for another look
    asked, ask_wake_ms = _ask(state, silence, verdict)
    if lulls and not state.lull_ms and not asked:
        state.lull_ms = _lull(state, silence, verdict)
    return out + asked, min(verdict.due_ms, ask_wake_ms)


def _lulls(state: State) -> bool:
    """Tell whether it can be said until when a silence is neither told nor asked about, however its sources report.

    What sees now is supposed to see on: any report adds to the score then, and none can bring the verdict nearer. Not so after a
    hole, for after one a channel's silence is a shorter one, in which more is expected; nor where a call ahead of the clock will
    count when its moment comes.
    """
    if state.paused or not state.seeing.is_whole(state.profile):
        return False
    return not state.calls.unanswered_since(max(state.life(), state.restart_ms, state.start_ms))


def _lull(state: State, silence: Silence, verdict: Verdict) -> int:
    """Return until when a silence is neither told nor asked about if it goes on, by the verdict over all that may be seen of it."""
    asked = sum(at_ms > silence.since_ms for at_ms in state.asks)
    may_ask = asked < ASKS_A_SILENCE and calls_left(state, state.clock_ms)
    return min(verdict.due_ms, verdict.ask_ms if may_ask else NEVER_MS) - ROUNDED_MS


def _come_home(state: State) -> None:
    """End a stay in hospital with the home's first sign of life; its days leave the baseline."""
    if not state.hospital_ms:
        return
    if state.home_again(state.hospital_ms) < NEVER_MS:
        state.untrue = sorted({*state.untrue, (state.hospital_ms, UNTIL_HOME)})[-MOST_UNTRUE:]
        state.hospital_ms = 0


def _raise(state: State, silence: Silence, verdict: Verdict) -> Finding:
    scores = state.scores(silence, state.clock_ms)
    shares = _shares(scores)
    alarm = Alarm(
        life_ms=state.life(),
        since_ms=silence.since_ms,
        deadline_ms=verdict.due_ms,
        raised_ms=state.clock_ms,
        severity=0,
        shares=shares,
        away=silence.away,
    )
    chance = chance_of(state, silence, state.clock_ms, scores)
    severity = alarm.grown(state.clock_ms, len(silence.steps), chance)
    state.silence = alarm._replace(severity=severity.rank, likely=certainty_of(chance) is Certainty.LIKELY)
    return _finding(state, state.silence, "raise", severity, silence, verdict.clock, chance)


def _review(state: State, alarm: Alarm) -> list[Output]:
    """Look at an open silence again: life seen, late evidence, a declared absence, growing severity."""
    if any(a <= alarm.deadline_ms < b or a <= alarm.since_ms < b for a, b in state.paused):
        state.silence = None
        return [_finding(state, alarm, "withdraw", Severity.MINOR)]
    late = _late_evidence(state, alarm)
    life_ms = state.life()
    if late is not None and (late.due_ms > state.clock_ms or life_ms > alarm.deadline_ms):
        state.silence = None
        return [_finding(state, alarm, "withdraw", Severity.MINOR)]
    if life_ms > alarm.deadline_ms:
        state.past = alarm._replace(cleared_ms=state.clock_ms)
        state.silence = None
        return [_finding(state, alarm, "clear", Severity.MINOR)]
    silence, _ = state.verdict(asks=False, judged=False)
    scores = state.scores(silence, state.clock_ms)
    chance = chance_of(state, silence, state.clock_ms, scores)
    severity = alarm.grown(state.clock_ms, len(silence.steps), chance)
    likely = certainty_of(chance) is Certainty.LIKELY
    shares = _shares(scores)
    is_same = severity.rank <= alarm.severity and life_ms == alarm.life_ms and likely <= alarm.likely
    if is_same and not alarm.moved(shares):
        return []
    silence, verdict = state.verdict(asks=False)
    state.silence = alarm._replace(
        life_ms=life_ms,
        # Where counting began anew meanwhile (a source was erased), the person has been silent all the same.
        since_ms=alarm.since_ms if late is None else silence.since_ms,
        deadline_ms=alarm.deadline_ms if late is None else verdict.due_ms,
        severity=max(severity.rank, alarm.severity),
        shares=shares,
        likely=likely,
    )
    severity = tuple(Severity)[state.silence.severity]
    return [_finding(state, state.silence, "update", severity, silence, verdict.clock, chance)]


def clear_by_contact(state: State) -> list[Output]:
    """Tell an open silence as cleared: a responder, busy with another incident, met or spoke to the person."""
    alarm = state.silence
    if alarm is None:
        return []
    state.past = alarm._replace(cleared_ms=state.clock_ms)
    state.silence = None
    return [_finding(state, alarm, "clear", Severity.MINOR)]


def _review_past(state: State) -> list[Output]:
    """Withdraw a silence that life has cleared, when a late event shows that it was never due."""
    alarm = state.past
    if alarm is None:
        return []
    if state.clock_ms - alarm.raised_ms > HORIZON_MS:
        state.past = None
        return []
    if _late_evidence(state, alarm) is None:
        return []
    state.past = None
    return [_finding(state, alarm, "withdraw", Severity.MINOR)]


def _late_evidence(state: State, alarm: Alarm) -> Verdict | None:
    """Return the verdict over the true silence when life was nearer than was known and it was not due when raised."""
    if state.life(alarm.deadline_ms) <= max(alarm.life_ms, alarm.since_ms):
        return None
    _, verdict = state.verdict(alarm.deadline_ms, asks=False)
    return verdict if verdict.due_ms > alarm.raised_ms else None


def _ask(state: State, silence: Silence, verdict: Verdict) -> tuple[list[Output], int]:
    """Ask for a check-in call before anybody is alarmed, and once more half an hour later, within the month's budget."""
    clock_ms = state.clock_ms
    may_ask = calls_left(state, clock_ms)
    asked = [at_ms for at_ms in state.asks if at_ms > silence.since_ms]
    if len(asked) >= ASKS_A_SILENCE or not may_ask:
        return [], NEVER_MS
    at_ms = max(verdict.ask_ms, asked[-1] + ASK_AGAIN_MS if asked else 0)
    rung = first_to_resident(_home(state))
    if rung is None or at_ms >= NEVER_MS:
        return [], NEVER_MS
    if clock_ms < at_ms:
        return [], at_ms
    if state.blind or state.pause_at(clock_ms):
        return [], NEVER_MS
    state.asks = (*state.asks, clock_ms)
    again_ms = clock_ms + ASK_AGAIN_MS
    ask = Ask(at_ms=clock_ms, until_ms=again_ms, rung=rung)
    return [ask], again_ms if len(asked) + 1 < ASKS_A_SILENCE else NEVER_MS


def calls_left(state: State, clock_ms: int) -> bool:
    """Tell whether the month's budget of machine calls leaves one more."""
    state.asks = tuple([at_ms for at_ms in state.asks if at_ms > clock_ms - MONTH_MS])
    return len(state.asks) < state.profile.checkins_per_month


def _home(state: State) -> Home:
    record = state.record or HouseholdRecord(household=state.pseudonym)
    return Home(record, state.hours, state.calls.answer_rate)


def _shares(scores: dict[str, float]) -> dict[str, float]:
    total = sum(scores.values())
    return {name: round(part / total, 3) for name, part in scores.items()} if total > 0 else {}


def _finding(
    state: State,
    alarm: Alarm,
    change: Change,
    severity: Severity,
    silence: Silence | None = None,
    clock: str = "",
    chance: float | None = None,
) -> Finding:
    over = change in ("clear", "withdraw")
    usual_h, _ = state.rhythm.longest.usual(away=alarm.away)
    facts: dict[str, Fact] = {
        "silent_h": round((state.clock_ms - alarm.since_ms) / HOUR_MS, 1),
        "usual_longest_h": round(usual_h, 1),
        "usual_per_h": round(state.rhythm.busy[state.hours.hour(state.clock_ms)], 1),
        "away": int(alarm.away),
        "raised_ms": alarm.raised_ms,
    }
    if silence is not None:
        facts |= {"clock": clock, "unanswered": len(silence.steps), "ghosts": int(silence.ghost_ms > 0)}
    return Finding(
        kind=IncidentKind.SILENCE,
        change=change,
        severity=severity,
        urgency=Urgency.PAST if over else Urgency.IMMEDIATE,
        certainty=Certainty.UNLIKELY if change == "withdraw" else certainty_of(chance),
        chance=None if chance is None else round(chance, 4),
        score=None if silence is None else round(sum(state.scores(silence, state.clock_ms).values()), 3),
        threshold=None if silence is None else round(silence.threshold, 3),
        shares={} if over else alarm.shares,
        event_from_ms=alarm.since_ms,
        event_until_ms=state.clock_ms,
        last_life_ms=state.life() or None,
        deadline_ms=alarm.deadline_ms,
        would_change="" if over else "life",
        facts=facts,
    )
