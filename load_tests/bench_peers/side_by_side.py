"""Anbu and its peers side by side: events per CPU second, the same stream, the same broker, interleaved rounds.

The broker has one core, each worker in its turn the other; what counts is the CPU time of the whole worker process, so
that others on the machine disturb little. `load_tests/bench.py` is the command.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from infra.topics import create_topics
from load_tests.bench_live.engine import AS_PLAIN, heard
from load_tests.bench_live.place import NotMeasuredError, a_broker, cores
from load_tests.bench_peers.log import write
from load_tests.bench_peers.table import Bench, Round
from load_tests.bench_stream import Stream
from schemas.compiled import PURE, is_compiled

BUILD: Final = Path("build")
STREAMS: Final = BUILD / "bench-streams"
PEERS_PYTHON: Final = BUILD / "bench-venv" / "bin" / "python"
PEERS: Final = ("confluent-kafka==2.12.2", "quixstreams==3.28.1", "bytewax==0.21.1", "pathway==0.33.0", "msgspec")
SCRIPTS: Final = Path(__file__).parents[1] / "peers"
JVM: Final = Path(__file__).parents[1] / "jvm"
JVM_BUILD: Final = BUILD / "bench-jvm"
COLD: Final = 500_000
"""Events after the first one that are shown beside the warm figures."""
WARM: Final = 1_200_000
SLOW: Final = {
    "naive_faust": (2_000, 12_000),
    "naive_faust_real": (1_000, 5_000),
    "quix": (100_000, 300_000),
    "pathway": (100_000, 250_000),
    "anbu_real": (500_000, 800_000),
}
"""Those that would take all day: of these, where the warm part begins and ends."""
LIMITS: Final = ("limit", "limit_as_peers")
"""Anbu's own consumer with decoding and nothing else: with Anbu's decoding and its checks, and with what the peers decode."""
PYTHON: Final = ("naive_faust", "naive_faust_real", "quix", "bytewax", "pathway", "librdkafka", *LIMITS)
JAVA: Final = {"kafka_streams": "Streams", "flink": "FlinkPeer", "java_consumer": "Plain"}
ANBU: Final = ("anbu_trivial", "anbu_real")


def own() -> tuple[str, ...]:
    """Return Anbu's workers as they ship; where the engine is compiled, the same as plain Python after them."""
    return (*ANBU, *(name + AS_PLAIN for name in ANBU)) if is_compiled() else ANBU


def marks_of(name: str, until: int = WARM) -> tuple[int, int]:
    """Return where the warm part of a run begins and ends, events."""
    begin, end = SLOW.get(name.removesuffix(AS_PLAIN), (COLD, WARM))
    return begin, min(end, max(until, begin + 1000))


def command_of(name: str, bootstrap: str, marks: str) -> list[str]:
    """Return the command of one run; what it prints at its marks is its meter's."""
    name = name.removesuffix(AS_PLAIN)
    if name in ANBU or name in LIMITS:
        which = name.removeprefix("anbu_")
        group = f"bench-{which}-{uuid.uuid4().hex[:8]}"
        if name in ANBU:
            create_topics(bootstrap, 1, group=group)
        return [sys.executable, "-m", "load_tests.bench_peers.anbu", which, bootstrap, marks, group]
    if name in JAVA:
        part = JVM_BUILD / ("flink" if name == "flink" else "kafka")
        return ["java", "-cp", f"{part}/classes:{part}/libs/*", *_OPENS, JAVA[name], bootstrap, marks]
    if name.startswith("naive_faust"):
        words = ["real"] if name.endswith("real") else []
        return [sys.executable, str(SCRIPTS / "with_naive_faust.py"), bootstrap, marks, *words]
    return [str(PEERS_PYTHON), str(SCRIPTS / f"with_{name}.py"), bootstrap, marks]


_OPENS: Final = ("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED")


