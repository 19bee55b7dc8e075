"""Loads OpenDocument files (ODT, ODS, ODP): headings, paragraphs, lists, tables, notes and comments.

Slides are pages, sheets are parts. Deleted and hidden text is left out and counted.
"""

import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import BlockKind, Document
from rag.loading.composing import MAX_MERGED_CHARACTERS, MAX_MERGED_COLUMNS, Composer, row_text
from rag.loading.formats.office.office import opened_package, xml_root
from rag.loading.formats.spreadsheets.sheets import MAX_COLUMNS
from rag.loading.sources import Source, source_sha256

_ODF = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TEXT, _TABLE, _DRAW, _OFFICE, _META, _STYLE = (
    _ODF % name for name in ("text", "table", "drawing", "office", "meta", "style")
)
_COVERED = _TABLE + "covered-table-cell"
_DC = "{http://purl.org/dc/elements/1.1/}"
_KINDS = {_OFFICE + "spreadsheet": "ods", _OFFICE + "presentation": "odp"}
_SKIPPED = {_TEXT + "tracked-changes": "deleted texts", _TEXT + "hidden-text": "hidden texts"}
_BOXES = frozenset([_DRAW + "text-box", _OFFICE + "annotation", _TEXT + "note-body"])
"""Elements inside a paragraph whose paragraphs follow it."""
_IGNORED = frozenset([_TEXT + "note-citation", _DC + "creator", _DC + "date", _META + "date-string"])
MAX_REPEATED_ROWS = 10
"""Equal rows that one element may stand for and that are read."""
MAX_BLANKS = 100
"""Blanks that one element may stand for and that are read."""


