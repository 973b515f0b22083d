"""The benchmark on synthetic homes: a collapse is a cut, the model sees nothing after it, and a run goes on where it was."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from detectors.hours import DAY_MS, HOUR_MS
from detectors.life import sign_of
from load_tests.bench_city import cut, jobs, quiet, rivals
from load_tests.bench_city.cut import BY_ITSELF, answering, found_ms, nobody, rest_of, watched
from load_tests.bench_city.figures import by_kind, chance_of, poisson_interval, rows, tables
from load_tests.bench_city.homes import KINDS, CityHome, Kind, city_home, cuts_in
from load_tests.bench_city.jobs import Job, Result, run
from load_tests.bench_city.memory import Memory
from load_tests.bench_detection.homes import before, known_ms
from load_tests.bench_detection.pages import put_figures
from load_tests.bench_detection.play import profile_for
from load_tests.messages import Message

DAYS = 31
PROFILE = profile_for(0.3)


@pytest.fixture(scope="module", params=["home", "records", "all"])
def home(request: pytest.FixtureRequest) -> CityHome:
    kind: Kind = request.param
    return city_home(kind, 11, 3, DAYS)


def cuts_of(home: CityHome, count: int = 4) -> list[int]:
    return cuts_in(home, count, home.warm_ms, home.end_ms - 7 * DAY_MS, np.random.default_rng(5))


def found(home: CityHome, cut_ms: int, **options: Any) -> int:
    watch = watched(home, PROFILE)
    for message in home.messages:
        if message.sent_ms > cut_ms:
            break
        watch.take(message)
    watch.pass_time(cut_ms)
    return found_ms(home, watch.model.snapshot(), PROFILE, cut_ms, **options)


def with_another_future(home: CityHome, cut_ms: int) -> CityHome:
    """The same home until the cut; afterwards nobody lives there, and nothing but telemetry is sent."""

    def past(message: Message) -> Message:
        kept = [e for e in message.events if e.kind in BY_ITSELF or known_ms(e) <= cut_ms]
        return Message(message.topic, message.household, message.sent_ms, kept)

    return replace(home, messages=[past(one) for one in home.messages])


def test_when_a_collapse_is_found_depends_on_nothing_that_the_person_would_have_done_after_it(home: CityHome) -> None:
    for cut_ms in cuts_of(home):
        assert found(home, cut_ms) == found(with_another_future(home, cut_ms), cut_ms) > cut_ms


def test_negative_control_a_cut_that_lets_life_through_is_seen(home: CityHome, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = cuts_of(home)
    right = [found(home, cut_ms) for cut_ms in cuts]
    monkeypatch.setattr(cut, "kept", lambda message, _cut_ms: message)
    assert [found(home, cut_ms) for cut_ms in cuts] != right


def test_nothing_the_person_causes_comes_after_a_cut_and_what_was_on_its_way_does(home: CityHome) -> None:
    late = 0
    for cut_ms in cuts_of(home):
        events = [e for message in rest_of(home, cut_ms, cut_ms + DAY_MS) for e in message.events]
        assert all(known_ms(e) <= cut_ms for e in events if sign_of(e))
        assert any(e.kind in ("heartbeat", "complete_until") for e in events)
        late += sum(bool(sign_of(e)) for e in events)
    assert late or home.kind != "records"


def test_a_stream_that_was_never_longer_gives_the_same_moment(home: CityHome) -> None:
    """The snapshot at the cut stands for the model: played from its first moment to the alarm without one, it says the same."""
    (cut_ms,) = cuts_of(home, 1)
    watch = watched(home, PROFILE)
    for message in with_another_future(home, cut_ms).messages:
        watch.take(message)
        if watch.raised_ms and watch.raised_ms[-1] >= cut_ms:
            break
    assert watch.raised_ms[-1] == found(home, cut_ms)


def test_cuts_fall_where_the_person_is_at_home_and_seen() -> None:
    home = city_home("home", 11, 7, 60)
    assert home.gone
    cuts = cuts_in(home, 200, home.warm_ms, home.end_ms, np.random.default_rng(1))
    inside = before(home.proofs, np.array(cuts, np.int64))
    gaps = np.diff(home.proofs)[inside]
    assert gaps.max() < 20 * HOUR_MS
    assert not (home.leaves[inside] & (gaps > 15 * 60_000)).any()
    assert not any(a <= cut_ms < b for cut_ms in cuts for a, b in home.gone)


def test_each_kind_has_its_sources_alone() -> None:
    topics = {kind: {e.source for m in city_home(kind, 11, 4, 3).messages for e in m.events} for kind in KINDS}
    assert {kind: sorted(one.split("/")[1] for one in sources) for kind, sources in topics.items()} == {
        "home": ["sensors"],
        "phone": ["phone"],
        "records": ["phone"],
        "worn": ["worn"],
        "all": ["phone", "sensors"],
    }


def test_a_call_after_the_collapse_is_not_answered_and_brings_the_alarm_forward() -> None:
    home = city_home("all", 11, 3, DAYS)
    (cut_ms,) = cuts_of(home, 1)
    watch = watched(home, PROFILE, answering(home, np.random.default_rng(1)))
    for message in home.messages:
        if message.sent_ms > cut_ms:
            break
        watch.take(message)
    watch.pass_time(cut_ms)
    snapshot = watch.model.snapshot()
    assert not nobody(cut_ms)
    assert found_ms(home, snapshot, PROFILE, cut_ms, calls=True) <= found_ms(home, snapshot, PROFILE, cut_ms)


def test_ghosts_delay_and_never_hide() -> None:
    home = city_home("home", 11, 3, DAYS)
    for cut_ms in cuts_of(home, 3):
        moment = found(home, cut_ms, ghosts=np.random.default_rng(2))
        assert cut_ms < moment < cut_ms + 7 * DAY_MS


def test_poisson_intervals_are_the_tables() -> None:
    assert poisson_interval(0) == pytest.approx((0, 2.996), abs=1e-3)
    assert poisson_interval(5) == pytest.approx((1.970, 10.513), abs=1e-3)
    assert chance_of(8, 4.1) == pytest.approx(0.0573, abs=1e-4)
    assert chance_of(0, 2.0) == 1.0


def test_a_run_that_was_cut_short_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT", tmp_path)
    done = run(Job("home", 11, 1, 24))
    path = tmp_path / f"{jobs.version()}.jsonl"
    path.write_bytes(msgspec.json.encode(done) + b"\n" + msgspec.json.encode(run(Job("worn", 11, 1, 24)))[:50])
    monkeypatch.setattr(jobs, "ProcessPoolExecutor", None)  # nothing is left to be run
    (again,) = jobs.results([done.job], do=run, form=Result)
    assert again == done


@pytest.mark.parametrize("kind", ["home", "worn"])
def test_homes_played_once_for_all_budgets_raise_what_each_budget_raises_by_itself(kind: Kind) -> None:
    job = Job(kind, 11, 7, 60)
    once, each = quiet.run(job), run(job)
    assert [(p.false, p.apart, p.cold_false, p.asked) for p in once.played] == [
        (p.false, p.apart, p.cold_false, p.asked) for p in each.played
    ]
    assert once.played[0].false + once.played[0].apart + once.played[0].cold_false, "or nothing was compared"


def test_results_are_kept_under_the_conduct_of_the_model_and_not_under_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quiet, "KINDS", ("home",))
    monkeypatch.setattr(quiet, "CONDUCT_HOMES", 1)
    monkeypatch.setattr(quiet, "CONDUCT_DAYS", 20)
    before = quiet.conduct()
    assert quiet.conduct() == before
    monkeypatch.setattr("detectors.weighed.ONCE_A_MONTH", -1.4)
    assert quiet.conduct() != before


def test_every_goal_that_synthetic_homes_answer_has_a_row_and_the_other_half_is_kept(tmp_path: Path) -> None:
    found = by_kind([run(Job(kind, 11, number, 24)) for kind in ("home", "worn", "all") for number in (1, 2)])
    made = rows(found, found, Memory(1, 5000.0, 3.0, 10))
    assert {row["goal"] for row in made} >= {4, 5, 6, 7, 8, 11}
    assert tables(found, found).count("\n| ") == 12
    path = tmp_path / "figures.json"
    put_figures(
        [{"goal": 1, "figure": "f", "goal_value": 2, "development_homes": 3, "interval": [1, 4]}],
        "development_homes",
        path,
    )
    put_figures([{"goal": 1, "simulator": 5, "interval": [2, 9]}, *made], "simulator", path)
    kept = {row["goal"]: row for row in msgspec.json.decode(path.read_bytes())}
    assert (kept[1]["figure"], kept[1]["development_homes"]) == ("f", 3)
    assert kept[1]["interval"]["development_homes"] == [1, 4]
    assert kept[11]["simulator"] == [5000, 3.0]
    assert len(kept) == len({row["goal"] for row in made} | {1})


def test_rivals_are_tried_at_the_cuts_at_which_anbu_was_and_never_with_more_false_alarms() -> None:
    wanted = [Job(kind, 11, number, 24) for kind in ("home", "worn") for number in (1, 2)]
    cut_homes, tried = by_kind(run(job) for job in wanted), [rivals.run(job) for job in wanted]
    for home, rival in zip([one for kind in cut_homes.values() for one in kind], tried, strict=True):
        assert [hour for hour, _ in home.played[0].delays] == [round(hour, 2) for hour in rival.hours]
        fixed = next(one for one in rival.tried if one.setting == "24 h")
        assert len(fixed.delays_h) == len(rival.hours)
        assert 4 < min(fixed.delays_h) <= max(fixed.delays_h) <= 24, "24 h from the last proof, and proofs are frequent"
    pairs = rivals.beside(rivals.points(cut_homes, tried))
    assert {one.kind for one in pairs} == {"home", "worn"}
    assert all(one.theirs.false_per_month() <= one.mine.false_per_month() + 1e-9 for one in pairs)
    assert rivals.table(pairs).count("**") == 4
    assert [row["goal"] for row in rivals.rows(rivals.points(cut_homes, tried))] == [3, 10]


def test_negative_control_a_rival_that_alarms_more_often_is_not_set_beside() -> None:
    job = Job("home", 11, 1, 24)
    cut_homes, (tried,) = by_kind([run(job)]), [rivals.run(job)]
    for one in tried.tried:
        one.false += 100
    assert not rivals.beside(rivals.points(cut_homes, [tried]))
