"""What a replay costs from files, topics and the archive: reading alone, the engine alone, the whole, and the memory.

`python -m load_tests.bench_replay --homes 40 --days 4 --days 16` makes up homes of two lengths, puts the same readings into
CSV, into the topics of an embedded broker and into the archive of an embedded ClickHouse, and replays each in a process
of its own. Readings a second are of processor time. Memory is the largest resident set of that process: it must not grow
with the length.

The homes it makes up tell two hundred times a day, each time minutes after the last: of real ones hardly any is so thin and
so even, and a day of theirs is learned for two hundred readings instead of two thousand. `--like FILE` takes the days of a
recorded home in place of them, each copy begun on another day; `--past` measures any past that `anbu replay` reads, as it is.
"""

import asyncio
import csv
import gzip
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from infra.embedded import EmbeddedBroker
from infra.migrations import migrate
from infra.topics import create_topics
from load_tests.columns.sayings import Sayings
from load_tests.feed import feed
from load_tests.messages import Played
from load_tests.recordings.recorded import DEFAULT_TZ
from load_tests.whatif.files import Found, each_columns
from load_tests.whatif.log import close, opened, past_of_archive, past_of_topics
from load_tests.whatif.on_disk import OnDisk
from load_tests.whatif.past import drop_spool, spooled_work
from load_tests.whatif.runs import Variant, Work, play_unit
from load_tests.whatif.sources import open_source
from schemas.compiled import state
from schemas.rows import ARCHIVE
from schemas.topics import ORDERED_NAMES
from streams.archive.rows import archive_rows
from streams.engine.chunk import Chunk
from streams.replay.run import Listener, Source, replay

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN_IN_SEOUL: Final = BEGIN.astimezone(ZoneInfo("Asia/Seoul")).replace(hour=0)
READINGS_A_DAY: Final = 200
LOG: Final = Variant("log")
PARTS: Final = {
    "files": ("prepare", "read", "engine", "whole", "both"),
    "past": ("prepare", "read", "whole", "both"),
    "topics": ("read", "engine", "whole"),
    "archive": ("read", "engine", "whole"),
}
INSERTED: Final = 20_000


def rows(homes: int, days: int, seed: int) -> Iterator[str]:
    """Give CSV lines of homes whose sensors tell some two hundred times a day; all of it made up."""
    random = Random(seed)
    yield "household,timestamp_iso,source,device,kind,value\n"
    for day in range(days):
        for home in range(homes):
            minutes = sorted(random.sample(range(6 * 60, 23 * 60), READINGS_A_DAY))
            for minute in minutes:
                at = BEGIN + timedelta(days=day, minutes=minute)
                yield f"h-{home},{at.isoformat()},sensor,room-{minute % 5},motion,ON\n"


def rows_like(recorded: Path, homes: int, days: int) -> Iterator[str]:
    """Give CSV lines of homes that live the days of a recorded one over and over, each begun on another day.

    The recording is one of our own form with naive local times, plain or gzip, and of one home.
    """
    yield "household,timestamp_iso,source,device,kind,value\n"
    by_day: dict[date, list[tuple[timedelta, str]]] = {}
    with gzip.open(recorded, "rt") if recorded.suffix == ".gz" else recorded.open() as file:
        lines = csv.reader(file)
        next(lines)
        for _, told, *what in lines:
            moment = datetime.fromisoformat(told)
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            by_day.setdefault(moment.date(), []).append((moment - midnight, ",".join(what)))
    lived = [by_day[day] for day in sorted(by_day)]
    for day in range(days):
        said = []
        for home in range(homes):
            moved = timedelta(seconds=home * 7_919 % 1800)  # or all would stir at the same moments
            said += [(at + moved, home, rest) for at, rest in lived[(day + home) % len(lived)]]
        for at, home, rest in sorted(said):
            yield f"h-{home},{(BEGIN_IN_SEOUL + timedelta(days=day) + at).isoformat()},{rest}\n"


def read_from(file: Path) -> OnDisk:
    """Read a file as `anbu replay` does: parsed, and sorted on disk."""
    sayings = Sayings()
    return OnDisk(each_columns([file], "UTC", Found(), sayings), sayings)


def spooled(file: Path, folder: Path) -> Work:
    """Write a file as a log, as `anbu replay` does."""
    return _spooled(read_from(file), file, folder)


def spooled_past(path: Path, folder: Path) -> Work:
    """Write whatever `anbu replay` reads as a log: a recording, a file, a folder of files."""
    return _spooled(open_source(path, tz=DEFAULT_TZ, align_ms=None).played, path, folder)


def _spooled(played: Played, path: Path, folder: Path) -> Work:
    return spooled_work(folder, played, identity=str(path), partitions=1, cuts=0, seed=1, at=lambda _share: None)


def archived(source: Source, url: str) -> None:
    """Write the archive of a log into the embedded ClickHouse."""
    client = opened(url)
    migrate(client)
    held: list[Any] = []

    def write() -> None:
        client.insert("archive", held, column_names=ARCHIVE.names, column_type_names=ARCHIVE.types)
        held.clear()

    for topic, chunk in followed(source):
        for offset, key, value in zip(chunk.offsets, chunk.keys, chunk.values, strict=True):
            name = ORDERED_NAMES[topic]
            held += (one.values for one in archive_rows(name, 0, offset, key, value, 0, broker_stamped=False))
        if len(held) >= INSERTED:
            write()
    write()
    close(url)


