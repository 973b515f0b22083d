"""The steps of `anbu replay SOURCE --profile a --profile b`: read, play, answer, show."""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import click
import msgspec
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from load_tests.whatif.answer import answer
from load_tests.whatif.cut_log import draw_in_logs
from load_tests.whatif.figures import Setting
from load_tests.whatif.fold import Played
from load_tests.whatif.kept import FolderTakenError, folder_of, whole, write_whole
from load_tests.whatif.labels import Label, of_outcomes, read_labels
from load_tests.whatif.log import Past
from load_tests.whatif.page import page
from load_tests.whatif.past import drop_spool, identity_of, spooled_work
from load_tests.whatif.results import OtherReplayError, Results, digest_of
from load_tests.whatif.runs import (
    PartFailedError,
    Variant,
    Work,
    engine_fingerprint,
    fingerprint,
    homes_watched,
    play_all,
)
from load_tests.whatif.shared import play_shared
from load_tests.whatif.signals import ending
from load_tests.whatif.sources import Source, SourceError, open_source
from load_tests.whatif.spool import Cut
from load_tests.whatif.table import show
from load_tests.whatif.timelines import choose, timelines
from schemas.compiled import state
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.commands.outcome import Failed, Misconfigured
from streams.wallclock import monotonic_s, now_ms

SHOWN_BAD = 10


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    source: Path | None
    topics: Past | None
    variants: list[Variant]
    partitions: int
    out: Path | None
    cuts: int = 0
    seed: int = 1
    labels: Path | None = None
    tz: str = "Asia/Seoul"
    align_ms: int | None = None
    responders: int = 1
    timelines: int = 5
    strict: bool = False
    workers: int | None = None
    results: Results | None = None
    """Where what came of it is kept under a name, and shared with other machines."""
    group: str = ""
    """Consumer group of the machines that share it; empty: this one alone."""
    session_timeout_s: float = 10.0
    warm_up_days: int = 28
    """Of a log without its beginning: what opened earlier is not held against the live run."""
    question: str = ""
    """What was asked of topics, in one line: under one name all machines must ask the same."""


After = Callable[[Work, dict[str, Played]], dict[str, Any] | None]
"""What is looked at when all is played; what it returns stands in the report as `against`."""


def what_if(asked: Asked, console: Console, *, after: After | None = None) -> dict[str, Any]:
    """Replay, show the table, write the report; return the figures. `after` looks at what came of it.

    Raises:
        Misconfigured: the source or the labels cannot be used, or the name of the run belongs to another replay.
        Failed: the folder cannot be written to, or a process of the replay was lost.

    """
    try:
        with ending(), folder_of(asked.out) as folder:
            return _what_if(asked, console, folder, after)
    except (KeyboardInterrupt, SystemExit):
        if asked.out is not None:
            click.echo("stopped; the same command goes on where it was", err=True)
        raise
    except (PartFailedError, FolderTakenError) as error:
        raise Failed(str(error)) from error
    except (SourceError, OtherReplayError) as error:
        raise Misconfigured(str(error)) from error
    except OSError as error:
        raise Failed(f"{error.filename or asked.out or gettempdir()}: {error.strerror or error}") from error


def _what_if(asked: Asked, console: Console, folder: Path, after: After | None) -> dict[str, Any]:
    labels = _labels_of(asked)
    source: Source | None = None
    with _bar() as bar:
        if asked.source is not None:
            task = bar.add_task("reading", total=1.0)
            if asked.results is not None:
                asked.results.agree(_question(asked), Past(asked.partitions), now_ms())
            source = open_source(asked.source, folder, tz=asked.tz, align_ms=asked.align_ms, strict=asked.strict)
            _tell_bad(source)
            work = _spooled(asked, folder, source, lambda share: bar.update(task, completed=share))
            labels = [one.moved(source.moved_ms.get(one.household, 0)) for one in labels] + source.labels
        elif asked.topics is not None:
            task = bar.add_task("reading", total=1.0)
            past = _with_cuts(asked, folder, _agreed(asked, folder, asked.topics))
            bar.update(task, completed=1.0)
            work = Work(folder, fingerprint(engine_fingerprint(), digest_of(past)), topics=past)
        else:
            raise Misconfigured("nothing to replay")
        began_s = monotonic_s()
        task = bar.add_task("replaying", total=1.0)
        played, kept = _play(asked, work, lambda share: bar.update(task, completed=share))
        took_s = monotonic_s() - began_s
        setting = _setting(asked, work, source, labels, played)
        figures = _source_figures(asked, source, played)
        if asked.labels is not None and (astray := _astray(labels, setting)):
            figures["notes"].append(f"{asked.labels.name}: {astray}")
        found = answer(figures, asked.variants, played, setting)
        task = bar.add_task("close-ups", total=1.0)
        shown = choose(work, played, asked.timelines)
        found["timelines"] = timelines(
            work, shown, asked.variants, played, lambda share: bar.update(task, completed=share)
        )
    _tell_speed(played, kept, took_s)
    show(console, found)
    try:
        if after is not None:
            found["against"] = after(work, played)
    finally:
        if asked.results is not None:
            asked.results.report(found)
        if asked.out is not None:
            _write(asked, work, found)
    drop_spool(work)
    _plan_file(asked, folder).unlink(missing_ok=True)
    for file in folder.glob("cuts-*.json"):
        file.unlink(missing_ok=True)
    return found


