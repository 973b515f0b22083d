"""The report as one page: nothing from elsewhere, every figure from the same data as the JSON beside it."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from typing import Any, Final

import orjson

from load_tests.whatif import draw
from load_tests.whatif.draw_home import close_up
from load_tests.whatif.homes import zone_of
from load_tests.whatif.page_style import STYLE
from schemas.incidents import KIND_NAMES, IncidentKind
from schemas.times import EPOCH, to_rfc3339

COLOURS: Final = draw.COLOURS
GROUPS: Final = (
    ("target_group", "By target group"),
    ("source_mix", "By what the home is seen with"),
    ("district", "By district"),
)
LONGEST_CHANGE: Final = 90
"""Letters of a changed number that are shown; longer ones are lists and tables."""


def page(found: dict[str, Any]) -> str:
    """Return the HTML of the figures of `load_tests.whatif.answer.answer`."""
    runs = found["runs"]
    against = found.get("against")
    shown = runs[:COLOURS] if len(runs) <= COLOURS else []
    parts = [
        _beside_live(against) if against else "",
        f"<{'h2' if against else 'h1'}>{escape(found['headline'])}</{'h2' if against else 'h1'}>",
        f'<p class="lead">{escape(_what(found))}</p>',
        _cards(runs) if shown else "",
        _tradeoff(found),
        _over_time(shown),
        _calibration(found),
        _parts(shown),
        _homes(found, shown),
        _lists(found) if shown else _profiles(runs, frozenset(p["name"] for p in found["tradeoff"] if p["best"])),
        _notes(found),
    ]
    # A closing tag inside a pseudonym or sentence must not end the element.
    data = orjson.dumps(found).decode().replace("<", "\\u003c")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>What would have been</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main>"
        f'<script type="application/json" id="figures">{data}</script></body></html>\n'
    )


def _what(found: dict[str, Any]) -> str:
    source = found["source"]
    kind = "Synthetic homes" if source["synthetic"] else "The past"
    days = f"{(source['from'] or '')[:10]} to {(source['until'] or '')[:10]}"
    return (
        f"{kind} of {source['name']}: {source['households']:,} households, {source['household_months']:g} household-months,"
        f" {days}. Replayed by the engine of the live run; nothing live was touched."
    )


def _beside_live(one: dict[str, Any]) -> str:
    """Say first of all whether the replay told what was told live: that was asked. Then the first differences."""
    until = to_rfc3339(one["until_ms"])[:16].replace("T", " ")
    if one["equal"]:
        title = "Equal to the live run"
        words = f"{one['revisions']:,} revisions up to {until} UTC, the same ids and contents."
    else:
        title = "Not equal to the live run"
        words = (
            f"{one['only_in_replay']:,} revisions only in the replay,"
            f" {one['only_in_live']:,} only in the live run, {one['otherwise']:,} told otherwise, up to {until} UTC."
        )
    if one["after_ms"]:
        after = to_rfc3339(one["after_ms"])[:16].replace("T", " ")
        words += f" Compared are incidents that opened after the warm-up, from {after} UTC on."
    lines = "".join(f"<li>{escape(line)}</li>" for line in one["details"])
    mark = "equal" if one["equal"] else "unequal"
    return f'<h1 class="{mark}">{title}</h1><p>{escape(words)}</p>' + (f"<ul>{lines}</ul>" if lines else "")


def _key(runs: Sequence[dict[str, Any]]) -> str:
    if len(runs) == 1:
        return ""  # its name stands in the headline
    keys = "".join(f'<span class="k{k}"><i></i><em>{escape(run["name"])}</em></span>' for k, run in enumerate(runs))
    return f'<div class="key">{keys}</div>'


def _card(title: str, runs: Sequence[dict[str, Any]], values: Sequence[str], small: Sequence[str]) -> str:
    rows = "".join(
        f'<div><span class="k{k % COLOURS}">{escape(value)}</span><small>{escape(less)}</small></div>'
        for k, (value, less, _) in enumerate(zip(values, small, runs, strict=True))
    )
    return f'<div class="card"><b>{escape(title)}</b>{rows}</div>'


def _cards(runs: Sequence[dict[str, Any]]) -> str:
    cards = []
    for what, title in (("incidents", "Incidents"), ("calls", "Check-ins asked for"), ("visits", "Visits")):
        cards.append(
            _card(
                f"{title}, a household-month",
                runs,
                [number(run[what]["per_household_month"]) for run in runs],
                [f"{run[what]['count']:,} · {number(run[what]['per_responder_day'])} a responder-day" for run in runs],
            )
        )
    if runs[0]["cuts"]:
        cards.append(
            _card(
                "Artificial collapses, hours until told",
                runs,
                [number(run["cuts"]["median_h"]) for run in runs],
                [
                    f"{run['cuts']['found']} of {run['cuts']['made']} · 9 of 10 in {number(run['cuts']['p90_h'])} h"
                    for run in runs
                ],
            )
        )
    if runs[0]["labels"]:
        told = [run["labels"] for run in runs]
        if any(one["must_find"] for one in told):
            cards.append(
                _card(
                    "Needs that were found (recall)",
                    runs,
                    [share(one["recall"]) for one in told],
                    [f"{one['found']} of {one['must_find']} · {number(one['median_delay_h'])} h" for one in told],
                )
            )
        cards.append(
            _card(
                "Alarms that were right (precision)",
                runs,
                [share(one["precision"]) for one in told],
                [f"{one['right']} right · {one['false']} false · {one['unlabelled']} unlabelled" for one in told],
            )
        )
    return _key(runs) + f'<div class="cards">{"".join(cards)}</div>'


def number(value: float | None) -> str:
    """Return a figure in three digits; a dash where there is none."""
    return "–" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Return a share as per cent."""
    return "–" if value is None else f"{value:.0%}"


