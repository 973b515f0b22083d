"""`anbu replay`: the past again, with the very engine of the live run."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console

from load_tests.whatif.command import After, Asked, what_if
from load_tests.whatif.fold import Played as PlayedRun
from load_tests.whatif.log import Past, opened, past_of_archive, past_of_topics
from load_tests.whatif.proof import WARM_UP_DAYS, incidents_in, prove, show_gaps
from load_tests.whatif.results import Results
from load_tests.whatif.runs import Variant, Work
from load_tests.whatif.sweep import sweep
from schemas.incidents import Incident
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import DAY_MS, ORDER_OF
from streams.archive.snapshots import held_in, newest
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import Taught
from streams.profile_file import read_profile
from streams.replay.live import as_stored, each_stored, each_told_live
from streams.screen import make_console
from streams.settings import Settings, masked

LOG = "as in the log"
OFFSETS = re.compile(r"(?P<topic>[a-z.]+)/(?P<partition>\d{1,6})=(?P<first>\d{0,18}):(?P<end>\d{0,18})")
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,59}")


@click.command(cls=Taught, short_help="The past again: at another budget, or to prove that it comes out the same.")
@click.argument("source", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A profile in TOML, in force from the beginning; give several to set them side by side.",
)
@click.option(
    "--sweep",
    "grid",
    multiple=True,
    metavar="NAME=A,B,C",
    help="Try every value, of several with each other; from --profile, or what this version ships with.",
)
@click.option("--cut", "cuts", type=click.IntRange(0, 5000), default=0, help="So many artificial collapses.")
@click.option("--seed", type=int, default=1, show_default=True, help="Where and when they are drawn.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is known to be true: household,from,until,what. Times as recorded: --align moves them with the homes.",
)
@click.option("--responders", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Who share the work.")
@click.option("--tz", default="Asia/Seoul", show_default=True, help="Zone in which times without an offset are read.")
@click.option(
    "--align", default=None, metavar="DAY", help="Move homes of different years, by whole weeks, to begin then."
)
@click.option(
    "--close-ups", type=click.IntRange(0, 50), default=5, show_default=True, help="Homes shown in the report."
)
@click.option("--strict", is_flag=True, help="Stop at the first thing that cannot be read.")
@click.option(
    "--against",
    type=click.Choice(["live", "table"]),
    help="Compare with what was told live, in its topic or in ClickHouse's table; exit code 1 if they differ.",
)
@click.option(
    "--from",
    "store",
    type=click.Choice(["topics", "archive"]),
    default="topics",
    show_default=True,
    help="Where the past is read: the broker's topics, or ClickHouse's archive of them.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Begin there, such as 2026-11-01T00:00:00+09:00: at a daily snapshot before, or with models that begin anew.",
)
@click.option("--until", metavar="TIME", help="Stop there.")
@click.option(
    "--offsets",
    multiple=True,
    metavar="TOPIC/PARTITION=FIRST:END",
    help="Begin and stop there in one topic, either may be left out, such as home.sensors/0=1200:; several times.",
)
@click.option(
    "--from-snapshot",
    "snapshot",
    metavar="DAY",
    help="Go on from the newest daily snapshots up to the end of this day; 'none': from none. With --since: the newest before.",
)
@click.option(
    "--warm-up-days",
    type=click.IntRange(0, 400),
    default=WARM_UP_DAYS,
    show_default=True,
    help="Of a past without its beginning: --against live compares what opened so long after it.",
)
@click.option(
    "--run",
    metavar="NAME",
    help="Keep what comes of it in ClickHouse under this name; the same command on more machines shares the partitions.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=None, help="Folder for report and incidents."
)
@told
def replay(
    source: Path | None,
    profiles: tuple[Path, ...],
    grid: tuple[str, ...],
    cuts: int,
    seed: int,
    labels: Path | None,
    responders: int,
    tz: str,
    align: str | None,
    close_ups: int,
    *,
    strict: bool,
    against: str | None,
    store: str,
    since: str | None,
    until: str | None,
    offsets: tuple[str, ...],
    snapshot: str | None,
    warm_up_days: int,
    run: str | None,
    out: Path | None,
) -> None:
    """Run the very engine of the live run over the past, on all cores: the topics of the broker, their archive, or files.

    SOURCE is a recording's folder or recorded homes. Nothing is written to the live topics or tables. Without --profile
    the profiles in the log hold, each from its own record on, and the incidents of a live run come out again, with their
    ids and revisions: --against live shows the difference. With --profile another one holds from the beginning: what
    would have been. --out keeps a report to look at, its figures as JSON, and every revision; a run that was killed goes
    on where it was.

    Example:
      anbu replay --against live
      equal to the live run: 412 revisions up to 2026-11-24T00:13Z, the same ids and contents

    Example:
      anbu replay --run winter --profile bold.toml
      (the same on a second machine: each replays some of the partitions, and both have the report)

    Example:
      anbu replay --from archive --since 2026-06-01T00:00:00+09:00 --against live
      warm-up: 28 days; compared are incidents that opened from 2026-06-28T15:00Z on

    Example:
      anbu profile show > today.toml
      sed 's/^silence_budget = .*/silence_budget = 0.2/' today.toml > bold.toml
      anbu replay build/demo --profile today.toml --profile bold.toml --cut 50 --out build/replay

    Example:
      anbu replay build/demo --sweep silence_budget=0.02,0.05,0.1 --cut 50 --out build/sweep
    """
    if against and (source is not None or profiles or grid):
        raise Misconfigured("--against replays the log as it is: without SOURCE, --profile and --sweep")
    if run is not None and not RUN_NAME.fullmatch(run):
        raise Misconfigured("--run: a name of letters, digits, dots and dashes, at most 60")
    if source is not None and (since or until or offsets or store != "topics"):
        raise Misconfigured("--from, --since, --until and --offsets are for topics and archive, not for a SOURCE")
    if source is not None and snapshot:
        raise Misconfigured("--from-snapshot is for topics and archive, not for a SOURCE")
    if cuts and snapshot not in {None, "none"}:
        raise Misconfigured("--cut needs the homes' own past: without --from-snapshot")
    if cuts and against:
        raise Misconfigured("--against replays the log as it is: without --cut")
    chosen = settings()
    variants = _variants(profiles, grid)
    console = make_console()
    past = None
    if since and until and _moment(until) <= _moment(since):
        raise Misconfigured("--until must come after --since")
    if source is None:
        past = _between(_past(chosen, store, _moment(since), _moment(until)), offsets)
        if not any(
            first < end for p in range(past.partitions) for first, end in zip(past.firsts[p], past.ends[p], strict=True)
        ):
            raise Failed(f"nothing to replay: no record of the {store} lies there")
        if not cuts:  # a copy has no part in a snapshot
            past = _with_snapshots(console, chosen, past, snapshot=snapshot, since_ms=_moment(since), tz=tz)
    after = _proof(console, past, chosen, against, warm_up_days) if past is not None else None
    try:
        results = Results(opened(chosen.clickhouse), run, version("anbu")) if run else None
        found = what_if(
            Asked(
                source=source,
                topics=past,
                variants=variants,
                partitions=chosen.partitions,
                out=out,
                cuts=cuts,
                seed=seed,
                labels=labels,
                tz=tz,
                align_ms=_day(align, tz) if align else None,
                responders=responders,
                timelines=close_ups if out is not None else 0,
                strict=strict,
                results=results,
                group=f"{chosen.group}-replay-{run}" if run and past is not None and store == "topics" else "",
                session_timeout_s=chosen.session_timeout_s,
                warm_up_days=warm_up_days,
                question=f"{store} {' '.join(offsets)} since {since} until {until} snapshot {snapshot}",
            ),
            console,
            after=after,
        )
    except (ClickHouseAwayError, ClickHouseRefusedError) as error:
        raise Failed(f"{masked(chosen.clickhouse)}: {error}") from error
    if (found.get("against") or {"equal": True})["equal"] is False:
        raise click.exceptions.Exit(1)


def _proof(console: Console, past: Past, chosen: Settings, against: str | None, warm_up_days: int) -> After:
    """Return what is said of a replay of a log: what is missing in it, and how it differs from the live run."""

    def look(work: Work, runs: dict[str, PlayedRun]) -> dict[str, Any] | None:
        played = next(iter(runs.values()))  # what is missing in a log is missing for every profile
        show_gaps(console, work.topics or past, played)
        if against is None:
            return None
        files = [work.revisions(Variant(LOG), partition) for partition in range(work.partitions)]
        replayed: Iterable[Incident] = incidents_in(files)
        live = each_told_live(chosen.bootstrap)
        if against == "table":
            replayed = (stored for one in replayed if (stored := as_stored(one)) is not None)
            live = each_stored(opened(chosen.clickhouse))
        found = prove(console, work.topics or past, played, replayed, live, warm_up_days=warm_up_days)
        differing = found.differing
        return {
            "what": against,
            "equal": bool(found),
            "revisions": found.revisions,
            "until_ms": found.until_ms,
            "after_ms": found.after_ms,
            "other_engine": found.other_engine,
            "only_in_replay": len(differing.only_here),
            "only_in_live": len(differing.only_there),
            "otherwise": len(differing.otherwise),
            "details": list(found.details),
        }

    return look


def _variants(files: tuple[Path, ...], grid: tuple[str, ...]) -> list[Variant]:
    variants = [Variant(name, profile) for name, profile in _named(files)]
    if grid:
        if len(variants) > 1:
            raise Misconfigured("--sweep starts from one profile")
        base = variants[0] if files else Variant("shipped", DEFAULT_PROFILE)
        try:
            variants = sweep(base, grid)
        except ValueError as error:
            raise Misconfigured(f"--sweep: {error}") from error
    of_folder: dict[str, str] = {}
    for one in variants:
        if (other := of_folder.setdefault(one.folder, one.name)) != one.name:
            raise Misconfigured(f"{other!r} and {one.name!r} would share one file: give them names that differ more")
    if len(of_folder) < len(variants):
        raise Misconfigured("--sweep: the same profile twice")
    return variants


def _day(text: str, tz: str) -> int:
    try:
        return from_rfc3339(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).isoformat())
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise Misconfigured(f"{text!r} is no day, or {tz!r} no time zone; write 2026-03-01") from error


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


def _between(past: Past, offsets: tuple[str, ...]) -> Past:
    """Begin and stop where the command line says, never outside what is there."""
    firsts, ends = ([list(mine) for mine in side] for side in (past.firsts, past.ends))
    for text in offsets:
        found = OFFSETS.fullmatch(text)
        if found is None or found["topic"] not in ORDER_OF or int(found["partition"]) >= past.partitions:
            raise Misconfigured(f"--offsets {text!r}: write it as home.sensors/0=1200:5000, a topic of the inputs")
        topic, partition = ORDER_OF[found["topic"]], int(found["partition"])
        if found["first"]:
            firsts[partition][topic] = max(firsts[partition][topic], int(found["first"]))
        if found["end"]:
            ends[partition][topic] = min(ends[partition][topic], int(found["end"]))
    return replace(past, firsts=tuple(map(tuple, firsts)), ends=tuple(map(tuple, ends)))


def _with_snapshots(
    console: Console, chosen: Settings, past: Past, *, snapshot: str | None, since_ms: int, tz: str
) -> Past:
    """Begin with snapshots: those of a day, or those before --since where there are any."""
    if snapshot == "none" or not (snapshot or since_ms):
        return past
    until_ms = _day(snapshot, tz) + DAY_MS - 1 if snapshot else since_ms
    embedded = chosen.clickhouse.removeprefix("chdb://")
    if not snapshot and embedded != chosen.clickhouse and not Path(embedded).exists():
        return past  # nobody has begun an archive here, and asking would make one
    try:
        held = held_in(opened(chosen.clickhouse))
    except (ClickHouseAwayError, ClickHouseRefusedError) as error:
        if snapshot:
            raise Failed(f"{masked(chosen.clickhouse)}: {error}") from error
        console.print(f"[dim]no snapshots: {masked(chosen.clickhouse)}: {error}[/dim]")
        return past
    mine = [one for one in held if one.engine == version("anbu")]
    found = newest(mine, past.partitions, until_ms)
    others = newest((one for one in held if one.engine != version("anbu")), past.partitions, until_ms)
    for one, other in zip(found, others, strict=True):
        if other is not None and (one is None or other.clock_ms > one.clock_ms):
            console.print(
                f"[yellow]the snapshot of {other} is of engine {other.engine or 'unknown'}[/yellow]: not used"
            )
    if None in found:
        if snapshot:
            raise Failed(
                f"no snapshot of this engine, {version('anbu')}, of every partition up to {to_rfc3339(until_ms)}"
            )
        return past
    return replace(past, snapshots=found, shelf=chosen.clickhouse)


def _moment(text: str | None) -> int:
    try:
        return from_rfc3339(text) if text else 0
    except ValueError as error:
        raise Misconfigured(f"{text!r}: {error}; write a time as 2026-11-01T00:00:00+09:00") from error


def _named(files: tuple[Path, ...]) -> list[tuple[str, Profile | None]]:
    if not files:
        return [(LOG, None)]
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
