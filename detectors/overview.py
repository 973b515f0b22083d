"""A household's state as people read it: its days by hour, its sources, its silence. Asking changes nothing."""

from bisect import bisect_left
from typing import Any, Final, Literal
from zlib import crc32

from detectors.decimals import rounded
from detectors.grade import propose_grade
from detectors.hazard import NEVER_MS
from detectors.hours import DAY_BEGINS_H, DAY_MS, HOUR_MS, date_of
from detectors.life import CALLS, channel_of
from detectors.overview_weeks import concerns, contact_view, referrals, weeks
from detectors.state import NEVER_UNSEEN, State
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
        "days_learned": rounded(state.rhythm.days, 1),
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
    paused = repr([*state.paused]) if state.paused else "[]"
    # As `repr` writes a list of them, which would be made for nothing each hour.
    parts = [f"[{state.hours.day_start(clock_ms)}, {state.rhythm_version}, {state.hospital_ms}, {paused}"]
    for kind, ring in state.rings.items():
        count = len(ring)
        if count:
            start_ms, end_ms = ring.ends_of(count - 1)
            parts.append(f"({kind!r}, {count}, {start_ms}, {end_ms // HOUR_MS})")
        else:
            parts.append(f"({kind!r},)")
    profile = state.profile
    for source in state.seeing.in_order():
        off = "True" if source.is_off else "False"
        sees = "True" if source.dark_at(profile) > clock_ms else "False"
        parts.append(f"({source.name!r}, {off}, {sees})")
    unseen = "(0, 0)" if state.unseen is NEVER_UNSEEN else repr(state.unseen)
    settled = f"{state.calls.settled_ms}, {state.medication.settled_ms}"
    parts.append(f"{unseen}, {state.weeks.size}, {settled}]")
    return crc32(", ".join(parts).encode())


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
    dark = _dark_hours(state, clock_ms)
    live = steady_days(state, spans, clock_ms) if not dark else None
    if live is None:
        live = days_by_clock(state, spans, clock_ms, dark)
    first = day_of(spans[0][0], hours) if spans else 1 << 62
    oldest = day_of(clock_ms, hours) - MOST_DAYS
    known = [_learned(day, counts, whole) for day, counts, whole in state.weeks.days_shown() if oldest < day < first]
    return [*known, *live][-MOST_DAYS:]


def steady_days(state: State, spans: list[tuple[int, int]], clock_ms: int) -> list[HourlyDay] | None:
    """Return days in which something saw the home in every hour, counted in one pass; None where the clocks change near them.

    The place of a moment is arithmetic there.
    """
    if not spans:
        return []
    first_ms, end_ms = spans[0][0], spans[-1][1]
    if end_ms > state.hours.steady_until(first_ms):
        return None
    begun = [0] * (24 * len(spans))
    clock_end_ms = clock_ms + 1
    for ring in state.rings.values():
        ring.count_hours(first_ms, end_ms if end_ms < clock_end_ms else clock_end_ms, begun)  # noqa: FURB136 - as below
    out: list[HourlyDay] = []
    seen_ms = state.start_ms
    for i, (start_ms, stop_ms) in enumerate(spans):
        counts: list[int | None] = begun[24 * i : 24 * i + 24]  # type: ignore[assignment]  # None is written into it
        from_ms = (start_ms if start_ms > seen_ms else seen_ms) // HOUR_MS * HOUR_MS  # noqa: FURB136 - one list a day
        until_ms = stop_ms if stop_ms < clock_end_ms else clock_end_ms  # noqa: FURB136
        first, last = 24, -1
        if from_ms < until_ms:
            last_ms = (until_ms - 1 - from_ms) // HOUR_MS * HOUR_MS + from_ms
            last = (last_ms - start_ms) // HOUR_MS if last_ms > start_ms else 0
            first = (from_ms - start_ms) // HOUR_MS if from_ms > start_ms else 0
        if first > 0 or last < 23:
            for place in range(24):
                if not first <= place <= last and not counts[place]:
                    counts[place] = None
        out.append(HourlyDay(date_of(day_of(start_ms, state.hours)), counts))
    return out


def days_by_clock(state: State, spans: list[tuple[int, int]], clock_ms: int, dark: set[int]) -> list[HourlyDay]:
    """Return days of which each hour may be another than the wall clock's, and in which nothing saw the home for some of them."""
    begun = sorted([start_ms for ring in state.rings.values() for start_ms in ring.begun()])
    return [_day(state, span, clock_ms, begun, dark) for span in spans]


def _learned(day: int, counts: list[int], whole: bool) -> HourlyDay:
    if whole:  # nearly always
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
                healthy_h=rounded(known.limit_ms(state.profile) / HOUR_MS, 1) if known is not None else None,
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
    return due_ms, rounded(min(1.0, max(0.0, gone)), 2), away


def delay(state: State) -> DelayView | None:
    """Return how long after a collapse an incident is to be expected; None while nothing is known of it."""
    day_h, night_h, slow = state.delay.day_h, state.delay.night_h, state.delay.slow
    day_h = None if day_h is None else rounded(day_h, 1)
    night_h = None if night_h is None else rounded(night_h, 1)
    return DelayView(day_h, night_h, slow) if slow or day_h is not None or night_h is not None else None
