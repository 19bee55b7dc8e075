"""Loads Word documents (DOCX): paragraphs, headings, lists, tables, text boxes and notes, in the order of the text.

Deleted text of tracked changes is left out, inserted text is read. Page numbers come from the marks that a word
processor leaves when it lays the document out; without marks there are none.
"""

from collections.abc import Iterator
from typing import Any

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document
from rag.loading.composing import Composer, row_text
from rag.loading.formats.office import core_properties, opened_package
from rag.loading.sources import Source, file_sha256

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LEFT_OUT = frozenset(_W + name for name in ("del", "moveFrom", "instrText", "delText", "pPr", "sectPr", "rPr"))
_NOTES = ("footnotes", "endnotes")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def load_docx(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document. Raises LoadError, and the library's errors if the file is no DOCX."""
    from docx import Document as open_docx

    with opened_package(source) as file:
        word = open_docx(file)
    reader = _Reader(Composer(source), word.styles)
    body = word.element.body
    if body.find(f".//{_W}lastRenderedPageBreak") is not None:
        reader.composer.page()
    reader.read(body)
    for part in word.part.package.iter_parts():
        if part.content_type.rpartition(".")[2].removesuffix("+xml") in _NOTES:
            reader.read(_root(part))
    properties = core_properties(word.core_properties)
    title = str(properties.pop("title", ""))
    yield reader.composer.document("docx", file_sha256(source.path), title, properties)


def _root(part: Any) -> Any:
    from docx.oxml import parse_xml

    return parse_xml(part.blob)


class _Reader:
    """Walks the elements of a body and composes its blocks; deep nesting is bounded by the XML parser."""

    def __init__(self, composer: Composer, styles: Any) -> None:
        self.composer = composer
        self._names = {style.style_id: style for style in styles}

    def read(self, parent: Any) -> None:
        """Add all below `parent`."""
        for element in parent.iterchildren():
            if element.tag == _W + "p":
                self._paragraph(element)
            elif element.tag == _W + "tbl":
                self._table(element)
            elif element.tag not in _LEFT_OUT and element.tag != _FALLBACK and isinstance(element.tag, str):
                self.read(element)  # a content control, a note, a tracked insertion around paragraphs

    def _paragraph(self, paragraph: Any) -> None:
        text, boxes, breaks = _content(paragraph)
        if breaks and not text.partition("\f")[0].strip():
            self.composer.page()  # the break is its first word
            breaks -= 1
        kind, level = self._kind(paragraph)
        self.composer.add(text.replace("\f", ""), kind, level)
        for box in boxes:
            self.read(box)
        for _ in range(breaks):
            self.composer.page()

    def _table(self, table: Any) -> None:
        inner: list[Any] = []
        for number, row in enumerate(table.iter(_W + "tr")):
            if next(row.iterancestors(_W + "tbl")) is not table:
                continue
            cells = [cell for cell in row.iter(_W + "tc") if next(cell.iterancestors(_W + "tr")) is row]
            texts = []
            for cell in cells:
                inner += list(cell.iterchildren(_W + "tbl"))
                texts.append(" ".join(_content(p)[0].replace("\f", "") for p in cell.iter(_W + "p") if _in(p, cell)))
            kind: BlockKind = "table_header" if number == 0 and len(cells) > 1 else "table_row"
            self.composer.add(row_text(texts), kind)
            for _ in range(len(list(row.iter(_W + "lastRenderedPageBreak"))) > 0):
                self.composer.page()
        for nested in inner:
            self._table(nested)

    def _kind(self, paragraph: Any) -> tuple[BlockKind, int | None]:
        properties = paragraph.find(_W + "pPr")
        if properties is None:
            return "paragraph", None
        outline, style = properties.find(_W + "outlineLvl"), properties.find(_W + "pStyle")
        name, depth = "", 0
        current = self._names.get(style.get(_W + "val")) if style is not None else None
        while current is not None and depth < 10:
            name, depth = str(current.name or "").lower(), depth + 1
            if name == "title" or name.startswith("heading "):
                return "heading", 1 if name == "title" else min(6, int(name.split()[1]) if name[8:].isdigit() else 1)
            if name.startswith("list "):
                return "list_item", None
            current = current.base_style
        if outline is not None and outline.get(_W + "val", "9") < "6":
            return "heading", int(outline.get(_W + "val")) + 1
        return ("list_item" if properties.find(_W + "numPr") is not None else "paragraph"), None


def _in(paragraph: Any, cell: Any) -> bool:
    """Tell if a paragraph is in this cell itself, not in a table inside it."""
    return next(paragraph.iterancestors(_W + "tc")) is cell


def _content(paragraph: Any) -> tuple[str, list[Any], int]:
    """Return the text, the text boxes anchored in it, and the number of page breaks, each a form feed in the text."""
    parts: list[str] = []
    boxes: list[Any] = []
    pending = [paragraph]
    while pending:
        element = pending.pop()
        tag = element.tag
        if tag in _LEFT_OUT or tag == _FALLBACK or not isinstance(tag, str):
            continue
        if tag == _W + "txbxContent":
            boxes.append(element)
        elif tag in _SIGNS:
            parts.append(_SIGNS[tag])
        elif tag == _W + "t":
            parts.append(element.text or "")
        else:
            pending.extend(reversed(element))
    text = "".join(parts)
    return text, boxes, text.count("\f")


_SIGNS = {
    _W + "tab": "\t",
    _W + "br": "\n",
    _W + "cr": "\n",
    _W + "noBreakHyphen": "\u2011",
    _W + "lastRenderedPageBreak": "\f",
}
"""Elements of a run that stand for a character. A tab stop of the paragraph's properties has the same name as a tab."""
