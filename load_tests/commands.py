"""Commands of this layer, found by the `anbu` command line through the entry points `anbu.commands`."""

import asyncio
import importlib
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from schemas.times import from_rfc3339
from schemas.topics import DAY_MS, ORDERED_NAMES
from streams.commands.outcome import Failed, Misconfigured, count, settings, told
from streams.commands.teach import Taught
from streams.publish import check_partitions, partition_counts
from streams.wallclock import now_ms

SEOUL = ZoneInfo("Asia/Seoul")

HOUSEHOLDS = click.option("--households", type=click.IntRange(1, 100_000), default=200, show_default=True)
DAYS = click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True)
SEED = click.option("--seed", type=int, default=2026, show_default=True, help="The same seed gives the same people.")


def _part(name: str) -> Any:
    """Load a module of this layer, only by the command that needs it: the simulator and the feed load slowly."""
    try:
        return importlib.import_module(f"load_tests.{name}")
    except ModuleNotFoundError as error:
        raise Failed(f"anbu {name} is not part of this version yet; see README.md for what is") from error


@click.command(cls=Taught, short_help="A simulated neighbourhood end to end, with a summary.")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Recorded households in the CSV form instead of simulated ones.",
)
@HOUSEHOLDS
@DAYS
@SEED
@click.option("--no-injection", is_flag=True, help="Nobody comes to harm: then nothing urgent may be reported.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("build/demo"), show_default=True)
@told
def demo(data: Path | None, households: int, days: int, seed: int, no_injection: bool, out: Path) -> None:
    """Show everything at work: an embedded broker, worker, ClickHouse and a neighbourhood of synthetic people.

    Starts all parts on free loopback ports, plays the days at high speed, shows the incidents as they come, and ends by
    itself with a summary: what was found, how late, how many false alarms, one SQL query. Ctrl-C stops it cleanly.
    Leaves the recording and what was injected under build/demo. Exit code 1 when something injected was missed.

    Example:
      anbu demo
      anbu demo --households 50 --days 14 --seed 7
      anbu demo --data homes.csv.gz
    """
    code = _part("demo.command").run(
        households=households, days=days, seed=seed, injections=not no_injection, data=data, folder=out
    )
    if code:
        raise click.exceptions.Exit(code)


@click.command(cls=Taught, short_help="The same parts and neighbourhood, kept running.")
@HOUSEHOLDS
@DAYS
@SEED
@told
def up(households: int, days: int, seed: int) -> None:
    """Run everything until Ctrl-C: days of a synthetic neighbourhood back-filled up to now, then in real time.

    Prints the URLs and the commands to try from a second terminal. Ports come from ANBU_*; it ends by Ctrl-C and leaves
    no process behind.

    Example:
      anbu up
      (second terminal) anbu doctor
      (second terminal) anbu incidents watch
    """
    code = _part("living.up").run(households=households, days=days, seed=seed)
    if code:
        raise click.exceptions.Exit(code)


@click.command(cls=Taught, short_help="Write a simulated neighbourhood to a folder.")
@HOUSEHOLDS
@DAYS
@SEED
@click.option("--start", default=None, help="First day, such as 2026-03-01; default: so many days before today.")
@click.option("--no-injection", is_flag=True, help="Nobody comes to harm.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder; made if needed.")
@told
def simulate(households: int, days: int, seed: int, start: str | None, no_injection: bool, out: Path) -> None:
    """Write a synthetic neighbourhood: its messages, its registry, and the truth about what was injected.

    Everything is made up; the same arguments with the same --start give the same bytes. The folder holds
    messages.jsonl.gz (one message a line), households.json and truth.json.

    Example:
      anbu simulate --households 50 --days 14 --seed 7 --out build/street
      48,211 messages of 50 households over 14 days in build/street
      truth.json: 9 collapses, 15 emergencies, 12 others
    """
    start_ms = _day(start, SEOUL) if start else (now_ms() // DAY_MS - days) * DAY_MS
    neighbourhood = _part("simulator.neighbourhood").simulate(
        households, days, seed, start_ms=start_ms, injections=not no_injection
    )
    truth = neighbourhood.truth
    try:
        messages = _part("recordings.recording").write(out, neighbourhood, truth)
    except OSError as error:
        raise Failed(f"{out}: {error.strerror or error}") from error
    click.echo(f"{messages:,} messages of {count(households, 'household')} over {count(days, 'day')} in {out}")
    collapses = sum(1 for one in truth if one.is_collapse)
    immediate = sum(1 for one in truth if one.is_immediate)
    click.echo(
        f"truth.json: {collapses} collapses, {immediate} emergencies, {len(truth) - collapses - immediate} others"
    )


@click.command("import", cls=Taught, short_help="Publish recorded households from a CSV file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tz", default="Asia/Seoul", show_default=True, help="Zone in which times without an offset are read.")
@click.option(
    "--align", default=None, metavar="DAY", help="Move homes of different years, by whole weeks, to begin then."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=None, help="Write a recording instead."
)
@click.option("--check", is_flag=True, help="Only read the file and report; publish nothing.")
@told
def import_(file: Path, tz: str, align: str | None, out: Path | None, check: bool) -> None:
    """Turn a recording of real homes and phones into events and publish them with the clock of their time.

    The CSV form has the columns household,timestamp_iso,source,device,kind,value (.gz too); docs/recordings.md has the
    words it knows. Rows that say nothing known are counted and shown with their line, the others go on. A log takes
    recordings before it turns live, never after.

    Example:
      anbu import homes.csv.gz
      112,090 rows: 61,512 events of 3 households, 50,370 without meaning, 208 refused
      refused: 208 unknown value
      published 40,117 messages and 43,200 ticks
    """
    recorded = _part("recordings.recorded")
    try:
        imported = recorded.read_csv(file, tz)
        events = list(imported.events)
        if align:
            events = recorded.aligned(events, _day(align, ZoneInfo(tz)))
    except recorded.CsvError as error:
        raise Misconfigured(f"{file}: {error}") from error
    report = imported.report
    click.echo(
        f"{count(report.rows, 'row')}: {count(len(events), 'event')} of {count(len(report.households), 'household')},"
        f" {report.without_meaning.total():,} without meaning, {report.refused.total():,} refused"
    )
    for reason, times in report.refused.most_common():
        click.echo(f"refused: {times:,} {reason}")
    for refusal in report.refusals[:10]:
        click.echo(f"line {refusal.line}: {refusal.reason} ({refusal.column})", err=True)
    if report.repeated_hour:
        click.echo(f"{report.repeated_hour:,} times of a repeated hour taken as the first")
    if not events:
        raise Failed(f"{file}: no event in it")
    if check:
        return
    played = recorded.gathered(events)
    if out is not None:
        click.echo(f"{_part('recordings.recording').write(out, played):,} messages in {out}")
        return
    _feed(played)


def _feed(played: Any) -> None:
    chosen = settings()
    check_partitions(partition_counts(chosen.bootstrap), dict.fromkeys(ORDERED_NAMES, chosen.partitions))
    kafka_error = importlib.import_module("aiokafka.errors").KafkaError
    try:
        done = asyncio.run(_part("feed").feed(chosen.bootstrap, played, partitions=chosen.partitions))
    except kafka_error as error:
        raise Failed(f"the broker at {chosen.bootstrap} stopped taking messages ({type(error).__name__})") from error
    click.echo(f"published {done.messages:,} messages and {done.ticks:,} ticks")


def _day(text: str, zone: tzinfo) -> int:
    try:
        return from_rfc3339(datetime.fromisoformat(text).replace(tzinfo=zone).isoformat())
    except ValueError as error:
        raise Misconfigured(f"{text!r} is no day; write it as 2026-03-01") from error
