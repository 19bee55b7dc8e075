"""Takes pictures of the page over the seed articles, by day and by night, wide and narrow: `screenshots.py FOLDER`."""

import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page
from served import ROOT, browsing, served

ANSWERED = "Why did Armenia recall its ambassador to Israel?"
NOT_ANSWERED = "What is the capital of Peru?"
WIDTHS = {"wide": (1440, 900), "narrow": (360, 780)}
LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def take(folder: Path) -> None:
    """Write a PNG of each scene in each width and light."""
    from rag.index import Index

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, browsing() as browser:
        index = Path(place) / "index"
        Index.build(ROOT / "seeds", index).close()
        with served(index) as address:
            for name in WIDTHS:
                for light in LIGHTS:
                    _scenes(_opened(browser, address, name, light), folder, f"{name}-{light}")


def ask(page: Page, question: str) -> None:
    """Ask and wait for what comes of it."""
    page.fill("#pc-question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_selector(".pc-answers, .pc-none, .pc-error", timeout=120_000)


def _opened(browser: Browser, address: str, name: str, light: Literal["light", "dark"]) -> Page:
    across, down = WIDTHS[name]
    page = browser.new_page(
        viewport={"width": across, "height": down}, color_scheme=light, reduced_motion="reduce", device_scale_factor=1.5
    )
    page.goto(address)
    page.wait_for_selector(".pc-examples button", timeout=120_000)
    return page


def _scenes(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}-1-start.png")
    ask(page, ANSWERED)
    page.screenshot(path=folder / f"{name}-2-answers.png")
    page.click("[data-show='answers/2/0']")
    page.wait_for_selector(".pc-source")
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f"{name}-3-source.png")
    ask(page, NOT_ANSWERED)
    page.wait_for_selector(".pc-none")
    page.click(".pc-closest summary")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=folder / f"{name}-4-no-answer.png", full_page=True)
    page.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
