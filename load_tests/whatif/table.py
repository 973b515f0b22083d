"""The answer in a terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table

from schemas.incidents import KIND_NAMES, IncidentKind

MOST_COLUMNS = 4


def show(console: Console, found: dict[str, Any]) -> None:
    """Show the sentence, the runs side by side (many of them as a list), and what is only in one."""
    console.print(found["headline"], markup=False)
    runs = found["runs"]
    if len(runs) <= MOST_COLUMNS:
        console.print(_side_by_side(runs))
    else:
        console.print(_listed(runs, {one["name"] for one in found["tradeoff"] if one["best"]}))
        return
    for one in found["compared"]:
        moved = f", {one['moved']:,} at another time" if one["moved"] else ""
        console.print(f"\n{one['both']:,} incidents in both{moved}", markup=False)
        for name, count, lines in (
            (one["a"], one["only_a"], one["list_only_a"]),
            (one["b"], one["only_b"], one["list_only_b"]),
        ):
            console.print(f"{count:,} only in {name}", markup=False)
            for line in lines[:8]:
                text = f"  {line['opened_at'][:16].replace('T', ' ')}  {line['severity']:<8}  {line['household']}  {line['sentence']}"
                console.print(text, markup=False, highlight=False, soft_wrap=True)


def _side_by_side(runs: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for run in runs:
        table.add_column(run["name"], justify="right", no_wrap=True)
    for kind in sorted({kind for run in runs for kind in run["by_kind"]}):
        korean, english = KIND_NAMES[IncidentKind(kind)]
        table.add_row(f"{korean} · {english}", *[f"{run['by_kind'].get(kind, 0):,}" for run in runs])
    for what, label in (("incidents", "all incidents"), ("calls", "check-ins asked for"), ("visits", "visits")):
        table.add_row(label, *[f"{run[what]['count']:,}" for run in runs])
        table.add_row("[dim]  a household-month[/dim]", *[_number(run[what]["per_household_month"]) for run in runs])
        table.add_row("[dim]  a responder-day[/dim]", *[_number(run[what]["per_responder_day"]) for run in runs])
    if runs[0]["cuts"]:
        table.add_row(
            "artificial collapses found", *[f"{run['cuts']['found']} of {run['cuts']['made']}" for run in runs]
        )
        table.add_row("[dim]  half within, h[/dim]", *[_number(run["cuts"]["median_h"]) for run in runs])
        table.add_row("[dim]  nine of ten within, h[/dim]", *[_number(run["cuts"]["p90_h"]) for run in runs])
    if runs[0]["labels"]:
        for key, label in (
            ("precision", "precision, of what is labelled"),
            ("recall", "recall"),
            ("median_delay_h", "delay in the middle, h"),
            ("unlabelled", "unlabelled"),
        ):
            table.add_row(label, *[_number((run["labels"] or {}).get(key)) for run in runs])
    table.add_row("[dim]readings[/dim]", *[f"{run['readings']:,}" for run in runs])
    table.add_row("[dim]dead letters[/dim]", *[f"{run['dead_letters']:,}" for run in runs])
    return table


def _listed(runs: list[dict[str, Any]], best: set[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("profile", "false silences a household-month", "delay, h", "incidents", "visits", ""):
        table.add_column(name, justify="left" if name in ("profile", "") else "right")
    for run in runs:
        delay = run["cuts"]["median_h"] if run["cuts"] else (run["labels"] or {}).get("median_delay_h")
        table.add_row(
            run["name"],
            _number(run["false_silences"]["per_household_month"]),
            _number(delay),
            f"{run['incidents']['count']:,}",
            f"{run['visits']['count']:,}",
            "best" if run["name"] in best else "",
        )
    return table


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
