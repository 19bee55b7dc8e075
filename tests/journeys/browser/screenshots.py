"""Takes pictures of every part of the page, by day and by night, wide and narrow: `make screenshots`."""

import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.journeys.browser.articles import ABSURD, BRIDGE, RECALL, write
from tests.journeys.browser.served import browsing, served

WIDTHS = {"wide": (1440, 900), "narrow": (360, 780)}
LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUESTIONS = f"question\n{RECALL}\n{ABSURD}\n{BRIDGE}\n"
CASES = "question,answer\nWho cast the great bell of Lindow?,Agnes Thorne\nWho owns the moon?,\nWho rings?,feast days\n"


def take(folder: Path) -> None:
    """Write a PNG of each scene in each width and light."""
    from rag.index.index import Index

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, browsing() as browser:
        articles, index = Path(place) / "articles", Path(place) / "index"
        articles.mkdir()
        Index.build(write(articles), index).close()
        for name, content in (("questions.csv", QUESTIONS), ("cases.csv", CASES)):
            (Path(place) / name).write_text(content, encoding="utf-8")
        with served(index) as address:
            for name in WIDTHS:
                for light in LIGHTS:
                    page = _opened(browser, address, name, light)
                    _asking(page, folder, f"{name}-{light}")
                    _others(page, folder, f"{name}-{light}", Path(place))
                    page.close()


def ask(page: Page, question: str) -> None:
    """Ask and wait for what comes of it."""
    page.fill("#pc-question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "question => document.querySelector('#pc-answers [data-question]')?.dataset.question === question",
        arg=question,
        timeout=120_000,
    )


def _opened(browser: Browser, address: str, name: str, light: Literal["light", "dark"]) -> Page:
    across, down = WIDTHS[name]
    page = browser.new_page(
        viewport={"width": across, "height": down}, color_scheme=light, reduced_motion="reduce", device_scale_factor=1.5
    )
    page.goto(address)
    page.wait_for_selector(".pc-examples button", timeout=120_000)
    return page


def _asking(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}-1-start.png")
    ask(page, RECALL)
    page.screenshot(path=folder / f"{name}-2-answers.png")
    page.click("[data-show='answers/2/0']")
    page.wait_for_selector(".pc-source")
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f"{name}-3-source.png")
    page.keyboard.press("Escape")
    ask(page, BRIDGE)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=folder / f"{name}-4-differing.png", full_page=True)
    ask(page, ABSURD)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=folder / f"{name}-5-no-answer.png", full_page=True)


def _others(page: Page, folder: Path, name: str, files: Path) -> None:
    page.click("nav >> text=Documents")
    page.click(".pc-list .pc-open >> nth=1")
    page.wait_for_selector(".pc-preview")
    page.screenshot(path=folder / f"{name}-6-documents.png", full_page=True)
    page.click("nav >> text=Batch")
    page.set_input_files("#pc-questions input[type=file]", files / "questions.csv")
    page.wait_for_selector(".pc-batch", timeout=120_000)
    page.screenshot(path=folder / f"{name}-7-batch.png", full_page=True)
    page.click("nav >> text=Evaluate")
    page.set_input_files("#pc-cases input[type=file]", files / "cases.csv")
    page.wait_for_selector("#pc-verdict section", timeout=120_000)
    page.screenshot(path=folder / f"{name}-8-evaluate.png", full_page=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]))
