"""Paragraphs of PDF pages: sentences over footnotes, columns and page ends are whole, single lines stay apart."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.chunking.blocks import blocks
from rag.core.types import Document
from rag.loading.formats.paged.pdf_blocks import page_blocks, usual_steps
from rag.loading.formats.paged.pdf_frames import frame_lines
from rag.loading.formats.paged.pdf_hyphens import Hyphens
from rag.loading.formats.paged.pdf_lines import LIGATURES, PdfLine
from rag.loading.pages.pdf_pages import PageText, find_places
from tests.loading.formats.test_pdf import read

SIZE = 10.0


def line(words: str, bottom: float, size: float = SIZE, left: float = 72) -> PdfLine:
    return PdfLine(words, size, bottom, bottom, left, bottom + size)


def paragraphs(lines: list[PdfLine], other_page: Sequence[PdfLine] = ()) -> list[str]:
    page = page_blocks(lines, SIZE, usual_steps([lines, other_page]))
    return [" ".join(item.words for item in block) for block in [*page.text, *page.notes]]


def test_single_lines_with_space_between_them_are_no_paragraph_if_the_page_has_closer_lines() -> None:
    other_page = [line(f"a line of a long paragraph {number}", 700 - 12 * number) for number in range(20)]
    far = [line(f"Key {number} opens gate {number}", 700 - 16 * number) for number in range(8)]
    close = [line("The keys hang in the office", 500), line("of the harbour master.", 488)]
    assert paragraphs([*far, *close], other_page) == [
        *(item.words for item in far),
        "The keys hang in the office of the harbour master.",
    ]


def test_a_page_with_wider_lines_than_the_file_has_whole_paragraphs() -> None:
    lines = [line(f"the wide line {number}", 700 - 24 * number) for number in range(4)]
    assert len(page_blocks(lines, SIZE, {10: 12.0}).text) == 1


def test_references_in_small_letters_do_not_tear_the_text_beside_them() -> None:
    small = [line(f"Reference number {number}", 700 - 8 * number, 7) for number in range(20)]
    text = [line("The crane was bought in", 500), line("the spring of 1998 and", 489), line("sold again.", 478)]
    assert paragraphs([*small, *text])[-1] == "The crane was bought in the spring of 1998 and sold again."


def test_a_footnote_does_not_cut_the_sentence_that_goes_on_in_the_next_column() -> None:
    left = [
        line("The lock was built by", 120),
        line("the old engineer Hannah", 108),
        line("1 She died in 1911.", 80, 8),
    ]
    right = [line("Corlett and opened in May.", 700, left=320), line("It is 60 metres long.", 688, left=320)]
    assert paragraphs([*left, *right]) == [
        "The lock was built by the old engineer Hannah Corlett and opened in May. It is 60 metres long.",
        "1 She died in 1911.",
    ]  # fmt: skip


def test_small_text_without_the_mark_of_a_footnote_keeps_its_place() -> None:
    lines = [
        line("The lock is open.", 120),
        line("Small print is text.", 100, 8),
        line("The pier is shut.", 700, left=320),
    ]
    assert paragraphs(lines) == ["The lock is open.", "Small print is text.", "The pier is shut."]


def test_raised_letters_do_not_cut_their_row() -> None:
    lines = [line("The area of the dock is 40 m", 100), line("2", 104, 6), line("and its depth 6 m.", 88)]
    assert paragraphs(lines) == ["The area of the dock is 40 m 2 and its depth 6 m."]


def test_a_figure_at_the_start_of_a_line_begins_an_item_only_apart_from_a_sentence() -> None:
    cited = [line("The rules are in chapters 1 and", 100), line("2. They hold for all boats.", 88)]
    listed = [line("1. Boats need a light", 100), line("2. Boats leave at noon", 88)]
    assert [len(paragraphs(lines)) for lines in (cited, listed)] == [1, 2]


def pages_with_heads(heads: list[str], size: float = SIZE) -> list[list[PdfLine]]:
    """Return pages with a head at one height, and with text that no two pages share."""
    body = ("The first word of page {} is here.", "The second is there and no third one.", "So page {} ends.")
    return [
        [line(head, 780, size), *(line(words.format(chr(65 + n)), 700 - 12 * i) for i, words in enumerate(body))]
        for n, head in enumerate(heads)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("heads", "masked"),
    [
        (["Locks 1", "Locks 2", "Piers 3", "Piers 4", "Cranes 5", "Cranes 6", "Tugs 7"], [0, 1, 2, 3, 4, 5, 6]),
        (["Locks", "Locks", "Piers", "Piers", "Cranes", "Cranes", "Ann Lee"], [0, 1, 2, 3, 4, 5]),
        (["Ann Lee", "Bo Kim", "Cy Moe", "Di Fox", "Ed Hay", "Flo Ray", "Gus Orr"], []),
    ],
    ids=["numbers", "repeated", "records"],
)
def test_a_head_at_one_height_belongs_to_the_frame_if_it_comes_again_or_has_the_page_number(
    heads: list[str], masked: list[int]
) -> None:
    frames = frame_lines(pages_with_heads(heads))
    assert [number for number, frame in enumerate(frames) if 0 in frame] == masked


def test_titles_of_slides_are_no_running_heads() -> None:
    assert not any(frame_lines(pages_with_heads(["Budget", "Budget", "Staff", "Staff", "Boats", "Boats", "End"], 20)))


def test_a_word_broken_at_the_end_of_a_page_is_one_word_there_and_has_its_page_start_within() -> None:
    hyphens = Hyphens(["a long-term plan"])
    assert hyphens.across_pages("All docu-", "ments count") == ("All documents count", 8)
    assert hyphens.across_pages("the long-", "term plan") == ("the long-term plan", 9)
    assert hyphens.across_pages("It costs 5 -", "6 euros") == ("It costs 5 -\n6 euros", 13)


def test_a_bullet_in_an_old_font_is_a_bullet() -> None:
    assert "\x88 ropes".translate(LIGATURES) == "• ropes"


def draw_with_footnote(path: Path) -> Document:
    """Write a sentence over two pages with a footnote below its first half, and a line that begins in another font."""
    canvas = Canvas(str(path))
    for font, size, x, y, words in (
        ("Helvetica", 11, 72, 740, "All boats are lifted in the month of October and"),
        ("Courier", 12, 72, 727, "LIFT"),
        ("Helvetica", 11, 110, 727, "is the name of the crane that lifts them at noon."),
        ("Helvetica", 11, 72, 700, "The new breakwater was designed by the engineer"),
        ("Helvetica", 8, 72, 60, "1 He came from Ulm."),
    ):
        canvas.setFont(font, size)
        canvas.drawString(x, y, words)
    canvas.showPage()
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, 740, "Hannah Corlett and was finished in 2011.")
    canvas.save()
    return read(path)


def test_words_of_another_font_and_footnotes_leave_paragraphs_whole_and_can_be_marked(tmp_path: Path) -> None:
    from pypdfium2 import PdfDocument

    document = draw_with_footnote(tmp_path / "a.pdf")
    assert [document.slice(block.span) for block in blocks(document)] == [
        "All boats are lifted in the month of October and\nLIFT is the name of the crane that lifts them at noon.",
        "1 He came from Ulm.",
        "The new breakwater was designed by the engineer\nHannah Corlett and was finished in 2011.",
    ]
    page = document.text[: document.layout.pages[1]]
    start = page.index("The new breakwater")
    with PdfDocument(tmp_path / "a.pdf") as pdf:
        boxes = find_places(pdf, [PageText(1, page, start, len(page.rstrip()))], range(1, 2)).boxes[1]
    assert boxes is not None and len(boxes) == 1
