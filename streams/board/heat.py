"""A home's usual day beside the days that came: counts by hour into the cells of a heat map. Pure."""

from dataclasses import dataclass
from typing import Final

from schemas.views import HouseholdView

DAY_BEGINS_H: Final = 4
"""Days of a view begin at 04:00."""
HOURS: Final = tuple((DAY_BEGINS_H + place) % 24 for place in range(24))
STEPS: Final = 5
"""Shades of a cell above nothing."""
USUALLY: Final = 0.8
"""Stretches of activity an hour from which on somebody is usually about: nothing then is worth a mark."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour. `count` is None for hours that the view knows nothing of yet; `shade` 0 (nothing) to 5."""

    hour: int
    count: float | None
    shade: int = 0
    is_unseen: bool = False
    is_missing: bool = False
    """Seen and quiet, where somebody is usually about."""


@dataclass(frozen=True, slots=True)
class Row:
    """A day, or the usual one (`date` is empty)."""

    date: str
    cells: tuple[Cell, ...]


def heat(view: HouseholdView, days: int) -> list[Row]:
    """Return the usual day, then the last `days` days, the newest first. Nothing where no day is known."""
    if not view.usual and not view.days:
        return []
    most = _most(view)
    usual = view.usual if len(view.usual) == len(HOURS) else []
    rows = (
        [Row("", tuple(Cell(hour, n, _shade(n, most)) for hour, n in zip(HOURS, usual, strict=True)))] if usual else []
    )
    for day in reversed(view.days[-days:]):
        cells = []
        for place, (hour, count) in enumerate(zip(HOURS, day.begun[: len(HOURS)], strict=False)):
            is_unseen = place in day.unseen and not count
            is_missing = count == 0 and not is_unseen and bool(usual) and usual[place] >= USUALLY
            cells.append(Cell(hour, count, 0 if count is None else _shade(count, most), is_unseen, is_missing))
        rows.append(Row(day.date, tuple(cells)))
    return rows


def _most(view: HouseholdView) -> float:
    """Return the count that has the darkest shade: one restless hour must not make all the others pale."""
    counts = sorted([*view.usual, *(n for day in view.days for n in day.begun if n)])
    return max(2.0, counts[int(len(counts) * 0.95)] if counts else 0.0)


def _shade(count: float, most: float) -> int:
    if count <= 0:
        return 0
    return min(STEPS, 1 + int(STEPS * count / (most + 1e-9)))
