"""The ledger of one household by hand: which revisions are told, which incidents are one, what a close does, what is kept."""

from itertools import pairwise
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.findings import Finding
from schemas.actions import ActionKind, ResponderAction
from schemas.encode import encode
from schemas.incidents import Certainty, CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity, Urgency
from schemas.times import from_rfc3339, to_rfc3339
from streams.cases.acting import MOST_WAITING, Acted, Acting
from streams.cases.ended import KNOWN_MS, MOST_ENDED, SHOWN_MS
from streams.cases.ledger import MOST_OPEN, MOST_SEEN, QUIET_MS, Ledger
from streams.cases.revisions import Teller

START_MS = 1_788_188_400_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
TELLER = Teller("test")
BUTTON, GAS, SILENCE = IncidentKind.EMERGENCY_BUTTON, IncidentKind.GAS, IncidentKind.SILENCE


def emergency(at_ms: int, kind: IncidentKind = BUTTON, *, off: bool = False, **fields: Any) -> Finding:
    words: dict[str, Any] = {
        "source": "/sensors/gw",
        "device": "d",
        "event_id": f"e{at_ms}",
        "severity": Severity.SEVERE,
    }
    return Finding(
        kind=kind,
        change="clear" if off else "raise",
        urgency=Urgency.PAST if off else Urgency.IMMEDIATE,
        certainty=Certainty.OBSERVED,
        event_from_ms=at_ms,
        event_until_ms=at_ms,
        would_change="" if off else "clear",
        **(words | fields),
    )


def silence(raised_ms: int, change: Any = "raise", severity: Severity = Severity.SEVERE, **fields: Any) -> Finding:
    kind = fields.pop("kind", SILENCE)
    return Finding(
        kind=kind,
        change=change,
        severity=severity,
        urgency=Urgency.IMMEDIATE,
        certainty=Certainty.LIKELY,
        event_from_ms=raised_ms - HOUR_MS,
        event_until_ms=raised_ms,
        facts={"raised_ms": raised_ms},
        **fields,
    )


def action(incident: str, what: Any = "acknowledge", **fields: Any) -> ResponderAction:
    words = {"id": f"{what}-{incident}", "revision": 1, "who": "officer-1"} | fields
    return ResponderAction(household="h-1", incident=incident, action=what, at=to_rfc3339(START_MS), **words)


class Told:
    """A ledger, and everything it told, folded as a reader would."""

    def __init__(self) -> None:
        self.ledger = Ledger("h-1")
        self.all: list[Incident] = []
        self.gone: list[str] = []

    def note(self, revisions: list[Incident] | None) -> list[Incident]:
        self.all += revisions or []
        self.gone += self.ledger.ended.forgotten()
        return revisions or []

    def emergency(self, clock_ms: int, finding: Finding) -> list[Incident]:
        return self.note(self.ledger.take_emergency(TELLER, finding, clock_ms))

    def take(self, clock_ms: int, finding: Finding) -> list[Incident]:
        return self.note(self.ledger.take(TELLER, finding, clock_ms))

    def act(self, clock_ms: int, what: ResponderAction) -> str | None:
        acted = Acting(self.ledger, TELLER, clock_ms).act(what)
        self.note(acted.revisions)
        return None if acted.result is None else acted.result.reason

    def act_late(self, clock_ms: int) -> list[Acted]:
        found = Acting(self.ledger, TELLER, clock_ms).act_late()
        for acted in found:
            self.note(acted.revisions)
        return found

    def give_up(self, clock_ms: int) -> list[str]:
        return [one.reason for one in Acting(self.ledger, TELLER, clock_ms).give_up()]

    def wake(self, clock_ms: int) -> list[Incident]:
        revisions, gone = self.ledger.wake(clock_ms)
        self.gone += gone
        return self.note(revisions)

    @property
    def last(self) -> dict[str, Incident]:
        found: dict[str, Incident] = {}
        for one in self.all:
            before = found.get(one.id)
            assert before is None or one.revision == before.revision + 1, "a revision is missing or comes twice"
            found[one.id] = one
        return found

    def open(self, kind: IncidentKind | None = None) -> list[Incident]:
        return [one for one in self.last.values() if not one.ended and kind in (None, one.kind)]


