"""Workers killed at any moment, by kill -9 and in the middle of checkpoints, end where one ended that was never stopped."""

import os
import signal
from pathlib import Path
from random import Random

import pytest
from worker_faults import die_in_checkpoints, kill_at_any_moment, last_checkpoint, raised
from worker_logs import wait_until
from worker_runs import Town, a_run

from infra.kafka_node import KafkaNode

pytestmark = pytest.mark.slow


def test_kills_at_any_moment_lose_nothing_and_double_nothing(town: Town, tmp_path: Path) -> None:
    # Ten on Apache Kafka; the embedded broker is for where there is no Java.
    kills = 11 if isinstance(town.broker, KafkaNode) else 5
    with a_run(town, tmp_path) as run:
        # How many fit into the log hangs on how fast a worker is; a run that was hit once or twice would show little.
        assert kill_at_any_moment(run, Random(7), kills) >= kills // 2 + 1
        run.start()
        run.finish()
        run.check()


@pytest.mark.integration
def test_a_death_at_any_step_of_a_checkpoint_loses_nothing_and_doubles_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        die_in_checkpoints(run, Random(11))
        run.start()
        run.finish()
        run.check()


def test_no_checkpoint_counts_records_whose_outputs_were_not_handed_over(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path, checkpoint_every_s=0.05) as run:
        worker = run.start({"waits_s": 0.05})
        wait_until(
            lambda: (run.share() > 0.05 and len(run.kept()) > 10) or not worker.child.alive, 60, "some checkpoints"
        )
        assert worker.child.alive, worker.child.tail()


@pytest.mark.integration
def test_workers_that_are_killed_or_told_to_stop_hand_over_to_one_that_has_joined(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        before = run.start()
        for share, is_killed in ((0.05, True), (0.3, False)):
            wait_until(lambda share=share: run.share() > share, 60, "a checkpoint")
            after = run.start()
            wait_until(after.partitions, 60, "a share of the next worker")
            assert run.share() < 1
            code = before.child.kill() if is_killed else before.child.stop(20)
            assert code == (-signal.SIGKILL if is_killed else 0)
            before = after
        run.finish()
        run.check()


@pytest.mark.integration
def test_a_zombie_that_wakes_up_after_its_successor_has_begun_changes_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        first = run.start()
        wait_until(lambda: run.share() > 0.05, 60, "a first checkpoint")
        os.kill(first.child.pid, signal.SIGSTOP)
        last = [last_checkpoint(log) for log in run.changelog()]
        second = run.start()
        wait_until(lambda: second.ready, 60, "a successor")
        assert run.share() < 1
        os.kill(first.child.pid, signal.SIGCONT)
        run.finish()
        run.check()
        # And as if its last checkpoint had lain in a buffer all the while.
        for number, rows in enumerate(last):
            run.append(number, rows)
        run.check()
        # Negative control: but for their epoch they would win.
        for number, rows in enumerate(last):
            run.append(number, [(key, raised(value)) for key, value in rows])
        with pytest.raises(AssertionError):
            run.check()
