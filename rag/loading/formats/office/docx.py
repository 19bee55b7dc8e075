"""Loads Word documents (DOCX): paragraphs, headings, lists, tables, text boxes, notes and comments, in reading order.

Deleted and hidden text is left out and counted, inserted text is read. Comments follow the paragraph or the table that
they comment; headers and footers stand at the end. Page numbers come from the marks that a word processor leaves when
it lays the document out; without marks there are none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document
from rag.loading.composing import MAX_MERGED_CHARACTERS, MAX_MERGED_COLUMNS, Composer, row_text
from rag.loading.formats.office.docx_numbering import Numbering
from rag.loading.formats.office.docx_text import FALLBACK, LEFT_OUT, ParagraphText, WordStyles, paragraph_text
from rag.loading.formats.office.drawing_parts import chart_rows, point_texts
from rag.loading.formats.office.office import core_properties, opened_package
from rag.loading.formats.office.ooxml import W
from rag.loading.sources import Source, source_sha256

_NOTES = ("footnotes", "endnotes")
_FRAMES = ("header", "footer")
_DRAWINGS = ("chart", "diagramData")
_EMBEDDED = {"aFChunk": "embedded documents", "package": "embedded files", "oleObject": "embedded files"}
"""Relationships of the body to parts that are not read, and their name in the report."""


def load_docx(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document. Raises LoadError, and the library's errors if the file is no DOCX."""
    from docx import Document as open_docx

    with opened_package(source) as file:
        word = open_docx(file)
    parts: dict[str, list[Any]] = {}
    for part in word.part.package.iter_parts():
        kind = part.content_type.rpartition(".")[2].removesuffix("+xml")
        if kind in (*_NOTES, *_FRAMES, *_DRAWINGS, "comments", "numbering"):
            parts.setdefault(kind, []).append(_root(part))
    reader = _Reader(Composer(source), WordStyles(word.styles), parts)
    body = word.element.body
    if body.find(f".//{W}lastRenderedPageBreak") is not None:
        reader.composer.page()
    reader.read(body)
    for kind in _NOTES:
        for root in parts.get(kind, ()):
            reader.read(root)
    reader.read_drawings(parts.get("chart", ()), parts.get("diagramData", ()))
    for relationship in word.part.rels.values():
        kind = relationship.reltype.rpartition("/")[2]
        reader.composer.leave_out(_EMBEDDED.get(kind, ""), kind in _EMBEDDED)
    reader.read_frames([root for kind in _FRAMES for root in parts.get(kind, ())])
    properties = core_properties(word.core_properties)
    title = str(properties.pop("title", ""))
    yield reader.composer.document("docx", source_sha256(source.path), title, properties)


def _root(part: Any) -> Any:
    from docx.oxml import parse_xml

    return parse_xml(part.blob)


@dataclass
class _CellContent:
    """The tables and comments in the cells of a table, which follow it."""

    tables: list[Any] = field(default_factory=list)
    comment_ids: list[str] = field(default_factory=list)