# Which emergencies are one.


@pytest.mark.parametrize(("apart_ms", "lines"), [(MINUTE_MS, 1), (QUIET_MS, 5)])
def test_a_button_pressed_five_times_is_one_line_and_presses_ten_minutes_apart_are_five(
    apart_ms: int, lines: int
) -> None:
    told = Told()
    for n in range(5):
        at_ms = START_MS + n * apart_ms
        told.emergency(at_ms, emergency(at_ms))
    assert len(told.open()) == lines
    merged = [one for one in told.last.values() if one.cause is CloseCause.MERGED]
    assert len(merged) == 5 - lines
    assert all(one.references[-1].split("/")[0] == told.open()[0].id for one in merged)
    assert len({one.case for one in told.last.values()}) == 1


def test_the_same_button_an_hour_later_is_another_incident_of_the_same_case() -> None:
    told = Told()
    for at_ms in (START_MS, START_MS + HOUR_MS):
        told.emergency(at_ms, emergency(at_ms))
    first, second = told.open()
    assert first.id != second.id
    assert first.case == second.case


def test_a_repeated_emergency_opens_nothing_while_open_after_its_close_or_a_month_later() -> None:
    told = Told()
    (first,) = told.emergency(START_MS, emergency(START_MS))
    for clock_ms in (START_MS, START_MS + 3 * HOUR_MS):
        assert told.emergency(clock_ms, emergency(START_MS)) == []
    assert told.act(START_MS + HOUR_MS, action(first.id, "close", cause=CloseCause.HELPED)) == ""
    ended_ms = START_MS + HOUR_MS
    for clock_ms in (ended_ms, ended_ms + SHOWN_MS, ended_ms + KNOWN_MS - 1):
        told.wake(clock_ms)
        assert told.emergency(clock_ms, emergency(START_MS)) == []
    assert not told.open()
    # Negative control: another event of that moment is another emergency.
    assert told.emergency(clock_ms, emergency(START_MS, event_id="other"))


def test_a_graver_emergency_that_merges_makes_the_open_one_as_grave() -> None:
    told = Told()
    distress = IncidentKind.DISTRESS
    told.emergency(START_MS, emergency(START_MS, distress))
    told.emergency(START_MS + MINUTE_MS, emergency(START_MS + MINUTE_MS, distress, severity=Severity.EXTREME))
    (one,) = told.open()
    assert (one.severity, one.state, one.revision) == (Severity.EXTREME, IncidentState.ESCALATED, 3)
    # Negative control: one that is no graver changes nothing.
    told.emergency(START_MS + 2 * MINUTE_MS, emergency(START_MS + 2 * MINUTE_MS, distress))
    assert told.open() == [one]


# Off.


def test_a_hazards_off_tells_cleared_and_never_closes_and_anothers_off_clears_nothing() -> None:
    told = Told()
    told.emergency(START_MS, emergency(START_MS, GAS))
    assert told.emergency(START_MS + MINUTE_MS, emergency(START_MS + MINUTE_MS, GAS, off=True, device="other")) == []
    assert told.emergency(START_MS + MINUTE_MS, emergency(START_MS - 1, GAS, off=True)) == []
    (one,) = told.emergency(START_MS + MINUTE_MS, emergency(START_MS + MINUTE_MS, GAS, off=True))
    assert (one.cleared, one.ended, one.next_step) == (True, False, NextStep.FOLLOW_UP)
    told.wake(START_MS + KNOWN_MS)
    assert told.open() == [one]


def test_the_off_of_one_detector_does_not_clear_what_another_has_reported() -> None:
    told = Told()
    told.emergency(START_MS, emergency(START_MS, GAS, device="kitchen"))
    told.emergency(START_MS + 1, emergency(START_MS + 1, GAS, device="bath"))  # merges into the kitchen's
    later_ms = START_MS + MINUTE_MS
    assert told.emergency(later_ms, emergency(later_ms, GAS, off=True, device="kitchen")) == []
    (one,) = told.emergency(later_ms, emergency(later_ms, GAS, off=True, device="bath"))
    assert one.cleared


