"""Walks a tree of HTML elements and gives its visible text in blocks: headings, paragraphs, list items, table rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from rag.core.types import BlockKind
from rag.loading.composing import MAX_MERGED_CHARACTERS, MAX_MERGED_COLUMNS, row_text
from rag.loading.list_numbers import list_number
from rag.loading.web_text.markup_lines import LineCursor, line_marks

STRUCK = ("del", "s", "strike")
"""Elements whose text is shown struck out: it is no longer so."""
HIDDEN = frozenset(
    """
    head script style noscript template iframe object embed applet canvas svg audio video select datalist textarea
    input map area annotation annotation-xml
    """.split()
).union(STRUCK)
"""Elements whose content is not shown as text, or struck out."""
BLOCKS = frozenset(
    """
    address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html label legend li main menu nav ol optgroup option p pre
    search section summary table tbody td tfoot th thead tr ul
    """.split()
)
"""Elements that begin and end a block."""
_STRUCTURED = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "form", "pre", "article", "section", "nav")
_KINDS: dict[str, BlockKind] = {"li": "list_item", "dd": "list_item", "pre": "code"}
_NUMBER_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_PERMALINKS = frozenset("¶ # § \uf0c1".split(" "))
"""Signs that manuals put behind a heading as a link to it."""
_MAX_SPAN = 1_000
"""Rows that one cell may span, and the highest number of a list that is read from the page."""
_SPACES = re.compile(r"[ \t\r\n\f]+")
_BREAK = "\0"
"""Stands for a line break that is asked for, until the text is done; pages are parsed without NUL."""
_AROUND_BREAK = re.compile(f" *{_BREAK} *")


@dataclass(frozen=True)
class MarkupBlock:
    """A block of visible text, and its longest text node: the text or the tail of an element.

    `is_description` is true for the text of a `dd`, which describes the term above it. `lines` has `(offset, line)` for
    each place in the text where a line of the file begins.
    """

    text: str
    kind: BlockKind
    level: int | None
    node: Any
    is_tail: bool
    is_description: bool = False
    lines: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class _Piece:
    text: str
    node: Any = None
    is_tail: bool = False
    line: int = 0


def markup_blocks(root: Any) -> Iterator[MarkupBlock]:
    """Yield the blocks below `root` in order; together they hold all of its visible text."""
    from lxml import etree

    walk = _Walk()
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
        if event == "start":
            if not tag or _is_hidden(element, tag):
                walker.skip_subtree()
                walk.skipped.add(element)
                walk.cursor.skip(element)
                continue
            walk.cursor.start(element)
            yield from walk.start(element, tag)
        elif element in walk.skipped:
            walk.skipped.discard(element)
        else:
            yield from walk.end(element, tag)
        if event == "end" and element is not root:
            walk.take(element.tail, element, True)
    yield from walk.flush()


class _Walk:
    """The state of a walk: the pieces since the last block, and the open elements around it."""

    def __init__(self) -> None:
        self.skipped: set[Any] = set()
        self.cursor = LineCursor()
        self._pieces: list[_Piece] = []
        self._open: list[str] = []
        self._cells: list[list[_Piece]] | None = None
        self._data_tables: list[bool] = []
        self._spans: list[dict[int, tuple[int, str]]] = []
        self._cell_elements: list[Any] = []
        self._list_numbers: list[int | None] = []
        self._marker = ""
        self._rows = 0
        self._header = True

    def start(self, element: Any, tag: str) -> Iterator[MarkupBlock]:
        if tag == "br":
            yield from self._line_break()
        elif tag in BLOCKS:
            yield from self._begin(element, tag)
        self.take(element.text, element, False)

    def end(self, element: Any, tag: str) -> Iterator[MarkupBlock]:
        if tag not in BLOCKS:
            return
        if self._cells is not None:
            self._pieces.append(_Piece(" "))
        if tag == "tr" and self._cells is not None:
            yield from self._row()
        elif self._cells is None:
            yield from self.flush()
        if tag == "table":
            self._data_tables.pop()
            self._spans.pop()
        elif tag in ("ol", "ul") and self._list_numbers:
            self._list_numbers.pop()
        elif tag == "li":
            self._marker = ""
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def take(self, text: str | None, node: Any, is_tail: bool) -> None:
        """Gather a text node."""
        if text:
            self._pieces.append(_Piece(text, node, is_tail, self.cursor.text(text)))

    def flush(self) -> Iterator[MarkupBlock]:
        """Yield the pieces since the last block as a block, unless they are blank."""
        kind, level = self._kind()
        pieces, self._pieces = self._pieces, []
        if kind == "code":
            text = "".join(piece.text for piece in pieces).replace(_BREAK, "\n")
        else:
            text = _collapsed(pieces) if pieces else ""
        if text.strip():
            marker, self._marker = self._marker, ""
            marker = marker if kind == "list_item" else ""
            lines = _lines(pieces, text, len(marker))
            # The number of an item stands in the line of its first word.
            lines = [(0, lines[0][1]), *lines[1:]] if marker and lines else lines
            block = _block(f"{marker}{text}", kind, level, pieces)
            yield replace(block, is_description=self._open[-1:] == ["dd"], lines=tuple(lines))

    def _begin(self, element: Any, tag: str) -> Iterator[MarkupBlock]:
        if self._cells is None:
            yield from self.flush()
        self._open += [tag] if tag in _KINDS or tag in _LEVELS or tag == "dt" else []
        if tag == "table":
            self._data_tables.append(_is_data(element))
            self._spans.append({})
            self._rows = 0
        elif tag in ("ol", "ul"):
            self._list_numbers.append(_number(element.get("start"), 1) if tag == "ol" else None)
        elif tag == "li":
            self._marker = self._next_marker(element)
        elif tag == "tr" and self._data_tables[-1:] == [True]:
            self._cells, self._header = [], self._rows == 0
            self._cell_elements = []
            self._pieces = []
        elif tag in ("td", "th") and self._cells is not None:
            self._header = self._header and tag == "th"
            self._pieces = []
            self._cells.append(self._pieces)
            self._cell_elements.append(element)

    def _next_marker(self, item: Any) -> str:
        """Return the number that a browser shows before an item of a numbered list."""
        number = self._list_numbers[-1] if self._list_numbers else None
        if number is None:
            return ""
        number = _number(item.get("value"), number)
        self._list_numbers[-1] = number + 1
        return f"{list_number(number, _NUMBER_FORMS.get(item.getparent().get('type'), 'decimal'))}. "

    def _row(self) -> Iterator[MarkupBlock]:
        cells, self._cells, self._pieces = self._cells or [], None, []
        texts = [_collapsed(cell) for cell in cells]
        columns, own_columns = self._spanned(texts)
        text = row_text(columns)
        if text.strip():
            self._rows += 1
            kind: BlockKind = "table_header" if self._header and len(cells) > 1 else "table_row"
            starts = list(accumulate((len(row_text([column, "."])) - 1 for column in columns), initial=0))
            lines = [
                mark
                for cell, column in zip(cells, own_columns, strict=False)
                for mark in _lines(cell, columns[column], starts[column])
            ]
            block = _block(text, kind, None, [piece for cell in cells for piece in cell])
            yield replace(block, lines=tuple(lines))

    def _spanned(self, texts: list[str]) -> tuple[list[str], list[int]]:
        """Return the text of each column, and the first column of each cell.

        A merged cell gives its text to every column and row that it spans.
        """
        above = self._spans[-1] if self._spans else {}
        columns: list[str] = []
        own_columns: list[int] = []
        is_alone = len(texts) == 1 and not above

        def fill() -> None:
            while len(columns) in above:
                rows, text = above.pop(len(columns))
                if rows > 1:
                    below[len(columns)] = (rows - 1, text)
                columns.append(text)

        below: dict[int, tuple[int, str]] = {}
        for element, text in zip(self._cell_elements, texts, strict=False):
            fill()
            rows, width = (_number(element.get(name), 1) for name in ("rowspan", "colspan"))
            is_short = len(text) <= MAX_MERGED_CHARACTERS
            own_columns.append(len(columns))
            for i in range(min(max(width, 1), MAX_MERGED_COLUMNS)):
                if rows > 1 and is_short and len(below) < MAX_MERGED_COLUMNS:
                    below[len(columns)] = (rows - 1, text)
                columns.append(text if i == 0 or (is_short and not is_alone) else "")
        fill()
        if self._spans:
            self._spans[-1] = below
        return columns, own_columns

    def _line_break(self) -> Iterator[MarkupBlock]:
        blank_since = next((p.text for p in reversed(self._pieces) if p.text.strip() or p.text == _BREAK), "")
        if blank_since == _BREAK and self._pieces and self._cells is None and self._kind()[0] != "code":
            yield from self.flush()  # two breaks in a row stand for a new paragraph
        else:
            self._pieces.append(_Piece(_BREAK))

    def _kind(self) -> tuple[BlockKind, int | None]:
        tag = self._open[-1] if self._open else ""
        return ("heading", _LEVELS[tag]) if tag in _LEVELS else (_KINDS.get(tag, "paragraph"), None)


_LEVELS = {f"h{level}": level for level in range(1, 7)}


def _block(text: str, kind: BlockKind, level: int | None, pieces: list[_Piece]) -> MarkupBlock:
    longest = max((piece for piece in pieces if piece.node is not None), key=lambda piece: len(piece.text.strip()))
    return MarkupBlock(text, kind, level, longest.node, longest.is_tail)


def _lines(pieces: list[_Piece], text: str, shift: int) -> list[tuple[int, int]]:
    """Return the line marks of a text that stands `shift` characters behind the start of its block."""
    marks = line_marks(((piece.text, piece.line) for piece in pieces if piece.line), text)
    return [(offset + shift, line) for offset, line in marks]


def _collapsed(pieces: list[_Piece]) -> str:
    """Return the text as a browser shows it: runs of blanks as one, line breaks only for `br`."""
    text = _SPACES.sub(" ", "".join([piece.text for piece in pieces]))
    return _AROUND_BREAK.sub("\n", text).strip() if _BREAK in text else text.strip()


def struck_count(root: Any) -> int:
    """Return how many texts of a page are struck out, and so are not in its blocks."""
    return sum(bool("".join(element.itertext()).strip()) for element in root.iter(*STRUCK))


def _is_hidden(element: Any, tag: str) -> bool:
    if tag in HIDDEN or element.get("hidden") is not None or _is_permalink(element, tag):
        return True
    return bool(_HIDING.search(element.get("style") or ""))


def _is_permalink(element: Any, tag: str) -> bool:
    is_link = tag == "a" and len(element) == 0 and (element.get("href") or "").startswith("#")
    return is_link and (element.text or "").strip() in _PERMALINKS


def _number(text: str | None, default: int) -> int:
    """Return a number of an attribute, `default` if it is absent, no number or too large."""
    digits = (text or "").strip()
    return int(digits) if digits.isdecimal() and len(digits) < 6 and int(digits) <= _MAX_SPAN else default


def _is_data(table: Any) -> bool:
    """Tell whether a table holds data: one that holds headings, lists or tables only places them on the page."""
    return next((inner for inner in table.iter(*_STRUCTURED) if inner is not table), None) is None
