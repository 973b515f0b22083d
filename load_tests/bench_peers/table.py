"""What a run of the speed table found: figures with their rounds, ratios against the peers, and how they are shown."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from load_tests.bench_live.engine import AS_PLAIN, shortly
from load_tests.bench_live.figures import Live
from load_tests.bench_live.shown import lines_of

GOALS: Final[dict[str, tuple[float | None, float | None]]] = {
    "naive_faust": (250, 100),
    "quix": (20, 10),
    "bytewax": (8, 5),
    "pathway": (3, 2),
    "kafka_streams": (1.5, 1.0),
    "flink": (1.0, 0.6),
    "java_consumer": (0.6, None),
    "librdkafka": (1.0, 0.7),
    "limit": (None, 0.6),
}
"""Of each peer, events per CPU second of Anbu over its own: with the same model, and with Anbu's real detection."""


class Round(msgspec.Struct):
    """One run of one worker. CPU microseconds an event of the whole process; `None` where the run is too short to say."""

    cold_us: float | None
    """Of the first 500,000 events after the first one."""
    warm_us: float
    warm_per_s: float
    """Events a second of wall clock: others use this machine too."""
    start_s: float
    """CPU seconds until the first event."""
    load: float
    engine: str = ""
    """Of Anbu's workers: whether the engine ran compiled, as the worker said."""

    @classmethod
    def of(cls, points: list[tuple[int, float, float]], *, load: float, engine: str = "") -> "Round":
        """Return the round of the meter's points, (events, CPU seconds, wall seconds) each."""
        (n0, cpu0, _), (n1, cpu1, wall1), (n2, cpu2, wall2) = points
        cold = (cpu1 - cpu0) / (n1 - n0) * 1e6 if n1 >= 500_000 else None
        return cls(cold, (cpu2 - cpu1) / (n2 - n1) * 1e6, (n2 - n1) / max(wall2 - wall1, 1e-9), cpu0, load, engine)


class Ratio(msgspec.Struct):
    """Events per CPU second of Anbu over a peer's; the peer always has the trivial model, but for naive Faust's real column."""

    same_model: float | None
    real_detection: float | None


class Bench(msgspec.Struct):
    """One run of the table."""

    machine: dict[str, str]
    households: int
    events: int
    ratios: dict[str, Ratio] = {}
    figures: dict[str, list[Round]] = {}
    live: Live | None = None
    """Two workers, latency, frugality and deadlines."""
    not_measured: dict[str, str] = {}

    def save(self, path: Path) -> None:
        """Write it, with the ratios that follow from its figures."""
        self.ratios = self.judged()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def judged(self) -> dict[str, Ratio]:
        """Return the ratios, medians over the rounds that both took part in."""
        out = {}
        for name in GOALS:
            against = "naive_faust_real" if name == "naive_faust" else name
            same = None if name == "limit" else _median(self.paired(name, "anbu_trivial"))
            out[name] = Ratio(same, _median(self.paired(against, "anbu_real")))
        return out

    def paired(self, peer: str, own: str) -> list[float]:
        """Return the ratio of each round."""
        pairs = zip(self.figures.get(peer, []), self.figures.get(own, []), strict=False)
        return [theirs.warm_us / ours.warm_us for theirs, ours in pairs]


def called(name: str, rounds: Sequence[Round]) -> str:
    """Return a worker's name for a table, with the engine that it ran where it has one."""
    engines = sorted({shortly(one.engine) for one in rounds} - {""})
    return ", ".join(
        [name.removesuffix(AS_PLAIN).replace("_", " "), " and ".join(engines)] if engines else [name.replace("_", " ")]
    )


def _median(found: list[float]) -> float | None:
    return round(statistics.median(found), 3) if found else None


def machine() -> dict[str, str]:
    """Say what this was measured on; no names."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    names = ("anbu", "faust-streaming", "aiokafka", "msgspec", "numpy")
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": f"{os.getloadavg()[0]:.1f}",
    } | {name: version(name) for name in names}


def printed(bench: Bench) -> str:
    """Return the table."""
    told = ", ".join(f"{name} {value}" for name, value in bench.machine.items())
    lines = [
        f"{bench.events:,} synthetic events of {bench.households:,} households; {told}",
        "",
        "CPU us an event of the whole process: median (least to most)",
        f"  {'worker':26} {'warm':>26}  {'first 500,000':>26}  {'events/s':>9}  rounds",
    ]
    for name, rounds in sorted(bench.figures.items(), key=lambda item: statistics.median(r.warm_us for r in item[1])):
        cold = [one.cold_us for one in rounds if one.cold_us is not None]
        per_s = statistics.median(one.warm_per_s for one in rounds)
        warm = _spread([one.warm_us for one in rounds])
        lines.append(f"  {called(name, rounds):26} {warm:>26}  {_spread(cold):>26}  {per_s:9,.0f}  {len(rounds)}")
    lines += ["", "events per CPU second, Anbu over the peer: median (least to most), and the goal"]
    lines.append(f"  {'against':14} {'the same trivial model':>34}  {'Anbu with its real detection':>34}")
    for name, (same_goal, real_goal) in GOALS.items():
        against = "naive_faust_real" if name == "naive_faust" else name
        same = [] if name == "limit" else bench.paired(name, "anbu_trivial")
        cells = (_cell(same, same_goal), _cell(bench.paired(against, "anbu_real"), real_goal))
        lines.append(f"  {name:14} {cells[0]:>34}  {cells[1]:>34}")
    lines += [f"  not measured: {name}: {why}" for name, why in sorted(bench.not_measured.items())]
    if bench.live is not None:
        lines += ["", *lines_of(bench.live)]
    return "\n".join(lines) + "\n"


def _spread(found: list[float], form: Callable[[float], str] = "{:.2f}".format) -> str:
    if not found:
        return "-"
    return f"{form(statistics.median(found))} ({form(min(found))} to {form(max(found))})"


def _cell(found: list[float], goal: float | None) -> str:
    if not found:
        return "-"
    shown = _spread(found, "{:.3g}".format)
    if goal is None:
        return shown
    return f"{shown}, {'reaches' if statistics.median(found) >= goal else 'misses'} {goal:g}"


def compared(now: Bench, before: Bench) -> str:
    """Return what has changed since an earlier run."""
    lines = ["", "CPU us an event, before and now"]
    for name in now.figures.keys() & before.figures.keys():
        then_us = statistics.median(one.warm_us for one in before.figures[name])
        now_us = statistics.median(one.warm_us for one in now.figures[name])
        lines.append(f"  {name:18} {then_us:9.2f} {now_us:9.2f}   {then_us / now_us:.2f} times as fast")
    lines = [*lines[:2], *sorted(lines[2:])]
    if now.live is not None and before.live is not None:
        lines += ["", "before:", *lines_of(before.live), "now:", *lines_of(now.live)]
    return "\n".join(lines) + "\n"
