"""The figures of a what-if, as plain data: the page draws them and the JSON holds them, so both say the same."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from load_tests.whatif.cuts import WATCHED_AFTER_MS
from load_tests.whatif.fold import Asked, Opened, Played
from load_tests.whatif.homes import NOT_SAID, Home, zone_of
from load_tests.whatif.labels import Judged, Label, judge
from load_tests.whatif.runs import Variant
from load_tests.whatif.spool import Cut
from schemas.incidents import IncidentKind
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import EPOCH, to_rfc3339
from streams.profile_file import differences
from streams.replay.run import MONTH_MS

DAY_MS: Final = 86_400_000
OF_HOMES: Final = ("district", "target_group", "source_mix")
"""What figures of homes are told apart by."""
SAME_WITHIN_MS: Final = 72 * 3_600_000
"""Two incidents of a household and kind that opened this near each other are one that moved."""
HOUR_MS: Final = 3_600_000
SILENCE: Final = IncidentKind.SILENCE.value
LISTED: Final = 60
"""Incidents of a list that are shown; all are counted, and all stand in the incident files."""


class Setting(msgspec.Struct, frozen=True):
    """What all runs have in common."""

    homes: list[Home]
    labels: list[Label]
    labels_are_complete: bool
    cuts: list[Cut]
    cuts_asked: int
    responders: int


def run_figures(variant: Variant, played: Played, setting: Setting) -> dict[str, Any]:
    """Return the figures of one run; copies of cuts count in nothing but the delays."""
    copies = {one.household for one in setting.cuts}
    opened = [one for one in played.opened if one.household not in copies]
    asked = [one for one in played.asked if one.household not in copies]
    months = sum(home.watched_ms for home in setting.homes) / MONTH_MS
    days = (played.until_ms - played.from_ms) / DAY_MS
    judged = judge(opened, setting.labels, is_complete=setting.labels_are_complete)
    silences = [one for one in opened if one.kind == SILENCE]
    false = [one for one in silences if judged.words[one.id] != "right"]
    rates = _Rates(months, days * setting.responders)
    profile = variant.profile
    return {
        "name": variant.name,
        "profile": profile.id if profile else None,
        "silence_budget": profile.silence_budget if profile else None,
        "changes": differences(DEFAULT_PROFILE, profile) if profile else [],
        "incidents": rates.of(len(opened)),
        "silences": rates.of(len(silences)),
        "false_silences": rates.of(len(false)) | {"interval": _interval(len(false), months)},
        "calls": rates.of(len(asked)),
        "visits": rates.of(sum(one.visit for one in opened)),
        "withdrawn": sum(one.withdrawn for one in opened),
        "by_kind": dict(sorted(Counter(one.kind for one in opened).items())),
        "cuts": _cuts(played.opened, setting),
        "labels": _labels(judged, setting.labels),
        "by": _parts(opened, asked, setting.homes),
        "days": _days(opened, played),
        "readings": played.readings,
        "dead_letters": played.dead_letters,
        "cpu_s": round(played.cpu_s, 2),
        "readings_per_core_s": round(played.readings / played.cpu_s) if played.cpu_s else None,
    }


class _Rates:
    def __init__(self, months: float, responder_days: float) -> None:
        self.months = months
        self.responder_days = responder_days

    def of(self, count: int) -> dict[str, Any]:
        return {
            "count": count,
            "per_household_month": _round(count / self.months) if self.months else None,
            "per_responder_day": _round(count / self.responder_days) if self.responder_days else None,
        }


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def _interval(count: int, months: float) -> list[float] | None:
    """90 % interval of a rate from a Poisson count, by Byar's approximation (Breslow and Day 1987, volume II, 2.9)."""
    if not months:
        return None
    z = 1.645
    low = count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    high = more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3
    return [_round(max(low, 0.0) / months), _round(high / months)]


