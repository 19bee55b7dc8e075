"""OpenDocument files, subtitles and notebooks: hidden parts, merged cells, times and outputs."""

import json
from pathlib import Path

from rag.answering.citation import place
from rag.core.types import Document, Span
from rag.loading import Source, load
from rag.loading.composing import MAX_MERGED_COLUMNS
from tests.loading.formats.made_files import opendocument


def read(path: Path) -> Document:
    (document,) = load(Source(path, path.name))
    assert isinstance(document, Document), document
    return document


def lines(document: Document) -> list[str]:
    return [line for line in document.text.split("\n") if line]


def test_a_text_document_keeps_lists_notes_and_comments_and_leaves_deleted_text_out(tmp_path: Path) -> None:
    body = """<office:text><text:tracked-changes><text:changed-region><text:p>old price</text:p></text:changed-region>
    </text:tracked-changes><text:p>The<text:s text:c="2"/>fee<text:tab/>is 84<text:note><text:note-citation>1
    </text:note-citation><text:note-body><text:p>Since May.</text:p></text:note-body></text:note>.
    <text:hidden-text>secret</text:hidden-text></text:p><text:list><text:list-item><text:p>ropes</text:p>
    </text:list-item></text:list><text:p><office:annotation><dc:creator>Ann</dc:creator><text:p>Ask Bob.</text:p>
    </office:annotation>End</text:p></office:text>"""
    opendocument(tmp_path / "a.odt", body)
    document = read(tmp_path / "a.odt")
    assert [line.strip() for line in lines(document) if line.strip()] == [
        "The  fee\tis 84.", "Since May.", "ropes", "End", "Ask Bob.",
    ]  # fmt: skip
    assert document.metadata["left_out"] == "deleted texts (1), hidden texts (1)"


def test_a_sheet_keeps_its_name_its_row_numbers_and_merged_cells(tmp_path: Path) -> None:
    def row(*cells: str, repeated: int = 1) -> str:
        texts = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
        return f'<table:table-row table:number-rows-repeated="{repeated}">{texts}</table:table-row>'

    covered = "<table:table-row><table:covered-table-cell/><table:table-cell><text:p>Otter</text:p></table:table-cell>"
    empty = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>'
    rows = row("Dock", "Boat") + row("North", "Marlin") + covered + "</table:table-row>" + empty + row("South", "Tern")
    table = f'<table:table table:name="Fleet">{rows}</table:table>'
    opendocument(tmp_path / "a.ods", f"<office:spreadsheet>{table}</office:spreadsheet>")
    document = read(tmp_path / "a.ods")
    assert lines(document) == ["Fleet", "Dock | Boat", "North | Marlin", "North | Otter", "South | Tern"]
    start = document.text.index("South")
    at = place(document, Span(document.id, start, start + 5))
    assert (at.part, at.row) == ("Fleet", 1_000_004)


def sheet(path: Path, rows: str, around: str = "{}") -> Document:
    table = f'<table:table table:name="Fleet">{around.format(rows)}</table:table>'
    opendocument(path, f"<office:spreadsheet>{table}</office:spreadsheet>")
    return read(path)


def odf_row(*cells: str) -> str:
    return f"<table:table-row>{''.join(cells)}</table:table-row>"


def odf_cell(text: str, attributes: str = "") -> str:
    content = f"<text:p>{text}</text:p>" if text else ""
    return f"<table:table-cell {attributes}>{content}</table:table-cell>"


COVERED = "<table:covered-table-cell/>"


def test_a_covered_cell_has_the_text_of_the_cell_that_covers_it(tmp_path: Path) -> None:
    wide = 'table:number-columns-spanned="2"'
    rows = (
        odf_row(odf_cell("All boats", 'table:number-columns-spanned="3"'), COVERED, COVERED)
        + odf_row(odf_cell("Dock"), odf_cell("Boat"), odf_cell("Length"))
        + odf_row(odf_cell("North", 'table:number-rows-spanned="2"'), odf_cell("Marlin"), odf_cell("12 m"))
        + odf_row(COVERED, odf_cell("let", wide), COVERED)
        + odf_row(odf_cell("closed", wide), COVERED, odf_cell("15 m"))
    )
    assert lines(sheet(tmp_path / "a.ods", rows))[1:] == [
        "All boats", "Dock | Boat | Length", "North | Marlin | 12 m", "North | let | let", "closed | closed | 15 m",
    ]  # fmt: skip


