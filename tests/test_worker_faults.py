"""Faults that `make bench-recovery` plays over and over, each once: nothing is lost, nothing doubled, every home bit for bit."""

import os
from pathlib import Path
from random import Random

import pytest
from worker_faults import (
    damage_positions_and_unfinished_rows,
    die_by_turns,
    die_in_rebalances,
    die_in_takeovers,
    lose_the_broker,
    storm,
)
from worker_runs import Run, Town, a_run

from infra.kafka_node import KafkaNode

pytestmark = [pytest.mark.slow, pytest.mark.integration]  # larger chunks of the embedded broker hide what is lost


def finish(run: Run) -> None:
    """Let somebody go on to the end, and compare."""
    if not any(worker.child.alive for worker in run.workers):
        run.start()
    run.finish()
    run.check()


def test_a_death_at_any_step_of_a_takeover_loses_nothing_and_doubles_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        die_in_takeovers(run, Random(13))
        finish(run)


def test_deaths_while_the_group_deals_lose_nothing_and_double_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        die_in_rebalances(run, Random(17), turns=3)
        finish(run)


def test_two_workers_killed_by_turns_lose_nothing_and_double_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        die_by_turns(run, Random(19), turns=3)
        finish(run)


def test_members_that_come_and_go_every_few_seconds_leave_no_partition_standing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        storm(run, Random(23), for_s=20.0)
        finish(run)


def test_damaged_positions_and_damaged_rows_that_no_position_made_whole_cost_nothing(
    town: Town, tmp_path: Path
) -> None:
    with a_run(town, tmp_path) as run:
        damage_positions_and_unfinished_rows(run, Random(29))
        finish(run)


@pytest.mark.skipif(os.environ.get("ANBU_LONG") != "1", reason="takes a minute: ANBU_LONG=1 make integration")
def test_a_broker_that_is_away_longer_than_workers_wait_costs_nothing_but_restarts(
    kafka: KafkaNode, town: Town, tmp_path: Path
) -> None:
    with a_run(town, tmp_path) as run:
        lose_the_broker(run, Random(31), 35.0)
        assert run.begun > 1
        finish(run)
