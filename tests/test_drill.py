"""A drill goes the live path: everything played is told in time and marked, and nothing of it is left behind."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from street import MINUTE_MS, Street
from worker_logs import wait_until
from worker_runs import Runner

from infra.broker import Broker
from infra.processes import start_command, stop_all
from infra.topics import create_topics
from schemas.actions import ActionResult
from schemas.checkins import CheckinRequest
from schemas.incidents import Incident, NextStep
from schemas.partitions import partition_of
from streams.commands.drill import drill
from streams.drill.parts import Limits, Message, Outcome, missing_mark
from streams.drill.run import play
from streams.drill.script import Drill
from streams.publish import Publisher
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber
from streams.wallclock import now_ms

TICK_MS = 5_000


class Stage:
    """An engine in memory under an exercise; a second passes on the street for each on the drill's clock."""

    def __init__(self, *, homes: int = 1, **limits: Any) -> None:
        self.street = Street()
        self.street.register("h-real")
        self.street.tick()
        self.played = Drill(
            "try", self.street.now_ms, 1, district="dong-1", limits=Limits(**limits), disaster_homes=homes
        )

    def write(self, messages: list[Message]) -> None:
        for one in messages:
            self.street.put(one.topic, one.key.encode(), one.value)

    def hear(self, told: list[Any], *, spoil: Any = lambda one: one) -> None:
        for one in told:
            if one.topic != "incidents.open" and isinstance(one.what, Incident | CheckinRequest | ActionResult):
                self.write(self.played.hear(spoil(one.what), self.now_s))

    @property
    def now_s(self) -> float:
        return self.street.now_ms / 1000

    def play(self, *, deaf: bool = False, spoil: Any = lambda one: one) -> Drill:
        self.write(self.played.registers())
        self.write(self.played.begin(self.now_s))
        while not self.played.is_over:
            told = [*self.street.arrive(), *self.street.tick(TICK_MS)]
            if not deaf:
                self.hear(told, spoil=spoil)
            self.played.pass_time(self.now_s)
        began_s = self.now_s
        self.write(self.played.ends())
        for _ in range(3):
            self.hear(self.street.tick(TICK_MS))
        self.played.cleaned(self.now_s, began_s)
        return self.played


def failed(played: Drill) -> list[str]:
    return [one.what for one in played.outcomes if not one.ok]


def test_every_scene_of_a_drill_is_told_in_time_and_marked_by_a_sound_engine() -> None:
    stage = Stage(arrival_s=6.0)
    played = stage.play()
    assert failed(played) == []
    assert len(played.outcomes) >= 8


def test_a_disaster_over_many_homes_is_one_line_and_every_one_of_them_is_asked_and_answers() -> None:
    stage = Stage(homes=70, arrival_s=6.0)
    played = stage.play()
    assert failed(played) == []
    asked = [one.household for one in stage.street.requests() if one.purpose == "disaster"]
    assert set(played.covered) <= set(asked)
    assert len([one for one in played.outcomes if "all 70 homes are asked" in one.what]) == 1
    assert len(played.outcomes) < 20


def test_a_home_that_a_disaster_alert_passes_over_is_named() -> None:
    stage = Stage(homes=3, arrival_s=6.0, turn_s=30.0)
    passed = stage.played.covered[1]

    def deaf_to_one(one: Any) -> Any:
        return msgspec.structs.replace(one, household="h-real") if one.household == passed else one

    played = stage.play(spoil=deaf_to_one)
    assert "a disaster alert: home 2 of 3 is asked, with its guidance" in failed(played)


def test_a_drill_leaves_no_home_no_incident_and_no_count_behind() -> None:
    stage = Stage(arrival_s=6.0)
    played = stage.play()
    status = stage.street.status()
    stage.street.tick(MINUTE_MS)
    status = stage.street.status()
    assert (status.households, status.exercise, status.open, status.unregistered) == (1, 0, 0, 0)
    assert stage.street.partition.names() == ["h-real"]
    assert played.left_open == []


def test_a_word_that_never_comes_is_told_as_missing() -> None:
    played = Stage(turn_s=20.0).play(deaf=True)
    assert {one.after_s for one in played.outcomes if not one.ok} == {None}
    assert not played.ok


def test_a_word_that_comes_late_is_told_as_late() -> None:
    played = Stage(arrival_s=1.0).play()
    assert any(not one.ok and one.after_s is not None and one.after_s > 1.0 for one in played.outcomes)


