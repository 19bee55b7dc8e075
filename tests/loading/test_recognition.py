"""Pictures of text: the words are read in the order of people, with a box and a confidence, or the picture is named."""

import math
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from rag.answering.citation import place
from rag.core.errors import EmptyDocument, LoadError, UnreadableSource, UnsupportedFormat
from rag.core.types import Document, Layout, Span
from rag.loading import Source, load
from rag.loading.formats.paged.pdf_lines import PdfLine
from rag.loading.formats.paged.pdf_scans import words_of_block
from rag.loading.isolation.pdf_process import PdfProcess
from rag.loading.pages.pdf_originals import PdfOriginals
from rag.loading.pages.pdf_pages import file_state
from rag.loading.pages.picture_pages import recognized_boxes
from rag.loading.pages.reading_order import ordered_lines
from rag.loading.pages.recognition import RecognizedLine, RecognizedWord, tesseract_lines

SIZE = (1_000, 1_400)
LINES = ("The lamp was lit on 4 May 1892.", "It burned 30 litres of oil a night.")


def line(text: str, x: float, y: float, degrees: float = 0.0, height: float = 20.0) -> RecognizedLine:
    """Return a line of a picture that is turned about its upper left corner; each letter is 10 pixels wide."""
    angle, words, start = math.radians(degrees), [], 0
    for word in text.split():
        start = text.index(word, start)
        box = (x + 10 * start, y - height, x + 10 * (start + len(word)), y)
        words.append(RecognizedWord(start, start + len(word), box, 0.9))
        start += len(word)

    def turned(across: float, down: float) -> tuple[float, float]:
        return across * math.cos(angle) - down * math.sin(angle), across * math.sin(angle) + down * math.cos(angle)

    return RecognizedLine(text, tuple(words), turned(x, y), turned(x + 10 * len(text), y), height)


def read_order(*lines: RecognizedLine) -> list[str]:
    return [item.words for item in ordered_lines(lines, SIZE, (500.0, 700.0))]


@pytest.mark.parametrize("degrees", [0.0, 2.0, -2.0])
def test_columns_of_a_turned_scan_are_read_one_after_the_other_below_their_heading(degrees: float) -> None:
    left = [line(f"left line number {i} of prose", 100, 200 + 30 * i, degrees) for i in range(5)]
    right = [line(f"right line number {i} of prose", 600, 200 + 30 * i, degrees) for i in range(5)]
    heading = line("A heading over both of the columns, which is long enough to span them", 100, 120, degrees)
    mixed = [item for pair in zip(right, left, strict=True) for item in pair]
    assert read_order(*mixed, heading) == [item.text for item in (heading, *left, *right)]


def test_cells_of_a_table_are_one_row_with_their_columns_apart() -> None:
    rows = [line(text, x, 200 + 30 * i) for i, name in enumerate("abcde") for x, text in ((100, name), (600, "4.50"))]
    assert all(
        row.split() == [name, "4.50"] and "  " in row for row, name in zip(read_order(*rows), "abcde", strict=True)
    )


def test_a_word_broken_at_a_line_end_is_whole_and_its_halves_keep_their_boxes() -> None:
    (joined,) = ordered_lines([line("of the light-", 100, 200), line("house stands", 100, 230)], SIZE, (500.0, 700.0))
    (first, second) = [
        word for word in words_of_block([joined], "of the lighthouse stands") if word[:2] in ((7, 12), (12, 17))
    ]
    assert first[4] < second[4]


def test_words_keep_their_places_in_a_text_that_lost_hyphens_and_line_ends() -> None:
    rest = (90, 0, 0, 10, 10)
    block = [
        PdfLine("a well\ufffeknown", 10, 0, 0, recognized=((0, 1, *rest), (2, 12, *rest))),
        PdfLine("- 1881-", 10, 0, 0, recognized=((0, 1, *rest), (2, 7, *rest))),
        PdfLine("82", 10, 0, 0, recognized=((0, 2, *rest),)),
    ]
    text = "a well-known\n- 1881-82"
    assert [text[start:end] for start, end, *_ in words_of_block(block, text)] == ["a", "well-known", "1881", "82"]


def test_a_table_of_tesseract_gives_its_lines_and_drops_unsure_ones() -> None:
    rows = (
        "level page_num block_num par_num line_num word_num left top width height conf text",
        "5 1 1 1 1 1 10 20 30 12 96 The",
        "5 1 1 1 1 2 50 21 40 12 80 lamp",
        "5 1 1 1 2 1 10 50 30 12 9 ~%",
        "4 1 1 1 2 0 1 1 1 1 -1 ",
    )
    recognition = tesseract_lines("\n".join(row.replace(" ", "\t") for row in rows))
    (lamp,) = recognition.lines
    assert (lamp.text, lamp.left, lamp.right, recognition.unsure_count) == ("The lamp", (10, 33), (90, 33), 1)
    assert lamp.words[1] == RecognizedWord(4, 8, (50, 21, 90, 33), 0.8)