def _cuts(opened: Iterable[Opened], setting: Setting) -> dict[str, Any] | None:
    if not setting.cuts_asked:
        return None
    first: dict[str, int] = {}
    blind: dict[str, int] = {}
    at = {one.household: one.at_ms for one in setting.cuts}
    for one in opened:
        if one.household not in at or one.withdrawn:
            continue
        at_ms = at[one.household]
        if one.opened_ms < at_ms and one.kind == SILENCE and (not one.closed_ms or one.closed_ms > at_ms):
            # Somebody is looking at that home already: no second silence is told while the first one is open.
            first.setdefault(one.household, at_ms)
        if one.opened_ms >= at_ms:
            if one.kind == SILENCE:
                first.setdefault(one.household, one.opened_ms)
            elif one.kind == IncidentKind.CANNOT_SEE.value:
                blind.setdefault(one.household, one.opened_ms)
    delays = sorted((first[one.household] - one.at_ms) / HOUR_MS for one in setting.cuts if one.household in first)
    # What was not found is later than everything that was: it stays in the quantiles.
    whole = delays + [math.inf] * (len(setting.cuts) - len(delays))
    return {
        "asked": setting.cuts_asked,
        "made": len(setting.cuts),
        "found": len(delays),
        "told_as_cannot_see": sum(name not in first for name in blind),
        "within_24_h": sum(delay <= 24 for delay in delays),
        "median_h": _quantile(whole, 0.5),
        "p90_h": _quantile(whole, 0.9),
        "watched_after_h": WATCHED_AFTER_MS // HOUR_MS,
        "delays_h": [round(delay, 2) for delay in delays],
    }


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share does not exceed; None when that many were not found."""
    if not values:
        return None
    value = values[max(math.ceil(share * len(values)) - 1, 0)]
    return round(value, 2) if math.isfinite(value) else None


def _labels(judged: Judged, labels: Sequence[Label]) -> dict[str, Any] | None:
    if not labels:
        return None
    words = Counter(judged.words.values())
    known = words["right"] + words["false"]
    return {
        "origins": dict(sorted(Counter(label.origin for label in labels).items())),
        "right": words["right"],
        "false": words["false"],
        "unlabelled": words["unlabelled"],
        "precision": _round(words["right"] / known) if known else None,
        "must_find": judged.must_find,
        "found": len(judged.delays_h),
        "recall": _round(len(judged.delays_h) / judged.must_find) if judged.must_find else None,
        "median_delay_h": round(statistics.median(judged.delays_h), 2) if judged.delays_h else None,
    }


def _parts(opened: Sequence[Opened], asked: Sequence[Asked], homes: Sequence[Home]) -> dict[str, list[dict[str, Any]]]:
    by_name = {home.household: home for home in homes}
    parts: dict[str, list[dict[str, Any]]] = {}
    for what in OF_HOMES:
        watched_ms: dict[str, int] = defaultdict(int)
        for home in homes:
            watched_ms[getattr(home, what)] += home.watched_ms
        counts = Counter(getattr(by_name[one.household], what) for one in opened if one.household in by_name)
        calls = Counter(getattr(by_name[one.household], what) for one in asked if one.household in by_name)
        visits = Counter(getattr(by_name[x.household], what) for x in opened if x.visit and x.household in by_name)
        parts[what] = [
            {
                "name": name,
                "incidents": counts[name],
                "calls": calls[name],
                "visits": visits[name],
                "household_months": round(ms / MONTH_MS, 2),
                "per_household_month": _round(counts[name] * MONTH_MS / ms) if ms else None,
            }
            for name, ms in sorted(watched_ms.items())
        ]
    hours = Counter(_hour(one, by_name) for one in opened)
    parts["hour"] = [{"name": f"{hour:02d}", "incidents": hours[f"{hour:02d}"]} for hour in range(24)]
    return parts


def _hour(one: Opened, by_name: Mapping[str, Home]) -> str:
    """Return the hour of the day at which an incident opened, by the clock of its home."""
    zone = zone_of(by_name[one.household].time_zone if one.household in by_name else "")
    return f"{(EPOCH + timedelta(milliseconds=one.opened_ms)).astimezone(zone).hour:02d}"


def _days(opened: Iterable[Opened], played: Played) -> list[int]:
    """Incidents opened by the end of each day, from the first on."""
    days = max(math.ceil((played.until_ms - played.from_ms) / DAY_MS), 1)
    counts = Counter(min(max((one.opened_ms - played.from_ms) // DAY_MS, 0), days - 1) for one in opened)
    out, sum_ = [], 0
    for day in range(days):
        sum_ += counts[day]
        out.append(sum_)
    return out


def compared_figures(a: tuple[str, Played], b: tuple[str, Played], setting: Setting) -> dict[str, Any]:
    """Set the incidents of two runs side by side: in both, moved, only in one; altogether and for whom."""
    (name_a, played_a), (name_b, played_b) = a, b
    copies = {one.household for one in setting.cuts}
    of_a = {one.id: one for one in played_a.opened if one.household not in copies}
    of_b = {one.id: one for one in played_b.opened if one.household not in copies}
    both = of_a.keys() & of_b.keys()
    rest: dict[tuple[str, str], list[Opened]] = defaultdict(list)
    for one in of_b.values():
        if one.id not in both:
            rest[one.household, one.kind].append(one)
    moved: list[tuple[Opened, Opened]] = []
    only_a: list[Opened] = []
    for one in of_a.values():
        if one.id in both:
            continue
        near = [x for x in rest[one.household, one.kind] if abs(x.opened_ms - one.opened_ms) <= SAME_WITHIN_MS]
        if near:
            nearest = min(near, key=lambda x: (abs(x.opened_ms - one.opened_ms), x.id))
            rest[one.household, one.kind].remove(nearest)
            moved.append((one, nearest))
        else:
            only_a.append(one)
    only_b = sorted((one for left in rest.values() for one in left), key=lambda one: (one.opened_ms, one.id))
    shifts = [(other.opened_ms - one.opened_ms) / HOUR_MS for one, other in moved]
    return {
        "a": name_a,
        "b": name_b,
        "both": len(both),
        "moved": len(moved),
        "moved_median_h": round(statistics.median(shifts), 2) if shifts else None,
        "only_a": len(only_a),
        "only_b": len(only_b),
        "by": _apart(
            {
                "both": [of_a[name] for name in both],
                "moved": [one for one, _ in moved],
                "only_a": only_a,
                "only_b": only_b,
            },
            setting.homes,
        ),
        "list_moved": [
            incident(one) | {"moved_h": round((other.opened_ms - one.opened_ms) / HOUR_MS, 2)}
            for one, other in moved[:LISTED]
        ],
        "list_only_a": [incident(one) for one in only_a[:LISTED]],
        "list_only_b": [incident(one) for one in only_b[:LISTED]],
    }


def _apart(groups: dict[str, list[Opened]], homes: Sequence[Home]) -> dict[str, list[dict[str, Any]]]:
    """Count incidents of each group by district, target group, what the home is seen with, and hour."""
    by_name = {home.household: home for home in homes}
    counts: dict[str, dict[str, Counter[str]]] = {what: defaultdict(Counter) for what in (*OF_HOMES, "hour")}
    for group, opened in groups.items():
        for one in opened:
            home = by_name.get(one.household)
            for what in OF_HOMES:
                counts[what][getattr(home, what) if home else NOT_SAID][group] += 1
            counts["hour"][_hour(one, by_name)][group] += 1
    return {
        what: [{"name": name, **{group: count[group] for group in groups}} for name, count in sorted(mine.items())]
        for what, mine in counts.items()
    }


def incident(one: Opened) -> dict[str, Any]:
    """Return one incident as a line of a list."""
    return {
        "id": one.id,
        "household": one.household,
        "kind": one.kind,
        "severity": one.severity,
        "opened_at": to_rfc3339(one.opened_ms),
        "sentence": one.sentence_en,
        "withdrawn": one.withdrawn,
    }


def calibration(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, of each run with a profile, the false silences it promised a household-month and those that came."""
    return [
        {
            "name": run["name"],
            "promised": run["silence_budget"],
            "came": run["false_silences"]["per_household_month"],
            "interval": run["false_silences"]["interval"],
        }
        for run in runs
        if run["silence_budget"] is not None
    ]


def tradeoff(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return false alarms against delay for each run; `best`: no other run has both fewer alarms and less delay.

    The delay is that of cuts; without any, that of labelled needs. A run without either has no place here.
    """
    points = []
    for run in runs:
        delay_h = run["cuts"]["median_h"] if run["cuts"] else (run["labels"] or {}).get("median_delay_h")
        false = run["false_silences"]["per_household_month"]
        if delay_h is not None and false is not None:
            points.append({"name": run["name"], "false_per_household_month": false, "delay_h": delay_h})
    for one in points:
        mine = (one["false_per_household_month"], one["delay_h"])
        one["best"] = not any(
            (other["false_per_household_month"], other["delay_h"]) != mine
            and other["false_per_household_month"] <= mine[0]
            and other["delay_h"] <= mine[1]
            for other in points
        )
    return points