def test_a_hazard_that_comes_back_is_told_again_and_a_close_that_saw_it_cleared_is_refused() -> None:
    told = Told()
    told.emergency(START_MS, emergency(START_MS, GAS))
    (cleared,) = told.emergency(START_MS + MINUTE_MS, emergency(START_MS + MINUTE_MS, GAS, off=True))
    told.emergency(START_MS + 2 * MINUTE_MS, emergency(START_MS + 2 * MINUTE_MS, GAS))
    (one,) = told.open()
    assert (one.cleared, one.next_step, one.urgency) == (False, NextStep.CALL_119, Urgency.IMMEDIATE)
    seen = action(one.id, "close", id="c1", cause=CloseCause.DEVICE_FAULT, revision=cleared.revision)
    assert told.act(START_MS + 3 * MINUTE_MS, seen) == "changed_since"
    seen = action(one.id, "close", id="c2", cause=CloseCause.DEVICE_FAULT, revision=one.revision)
    assert told.act(START_MS + 3 * MINUTE_MS, seen) == ""


def test_an_alarm_that_arrives_after_its_off_leaves_the_incident_cleared() -> None:
    told = Told()
    told.emergency(START_MS, emergency(START_MS, GAS))
    told.emergency(START_MS + 5 * MINUTE_MS, emergency(START_MS + 5 * MINUTE_MS, GAS, off=True))
    told.emergency(START_MS + 6 * MINUTE_MS, emergency(START_MS + MINUTE_MS, GAS))
    (one,) = told.open()
    assert one.cleared


def test_a_detector_that_chatters_is_told_cleared_once_it_has_been_off_for_a_while() -> None:
    told = Told()
    told.emergency(START_MS, emergency(START_MS, GAS))
    for n in range(1, 40):
        at_ms = START_MS + n * 10_000
        told.wake(at_ms)
        told.emergency(at_ms, emergency(at_ms, GAS, off=n % 2 == 1))
    (one,) = told.open()
    assert one.revision <= 5
    told.wake(at_ms + QUIET_MS)
    (one,) = told.open()
    assert one.cleared
    assert one.revision <= 6


# Revisions.


def test_a_share_that_moves_by_ten_points_is_no_revision_and_by_eleven_it_is() -> None:
    for before, after, told_again in ((0.3, 0.4, False), (0.7, 0.6, False), (0.3, 0.41, True)):
        told = Told()
        told.take(START_MS, silence(START_MS, shares={"home": before}))
        told.take(START_MS + HOUR_MS, silence(START_MS, "update", shares={"home": after}))
        assert len(told.all) == 1 + told_again


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from([Severity.MODERATE, Severity.SEVERE, Severity.EXTREME]),
            st.integers(0, 20),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_at_most_one_revision_in_ten_minutes_unless_severity_rises_and_the_last_word_is_told(
    updates: list[tuple[int, Severity, int, bool]],
) -> None:
    told = Told()
    told.take(START_MS, silence(START_MS, shares={"home": 0.0}))
    clock_ms = START_MS
    for minutes, severity, twentieths, wakes in updates:
        clock_ms += minutes * MINUTE_MS
        if wakes:
            told.wake(clock_ms)
        last = silence(START_MS, "update", severity, shares={"home": twentieths / 20})
        told.take(clock_ms, last)
    times = [(one.at, one.severity.rank) for one in told.all]
    for (before, was), (after, is_now) in pairwise(times):
        assert is_now > was or from_rfc3339(after) - from_rfc3339(before) >= QUIET_MS
    told.wake(clock_ms + QUIET_MS)
    if updates:
        (one,) = told.open()
        assert one.severity is last.severity
        assert abs(one.shares["home"] - last.shares["home"]) <= 0.1001


