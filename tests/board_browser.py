"""A browser window in front of the board: what it shows, what went wrong in it, and whether everybody can use it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from board_scene import PASSWORD

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: make install")
AXE: Final = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js")
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES: Final = Path(__file__).resolve().parents[1] / "docs" / "pictures"
DESK: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}
REFUSALS: Final = (400, 401, 403, 404, 409, 429, 502, 503)
WCAG: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def a_browser() -> Iterator[Any]:
    """Chromium, for as long as it is needed; the test is skipped where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium fonts-noto-cjk")
    with sync_api.sync_playwright() as playwright:
        # Its sandbox needs rights that a container seldom has; it opens nothing but the board on this machine.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Day:
    """One browser window, and what went wrong in it."""

    def __init__(
        self, browser: Any, url: str, screen: dict[str, int], language: str = "ko", scheme: str = "light"
    ) -> None:
        self.url = url
        self.language = language
        self.context = browser.new_context(
            viewport=screen, locale="ko-KR", has_touch=screen is PHONE, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.wrong: list[str] = []
        self.asked: set[str] = set()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", lambda request: self.asked.add(request.url))

    def _hear(self, said: Any) -> None:
        # A refusal that a step means to get is told by the browser as a failed resource.
        if said.type == "error" and not any(f"status of {code}" in said.text for code in REFUSALS):
            self.wrong.append(said.text)

    def sign_in(self, password: str = PASSWORD, name: str = "kim") -> None:
        self.page.goto(self.url)
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.keyboard.press("Enter")

    def shows(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def picture(self, name: str, *, whole: bool = False) -> None:
        """Keep what is to be seen, where it is asked for: ANBU_REGENERATE=1."""
        if os.environ.get("ANBU_REGENERATE") == "1":
            PICTURES.mkdir(exist_ok=True)
            self.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            self.page.screenshot(path=PICTURES / f"board-{name}.png", full_page=whole)

    def is_open_to_all(self) -> None:
        """No barrier that axe-core knows, nothing wider than the screen, one heading, and a language."""
        self.page.evaluate("scrollTo(0, 0)")  # else what stays in sight may cover half a button just now
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(WCAG)}}})")
        barriers = [
            (one["id"], [node["html"][:120] for node in one["nodes"][:3]], one["nodes"][0]["failureSummary"])
            for one in found["violations"]
        ]
        assert not barriers, self.page.url
        assert len(found["passes"]) > 10, "axe-core looked"
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.page.viewport_size["width"], self.page.url
        assert self.page.locator("h1").count() == 1
        assert self.page.locator("html").get_attribute("lang") == self.language

    def close(self) -> None:
        assert self.wrong == []
        assert all(url.startswith((self.url, "data:")) for url in self.asked), "nothing comes from elsewhere"
        assert not any(name in url for url in self.asked for name in ("h-0", "i-", "kim", "sim-", "exercise-"))
        self.context.close()
