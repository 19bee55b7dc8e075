"""What each format's structure becomes: blocks, headers, pages, parts, rows, metadata, and what is masked."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docx import Document as new_docx
from docx.oxml import parse_xml
from openpyxl import Workbook
from pptx import Presentation
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate

from rag.answering.citation import place
from rag.chunking.blocks import blocks
from rag.chunking.boilerplate import masks
from rag.chunking.chunks import chunk
from rag.core.errors import LoadError
from rag.core.types import Chunk, Document, Span
from rag.loading import Source, load

if TYPE_CHECKING:
    from collections.abc import Sequence

PROSE = (
    "The committee met on Monday and agreed that the bridge should be closed until the inspection is finished.",
    "Repairs were postponed twice for lack of money, and the northern pier was found to be unstable in the spring.",
    "The mayor promised that a temporary ferry would run every hour from the old harbour until late in the evening.",
)
PAGE = f"""<!DOCTYPE html><html lang="en-GB"><head><title>Bridge closed - The Paper</title><meta charset="utf-8">
<meta name="author" content="Ann Bell"><meta property="og:site_name" content="The Paper">
<link rel="canonical" href="https://paper.example/bridge">
<meta property="article:published_time" content="2024-05-06T07:00:00Z"><script>var hidden = 1;</script></head>
<body><nav><ul><li><a href="/">Home</a></li><li><a href="/news">News</a></li></ul></nav>
<main><article><h1>Bridge closed</h1><p>{PROSE[0]}</p><p>{PROSE[1]}</p><h2>What is next</h2><ul><li>{PROSE[2]}</li></ul>
<table><tr><th>City</th><th>Rate</th></tr><tr><td>Ulm</td><td>4.5</td></tr></table><p>First<br>second</p></article></main>
<aside><h3>Most read</h3><ol><li><a href="/a">Dog bites man in park</a></li></ol></aside>
<footer><p>All about us</p><p style="display:none">invisible</p></footer></body></html>"""


def written(folder: Path, name: str, data: str) -> Path:
    path = folder / name
    path.write_text(data, encoding="utf-8", newline="")
    return path


def results(path: Path, text_column: str = "") -> "Sequence[Document | LoadError]":
    return list(load(Source(path, path.name, text_column=text_column)))


def document(path: Path, text_column: str = "") -> Document:
    (found,) = results(path, text_column)
    assert isinstance(found, Document), found
    return found


def shape(found: Document) -> list[tuple[Any, ...]]:
    return [(block.kind, block.level, found.slice(block.span)) for block in blocks(found)]


def chunks(found: Document) -> list[Chunk]:
    return chunk(found, blocks(found), masks(found, blocks(found)), 900, 10_000, lambda texts: [1] * len(texts))


def where(found: Document, words: str) -> Span:
    start = found.text.index(words)
    return Span(found.id, start, start + len(words))


class TestHtml:
    def test_all_visible_text_is_kept_and_what_is_not_main_text_is_masked(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.html", PAGE))
        masked = {found.slice(mask.span): mask.reason for mask in masks(found, blocks(found))}
        assert shape(found) == [
            ("list_item", None, "Home"),
            ("list_item", None, "News"),
            ("heading", 1, "Bridge closed"),
            ("paragraph", None, PROSE[0]),
            ("paragraph", None, PROSE[1]),
            ("heading", 2, "What is next"),
            ("list_item", None, PROSE[2]),
            ("table_header", None, "City | Rate"),
            ("table_row", None, "Ulm | 4.5"),
            ("paragraph", None, "First\nsecond"),
            ("heading", 3, "Most read"),
            ("list_item", None, "1. Dog bites man in park"),
            ("paragraph", None, "All about us"),
        ]
        assert masked["1. Dog bites man in park"] == masked["All about us"] == "not_main_text"
        assert "Most read" in masked
        assert not {*PROSE, "Bridge closed", "What is next", "Ulm | 4.5"} & set(masked)
        searched = "".join(made.text for made in chunks(found))
        assert "Dog bites man" not in searched and PROSE[1] in searched

    def test_metadata_is_what_the_page_says(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.html", PAGE))
        assert found.title == "Bridge closed"
        assert found.metadata == {
            "author": "Ann Bell",
            "publisher": "The Paper",
            "published_at": "2024-05-06",
            "uri": "https://paper.example/bridge",
            "language": "en",
        }

    def test_a_page_without_main_text_keeps_all(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.html", "<p>One line.</p>"))
        assert [block.reason for block in blocks(found)] == [None]

    def test_a_page_of_the_signs_that_mark_blocks_is_told_apart_from_them(self, tmp_path: Path) -> None:
        signs = "".join(chr(code) for code in range(0x4DC0, 0x4E00))
        found = document(written(tmp_path, "a.html", PAGE.replace("First", signs)))
        reasons = {found.slice(block.span): block.reason for block in blocks(found)}
        assert signs in found.text
        assert reasons[PROSE[0]] is None and reasons["Home"] == "not_main_text"

    @pytest.mark.parametrize(
        "markup,expected",
        [
            ("a<b>b</b>c<!-- no -->d", ["abcd"]),
            ("<p>one</p>two<p>three</p>four", ["one", "two", "three", "four"]),
            ("<p>  a \n b\t c&nbsp;d  </p>", ["a b c\u00a0d"]),
            ("<p>one<br><br>two<br>three</p>", ["one", "two\nthree"]),
            ("<pre>  a\n   b</pre>", ["a\n   b"]),
            ("<div hidden>x</div><p style='DISPLAY : none'>y</p><template>z</template>w", ["w"]),
            ("<table><tr><td><h2>Layout</h2><p>not data</p></td></tr></table>", ["Layout", "not data"]),
            ("<ul><li>a<ul><li>b</li></ul>c</li></ul>", ["a", "b", "c"]),
            ("<table><tr><td>a<table><tr><td>x</td><td>y</td></tr></table>b</td></tr></table>", ["a", "x | y", "b"]),
            ("<p>a &lt;b&gt; &amp; c</p>", ["a <b> & c"]),
        ],
    )
    def test_blocks_are_what_a_browser_shows_apart(self, markup: str, expected: list[str], tmp_path: Path) -> None:
        assert [text for _, _, text in shape(document(written(tmp_path, "a.html", markup)))] == expected


class TestTables:
    def test_rows_have_their_header_above_and_a_paragraph_behind_the_table_has_not(self, tmp_path: Path) -> None:
        table = "# Rates\n\n| City | Rate |\n|---|---|\n| Ulm | 4.5 |\n\nNo table here.\n"
        found = {made.text.strip(): made.headings for made in chunks(document(written(tmp_path, "a.md", table)))}
        rows = next(headings for text, headings in found.items() if "Ulm" in text)
        behind = next(headings for text, headings in found.items() if "No table" in text)
        assert rows[-1] == "| City | Rate |" and "| City | Rate |" not in behind

    def test_a_record_over_several_lines_is_one_row_with_its_number_and_line(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.csv", 'city;note\r\nUlm;"a; b\r\nc"\r\n\r\nBonn;"x ""y"" \u2028z"\r\n')
        found = document(path)
        assert found.text.encode() == path.read_bytes()
        assert [text for _, _, text in shape(found)] == ["city;note", 'Ulm;"a; b\r\nc"', 'Bonn;"x ""y"" \u2028z"']
        at = place(found, where(found, "Bonn"))
        assert (at.row, at.line_start, at.editor_link) == (4, 5, f"{path}:5:1")

    def test_a_text_column_makes_rows_documents_by_id_or_by_number(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.csv", "_id,Title,Body,date\nk,T,First text,2024-01-02\n,U,Second text,\n,V,,\n")
        first, second, empty = results(path)
        assert isinstance(first, Document) and isinstance(second, Document) and isinstance(empty, LoadError)
        assert (first.id, first.title, first.text, first.layout.rows) == ("k", "T", "First text", ())
        assert first.metadata == {"published_at": "2024-01-02"}
        assert (second.id, place(second, Span(second.id, 0, 6)).row) == ("a.csv#3", 3)
        assert "row 4" in empty.message

    @pytest.mark.parametrize("name", ["Article", "document", "Content"])
    def test_a_column_of_labels_is_no_text_so_that_its_table_stays_whole(self, tmp_path: Path, name: str) -> None:
        table = f"{name},Price\nOak worktop,189.00\nHinge,3.15\n"
        assert document(written(tmp_path, "a.csv", table)).text == table
        rows = json.dumps([{name: "Oak worktop", "Price": 189}, {name: "Hinge", "Price": 3.15}])
        assert "189" in document(written(tmp_path, "a.json", rows)).text
        texts = table.replace("Hinge", "The hinge opens to 110 degrees and closes by itself if it is oiled.")
        assert len(results(written(tmp_path, "b.csv", texts))) == 2, "a column of texts makes its rows documents"

    def test_a_chosen_column_is_taken_and_a_missing_one_named(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.tsv", "text\tnote\nA\tB\n")
        assert document(path, "note").text == "B"
        (error,) = results(path, "other")
        assert isinstance(error, LoadError) and "'other'" in error.message and "text, note" in error.message

    def test_a_field_longer_than_the_librarys_limit_is_read(self, tmp_path: Path) -> None:
        import csv

        before = csv.field_size_limit()
        assert len(document(written(tmp_path, "a.csv", "text,n\n" + "word " * 100_000 + ",1\n")).text) == 500_000
        assert csv.field_size_limit() == before

    def test_json_without_a_text_is_one_document_of_all_values(self, tmp_path: Path) -> None:
        content = {
            "service": "ferry",
            "departures": {"Douglas": "07:15"},
            "open": True,
            "stops": [{"n": 1}, {"n": 2.5}],
        }
        found = document(written(tmp_path, "a.json", json.dumps(content)))
        assert found.text.split("\n") == [
            "service: ferry", "departures.Douglas: 07:15", "open: true", "stops.1.n: 1", "stops.2.n: 2.5",
        ]  # fmt: skip
        deep = written(tmp_path, "deep.json", "[" * 50 + '"bottom"' + "]" * 50)
        assert document(deep).text == "1.1.1.1: bottom"

    def test_a_chosen_key_of_json_gives_a_document_for_each_object(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.json", json.dumps([{"headline": "H", "story": "S"}]))
        found = document(path, "story")
        assert (found.id, found.title, found.text) == ("a.json#1", "H", "S")
        (error,) = results(path, "other")
        assert isinstance(error, LoadError) and "headline, story" in error.message

    def test_a_line_of_json_lines_may_name_its_text_by_a_usual_name(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.jsonl", '{"_id": "a", "content": "The tug is Marlin."}\n')
        assert document(path).text == "The tug is Marlin."

    def test_sheets_are_parts_and_rows_keep_their_numbers(self, tmp_path: Path) -> None:
        book = Workbook()
        book.active.title = "One"
        for row in (["City", "Rate"], ["Ulm", 4.0], [], ["Bonn", 3.5]):
            book.active.append(row)
        other = book.create_sheet("Two")
        other.append(["A caption"])
        other.append(["Name", "Year"])
        other.append(["x", 2019])
        book.save(tmp_path / "a.xlsx")
        found = document(tmp_path / "a.xlsx")
        at = [place(found, where(found, words)) for words in ("Ulm | 4", "Bonn | 3.5", "Two", "x | 2019")]
        assert [(one.part, one.row) for one in at] == [("One", 2), ("One", 4), ("Two", None), ("Two", 3)]
        headings = {made.text.split("\n")[-1].strip(): made.headings for made in chunks(found)}
        assert headings["x | 2019"][-1] == "Name | Year"


class TestDocx:
    def test_tracked_changes_boxes_and_page_marks(self, tmp_path: Path) -> None:
        ns = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        word = new_docx()
        body = word.element.body
        for xml in (
            f"<w:p {ns}><w:r><w:t>Kept </w:t></w:r><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
            "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>",
            f"<w:p {ns}><w:pPr><w:tabs><w:tab w:val='left' w:pos='1'/></w:tabs></w:pPr><w:r><w:lastRenderedPageBreak/>"
            "<w:t>On page two</w:t></w:r></w:p>",
            f"<w:sdt {ns}><w:sdtContent><w:p><w:r><w:t>In a control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        ):
            body.insert(len(body) - 1, parse_xml(xml))
        table = word.add_table(2, 2)
        for cell, text in zip(
            [*table.rows[0].cells, *table.rows[1].cells], ["City", "Rate", "Ulm", "4.5"], strict=True
        ):
            cell.text = text
        table.rows[1].cells[1].add_table(1, 1).rows[0].cells[0].text = "inner"
        word.save(str(tmp_path / "a.docx"))
        found = document(tmp_path / "a.docx")
        assert [text for _, _, text in shape(found)] == [
            "Kept inserted", "On page two", "In a control", "City | Rate", "Ulm | 4.5", "inner",
        ]  # fmt: skip
        pages = [place(found, where(found, words)).page_number for words in ("Kept", "On page two", "Ulm")]
        assert pages == [1, 2, 2]


class TestRst:
    def test_a_year_or_an_initial_at_the_start_of_a_wrapped_line_begins_no_list(self, tmp_path: Path) -> None:
        text = "The hall was sold in\n1880. It burnt down under\nJ. Smith. It has:\n1. a door\n2. a roof\n"
        kinds = shape(document(written(tmp_path, "a.rst", text)))
        assert kinds == [
            ("paragraph", None, "The hall was sold in\n1880. It burnt down under\nJ. Smith. It has:"),
            ("list_item", None, "1. a door"),
            ("list_item", None, "2. a roof"),
        ]

    def test_fields_behind_the_first_text_are_content(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.rst", "Boats\n=====\n\n:Author: Ann\n\nAll boats.\n\n:Number: 7\n"))
        assert [kind for kind, _, words in shape(found) if words[0] == ":"] == ["metadata", "paragraph"]

    def test_each_construct_is_a_block_of_its_kind(self, tmp_path: Path) -> None:
        text = (
            "=====\nTitle\n=====\n\n:Author: Ann\n\nProse that\ngoes on::\n\n    literal\n\n    more\n\nPart\n----\n\n"
            "- one\n- two\n  wrapped\n\n.. note:: Mind this.\n\n.. a comment\n   of two lines\n\n.. image:: x.png\n\n"
            "====  ====\nCity  Rate\n====  ====\nUlm   4.5\n====  ====\n\nEnd.\n"
        )
        found = document(written(tmp_path, "a.rst", text))
        assert found.title == "Title" and found.metadata["author"] == "Ann" and found.text == text
        kinds = [(kind, level, words.replace("\n", "/")) for kind, level, words in shape(found)]
        assert kinds == [
            ("heading", 1, "=====/Title/====="),
            ("metadata", None, ":Author: Ann"),
            ("paragraph", None, "Prose that/goes on::"),
            ("code", None, "literal"),
            ("code", None, "more"),
            ("heading", 2, "Part/----"),
            ("list_item", None, "- one"),
            ("list_item", None, "- two/  wrapped"),
            ("paragraph", None, ".. note:: Mind this."),
            ("paragraph", None, ".. a comment"),
            ("paragraph", None, "of two lines"),
            ("paragraph", None, ".. image:: x.png"),
            ("table_row", None, "====  ===="),
            ("table_header", None, "City  Rate"),
            ("table_row", None, "====  ===="),
            ("table_row", None, "Ulm   4.5"),
            ("table_row", None, "====  ===="),
            ("paragraph", None, "End."),
        ]
        masked = {found.slice(mask.span) for mask in masks(found, blocks(found))}
        assert {".. a comment", "of two lines", ".. image:: x.png"} <= masked
        assert not {".. note:: Mind this.", "End."} & masked


def test_no_library_is_imported_before_a_file_needs_it() -> None:
    import subprocess
    import sys

    heavy = "lxml trafilatura pypdfium2 docx pptx openpyxl striprtf".split()
    code = f"import sys, rag.loading.formats.markup.web; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["docx", "pptx"])
def test_the_day_a_file_was_made_is_not_its_day_of_publication(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "docx":
        word = new_docx()
        word.add_paragraph("The bridge was opened in May.")
        word.save(str(path))
    else:
        deck = Presentation()
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "The bridge was opened in May."
        deck.save(str(path))
    found = document(path)
    assert found.metadata["created"][:3] == "201" and "published_at" not in found.metadata


def test_nor_is_that_of_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    SimpleDocTemplate(str(path)).build([Paragraph(PROSE[0], getSampleStyleSheet()["BodyText"])])
    found = document(path)
    assert found.metadata["created"][:2] == "20" and "published_at" not in found.metadata


class TestHiddenRtf:
    def test_hidden_and_deleted_text_is_left_out_and_counted(self, tmp_path: Path) -> None:
        rtf = (
            r"{\rtf1\ansi The fee is 84.\par {\v The hidden fee is \u8364?99, caf\'e9.\par}"
            r"\deleted Old berth 5.\deleted0  Shown.\par {\b\v x {\i y} z}\v gone \v0 back\par \v all \plain plain}"
        )
        found = document(written(tmp_path, "a.rtf", rtf))
        assert "".join(found.text.split()) == "Thefeeis84.Shown.backplain"
        assert found.metadata["left_out"] == "hidden texts (4), deleted texts (1)"


class TestDelimiters:
    @pytest.mark.parametrize("sign", [",", ";", "\t", "|", "~", "^", ":"])
    def test_the_sign_that_cuts_all_records_into_columns_is_the_delimiter(self, sign: str, tmp_path: Path) -> None:
        text = "Item,Maker,Price\nWinch,Harken,540\nCleat,Selden,22\n".replace(",", sign)
        headings = {made.text.strip(): made.headings for made in chunks(document(written(tmp_path, "a.csv", text)))}
        assert all(heads[-1:] == ("Item,Maker,Price".replace(",", sign),) for heads in headings.values())
        texts = "text,Maker\nWinch,Harken\n".replace(",", sign)
        assert document(written(tmp_path, "b.csv", texts)).text == "Winch"

    def test_one_column_of_texts_with_commas_and_colons_is_not_cut(self, tmp_path: Path) -> None:
        text = "text\nThe crane arrives at the quay, at last, on 9 June: noon.\nThe tug, Marlin, leaves.\n"
        assert [item.text for item in results(written(tmp_path, "a.csv", text)) if isinstance(item, Document)] == [
            "The crane arrives at the quay, at last, on 9 June: noon.", "The tug, Marlin, leaves.",
        ]  # fmt: skip

    def test_an_open_quote_does_not_swallow_the_file(self, tmp_path: Path) -> None:
        text = 'Item,Size\nPipe,"3/4 inch\nHose,1/2"\n"Rope, long",5\nCleat,7"\n'
        rows = [text for _, _, text in shape(document(written(tmp_path, "a.csv", text)))]
        assert rows == ["Item,Size", 'Pipe,"3/4 inch\nHose,1/2"', '"Rope, long",5', 'Cleat,7"']
        text = 'Item,Size\nPipe,"3/4 inch\nHose,1\n"Rope, long",5\n'
        rows = [text for _, _, text in shape(document(written(tmp_path, "b.csv", text)))]
        assert rows == ["Item,Size", 'Pipe,"3/4 inch', "Hose,1", '"Rope, long",5']


class TestPageParts:
    def test_facts_beside_the_main_text_are_content_and_menus_are_not(self, tmp_path: Path) -> None:
        page = f"""<html><body><header><nav><ul><li><a href="/">Home page of 1881</a></li></ul></nav></header>
        <main><article><h1>The old light</h1><p>{PROSE[0]}</p><p>{PROSE[1]}</p>
        <aside><p>Skippers must call channel 12 before the lock.</p></aside>
        </article></main><div class="related"><p>Read more: the new light of 1990.</p></div>
        <div id="infobox" class="sidebar"><table><tr><th>Height</th><td>21 metres</td></tr></table></div>
        <footer><p>Phone: 555-0199</p><p>All about us</p></footer></body></html>"""
        found = document(written(tmp_path, "a.html", page))
        masked = {found.slice(block.span) for block in blocks(found) if block.reason}
        assert masked == {"Home page of 1881", "Read more: the new light of 1990.", "All about us"}

    @pytest.mark.parametrize("name", ["menus", "related-bugs", "tags", "button-rows"])
    def test_the_id_of_a_section_does_not_make_it_a_menu(self, name: str, tmp_path: Path) -> None:
        page = f"""<html><body><div class="document"><section id="top"><h1>Manual</h1><p>{PROSE[0]}</p><p>{PROSE[1]}</p>
        <section id="{name}"><h2>Chapter<a class="headerlink" href="#{name}">¶</a></h2><p>{PROSE[2]}</p></section>
        </section></div></body></html>"""
        found = document(written(tmp_path, "a.html", page))
        assert not any(block.reason for block in blocks(found))
        assert ("heading", 2, "Chapter") in shape(found)

    def test_numbers_of_lists_are_those_that_a_browser_shows(self, tmp_path: Path) -> None:
        page = "<ol><li>a<ul><li>b</li></ul></li><li value=5>c</li><li>d</li></ol><ol start=3 type=A><li>e</li></ol>"
        assert [text for _, _, text in shape(document(written(tmp_path, "a.html", page)))] == [
            "1. a", "b", "5. c", "6. d", "C. e",
        ]  # fmt: skip

    def test_a_description_is_indented_below_its_term(self, tmp_path: Path) -> None:
        page = "<p>Staff</p><dl><dt>Ann</dt><dd>Pilot<dl><dt>Ship</dt><dd>Tern</dd></dl></dd></dl><p>End</p>"
        text = document(written(tmp_path, "a.html", page)).text
        assert text == "Staff\n\nAnn\n    Pilot\n\nShip\n    Tern\n\nEnd"

    def test_a_list_may_have_roman_numbers(self, tmp_path: Path) -> None:
        page = "<ol type=i start=4><li>a</li></ol><ol type=I><li>b</li></ol>"
        texts = [text for _, _, text in shape(document(written(tmp_path, "a.html", page)))]
        assert texts == ["iv. a", "I. b"]

    def test_merged_cells_give_their_text_to_every_row_and_column(self, tmp_path: Path) -> None:
        page = """<table><tr><th>Dock</th><th>Boat</th><th>Length</th></tr><tr><td rowspan=2>North</td><td>Marlin</td>
        <td>12 m</td></tr><tr><td>Otter</td><td rowspan=3>9 m</td></tr><tr><td colspan=2>closed</td></tr>
        <tr><td>South</td><td>Tern</td></tr></table>"""
        rows = [text for _, _, text in shape(document(written(tmp_path, "a.html", page)))]
        assert rows[1:] == [
            "North | Marlin | 12 m", "North | Otter | 9 m", "closed | closed | 9 m", "South | Tern | 9 m",
        ]  # fmt: skip

    def test_a_page_of_scripts_alone_says_what_it_says_without_them(self, tmp_path: Path) -> None:
        page = "<html><body><div id='root'></div><noscript>Enable JavaScript to run it.</noscript></body></html>"
        assert document(written(tmp_path, "a.html", page)).text == "Enable JavaScript to run it."
