"""What the pure engine of a partition costs: CPU microseconds an event, split by step, and a digest of all it said.

    python -m load_tests.bench_engine --households 1000
    python -m load_tests.bench_engine --against ../another/checkout     # interleaved rounds of two versions
    python -m load_tests.bench_engine --pure                            # compiled and not

Two versions that say the same and keep the same have the same digests: a change of speed must leave them alone.
"""

import argparse
import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from detectors.findings import Output as Found
from detectors.household import Household
from load_tests.bench_stream import Stream, Wanted, stream_of
from schemas.compiled import COMPILED, PURE, state
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import TICK_KEY
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.order import CanonicalOrder, Positions
from streams.engine.partition import Output, Partition

STREAMS: Final = Path("build/bench-streams")
CHECKPOINT_EVERY: Final = 100_000
"""Events between two checkpoints: 10 s of a worker at 10,000 a second."""


class Cost(msgspec.Struct):
    """One round. CPU seconds of the process; of a step, what it alone took."""

    events: int
    total_s: float
    order_s: float
    decode_s: float
    wake_s: float
    checkpoint_s: float
    rows: int
    row_bytes: int
    outputs: str
    """Digest of everything said, in order."""
    states: str
    """Digest of every household's rows at the end."""
    engine: str = ""
    """Whether it ran compiled."""

    @property
    def apply_s(self) -> float:
        """What is left: taking events, noting what changed, telling."""
        return self.total_s - self.order_s - self.decode_s - self.wake_s - self.checkpoint_s

    def each_us(self) -> dict[str, float]:
        """Microseconds an event, by step."""
        names = ("total", "decode", "order", "apply", "wake", "checkpoint")
        return {name: getattr(self, f"{name}_s") / self.events * 1e6 for name in names}


def measure(stream: Stream) -> Cost:
    """Run the engine over a stream from its warm moment to its end."""
    order_s = _order_s(stream)
    decode_s = _decode_s(stream)
    engine = Partition(0, 1, engine="bench")
    told = blake2b(digest_size=8)
    run_until(stream, engine, told, stream.warm)
    engine.checkpoint()
    gc.collect()
    with _Looks() as looks:
        before_s = time.process_time()
        checkpoint_s, rows, row_bytes = run_until(stream, engine, told, [len(log.keys) for log in stream.logs])
        total_s = time.process_time() - before_s
    return Cost(
        stream.events,
        total_s,
        order_s,
        decode_s,
        looks.spent_s,
        checkpoint_s,
        rows,
        row_bytes,
        told.hexdigest(),
        _states(engine),
        state(),
    )


