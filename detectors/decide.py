"""Score, then decide: what is found about a household at its clock, and when it wants to be woken next."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from detectors.calm import settle
from detectors.certainty import certainty_of, chance_of_kind
from detectors.chronic import DOSES, KINDS, SEVERITIES
from detectors.conditions import KINDS as CONDITIONS
from detectors.conditions import RULES
from detectors.findings import Fact, Finding, Lasting, Output
from detectors.hours import HOUR_MS
from detectors.medication import in_a_row
from detectors.night import out_at_night
from detectors.offline import KINDS as OFFLINE
from detectors.offline import offline
from detectors.silent import decide_silence
from detectors.state import State, Told
from detectors.usual import of_calls, of_doses, of_meals, of_nights, of_reports, of_words, shares_of
from schemas.incidents import Certainty, IncidentKind, Severity, Urgency

LATER: Final = frozenset({*SEVERITIES, IncidentKind.WEAK_BATTERY, *OFFLINE})
"""Kinds that can wait for days."""
MEASURED: Final = frozenset({*RULES, IncidentKind.CANNOT_SEE, *OFFLINE})
"""Kinds that a device says itself; the others are concluded."""
TWICE: Final = 2
"""A row twice as long is told whatever else is seen of the person: they can no longer be reached."""


def decide(state: State) -> list[Output]:
    """Return what changed at the state's clock, and re-arm `wake_ms`."""
    clock_ms = state.clock_ms
    next_dark_ms, unseen_dark_ms, blind_ms = state.seeing.look(state.profile, clock_ms)
    out = _seeing(state, blind=blind_ms <= clock_ms)
    silent, silence_wake_ms = decide_silence(state, min(next_dark_ms, state.next_learning_ms))
    out += silent
    out += _unanswered(state)
    out += _medication(state)
    out += _chronic(state)
    out += _meals(state)
    lost, offline_wake_ms = _offline(state, blind=blind_ms <= clock_ms)
    held, conditions_wake_ms = _conditions(state)
    gone, night_wake_ms = _night(state)
    out += lost + held + gone
    others_ms = min(state.next_learning_ms, conditions_wake_ms, night_wake_ms, offline_wake_ms)
    for at_ms in (state.quiet_ms, state.quiet_offline_ms, state.dark_until_ms):
        if clock_ms < at_ms < others_ms:
            others_ms = at_ms
    for _, end_ms in state.paused:
        if clock_ms < end_ms < others_ms:
            others_ms = end_ms
    # A wake that does not move would never let time pass.
    state.wake_ms = max(min(others_ms, next_dark_ms, silence_wake_ms), clock_ms + 1)
    settle(state, min(others_ms, unseen_dark_ms, state.chronic.quiet_until(clock_ms)))
    return out


def _seeing(state: State, *, blind: bool) -> list[Output]:
    """Tell when nothing can be seen: an incident of its own, never read as calm and never as a collapse."""
    kind = IncidentKind.CANNOT_SEE
    told = state.told.get(kind)
    if not blind and state.unseen[0] and not state.unseen[1]:
        # Also where an officer has closed it meanwhile: nothing is told then, and it was repaired all the same.
        state.unseen = (state.unseen[0], state.clock_ms)
    if blind == (told is not None):
        return []
    # Not so in hospital: its end is only known by what the home sees, so a dead gateway must be told then too.
    quiet_ms = max(state.quiet_ms, state.dark_until_ms)
    if blind and (state.clock_ms < quiet_ms or state.absent_at(state.clock_ms)):
        return []
    sources = state.seeing.all
    last = max(sources, key=lambda source: (source.told_ms, source.kind), default=None)
    since_ms = min(last.told_ms if last else state.clock_ms, state.clock_ms)
    if told is not None:
        since_ms = told.since_ms
    facts: dict[str, Fact] = {
        "blind_h": round((state.clock_ms - since_ms) / HOUR_MS, 1),
        "source_kind": last.kind if last else "",
        "sources": len(sources),
    }
    if not blind:
        facts["repaired_h"] = facts.pop("blind_h")
    else:
        state.unseen = (since_ms, 0)
        facts |= of_reports(state)
    return [_tell(state, kind, since_ms, Severity.MODERATE if blind else None, "heartbeat", facts)]


def _unanswered(state: State) -> list[Output]:
    """Tell when check-in calls in a row were not answered and nothing else has shown life since."""
    kind = IncidentKind.UNANSWERED_CALLS
    row = state.calls.row(state.life(), state.paused)
    told = state.told.get(kind)
    enough = state.profile.unanswered_in_a_row
    if not row.calls and told is None and enough > 0:  # nearly always
        return []
    unproven, whole = row.unproven >= enough, row.calls >= TWICE * enough
    severity = Severity.SEVERE if unproven else Severity.MINOR if whole else None
    if severity is None and told is None:
        return []
    if severity is not None and told is not None and told.severity >= severity.rank:
        return []
    facts: dict[str, Fact] = {"in_a_row": row.calls, "without_life": row.unproven, **of_calls(state, row)}
    return [_tell(state, kind, row.first_ms or (told.since_ms if told else 0), severity, "answer", facts)]


