"""What Word documents hold beside their paragraphs is read or left out with a note."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document as new_docx
from docx.oxml import parse_xml

from rag import Index
from rag.core.types import Document
from rag.loading import Source, load

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def made(tmp_path: Path, *elements: str, change: Callable[[object], None] | None = None) -> Path:
    """Write a document whose body holds these elements."""
    word = new_docx()
    for xml in elements:
        word.element.body.insert(len(word.element.body) - 1, parse_xml(xml))
    if change:
        change(word)
    path = tmp_path / "a.docx"
    word.save(str(path))
    return path


def read(path: Path) -> Document:
    (document,) = load(Source(path, path.name))
    assert isinstance(document, Document)
    return document


def lines(path: Path) -> list[str]:
    return [line for line in read(path).text.split("\n") if line]


def paragraph(text: str, properties: str = "", run_properties: str = "") -> str:
    run = f"<w:r><w:rPr>{run_properties}</w:rPr><w:t>{text}</w:t></w:r>"
    return f"<w:p {W}><w:pPr>{properties}</w:pPr>{run}</w:p>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


def test_hidden_and_deleted_text_is_left_out_and_counted(tmp_path: Path) -> None:
    hidden_style = (
        f'<w:style {W} w:type="paragraph" w:styleId="Hid"><w:name w:val="Hid"/><w:rPr><w:vanish/></w:rPr></w:style>'
    )
    path = made(
        tmp_path,
        paragraph("The fee is 10 euros."),
        paragraph("The hidden fee is 11 euros.", run_properties="<w:vanish/>"),
        paragraph("The styled fee is 12 euros.", '<w:pStyle w:val="Hid"/>'),
        paragraph("The shown fee is 13 euros.", '<w:pStyle w:val="Hid"/>', '<w:vanish w:val="0"/>'),
        f"<w:p {W}><w:del><w:r><w:delText>The old fee is 14 euros.</w:delText></w:r></w:del></w:p>",
        change=lambda word: word.styles.element.append(parse_xml(hidden_style)),  # type: ignore[attr-defined]
    )
    assert lines(path) == ["The fee is 10 euros.", "The shown fee is 13 euros."]
    assert read(path).metadata["left_out"] == "hidden texts (2), deleted texts (1)"


@pytest.mark.thorough
def test_the_report_of_an_index_says_what_was_left_out(tmp_path: Path) -> None:
    path = made(tmp_path, paragraph("The fee is 10 euros."), paragraph("Hidden.", run_properties="<w:vanish/>"))
    report = Index.build(path, tmp_path / "index").report
    assert "not in the text of a.docx: hidden texts (1)." in report.notes


def test_deleted_rows_and_cells_are_left_out(tmp_path: Path) -> None:
    table = (
        row(cell("Cellar"), cell("Room 3"))
        + row(cell("Attic"), cell("Room 9"), properties="<w:del/>")
        + row(cell("Loft"), cell("Room 11", "<w:cellDel/>"))
    )
    path = made(tmp_path, f"<w:tbl {W}>{table}</w:tbl>")
    assert lines(path) == ["Cellar | Room 3", "Loft"]
    assert read(path).metadata["left_out"] == "deleted rows (1), deleted cells (1)"


def test_a_merged_cell_gives_its_text_to_every_row_and_column(tmp_path: Path) -> None:
    start, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    table = (
        row(cell("Dock"), cell("Boat"), cell("Length"))
        + row(cell("North", start), cell("Marlin"), cell("12 m"))
        + row(cell("", goes_on), cell("Otter"), cell("9 m"))
        + row(cell("closed", '<w:gridSpan w:val="2"/>'), cell("15 m"))
        + row(cell("all boats", '<w:gridSpan w:val="3"/>'))
    )
    path = made(tmp_path, f"<w:tbl {W}>{table}</w:tbl>")
    assert lines(path)[1:] == ["North | Marlin | 12 m", "North | Otter | 9 m", "closed | closed | 15 m", "all boats"]


def test_a_long_merged_cell_is_not_repeated(tmp_path: Path) -> None:
    text = "word " * 1_000
    table = row(cell(text, '<w:vMerge w:val="restart"/>'), cell("a")) + row(cell("", "<w:vMerge/>"), cell("b")) * 50
    path = made(tmp_path, f"<w:tbl {W}>{table}</w:tbl>")
    assert len(read(path).text) < 2 * len(text)


def test_lists_comments_boxes_and_tables_in_a_cell_are_read_once(tmp_path: Path) -> None:
    def change(word: object) -> None:
        word.part.numbering_part._element = parse_xml(NUMBERS)  # type: ignore[attr-defined]
        runs = word.tables[0].cell(0, 1).paragraphs[0].runs  # type: ignore[attr-defined]
        word.add_comment(runs, text="Weighed in May.", author="Ann")  # type: ignore[attr-defined]

    number = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="70"/></w:numPr></w:pPr>'
    items = "".join(f"<w:p>{number}<w:r><w:t>{text}</w:t></w:r></w:p>" for text in ("ropes", "buoys"))
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    compatible = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    both = f"<mc:AlternateContent {compatible}><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    boxed = f"<w:p><w:r>{both}</mc:AlternateContent></w:r></w:p>"
    nested = f"<w:tbl>{row(cell('Crane'), cell('2 t'))}</w:tbl>"
    inner = f"<w:sdt><w:sdtContent>{nested}</w:sdtContent></w:sdt>"
    table = row(f"<w:tc><w:tcPr/>{items}{boxed}{inner}<w:p/></w:tc>", cell("12 kg")) + row(cell("Oars"), cell("3 kg"))
    grid = "<w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid>"
    path = made(tmp_path, f"<w:tbl {W}>{grid}{table}</w:tbl>", change=change)
    assert lines(path) == [
        "1. ropes 2. buoys boxed | 12 kg", "Oars | 3 kg", "Comment by Ann: Weighed in May.", "Crane | 2 t",
    ]  # fmt: skip


def test_a_comment_follows_its_paragraph(tmp_path: Path) -> None:
    def comment(word: object) -> None:
        runs = word.paragraphs[0].runs  # type: ignore[attr-defined]
        word.add_comment(runs, text="The owner asked for five years.", author="Ann")  # type: ignore[attr-defined]

    path = made(tmp_path, paragraph("The crane is let."), paragraph("The end."), change=comment)
    assert lines(path) == ["The crane is let.", "Comment by Ann: The owner asked for five years.", "The end."]


def test_headers_and_footers_are_read_once_and_page_numbers_are_not(tmp_path: Path) -> None:
    def frame(word: object) -> None:
        for _ in range(2):
            section = word.add_section()  # type: ignore[attr-defined]
            section.header.is_linked_to_previous = section.footer.is_linked_to_previous = False
            section.header.paragraphs[0].text = "Contract number HB-4471"
            section.footer.paragraphs[0].text = "12"

    assert lines(made(tmp_path, paragraph("The crane is let."), change=frame)) == [
        "The crane is let.", "Contract number HB-4471",
    ]  # fmt: skip


NUMBERS = f"""<w:numbering {W}><w:abstractNum w:abstractNumId="7">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="4"/><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum><w:abstractNum w:abstractNumId="8">
<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="*"/></w:lvl></w:abstractNum>
<w:num w:numId="70"><w:abstractNumId w:val="7"/></w:num>
<w:num w:numId="71"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/></w:lvlOverride>
</w:num>
<w:num w:numId="80"><w:abstractNumId w:val="8"/></w:num></w:numbering>"""


def numbered(text: str, list_id: int, level: int = 0) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>')


def test_automatic_numbers_of_lists_are_part_of_the_text(tmp_path: Path) -> None:
    def define(word: object) -> None:
        word.part.numbering_part._element = parse_xml(NUMBERS)  # type: ignore[attr-defined]

    items = [("one", 70, 0), ("inner", 70, 1), ("inner too", 70, 1), ("deep", 70, 2), ("two", 70, 0), ("again", 70, 1)]
    items += [("nine", 71, 0), ("dot", 80, 0), ("three", 70, 0)]
    path = made(tmp_path, *(numbered(*item) for item in items), change=define)
    assert lines(path) == [
        "1. one", "1.a) inner", "1.b) inner too", "(iv) deep", "2. two", "2.a) again", "9. nine", "dot", "3. three",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("equation", "line"),
    [
        ("<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>", "(a+b)/2"),
        ("<m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>", "c^2"),
        ("<m:rad><m:radPr><m:degHide/></m:radPr><m:deg/><m:e><m:r><m:t>x+1</m:t></m:r></m:e></m:rad>", "√(x+1)"),
    ],
)
def test_an_equation_is_text_and_leaves_no_gap(equation: str, line: str, tmp_path: Path) -> None:
    before, after = "<w:r><w:t>The load is </w:t></w:r>", "<w:r><w:t> tonnes.</w:t></w:r>"
    xml = f"<w:p {W} {M}>{before}<m:oMath>{equation}</m:oMath>{after}</w:p>"
    assert lines(made(tmp_path, xml)) == [f"The load is {line} tonnes."]


def test_strict_open_xml_is_read(tmp_path: Path) -> None:
    path = made(tmp_path, paragraph("The crane arrives on 9 June."))
    strict = io.BytesIO()
    with zipfile.ZipFile(path) as package, zipfile.ZipFile(strict, "w") as copy:
        for name in package.namelist():
            data = package.read(name)
            for kind in (b"officeDocument", b"wordprocessingml"):
                data = data.replace(
                    b"http://schemas.openxmlformats.org/%s/2006/" % kind, b"http://purl.oclc.org/ooxml/%s/" % kind
                )
            copy.writestr(name, data)
    path.write_bytes(strict.getvalue())
    assert lines(path) == ["The crane arrives on 9 June."]