def test_an_owner_is_kept_through_every_later_revision() -> None:
    told = Told()
    (first,) = told.take(START_MS, silence(START_MS, shares={"home": 1.0}))
    assert told.act(START_MS, action(first.id)) == ""
    told.take(START_MS + HOUR_MS, silence(START_MS, "update", shares={"home": 0.5}))
    told.take(START_MS + HOUR_MS, silence(START_MS, "update", Severity.EXTREME, shares={"home": 0.5}))
    told.take(START_MS + 2 * HOUR_MS, silence(START_MS, "clear"))
    assert [one.owner for one in told.all] == [None, *["officer-1"] * 4]
    assert [one.state.value for one in told.all] == ["opened", "acknowledged", "acknowledged", "escalated", "updated"]


def test_what_waited_is_said_by_whichever_revision_comes_first() -> None:
    told = Told()
    (first,) = told.take(START_MS, silence(START_MS, shares={"home": 1.0}))
    told.take(START_MS + MINUTE_MS, silence(START_MS, "update", shares={"home": 0.5}))
    assert len(told.all) == 1
    told.act(START_MS + MINUTE_MS, action(first.id))
    assert told.all[-1].shares == {"home": 0.5}
    told.wake(START_MS + HOUR_MS)
    assert len(told.all) == 2


def test_a_silence_withdrawn_and_raised_anew_while_the_clock_stands_is_told_as_another() -> None:
    told = Told()
    told.take(START_MS, silence(START_MS))
    told.take(START_MS, silence(START_MS, "withdraw"))
    told.take(START_MS, silence(START_MS))
    (one,) = told.open()
    assert one.revision == 1
    # Negative control: raised again while it is open, it is the same.
    told.take(START_MS, silence(START_MS))
    assert told.open() == [one]


def test_a_home_seen_again_closes_its_blindness_and_a_cleared_silence_goes_on_in_the_next() -> None:
    told = Told()
    told.take(START_MS, silence(START_MS, kind=IncidentKind.CANNOT_SEE))
    told.take(START_MS, silence(START_MS, "clear", kind=IncidentKind.CANNOT_SEE))
    assert [one.cause for one in told.last.values()] == [CloseCause.SOURCE_OUTAGE]
    told.take(START_MS, silence(START_MS))
    told.take(START_MS, silence(START_MS, "clear"))
    assert [one.cleared for one in told.open()] == [True]
    told.take(START_MS + HOUR_MS, silence(START_MS + HOUR_MS))
    assert [one.cleared for one in told.open()] == [False]


# Actions.


def test_a_close_is_refused_when_it_grew_graver_since_and_taken_by_whoever_saw_that() -> None:
    told = Told()
    (first,) = told.take(START_MS, silence(START_MS))
    told.take(START_MS + HOUR_MS, silence(START_MS, "update", Severity.EXTREME))
    close = {"cause": CloseCause.SAFE_AT_HOME}
    assert told.act(START_MS + HOUR_MS, action(first.id, "close", id="c1", revision=1, **close)) == "changed_since"
    assert len(told.open()) == 1
    told.act(START_MS + HOUR_MS, action(first.id, id="a1", revision=2))  # another revision, no graver
    assert told.act(START_MS + HOUR_MS, action(first.id, "close", id="c2", revision=2, **close)) == ""
    assert not told.open()


@pytest.mark.parametrize(
    ("cause", "reason"), [(CloseCause.NO_CONTACT, "no_contact_does_not_close"), (None, "cause_needed")]
)
def test_without_contact_or_cause_nothing_closes(cause: CloseCause | None, reason: str) -> None:
    told = Told()
    (first,) = told.emergency(START_MS, emergency(START_MS))
    assert told.act(START_MS, action(first.id, "close", revision=9, cause=cause)) == reason
    assert told.open() == [first]


