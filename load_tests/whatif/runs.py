"""All profiles over all partitions, on all cores; what is done is kept, so that a killed run goes on where it was."""

import hashlib
import multiprocessing
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

import detectors
import schemas
import streams
from detectors.room import of_few_homes
from load_tests.whatif.chosen import Chosen
from load_tests.whatif.fold import Fold, Played
from load_tests.whatif.homes import Home, Seen, homes_of
from load_tests.whatif.kept import write_whole
from load_tests.whatif.log import UNBOUNDED, Past
from load_tests.whatif.seldom import seldom_collected
from load_tests.whatif.signals import apart
from load_tests.whatif.spool import Cut, Spooled, SpoolSource
from schemas.encode import encode
from schemas.profiles import Profile
from streams.engine.chunk import Chunk
from streams.engine.partition import Partition
from streams.replay.run import Reader, Source, replay

POLLED_EVERY_S: Final = 0.3
UNSAFE: Final = re.compile(r"[^\w.,+-]")
"""In the name of a file; letters of any script are none of these."""


class PartFailedError(Exception):
    """A partition cannot be replayed; one line."""


class Variant(msgspec.Struct, frozen=True):
    """A profile under a name; None: those of the log, each from its own record on."""

    name: str
    profile: Profile | None = None

    @property
    def folder(self) -> str:
        """Name of its folder and files; a profile's file may be called anything, `...toml` too."""
        return UNSAFE.sub("-", self.name).lstrip(".") or "-"


class Work(msgspec.Struct, frozen=True):
    """What every process of a run must know."""

    folder: Path
    """Where results are kept."""
    fingerprint: str
    """Of the past, the cuts and the engine: results under another one are not used."""
    spool: Path | None = None
    spooled: Spooled | None = None
    topics: Past | None = None

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return self.spooled.partitions if self.spooled else self.topics.partitions if self.topics else 0

    @property
    def cuts(self) -> Sequence[Cut]:
        """Artificial collapses among what is replayed."""
        return self.spooled.cuts if self.spooled else self.topics.cuts if self.topics else ()

    def engine(self, partition: int, variant: Variant) -> Partition:
        """Return the engine of one partition as a replay begins; it raises as `load_tests.whatif.log.Past.engine` does."""
        if self.topics is not None:
            return self.topics.engine(partition, variant.profile)
        return Partition(
            partition,
            self.partitions,
            engine=version("anbu"),
            buffer_records=UNBOUNDED,
            fixed_profile=variant.profile,
            views=False,
            repeats=False,
        )

    def source(
        self,
        partition: int,
        at: Callable[[float], None] = lambda _share: None,
        only: frozenset[bytes] | None = None,
    ) -> Source:
        """Return the logs of one partition; `at` is told how much of those of files has passed.

        With `only` the records of other keys are left out; what is for all and the ticks stay.

        Raises:
            ValueError: there is nothing to replay.

        """
        if self.spool is not None and self.spooled is not None:
            spooled = self.spooled
            return SpoolSource(self.spool / f"{partition}.log", spooled.from_ms, spooled.until_ms, at, only)
        if self.topics is None:
            raise ValueError("neither a spool nor topics")
        source = self.topics.source(partition)
        return source if only is None else Chosen(source, only)

    def result(self, variant: Variant, partition: int) -> Path:
        """Return where the result of one profile and partition lies."""
        deciding = variant.profile.id if variant.profile else "log"
        return self.folder / variant.folder / f"{partition}-{self.fingerprint}-{deciding}.msgpack"

    def revisions(self, variant: Variant, partition: int) -> Path:
        """Return where its revisions lie, one a line.

        Named as the result: one that was kept would otherwise be shown with the revisions of whatever came after it.
        """
        return self.result(variant, partition).with_suffix(".jsonl")


class _Shared:
    """How far each unit is, in memory that all processes share; set once a process."""

    progress: Any = None


def begin(progress: Any) -> None:
    """Begin a process of a replay: where it tells how far it is. It ends with the process that started it."""
    _Shared.progress = progress
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """End this process once its parent is gone: left over, it would write into the files of the run that goes on."""
    parent.join()
    os._exit(1)


