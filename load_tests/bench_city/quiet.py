"""False alarms alone: a home is played once for all budgets, nothing is cut. Thousands of household-months in an hour of one core.

Where nobody is called, no budget changes what the model learns. So it is played at the largest one, and only while an
alarm of that one is open is the same model asked, at each message, whether a smaller budget would have alarmed by now: an alarm of a
smaller budget comes later in the same silence. Where people are called, their answers change what follows, and each budget is
played by itself. A test holds both against homes that were played in full.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Final

from detectors.household import Household
from load_tests.bench_city.cut import Watch, answering, watched
from load_tests.bench_city.homes import KINDS, CityHome, city_home
from load_tests.bench_city.jobs import BUDGETS, CALL_PURPOSE, KEPT, MONTH_MS, Job, Result, played
from load_tests.bench_detection.homes import MINUTE_MS
from load_tests.bench_detection.play import profile_for
from load_tests.simulator.neighbourhood import TUNING_SEEDS
from load_tests.simulator.people import rng_of

CONDUCT_DAYS: Final = 80
"""Within 40 days a tail that is learned in months moved no deadline, and results of another model would have been taken for its own."""
CONDUCT_HOMES: Final = 3


def run(job: Job) -> Result:
    """Count the false alarms of one home at every budget."""
    home = city_home(job.kind, job.seed, job.number, job.days)
    if home.kind == "all":
        found = []
        for budget in BUDGETS:
            watch = watched(home, profile_for(budget), answering(home, rng_of(job.seed, CALL_PURPOSE, job.number)))
            for message in home.messages:
                watch.take(message)
            watch.pass_time(home.end_ms)
            found.append(played(home, budget, watch.raised_ms, watch.asked_ms))
    else:
        raised = raised_of(home)
        found = [played(home, budget, raised[budget], []) for budget in BUDGETS]
    return Result(job=job, months=(home.end_ms - home.warm_ms) / MONTH_MS, played=found)


def raised_of(home: CityHome) -> dict[float, list[int]]:
    """Return when each budget raises silences in a home where nobody is called, UTC milliseconds."""
    largest, *smaller = sorted(BUDGETS, reverse=True)
    watch = watched(home, profile_for(largest))
    out: dict[float, list[int]] = {budget: [] for budget in BUDGETS}
    open_since = 0
    for message in home.messages:
        watch.pass_time(message.sent_ms // MINUTE_MS * MINUTE_MS)
        if watch.raised_ms and watch.raised_ms[-1] > open_since and not _over(watch):
            _ask(home, watch, smaller, out)
        elif watch.raised_ms:
            open_since = watch.raised_ms[-1]
        watch.take(message)
    watch.pass_time(home.end_ms)
    if watch.raised_ms and watch.raised_ms[-1] > open_since:
        _ask(home, watch, smaller, out)
    out[largest] = watch.raised_ms
    return out


def _over(watch: Watch) -> bool:
    """Tell whether the person has shown life since the last alarm."""
    return (watch.model.last_life_ms or 0) > watch.raised_ms[-1]


def _ask(home: CityHome, watch: Watch, smaller: list[float], out: dict[float, list[int]]) -> None:
    """Note which smaller budgets have alarmed by the clock in the silence in which the largest one has."""
    waiting = [budget for budget in smaller if not out[budget] or out[budget][-1] < watch.raised_ms[-1]]
    if not waiting or watch.model.blind:
        return
    snapshot = watch.model.snapshot()
    for budget in waiting:
        due_ms = _due_ms(home, snapshot, budget)
        if due_ms is not None and due_ms <= watch.clock_ms:
            out[budget].append(max(due_ms, watch.raised_ms[-1]))


def _due_ms(home: CityHome, snapshot: bytes, budget: float) -> int | None:
    deadline = Household.from_snapshot(snapshot, profile_for(budget), home.record).explain()["deadline_ms"]
    return None if deadline is None else int(deadline)


def conduct() -> str:
    """Return a digest of what the model of this code says of a few homes: of every deadline at noon, at every budget.

    Results are kept under it, and not under a digest of the code: an edit that moves no deadline throws nothing away.
    """
    digest = blake2b(digest_size=6)
    for kind in KINDS:
        for number in range(CONDUCT_HOMES):
            home = city_home(kind, TUNING_SEEDS[0], number, CONDUCT_DAYS)
            watch = watched(home, profile_for(max(BUDGETS)))
            day = 0
            for message in home.messages:
                if message.sent_ms // 86_400_000 > day:
                    day = message.sent_ms // 86_400_000
                    snapshot = watch.model.snapshot()
                    digest.update(repr([_due_ms(home, snapshot, budget) for budget in BUDGETS]).encode())
                watch.take(message)
            digest.update(repr([watch.raised_ms, watch.asked_ms]).encode())
    return digest.hexdigest()


def kept_in() -> Path:
    """Return the file of results of this conduct."""
    return KEPT / f"quiet-{conduct()}.jsonl"
