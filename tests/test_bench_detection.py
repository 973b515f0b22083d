"""The truncation benchmark: its yardstick, what it lets a model see, and that it can tell a better rule from a worse one."""

import itertools
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from detector_streams import START_MS, event

from detectors.findings import Output
from detectors.hours import DAY_MS, HOUR_MS
from load_tests.bench_detection.__main__ import main
from load_tests.bench_detection.goals import rows
from load_tests.bench_detection.homes import (
    MINUTE_MS,
    Batch,
    Home,
    Moments,
    before,
    cuts_of,
    home_of,
    proofs_of,
    read_homes,
)
from load_tests.bench_detection.lines import cuddihy, deadlines_under
from load_tests.bench_detection.measure import (
    Outcome,
    Point,
    fastest,
    interval,
    outcome_of_played,
    outcome_of_rule,
    wholly_worse,
)
from load_tests.bench_detection.play import Model, household_for, play, profile_for
from load_tests.bench_detection.rules import PUBLISHED, longest, oracle, poisson, rules_for
from load_tests.bench_detection.tables import tables
from schemas.events import Event
from schemas.incidents import IncidentKind

ROOT = Path(__file__).resolve().parents[1]
Maker = Callable[[Sequence[Batch]], Model]


def lived(days: int, *, seed: int = 3, from_day: int = 0) -> list[Event]:
    """Ordinary synthetic days: rooms and the fridge from 7 to 22, some nights, an outing each third day."""
    drawn = random.Random(seed)
    out: list[Event] = []
    for day in range(from_day, from_day + days):
        morning = START_MS + day * DAY_MS + 3 * HOUR_MS
        at = morning + drawn.randrange(HOUR_MS)
        while at < morning + 15 * HOUR_MS:
            out.append(event("motion", at, device=drawn.choice("ab"), state="on"))
            out.append(event("door", at + 40_000, device="fridge", state="on"))
            at += int(drawn.expovariate(1 / 40) * MINUTE_MS) + 1000
        if day % 3 == 0:
            out.append(event("door", at, device="front", state="on", exit=True))
        elif day % 3 == 1:
            out.append(event("door", morning - 4 * HOUR_MS, device="bath", state="on"))
    return sorted(out, key=lambda one: one.at_ms)


@pytest.fixture(scope="module")
def home() -> Home:
    made = home_of("h", lived(26))
    assert made is not None
    return made


# What counts as life.