class _Reader:
    """Walks the elements of a body and composes its blocks; deep nesting is bounded by the XML parser."""

    def __init__(self, composer: Composer, styles: WordStyles, parts: dict[str, list[Any]]) -> None:
        self.composer = composer
        self._styles = styles
        self._numbering = Numbering(parts.get("numbering", ()), styles)
        comments = (comment for root in parts.get("comments", ()) for comment in root.iterchildren(W + "comment"))
        self._comments = {comment.get(W + "id"): comment for comment in comments}

    def read(self, parent: Any) -> None:
        """Add all below `parent`."""
        for element in parent.iterchildren():
            if element.tag == W + "p":
                self._paragraph(element)
            elif element.tag == W + "tbl":
                self._table(element)
            elif element.tag not in LEFT_OUT and element.tag != FALLBACK and isinstance(element.tag, str):
                self.read(element)  # a content control, a note, a tracked insertion around paragraphs

    def read_drawings(self, charts: Iterable[Any], diagrams: Iterable[Any]) -> None:
        """Add the values of charts and the texts of diagrams, which stand behind the body and its notes."""
        for chart in charts:
            for number, text in enumerate(chart_rows(chart)):
                self.composer.add(text, "table_row" if number else "table_header")
        for diagram in diagrams:
            for text in point_texts(diagram):
                self.composer.add(text, "list_item")

    def read_frames(self, roots: list[Any]) -> None:
        """Add each paragraph of headers and footers once; those of page numbers only are left out."""
        texts = dict.fromkeys(self._text(p).text.strip() for root in roots for p in root.iter(W + "p"))
        for text in texts:
            if any(map(str.isalpha, text)):
                self.composer.add(text)

    def _text(self, paragraph: Any) -> ParagraphText:
        content = paragraph_text(paragraph, self._styles)
        for kind, count in content.left_out.items():
            self.composer.leave_out(kind, count)
        return content

    def _paragraph(self, paragraph: Any) -> None:
        content = self._text(paragraph)
        text, breaks = content.text, content.text.count("\f")
        if breaks and not text.partition("\f")[0].strip():
            self.composer.page()  # the break is its first word
            breaks -= 1
        text = text.replace("\f", "")
        kind, level = self._kind(paragraph)
        self.composer.add(self._numbered(paragraph, text), kind, level)
        for box in content.boxes:
            self.read(box)
        self._add_comments(content.comment_ids)
        for _ in range(breaks):
            self.composer.page()

    def _numbered(self, paragraph: Any, text: str) -> str:
        """Return the text of a paragraph behind its automatic number, if it has one."""
        number = self._numbering.next_label(paragraph) if text.strip() else ""
        return f"{number} {text}" if number else text

    def _add_comments(self, ids: list[str]) -> None:
        for comment in (self._comments.pop(key, None) for key in ids):
            if comment is None:
                continue
            text = " ".join(filter(str.strip, (self._text(p).text for p in comment.iter(W + "p"))))
            author = comment.get(W + "author", "").strip()
            if text:
                self.composer.add(f"Comment by {author}: {text}" if author else f"Comment: {text}")

    def _table(self, table: Any) -> None:
        inside = _CellContent()
        above: list[str] = []
        is_first = True
        for row in table.iter(W + "tr"):
            if next(row.iterancestors(W + "tbl")) is not table:
                continue
            if row.find(f"{W}trPr/{W}del") is not None:
                self.composer.leave_out("deleted rows")
                continue
            cells = [cell for cell in row.iter(W + "tc") if next(cell.iterancestors(W + "tr")) is row]
            above = self._cell_texts(cells, above, inside)
            kind: BlockKind = "table_header" if is_first and len(above) > 1 else "table_row"
            self.composer.add(row_text(above), kind)
            is_first = False
            for _ in range(row.find(f".//{W}lastRenderedPageBreak") is not None):
                self.composer.page()
        self._add_comments(inside.comment_ids)
        for nested in inside.tables:
            self._table(nested)

    def _cell_texts(self, cells: list[Any], above: list[str], inside: "_CellContent") -> list[str]:
        """Return the text of each column: a merged cell gives its text to every column and row that it spans."""
        texts: list[str] = []
        for cell in cells:
            properties = cell.find(W + "tcPr")
            merge = span = None
            if properties is not None:
                merge, span = properties.find(W + "vMerge"), properties.find(W + "gridSpan")
            if properties is not None and properties.find(W + "cellDel") is not None:
                self.composer.leave_out("deleted cells")
                text = ""
            else:
                text = " ".join(self._cell_paragraphs(cell, inside))
            if merge is not None and merge.get(W + "val", "continue") == "continue" and not text.strip():
                text = above[len(texts)] if len(texts) < len(above) else ""
                text = text if len(text) <= MAX_MERGED_CHARACTERS else ""
            width = span.get(W + "val", "1") if span is not None else "1"
            width_count = min(int(width), MAX_MERGED_COLUMNS) if width.isdecimal() and len(width) < 6 else 1
            is_alone = len(cells) == 1 or len(text) > MAX_MERGED_CHARACTERS
            texts += [text] + [text if not is_alone else ""] * (max(width_count, 1) - 1)
        return texts

    def _cell_paragraphs(self, parent: Any, inside: "_CellContent") -> list[str]:
        """Return the texts of the paragraphs in a cell and in its boxes; add its tables and comments to `inside`."""
        texts: list[str] = []
        for element in parent.iterchildren():
            if element.tag == W + "p":
                content = self._text(element)
                texts.append(self._numbered(element, content.text.replace("\f", "")))
                inside.comment_ids += content.comment_ids
                for box in content.boxes:
                    texts += self._cell_paragraphs(box, inside)
            elif element.tag == W + "tbl":
                inside.tables.append(element)
            elif element.tag not in LEFT_OUT and element.tag != FALLBACK and isinstance(element.tag, str):
                texts += self._cell_paragraphs(element, inside)
        return texts

    def _kind(self, paragraph: Any) -> tuple[BlockKind, int | None]:
        properties = paragraph.find(W + "pPr")
        if properties is None:
            return "paragraph", None
        for style in self._styles.chain(properties.find(W + "pStyle")):
            name = str(style.name or "").lower()
            if name == "title" or name.startswith("heading "):
                return "heading", 1 if name == "title" else min(6, int(name.split()[1]) if name[8:].isdigit() else 1)
            if name.startswith("list "):
                return "list_item", None
        outline = properties.find(W + "outlineLvl")
        if outline is not None and outline.get(W + "val", "9") < "6":
            return "heading", int(outline.get(W + "val")) + 1
        return ("list_item" if properties.find(W + "numPr") is not None else "paragraph"), None
