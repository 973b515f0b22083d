"""Everything that is said of Anbu's speed, in one run: peers, two workers, latency, frugality, deadlines.

    make bench                                # the Python peers, and Anbu's own figures
    make bench-jvm                            # with Kafka Streams, Flink and a plain Java consumer
    make bench BENCH='--quick'                # one short round of everything
    make bench BENCH='--only latency --rounds 2'
    make bench BENCH='--only quix flink'      # these peers beside Anbu
    make bench BENCH='--compare build/bench-before.json'
    python -m load_tests.bench --docs         # the tables of docs/performance.md, of build/bench.json

The broker has one core, each worker in its turn the other. Writes build/bench.json after every round, so that a run that is
cut short has not been for nothing; what cannot be had within its time is shown as not measured. With `--only` the other parts
of the file stay as they were. The engine runs as it ships, compiled where `make native` was done, and every part says which ran;
beside the compiled one the table of peers has the same worker as plain Python. `ANBU_PURE=1 make bench` is plain Python throughout.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from infra.broker import BrokerError
from infra.processes import ProcessError
from load_tests import bench_docs
from load_tests.bench_live import deadlines, latency, scaling
from load_tests.bench_live.figures import Live
from load_tests.bench_live.place import NotMeasuredError
from load_tests.bench_peers import side_by_side
from load_tests.bench_peers.table import Bench, compared, machine, printed
from load_tests.bench_stream import Stream, Wanted, stream_of
from schemas.compiled import state

PARTS: Final = ("deadlines", "scaling", "latency")
SWEPT_HOUSEHOLDS: Final = 200_000


class Plan(msgspec.Struct, frozen=True):
    """How long everything takes."""

    rounds: int = 3
    until: int = side_by_side.WARM
    """Events of a run of a peer."""
    each_s: float = 20.0
    """Of a run at one rate."""
    within_s: float = 150.0
    """A run of one worker that takes longer is not measured."""
    part_within_s: float = 600.0
    """The same for a whole part."""


QUICK: Final = Plan(rounds=1, until=650_000, each_s=8.0, within_s=90.0, part_within_s=200.0)


def run(names: list[str], parts: list[str], plan: Plan, bench: Bench, stream: Stream, out: Path) -> None:
    """Measure peers and parts into the file; what hangs or fails is noted there, and the next one has its turn."""

    def save() -> None:
        bench.save(out)

    live = bench.live = bench.live or Live()
    measures: dict[str, Callable[[], None]] = {
        "deadlines": lambda: deadlines.measure(live, stream, SWEPT_HOUSEHOLDS, plan.rounds, save),
        "scaling": lambda: scaling.measure(live, stream, plan.rounds, save),
        "latency": lambda: latency.measure(live, stream, plan.rounds, plan.each_s, save),
    }
    for part in parts:
        live.forget(part)
        why = _tried(measures[part], plan.part_within_s)
        if why:
            live.not_measured[part] = why
            sys.stderr.write(f"{part}: {why}\n")
        save()
    if names:
        why = _tried(
            lambda: side_by_side.measure(bench, stream, names, plan.rounds, plan.within_s, plan.until, save), 3600.0
        )
        if why:
            bench.not_measured |= {name: why for name in names if name not in bench.figures}
        save()


def _tried(measure: Callable[[], None], within_s: float) -> str:
    """Measure; in one line why that did not succeed."""
    try:
        with _limit(within_s):
            measure()
    except (NotMeasuredError, BrokerError, ProcessError) as error:
        return str(error).splitlines()[0][:200]
    return ""


@contextlib.contextmanager
def _limit(within_s: float) -> Iterator[None]:
    """Raise NotMeasuredError in the midst of what takes longer."""

    def ring(_number: int, _frame: object) -> None:
        raise NotMeasuredError(f"not done within {within_s:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, within_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m load_tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*PARTS, *side_by_side.PYTHON, *side_by_side.JAVA, "anbu", "peers"]
    parser.add_argument("--only", nargs="*", choices=every, help="these parts, or these peers beside Anbu")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--households", type=int, default=1000)
    parser.add_argument("--jvm", action="store_true", help="the JVM peers too")
    parser.add_argument("--within-s", type=float, help="a run of a worker that takes longer is not measured")
    parser.add_argument("--until", type=int, help="events of a run, for less than a minute")
    parser.add_argument("--out", type=Path, default=side_by_side.BUILD / "bench.json")
    parser.add_argument("--compare", type=Path, help="an earlier file: what has changed since")
    parser.add_argument("--show", action="store_true", help="print the file of the last run again")
    parser.add_argument("--docs", action="store_true", help="write the tables of docs/performance.md of that file")
    return parser.parse_args(arguments)


def _plan(asked: argparse.Namespace) -> Plan:
    plan = QUICK if asked.quick else Plan()
    chosen = {"rounds": asked.rounds, "within_s": asked.within_s, "until": asked.until}
    return msgspec.structs.replace(plan, **{name: value for name, value in chosen.items() if value is not None})


def _chosen(asked: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return which workers run for the table of peers, Anbu's first, and which parts."""
    peers = [*side_by_side.PYTHON, *(side_by_side.JAVA if asked.jvm else ())]
    if asked.only is None:
        return [*side_by_side.own(), *peers], list(PARTS)
    wanted = [name for name in asked.only if name not in PARTS and name not in ("anbu", "peers")]
    if "peers" in asked.only:
        wanted = peers
    beside = side_by_side.own() if wanted or "anbu" in asked.only else ()
    return [*beside, *wanted], [part for part in PARTS if part in asked.only]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables, write build/bench.json."""
    asked = _asked(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the worker under way would be left behind
    if asked.show or asked.docs:
        bench = msgspec.json.decode(asked.out.read_bytes(), type=Bench)
    else:
        sys.stderr.write(f"engine: {state()}\n")
        names, parts = _chosen(asked)
        stream = stream_of(Wanted(asked.households, 168, 0), side_by_side.STREAMS)
        bench = Bench(machine(), asked.households, stream.events)
        if asked.only is not None and asked.out.exists():
            kept = msgspec.json.decode(asked.out.read_bytes(), type=Bench)
            bench = msgspec.structs.replace(kept, machine=bench.machine)
        run(names, parts, _plan(asked), bench, stream, asked.out)
    sys.stdout.write(printed(bench))
    if asked.compare:
        sys.stdout.write(compared(bench, msgspec.json.decode(asked.compare.read_bytes(), type=Bench)))
    if asked.docs:
        bench_docs.write(bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
