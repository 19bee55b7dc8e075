"""A quotation from a PDF is shown on the picture of its page, and in the text if there is no picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect
from reportlab.pdfgen.canvas import Canvas

from rag.index.index import Index
from tests.journeys.browser.served import served
from tests.journeys.browser.test_page_axe import AXE, violations
from tests.journeys.browser.watching import Watched, watching

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

LIGHT = "How much oil did the lamp of Marrowick burn a night?"
PAGES = (
    ["The lights of the north", "This book tells of the lights of the north coast and of their keepers."],
    ["The lamp of Marrowick burned 30 litres of oil a night in its first winter.", "Nobody counted the wicks."],
    ["The keeper of Marrowick was paid 120 pounds a year until the light was sold."],
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PDF of three pages, the first of them with a Roman number."""
    path = tmp_path_factory.mktemp("pdf") / "lights.pdf"
    canvas = Canvas(str(path))
    canvas.addPageLabel(0, "ROMAN_LOWER")
    canvas.addPageLabel(1, "ARABIC")
    for lines in PAGES:
        for i, line in enumerate(lines):
            canvas.drawString(72, 600 - 16 * i, line)
        canvas.showPage()
    canvas.save()
    return path


@pytest.fixture(scope="module")
def library(browser: Browser, book: Path, embedder: "Embedder") -> Iterator[str]:
    """Give the address of a page over the PDF."""
    Index.build(book, book.parent / "index", embedder=embedder).close()
    with served(book.parent / "index") as address:
        yield address


@pytest.fixture(params=["light", "dark"])
def shown(request: pytest.FixtureRequest, browser: Browser, library: str) -> Iterator[Watched]:
    """Give a page with the source of an answer open, by day or by night, wide or narrow."""
    width = {"light": 1_440, "dark": 360}[request.param]
    context = browser.new_context(
        reduced_motion="reduce", bypass_csp=True, color_scheme=request.param, viewport={"width": width, "height": 800}
    )
    with watching(context, library) as watched:
        watched.ask(LIGHT)
        watched.page.locator("[data-show='answers/1/0']").click()
        yield watched
    context.close()


def picture_width(page: Page) -> int:
    """Return the width of the picture of the page that is cited, once it is there."""
    picture = "document.querySelector('.pc-sheet[data-cited] img')"
    page.wait_for_function(f"() => {picture}?.complete && {picture}.naturalWidth > 0")
    return int(page.evaluate(f"{picture}.getBoundingClientRect().width"))


def test_the_page_is_shown_with_the_words_boxed_and_can_be_zoomed_left_and_opened(shown: Watched, book: Path) -> None:
    page = shown.page
    width = picture_width(page)
    expect(page.locator("#pc-source .pc-where")).to_contain_text("p. 1 (PDF page 2)")
    expect(page.locator(".pc-sheet")).to_have_count(3)
    expect(page.locator(".pc-box")).to_have_count(1)
    expect(page.locator(".pc-box")).to_be_in_viewport()
    # The words stand at 72 and 600 of 595 by 842 points.
    sheet = page.locator(".pc-sheet[data-page='2'] .pc-paper").bounding_box()
    box = page.locator(".pc-box").bounding_box()
    assert sheet is not None and box is not None
    assert abs((box["y"] + box["height"] - sheet["y"]) / sheet["height"] - 242 / 842) < 0.02
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    if AXE.is_file():
        page.add_script_tag(path=AXE)
        assert violations(shown) == []

    before = int(str(page.locator(".pc-zoom").text_content()).rstrip("%"))
    page.get_by_role("button", name="Zoom in").click()
    after = {100: 125, 150: 200}[before]  # a narrow page begins larger
    shown.says(f"Zoom {after}%")
    assert abs(picture_width(page) / width - after / before) < 0.02

    page.get_by_role("tab", name="Page").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Text")).to_be_focused()
    expect(page.locator(".pc-text .pc-here")).to_be_in_viewport()
    expect(page.locator(".pc-sheets")).not_to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".pc-sheets")).to_be_visible()

    link = page.get_by_role("link", name="Open PDF at page 2")
    address = str(link.get_attribute("href"))
    assert address.endswith("#page=2")
    answer = page.request.get(urljoin(shown.address, address))
    assert answer.headers["content-type"] == "application/pdf" and answer.body() == book.read_bytes()
    page.keyboard.press("Escape")
    expect(page.locator(".pc-source")).to_have_count(0)


def test_if_the_file_has_changed_the_text_is_shown_and_says_so(browser: Browser, library: str, book: Path) -> None:
    before = book.read_bytes()
    book.write_bytes(before + b"\n")
    try:
        with watching(browser.new_context(reduced_motion="reduce"), library) as watched:
            watched.ask(LIGHT)
            watched.page.locator("[data-show='answers/1/0']").click()
            note = watched.page.locator(".pc-no-page")
            expect(note).to_contain_text("lights.pdf has changed since it was indexed.")
            expect(watched.page.locator(".pc-text .pc-here")).to_be_in_viewport()
            expect(watched.page.get_by_role("tab", name="Page")).to_be_disabled()
    finally:
        book.write_bytes(before)