def _agreed(asked: Asked, folder: Path, past: Past) -> Past:
    """Return which offsets are replayed: those all machines agreed on, or those of an earlier life of the same command."""
    if asked.results is not None:
        return asked.results.agree(_question(asked), past, now_ms())
    kept = _plan_file(asked, folder)
    plan = replace(past, bootstrap="", archive="", shelf="")
    known = msgspec.json.decode(kept.read_bytes(), type=Past) if kept.exists() else None
    if known is not None and known.is_of_another(past):
        raise OtherReplayError(
            f"{asked.out} holds a stopped replay of {known.cluster}, and this is {past.cluster}; choose another --out"
        )
    if known is not None and _reaches(past, known):
        # The log has grown since: a killed replay goes on with the log as it stood then.
        plan = known
    else:
        write_whole(kept, msgspec.json.encode(plan))
    return replace(plan, bootstrap=past.bootstrap, archive=past.archive, shelf=past.shelf)


def _reaches(past: Past, plan: Past) -> bool:
    """Tell whether a log holds all that was planned: one of another broker, or begun anew, would be waited for in vain."""
    return all(
        end <= now
        for ends, there in zip(plan.ends, past.ends, strict=True)
        for end, now in zip(ends, there, strict=True)
    )


def _with_cuts(asked: Asked, folder: Path, past: Past) -> Past:
    """Draw the artificial collapses in a log, or take those that a killed run has drawn in the same one."""
    if not asked.cuts:
        return past
    kept = _cuts_file(asked, folder, past)
    if kept.exists():
        cuts = msgspec.json.decode(kept.read_bytes(), type=tuple[Cut, ...])
    else:
        cuts = draw_in_logs([past.source(number) for number in range(past.partitions)], asked.cuts, asked.seed)
        write_whole(kept, msgspec.json.encode(cuts))
    return replace(past, cuts=cuts)


def _cuts_file(asked: Asked, folder: Path, past: Past) -> Path:
    return folder / f"cuts-{fingerprint(digest_of(past), asked.cuts, asked.seed)}.json"


def _plan_file(asked: Asked, folder: Path) -> Path:
    return folder / f"plan-{_question(asked)}.json"


def _question(asked: Asked) -> str:
    """Return a digest of what was asked, and of the engine that answers."""
    variants = [msgspec.to_builtins(one) for one in asked.variants]
    cuts = [asked.cuts, asked.seed] if asked.cuts else []
    past = asked.question if asked.source is None else _identity(asked, asked.source)
    return fingerprint(engine_fingerprint(), past, variants, asked.partitions, cuts)


def _identity(asked: Asked, source: Path) -> list[Any]:
    return [identity_of(source), asked.tz, asked.align_ms]


def _play(asked: Asked, work: Work, at: Callable[[float], None]) -> tuple[dict[str, Played], int]:
    results = asked.results
    if results is None:
        return play_all(work, asked.variants, at, workers=asked.workers)
    if asked.group:
        timeout_s = asked.session_timeout_s
        return play_shared(work, asked.variants, results, at, group=asked.group, session_timeout_s=timeout_s), 0
    played, kept = play_all(work, asked.variants, at, workers=asked.workers)
    for variant in asked.variants:
        for partition in range(work.partitions):
            part = msgspec.msgpack.decode(work.result(variant, partition).read_bytes(), type=Played)
            file = work.revisions(variant, partition)
            for _ in results.store(variant, partition, work.fingerprint, secrets.token_hex(8), part, file):
                pass
    return played, kept


def _labels_of(asked: Asked) -> list[Label]:
    if asked.labels is None:
        return []
    try:
        labels, faults = read_labels(asked.labels, asked.tz)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    for fault in faults[:SHOWN_BAD]:
        click.echo(f"{asked.labels.name}, line {fault.line}: {fault.reason}", err=True)
    if faults and asked.strict:
        raise Misconfigured(f"{asked.labels.name}: {len(faults)} lines cannot be used, and --strict was asked for")
    return labels


