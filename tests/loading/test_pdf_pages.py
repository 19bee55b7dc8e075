"""The boxes of stored words on the pages of a PDF, proven by cutting the text out of them, and pictures of pages."""

from bisect import bisect_right
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from pypdfium2 import PdfDocument
from reportlab.pdfgen.canvas import Canvas

from rag.core.errors import UnreadableSource
from rag.core.types import Document
from rag.loading import Source, load
from rag.loading.isolation.pdf_process import PdfProcess
from rag.loading.pages.pdf_pages import Box, PageText, draw_page, file_state, find_places

LINES = (
    "The lamp was lit on 4 May 1892 by its first keeper.",
    "It burned 30 litres of oil a night, and 30 more in winter.",
    "The keeper was paid 120 pounds a year.",
)


def plain(canvas: Canvas) -> None:
    for i, line in enumerate(LINES):
        canvas.drawString(72, 550 - 14 * i, line)


def turned(canvas: Canvas) -> None:
    canvas.setPageRotation(90)
    plain(canvas)


def cropped(canvas: Canvas) -> None:
    canvas.setCropBox((40, 500, 500, 800))
    plain(canvas)


def slanted(canvas: Canvas) -> None:
    canvas.translate(300, 300)
    canvas.rotate(90)
    for i, line in enumerate(LINES):
        canvas.drawString(0, -14 * i, line)


def set_close(canvas: Canvas) -> None:
    for i, line in enumerate(LINES):
        canvas.drawString(72, 700 - 10 * i, line)


def in_columns(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 9)
    for x, lines in ((50, LINES), (320, [line.replace("30", "40").replace("1892", "1893") for line in LINES])):
        for i, line in enumerate(lines):
            canvas.drawString(x, 700 - 12 * i, line)


def framed(canvas: Canvas) -> None:
    canvas.drawString(72, 800, f"{canvas.getPageNumber()} The lights of the north")
    canvas.drawString(300, 30, f"30 {canvas.getPageNumber()}")
    plain(canvas)


def document_of(path: Path, *pages: Callable[[Canvas], None]) -> Document:
    canvas = Canvas(str(path))
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    document = next(item for item in load(Source(path, path.name)))
    assert isinstance(document, Document)
    return document


def page_text(document: Document, start: int, end: int) -> PageText:
    starts = [*document.layout.pages, len(document.text)]
    number = bisect_right(document.layout.pages, start)
    low = starts[number - 1]
    return PageText(number, document.text[low : starts[number]], start - low, end - low)


def cut_out(pdf: PdfDocument, number: int, boxes: tuple[Box, ...] | None) -> str:
    """Return the text in boxes of the page as it is shown, cut out by pdfium."""
    assert boxes is not None
    page = pdf[number - 1]
    left, bottom, right, top = page.get_cropbox()
    rotation = page.get_rotation()
    texts = []
    for x, y, width, height in boxes:
        if rotation == 90:  # the page is turned clockwise: its left side is shown at the top
            x, y, width, height = y, 1 - x - width, height, width
        across, down = right - left, top - bottom
        area = (left + x * across, top - (y + height) * down, left + (x + width) * across, top - y * down)
        texts.append(page.get_textpage().get_text_bounded(*area))
    return " ".join(" ".join(texts).split())


@pytest.mark.parametrize("draw", [plain, turned, cropped, slanted, set_close, in_columns, framed])
def test_the_text_cut_out_of_the_boxes_is_the_text_that_they_are_for(
    tmp_path: Path, draw: Callable[[Canvas], None]
) -> None:
    document = document_of(tmp_path / "a.pdf", draw, draw)
    searched = [
        "4 May 1892",
        "30",
        "30 litres of oil a night",
        "keeper was paid 120 pounds",
        "oil a night, and 30 more",
    ]
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        for words in searched:
            start = -1
            while (start := document.text.find(words, start + 1)) >= 0:
                text = page_text(document, start, start + len(words))
                boxes = find_places(pdf, [text], range(1, 3)).boxes[text.number]
                assert cut_out(pdf, text.number, boxes).replace(" ", "") == words.replace(" ", "")


