"""Metrics: named once, in base units, with labels from closed sets, and told in docs/metrics.md."""

import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from street import Street

from schemas.examples import RECORDS
from schemas.exercise import EXERCISE_PREFIX, status_of
from schemas.incidents import IncidentKind
from streams.engine.outputs import Output
from streams.generate import PAGES, ROOT, drifted, page
from streams.metrics import (
    EVERY,
    MOST_POSTS,
    OTHERS,
    PARTITION,
    POST,
    RESULTS,
    Maker,
    Named,
    WorkerMetrics,
    WriterPrometheus,
    metrics_table,
    new_registry,
    outside_their_sets,
)
from streams.worker.gauge import Gauges, few_posts
from streams.writer.run import WriterMetrics

MAKERS: list[Maker] = list(EVERY.values())
BOTH = [named for maker in MAKERS for named in maker(CollectorRegistry()).named]


def scraped(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


@pytest.mark.parametrize("named", BOTH, ids=[one.name for one in BOTH])
def test_a_name_says_its_type_and_its_unit(named: Named) -> None:
    assert re.fullmatch(r"anbu_[a-z]+(_[a-z]+)*", named.name)
    assert named.name.endswith("_total") == (named.kind == "counter")
    assert named.name.endswith("_seconds") == named.unit.startswith("seconds")
    assert named.name.endswith("_timestamp_seconds") == (named.unit == "seconds since 1970")
    assert (named.kind == "histogram") == bool(named.buckets)
    assert list(named.buckets) == sorted(set(named.buckets))
    assert named.about


def test_no_label_could_name_a_person() -> None:
    labels = {label for one in BOTH for label, _ in one.labels} - {"url"}  # the board's own address
    assert labels == {
        *("engine", "topic", "outcome", "reason", "kind", "state", "purpose", "result", "partition", "what", "table"),
        *("part", "hours", "channel", "health", "post"),
    }


@pytest.mark.parametrize("maker", MAKERS)
def test_a_name_is_there_once_and_many_registries_do_not_meet(maker: Maker) -> None:
    first, second = maker(CollectorRegistry()), maker(CollectorRegistry())
    names = [one.name for one in first.named]
    assert len(set(names)) == len(names)
    assert first.named == second.named


def series(registry: CollectorRegistry) -> int:
    return sum(len(family.samples) for family in registry.collect())


def test_the_documentation_says_how_many_series_a_process_has() -> None:
    text = " ".join((ROOT / "docs/viewers.md").read_text(encoding="utf-8").split())
    made = {name: (registry := new_registry(), maker(registry, engine="test")) for name, maker in EVERY.items()}
    counts = {name: series(registry) for name, (registry, _) in made.items()}
    told = r"a worker has (\d+), (\d+) more for each partition it owns, and in each of them 2 for each post with a cap"
    told += r" that is on duty, (\d+) posts at most; a writer (\d+), webhooks (\d+), the board (\d+)"
    found = re.search(told, text)
    assert found
    worker, each, posts, *others = map(int, found.groups())
    assert posts == MOST_POSTS + 1
    assert [worker, *others] == [counts[name] for name in ("worker", "writer", "webhook", "board")]
    labels = [dict(one.labels) for one in made["worker"][1].named if ("partition", PARTITION) in one.labels]
    sets = [[values for label, values in one.items() if label != "partition"] for one in labels]
    assert each == sum(math.prod(map(len, one)) for one in sets if POST not in one)
    assert sum(POST in one for one in sets) == 2


def test_a_roster_of_many_posts_adds_a_few_series_and_no_load_is_lost() -> None:
    loads = {f"post-{number:02}": (1, 10) for number in range(40)}
    few = few_posts(loads)
    assert len(few) == MOST_POSTS + 1
    assert few[OTHERS] == (40 - MOST_POSTS, 10 * (40 - MOST_POSTS))
    assert few_posts(dict(list(loads.items())[:MOST_POSTS])) == dict(list(loads.items())[:MOST_POSTS])


def test_every_series_of_a_closed_set_is_there_at_zero_before_anything_happened() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    text = scraped(registry)
    for kind in IncidentKind:
        assert f'anbu_incident_revisions_total{{kind="{kind.value}",state="opened"}} 0.0' in text
    for result in RESULTS:
        assert f'anbu_responder_actions_total{{result="{result}"}} 0.0' in text
    assert "anbu_send_failures_total 0.0" in text
    assert "partition=" not in text


def test_every_metric_is_scraped_under_the_name_the_table_tells() -> None:
    for maker in MAKERS:
        registry = CollectorRegistry()
        made = maker(registry)
        for one in made.named:
            kind = "gauge" if one.kind == "info" else one.kind
            assert f"# TYPE {one.name} {kind}\n" in scraped(registry)


def test_a_partition_that_another_worker_has_now_is_told_of_no_more() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    for partition in (1, 11):
        metrics.clock_seconds.labels(partition).set(5.0)
        metrics.lag_records.labels(partition).set(7)
        metrics.households_by_delay.labels(partition, "day", "6").set(3)
    metrics.forget_partition(1)
    metrics.forget_partition(3)  # of which nothing was told
    assert 'partition="11"' in scraped(registry)
    assert 'partition="1"' not in scraped(registry)
    metrics.lag_records.labels(1).set(2)  # it has come back
    assert 'anbu_lag_records{partition="1"} 2.0' in scraped(registry)


def test_every_partition_gauge_is_forgotten_with_its_partition() -> None:
    metrics = WorkerMetrics(CollectorRegistry())
    told = [one.name for one in metrics.named if ("partition", PARTITION) in one.labels]
    assert sorted(gauge._name for gauge in metrics._by_partition) == sorted(told)


@pytest.mark.parametrize(
    ("label", "value", "is_found"),
    [("topic", "home.sensors", False), ("topic", "h-0001", True), ("partition", "12", False), ("partition", "h", True)],
)
def test_a_label_outside_its_set_is_found(label: str, value: str, is_found: bool) -> None:
    registry = new_registry()
    metrics = WorkerMetrics(registry, engine="test")
    if label == "topic":
        metrics.records_applied.labels(value).inc()
    else:
        metrics.households.labels(value).set(1)
    assert bool(outside_their_sets(registry, metrics.named)) is is_found


def test_the_writer_tells_what_it_did() -> None:
    registry = CollectorRegistry()
    metrics: WriterMetrics = WriterPrometheus(registry, engine="test")
    metrics.wrote("incidents", 3)
    metrics.wrote("incidents", 4)
    metrics.retried()
    metrics.skipped("dead.letters", "not_readable", 2)
    metrics.lost("incidents", 3)
    metrics.owns(4)
    metrics.held(9, 1.5)
    text = scraped(registry)
    for line in (
        'anbu_build_info{engine="test"} 1.0',
        'anbu_writer_rows_total{table="incidents"} 7.0',
        'anbu_writer_inserts_total{table="incidents"} 2.0',
        'anbu_writer_rows_total{table="statuses"} 0.0',
        "anbu_writer_retries_total 1.0",
        'anbu_writer_skipped_total{reason="not_readable",topic="dead.letters"} 2.0',
        'anbu_writer_lost_total{topic="incidents"} 3.0',
        "anbu_writer_partitions 4.0",
        "anbu_writer_held_records 9.0",
        "anbu_writer_behind_seconds 1.5",
    ):
        assert line in text


def test_the_documentation_is_what_the_code_says() -> None:
    assert drifted() == [], "run: make docs"
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert all(f"| `{one.name}` |" in text for one in BOTH)


def test_negative_control_a_table_that_was_edited_by_hand_is_found(tmp_path: Path) -> None:
    for path in PAGES:
        (tmp_path / path.parent).mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert drifted(tmp_path) == []
    edited = tmp_path / "docs/metrics.md"
    edited.write_text(edited.read_text(encoding="utf-8").replace("anbu_lag_records", "anbu_lag"), encoding="utf-8")
    assert drifted(tmp_path) == [Path("docs/metrics.md")]
    assert "anbu_lag_records" in page(Path("docs/metrics.md"), tmp_path)


def test_the_table_has_a_row_a_metric() -> None:
    assert len(metrics_table(BOTH).splitlines()) == 2 + len(BOTH)


def test_what_an_engine_counts_after_it_was_shown_once_is_shown_as_well() -> None:
    metrics = WorkerMetrics(CollectorRegistry())
    street = Street()
    street.register()
    street.tick()
    owned: Any = SimpleNamespace(engine=street.partition, ready=True, number=0, lag=lambda: 0)
    for shown in (1, 2):
        street.happen("motion", state="on")
        street.put("home.sensors", b"h-1", b"rubbish")
        street.tick()
        street.partition.counts.unseen_s.append(7200.0)
        Gauges(metrics).show(owned, 0.0)
        assert metrics.unseen_seconds._sum.get() == 7200.0 * shown
        readings = metrics.readings.labels("home.sensors", "applied")._value.get()
        letters = metrics.dead_letters.labels("home.sensors", "not_json")._value.get()
        applied = metrics.records_applied.labels("home.sensors")._value.get()
        assert (readings, letters, applied) == (shown, shown, 2 * shown)


def emergency(household: str) -> Output:
    incident = msgspec.structs.replace(
        RECORDS["incident"],  # type: ignore[type-var]
        household=household,
        status=status_of(household),
        id="0123456789abcdef",
    )
    return Output("incidents", household.encode(), incident, appended_ms=1)


def told_by(household: str) -> dict[str, float]:
    """What stands above 0 once the broker has an emergency of a household."""
    registry = CollectorRegistry()
    Gauges(WorkerMetrics(registry)).acknowledged(emergency(household))
    samples = [sample for family in registry.collect() for sample in family.samples]
    ours = (one for one in samples if one.name.startswith("anbu_") and one.name != "anbu_build_info")
    return {one.name: one.value for one in ours if one.value}


def test_an_exercise_is_counted_as_one_and_is_in_no_latency_that_could_wake_anybody() -> None:
    assert set(told_by(f"{EXERCISE_PREFIX}try-1")) == {"anbu_exercise_revisions_total"}
    assert set(told_by("h-1")) > {"anbu_incident_revisions_total", "anbu_emergency_seconds_count"}


def test_an_emergency_s_latency_names_its_incident_and_nothing_of_whom_it_is() -> None:
    registry = CollectorRegistry()
    Gauges(WorkerMetrics(registry)).acknowledged(emergency("h-secret"))
    text = openmetrics(registry).decode()
    assert '# {incident="0123456789abcdef"}' in text
    assert "h-secret" not in text
    assert "incident=" not in scraped(registry)  # the plain format has no place for it
