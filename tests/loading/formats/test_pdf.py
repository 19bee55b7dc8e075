"""PDF pages: broken words, sentences over page ends and form fields are whole; hidden text is left out."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import reportlab
from reportlab.lib.colors import black, white
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from rag.answering.citation import place
from rag.core.types import Document, Span
from rag.loading import Source, load
from rag.loading.formats.paged.pdf_hyphens import Hyphens
from rag.loading.formats.paged.pdf_lines import MAX_COLUMN_SPACES


def read(path: Path) -> Document:
    (document,) = load(Source(path, path.name))
    assert isinstance(document, Document)
    return document


def page_of(document: Document, words: str) -> int | None:
    start = document.text.index(words)
    return place(document, Span(document.id, start, start + len(words))).page_number


def draw(path: Path, pages: Sequence[Sequence[str]], head: str = "", foot: str = "", lead: int = 14) -> Document:
    """Write pages of lines, with a head and a foot that stand apart; `#` in them becomes the number of the page."""
    canvas = Canvas(str(path))
    for number, lines in enumerate(pages, start=1):
        for y, text in ((800, head), (40, foot)):
            canvas.drawString(72, y, text.replace("#", str(number)))
        for i, line in enumerate(lines):
            canvas.drawString(72, 740 - lead * i, line)
        canvas.showPage()
    canvas.save()
    return read(path)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("the appoint\ufffement", "the appointment"),
        ("by Jean\ufffePaul", "by Jean-Paul"),
        ("an X\ufffeRay", "an X-Ray"),
        ("an x\ufffeplane", "an x-plane"),
        ("COVID\ufffe19", "COVID-19"),
        ("HAR\ufffeBOUR", "HARBOUR"),
        ("a self\ufffemade crane", "a self-made crane"),
        ("the long\ufffeterm plan", "the long-term plan"),
        ("the well\ufffeknown light", "the well-known light"),
        ("the light\ufffehouse", "the lighthouse"),
        ("1881-\n82", "1881-82"),
    ],
)
def test_a_word_broken_at_a_line_end_keeps_its_hyphen_if_it_is_a_compound(text: str, whole: str) -> None:
    assert Hyphens([text, "A long-term plan.", "well, known", "a light house", "lighthouse"]).joined(text) == whole


def test_a_sentence_goes_on_behind_the_end_of_the_page_with_both_page_numbers(tmp_path: Path) -> None:
    pages = [
        ["Ropes are coiled each night.", "The new breakwater was designed by the engineer"],
        ["Hannah Corlett and was finished in 2011.", "It is 340 metres long."],
        ["The last page says that the lock opens at noon.", "So it is."],
    ]
    document = draw(tmp_path / "a.pdf", pages, head="Peel Harbour Handbook", foot="Page # of 3")
    assert "by the engineer\nHannah Corlett and was finished in 2011." in document.text
    assert [page_of(document, words) for words in ("Ropes", "Hannah", "The last page")] == [1, 2, 3]
    frame = [
        document.text[start:end] for start, end, _, _, reason in document.layout.blocks if reason == "running_head"
    ]
    assert frame == [text for number in (1, 2, 3) for text in ("Peel Harbour Handbook", f"Page {number} of 3")]


def test_a_head_is_known_by_its_words_and_not_by_the_space_between_them(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    for number, x in ((1, 300), (2, 420)):
        canvas.drawString(72, 800, "Peel Harbour Handbook")
        canvas.drawString(x, 800, f"Page {number}")
        canvas.drawString(72, 700, f"Rope {'one' if number == 1 else 'two'} is coiled each night.")
        canvas.showPage()
    canvas.save()
    document = read(tmp_path / "a.pdf")
    heads = [document.text[start:end] for start, end, _, _, reason in document.layout.blocks if reason]
    assert [head.split() for head in heads] == [["Peel", "Harbour", "Handbook", "Page", page] for page in "12"]


def test_a_line_that_two_pages_share_within_their_text_is_no_frame(tmp_path: Path) -> None:
    document = draw(tmp_path / "a.pdf", [["Ropes are coiled.", "One."], ["Ropes are coiled.", "Two."]])
    assert all(reason is None for *_, reason in document.layout.blocks)


def test_a_paragraph_is_not_torn_behind_a_broken_word(tmp_path: Path) -> None:
    lines = [
        "The commissioners appointed the engi-",
        "neer in the spring of the year 1998 and",
        "paid her well for it.",
    ]
    document = draw(tmp_path / "a.pdf", [[*lines, "Ropes are coiled each night."]])
    assert "the engineer in the spring of the year 1998 and\npaid her well" in document.text


def test_the_values_of_form_fields_stand_behind_their_labels(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    for y, label, value in ((700, "Name of boat:", "Marlin"), (670, "Owner:", "Mona Kissack"), (640, "Length:", "")):
        canvas.drawString(72, y, label)
        canvas.acroForm.textfield(name=label, value=value, x=200, y=y - 6, width=150, height=20)
    canvas.drawString(72, 610, "Insured:")
    canvas.acroForm.checkbox(name="insured", checked=True, x=200, y=604)
    canvas.drawString(72, 580, "Sold:")
    canvas.acroForm.checkbox(name="sold", checked=False, x=200, y=574)
    canvas.acroForm.textfield(name="remark", value="No label here", x=72, y=100, width=150, height=20)
    canvas.save()
    lines = read(tmp_path / "a.pdf").text.split("\n")
    assert [line for line in lines if line] == [
        "Name of boat: Marlin", "Owner: Mona Kissack", "Length:", "Insured: Yes", "Sold:", "No label here",
    ]  # fmt: skip


def test_white_tiny_and_off_page_text_is_left_out_and_white_letters_on_dark_are_not(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawString(72, 700, "The lock opens at 05:30.")
    canvas.setFillColor(white)
    canvas.drawString(72, 650, "The white price is 999 euros.")
    canvas.setFillColor(black)
    canvas.rect(60, 590, 300, 30, fill=1)
    canvas.setFillColor(white)
    canvas.drawString(72, 600, "The heading is white on black.")
    canvas.setFillColor(black)
    canvas.drawString(72, -300, "The keel below the page is 5 metres.")
    canvas.setFont("Helvetica", 0.5)
    canvas.drawString(72, 500, "The tiny price is 888 euros.")
    canvas.save()
    document = read(tmp_path / "a.pdf")
    assert document.text.split("\n") == ["The lock opens at 05:30.", "The heading is white on black."]
    assert document.metadata["left_out"] == "hidden lines (3)"


def test_invisible_letters_over_a_scan_are_read(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    text = canvas.beginText(72, 700)
    text.setTextRenderMode(3)
    text.textLine("The scanned page says that the crane arrives on 9 June.")
    canvas.drawText(text)
    canvas.save()
    assert read(tmp_path / "a.pdf").text == "The scanned page says that the crane arrives on 9 June."


def test_the_letters_of_the_text_are_counted_without_the_space_between_columns(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    for y in (760, 740):
        canvas.setFont("Helvetica", 7)
        canvas.drawString(60, y, "Pier")
        canvas.drawString(560, y, "4")
    canvas.setFont("Helvetica", 11)
    canvas.drawString(60, 700, "The lock opens at half past five in the morning.")
    canvas.drawString(60, 686, "The crane arrives on the ninth of June.")
    canvas.save()
    assert all(kind != "heading" for _, _, kind, _, _ in read(tmp_path / "a.pdf").layout.blocks)


def test_columns_far_apart_do_not_fill_the_text_with_spaces(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=(14_000, 800))
    canvas.setFont("Helvetica", 8)
    for x, word in ((60, "Pier"), (13_000, "4")):
        canvas.drawString(x, 700, word)
    canvas.save()
    text = read(tmp_path / "a.pdf").text
    assert text.split() == ["Pier", "4"] and len(text) <= MAX_COLUMN_SPACES + 10


def test_cells_of_a_table_stand_as_far_apart_as_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "staff.pdf"
    page = Canvas(str(path))
    page.setFont("Helvetica", 11)
    rows = [("Name", "Role", "Office"), ("Jane Doe", "Harbour master", "Pier 4"), ("Mei Lin", "Pilot", "Room 3")]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            page.drawString(60 + 120 * j, 760 - 18 * i, cell)
    page.drawString(60, 660, "One line of prose keeps one space between its words.")
    page.save()
    (document,) = load(Source(path, path.name))
    assert isinstance(document, Document)
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in document.text.splitlines()[:3]]
    assert cells == [list(row) for row in rows]
    assert "One line of prose keeps one space between its words." in document.text


def test_a_row_with_a_soft_hyphen_keeps_its_columns_apart(tmp_path: Path) -> None:
    pdfmetrics.registerFont(TTFont("Vera", Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"))
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.setFont("Vera", 11)
    for x, cell in ((60, "Mei Lin"), (180, "Pilot"), (300, "Room\xad3")):
        canvas.drawString(x, 700, cell)
    canvas.save()
    cells = [cell.strip() for cell in read(tmp_path / "a.pdf").text.split("  ") if cell.strip()]
    assert cells == ["Mei Lin", "Pilot", "Room\xad3"]


def test_a_place_has_the_number_printed_on_its_page_beside_that_of_the_file(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.addPageLabel(0, "ROMAN_LOWER")
    canvas.addPageLabel(2, "ARABIC")
    for words in ("The preface.", "The contents.", "The lamp was lit.", "The keeper left."):
        canvas.drawString(72, 700, words)
        canvas.showPage()
    canvas.save()
    document = read(tmp_path / "a.pdf")
    labels = []
    for words in ("preface", "contents", "lamp", "keeper"):
        start = document.text.index(words)
        labels.append(place(document, Span(document.id, start, start + len(words))).label())
    assert labels == ["p. i (PDF page 1)", "p. ii (PDF page 2)", "p. 1 (PDF page 3)", "p. 2 (PDF page 4)"]


def test_pages_whose_labels_are_their_numbers_have_none(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.addPageLabel(0, "ARABIC")
    canvas.drawString(72, 700, "The lamp was lit.")
    canvas.save()
    document = read(tmp_path / "a.pdf")
    assert document.layout.page_labels == ()
    assert place(document, Span(document.id, 0, 3)).label() == "page 1"
