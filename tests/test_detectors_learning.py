"""What is learned, when, by whose statistics, and what is erased."""

import math
import random
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from detector_homes import CALLS, GATEWAY, MINUTE_MS, PHONE, Home, at
from river import stats

from detectors.episodes import COMPANY_MS, LINK_MS, MOST, Episodes
from detectors.fading import Fading
from detectors.hazard import EDGES_MS, HazardTable, bucket, row_of
from detectors.hours import DAY_MS, HOUR_MS, hours_of
from detectors.longest import LongestSilence
from detectors.rhythm import Rhythm
from detectors.threshold import Threshold, population_threshold
from schemas.events import FUTURE_TOLERANCE_MS
from schemas.incidents import IncidentKind

SILENCE = IncidentKind.SILENCE
SEOUL = hours_of("Asia/Seoul")


# Learning waits.


def test_a_day_is_learned_when_no_event_of_it_can_come_any_more() -> None:
    home = Home()
    home.live(1)
    learned_ms = home.model.learned_ms
    home.pass_time(at(1, 4) + 30 * HOUR_MS, step_ms=10 * MINUTE_MS)
    assert home.model.learned_ms == learned_ms
    assert home.model.rhythm_version == 0
    home.pass_time(at(1, 4) + 32 * HOUR_MS, step_ms=10 * MINUTE_MS)
    assert home.model.learned_ms == at(1, 4)
    assert home.model.rhythm_version == 1


def test_an_event_29_hours_late_is_learned_and_one_of_a_learned_day_is_not() -> None:
    in_time, late, too_late, without = Home(), Home(), Home(), Home()
    extra = in_time.moves(at(0, 23.5))
    for home, wait_h in ((in_time, 0.0), (late, 29.0), (too_late, 60.0), (without, None)):
        home.live(1)
        if wait_h is not None:
            home.take(extra, late_ms=int(wait_h * HOUR_MS))
        home.pass_time(at(4, 4), step_ms=10 * MINUTE_MS)
    assert in_time.model.rhythm() == late.model.rhythm()
    assert too_late.model.rhythm() == without.model.rhythm() != late.model.rhythm()


def test_an_event_ahead_of_its_arrival_is_no_sign_of_life() -> None:
    """Or a wrong clock would hide a death for as long as it runs ahead."""
    ahead, tolerable = Home(), Home()
    for home, by_ms in ((ahead, FUTURE_TOLERANCE_MS + 1), (tolerable, FUTURE_TOLERANCE_MS)):
        home.pass_time(at(0, 9))
        home.tell("door", at(0, 9) + by_ms, state="on", late_ms=-by_ms)
    assert ahead.model.last_life_ms is None
    assert tolerable.model.last_life_ms is not None


def test_a_batch_that_claims_to_be_complete_until_tomorrow_is_not_believed() -> None:
    home = Home(PHONE)
    home.pass_time(at(0, 9))
    home.tell("complete_until", at(0, 9), "/phone/app", until_ms=at(1, 9))
    home.pass_time(at(0, 16))
    assert home.model.blind


def test_a_day_that_ends_in_an_alarming_silence_is_not_learned() -> None:
    """Score, decide, learn: or the model would come to expect that nobody moves."""
    home = Home()
    home.live(15, until_hour=12)
    home.pass_time(at(15, 12), reports=True)
    days = home.model.explain()["days_learned"]
    home.pass_time(at(19, 12), reports=True)
    assert home.raised() != []
    assert home.model.explain()["days_learned"] == days


def test_the_day_in_which_the_watching_began_says_nothing_of_a_longest_silence() -> None:
    evening, morning = Home(start_ms=at(0, 20)), Home()
    for home, hour in ((evening, 20), (morning, 4)):
        home.take([*home.reports(at(0, hour), at(3, 4)), *home.moves(at(0, 21)), *home.moves(at(1, 3))])
        home.pass_time(at(2, 12))
    assert evening.model.explain()["usual_longest_h"] == 8.0
    assert morning.model.explain()["usual_longest_h"] < 8.0