def engine_fingerprint() -> str:
    """Return a digest of the code that decides: a result of another engine is never taken for this one's."""
    digest = hashlib.sha256(version("anbu").encode())
    for package in (schemas, detectors, streams):
        for file in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            digest.update(file.read_bytes())
        for file in sorted(Path(str(package.__file__)).parent.rglob("*.json")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class _Told:
    """A source of offsets that tells how far it is."""

    def __init__(self, source: Any, ends: Sequence[int], at: Callable[[float], None]) -> None:
        self._source = source
        self._ends = ends
        self._at = at

    @property
    def erased(self) -> int:
        """Records of which only their place is left, so far."""
        return int(getattr(self._source, "erased", 0))

    def chunks(self, engine: Reader) -> Iterator[tuple[int, Chunk]]:
        """Give what the source gives."""
        first = 0
        for one in self._source.chunks(engine):
            yield one
            passed = sum(engine.order.positions.offsets)
            first = first or passed
            self._at((passed - first) / max(sum(self._ends) - first, 1))


def play_unit(
    work: Work, variant: Variant, partition: int, unit: int, tell: Callable[[float], None] | None = None
) -> None:
    """Replay one partition with one profile and keep what came of it; called in a process of its own, or with `tell`."""

    def at(share: float) -> None:
        if tell is not None:
            tell(share)
        elif _Shared.progress is not None:
            _Shared.progress[unit] = share

    engine = work.engine(partition, variant)
    seen = Seen(engine, frozenset(one.household for one in work.cuts))
    source = work.source(partition, at)
    if work.topics is not None:
        source = _Told(source, work.topics.ends[partition], at)
    began_s = time.process_time()
    revisions = work.revisions(variant, partition)
    revisions.parent.mkdir(parents=True, exist_ok=True)
    # A half-written file of a killed run is begun anew: what counts is the result beside it, which appears whole.
    with revisions.open("wb") as out:
        fold = Fold(out)
        with of_few_homes(), seldom_collected():
            run = replay(source, engine, fold.take, seen.look if work.spooled is None else None)
    homes = seen.homes() if work.spooled is None else []
    played = Played(
        fold.opened(),
        fold.asked(),
        run.readings,
        run.dead_letters,
        run.households,
        run.household_ms,
        run.from_ms,
        run.until_ms,
        time.process_time() - began_s,
        homes,
        run.gaps,
        run.clocks_ms,
        run.erased,
    )
    write_whole(work.result(variant, partition), msgspec.msgpack.encode(played))
    at(1.0)


def play_all(
    work: Work, variants: Sequence[Variant], at: Callable[[float], None], *, workers: int | None = None
) -> tuple[dict[str, Played], int]:
    """Replay every profile over every partition that has no result yet; return them by name, and how many were there.

    `at` is told the share of the work that is done, several times a second.

    Raises:
        PartFailedError: a process was ended from outside.

    """
    todo = [
        (variant, partition)
        for partition in range(work.partitions)
        for variant in variants
        if not work.result(variant, partition).exists()
    ]
    kept = len(variants) * work.partitions - len(todo)
    cores = workers if workers is not None else min(os.cpu_count() or 1, max(len(todo), 1))
    if work.topics is not None and not work.topics.is_apart:
        cores = 0
    if cores == 0:
        for unit, (variant, partition) in enumerate(todo):
            play_unit(work, variant, partition, unit, partial(_add, at, unit, len(todo)))
    elif todo:
        _play_apart(work, todo, at, cores)
    out: dict[str, Played] = {}
    for variant in variants:
        parts = [
            msgspec.msgpack.decode(work.result(variant, p).read_bytes(), type=Played) for p in range(work.partitions)
        ]
        out[variant.name] = together(parts)
    return out, kept


def _add(at: Callable[[float], None], done: int, units: int, share: float) -> None:
    at((done + share) / units)


def _play_apart(work: Work, todo: list[tuple[Variant, int]], at: Callable[[float], None], cores: int) -> None:
    # Spawned, not forked: the embedded ClickHouse and client threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    progress = context.Array("d", len(todo), lock=False)
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(cores, mp_context=context, initializer=begin, initargs=(progress,)) as pool:
        try:
            with apart():
                waiting = {pool.submit(play_unit, work, *one, unit) for unit, one in enumerate(todo)}
            while waiting:
                done, waiting = wait(waiting, POLLED_EVERY_S, FIRST_COMPLETED)
                for one in done:
                    one.result()
                at(sum(progress) / len(todo))
        except BrokenProcessPool as error:
            raise PartFailedError(
                "a process of the replay was ended from outside, perhaps for want of memory;"
                " the same command with its --out goes on where it was"
            ) from error
        except BaseException:
            # Whoever presses Ctrl-C must not wait until each process has come to the end of its partition.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - others:
                child.kill()
            raise


def together(parts: list[Played]) -> Played:
    """Return what came of all partitions together."""
    whole = Played([], [])
    for one in parts:
        whole.opened += one.opened
        whole.asked += one.asked
        whole.readings += one.readings
        whole.dead_letters += one.dead_letters
        whole.households += one.households
        whole.household_ms += one.household_ms
        whole.from_ms = min(whole.from_ms or one.from_ms, one.from_ms or whole.from_ms)
        whole.until_ms = max(whole.until_ms, one.until_ms)
        whole.cpu_s += one.cpu_s
        whole.homes += one.homes
        whole.gaps += one.gaps
        whole.clocks_ms += one.clocks_ms
        whole.erased += one.erased
    whole.opened.sort(key=lambda one: (one.opened_ms, one.id))
    return whole


def homes_watched(work: Work, played: Played) -> list[Home]:
    """Return whom a past holds, without the copies of cuts: of files as the registry has it, of logs as they were seen."""
    return homes_of(work.spooled) if work.spooled else played.homes


def fingerprint(*parts: Any) -> str:
    """Return 12 digits of a digest over plain data."""
    return hashlib.sha256(encode(list(parts))).hexdigest()[:12]
