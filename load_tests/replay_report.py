"""What a replay tells: in a terminal, and as JSON for whoever reads on."""

from typing import Any

from rich.console import Console
from rich.table import Table

from schemas.incidents import KIND_NAMES, IncidentKind
from schemas.times import to_rfc3339
from streams.replay import Run, by_kind


def figures(run: Run) -> dict[str, Any]:
    """Figures of one run, as plain data."""
    months = run.household_months
    opened = run.opened()
    return {
        "from": to_rfc3339(run.from_ms) if run.from_ms else None,
        "until": to_rfc3339(run.until_ms) if run.until_ms else None,
        "households": run.households,
        "household_months": round(months, 3),
        "readings": run.readings,
        "dead_letters": run.dead_letters,
        "incidents": len(opened),
        "incidents_per_household_month": round(len(opened) / months, 4) if months else None,
        "checkin_requests": len(run.requests),
        "checkin_requests_per_household_month": round(len(run.requests) / months, 4) if months else None,
        "by_kind": dict(sorted(by_kind(run).items())),
    }


def show_runs(console: Console, runs: dict[str, Run]) -> None:
    """Show one column a run: what a responder would have had to look at."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in runs:
        table.add_column(name, justify="right", no_wrap=True)
    told = {name: figures(run) for name, run in runs.items()}
    kinds = sorted({kind for one in told.values() for kind in one["by_kind"]})
    for kind in kinds:
        korean, english = KIND_NAMES[IncidentKind(kind)]
        table.add_row(f"{korean} · {english}", *[f"{one['by_kind'].get(kind, 0):,}" for one in told.values()])
    for label, key in (
        ("all incidents", "incidents"),
        ("a household-month", "incidents_per_household_month"),
        ("check-in calls asked for", "checkin_requests"),
        ("a household-month", "checkin_requests_per_household_month"),
        ("household-months watched", "household_months"),
        ("readings", "readings"),
        ("dead letters", "dead_letters"),
    ):
        table.add_row(f"[dim]{label}[/dim]", *[_number(one[key]) for one in told.values()])
    console.print(table)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
