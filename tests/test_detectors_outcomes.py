"""What responders found: how it moves a home's silence budget, what devices stir by themselves, and that learning waits."""

from typing import NamedTuple

import msgspec
import pytest
from detector_homes import GATEWAY, Home, at
from detector_streams import event
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.chatter import MOST_DEVICES, Chatter
from detectors.episodes import Episodes
from detectors.hours import DAY_MS, HOUR_MS
from detectors.household import Household
from detectors.outcomes import LEAST, MOST, MOST_WAITING, Outcomes
from schemas.events import Event
from schemas.incidents import CloseCause, IncidentKind
from schemas.profiles import DEFAULT_PROFILE

SILENCE = IncidentKind.SILENCE
FALSE = (CloseCause.SAFE_AT_HOME, CloseCause.SAFE_AWAY, CloseCause.WRONG_CONTACT)
REAL = (CloseCause.HELPED, CloseCause.EMERGENCY, CloseCause.HOSPITAL)


def learned(*causes: CloseCause, kind: IncidentKind = SILENCE) -> Outcomes:
    """Closings, one a day, learned."""
    outcomes = Outcomes()
    for day, cause in enumerate(causes):
        outcomes.hear(kind, cause, at(day, 12))
        outcomes.learn_before(at(day + 1, 4), 1.0)
    return outcomes


# The budget of a home.


@pytest.mark.parametrize("cause", FALSE)
def test_a_false_alarm_makes_the_home_wait_longer(cause: CloseCause) -> None:
    assert LEAST < learned(cause).factor < 1.0


@pytest.mark.parametrize("cause", REAL)
def test_a_real_one_makes_the_home_wait_less(cause: CloseCause) -> None:
    assert 1.0 < learned(cause).factor < MOST
    assert 1.0 < learned(cause, kind=IncidentKind.FALL).factor < MOST


def test_other_closings_say_nothing_of_the_homes_budget() -> None:
    for cause in set(CloseCause) - {*FALSE, *REAL}:
        assert learned(cause).factor == 1.0
    assert learned(CloseCause.SAFE_AT_HOME, kind=IncidentKind.MISSED_MEDICATION).factor == 1.0
    assert learned(CloseCause.HELPED, kind=IncidentKind.MISSED_MEDICATION).factor == 1.0


def test_the_factor_stays_within_its_bounds_whatever_is_closed() -> None:
    assert learned(*[CloseCause.SAFE_AT_HOME] * 100).factor == LEAST
    assert learned(*[CloseCause.HELPED] * 100).factor == MOST


def test_what_was_found_is_forgotten_slowly() -> None:
    outcomes = learned(*[CloseCause.SAFE_AT_HOME] * 2)
    before = outcomes.factor
    outcomes.learn_before(at(184, 4), 182.0)
    assert before < outcomes.factor < 1.0
    assert outcomes.false == pytest.approx(1.0, rel=0.01)


def test_several_incidents_of_one_day_count_once() -> None:
    one, many = Outcomes(), Outcomes()
    one.hear(SILENCE, CloseCause.SAFE_AT_HOME, at(0, 12))
    for hour in range(12, 20):
        many.hear(SILENCE, CloseCause.SAFE_AT_HOME, at(0, hour))
    for outcomes in (one, many):
        outcomes.learn_before(at(1, 4), 1.0)
    assert one.state() == many.state()


def test_what_waits_is_bounded() -> None:
    outcomes = Outcomes()
    for minute in range(1000):
        outcomes.hear(SILENCE, CloseCause.SAFE_AT_HOME, at(0, 12) + minute)
    assert len(outcomes.waiting) == MOST_WAITING


@pytest.mark.parametrize(("cause", "later"), [(CloseCause.SAFE_AT_HOME, True), (CloseCause.HELPED, False)])
def test_the_deadline_moves_with_what_was_found_and_not_before_the_day_is_learned(
    cause: CloseCause, *, later: bool
) -> None:
    told, untold = Home(), Home()
    due = []
    for home in (told, untold):
        home.live(15)
        if home is told:
            home.model.settle(SILENCE, cause, at(15, 5), home.model.clock_ms)
        home.take([*home.reports(at(15, 4), at(15, 8)), *home.moves(at(15, 7))])
        due.append([home.due()])
        home.live(3, from_day=15)
        due[-1].append(home.due())
    assert due[0][0] == due[1][0]
    assert (due[0][1] > due[1][1]) is later
    assert due[0][1] != due[1][1]