@pytest.mark.parametrize(
    "changes",
    [{"status": "Actual"}, {"sentence_ko": "불이야"}, {"next_step": NextStep.CALL_119}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_word_of_an_exercise_without_its_mark_fails_the_drill(changes: dict[str, Any]) -> None:
    def spoil(one: Any) -> Any:
        return msgspec.structs.replace(one, **changes) if isinstance(one, Incident) else one

    assert "a mark on whatever is told" in failed(Stage(arrival_s=6.0).play(spoil=spoil))


def test_a_silence_is_played_to_its_alarm_when_it_is_asked_for() -> None:
    played = Stage(arrival_s=6.0, silence_s=7_200.0).play()
    (said,) = [one for one in played.outcomes if one.what.startswith("a silence")]
    assert said.ok


def test_every_partition_has_a_home_that_presses_a_button() -> None:
    played = Drill("try", 0, 7, district="exercise")
    assert [partition_of(name, 7) for name in played.buttons] == list(range(7))
    assert len(set(played.households)) == len(played.households)


def test_the_homes_of_others_are_none_of_a_drills_business() -> None:
    stage = Stage()
    stage.street.happen("gas", "h-real", device="kitchen")
    told = stage.street.tick()
    stage.hear(told)
    assert stage.played.outcomes == []
    (incident,) = [one.what for one in told if isinstance(one.what, Incident) and one.topic == "incidents"][:1]
    assert missing_mark(incident)


# On a broker.


@pytest.fixture
def settings(own_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    create_topics(own_broker.bootstrap, 2)
    chosen = Settings(
        kafka=own_broker.url, partitions=2, tick_every_s=0.5, checkpoint_every_s=0.5, datadir=tmp_path, metrics_port=0
    )
    for name, value in chosen.to_env().items():
        monkeypatch.setenv(name, value)
    return chosen


@pytest.mark.slow
def test_anbu_drill_on_a_live_log_tells_how_it_went_and_leaves_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How fast a machine is that runs many tests at once is not the question here.
    monkeypatch.setattr("streams.commands.drill.Limits", partial(Limits, arrival_s=60.0))
    refused = CliRunner().invoke(drill, ["--yes"])
    assert refused.exit_code == 1
    assert "nobody watches partition 0, 1" in refused.output
    ticker = start_command("ticker", settings=settings, logs=tmp_path)
    worker = Runner(settings, tmp_path)
    try:

        def is_watched() -> bool:
            with IncidentSubscriber(settings.bootstrap) as subscriber:
                subscriber.catch_up()
                watching = subscriber.watching()
                return watching.calm and now_ms() - (watching.data_until_ms or 0) < 60_000

        wait_until(is_watched, 120, "the first status of each partition")
        said = CliRunner().invoke(drill, ["--yes", "--within", "180"])
        assert said.exit_code == 0, said.output
        assert "FAIL" not in said.output
        assert worker.metric("anbu_incident_revisions_total") == 0
        assert worker.metric("anbu_exercise_revisions_total") > 5
        wait_until(lambda: worker.metric("anbu_households_exercise") == 0, 20, "the last played home to go")
        with IncidentSubscriber(settings.bootstrap) as subscriber:
            subscriber.catch_up()
            assert subscriber.cases() == []
        _cut_off(settings)
        wait_until(lambda: worker.metric("anbu_households_exercise") == 0, 20, "the homes of a drill that was cut off")
        assert "0 made-up homes taken away" in CliRunner().invoke(drill, ["--clean"]).output
        # Killed, it takes nothing away; whoever comes next can.
        killed = Drill("killed", now_ms(), 2, district="exercise")
        with Publisher(settings.bootstrap, 2) as pen:
            for one in killed.registers():
                pen.send(one.topic, one.key, one.value)
        assert f"{len(killed.households)} made-up homes taken away" in CliRunner().invoke(drill, ["--clean"]).output
    finally:
        stop_all([worker.child, ticker], 10)


def _cut_off(settings: Settings) -> None:
    """Begin a drill that somebody ends by Ctrl-C at its first line."""

    def tell(_one: Outcome) -> None:
        raise KeyboardInterrupt

    played = Drill("cut-off", now_ms(), 2, district="exercise")
    with pytest.raises(KeyboardInterrupt):
        play(settings.bootstrap, 2, played, tell)
    assert played.outcomes[-1].what == "every incident of it has ended"
    assert played.outcomes[-1].ok
