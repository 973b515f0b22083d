"""What the synthetic homes came to: figures beside their goals, and tables."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import gammainc, gammaincinv  # type: ignore[import-untyped]  # no stubs; river brings it

from load_tests.bench_city.homes import KINDS, Kind
from load_tests.bench_city.jobs import BUDGETS, GHOST_BUDGET, Delay, Played, Result
from load_tests.bench_city.memory import Memory
from load_tests.bench_detection.measure import INTERVAL, RESAMPLES, Delays, Numbers
from schemas.compiled import state

NEVER_H: Final = 24.0 * 7
TIMES: Final = 3.0
CONFIDENCE: Final = 0.99
GOAL_4: Final = (1.0, 0.3, 0.1)
TITLES: Final[dict[Kind, str]] = {
    "home": "home sensors alone",
    "phone": "a phone's app alone",
    "records": "a telecom's hourly records alone",
    "worn": "a step counter alone",
    "all": "sensors, exit door, app and calls",
}
HEAD: Final = (
    "| | budget | false alarms a month [90 % Poisson] | times the budget [90 % Poisson] | homes over 3 times | over 20 h | "
    "all hours: median, p90 | 08-20 h | first two weeks |"
)
Picked = Callable[[Played], list[Delay]]
Kinds = dict[Kind, list[Result]]


class Homes(NamedTuple):
    """Homes of one kind of source, or of several together: those that were cut, and those left as they are."""

    cut: list[Result]
    lived: list[Result]


def both(cut: Kinds, lived: Kinds, *kinds: Kind) -> Homes:
    """Return the homes of some kinds of source."""
    return Homes(
        [one for kind in kinds for one in cut.get(kind, [])], [one for kind in kinds for one in lived.get(kind, [])]
    )


class Count(NamedTuple):
    """Some homes of one kind at one budget."""

    budget: float
    months: float
    false: int
    apart: int
    cold_false: int
    asked: int
    over: int
    """Homes that have more than three times their budget, with 99 % confidence each."""

    @property
    def rate(self) -> float:
        """False alarms in ordinary silences, a household-month."""
        return self.false / self.months

    @property
    def interval(self) -> list[float]:
        """90 % Poisson interval of the rate."""
        return [round(edge / self.months, 4) for edge in poisson_interval(self.false)]


def poisson_interval(count: int) -> tuple[float, float]:
    """Return the exact 90 % interval of a Poisson mean (Garwood, Biometrika 28, 1936)."""
    low = float(gammaincinv(count, INTERVAL[0])) if count else 0.0
    return low, float(gammaincinv(count + 1, INTERVAL[1]))


def chance_of(count: int, mean: float) -> float:
    """Return the probability of `count` events or more where `mean` are to be expected."""
    return float(gammainc(count, mean)) if count else 1.0


def by_kind(results: Iterable[Result]) -> Kinds:
    """Return results by kind of source, homes in order of their numbers."""
    out: dict[Kind, list[Result]] = {}
    for one in results:
        out.setdefault(one.job.kind, []).append(one)
    return {kind: sorted(out[kind], key=lambda r: (r.job.seed, r.job.number)) for kind in KINDS if kind in out}


def counted(homes: Sequence[Result], budget: float) -> Count:
    """Count a kind's homes at a budget."""
    played = [at(one, budget) for one in homes]
    return Count(
        budget,
        sum(one.months for one in homes),
        sum(one.false for one in played),
        sum(one.apart for one in played),
        sum(one.cold_false for one in played),
        sum(one.asked for one in played),
        sum(
            chance_of(one.false, TIMES * budget * home.months) < 1 - CONFIDENCE
            for one, home in zip(played, homes, strict=True)
        ),
    )


def at(home: Result, budget: float) -> Played:
    """Return what a budget came to in a home."""
    return next(one for one in home.played if one.budget == budget)


def delays(homes: Sequence[Result], budget: float, pick: Picked, part: str = "all") -> list[Numbers]:
    """Return the delays of each home, hours: of cuts in all hours, or by day (08 to 20)."""
    out = []
    for home in homes:
        pairs = np.array(pick(at(home, budget)), np.float64).reshape(-1, 2)
        hours = pairs[:, 0]
        out.append(pairs[:, 1] if part == "all" else pairs[(hours >= 8) & (hours < 20), 1])
    return out


