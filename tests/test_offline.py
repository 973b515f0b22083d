"""The models without a broker: the same decisions as under a clock that is told of every minute."""

from dataclasses import replace
from pathlib import Path

import pytest

from detectors.findings import Finding
from load_tests.demo.judge import HOUR_MS, Told, judge
from load_tests.messages import Gathered, Message
from load_tests.offline import START_MS, TICK_MS, Asked, Watch, main, run, run_simulated
from load_tests.recordings.recording import read, write
from load_tests.simulator.neighbourhood import TUNING_SEEDS, simulate
from schemas.events import Data, Event
from schemas.households import HouseholdRecord, Source
from schemas.incidents import EMERGENCIES, IncidentKind


def test_waking_only_who_is_due_says_the_same_as_telling_everybody_of_every_minute() -> None:
    street = simulate(8, 12, 11, start_ms=START_MS)
    quick = run(street)
    told, asked = [], []
    watches = {one.household: Watch(one, street.from_ms) for one in street.records()}
    messages = list(street.messages())
    place = 0
    for tick_ms in range(street.from_ms // TICK_MS * TICK_MS, street.until_ms + TICK_MS, TICK_MS):
        while place < len(messages) and messages[place].sent_ms < tick_ms:
            for event in messages[place].events:
                watches[messages[place].household].take(event, messages[place].sent_ms)
            place += 1
        if tick_ms <= street.until_ms:
            for watch in watches.values():
                watch.clock_ms = tick_ms
                watch._take(watch.household.advance(tick_ms))
    for watch in watches.values():
        told += watch.run.told
        asked += watch.run.asked
    assert sorted(told) == sorted(quick.told)
    assert sorted(asked) == sorted(quick.asked)
    assert quick.told


def test_households_dealt_to_processes_say_the_same() -> None:
    one, _ = run_simulated(6, 6, 12, processes=1)
    two, _ = run_simulated(6, 6, 12, processes=2)
    assert (one.told, one.asked, one.events) == (two.told, two.asked, two.events)
    assert one.said == two.said


def test_a_recording_on_disk_says_the_same(tmp_path: Path) -> None:
    street = simulate(5, 6, 13, start_ms=START_MS)
    write(tmp_path, street, street.truth)
    assert run(read(tmp_path)).told == run(street).told


def pressed(*times_ms: int, ids: tuple[str, ...] = ()) -> list[Told]:
    """What a button pressed at these moments opens; ids repeat where a gateway resends."""
    names = ids or tuple(f"b{i}" for i in range(len(times_ms)))
    sent = [
        Message(
            "home.sensors",
            "h",
            at_ms + 1000,
            [Event("h", "emergency_button", "/sensors/gw", name, START_MS if ids else at_ms, Data(state="on"))],
        )
        for at_ms, name in zip(times_ms, names, strict=True)
    ]
    record = HouseholdRecord(household="h", sources=[Source("/sensors/gw")])
    return run(Gathered(START_MS, START_MS + 5 * HOUR_MS, [record], sent)).told


def test_a_button_pressed_five_times_is_one_incident_and_an_hour_later_another() -> None:
    five = [START_MS + i * 20_000 for i in range(5)]
    assert len(pressed(*five)) == 1
    assert len(pressed(*five, START_MS + HOUR_MS)) == 2


def test_a_batch_sent_again_hours_later_opens_nothing() -> None:
    assert len(pressed(START_MS, START_MS + 2 * HOUR_MS, ids=("same", "same"))) == 1


@pytest.mark.parametrize("seed", TUNING_SEEDS)
def test_with_nothing_injected_no_emergency_opens(seed: int) -> None:
    said, street = run_simulated(20, 10, seed, injections=False)
    assert not [one for one in said.told if one.kind in EMERGENCIES]
    assert judge(street.truth, said.told, households=20, from_ms=street.from_ms, until_ms=street.until_ms).passed


def test_the_demos_rule_holds_on_a_seed_for_tuning() -> None:
    said, street = run_simulated(40, 30, TUNING_SEEDS[0])
    judged = judge(street.truth, said.told, households=40, from_ms=street.from_ms, until_ms=street.until_ms)
    assert judged.failures() == []
    assert len(judged.immediate) > 10
    assert len(judged.collapses) > 5
    kinds = {one.kind for one in said.told}
    assert kinds >= {IncidentKind.SILENCE, IncidentKind.UNANSWERED_CALLS, IncidentKind.CANNOT_SEE}


def test_negative_control_a_deaf_model_fails_the_rule() -> None:
    street = simulate(16, 30, TUNING_SEEDS[0], start_ms=START_MS)
    emergencies_only = [one for one in run(street).told if one.kind in EMERGENCIES]
    judged = judge(street.truth, emergencies_only, households=16, from_ms=street.from_ms, until_ms=street.until_ms)
    assert any("collapses" in failure for failure in judged.failures())


def test_every_finding_that_is_no_emergency_names_its_raising() -> None:
    street = simulate(10, 20, 12, start_ms=START_MS)
    found = [one.finding for one in run(street).said if one.finding.kind not in EMERGENCIES]
    assert found
    raisings = {(one.kind, one.facts["raised_ms"]) for one in found if one.change == "raise"}
    assert {(one.kind, one.facts["raised_ms"]) for one in found} == raisings
    assert all(isinstance(one, Finding) for one in found)


def test_calls_asked_for_stay_within_the_months_budget() -> None:
    said, _ = run_simulated(20, 30, 13)
    for household in {one.household for one in said.asked}:
        assert len([one for one in said.asked if one.household == household]) <= 4
    assert all(isinstance(one, Asked) for one in said.asked)


def test_the_shell_prints_the_judgement_and_says_so_in_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--households", "6", "--days", "8", "--seed", "11", "--processes", "1", "--details"]) == 0
    out = capsys.readouterr().out
    assert "synthetic" in out
    assert "false alarms a household-month" in out
    assert out.strip().endswith("passed")


def test_a_part_of_a_neighbourhood_says_what_the_whole_says_of_it() -> None:
    whole = simulate(4, 8, 11, start_ms=START_MS)
    part = replace(whole, households=whole.households[1:2], plans=whole.plans[1:2])
    name = whole.households[1].name
    assert run(part).told == [one for one in run(whole).told if one.household == name]
