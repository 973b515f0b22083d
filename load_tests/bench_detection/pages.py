"""Where the benchmark writes: its page, and the figures, whose two halves are measured by two programs."""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from schemas.generate import between_markers, pretty

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "detection.md"
FIGURES: Final = ROOT / "docs" / "figures" / "detection.json"
Half = Literal["development_homes", "simulator"]
EMPTY: Final = {"goal": 0, "figure": "", "goal_value": None, "development_homes": None, "simulator": None}


def put_page(name: str, table: str, page: Path = PAGE) -> None:
    """Put tables between the markers of a name."""
    page.write_text(between_markers(page.read_text(encoding="utf-8"), name, table), encoding="utf-8")


def put_figures(rows: list[dict[str, Any]], half: Half, path: Path = FIGURES) -> None:
    """Put one half of the figures into the file, one row a goal; what the other half measured stays as it was."""
    known = {row["goal"]: row for row in msgspec.json.decode(path.read_bytes())} if path.exists() else {}
    for row in rows:
        old = known.get(row["goal"], EMPTY)
        made = {**old, **{name: row[name] for name in ("goal", "figure", "goal_value") if name in row}}
        made[half] = row[half]
        made["interval"] = {**_by_half(old.get("interval")), half: row["interval"]}
        made["note"] = {**_by_half(old.get("note")), half: row.get("note", "")}
        known[row["goal"]] = made
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pretty([known[goal] for goal in sorted(known)]))


def _by_half(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) and set(value) <= {"development_homes", "simulator"} else {}