def _figure(picture: str, title: str, words: str) -> str:
    css = "chart" if f'viewBox="0 0 {draw.WIDTH} ' in picture else "wide"
    return f"<figure class={css}><h3>{escape(title)}</h3>{picture}<figcaption>{escape(words)}</figcaption></figure>"


def _tradeoff(found: dict[str, Any]) -> str:
    points = found["tradeoff"]
    if len(points) < 3:
        return ""  # two are read sooner from the figures above
    words = (
        "Further left: fewer false alarms. Further down: help sooner. No profile betters the green ones on both counts."
    )
    picture = _figure(draw.tradeoff(points), "False alarms against delay", words)
    return f'<h2>What each profile buys</h2><div class="pair">{picture}</div>'


def _over_time(runs: Sequence[dict[str, Any]]) -> str:
    if not runs:
        return ""
    figures = [
        _figure(draw.cumulative(runs), "Incidents as the days went by", "Each line climbs when an incident opens.")
    ]
    if runs[0]["cuts"] and runs[0]["cuts"]["made"]:
        words = "Copies of homes whose person does nothing any more from a drawn moment on. Higher and further left is better."
        figures.append(_figure(draw.delays(runs), "How soon a collapse would have been told", words))
    return f'<h2>Over time</h2>{_key(runs)}<div class="pair">{"".join(figures)}</div>'


def _calibration(found: dict[str, Any]) -> str:
    points = [one for one in found["calibration"] if one["came"] is not None]
    if not points:
        return ""
    words = (
        "Each profile promises at most so many false silences a household-month. On the dashed line the promise is kept to"
        " the number, under it there are fewer. The bar is a 90 % interval: short recordings say little. Silences that no"
        " label explains count as false here."
    )
    if len(points) > COLOURS:
        words += " Each point is a profile, at the number it promises."
    picture = _figure(draw.calibration(points), "What was promised, and what came", words)
    by_hour = ""
    if len(found["runs"]) <= COLOURS:
        by_hour = _figure(draw.hours(found["runs"]), "At what hour incidents opened", "By the clock of the household.")
    return f'<h2>Is the promise kept?</h2><div class="pair">{picture}{by_hour}</div>'