def test_the_table_learns_nothing_of_an_outage() -> None:
    home = Home()
    home.live(12)
    home.take([*home.reports(at(12, 4), at(12, 9)), *home.moves(at(12, 8))])
    home.take([*home.reports(at(12, 17), at(12, 28)), *home.moves(at(12, 17))])
    rhythm = home.model._state.rhythm
    how = home.model.profile.silence
    noon = row_of(1, 12)
    before = rhythm.rates("home", how, away=False)[noon + 7 : noon + 10].tolist()
    home.live(2, from_day=13)
    assert home.model.learned_ms > at(12, 27)
    after = rhythm.rates("home", how, away=False)[noon + 7 : noon + 10].tolist()
    assert after == pytest.approx(before, rel=0.03)  # hours of silence at noon, on a weekend


def test_a_silence_that_was_ordinary_after_all_makes_the_next_one_less_alarming() -> None:
    home = Home()
    home.live(14)
    home.take([*home.reports(at(14, 4), at(14, 24)), *home.moves(at(14, 8)), *home.moves(at(14, 21.7))])
    assert len(home.raised()) == 1
    threshold = home.model.explain()["threshold"]
    home.live(3, from_day=15)
    assert home.model.explain()["threshold"] > threshold


def test_a_clock_that_jumps_by_years_is_not_walked_day_by_day() -> None:
    home = Home()
    home.live(3)
    version = home.model.rhythm_version
    home.model.advance(at(0, 4) + 20 * 365 * DAY_MS)
    assert home.model.rhythm_version - version < 100
    assert home.model.wake_ms > home.model.clock_ms


# river's statistics at work.


@pytest.mark.parametrize("half_life", [7.0, 30.0])
def test_a_fading_mean_is_rivers_and_its_variance_too(half_life: float) -> None:
    """With a constant factor river's own estimators give the same numbers, once the count has settled."""
    fading = Fading(half_life)
    factor = 1.0 - 0.5 ** (1.0 / half_life)
    mean, square = stats.EWMean(fading_factor=factor), stats.EWMean(fading_factor=factor)
    variance = stats.EWVar(fading_factor=factor)
    for i in range(2000):
        x = 8.0 + math.sin(i)
        fading.learn_one(x)
        mean.update(x)
        square.update(x * x)
        variance.update(x)
    assert fading.mean == pytest.approx(mean.get(), rel=1e-9)
    assert fading.square - fading.mean**2 == pytest.approx(variance.get(), rel=1e-6)


def test_the_first_values_weigh_alike() -> None:
    fading = Fading(1e9)
    for x in (1.0, 2.0, 6.0):
        fading.learn_one(x)
    assert fading.mean == pytest.approx(3.0)
    assert fading.square == pytest.approx(41.0 / 3.0)


