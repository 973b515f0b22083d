"""Workers killed at any moment, by kill -9 and in the middle of checkpoints, end where one ended that was never stopped."""

import time
from pathlib import Path
from random import Random

import pytest
from worker_runs import Run, Runner, Town, a_run, wait_until

pytestmark = pytest.mark.slow

DEATHS = ("outputs", "rows", "half", "position", "commit")


def live_for(worker: Runner, seconds: float) -> None:
    """Let a worker live so long after its partitions are ready; a negative time ends before that."""
    if seconds >= 0:
        wait_until(lambda: worker.ready or not worker.child.alive, 60, "a worker that is ready")
    time.sleep(max(0.0, seconds))


def kept_share(run: Run) -> float:
    """How much of the logs the last whole checkpoints have behind them."""
    last: dict[int, int] = {}
    for number, applied in run.kept():
        last[number] = applied
    return sum(last.values()) / run.town.records


def kill_through(run: Run, rnd: Random, kills: int) -> int:
    """Start and kill workers so that the kills spread over the logs; return how many hit a run under way."""
    hit, lifetime_s = 0, 0.4
    for turn in range(4 * kills):
        before = kept_share(run)
        if hit >= kills or before > 0.97:
            break
        worker = run.start()
        # One in five dies before it is ready: while it joins, or reads the changelog.
        seconds = rnd.uniform(0.3, 1.7) * lifetime_s if turn % 5 else -1.0
        if seconds < 0:
            time.sleep(rnd.uniform(1.0, 3.0))
        live_for(worker, seconds)
        worker.child.kill()
        done = kept_share(run)
        hit += 0.0 < done < 1.0
        if seconds > 0 and done > before:
            rate = (done - before) / seconds
            lifetime_s = min(2.0, (1 - done) / (max(1, kills - hit) + 1) / rate)
    return hit


def test_ten_kills_at_any_moment_lose_nothing_and_double_nothing(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        assert kill_through(run, Random(7), 11) >= 10
        run.start()
        run.finish()
        run.check()