def _parts(runs: Sequence[dict[str, Any]]) -> str:
    if not runs:
        return ""
    figures = [
        _figure(draw.bars(runs, what), title, _of_parts(len(runs[0]["by"][what])))
        for what, title in GROUPS
        if len(runs[0]["by"][what]) > 1
    ]
    return f'<h2>For whom</h2>{_key(runs)}<div class="pair">{"".join(figures)}</div>' if figures else ""


def _of_parts(count: int) -> str:
    most = f" The {draw.MOST_BARS} of {count} with the most incidents." if count > draw.MOST_BARS else ""
    return f"Incidents a household-month.{most}"


def _homes(found: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    homes = found["timelines"]
    if not homes:
        return ""
    figures = []
    for home in homes:
        title = home["household"]
        if home["cut_of"]:
            at = (EPOCH + timedelta(milliseconds=home["cut_ms"])).astimezone(zone_of(home["time_zone"]))
            title = f"A copy of {home['cut_of']}, silent from {at:%Y-%m-%d %H:%M} on, by its own clock"
        told = {name: len(mine) for name, mine in home["incidents"].items()}
        words = "; ".join(f"{name}: {count}" for name, count in told.items())
        figures.append(_figure(close_up(home), title, f"Incidents: {words}." if words else ""))
    words = (
        "Above, each column is a day and each row an hour: the darker, the more signs of life. Below, how near the silence"
        " came to its threshold, hour by hour. Triangles are incidents. Days and hours are those of the home."
    )
    # With many profiles the first and the last stand for all.
    key = _key(runs or [{"name": name} for name in homes[0]["scores"]])
    return f'<h2>Homes in close-up</h2><p class="soft">{words}</p>{key}<div class="stack">{"".join(figures)}</div>'


def _lists(found: dict[str, Any]) -> str:
    out = []
    for one in found["compared"]:
        title = f"{one['a']} and {one['b']}: {one['both']:,} incidents in both, {one['moved']:,} at another time"
        out.append(f"<h3>{escape(title)}</h3>")
        if one["list_moved"]:
            out.append(_rows(f"{one['moved']:,} at another time", one["list_moved"], one["moved"], moved=True))
        for name, count, lines in (
            (one["a"], one["only_a"], one["list_only_a"]),
            (one["b"], one["only_b"], one["list_only_b"]),
        ):
            if lines:
                out.append(_rows(f"{count:,} only with {name}", lines, count))
        out.append(_for_whom(one))
    return f"<h2>What differs</h2>{''.join(out)}" if out else ""


def _for_whom(one: dict[str, Any]) -> str:
    """For whom and at what hour two runs differ; groups in which they do not are left out."""
    rows = []
    for what, title in (*GROUPS, ("hour", "By hour of the day")):
        differing = [part for part in one["by"][what] if part["moved"] or part["only_a"] or part["only_b"]]
        if differing:
            rows.append(f"<tr><th colspan=5>{title}</th></tr>")
        rows += [
            f"<tr><td>{escape(part['name'].replace('_', ' '))}</td>"
            + "".join(f"<td class=n>{part[group]:,}</td>" for group in ("both", "moved", "only_a", "only_b"))
            + "</tr>"
            for part in differing
        ]
    if not rows:
        return ""
    names = ("in both", "at another time", *(f"only with {escape(one[side])}" for side in ("a", "b")))
    head = "<tr><th></th>" + "".join(f"<th class=n>{name}</th>" for name in names) + "</tr>"
    table = f'<div class="rows counts"><table>{head}{"".join(rows)}</table></div>'
    return f"<details><summary>For whom they differ, and when</summary>{table}</details>"


def _rows(title: str, lines: Sequence[dict[str, Any]], count: int, *, moved: bool = False) -> str:
    head = "<tr><th>opened, UTC</th><th>home</th><th>what</th>" + ("<th class=n>later by</th>" if moved else "")
    head += "<th>what would have been told</th></tr>"
    rows = "".join(
        f'<tr><td class="when">{escape(line["opened_at"][:16].replace("T", " "))}</td><td class="id">{escape(line["household"])}</td>'
        f"<td>{escape(KIND_NAMES[IncidentKind(line['kind'])][1])}</td>"
        + (f'<td class="n">{line["moved_h"]:+.2g} h</td>' if moved else "")
        + f"<td>{escape(line['sentence'])}</td></tr>"
        for line in lines
    )
    more = f'<p class="soft">{count - len(lines):,} more stand in the incident files.</p>' if count > len(lines) else ""
    opened = " open" if count <= 12 else ""
    return f'<details{opened}><summary>{escape(title)}</summary><div class="rows"><table>{head}{rows}</table></div>{more}</details>'


def _profiles(runs: Sequence[dict[str, Any]], best: frozenset[str]) -> str:
    names = ("false silences a household-month", "delay, h", "incidents", "check-ins", "visits")
    head = "<tr><th>profile</th>" + "".join(f"<th class=n>{name}</th>" for name in names) + "<th></th></tr>"
    rows = "".join(
        f"<tr><td>{escape(run['name'])}</td><td class=n>{number(run['false_silences']['per_household_month'])}</td>"
        f"<td class=n>{number(run['cuts']['median_h'] if run['cuts'] else (run['labels'] or {}).get('median_delay_h'))}</td>"
        f"<td class=n>{run['incidents']['count']:,}</td><td class=n>{run['calls']['count']:,}</td>"
        f"<td class=n>{run['visits']['count']:,}</td><td>{'best' if run['name'] in best else ''}</td></tr>"
        for run in runs
    )
    return f'<h2>All profiles</h2><div class="rows"><table>{head}{rows}</table></div>'


def _notes(found: dict[str, Any]) -> str:
    source, runs = found["source"], found["runs"]
    notes = [*source["notes"]]
    if source["synthetic"]:
        notes.append("Everybody in it is made up; what no injected event explains counts as a false alarm.")
    notes.append("Each run begins without knowledge: in its first two weeks models are still learning, and say less.")
    cuts = runs[0]["cuts"]
    if cuts:
        notes.append(
            f"Collapses are artificial: {cuts['made']} of {cuts['asked']} asked for could be drawn. A copy of a home goes on"
            f" without its person while its sensors report; after {cuts['watched_after_h']} h it counts as not found."
            " One whose silence was being told at that moment counts as found at once."
            " Copies count in no other figure but readings."
        )
    labels = runs[0]["labels"]
    if labels:
        origins = ", ".join(f"{count:,} from {name}" for name, count in labels["origins"].items())
        notes.append(f"Labels: {origins}. What is not labelled is neither right nor false.")
    else:
        notes.append("There are no labels: whether an alarm was right is not known.")
    if source["bad"]:
        notes.append(f"{source['bad']:,} places of the source could not be read and were passed over.")
    for run in runs[:COLOURS]:
        # A duty roster is no sentence; the whole of it stands in report.json.
        changes = "; ".join(
            one if len(one) <= LONGEST_CHANGE else f"{one.split(':')[0]}: another one" for one in run["changes"]
        )
        changes = changes or "as shipped"
        notes.append(f"{run['name']} ({run['profile'] or 'profiles of the log'}): {changes}.")
    readings = ", ".join(f"{run['readings']:,}" for run in runs[:1])
    notes.append(f"{readings} readings in each run.")
    return "<h2>How to read this</h2>" + "".join(f'<p class="soft">{escape(note)}</p>' for note in notes)