def test_no_number_of_false_alarms_makes_a_home_later_than_the_fixed_hours() -> None:
    home = Home()
    home.live(15, until_hour=12)
    home.model._state.outcomes.false = 1e6
    assert home.due() <= at(14, 12) + DEFAULT_PROFILE.silence.fixed_h * HOUR_MS


# Devices that stir where nobody is.


def chattering(*, away: bool, cause: CloseCause | None = None) -> Home:
    """A home whose sensor `attic` stirs alone every hour for a day, while the person is out or not."""
    home = Home()
    home.live(14)
    events = [*home.reports(at(14, 4), at(15, 4)), *home.moves(at(14, 7))]
    if away:
        events.append(event("door", at(14, 7.1), device="front door", state="on"))
    if cause is not None:
        home.model.settle(SILENCE, cause, at(14, 12), at(14, 4))
    events += [event("motion", at(14, hour), device="attic", state="on") for hour in range(8, 20)]
    home.take([*events, *home.moves(at(14, 20.5))])
    home.live(3, from_day=15)
    return home


def test_a_device_that_stirs_while_the_person_is_out_lowers_a_silence_less() -> None:
    due = {}
    for away in (True, False):
        home = chattering(away=away)
        home.take([*home.reports(at(18, 4), at(18, 12)), *home.moves(at(18, 8))])
        home.tell("motion", at(18, 10), device="attic", state="on")
        due[away] = home.due()
    assert due[True] < due[False]
    assert chattering(away=False).model._state.chatter.alone == {}


def test_a_silence_that_was_a_devices_fault_counts_its_lone_triggers_against_it() -> None:
    assert chattering(away=False, cause=CloseCause.DEVICE_FAULT).model._state.chatter.alone != {}
    assert chattering(away=False, cause=CloseCause.SOURCE_OUTAGE).model._state.chatter.alone == {}


def test_a_triggers_weight_lies_between_nothing_and_the_whole() -> None:
    chatter, ring = Chatter(), Episodes()
    for hour in range(4, 28):
        ring.learn_one(at(0, hour), "attic", sure=False)
    before = 1.0
    for _ in range(50):
        chatter.learn_before(ring, at(0, 4) - 1, at(1, 4), [(at(0, 0), at(2, 0))])
        (device,) = chatter.alone
        assert 0.0 < chatter.share(device, 4.0) < before + 1e-9
    assert chatter.share(device, 4.0) < 0.1
    assert chatter.share(device + 1, 4.0) == 1.0


def test_the_devices_that_are_remembered_are_bounded() -> None:
    chatter, ring = Chatter(), Episodes()
    for number in range(90):
        ring.learn_one(at(0, 5) + number * 16 * 60_000, f"m{number}", sure=False)
    chatter.learn_before(ring, at(0, 4), at(1, 4), [(at(0, 4), at(1, 4))])
    assert len(chatter.alone) == MOST_DEVICES


# Any order of arrival within 30 hours.


class Said(NamedTuple):
    """A closing: of what, why, when its incident opened and when it was said."""

    kind: IncidentKind
    cause: CloseCause
    opened_ms: int
    said_ms: int


CLOSINGS = (
    Said(SILENCE, CloseCause.SAFE_AT_HOME, at(14, 17), at(14, 19)),
    Said(SILENCE, CloseCause.SAFE_AWAY, at(16, 16), at(16, 18)),
    Said(SILENCE, CloseCause.DEVICE_FAULT, at(18, 17), at(18, 17.5)),
    Said(IncidentKind.FALL, CloseCause.HELPED, at(19, 10), at(19, 11)),
    Said(SILENCE, CloseCause.HOSPITAL, at(20, 15), at(20, 16)),
    Said(IncidentKind.UNANSWERED_CALLS, CloseCause.WRONG_CONTACT, at(21, 12), at(21, 13)),
)
WAITS = st.integers(0, 30 * 60)
"""Minutes by which something may come late."""