def delays_of(arrays: Sequence[Numbers]) -> Delays:
    """Return the median and p90 over all cuts."""
    pooled = np.concatenate(arrays) if arrays else np.empty(0)
    if not len(pooled):
        return Delays(float("nan"), float("nan"))
    return Delays(float(np.median(pooled)), float(np.quantile(pooled, 0.9)))


def bootstrapped(arrays: Sequence[Numbers], seed: int = 0) -> list[list[float]]:
    """Return the 90 % intervals of median and p90, homes drawn anew."""
    random = np.random.default_rng(seed)
    drawn = [
        delays_of([arrays[place] for place in random.integers(0, len(arrays), len(arrays))]) for _ in range(RESAMPLES)
    ]
    return [[round(float(edge), 2) for edge in np.quantile([one[i] for one in drawn], INTERVAL)] for i in (0, 1)]


def rows(cut: Kinds, lived: Kinds, memory: Memory | None) -> list[dict[str, Any]]:
    """Return one row a goal that synthetic homes answer, the figure under `simulator`.

    `cut`: homes whose streams were cut, which tell the delays. `lived`: homes left as they are, which tell false alarms.
    """
    out = []
    home, carried = both(cut, lived, "home"), both(cut, lived, "phone", "records", "worn")
    if home.cut:
        out.append(_delay_row(1, home, 0.1, cuts, "day"))
        out.append(_delay_row(2, home, 0.1, cuts, "all"))
    if lived:
        out.append(_budget_row(lived))
    if home.cut:
        out.append(_cold_row(home))
    fused = both(cut, lived, "all")
    if fused.cut:
        out += [_fused_row(fused), _raw_row(fused.lived)]
    if home.cut:
        out.append(_ghost_row(home))
    if carried.cut:
        out.append(_delay_row(9, carried, 0.15, cuts, "all"))
    if memory is not None:
        out.append(
            {
                "goal": 11,
                "figure": "state of a household in memory after 60 days (bytes); CPU time of an event (us)",
                "goal_value": [6144, 2.0],
                "simulator": [round(memory.bytes_each), round(memory.event_us, 2)],
                "interval": None,
                "note": (
                    f"{memory.households} synthetic households of the city's mix; {memory.events:,} events of the "
                    f"last 10 days, learning and looking included; {state()}"
                ),
            }
        )
    return out


def cuts(played: Played) -> list[Delay]:
    """Return the delays of collapses after the warm-up."""
    return played.delays


def cold(played: Played) -> list[Delay]:
    """Return those of collapses in the first two weeks."""
    return played.cold


def ghosts(played: Played) -> list[Delay]:
    """Return those with a lone trigger a day after the collapse."""
    return played.ghosts


def _delay_row(goal: int, homes: Homes, most: float, pick: Picked, part: str) -> dict[str, Any]:
    fit = [one for one in (counted(homes.lived, budget) for budget in BUDGETS) if one.rate <= most]
    if not fit:
        return {"goal": goal, "simulator": None, "interval": None, "note": "no budget has so few false alarms"}
    chosen = max(fit, key=lambda one: one.budget)
    arrays = delays(homes.cut, chosen.budget, pick, part)
    found = delays_of(arrays)
    return {
        "goal": goal,
        "simulator": [round(found.median, 2), round(found.p90, 2)],
        "interval": bootstrapped(arrays),
        "note": f"budget {chosen.budget:g}, measured {chosen.rate:.3f} in {chosen.months:.0f} synthetic household-months",
    }


def _budget_row(kinds: Kinds) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    between: dict[str, Any] = {}
    notes = []
    for kind, homes in kinds.items():
        counts = [counted(homes, budget) for budget in GOAL_4]
        measured[kind] = [round(one.rate / one.budget, 3) for one in counts]
        between[kind] = [[round(edge / one.budget, 3) for edge in one.interval] for one in counts]
        over = ", ".join(str(one.over) for one in counts)
        notes.append(
            f"{kind}: {counts[0].months:.0f} household-months, homes above three times: {over} of {len(homes)}"
        )
    return {
        "goal": 4,
        "figure": "measured false alarms over the budget, at 1, 0.3 and 0.1 a household-month, by kind of source",
        "goal_value": [0.7, 1.1],
        "simulator": measured,
        "interval": between,
        "note": "; ".join(notes),
    }