class _Looks:
    """The time that households take to look at the clock: judging and the day's learning. A probe, for one round."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    def __enter__(self) -> Self:
        self._advance = advance = Household.advance

        def timed(household: Household, clock_ms: int) -> list[Found]:
            before_s = time.process_time()
            out = advance(household, clock_ms)
            self.spent_s += time.process_time() - before_s
            return out

        setattr(Household, "advance", timed)  # noqa: B010 - a probe
        return self

    def __exit__(self, *_: object) -> None:
        setattr(Household, "advance", self._advance)  # noqa: B010 - a probe


def run_until(stream: Stream, engine: Partition, told: Any, ends: list[int]) -> tuple[float, int, int]:
    """Offer chunk by chunk, always of the topic whose turn it is, up to these offsets."""
    checkpoint_s, rows, row_bytes, since = 0.0, 0, 0, 0
    for outputs, pumped in _steps(stream, engine, ends):
        for one in outputs:
            told.update(one.topic.encode() + one.key + (b"" if one.what is None else encode(one.what)))
        since += pumped
        if since >= CHECKPOINT_EVERY:
            since = 0
            before_s = time.process_time()
            kept = engine.checkpoint()
            checkpoint_s += time.process_time() - before_s
            rows += len(kept.rows)
            row_bytes += sum(len(key) + len(value or b"") for key, value in kept.rows)
    return checkpoint_s, rows, row_bytes


def _steps(stream: Stream, engine: Partition, ends: list[int]) -> Iterator[tuple[list[Output], int]]:
    while engine.order.positions.offsets != ends:
        topic = engine.order.next_topic
        start = engine.order.expected(topic)
        if start >= ends[topic]:
            topic = next(t for t in range(len(ends)) if engine.order.expected(t) < ends[t])
            start = engine.order.expected(topic)
        outputs, _ = engine.offer(topic, stream.chunk(topic, start, end=ends[topic]))
        yield outputs + engine.pump(), engine.pumped


def _order_s(stream: Stream) -> float:
    """Return what the canonical order alone takes."""
    order = CanonicalOrder(Positions.start(len(stream.logs)), buffer_records=1 << 40)
    ends = [len(log.keys) for log in stream.logs]

    def step(ends: list[int]) -> None:
        while order.positions.offsets != ends:
            topic = order.next_topic
            if order.expected(topic) >= ends[topic]:
                topic = next(t for t in range(len(ends)) if order.expected(t) < ends[t])
            order.offer(topic, stream.chunk(topic, order.expected(topic), end=ends[topic]))
            for _ in order.each():
                pass

    step(stream.warm)
    before_s = time.process_time()
    step(ends)
    return time.process_time() - before_s


def _decode_s(stream: Stream) -> float:
    """Return what decoding the messages of events alone takes."""
    todo = [
        (name, log.keys[warm:], log.values[warm:])
        for name, log, warm in zip(ORDERED_NAMES, stream.logs, stream.warm, strict=True)
        if name in EVENT_TOPICS
    ]
    before_s = time.process_time()
    for name, keys, values in todo:
        for key, value in zip(keys, values, strict=True):
            if key != TICK_KEY:
                decode(name, key, value)
    return time.process_time() - before_s


def _states(engine: Partition) -> str:
    digest = blake2b(digest_size=8)
    for name in engine.names():
        watched = engine.household(name)
        if watched is not None:
            model = () if watched.model is None else (watched.model.hot(), watched.model.rhythm())
            digest.update(msgspec.msgpack.encode([name, model, watched.ledger.state(), watched.since_ms]))
    return digest.hexdigest()


def table(costs: list[Cost], name: str) -> str:
    """Return medians and spreads."""
    lines = [f"{name}: {costs[0].events:,} events, {len(costs)} rounds, CPU us an event: median (least to most)"]
    for step in costs[0].each_us():
        each = sorted(cost.each_us()[step] for cost in costs)
        lines.append(f"  {step:11} {statistics.median(each):7.2f}  ({each[0]:.2f} to {each[-1]:.2f})")
    last = costs[-1]
    lines.append(f"  {last.rows:,} rows, {last.row_bytes / max(last.rows, 1):.0f} bytes each")
    lines.append(f"  said {last.outputs}, kept {last.states}")
    seen = "" if last.engine != COMPILED else "; no probe reaches its looks at the clock: `apply` holds `wake`"
    lines.append(f"  engine: {last.engine or 'plain Python'}{seen}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.bench_engine", description=__doc__)
    parser.add_argument("--households", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=72)
    parser.add_argument("--warm-hours", type=int, default=48)
    parser.add_argument("--tick-s", type=int, default=60)
    parser.add_argument("--live", action="store_true", help="ticks as a live log has them: views each hour")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout with its own .venv, in interleaved rounds")
    parser.add_argument(
        "--pure", action="store_true", help="the compiled engine against plain Python, in interleaved rounds"
    )
    parser.add_argument("--json", action="store_true", help="one round, as JSON")
    parser.add_argument("--streams", type=Path, default=STREAMS)
    asked = parser.parse_args(arguments)
    wanted = Wanted(asked.households, asked.hours, asked.warm_hours, asked.tick_s, live=asked.live)
    stream = stream_of(wanted, asked.streams)
    if asked.json:
        sys.stdout.write(msgspec.json.encode(measure(stream)).decode() + "\n")
        return 0
    del stream
    here = Path.cwd()
    sides = [(here.name, here, False)]
    if asked.against:
        sides.append((asked.against.name, asked.against, False))
    elif asked.pure:
        sides.append(("plain Python", here, True))
    own = [one for one in sys.argv[1:] if one not in ("--json", "--pure")] if arguments is None else arguments
    found: list[list[Cost]] = [[] for _ in sides]
    for _ in range(asked.rounds):
        for costs, (_, tree, pure) in zip(found, sides, strict=True):
            costs.append(_child(tree, own, asked.streams.resolve(), pure=pure))
    for costs, (name, _, _) in zip(found, sides, strict=True):
        sys.stdout.write(table(costs, name) + "\n")
    if len(sides) > 1:
        mine, theirs = found
        ratios = sorted(b.total_s / a.total_s for a, b in zip(mine, theirs, strict=True))
        same = {(a.outputs, a.states) for a in mine} == {(b.outputs, b.states) for b in theirs}
        sys.stdout.write(
            f"{sides[1][0]} / {sides[0][0]}: {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}); {'the same was said and kept' if same else 'THEY DIFFER'}; "
            f"load {os.getloadavg()[0]:.1f}\n"
        )
        return 0 if {a.outputs for a in mine} == {b.outputs for b in theirs} else 1
    return 0


def _child(tree: Path, own: list[str], streams: Path, *, pure: bool) -> Cost:
    """Run one round in a process of its own: no round inherits another's memory."""
    python = tree / ".venv" / "bin" / "python"
    command = [str(python), "-m", "load_tests.bench_engine", *own, "--json", "--streams", str(streams)]
    env = {**os.environ, PURE: "1"} if pure else None
    done = subprocess.run(command, cwd=tree, check=True, stdout=subprocess.PIPE, env=env)  # noqa: S603 - our own program
    return msgspec.json.decode(done.stdout, type=Cost)


if __name__ == "__main__":
    sys.exit(main())
