"""The doctor says one line for each part, and a remedy for each that fails."""

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemas.events import Tick, TickMode
from schemas.topics import ALL, ORDERED_NAMES
from streams.doctor import Line, SeenTick, StoreAwayError, examine
from streams.incident_fold import Watching
from streams.look import BrokerLook
from streams.publish import BrokerAwayError
from streams.settings import Settings

NOW = 1_795_000_000_000
PARTITIONS = 2


@dataclass
class FakeLook:
    counts: dict[str, int] = field(default_factory=lambda: {topic.name: PARTITIONS for topic in ALL})
    ticks: dict[tuple[str, int], SeenTick | None] = field(
        default_factory=lambda: {
            (topic, p): SeenTick(Tick(NOW - 4_000), NOW - 4_000) for topic in ORDERED_NAMES for p in range(PARTITIONS)
        }
    )
    status: Watching = field(default_factory=lambda: Watching(200, 1, NOW - 4_000, ()))
    away: str = ""

    def topics(self) -> Mapping[str, int]:
        if self.away == "broker":
            raise BrokerAwayError("the broker at x does not answer")
        return self.counts

    def last_ticks(self) -> Mapping[tuple[str, int], SeenTick | None]:
        if self.away == "ticks":
            raise BrokerAwayError("the broker at x does not answer")
        return self.ticks

    def watching(self) -> Watching:
        return self.status

    def store(self) -> str:
        if self.away == "store":
            raise StoreAwayError("start ClickHouse")
        return "version 1"


def lines_of(look: FakeLook) -> dict[str, Line]:
    lines = examine(look, partitions=PARTITIONS, broker="x:1", store="chdb:///y", now_ms=NOW)
    return {line.part: line for line in lines}


def test_all_well_is_five_lines_of_ok() -> None:
    lines = lines_of(FakeLook())
    assert list(lines) == ["broker", "topics", "ticks", "worker", "clickhouse"]
    assert all(line.ok for line in lines.values())


def failing(look: FakeLook) -> list[str]:
    lines = lines_of(look)
    for line in lines.values():
        assert line.ok or line.remedy, "a failure without a remedy helps nobody"
    return [part for part, line in lines.items() if not line.ok]


def test_without_a_broker_everything_but_the_store_fails() -> None:
    assert failing(FakeLook(away="broker")) == ["broker", "topics", "ticks", "worker"]


def test_a_broker_that_goes_meanwhile_is_told_not_raised() -> None:
    assert failing(FakeLook(away="ticks")) == ["ticks"]


def test_a_store_that_is_away_fails_alone() -> None:
    assert failing(FakeLook(away="store")) == ["clickhouse"]


def test_a_missing_topic_is_named_and_what_hangs_on_it_is_not_judged() -> None:
    look = FakeLook()
    del look.counts["incidents"]
    assert failing(look) == ["topics", "ticks", "worker"]
    assert "incidents" in lines_of(look)["topics"].said
    assert lines_of(look)["topics"].remedy == "anbu topics create"


def test_another_partition_count_fails() -> None:
    look = FakeLook()
    look.counts["profile"] = 3
    assert "profile has 3" in lines_of(look)["topics"].said


@pytest.mark.parametrize("topic", ORDERED_NAMES)
def test_one_partition_of_one_topic_without_fresh_ticks_fails(topic: str) -> None:
    for seen in (None, SeenTick(Tick(NOW - 61_000), NOW)):
        look = FakeLook()
        look.ticks[(topic, 1)] = seen
        assert failing(look) == ["ticks"]
        assert f"{topic}/1" in lines_of(look)["ticks"].said


def test_simulated_ticks_are_judged_by_their_arrival() -> None:
    look = FakeLook()
    look.ticks = {
        place: SeenTick(Tick(NOW - 86_400_000 * 400, TickMode.SIMULATED), NOW - 1_000) for place in look.ticks
    }
    assert failing(look) == []
    look.ticks = {place: SeenTick(Tick(NOW, TickMode.SIMULATED), NOW - 61_000) for place in look.ticks}
    assert failing(look) == ["ticks"]


def test_a_silent_partition_of_the_worker_fails() -> None:
    look = FakeLook(status=Watching(100, 1, NOW, (1,)))
    assert failing(look) == ["worker"]
    assert "partition 1" in lines_of(look)["worker"].said


def test_the_embedded_engine_is_judged_without_opening_it(tmp_path: Path) -> None:
    look = BrokerLook(Settings(clickhouse=f"chdb://{tmp_path}", kafka="kafka://127.0.0.1:1"))
    with pytest.raises(StoreAwayError, match="anbu migrate"):
        look.store()
    (tmp_path / "metadata").mkdir()
    assert "at rest" in look.store()
    with (tmp_path / "status").open("wb") as status:
        fcntl.flock(status, fcntl.LOCK_EX)
        assert "is open" in look.store()


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    look = BrokerLook(Settings(clickhouse="clickhouse://anbu:sesame@127.0.0.1:1/anbu", kafka="kafka://127.0.0.1:1"))
    with pytest.raises(StoreAwayError, match="ANBU_CLICKHOUSE") as told:
        look.store()
    assert "sesame" not in str(told.value)