def test_an_action_before_its_incident_is_kept_and_applied_and_each_is_answered_once() -> None:
    told, other = Told(), Told()
    (first,) = other.emergency(START_MS, emergency(START_MS))
    acknowledge = action(first.id)
    assert told.act(START_MS, acknowledge) == "kept_for_later"
    assert told.act(START_MS, acknowledge) is None
    told.emergency(START_MS, emergency(START_MS))
    (acted,) = told.act_late(START_MS)
    assert [one.owner for one in acted.revisions] == ["officer-1"]
    assert acted.result is not None
    assert acted.result.ok
    assert told.act(START_MS, acknowledge) is None
    assert told.ledger.waiting == ()


def test_an_action_on_an_incident_that_merged_at_once_is_answered_too() -> None:
    told, other = Told(), Told()
    (press,) = other.emergency(START_MS + 1, emergency(START_MS + 1))
    assert told.act(START_MS, action(press.id, "close", cause=CloseCause.HELPED)) == "kept_for_later"
    told.emergency(START_MS, emergency(START_MS))
    told.emergency(START_MS, emergency(START_MS + 1))
    (acted,) = told.act_late(START_MS)
    assert acted.result is not None
    assert (acted.result.reason, acted.close) == ("already_ended", None)
    assert told.ledger.waiting == ()


def test_an_incident_that_was_merged_again_and_again_is_acknowledged_where_it_goes_on() -> None:
    told = Told()
    names = []
    for n in range(4):  # life clears each, and it goes on in the next
        at_ms = START_MS + n * QUIET_MS
        names.append(told.take(at_ms, silence(at_ms))[0].id)
        if n < 3:
            told.take(at_ms + 1, silence(at_ms, "clear"))
    assert [told.last[name].cause for name in names] == [*[CloseCause.MERGED] * 3, None]
    assert told.act(START_MS + 4 * QUIET_MS, action(names[0], who="officer-7")) == ""
    (last,) = told.open(SILENCE)
    assert (last.id, last.acknowledged_by) == (names[-1], "officer-7")
    told.act(START_MS + 5 * QUIET_MS, action(names[-1], "close", cause=CloseCause.SAFE_AT_HOME, revision=last.revision))
    before = len(told.all)
    assert told.act(START_MS + 6 * QUIET_MS, action(names[1], id="later")) == "", (
        "it has ended: nothing is left to take"
    )
    assert len(told.all) == before


# Bounds.


def test_a_flood_of_alarms_is_bounded_and_does_not_end_a_silence_nobody_has_looked_at() -> None:
    told = Told()
    told.take(START_MS, silence(START_MS))
    for n in range(2_000):
        at_ms = START_MS + n * QUIET_MS
        told.emergency(at_ms, emergency(at_ms))
        told.wake(at_ms)
    ledger = told.ledger
    assert len(ledger.open) == MOST_OPEN
    assert len(ledger.ended) <= MOST_ENDED
    assert len(told.open(SILENCE)) == 1
    assert len(msgspec.msgpack.encode(ledger.state())) < 200_000
    # Whatever is no longer known has had its tombstone, or `incidents.open` would grow for ever.
    ended = {one.id for one in told.last.values() if one.ended}
    remembered = {one.id for one in ledger.ended.all()[ledger.ended.buried :]}
    assert sorted(told.gone) == sorted(ended - remembered)


def test_actions_without_end_fill_no_memory() -> None:
    told = Told()
    (first,) = told.emergency(START_MS, emergency(START_MS))
    for n in range(500):
        told.act(START_MS, action(f"unknown-{n}"))
        told.act(START_MS, action(first.id, "note", id=f"note-{n}"))
    assert len(told.ledger.waiting) == MOST_WAITING
    assert len(told.ledger.seen) == MOST_SEEN


def test_a_tombstone_follows_seven_days_after_the_end_and_once() -> None:
    told = Told()
    (first,) = told.emergency(START_MS, emergency(START_MS))
    told.act(START_MS, action(first.id, "close", cause=CloseCause.HELPED))
    told.wake(START_MS + SHOWN_MS - 1)
    assert told.gone == []
    assert told.ledger.wake_ms == START_MS + SHOWN_MS
    told.wake(told.ledger.wake_ms)
    assert told.gone == [first.id]
    told.wake(told.ledger.wake_ms)
    assert told.gone == [first.id]
    assert not told.ledger.ended