def test_many_repeated_cells_leave_the_cells_behind_them_in_their_columns(tmp_path: Path) -> None:
    rows = odf_row(
        odf_cell("first"), odf_cell("", 'table:number-columns-repeated="40"'),
        odf_cell("n", 'table:number-columns-repeated="50"'), odf_cell("last"),
    )  # fmt: skip
    document = sheet(tmp_path / "a.ods", rows)
    cells = lines(document)[1].split(" | ")
    assert (len(cells), cells[0], cells[40:42], cells[91]) == (92, "first", ["", "n"], "last")
    assert document.metadata["left_out"] == f"equal cells ({50 - MAX_MERGED_COLUMNS})"


def test_lists_boxes_tables_and_shapes_of_a_cell_or_sheet_are_read(tmp_path: Path) -> None:
    item = "<text:list-item><text:p>{}</text:p></text:list-item>"
    items = f"<text:list>{item.format('ropes')}{item.format('buoys')}</text:list>"
    box = "<draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    inner = f"<table:table>{odf_row(odf_cell('Crane'), odf_cell('2 t'))}</table:table>"
    cell = f"<table:table-cell>{items}{box.format('In a box.')}{inner}</table:table-cell>"
    shapes = f"<table:shapes>{box.format('On the sheet.')}</table:shapes>"
    document = sheet(tmp_path / "a.ods", odf_row(cell, odf_cell("12")), f"{shapes}{{}}")
    assert lines(document) == ["Fleet", "ropes buoys | 12", "In a box.", "Crane | 2 t", "On the sheet."]


def test_slides_are_pages(tmp_path: Path) -> None:
    slide = "<draw:page><draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame></draw:page>"
    pages = slide.format("First") + slide.format("Second")
    opendocument(tmp_path / "a.odp", f"<office:presentation>{pages}</office:presentation>")
    document = read(tmp_path / "a.odp")
    start = document.text.index("Second")
    assert place(document, Span(document.id, start, start + 6)).page_number == 2


def test_subtitles_keep_their_text_and_a_citation_leads_to_the_time(tmp_path: Path) -> None:
    text = """WEBVTT

NOTE made by a machine

intro
00:12.000 --> 00:15.000 align:start
The lock opens at 05:30.

01:02:03.500 --> 01:02:09.000
The crane arrives
on 9 June.
"""
    (tmp_path / "a.vtt").write_text(text, encoding="utf-8")
    document = read(tmp_path / "a.vtt")
    assert document.text == text
    content = [text[start:end] for start, end, _, _, reason in document.layout.blocks if reason is None]
    assert content == ["The lock opens at 05:30.", "The crane arrives\non 9 June."]
    start = text.index("The crane")
    at = place(document, Span(document.id, start, start + 9))
    assert (at.part, at.line_start, at.line_end) == ("01:02:03", 10, 10)


def test_words_before_a_time_are_the_name_of_a_cue_in_vtt_and_words_in_srt(tmp_path: Path) -> None:
    cue = "The lock opens\n00:00:12,000 --> 00:00:15,000\nat 05:30.\n"
    for name, text in (("a.srt", cue), ("b.vtt", f"WEBVTT\n\n{cue.replace(',', '.')}")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    contents = [
        [document.text[start:end] for start, end, _, _, reason in document.layout.blocks if reason is None]
        for document in (read(tmp_path / "a.srt"), read(tmp_path / "b.vtt"))
    ]
    assert contents == [["The lock opens", "at 05:30."], ["at 05:30."]]


def test_a_notebook_before_format_4_is_read(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Tides"]},
        {"cell_type": "code", "input": ["level = 3", "print(level)"], "outputs": [{"text": ["3"]}]},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"worksheets": [{"cells": cells}]}), encoding="utf-8")
    document = read(tmp_path / "a.ipynb")
    assert lines(document) == ["Tides", "level = 3", "print(level)", "3"] and document.title == "Tides"


def test_a_notebook_keeps_code_and_output_and_says_that_pictures_are_left_out(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "The gauge stands at 3.2 m.\n", "\n", "- ropes\n"]},
        {
            "cell_type": "code", "source": "level = 3",
            "outputs": [{"data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}}, {"text": "done\n"}, "odd"],
        },
    ]  # fmt: skip
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    document = read(tmp_path / "a.ipynb")
    assert lines(document) == ["Tides", "The gauge stands at 3.2 m.", "- ropes", "level = 3", "<Figure>", "done"]
    assert document.title == "Tides" and document.metadata["left_out"] == "pictures (1)"
