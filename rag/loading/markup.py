"""Walks a tree of HTML elements and gives its visible text in blocks: headings, paragraphs, list items, table rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rag.core.types import BlockKind
from rag.loading.composing import row_text

HIDDEN = frozenset(
    """
    head script style noscript template iframe object embed applet canvas svg audio video select datalist textarea
    input map area annotation annotation-xml
    """.split()
)
"""Elements whose content is not shown as text."""
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
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_BREAK = "\0"
"""Stands for a line break that is asked for, until the text is done; pages are parsed without NUL."""
_AROUND_BREAK = re.compile(f" *{_BREAK} *")


@dataclass(frozen=True)
class MarkupBlock:
    """A block of visible text, and its longest text node: the text or the tail of an element."""

    text: str
    kind: BlockKind
    level: int | None
    node: Any
    is_tail: bool


@dataclass(frozen=True)
class _Piece:
    text: str
    node: Any = None
    is_tail: bool = False


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
                continue
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
        self._pieces: list[_Piece] = []
        self._open: list[str] = []
        self._cells: list[list[_Piece]] | None = None
        self._data_tables: list[bool] = []
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
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def take(self, text: str | None, node: Any, is_tail: bool) -> None:
        """Gather a text node."""
        if text:
            self._pieces.append(_Piece(text, node, is_tail))

    def flush(self) -> Iterator[MarkupBlock]:
        """Yield the pieces since the last block as a block, unless they are blank."""
        kind, level = self._kind()
        pieces, self._pieces = self._pieces, []
        if kind == "code":
            text = "".join(piece.text for piece in pieces).replace(_BREAK, "\n")
        else:
            text = _collapsed(pieces) if pieces else ""
        if text.strip():
            yield _block(text, kind, level, pieces)

    def _begin(self, element: Any, tag: str) -> Iterator[MarkupBlock]:
        if self._cells is None:
            yield from self.flush()
        self._open += [tag] if tag in _KINDS or tag in _LEVELS else []
        if tag == "table":
            self._data_tables.append(_is_data(element))
            self._rows = 0
        elif tag == "tr" and self._data_tables[-1:] == [True]:
            self._cells, self._header = [], self._rows == 0
            self._pieces = []
        elif tag in ("td", "th") and self._cells is not None:
            self._header = self._header and tag == "th"
            self._pieces = []
            self._cells.append(self._pieces)

    def _row(self) -> Iterator[MarkupBlock]:
        cells, self._cells, self._pieces = self._cells or [], None, []
        text = row_text([_collapsed(cell) for cell in cells])
        if text.strip():
            self._rows += 1
            kind: BlockKind = "table_header" if self._header and len(cells) > 1 else "table_row"
            yield _block(text, kind, None, [piece for cell in cells for piece in cell])

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


def _collapsed(pieces: list[_Piece]) -> str:
    """Return the text as a browser shows it: runs of blanks as one, line breaks only for `br`."""
    text = _SPACES.sub(" ", "".join([piece.text for piece in pieces]))
    return _AROUND_BREAK.sub("\n", text).strip() if _BREAK in text else text.strip()


def _is_hidden(element: Any, tag: str) -> bool:
    return tag in HIDDEN or element.get("hidden") is not None or bool(_HIDING.search(element.get("style") or ""))


def _is_data(table: Any) -> bool:
    """Tell whether a table holds data: one that holds headings, lists or tables only places them on the page."""
    return next((inner for inner in table.iter(*_STRUCTURED) if inner is not table), None) is None
