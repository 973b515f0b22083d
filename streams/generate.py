"""Write the tables of docs/metrics.md again. `--check` writes nothing and fails when they differ from the code."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from schemas.generate import between_markers
from streams.metrics import EVERY, Maker, metrics_table

ROOT: Final = Path(__file__).resolve().parents[1]


def _table(maker: Maker) -> str:
    return metrics_table(maker(CollectorRegistry()).named)


PAGES: Final[dict[Path, dict[str, Callable[[], str]]]] = {
    Path("docs/metrics.md"): {name: partial(_table, maker) for name, maker in EVERY.items()},
}
"""Each page with what stands between its markers, by the marker's name."""


def page(path: Path, root: Path = ROOT) -> str:
    """Text of a page as the code wants it; outside its markers it stays what it is.

    Raises:
        ValueError: it lacks a marker.
        OSError: it is not there.

    """
    text = (root / path).read_text(encoding="utf-8")
    for name, block in PAGES[path].items():
        text = between_markers(text, name, block())
    return text


def drifted(root: Path = ROOT) -> list[Path]:
    """Every page whose tables differ from the code."""
    return [path for path in PAGES if (root / path).read_text(encoding="utf-8") != page(path, root)]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; 1 when the check finds one that differs."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m streams.generate [--check]\n")
        return 2
    changed = drifted()
    for path in changed:
        if arguments:
            sys.stderr.write(f"{path} differs: run python -m streams.generate\n")
        else:
            (ROOT / path).write_text(page(path), encoding="utf-8")
            sys.stdout.write(f"{path}\n")
    return 1 if changed and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
