"""Workers killed at any moment, by kill -9 and in the middle of checkpoints, end where one ended that was never stopped."""

import os
import signal
import time
from pathlib import Path
from random import Random

import pytest
from worker_logs import wait_until
from worker_runs import Run, Runner, Town, a_run

from streams.chunk import Chunk
from streams.snapshot import POSITIONS, pack, unpack

pytestmark = pytest.mark.slow

DEATHS = ("outputs", "rows", "half", "position", "commit")


def live_for(worker: Runner, seconds: float) -> None:
    """Let a worker live so long after the first of its partitions is rebuilt."""
    wait_until(lambda: worker.has_begun() or not worker.child.alive, 60, "a worker that has begun")
    time.sleep(seconds)


def kill_through(run: Run, rnd: Random, kills: int) -> int:
    """Start and kill workers so that the kills spread over the logs; return how many hit a run under way."""
    hit, lifetime_s = 0, 0.2
    for turn in range(4 * kills):
        before = run.share()
        if hit >= kills or before > 0.97:
            break
        worker = run.start()
        # One in five dies earlier: while it joins, or reads the changelog.
        seconds = rnd.uniform(0.3, 1.7) * lifetime_s
        if turn % 5 == 4:
            time.sleep(rnd.uniform(1.0, 3.0))
        else:
            live_for(worker, seconds)
        worker.child.kill()
        done = run.share()
        hit += 0.0 < done < 1.0
        if turn % 5 != 4 and done > before:
            pace = (done - before) / (seconds + 0.1)
            lifetime_s = min(2.0, (1 - done) / (max(1, kills - hit) + 1) / pace)
    return hit


def test_ten_kills_at_any_moment_lose_nothing_and_double_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        assert kill_through(run, Random(7), 11) >= 10
        run.start()
        run.finish()
        run.check()


def test_a_death_at_any_step_of_a_checkpoint_loses_nothing_and_doubles_nothing(town: Town, tmp_path: Path) -> None:
    rnd = Random(11)
    with a_run(town, tmp_path) as run:
        for place in rnd.sample(DEATHS, len(DEATHS)):
            worker = run.start({"dies": [place, rnd.randrange(3, 9)]})
            assert worker.child.wait(60) == -9, place
            assert 0 < run.share() < 1
        run.start()
        run.finish()
        run.check()


def test_no_checkpoint_counts_records_whose_outputs_were_not_handed_over(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path, checkpoint_every_s=0.05) as run:
        worker = run.start({"waits_s": 0.05})
        wait_until(lambda: run.share() > 0.05 or not worker.child.alive, 60, "some checkpoints")
        assert worker.child.alive, worker.child.tail()
        assert len(run.kept()) > 10


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


def last_checkpoint(log: Chunk) -> list[tuple[bytes, bytes]]:
    """The rows of the last whole checkpoint of a changelog partition, its position row behind them."""
    rows = [(key or b"", value) for key, value in zip(log.keys, log.values, strict=True) if value is not None]
    ends = [place for place, (key, _) in enumerate(rows) if key in POSITIONS]
    return rows[ends[-2] + 1 : ends[-1] + 1]


def raised(value: bytes) -> bytes:
    """The same row of a much later epoch."""
    stamp, payload = unpack(value)
    return pack(stamp._replace(epoch=stamp.epoch + 100), payload)
