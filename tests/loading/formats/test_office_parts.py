"""Slides give their charts, diagrams, merged cells and comments; templates, macro files and packed files are read."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.util import Inches

from rag.core.errors import LoadError
from rag.core.types import Document
from rag.loading import Source, load

_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)


def read(path: Path) -> Document:
    (document,) = load(Source(path, path.name))
    assert isinstance(document, Document), document
    return document


def written_slides(path: Path, *draw: Callable[[Any], None]) -> Document:
    deck = Presentation()
    for one in draw:
        one(deck.slides.add_slide(deck.slide_layouts[5]))
    deck.save(str(path))
    return read(path)


def titled(words: str) -> Callable[[Any], None]:
    def draw(slide: Any) -> None:
        slide.shapes.title.text = words

    return draw


def add_part(slide: Any, kind: str, xml: str) -> None:
    package = slide.part.package
    part = Part(PackURI(f"/ppt/{kind}/one.xml"), "application/xml", package, xml.encode())
    slide.part.relate_to(part, _RELATION + kind)


@pytest.mark.parametrize("kind", [XL_CHART_TYPE.COLUMN_CLUSTERED, XL_CHART_TYPE.RADAR, XL_CHART_TYPE.LINE])
def test_a_chart_gives_its_categories_with_the_values_of_each_series(kind: Any, tmp_path: Path) -> None:
    def draw(slide: Any) -> None:
        data: Any = CategoryChartData()  # type: ignore[no-untyped-call]
        data.categories = ["Ulm", "Bonn"]
        data.add_series("Boats", (12, None))
        data.add_series("Tonnes", (4.5, 6))
        size = [Inches(side) for side in (1, 1, 4, 3)]
        chart = slide.shapes.add_chart(kind, *size, data).chart
        chart.has_title = True
        chart.chart_title.text_frame.text = "Traffic of 2024"

    text = written_slides(tmp_path / "a.pptx", draw).text
    assert "Traffic of 2024 | Boats | Tonnes\nUlm | 12 | 4.5\nBonn |  | 6" in text


def test_a_merged_cell_gives_its_text_to_all_rows_that_it_spans(tmp_path: Path) -> None:
    def draw(slide: Any) -> None:
        table = slide.shapes.add_table(3, 2, *[Inches(side) for side in (1, 1, 4, 3)]).table
        for i, words in enumerate(["Pier", "Boat", "North", "Marlin", "", "Osprey"]):
            table.cell(i // 2, i % 2).text = words
        table.cell(1, 0).merge(table.cell(2, 0))

    assert "North | Marlin\nNorth | Osprey" in written_slides(tmp_path / "a.pptx", draw).text


_PARAGRAPH = "<a:p><a:r><a:t>The fare is </a:t></a:r><a:r><a:t>28 euros.</a:t></a:r></a:p>"


@pytest.mark.parametrize(
    ("kind", "xml"),
    [
        ("comments", f"<p:cmLst {_NAMES}><p:cm><p:text>The fare is 28 euros.</p:text></p:cm></p:cmLst>"),
        ("comments", f"<p:cmLst {_NAMES}><p:cm><p:txBody>{_PARAGRAPH}</p:txBody></p:cm></p:cmLst>"),
        ("diagramData", f"<p:dataModel {_NAMES}><p:pt><p:t>{_PARAGRAPH}</p:t></p:pt></p:dataModel>"),
    ],
    ids=["comment", "comment of today", "diagram"],
)
def test_comments_and_diagrams_are_read(kind: str, xml: str, tmp_path: Path) -> None:
    document = written_slides(tmp_path / "a.pptx", titled("Fares"), lambda slide: add_part(slide, kind, xml))
    assert "The fare is 28 euros." in document.text


def test_a_hidden_slide_is_left_out_and_said(tmp_path: Path) -> None:
    def draw(slide: Any) -> None:
        slide.shapes.title.text = "Secret plan"
        slide.element.set("show", "0")

    document = written_slides(tmp_path / "a.pptx", titled("Open plan"), draw, titled("Last plan"))
    assert "Secret" not in document.text and document.metadata["left_out"] == "hidden slides (1)"
    assert len(document.layout.pages) == 3


def retyped(path: Path, plain: str, other: str, suffix: str) -> Path:
    """Return a copy of a package whose main part has another type."""
    copy = path.with_suffix(suffix)
    with zipfile.ZipFile(path) as package, zipfile.ZipFile(copy, "w") as changed:
        for name in package.namelist():
            data = package.read(name)
            changed.writestr(name, data.replace(plain.encode(), other.encode()) if name.startswith("[") else data)
    return copy


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".docm", "vnd.ms-word.document.macroEnabled"),
        (".dotx", "vnd.openxmlformats-officedocument.wordprocessingml.template"),
        (".dotm", "vnd.ms-word.template.macroEnabledTemplate"),
    ],
)
def test_word_templates_and_files_with_macros_are_read(suffix: str, kind: str, tmp_path: Path) -> None:
    text = docx.Document()
    text.add_paragraph("The ferry leaves at noon.")
    text.save(str(tmp_path / "a.docx"))
    plain = "vnd.openxmlformats-officedocument.wordprocessingml.document.main"
    assert read(retyped(tmp_path / "a.docx", plain, f"{kind}.main", suffix)).text == "The ferry leaves at noon."


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".ppsx", "vnd.openxmlformats-officedocument.presentationml.slideshow"),
        (".potx", "vnd.openxmlformats-officedocument.presentationml.template"),
        (".pptm", "vnd.ms-powerpoint.presentation.macroEnabled"),
    ],
)
def test_slide_shows_templates_and_files_with_macros_are_read(suffix: str, kind: str, tmp_path: Path) -> None:
    written_slides(tmp_path / "a.pptx", titled("Fares"))
    plain = "vnd.openxmlformats-officedocument.presentationml.presentation.main"
    assert read(retyped(tmp_path / "a.pptx", plain, f"{kind}.main", suffix)).text == "Fares"


@pytest.mark.parametrize(("suffix", "packed"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_packed_file_is_read_by_the_rest_of_its_name(
    suffix: str, packed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / f"a.html.{suffix}"
    path.write_bytes(packed(b"<h1>Fares</h1><p>The fare is 28 euros.</p>"))
    document = read(path)
    assert (document.format, document.title, document.id) == ("html", "Fares", f"a.html.{suffix}/a.html")
    path.write_bytes(packed(b"<p>The fare</p>" * 100)[:-12])
    (error,) = load(Source(path, path.name))
    assert isinstance(error, LoadError) and "damaged" in str(error)


def test_a_chapter_is_found_whatever_fragment_and_case_its_name_has(tmp_path: Path) -> None:
    names = {"a": "text/Ch%201.xhtml#top", "b": "text/ch%201.xhtml#end", "c": "text/last.xhtml?x"}
    items = "".join(f'<item id="{key}" href="{href}"/>' for key, href in names.items())
    spine = "".join(f'<itemref idref="{key}"/>' for key in names)
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as book:
        book.writestr("META-INF/container.xml", '<container><rootfile full-path="c.opf"/></container>')
        book.writestr("c.opf", f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>")
        book.writestr("text/ch 1.xhtml", "<p>The fare is 28 euros.</p>")
        book.writestr("text/last.xhtml", "<p>The end.</p>")
    assert read(tmp_path / "a.epub").text == "The fare is 28 euros.\n\nThe end."


CHART = (
    '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart><c:plotArea><c:area3DChart>'
    '<c:ser><c:tx><c:v>Boats</c:v><c:pt idx="0"><c:v>Boats</c:v></c:pt></c:tx>'
    '<c:cat><c:numCache><c:formatCode>yyyy</c:formatCode><c:pt idx="0"><c:v>37261</c:v></c:pt></c:numCache></c:cat>'
    '<c:val><c:numCache><c:pt idx="0"><c:v>12.0</c:v></c:pt></c:numCache></c:val></c:ser>'
    "</c:area3DChart></c:plotArea></c:chart></c:chartSpace>"
)
DIAGRAM = f"<p:dataModel {_NAMES}><p:pt><p:t>{_PARAGRAPH}</p:t></p:pt></p:dataModel>"


def test_charts_and_diagrams_of_a_text_are_read_and_embedded_documents_are_said(tmp_path: Path) -> None:
    from docx.opc.packuri import PackURI as WordURI
    from docx.opc.part import Part as WordPart

    text = docx.Document()
    text.add_paragraph("The ferry leaves at noon.")
    for kind, xml in (("chart", CHART), ("diagramData", DIAGRAM), ("aFChunk", "<html/>")):
        content_type = f"application/vnd.openxmlformats-officedocument.drawingml.{kind}+xml"
        part = WordPart(WordURI(f"/word/{kind}.xml"), content_type, xml.encode(), text.part.package)
        text.part.relate_to(part, _RELATION + kind)
    text.save(str(tmp_path / "a.docx"))
    document = read(tmp_path / "a.docx")
    assert document.text == "The ferry leaves at noon.\n\n| Boats\n2002-01-05 | 12\nThe fare is 28 euros."
    assert document.metadata["left_out"] == "embedded documents (1)"


def test_struck_words_are_left_out_and_said_and_signs_of_symbol_fonts_are_read(tmp_path: Path) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    text = docx.Document()
    paragraph = text.add_paragraph("The fee is ")
    paragraph.add_run("380 ").font.strike = True
    run = paragraph.add_run("420 euros at 5")
    for font, code in (("Symbol", "F0B0"), ("Wingdings 2", "F0FC"), ("Symbol", "F001")):
        sign = OxmlElement("w:sym")
        sign.set(qn("w:font"), font)
        sign.set(qn("w:char"), code)
        run._r.append(sign)
    text.save(str(tmp_path / "a.docx"))
    document = read(tmp_path / "a.docx")
    assert document.text == "The fee is 420 euros at 5°✓\ufffd" and document.metadata["left_out"] == "struck texts (1)"


@pytest.mark.parametrize("tag", ["del", "s", "strike"])
def test_struck_words_of_a_page_are_left_out_and_said(tag: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<p>The fee is <{tag}>380</{tag}> 420 euros.</p>")
    document = read(tmp_path / "a.html")
    assert document.text == "The fee is 420 euros." and document.metadata["left_out"] == "struck texts (1)"


ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "style")
)


def written_odt(path: Path, body: str, styles: str) -> Document:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("content.xml", f"<office:document {ODF}><office:body>{body}</office:body></office:document>")
        package.writestr("styles.xml", f"<office:styles {ODF}>{styles}</office:styles>")
    return read(path)


def test_hidden_and_struck_text_of_opendocument_is_left_out_and_heads_and_feet_are_read(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
        '<style:style style:name="S"><style:text-properties style:text-line-through-style="solid"/></style:style>'
        "<style:header><text:p>Peel Harbour</text:p></style:header><style:footer><text:p>4</text:p></style:footer>"
    )
    body = (
        '<text:p>The fee is <text:span text:style-name="S">380 </text:span>420 euros.</text:p>'
        '<text:p text:style-name="H">Secret.</text:p>'
        '<text:section text:display="none"><text:p>No.</text:p></text:section>'
    )
    document = written_odt(tmp_path / "a.odt", body, styles)
    assert document.text == "The fee is 420 euros.\n\nPeel Harbour"
    assert document.metadata["left_out"] == "struck texts (1), hidden texts (2)"


def test_notes_heads_and_feet_of_rtf_are_read_and_struck_words_are_left_out(tmp_path: Path) -> None:
    rtf = (
        r"{\rtf1\ansi{\header Peel {\b Harbour}\par}{\footerl 4\par}The fee is {\strike 380 }420 euros"
        r"{\super 1{\*\footnote Since \'4day.}}.\par The end.}"
    )
    (tmp_path / "a.rtf").write_text(rtf)
    document = read(tmp_path / "a.rtf")
    assert document.text.split("\n\n") == ["The fee is 420 euros1.\nThe end.", "Peel Harbour", "Since May."]
    assert document.metadata["left_out"] == "struck texts (1)"


def test_boxes_and_charts_on_a_sheet_are_read_and_those_of_hidden_sheets_are_not(tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.chart import BarChart

    book = openpyxl.Workbook()
    for name in ("Boats", "Secret"):
        chart = BarChart()
        chart.title = f"{name} by pier"
        sheet = book.create_sheet(name)
        sheet.append(["Pier", "North"])
        sheet.add_chart(chart)
    book.remove(book.worksheets[0])
    book["Secret"].sheet_state = "hidden"
    book.save(str(tmp_path / "plain.xlsx"))
    box = (
        f'<twoCellAnchor {_NAMES} xmlns="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing">'
        f"<sp><txBody>{_PARAGRAPH}</txBody></sp></twoCellAnchor></wsDr>"
    )
    with (
        zipfile.ZipFile(tmp_path / "plain.xlsx") as plain,
        zipfile.ZipFile(tmp_path / "a.xlsx", "w") as package,
    ):
        for name in plain.namelist():
            data = plain.read(name)
            package.writestr(name, data.replace(b"</wsDr>", box.encode()) if "drawing1.xml" in name else data)
    text = read(tmp_path / "a.xlsx").text
    assert "Pier | North" in text and "The fare is 28 euros." in text and "Boats by pier" in text
    assert "Secret" not in text
