"""One home after the other, in as many processes as there are cores; what was done is written down and not done again."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec
import numpy as np

from load_tests.bench_city.cut import answering, delay_h, found_ms, watched
from load_tests.bench_city.homes import AFTER_MS, CityHome, Kind, city_home, cuts_in, hour_of
from load_tests.bench_detection.homes import LONGEST_ORDINARY_MS, MINUTE_MS, before
from load_tests.bench_detection.play import profile_for
from load_tests.simulator.people import rng_of
from schemas.profiles import DEFAULT_PROFILE

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / "build" / "bench-city"
BUDGETS: Final = (1.0, 0.3, 0.1, DEFAULT_PROFILE.silence_budget)
CUTS: Final = 10
COLD_CUTS: Final = 4
GHOST_BUDGET: Final = 0.3
CUT_PURPOSE, CALL_PURPOSE, GHOST_PURPOSE = 22, 23, 24
MONTH_MS: Final = 30.4 * 86_400_000
Delay = tuple[float, float]
"""Local hour of a cut, and hours until it was found."""


class Job(msgspec.Struct, frozen=True):
    """One home."""

    kind: Kind
    seed: int
    number: int
    days: int


class Played(msgspec.Struct, kw_only=True):
    """What one budget came to in one home."""

    budget: float
    false: int
    """False alarms in ordinary silences after the warm-up."""
    apart: int
    """Those in silences of 20 hours or more: journeys and outages."""
    cold_false: int
    """False alarms of any kind in the first two weeks."""
    asked: int
    """Calls asked for after the warm-up."""
    delays: list[Delay]
    cold: list[Delay]
    ghosts: list[Delay]


class Result(msgspec.Struct, kw_only=True):
    """What came of one home."""

    job: Job
    months: float
    """Household-months after the warm-up."""
    played: list[Played]


class Done(Protocol):
    """Anything that came of one home and can be kept."""

    @property
    def job(self) -> Job:
        """Return the home."""


Kept = TypeVar("Kept", bound=Done)


def run(job: Job) -> Result:
    """Play one home at every budget."""
    home = city_home(job.kind, job.seed, job.number, job.days)
    cold = cuts_in(home, COLD_CUTS, home.start_ms, home.warm_ms, rng_of(job.seed, CUT_PURPOSE, job.number, 0))
    cuts = cuts_in(home, CUTS, home.warm_ms, home.end_ms - AFTER_MS, rng_of(job.seed, CUT_PURPOSE, job.number, 1))
    at_budgets = [_play(home, job, budget, sorted(cold), sorted(cuts)) for budget in BUDGETS]
    return Result(job=job, months=(home.end_ms - home.warm_ms) / MONTH_MS, played=at_budgets)


def _play(home: CityHome, job: Job, budget: float, cold: list[int], cuts: list[int]) -> Played:
    profile = profile_for(budget)
    calls = home.kind == "all"
    answers = answering(home, rng_of(job.seed, CALL_PURPOSE, job.number)) if calls else None
    watch = watched(home, profile, answers)
    waiting = sorted({*cold, *cuts})
    found: dict[int, int] = {}
    ghosts: list[Delay] = []

    def cut(at_ms: int) -> None:
        watch.pass_time(at_ms)
        snapshot = watch.model.snapshot()
        if _is_open(watch.raised_ms, home, at_ms):
            found[at_ms] = at_ms
            return
        found[at_ms] = found_ms(home, snapshot, profile, at_ms, calls=calls)
        if home.kind == "home" and budget == GHOST_BUDGET and at_ms in cuts:
            random = rng_of(job.seed, GHOST_PURPOSE, job.number, at_ms // MINUTE_MS)
            ghosts.append((hour_of(at_ms), delay_h(found_ms(home, snapshot, profile, at_ms, ghosts=random), at_ms)))

    for message in home.messages:
        while waiting and waiting[0] < message.sent_ms:
            cut(waiting.pop(0))
        watch.take(message)
    watch.pass_time(home.end_ms)
    out = played(home, budget, watch.raised_ms, watch.asked_ms)
    out.delays = [(round(hour_of(at_ms), 2), delay_h(found[at_ms], at_ms)) for at_ms in cuts]
    out.cold = [(round(hour_of(at_ms), 2), delay_h(found[at_ms], at_ms)) for at_ms in cold]
    out.ghosts = ghosts
    return out


def played(home: CityHome, budget: float, raised_ms: list[int], asked_ms: list[int]) -> Played:
    """Return the count of what was raised and asked for in a home, without cuts."""
    raised = np.array(raised_ms, np.int64)
    places = np.clip(before(home.proofs, raised), 0, len(home.proofs) - 1)
    gaps = np.diff(home.proofs, append=home.end_ms)[places]
    late = raised >= home.warm_ms
    return Played(
        budget=budget,
        false=int((late & (gaps < LONGEST_ORDINARY_MS)).sum()),
        apart=int((late & (gaps >= LONGEST_ORDINARY_MS)).sum()),
        cold_false=int((~late & (gaps < LONGEST_ORDINARY_MS)).sum()),
        asked=sum(at_ms >= home.warm_ms for at_ms in asked_ms),
        delays=[],
        cold=[],
        ghosts=[],
    )


def _is_open(raised_ms: list[int], home: CityHome, at_ms: int) -> bool:
    """Tell whether an alarm was raised in the silence in which the cut falls: the person is looked for already."""
    place = int(before(home.proofs, np.array([at_ms], np.int64))[0])
    return bool(raised_ms) and place >= 0 and raised_ms[-1] >= int(home.proofs[place])


def version() -> str:
    """Return a digest of the code that a result depends on: results of another version are not taken for this one's."""
    digest = blake2b(digest_size=6)
    folders = (
        ROOT / "detectors",
        ROOT / "schemas",
        ROOT / "load_tests" / "simulator",
        ROOT / "load_tests" / "bench_city",
    )
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    for path in paths:
        if path.name not in ("figures.py", "plots.py", "__main__.py", "rivals.py"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def results(
    jobs: list[Job],
    workers: int | None = None,
    *,
    path: Path | None = None,
    do: Callable[[Job], Kept],
    form: type[Kept],
    only_done: bool = False,
) -> Iterator[Kept]:
    """Yield the result of every job: first those already on disk, then the others as they are done and written down."""
    path = path or KEPT / f"{version()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = set(jobs)
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                done = msgspec.json.decode(line, type=form)
            except msgspec.DecodeError:
                continue  # the last line of a run that was cut short
            if done.job in wanted:
                wanted.discard(done.job)
                yield done
    left = [job for job in jobs if job in wanted]
    if not left or only_done:
        return
    pool = ProcessPoolExecutor(workers or os.cpu_count())
    try:
        with path.open("ab") as file:
            for future in as_completed([pool.submit(do, job) for job in left]):
                result = future.result()
                file.write(msgspec.json.encode(result) + b"\n")
                file.flush()
                yield result
    finally:
        pool.shutdown(cancel_futures=True)  # or a run that is stopped would go on with what is queued
