"""What workers are put through: each fault plays on a run of its own over the town, and leaves it to others to finish and judge.

The tests play some of them once; `recovery_run.py` plays all of them, over and over, until there are enough restarts.
"""

import os
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Final

from kafka import KafkaAdminClient
from kafka import TopicPartition as Place
from worker_logs import wait_until
from worker_runs import Run, Runner, Town, compact

from infra.topics import create_topics, describe
from schemas.topics import ORDER_OF
from streams.engine.chunk import Chunk
from streams.engine.snapshot import HOT, POSITIONS, pack, unpack

Row = tuple[bytes, bytes]

CHECKPOINT: Final = ("taken", "outputs", "delivered", "rows", "half", "position", "commit", "kept")
"""Where a worker can die in a checkpoint: behind the first step, between every two, within the rows, behind the last."""
TAKEOVER: Final = ("read", "rebuilt", "bounds", "rows", "position")
"""And while it takes over: rows read, engine rebuilt, ends of the logs asked for, and in the checkpoint it begins with."""


def live_for(worker: Runner, seconds: float) -> None:
    """Let a worker live so long after the first of its partitions is rebuilt."""
    wait_until(lambda: worker.has_begun() or not worker.child.alive, 60, "a worker that has begun")
    time.sleep(seconds)


def under_way(run: Run, share: float = 0.05) -> Runner:
    """Start a worker and wait for a first part of the logs."""
    worker = run.start()
    wait_until(lambda: run.share() > share or not worker.child.alive, 90, "a first checkpoint")
    return worker


# Kills.


def kill_at_any_moment(run: Run, rnd: Random, kills: int = 11) -> int:
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


def die_in_checkpoints(run: Run, rnd: Random) -> None:
    """Die once at each step of a checkpoint."""
    for place in rnd.sample(CHECKPOINT, len(CHECKPOINT)):
        worker = run.start({"dies": [place, rnd.randrange(3, 9)]})
        assert worker.child.wait(60) == -signal.SIGKILL, place
        assert 0 < run.share() < 1


def die_in_takeovers(run: Run, rnd: Random) -> None:
    """Die once at each step of a takeover, in the first, second or third partition."""
    under_way(run).child.kill()
    for place in rnd.sample(TAKEOVER, len(TAKEOVER)):
        worker = run.start({"dies": [place, rnd.randrange(run.town.partitions)]})
        assert worker.child.wait(60) == -signal.SIGKILL, place
        assert run.share() < 1


def die_in_rebalances(run: Run, rnd: Random, turns: int = 6) -> None:
    """Kill one of two while the group is still dealing: now the one that was there, now the one that has just come."""
    there = under_way(run)
    for _ in range(turns):
        if run.share() > 0.9:
            return
        joins = run.start()
        time.sleep(rnd.uniform(0.5, 5.0))
        pair = [there, joins]
        pair.pop(rnd.randrange(2)).child.kill()
        (there,) = pair
        wait_until(lambda worker=there: worker.partitions() or not worker.child.alive, 60, "a share of who is left")


def die_by_turns(run: Run, rnd: Random, turns: int = 6) -> None:
    """Two share the partitions; by turns the older of them is killed and another takes its place."""
    pair = [under_way(run), run.start()]
    for _ in range(turns):
        if run.share() > 0.9:
            return
        wait_until(lambda worker=pair[1]: worker.partitions() or not worker.child.alive, 60, "a share of the second")
        time.sleep(rnd.uniform(0.0, 1.0))
        pair.pop(0).child.kill()
        pair.append(run.start())


# Zombies.


def wake_zombies(run: Run, rnd: Random) -> None:
    """Stop a worker for longer than its session; it wakes when its successor has begun. Twice."""
    first = under_way(run)
    for _ in range(2):
        os.kill(first.child.pid, signal.SIGSTOP)
        second = run.start()
        wait_until(lambda worker=second: worker.ready or not worker.child.alive, 60, "a successor")
        time.sleep(rnd.uniform(0.0, 1.0))
        os.kill(first.child.pid, signal.SIGCONT)
        time.sleep(rnd.uniform(0.5, 2.0))
        first.child.kill()
        first = second


# The broker.


def supervise(run: Run, until_s: float) -> None:
    """Start a worker again whenever none is left, as systemd or Compose would, until a moment of the monotonic clock."""
    while time.monotonic() < until_s:
        for worker in [one for one in run.workers if one.child.exit_code == 1]:
            # Its own end, or that there was no broker to begin with.
            assert worker.child.tail(1).startswith("anbu"), worker.child.tail()
            run.workers.remove(worker)
        if not any(worker.child.alive for worker in run.workers):
            run.start()
        time.sleep(0.5)


def lose_the_broker(run: Run, rnd: Random, away_s: float = 0.0) -> None:
    """Kill the broker, leave it away for so long, and start it again; twice, where it comes back at once."""
    under_way(run)
    for _ in range(1 if away_s else 2):
        run.town.broker.stop(kill=True)
        supervise(run, time.monotonic() + away_s + rnd.uniform(0.0, 2.0))
        run.town.broker.start()
        supervise(run, time.monotonic() + 8.0)
    wait_until(lambda: supervise(run, time.monotonic() + 0.1) or run.is_done(), 180, "the end of the logs")


def lose_the_broker_for_a_minute(run: Run, rnd: Random) -> None:
    """Away for longer than a worker waits for it: it ends, and whoever starts it again goes on."""
    lose_the_broker(run, rnd, 60.0)


# Rows.


