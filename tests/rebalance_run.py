"""What a rebalance costs a worker after few checkpoints and after an hour's worth of them, on Apache Kafka.

    python tests/rebalance_run.py

An hour has 720 checkpoints of five seconds. They are made faster here, by ticks of a second of log time each. Then a second
worker joins and leaves, as it did before them.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from test_worker_rebalance import KEPT, log_of, shared
from worker_logs import START_MS, wait_until, write_ticks
from worker_runs import Run, Runner, Town, a_run

from infra.kafka_node import KafkaNode
from infra.topics import create_topics
from load_tests.feed import feed
from load_tests.simulator.neighbourhood import simulate
from streams.publish import Publisher

ROOT = Path(__file__).resolve().parents[1]
PARTITIONS = 3
AN_HOUR = 720


def deal(run: Run, first: Runner) -> str:
    """Let a second worker join and leave; what it cost the first to go on with what it kept."""
    said, spent_s, times = len(log_of(run)), *_recoveries(first)
    second = run.start()
    wait_until(lambda: shared(first, second, PARTITIONS), 120, "a share for each")
    second.child.stop(20)
    wait_until(lambda: len(first.partitions()) == PARTITIONS and first.ready, 120, "everything again")
    rows = [int(count) for _, count in KEPT.findall(log_of(run)[said:])]
    now_s, now = _recoveries(first)
    return f"{len(rows)} partitions kept, {sum(rows)} rows read again, {(now_s - spent_s) / (now - times):.3f} s a takeover"


def _recoveries(worker: Runner) -> tuple[float, float]:
    return worker.metric("anbu_recovery_seconds_sum"), worker.metric("anbu_recovery_seconds_count")


def main() -> int:
    """Measure, and print."""
    played = simulate(30, 1, 43, start_ms=START_MS)
    node = KafkaNode(jars=ROOT / "build" / "kafka" / "libs")
    with tempfile.TemporaryDirectory(prefix="rebalance-") as folder, node:
        create_topics(node.bootstrap, PARTITIONS)
        asyncio.run(feed(node.bootstrap, played, partitions=PARTITIONS))
        town = Town(node, PARTITIONS).look()
        with a_run(town, Path(folder), session_timeout_s=3.0, checkpoint_every_s=0.05) as run:
            first = run.start()
            wait_until(run.is_done, 120, "the end of the logs")
            sys.stdout.write(f"after {len(run.kept()) // PARTITIONS} checkpoints a partition: {deal(run, first)}\n")
            at_ms = played.until_ms + 600_000
            with Publisher(node.bootstrap, PARTITIONS) as pen:
                while len(run.kept()) < AN_HOUR * PARTITIONS:
                    for _ in range(50):
                        at_ms += 1_000
                        write_ticks(pen, at_ms, PARTITIONS)
                        pen.flush()
                        time.sleep(0.1)
            sys.stdout.write(f"after {len(run.kept()) // PARTITIONS} checkpoints a partition: {deal(run, first)}\n")
            for worker in run.workers:
                worker.child.stop(20)
    return 0


if __name__ == "__main__":
    sys.exit(main())
