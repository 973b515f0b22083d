"""A household's state as people read it: its days by hour, its sources, its silence. Asking changes nothing."""

from bisect import bisect_left
from typing import Any, Final, Literal
from zlib import crc32

from detectors.grade import propose_grade
from detectors.hazard import NEVER_MS
from detectors.hours import DAY_BEGINS_H, DAY_MS, HOUR_MS, date_of
from detectors.life import CALLS, channel_of
from detectors.overview_weeks import concerns, contact_view, referrals, weeks
from detectors.state import State
from detectors.weeks import UNSEEN, day_of
from schemas.times import to_rfc3339
from schemas.views import MOST_DAYS, MOST_SOURCES, DelayView, HourlyDay, SourceView, UnseenView

LIVE_DAYS: Final = 3
"""Days that are not learned yet, at most."""


def overview(state: State, clock_ms: int) -> dict[str, Any]:
    """Return what a `HouseholdView` says that only the model knows, by field; nothing about incidents."""
    due_ms, gone, away = silence(state, clock_ms)
    life_ms = state.life()
    rows, months = state.weeks.counts(state.hours)
    goes_out = state.weeks.goes_out
    contact, known = contact_view(state, clock_ms, rows, months, goes_out=goes_out), concerns(state)
    return {
        "warm": clock_ms >= state.warm_ms,
        "days_learned": round(state.rhythm.days, 1),
        "usual": usual_hours(state),
        "days": recent_days(state, clock_ms),
        "last_sign_of_life": to_rfc3339(life_ms) if life_ms else None,
        "away": away,
        "deadline": to_rfc3339(due_ms) if due_ms is not None else None,
        "silence": gone,
        "delay": delay(state),
        "blind": state.seeing.blind_at(state.profile) <= clock_ms,
        "unseen": unseen(state),
        "sources": sources(state, clock_ms),
        "in_hospital_since": to_rfc3339(state.hospital_ms) if state.hospital_ms else None,
        "unanswered_in_a_row": state.calls.row(life_ms, state.paused).calls,
        "missed_doses_in_a_row": state.medication.row(state.paused).doses,
        "weeks": weeks(rows, goes_out=goes_out),
        "concerns": known,
        "contact": contact,
        "referrals": referrals(state),
        "grade_proposal": propose_grade(state, clock_ms, contact, known),
    }


