"""`python tests/viewers_pictures.py`: previews of the dashboards for docs/pictures, from the run of the live test.

Four synthetic days of 20 homes, then four minutes of live ticks, so that every panel has something to show. Drawn by
`infra.viewers.preview` from the dashboards' own JSON and queries, photographed by Chromium: a preview, never Grafana.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from board_browser import PICTURES, a_browser
from viewers_run import play

from infra.viewers.preview import Line, boards, page_html, panel_queries, ranged, table_of

LIVE_S = 240.0
ABOUT = "20 synthetic homes, 4 days and 4 live minutes"
WIDTH, HEIGHT = 1728, 900


class Camera:
    """Keeps what Prometheus says, and draws the pages when the tables can be read."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self._lines: dict[tuple[str, str], list[Line]] = {}

    def at_prometheus(self, url: str, from_s: float) -> None:
        until_s = time.time()
        for board in boards().values():
            for expr, legend in panel_queries(board):
                self._lines[expr, legend] = ranged(url, expr, legend, from_s, until_s)

    def at_clickhouse(self, client: Any) -> None:
        for uid, board in boards().items():
            ask = table_of(client, board)
            self.pages[uid] = page_html(board, ask, lambda expr, legend: self._lines[expr, legend], ABOUT)


def main() -> None:
    """Play, draw and photograph."""
    camera = Camera()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        play(run, [], [], clean_s=LIVE_S, looker=camera)
        with a_browser() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for uid, text in camera.pages.items():
                drawn = Path(folder) / f"{uid}.html"
                drawn.write_text(text, encoding="utf-8")
                page.goto(drawn.as_uri())
                page.screenshot(path=PICTURES / f"{uid.removeprefix('anbu-')}-preview.png", full_page=True)
                sys.stdout.write(f"{uid}: {text.count('no data')} panels without data\n")


if __name__ == "__main__":
    main()
