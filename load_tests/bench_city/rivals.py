"""The rules that Anbu is measured against, on the same synthetic homes and the same cuts: docs/detection.md names them.

As on recordings they are given the benchmark's own proofs of life, and nobody is called for them.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from load_tests.bench_city.figures import TITLES, Kinds, at
from load_tests.bench_city.homes import AFTER_MS, KINDS, CityHome, Kind, city_home, cuts_in, hour_of
from load_tests.bench_city.jobs import CUT_PURPOSE, CUTS, KEPT, MONTH_MS, ROOT, Job, Played, version
from load_tests.bench_detection.goals import ANBU, RIVALS
from load_tests.bench_detection.homes import Home
from load_tests.bench_detection.measure import Delays, Outcome, Point, fastest, outcome_of_rule
from load_tests.bench_detection.rules import rules_for
from load_tests.bench_detection.tables import NAMES
from load_tests.simulator.people import rng_of
from schemas.profiles import DEFAULT_PROFILE

HEAD: Final = "| | setting | false alarms a month | all hours: median, p90 | 08-20 h |"
BUDGET: Final = DEFAULT_PROFILE.silence_budget
"""Of Anbu, at whose measured false alarms the rivals are compared."""


class Tried(msgspec.Struct, kw_only=True):
    """What one operating point of a rule came to in one home."""

    family: str
    setting: str
    delays_h: list[float]
    """One a cut, in order of time."""
    false: int
    apart: int


class RivalResult(msgspec.Struct, kw_only=True):
    """What every rule came to in one home."""

    job: Job
    months: float
    hours: list[float]
    """Local hour of each cut."""
    tried: list[Tried]


class Beside(NamedTuple):
    """Anbu as delivered beside the fastest setting of one rule with no more false alarms in the same homes."""

    kind: Kind
    mine: Point
    theirs: Point


def run(job: Job) -> RivalResult:
    """Try every rule on one home, at the cuts at which Anbu was cut."""
    city = city_home(job.kind, job.seed, job.number, job.days)
    drawn = cuts_in(city, CUTS, city.warm_ms, city.end_ms - AFTER_MS, rng_of(job.seed, CUT_PURPOSE, job.number, 1))
    home, cuts = recorded(city), np.array(sorted(drawn), np.int64)
    tried = []
    for rule in rules_for(home):
        one = outcome_of_rule(home, cuts, rule.deadlines)
        found = [round(float(delay), 3) for delay in one.delay_h]
        tried.append(Tried(family=rule.family, setting=rule.setting, delays_h=found, false=one.false, apart=one.long))
    months = (city.end_ms - city.warm_ms) / MONTH_MS
    return RivalResult(job=job, months=months, hours=[hour_of(at_ms) for at_ms in cuts.tolist()], tried=tried)


def recorded(city: CityHome) -> Home:
    """Return a synthetic home as the rules of the recordings take it."""
    return Home(f"{city.kind}-{city.number}", city.kind, [], city.proofs, city.leaves, city.start_ms)


def kept_in() -> Path:
    """Return the file of results of these homes and these rules."""
    digest = blake2b(version().encode(), digest_size=6)
    for path in [Path(__file__), *sorted((ROOT / "load_tests").glob("bench_detection_*.py"))]:
        digest.update(path.read_bytes())
    return KEPT / f"rivals-{digest.hexdigest()}.jsonl"


def points(cut: Kinds, results: Iterable[RivalResult]) -> dict[Kind, list[Point]]:
    """Return every operating point by kind of source, Anbu's first; only homes of which both are known count."""
    known = {one.job: one for one in results}
    out: dict[Kind, list[Point]] = {}
    for kind in KINDS:
        homes = [home for home in cut.get(kind, []) if home.job in known]
        if not homes:
            continue
        theirs = [known[home.job] for home in homes]
        budgets = [one.budget for one in homes[0].played]
        mine = [
            Point(
                ANBU,
                f"budget {budget:g}",
                [_mine(rival, at(home, budget)) for home, rival in zip(homes, theirs, strict=True)],
            )
            for budget in budgets
        ]
        settings = [(one.family, one.setting) for one in theirs[0].tried]
        out[kind] = mine + [
            Point(
                family,
                setting,
                [_outcome(rival, (one := rival.tried[place]).delays_h, one.false, one.apart) for rival in theirs],
            )
            for place, (family, setting) in enumerate(settings)
        ]
    return out