def proven(*events: Event) -> list[int]:
    return [(at_ms - START_MS) // MINUTE_MS for at_ms, _ in proofs_of(list(events))]


def test_a_lone_trigger_is_no_proof_and_the_next_within_a_quarter_of_an_hour_is() -> None:
    motions = [event("motion", START_MS + m * MINUTE_MS, device="a", state="on") for m in (0, 16, 30, 60)]
    assert proven(*motions) == [30]
    steps = [event("steps", START_MS + m * MINUTE_MS, "/worn/w", value=9.0) for m in (0, 16, 30, 60)]
    assert proven(*steps) == [30]


def test_doors_and_a_phone_in_use_are_always_proof_and_telemetry_never() -> None:
    sure = [
        event("door", START_MS, device="fridge", state="off"),
        event("unlock", START_MS + 60 * MINUTE_MS, "/phone/p"),
    ]
    assert proven(*sure) == [0, 60]
    assert proven(event("heartbeat", START_MS), event("motion", START_MS, device="a", state="off")) == []


def test_a_count_proves_life_when_its_five_minutes_are_over() -> None:
    def counted(minute: int, count: int, device: str = "a") -> Event:
        at = START_MS + minute * MINUTE_MS
        return event("motion", at, device=device, state="on", count=count, over_s=300.0)

    assert proven(counted(0, 2), counted(5, 3), counted(60, 1), counted(60, 1, "b")) == [10, 65]


def test_a_proof_at_the_moment_of_a_cut_comes_after_it() -> None:
    proofs = np.array([10, 20], np.int64)
    assert before(proofs, np.array([10, 11, 20, 21], np.int64)).tolist() == [-1, 0, 0, 1]


def test_cuts_fall_only_where_somebody_known_to_be_at_home_could_have_collapsed() -> None:
    """Not in the warm-up, not while out, and not in a silence that nothing explains."""
    events = [one for one in lived(30) if not 20 * 24 <= (one.at_ms - START_MS) / HOUR_MS < 22 * 24]
    made = home_of("h", events)
    assert made is not None
    cuts = cuts_of(made, 400, 1)
    inside = before(made.proofs, cuts)
    gaps = np.diff(made.proofs)[inside]
    assert gaps.max() < 20 * HOUR_MS < np.diff(made.proofs).max()
    assert not (made.leaves[inside] & (gaps > 15 * MINUTE_MS)).any()
    assert made.leaves.any()
    assert cuts.min() >= made.warm_ms - MINUTE_MS
    assert (cuts % MINUTE_MS == 0).all()
    assert (cuts == cuts_of(made, 400, 1)).all()


def test_a_recording_that_is_too_short_is_not_judged_and_a_long_hole_ends_it() -> None:
    assert home_of("h", lived(20)) is None
    made = home_of("h", [*lived(10), *lived(26, from_day=20)])
    assert made is not None
    assert made.start_ms > START_MS + 19 * DAY_MS


# What a model may see.


def answers(make: Maker, home: Home, cuts: Sequence[int]) -> list[int]:
    return play(make(home.batches), home.batches, cuts).due_ms


def answers_of_cut_streams(make: Maker, home: Home, cuts: Sequence[int]) -> list[int]:
    """Each stream really cut: the model is given nothing that happened after."""
    out = []
    for cut_ms in cuts:
        sent = [
            (sent_ms, [one for one in batch if one.at_ms < cut_ms])
            for sent_ms, batch in home.batches
            if sent_ms <= cut_ms
        ]
        out += play(make(sent), sent, [cut_ms]).due_ms
    return out


class Peeking:
    """A model that has got hold of the whole recording: it alarms a minute after the next silence of three hours begins."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.times = sorted(one.at_ms for _, batch in batches for one in batch)
        self.wake_ms = 1 << 62

    def learn_one(self, event: Event, clock_ms: int | None = None, arrival_ms: int = 0) -> list[Output]:
        self.now_ms = event.at_ms
        return []

    def advance(self, clock_ms: int) -> list[Output]:
        return []

    def due(self, *, reports_continue: bool = True) -> dict[IncidentKind, int]:
        gaps = (a for a, b in itertools.pairwise(self.times) if a >= self.now_ms and b - a > 3 * HOUR_MS)
        return {IncidentKind.SILENCE: next(gaps, self.now_ms) + MINUTE_MS}


def few(home: Home) -> list[int]:
    return cuts_of(home, 12, 5).tolist()


def test_no_answer_depends_on_anything_after_the_cut(home: Home) -> None:
    cuts = few(home)
    model = lambda _: household_for(home, profile_for(0.3))  # noqa: E731 - one line each, side by side
    assert answers(model, home, cuts) == answers_of_cut_streams(model, home, cuts)


def test_negative_control_a_model_that_peeks_is_caught(home: Home) -> None:
    cuts = few(home)
    assert answers(Peeking, home, cuts) != answers_of_cut_streams(Peeking, home, cuts)


def test_what_was_due_at_the_cut_is_what_is_raised_when_nothing_comes(home: Home) -> None:
    """The answer is taken ahead of time; a stream that is really cut, and a clock that goes on, raise at that minute."""
    for cut_ms in few(home)[:6]:
        sent = [(sent_ms, batch) for sent_ms, batch in home.batches if sent_ms <= cut_ms]
        (due_ms,) = play(household_for(home, profile_for(0.3)), sent, [cut_ms]).due_ms
        later = list(range(cut_ms, cut_ms + 30 * HOUR_MS, HOUR_MS))
        raised = [
            at_ms for at_ms in play(household_for(home, profile_for(0.3)), sent, later).raised_ms if at_ms >= cut_ms
        ]
        assert len(raised) == 1
        assert due_ms <= raised[0] < due_ms + MINUTE_MS


def without_rest(rule: Callable[[Home], list[float]], home: Home) -> tuple[list[float], list[float]]:
    """What a rule says of the first three quarters of a recording, knowing all of it and knowing no more."""
    half = len(home.proofs) * 3 // 4
    short = Home(home.name, home.kind, home.batches, home.proofs[:half], home.leaves[:half], home.start_ms)
    return rule(home)[:half], rule(short)


def test_no_rule_but_the_oracle_looks_ahead(home: Home) -> None:
    rules: list[Callable[[Home], list[float]]] = [
        lambda h: longest(h, [2.0])[0].tolist(),
        lambda h: poisson(h, [10])[0].tolist(),
    ]
    rules += [
        lambda h, rule=rule, setting=settings[0]: next(iter(rule(h, [setting]))).tolist()
        for _, _, settings, rule in PUBLISHED
    ]
    for rule in rules:
        whole, short = without_rest(rule, home)
        assert whole == pytest.approx(short, rel=0, abs=1)
        assert np.isfinite(whole).any()
    whole, short = without_rest(lambda h: oracle(h).tolist(), home)
    assert whole != pytest.approx(short, rel=0, abs=1)


def every(hours: float, days: int) -> Home:
    """A proof every so many hours of every day, from 09:00 to 21:00 local."""
    proofs = [
        START_MS + day * DAY_MS + int(at_h * HOUR_MS)
        for day in range(days)
        for at_h in np.arange(0, 12 + hours / 2, hours)
    ]
    return Home("h", "home", [], np.array(proofs, np.int64), np.zeros(len(proofs), bool), START_MS)


def test_a_silence_crosses_a_line_where_a_walk_minute_by_minute_does() -> None:
    home = every(3.0, 4)
    drawn = np.random.default_rng(2).integers(60, 14 * 60, (4, 48)) / 60
    drawn[:, 10:14] = np.inf
    for at_ms, due_ms in zip(home.proofs.tolist(), deadlines_under(home, drawn).tolist(), strict=True):
        local, day = at_ms + home.offset_ms, (at_ms + home.offset_ms) // DAY_MS
        first = int(home.proofs[0] + home.offset_ms) // DAY_MS
        walk = (local + minute * MINUTE_MS for minute in range(1, 2 * 24 * 60))
        crossed = next(t for t in walk if t - local >= drawn[day - first, t % DAY_MS // (HOUR_MS // 2)] * HOUR_MS)
        assert due_ms == pytest.approx(crossed - home.offset_ms, abs=2 * MINUTE_MS)


def test_the_alert_line_of_a_regular_home_is_the_papers_sum() -> None:
    """A proof every two hours: at a full hour two hours were reached, half an hour later half an hour: 1.5 h before it."""
    home = every(2.0, 30)
    (due,) = cuddihy(home, [1.0])
    noon = next(i for i in range(len(due) - 8, len(due)) if (home.proofs[i] - START_MS) % DAY_MS == 4 * HOUR_MS)
    # m is 0.5, 1, 1.5, 2 h in turn; at the slot of 1.5 h: max 2, + 0.3 x 1.5, + 0.4 x (1x0.5+2x1+3x1.5+2x2+1x0.5)/9.
    line_h = 2 + 0.45 + 0.4 * (0.5 + 2.0 + 4.5 + 4.0 + 0.5) / 9
    assert 2 < (due[noon] - home.proofs[noon]) / HOUR_MS <= line_h + 0.6


def test_the_oracle_has_no_false_alarm(home: Home) -> None:
    cuts = cuts_of(home, 50, 1)
    outcome = outcome_of_rule(home, cuts, oracle(home))
    assert outcome.false == 0
    assert 0 < np.median(outcome.delay_h) < 15


# What is measured.


def plain(gaps_h: Sequence[float]) -> Home:
    """Proofs after the warm-up with these silences between them."""
    proofs = np.concatenate([[START_MS], START_MS + 14 * DAY_MS + np.cumsum([0, *gaps_h]) * HOUR_MS]).astype(np.int64)
    leaves = np.zeros(len(proofs), bool)
    leaves[2] = True
    return Home("h", "home", [], proofs, leaves, START_MS)


def test_false_alarms_are_counted_once_a_silence_and_long_silences_apart() -> None:
    made = plain([2, 9, 30, 9, 7])
    cuts: Moments = made.proofs[1:2] + HOUR_MS
    outcome = outcome_of_rule(made, cuts, made.proofs + 8.0 * HOUR_MS)
    assert (outcome.false, outcome.out, outcome.long) == (2, 1, 1)
    assert outcome.delay_h.tolist() == [7.0]
    later = outcome_of_rule(made, cuts, made.proofs + 9.0 * HOUR_MS)
    assert (later.false, later.long) == (0, 1)  # half-open: life at the deadline is in time


def test_what_a_model_raises_in_the_uncut_recording_is_its_false_alarms(home: Home) -> None:
    cuts = cuts_of(home, 20, 1)
    eager, patient = (
        outcome_of_played(home, cuts, play(household_for(home, profile_for(budget)), home.batches, cuts.tolist()))
        for budget in (60.0, 0.01)
    )
    assert eager.false > 0 == patient.false
    assert np.median(eager.delay_h) < np.median(patient.delay_h)


def outcomes(delays_h: Sequence[float], false: int = 0) -> Outcome:
    hours = np.arange(len(delays_h), dtype=float) % 24
    return Outcome("h", 1.0, hours, np.arange(len(delays_h)) // 4, np.array(delays_h), false, 0, 0)


def test_intervals_are_over_homes_and_one_home_has_none() -> None:
    like, unlike = outcomes([5.0] * 48), outcomes([9.0] * 48)
    median = lambda point: point.delays().median  # noqa: E731
    assert interval([Point("a", "", [like])], median) is None
    assert interval([Point("a", "", [like] * 5)], median) == [5.0, 5.0]
    between = interval([Point("a", "", [like, like, unlike])], median)
    assert between == [5.0, 9.0]


def test_the_fastest_point_keeps_to_its_false_alarms_and_there_may_be_none() -> None:
    quick, slow = Point("a", "1", [outcomes([2.0] * 4, 3)]), Point("a", "2", [outcomes([6.0] * 4, 1)])
    assert fastest([quick, slow], 3) is quick
    assert fastest([quick, slow], 1) is slow
    assert fastest([quick, slow], 0.5) is None


def test_a_home_is_wholly_worse_only_when_every_likely_difference_is() -> None:
    noisy = [float(place * 7 % 13) for place in range(80)]
    assert wholly_worse(outcomes([one + 3 for one in noisy]), outcomes(noisy))
    assert not wholly_worse(outcomes(noisy), outcomes(noisy))
    assert not wholly_worse(outcomes(noisy), outcomes([one + 3 for one in noisy]))


def test_every_goal_has_a_row_and_what_was_not_measured_is_null(home: Home) -> None:
    cuts = cuts_of(home, 30, 1)
    played = play(household_for(home, profile_for(0.3)), home.batches, cuts.tolist())
    points = [Point("anbu", "budget 0.3", [outcome_of_played(home, cuts, played)])]
    points += [Point(one.family, one.setting, [outcome_of_rule(home, cuts, one.deadlines)]) for one in rules_for(home)]
    made = {row["goal"]: row for row in rows({"home": points})}
    assert sorted(made) == [1, 2, 3, 4, 9, 10]
    assert made[9]["development_homes"] is None
    assert made[1]["development_homes"] is not None
    assert all(row["simulator"] is None for row in made.values())
    assert "| Anbu budget 0.3 |" in tables({"home": points}, {"budget 0.3"})


def test_the_figures_in_the_documents_have_the_form_that_is_promised() -> None:
    figures = json.loads((ROOT / "docs" / "figures" / "detection.json").read_bytes())
    for row in figures:
        assert {"goal", "figure", "goal_value", "development_homes", "simulator", "interval"} <= row.keys()
    goals = [row["goal"] for row in figures]
    assert len(goals) == len(set(goals))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("", "", "is no folder"),
        ("notes.txt", "hello", "holds no CSV file"),
        ("a.csv", "a,b\n1,2\n", "a.csv: passed over"),
        (
            "a.csv",
            "household,timestamp_iso,source,device,kind,value\nh,2026-03-01T08:00:00,sensor,m,motion,ON\n",
            "a.csv: passed over: none of its 1 households shows 100 signs of life over 21 days",
        ),
    ],
)
def test_a_folder_that_cannot_be_judged_says_why(tmp_path: Path, name: str, text: str, said: str) -> None:
    if name:
        (tmp_path / name).write_text(text, encoding="utf-8")
    ran = CliRunner().invoke(main, [str(tmp_path if name else tmp_path / "absent")])
    assert ran.exit_code == 1
    assert said in ran.output


def test_the_yardstick_gives_the_known_figures_of_a_fixed_rule(shared_data: Path, tmp_path: Path) -> None:
    """Body-worn streams, fixed 16 h: 15.6 and 16.0 h at 0.23 false alarms a month, by a program of another author."""
    worn = shared_data / "fitbit_minute_steps.csv.gz"
    if not worn.exists():
        pytest.skip("no recording of body-worn steps in the folder")
    (tmp_path / worn.name).symlink_to(worn)
    homes = read_homes(tmp_path)
    assert {one.kind for one in homes} == {"worn"}
    fixed = [
        outcome_of_rule(one, cuts_of(one, 300, place), one.proofs + 16.0 * HOUR_MS) for place, one in enumerate(homes)
    ]
    point = Point("fixed", "16 h", fixed)
    assert point.delays() == pytest.approx((15.6, 16.0), abs=0.1)
    assert point.false_per_month() == pytest.approx(0.23, abs=0.01)
