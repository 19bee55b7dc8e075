"""Loads reStructuredText: the file's own text, with its headings, lists, tables and directives as blocks.

The text of a directive (`.. note::`) is content; comments, targets, substitutions and pictures are markup.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document, Layout
from rag.loading.formats.plain.text import read_text
from rag.loading.metadata import gather
from rag.loading.sources import Source

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*$")
_ITEM = re.compile(r"(?:[-*+•]|\(?(?:\d{1,4}|#|[A-Za-z])[.)])\s+\S")
_FIRST_ITEM = re.compile(r"(?:[-*+•]|\(?(?:1|#|a)[.)])\s+\S")
"""Begins a list inside a paragraph; 1880. or J. at the start of a wrapped line does not."""
_FIELD = re.compile(r":([^:\s][^:]*):(?:\s+(.*))?$")
_EXPLICIT = re.compile(r"\.\.(?:\s+(.*))?$")
_DIRECTIVE = re.compile(r"([\w-]+)::")
_CODE = ("code", "code-block", "sourcecode", "literalinclude", "math", "parsed-literal", "highlight", "raw")
_SAYING = ("note", "warning", "tip", "hint", "important", "caution", "danger", "attention", "error", "admonition",
           "topic", "sidebar", "epigraph", "pull-quote", "highlights", "container", "rubric", "seealso",
           "versionadded", "versionchanged", "deprecated", "table", "list-table", "csv-table")  # fmt: skip
_SIMPLE_BORDER = re.compile(r"=+(?:\s+=+)+$")
_GRID_BORDER = re.compile(r"\+(?:[-=]+\+)+$")


@dataclass(frozen=True)
class _Line:
    start: int
    end: int
    words: str
    indent: int


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    kind: BlockKind = "paragraph"
    level: int | None = None
    reason: str | None = None


def load_rst(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a reStructuredText file. Raises LoadError."""
    text, sha256, encoding = read_text(source)
    pieces = _Reader().pieces(_lines(text))
    title = next((text[piece.start : piece.end] for piece in pieces if piece.kind == "heading"), "")
    words = next((line for line in title.splitlines() if any(map(str.isalnum, line))), "").strip()
    fields = {
        match[1].lower(): match[2] for line in _lines(text)[:40] if (match := _FIELD.match(line.words)) and match[2]
    }
    blocks = tuple((piece.start, piece.end, piece.kind, piece.level, piece.reason) for piece in pieces)
    yield Document(
        source.document_id, text, words or None, "rst", source.name, sha256, gather({**fields, **encoding}, text),
        Layout(blocks, own_lines=not source.depth),
    )  # fmt: skip


def _lines(text: str) -> list[_Line]:
    """Return the lines; those that are blank have no words."""
    lines, start = [], 0
    for line in text.splitlines(keepends=True):
        words, lead = line.strip(), len(line) - len(line.lstrip())
        end = start + lead + len(words)
        lines.append(
            _Line(start + lead if words else start, end if words else start, words, len(line[:lead].expandtabs(8)))
        )
        start += len(line)
    return lines