def _cold_row(homes: Homes) -> dict[str, Any]:
    months = 14 / 30.4 * len(homes.lived)
    fit = [one for one in (counted(homes.lived, budget) for budget in BUDGETS) if one.cold_false / months <= 1.0]
    row: dict[str, Any] = {
        "goal": 5,
        "figure": "home sensors, first two weeks, at most 1 false alarm a month: all-hours median (h)",
        "goal_value": 6.5,
        "simulator": None,
        "interval": None,
    }
    if fit:
        chosen = max(fit, key=lambda one: one.budget)
        arrays = delays(homes.cut, chosen.budget, cold)
        row["simulator"] = round(delays_of(arrays).median, 2)
        row["interval"] = bootstrapped(arrays)[0]
        row["note"] = (
            f"budget {chosen.budget:g}, measured {chosen.cold_false / months:.3f} a month in {months:.0f} months"
        )
    return row


def _fused_row(homes: Homes) -> dict[str, Any]:
    fit = [one for one in (counted(homes.lived, budget) for budget in BUDGETS) if one.rate <= 0.1] or [
        counted(homes.lived, min(BUDGETS))
    ]
    chosen = max(fit, key=lambda one: one.budget)
    arrays, day = (delays(homes.cut, chosen.budget, cuts, part) for part in ("all", "day"))
    found, by_day = delays_of(arrays), delays_of(day)
    return {
        "goal": 6,
        "figure": "sensors and phone, at most 4 check-in calls a month: median of all hours, of the day, p90 of the day (h)",
        "goal_value": [4.5, 2.8, 6.0],
        "simulator": [round(found.median, 2), round(by_day.median, 2), round(by_day.p90, 2)],
        "interval": [bootstrapped(arrays)[0], *bootstrapped(day)],
        "note": f"budget {chosen.budget:g}, measured {chosen.rate:.3f} false alarms and {chosen.asked / chosen.months:.2f} "
        f"calls a month in {chosen.months:.0f} household-months; a call after the collapse is not answered",
    }


def _raw_row(homes: list[Result]) -> dict[str, Any]:
    chosen = counted(homes, min(BUDGETS))
    raw = chosen.false + chosen.apart
    return {
        "goal": 7,
        "figure": "sensors, exit door, phone, heartbeats: raw false alarms, journeys and outages included (a month)",
        "goal_value": 0.1,
        "simulator": round(raw / chosen.months, 4),
        "interval": [round(edge / chosen.months, 4) for edge in poisson_interval(raw)],
        "note": f"as delivered (budget {chosen.budget:g}), {raw} in {chosen.months:.0f} household-months, "
        f"{chosen.apart} of them in silences of 20 hours or more",
    }


def _ghost_row(homes: Homes) -> dict[str, Any]:
    arrays = delays(homes.cut, GHOST_BUDGET, ghosts)
    found, pooled = delays_of(arrays), np.concatenate(arrays)
    measured = counted(homes.lived, GHOST_BUDGET)
    return {
        "goal": 8,
        "figure": "one ghost trigger a day after death, budget 0.3: median (h); never found in 7 days",
        "goal_value": [9.0, 0],
        "simulator": [round(found.median, 2), int((pooled >= NEVER_H - 0.1).sum())],
        "interval": [bootstrapped(arrays)[0], None],
        "note": f"{len(pooled)} cuts, p90 {found.p90:.1f} h; measured {measured.rate:.3f} false alarms a month",
    }


def tables(cut: Kinds, lived: Kinds) -> str:
    """Return the tables of every kind, as Markdown: false alarms of `lived`, delays of `cut`."""
    lines = [HEAD, "|---" * 9 + "|"]
    for kind, homes in lived.items():
        for budget in BUDGETS:
            one = counted(homes, budget)
            parts = [delays_of(delays(cut.get(kind, []), budget, pick, part)) for pick, part in _SHOWN]
            low, high = one.interval
            lines.append(
                f"| {TITLES[kind]} ({one.months:,.0f} household-months) | {budget:g} | {one.rate:.3f} "
                f"[{low:.3f}-{high:.3f}] | {one.rate / budget:.2f} [{low / budget:.2f}-{high / budget:.2f}] | "
                f"{one.over} of {len(homes):,} | {one.apart / one.months:.3f} | "
                + " | ".join(f"{found.median:.1f}, {found.p90:.1f}" for found in parts)
                + " |"
            )
    return "\n".join(lines)


_SHOWN: Final[tuple[tuple[Picked, str], ...]] = ((cuts, "all"), (cuts, "day"), (cold, "all"))