def followed(source: Source) -> Iterator[tuple[int, Chunk]]:
    """Give every chunk of a log; whoever reads one must move on behind it, or the same would come for ever."""
    listener = Listener()
    for topic, chunk in source.chunks(listener):
        listener.order.offer(topic, chunk)
        for _ in listener.order.each():
            pass
        yield topic, chunk


def cpu_s(do: Callable[[], object]) -> float:
    """Return the processor time of this process that something takes."""
    began_s = time.process_time()
    do()
    return time.process_time() - began_s


def largest_bytes() -> int:
    """Return the largest resident set of this process since it began; `ru_maxrss` begins with that of its parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def heard(source: Source) -> None:
    """Read a log to its end and apply nothing."""
    for _ in Listener().listen(source):
        pass


def measured(store: str, folder: Path, where: str, part: str) -> tuple[float, int]:
    """Measure one part of a replay in this process: processor seconds and bytes of the largest resident set."""
    work = Work(folder, "bench")
    if store in ("files", "past"):
        write = spooled if store == "files" else spooled_past
        if part == "prepare":
            took_s = cpu_s(lambda: write(Path(where), folder))
            return took_s, largest_bytes()
        if part == "both":
            took_s = cpu_s(lambda: play_unit(write(Path(where), folder), LOG, 0, 0))
            return took_s, largest_bytes()
        work = write(Path(where), folder)
    elif store == "topics":
        work = Work(folder, "bench", topics=past_of_topics(where, 1))
    else:
        work = Work(folder, "bench", topics=past_of_archive(where, 1))
    if part == "read":
        took_s = cpu_s(lambda: heard(work.source(0)))
    elif part == "engine":
        kept = _InMemory(list(followed(work.source(0))))
        took_s = cpu_s(lambda: replay(kept, work.engine(0, LOG), sink=lambda _outputs: None))
    else:
        took_s = cpu_s(lambda: play_unit(work, LOG, 0, 0))
    return took_s, largest_bytes()


class _InMemory:
    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = chunks

    def chunks(self, engine: Any) -> Iterator[Any]:  # noqa: ARG002 - as they were read
        yield from self._chunks


def _apart(*arguments: Any) -> tuple[float, int]:
    """Measure in a process of its own: the largest resident set is kept for a whole life."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, arguments)


@contextmanager
def _stored(store: str, file: Path, folder: Path) -> Iterator[str]:
    """Put a file's readings where a replay reads them; yields its path, the broker's address or ClickHouse's."""
    if store == "files":
        yield str(file)
        return
    work = spooled(file, folder / "made")
    try:
        if store == "archive":
            url = f"chdb://{folder / 'clickhouse'}"
            archived(work.source(0), url)
            yield url
            return
        with EmbeddedBroker() as broker:
            create_topics(broker.bootstrap, 1)
            asyncio.run(feed(broker.bootstrap, read_from(file), partitions=1))
            yield broker.bootstrap
    finally:
        drop_spool(work)


def _tell(store: str, folder: Path, where: str, readings: int) -> None:
    parts = PARTS[store]
    found = {part: _apart(store, folder, where, part) for part in parts}
    words = [f"{part} {readings / took_s:,.0f} a second" for part, (took_s, _) in found.items()]
    largest = max(size for part, (_, size) in found.items() if part != "engine")
    click.echo(f"  {store}: {', '.join(words)}; {largest / 1e6:.0f} MB at most", nl=True)


@click.command()
@click.option("--homes", type=click.IntRange(1, 5000), default=40, show_default=True)
@click.option("--days", type=click.IntRange(1, 1000), multiple=True, default=(4, 16), show_default=True)
@click.option("--like", type=click.Path(path_type=Path, exists=True), help="A recorded home: CSV of our form.")
@click.option(
    "--past",
    type=click.Path(path_type=Path, exists=True),
    help="What `anbu replay` reads, in place of homes that are made up: a recording, a file, a folder of files.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--store", "stores", multiple=True, type=click.Choice(["files", "topics", "archive"]), help="All by default."
)
def main(
    homes: int, days: tuple[int, ...], like: Path | None, past: Path | None, seed: int, stores: tuple[str, ...]
) -> None:
    """Print a line for each store and length, or one for the past that is named."""
    if past is not None:
        with tempfile.TemporaryDirectory(prefix="anbu-bench-replay-") as name:
            work = spooled_past(past, Path(name))
            readings = 0 if work.spooled is None else work.spooled.events
            drop_spool(work)
            click.echo(f"{past.name}, {readings:,} readings; engine: {state()}")
            _tell("past", Path(name) / "past", str(past), readings)
        return
    for one in days:
        with tempfile.TemporaryDirectory(prefix="anbu-bench-replay-") as name:
            folder = Path(name)
            file = folder / "homes.csv"
            with file.open("w", encoding="utf-8") as out:
                out.writelines(rows(homes, one, seed) if like is None else rows_like(like, homes, one))
            with file.open("rb") as made:
                readings = sum(1 for _ in made) - 1
            click.echo(f"{one} days of {homes} homes, {readings:,} readings; engine: {state()}")
            for store in stores or ("files", "topics", "archive"):
                with _stored(store, file, folder) as where:
                    _tell(store, folder / store, where, readings)


if __name__ == "__main__":
    main()
