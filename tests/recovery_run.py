"""The published recovery run: workers on Apache Kafka, put through every fault until there are enough restarts.

    make bench-recovery
    make bench-recovery BENCH='--restarts 20 --seed 3 --only "SIGSTOP, and waking late"'

Each run of a fault is a group of its own over the same logs of a synthetic town, from their first record to their last. What
it leaves is compared with one engine in memory that was never stopped: everything told, and every household bit for bit.
It prints a line a run and writes `docs/figures/recovery.json` and the table in `docs/recovery.md`.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from worker_faults import FAULTS, Fault, renew_outputs, take_unread_records
from worker_logs import wait_until
from worker_runs import Town, a_run
from worker_town import build_town, town_messages

from infra.kafka_jars import KAFKA_VERSION
from infra.kafka_node import KafkaNode
from schemas.generate import between_markers

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures" / "recovery.json"
PAGE = ROOT / "docs" / "recovery.md"
PARTITIONS = 3


@dataclass(slots=True)
class Found:
    """What one kind of fault came to, over all its runs."""

    fault: str
    runs: int = 0
    restarts: int = 0
    compared: int = 0
    """Words of the run that was never stopped: incidents, requests, answers, views, statuses, dead letters."""
    lost: int = 0
    doubled: int = 0
    """Said and not to be said, or said twice and differently."""
    homes: int = 0
    states_differing: int = 0
    left_out: int = 0
    """Homes whose rows were damaged on purpose: they begin anew, and are not compared."""
    broken_off: int = 0
    """Runs that could not be judged: the fault did not come about, or the end of the logs was not reached in time."""
    seconds: list[float] = field(default_factory=list)


def play(town: Town, fault: Fault, folder: Path, seed: int, found: Found) -> None:
    """Play a fault once and add what came of it."""
    if fault.salvages:
        renew_outputs(town)
    began_s = time.monotonic()
    with a_run(town, folder) as run:
        gone = fault.play(run, Random(seed))
        but = set(gone) if fault.salvages and isinstance(gone, list) else set()
        if not any(worker.child.alive for worker in run.workers):
            run.start()
        run.finish(240.0)
        differences = run.differences(but=but, loosely=fault.loosely)
        found.runs += 1
        found.restarts += run.begun - 1
        found.compared += sum(len(judged.told.records) for judged in town.oracle)
        found.homes += sum(len(judged.state) - 1 for judged in town.oracle) - len(but)
        found.lost += sum(len(one.lost) for one in differences)
        found.doubled += sum(len(one.beside) + len(one.twice) + len(one.otherwise) for one in differences)
        found.states_differing += sum(len(one.states) for one in differences)
        found.left_out += len(but)
        found.seconds.append(round(time.monotonic() - began_s, 1))
    for number, one in enumerate(differences):
        for what, names in asdict(one).items():
            if names:
                tell(f"  partition {number}: {len(names)} {what}, such as {names[:3]}")


def lose_to_retention(town: Town, folder: Path, seed: int) -> dict[str, int]:
    """Let retention take unread records: they are counted one by one, and the worker goes on to the end."""
    with a_run(town, folder) as run:
        gone = take_unread_records(run, Random(seed))
        worker = run.start()
        wait_until(lambda: worker.ready, 90, "a recovery")
        wait_until(run.is_done, 240, "the end of the logs")
        counted = worker.metric("anbu_records_lost_to_retention_total", topic="home.sensors")
        return {"restarts": run.begun - 1, "taken": sum(gone.values()), "counted": int(counted)}


def tell(line: str) -> None:
    """Print at once: a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def table_of(figures: dict[str, Any]) -> str:
    """The table of the page."""
    about = (
        f"Seed {figures['seed']}, Apache Kafka {figures['kafka']}, {figures['records']:,} records in {figures['partitions']} "
        f"partitions, {figures['homes']} synthetic homes over six days; {figures['minutes']} minutes, load {figures['load']} "
        "at the end."
    )
    lines = [
        about,
        "",
        "| fault | runs | restarts | words told | lost | doubled | homes compared | states that differ |",
        "|---|---|---|---|---|---|---|---|",
    ]
    total = Found("**all**")
    for words in figures["faults"]:
        one = msgspec.convert(words, Found)
        lines.append(_row(one))
        for name in ("runs", "restarts", "compared", "lost", "doubled", "homes", "states_differing"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
    lines.append(_row(total))
    if broken_off := sum(words["broken_off"] for words in figures["faults"]):
        lines += ["", f"{broken_off} runs could not be judged and are not in the table."]
    retention = figures.get("retention")
    if retention:
        taken, counted = retention["taken"], retention["counted"]
        lines += [
            "",
            f"Retention took {taken:,} unread records behind a dead worker; its successor counted {counted:,}.",
        ]
    return "\n".join(lines) + "\n"


def _row(one: Found) -> str:
    return (
        f"| {one.fault} | {one.runs} | {one.restarts} | {one.compared:,} | {one.lost} | {one.doubled} | {one.homes:,} "
        f"| {one.states_differing} |"
    )


def main() -> int:
    """Play until there are enough restarts; 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make bench-recovery", description=__doc__)
    parser.add_argument("--restarts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="names of faults")
    parser.add_argument("--dry", action="store_true", help="write no file")
    asked = parser.parse_args()
    began_s = time.monotonic()
    played, messages = town_messages()
    node = KafkaNode(jars=ROOT / "build" / "kafka" / "libs", properties={"log.cleaner.backoff.ms": "200"})
    faults = [one for one in FAULTS if not asked.only or one.name in asked.only]
    found = {one.name: Found(one.name) for one in faults}
    with tempfile.TemporaryDirectory(prefix="recovery-") as folder, node:
        town = build_town(node, played, PARTITIONS, messages)
        records = town.records
        homes = sum(len(judged.state) - 1 for judged in town.oracle)
        tell(f"{records:,} records, {homes} homes; the oracle took {time.monotonic() - began_s:.0f} s")
        turn = 0
        while sum(one.restarts for one in found.values()) < asked.restarts or turn < len(faults):
            fault = faults[turn % len(faults)]
            one = found[fault.name]
            try:
                play(town, fault, Path(folder) / str(turn), asked.seed * 1000 + turn, one)
            except AssertionError as error:
                one.broken_off += 1
                one.seconds.append(0.0)
                tell(f"  broken off: {error}")
            restarts = sum(each.restarts for each in found.values())
            tell(
                f"{fault.name}: {one.restarts} restarts in {one.runs} runs, lost {one.lost}, doubled {one.doubled}, "
                f"states {one.states_differing} ({one.seconds[-1]:.0f} s; {restarts} restarts in all)"
            )
            turn += 1
        retention = None if asked.only else lose_to_retention(town, Path(folder) / "retention", asked.seed)
    figures = {
        "seed": asked.seed,
        "kafka": KAFKA_VERSION,
        "records": records,
        "partitions": PARTITIONS,
        "homes": homes,
        "minutes": round((time.monotonic() - began_s) / 60),
        "load": round(os.getloadavg()[0], 1),
        "faults": [asdict(one) for one in found.values()],
        "retention": retention,
    }
    table = table_of(figures)
    tell("\n" + table)
    if not asked.dry:
        FIGURES.write_text(msgspec.json.format(msgspec.json.encode(figures), indent=1).decode() + "\n")
        PAGE.write_text(between_markers(PAGE.read_text(encoding="utf-8"), "recovery run", table), encoding="utf-8")
    return int(any(one.lost or one.doubled or one.states_differing or one.broken_off for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
