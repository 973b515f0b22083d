"""The day's learning: 30 hours after a day has ended, when no event and no absence can change it any more."""

from typing import Final

from detectors.chronic import ACTIVITY, NIGHT_SHARE, NIGHTS_OUT, PACE
from detectors.episodes import LINK_MS
from detectors.foresight import learn_delay
from detectors.hazard import NEVER_MS
from detectors.hours import DAY_BEGINS_H, DAY_MS, HOUR_MS
from detectors.life import HOME, PHONE
from detectors.rhythm import Day
from detectors.state import HORIZON_MS, UNTIL_HOME, Few, State
from detectors.stretches import Stretches
from detectors.table import learn_at_table, look_at_table
from detectors.weeks import UNSEEN
from detectors.words import (
    ANSWERED,
    DAYS,
    MISSED,
    OUTINGS,
    PHONE_DAYS,
    STIRS,
    STRETCHES,
    TAKEN,
    TALKS,
    UNANSWERED,
    Word,
)
from detectors.words import PHONE as PHONE_CONTACT

MOST_DAYS: Final = 60
"""A clock that jumps further than this skips days nobody can have reported of, instead of walking them for minutes."""
LONGEST_DAY_MS: Final = 30 * HOUR_MS
"""What is longer are days that were skipped."""
NIGHT_UNTIL_H: Final = 4
TENTHS: Final = 10
"""The night's share of a day's activity is counted in tenths."""
PACE_FROM_H: Final = 7
PACE_UNTIL_H: Final = 22
"""Local hours in which the pace of a day is counted."""
LEAST_HOME_H: Final = 3.0
"""Who was at home for less of them shows no pace that day."""
FEWEST_STRETCHES: Final = 6
"""A day with fewer stretches of activity does not say when the person lives."""


