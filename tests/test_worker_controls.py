"""Negative controls with real kills: workers without one of the rules, to see what it prevents.

Their twins in test_partition.py are deterministic and are the gate; that of the offset guard is one of real workers too
(test_worker_guard.py). Whether a real run shows its loss depends on what was fetched when: the long ones repeat until it does,
up to 20 kills and half a minute, and otherwise say that it was not shown.
"""

import os
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from worker_logs import wait_until
from worker_runs import Run, Town, a_run

from infra.kafka_node import KafkaNode

pytestmark = pytest.mark.slow

LONG = pytest.mark.skipif(os.environ.get("ANBU_LONG") != "1", reason="takes a minute: ANBU_LONG=1 make integration")
MOST_KILLS = 20
MOST_S = 30.0


def differs(run: Run) -> str:
    """How a run that reached the end differs from the oracle; nothing where it does not."""
    try:
        run.check()
    except AssertionError as error:
        return str(error).splitlines()[0][:200]
    return ""


def show(town: Town, folder: Path, wanted: dict[str, Any], *, place: str = "") -> str:
    """Kill workers with a rule taken away, again and again, until they show their loss."""
    rnd, kills, until_s = Random(1), 0, time.monotonic() + MOST_S
    for turn in range(MOST_KILLS):
        # Where a checkpoint is to break off, it must be far ahead of the last whole one: near repeats are known as such.
        with a_run(town, folder / str(turn), checkpoint_every_s=1.5 if place else 0.2) as run:
            while kills < MOST_KILLS and time.monotonic() < until_s and run.share() < 0.8:
                dies = {"dies": [place, rnd.randrange(3, 7)]} if place else {}
                worker = run.start({**wanted, **dies})
                wait_until(lambda worker=worker: worker.ready or not worker.child.alive, 60, "a worker")
                if place:
                    worker.child.wait(60)
                time.sleep(0.0 if place else rnd.uniform(0.2, 1.0))
                worker.child.kill()
                kills += 1
            run.start(wanted)
            run.finish()
            if found := differs(run):
                return f"shown after {kills} kills: {found}"
        if kills >= MOST_KILLS or time.monotonic() > until_s:
            break
    return f"not shown in {kills} kills"


@LONG
def test_applied_as_fetched_states_differ(town: Town, tmp_path: Path) -> None:
    with a_run(town, tmp_path) as run:
        run.start({"controls": {"canonical_order": False}})
        run.finish()
        assert differs(run)


@LONG
def test_without_the_contiguity_check_events_are_lost(kafka: KafkaNode, town: Town, tmp_path: Path) -> None:
    print(show(town, tmp_path, {"controls": {"check_contiguity": False}}))  # noqa: T201 - its answer


@LONG
def test_an_unfinished_checkpoint_that_counts_gives_another_state(kafka: KafkaNode, town: Town, tmp_path: Path) -> None:
    without = {"whole_checkpoints": False, "offset_guard": False}
    print(show(town, tmp_path, {"controls": without}, place="position"))  # noqa: T201 - its answer