# State.


def _step(told: Told, rnd: Random, clock_ms: int) -> None:
    kind = rnd.choice([BUTTON, GAS, SILENCE, IncidentKind.CANNOT_SEE])
    if kind in (BUTTON, GAS):
        at_ms = clock_ms - rnd.randrange(2 * HOUR_MS)
        told.emergency(clock_ms, emergency(at_ms, kind, off=rnd.random() < 0.3, device=rnd.choice("ab")))
    else:
        raised = [one.raised_ms for one in told.ledger.open.values() if one.incident.kind is kind]
        change = rnd.choice(["raise", "update", "clear", "withdraw"]) if raised else "raise"
        shares = {name: rnd.random() for name in rnd.sample(["home", "phone", "calls"], 2)}
        severity = rnd.choice([*Severity][1:])
        raised_ms = raised[-1] if change != "raise" else clock_ms
        told.take(clock_ms, silence(raised_ms, change, severity, kind=kind, shares=shares))
    ids = [*told.ledger.open, *(one.id for one in told.ledger.ended.all()), "unknown"]
    if rnd.random() < 0.3:
        words = {"id": f"a{rnd.randrange(30)}", "cause": rnd.choice([*CloseCause]), "revision": rnd.randrange(5)}
        words |= {"referral": "meals", "until": to_rfc3339(clock_ms + rnd.randrange(15 * HOUR_MS))}
        told.act(clock_ms, action(rnd.choice(ids), rnd.choice(get_args(ActionKind)), **words))
    told.act_late(clock_ms)
    told.give_up(clock_ms)
    told.wake(clock_ms)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_a_ledger_that_is_restored_anywhere_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    rnd = Random(seed)
    one, other = Told(), Told()
    clock_ms = START_MS
    for n in range(80):
        clock_ms += rnd.randrange(2 * HOUR_MS) if rnd.random() < 0.9 else rnd.randrange(2 * SHOWN_MS)
        _step(one, Random(f"{seed} {n}"), clock_ms)
        _step(other, Random(f"{seed} {n}"), clock_ms)
        if rnd.random() < 0.3:
            other.ledger = Ledger.from_state(
                "h-1", msgspec.msgpack.decode(msgspec.msgpack.encode(other.ledger.state()))
            )
        assert other.ledger.wake_ms == one.ledger.wake_ms
    assert [encode(told) for told in one.all] == [encode(told) for told in other.all]
    assert one.gone == other.gone
    assert one.ledger.state() == other.ledger.state()
    one.last  # noqa: B018 - revisions follow on each other


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), st.lists, max_leaves=20))
def test_whatever_is_no_ledger_is_refused_with_a_value_error_or_its_like(state: Any) -> None:
    try:
        Ledger.from_state("h-1", state)
    except (ValueError, TypeError, IndexError, KeyError, msgspec.MsgspecError):
        return
    assert isinstance(state, list)


def test_what_is_known_of_one_home_is_not_known_of_its_neighbour() -> None:
    """Homes of which nothing was ever told share their empty parts: whoever writes must have made its own."""
    before = Ledger("h-2").state()
    one, beside = Told(), Ledger("h-2")
    one.note(one.ledger.take(TELLER, silence(START_MS), START_MS))
    assert len(one.ledger.open) == 1
    entry = next(iter(one.ledger.open.values()))
    one.note([one.ledger.end(TELLER, entry, CloseCause.SAFE_AT_HOME, START_MS, said_ms=START_MS)])
    one.ledger.note_given(START_MS, START_MS, "desk")
    assert one.ledger.ended
    assert one.ledger.state() != before
    assert beside.state() == Ledger("h-3").state() == before
    assert Ledger.from_state("h-1", msgspec.msgpack.decode(msgspec.msgpack.encode(one.ledger.state()))).state() == (
        one.ledger.state()
    )