def load_opendocument(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document. Raises LoadError, and the readers' errors if the file is none."""
    with opened_package(source) as file, zipfile.ZipFile(file) as package:
        names = package.namelist()
        if "META-INF/manifest.xml" in names and b"encryption-data" in package.read("META-INF/manifest.xml"):
            raise UnreadableSource(f"{source.name} is encrypted with a password.", "Save it without the password.")
        content = xml_root(package.read("content.xml"))
        meta, styles = (xml_root(package.read(name)) if name in names else None for name in ("meta.xml", "styles.xml"))
    unshown = {name: kind for root in (content, styles) if root is not None for name, kind in _unshown_styles(root)}
    reader = _OpenDocumentReader(Composer(source), unshown)
    body = content.find(_OFFICE + "body")
    body = body if body is not None else content
    reader.read(body)
    if styles is not None:
        reader.read_frames(styles)
    properties = _properties(meta) if meta is not None else {}
    title = properties.pop("title", None)
    kind = next((kind for tag, kind in _KINDS.items() if body.find(tag) is not None), "odt")
    yield reader.composer.document(kind, source_sha256(source.path), title, properties)


def _properties(meta: Any) -> dict[str, str]:
    names = {"title": _DC + "title", "author": _META + "initial-creator", "language": _DC + "language"}
    texts = {key: next((element.text for element in meta.iter(name)), None) for key, name in names.items()}
    return {key: " ".join(text.split()) for key, text in texts.items() if text and text.strip()}


def _unshown_styles(root: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of the styles that hide or strike their text, each with how the report calls that text."""
    for style in root.iter(_STYLE + "style"):
        properties = style.find(_STYLE + "text-properties")
        if properties is None:
            continue
        if properties.get(_TEXT + "display") == "none":
            yield style.get(_STYLE + "name", ""), "hidden texts"
        elif properties.get(_STYLE + "text-line-through-style", "none") != "none":
            yield style.get(_STYLE + "name", ""), "struck texts"


class _OpenDocumentReader:
    """Walks the elements of a body and composes its blocks; deep nesting is bounded by the XML parser."""

    def __init__(self, composer: Composer, unshown_styles: Mapping[str, str]) -> None:
        self.composer = composer
        self._unshown_styles = unshown_styles

    def read(self, parent: Any, in_list: bool = False) -> None:
        """Add all below `parent`."""
        for element in parent.iterchildren():
            tag = element.tag
            if tag in _SKIPPED:
                self.composer.leave_out(_SKIPPED[tag], len(element) or 1)
            elif self._is_unshown(element):
                continue
            elif tag == _TEXT + "h":
                self._paragraph(element, "heading", min(6, max(1, _count(element, _TEXT + "outline-level", 6))))
            elif tag == _TEXT + "p":
                self._paragraph(element, "list_item" if in_list else "paragraph", None)
            elif tag == _TABLE + "table":
                self._table(element)
            elif isinstance(tag, str) and tag not in _IGNORED:
                if tag == _DRAW + "page":
                    self.composer.page()
                self.read(element, in_list or tag == _TEXT + "list-item")

    def read_frames(self, styles: Any) -> None:
        """Add each paragraph of headers and footers once; those of page numbers only are left out."""
        frames = styles.iter(_STYLE + "header", _STYLE + "footer")
        for text in dict.fromkeys(self._content(p)[0].strip() for frame in frames for p in frame.iter(_TEXT + "p")):
            if any(map(str.isalpha, text)):
                self.composer.add(text)

    def _is_unshown(self, element: Any) -> bool:
        """Tell if the text of an element is hidden or struck, and count it."""
        is_hidden = element.get(_TEXT + "display") == "none"
        kind = "hidden texts" if is_hidden else self._unshown_styles.get(element.get(_TEXT + "style-name", ""))
        if kind:
            self.composer.leave_out(kind)
        return kind is not None

    def _paragraph(self, paragraph: Any, kind: BlockKind, level: int | None) -> None:
        text, boxes = self._content(paragraph)
        self.composer.add(text, kind, level)
        self._read_boxes(boxes)

    def _read_boxes(self, boxes: list[Any]) -> None:
        for box in boxes:
            if box.tag == _TABLE + "table":
                self._table(box)
            else:
                self.read(box)

    def _content(self, paragraph: Any) -> tuple[str, list[Any]]:
        """Return the text of a paragraph, and the boxes, notes and comments anchored in it."""
        parts = [paragraph.text or ""]
        boxes: list[Any] = []
        pending = [(child, True) for child in reversed(paragraph)]
        while pending:
            element, is_start = pending.pop()
            if not is_start:
                parts.append(element.tail or "")
                continue
            pending.append((element, False))
            tag = element.tag
            if tag in _SKIPPED:
                self.composer.leave_out(_SKIPPED[tag])
            elif self._is_unshown(element):
                continue
            elif tag in _BOXES:
                boxes.append(element)
            elif isinstance(tag, str) and tag not in _IGNORED:
                parts.append(_sign(element) or element.text or "")
                pending += [(child, True) for child in reversed(element)]
        return "".join(parts), boxes

    def _table(self, table: Any) -> None:
        is_sheet = table.getparent().tag == _OFFICE + "spreadsheet"
        if is_sheet:
            self.composer.part(table.get(_TABLE + "name", ""))
            self.composer.add(table.get(_TABLE + "name", ""), "heading", 1)
        above: list[str] = []
        number = 1
        is_first = True
        for row in table.iter(_TABLE + "table-row"):
            if next(row.iterancestors(_TABLE + "table")) is not table:
                continue
            repeated = _count(row, _TABLE + "number-rows-repeated", 1_048_576)
            cells, boxes = self._cells(row, above)
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                self.composer.leave_out("equal rows", max(0, repeated - MAX_REPEATED_ROWS))
            for i in range(min(repeated, MAX_REPEATED_ROWS) if cells else 0):
                kind: BlockKind = "table_header" if is_first and len(cells) > 1 else "table_row"
                self.composer.add(row_text(cells), kind, row=number + i if is_sheet else None)
                is_first = is_first and len(cells) == 1
            number += repeated
            above = cells
            self._read_boxes(boxes)
        for shapes in table.iterchildren(_TABLE + "shapes"):
            self.read(shapes)

    def _cells(self, row: Any, above: list[str]) -> tuple[list[str], list[Any]]:
        """Return the text of each column, and the boxes and tables in the cells."""
        boxes: list[Any] = []
        cells: list[tuple[Any, str]] = []
        for cell in row.iterchildren(_TABLE + "table-cell", _COVERED):
            paragraphs = self._cell_paragraphs(cell, boxes)
            cells.append((cell, " ".join(filter(None, paragraphs))))
        while cells and not cells[-1][1] and cells[-1][0].tag != _COVERED:
            cells.pop()
        return self._spanned(cells, above), boxes

    def _cell_paragraphs(self, parent: Any, boxes: list[Any]) -> list[str]:
        texts: list[str] = []
        for element in parent.iterchildren():
            tag = element.tag
            if tag in _SKIPPED:
                self.composer.leave_out(_SKIPPED[tag])
            elif tag in (_TEXT + "p", _TEXT + "h"):
                text, inner = self._content(element)
                texts.append(text.strip())
                boxes += inner
            elif tag in (_TABLE + "table", _OFFICE + "annotation") or str(tag).startswith(_DRAW):
                boxes.append(element)
            elif isinstance(tag, str) and tag not in _IGNORED:
                texts += self._cell_paragraphs(element, boxes)
        return texts

    def _spanned(self, cells: list[tuple[Any, str]], above: list[str]) -> list[str]:
        """Return the text of each column: a merged cell gives its text to every column and row that it spans."""
        columns: list[str] = []
        copies = set[int]()
        text_count = span_end = 0
        spanning = ""
        for cell, text in cells:
            repeated = min(_count(cell, _TABLE + "number-columns-repeated", MAX_COLUMNS), MAX_COLUMNS - len(columns))
            if cell.tag == _COVERED and not text:
                for i in range(len(columns), len(columns) + repeated):
                    beside = spanning if i < span_end else above[i] if i < len(above) else ""
                    if i < span_end:
                        copies.add(i)
                    else:
                        text_count += bool(beside)
                    columns.append(beside if len(beside) <= MAX_MERGED_CHARACTERS else "")
                continue
            text_count += bool(text)
            if cell.tag != _COVERED:
                spanning = text
                span_end = len(columns) + _count(cell, _TABLE + "number-columns-spanned", MAX_MERGED_COLUMNS)
            shown = min(repeated, MAX_MERGED_COLUMNS) if len(text) <= MAX_MERGED_CHARACTERS else min(repeated, 1)
            self.composer.leave_out("equal cells", repeated - shown if text else 0)
            columns += [text] * shown + [""] * (repeated - shown)
        # A merged cell alone in its row is a caption.
        return ["" if text_count == 1 and i in copies else text for i, text in enumerate(columns)]


def _sign(element: Any) -> str:
    """Return the character that an element stands for, if it stands for one."""
    if element.tag == _TEXT + "s":
        return " " * _count(element, _TEXT + "c", MAX_BLANKS)
    return {_TEXT + "tab": "\t", _TEXT + "line-break": "\n"}.get(element.tag, "")


def _count(element: Any, name: str, most: int) -> int:
    digits = element.get(name, "1")
    return min(int(digits), most) if digits.isdecimal() and len(digits) < 9 else 1
