"""Tells the running heads, feet and page numbers of a PDF from its text."""

import re
from collections import Counter
from collections.abc import Sequence

from rag.loading.formats.paged.pdf_lines import PdfLine

FRAME_LINES = 2
"""Lines at the top and at the bottom of a page that may belong to its frame."""
MIN_FRAME_PAGES = 2
"""Pages that must bear a line before it belongs to the frame."""
MIN_FRAME_SHARE = 0.3
"""Share of the pages that must bear it: heads change from chapter to chapter, and from left to right pages."""
MAX_FRAME_CHARACTERS = 120
MIN_FRAME_GAP = 1.5
"""Distance between frame and text, at least, over the size of the letters."""
_NUMBER = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)


def frame_lines(pages: Sequence[Sequence[PdfLine]]) -> list[set[int]]:
    """Return for each page the positions of the lines that belong to its frame."""
    orders = [sorted(range(len(lines)), key=lambda i, lines=lines: -lines[i].bottom) for lines in pages]  # type: ignore[misc]
    edges = [_edges(lines, order) for lines, order in zip(pages, orders, strict=True)]
    counts = Counter(key for page in edges for key in {*page.values()})
    needed = max(MIN_FRAME_PAGES, MIN_FRAME_SHARE * sum(bool(lines) for lines in pages))
    frames = [{i for i, key in page.items() if counts[key] >= needed} for page in edges]
    return [_outermost(*page) for page in zip(pages, orders, frames, strict=True)]


def _edges(lines: Sequence[PdfLine], order: Sequence[int]) -> dict[int, tuple[bool, str]]:
    """Return the highest and lowest lines by their position, each with its words without figures."""
    top = order[: min(FRAME_LINES, len(order) - 1)] if order else []
    places = {**dict.fromkeys(order[-FRAME_LINES:], False), **dict.fromkeys(top, True)}
    short = ((i, is_top) for i, is_top in places.items() if len(lines[i].plain_words) <= MAX_FRAME_CHARACTERS)
    return {i: (is_top, _NUMBER.sub("#", lines[i].plain_words).casefold()) for i, is_top in short}


def _outermost(lines: Sequence[PdfLine], order: Sequence[int], frame: set[int]) -> set[int]:
    """Return the lines of the frame with no text outside them, and with a gap between them and the text."""
    top, bottom = 0, len(order)
    while top < len(order) and order[top] in frame:
        top += 1
    while bottom > top and order[bottom - 1] in frame:
        bottom -= 1
    head = order[:top] if top < len(order) and _is_gap(lines, order, top) else order[:0]
    foot = order[bottom:] if 0 < bottom < len(order) and _is_gap(lines, order, bottom) else order[:0]
    return {*head, *foot}


def _is_gap(lines: Sequence[PdfLine], order: Sequence[int], rank: int) -> bool:
    above, below = lines[order[rank - 1]], lines[order[rank]]
    return above.bottom - below.bottom >= MIN_FRAME_GAP * min(above.size, below.size)
