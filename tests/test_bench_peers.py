"""The speed table says what was measured, and nothing else."""

from pathlib import Path

import msgspec
import pytest

from load_tests import bench_docs
from load_tests.bench_live.engine import heard, say
from load_tests.bench_peers.table import GOALS, Bench, Round, compared, printed
from schemas.compiled import COMPILED, state


def a_round(warm_us: float) -> Round:
    return Round(None, warm_us, 1000.0, 1.0, 0.5)


def a_bench(**warm_us: float) -> Bench:
    return Bench({"cpu": "of a test"}, 10, 100, figures={name: [a_round(us)] for name, us in warm_us.items()})


def test_the_file_has_every_peer_and_null_where_nothing_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    a_bench(anbu_trivial=2.0, quix=40.0).save(path)
    ratios = msgspec.json.decode(path.read_bytes())["ratios"]
    assert set(ratios) == set(GOALS)
    assert ratios["quix"] == {"same_model": 20.0, "real_detection": None}
    assert ratios["flink"] == {"same_model": None, "real_detection": None}


def test_naive_faust_is_set_against_the_real_engine_with_the_same_detectors() -> None:
    ratio = a_bench(anbu_trivial=2.0, anbu_real=4.0, naive_faust=600.0, naive_faust_real=800.0).judged()["naive_faust"]
    assert (ratio.same_model, ratio.real_detection) == (300.0, 200.0)


def test_a_goal_that_is_missed_is_said_to_be_missed() -> None:
    assert "misses 20" in printed(a_bench(anbu_trivial=4.0, quix=40.0))
    assert "reaches 20" in printed(a_bench(anbu_trivial=2.0, quix=40.0))


def test_a_ratio_is_formed_within_a_round_and_not_across() -> None:
    bench = a_bench()
    bench.figures = {
        "anbu_trivial": [a_round(1.0), a_round(2.0)],
        "quix": [a_round(10.0), a_round(40.0), a_round(99.0)],
    }
    assert bench.paired("quix", "anbu_trivial") == [10.0, 20.0]


def test_a_comparison_tells_how_many_times_as_fast() -> None:
    assert "2.00 times as fast" in compared(a_bench(anbu_real=5.0), a_bench(anbu_real=10.0))


def test_a_round_without_500_000_events_says_nothing_of_them() -> None:
    short = Round.of([(1, 1.0, 0.0), (1000, 1.1, 1.0), (2000, 1.2, 2.0)], load=0.0)
    assert short.cold_us is None
    assert round(short.warm_us, 6) == 100.0
    long = Round.of([(1, 1.0, 0.0), (500_001, 2.0, 1.0), (600_001, 2.1, 2.0)], load=0.0)
    assert long.cold_us is not None
    assert round(long.cold_us, 6) == 2.0


def test_the_table_names_the_engine_that_ran() -> None:
    bench = a_bench(quix=40.0)
    for name, engine in (("anbu_real", COMPILED), ("anbu_real_plain", "plain Python, as ANBU_PURE=1 asks")):
        bench.figures[name] = [msgspec.structs.replace(a_round(5.0), engine=engine)]
    for table in (printed(bench), bench_docs.tables(bench)):
        assert "anbu real, compiled" in table
        assert "anbu real, plain Python " in table
        assert "quix " in table
    assert bench.paired("quix", "anbu_real") == [8.0]


def test_a_worker_says_which_engine_it_runs(capfd: pytest.CaptureFixture[str]) -> None:
    say()
    lines = capfd.readouterr().out.splitlines()
    assert heard(["at 1 0.1 0.1", *lines]) == state()
    assert heard(["at 2 0.1 0.1"], "as before") == "as before"