def _mine(home: RivalResult, played: Played) -> Outcome:
    return _outcome(home, [delay for _, delay in played.delays], played.false, played.apart)


def _outcome(home: RivalResult, delays_h: Sequence[float], false: int, apart: int) -> Outcome:
    name = f"{home.job.kind}-{home.job.number}"
    days = np.zeros(len(home.hours), np.int64)
    return Outcome(name, home.months, np.array(home.hours), days, np.array(delays_h, np.float64), false, 0, apart)


def beside(of_kinds: dict[Kind, list[Point]]) -> list[Beside]:
    """Set each rule beside Anbu: its fastest setting, in hindsight, with no more false alarms."""
    out = []
    for kind, tried in of_kinds.items():
        mine = next(one for one in tried if (one.family, one.setting) == (ANBU, f"budget {BUDGET:g}"))
        for family in dict.fromkeys(one.family for one in tried if one.family != ANBU):
            theirs = fastest([one for one in tried if one.family == family], mine.false_per_month())
            if theirs is not None:
                out.append(Beside(kind, mine, theirs))
    return out


def table(pairs: Sequence[Beside]) -> str:
    """Return the table, as Markdown: Anbu in each kind of home, and under it what each rule comes to."""
    lines = [HEAD, "|---" * 5 + "|"]
    for kind, of_kind in groupby(pairs, key=lambda one: one.kind):
        rules = list(of_kind)
        lines.append(_line(f"**{TITLES[kind]}: {NAMES[ANBU]}**", rules[0].mine))
        lines += [_line(NAMES[one.theirs.family], one.theirs) for one in rules]
    return "\n".join(lines)


def _line(name: str, point: Point) -> str:
    shown = " | ".join(_told(point.delays(part)) for part in ("all", "day"))
    return f"| {name} | {point.setting} | {point.false_per_month():.3f} | {shown} |"


def _told(delays: Delays) -> str:
    return f"{delays.median:.1f}, {delays.p90:.1f}"


def rows(of_kinds: dict[Kind, list[Point]]) -> list[dict[str, Any]]:
    """Return the rows of goals 3 and 10, the figure under `simulator`."""
    out = []
    if "home" in of_kinds:
        out.append(_against_fixed(of_kinds["home"]))
    excess = [one for one in beside(of_kinds) if one.theirs.family in RIVALS]
    if excess:
        out.append(_against_rivals(excess))
    return out


def _against_fixed(tried: list[Point]) -> dict[str, Any]:
    fixed = next(one for one in tried if (one.family, one.setting) == ("fixed", "24 h"))
    most = fixed.false_per_month(raw=True)
    mine = fastest([one for one in tried if one.family == ANBU], most, raw=True)
    row: dict[str, Any] = {"goal": 3, "simulator": None, "interval": None}
    if mine is None:
        return row | {"note": f"no budget of Anbu's has so few raw false alarms as fixed 24 h: {most:.3f} a month"}
    hours = fixed.delays("day").median, mine.delays("day").median
    return row | {
        "simulator": round(hours[0] / hours[1], 2),
        "note": f"at {mine.setting}, {mine.false_per_month(raw=True):.3f} raw false alarms a month against {most:.3f}; "
        f"{hours[1]:.1f} against {hours[0]:.1f} h",
    }


def _against_rivals(pairs: Sequence[Beside]) -> dict[str, Any]:
    found = []
    notes = []
    for one in pairs:
        ours, theirs = one.mine.delays(), one.theirs.delays()
        found.append((ours.median - theirs.median, ours.p90 - theirs.p90))
        notes.append(f"{one.kind}, {one.theirs.family} {one.theirs.setting}: {found[-1][0]:+.1f}, {found[-1][1]:+.1f}")
    return {
        "goal": 10,
        "simulator": [round(max(median for median, _ in found), 2), round(max(p90 for _, p90 in found), 2), None],
        "interval": None,
        "note": "; ".join(notes) + "; ten cuts a home are too few to tell of single homes",
    }
