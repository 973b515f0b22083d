"""The benchmark of live workers: what it sends is the stream, and what it tells is what it found."""

from pathlib import Path

import pytest

from load_tests import bench, bench_docs
from load_tests.bench_live.figures import Latency, Live, Scaled, Swept, percentile
from load_tests.bench_live.place import NotMeasuredError
from load_tests.bench_live.script import TICKS, steps
from load_tests.bench_live.shown import tables_of
from load_tests.bench_peers.table import Bench
from load_tests.bench_stream import Log, Stream
from schemas.events import TICK_KEY
from schemas.topics import ORDER_OF, ORDERED_NAMES


def a_run(p99_ms: float, cores: float = 0.1) -> Latency:
    return Latency(200, 200, 100, 0, 5.0, p99_ms, p99_ms, p99_ms, cores, 0.2, 0.1, 0.0, 1.0)


def a_stream() -> Stream:
    logs = [Log([TICK_KEY, TICK_KEY], [b"0", b"1"]) for _ in ORDERED_NAMES]
    sensors = logs[ORDER_OF["home.sensors"]]
    sensors.keys[1:1] = [b"sim-00001", b"sim-00002"]
    sensors.values[1:1] = [b'{"data":1,"subject":"sim-00001"}', b'[{"data":1},{"data":2,"subject":"sim-00002"}]']
    return Stream(2, 0, 1, [0] * len(logs), 3, 2, logs)


def test_the_stream_is_sent_tick_by_tick_and_every_home_once_for_each_copy() -> None:
    sent = list(steps(a_stream(), copies=2))
    assert [one.topic == TICKS for one in sent] == [True, False, False, False, False, True]
    assert sum(one.events for one in sent) == 6
    assert [one.key for one in sent[1:5]] == [b"sim-00001", b"c01-00001", b"sim-00002", b"c01-00002"]
    assert all(one.key in one.value for one in sent[1:5])


def test_a_percentile_is_a_value_that_was_seen() -> None:
    took = [float(number) for number in range(1, 1001)]
    assert [percentile(took, share) for share in (0.5, 0.99, 0.999)] == [500.0, 990.0, 999.0]
    assert percentile([7.0], 0.999) == 7.0


def test_a_goal_of_latency_scaling_or_frugality_that_is_missed_is_said_to_be_missed() -> None:
    good = Live(scaling=[Scaled(30, 31, 5, 5, 1)], latency={"200/s": [a_run(20)], "2,000/s": [a_run(50, 0.14)]})
    bad = Live(scaling=[Scaled(30, 40, 5, 5, 1)], latency={"200/s": [a_run(30)], "2,000/s": [a_run(50, 0.16)]})
    assert "**missed**" not in "\n".join(tables_of(good))
    assert "\n".join(tables_of(bad)).count("**missed**") == 3


def test_what_was_measured_names_the_engine_that_ran() -> None:
    found = Live(scaling=[Scaled(30, 31, 5, 5, 1)], latency={"200/s": [a_run(20)]}, deadlines=[Swept(9, 1, 1, 1, 1, 1)])
    assert "compiled" not in "\n".join(tables_of(found))
    found.engines = dict.fromkeys(("scaling", "latency", "deadlines"), "compiled")
    assert "\n".join(tables_of(found)).count(", compiled") == 3
    found.forget("scaling")
    assert set(found.engines) == {"latency", "deadlines"}


def test_the_page_has_the_tables_of_the_file_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench_docs.BEGIN}\nof a former run\n{bench_docs.END}\nafter\n")
    found = Bench({"cpu": "of a test"}, 10, 100, live=Live(not_measured={"latency": "it hung"}))
    bench_docs.write(found, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"Not measured: latency: it hung.\n{bench_docs.END}\nafter\n")
    assert "former" not in text


def test_a_part_that_hangs_is_noted_as_not_measured_and_others_have_their_turn(tmp_path: Path) -> None:
    def hang(*_arguments: object) -> None:
        raise NotMeasuredError("the first events: not within 120 s")

    found = Bench({"cpu": "of a test"}, 10, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("load_tests.bench_live.latency.measure", hang)
        patch.setattr(
            "load_tests.bench_live.scaling.measure", lambda live, *_: live.scaling.append(Scaled(1, 1, 1, 1, 1))
        )
        bench.run([], ["latency", "scaling"], bench.QUICK, found, a_stream(), tmp_path / "bench.json")
    assert found.live is not None
    assert found.live.not_measured == {"latency": "the first events: not within 120 s"}
    assert len(found.live.scaling) == 1