def test_each_of_two_equal_words_has_its_own_box(tmp_path: Path) -> None:
    document = document_of(tmp_path / "a.pdf", framed, framed, framed)
    texts = []
    start = -1
    while (start := document.text.find("30", start + 1)) >= 0:
        texts.append(page_text(document, start, start + 2))
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        places = [(text.number, find_places(pdf, [text], range(1, 4)).boxes[text.number]) for text in texts]
    assert len(set(places)) == len(places) == 9
    tops = [boxes[0][1] for number, boxes in places if number == 2 and boxes]
    assert tops[0] > tops[1] == tops[2]  # the foot, which is drawn first, and two in the second line


def test_a_broken_word_is_boxed_in_both_lines(tmp_path: Path) -> None:
    def broken(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "The keepers were proud of the light-")
        canvas.drawString(72, 686, "house and of its lamp. A lighthouse stands alone.")

    document = document_of(tmp_path / "a.pdf", broken)
    start = document.text.index("of the light")
    end = document.text.index(" and of its")
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        text = page_text(document, start, end)
        boxes = find_places(pdf, [text], range(1, 2)).boxes[1]
        assert boxes is not None and len(boxes) == 2
        assert cut_out(pdf, 1, boxes) == "of the light house"


def test_words_that_are_not_on_the_page_get_no_box(tmp_path: Path) -> None:
    document_of(tmp_path / "a.pdf", plain)
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        boxes = find_places(pdf, [PageText(1, "The lamp was never lit.", 4, 8), PageText(1, "x 30", 2, 4)], range(1, 2))
        assert boxes.boxes == {1: None}


def test_a_picture_is_as_wide_as_asked_and_tinted_in_its_marks_alone(tmp_path: Path) -> None:
    document = document_of(tmp_path / "a.pdf", plain)
    start = document.text.index("30 litres")
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        boxes = find_places(pdf, [page_text(document, start, start + 9)], range(1, 2)).boxes[1] or ()
        without = Image.open(BytesIO(draw_page(pdf, 1, 800))).convert("RGB")
        marked = Image.open(BytesIO(draw_page(pdf, 1, 800, boxes))).convert("RGB")
        changed = ImageChops.difference(without, marked).getbbox()
        assert abs(marked.width - 800) <= 1 and changed is not None
        (left, top, width, height), pixels = boxes[0], (marked.width, marked.height)
        expected = (left * pixels[0], top * pixels[1], (left + width) * pixels[0], (top + height) * pixels[1])
        assert all(abs(side - other) <= 3 for side, other in zip(changed, expected, strict=True))
        with pytest.raises(UnreadableSource, match="no page 2"):
            draw_page(pdf, 2, 800)


def test_a_page_of_absurd_size_gives_a_small_picture(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=(20, 14_000))
    canvas.drawString(1, 700, "lamp")
    canvas.save()
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        image = Image.open(BytesIO(draw_page(pdf, 1, 2_400)))
    assert max(image.size) <= 3_001


def test_the_process_draws_and_finds_what_this_one_does(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    document = document_of(path, plain)
    text = page_text(document, 0, 8)
    process = PdfProcess(60)
    try:
        with PdfDocument(path) as pdf:
            assert process.places(path, file_state(path), [text], range(1, 9)) == find_places(pdf, [text], range(1, 9))
            assert process.picture(path, file_state(path), 1, 300) == draw_page(pdf, 1, 300)
        with pytest.raises(UnreadableSource, match="has changed"):
            process.picture(path, (0, 0, 0), 1, 300)
        path.write_bytes(b"%PDF-1.4 no more")
        with pytest.raises(UnreadableSource, match="no sound PDF"):
            process.picture(path, file_state(path), 1, 300)
    finally:
        process.close()


@pytest.mark.thorough
def test_a_page_that_takes_too_long_is_stopped_and_the_next_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "slow.pdf"
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "lamp")
    canvas.showPage()
    # Each form draws the one before ten times: 10 ** 9 lines from a small file.
    canvas.beginForm("form0")
    canvas.line(0, 0, 100, 100)
    canvas.endForm()
    for level in range(1, 10):
        canvas.beginForm(f"form{level}")
        for _ in range(10):
            canvas.doForm(f"form{level - 1}")
        canvas.endForm()
    canvas.doForm("form9")
    canvas.save()
    process = PdfProcess(3)
    try:
        with pytest.raises(UnreadableSource, match=r"stopped|ended"):
            process.picture(path, file_state(path), 2, 300)
        process.seconds = 60
        assert process.picture(path, file_state(path), 1, 300).startswith(b"\x89PNG")
    finally:
        process.close()