def compact_before_recoveries(run: Run, rnd: Random) -> None:
    """Kill, in the middle of checkpoints too, and have the whole changelog compacted before the next start."""
    for turn, share in enumerate((0.15, 0.3, 0.45, 0.6, 0.75)):
        worker = run.start({"dies": ["position", rnd.randrange(10, 40)]} if turn % 2 else None)
        wait_until(lambda worker=worker, share=share: run.share() > share or not worker.child.alive, 90, "its share")
        worker.child.kill()
        if run.share() == 1:
            return
        compact(run)


def last_checkpoint(log: Chunk) -> list[Row]:
    """The rows of the last whole checkpoint of a changelog partition, its position row behind them."""
    rows = [(key or b"", value) for key, value in zip(log.keys, log.values, strict=True) if value is not None]
    ends = [place for place, (key, _) in enumerate(rows) if key in POSITIONS]
    return rows[ends[-2] + 1 : ends[-1] + 1]


def raised(value: bytes) -> bytes:
    """The same row of a much later epoch."""
    stamp, payload = unpack(value)
    return pack(stamp._replace(epoch=stamp.epoch + 100), payload)


def last_position(log: Chunk) -> Row:
    """The last position row."""
    rows = zip(reversed(log.keys), reversed(log.values), strict=True)
    return next((k, v) for k, v in rows if k in POSITIONS and v is not None)


def damaged(value: bytes, rnd: Random) -> bytes:
    """A row with one bit turned, or with its end missing."""
    at = rnd.randrange(len(value))
    return (
        value[:at]
        if rnd.random() < 0.5
        else value[:at] + bytes([value[at] ^ (1 << rnd.randrange(8))]) + value[at + 1 :]
    )


def damage_positions_and_unfinished_rows(run: Run, rnd: Random) -> None:
    """Damage the newest position row, and rows of a checkpoint that never became whole: neither may cost anything."""
    for share in (0.2, 0.4, 0.6, 0.8):
        under_way(run, share).child.kill()
        for number, log in enumerate(run.changelog()):
            key, value = last_position(log)
            rows = [(key, damaged(value, rnd))] if rnd.random() < 0.5 else []
            rows += [(key, damaged(value, rnd)) for key, value in last_checkpoint(log)[:-1] if rnd.random() < 0.3]
            run.append(number, rows)


def damage_households(run: Run, rnd: Random) -> Collection[str]:
    """Damage the rows of a household in each partition where they count; give those households."""
    under_way(run, 0.4).child.kill()
    homes = []
    for number, log in enumerate(run.changelog()):
        rows = {key: value for key, value in zip(log.keys, log.values, strict=True) if key and value}
        key = rnd.choice(sorted(key for key in rows if key.startswith(HOT) and len(unpack(rows[key])[1]) > 2))
        run.append(number, [(key, damaged(rows[key], rnd)), last_position(log)])
        homes.append(key[len(HOT) :].decode())
    under_way(run, 0.6).child.kill()
    return homes


# Who comes and goes.


def storm(run: Run, rnd: Random, for_s: float = 120.0) -> None:
    """A member joins, is told to stop or is killed every few seconds."""
    under_way(run)
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        alive = [worker for worker in run.workers if worker.child.alive]
        if len(alive) < 2 or (len(alive) < 4 and rnd.random() < 0.5):
            run.start()
        else:
            leaves = rnd.choice(alive)
            if rnd.random() < 0.5:
                leaves.child.kill()
            else:
                leaves.child.stop(20)
        time.sleep(rnd.uniform(1.0, 4.0))


# What retention takes.


def take_unread_records(run: Run, rnd: Random) -> dict[int, int]:
    """Let retention take records of the sensors that nobody has read; how many, by partition. The town is spoilt after it."""
    under_way(run, 0.3).child.kill()
    admin = KafkaAdminClient(bootstrap_servers=run.settings.bootstrap)
    topic, gone = ORDER_OF["home.sensors"], {}
    try:
        for number, log in enumerate(run.changelog()):
            _, value = last_position(log)
            position = unpack(value)[1][0][0][topic]
            cut = min(position + rnd.randrange(100, 400), run.town.logs[number][topic].next - 1)
            admin.delete_records({Place("home.sensors", number): cut})
            gone[number] = cut - position
    finally:
        admin.close()
    return gone


def renew_outputs(town: Town) -> None:
    """Make the topic of open incidents anew: salvage reads it, and runs before this one told later days."""
    admin = KafkaAdminClient(bootstrap_servers=town.broker.bootstrap)
    try:
        admin.delete_topics(["incidents.open"])
    finally:
        admin.close()
    wait_until(lambda: "incidents.open" not in describe(town.broker.bootstrap), 30, "a topic that is gone")
    create_topics(town.broker.bootstrap, town.partitions)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: how it is played, and how its run is judged."""

    name: str
    play: Callable[[Run, Random], object]
    loosely: bool = False
    """The last whole checkpoint is not all that is known: statuses and dead letters are left out (see `Run.check`)."""
    salvages: bool = False
    """`play` gives households that begin anew; all others are compared."""


FAULTS: Final = (
    Fault("kill -9 at any moment", kill_at_any_moment),
    Fault("kill -9 at each step of a checkpoint", die_in_checkpoints),
    Fault("kill -9 at each step of a takeover", die_in_takeovers),
    Fault("kill -9 while the group deals", die_in_rebalances),
    Fault("kill -9 of two workers by turns", die_by_turns),
    Fault("SIGSTOP, and waking late", wake_zombies),
    Fault("broker killed and started again", lose_the_broker),
    Fault("broker away for a minute", lose_the_broker_for_a_minute),
    Fault("compaction before each recovery", compact_before_recoveries, loosely=True),
    Fault("damaged position rows and unfinished rows", damage_positions_and_unfinished_rows),
    Fault("damaged rows of households", damage_households, salvages=True),
    Fault("two minutes of joining and leaving", storm),
)