def _days() -> list[Event]:
    home = Home()
    events = [*home.reports(at(14, 4), at(25, 4))]
    quiet = {14: (9, 21), 16: (9, 27), 18: (8, 22), 20: (9, 27), 21: (0, 20)}
    for day in range(14, 25):
        for minute in range(7 * 60 + day % 5, 22 * 60, 60):
            from_h, until_h = quiet.get(day, (0, 0))
            if not from_h <= minute / 60 < until_h:
                events += home.moves(at(day, minute / 60))
    events += [event("door", at(16, 8.9), device="front door", state="on")]
    return events + [
        event("motion", at(day, hour), device="attic", state="on") for day in (16, 18) for hour in (12, 15)
    ]


DAYS = _days()
BLOCKS = 22
"""Events of one half day arrive together: as a batch that a gateway kept back."""


def _known() -> bytes:
    home = Home()
    home.live(14)
    return home.model.snapshot()


KNOWN = _known()


def lived(event_waits: list[int], closing_waits: list[int], *, restored_after: int | None = None) -> bytes:
    """What is learned of eleven days whose events and closings come so many minutes late."""
    model = Household.from_snapshot(KNOWN, DEFAULT_PROFILE, Home().record)
    arriving: list[tuple[int, int, Event | Said]] = []
    for place, one in enumerate(DAYS):
        block = (one.at_ms - at(14, 4)) // (DAY_MS // 2)
        arriving.append((one.at_ms + event_waits[block % BLOCKS] * 60_000, place, one))
    for place, said in enumerate(CLOSINGS):
        arriving.append((said.said_ms + closing_waits[place] * 60_000, len(DAYS) + place, said))
    for number, (clock_ms, _, one) in enumerate(sorted(arriving, key=lambda each: each[:2])):
        if number == restored_after:
            model = Household.from_snapshot(model.snapshot(), DEFAULT_PROFILE, Home().record)
        while model.wake_ms <= clock_ms and model.clock_ms < clock_ms:
            model.advance(min(clock_ms, max(model.wake_ms, model.clock_ms + 600_000)))
        if isinstance(one, Said):
            model.settle(one.kind, one.cause, one.opened_ms, clock_ms, one.said_ms)
        else:
            model.learn_one(one, clock_ms)
    while model.learned_ms < at(24, 4):
        model.advance(model.clock_ms + HOUR_MS)
    assert model._state.outcomes.waiting == ()
    return model.rhythm()


IN_TIME = lived([0] * BLOCKS, [0] * len(CLOSINGS))


@settings(max_examples=12, deadline=None)
@given(st.lists(WAITS, min_size=BLOCKS, max_size=BLOCKS), st.lists(WAITS, min_size=6, max_size=6))
def test_any_order_within_30_hours_leaves_the_same_model(event_waits: list[int], closing_waits: list[int]) -> None:
    assert lived(event_waits, closing_waits) == IN_TIME


@settings(max_examples=6, deadline=None)
@given(st.integers(0, len(DAYS)))
def test_a_restart_anywhere_leaves_the_same_model(after: int) -> None:
    assert lived([0] * BLOCKS, [0] * len(CLOSINGS), restored_after=after) == IN_TIME


def test_negative_control_closings_after_their_day_was_learned_leave_another_model() -> None:
    assert lived([0] * BLOCKS, [72 * 60] * len(CLOSINGS)) != IN_TIME


def test_negative_control_the_closings_matter() -> None:
    without = msgspec.msgpack.decode(IN_TIME)
    false, real = without[10][0]
    assert false > 0
    assert real > 0
    assert without[10][1][1] != []


def test_the_gateway_of_these_homes_reports_by_itself() -> None:
    """Or the silences of these tests would be outages, and prove nothing."""
    assert GATEWAY.expect_every_s