class _Reader:
    """Goes through the lines once; each rule returns its piece and the number of its lines."""

    def __init__(self) -> None:
        self._styles: list[str] = []
        self._literal: int | None = None  # the indent above which lines are literal, after a paragraph with `::`
        self._table = ""
        self._explicit: tuple[int, BlockKind, str | None] | None = None
        self._has_text = False  # fields behind the first text are content, those before it say things of the document

    def pieces(self, lines: list[_Line]) -> list[_Piece]:
        """Return the pieces in order; they hold every character that is not white space."""
        pieces: list[_Piece] = []
        at = 0
        while at < len(lines):
            if lines[at].words:
                piece, line_count = self._next(lines, at)
                pieces.append(piece)
                self._has_text |= piece.kind in ("paragraph", "list_item", "code") and piece.reason is None
                at += line_count
            else:
                at += 1
        return pieces

    def _next(self, lines: list[_Line], at: int) -> tuple[_Piece, int]:
        line = lines[at]
        if self._table or _SIMPLE_BORDER.match(line.words) or _GRID_BORDER.match(line.words):
            return self._table_line(lines, at), 1
        if self._explicit and line.indent <= self._explicit[0]:
            self._explicit = None
        if self._literal is not None and line.indent <= self._literal:
            self._literal = None
        if self._explicit and self._explicit[1:] != ("paragraph", None):
            return self._run(lines, at, self._explicit[1], self._explicit[2], alike=True)
        if self._literal is not None:
            return self._run(lines, at, "code", None, alike=True)
        heading = self._heading(lines, at)
        if heading:
            return heading
        explicit = _EXPLICIT.match(line.words)
        if explicit:
            return self._begin_explicit(line, explicit[1] or ""), 1
        if _FIELD.match(line.words):
            is_head = not any(self._styles[1:]) and at < 40 and not self._has_text
            kind: BlockKind = "metadata" if is_head else "paragraph"
            return _Piece(line.start, line.end, kind), 1
        return self._run(lines, at, "list_item" if _ITEM.match(line.words) else "paragraph", None, alike=False)

    def _heading(self, lines: list[_Line], at: int) -> tuple[_Piece, int] | None:
        line, below = lines[at], lines[at + 1] if at + 1 < len(lines) else None
        under = lines[at + 2] if at + 2 < len(lines) else None
        mark = _ADORNMENT.match(line.words)
        if mark and below and under and under.words == line.words and below.words and len(line.words) > 1:
            return _Piece(line.start, under.end, "heading", self._level(mark[1] * 2)), 3
        adorned = _ADORNMENT.match(below.words) if below else None
        long_enough = below is not None and len(below.words) >= min(len(line.words), 4)
        if adorned and below and long_enough and not mark and line.indent == 0 == below.indent:
            return _Piece(line.start, below.end, "heading", self._level(adorned[1])), 2
        return None

    def _level(self, style: str) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return min(6, self._styles.index(style) + 1)

    def _begin_explicit(self, line: _Line, words: str) -> _Piece:
        name = _DIRECTIVE.match(words)
        if name and name[1] in _SAYING:
            self._explicit = (line.indent, "paragraph", None)
            return _Piece(line.start, line.end)
        if words.startswith("["):  # a footnote or a citation: its text may go on below
            return _Piece(line.start, line.end)
        code = bool(name and name[1] in _CODE)
        self._explicit = (line.indent, "code" if code else "paragraph", None if code else "markup")
        return _Piece(line.start, line.end, "paragraph", None, "markup")

    def _table_line(self, lines: list[_Line], at: int) -> _Piece:
        """Return a line of a table; borders are rows without words, and the rows above the second one head it."""
        line, mark = lines[at], lines[at].words
        border = bool(_SIMPLE_BORDER.match(mark) or _GRID_BORDER.match(mark))
        last = at + 1 == len(lines) or not lines[at + 1].words
        if border:
            self._table = "head" if not self._table else "body"
        heads = self._table == "head" and not border and self._has_body(lines, at)
        self._table = "" if last else self._table
        return _Piece(
            line.start, line.end, "table_header" if heads else "table_row", None, "markup" if border else None
        )

    def _has_body(self, lines: list[_Line], at: int) -> bool:
        rest = lines[at + 1 : at + 12]
        borders = [n for n, line in enumerate(rest) if _SIMPLE_BORDER.match(line.words) or re.match(r"\+=", line.words)]
        return bool(borders) and borders[0] + 1 < len(rest) and bool(rest[borders[0] + 1].words)

    def _run(self, lines: list[_Line], at: int, kind: BlockKind, reason: str | None, alike: bool) -> tuple[_Piece, int]:
        """Return the lines up to a blank one as a piece; unless they are `alike`, up to the next item too."""
        end = at + 1
        while end < len(lines) and lines[end].words and not (not alike and self._stops(lines, end, kind)):
            end += 1
        if lines[end - 1].words.endswith("::") and not alike:
            self._literal = lines[at].indent
        return _Piece(lines[at].start, lines[end - 1].end, kind, None, reason), end - at

    def _stops(self, lines: list[_Line], at: int, kind: BlockKind) -> bool:
        words = lines[at].words
        item = _ITEM if kind == "list_item" else _FIRST_ITEM
        return bool(
            item.match(words) or _EXPLICIT.match(words) or _SIMPLE_BORDER.match(words) or _GRID_BORDER.match(words)
        )
