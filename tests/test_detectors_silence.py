"""Silence: its deadline, its two clocks, what ends it, what an officer's numbers change."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from detector_homes import CALLS, GATEWAY, MINUTE_MS, PHONE, Home, at

from detectors.alarm import EXTREME_FROM
from detectors.certainty import certainty_of, chance_of, rate_of
from detectors.findings import Finding
from detectors.hours import HOUR_MS
from schemas.households import Source
from schemas.incidents import Certainty, IncidentKind, Severity, Urgency
from schemas.profiles import DEFAULT_PROFILE, Profile, SilenceProfile

SILENCE = IncidentKind.SILENCE


def with_silence(**changes: Any) -> Profile:
    return msgspec.structs.replace(
        DEFAULT_PROFILE, id="p", silence=msgspec.structs.replace(SilenceProfile(), **changes)
    )


def settled_home(*sources: Source, per_hour: int = 3, night: bool = False, **fields: Any) -> Home:
    """A home after two ordinary weeks at noon of day 14, last seen minutes ago; nothing is learned before 10:15 next day.

    `night`: at 4 in the morning after, last seen at 21:44.
    """
    home = Home(*sources, **fields)
    home.live(15, per_hour=per_hour, until_hour=22 if night else 12)
    home.pass_time(at(14, 28 if night else 12))
    assert home.raised() == []
    home.said.clear()  # calls were perhaps asked for in the first days
    return home


# The deadline.


@pytest.mark.parametrize("step_ms", [MINUTE_MS, 11 * MINUTE_MS, 50 * MINUTE_MS, 20 * HOUR_MS])
def test_the_deadline_known_in_advance_is_the_moment_it_is_raised_whatever_the_steps(step_ms: int) -> None:
    home = settled_home(msgspec.structs.replace(GATEWAY, expect_every_s=0))
    due_ms = home.due()
    assert home.model.due(reports_continue=False)[SILENCE] == due_ms
    home.pass_time(due_ms - 1, step_ms=step_ms)
    assert home.raised() == []
    home.pass_time(due_ms + 2 * HOUR_MS, step_ms=step_ms)
    assert home.raised() == [due_ms]
    (first,) = home.findings(SILENCE, "raise")
    assert (first.deadline_ms, first.event_from_ms) == (due_ms, home.model.last_life_ms)


def test_the_deadline_holds_while_heartbeats_go_on() -> None:
    home = settled_home()
    due_ms = home.due()
    home.pass_time(due_ms + HOUR_MS, reports=True)
    assert home.raised() == [due_ms]
    assert at(14, 14) < due_ms < at(14, 21)  # in the afternoon: the home is usually never still for so long


def test_the_deadline_waits_for_what_a_batch_has_yet_to_tell() -> None:
    home = settled_home(PHONE)
    due_ms = home.due()
    told_ms = due_ms + 3 * HOUR_MS
    home.pass_time(told_ms)
    assert home.raised() == []  # nobody knows what the phone saw since noon
    for one in home.reports(at(14, 12), due_ms + HOUR_MS):
        home.take([one], late_ms=told_ms - one.at_ms)
    home.pass_time(told_ms + 2 * MINUTE_MS)
    (raised,) = home.findings(SILENCE, "raise")
    assert raised.deadline_ms == due_ms
    assert home.raised()[0] > told_ms


def test_a_sign_of_life_just_before_the_deadline_moves_it() -> None:
    home = settled_home()
    due_ms = home.due()
    home.take([*home.reports(at(14, 12), due_ms), *home.moves(due_ms - MINUTE_MS)])
    home.pass_time(due_ms + HOUR_MS, reports=True)
    assert home.raised() == []
    assert home.due() > due_ms + HOUR_MS


def test_nothing_is_raised_in_ordinary_days() -> None:
    home = Home()
    home.live(24)
    assert home.said == []


def test_the_rhythm_is_the_homes_own() -> None:
    """By day a home that stirs every ten minutes is missed sooner than one that stirs once an hour."""
    busy, calm = settled_home(per_hour=6), settled_home(per_hour=1)
    busy.take(busy.moves(at(14, 12)))
    calm.take(calm.moves(at(14, 12)))
    assert busy.due() < calm.due() - HOUR_MS // 2


def test_who_sleeps_is_missed_later_than_who_is_up() -> None:
    day, night = settled_home(), settled_home(night=True)
    assert day.due() - _last(day) < night.due() - _last(night) - 2 * HOUR_MS


def _last(home: Home) -> int:
    assert home.model.last_life_ms is not None
    return home.model.last_life_ms


def test_a_longer_silence_scores_higher_and_asking_about_the_future_changes_nothing() -> None:
    home = settled_home()
    clock_ms = home.model.clock_ms
    scores = [home.model.score_one(clock_ms + h * HOUR_MS) for h in range(8)]
    assert all(a is not None and b is not None and a < b for a, b in pairwise(scores))
    assert home.model.clock_ms == clock_ms


# The clocks.


def test_three_clocks_alarm_as_one_and_each_of_them_counts() -> None:
    """No clock alarms alone, and where one waits for more deviations all wait longer: the sum is what alarms."""
    plain = settled_home(night=True)
    due_ms = plain.due()
    plain.pass_time(due_ms, reports=True)
    (raised,) = plain.findings(SILENCE, "raise")
    assert raised.facts["clock"] == "together"
    later = [
        settled_home(night=True, profile=with_silence(**one)).due() for one in ({"longest_k": 5.0}, {"begun_k": 12.0})
    ]
    assert min(later) > due_ms
    regular = settled_home(night=True)
    regular.model._state.rhythm.threshold.weekly += 2.0
    assert regular.due() > due_ms, "so does a home whose silences ordinarily score higher"


def test_who_falls_silent_at_an_hour_at_which_silences_are_short_is_missed_sooner() -> None:
    """After two weeks of half hours by day and nights of nine, noon and bedtime have deadlines of their own."""
    noon, night = settled_home(), settled_home(night=True)
    assert night.due() - _last(night) > noon.due() - _last(noon) + 2 * HOUR_MS


def test_out_or_carried_the_longest_ordinary_silence_alarms_alone() -> None:
    sooner, later = (settled_home(PHONE, night=True, profile=with_silence(longest_k=k)) for k in (0.5, 50.0))
    for home in (sooner, later):
        home.pass_time(at(15, 23), reports=True)
    first, last = sooner.findings(SILENCE, "raise")[0], later.findings(SILENCE, "raise")[0]
    assert (first.facts["clock"], last.facts["clock"]) == ("longest", "fixed")
    assert sooner.raised()[0] < later.raised()[0]


def test_no_household_is_later_than_the_fixed_hours() -> None:
    home = settled_home()
    home.take(home.moves(at(14, 12)))
    home.model.apply_profile(with_silence(fixed_h=3.0), home.model.clock_ms)
    home.pass_time(at(14, 16), reports=True)
    (raised,) = home.findings(SILENCE, "raise")
    assert raised.facts["clock"] == "fixed"
    assert raised.facts["raised_ms"] == at(14, 15)


def test_nothing_is_judged_before_the_shortest_silence() -> None:
    home = settled_home(profile=with_silence(shortest_h=20.0))
    home.take(home.moves(at(14, 12)))
    home.pass_time(at(15, 7), reports=True)
    assert home.raised() == []
    home.pass_time(at(15, 9), reports=True)
    assert home.raised() == [at(14, 32)]


# What an officer sets.


def test_sensitivity_moves_the_deadline() -> None:
    deadlines = {}
    for sensitivity in (0.25, 1.0, 4.0, 400.0):
        home = settled_home(sensitivity=sensitivity)
        deadlines[sensitivity] = home.due()
    assert deadlines[4.0] < deadlines[1.0] < deadlines[0.25]
    assert deadlines[400.0] == deadlines[4.0]  # a slip of the finger alarms at most as a 4 does


def test_a_latest_hour_of_silence_always_alarms() -> None:
    strict, free = settled_home(night=True, latest_silence_h=10.0), settled_home(night=True)
    for home in (strict, free):
        home.pass_time(at(15, 8), reports=True)
    assert strict.raised() == [_last(strict) + 10 * HOUR_MS]
    assert strict.findings(SILENCE)[0].facts["clock"] == "latest"
    assert free.raised() == []


def test_a_latest_hour_alarms_even_in_the_warm_up_and_nothing_else_does() -> None:
    strict, free = Home(latest_silence_h=6.0), Home()
    for home in (strict, free):
        home.take(home.moves(at(0, 9)))
        home.pass_time(at(0, 24), reports=True)
    assert strict.raised() == [at(0, 15)]
    assert free.raised() == []
    assert free.model.score_one() is None  # warming up is nothing, never zero
    free.pass_time(at(2, 5), reports=True)
    assert free.raised() == [at(2, 4)]  # the warm-up ends after 48 hours


def test_the_silence_detector_can_be_switched_off_but_for_the_latest_hour() -> None:
    off = with_silence(enabled=False)
    quiet, strict = settled_home(profile=off), settled_home(profile=off, latest_silence_h=30.0)
    for home in (quiet, strict):
        home.pass_time(at(16, 4), reports=True)
    assert quiet.raised() == []
    assert len(strict.raised()) == 1


def test_a_new_profile_counts_from_the_moment_it_is_applied() -> None:
    home = settled_home()
    before = home.due()
    home.model.apply_profile(with_silence(fixed_h=2.5), home.model.clock_ms)
    assert home.due() < before
    assert home.model.profile.id == "p"


# What ends a silence, and what does not.


def test_life_after_the_deadline_clears_and_does_not_close() -> None:
    home = settled_home()
    due_ms = home.due()
    home.pass_time(due_ms + HOUR_MS, reports=True)
    home.take(home.moves(due_ms + HOUR_MS + 5 * MINUTE_MS))
    home.pass_time(due_ms + HOUR_MS + 7 * MINUTE_MS)
    cleared = home.findings(SILENCE)[-1]
    assert (cleared.change, cleared.urgency) == ("clear", Urgency.PAST)
    assert cleared.facts["raised_ms"] == due_ms
    assert cleared.last_life_ms == due_ms + HOUR_MS + 5 * MINUTE_MS


def test_a_silence_that_life_has_cleared_is_withdrawn_all_the_same_when_late_evidence_comes() -> None:
    home = settled_home()
    due_ms = home.due()
    home.pass_time(due_ms + HOUR_MS, reports=True)
    home.take(home.moves(due_ms + HOUR_MS + MINUTE_MS))
    home.pass_time(due_ms + 2 * HOUR_MS, reports=True)
    assert home.findings(SILENCE)[-1].change == "clear"
    for one in home.moves(due_ms - HOUR_MS):
        home.take([one], late_ms=4 * HOUR_MS)
    home.pass_time(due_ms + 3 * HOUR_MS + 2 * MINUTE_MS)
    assert home.findings(SILENCE)[-1].change == "withdraw"
    assert home.findings(SILENCE)[-1].facts["raised_ms"] == due_ms


def test_one_lone_motion_is_a_ghost_and_two_are_a_person() -> None:
    lone, two, none = (settled_home() for _ in range(3))
    lone.tell("motion", at(14, 13), device="m-hall", state="on")
    two.tell("motion", at(14, 13), device="m-hall", state="on")
    two.tell("motion", at(14, 13.1), device="m-bath", state="on")
    for home in (lone, two, none):
        home.pass_time(at(14, 13.2))
    assert lone.model.last_life_ms == none.model.last_life_ms
    assert two.model.last_life_ms == at(14, 13.1)
    assert none.due() < lone.due() < two.due()
    lone.pass_time(lone.due() + HOUR_MS, reports=True)
    assert lone.findings(SILENCE, "raise")[0].facts["ghosts"] == 1


def test_a_ghost_lowers_the_score_by_so_much_and_never_calms_more_than_a_person() -> None:
    mild, strong, proof, none = (settled_home(profile=with_silence(ghost_nats=n)) for n in (1.0, 50.0, 0.0, 0.0))
    for home in (mild, strong):
        home.pass_time(at(14, 16), reports=True)
        home.tell("motion", at(14, 16), device="m-hall", state="on")
    proof.pass_time(at(14, 16), reports=True)
    proof.tell("door", at(14, 16), state="on")
    assert none.due() < mild.due() < strong.due() == proof.due()


def test_one_motion_repeated_by_its_gateway_stays_one() -> None:
    home = settled_home()
    for _ in range(3):
        home.tell("motion", at(14, 13), device="m-hall", state="on")
    assert home.model.last_life_ms != at(14, 13)


@pytest.mark.parametrize(
    ("kind", "data", "lives"),
    [
        ("door", {"state": "on"}, True),
        ("door", {"state": "off"}, True),
        ("water", {"value": 2.0}, True),
        ("water", {"value": 0.0}, False),
        ("motion", {"state": "off"}, False),
        ("motion", {"count": 5, "over_s": 300.0}, True),
        ("motion", {"count": 1, "over_s": 300.0}, False),
        ("motion", {"count": 0, "over_s": 300.0}, False),
        ("temperature", {"value": 21.0}, False),
        ("power", {"value": 900.0}, False),
        ("heartbeat", {}, False),
        ("medication_missed", {}, False),
        ("medication_taken", {}, True),
    ],
)
def test_what_is_a_sign_of_life(kind: str, data: dict[str, Any], lives: bool) -> None:
    home = Home()
    home.tell(kind, at(0, 9), **data)
    assert (home.model.last_life_ms == at(0, 9)) is lives


@pytest.mark.parametrize(
    ("kind", "data", "lives"),
    [
        ("unlock", {}, True),
        ("call_in_answered", {}, True),
        ("steps", {"value": 40.0}, True),
        ("steps", {"value": 0.0}, False),
        ("power_off", {}, False),
        ("complete_until", {"until_ms": at(0, 9)}, False),
    ],
)
def test_only_active_use_of_a_phone_is_a_sign_of_life(kind: str, data: dict[str, Any], lives: bool) -> None:
    home = Home(PHONE)
    home.tell(kind, at(0, 9), "/phone/app", **data)
    assert (home.model.last_life_ms == at(0, 9)) is lives


# Away.


def test_whoever_went_out_is_missed_later_and_less_surely() -> None:
    at_home, out = settled_home(), settled_home()
    for home, way_out in ((at_home, False), (out, True)):
        home.tell("door", at(14, 12), device="balcony", state="on", exit=way_out)
    assert out.model.explain()["away"]
    assert out.due() > at_home.due() + 2 * HOUR_MS
    out.pass_time(out.due() + HOUR_MS, reports=True)
    (raised,) = out.findings(SILENCE, "raise")
    assert (raised.severity, raised.certainty) == (Severity.MODERATE, Certainty.POSSIBLE)
    assert raised.facts["away"] == 1


def test_the_fixed_hours_count_double_while_somebody_is_known_to_be_out() -> None:
    """Or each trip would be an alarm."""
    at_home, out = settled_home(), settled_home()
    for home, way_out in ((at_home, False), (out, True)):
        home.tell("door", at(14, 12), device="balcony", state="on", exit=way_out)
        home.model.apply_profile(with_silence(fixed_h=3.0), home.model.clock_ms)
    assert (at_home.due(), out.due()) == (at(14, 15), at(14, 18))


def test_away_ends_with_what_proves_that_somebody_came_back() -> None:
    home = settled_home()
    home.tell("door", at(14, 13), device="front", state="on", exit=True)
    home.tell("motion", at(14, 15), device="m-hall", state="on")
    assert home.model.explain()["away"]  # a ghost does not come home
    home.tell("motion", at(14, 15.1), device="m-bath", state="on")
    assert not home.model.explain()["away"]


@pytest.mark.parametrize("device", ["front-door", "OutsideDoor", "현관", "main_door"])
def test_a_door_may_be_a_way_out_by_its_name(device: str) -> None:
    home = settled_home()
    home.tell("door", at(14, 13), device=device, state="on")
    assert home.model.explain()["away"]


# What is told of it.


def test_severity_grows_with_time_and_with_unanswered_calls() -> None:
    slow, called = settled_home(GATEWAY, CALLS), settled_home(GATEWAY, CALLS)
    due_ms = slow.due()
    slow.pass_time(due_ms + 13 * HOUR_MS, reports=True)
    grown = slow.findings(SILENCE, "update")
    assert slow.findings(SILENCE, "raise")[0].severity is Severity.SEVERE
    extreme = next(one for one in grown if one.severity is Severity.EXTREME)
    assert due_ms < extreme.event_until_ms <= due_ms + 13 * HOUR_MS
    assert extreme.chance is not None
    assert extreme.chance >= EXTREME_FROM
    called.pass_time(due_ms + MINUTE_MS, reports=True)
    for i, minute in enumerate((10, 40)):
        called.tell("checkin_no_answer", due_ms + minute * MINUTE_MS, "/calls/p", number=i + 1)
    called.pass_time(due_ms + HOUR_MS, reports=True)
    assert called.findings(SILENCE)[-1].severity is Severity.EXTREME


def test_a_share_that_moves_is_worth_a_revision_and_hours_alone_are_not() -> None:
    one, two = settled_home(), settled_home(GATEWAY, PHONE)
    for home in (one, two):
        home.pass_time(home.due() + HOUR_MS, reports=True)
        if home is two:
            home.tell("power_off", home.model.clock_ms, "/phone/app")
        home.pass_time(home.raised()[0] + 11 * HOUR_MS, reports=True)
    first, *more = one.findings(SILENCE)
    # Hours alone tell once that it has become likely, and once that it is as good as sure.
    assert len(more) <= 2
    assert all((each.certainty, each.severity) != (first.certainty, first.severity) for each in more)
    first, *moved = two.findings(SILENCE)
    assert all(each.change == "update" for each in moved)
    assert moved[-1].shares["home"] > first.shares["home"] + 0.05


def test_an_unanswered_call_brings_the_deadline_nearer_and_an_answered_one_moves_it_away() -> None:
    plain, unanswered, answered = (settled_home(GATEWAY, CALLS) for _ in range(3))
    due_ms = plain.due()
    unanswered.tell("checkin_no_answer", at(14, 13), "/calls/p")
    answered.tell("checkin_answered", at(14, 13), "/calls/p")
    for home in (unanswered, answered):
        home.pass_time(at(14, 13.1))
    assert unanswered.due() < due_ms < answered.due()
    unanswered.pass_time(due_ms, reports=True)
    (raised,) = unanswered.findings(SILENCE, "raise")
    assert raised.facts["unanswered"] == 1
    assert raised.shares["calls"] > 0
    assert sum(raised.shares.values()) == pytest.approx(1.0, abs=0.01)


def test_every_finding_but_an_emergency_names_its_raising() -> None:
    home = settled_home(GATEWAY, CALLS)
    home.pass_time(at(16, 4), reports=True)
    home.take(home.moves(at(16, 4.1)))
    home.pass_time(at(18, 4))
    kinds = {(one.kind, one.change) for one in home.said if isinstance(one, Finding)}
    assert kinds >= {(SILENCE, "raise"), (SILENCE, "update"), (SILENCE, "clear"), (IncidentKind.CANNOT_SEE, "raise")}
    assert all(isinstance(one.facts["raised_ms"], int) for one in home.said if isinstance(one, Finding))


# How sure a silence is.


def test_a_silence_becomes_likely_a_collapse_as_it_goes_on_and_says_how_likely() -> None:
    home = settled_home()
    home.pass_time(home.due() + 8 * HOUR_MS, reports=True)
    first, *later = home.findings(SILENCE)
    assert first.certainty is Certainty.POSSIBLE
    assert first.chance is not None
    chances = [one.chance for one in later if one.chance is not None]
    assert chances == sorted(chances)
    assert chances[-1] > first.chance
    for one in (first, *later):
        assert one.certainty is (Certainty.LIKELY if one.chance and one.chance > 0.5 else Certainty.POSSIBLE)


def test_the_homes_record_moves_the_certainty() -> None:
    chances = []
    for false, real in ((4.0, 0.0), (0.0, 0.0), (0.0, 2.0)):
        home = settled_home()
        state = home.model._state
        silence, _ = state.verdict(reports_continue=True, clock_ms=home.due())
        state.outcomes.false, state.outcomes.real = false, real
        chances.append(chance_of(state, silence, home.model.clock_ms + 6 * HOUR_MS) or 0.0)
    assert chances[0] < chances[1] < chances[2]


def test_at_its_deadline_a_silence_is_as_rare_as_the_budget_says() -> None:
    """By the clock that raised it, so much as rounding to minutes allows."""
    home = settled_home()
    due_ms = home.due()
    home.pass_time(due_ms + MINUTE_MS, reports=True)
    state = home.model._state
    silence, _ = state.verdict()
    assert rate_of(state, silence, due_ms) == pytest.approx(state.profile.silence_budget, rel=0.1)


def test_what_was_not_seen_before_a_silence_began_makes_it_no_more_ordinary() -> None:
    home = settled_home()
    state = home.model._state
    silence = state.verdict(reports_continue=True, clock_ms=home.due())[0]._replace(blind=[])
    at_ms, since_ms = silence.since_ms + 8 * HOUR_MS, silence.since_ms
    rate = rate_of(state, silence, at_ms)
    before = [(since_ms - 12 * HOUR_MS, since_ms - HOUR_MS)]
    assert rate_of(state, silence._replace(blind=before), at_ms) == rate
    # Negative control: hours within it do.
    within = [(since_ms + HOUR_MS, since_ms + 7 * HOUR_MS)]
    assert rate_of(state, silence._replace(blind=within), at_ms) > rate_of(state, silence._replace(blind=before), at_ms)


def test_of_a_silence_away_from_home_nothing_is_said() -> None:
    home = settled_home()
    state = home.model._state
    silence, _ = state.verdict()
    assert chance_of(state, silence._replace(away=True), home.model.clock_ms) is None
    assert certainty_of(None) is Certainty.POSSIBLE
