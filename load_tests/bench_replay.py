"""How much memory a replay takes, of a short and of a long recording: it must not grow with the length.

`python -m load_tests.bench_replay --homes 6 --days 30 --days 120` writes made-up recordings as CSV, replays each with the
command `anbu replay` in a process of its own, and prints the largest resident set that it and its processes had.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import click

from streams.wallclock import monotonic_s

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def rows(homes: int, days: int, seed: int) -> Iterator[str]:
    """Give CSV lines of homes whose sensors tell some two hundred times a day; all of it made up."""
    random = Random(seed)
    yield "household,timestamp_iso,source,device,kind,value\n"
    for day in range(days):
        for home in range(homes):
            minutes = sorted(random.sample(range(6 * 60, 23 * 60), 200))
            for minute in minutes:
                at = BEGIN + timedelta(days=day, minutes=minute)
                yield f"h-{home},{at.isoformat()},sensor,room-{minute % 5},motion,ON\n"


def measured(homes: int, days: int, seed: int) -> tuple[int, float, float, int]:
    """Replay a recording of so many days; readings, seconds, processor seconds, and bytes of the largest resident set."""
    with tempfile.TemporaryDirectory(prefix="anbu-bench-replay-") as folder:
        file = Path(folder) / "homes.csv"
        with file.open("w", encoding="utf-8") as out:
            out.writelines(rows(homes, days, seed))
        command = [sys.executable, "-c", "from streams.cli import main; main()", "replay", str(file)]
        began_s = monotonic_s()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env={**os.environ, "ANBU_PARTITIONS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise click.ClickException(f"the replay ended with {process.returncode}")
        return homes * days * 200, monotonic_s() - began_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


@click.command()
@click.option("--homes", type=click.IntRange(1, 1000), default=6, show_default=True)
@click.option("--days", type=click.IntRange(1, 1000), multiple=True, default=(30, 120), show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(homes: int, days: tuple[int, ...], seed: int) -> None:
    """Print one line for each length."""
    for one in days:
        # A process of its own for each: the largest resident set of children is kept over all of them.
        if len(days) > 1:
            options = ["--homes", str(homes), "--days", str(one), "--seed", str(seed)]
            subprocess.run([sys.executable, "-m", "load_tests.bench_replay", *options], check=True)  # noqa: S603
            continue
        readings, took_s, cpu_s, largest = measured(homes, one, seed)
        inner = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        click.echo(
            f"{one} days of {homes} homes, {readings:,} readings: {max(largest, inner) / 1e6:.0f} MB at most,"
            f" {took_s:.1f} s, {cpu_s:.1f} s of processor time"
        )


if __name__ == "__main__":
    main()
