"""`python -m infra.viewers.generate`: writes the dashboards' JSON again. A test finds JSON that is not what the code says."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from infra.viewers.boards import Board, made, row
from infra.viewers.now import NOW
from infra.viewers.panels import RUNBOOKS_UID, page
from infra.viewers.pipeline import PIPELINE
from infra.viewers.quality import QUALITY
from infra.viewers.sources import SOURCES

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = Path("infra/grafana/dashboards")
RUNBOOKS: Final = Path("docs/runbooks")
BOARDS: Final = (NOW, QUALITY, PIPELINE, SOURCES)


def runbooks(root: Path = ROOT) -> Board:
    """Return a dashboard of all runbooks: panels lead to it, so that nobody needs another page at night."""
    pages = sorted((root / RUNBOOKS).glob("*.md"))
    panels = [page(file.stem, f"Runbook of the alert {file.stem}.", _inside(file)) for file in pages]
    return Board(
        uid=RUNBOOKS_UID,
        title="Anbu: Runbooks",
        about="What each alert means for residents, what to look at and what to do. Made from docs/runbooks.",
        rows=tuple(row(14, *panels[at : at + 2]) for at in range(0, len(panels), 2)),
        refresh="",
    )


def _inside(file: Path) -> str:
    """Return the page without its first head, which the panel has as its title; links to other pages become names."""
    text = file.read_text(encoding="utf-8").partition("\n")[2].strip()
    for other in file.parent.glob("*.md"):
        text = text.replace(f"[{other.stem}]({other.name})", f"**{other.stem}**")
    return text


def dashboards(root: Path = ROOT) -> dict[Path, str]:
    """Return every dashboard: its file and its JSON."""
    books = runbooks(root)
    numbers = {panel.title: number for number, panel in enumerate(books.panels, start=1)}
    return {
        FOLDER / f"{board.uid}.json": json.dumps(made(board, numbers), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
        for board in (*BOARDS, books)
    }


def drifted(root: Path = ROOT) -> list[Path]:
    """Files that are not what the code says, those that it does not know among them."""
    wanted = dashboards(root)
    there = {FOLDER / file.name for file in (root / FOLDER).glob("*.json")}
    return sorted(
        path
        for path in there | set(wanted)
        if path not in wanted or path not in there or (root / path).read_text(encoding="utf-8") != wanted[path]
    )


def main() -> None:
    """Write what drifted, and name it."""
    wanted = dashboards()
    for path in drifted():
        if path in wanted:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(wanted[path], encoding="utf-8")
        else:
            (ROOT / path).unlink()
        print(path)  # noqa: T201 - a tool for the terminal


if __name__ == "__main__":
    main()