def test_every_household_learns_by_rivers_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean and spread of its longest silences, and how often its calls are answered, pass through river."""
    learned: list[float] = []

    def spying(update: Callable[..., Any]) -> Callable[..., Any]:
        def watched(self: Any, x: float) -> Any:
            learned.append(x)
            return update(self, x)

        return watched

    monkeypatch.setattr(stats.EWMean, "update", spying(stats.EWMean.update))
    for sources in ((GATEWAY,), (PHONE,), (CALLS,)):
        learned.clear()
        home = Home(*sources)
        home.live(6)
        for day in range(6):
            home.tell("checkin_answered", at(6, 5) + day, "/calls/p", number=day + 1)
        home.pass_time(at(10, 4), reports=True)
        assert learned, sources
        if sources != (CALLS,):
            assert any(9.0 < hours < 9.5 for hours in learned)  # the night, 21:44 to 07:00


def test_negative_control_without_river_the_usual_silence_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    learned, unlearned = Home(), Home()
    learned.live(10)
    monkeypatch.setattr(stats.EWMean, "get", lambda _: 0.0)
    unlearned.live(10)
    assert learned.model.explain()["usual_longest_h"] > 8.5
    assert unlearned.model.explain()["usual_longest_h"] < 4.0


# Parts.


def test_a_longest_silence_is_drawn_towards_the_population_and_then_becomes_the_homes_own() -> None:
    longest = LongestSilence()
    means = [longest.usual()[0]]
    for _ in range(60):
        longest.learn_one(4.0)
        means.append(longest.usual()[0])
    assert means[0] == 8.0
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(4.0, abs=0.5)
    assert longest.usual(away=True)[0] == 10.0  # days at home say nothing of outings


def test_an_absence_of_days_is_no_ordinary_longest_silence() -> None:
    longest = LongestSilence()
    longest.learn_one(30.0)
    assert longest.usual()[0] == 8.0


def test_a_smaller_budget_waits_longer_on_both_clocks() -> None:
    longest, threshold = LongestSilence(), Threshold()
    budgets = [1.0, 0.3, 0.1, 0.05, 0.01]
    hours = [longest.deadline_h(3.0, budget) for budget in budgets]
    nats = [threshold.score_one(budget) for budget in budgets]
    assert hours == sorted(hours)
    assert nats == sorted(nats)
    assert population_threshold(1e-9) == 12.0
    assert population_threshold(1e9) == 4.4


def test_a_home_of_wilder_silences_has_a_higher_threshold() -> None:
    calm, wild = Threshold(), Threshold()
    for i in range(300):
        calm.learn_one(3.0 + (i % 7) * 0.3, at(0, 4) + i * 6 * HOUR_MS)
        wild.learn_one(3.0 + (i % 7) * 1.5, at(0, 4) + i * 6 * HOUR_MS)
    assert wild.score_one(0.1) > calm.score_one(0.1) + 1.0


def test_every_peak_over_the_threshold_counts() -> None:
    once, often = Threshold(), Threshold()
    for i in range(40):
        often.learn_one(often.weekly + 5.0, at(0, 4) + i * 7 * DAY_MS)
    once.learn_one(once.weekly + 5.0, at(0, 4) + 39 * 7 * DAY_MS)
    assert often.score_one(0.01) - often.weekly > 2 * (once.score_one(0.01) - once.weekly)


def test_an_event_belongs_to_the_bucket_just_before_it() -> None:
    """Clocks that bin by five minutes would else give absurd scores."""
    table = HazardTable("home")
    start_ms = at(0, 10)
    table.learn_one(SEOUL, start_ms, start_ms + EDGES_MS[3])
    learned = table.rates(away=False, k0_h=1e-6, k1_h=1e-6, floor_per_h=0.0)
    place = row_of(0, 10) + bucket(EDGES_MS[3])
    assert learned[place - 1] > 1.0
    assert learned[place] == pytest.approx(
        HazardTable("home").rates(away=False, k0_h=1e-6, k1_h=1e-6, floor_per_h=0.0)[place]
    )


def test_what_was_learned_long_ago_fades() -> None:
    table = HazardTable("home")
    for day in range(20):
        table.learn_one(SEOUL, at(day, 10), at(day, 10) + 15 * MINUTE_MS)
    how = {"away": False, "k0_h": 5.0, "k1_h": 8.0, "floor_per_h": 0.0}
    fresh, prior = table.rates(**how), HazardTable("home").rates(**how)  # type: ignore[arg-type]
    table.fade(1e-6)
    faded = table.rates(**how)  # type: ignore[arg-type]
    place = row_of(0, 10) + 1
    assert abs(faded[place] - prior[place]) < 0.01 < abs(fresh[place] - prior[place])


def test_signs_of_life_within_five_minutes_are_one_episode() -> None:
    ring = Episodes()
    for i in range(5):
        ring.learn_one(at(0, 9) + i * LINK_MS)
    assert [(one.start, one.end) for one in ring.proofs()] == [(at(0, 9), at(0, 9) + 4 * LINK_MS)]
    ring.learn_one(at(0, 9) + 5 * LINK_MS + 1)
    assert len(ring) == 2


@pytest.mark.parametrize(("apart_ms", "proves"), [(COMPANY_MS, True), (COMPANY_MS + 1, False)])
def test_a_lone_motion_is_confirmed_by_company_within_a_quarter_of_an_hour(apart_ms: int, proves: bool) -> None:
    ring = Episodes()
    ring.learn_one(at(0, 9), "m-hall", sure=False)
    ring.learn_one(at(0, 9) + apart_ms, "m-bath", sure=False)
    assert (len(list(ring.proofs())) == 2) is proves


def test_a_ring_forgets_the_oldest_and_never_the_last_proof_of_life() -> None:
    ring = Episodes()
    for i in range(3 * MOST):
        ring.learn_one(at(0, 9) + i * 10 * LINK_MS)
    assert len(ring) == MOST
    last_ms = ring.last.end
    ring.forget_before(last_ms + DAY_MS)
    assert [one.end for one in ring.proofs()] == [last_ms]


def test_what_a_forgotten_neighbour_proved_outlives_it() -> None:
    ring = Episodes()
    ring.learn_one(at(0, 9), "m-hall", sure=False)
    ring.learn_one(at(0, 9) + 10 * MINUTE_MS, "m-bath", sure=False)
    ring.forget_before(at(0, 10))
    assert [one.start for one in ring.proofs()] == [at(0, 9) + 10 * MINUTE_MS]


def test_a_ghost_in_a_long_silence_is_remembered() -> None:
    ring = Episodes()
    ring.learn_one(at(0, 9))
    for hour in (11, 13):
        ring.learn_one(at(0, hour), "m-hall", sure=False)
    ring.forget_before(at(3, 4))
    assert ring.last_ghost(at(0, 9), at(9, 4)) == at(0, 13)
    assert len(ring) == 2


def _row(first: int, kinds: bytes, apart: list[int], *others: int) -> list[Any]:
    return [first, struct.pack(f"<{len(apart)}Q", *apart), kinds, list(others)]


@pytest.mark.parametrize(
    "row",
    [
        _row(at(0, 9), b"\1\1", [0, (1 << 64) - HOUR_MS, 0]),
        _row(at(0, 9), b"\1\1", [0, (1 << 63) - 1, 0]),
        _row(-(1 << 63), b"\1\1", [0, HOUR_MS, 0]),
        _row(at(0, 9), b"\0\0", [0, HOUR_MS, 0], -1, -5),
    ],
    ids=["backwards", "over the end of numbers", "before all time", "no device"],
)
def test_damaged_episodes_are_refused_or_they_would_stop_the_next_checkpoint_or_give_another_ring(
    row: list[Any],
) -> None:
    with pytest.raises(ValueError, match=r"out of order|no checksum"):
        Episodes.from_state(row)


def test_negative_control_the_same_rows_undamaged_are_the_ring_they_were() -> None:
    for row in (
        _row(at(0, 9), b"\1\1", [0, 1 << 33, 0]),
        _row(at(0, 9), b"\0\0", [0, 1 << 33, 0], 1, 5),
        _row(at(0, 9), b"\3\5", [HOUR_MS, 1 << 33, HOUR_MS], 60_000),
    ):
        assert Episodes.from_state(row).state() == row


@pytest.mark.parametrize("mean", [-1.0, math.inf, math.nan, 1e300, None])
def test_damaged_hours_are_refused_or_no_view_could_be_made_of_the_home(mean: float | None) -> None:
    rhythm = Rhythm()
    state = rhythm.state()
    rhythm.restore(state)
    assert rhythm.usual() == [0.0] * 24
    state[3] = [*state[3][:23], mean]
    with pytest.raises((ValueError, TypeError)):
        rhythm.restore(state)


# Consent.


def test_what_a_source_has_taught_is_erased_when_its_consent_is_withdrawn() -> None:
    home = Home(GATEWAY, PHONE)
    home.live(10)
    never = Home(GATEWAY)
    never.live(10)
    withdrawn = msgspec.structs.replace(home.record, sources=[GATEWAY, msgspec.structs.replace(PHONE, consent=False)])
    version = home.model.rhythm_version
    home.said += home.model.apply_record(withdrawn, at(10, 4))
    assert home.model.rhythm_version > version
    assert not home.model.consents("/phone/app")
    assert home.model.consents("/sensors/gw")
    rows = home.model.hot() + home.model.rhythm()
    assert b"phone" not in rows
    assert b"home" in rows
    assert home.raised() == []  # erasing the last sign of life is no collapse
    assert (home.model.score_one() or 0.0) < 1.0


def test_a_source_without_consent_is_not_listened_to() -> None:
    home = Home(GATEWAY, PHONE)
    home.model.apply_record(
        msgspec.structs.replace(home.record, sources=[GATEWAY, msgspec.structs.replace(PHONE, consent=False)]), at(0, 4)
    )
    before = home.model.snapshot()
    home.tell("unlock", at(0, 4) + 1000, "/phone/app")
    assert home.model.snapshot() == before
    assert home.model.last_life_ms is None


def test_consent_that_is_given_again_begins_from_nothing() -> None:
    home = Home(GATEWAY, PHONE)
    home.live(6)
    refused = msgspec.structs.replace(home.record, sources=[GATEWAY, msgspec.structs.replace(PHONE, consent=False)])
    home.model.apply_record(refused, at(6, 4))
    home.model.apply_record(home.record, at(6, 5))
    assert b"phone" not in home.model.rhythm().replace(b"/phone/app", b"")
    home.live(4, from_day=6)
    assert b"phone" in home.model.rhythm().replace(b"/phone/app", b"")


def test_the_answers_to_calls_are_erased_with_their_consent() -> None:
    home = Home(GATEWAY, CALLS)
    for day in range(10):
        home.tell("checkin_no_answer", at(day, 10), "/calls/p", number=day + 1)
    assert home.model.explain()["unanswered_in_a_row"] > 0
    refused = msgspec.structs.replace(home.record, sources=[GATEWAY, msgspec.structs.replace(CALLS, consent=False)])
    home.model.apply_record(refused, home.model.clock_ms)
    assert home.model.explain()["unanswered_in_a_row"] == 0
    assert home.model.explain()["answer_rate"][9] == 0.8


def test_a_phone_whose_owner_never_leaves_it_lying_is_missed_sooner_and_nobody_later() -> None:
    rng = random.Random(5)
    regular, uneven = LongestSilence("phone"), LongestSilence("phone")
    for _ in range(90):
        regular.learn_one(7.5 + rng.uniform(-1.0, 1.0))
        uneven.learn_one(9.0 + rng.gauss(0.0, 2.5) + (6.0 if rng.random() < 0.05 else 0.0))
    for budget in (1.0, 0.3, 0.1, 0.05):
        without = [LongestSilence("phone"), LongestSilence("phone")]
        for one, known in zip(without, (regular, uneven), strict=True):
            one.restore(known.state())
        assert regular.deadline_h(3.0, budget) < without[0].deadline_h(3.0, budget) - 1.0
        assert uneven.deadline_h(3.0, budget) <= without[1].deadline_h(3.0, budget)
        assert regular.deadline_h(3.0, budget) > 8.5  # the longest that there was


def test_a_home_whose_rows_know_no_tail_waits_as_before() -> None:
    longest, before = LongestSilence("phone"), LongestSilence("phone")
    for day in range(60):
        longest.learn_one(7.0 + day % 3 / 2)
    before.restore(longest.state())
    before.restore_tail([])
    assert before.tail_state() == []
    assert before.deadline_h(3.0, 0.05) > longest.deadline_h(3.0, 0.05)


def test_the_budget_of_a_silence_is_that_whose_deadline_it_reaches() -> None:
    longest = LongestSilence("phone")
    for day in range(60):
        longest.learn_one(7.0 + day % 5 / 2)
    for budget in (2.0, 0.5, 0.1, 0.05, 0.01):
        assert longest.budget_at(3.0, longest.deadline_h(3.0, budget)) == pytest.approx(budget)


def test_home_sensors_have_no_tail() -> None:
    longest = LongestSilence()
    for day in range(60):
        longest.learn_one(7.0 + day % 3 / 2)
    assert longest.tail_state() == []