def learn_due_days(state: State) -> bool:
    """Learn every day that is due by the state's clock; tell whether there was one."""
    before = state.rhythm_version
    is_due = state.next_learning_ms <= state.clock_ms
    while state.next_learning_ms <= state.clock_ms:
        start_ms = state.learned_ms
        end_ms = state.day_end(start_ms)
        if state.clock_ms - end_ms > MOST_DAYS * DAY_MS:
            end_ms = state.hours.day_start(state.clock_ms - MOST_DAYS // 2 * DAY_MS)
        _learn(state, start_ms, end_ms)
        state.next_learning_ms = state.learning_after(end_ms)
    if is_due:
        look_at_table(state)
        state.devices.look(state.clock_ms)
        state.thrift.pass_time(state.clock_ms, state.other_budget)
    return state.rhythm_version != before


def _learn(state: State, start_ms: int, end_ms: int) -> None:
    # Score, decide, learn: nothing is learned from a day that ends in an alarming silence, or the model would come to
    # expect that nobody moves. Whether it was told must not matter: what was known then depends on the order of arrival.
    untrue = [*state.paused, *(state.untrue_span(one, end_ms) for one in state.untrue)]
    if _ends_in_alarm(state, end_ms):
        untrue.append((start_ms, end_ms))
    if state.hospital_ms:
        untrue.append((state.hospital_ms, state.home_again(state.hospital_ms)))
    seeing, profile = state.seeing, state.profile
    dark = {kind: seeing.dark_spans(kind, end_ms, profile) for kind in seeing.kinds()}
    day = Day(start_ms, end_ms, state.hours, dict(state.rings.items()), untrue, dark, state.start_ms)
    state.rhythm.learn_one(day, profile.silence)
    learn_delay(state, start_ms, whole=not day.touched(untrue))
    state.calls.learn_before(end_ms, state.hours.hour, state.paused)
    state.medication.learn_before(end_ms, state.paused)
    words = state.weeks.learn_before(end_ms, state.hours)
    _count_day(state, day, words)
    learn_at_table(state, start_ms, end_ms)
    seeing.learn_before(end_ms, profile)
    state.conditions.forget_before(end_ms)
    _learn_outcomes(state, start_ms, end_ms, day.lived.get(HOME))
    state.untrue = _settled(state, end_ms)
    for ring in state.rings.values():
        ring.forget_before(end_ms)
    state.devices.forget_before(end_ms)
    state.learned_ms = end_ms
    state.paused = tuple([(a, b) for a, b in state.paused if b > end_ms - HORIZON_MS])
    state.rhythm_version += 1


def _settled(state: State, end_ms: int) -> Few:
    """Return the spans that were no ordinary life and may still touch a day: one that ended by now stays as it is."""
    both = [(one, state.untrue_span(one, end_ms)) for one in state.untrue]
    return tuple([span if span[1] <= end_ms else one for one, span in both if span[1] > end_ms - HORIZON_MS])


def _learn_outcomes(state: State, start_ms: int, end_ms: int, lived: Stretches | None) -> None:
    """Learn what responders found, and what devices do by themselves where nobody is."""
    nobody = [*state.paused]
    nobody += [state.silence_around(at_ms) for at_ms in state.outcomes.faults if at_ms < end_ms]
    stays = [a for a, b in state.untrue if b == UNTIL_HOME]
    if state.hospital_ms:
        stays.append(state.hospital_ms)
    nobody += [(at_ms, state.home_again(at_ms)) for at_ms in stays]
    if lived is not None:
        for i, leaves in enumerate(lived.leaves):
            if leaves:
                nobody.append((lived.ends[i], lived.starts[i + 1] if i + 1 < len(lived.starts) else NEVER_MS))
        home = state.rings.get(HOME)
        if home is not None:
            state.chatter.learn_before(home, start_ms, end_ms, nobody)
    state.outcomes.learn_before(end_ms, (end_ms - start_ms) / DAY_MS)


def _count_day(state: State, day: Day, words: list[Word]) -> None:
    """Count what was seen of a day, and test its habits: a channel that was dark for a while counts nothing."""
    if day.end_ms - day.start_ms > LONGEST_DAY_MS:
        return
    dark = {kind: [span for span in spans if day.touched([span])] for kind, spans in day.dark.items()}
    is_true = not day.touched(day.untrue)
    whole = is_true and day.watched_from_ms <= day.start_ms
    hours = [0] * 24
    for counts_by_hour in day.begun.values():
        for hour, count in enumerate(counts_by_hour):
            hours[hour - DAY_BEGINS_H] += count
    if dark and all(dark.values()):
        for start_ms in range(day.start_ms, day.end_ms, HOUR_MS):
            if all(any(a <= start_ms < b for a, b in spans) for spans in dark.values()):
                hours[day.hours.hour(start_ms) - DAY_BEGINS_H] = UNSEEN
    counts: dict[int, int] = {}
    habits: dict[str, list[float]] = {}
    lived = day.lived.get(HOME)
    if whole and lived is not None and not dark.get(HOME):
        stretches = len(lived.starts) - lived.first
        stirs = sum(day.begun[HOME][:NIGHT_UNTIL_H])
        out_ms = [lived.ends[i] for i in range(lived.first, len(lived.starts)) if lived.leaves[i]]
        outings = len(out_ms)
        counts = {DAYS: 1, OUTINGS: outings, STRETCHES: stretches - stirs, STIRS: stirs}
        pace = _pace(day, lived)
        habits = {PACE: [pace] if pace is not None else [], "sleep": [float(stirs)]}
        nights = sum([hour < NIGHT_UNTIL_H for hour in day.hours.hours_at(out_ms)])
        habits[NIGHTS_OUT] = [float(nights)]
        if stretches >= FEWEST_STRETCHES:
            habits[NIGHT_SHARE] = [TENTHS * stirs / stretches]
        if outings or state.weeks.goes_out:
            habits["outings"] = [float(outings)]
    if whole and PHONE in dark and not dark[PHONE]:
        counts[PHONE_DAYS] = 1
        habits["contacts"] = [float(sum([word.place == PHONE_CONTACT for word in words]))]
        if lived is None:
            habits[ACTIVITY] = [float(sum(day.begun.get(PHONE, [])))]
    if is_true:
        habits["answers"] = [float(one.place == ANSWERED) for one in words if one.place in (ANSWERED, UNANSWERED)]
        habits["doses"] = [float(one.place == TAKEN) for one in words if one.place in (TAKEN, MISSED)]
        habits["talks"] = [float(one.length) for one in words if one.place == ANSWERED and one.length]
        habits["dialogs"] = [float(one.length) for one in words if one.place == TALKS and one.length]
    state.weeks.learn_day(day.start_ms, day.hours, counts, hours)
    state.weeks.follow(day.end_ms, day.hours, robot=state.has_robot)
    state.chronic.learn_one({name: values for name, values in habits.items() if values}, day.end_ms, state.factor)


def _pace(day: Day, home: Stretches) -> float | None:
    """Return how many minutes of an hour at home the person was up and about, from 07 to 22 h; None where hardly at home.

    Counted in stretches of five minutes. Times of activity a day said less: a slower person's are as many nearly, only
    shorter, and who stays at home more has more of them.
    """
    from_ms = day.start_ms + (PACE_FROM_H - DAY_BEGINS_H) * HOUR_MS
    until_ms = day.start_ms + (PACE_UNTIL_H - DAY_BEGINS_H) * HOUR_MS
    home_ms = until_ms - from_ms
    stretches = 0
    count = len(home.starts)
    for i in range(count):
        start_ms, end_ms = home.starts[i], home.ends[i]
        if from_ms <= start_ms < until_ms:
            stretches += (end_ms - start_ms) // LINK_MS + 1
        if home.leaves[i]:
            back_ms = until_ms if i + 1 == count else min(home.starts[i + 1], until_ms)
            home_ms -= max(0, back_ms - max(end_ms, from_ms))
    if home_ms < LEAST_HOME_H * HOUR_MS:
        return None
    return stretches * (LINK_MS / 60_000) / (home_ms / HOUR_MS)


def _ends_in_alarm(state: State, end_ms: int) -> bool:
    """Tell whether the silence at the end of a day was longer than this household's longest ordinary one."""
    life_ms = max(state.life(end_ms), state.start_ms)
    how = state.profile.silence
    longest_h = state.rhythm.longest.deadline_h(how.longest_k, state.budgets[1], away=state.away(end_ms))
    return end_ms - life_ms > longest_h * HOUR_MS
