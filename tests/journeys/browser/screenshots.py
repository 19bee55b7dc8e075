"""Takes pictures of every part of the page, by day and by night, in four widths: `make screenshots`."""

import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.journeys.browser.articles import ABSURD, BRIDGE, RECALL, write
from tests.journeys.browser.served import browsing, served

WIDTHS = {"widest": (2560, 1440), "wide": (1440, 900), "middle": (768, 1024), "narrow": (360, 780)}
LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUESTIONS = f"question\n{RECALL}\n{ABSURD}\n{BRIDGE}\n"
ALLOWANCE = "How much is the daily allowance in Norway?"
HANDBOOK = (
    ("Travel handbook", "Rules for journeys on duty, 2026 edition"),
    (
        "3. Allowances",
        "The daily allowance covers meals and small expenses. It is paid for each day that begins away from home. "
        "Receipts are not needed.",
        "The daily allowance in Norway is 72 euros. On the day of departure and on the day of return it is 48 euros. "
        "If meals are provided, 20 percent is taken off for breakfast and 40 percent for dinner.",
        "3.1 Lodging",
        "Hotels are booked by the travel office. The price of a night may be up to 140 euros, and up to 190 euros in a "
        "capital. Whoever stays with friends receives 20 euros a night.",
    ),
)
CASES = "question,answer\nWho cast the great bell of Lindow?,Agnes Thorne\nWho owns the moon?,\nWho rings?,feast days\n"


def take(folder: Path) -> None:
    """Write a PNG of each scene in each width and light."""
    from rag.index.index import Index

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, browsing() as browser:
        articles, index = Path(place) / "articles", Path(place) / "index"
        articles.mkdir()
        handbook(write(articles) / "handbook.pdf")
        Index.build(articles, index).close()
        for name, content in (("questions.csv", QUESTIONS), ("cases.csv", CASES)):
            (Path(place) / name).write_text(content, encoding="utf-8")
        with served(index) as address:
            for name in WIDTHS:
                for light in LIGHTS:
                    page = _opened(browser, address, name, light)
                    _asking(page, folder, f"{name}-{light}")
                    _others(page, folder, f"{name}-{light}", Path(place))
                    page.close()


def handbook(path: Path) -> None:
    """Write a PDF of two pages; the number printed on the second is 1."""
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Paragraph

    styles, canvas = getSampleStyleSheet(), Canvas(str(path), pagesize=(420, 595))
    canvas.setTitle("Travel handbook")
    canvas.addPageLabel(0, "ROMAN_LOWER")
    canvas.addPageLabel(1, "ARABIC")
    for number, texts in enumerate(HANDBOOK):
        top = 520.0
        for position, text in enumerate(texts):
            is_head = position == 0 or text[0].isdigit()
            paragraph = Paragraph(text, styles["Heading2" if is_head else "BodyText"])
            _, height = paragraph.wrap(300, 500)
            paragraph.drawOn(canvas, 60, top - height)
            top -= height + 14
        if number:
            canvas.drawCentredString(210, 40, str(number))
        canvas.showPage()
    canvas.save()


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
    ask(page, ALLOWANCE)
    page.click("[data-show='answers/1/0']")
    page.wait_for_function("() => document.querySelector('.pc-sheet[data-cited] img')?.naturalWidth > 0")
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f"{name}-9-page.png")
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