def test_a_quotation_from_a_picture_says_so_with_the_confidence_of_its_least_legible_word() -> None:
    layout = Layout(pages=(0,), recognized=((0, 3, 99, 1, 1, 1, 1), (4, 8, 52, 1, 1, 1, 1)))
    document = Document("a", "The lamp was lit.", layout=layout)
    sure, unsure, none = (place(document, Span("a", *span)) for span in ((0, 3), (2, 6), (9, 12)))
    assert (sure.recognition_confidence, unsure.recognition_confidence, none.recognition_confidence) == (
        0.99,
        0.52,
        None,
    )
    assert unsure.label() == "page 1, read from a picture (52% sure)"
    assert none.label() == "page 1"


def test_words_of_one_line_share_a_box() -> None:
    words = [(0, 3, 99, 1_000, 500, 300, 100), (4, 8, 99, 1_400, 510, 400, 100), (9, 12, 99, 1_000, 700, 300, 100)]
    assert recognized_boxes(words) == ((0.1, 0.05, 0.08, 0.011), (0.1, 0.07, 0.03, 0.01))


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    import matplotlib

    image = Image.new("RGB", size, "white")
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 32)
    for i, words in enumerate(LINES):
        ImageDraw.Draw(image).text((100, 200 + 60 * i), words, "black", font)
    return image


def read(path: Path, ocr: str = "none") -> list[Document | LoadError]:
    return list(load(replace(Source(path, path.name), ocr=ocr)))


def test_pages_that_are_pictures_are_named_and_blank_ones_are_not(tmp_path: Path) -> None:
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawString(72, 700, LINES[0])
    canvas.showPage()
    canvas.showPage()
    for _ in range(2):
        canvas.drawImage(ImageReader(picture()), 0, 0, 595, 842)
        canvas.drawString(500, 20, "stamp 17")
        canvas.showPage()
    canvas.save()
    document, error = read(tmp_path / "a.pdf")
    assert isinstance(document, Document) and LINES[0] in document.text
    assert isinstance(error, EmptyDocument) and "pages 3-4 of 4 are pictures without text" in error.message


@pytest.mark.skipif(find_spec("rapidocr") is not None, reason="the extra `ocr` is installed")
def test_without_the_extra_the_report_has_the_command_that_installs_it(tmp_path: Path) -> None:
    picture((40, 30)).save(tmp_path / "a.png")
    picture((40, 30)).save(tmp_path / "b.pdf")
    (of_picture,), (of_pdf,) = read(tmp_path / "a.png", "auto"), read(tmp_path / "b.pdf", "auto")
    assert isinstance(of_picture, UnsupportedFormat) and isinstance(of_pdf, EmptyDocument)
    assert all(
        "pip install 'pincite-slim[ocr]'" in error.remedy and "\n" not in str(error) for error in (of_picture, of_pdf)
    )


def test_an_engine_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    picture((40, 30)).save(tmp_path / "a.png")
    (error,) = read(tmp_path / "a.png", "tesseract")
    assert isinstance(error, UnreadableSource) and "no program tesseract" in error.message


def test_the_process_draws_a_picture_and_tints_its_words(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pages = [picture(), picture((600, 300))]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    process = PdfProcess(60)
    try:
        places = process.places(path, file_state(path), [], range(1, 9))
        assert (places.page_count, places.sizes[2]) == (2, (600.0, 300.0))
        plain = process.picture(path, file_state(path), 1, 500)
        marked = process.picture(path, file_state(path), 1, 500, [(0.1, 0.1, 0.2, 0.05)])
        with pytest.raises(UnreadableSource, match="no page 3"):
            process.picture(path, file_state(path), 3, 500)
    finally:
        process.close()
    before, after = (Image.open(BytesIO(data)).convert("RGB") for data in (plain, marked))
    box = ImageChops.difference(before, after).getbbox()
    assert before.size == (500, 700) and box is not None
    assert all(abs(side - other) <= 3 for side, other in zip(box, (50, 70, 150, 105), strict=True))


def test_recognised_words_are_boxed_where_they_were_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture().save(path)
    layout = Layout(pages=(0,), recognized=((0, 3, 99, 1_000, 1_400, 600, 250), (4, 8, 98, 1_700, 1_400, 800, 250)))
    from rag.loading.sources import source_sha256

    document = Document("a.png", LINES[0], None, "picture", str(path), source_sha256(path), layout=layout)
    originals = PdfOriginals(PdfProcess(60))
    places = originals.places(document, tmp_path, Span("a.png", 4, 8))
    assert places.boxes == {1: ((0.17, 0.14, 0.08, 0.025),)} and places.sizes[1] == (1_000.0, 1_400.0)


@pytest.mark.skipif(find_spec("rapidocr") is None, reason="needs text recognition: pip install 'pincite-slim[ocr]'")
@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.jpg", "a.tif"])
def test_the_words_of_a_picture_are_read_with_their_boxes(tmp_path: Path, name: str) -> None:
    picture().save(tmp_path / name)
    (document,) = read(tmp_path / name, "auto")
    assert isinstance(document, Document)
    assert " ".join(document.text.split()) == " ".join(LINES)
    for start, end, percent, left, top, *_ in document.layout.recognized:
        row = int(start > document.text.index(LINES[1][:9]) - 1)
        assert percent > 80 and left > 900 and abs(top - (1_430 + 430 * row)) < 120, document.text[start:end]
