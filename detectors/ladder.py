"""The check-in ladder: whom to ask next about a home, until when an answer helps, and when an officer must know. Pure.

The registry's rungs are asked in its order, the cheapest first. Where the time does not suffice for all of them, those
are asked that together are most likely to reach somebody before an officer must know.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Final, Literal, NamedTuple

from detectors.hours import LocalHours
from schemas.households import HouseholdRecord, Need, Rung
from schemas.incidents import Severity
from schemas.vocabulary import Ask

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
PATIENCE_MS: Final[dict[Ask, int]] = {
    "prompt": 5 * MINUTE_MS,
    "robot": 10 * MINUTE_MS,
    "checkin_call": 15 * MINUTE_MS,
    "sms": 30 * MINUTE_MS,
    "guardian": 30 * MINUTE_MS,
    "neighbour": 30 * MINUTE_MS,
}
"""How long an answer is waited for before the next one is asked."""
OFTEN: Final[dict[Ask, float]] = {"prompt": 0.3, "sms": 0.5, "robot": 0.5, "guardian": 0.7, "neighbour": 0.5}
"""How often each is supposed to answer: assumed, not measured. It is where learning begins; see `Home.chance`."""
UNANSWERED_FACTOR: Final = 0.5
"""Each call that this silence has left unanswered halves the hope in the next one."""
OFFICER_AFTER_MS: Final[dict[Severity, int]] = {
    Severity.MINOR: 12 * HOUR_MS,
    Severity.MODERATE: 4 * HOUR_MS,
    Severity.SEVERE: HOUR_MS,
    Severity.EXTREME: 0,
}
"""The ladder's whole time: an officer knows at the latest this long after the incident opened, or grew so grave."""
RESIDENT: Final[frozenset[Ask]] = frozenset({"prompt", "sms", "checkin_call", "robot"})
"""Asked of the person; the others are asked about the person."""
SPOKEN: Final[frozenset[Ask]] = frozenset({"checkin_call", "robot"})
CALL: Final = Rung("checkin_call", quiet_from="21:00", quiet_until="08:00")
"""What is asked where the registry lists nobody."""
MOST_WEIGHED: Final = 10
"""Rungs among which the best choice is looked for; a registry that lists more than this is asked in its order."""

Skip = Literal["no_time", "quiet_hours", "cannot_hear", "cannot_speak", "no_consent", "budget"]
Told = Literal["no_rung_left", "grave"]


class Home(NamedTuple):
    """What is known of whom may be asked, and of how they answer."""

    record: HouseholdRecord
    hours: LocalHours
    answer_rate: Callable[[int], float]
    """Probability that the person answers a call in a local hour."""
    unanswered: int = 0
    """Calls since the last sign of life that nobody answered."""
    calls_left: bool = True
    """The month's budget of machine calls is not spent."""
    chance: Callable[[Ask], float] = OFTEN.__getitem__
    """Probability that a question of a kind is answered in time; of calls `answer_rate` knows more."""


class Case(NamedTuple):
    """What it is about: how grave, since when, and who was asked already."""

    severity: Severity
    since_ms: int
    """UTC milliseconds from which the ladder's time counts."""
    asked: Sequence[Ask]
    """Rungs asked or passed over so far, in their order."""


class Question(NamedTuple):
    """Whom to ask now, and until when to wait for an answer, UTC milliseconds."""

    rung: Rung
    deadline_ms: int


class Turn(NamedTuple):
    """What to do now: ask, wait for somebody's quiet hours to end, or tell an officer."""

    question: Question | None = None
    wait_ms: int = 0
    """Nothing is asked before this moment, UTC milliseconds; 0 when there is no waiting."""
    waits_for: Rung | None = None
    """Whose quiet hours end then."""
    told: Told | None = None
    """Why an officer must know now; a question that comes with it is asked beside."""
    skipped: tuple[tuple[Ask, Skip], ...] = ()
    """Rungs passed over for good, and why."""


def has_ladder(record: HouseholdRecord | None) -> bool:
    """Tell whether the registry lists anybody to be asked before an officer."""
    return record is not None and bool(record.ladder) and record.ladder[0].ask != "officer"


def officer_ms(case: Case) -> int:
    """Return when an officer must know at the latest, UTC milliseconds."""
    return case.since_ms + OFFICER_AFTER_MS[case.severity]


def turn(home: Home, case: Case, now_ms: int) -> Turn:
    """Return what to do now, nobody's answer being waited for."""
    left, skipped = _usable(home, case)
    must_ms = officer_ms(case)
    if case.severity is Severity.EXTREME:
        loud = [rung for rung in left if _may_ask_now(home, rung, case.severity, now_ms)]
        best = max(loud, key=lambda rung: _hope(home, rung, now_ms), default=None)
        beside = None if best is None else Question(best, now_ms + PATIENCE_MS[best.ask])
        return Turn(beside, told="grave", skipped=tuple(skipped))
    open_now: list[Rung] = []
    waits: list[tuple[Rung, int]] = []
    for rung in left:
        if _may_ask_now(home, rung, case.severity, now_ms):
            open_now.append(rung)
            continue
        end_ms = _quiet_until(home, rung, now_ms)
        if end_ms + PATIENCE_MS[rung.ask] <= must_ms:
            waits.append((rung, end_ms))
        else:
            skipped.append((rung.ask, "quiet_hours"))
    chosen = _likeliest(home, open_now, now_ms, must_ms - now_ms)
    first = min((left.index(rung) for rung in chosen), default=len(left))
    waiting = next(((rung, end_ms) for rung, end_ms in waits if left.index(rung) < first), None)
    if waiting is not None:
        return Turn(wait_ms=waiting[1], waits_for=waiting[0], skipped=tuple(skipped))
    if not chosen:
        skipped += [(rung.ask, "no_time") for rung in open_now]
        return Turn(told="no_rung_left", skipped=tuple(skipped))
    passed = [rung for rung in open_now if left.index(rung) < first]
    skipped += [(rung.ask, "no_time") for rung in passed]
    rung = chosen[0]
    return Turn(Question(rung, now_ms + PATIENCE_MS[rung.ask]), skipped=tuple(skipped))