def _astray(labels: list[Label], setting: Setting) -> str:
    """Say which labels of a file are of homes that are not there, for a name mistyped would only look like an alarm missed."""
    there = {home.household for home in setting.homes}
    of_nobody = [one for one in labels if one.origin == "file" and one.household not in there]
    if not of_nobody:
        return ""
    told = f"{len(of_nobody):,} of its lines are of homes that are not in this past."
    click.echo(f"labels: {told}", err=True)
    return told


def _tell_bad(source: Source) -> None:
    for bad in source.bad[:SHOWN_BAD]:
        click.echo(str(bad), err=True)
    if source.bad_count > SHOWN_BAD:
        click.echo(f"… {source.bad_count:,} places passed over in all", err=True)
    for note in source.notes:
        click.echo(note, err=True)


def _spooled(asked: Asked, folder: Path, source: Source, at: Callable[[float], None]) -> Work:
    if asked.source is None:
        raise Misconfigured("nothing to replay")
    identity = _identity(asked, asked.source)
    try:
        return spooled_work(
            folder,
            source.played,
            identity=identity,
            partitions=asked.partitions,
            cuts=asked.cuts,
            seed=asked.seed,
            at=at,
        )
    except ValueError as error:
        raise SourceError(f"{asked.source}: {error}") from error


def _setting(
    asked: Asked, work: Work, source: Source | None, labels: list[Label], played: dict[str, Played]
) -> Setting:
    first = played[asked.variants[0].name]
    copies = {one.household for one in work.cuts}
    outcomes = of_outcomes(one for one in first.opened if one.household not in copies)
    return Setting(
        homes_watched(work, first),
        labels + outcomes,
        bool(source and source.is_synthetic),
        list(work.cuts),
        asked.cuts,
        asked.responders,
    )


def _source_figures(asked: Asked, source: Source | None, played: dict[str, Played]) -> dict[str, Any]:
    if source is None:
        topics = asked.topics
        notes = []
        if topics is not None and not topics.is_whole:
            begun_ms = min(run.from_ms for run in played.values())
            until = to_rfc3339(begun_ms + asked.warm_up_days * DAY_MS)[:16].replace("T", " ")
            notes.append(
                "The replay does not begin at the log's first record: models begin anew. Warm-up:"
                f" {asked.warm_up_days} days; what was told live is compared with incidents that opened from {until} UTC on."
            )
        notes += topics.standing() if topics is not None else []
        gaps = [gap for run in list(played.values())[:1] for gap in run.gaps if not gap.is_beginning]
        notes += [
            f"Gap in {gap.topic}/{gap.partition}: {gap.next - gap.first:,} offsets from {gap.first} on are missing."
            for gap in gaps[:SHOWN_BAD]
        ]
        if len(gaps) > SHOWN_BAD:
            notes.append(f"{len(gaps) - SHOWN_BAD:,} more gaps.")
        if topics is not None and any(topics.snapshots):
            notes.append("It goes on from daily snapshots of the engine.")
        name = "the archive" if topics is not None and topics.archive else "topics of the broker"
        return {"name": name, "kind": "topics", "synthetic": False, "bad": 0, "notes": notes}
    return {
        "name": source.name,
        "kind": source.kind,
        "synthetic": source.is_synthetic,
        "bad": source.bad_count,
        "notes": source.notes,
    }


def _tell_speed(played: dict[str, Played], kept: int, took_s: float) -> None:
    readings = sum(run.readings for run in played.values())
    cpu_s = sum(run.cpu_s for run in played.values())
    words = f"{readings:,} readings"
    if kept:
        words += f", {kept} parts kept from an earlier run"
    elif took_s:
        words += f" in {took_s:.1f} s, {readings / took_s:,.0f} a second"
    if cpu_s:
        words += f"; {readings / cpu_s:,.0f} a second of processor time, engine: {state()}"
    click.echo(words, err=True)


def _write(asked: Asked, work: Work, found: dict[str, Any]) -> None:
    out = asked.out
    if out is None:
        return
    # What `anbu profile apply --report` asks: the engine, and which profile each run played.
    profiles = {one.name: one.profile.id for one in asked.variants if one.profile is not None}
    found = {**found, "engine": version("anbu"), "profiles": profiles}
    for variant in asked.variants:
        with whole(out / f"incidents-{variant.folder}.jsonl") as file:
            for partition in range(work.partitions):
                with work.revisions(variant, partition).open("rb") as part:
                    shutil.copyfileobj(part, file)
    write_whole(out / "report.json", orjson.dumps(found, option=orjson.OPT_INDENT_2))
    write_whole(out / "report.html", page(found).encode())
    click.echo(f"look at {out / 'report.html'}; the same figures are in report.json", err=True)


def _bar() -> Progress:
    """How far it is and an estimate, on stderr: what is told on stdout may be read by a program."""
    screen = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