def mark(state: State, clock_ms: int) -> int:
    """Return a number that changes with whatever a reader of the overview would want to know, and costs little to ask.

    Signs of life within one stretch of activity change it only by the stretch's end of an hour, telemetry not at all.
    """
    parts: list[Any] = [state.hours.day_start(clock_ms), state.rhythm_version, state.hospital_ms, [*state.paused]]
    for kind, ring in state.rings.items():
        parts.append((kind, len(ring), ring.last.start, ring.last.end // HOUR_MS) if len(ring) else (kind,))
    for name, source in sorted(state.seeing.sources.items()):
        parts.append((name, source.is_off, source.dark_at(state.profile) > clock_ms))
    parts += [state.unseen, state.weeks.size, state.calls.settled_ms, state.medication.settled_ms]
    return crc32(repr(parts).encode())


def unseen(state: State) -> UnseenView | None:
    """Return the last time that nothing could be seen; None before the first."""
    since_ms, until_ms = state.unseen
    if not since_ms:
        return None
    if not until_ms:
        return UnseenView(to_rfc3339(since_ms))
    return UnseenView(to_rfc3339(since_ms), to_rfc3339(until_ms), round(max(0, until_ms - since_ms) / HOUR_MS, 2))


def usual_hours(state: State) -> list[float]:
    """Return the stretches of activity begun in each hour of an ordinary day, from 04:00 on; empty before a day is learned."""
    if not state.rhythm.days:
        return []
    usual = state.rhythm.usual()
    return usual[DAY_BEGINS_H:] + usual[:DAY_BEGINS_H]


def recent_days(state: State, clock_ms: int) -> list[HourlyDay]:
    """Return the last days, the one of the clock last: those that are learned, and those that still may change."""
    hours = state.hours
    starts = [hours.day_start(clock_ms)]
    while len(starts) < LIVE_DAYS and starts[-1] > state.learned_ms:
        starts.append(hours.day_start(starts[-1] - HOUR_MS))
    spans = [(start_ms, state.day_end(start_ms)) for start_ms in reversed(starts)]
    spans = [span for span in spans if span[1] > max(state.start_ms, state.learned_ms)]
    first_ms = spans[0][0] if spans else clock_ms
    begun = sorted([start_ms for ring in state.rings.values() for start_ms in ring.begun()])
    dark = _dark_hours(state, clock_ms)
    live = [_day(state, span, clock_ms, begun, dark) for span in spans]
    first = day_of(first_ms, hours) if spans else 1 << 62
    oldest = day_of(clock_ms, hours) - MOST_DAYS
    known = [_learned(day, counts) for day, counts in state.weeks.days() if oldest < day < first]
    return [*known, *live][-MOST_DAYS:]


def _learned(day: int, counts: list[int]) -> HourlyDay:
    if UNSEEN not in counts:  # nearly always
        return HourlyDay(date_of(day), counts)  # type: ignore[arg-type]  # nobody writes to the list
    unseen = [place for place, count in enumerate(counts) if count == UNSEEN]
    return HourlyDay(date_of(day), [None if count == UNSEEN else count for count in counts], unseen)


def _day(state: State, span: tuple[int, int], clock_ms: int, begun: list[int], dark: set[int]) -> HourlyDay:
    start_ms, end_ms = span
    until_ms = min(end_ms, clock_ms + 1)
    passed = range(max(start_ms, state.start_ms) // HOUR_MS * HOUR_MS, until_ms, HOUR_MS)
    shown = begun[bisect_left(begun, start_ms) : bisect_left(begun, until_ms)]
    counts: list[int | None] = [None] * 24
    unseen: set[int] = set()
    if end_ms <= state.hours.steady_until(start_ms):  # the place of a moment is arithmetic there
        if passed:
            first, last = max(0, passed[0] - start_ms) // HOUR_MS, max(0, passed[-1] - start_ms) // HOUR_MS
            counts[first : last + 1] = [0] * (last + 1 - first)
        places = [(at_ms - start_ms) // HOUR_MS for at_ms in shown]
        unseen = (
            {max(0, at_ms - start_ms) // HOUR_MS for at_ms in passed if at_ms // HOUR_MS in dark} if dark else unseen
        )
    else:
        for hour_ms in passed:
            place = (state.hours.hour(max(hour_ms, start_ms)) - DAY_BEGINS_H) % 24
            counts[place] = 0
            if hour_ms // HOUR_MS in dark:
                unseen.add(place)
        places = [(state.hours.hour(at_ms) - DAY_BEGINS_H) % 24 for at_ms in shown]
    for place in places:
        counts[place] = (counts[place] or 0) + 1
    return HourlyDay(date_of(day_of(start_ms, state.hours)), counts, sorted(unseen))


def _dark_hours(state: State, clock_ms: int) -> set[int]:
    """Return the hours since 1970 in which no kind of channel saw anything, for part of the hour at least."""
    out: set[int] | None = None
    for kind in state.seeing.kinds():
        hours: set[int] = set()
        for a, b in state.seeing.dark_spans(kind, clock_ms, state.profile):
            first = max(a, clock_ms - (LIVE_DAYS + 1) * DAY_MS)
            hours.update(range(first // HOUR_MS, -(-min(b, clock_ms) // HOUR_MS)))
        out = hours if out is None else out & hours
        if not out:
            break
    return out or set()


def sources(state: State, clock_ms: int) -> list[SourceView]:
    """Return the sources that reported, and those the registry lists, by name."""
    record = state.record
    listed = {one.source: one for one in record.sources} if record else {}
    out = []
    there = state.seeing.sources
    for name in sorted({*there, *listed})[:MOST_SOURCES]:
        known = there.get(name)
        enrolled = listed.get(name)
        health: Literal["healthy", "dark", "off", "never", "asked"] = "never"
        if channel_of(name) == CALLS:
            health = "asked"
        elif known is not None and known.seen_ms:
            health = "off" if known.is_off else "healthy" if known.dark_at(state.profile) > clock_ms else "dark"
        seen = known is not None and bool(known.seen_ms or known.until_ms)
        out.append(
            SourceView(
                source=name,
                channel=name.split("/", 2)[1],  # type: ignore[arg-type]  # the decoder lets no other source through
                enrolled=enrolled is not None,
                consent=enrolled is None or enrolled.consent,
                health=health,
                reported_at=to_rfc3339(known.reported_ms) if known is not None and seen else None,
                healthy_h=round(known.limit_ms(state.profile) / HOUR_MS, 1) if known is not None else None,
            )
        )
    return out


def silence(state: State, clock_ms: int) -> tuple[int | None, float | None, bool]:
    """Return when an incident would be raised, how much of the way the silence has gone, and whether the person is away."""
    if state.silence is not None and not state.paused:  # its deadline stands, and no absence moves its beginning
        due_ms, away = state.silence.deadline_ms, state.away()
        since_ms = max(state.life(), state.restart_ms, state.start_ms)
    else:
        judged, verdict = state.verdict(clock_ms=clock_ms, asks=False)
        since_ms, away = judged.since_ms, judged.away
        due_ms = state.silence.deadline_ms if state.silence is not None else verdict.due_ms
    if due_ms >= NEVER_MS:
        return None, None, away
    gone = (clock_ms - since_ms) / max(1, due_ms - since_ms)
    return due_ms, round(min(1.0, max(0.0, gone)), 2), away


def delay(state: State) -> DelayView | None:
    """Return how long after a collapse an incident is to be expected; None while nothing is known of it."""
    day_h, night_h = (None if h is None else round(h, 1) for h in (state.delay.day_h, state.delay.night_h))
    slow = state.delay.slow
    return DelayView(day_h, night_h, slow) if slow or day_h is not None or night_h is not None else None