def first_to_resident(home: Home) -> Rung | None:
    """Return the first rung that may be put to the resident, whatever the hour; None where there is none.

    For the questions before an alarm: they ask at night too, for what would follow is a visit at night. Where the
    registry lists nobody at all, a call.
    """
    return next(iter(_to_resident(home)), None)


def first_to_resident_now(home: Home, severity: Severity, now_ms: int) -> Rung | None:
    """Return the first rung that may be put to the resident at this hour; None where there is none.

    Where the registry lists nobody it names no quiet hours either: those of `CALL` hold.
    """
    return next((rung for rung in _to_resident(home) if _may_ask_now(home, rung, severity, now_ms)), None)


def calls_to_resident(home: Home) -> list[Rung]:
    """Return the calls that the registry lists and that may be made to this person, whatever the hour."""
    return [rung for rung in _to_resident(home) if rung.ask == "checkin_call" and rung in home.record.ladder]


def _to_resident(home: Home) -> list[Rung]:
    if not home.record.ladder:
        return [] if _why_not(home, CALL, home.record.ladder) else [CALL]
    left, _ = _usable(home, Case(Severity.SEVERE, 0, ()))
    return [rung for rung in left if rung.ask in RESIDENT]


def _usable(home: Home, case: Case) -> tuple[list[Rung], list[tuple[Ask, Skip]]]:
    """Return rungs before the officer that have not been asked and may be, in the registry's order; and those that may not."""
    asked = list(case.asked)
    ladder = home.record.ladder
    left: list[Rung] = []
    skipped: list[tuple[Ask, Skip]] = []
    for rung in ladder:
        if rung.ask == "officer":
            break
        if rung.ask in asked:
            asked.remove(rung.ask)
            continue
        why = _why_not(home, rung, ladder)
        if why is None:
            left.append(rung)
        else:
            skipped.append((rung.ask, why))
    return left, skipped


def _why_not(home: Home, rung: Rung, ladder: Sequence[Rung]) -> Skip | None:
    """Return why somebody may not be asked at all."""
    needs = home.record.needs
    if rung.ask in SPOKEN and Need.HEARING in needs:
        return "cannot_hear"
    # Where nothing else is listed, a call is made all the same: picking it up is an answer.
    if rung.ask in SPOKEN and Need.SPEECH in needs and any(one.ask in ("prompt", "sms") for one in ladder):
        return "cannot_speak"
    channel = {"robot": "/robot/", "checkin_call": "/calls/"}.get(rung.ask)
    refused = [source for source in home.record.sources if not source.consent]
    if channel is not None and any(source.source.startswith(channel) for source in refused):
        return "no_consent"
    if rung.ask == "checkin_call" and not home.calls_left:
        return "budget"
    return None


def _may_ask_now(home: Home, rung: Rung, severity: Severity, now_ms: int) -> bool:
    """Tell whether it is nobody's quiet hour, or grave enough to ask all the same.

    The person is asked through theirs from `Severe` on, for an officer at the door is louder than a call; guardians and
    neighbours from `Extreme` on.
    """
    loud_from = Severity.SEVERE if rung.ask in RESIDENT else Severity.EXTREME
    return severity.rank >= loud_from.rank or not _is_quiet(rung, home.hours.minute(now_ms))


def _is_quiet(rung: Rung, minute: int) -> bool:
    if not (rung.quiet_from and rung.quiet_until):
        return False
    start, end = _minute(rung.quiet_from), _minute(rung.quiet_until)
    return start <= minute < end if start <= end else minute >= start or minute < end


def _quiet_until(home: Home, rung: Rung, now_ms: int) -> int:
    return home.hours.next_at(now_ms, _minute(rung.quiet_until))


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _hope(home: Home, rung: Rung, now_ms: int) -> float:
    """Return how likely it is that an answer comes."""
    if rung.ask == "checkin_call":
        return home.answer_rate(home.hours.hour(now_ms)) * UNANSWERED_FACTOR**home.unanswered
    return home.chance(rung.ask)


def _likeliest(home: Home, rungs: list[Rung], now_ms: int, left_ms: int) -> list[Rung]:
    """Return those of the rungs that fit into the time left and together are most likely to reach somebody, in order.

    All of them where all fit. Of equals, the ones that stand first.
    """
    if sum(PATIENCE_MS[rung.ask] for rung in rungs) <= left_ms:
        return rungs
    weighed = rungs[:MOST_WEIGHED]
    fitting = [
        chosen
        for size in range(1, len(weighed) + 1)
        for chosen in combinations(weighed, size)
        if sum(PATIENCE_MS[rung.ask] for rung in chosen) <= left_ms
    ]
    best = max(fitting, key=lambda chosen: 1.0 - _missing(home, chosen, now_ms), default=())
    return list(best)


def _missing(home: Home, rungs: Iterable[Rung], now_ms: int) -> float:
    """Return the chance that none of these rungs reaches anybody."""
    missing = 1.0
    for rung in rungs:
        missing *= 1 - _hope(home, rung, now_ms)
    return missing
