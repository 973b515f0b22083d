"""From runs to one answer: all figures of a what-if in one piece of plain data, its sentence on top."""

from collections.abc import Sequence
from typing import Any

from load_tests.whatif.figures import Setting, calibration, compared_figures, run_figures, tradeoff
from load_tests.whatif.fold import Played
from load_tests.whatif.runs import Variant
from schemas.times import to_rfc3339
from streams.replay.run import MONTH_MS


def answer(
    source: dict[str, Any], variants: Sequence[Variant], played: dict[str, Played], setting: Setting
) -> dict[str, Any]:
    """Return everything the report shows; `source` says what was replayed."""
    runs = [run_figures(variant, played[variant.name], setting) for variant in variants]
    first = variants[0].name
    compared = [
        compared_figures((first, played[first]), (other.name, played[other.name]), setting) for other in variants[1:]
    ]
    whole = played[first]
    return {
        "headline": headline(runs, compared),
        "source": source
        | {
            "from": to_rfc3339(whole.from_ms) if whole.from_ms else None,
            "until": to_rfc3339(whole.until_ms) if whole.until_ms else None,
            "households": len(setting.homes),
            "household_months": round(sum(home.watched_ms for home in setting.homes) / MONTH_MS, 2),
            "responders": setting.responders,
        },
        "runs": runs,
        "compared": compared,
        "calibration": calibration(runs),
        "tradeoff": tradeoff(runs),
        "timelines": [],
    }


def headline(runs: Sequence[dict[str, Any]], compared: Sequence[dict[str, Any]]) -> str:
    """Say the answer in one sentence."""
    a = runs[0]
    if len(runs) == 1:
        return (
            f"{_name(a)} would have raised {_count(a['incidents']['count'], 'incident')},"
            f" {_rate(a['incidents'])} a household-month{_found(a)}."
        )
    if len(runs) == 2:
        b = runs[1]
        fewer = a["incidents"]["count"] - b["incidents"]["count"]
        what = f"{_count(abs(fewer), 'incident')} {'fewer' if fewer > 0 else 'more'}" if fewer else "as many incidents"
        moved = compared[0]
        if not (fewer or moved["moved"] or moved["only_a"] or moved["only_b"]):
            return f"No difference: {_name(a)} and {_name(b)} would have raised the same {_count(moved['both'], 'incident')}."
        rates = f"{_rate(b['incidents'])} against {_rate(a['incidents'])}" if fewer else _rate(b["incidents"])
        return (
            f"{_name(b)} would have raised {what} {'than' if fewer else 'as'} {_name(a)}"
            f" ({rates} a household-month){_later(a, b)}."
        )
    best = sorted((one for one in tradeoff(runs) if one["best"]), key=lambda one: one["false_per_household_month"])
    if not best:
        least = min(runs, key=lambda run: run["incidents"]["count"])
        return f"Of {len(runs)} profiles, {_name(least)} raises the fewest incidents; without cuts or labels no delay is known."
    words = "; ".join(
        f"{_name(one)}: {one['false_per_household_month']:.3g} false silences a household-month at"
        f" {one['delay_h']:g} h of delay"
        for one in best[:3]
    )
    return f"Of {len(runs)} profiles, {len(best)} cannot be bettered on both counts. {words}."


def _found(run: dict[str, Any]) -> str:
    cuts = run["cuts"]
    if not cuts or not cuts["made"]:
        return ""
    median = f", half of them within {cuts['median_h']:g} h" if cuts["median_h"] is not None else ""
    return f", and found {cuts['found']} of {_count(cuts['made'], 'artificial collapse')}{median}"


def _later(a: dict[str, Any], b: dict[str, Any]) -> str:
    one, other = a["cuts"], b["cuts"]
    if one and other and one["median_h"] is not None and other["median_h"] is not None:
        by_h = round(other["median_h"] - one["median_h"], 2)
        if not by_h:
            return f", and found artificial collapses no sooner and no later ({other['median_h']:g} h in the middle)"
        word = "later" if by_h > 0 else "sooner"
        return (
            f", and found artificial collapses {abs(by_h):g} h {word} in the middle"
            f" ({other['median_h']:g} h against {one['median_h']:g} h)"
        )
    return ""


def _name(run: dict[str, Any]) -> str:
    return f"“{run['name']}”"


def _rate(rate: dict[str, Any]) -> str:
    value = rate["per_household_month"]
    return "-" if value is None else f"{value:.3g}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