def run(name: str, bootstrap: str, core: int, within_s: float, until: int) -> Round | str:
    """Run one worker to its last mark; in one line why it did not get there."""
    begin, end = marks_of(name, until)
    command = command_of(name, bootstrap, f"1,{begin},{end}")
    child = subprocess.Popen(  # noqa: S603 - our own commands
        ["taskset", "-c", str(core), *command],  # noqa: S607 - a standard tool
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **({PURE: "1"} if name.endswith(AS_PLAIN) else {})},
    )
    try:
        said, complaints = child.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        child.kill()
        said, complaints = child.communicate()
        complaints += f"\nnot done within {within_s:.0f} s"
    finally:
        child.kill()
    lines = said.splitlines()
    found = [line.split()[1:] for line in lines if line.startswith("at ")]
    points = [(int(count), float(cpu_s), float(wall_s)) for count, cpu_s, wall_s in found]
    if len(points) < 3:
        wrong = [line for line in complaints.splitlines() if line.strip()]
        return wrong[-1][:200] if wrong else f"it ended with code {child.returncode} after {len(points)} marks"
    return Round.of(points, load=os.getloadavg()[0], engine=heard(lines))


def install_peers() -> None:
    """Make the peers' environment under build/, once. What cannot be had shows itself when it is run."""
    folder = PEERS_PYTHON.parent.parent
    if not PEERS_PYTHON.exists():
        sys.stderr.write("installing the peers, once; a few minutes\n")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
        pip = [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, *PEERS], check=False).returncode:  # noqa: S603
            for peer in PEERS:
                subprocess.run([*pip, peer], check=False)  # noqa: S603


def build_jvm() -> list[str]:
    """Compile the JVM peers; those that could not be."""
    missing = []
    for part, names in (("kafka", ["kafka_streams", "java_consumer"]), ("flink", ["flink"])):
        out = JVM_BUILD / part
        (out / "classes").mkdir(parents=True, exist_ok=True)
        libs = (out / "libs").absolute()
        maven = ["mvn", "-q", "-f", str(JVM / f"{part}-pom.xml"), "dependency:copy-dependencies"]
        sources = [*map(str, (JVM / "common").glob("*.java")), *map(str, (JVM / part).glob("*.java"))]
        javac = ["javac", "-nowarn", "-cp", f"{libs}/*", "-d", str(out / "classes"), *sources]
        try:
            if not libs.exists():
                subprocess.run([*maven, f"-DoutputDirectory={libs}"], check=True)  # noqa: S603
            subprocess.run(javac, check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            sys.stderr.write(f"{part}: {error}\n")
            missing += names
    return missing


def measure(
    bench: Bench,
    stream: Stream,
    names: list[str],
    rounds: int,
    within_s: float,
    until: int,
    save: Callable[[], None],
) -> None:
    """Write the stream, then run every worker in turn, round after round.

    Raises:
        NotMeasuredError: the stream is too short.

    """
    if stream.events < WARM:
        raise NotMeasuredError(f"the stream has {stream.events:,} events only; {WARM:,} are read: take more households")
    install_peers()
    missing = build_jvm() if any(name in JAVA for name in names) else []
    bench.not_measured |= dict.fromkeys(missing, "it could not be built")
    for name in names:
        bench.figures.pop(name, None)
    broker_core, worker_core = cores()
    with a_broker(1) as node:
        sys.stderr.write(f"writing {stream.events:,} events of {stream.households:,} households\n")
        write(stream, node.bootstrap, single_events=WARM + 50_000)
        os.sched_setaffinity(0, {broker_core})
        try:
            for number in range(rounds):
                for name in names:
                    if name not in missing:
                        found = run(name, node.bootstrap, worker_core, within_s, until)
                        _note(bench, number, name, found)
                        save()
        finally:
            os.sched_setaffinity(0, {broker_core, worker_core})


def _note(bench: Bench, number: int, name: str, found: Round | str) -> None:
    shown = found if isinstance(found, str) else f"{found.warm_us:.2f} us an event"
    sys.stderr.write(f"round {number + 1} {name}: {shown}\n")
    if isinstance(found, str):
        bench.not_measured[name] = found
    else:
        bench.figures.setdefault(name, []).append(found)
        bench.not_measured.pop(name, None)
