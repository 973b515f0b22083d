"""`anbu replay`: the past again, with the very engine of the live run."""

from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from load_tests.recording import RecordingError, read
from load_tests.replay_proof import WARM_UP_DAYS, prove, show_gaps
from load_tests.replay_report import figures, show_compared, show_runs
from load_tests.replay_run import Past, past_of_archive, past_of_topics, run_all
from schemas.encode import encode
from schemas.profiles import Profile
from schemas.times import from_rfc3339
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import Taught
from streams.profile_file import read_profile
from streams.replay import Run, compare
from streams.screen import make_console
from streams.settings import Settings, masked
from streams.wallclock import monotonic_s


@click.command(cls=Taught, short_help="The past again: at another budget, or to prove that it comes out the same.")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A profile in TOML, in force from the beginning; give two to set them side by side.",
)
@click.option(
    "--against", type=click.Choice(["live"]), help="Compare with what the live run told; exit code 1 if they differ."
)
@click.option(
    "--from",
    "store",
    type=click.Choice(["topics", "archive"]),
    default="topics",
    show_default=True,
    help="Where the past is read: the broker's topics, or ClickHouse's archive of them.",
)
@click.option("--since", metavar="TIME", help="Begin there, such as 2026-11-01T00:00:00+09:00. Models begin anew then.")
@click.option("--until", metavar="TIME", help="Stop there.")
@click.option(
    "--warm-up-days",
    type=click.IntRange(0, 400),
    default=WARM_UP_DAYS,
    show_default=True,
    help="Of a past without its beginning: --against live compares what opened so long after it.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=None, help="Folder for incidents and figures."
)
@told
def replay(
    folder: Path | None,
    profiles: tuple[Path, ...],
    against: str | None,
    store: str,
    since: str | None,
    until: str | None,
    warm_up_days: int,
    out: Path | None,
) -> None:
    """Run the very engine of the live run over the past, on all cores: the topics, their archive, or a recording's FOLDER.

    Nothing is written to the live topics or tables. Without --profile the profiles in the log hold, each from its own
    record on, and the incidents of a live run come out again, with their ids and revisions: --against live shows the
    difference. With --profile another one holds from the beginning: what would have been.

    Example:
      anbu replay --against live
      equal to the live run: 412 revisions up to 2026-11-24T00:13Z, the same ids and contents

    Example:
      anbu replay --from archive --since 2026-06-01T00:00:00+09:00 --against live
      warm-up: 28 days; compared are incidents that opened from 2026-06-28T15:00Z on

    Example:
      anbu profile show > today.toml
      sed 's/^silence_budget = .*/silence_budget = 0.2/' today.toml > bold.toml
      anbu replay build/demo --profile today.toml --profile bold.toml --out build/replay
    """
    if against and (folder is not None or profiles):
        raise Misconfigured("--against live replays the topics as they are: without FOLDER and without --profile")
    if folder is not None and (since or until or store != "topics"):
        raise Misconfigured("--from, --since and --until are for topics and archive, not for a FOLDER")
    chosen = settings()
    console = make_console()
    if folder is not None:
        try:
            read(folder)
        except RecordingError as error:
            raise Misconfigured(str(error)) from error
        past = Past(chosen.partitions, folder=folder)
    else:
        past = _past(chosen, store, _moment(since), _moment(until))
    runs: dict[str, Run] = {}
    for name, profile in _named(profiles):
        began_s = monotonic_s()
        with _bar() as bar:
            task = bar.add_task(name, total=past.partitions)
            runs[name] = run_all(past, profile, partial(_advance, bar, task))
        took_s = monotonic_s() - began_s
        click.echo(
            f"{name}: {runs[name].readings:,} readings in {took_s:.1f} s, {runs[name].readings / took_s:,.0f} a second",
            err=True,
        )
    names = list(runs)
    show_gaps(console, past, runs[names[0]])
    show_runs(console, runs)
    for other in names[1:]:
        show_compared(console, names[0], other, compare(runs[names[0]], runs[other]))
    if out is not None:
        _write(out, runs)
        click.echo(f"incidents and figures are in {out}", err=True)
    if against == "live":
        found = prove(console, past, runs[names[0]], chosen.bootstrap, warm_up_days=warm_up_days)
        if not found:
            raise click.exceptions.Exit(1)


def _past(chosen: Settings, store: str, since_ms: int, until_ms: int) -> Past:
    if store == "topics":
        return past_of_topics(chosen.bootstrap, chosen.partitions, since_ms=since_ms, until_ms=until_ms)
    try:
        past = past_of_archive(chosen.clickhouse, chosen.partitions, since_ms=since_ms, until_ms=until_ms)
    except (ClickHouseAwayError, ClickHouseRefusedError) as error:
        raise Failed(f"{masked(chosen.clickhouse)}: {error}") from error
    if not any(end for ends in past.ends for end in ends):
        raise Failed("the archive is empty; fill it with: anbu writer --archive only")
    return past


def _moment(text: str | None) -> int:
    try:
        return from_rfc3339(text) if text else 0
    except ValueError as error:
        raise Misconfigured(f"{text!r}: {error}; write a time as 2026-11-01T00:00:00+09:00") from error


def _bar() -> Progress:
    """Partitions done and an estimate, on stderr: what is told on stdout may be read by a program."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("partitions"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _advance(bar: Progress, task: TaskID, done: int) -> None:
    bar.update(task, completed=done)


def _named(files: tuple[Path, ...]) -> list[tuple[str, Profile | None]]:
    if not files:
        return [("as in the log", None)]
    named: list[tuple[str, Profile | None]] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            profile = read_profile(text, who="replay", why="what if", applied_at="")
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{file}: {error}") from error
        named.append((file.stem, profile))
    if len({name for name, _ in named}) < len(named):
        raise Misconfigured("two profiles of one file name: give them different names")
    return named


def _write(folder: Path, runs: dict[str, Run]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, run in runs.items():
            lines = [
                encode(one) for one in sorted(run.incidents, key=lambda one: (one.opened_at, one.id, one.revision))
            ]
            (folder / f"incidents-{name.replace(' ', '-')}.jsonl").write_bytes(b"\n".join([*lines, b""]))
        (folder / "figures.json").write_bytes(encode({name: figures(run) for name, run in runs.items()}))
    except OSError as error:
        raise Failed(f"{folder}: {error.strerror or error}") from error
