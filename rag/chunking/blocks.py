"""Cuts a document into blocks: paragraphs, headings, list items, table rows, code, all as spans.

Nothing is changed on the way: every character that is not white space lies in exactly one block.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rag.core.types import Block, BlockKind, Document, Span
from rag.loading.formats.markup.markdown import ATX_HEADING, SETEXT_UNDERLINE, front_matter_end

MAX_PLAIN_HEADING_CHARACTERS = 80
"""Characters of a line of plain text that may still be a heading."""
WRAP_WIDTHS = (40, 120)
"""Longest lines of a run that look hard-wrapped: shorter ones are lists or verse, longer ones are paragraphs."""


class TextLine(NamedTuple):
    """A line without the white space at its ends: its range, its words and the columns before them."""

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


def blocks(document: Document) -> list[Block]:
    """Return the blocks in order; they do not overlap and together hold every character that is not white space.

    Blank lines end a block. In Markdown, headings, list items, table rows and fenced code are blocks of their own and
    YAML front matter is one block of kind `metadata`. In plain text a line is joined to the next if it was broken
    to fit a width, and short lines that stand alone above something longer are headings. If the loader knows the
    blocks, those are returned.
    """
    if document.layout.blocks:
        return [
            Block(Span(document.id, start, end), kind, level, reason)
            for start, end, kind, level, reason in document.layout.blocks
        ]
    markdown = document.format == "markdown"
    pieces = _markdown(document.text) if markdown else _plain(document.text, document.title)
    return [Block(Span(document.id, piece.start, piece.end), piece.kind, piece.level) for piece in pieces]


def lines(text: str, start: int = 0) -> Iterator[TextLine | None]:
    """Yield the lines of `text` from `start` on, None if it is blank."""
    for line in text[start:].splitlines(keepends=True):
        words = line.strip()
        lead = len(line) - len(line.lstrip())
        yield (
            TextLine(start + lead, start + lead + len(words), words, len(line[:lead].expandtabs(4))) if words else None
        )
        start += len(line)


def _runs(lines: Iterator[TextLine | None]) -> Iterator[list[TextLine]]:
    """Yield the stretches of lines between blank ones."""
    run: list[TextLine] = []
    for line in lines:
        if line:
            run.append(line)
        elif run:
            yield run
            run = []
    if run:
        yield run


_BULLET = re.compile(r"[-*+•·▪●◦‣–]\s+\S|\(?(?:\d{1,3}|[a-z])[.)]\s+\S")
_COLUMN_GAP = re.compile(r"\S(?: {3,}|\t+)\S|\.{4,}|…{2,}|(?: \.){4,}|_{4,}")
"""Space or leaders between two columns of a line: such a line is a row and goes on in no other."""
_CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_ENDED = re.compile(r"[.!?:;。！？؟।][\"'”’»)\]]*$")
_INNER_END = re.compile(r"[^\W\d_]{4,}[.!]\s")
_OPEN_END = re.compile(r"[.!?;:,。！？…؟۔।]['\"”’»)\]]*$|[-–—]$")


def _plain(text: str, title: str | None) -> list[_Piece]:
    runs = list(_runs(lines(text)))
    lengths = sorted(len(line.words) for run in runs for line in run)
    within = lengths[: bisect_right(lengths, WRAP_WIDTHS[1])]
    wrapped = 2 * sum(within) > sum(lengths)
    return _headed(text, title, [list(_paragraphs(run, within if wrapped else [])) for run in runs])


def _paragraphs(run: list[TextLine], lengths: list[int]) -> Iterator[_Piece]:
    """Yield the paragraphs of a run: lines that were one before someone broke them to fit a width.

    `lengths` are those of all lines of a text that may be hard-wrapped, in order.
    """
    width = max(len(line.words) for line in run)
    fits = bool(lengths) and WRAP_WIDTHS[0] <= width <= WRAP_WIDTHS[1]
    continues = _joins(run, width, _is_usual(width, lengths)) if fits else [False] * len(run)
    first = run[0]
    for line, following, goes_on in zip(run, [*run[1:], run[-1]], [*continues, False], strict=False):
        if not goes_on:
            yield _Piece(first.start, line.end, "list_item" if _BULLET.match(first.words) else "paragraph")
            first = following


def _is_usual(width: int, lengths: list[int]) -> bool:
    """Tell whether other lines are about as long: the longest line of a run is no witness that it was full."""
    return bisect_right(lengths, 1.2 * width) - bisect_left(lengths, 0.8 * width) > 1


def _joins(run: list[TextLine], width: int, usual: bool) -> list[bool]:
    """Tell for each line but the last whether its paragraph goes on in the next.

    It does if the next word would not have fitted in a line of usual width, and, for lines of uneven length, after a
    line of half the width that breaks a sentence off before a small letter; if most do so, after every such line.
    """
    listed = sum(bool(_BULLET.match(line.words)) for line in run) > 1
    broken = [_breaks_off(line, following) for line, following in pairwise(run)]
    flows = len(broken) > 1 and 2 * sum(broken) >= len(broken)
    return [
        not (listed and _BULLET.match(following.words))
        and not (_COLUMN_GAP.search(line.words) and _COLUMN_GAP.search(following.words))
        and ((usual and _is_full(line, following, width)) or ((flows or off) and 2 * len(line.words) >= width))
        for (line, following), off in zip(pairwise(run), broken, strict=True)
    ]


def _is_full(line: TextLine, following: TextLine, width: int) -> bool:
    """Tell whether the first word of `following` would not have fitted on `line`."""
    word = 1 if _CJK.match(following.words) else len(following.words.split(None, 1)[0])
    return len(line.words) + 1 + word > width


def _breaks_off(line: TextLine, following: TextLine) -> bool:
    """Tell whether `line` ends inside a sentence that `following` goes on with in a small letter."""
    return following.words[0].islower() and not _ENDED.search(line.words)


def _headed(text: str, title: str | None, runs: list[list[_Piece]]) -> list[_Piece]:
    """Return the pieces of all runs, with the short lines that stand alone above something longer as headings.

    The text below must be prose or another heading: in a list of short lines none is the heading of the next.
    """
    pieces: list[_Piece] = []
    heads = False  # whether a longer block just below makes a heading of the one above it
    below = 0
    for n in reversed(range(len(runs))):
        first = runs[n][0]
        words = text[first.start : first.end]
        alone = len(runs[n]) == 1 and first.kind == "paragraph" and n + 1 < len(runs)
        is_title = n == 0 and words == title
        is_heading = alone and (is_title or (heads and below > len(words) and _reads_as_heading(words)))
        pieces += [_Piece(first.start, first.end, "heading", 2 if n else 1)] if is_heading else reversed(runs[n])
        heads = is_heading or len(words) > MAX_PLAIN_HEADING_CHARACTERS or bool(_ENDED.search(words))
        below = len(words)
    return pieces[::-1]


def _reads_as_heading(words: str) -> bool:
    starts = words[0].isupper() or words[0].isdigit() or (words[0].isalpha() and not words[0].islower())
    one_line = len(words) <= MAX_PLAIN_HEADING_CHARACTERS and len(words.splitlines()) == 1
    return one_line and starts and not _OPEN_END.search(words) and not _INNER_END.search(words)


_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_FIRST_ITEM = re.compile(r"[-*+]|1[.)]")  # CommonMark: 1880. at the start of a wrapped line begins no list
_RULE = re.compile(r"(?:\*\s*){3,}$|(?:-\s*){3,}$|(?:_\s*){3,}$|[>\s]+$")
_DELIMITER_ROW = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$")


def _markdown(text: str) -> list[_Piece]:
    body = front_matter_end(text)
    pieces = [_Piece(0, len(text[:body].rstrip()), "metadata")] if body else []
    in_list = False
    for kind, run in _regions(lines(text, body)):
        indented = run[0].indent >= 4
        if kind == "code" or (indented and not in_list):
            pieces.append(_Piece(run[0].start, run[-1].end, "code"))
            continue
        run_pieces = _markdown_run(run)
        in_list = (in_list and indented) or any(piece.kind == "list_item" for piece in run_pieces)
        pieces += run_pieces
    return pieces


def _regions(lines: Iterator[TextLine | None]) -> Iterator[tuple[str, list[TextLine]]]:
    """Yield runs of lines and, as `code`, the lines between fences without the blank ones."""
    run: list[TextLine] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line.words) if line else None
        if fence and line:
            run.append(line)
            if line.words.startswith(fence) and not line.words.strip(fence[0]):
                yield "code", run
                run, fence = [], ""
        elif not fence and (mark or not line):
            if run:
                yield "run", run
            run = [line] if mark and line else []
            fence = (mark[1] or mark[2]) if mark else ""
        elif line:
            run.append(line)
    if run:
        yield "code" if fence else "run", run


def _markdown_run(run: list[TextLine]) -> list[_Piece]:
    pieces: list[_Piece] = []
    table = _table_start(run)
    goes_on = False
    for n, line in enumerate(run):
        in_table = table <= n and "|" in line.words
        kind, level = ("table_header" if n == table else "table_row", None) if in_table else _kind_of(line)
        last = pieces[-1] if pieces else None
        if kind == "list_item" and goes_on and last and last.kind == "paragraph" and not _FIRST_ITEM.match(line.words):
            kind = "paragraph"
        underline = SETEXT_UNDERLINE.match(line.words)
        if goes_on and last and underline and last.kind == "paragraph":
            pieces[-1] = _Piece(last.start, line.end, "heading", 1 if underline[1][0] == "=" else 2)
            goes_on = False
        elif goes_on and last and kind == "paragraph" and not _RULE.match(line.words):
            pieces[-1] = _Piece(last.start, line.end, last.kind)
        else:
            pieces.append(_Piece(line.start, line.end, kind, level))
            goes_on = kind in ("paragraph", "list_item") and not _RULE.match(line.words)
    return pieces


def _table_start(run: list[TextLine]) -> int:
    """Return the index of the header row of the table in `run`, its length if there is none."""
    for n in range(1, len(run)):
        if "|" in run[n - 1].words and "|" in run[n].words and _DELIMITER_ROW.match(run[n].words):
            return n - 1
    return len(run)


def _kind_of(line: TextLine) -> tuple[BlockKind, int | None]:
    heading = ATX_HEADING.match(line.words)
    if heading:
        return "heading", len(heading[1])
    return ("list_item", None) if _ITEM.match(line.words) and not _RULE.match(line.words) else ("paragraph", None)