def _medication(state: State) -> list[Output]:
    """Tell when doses in a row were missed."""
    kind = IncidentKind.MISSED_MEDICATION
    row = state.medication.row(state.paused)
    told = state.told.get(kind)
    most = state.profile.medication_in_a_row
    if not row.doses and told is None and most > 0:  # nearly always
        return []
    enough = in_a_row(state.chronic.usual(DOSES), most, state.other_budget)
    severity = Severity.SEVERE if row.doses >= TWICE * most else Severity.MODERATE if row.doses >= enough else None
    if severity is None and (told is None or row.doses):
        return []
    if severity is not None and told is not None and told.severity >= severity.rank:
        return []
    facts: dict[str, Fact] = {"missed": row.doses, **of_doses(state)}
    return [_tell(state, kind, row.first_ms or (told.since_ms if told else 0), severity, "clear", facts)]


def _chronic(state: State) -> list[Output]:
    """Tell what gets worse over weeks, and when it is as it was."""
    found = state.chronic.found(state.weeks.concerns(), state.weeks.moods(), state.clock_ms, state.factor)
    return [
        _tell(state, kind, since_ms, None, "clear", {})
        if facts is None
        else _tell(state, kind, since_ms, SEVERITIES[kind], "clear", facts | of_words(state, kind, facts, since_ms))
        for kind, since_ms, facts in _changed(state, KINDS, found)
    ]


def _meals(state: State) -> list[Output]:
    """Tell that meals were missed, and that they are eaten again, as the last look once a day has found."""
    kind, found = IncidentKind.MISSED_MEALS, state.meals.found
    return [
        _tell(state, kind, since_ms, None, "clear", {})
        if facts is None
        else _tell(state, kind, since_ms, Severity.MODERATE, "clear", facts | of_meals(state.meals))
        for kind, since_ms, facts in _changed(state, (kind,), {kind: found} if found is not None else {})
    ]


def _offline(state: State, *, blind: bool) -> tuple[list[Output], int]:
    """Tell what is offline in a home that is seen, and when it is back: with how long that took."""
    found, next_ms = offline(state, blind=blind)
    out: list[Output] = []
    for kind, since_ms, facts in _changed(state, OFFLINE, found):
        over: dict[str, Fact] = {"repaired_h": round((state.clock_ms - since_ms) / HOUR_MS, 1)}
        severity = Severity.MINOR if facts is not None else None
        out.append(_tell(state, kind, since_ms, severity, "heartbeat", over if facts is None else facts))
    return out, next_ms


def _conditions(state: State) -> tuple[list[Output], int]:
    """Tell what the devices say of the home itself, and when it is over."""
    found, next_ms = state.conditions.found(state.clock_ms, state.hours, state.factor)
    out: list[Output] = [
        _tell(state, kind, since_ms, RULES[kind].severity if facts is not None else None, "clear", facts or {})
        for kind, since_ms, facts in _changed(state, CONDITIONS, found)
    ]
    return out, next_ms


def _changed(
    state: State, kinds: Iterable[IncidentKind], found: Mapping[IncidentKind, Lasting]
) -> list[tuple[IncidentKind, int, dict[str, Fact] | None]]:
    """Return (kind, since when, facts) of what holds and was not told yet; without facts, of what was told and is over."""
    out: list[tuple[IncidentKind, int, dict[str, Fact] | None]] = []
    if not found and not state.told:  # nearly always
        return out
    for kind in kinds:
        holds, told = found.get(kind), state.told.get(kind)
        if holds is not None and told is None:
            out.append((kind, holds.since_ms, holds.facts))
        elif holds is None and told is not None:
            out.append((kind, told.since_ms, None))
    return out


def _night(state: State) -> tuple[list[Output], int]:
    """Tell that somebody who never does is out in the middle of the night, and that they are back."""
    kind = IncidentKind.OUT_AT_NIGHT
    since_ms, next_ms = out_at_night(state)
    told = state.told.get(kind)
    if bool(since_ms) == (told is not None):
        return [], next_ms
    facts: dict[str, Fact] = {}
    if since_ms:
        facts = {"out_h": round((state.clock_ms - since_ms) / HOUR_MS, 2), **of_nights(state)}
    severity = Severity.SEVERE if since_ms else None
    return [_tell(state, kind, since_ms or (told.since_ms if told else 0), severity, "life", facts)], next_ms


def _tell(
    state: State,
    kind: IncidentKind,
    since_ms: int,
    severity: Severity | None,
    would_change: Literal["life", "answer", "heartbeat", "clear"],
    facts: dict[str, Fact],
) -> Finding:
    """Raise, update (severity rose) or, without a severity, clear; and remember what was told."""
    told = state.told.get(kind)
    raised_ms = told.raised_ms if told else state.clock_ms
    chance = None if kind in MEASURED else chance_of_kind(state, kind)
    if severity is None:
        state.tell(kind, None)
    else:
        if told is None:
            state.own_thrift().learn_one(kind, state.clock_ms)
        state.tell(kind, Told(raised_ms, severity.rank, since_ms))
    return Finding(
        kind=kind,
        change="clear" if severity is None else "update" if told else "raise",
        severity=severity or Severity.MINOR,
        urgency=Urgency.PAST if severity is None else Urgency.FUTURE if kind in LATER else Urgency.EXPECTED,
        certainty=_certainty(kind, chance),
        calibrated=chance is not None,
        event_from_ms=since_ms,
        event_until_ms=state.clock_ms,
        last_life_ms=state.life() or None,
        shares={} if severity is None else shares_of(state, kind, facts),
        would_change="" if severity is None else would_change,
        facts={**facts, "raised_ms": raised_ms},
    )


def _certainty(kind: IncidentKind, chance: float | None) -> Certainty:
    """Return CAP's word: what a device says itself is observed, and where no chance is known the word is fixed for the kind."""
    if kind in MEASURED:
        return Certainty.OBSERVED
    return Certainty.LIKELY if chance is None else certainty_of(chance)
