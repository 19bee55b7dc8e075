"""Workbooks are read as they are shown: formats, merged cells, comments; the rest is said to be left out."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment

from rag.core.types import Document
from rag.loading import Source, load
from rag.loading.composing import MAX_MERGED_COLUMNS
from rag.loading.formats.spreadsheets.number_formats import shown_number


def read(book: Workbook, tmp_path: Path) -> Document:
    book.save(tmp_path / "a.xlsx")
    (document,) = load(Source(tmp_path / "a.xlsx", "a.xlsx"))
    assert isinstance(document, Document)
    return document


def sheet_of(*rows: Sequence[object]) -> Workbook:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return book


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (0.075, "0.0%", "7.5%"),
        (1234.5, '"$"#,##0.00', "$1,234.50"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (-1234.5, "#,##0.00;[Red](#,##0.00)", "(1,234.50)"),
        (-3, "0.0", "-3.0"),
        (0, '0;-0;"none"', "0"),
        (1 / 3, "# ?/?", "1/3"),
        (2.25, "# ?/4", "2 1/4"),
        (7, "000", "007"),
        (1_500_000, "0.0,,", "1.5"),
        (12345, "0.00E+00", "1.23E+04"),
        (3.10, "0.0##", "3.1"),
        (0.1 + 0.2, "General", "0.3"),
        (4.0, "General", "4"),
        (1e300, "0", "1e+300"),
        (float("nan"), "0", "nan"),
        (5551234, "000-0000", "5551234"),
        (5, "@", "5"),
        (-1234, "General;[Red]-General", "-1234"),
        (-0.5, "0;yyyy", "-0.5"),
        (-5551234, "0;000-0000", "-5551234"),
        (5, '[>999999]0.0,,"M";0', "5"),
        (-12, "[<0]0.0;0", "-12"),
        (0.5, "0" + "%" * 200, "0.5"),
        (10**400, "0", "1" + "0" * 400),
    ],
)
def test_a_number_is_written_as_the_sheet_shows_it(value: float, number_format: str, text: str) -> None:
    assert shown_number(value, number_format) == text


def test_the_text_of_a_sheet_has_the_formatted_numbers(tmp_path: Path) -> None:
    book = sheet_of(["Item", "Rate"], ["Mooring", 0.075])
    book.active["B2"].number_format = "0.0%"
    assert "Mooring | 7.5%" in read(book, tmp_path).text


def test_a_merged_cell_gives_its_text_to_every_row_and_a_caption_stays_one_cell(tmp_path: Path) -> None:
    book = sheet_of(
        ["Fleet"], ["Dock", "Boat"], ["North", "Marlin"], [None, "Otter"], ["South", "Gannet"], [None, "Tern"]
    )
    for cells in ("A1:B1", "A3:A4"):
        book.active.merge_cells(cells)
    assert read(book, tmp_path).text.split("\n")[2:] == [
        "Fleet", "Dock | Boat", "North | Marlin", "North | Otter", "South | Gannet", "| Tern",
    ]  # fmt: skip


@pytest.mark.thorough
def test_wide_merged_cells_do_not_make_a_small_file_large(tmp_path: Path) -> None:
    book = sheet_of(*([["a" * 150, *[None] * 998, "z"]] * 20))
    for row in range(1, 21):
        book.active.merge_cells(f"A{row}:ALK{row}")
    assert len(read(book, tmp_path).text) < 20 * 150 * (MAX_MERGED_COLUMNS + 30)


def test_comments_are_read_with_their_cell(tmp_path: Path) -> None:
    book = sheet_of(["Boat", "Length"], ["Marlin", "12 m"])
    book.active["A2"].comment = Comment("Marlin was sold in 2024", "Ann")
    assert "Comment on A2: Marlin was sold in 2024" in read(book, tmp_path).text


def test_formulas_without_values_and_hidden_sheets_are_said_to_be_left_out(tmp_path: Path) -> None:
    book = sheet_of(["Item", "Total"], ["Rope", "=3*5"], ["Buoy", "=2*35"])
    hidden = book.create_sheet("Secret")
    hidden.append(["Safe code", "4471"])
    hidden.sheet_state = "hidden"
    document = read(book, tmp_path)
    assert "4471" not in document.text
    assert document.metadata["left_out"] == "formulas without stored values (2), hidden sheets (1)"


def test_comments_and_notes_of_a_sheet_of_texts_are_not_lost(tmp_path: Path) -> None:
    book = sheet_of(["_id", "text"], ["1", "The tug is called Marlin."], ["2", "It lies at pier 4."])
    book.create_sheet("Secret").sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    first, last = load(Source(tmp_path / "a.xlsx", "a.xlsx"))
    assert isinstance(first, Document) and isinstance(last, Document)
    assert "left_out" not in first.metadata and last.metadata["left_out"] == "hidden sheets (1)"
    book.active["B2"].comment = Comment("Marlin was sold in 2024", "Ann")
    book.save(tmp_path / "a.xlsx")
    *rows, comments = load(Source(tmp_path / "a.xlsx", "a.xlsx"))
    assert [row.id for row in rows if isinstance(row, Document)] == ["1", "2"]
    assert isinstance(comments, Document) and comments.text == "Comment on B2: Marlin was sold in 2024"
    assert comments.metadata["left_out"] == "hidden sheets (1)"


def test_a_formula_whose_result_is_an_empty_text_has_a_value(tmp_path: Path) -> None:
    sheet_of(["Item", "Note", "Total"], ["Rope", '=IF(1,"")', "=3*5"]).save(tmp_path / "made.xlsx")
    with zipfile.ZipFile(tmp_path / "made.xlsx") as made, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as changed:
        for name in made.namelist():
            changed.writestr(name, made.read(name).replace(b'<c r="B2">', b'<c r="B2" t="str">'))
    (document,) = load(Source(tmp_path / "a.xlsx", "a.xlsx"))
    assert isinstance(document, Document)
    assert document.metadata["left_out"] == "formulas without stored values (1)"
